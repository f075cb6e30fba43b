//! Transforms: they stand between a buffer and what is matched in it, and change what is seen there.

use super::super::builder::Builder;
use super::super::diagnostic::Reason;
use super::super::parse::content::quoted;
use super::super::transform::Transform;
use super::{Keyword, Kind, no_value, pcre, required};

pub(super) const KEYWORDS: &[Keyword] = &[
    keyword("compress_whitespace", |b, v| plain(b, v, Transform::CompressWhitespace)),
    keyword("domain", |b, v| plain(b, v, Transform::Domain)),
    keyword("dotprefix", |b, v| plain(b, v, Transform::Dotprefix)),
    keyword("pcrexform", pcrexform),
    keyword("strip_whitespace", |b, v| plain(b, v, Transform::StripWhitespace)),
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
