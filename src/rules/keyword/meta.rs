//! Keywords about the rule itself.

use super::super::builder::Builder;
use super::super::diagnostic::{Reason, excerpt};
use super::super::parse::content::{quoted, unescape};
use super::super::rule::{Reference, Target};
use super::super::state::{Effect, Tag};
use super::{Keyword, Kind, no_value, number, required, set_once};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "msg", aliases: &[], kind: Kind::Option(msg) },
    Keyword { name: "sid", aliases: &[], kind: Kind::Option(sid) },
    Keyword { name: "rev", aliases: &[], kind: Kind::Option(|b, v| set_once(&mut b.meta.rev, number(v)?)) },
    Keyword { name: "gid", aliases: &[], kind: Kind::Option(|b, v| set_once(&mut b.meta.gid, number(v)?)) },
    Keyword { name: "classtype", aliases: &[], kind: Kind::Option(classtype) },
    Keyword { name: "priority", aliases: &[], kind: Kind::Option(priority) },
    Keyword { name: "reference", aliases: &[], kind: Kind::Option(reference) },
    Keyword { name: "metadata", aliases: &[], kind: Kind::Option(metadata) },
    Keyword { name: "target", aliases: &[], kind: Kind::Option(target) },
    Keyword { name: "tag", aliases: &[], kind: Kind::Option(tag) },
    Keyword { name: "noalert", aliases: &[], kind: Kind::Option(|b, v| alert(b, v, false)) },
    Keyword { name: "alert", aliases: &[], kind: Kind::Option(|b, v| alert(b, v, true)) },
];

fn sid(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let sid = number(value)?;
    if sid == 0 {
        builder.note(Reason::ZeroSid);
    }
    set_once(&mut builder.meta.sid, sid)
}

fn msg(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    match quoted(required(value)?)? {
        (false, text) => set_once(&mut builder.meta.msg, unescape(text)),
        (true, _) => Err(Reason::BadValue("text in double quotes")),
    }
}

fn classtype(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let name = required(value)?;
    if !builder.config.classifications.contains_key(name) {
        builder.note(Reason::UnknownClasstype(excerpt(name)));
    }
    set_once(&mut builder.meta.classtype, name.to_owned())
}

fn priority(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    match number(value)? {
        n @ 1..=255 => set_once(&mut builder.meta.priority, n),
        _ => Err(Reason::BadValue("a number from 1 to 255")),
    }
}

fn reference(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (kind, id) = required(value)?.split_once(',').ok_or(Reason::BadValue("kind,id"))?;
    let (kind, id) = (kind.trim(), id.trim());
    if kind.is_empty() || id.is_empty() {
        return Err(Reason::BadValue("kind,id"));
    }
    let kind = builder.shared.kinds.get(kind, builder.config);
    builder.meta.references.push(Reference { kind, id: unescape(id).into() });
    Ok(())
}

/// `key value, key value`: read when it is asked for.
fn metadata(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (pairs, metadata) = (required(value)?, &mut builder.meta.metadata);
    if !metadata.is_empty() {
        metadata.push(',');
    }
    metadata.push_str(pairs);
    Ok(())
}

fn target(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let target = match required(value)? {
        "src_ip" => Target::Source,
        "dest_ip" => Target::Destination,
        _ => return Err(Reason::BadValue("src_ip or dest_ip")),
    };
    set_once(&mut builder.meta.target, target)
}

/// `session|host[,count,packets|bytes|seconds[,src|dst]]`. It may come more than once.
fn tag(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let bad = Reason::BadValue("session or host[, count, packets|bytes|seconds]; of a host[, src|dst] behind that");
    let tag = Tag::parse(required(value)?).ok_or(bad)?;
    if tag.is_void() {
        builder.note(Reason::NoEffect("the packet that the rule matches on counts, and is not told, so that none is"));
    }
    builder.stateful.effects.push(Effect::Tag(tag));
    Ok(())
}

fn alert(builder: &mut Builder<'_>, value: Option<&str>, alert: bool) -> Result<(), Reason> {
    no_value(value)?;
    set_once(&mut builder.meta.alert, alert)
}
