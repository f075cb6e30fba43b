//! The bytes of a `content`, and the quoted text of other keywords.

use super::super::diagnostic::Reason;

/// `[!]"text"`: whether it is negated, and what is between the quotes, escapes as written.
pub(in crate::rules) fn quoted(value: &str) -> Result<(bool, &str), Reason> {
    let (negated, rest) = match value.strip_prefix('!') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, value),
    };
    let text = rest.strip_prefix('"').and_then(|r| r.strip_suffix('"')).ok_or(Reason::BadValue("text in double quotes"))?;
    Ok((negated, text))
}

/// Text with its escapes (`\"`, `\;`, `\\`, `\:`) undone; a backslash before anything else stays.
pub(in crate::rules) fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next @ ('"' | ';' | '\\' | ':'))) => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// The bytes that the text of a `content` means: `|0d 0A|` is hex, `\"`, `\;`, `\\`, `\:` and `\|` are escapes.
pub(in crate::rules) fn bytes(text: &str) -> Result<Vec<u8>, Reason> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'|' => hex_run(&mut bytes, &mut out)?,
            b'\\' => match bytes.next() {
                Some(escaped @ (b'"' | b';' | b'\\' | b':' | b'|')) => out.push(escaped),
                _ => return Err(Reason::BadValue("one of \" ; \\ : | after a backslash")),
            },
            b'"' => return Err(Reason::BadValue("a backslash before a double quote within the text")),
            _ => out.push(byte),
        }
    }
    if out.is_empty() { Err(Reason::BadValue("at least one byte")) } else { Ok(out) }
}

/// Pairs of hex digits up to the closing bar.
fn hex_run(bytes: &mut std::str::Bytes<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    let mut high = None;
    for byte in bytes {
        let digit = match byte {
            b'|' if high.is_none() => return Ok(()),
            b' ' => continue,
            _ => char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(HEX)?,
        };
        match high.take() {
            None => high = Some(digit),
            Some(h) => out.push(h << 4 | digit),
        }
    }
    Err(Reason::BadValue("a closing | after hex bytes"))
}

const HEX: Reason = Reason::BadValue("pairs of hex digits between | and |");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_has_text_hex_and_escapes() {
        for (text, expected) in [
            ("abc", &b"abc"[..]),
            ("|06 03 55 04 03|", &[6, 3, 0x55, 4, 3]),
            ("|30160603|x|0A|", b"\x30\x16\x06\x03x\n"),
            (r#"a\;b\"c\\d\:e\|f"#, br#"a;b"c\d:e|f"#),
            ("|0 a|", b"\n"),
            ("é", "é".as_bytes()),
        ] {
            assert_eq!(bytes(text).as_deref(), Ok(expected), "{text}");
        }
        for bad in ["", "||", "|0|", "|0g|", "|00", "\\", "\\d", "a\"b"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quotes_and_negation() {
        assert_eq!(quoted(r#""a""#), Ok((false, "a")));
        assert_eq!(quoted(r#"! "a""#), Ok((true, "a")));
        for bad in ["a", "\"", "\"a", "a\"", ""] {
            assert!(quoted(bad).is_err(), "{bad}");
        }
        assert_eq!(unescape(r#"a\"b\;c\\d\:e\f\"#), r#"a"b;c\d:e\f\"#);
    }
}
