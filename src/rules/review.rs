//! What is worth a word about a rule that loads: what makes it slow, what it waits for in vain, and where another engine would not
//! take it, or take it otherwise. Only looked for where [`RuleConfig`](super::RuleConfig) asks for it.

use std::collections::HashSet;

use super::ast::{OptionAst, Sign};
use super::compile::{Compiled, Header, Kind, Plan};
use super::dataset::{Command, Membership};
use super::diagnostic::Reason;
use super::inspect::Inspection;
use super::interval::PortSet;
use super::keyword::Registry;
use super::payload::literal;
use super::prefilter::{Key, is_common};
use super::set::best_key;
use super::state::{Condition, Effect, Name};
use super::subject::{Facts, FlowDirection};

/// What is to be said, and the offset in the rule's text that it is about.
type Finding = (Reason, usize);

/// What makes `rule`, which has `options`, slow.
pub(super) fn cost(rule: &Compiled, options: &[OptionAst<'_>]) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        named(options, "pcre").filter(|o| begins_with_anything(o)).map(|o| (LEADING_STAR, o.at)).collect();
    found.extend(match rule.kind {
        Kind::Flow => None,
        Kind::Packet => on_packets(rule, options),
        Kind::Session if rule.plans.iter().all(|plan| plan.needs.intersects(Facts::RARE)) => None,
        Kind::Session => without_key(rule, options).or_else(|| short_key(rule)),
    });
    found
}

/// What Suricata does not know, or takes otherwise, of a rule of `len` bytes that has `sign` and `options`.
pub(super) fn portability(
    sign: Sign,
    options: &[OptionAst<'_>],
    len: usize,
    registry: &Registry,
    inspections: &[Inspection],
) -> Vec<Finding> {
    let mut found = Vec::new();
    for option in options {
        if registry.is_own(option.name) {
            found.push((Reason::NotPortable("a keyword of Portcullis's own"), option.at));
        }
        let differs = DIFFERENCES.iter().find(|(names, _)| names.contains(&option.name));
        found.extend(differs.map(|(_, how)| (Reason::NotPortable(how), option.at)));
    }
    if sign == Sign::Session {
        found.push((Reason::NotPortable("`=>` needs Suricata 8"), 0));
    }
    if len > SURICATA_RULE_BYTES {
        found.push((Reason::NotPortable("Suricata takes rules of up to 8192 bytes"), 0));
    }
    for inspection in inspections.iter().filter(|i| i.transforms.is_empty() && WHOLE_HASHES.contains(&i.buffer.name)) {
        let partial = inspection.wanted().find(|c| Some(c.pattern.len()) != inspection.buffer.form.width());
        found.extend(partial.map(|c| (Reason::NotPortable("Suricata takes a whole hash there, not a part"), c.at as usize)));
    }
    found
}

/// It is about flows of ports that are not `watched`. A flow is known by its server's port; a client has one that is watched too, or none
/// of those that are kept for servers (RFC 6335 §6).
pub(super) fn unwatched(rule: &Compiled, watched: &PortSet) -> Option<Finding> {
    let of_clients = PortSet::union([watched.clone(), PortSet::from_ranges(vec![(FIRST_OF_CLIENTS, u16::MAX)])]);
    let Header { source, destination, both_ways, .. } = &*rule.header;
    let meet = |ports: &PortSet, others: &PortSet| !ports.intersection(others).is_empty();
    let fits = |client: &PortSet, server: &PortSet| meet(server, watched) && meet(client, &of_clients);
    let is_watched = |plan: &Plan| {
        let (client, server) = match plan.direction {
            FlowDirection::ToServer => (&source.ports, &destination.ports),
            FlowDirection::ToClient => (&destination.ports, &source.ports),
        };
        fits(client, server) || *both_ways && fits(server, client)
    };
    (!rule.plans.is_empty() && !rule.plans.iter().any(is_watched)).then_some((Reason::NotWatched, 0))
}

/// By rule: the bit that it waits for and that no rule sets, or the data set that stays empty, and the keyword that waits.
pub(super) fn never_set(rules: &[Compiled]) -> Vec<(usize, &'static str, Name)> {
    let (mut flow, mut shared) = (HashSet::new(), HashSet::new());
    for effect in rules.iter().flat_map(|r| &r.asks.stateful.effects) {
        match effect {
            Effect::FlowBit(name, _) => flow.insert(name),
            Effect::Shared(bit, _) => shared.insert(&bit.name),
            Effect::FlowInt(..) => false,
        };
    }
    let in_vain = |condition: &Condition| match condition {
        Condition::FlowBit(names, true) if !names.iter().any(|n| flow.contains(n)) => Some(("flowbits", names.first()?.clone())),
        Condition::Shared(bit, true) if !shared.contains(&bit.name) => Some(("xbits", bit.name.clone())),
        _ => None,
    };
    let members = || rules.iter().flat_map(|r| &r.asks.inspections).flat_map(|i| &i.datasets);
    let filled: HashSet<&Name> = members().filter(|m| m.command == Command::Set).map(|m| &m.dataset.name).collect();
    let stays_empty = |m: &Membership| {
        let wants_value = matches!(m.command, Command::IsSet | Command::Unset);
        let in_vain = wants_value && m.dataset.entries.is_empty() && !filled.contains(&m.dataset.name);
        in_vain.then(|| ("dataset", m.dataset.name.clone()))
    };
    let of_rule = |(i, rule): (usize, &Compiled)| {
        let members = || rule.asks.inspections.iter().flat_map(|i| &i.datasets);
        let in_vain = rule.asks.stateful.conditions.iter().find_map(in_vain);
        let (keyword, name) = in_vain.or_else(|| members().find_map(stays_empty))?;
        Some((i, keyword, name))
    };
    rules.iter().enumerate().filter_map(of_rule).collect()
}

/// It is tried on each packet, or on most.
fn on_packets(rule: &Compiled, options: &[OptionAst<'_>]) -> Option<Finding> {
    let inspection = rule.asks.payload.as_ref().map(|p| &p.inspection);
    match inspection.and_then(literal) {
        Some(key) if is_common(key) => inspection?.wanted().find(|c| is_common(c.fast_bytes())).map(|c| (SHORT_KEY, c.at as usize)),
        Some(_) => None,
        None => match named(options, "pcre").next().filter(|_| inspection.is_some_and(Inspection::is_searched)) {
            Some(pcre) => Some((SLOW_PCRE, pcre.at)),
            None => Some((Reason::OnEach("packet"), 0)),
        },
    }
}

/// It has no content that all sessions but those concerned could be passed over by.
fn without_key(rule: &Compiled, options: &[OptionAst<'_>]) -> Option<Finding> {
    if rule.plans.iter().all(|plan| best_key(&rule.asks.inspections, *plan).is_some()) {
        return None;
    }
    let has_pcre = rule.asks.inspections.iter().any(Inspection::is_searched);
    match named(options, "pcre").next().filter(|_| has_pcre) {
        Some(pcre) => Some((SLOW_PCRE, pcre.at)),
        None => Some((Reason::OnEach("session"), 0)),
    }
}

/// The content that it is found by is so short that most values have it.
fn short_key(rule: &Compiled) -> Option<Finding> {
    let key = |plan| best_key(&rule.asks.inspections, plan);
    let (inspection, ..) =
        rule.plans.iter().filter_map(|plan| key(*plan)).find(|(_, _, k)| matches!(k, Key::Literal(l) if is_common(l)))?;
    let content = inspection.wanted().find(|c| is_common(c.fast_bytes()))?;
    Some((SHORT_KEY, content.at as usize))
}

fn named<'a>(options: &'a [OptionAst<'_>], name: &'a str) -> impl Iterator<Item = &'a OptionAst<'a>> {
    options.iter().filter(move |o| o.name == name)
}

/// `.*x` finds what `x` finds.
fn begins_with_anything(pcre: &OptionAst<'_>) -> bool {
    let expression = pcre.value.and_then(|v| v.split_once('/')).map_or("", |(_, e)| e);
    [".*", "^.*", "(.*", "(?:.*"].iter().any(|head| expression.starts_with(head))
}

const LEADING_STAR: Reason =
    Reason::Slow { why: "`.*` at the beginning finds nothing more, and is run over all of the value", hint: "leave it out" };
const SLOW_PCRE: Reason = Reason::Slow {
    why: "there is no content to find it by: the expression is run on each session or packet",
    hint: "put a content before it that all it matches have",
};
const SHORT_KEY: Reason = Reason::Slow {
    why: "it is found by one byte, which nearly all values have",
    hint: "a content of four bytes or more lets the others be passed over",
};

/// Buffers that Suricata looks up hashes in.
const WHOLE_HASHES: &[&str] = &["tls.cert_fingerprint", "ja3.hash", "ja3s.hash"];

/// Where a keyword means something else in Suricata (see docs/rules.md).
const DIFFERENCES: &[(&[&str], &str)] = &[
    (&["tls.version", "ssl_version"], "of a TLS 1.3 hello, Suricata looks at the version field, which says 1.2"),
    (&["ssl_state"], "Suricata looks at the state at the packet at hand, not at what was seen"),
    (
        &["tls_cert_notbefore", "tls_cert_notafter"],
        "Suricata takes a date without time for its first second, and the server's only",
    ),
];

const SURICATA_RULE_BYTES: usize = 8192;

/// The first port above the system ports.
const FIRST_OF_CLIENTS: u16 = 1024;
