//! Transforms: they stand between a buffer and what is matched in it, and change what is seen there.

use super::super::builder::Builder;
use super::super::diagnostic::Reason;
use super::super::parse::content::quoted;
use super::super::transform::{Base64Mode, FromBase64, Subslice, Transform};
use super::{Keyword, Kind, no_value, pcre, required, set_once};

pub(super) const KEYWORDS: &[Keyword] = &[
    keyword("compress_whitespace", |b, v| plain(b, v, Transform::CompressWhitespace)),
    keyword("domain", |b, v| plain(b, v, Transform::Domain)),
    keyword("dotprefix", |b, v| plain(b, v, Transform::Dotprefix)),
    keyword("from_base64", from_base64),
    keyword("pcrexform", pcrexform),
    keyword("strip_whitespace", |b, v| plain(b, v, Transform::StripWhitespace)),
    keyword("subslice", subslice),
    keyword("tld", |b, v| plain(b, v, Transform::Tld)),
    keyword("to_lowercase", |b, v| plain(b, v, Transform::ToLowercase)),
    keyword("to_md5", |b, v| plain(b, v, Transform::ToMd5)),
    keyword("to_sha1", |b, v| plain(b, v, Transform::ToSha1)),
    keyword("to_sha256", |b, v| plain(b, v, Transform::ToSha256)),
    keyword("to_uppercase", |b, v| plain(b, v, Transform::ToUppercase)),
    keyword("url_decode", |b, v| plain(b, v, Transform::UrlDecode)),
    keyword("xor", xor),
];

const fn keyword(name: &'static str, read: fn(&mut Builder<'_>, Option<&str>) -> Result<(), Reason>) -> Keyword {
    Keyword { name, aliases: &[], kind: Kind::Option(read) }
}

/// A transform without value.
fn plain(builder: &mut Builder<'_>, value: Option<&str>, transform: Transform) -> Result<(), Reason> {
    no_value(value)?;
    add(builder, transform)
}

/// `"expression"`, which has a group.
fn pcrexform(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (_, text) = quoted(required(value)?)?;
    let expression = pcre::compiled(&mut builder.shared.regexes, text, pcre::Flags::default())?;
    if expression.groups() == 0 {
        return Err(Reason::BadValue("an expression with a group"));
    }
    add(builder, Transform::Pcrexform(Box::new(expression)))
}

/// `"0a0d"`: the key in hexadecimal.
fn xor(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    const FORM: Reason = Reason::BadValue("a key of 1 to 255 bytes, as pairs of hex digits");
    let text = required(value)?;
    let digits = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    let digits: Option<Vec<u8>> = digits.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let (pairs, odd) = digits.as_deref().unwrap_or_default().as_chunks::<2>();
    let key: Box<[u8]> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    if !odd.is_empty() || !(1..=255).contains(&key.len()) {
        return Err(FORM);
    }
    add(builder, Transform::Xor(key))
}

/// `[bytes N][, offset N][, mode strict|rfc4648|rfc2045]`, in any order, or nothing.
fn from_base64(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    const FORM: Reason = Reason::BadValue("bytes N, offset N, mode strict|rfc4648|rfc2045");
    let (mut bytes, mut offset, mut mode) = (None, None, None);
    for part in value.into_iter().flat_map(|v| v.split(',')).map(str::trim) {
        let (name, value) = part.split_once(|c: char| c.is_whitespace() || c == ':').ok_or(FORM)?;
        let value = value.trim();
        match name {
            "bytes" => set_once(&mut bytes, value.parse().map_err(|_| FORM)?)?,
            "offset" => set_once(&mut offset, value.parse::<u16>().map_err(|_| FORM)?)?,
            "mode" => set_once(
                &mut mode,
                match value {
                    "rfc4648" => Base64Mode::Ends,
                    "rfc2045" => Base64Mode::PassesOver,
                    "strict" => Base64Mode::Strict,
                    _ => return Err(FORM),
                },
            )?,
            _ => return Err(FORM),
        }
    }
    let (offset, mode) = (offset.unwrap_or_default().into(), mode.unwrap_or_default());
    add(builder, Transform::FromBase64(FromBase64 { bytes, offset, mode }))
}

/// `offset[, bytes][, truncate]`
fn subslice(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    const FORM: Reason = Reason::BadValue("offset[, bytes][, truncate]");
    let parts: Vec<&str> = required(value)?.split(',').map(str::trim).collect();
    let number = |text: &str| text.parse::<i32>().map(i64::from).map_err(|_| FORM);
    let (offset, bytes, truncate) = match *parts.as_slice() {
        [offset] => (number(offset)?, None, false),
        [offset, "truncate"] => (number(offset)?, None, true),
        [offset, bytes] => (number(offset)?, Some(number(bytes)?), false),
        [offset, bytes, "truncate"] => (number(offset)?, Some(number(bytes)?), true),
        _ => return Err(FORM),
    };
    add(builder, Transform::Subslice(Subslice { offset, bytes, truncate }))
}

fn add(builder: &mut Builder<'_>, transform: Transform) -> Result<(), Reason> {
    let current = builder.current()?;
    if !current.is_empty() {
        return Err(Reason::BadValue("it between the buffer and what is matched in it"));
    }
    if current.transforms.len() >= MAX_TRANSFORMS {
        return Err(Reason::TooLong("16 transforms of one buffer"));
    }
    current.transforms.push(transform);
    Ok(())
}

/// More than any rule has.
const MAX_TRANSFORMS: usize = 16;
