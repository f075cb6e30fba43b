//! What is done to a buffer's value before it is matched.

use std::borrow::Cow;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::expression::Expression;
use crate::base::base64;

/// A transform keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    /// `compress_whitespace`: a run of white space becomes one space.
    CompressWhitespace,
    /// `domain`: the registrable domain, by the public suffix list; all of it where it has none.
    Domain,
    /// `dotprefix`: a `.` in front, so that `.example.com` at the end finds the domain and all below it, and nothing else.
    Dotprefix,
    /// `from_base64`: what a part of it, read as Base64, stands for.
    FromBase64(FromBase64),
    /// `pcrexform`: what the expression's first group takes; all of it where the expression does not match.
    Pcrexform(Box<Expression>),
    /// `strip_whitespace`: without white space.
    StripWhitespace,
    /// `subslice`: a part of it.
    Subslice(Subslice),
    /// `tld`: the public suffix, by the public suffix list; all of it where it has none.
    Tld,
    /// `to_lowercase`: ASCII letters in lower case.
    ToLowercase,
    /// `to_md5`: the 16 bytes of the digest.
    ToMd5,
    /// `to_sha1`: the 20 bytes of the digest.
    ToSha1,
    /// `to_sha256`: the 32 bytes of the digest.
    ToSha256,
    /// `to_uppercase`: ASCII letters in upper case.
    ToUppercase,
    /// `url_decode`: `%20` becomes its byte and `+` a space.
    UrlDecode,
    /// `xor`: each byte with the next one of the key, over and over.
    Xor(Box<[u8]>),
}

/// A part of a value, read as Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FromBase64 {
    /// How many bytes; `None` for all.
    pub bytes: Option<usize>,
    /// From which byte on.
    pub offset: usize,
    /// What is done where a byte is no digit.
    pub mode: Base64Mode,
}

/// What is done where a byte is no digit of Base64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Base64Mode {
    /// `rfc4648`: it ends there.
    #[default]
    Ends,
    /// `rfc2045`: it is passed over.
    PassesOver,
    /// `strict`: nothing comes out.
    Strict,
}

/// A part of a value; negative numbers count from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subslice {
    /// Where it begins.
    pub offset: i64,
    /// How many bytes; negative: where it ends.
    pub bytes: Option<i64>,
    /// What lies beyond the value is left out. Otherwise nothing comes out then.
    pub truncate: bool,
}

/// `value` after all of `transforms`.
pub(super) fn apply<'v>(transforms: &[Transform], value: &'v [u8]) -> Cow<'v, [u8]> {
    transforms.iter().fold(Cow::Borrowed(value), |value, transform| match value {
        Cow::Borrowed(value) => transform.apply(value),
        Cow::Owned(value) => Cow::Owned(transform.apply(&value).into_owned()),
    })
}

impl Transform {
    /// Whether what is matched is still the letters that the buffer has.
    pub const fn keeps_letters(&self) -> bool {
        matches!(self, Self::Dotprefix | Self::StripWhitespace | Self::CompressWhitespace)
    }

    fn apply<'v>(&self, value: &'v [u8]) -> Cow<'v, [u8]> {
        match self {
            Self::CompressWhitespace => compress_whitespace(value).into(),
            Self::Domain => name_end(value, |name| psl::domain(name).map(|d| d.as_bytes().len())),
            Self::Dotprefix => [b".", value].concat().into(),
            Self::FromBase64(from) => from.apply(value).into(),
            Self::Pcrexform(expression) => expression.first_group(value).unwrap_or(value).into(),
            Self::StripWhitespace => value.iter().copied().filter(|b| !is_space(*b)).collect::<Vec<u8>>().into(),
            Self::Subslice(part) => part.of(value).into(),
            Self::Tld => name_end(value, |name| psl::suffix(name).map(|s| s.as_bytes().len())),
            Self::ToLowercase => value.to_ascii_lowercase().into(),
            Self::ToMd5 => Md5::digest(value).to_vec().into(),
            Self::ToSha1 => Sha1::digest(value).to_vec().into(),
            Self::ToSha256 => Sha256::digest(value).to_vec().into(),
            Self::ToUppercase => value.to_ascii_uppercase().into(),
            Self::UrlDecode => url_decode(value).into(),
            Self::Xor(key) => value.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect::<Vec<u8>>().into(),
        }
    }
}

impl FromBase64 {
    /// What the part of `value` stands for.
    pub fn apply(self, value: &[u8]) -> Vec<u8> {
        let part = value.get(self.offset..).unwrap_or_default();
        let part = self.bytes.and_then(|n| part.get(..n)).unwrap_or(part);
        match self.mode {
            Base64Mode::Ends => base64::decode_digits(part, false),
            Base64Mode::PassesOver => base64::decode_digits(part, true),
            Base64Mode::Strict => std::str::from_utf8(part).ok().and_then(base64::decode).unwrap_or_default(),
        }
    }
}

impl Subslice {
    fn of(self, value: &[u8]) -> &[u8] {
        let len = i64::try_from(value.len()).unwrap_or(i64::MAX);
        let from_end = |n: i64| if n < 0 { len.saturating_add(n) } else { n };
        let start = from_end(self.offset);
        let end = match self.bytes {
            None => len,
            Some(n) if n < 0 => from_end(n),
            Some(n) => start.saturating_add(n),
        };
        let (start, end) = if self.truncate { (start.clamp(0, len), end.clamp(0, len)) } else { (start, end) };
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        range.and_then(|(start, end)| value.get(start..end)).unwrap_or_default()
    }
}

fn compress_whitespace(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut in_run = false;
    for &byte in value {
        let space = is_space(byte);
        if !space {
            out.push(byte);
        } else if !in_run {
            out.push(b' ');
        }
        in_run = space;
    }
    out
}

/// As many bytes at the end of `value` as `length` says for it in lower case, without the root's dot; all where it says none.
fn name_end(value: &[u8], length: impl Fn(&[u8]) -> Option<usize>) -> Cow<'_, [u8]> {
    let name = value.strip_suffix(b".").unwrap_or(value);
    let from = length(&name.to_ascii_lowercase()).and_then(|len| name.len().checked_sub(len));
    from.and_then(|from| name.get(from..)).unwrap_or(value).into()
}

fn url_decode(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after.split_first_chunk::<2>()) {
            (b'+', _) => out.push(b' '),
            (b'%', Some((digits, tail))) if digits.iter().all(u8::is_ascii_hexdigit) => {
                let nibble = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or_default();
                out.push(digits.iter().fold(0, |byte, digit| byte << 4 | nibble(*digit)));
                rest = tail;
            }
            _ => out.push(byte),
        }
    }
    out
}

/// What C's `isspace` counts as white space.
const fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hex;

    #[test]
    fn text() {
        use Transform::*;
        for (transform, value, expected) in [
            (Dotprefix, "hello.google.com", ".hello.google.com"),
            (StripWhitespace, " a\t b\r\n\x0b\x0cc ", "abc"),
            (CompressWhitespace, "  a\t b\r\n c", " a b c"),
            (ToLowercase, "Ab-\u{c9}", "ab-\u{c9}"),
            (ToUppercase, "Ab-\u{e9}", "AB-\u{e9}"),
            (UrlDecode, "a%20b+c%41%4a%zz%4", "a b cAJ%zz%4"),
            (Xor([0x0d, 0x0a].into()), "ab", "lh"),
            (Xor([0x20].into()), "aB", "Ab"),
        ] {
            assert_eq!(transform.apply(value.as_bytes()), expected.as_bytes(), "{transform:?} of {value}");
        }
    }

    /// The examples of Suricata's documentation, and what lies beyond the value.
    #[test]
    fn parts() {
        let part = |offset, bytes, truncate| Transform::Subslice(Subslice { offset, bytes, truncate });
        for (transform, expected) in [
            (part(1, None, false), "his is Suricata"),
            (part(0, Some(13), false), "This is Suric"),
            (part(-3, None, false), "ata"),
            (part(8, Some(-4), false), "Suri"),
            (part(10, Some(20), false), ""),
            (part(10, Some(20), true), "ricata"),
            (part(-20, None, false), ""),
            (part(-20, Some(4), true), ""),
            (part(-20, None, true), "This is Suricata"),
            (part(16, None, false), ""),
            (part(5, Some(-14), true), ""),
        ] {
            assert_eq!(transform.apply(b"This is Suricata"), expected.as_bytes(), "{transform:?}");
        }
    }

    /// The first is the example of Suricata's documentation.
    #[test]
    fn base64() {
        use Base64Mode::{Ends, PassesOver, Strict};
        for (value, bytes, offset, mode, expected) in [
            ("VGhpcyBpcyBTdXJpY2F0YQ==", None, 0, Ends, "This is Suricata"),
            ("VGhpcyBpcyBTdXJpY2F0YQ==", Some(8), 0, Ends, "This i"),
            ("xxVGhpcw==", None, 2, Ends, "This"),
            ("VGhp cw==", None, 0, Ends, "Thi"),
            ("VGhp cw==", None, 0, PassesOver, "This"),
            ("VGhp cw==", None, 0, Strict, ""),
            ("VGhpcw==", None, 0, Strict, "This"),
            ("VGhpcw==", None, 9, Ends, ""),
        ] {
            let transform = Transform::FromBase64(FromBase64 { bytes, offset, mode });
            assert_eq!(transform.apply(value.as_bytes()), expected.as_bytes(), "{transform:?} of {value}");
        }
    }

    #[test]
    fn domains_are_those_of_the_public_suffix_list() {
        for (name, domain, suffix) in [
            ("www.example.co.uk", "example.co.uk", "co.uk"),
            ("a.b.Example.COM", "Example.COM", "COM"),
            ("example.com", "example.com", "com"),
            ("www.example.com.", "example.com", "com"),
            ("com", "com", "com"),
            ("", "", ""),
        ] {
            let value = name.as_bytes();
            assert_eq!(Transform::Domain.apply(value), domain.as_bytes(), "{name}");
            assert_eq!(Transform::Tld.apply(value), suffix.as_bytes(), "{name}");
        }
    }

    /// RFC 1321 A.5, and `abc` of FIPS 180.
    #[test]
    fn digests_are_bytes() {
        for (transform, expected) in [
            (Transform::ToMd5, "900150983cd24fb0d6963f7d28e17f72"),
            (Transform::ToSha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Transform::ToSha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            assert_eq!(hex::lower(&transform.apply(b"abc")), expected, "{transform:?}");
        }
    }

    #[test]
    fn they_are_applied_in_order() {
        let chain = [Transform::StripWhitespace, Transform::ToUppercase, Transform::Dotprefix];
        assert_eq!(apply(&chain, b"a b"), &b".AB"[..]);
        assert_eq!(apply(&[], b"a b"), &b"a b"[..]);
    }
}
