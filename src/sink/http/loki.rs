//! Loki's push API: a stream for each type of event, which there are few of, so that there are few labels.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::batch::Item;
use crate::sink::format::Format;
use crate::sink::head::Head;
use crate::sink::time;

/// The body of a request. In a stream events are in the order of their times.
pub(super) fn body(format: Format, labels: &[(String, String)], items: &[Item], out: &mut Vec<u8>) {
    let mut streams: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for item in items {
        let head = Head::of(&item.event);
        let kind = head.as_ref().map_or("unknown", |head| &*head.event_type).to_owned();
        let time = head.and_then(|head| time::nanoseconds(&head.timestamp)).unwrap_or(0);
        let line = item.text(format);
        streams.entry(kind).or_default().push((time, String::from_utf8_lossy(&line).into_owned()));
    }
    let streams: Vec<Value> = streams.into_iter().map(|(kind, values)| stream(labels, &kind, values)).collect();
    out.extend(json!({ "streams": streams }).to_string().into_bytes());
}

fn stream(labels: &[(String, String)], kind: &str, mut values: Vec<(u64, String)>) -> Value {
    values.sort_by_key(|(time, _)| *time);
    let own = [("job", "portcullis"), ("event_type", kind)];
    let all: BTreeMap<&str, &str> = own.into_iter().chain(labels.iter().map(|(name, value)| (&**name, &**value))).collect();
    let values: Vec<Value> = values.into_iter().map(|(time, line)| json!([time.to_string(), line])).collect();
    json!({ "stream": all, "values": values })
}

/// Where to send it.
pub(super) const PATH: &str = "/loki/api/v1/push";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_stream_for_each_type_with_times_in_nanoseconds_and_in_order() {
        let item = |number: u64, second: u64, kind: &str| {
            let event = format!("{{\"timestamp\":\"2026-11-24T11:28:{second}.793478+0000\",\"event_type\":\"{kind}\"}}");
            Item { number, id: format!("a-{number}"), event: event.into_bytes() }
        };
        let mut out = Vec::new();
        let labels = [("site".to_owned(), "a".to_owned())];
        body(Format::Eve, &labels, &[item(1, 12, "tls"), item(2, 11, "tls"), item(3, 10, "alert")], &mut out);
        let line = |number: u64, second: u64, kind: &str| {
            format!(
                "{{\"timestamp\":\"2026-11-24T11:28:{second}.793478+0000\",\"event_type\":\"{kind}\",\"portcullis\":{{\"id\":\"a-{number}\"}}}}"
            )
        };
        let expected = json!({ "streams": [
            { "stream": { "event_type": "alert", "job": "portcullis", "site": "a" }, "values": [["1795519690793478000", line(3, 10, "alert")]] },
            { "stream": { "event_type": "tls", "job": "portcullis", "site": "a" },
              "values": [["1795519691793478000", line(2, 11, "tls")], ["1795519692793478000", line(1, 12, "tls")]] },
        ] });
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), expected);
    }
}
