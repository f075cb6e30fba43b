//! `_bulk` of Elasticsearch and OpenSearch: an action and a document for each event. The action is `create` with the event's id, so that a double is known
//! by its id and dropped there.

use serde::Deserialize;

use super::answer::{Answer, Fate, described};
use super::batch::Item;
use crate::sink::format::Format;
use crate::sink::head::Head;
use crate::sink::syslog::rfc3339;

/// The name of an index or a data stream. In that of an index `%Y`, `%m` and `%d` stand for the day of an event, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexName(String);

/// A `_bulk` answer, as far as it is read.
#[derive(Deserialize)]
struct Bulk {
    items: Option<Vec<Action>>,
    errors: bool,
}

#[derive(Deserialize)]
struct Action {
    create: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<serde_json::Value>,
}

impl IndexName {
    /// Or why it can be none.
    pub fn new(name: &str) -> Result<Self, String> {
        let plain = name.replace("%Y", "").replace("%m", "").replace("%d", "");
        let wrong = |c: char| c.is_uppercase() || c.is_control() || "\\/*?\"<>| ,#:%".contains(c);
        match plain.chars().find(|c| wrong(*c)) {
            Some(c) => Err(format!("'{c}' can be in no index's name: use lower case, and %Y, %m and %d for the day")),
            None if name.is_empty() || name.starts_with(['-', '_', '+', '.']) => {
                Err("an index's name begins with a letter or digit".to_owned())
            }
            None => Ok(Self(name.to_owned())),
        }
    }

    fn on_day_of(&self, time: &str) -> String {
        let part = |range: std::ops::Range<usize>| time.get(range).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let (year, month, day) = (part(0..4).unwrap_or("1970"), part(5..7).unwrap_or("01"), part(8..10).unwrap_or("01"));
        self.0.replace("%Y", year).replace("%m", month).replace("%d", day)
    }
}

/// The body of a request. What is asked of the answer is in [`PATH`].
pub(super) fn body(format: Format, index: &IndexName, items: &[Item], out: &mut Vec<u8>) {
    for item in items {
        let head = Head::of(&item.event);
        let time = head.as_ref().map_or("", |head| &*head.timestamp);
        let name = index.on_day_of(time);
        out.extend(format!("{{\"create\":{{\"_index\":\"{name}\",\"_id\":\"{}\"}}}}\n", item.id).into_bytes());
        let document = item.text(format);
        match document.strip_prefix(b"{") {
            // A data stream takes no document without it; ECS has it.
            Some(rest) if format == Format::Eve && head.is_some() => {
                out.extend(format!("{{\"@timestamp\":\"{}\",", rfc3339(time)).into_bytes());
                out.extend_from_slice(rest);
            }
            _ => out.extend(document),
        }
        out.push(b'\n');
    }
}

/// What an answer to `count` events with a status of success says. One that makes no sense has taken nothing.
pub(super) fn answer(count: usize, body: &[u8]) -> Answer {
    let senseless = |why: &str| Answer::Later { why: format!("{why}: {}", described(200, body)), after: None };
    let Ok(bulk) = serde_json::from_slice::<Bulk>(body) else { return senseless("no answer to _bulk") };
    match bulk.items {
        None if !bulk.errors => Answer::Items(vec![Fate::Taken; count]),
        Some(items) if items.len() == count => Answer::Items(items.into_iter().map(|item| fate(&item.create)).collect()),
        _ => senseless("the answer is to other events"),
    }
}

fn fate(outcome: &Outcome) -> Fate {
    let why = || {
        let error = outcome.error.as_ref().map(ToString::to_string).unwrap_or_default();
        described(outcome.status, error.as_bytes())
    };
    match outcome.status {
        200..=299 => Fate::Taken,
        409 => Fate::Known,
        429 | 500..=599 => Fate::Again(why()),
        _ => Fate::Refused(why()),
    }
}

/// Where to send it; the answer is to have what is read of it alone.
pub(super) const PATH: &str = "/_bulk?filter_path=errors,items.*.status,items.*.error";

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u64, event: &str) -> Item {
        Item { number, id: format!("a-{number}"), event: event.as_bytes().to_vec() }
    }

    #[test]
    fn an_event_is_an_action_with_its_id_and_a_document_with_its_time() {
        let mut out = Vec::new();
        let event = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"tls"}"#;
        body(Format::Eve, &IndexName::new("tls-%Y.%m.%d").unwrap(), &[item(7, event), item(8, "no event")], &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                "{\"create\":{\"_index\":\"tls-2026.11.24\",\"_id\":\"a-7\"}}\n",
                r#"{"@timestamp":"2026-11-24T11:28:11.793478+00:00","timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"tls","portcullis":{"id":"a-7"}}"#,
                "\n{\"create\":{\"_index\":\"tls-1970.01.01\",\"_id\":\"a-8\"}}\nno event\n"
            )
        );
    }

    #[test]
    fn each_event_has_a_fate_of_its_own() {
        let said = r#"{"errors":true,"took":3,"items":[{"create":{"_id":"a","status":201}},{"create":{"status":409,"error":{"type":"version_conflict_engine_exception"}}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception"}}},{"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"no"}}},
            {"create":{"status":503}}]}"#;
        let Answer::Items(fates) = answer(5, said.as_bytes()) else { panic!() };
        assert_eq!(
            fates,
            [
                Fate::Taken,
                Fate::Known,
                Fate::Again("status 429: {\"type\":\"es_rejected_execution_exception\"}".to_owned()),
                Fate::Refused("status 400: {\"reason\":\"no\",\"type\":\"mapper_parsing_exception\"}".to_owned()),
                Fate::Again("status 503".to_owned()),
            ]
        );
    }

    #[test]
    fn an_answer_that_makes_no_sense_has_taken_nothing() {
        for said in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"errors":true}"#,
            r#"{"errors":false,"items":[]}"#,
            r#"{"errors":false,"items":[{"index":{"status":201}}]}"#,
        ] {
            assert!(matches!(answer(1, said.as_bytes()), Answer::Later { after: None, .. }), "{said}");
        }
        assert_eq!(answer(2, br#"{"errors":false}"#), Answer::Items(vec![Fate::Taken; 2]));
    }

    #[test]
    fn a_name_that_no_index_can_have_is_refused() {
        for name in ["", "Events", "a b", "a/b", "a*", "_a", "-a", "a-%H", "a\"b", ".ds"] {
            assert!(IndexName::new(name).is_err(), "{name}");
        }
        for name in ["portcullis", "logs-portcullis.eve-default", "tls-%Y.%m.%d", "%Y-tls"] {
            assert!(IndexName::new(name).is_ok(), "{name}");
        }
    }
}
