//! How a set is tried on a flow: who is a candidate, who of them matches, and what comes of it.

use std::borrow::Cow;
use std::sync::Arc;

use super::ast::Action;
use super::builder::FlowState;
use super::compile::{Kind, Plan};
use super::dataset::{Change, DatasetChanges};
use super::flow_rules::{Done, FlowRules};
use super::inspect::Inspection;
use super::matcher::{Budget, Values};
use super::payload::{Progress, Seen};
use super::prefilter::Table;
use super::profile::{Profile, RuleProfile};
use super::rule::{Known, Match, RuleId, Verdict};
use super::set::{Counted, Entry, RuleSet, Scheduled};
use super::state::{Allowed, HostState, States};
use super::subject::{Facts, FlowDirection, Subject};
use super::transform;
use crate::protocol::tls::Session;

/// What a worker needs to try rules, kept from one flow to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    /// How many sets were in force before.
    generation: u32,
    round: u32,
    candidates: Vec<u32>,
    /// By plan: the round that it last became a candidate in.
    marks: Vec<u32>,
    /// By header: the rounds that it was looked at in for each direction, and what came of it.
    headers: Vec<[(u32, bool); 2]>,
    lower: Vec<u8>,
    /// What the rule at hand would change in data sets.
    changes: Vec<Change>,
    /// What its data sets know of the values that it found.
    context: Vec<(Arc<str>, Arc<str>)>,
    counters: Counters,
    /// Where it is asked for.
    profile: Option<Box<Profile>>,
}

/// What trying rules took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times that rules were tried on a flow.
    pub rounds: u64,
    /// Rules looked at one by one.
    pub candidates: u64,
    /// Rules that fired.
    pub matches: u64,
    /// Alerts that were suppressed, or left out by a threshold that is counted with the flow or decides about actions.
    pub suppressed: u64,
    /// Matches that did not count, since a data set had no room for the value.
    pub dataset_full: u64,
    /// Values given up on, as not matching, because they took too much work.
    pub budget_spent: u64,
}

impl RuleSet {
    /// Tries the rules that `subject` has become ripe for since the last time and those about its packet, appends those that fire
    /// to `out`, and says what is to become of the packet; what is to become of the flow, [`FlowRules::verdict`] tells then.
    ///
    /// To be called when facts were added: at the first packet in each direction, when it is known what the flow speaks, and
    /// whenever the session came to a further stage; where the set [`wants_packets`](Self::wants_packets), for each packet.
    pub fn evaluate(
        &self,
        subject: &Subject<'_>,
        flow: &mut FlowRules,
        hosts: &mut HostState,
        scratch: &mut Scratch,
        out: &mut Vec<Match>,
    ) -> Verdict {
        scratch.renew(flow);
        if flow.hear(subject) && !self.still_passes(subject, flow) {
            flow.revoke_pass();
        }
        let have = Facts::of(subject);
        let new = have.without(flow.seen);
        flow.seen = flow.seen.and(have);
        let ripens = new.intersects(self.awaited);
        let by_packet = subject.packet.is_some() && self.tries_packets();
        if flow.verdict != Verdict::None || !(ripens || by_packet || !flow.pending.is_empty()) {
            subject.packet.iter().for_each(|packet| flow.progress.advance(packet));
            return flow.verdict;
        }
        scratch.begin(self);
        std::mem::take(&mut flow.pending).into_iter().for_each(|plan| scratch.mark(plan));
        if ripens {
            self.collect(subject, have, new, flow, scratch);
        }
        if by_packet {
            self.collect_by_packet(subject, flow, scratch);
        }
        scratch.candidates.sort_unstable();
        self.act(subject, flow, hosts, scratch, out)
    }

    /// Whether the rule that let the flow pass for what it speaks, if one did, is in this set and holds for what it speaks now.
    fn still_passes(&self, subject: &Subject<'_>, flow: &FlowRules) -> bool {
        let Some((known, plan)) = flow.passed() else { return true };
        let scheduled = self.plans.get(plan as usize);
        let Some((entry, plan)) = scheduled.and_then(|s| Some((self.entry(s.rule)?, s.plan))) else { return false };
        let mut of_protocol = entry.asks.tests.iter().filter(|test| test.is_of_protocol());
        entry.rule.known(plan.direction) == known && of_protocol.all(|test| test.holds(subject, test.sides().side(plan.side)))
    }

    /// Finds the candidates that new facts speak for.
    fn collect(&self, subject: &Subject<'_>, have: Facts, new: Facts, flow: &mut FlowRules, scratch: &mut Scratch) {
        let mut waiting = std::mem::take(&mut flow.waiting);
        waiting.retain(|&plan| {
            let ripe = self.plans.get(plan as usize).is_some_and(|s| have.has(s.plan.needs));
            if ripe {
                scratch.mark(plan);
            }
            !ripe
        });
        if let Some(session) = subject.session {
            let mut lower = std::mem::take(&mut scratch.lower);
            for table in self.tables.iter().filter(|t| new.intersects(t.fact())) {
                table.look_up(session, &mut lower, |plan| match self.plans.get(plan as usize) {
                    Some(s) if have.has(s.plan.needs) => scratch.mark(plan),
                    Some(_) if !waiting.contains(&plan) => waiting.push(plan),
                    _ => {}
                });
            }
            scratch.lower = lower;
        }
        flow.waiting = waiting;
        for group in self.groups.iter().filter(|g| have.has(g.needs) && new.intersects(g.needs)) {
            if scratch.header(self, group.header, subject, group.direction) {
                group.plans.iter().for_each(|&plan| scratch.mark(plan));
            }
        }
    }

    /// Finds the candidates among the rules that are tried on each packet.
    fn collect_by_packet(&self, subject: &Subject<'_>, flow: &FlowRules, scratch: &mut Scratch) {
        let Some(packet) = &subject.packet else { return };
        self.payload_tables.iter().for_each(|t| t.look_up(packet, &flow.progress, |plan| scratch.mark(plan)));
        for group in self.packet_groups.iter().filter(|g| g.direction == packet.direction) {
            if scratch.header(self, group.header, subject, group.direction) {
                group.plans.iter().for_each(|&plan| scratch.mark(plan));
            }
        }
    }

    /// Tries the candidates in order.
    fn act(
        &self,
        subject: &Subject<'_>,
        flow: &mut FlowRules,
        hosts: &mut HostState,
        scratch: &mut Scratch,
        out: &mut Vec<Match>,
    ) -> Verdict {
        if let Some(packet) = &subject.packet {
            hosts.advance(packet.segment.header.timestamp);
        }
        let candidates = std::mem::take(&mut scratch.candidates);
        let mut verdict = Verdict::None;
        for (i, &index) in candidates.iter().enumerate() {
            let Some(scheduled) = self.plans.get(index as usize) else { continue };
            let Some(entry) = self.entry(scheduled.rule) else { continue };
            scratch.counters.candidates = scratch.counters.candidates.saturating_add(1);
            scratch.tally(scheduled.rule, RuleProfile::CANDIDATE);
            let known = entry.rule.known(scheduled.plan.direction);
            if flow.is_done(known, scheduled.plan.side) {
                continue;
            }
            let Some(seen) = self.is_due(entry, scheduled, subject, flow, hosts, scratch) else {
                if entry.kind != Kind::Packet {
                    flow.pending.push(index);
                }
                continue;
            };
            let states = &mut States { flow: &mut flow.vars, hosts };
            let sets = &mut states.hosts.datasets;
            if !scratch.timed(scheduled.rule, |scratch| self.holds(entry, scheduled.plan, subject, sets, scratch)) {
                continue;
            }
            if !sets.admits(&scratch.changes) {
                scratch.counters.dataset_full = scratch.counters.dataset_full.saturating_add(1);
                continue;
            }
            scratch.changes.drain(..).for_each(|change| sets.apply(change));
            scratch.counters.matches = scratch.counters.matches.saturating_add(1);
            scratch.tally(scheduled.rule, RuleProfile::MATCH);
            entry.asks.stateful.apply(subject, scheduled.plan.direction, states);
            if let Some(packet) = subject.packet.as_ref().filter(|_| entry.asks.payload.is_some()) {
                flow.progress.note_match(known, packet);
            }
            if entry.kind != Kind::Packet {
                flow.done.push(Done::Fired(known));
            }
            let allowed = entry.count(scheduled, subject, flow, hosts);
            if entry.rule.alerts && allowed != Allowed::Alert {
                scratch.counters.suppressed = scratch.counters.suppressed.saturating_add(1);
            }
            if allowed == Allowed::Nothing {
                continue;
            }
            let direction = scheduled.plan.direction;
            let action = entry.action(subject, direction, hosts);
            let asked = Verdict::of(action);
            if (entry.rule.alerts || entry.rule.stores_certificates) && allowed == Allowed::Alert {
                let (source, destination) = subject.ends(direction);
                match entry.suppressions.iter().any(|s| s.covers(source, destination)) {
                    true => scratch.counters.suppressed = scratch.counters.suppressed.saturating_add(1),
                    false => {
                        let listed = entry.asks.list.as_ref().and_then(|list| list.find(subject));
                        let context = std::mem::take(&mut scratch.context);
                        out.push(Match { rule: scheduled.rule, direction, action, listed, context });
                    }
                }
            }
            if (entry.whole_flow || seen == Seen::Stream) && flow.verdict == Verdict::None {
                flow.verdict = asked;
                if asked == Verdict::Pass && entry.asks.tests.iter().any(|test| test.is_of_protocol()) {
                    flow.note_passed(known, index);
                }
            }
            if verdict == Verdict::None {
                verdict = asked;
            }
            if asked == Verdict::Pass {
                self.pass_over(candidates.get(i..).unwrap_or_default(), subject, flow, hosts, scratch);
                break;
            }
        }
        scratch.candidates = candidates;
        subject.packet.iter().for_each(|packet| flow.progress.advance(packet));
        verdict
    }

    /// Whether now is the moment to try a rule, and where its payload was seen then.
    fn is_due(
        &self,
        entry: &Entry,
        scheduled: &Scheduled,
        subject: &Subject<'_>,
        flow: &mut FlowRules,
        hosts: &mut HostState,
        scratch: &mut Scratch,
    ) -> Option<Seen> {
        let plan = scheduled.plan;
        let moment = entry.suits(plan, subject, &States { flow: &mut flow.vars, hosts })
            && (entry.asks.payload.is_none() || scratch.header(self, entry.header, subject, plan.direction));
        if !moment {
            return None;
        }
        scratch.tally(scheduled.rule, RuleProfile::EVALUATION);
        let known = entry.rule.known(plan.direction);
        scratch.timed(scheduled.rule, |scratch| entry.seen(known, plan, subject, &flow.progress, scratch))
    }

    /// The packet is let pass: what of `plans` was to be tried now is not any more, in this set or in one that takes its place. The rest
    /// waits on.
    fn pass_over(&self, plans: &[u32], subject: &Subject<'_>, flow: &mut FlowRules, hosts: &mut HostState, scratch: &mut Scratch) {
        if flow.verdict != Verdict::None {
            return; // none is tried any more
        }
        for &index in plans {
            let Some(scheduled) = self.plans.get(index as usize) else { continue };
            let Some(entry) = self.entry(scheduled.rule).filter(|entry| entry.kind != Kind::Packet) else { continue };
            let (known, side) = (entry.rule.known(scheduled.plan.direction), scheduled.plan.side);
            if flow.is_done(known, side) {
                continue;
            }
            match self.is_due(entry, scheduled, subject, flow, hosts, scratch) {
                Some(_) => flow.done.push(Done::PassedOver(known, side)),
                None => flow.pending.push(index),
            }
        }
    }

    /// Whether all that a rule asks of flow and session is so; what it then changes in data sets is left in `scratch`.
    fn holds(&self, entry: &Entry, plan: Plan, subject: &Subject<'_>, sets: &DatasetChanges, scratch: &mut Scratch) -> bool {
        scratch.changes.clear();
        scratch.context.clear();
        let (source, destination) = subject.ends(plan.direction);
        scratch.header(self, entry.header, subject, plan.direction)
            && entry.asks.ends.iter().all(|e| e.holds(source, destination))
            && entry.asks.tests.iter().all(|t| t.holds(subject, t.sides().side(plan.side)))
            && entry.asks.list.as_ref().is_none_or(|list| list.find(subject).is_some())
            && entry.asks.inspections.iter().all(|i| inspect(i, plan, subject, sets, scratch))
    }
}

impl Entry {
    /// Counts a match, where that is not done where alerts come together.
    fn count(&self, scheduled: &Scheduled, subject: &Subject<'_>, flow: &mut FlowRules, hosts: &mut HostState) -> Allowed {
        let (Some(threshold), Some(counted)) = (&self.threshold, self.counted()) else { return Allowed::Alert };
        match counted {
            Counted::Alerts => Allowed::Alert,
            Counted::ByHost => {
                let (source, destination) = subject.ends(scheduled.plan.direction);
                hosts.counts.count((self.rule.gid, self.rule.sid), threshold, source, destination, hosts.now())
            }
            Counted::ByFlow => flow.vars.count((self.rule.gid, self.rule.sid), threshold, hosts.now()),
        }
    }

    /// What it does at a match.
    fn action(&self, subject: &Subject<'_>, direction: FlowDirection, hosts: &mut HostState) -> Action {
        let (source, destination) = subject.ends(direction);
        let now = hosts.now();
        match &self.rate_filter {
            Some(filter) if hosts.rates.acts((self.rule.gid, self.rule.sid), filter, source, destination, now) => filter.action,
            _ => self.rule.action,
        }
    }

    /// Whether the moment is one for the rule: what it asks of the packet, of TCP's handshake, and of what rules remember.
    fn suits(&self, plan: Plan, subject: &Subject<'_>, states: &States<'_>) -> bool {
        let state = match self.asks.state {
            // That there is a session says so.
            Some(FlowState::Established) => subject.established || self.kind == Kind::Session,
            Some(FlowState::NotEstablished) => !subject.established,
            Some(FlowState::Stateless) | None => true,
        };
        let fragments = |wanted| subject.packet.is_none_or(|p| (p.segment.header.ip_len == 0) == wanted);
        let of_packet = || subject.packet.as_ref().filter(|p| p.direction == plan.direction);
        state
            && self.asks.from_fragments.is_none_or(fragments)
            && (self.asks.packet.is_empty() || of_packet().is_some_and(|p| self.asks.packet.iter().all(|t| t.holds(p))))
            && self.asks.stateful.holds(subject, plan.direction, states)
    }

    /// Where payload is as the rule asks; in the packet where it asks nothing of payload.
    fn seen(&self, known: Known, plan: Plan, subject: &Subject<'_>, progress: &Progress, scratch: &mut Scratch) -> Option<Seen> {
        let Some(payload) = &self.asks.payload else { return Some(Seen::Packet) };
        let packet = subject.packet.as_ref().filter(|p| p.direction == plan.direction)?;
        payload.seen(packet, known, progress, &mut scratch.counters.budget_spent)
    }
}

impl Verdict {
    /// What `action` makes of a packet.
    pub const fn of(action: Action) -> Self {
        match action {
            Action::Pass => Self::Pass,
            Action::Drop => Self::Drop,
            Action::Reject(target) => Self::Reject(target),
            Action::Alert => Self::None,
        }
    }
}

impl Scratch {
    /// What trying rules took so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// One that counts what each rule costs.
    pub fn profiling(profile: Profile) -> Self {
        Self { profile: Some(Box::new(profile)), ..Self::default() }
    }

    /// What each rule cost so far, where that is counted.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_deref()
    }

    /// From now on `new` is tried in place of `old`, which was so far. What flows know of places in `old` is void; costs that were counted
    /// go with the rules that are in both.
    pub fn replace_set(&mut self, old: &RuleSet, new: &RuleSet) {
        self.generation = self.generation.wrapping_add(1);
        self.marks = Vec::new();
        self.headers = Vec::new();
        if let Some(profile) = &mut self.profile {
            profile.carry_over(old, new);
        }
    }

    /// Whether `flow` has something to learn from the set in force: it was last tried on another, or on none.
    pub const fn is_new_to(&self, flow: &FlowRules) -> bool {
        !flow.is_of(self.generation)
    }

    /// What `flow` knows is of the set in force from now on.
    pub fn renew(&self, flow: &mut FlowRules) {
        flow.renew(self.generation);
    }

    /// Appends the plans to `found` that a value of `session` speaks for in `table`, each once.
    pub(super) fn look_up(&mut self, table: &Table, session: &Session, found: &mut Vec<u32>) {
        let from = found.len();
        table.look_up(session, &mut self.lower, |plan| found.push(plan));
        found.get_mut(from..).unwrap_or_default().sort_unstable();
        found.dedup();
    }

    /// Adds to what a rule cost, where that is counted.
    fn tally(&mut self, rule: RuleId, cost: RuleProfile) {
        if let Some(profile) = &mut self.profile {
            profile.tally(rule, cost);
        }
    }

    /// Does a part of trying a rule; where costs are counted, with the time that it takes.
    fn timed<T>(&mut self, rule: RuleId, part: impl FnOnce(&mut Self) -> T) -> T {
        let Some(begin) = self.profile.as_ref().map(|profile| profile.now()) else { return part(self) };
        let result = part(self);
        if let Some(profile) = &mut self.profile {
            let nanoseconds = profile.now().saturating_sub(begin);
            profile.tally(rule, RuleProfile { nanoseconds, ..RuleProfile::default() });
        }
        result
    }

    fn begin(&mut self, set: &RuleSet) {
        self.counters.rounds = self.counters.rounds.saturating_add(1);
        self.candidates.clear();
        self.round = self.round.wrapping_add(1);
        let fits = self.marks.len() == set.plans.len() && self.headers.len() == set.headers.len();
        if !fits || self.round == 0 {
            self.round = 1;
            self.marks = vec![0; set.plans.len()];
            self.headers = vec![[(0, false); 2]; set.headers.len()];
        }
    }

    /// Makes `plan` a candidate, once a round.
    fn mark(&mut self, plan: u32) {
        match self.marks.get_mut(plan as usize) {
            Some(mark) if *mark != self.round => {
                *mark = self.round;
                self.candidates.push(plan);
            }
            _ => {}
        }
    }

    /// Whether a header matches; looked at once a round.
    fn header(&mut self, set: &RuleSet, header: u32, subject: &Subject<'_>, direction: FlowDirection) -> bool {
        let i = header as usize;
        let slots = self.headers.get_mut(i).map(|[to_server, to_client]| match direction {
            FlowDirection::ToServer => to_server,
            FlowDirection::ToClient => to_client,
        });
        let (Some(slot), Some(header)) = (slots, set.headers.get(i)) else { return false };
        if slot.0 != self.round {
            *slot = (self.round, header.matches(subject, direction));
        }
        slot.1
    }
}

/// Whether one value of the buffer has all that is asked.
pub(super) fn inspect(
    inspection: &Inspection,
    plan: Plan,
    subject: &Subject<'_>,
    sets: &DatasetChanges,
    scratch: &mut Scratch,
) -> bool {
    let octets = inspection.address.map(|address| address.octets(subject.ends(plan.direction)));
    let mut values = Values::new();
    match (&octets, subject.session) {
        (Some(octets), _) => values.push(Cow::Borrowed(octets.as_slice())),
        (None, Some(session)) => {
            let (buffer, side) = (inspection.buffer, inspection.buffer.sides.side(plan.side));
            (buffer.read)(session, side, &mut values);
            if values.is_empty() {
                return inspection.holds_without_value() && (buffer.is_absent)(session, side);
            }
        }
        (None, None) => return false,
    }
    values.iter().any(|value| {
        let value = transform::apply(&inspection.transforms, value);
        let mut budget = Budget::new();
        let holds = inspection.is_listed(&value, sets) && inspection.holds_after(&value, 0, &mut budget);
        if budget.is_spent() {
            scratch.counters.budget_spent = scratch.counters.budget_spent.saturating_add(1);
        }
        if holds {
            scratch.changes.extend(inspection.datasets.iter().filter_map(|m| m.change(&value)));
            scratch.context.extend(inspection.datasets.iter().filter_map(|m| m.context(&value)));
        }
        holds
    })
}

/// For a test that tries each rule, without keys and groups.
#[cfg(test)]
impl RuleSet {
    pub(super) fn plans_of(&self, rule: RuleId) -> Vec<Plan> {
        self.plans.iter().filter(|s| s.rule == rule).map(|s| s.plan).collect()
    }

    /// Whether it is tried on each packet, and whether its action is about the flow.
    pub(super) fn nature(&self, rule: RuleId) -> (bool, bool) {
        self.entry(rule).map_or((false, false), |e| (e.kind == Kind::Packet, e.whole_flow))
    }

    pub(super) fn suits(&self, rule: RuleId, plan: Plan, subject: &Subject<'_>, states: &States<'_>) -> bool {
        self.entry(rule).is_some_and(|entry| entry.suits(plan, subject, states))
    }

    /// Whether what it asks of what the flow speaks, if anything, is so.
    pub(super) fn protocol_holds(&self, rule: RuleId, plan: Plan, subject: &Subject<'_>) -> bool {
        let tests = self.entry(rule).map(|entry| &entry.asks.tests).into_iter().flatten();
        tests.filter(|test| test.is_of_protocol()).all(|test| test.holds(subject, test.sides().side(plan.side)))
    }

    /// Where payload is as it asks.
    pub(super) fn seen(&self, rule: RuleId, plan: Plan, subject: &Subject<'_>, progress: &Progress) -> Option<Seen> {
        let entry = self.entry(rule)?;
        entry.seen(entry.rule.known(plan.direction), plan, subject, progress, &mut Scratch::default())
    }

    pub(super) fn stateful(&self, rule: RuleId) -> Option<&super::state::Stateful> {
        self.entry(rule).map(|e| &e.asks.stateful)
    }

    /// Whether it holds; what it changes in data sets is done.
    pub(super) fn holds_by_itself(&self, rule: RuleId, plan: Plan, subject: &Subject<'_>, hosts: &mut HostState) -> bool {
        let mut scratch = Scratch::default();
        scratch.begin(self);
        let holds = self.entry(rule).is_some_and(|entry| self.holds(entry, plan, subject, &hosts.datasets, &mut scratch));
        if holds {
            scratch.changes.drain(..).for_each(|change| hosts.datasets.apply(change));
        }
        holds
    }
}
