//! Base64 (RFC 4648 §4): as lists of strings are written, and as it is found in other bytes.

/// The bytes that `text` stands for. `None` where it has other characters, lacks its padding, or has bits left over.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len().saturating_sub(digits.len());
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        bits = bits << 6 | value(digit)?;
        held = held.saturating_add(6);
        if held >= 8 {
            held = held.saturating_sub(8);
            out.push(u8::try_from(bits >> held).ok()?);
            bits &= !(u32::MAX << held);
        }
    }
    (bits == 0 && held < 6).then_some(out)
}

/// The bytes that the digits at the beginning of `text` stand for, up to the first other byte; with `pass_over`, other bytes but the
/// padding are passed over (RFC 2045 §6.8).
pub fn decode_digits(text: &[u8], pass_over: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let (mut bits, mut held) = (0_u32, 0_u32);
    for &byte in text {
        let Some(digit) = value(byte) else {
            if pass_over && byte != b'=' {
                continue;
            }
            break;
        };
        bits = (bits << 6 | digit) & 0xffff;
        held = held.saturating_add(6);
        if held >= 8 {
            held = held.saturating_sub(8);
            out.push((bits >> held & 0xff) as u8);
        }
    }
    out
}

/// `bytes` as text.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        let [a, b, c] = three.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        for (i, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = usize::try_from(bits >> shift & 63).ok().and_then(|n| ALPHABET.get(n)).copied();
            out.push(if i <= chunk.len() { char::from(digit.unwrap_or_default()) } else { '=' });
        }
    }
    out
}

fn value(digit: u8) -> Option<u32> {
    let from = |first: u8, value: u8| Some(u32::from(digit.wrapping_sub(first).wrapping_add(value)));
    match digit {
        b'A'..=b'Z' => from(b'A', 0),
        b'a'..=b'z' => from(b'a', 26),
        b'0'..=b'9' => from(b'0', 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_among_other_bytes() {
        for (text, pass_over, bytes) in [
            ("Zm9vYmFy", false, "foobar"),
            ("Zm9vYg==", false, "foob"),
            ("Zm9vYg", false, "foob"),
            ("Zm9v-Zm9v", false, "foo"),
            ("Zm 9v\r\nYm-Fy", true, "foobar"),
            ("Zg==Zg==", true, "f"),
            ("-", false, ""),
            ("Z", false, ""),
        ] {
            assert_eq!(decode_digits(text.as_bytes(), pass_over), bytes.as_bytes(), "{text}");
        }
    }

    /// RFC 4648 §10, and what is not of the form.
    #[test]
    fn vectors() {
        for (text, bytes) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYg==", Some("foob")),
            ("Zm9vYmE=", Some("fooba")),
            ("Zm9vYmFy", Some("foobar")),
            ("Zm9vYg", None),
            ("Zg=", None),
            ("Z===", None),
            ("Zh==", None),
            ("Zm9-", None),
            ("Zm=v", None),
        ] {
            assert_eq!(decode(text), bytes.map(|b| b.as_bytes().to_vec()), "{text}");
            bytes.into_iter().for_each(|bytes| assert_eq!(encode(bytes.as_bytes()), text));
        }
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
    }
}
