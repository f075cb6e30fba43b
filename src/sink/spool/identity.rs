//! The id of an event, by which its receiver can tell doubles.

/// The id of the event with the number `number` in the spool `spool`.
pub(super) fn of(spool: u64, number: u64) -> String {
    format!("{spool:016x}-{number}")
}

/// Appends an event with its id, `portcullis.id`; what is no event stays as it is.
pub(in crate::sink) fn with_id(out: &mut Vec<u8>, event: &[u8], id: &str) {
    if let Some((before, after)) = own_object(event) {
        out.extend_from_slice(before);
        out.extend(format!("\"id\":\"{id}\"").into_bytes());
        if !after.starts_with(b"}") {
            out.push(b',');
        }
        out.extend_from_slice(after);
    } else if let Some(open) = event.strip_suffix(b"}") {
        out.extend_from_slice(open);
        out.extend(format!(",\"portcullis\":{{\"id\":\"{id}\"}}}}").into_bytes());
    } else {
        out.extend_from_slice(event);
    }
}

/// An event in two, before and after the beginning of what is in its `portcullis`. Other objects have members of that name, too.
fn own_object(event: &[u8]) -> Option<(&[u8], &[u8])> {
    const KEY: &[u8] = b"\"portcullis\":{";
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in event.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' if !is_string && depth == 1 && event.get(at..).is_some_and(|rest| rest.starts_with(KEY)) => {
                return event.split_at_checked(at.saturating_add(KEY.len()));
            }
            b'"' => is_string = !is_string,
            b'{' | b'[' if !is_string => depth = depth.saturating_add(1),
            b'}' | b']' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_in_our_object() {
        for (event, expected) in [
            (r#"{"a":1,"portcullis":{"stage":"dark"},"b":2}"#, r#"{"a":1,"portcullis":{"id":"X","stage":"dark"},"b":2}"#),
            (r#"{"portcullis":{}}"#, r#"{"portcullis":{"id":"X"}}"#),
            (r#"{"a":"\"portcullis\":{"}"#, r#"{"a":"\"portcullis\":{","portcullis":{"id":"X"}}"#),
            (r#"{"stats":{"portcullis":{"a":1}}}"#, r#"{"stats":{"portcullis":{"a":1}},"portcullis":{"id":"X"}}"#),
            (
                r#"{"b":["\\",{"portcullis":{}}],"portcullis":{"c":1}}"#,
                r#"{"b":["\\",{"portcullis":{}}],"portcullis":{"id":"X","c":1}}"#,
            ),
            ("no event", "no event"),
        ] {
            let mut out = Vec::new();
            with_id(&mut out, event.as_bytes(), "X");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
