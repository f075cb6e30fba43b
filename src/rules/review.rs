//! What is worth a word about a rule that loads: what makes it slow, what it waits for in vain, and where another engine would not
//! take it, or take it otherwise. Only looked for where [`RuleConfig`](super::RuleConfig) asks for it.

use std::collections::HashSet;

use super::ast::{OptionAst, Sign};
use super::compile::{Compiled, Header, Kind, Plan};
use super::dataset::{Command, Membership};
use super::diagnostic::Reason;
use super::inspect::Inspection;
use super::interval::PortSet;
use super::keyword::{Registry, is_own_event};
use super::payload::literal;
use super::prefilter::{Key, is_common};
use super::set::best_key;
use super::state::{Condition, Effect, IntChange, IntTest, Name};
use super::subject::{Facts, FlowDirection, Sides};

/// What is to be said, and the offset in the rule's text that it is about.
type Finding = (Reason, usize);

/// What makes `rule`, which has `options`, slow.
pub(super) fn cost(rule: &Compiled, options: &[OptionAst<'_>]) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        named(options, "pcre").filter(|o| begins_with_anything(o)).map(|o| (LEADING_STAR, o.at)).collect();
    found.extend(match rule.entry.kind {
        Kind::Flow => None,
        Kind::Packet => on_packets(rule, options),
        Kind::Session if rule.plans.iter().all(|plan| plan.needs.intersects(Facts::RARE)) => None,
        Kind::Session => without_key(rule, options).or_else(|| short_key(rule)),
    });
    found
}

/// What Suricata does not know, or takes otherwise, of `rule` of `len` bytes, which has `sign` and `options`.
pub(super) fn portability(rule: &Compiled, sign: Sign, options: &[OptionAst<'_>], len: usize, registry: &Registry) -> Vec<Finding> {
    let mut found: Vec<Finding> = options
        .iter()
        .flat_map(|option| {
            let own = registry.is_own(option.name).then_some("a keyword of Portcullis's own");
            [own, other_event(option), other_list(option), other_meaning(option)].into_iter().flatten().map(|how| (how, option.at))
        })
        .map(|(how, at)| (Reason::NotPortable(how), at))
        .collect();
    found.extend(
        named(options, "fast_pattern").nth(1).map(|o| (Reason::NotPortable("Suricata takes one fast_pattern in a rule"), o.at)),
    );
    if named(options, "flow").any(|o| of_client(o)) {
        let dates = options.iter().filter(|o| DATES.contains(&o.name));
        found.extend(dates.map(|o| (Reason::NotPortable("Suricata looks at dates of the server's certificate alone"), o.at)));
    }
    if sign == Sign::Session {
        found.push((Reason::NotPortable("`=>` needs Suricata 8"), 0));
    } else if rule.entry.rule.own_keywords.is_empty() {
        found.extend(mixes_sides(rule));
    }
    if len > SURICATA_RULE_BYTES {
        found.push((Reason::NotPortable("Suricata takes rules of up to 8192 bytes"), 0));
    }
    let inspections = rule.entry.asks.inspections.iter();
    for inspection in inspections.filter(|i| i.transforms.is_empty() && WHOLE_HASHES.contains(&i.buffer.name)) {
        let partial = inspection.wanted().find(|c| Some(c.pattern.len()) != inspection.buffer.form.width());
        found.extend(partial.map(|c| (Reason::NotPortable("Suricata takes a whole hash there, not a part"), c.at as usize)));
    }
    found
}

/// It reads facts of both sides, which a rule of Suricata's does with `=>` alone.
fn mixes_sides(rule: &Compiled) -> Option<Finding> {
    let buffers = rule.entry.asks.inspections.iter().filter(|i| i.address.is_none()).map(|i| (i.buffer.sides, i.at as usize));
    let tests = rule.entry.asks.tests.iter().map(|t| (t.sides(), 0));
    let sources: Vec<(Sides, usize)> = buffers.chain(tests).filter(|(sides, _)| sides.are_of_session()).collect();
    let (first, rest) = sources.split_first()?;
    let other = |plan: &Plan| rest.iter().find(|(sides, _)| sides.side(plan.side) != first.0.side(plan.side));
    let (_, at) = rule.plans.iter().find_map(other)?;
    Some((Reason::NotPortable("without `=>`, Suricata looks at one side alone, and this is of the other"), *at))
}

/// `flow` says that the client sends what the rule looks at.
fn of_client(flow: &OptionAst<'_>) -> bool {
    flow.value.unwrap_or_default().split(',').any(|word| matches!(word.trim(), "to_server" | "from_client"))
}

/// An event that no other engine raises.
fn other_event(option: &OptionAst<'_>) -> Option<&'static str> {
    (option.name == "app-layer-event" && option.value.is_some_and(is_own_event)).then_some("an event of Portcullis's own")
}

fn other_list(option: &OptionAst<'_>) -> Option<&'static str> {
    let is_list = option.name == "app-layer-protocol" && option.value.is_some_and(|v| v.contains('|'));
    is_list.then_some("a list of protocols needs a later release than Suricata 8.0.0")
}

/// A keyword that means something else in Suricata (see docs/rules.md).
fn other_meaning(option: &OptionAst<'_>) -> Option<&'static str> {
    match option.name {
        "tls.version" | "ssl_version" | "ssl.version" => {
            Some("of a TLS 1.3 hello, Suricata looks at the version field, which says 1.2")
        }
        "ssl_state" | "ssl.state" => Some("Suricata looks at the state at the packet at hand, not at what was seen"),
        "tls_cert_notbefore" | "tls_cert_notafter" => {
            let mut dates = option.value.unwrap_or_default().split("<>").map(|d| d.trim_matches(['<', '>', ' ']));
            let is_whole =
                |date: &str| date.len() == WHOLE_DATE.len() || date.bytes().all(|b| b.is_ascii_digit()) && date.len() > YEAR.len();
            (!dates.all(is_whole)).then_some("Suricata takes a date without its time for its first second")
        }
        _ => None,
    }
}

/// It is about flows of ports that are not `watched`. What is watched is the server's port; a client's is none of those that are kept
/// for servers (RFC 6335 §6).
pub(super) fn unwatched(rule: &Compiled, watched: &PortSet) -> Option<Finding> {
    let of_clients = PortSet::from_ranges(vec![(FIRST_OF_CLIENTS, u16::MAX)]);
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

/// By rule: the bit or number that it waits for and that no rule sets, or the data set that stays empty, and the keyword that waits.
pub(super) fn never_set(rules: &[Compiled]) -> Vec<(usize, &'static str, Name)> {
    let [mut flow, mut session, mut shared, mut ints] = std::array::from_fn(|_| HashSet::new());
    for effect in rules.iter().flat_map(|r| &r.entry.asks.stateful.effects) {
        match effect {
            Effect::FlowBit(name, _) => flow.insert(name),
            Effect::SessionBit(name, _) => session.insert(name),
            Effect::Shared(bit, _) => shared.insert(&bit.name),
            Effect::FlowInt(name, IntChange::Set(_) | IntChange::Add(_)) => ints.insert(name),
            Effect::FlowInt(_, IntChange::Subtract(_)) => false, // one without a value stays so
            Effect::Tag(_) => false,
        };
    }
    let in_vain = |condition: &Condition| match condition {
        Condition::FlowBit(names, true) if !names.iter().any(|n| flow.contains(n)) => Some(("flowbits", names.first()?.clone())),
        Condition::FlowInt(name, test) if !matches!(test, IntTest::IsSet(false)) && !ints.contains(name) => {
            Some(("flowint", name.clone()))
        }
        Condition::SessionBit(name, true) if !session.contains(name) => Some(("xbits", name.clone())),
        Condition::Shared(bit, true) if !shared.contains(&bit.name) => Some(("xbits", bit.name.clone())),
        _ => None,
    };
    let members = || rules.iter().flat_map(|r| &r.entry.asks.inspections).flat_map(|i| &i.datasets);
    let filled: HashSet<&Name> = members().filter(|m| m.command == Command::Set).map(|m| &m.dataset.name).collect();
    let stays_empty = |m: &Membership| {
        let wants_value = matches!(m.command, Command::IsSet | Command::Unset);
        let in_vain = wants_value && m.dataset.entries.is_empty() && !filled.contains(&m.dataset.name);
        in_vain.then(|| ("dataset", m.dataset.name.clone()))
    };
    let of_rule = |(i, rule): (usize, &Compiled)| {
        let members = || rule.entry.asks.inspections.iter().flat_map(|i| &i.datasets);
        let in_vain = rule.entry.asks.stateful.conditions.iter().find_map(in_vain);
        let (keyword, name) = in_vain.or_else(|| members().find_map(stays_empty))?;
        Some((i, keyword, name))
    };
    rules.iter().enumerate().filter_map(of_rule).collect()
}

/// It is tried on each packet, or on most.
fn on_packets(rule: &Compiled, options: &[OptionAst<'_>]) -> Option<Finding> {
    let inspection = rule.entry.asks.payload.as_ref().map(|p| &p.inspection);
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
    if rule.plans.iter().all(|plan| best_key(&rule.entry.asks.inspections, *plan).is_some()) {
        return None;
    }
    let has_pcre = rule.entry.asks.inspections.iter().any(Inspection::is_searched);
    match named(options, "pcre").next().filter(|_| has_pcre) {
        Some(pcre) => Some((SLOW_PCRE, pcre.at)),
        None => Some((Reason::OnEach("session"), 0)),
    }
}

/// The content that it is found by is so short that most values have it.
fn short_key(rule: &Compiled) -> Option<Finding> {
    let key = |plan| best_key(&rule.entry.asks.inspections, plan);
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

/// What is asked of a certificate's dates.
const DATES: &[&str] = &["tls_cert_notbefore", "tls_cert_notafter", "tls_cert_expired", "tls_cert_valid"];
const WHOLE_DATE: &str = "YYYY-MM-DDTHH:MM:SS";
const YEAR: &str = "YYYY";

const SURICATA_RULE_BYTES: usize = 8192;

/// The first port above the system ports.
const FIRST_OF_CLIENTS: u16 = 1024;
