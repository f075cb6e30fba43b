//! How text becomes JSON: without loss, on one line, and safe to show.

use std::fmt;
use std::io;

use serde::{Serialize, Serializer};

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

/// Text of our own making, or that its reader has escaped already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Str<'a>(pub &'a str);

impl Serialize for Str<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match is_plain(self.0.as_bytes()) {
            true => Plain(self.0.as_bytes()).serialize(serializer),
            false => serializer.serialize_str(self.0),
        }
    }
}

/// A list of texts from the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts<'a>(pub &'a [Vec<u8>]);

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|bytes| Text(bytes)))
    }
}

fn reads_as_escape(after_backslash: &str) -> bool {
    matches!(after_backslash.as_bytes(), [b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// Whether `c` moves a cursor, starts a terminal's control sequence, ends a line, reorders text or cannot be seen: what hostile
/// names use to look like others. JSON lines write them as `\uNNNN`, terminal lines as `\u{nnnn}`.
pub const fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Printable ASCII in which JSON escapes nothing, for [`OneLine`] only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain<'a>(pub &'a [u8]);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Whether all of `bytes` is printable ASCII without quote and backslash.
fn is_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().all(|&byte| matches!(byte, b' '..b'\x7f') && byte != b'"' && byte != b'\\');
    };
    // The last eight overlap those before them, which costs less than looking at what is left one by one.
    let (words, _) = bytes.as_chunks();
    is_plain_word(*last) && words.iter().all(|&word| is_plain_word(word))
}

/// The same for eight bytes at once, by the carries into the high bit of each (Warren, "Hacker's Delight", §6-1).
const fn is_plain_word(bytes: [u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    const fn has_zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGH
    }
    let word = u64::from_le_bytes(bytes);
    let control = word.wrapping_sub(ONES.wrapping_mul(b' ' as u64)) & HIGH;
    let not_ascii_or_del = (word | word.wrapping_add(ONES)) & HIGH;
    let quote = has_zero(word ^ ONES.wrapping_mul(b'"' as u64));
    let backslash = has_zero(word ^ ONES.wrapping_mul(b'\\' as u64));
    control | not_ascii_or_del | quote | backslash == 0
}

/// Compact JSON on one line, safe to show: what [`is_deceptive`] names is escaped in every string.
///
/// It writes "byte arrays", of which events have none, as strings without looking at them: so [`Plain`] text is copied where
/// serde_json would examine each of its bytes again, which was a third of the time that an event takes.
pub(super) struct OneLine;

impl serde_json::ser::Formatter for OneLine {
    fn write_byte_array<W: ?Sized + io::Write>(&mut self, writer: &mut W, plain: &[u8]) -> io::Result<()> {
        writer.write_all(b"\"")?;
        writer.write_all(plain)?;
        writer.write_all(b"\"")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if is_plain(fragment.as_bytes()) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_deceptive(c)) {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            writer.write_all(before.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = from.strip_prefix(c).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
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

    fn json(value: impl Serialize) -> String {
        let mut out = Vec::new();
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, OneLine)).unwrap();
        String::from_utf8(out).unwrap()
    }

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

    #[test]
    fn plain_is_what_json_leaves_as_it_is() {
        for length in [1, 3, 4, 5, 7, 8, 9, 23] {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = byte;
                    let expected = (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
                    assert_eq!(is_plain(&bytes), expected, "{bytes:?}");
                }
            }
        }
        assert!(is_plain(b""));
        assert!(is_plain(&(b' '..b'"').chain(b'#'..b'\\').chain(b']'..=b'~').collect::<Vec<_>>()));
    }
}
