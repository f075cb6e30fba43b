//! The compiled form of a rule, for people.

use std::fmt;

use super::compile::Kind;
use super::inspect::{Inspection, Step};
use super::keyword::PAYLOAD;
use super::payload::literal;
use super::prefilter::{Key, is_common};
use super::rule::{Rule, RuleId};
use super::set::{Entry, RuleSet, best_key};
use super::subject::{Facts, FlowDirection};

/// How a rule is tried, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'s> {
    /// The rule.
    pub rule: &'s Rule,
    /// What is tried: `flow`, `packet` or `session`.
    pub kind: &'static str,
    /// How many rules of the set have the same header, this one included.
    pub same_header: usize,
    /// Each way to try it.
    pub tries: Vec<Try>,
    /// What is asked of each buffer: its name, and how many matches of which keyword.
    pub asks: Vec<(&'static str, Vec<(&'static str, usize)>)>,
    /// What it costs where it does not match.
    pub cost: Cost,
}

/// One way to try a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Which way what it looks at goes.
    pub direction: FlowDirection,
    /// The facts that have to be there; none: it is tried on packets.
    pub when: Vec<&'static str>,
    /// Few sessions have one of them.
    pub rarely: bool,
    /// What lets all flows be passed over that cannot match.
    pub found_by: Option<FoundBy>,
}

/// What a value of a buffer must have, in small letters, for a rule to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBy {
    /// The buffer.
    pub buffer: &'static str,
    /// Where in the value: `is`, `ends with` or `has`.
    pub how: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a rule costs where it does not match, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// It is never tried.
    Nothing,
    /// Once for each flow and direction, and its header alone.
    EachFlow,
    /// Nothing but where there is what few sessions have, and it asks for.
    Rare,
    /// Nothing by itself: one look-up in a table for all such rules.
    LookUp,
    /// Nothing by itself: one pass over the value for all such rules.
    Pass,
    /// It is found by one byte of those that nearly all values have.
    OneByte,
    /// Each session that its header is about is looked at.
    EachSession,
    /// Each session is searched with a regular expression.
    EachSessionByPcre,
    /// Each packet is looked at.
    EachPacket,
    /// Each packet is searched with a regular expression.
    EachPacketByPcre,
}

impl RuleSet {
    /// How each rule with this sid, and with this gid where one is given, is tried.
    pub fn explain(&self, gid: Option<u32>, sid: u32) -> impl Iterator<Item = Explanation<'_>> {
        let is_meant = move |rule: &Rule| rule.sid == sid && gid.is_none_or(|gid| rule.gid == gid);
        let known = (0..).map(RuleId).zip(&self.rules).filter(move |(_, entry)| is_meant(&entry.rule));
        known.map(|(id, entry)| self.explain_entry(id, entry))
    }

    fn explain_entry<'s>(&'s self, id: RuleId, entry: &'s Entry) -> Explanation<'s> {
        let plans = self.plans.iter().filter(|s| s.rule == id).map(|s| s.plan);
        let tries: Vec<Try> = plans
            .map(|plan| {
                let found_by = match entry.kind {
                    Kind::Session => best_key(&entry.asks.inspections, plan).map(|(i, _, key)| FoundBy::of(i.buffer.name, key)),
                    Kind::Packet => entry.asks.payload.as_ref().and_then(|p| literal(&p.inspection)).map(FoundBy::in_payload),
                    Kind::Flow => None,
                };
                Try { direction: plan.direction, when: plan.needs.names(), rarely: plan.needs.intersects(Facts::RARE), found_by }
            })
            .collect();
        Explanation {
            rule: &entry.rule,
            kind: entry.kind.name(),
            same_header: self.rules.iter().filter(|e| e.header == entry.header).count(),
            asks: inspections(entry).map(asked).collect(),
            cost: cost(entry, &tries),
            tries,
        }
    }
}

impl FoundBy {
    fn of(buffer: &'static str, key: Key) -> Self {
        let (how, bytes) = match key {
            Key::Exact(bytes) => ("is", bytes),
            Key::Suffix(bytes) => ("ends with", bytes),
            Key::Literal(bytes) => ("has", bytes),
        };
        Self { buffer, how, bytes: bytes.into() }
    }

    fn in_payload(literal: &[u8]) -> Self {
        Self::of(PAYLOAD.name, Key::Literal(literal.to_ascii_lowercase().into()))
    }

    fn cost(&self) -> Cost {
        match self.how {
            "has" if is_common(&self.bytes) => Cost::OneByte,
            "has" => Cost::Pass,
            _ => Cost::LookUp,
        }
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Packet => "packet",
            Self::Session => "session",
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing: it is never tried",
            Self::EachFlow => "low: its header is looked at once for each flow and direction",
            Self::Rare => "lowest: it is tried on the few sessions alone that have what it needs",
            Self::LookUp => "lowest: one look-up finds it among all rules like it",
            Self::Pass => "low: one pass over the value finds it among all rules like it",
            Self::OneByte => "high: one byte that nearly all values have finds it",
            Self::EachSession => "medium: it is tried on each session that its header is about",
            Self::EachSessionByPcre => "high: a regular expression is run on each session that its header is about",
            Self::EachPacketByPcre => "highest: a regular expression is run on each packet that its header is about",
            Self::EachPacket => "medium: it is tried on each packet that its header is about",
        })
    }
}

/// What is asked of a buffer, by keyword.
fn asked(inspection: &Inspection) -> (&'static str, Vec<(&'static str, usize)>) {
    let steps = inspection.steps.iter().map(|step| match step {
        Step::Content(_) => "content",
        Step::Pcre(_) => "pcre",
        Step::IsDataAt(_) => "isdataat",
        Step::ByteTest(_) => "byte_test",
        Step::ByteJump(_) => "byte_jump",
        Step::Extract(_) => "byte_extract or byte_math",
        Step::Entropy(_) => "entropy",
        Step::Base64(_) => "base64_decode",
    });
    let sizes = inspection.size.iter().map(|_| "bsize");
    let sets = inspection.datasets.iter().map(|_| "dataset");
    let reputations = inspection.reputations.iter().map(|_| "datarep");
    let absent = inspection.absent.map(|_| "absent");
    let mut counted: Vec<(&'static str, usize)> = Vec::new();
    for name in steps.chain(sizes).chain(sets).chain(reputations).chain(absent) {
        match counted.iter_mut().find(|(known, _)| *known == name) {
            Some((_, n)) => *n = n.saturating_add(1),
            None => counted.push((name, 1)),
        }
    }
    (inspection.buffer.name, counted)
}

/// What is asked of payload and of buffers, and of what is decoded in them.
fn inspections(entry: &Entry) -> impl Iterator<Item = &Inspection> {
    let named = entry.asks.payload.iter().map(|p| &p.inspection).chain(&entry.asks.inspections);
    named.flat_map(|i| std::iter::once(i).chain(i.of_decoded()))
}

/// The dearest of all ways to try it.
fn cost(entry: &Entry, tries: &[Try]) -> Cost {
    let pcre = inspections(entry).any(Inspection::is_searched);
    let one = |t: &Try| match (entry.kind, &t.found_by) {
        _ if t.rarely => Cost::Rare,
        (Kind::Flow, _) => Cost::EachFlow,
        (Kind::Packet | Kind::Session, Some(found_by)) => found_by.cost(),
        (Kind::Packet, None) if pcre => Cost::EachPacketByPcre,
        (Kind::Packet, None) => Cost::EachPacket,
        (Kind::Session, None) if entry.asks.list.is_some() => Cost::LookUp,
        (Kind::Session, None) if pcre => Cost::EachSessionByPcre,
        (Kind::Session, None) => Cost::EachSession,
    };
    tries.iter().map(one).max().unwrap_or(Cost::Nothing)
}
