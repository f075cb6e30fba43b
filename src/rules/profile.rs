//! What each rule cost: counted only where it is asked for, and timed by a clock that is handed in.

use std::collections::HashMap;

use super::rule::{Rule, RuleId};
use super::set::RuleSet;
use super::subject::FlowDirection;

/// What each rule of a set cost.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Nanoseconds since any moment.
    clock: fn() -> u64,
    /// By the place of the rule in its set.
    rules: Vec<RuleProfile>,
}

/// What a rule cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleProfile {
    /// Times that it was looked at: a pattern of it was found, its facts were there, or a packet came.
    pub candidates: u64,
    /// Times that all of it was tried: the moment suited what it asks of packet and state.
    pub evaluations: u64,
    /// Times that it held.
    pub matches: u64,
    /// What the evaluations took. The search for patterns, which all rules share, is not in it.
    pub nanoseconds: u64,
}

impl Profile {
    /// Of nothing yet. `clock` tells nanoseconds since any moment, and never goes back.
    pub const fn new(clock: fn() -> u64) -> Self {
        Self { clock, rules: Vec::new() }
    }

    /// Adds what another worker counted with the same set.
    pub fn add(&mut self, other: &Self) {
        for (i, theirs) in other.rules.iter().enumerate() {
            self.add_to(i, *theirs);
        }
    }

    /// Each rule that was a candidate, and what it cost.
    pub fn rules(&self) -> impl Iterator<Item = (RuleId, RuleProfile)> {
        (0..).map(RuleId).zip(self.rules.iter().copied()).filter(|(_, rule)| rule.candidates > 0)
    }

    /// The set is another one from now on: what was counted stays with the rules that are in both.
    pub(super) fn carry_over(&mut self, old: &RuleSet, new: &RuleSet) {
        let known = |rule: &Rule| rule.known(FlowDirection::ToServer);
        let mut costs: HashMap<_, _> = old.rules().map(known).zip(std::mem::take(&mut self.rules)).collect();
        self.rules = new.rules().map(|rule| costs.remove(&known(rule)).unwrap_or_default()).collect();
    }

    /// The time now.
    pub(super) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Adds to what `rule` cost.
    pub(super) fn tally(&mut self, rule: RuleId, cost: RuleProfile) {
        self.add_to(rule.0 as usize, cost);
    }

    /// Adds to what the rule at `index` cost.
    fn add_to(&mut self, index: usize, cost: RuleProfile) {
        if self.rules.len() <= index {
            self.rules.resize(index.saturating_add(1), RuleProfile::default());
        }
        if let Some(rule) = self.rules.get_mut(index) {
            rule.candidates = rule.candidates.saturating_add(cost.candidates);
            rule.evaluations = rule.evaluations.saturating_add(cost.evaluations);
            rule.matches = rule.matches.saturating_add(cost.matches);
            rule.nanoseconds = rule.nanoseconds.saturating_add(cost.nanoseconds);
        }
    }
}

impl RuleProfile {
    pub(super) const CANDIDATE: Self = Self { candidates: 1, ..Self::NOTHING };
    pub(super) const EVALUATION: Self = Self { evaluations: 1, ..Self::NOTHING };
    pub(super) const MATCH: Self = Self { matches: 1, ..Self::NOTHING };
    const NOTHING: Self = Self { candidates: 0, evaluations: 0, matches: 0, nanoseconds: 0 };
}
