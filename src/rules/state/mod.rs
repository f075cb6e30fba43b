//! What rules remember, and ask of what was remembered: of a flow (`flow`), of hosts and pairs of hosts across flows (`hosts`); and how
//! often they may speak (`threshold`, and `limits` for what is about alerts alone); which packets are told as they are (`tag`).
//!
//! A [`Condition`] is looked at while a rule is tried. An [`Effect`] happens when it has matched, alert or not.

mod expiring;
mod flow;
mod hosts;
mod limits;
mod tag;
mod threshold;

use std::sync::Arc;

use smallvec::SmallVec;

use super::subject::{FlowDirection, Subject};

pub(super) use flow::{Amount, FlowVars, IntChange, IntTest};
pub use hosts::HostState;
pub(super) use hosts::{SharedBit, Track};
pub use limits::{AlertLimits, Alerted};
pub(super) use tag::{Scope, Tag};
pub(super) use threshold::{Allowed, RateFilter, Threshold, ThresholdKind, TrackBy};

/// The name of a bit or a number.
pub(super) type Name = Arc<str>;

/// What has to be so for a rule to match.
#[derive(Debug)]
pub(super) enum Condition {
    /// `flowbits:isset` and `isnotset`: one of the bits is, or is not, set.
    FlowBit(SmallVec<[Name; 1]>, bool),
    /// `flowint` with a comparison, `isset` or `notset`.
    FlowInt(Name, IntTest),
    /// `xbits` of the session: the bit is, or is not, set.
    SessionBit(Name, bool),
    /// `xbits` and `hostbits`: the bit is, or is not, set.
    Shared(SharedBit, bool),
}

/// What a match leaves behind.
#[derive(Debug)]
pub(super) enum Effect {
    /// `flowbits`
    FlowBit(Name, Change),
    /// `flowint`
    FlowInt(Name, IntChange),
    /// `xbits` of the session
    SessionBit(Name, Change),
    /// `xbits` and `hostbits`
    Shared(SharedBit, Change),
    /// `tag`
    Tag(Tag),
}

/// What is done to a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Set,
    Unset,
    Toggle,
}

/// What a rule asks of state and does to it.
#[derive(Debug, Default)]
pub(super) struct Stateful {
    pub conditions: Vec<Condition>,
    pub effects: Vec<Effect>,
}

/// The state that is there while a rule is tried.
pub(super) struct States<'s> {
    pub flow: &'s mut FlowVars,
    pub hosts: &'s mut HostState,
}

impl Stateful {
    /// Whether all conditions hold for `subject`, seen in `direction`.
    pub fn holds(&self, subject: &Subject<'_>, direction: FlowDirection, states: &States<'_>) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::FlowBit(names, set) => names.iter().any(|n| states.flow.is_set(n) == *set),
            Condition::FlowInt(name, test) => states.flow.int_holds(name, test),
            Condition::SessionBit(name, set) => states.flow.is_set_of_session(name) == *set,
            Condition::Shared(bit, set) => states.hosts.is_set(bit, subject, direction) == *set,
        })
    }

    /// The rule has matched.
    pub fn apply(&self, subject: &Subject<'_>, direction: FlowDirection, states: &mut States<'_>) {
        for effect in &self.effects {
            match effect {
                Effect::FlowBit(name, change) => states.flow.change(name, *change),
                Effect::FlowInt(name, change) => states.flow.change_int(name, change),
                Effect::SessionBit(name, change) => states.flow.change_of_session(name, *change),
                Effect::Shared(bit, change) => states.hosts.change(bit, *change, subject, direction),
                Effect::Tag(tag) => subject.tag(*tag, direction, states),
            }
        }
    }

    /// Whether its conditions exclude each other.
    pub fn is_at_odds(&self) -> bool {
        let alone = |name: &Name, wanted: bool| {
            self.conditions
                .iter()
                .any(|c| matches!(c, Condition::FlowBit(names, set) if *set == wanted && **names == [name.clone()]))
        };
        let int = |of: &Name, is: &dyn Fn(&IntTest) -> bool| {
            self.conditions.iter().any(|c| matches!(c, Condition::FlowInt(name, test) if name == of && is(test)))
        };
        let bit = |of: &SharedBit, wanted: bool| {
            let same = |b: &SharedBit| b.name == of.name && b.track == of.track;
            self.conditions.iter().any(|c| matches!(c, Condition::Shared(b, set) if *set == wanted && same(b)))
        };
        self.conditions.iter().any(|condition| match condition {
            Condition::FlowBit(names, set) => names.iter().all(|name| alone(name, !set)),
            Condition::FlowInt(name, IntTest::IsSet(false)) => int(name, &|test| !matches!(test, IntTest::IsSet(false))),
            Condition::FlowInt(..) => false,
            Condition::SessionBit(of, set) => {
                self.conditions.iter().any(|c| matches!(c, Condition::SessionBit(name, other) if name == of && other != set))
            }
            Condition::Shared(of, set) => bit(of, !set),
        })
    }

    /// Whether it is about something that may change from packet to packet. (As in Suricata, counting is; setting is not.)
    pub fn is_passing(&self) -> bool {
        let counts = |e: &Effect| matches!(e, Effect::FlowInt(_, IntChange::Add(_) | IntChange::Subtract(_)));
        !self.conditions.is_empty() || self.effects.iter().any(counts)
    }

    /// Whether what it is about is shared by flows: then the order of packets matters across flows.
    pub fn is_shared(&self) -> bool {
        self.conditions.iter().any(|c| matches!(c, Condition::Shared(..)))
            || self.effects.iter().any(|e| match e {
                Effect::Shared(..) => true,
                Effect::Tag(tag) => tag.scope != Scope::Session,
                _ => false,
            })
    }

    /// Whether packets that follow are told.
    pub fn tags(&self) -> bool {
        self.effects.iter().any(|e| matches!(e, Effect::Tag(_)))
    }

    /// What it tags is tagged by the rule with this gid and sid.
    pub fn name_tags(&mut self, rule: (u32, u32)) {
        for effect in &mut self.effects {
            if let Effect::Tag(tag) = effect {
                tag.rule = rule;
            }
        }
    }

    /// Where a rule stands among those of equal action: who sets comes before who sets and asks, and that before who asks; those
    /// without state come last. By flow bits first, then flow integers, then the bits of hosts and sessions.
    pub fn rank(&self) -> [u8; 3] {
        let rank = |asks, sets| match (sets, asks) {
            (true, false) => 0,
            (true, true) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        let asks = |is: fn(&Condition) -> bool| self.conditions.iter().any(is);
        let sets = |is: fn(&Effect) -> bool| self.effects.iter().any(is);
        [
            rank(asks(|c| matches!(c, Condition::FlowBit(..))), sets(|e| matches!(e, Effect::FlowBit(..)))),
            rank(asks(|c| matches!(c, Condition::FlowInt(..))), sets(|e| matches!(e, Effect::FlowInt(..)))),
            rank(
                asks(|c| matches!(c, Condition::Shared(..) | Condition::SessionBit(..))),
                sets(|e| matches!(e, Effect::Shared(..) | Effect::SessionBit(..))),
            ),
        ]
    }

    /// The flow bits that it asks for.
    pub fn bits_asked(&self) -> impl Iterator<Item = &Name> {
        self.conditions.iter().flat_map(|c| if let Condition::FlowBit(names, _) = c { names.as_slice() } else { &[] })
    }

    /// The flow bits that it may set.
    pub fn bits_set(&self) -> impl Iterator<Item = &Name> {
        self.effects.iter().filter_map(|e| match e {
            Effect::FlowBit(name, Change::Set | Change::Toggle) => Some(name),
            _ => None,
        })
    }
}
