//! What a flow remembers of rules between tries.

use std::sync::Arc;

use super::payload::Progress;
use super::rule::{Known, Verdict};
use super::state::FlowVars;
use super::subject::{AppProto, Facts, FlowDirection, Subject, is_named};
use crate::protocol::opening::{Opening, Spoken};
use crate::protocol::tls::session::Openings;

/// What a flow remembers between tries. The default is that of a new flow.
#[derive(Clone, Debug, Default)]
pub struct FlowRules {
    /// Which of the sets that were in force one after the other places are of: see [`renew`](Self::renew).
    generation: u32,
    /// What was there when rules were last tried.
    pub(super) seen: Facts,
    /// What it spoke then.
    speech: Speech,
    /// Where a rule let the flow pass for what it speaks: by which plan.
    passed: Option<(Known, u32)>,
    /// What became of the flow.
    pub(super) verdict: Verdict,
    /// Rules about the flow or the session that are tried no more.
    pub(super) done: Vec<Done>,
    /// Plans that a pattern spoke for and that wait for more facts.
    pub(super) waiting: Vec<u32>,
    /// Plans that have their facts and wait for the right moment.
    pub(super) pending: Vec<u32>,
    /// How far rules about payload have looked.
    pub(super) progress: Progress,
    /// Bits, numbers, and counts of matches.
    pub(super) vars: FlowVars,
}

/// What is tried no more of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// All of it: it fired, which it does once in each direction.
    Fired(Known),
    /// What reads the buffers of one side: a packet was let pass when it was to be tried.
    PassedOver(Known, FlowDirection),
}

impl FlowRules {
    /// Notes what the flow speaks. True where that turned out to be something else, or more is known of it: rules that ask for it are then to be tried
    /// again, but for those that fired, and one that let the flow pass for what it speaks has to hold still.
    pub(super) fn hear(&mut self, subject: &Subject<'_>) -> bool {
        let speech = Speech::of(subject, self.speech);
        if self.speech == speech {
            return false;
        }
        self.speech = speech;
        self.seen = self.seen.without(Facts::OF_PROTOCOL);
        true
    }

    /// By which plan the flow was let pass for what it speaks.
    pub(super) const fn passed(&self) -> Option<(Known, u32)> {
        self.passed
    }

    /// A rule that asks what the flow speaks let it pass, by `plan`.
    pub(super) const fn note_passed(&mut self, rule: Known, plan: u32) {
        self.passed = Some((rule, plan));
    }

    /// The flow does not speak any more what it was let pass for: all rules are tried on it again, but for those that fired.
    pub(super) fn revoke_pass(&mut self) {
        if let Some((rule, _)) = self.passed.take() {
            self.done.retain(|done| *done != Done::Fired(rule));
        }
        self.verdict = Verdict::None;
        self.seen = Facts::NONE;
    }

    /// Whether `rule` is tried no more on the buffers of `side`.
    pub(super) fn is_done(&self, rule: Known, side: FlowDirection) -> bool {
        self.done.iter().any(|done| *done == Done::Fired(rule) || *done == Done::PassedOver(rule, side))
    }

    /// Whether it was tried on the set of this generation, or on none since it began.
    pub(super) const fn is_of(&self, generation: u32) -> bool {
        self.generation == generation
    }

    /// Makes it one of the set of `generation`, where it is of another. Which plans wait is found anew, since all facts count as not
    /// seen; what is known by names stays: what became of the flow, which rules are done, bits, numbers, counts, and how far payload was
    /// looked at.
    pub(super) fn renew(&mut self, generation: u32) {
        if self.generation != generation {
            self.generation = generation;
            self.seen = Facts::NONE;
            self.waiting.clear();
            self.pending.clear();
        }
    }

    /// What rules made of the flow so far.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Makes `verdict` that of a flow that no rule decided about: no more is tried on it.
    pub fn settle(&mut self, verdict: Verdict) {
        if self.verdict == Verdict::None {
            self.verdict = verdict;
        }
    }

    /// The flow bits that are set.
    pub fn bits(&self) -> &[Arc<str>] {
        self.vars.bits()
    }

    /// The flow integers that have a value.
    pub fn ints(&self) -> &[(Arc<str>, u32)] {
        self.vars.ints()
    }
}

/// What is known of what a flow speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Speech {
    app_proto: AppProto,
    client: Option<Spoken>,
    server: Option<Spoken>,
    is_named: bool,
}

impl Speech {
    /// That of `subject`; what each side began with is as `before` where it is not kept any more.
    fn of(subject: &Subject<'_>, before: Self) -> Self {
        let app_proto = subject.app_proto;
        let Some(session) = subject.session.filter(|session| !session.is_tls) else { return Self { app_proto, ..before } };
        let spoken = |of: fn(&Openings) -> &Opening| session.openings.as_deref().and_then(|openings| of(openings).spoken());
        Self { app_proto, client: spoken(|o| &o.client), server: spoken(|o| &o.server), is_named: is_named(session) }
    }
}
