//! What a receiver has answered.

use std::time::Duration;

use super::date;

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

/// `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3). A date is by the receiver's clock, which its answer's `Date` tells; by ours, in
/// seconds since 1970, where it does not.
pub(super) fn retry_after(value: &str, date: Option<&str>, ours: u64) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = date.and_then(|date| date::seconds(date, ours)).unwrap_or(ours);
    date::seconds(value, now).map(|then| Duration::from_secs(then.saturating_sub(now)))
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
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        const THEN: u64 = 946_684_799; // date -u -d 'Fri, 31 Dec 1999 23:59:59 GMT' +%s
        let date = "Fri, 31 Dec 1999 23:59:59 GMT";
        for (value, said, ours, expected) in [
            (" 120 ", None, THEN, Some(120)),
            (date, None, THEN - 7, Some(7)),
            (date, None, THEN + 7, Some(0)),
            // The receiver's clock is an hour behind ours.
            (date, Some("Fri, 31 Dec 1999 23:59:50 GMT"), THEN + 3_600, Some(9)),
            (date, Some("now"), THEN - 7, Some(7)),
            ("", None, THEN, None),
            ("-1", None, THEN, None),
            ("1.5", None, THEN, None),
            ("tomorrow", None, THEN, None),
        ] {
            assert_eq!(retry_after(value, said, ours), expected.map(Duration::from_secs), "{value} {said:?}");
        }
    }
}
