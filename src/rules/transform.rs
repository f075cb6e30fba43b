//! What is done to a buffer's value before it is matched.

use std::borrow::Cow;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::expression::Expression;

/// A transform keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    /// `compress_whitespace`: a run of white space becomes one space.
    CompressWhitespace,
    /// `domain`: the registrable domain, by the public suffix list; all of it where it has none.
    Domain,
    /// `dotprefix`: a `.` in front, so that `.example.com` at the end finds the domain and all below it, and nothing else.
    Dotprefix,
    /// `pcrexform`: what the expression's first group takes; all of it where the expression does not match.
    Pcrexform(Box<Expression>),
    /// `strip_whitespace`: without white space.
    StripWhitespace,
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
            Self::Pcrexform(expression) => expression.first_group(value).unwrap_or(value).into(),
            Self::StripWhitespace => value.iter().copied().filter(|b| !is_space(*b)).collect::<Vec<u8>>().into(),
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
