//! What a receiver has answered.

use std::time::Duration;

/// What has become of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The receiver has it.
    Taken,
    /// It had it before.
    Known,
    /// It will never take it.
    Refused(String),
    /// It may take it later.
    Again(String),
}

/// What has become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Of each event, in order.
    Items(Vec<Fate>),
    /// Something is wrong with one of them, or with all as they are too many: fewer are to be tried, and a single one is refused.
    Smaller(String),
    /// The connection broke off while it was sent: it may have been too large, or not.
    Broken(String),
    /// Nothing was taken.
    Later {
        /// Why.
        why: String,
        /// How long the receiver wants to be left alone, where it says so.
        after: Option<Duration>,
    },
}

/// What a status that is no success means, whatever the receiver is (RFC 9110, section 15). What our settings have to do with (a wrong token, a wrong
/// path) is tried again: an event is not lost for a mistake that can be mended.
pub(super) fn of_status(status: u16, after: Option<Duration>, body: &[u8]) -> Answer {
    let why = described(status, body);
    match status {
        400 | 413 | 422 => Answer::Smaller(why),
        _ => Answer::Later { why, after },
    }
}

/// A status with the beginning of what was said about it, on one line.
pub(super) fn described(status: u16, body: &[u8]) -> String {
    let said = String::from_utf8_lossy(body.get(..SAID).unwrap_or(body));
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match said.trim() {
        "" => format!("status {status}"),
        said => format!("status {status}: {said}"),
    }
}

/// `Retry-After`, in seconds (RFC 9110, section 10.2.3). Its other form, a date, is by a clock that may not be ours, and is passed over.
pub(super) fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

/// Bytes of what a receiver says that are told.
const SAID: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_it_is_the_events_fault() {
        let after = Some(Duration::from_secs(7));
        for status in [400, 413, 422] {
            assert_eq!(of_status(status, None, b""), Answer::Smaller(format!("status {status}")));
        }
        for status in [301, 302, 401, 403, 404, 405, 408, 429, 500, 502, 503, 504] {
            assert_eq!(of_status(status, after, b""), Answer::Later { why: format!("status {status}"), after });
        }
    }

    #[test]
    fn what_is_told_of_an_answer_is_short_and_on_one_line() {
        assert_eq!(described(400, b" bad\r\nevent\x1b[2J "), "status 400: bad  event [2J");
        assert_eq!(described(400, &[b'x'; 1_000]).len(), "status 400: ".len() + SAID);
        assert_eq!(described(500, b"\xff"), "status 500: \u{fffd}");
    }

    #[test]
    fn retry_after_is_a_number_of_seconds() {
        assert_eq!(retry_after(" 120 "), Some(Duration::from_secs(120)));
        for value in ["", "-1", "1.5", "Fri, 31 Dec 1999 23:59:59 GMT"] {
            assert_eq!(retry_after(value), None);
        }
    }
}
