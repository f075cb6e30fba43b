//! What all values of a buffer look like, to know what can never be in one.

use super::super::inspect::Content;

/// What all values of a buffer look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Form {
    /// Nothing is known.
    Free,
    /// So many bytes of any kind.
    Bytes(usize),
    /// So many hexadecimal digits.
    Hex(usize),
    /// A SHA-1 as 20 pairs of hexadecimal digits with colons between them.
    Sha1,
    /// Pairs of hexadecimal digits with colons between them.
    Serial,
    /// A JA4: `t13d1516h2_8daaf6152771_02713d6af862`.
    Ja4,
}

impl Form {
    /// How many bytes all values have, where they have the same number.
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Free | Self::Serial => None,
            Self::Bytes(n) | Self::Hex(n) => Some(n),
            Self::Sha1 => Some(SHA1_LEN),
            Self::Ja4 => Some(JA4_LEN),
        }
    }

    /// What a value is, in words; empty where nothing is known.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Free => "",
            Self::Bytes(4) => "4 bytes",
            Self::Bytes(28) => "28 bytes",
            Self::Bytes(_) => "32 bytes",
            Self::Hex(64) => "64 hex digits",
            Self::Hex(_) => "32 hex digits",
            Self::Sha1 => "20 pairs of hex digits (SHA-1) with colons between them",
            Self::Serial => "pairs of hex digits with colons between them",
            Self::Ja4 => "of the form `t13d1516h2_8daaf6152771_02713d6af862`",
        }
    }

    /// What was meant by `pattern`, which no value has.
    pub fn hint(self, pattern: &[u8]) -> Option<&'static str> {
        let digits = pattern.iter().filter(|b| **b != b':').count();
        let hex = pattern.iter().all(|b| b.is_ascii_hexdigit() || *b == b':');
        match self {
            Self::Sha1 if hex && digits == 64 => Some("a SHA-256 is for `tls.cert_sha256`, without colons"),
            Self::Sha1 | Self::Serial if hex && digits == pattern.len() => Some("write colons between the pairs of digits"),
            Self::Hex(64) if hex && digits == 40 => Some("a SHA-1 is for `tls.cert_fingerprint`, with colons"),
            Self::Hex(64) if hex && digits == 64 => Some("write it without colons"),
            Self::Hex(_) if pattern.contains(&b'_') => Some("a JA4 is for `ja4.hash`"),
            Self::Ja4 if hex && digits == 32 => Some("a JA3 is for `ja3.hash`"),
            Self::Ja4 if Self::Ja4.has_room_for(&lower_case(pattern)) => Some("write it in small letters"),
            _ => None,
        }
    }

    /// Whether some value could have `content`.
    pub fn has_room_for(self, content: &Content) -> bool {
        let len = content.pattern.len();
        let last = match self.width() {
            Some(width) => match width.checked_sub(len) {
                Some(last) => last,
                None => return false,
            },
            None => SERIAL_PERIOD,
        };
        let starts = match (content.startswith, content.endswith, self.width()) {
            (true, true, Some(width)) if width != len => return false,
            (true, ..) => 0..=0,
            (false, true, Some(_)) => last..=last,
            (false, ..) => 0..=last,
        };
        let bytes = || content.pattern.iter().copied();
        starts.into_iter().any(|start| (start..).zip(bytes()).all(|(place, byte)| self.takes(place, byte, content.nocase)))
    }

    /// Whether `byte` may be at `place`. The letters of all but JA4 were brought to the case of the buffer.
    fn takes(self, place: usize, byte: u8, nocase: bool) -> bool {
        let hex = byte.is_ascii_hexdigit();
        match self {
            Self::Free | Self::Bytes(_) => true,
            Self::Hex(_) => hex,
            Self::Sha1 | Self::Serial if place % SERIAL_PERIOD == 2 => byte == b':',
            Self::Sha1 | Self::Serial => hex,
            Self::Ja4 => match JA4.as_bytes().get(place) {
                Some(b'p') => byte.is_ascii_lowercase(),
                Some(b'v') => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
                Some(b'n') => byte.is_ascii_digit(),
                // First and last letter of a protocol's name, or hex digits of them.
                Some(b'a') => byte.is_ascii_alphanumeric(),
                Some(b'x') => hex && (nocase || !byte.is_ascii_uppercase()),
                other => other == Some(&byte),
            },
        }
    }
}

fn lower_case(pattern: &[u8]) -> Content {
    Content { pattern: pattern.to_ascii_lowercase().into(), ..Content::default() }
}

const SHA1_LEN: usize = 59;
const JA4_LEN: usize = 36;
/// Two digits and a colon.
const SERIAL_PERIOD: usize = 3;
/// Transport, version, SNI, numbers of ciphers and extensions, ALPN; two truncated hashes.
const JA4: &str = "pvvpnnnnaa_xxxxxxxxxxxx_xxxxxxxxxxxx";

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(form: Form, pattern: &str, change: fn(&mut Content)) -> bool {
        let mut content = Content { pattern: pattern.as_bytes().into(), ..Content::default() };
        change(&mut content);
        form.has_room_for(&content)
    }

    #[test]
    fn what_a_value_can_have() {
        let hash = "8daaf6152771_02713d6af862";
        let sha1 = "6e:ce:5e:ce:41:92:68:3d:2d:84:e2:5b:0b:a7:e0:4f:9c:b7:eb:7c";
        for (form, pattern, expected) in [
            (Form::Free, "anything", true),
            (Form::Bytes(4), "abcd", true),
            (Form::Bytes(4), "abcde", false),
            (Form::Hex(32), "6734f37431670b3ab4292b8f60f29984", true),
            (Form::Hex(32), "6734f37431670b3ab4292b8f60f299840", false),
            (Form::Hex(32), "6734f3", true),
            (Form::Hex(32), "6734g3", false),
            (Form::Sha1, sha1, true),
            (Form::Sha1, "e:ce:5", true),
            (Form::Sha1, ":ce", true),
            (Form::Sha1, "e:c:", false),
            (Form::Sha1, "6ece5ece4192683d2d84e25b0ba7e04f9cb7eb7c", false),
            (Form::Sha1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", false),
            (Form::Serial, "08:BB:00:EE", true),
            (Form::Serial, "08BB00EE", false),
            (Form::Ja4, &format!("t13d1516h2_{hash}"), true),
            (Form::Ja4, &format!("T13d1516h2_{hash}"), false),
            (Form::Ja4, &format!("t13d1516h2-{hash}"), false),
            (Form::Ja4, hash, true),
            (Form::Ja4, "_8DAAF6152771_", false),
            (Form::Ja4, "H2_", true),
            (Form::Ja4, "6734f37431670b3ab4292b8f60f29984", false),
        ] {
            assert_eq!(fits(form, pattern, |_| {}), expected, "{form:?} {pattern}");
        }
    }

    #[test]
    fn at_the_beginning_or_the_end_less_fits() {
        for (pattern, anywhere, first, last) in
            [("e:ce", true, false, true), ("ce:ce", true, true, true), (":ce", true, false, true), ("ce:", true, true, false)]
        {
            assert_eq!(fits(Form::Sha1, pattern, |_| {}), anywhere, "{pattern}");
            assert_eq!(fits(Form::Sha1, pattern, |c| c.startswith = true), first, "{pattern}, startswith");
            assert_eq!(fits(Form::Sha1, pattern, |c| c.endswith = true), last, "{pattern}, endswith");
            let whole = |c: &mut Content| (c.startswith, c.endswith) = (true, true);
            assert!(!fits(Form::Sha1, pattern, whole), "{pattern}, and nothing else");
        }
    }
}
