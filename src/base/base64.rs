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

fn value(digit: u8) -> Option<u32> {
    ALPHABET.iter().position(|&d| d == digit).and_then(|n| u32::try_from(n).ok())
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
        }
    }
}
