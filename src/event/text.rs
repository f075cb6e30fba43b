//! How text becomes JSON: without loss, on one line, and safe to show.

use std::fmt;

use serde::{Serialize, Serializer};

use super::json::{Plain, is_plain};
pub use crate::base::visible::is_deceptive;
use crate::protocol::tls::ByteStrings;

/// Bytes from the wire as a JSON string, without loss: UTF-8 stands as it is, any other byte as `\xNN`. A backslash that would
/// read as the start of such an escape is itself written `\x5c`. So each `\xNN` in the string is one byte, and all else is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(pub &'a [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if is_plain(self.0) {
            return Plain(self.0).serialize(serializer);
        }
        match std::str::from_utf8(self.0) {
            Ok(text) if memchr::memchr(b'\\', self.0).is_none() => serializer.serialize_str(text),
            _ => serializer.collect_str(self),
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some((before, after)) = rest.split_once('\\') {
                f.write_str(before)?;
                f.write_str(if reads_as_escape(after) { r"\x5c" } else { r"\" })?;
                rest = after;
            }
            f.write_str(rest)?;
            for byte in chunk.invalid() {
                write!(f, r"\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// A list of texts from the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts<'a>(pub &'a ByteStrings);

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Text))
    }
}

fn reads_as_escape(after_backslash: &str) -> bool {
    matches!(after_backslash.as_bytes(), [b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// A number without a name, as RFCs write it: `0x1a2b`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(pub u16);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json::tests::json;

    /// The documented way back from a [`Text`] string to the bytes.
    fn unescape(text: &str) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), text.as_bytes());
        while let Some((&first, tail)) = rest.split_first() {
            match rest {
                [b'\\', b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                    out.push(u8::from_str_radix(std::str::from_utf8(&[*a, *b]).unwrap(), 16).unwrap());
                    rest = &rest[4..];
                }
                _ => {
                    out.push(first);
                    rest = tail;
                }
            }
        }
        out
    }

    #[test]
    fn wire_text_is_one_line_of_json_and_loses_nothing() {
        let long = vec![b'a'; 65_535];
        for bytes in [
            b"www.example.com".as_slice(),
            b"",
            b"a\nb\r\nc\0\x1b[2J\x7f",
            b"say \"hi\" \\ </script><img src=x>",
            b"\xff\xfe.example \xe2\x28\xa1",
            b"a literal \\xff, \\\\x41 and a half \\x4",
            b"\\\xff\\x\xff\\x4\xff",
            "bücher.example".as_bytes(),
            "evil\u{202e}moc.elgoog \u{9b}31m \u{2028} \u{85} \u{feff}\u{200b} \u{e0041}".as_bytes(),
            &long,
        ] {
            let line = json(Text(bytes));
            let back: String = serde_json::from_str(&line).unwrap();
            assert_eq!(unescape(&back), bytes, "{line}");
            let inside = &line[1..line.len() - 1];
            assert!(!inside.chars().any(is_deceptive), "{line}");
        }
    }

    #[test]
    fn wire_text_reads_as_documented() {
        for (bytes, text) in [
            (b"bank.\xc3\xa9".as_slice(), "\"bank.\u{e9}\""),
            (b"\xff\xfe", r#""\\xff\\xfe""#),
            (b"C:\\dir", r#""C:\\dir""#),
            (b"\\xff", r#""\\x5cxff""#),
            (b"a\x1bb\x7fc", r#""a\u001bb\u007fc""#),
            ("x\u{202e}y\u{e0041}".as_bytes(), r#""x\u202ey\udb40\udc41""#),
        ] {
            assert_eq!(json(Text(bytes)), text);
        }
    }
}
