//! Hexadecimal text, as fingerprints and serial numbers are written.

/// Appends `bytes` in lower-case hex, without separators.
pub fn push_lower(out: &mut String, bytes: &[u8]) {
    for &b in bytes {
        out.push(digit(b >> 4, b'a'));
        out.push(digit(b & 0xf, b'a'));
    }
}

/// `bytes` in lower-case hex, without separators: `0badcafe`.
pub fn lower(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    push_lower(&mut out, bytes);
    out
}

/// `bytes` in lower-case hex with colons, as Suricata writes a certificate's fingerprint: `0b:ad:ca:fe`.
pub fn lower_colons(bytes: &[u8]) -> String {
    colons(bytes, b'a')
}

/// `bytes` in upper-case hex with colons, as Suricata writes a serial number: `0B:AD:CA:FE`.
pub fn upper_colons(bytes: &[u8]) -> String {
    colons(bytes, b'A')
}

/// The bytes that `text` stands for, in either case, without separators. `None` where it is no such text.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let nibble = |b: u8| char::from(b).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(nibble(high)? << 4 | nibble(low)?)).collect()
}

fn colons(bytes: &[u8], ten: u8) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(3));
    for (i, &b) in bytes.iter().enumerate() {
        if i > 0 {
            out.push(':');
        }
        out.push(digit(b >> 4, ten));
        out.push(digit(b & 0xf, ten));
    }
    out
}

fn digit(nibble: u8, ten: u8) -> char {
    char::from(match nibble {
        0..=9 => b'0'.wrapping_add(nibble),
        _ => ten.wrapping_add(nibble).wrapping_sub(10),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs_of_digits() {
        assert_eq!(decode("0bAD00"), Some(vec![0x0b, 0xad, 0]));
        assert_eq!((decode("0ba"), decode("0g"), decode("é")), (None, None, None));
    }

    #[test]
    fn writes_both_cases_and_colons() {
        let bytes = [0x0b, 0xad, 0x00, 0xfe];
        assert_eq!(lower(&bytes), "0bad00fe");
        assert_eq!(lower_colons(&bytes), "0b:ad:00:fe");
        assert_eq!(upper_colons(&bytes), "0B:AD:00:FE");
    }
}
