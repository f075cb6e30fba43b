//! What the fingerprints have in common: lists of numbers as text, and digests of text.

use md5::Md5;
use sha2::{Digest, Sha256};

use super::Transport;
use crate::base::hex;
use crate::protocol::tls::is_grease;

/// Appends the values in decimal, joined by `-`, GREASE left out.
pub(super) fn push_decimals(out: &mut String, values: impl Iterator<Item = u16>) {
    push_joined(out, '-', values.filter(|&v| !is_grease(v)), push_decimal);
}

/// Appends the values as four digits of hex each, joined by `,`, GREASE left out.
pub(super) fn push_hexes(out: &mut String, values: impl Iterator<Item = u16>) {
    push_joined(out, ',', values.filter(|&v| !is_grease(v)), |out, v| hex::push_lower(out, &v.to_be_bytes()));
}

/// Appends what `push` writes of each value, joined by `separator`.
pub(super) fn push_joined<T>(out: &mut String, separator: char, values: impl Iterator<Item = T>, push: impl Fn(&mut String, T)) {
    for (i, value) in values.enumerate() {
        if i > 0 {
            out.push(separator);
        }
        push(out, value);
    }
}

/// Appends `value` in decimal.
pub(super) fn push_decimal(out: &mut String, value: u16) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Appends a count of at most 99 in two digits; more are 99.
pub(super) fn push_count(out: &mut String, count: usize) {
    let count = u16::try_from(count).unwrap_or(99).min(99);
    push_digit(out, count / 10);
    push_digit(out, count % 10);
}

fn push_digit(out: &mut String, digit: u16) {
    out.push(char::from_digit(u32::from(digit), 10).unwrap_or('0'));
}

/// How many of the values are not GREASE.
pub(super) fn count(values: impl Iterator<Item = u16>) -> usize {
    values.filter(|&v| !is_grease(v)).count()
}

/// MD5 in lower-case hex.
pub(super) fn md5(text: &str) -> String {
    hex::lower(&Md5::digest(text))
}

/// Appends the first 12 hex digits of SHA-256, or twelve zeros for an empty list.
pub(super) fn push_sha256_12(out: &mut String, list: &str) {
    if list.is_empty() {
        out.push_str("000000000000");
    } else {
        hex::push_lower(out, Sha256::digest(list).get(..6).unwrap_or_default());
    }
}

/// JA4's letter for the transport.
pub(super) const fn transport_letter(transport: Transport) -> char {
    match transport {
        Transport::Tcp => 't',
        Transport::Quic => 'q',
        Transport::Dtls => 'd',
    }
}

/// JA4's two characters for a version; the drafts of TLS 1.3 are among the unknown.
pub(super) const fn version_code(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// Appends JA4's two characters for an ALPN value: its first and last, where both are letters or digits, else the first and
/// last digit of its hex form; `00` where there is none.
pub(super) fn push_alpn(out: &mut String, value: &[u8]) {
    let (Some(&first), Some(&last)) = (value.first(), value.last()) else {
        out.push_str("00");
        return;
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        out.push(char::from(first));
        out.push(char::from(last));
    } else {
        for nibble in [first >> 4, last & 0xf] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_no_leading_zeros() {
        let mut out = String::new();
        push_decimals(&mut out, [0, 7, 10, 305, 0x0a0a, 0x1a2a, 65281].into_iter());
        assert_eq!(out, "0-7-10-305-6698-65281", "0x0a0a is GREASE, 0x1a2a is not");
    }

    #[test]
    fn counts_are_two_digits() {
        for (count, want) in [(0, "00"), (6, "06"), (99, "99"), (100, "99"), (70_000, "99")] {
            let mut out = String::new();
            push_count(&mut out, count);
            assert_eq!(out, want);
        }
    }

    /// The examples in JA4.md, "ALPN Extension Value".
    #[test]
    fn alpn_is_the_first_and_last_character_or_hex_digit() {
        for (value, want) in [
            (&b"h2"[..], "h2"),
            (b"http/1.1", "h1"),
            (b"", "00"),
            (b"x", "xx"),
            (&[0xab], "ab"),
            (&[0xab, 0xcd], "ad"),
            (&[0x30, 0xab], "3b"),
            (&[0x30, 0x31, 0xab, 0xcd], "3d"),
            (&[0x30, 0xab, 0xcd, 0x31], "01"),
            (&[0xba, 0xad], "bd"),
        ] {
            let mut out = String::new();
            push_alpn(&mut out, value);
            assert_eq!(out, want, "{value:x?}");
        }
    }
}
