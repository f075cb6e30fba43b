//! Golden events: sessions made by hand, and the JSON that EVE has for them, written by hand from Suricata's documentation.

mod fixtures;
mod lines;
mod others;
mod tls;

use fixtures::common_json;
use serde_json::Value;

pub(super) fn parse(line: &[u8]) -> Value {
    assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1, "one line");
    assert_eq!(line.last(), Some(&b'\n'));
    serde_json::from_slice(line).unwrap()
}

pub(super) fn event(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    write(&mut out);
    parse(&out)
}

/// `common` and `own` in one object.
pub(super) fn merged(event_type: &str, own: Value) -> Value {
    let mut all = common_json(event_type);
    all.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    all
}

/// Compares leaf by leaf, so that a failure names the key.
#[track_caller]
pub(super) fn assert_same(got: &Value, expected: &Value) {
    let flat = |value: &Value| {
        let mut leaves = Vec::new();
        flatten(value, String::new(), &mut leaves);
        leaves
    };
    let (got, expected) = (flat(got), flat(expected));
    for leaf in &expected {
        assert!(got.contains(leaf), "expected {leaf:?}, got {:?}", got.iter().find(|(path, _)| *path == leaf.0));
    }
    for leaf in &got {
        assert!(expected.contains(leaf), "not expected: {leaf:?}");
    }
}

fn flatten(value: &Value, path: String, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| flatten(value, format!("{path}.{key}"), leaves));
        }
        other => leaves.push((path, other.clone())),
    }
}
