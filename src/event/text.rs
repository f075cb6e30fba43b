//! How values become JSON text: bytes from the wire, hex, times, addresses. Nothing here allocates on the usual path.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Serialize, Serializer};

use crate::base::{Timestamp, hex};
use crate::protocol::x509;

/// Bytes from the wire as a JSON string, without loss: UTF-8 stands as it is, any other byte as `\xNN`. A backslash that would
/// read as the start of such an escape is itself written `\x5c`. So each `\xNN` in the string is one byte, and all else is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(pub &'a [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
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

/// A list of such texts.
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

/// Compact JSON on one line, safe to show: what [`is_deceptive`] names is escaped in every string.
pub(super) struct OneLine;

impl serde_json::ser::Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // serde_json itself escapes what is below a space; of the rest of ASCII only DEL is left.
        if fragment.bytes().fold(0, u8::max) < 0x7f {
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

/// EVE's time with microseconds, in UTC: `2026-11-24T10:48:07.123456+0000`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Ascii::<31>::new();
        text.date(self.0);
        text.push(b'.');
        let micros = self.0.subsec_nanos() / 1_000;
        for n in [micros / 100_000, micros / 10_000, micros / 1_000, micros / 100, micros / 10, micros] {
            text.digit(n);
        }
        text.extend(b"+0000");
        serializer.serialize_str(text.as_str())
    }
}

/// A certificate's date as Suricata writes it, in UTC: `2020-01-01T00:00:00`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date(pub x509::Time);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Bytes in lower-case hex: `0badcafe`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hex<'a>(pub &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Ascii::<64>::new();
        for &byte in self.0 {
            text.nibble(byte >> 4, b'a');
            text.nibble(byte & 0xf, b'a');
        }
        match text.overflowed {
            false => serializer.serialize_str(text.as_str()),
            true => serializer.serialize_str(&hex::lower(self.0)),
        }
    }
}

/// Bytes in hex with colons: a certificate's fingerprint `0b:ad:ca:fe`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fingerprint<'a>(pub &'a [u8]);

impl Serialize for Fingerprint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Ascii::<95>::new();
        text.colons(self.0, b'a');
        match text.overflowed {
            false => serializer.serialize_str(text.as_str()),
            true => serializer.serialize_str(&hex::lower_colons(self.0)),
        }
    }
}

/// Bytes in upper-case hex with colons: a certificate's serial number `0B:AD:CA:FE`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Serial<'a>(pub &'a [u8]);

impl Serialize for Serial<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Ascii::<95>::new();
        text.colons(self.0, b'A');
        match text.overflowed {
            false => serializer.serialize_str(text.as_str()),
            true => serializer.serialize_str(&hex::upper_colons(self.0)),
        }
    }
}

/// An address as Suricata writes it: an IPv6 one with all of its digits, `2001:0db8:0000:0000:0000:0000:0000:0001`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address(pub IpAddr);

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            IpAddr::V4(v4) => v4.serialize(serializer),
            IpAddr::V6(v6) => serializer.serialize_str(full_ipv6(v6).as_str()),
        }
    }
}

fn full_ipv6(address: Ipv6Addr) -> Ascii<39> {
    let mut text = Ascii::new();
    for (i, pair) in address.octets().chunks_exact(2).enumerate() {
        if i > 0 {
            text.push(b':');
        }
        for &byte in pair {
            text.nibble(byte >> 4, b'a');
            text.nibble(byte & 0xf, b'a');
        }
    }
    text
}

/// A number without a name, as RFCs write it: `0x1a2b`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(pub u16);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04x}", self.0)
    }
}

/// ASCII text of at most `N` bytes, on the stack. What does not fit is left out and noted in `overflowed`.
struct Ascii<const N: usize> {
    bytes: [u8; N],
    len: usize,
    overflowed: bool,
}

impl<const N: usize> Ascii<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], len: 0, overflowed: false }
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|ascii| std::str::from_utf8(ascii).ok()).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        match self.bytes.get_mut(self.len) {
            Some(slot) => {
                *slot = byte;
                self.len = self.len.saturating_add(1);
            }
            None => self.overflowed = true,
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.push(byte);
        }
    }

    /// The last decimal digit of `n`.
    #[allow(clippy::cast_possible_truncation)] // below ten
    fn digit(&mut self, n: u64) {
        self.push(b'0' | (n % 10) as u8);
    }

    fn two_digits(&mut self, n: u32) {
        self.digit(u64::from(n / 10));
        self.digit(u64::from(n));
    }

    fn nibble(&mut self, nibble: u8, ten: u8) {
        self.push(match nibble {
            0..=9 => b'0' | nibble,
            _ => ten.wrapping_add(nibble).wrapping_sub(10),
        });
    }

    fn colons(&mut self, bytes: &[u8], ten: u8) {
        for (i, &byte) in bytes.iter().enumerate() {
            if i > 0 {
                self.push(b':');
            }
            self.nibble(byte >> 4, ten);
            self.nibble(byte & 0xf, ten);
        }
    }

    /// `2020-01-01T00:00:00`
    fn date(&mut self, time: Timestamp) {
        let (year, month, day, hour, minute, second) = time.utc();
        self.two_digits(year / 100);
        self.two_digits(year % 100);
        for (separator, part) in [(b'-', month), (b'-', day), (b'T', hour), (b':', minute), (b':', second)] {
            self.push(separator);
            self.two_digits(part);
        }
    }
}

/// Standard base64 with padding (RFC 4648 §4).
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|i| u32::from(group.get(i).copied().unwrap_or(0)));
        let word = a << 16 | b << 8 | c;
        for (i, shift) in [18_u32, 12, 6, 0].into_iter().enumerate() {
            // n bytes give n + 1 digits.
            out.push(if i <= group.len() { base64_digit(word.wrapping_shr(shift) & 0x3f) } else { '=' });
        }
    }
    out
}

#[allow(clippy::cast_possible_truncation)] // six bits
fn base64_digit(six_bits: u32) -> char {
    let n = six_bits as u8;
    char::from(match n {
        0..=25 => b'A'.wrapping_add(n),
        26..=51 => b'a'.wrapping_add(n).wrapping_sub(26),
        52..=61 => b'0'.wrapping_add(n).wrapping_sub(52),
        62 => b'+',
        _ => b'/',
    })
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
    fn times_are_eves() {
        let time = Timestamp::from_parts(1_795_517_287, 123_456_789);
        assert_eq!(json(Time(time)), r#""2026-11-24T10:48:07.123456+0000""#);
        assert_eq!(json(Time(Timestamp::ZERO)), r#""1970-01-01T00:00:00.000000+0000""#);
        assert_eq!(json(Date(x509::Time::from_unix(1_795_517_287))), r#""2026-11-24T10:48:07""#);
        for nanos in [0, 1_000, 999_999_999, 86_399_999_999_999, u64::MAX] {
            let time = Timestamp::from_nanos(nanos);
            assert_eq!(json(Time(time)), format!("\"{time}\""));
        }
    }

    #[test]
    fn hex_of_any_length_is_whole() {
        for n in [0, 1, 20, 32, 33, 200] {
            let bytes: Vec<u8> = (0..n).map(|i| i as u8 ^ 0xa5).collect();
            assert_eq!(json(Hex(&bytes)), format!("\"{}\"", hex::lower(&bytes)));
            assert_eq!(json(Fingerprint(&bytes)), format!("\"{}\"", hex::lower_colons(&bytes)));
            assert_eq!(json(Serial(&bytes)), format!("\"{}\"", hex::upper_colons(&bytes)));
        }
    }

    #[test]
    fn addresses_are_written_as_suricata_does() {
        for (address, text) in [
            ("192.0.2.1", r#""192.0.2.1""#),
            ("2001:db8::1", r#""2001:0db8:0000:0000:0000:0000:0000:0001""#),
            ("::", r#""0000:0000:0000:0000:0000:0000:0000:0000""#),
        ] {
            assert_eq!(json(Address(address.parse().unwrap())), text);
        }
    }

    /// RFC 4648 §10.
    #[test]
    fn base64_is_the_rfcs() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }
}
