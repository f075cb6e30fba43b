//! Times, hex, addresses and base64 as JSON strings, made on the stack.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::json::Plain;
use crate::base::{Timestamp, hex};
use crate::protocol::x509;

/// EVE's time with microseconds, in UTC: `2026-11-24T10:48:07.123456+0000`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Ascii::<31>::new();
        text.date(self.0.utc());
        text.push(b'.');
        let micros = self.0.subsec_nanos() / 1_000;
        for n in [micros / 100_000, micros / 10_000, micros / 1_000, micros / 100, micros / 10, micros] {
            text.digit(n);
        }
        text.extend(b"+0000");
        text.as_plain().serialize(serializer)
    }
}

/// A certificate's date as Suricata writes it, in UTC: `2020-01-01T00:00:00`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date(pub x509::Time);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (year, month, day, hour, minute, second) = self.0.utc();
        let [year, month, day, hour, minute, second] =
            [year, month, day, hour, minute, second].map(|part| u32::try_from(part).unwrap_or(0)); // years 0 to 9999
        let mut text = Ascii::<19>::new();
        text.date((year, month, day, hour, minute, second));
        text.as_plain().serialize(serializer)
    }
}

/// Bytes in lower-case hex: `0badcafe`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hex<'a>(pub &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; 64];
        let Some(slots) = text.get_mut(..self.0.len().saturating_mul(2)) else {
            return serializer.serialize_str(&hex::lower(self.0));
        };
        for ([high, low], &byte) in slots.as_chunks_mut().0.iter_mut().zip(self.0) {
            (*high, *low) = (digit(byte >> 4, b'a'), digit(byte & 0xf, b'a'));
        }
        Plain(slots).serialize(serializer)
    }
}

/// Bytes in hex with colons: a certificate's fingerprint `0b:ad:ca:fe`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fingerprint<'a>(pub &'a [u8]);

impl Serialize for Fingerprint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_colons(self.0, b'a', hex::lower_colons, serializer)
    }
}

/// Bytes in upper-case hex with colons: a certificate's serial number `0B:AD:CA:FE`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Serial<'a>(pub &'a [u8]);

impl Serialize for Serial<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_colons(self.0, b'A', hex::upper_colons, serializer)
    }
}

/// On the stack where it fits, which all fingerprints and all valid serial numbers do (RFC 5280 §4.1.2.2: 20 bytes).
fn serialize_colons<S: Serializer>(bytes: &[u8], ten: u8, long: fn(&[u8]) -> String, serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = [0; 63];
    let Some(slots) = text.get_mut(..bytes.len().saturating_mul(3)) else {
        return serializer.serialize_str(&long(bytes));
    };
    for ([high, low, colon], &byte) in slots.as_chunks_mut().0.iter_mut().zip(bytes) {
        (*high, *low, *colon) = (digit(byte >> 4, ten), digit(byte & 0xf, ten), b':');
    }
    let text = slots.split_last().map_or(&[][..], |(_colon, text)| text);
    Plain(text).serialize(serializer)
}

/// An address in its shortest form (RFC 5952): `2001:db8::1`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address(pub IpAddr);

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// ASCII text of at most `N` bytes, on the stack. What does not fit is left out.
struct Ascii<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Ascii<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    fn as_plain(&self) -> Plain<'_> {
        Plain(self.bytes.get(..self.len).unwrap_or_default())
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len = self.len.saturating_add(1);
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

    /// `2020-01-01T00:00:00`
    fn date(&mut self, (year, month, day, hour, minute, second): (u32, u32, u32, u32, u32, u32)) {
        self.two_digits(year / 100);
        self.two_digits(year % 100);
        for (separator, part) in [(b'-', month), (b'-', day), (b'T', hour), (b':', minute), (b':', second)] {
            self.push(separator);
            self.two_digits(part);
        }
    }
}

/// The hex digit of `nibble`, where `ten` is that of 10.
const fn digit(nibble: u8, ten: u8) -> u8 {
    if nibble < 10 { b'0' | nibble } else { ten.wrapping_add(nibble).wrapping_sub(10) }
}

/// Bytes in base64: a certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base64<'a>(pub &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Vec::with_capacity(self.0.len().div_ceil(3).saturating_mul(4));
        text.extend(base64(self.0).flatten());
        Plain(&text).serialize(serializer)
    }
}

/// A certificate's DER in PEM (RFC 7468 §5.1).
pub fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    // Sixteen groups of four digits a line (RFC 7468 §2).
    for line in der.chunks(48) {
        text.extend(base64(line).flatten().map(char::from));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// Standard base64 with padding (RFC 4648 §4), four digits for every three bytes.
pub(super) fn base64(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.chunks(3).map(|group| {
        let [a, b, c] = [0, 1, 2].map(|i| u32::from(group.get(i).copied().unwrap_or(0)));
        let word = a << 16 | b << 8 | c;
        // n bytes give n + 1 digits.
        [(18, 0), (12, 1), (6, 2), (0, 3)]
            .map(|(shift, i)| if i <= group.len() { base64_digit(word.wrapping_shr(shift) & 0x3f) } else { b'=' })
    })
}

#[allow(clippy::cast_possible_truncation)] // six bits
const fn base64_digit(six_bits: u32) -> u8 {
    let n = six_bits as u8;
    match n {
        0..=25 => b'A'.wrapping_add(n),
        26..=51 => b'a'.wrapping_add(n).wrapping_sub(26),
        52..=61 => b'0'.wrapping_add(n).wrapping_sub(52),
        62 => b'+',
        _ => b'/',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json::tests::json;

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
    fn addresses_are_written_in_the_shortest_form() {
        for (address, text) in [("192.0.2.1", r#""192.0.2.1""#), ("2001:0db8:0:0:0:0:0:1", r#""2001:db8::1""#), ("::", r#""::""#)] {
            assert_eq!(json(Address(address.parse().unwrap())), text);
        }
    }

    #[test]
    fn pem_is_what_others_read() {
        use rustls_pki_types::pem::PemObject;

        for n in [1, 47, 48, 49, 1_000] {
            let der: Vec<u8> = (0..n).map(|i| i as u8).collect();
            let text = pem(&der);
            assert_eq!(rustls_pki_types::CertificateDer::from_pem_slice(text.as_bytes()).unwrap().as_ref(), der);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
        }
    }

    /// RFC 4648 §10.
    #[test]
    fn base64_is_the_rfcs() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(json(Base64(bytes.as_bytes())), format!("\"{text}\""));
        }
        assert_eq!(json(Base64(&[0xfb, 0xff, 0xbf])), r#""+/+/""#);
    }
}
