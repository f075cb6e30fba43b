//! `content`, what modifies it, and what else is asked of a buffer's bytes.

use super::super::builder::Builder;
use super::super::diagnostic::Reason;
use super::super::inspect::{Content, FastPattern, IsDataAt, Step};
use super::super::parse::content::{bytes, quoted};
use super::super::parse::number::Comparison;
use super::super::transform::Transform;
use super::{Case, Keyword, Kind, no_value, number, required, set_once};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "content", aliases: &[], kind: Kind::Option(content) },
    Keyword { name: "nocase", aliases: &[], kind: Kind::Option(nocase) },
    Keyword { name: "offset", aliases: &[], kind: Kind::Option(offset) },
    Keyword { name: "depth", aliases: &[], kind: Kind::Option(depth) },
    Keyword { name: "distance", aliases: &[], kind: Kind::Option(distance) },
    Keyword { name: "within", aliases: &[], kind: Kind::Option(within) },
    Keyword { name: "startswith", aliases: &[], kind: Kind::Option(startswith) },
    Keyword { name: "endswith", aliases: &[], kind: Kind::Option(endswith) },
    Keyword { name: "fast_pattern", aliases: &[], kind: Kind::Option(fast_pattern) },
    Keyword { name: "rawbytes", aliases: &[], kind: Kind::Option(rawbytes) },
    Keyword { name: "prefilter", aliases: &[], kind: Kind::Option(|_, value| no_value(value)) },
    Keyword { name: "isdataat", aliases: &[], kind: Kind::Option(isdataat) },
    Keyword { name: "bsize", aliases: &[], kind: Kind::Option(bsize) },
    Keyword { name: "dotprefix", aliases: &[], kind: Kind::Option(|b, v| transform(b, v, Transform::Dotprefix)) },
];

fn content(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (negated, text) = quoted(required(value)?)?;
    let mut pattern = bytes(text)?;
    match builder.current()?.buffer.case {
        Case::AsSent => {}
        Case::Lower => pattern.make_ascii_lowercase(),
        Case::Upper => pattern.make_ascii_uppercase(),
    }
    builder.step(Step::Content(Content { pattern: pattern.into(), negated, ..Content::default() }))
}

fn nocase(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    let content = builder.content()?;
    content.nocase = true;
    content.pattern.make_ascii_lowercase();
    Ok(())
}

fn offset(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let n = length(value)?;
    set_once(&mut absolute(builder)?.offset, n)
}

fn depth(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let n = length(value)?;
    let content = absolute(builder)?;
    if n < content.pattern.len() {
        return Err(Reason::NeverMatches("the content is longer than its depth"));
    }
    set_once(&mut content.depth, n)
}

fn distance(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let n: i32 = variable_or(value)?;
    let n = isize::try_from(n).map_err(|_| Reason::BadValue("a number"))?;
    set_once(&mut relative(builder)?.distance, n)
}

fn within(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let n = length(value)?;
    let content = relative(builder)?;
    if n < content.pattern.len() {
        return Err(Reason::NeverMatches("the content is longer than its within"));
    }
    set_once(&mut content.within, n)
}

fn startswith(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    let content = absolute(builder)?;
    if content.offset.is_some() || content.depth.is_some() {
        return Err(BOTH);
    }
    content.startswith = true;
    Ok(())
}

fn endswith(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    builder.content()?.endswith = true;
    Ok(())
}

/// All forms: alone, `only`, and `offset,length`.
fn fast_pattern(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let content = builder.content()?;
    let fast = match value {
        None | Some("only") => FastPattern::Whole,
        Some(chop) => {
            let (offset, len) = chop.split_once(',').ok_or(CHOP)?;
            let (offset, len) = (offset.trim().parse().map_err(|_| CHOP)?, len.trim().parse().map_err(|_| CHOP)?);
            match content.pattern.get(offset..).and_then(|p| p.get(..len)) {
                Some(part) if !part.is_empty() => FastPattern::Chop(offset, len),
                _ => return Err(Reason::BadValue("a part that lies within the content")),
            }
        }
    };
    set_once(&mut content.fast, fast)
}

fn rawbytes(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    builder.content().map(|_| ())
}

/// `[!]N[,relative][,rawbytes]`
fn isdataat(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let mut parts = required(value)?.split(',').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let (negated, digits) = first.strip_prefix('!').map_or((false, first), |rest| (true, rest.trim_start()));
    let mut test = IsDataAt { at: length(Some(digits))?, negated, relative: false };
    for part in parts {
        match part {
            "relative" => test.relative = true,
            "rawbytes" => {}
            _ => return Err(Reason::BadValue("relative or rawbytes after the number")),
        }
    }
    builder.step(Step::IsDataAt(test))
}

fn bsize(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let size = Comparison::parse(required(value)?).ok_or(Reason::BadValue("a number, or a comparison such as >3 or 3<>9"))?;
    builder.current()?.size.push(size);
    Ok(())
}

fn transform(builder: &mut Builder<'_>, value: Option<&str>, transform: Transform) -> Result<(), Reason> {
    no_value(value)?;
    let current = builder.current()?;
    if !current.steps.is_empty() {
        return Err(Reason::BadValue("it between the buffer and what is matched in it"));
    }
    current.transforms.push(transform);
    Ok(())
}

/// The last content, to be given an absolute place.
fn absolute<'b>(builder: &'b mut Builder<'_>) -> Result<&'b mut Content, Reason> {
    let content = builder.content()?;
    if content.is_relative() { Err(BOTH) } else { Ok(content) }
}

/// The last content, to be given a place relative to the one before.
fn relative<'b>(builder: &'b mut Builder<'_>) -> Result<&'b mut Content, Reason> {
    let content = builder.content()?;
    let absolute = content.offset.is_some() || content.depth.is_some() || content.startswith;
    if absolute { Err(BOTH) } else { Ok(content) }
}

/// A length or offset, up to Suricata's bound.
fn length(value: Option<&str>) -> Result<usize, Reason> {
    variable_or::<u16>(value).map(usize::from)
}

/// A number; a name stands for one that `byte_extract` or `byte_math` gives.
fn variable_or<T: std::str::FromStr>(value: Option<&str>) -> Result<T, Reason> {
    match required(value)? {
        text if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Err(Reason::NotSupported("a variable of byte_extract or byte_math"))
        }
        text => number(Some(text)),
    }
}

const BOTH: Reason = Reason::BadValue("either an absolute place or one relative to the last match, not both");
const CHOP: Reason = Reason::BadValue("nothing, only, or offset,length");
