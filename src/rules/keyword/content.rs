//! `content`, what modifies it, and what else is asked of a buffer's bytes.

use super::super::builder::Builder;
use super::super::diagnostic::Reason;
use super::super::field::Place;
use super::super::inspect::{Absent, Content, FastPattern, IsDataAt, Step};
use super::super::parse::content::{bytes, quoted};
use super::super::parse::number::Comparison;
use super::super::transform::Transform;
use super::{Case, Keyword, Kind, no_value, required, set_once};

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
    Keyword { name: "absent", aliases: &[], kind: Kind::Option(absent) },
];

fn content(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (negated, text) = quoted(required(value)?)?;
    let mut pattern = bytes(text)?;
    let current = builder.target()?;
    match current.buffer.case {
        Case::Lower if current.transforms.iter().all(Transform::keeps_letters) => pattern.make_ascii_lowercase(),
        Case::Upper if current.transforms.iter().all(Transform::keeps_letters) => pattern.make_ascii_uppercase(),
        _ => {}
    }
    builder.step(Step::Content(Content { pattern: pattern.into(), at: builder.at, negated, ..Content::default() }))
}

fn nocase(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    let content = builder.content()?;
    content.nocase = true;
    content.pattern.make_ascii_lowercase();
    Ok(())
}

fn offset(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let n = length(builder, value)?;
    modify(builder, |content| set_once(&mut content.offset, n))
}

fn depth(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let n = length(builder, value)?;
    modify(builder, |content| set_once(&mut content.depth, n))
}

fn distance(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let n = place(builder, required(value)?)?;
    modify(builder, |content| set_once(&mut content.distance, n))
}

fn within(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let n = length(builder, value)?;
    modify(builder, |content| set_once(&mut content.within, n))
}

fn startswith(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    modify(builder, |content| {
        content.startswith = true;
        Ok(())
    })
}

fn endswith(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    builder.content()?.endswith = true;
    Ok(())
}

/// All forms: alone, `only`, and `offset,length`.
fn fast_pattern(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    modify(builder, |content| {
        let fast = match value {
            None | Some("only") => FastPattern::Whole,
            Some(chop) => {
                let (offset, len) = chop.split_once(',').ok_or(CHOP)?;
                let (offset, len) = (offset.trim().parse().map_err(|_| CHOP)?, len.trim().parse().map_err(|_| CHOP)?);
                match content.pattern.get(usize::from(offset)..).and_then(|p| p.get(..usize::from(len))) {
                    Some(part) if !part.is_empty() => FastPattern::Chop(offset, len),
                    _ => return Err(Reason::BadValue("a part that lies within the content")),
                }
            }
        };
        set_once(&mut content.fast, fast)
    })
}

fn rawbytes(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    builder.content().map(|_| ())
}

/// `[!]N[,relative][,rawbytes]`
fn isdataat(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let mut parts = required(value)?.split(',').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let (negated, position) = first.strip_prefix('!').map_or((false, first), |rest| (true, rest.trim_start()));
    let mut test = IsDataAt { at: length(builder, Some(position))?, negated, relative: false };
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

/// Nothing, or `or_else`.
fn absent(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let absent = match value {
        None => Absent::Only,
        Some("or_else") => Absent::OrElse,
        Some(_) => return Err(Reason::BadValue("nothing, or or_else")),
    };
    set_once(&mut builder.current()?.absent, absent)
}

/// Changes the last content to something that still makes sense.
fn modify(builder: &mut Builder<'_>, change: impl FnOnce(&mut Content) -> Result<(), Reason>) -> Result<(), Reason> {
    let content = builder.content()?;
    change(content)?;
    let shorter = |limit: Option<Place>| match limit {
        Some(Place::Given(n)) => usize::try_from(n).is_ok_and(|n| n < content.pattern.len()),
        _ => false,
    };
    let absolute = content.offset.is_some() || content.depth.is_some();
    if content.is_relative() && (absolute || content.startswith) || absolute && content.startswith {
        return Err(BOTH);
    }
    if content.negated && content.fast.is_some() && (absolute || content.is_relative()) {
        return Err(Reason::BadValue("no place for a negated content that has fast_pattern"));
    }
    match (shorter(content.depth), shorter(content.within)) {
        (true, _) => Err(Reason::NeverMatches("the content is longer than its depth")),
        (_, true) => Err(Reason::NeverMatches("the content is longer than its within")),
        _ => Ok(()),
    }
}

/// A length or offset, up to Suricata's bound, or a variable.
fn length(builder: &Builder<'_>, value: Option<&str>) -> Result<Place, Reason> {
    match place(builder, required(value)?)? {
        Place::Given(..0) => Err(Reason::BadValue("a number from 0 to 65535")),
        place => Ok(place),
    }
}

/// A length or offset that may be negative.
fn place(builder: &Builder<'_>, text: &str) -> Result<Place, Reason> {
    Place::new(builder.number(text)?).ok_or(Reason::BadValue("a number up to 65535"))
}

const BOTH: Reason = Reason::BadValue("either an absolute place or one relative to the last match, not both");
const CHOP: Reason = Reason::BadValue("nothing, only, or offset,length");
