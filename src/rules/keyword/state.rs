//! Keywords about what rules remember: `flowbits`, `flowint`, `xbits`, `hostbits`.

use super::super::builder::Builder;
use super::super::diagnostic::Reason;
use super::super::parse::number::Comparison;
use super::super::state::{Amount, Change, Condition, Effect, IntChange, IntTest, Name, SharedBit, Track};
use super::{Keyword, Kind, required};
use crate::base::Duration;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "flowbits", aliases: &[], kind: Kind::Option(flowbits) },
    Keyword { name: "flowint", aliases: &[], kind: Kind::Option(flowint) },
    Keyword { name: "xbits", aliases: &[], kind: Kind::Option(xbits) },
    Keyword { name: "hostbits", aliases: &[], kind: Kind::Option(hostbits) },
];

/// The first word of `flowbits`, `xbits` and `hostbits`.
enum Verb {
    Change(Change),
    IsSet(bool),
}

impl Verb {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "set" => Self::Change(Change::Set),
            "unset" => Self::Change(Change::Unset),
            "toggle" => Self::Change(Change::Toggle),
            "isset" => Self::IsSet(true),
            "isnotset" => Self::IsSet(false),
            _ => return None,
        })
    }
}

/// `verb,name`, with `isset` and `isnotset` also `name|name…`; or `noalert`.
fn flowbits(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let bad = Reason::BadValue("noalert, or set, unset, toggle, isset or isnotset, and a name");
    let value = required(value)?;
    if value == "noalert" {
        builder.meta.alert = Some(false);
        return Ok(());
    }
    let (verb, names) = value.split_once(',').ok_or(bad.clone())?;
    let names: Option<_> = names.split('|').map(name).collect();
    let (verb, names): (_, smallvec::SmallVec<[Name; 1]>) =
        (Verb::parse(verb.trim()).ok_or(bad.clone())?, names.ok_or(bad.clone())?);
    match (verb, names.as_slice()) {
        (Verb::IsSet(set), _) => return ask(builder, Condition::FlowBit(names, set)),
        (Verb::Change(change), [one]) => builder.stateful.effects.push(Effect::FlowBit(one.clone(), change)),
        _ => return Err(bad),
    }
    Ok(())
}

/// `name,isset|notset|isnotset` or `name,operator,amount`
fn flowint(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let bad = Reason::BadValue("name,isset, name,notset, or name, one of + - = == != < <= > >=, and a number or name");
    let parts: Vec<&str> = required(value)?.split(',').map(str::trim).collect();
    let (of, operator, amount) = match parts.as_slice() {
        [name, operator] => (name, *operator, None),
        [name, operator, amount] => (name, *operator, Some(self::amount(amount).ok_or(bad.clone())?)),
        _ => return Err(bad),
    };
    let of = name(of).ok_or(bad.clone())?;
    let test = |test| Condition::FlowInt(of.clone(), test);
    let compares = |with: fn(u64) -> Comparison, amount| Condition::FlowInt(of.clone(), IntTest::Compares(with, amount));
    let condition = match (operator, amount) {
        ("isset", None) => test(IntTest::IsSet(true)),
        ("notset" | "isnotset", None) => test(IntTest::IsSet(false)),
        ("==", Some(a)) => compares(Comparison::Equal, a),
        ("!=", Some(a)) => compares(Comparison::NotEqual, a),
        ("<", Some(a)) => compares(Comparison::Less, a),
        ("<=", Some(a)) => compares(Comparison::AtMost, a),
        (">", Some(a)) => compares(Comparison::Greater, a),
        (">=", Some(a)) => compares(Comparison::AtLeast, a),
        (sign, Some(a)) => {
            let change = match sign {
                "=" => IntChange::Set(a),
                "+" => IntChange::Add(a),
                "-" => IntChange::Subtract(a),
                _ => return Err(bad),
            };
            builder.stateful.effects.push(Effect::FlowInt(of, change));
            return Ok(());
        }
        _ => return Err(bad),
    };
    ask(builder, condition)
}

/// Adds a condition, which must not exclude those before it.
fn ask(builder: &mut Builder<'_>, condition: Condition) -> Result<(), Reason> {
    builder.stateful.conditions.push(condition);
    let at_odds = builder.stateful.is_at_odds();
    if at_odds { Err(Reason::NeverMatches("the rule asks for it to be set, and not to be set")) } else { Ok(()) }
}

/// `verb,name,track ip_src|ip_dst|ip_pair[,expire seconds]`, `verb,name,track tx`, or `noalert`
fn xbits(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let bad = Reason::BadValue("set, unset, toggle, isset or isnotset, name, track ip_src|ip_dst|ip_pair|tx[, expire seconds]");
    let value = required(value)?;
    if value == "noalert" {
        builder.meta.alert = Some(false);
        return Ok(());
    }
    let parts: Vec<&str> = value.split(',').map(str::trim).collect();
    let [verb, name, track, rest @ ..] = parts.as_slice() else { return Err(bad) };
    let track = match track.strip_prefix("track").map(str::trim) {
        Some("ip_src") => Track::Source,
        Some("ip_dst") => Track::Destination,
        Some("ip_pair") => Track::Pair,
        Some("tx") if rest.is_empty() => return of_session(builder, verb, name),
        Some("tx") => return Err(Reason::BadValue("no expire with track tx: the bit goes with the session")),
        _ => return Err(bad),
    };
    let expire = match rest {
        [] => None,
        [expire] => Some(expire.strip_prefix("expire").ok_or(bad)?.trim()),
        _ => return Err(bad),
    };
    shared(builder, verb, name, track, expire)
}

/// A bit of the session, which is all that Suricata's transaction is here.
fn of_session(builder: &mut Builder<'_>, verb: &str, of: &str) -> Result<(), Reason> {
    let verb = Verb::parse(verb).ok_or(VERB)?;
    let name = name(of).ok_or(NAME)?;
    match verb {
        Verb::Change(change) => {
            builder.stateful.effects.push(Effect::SessionBit(name, change));
            Ok(())
        }
        Verb::IsSet(set) => ask(builder, Condition::SessionBit(name, set)),
    }
}

/// `verb,name[,src|dst|both[,seconds]]`, or `noalert`
fn hostbits(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let bad = Reason::BadValue("set, unset, toggle, isset or isnotset, name[, src|dst|both[, seconds]]");
    let value = required(value)?;
    if value == "noalert" {
        builder.meta.alert = Some(false);
        return Ok(());
    }
    let parts: Vec<&str> = value.split(',').map(str::trim).collect();
    let [verb, name, rest @ ..] = parts.as_slice() else { return Err(bad) };
    let track = match rest.first() {
        None | Some(&"src") => Track::Source,
        Some(&"dst") => Track::Destination,
        Some(&"both") => Track::Both,
        _ => return Err(bad),
    };
    if rest.len() > 2 {
        return Err(bad);
    }
    shared(builder, verb, name, track, rest.get(1).copied())
}

fn shared(builder: &mut Builder<'_>, verb: &str, of: &str, track: Track, expire: Option<&str>) -> Result<(), Reason> {
    let verb = Verb::parse(verb).ok_or(VERB)?;
    let seconds = match expire {
        None => DEFAULT_EXPIRE,
        Some(text) => text.parse().ok().filter(|&s| s > 0).ok_or(Reason::BadValue("seconds to expire, from 1"))?,
    };
    let name = name(of).ok_or(NAME)?;
    let bit = SharedBit { name, track, expire: Duration::from_secs(seconds.into()) };
    match verb {
        Verb::Change(change) => {
            builder.stateful.effects.push(Effect::Shared(bit, change));
            Ok(())
        }
        Verb::IsSet(set) => ask(builder, Condition::Shared(bit, set)),
    }
}

fn amount(text: &str) -> Option<Amount> {
    text.parse()
        .map(Amount::Number)
        .ok()
        .or_else(|| name(text).filter(|n| !n.starts_with(|c: char| c.is_ascii_digit())).map(Amount::Named))
}

/// A name without spaces. Letter case counts.
fn name(text: &str) -> Option<Name> {
    let text = text.trim();
    (!text.is_empty() && !text.contains(char::is_whitespace)).then(|| text.into())
}

const VERB: Reason = Reason::BadValue("set, unset, toggle, isset or isnotset");
const NAME: Reason = Reason::BadValue("a name without spaces");

/// Suricata's.
const DEFAULT_EXPIRE: u32 = 300;
