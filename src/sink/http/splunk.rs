//! The HTTP event collector of Splunk: an object for each event, one after the other.

use serde_json::Value;

use super::answer::{Answer, Fate, described, of_status};
use super::batch::Item;
use crate::sink::format::Format;
use crate::sink::head::Head;
use crate::sink::time;

/// The body of a request.
pub(super) fn body(format: Format, (index, sourcetype, hostname): (Option<&str>, &str, &str), items: &[Item], out: &mut Vec<u8>) {
    let text = |text: &str| Value::from(text).to_string();
    for item in items {
        out.push(b'{');
        if let Some(nanoseconds) = Head::of(&item.event).and_then(|head| time::nanoseconds(&head.timestamp)) {
            let (seconds, rest) = (nanoseconds.checked_div(1_000_000_000), nanoseconds.checked_rem(1_000_000_000));
            let micros = rest.unwrap_or(0).checked_div(1_000).unwrap_or(0);
            out.extend(format!("\"time\":{}.{micros:06},", seconds.unwrap_or(0)).into_bytes());
        }
        if !hostname.is_empty() {
            out.extend(format!("\"host\":{},", text(hostname)).into_bytes());
        }
        if let Some(index) = index {
            out.extend(format!("\"index\":{},", text(index)).into_bytes());
        }
        out.extend(format!("\"source\":\"portcullis\",\"sourcetype\":{},\"event\":", text(sourcetype)).into_bytes());
        out.extend(item.text(format));
        out.extend(b"}\n");
    }
}

/// What an answer says. The collector takes all or nothing.
pub(super) fn answer(status: u16, after: Option<std::time::Duration>, count: usize, body: &[u8]) -> Answer {
    let code = serde_json::from_slice::<Value>(body).ok().and_then(|value| value.get("code")?.as_u64());
    let why = || described(status, body);
    match (status, code) {
        (200, Some(0)) => Answer::Items(vec![Fate::Taken; count]),
        (200..=299, _) => Answer::Later { why: format!("no answer of an event collector: {}", why()), after: None },
        // Not the events' fault: wrong index, no channel, a wrong one, no ids of acknowledgement.
        (400, Some(7 | 10 | 11 | 14)) => Answer::Later { why: why(), after },
        // No event collector answers so.
        (400, None) => Answer::Later { why: why(), after },
        _ => of_status(status, after, body),
    }
}

/// Where to send it.
pub(super) const PATH: &str = "/services/collector/event";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stands_in_an_object_with_its_time_in_seconds() {
        let mut out = Vec::new();
        let event = br#"{"timestamp":"2026-11-24T11:28:11.000478+0000","event_type":"tls"}"#.to_vec();
        body(Format::Eve, (Some("net"), "suri\"cata", "fw1"), &[Item { number: 1, id: "a-1".to_owned(), event }], &mut out);
        // date -u -d 2026-11-24T11:28:11 +%s
        let expected = r#"{"time":1795519691.000478,"host":"fw1","index":"net","source":"portcullis","sourcetype":"suri\"cata","event":{"timestamp":"2026-11-24T11:28:11.000478+0000","event_type":"tls","portcullis":{"id":"a-1"}}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn a_fault_of_the_settings_costs_no_event() {
        assert_eq!(answer(200, None, 2, br#"{"text":"Success","code":0}"#), Answer::Items(vec![Fate::Taken; 2]));
        assert!(matches!(
            answer(400, None, 2, br#"{"text":"Invalid data format","code":6,"invalid-event-number":1}"#),
            Answer::Smaller(_)
        ));
        for (status, body) in [
            (200, "<html>"),
            (200, r#"{"code":8}"#),
            (400, "The plain HTTP request was sent to HTTPS port"),
            (400, r#"{"text":"Incorrect index","code":7}"#),
            (400, r#"{"text":"Data channel is missing","code":10}"#),
            (403, r#"{"text":"Invalid token","code":4}"#),
            (503, r#"{"text":"Server is busy","code":9}"#),
        ] {
            assert!(matches!(answer(status, None, 2, body.as_bytes()), Answer::Later { .. }), "{body}");
        }
    }
}
