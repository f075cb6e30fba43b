//! The compiled set, and how it is tried on a flow.

use std::collections::HashMap;

use super::ast::Action;
use super::builder::{FlowState, Test};
use super::compile::{Compiled, Header, Plan};
use super::inspect::Inspection;
use super::matcher::{Budget, Values};
use super::prefilter::{Key, Table};
use super::rule::{Match, Rule, RuleId, Verdict};
use super::subject::{Facts, FlowDirection, FlowRules, Subject};

/// Rules, ready to be tried. Never changes, and may be shared.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// In the order in which they act.
    rules: Vec<Entry>,
    /// In the order of their rules.
    plans: Vec<Scheduled>,
    headers: Vec<Header>,
    tables: Vec<Table>,
    groups: Vec<Group>,
    /// Facts that some rule waits for.
    awaited: Facts,
}

/// What a worker needs to try rules, kept from one flow to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    round: u32,
    candidates: Vec<u32>,
    /// By plan: the round that it last became a candidate in.
    marks: Vec<u32>,
    /// By header: the rounds that it was looked at in for each direction, and what came of it.
    headers: Vec<[(u32, bool); 2]>,
    lower: Vec<u8>,
    counters: Counters,
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
    /// Values given up on, as not matching, because they took too much work.
    pub budget_spent: u64,
}

#[derive(Debug)]
struct Entry {
    rule: Rule,
    header: u32,
    state: Option<FlowState>,
    tests: Vec<Box<dyn Test>>,
    inspections: Vec<Inspection>,
    /// It has more than one plan: that it fired has to be remembered.
    several: bool,
}

#[derive(Debug)]
struct Scheduled {
    plan: Plan,
    rule: RuleId,
}

/// Plans without key that wait for the same facts and have the same header.
#[derive(Debug)]
struct Group {
    needs: Facts,
    header: u32,
    direction: FlowDirection,
    plans: Vec<u32>,
}

impl RuleSet {
    /// The set of `compiled`.
    pub(super) fn new(mut compiled: Vec<Compiled>) -> Self {
        compiled.sort_by_key(|c| (rank(c.rule.action), c.rule.severity));
        let mut set = Self::default();
        let mut headers = HashMap::new();
        for one in compiled {
            set.add(one, &mut headers);
        }
        set.index();
        set
    }

    /// Whether there is no rule in it.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether a rule asks for no more than addresses and ports, so that the first packet of a flow decides it.
    pub fn wants_first_packet(&self) -> bool {
        self.plans.iter().any(|s| Facts::FLOW.has(s.plan.needs))
    }

    /// A rule of this set. `None` for an id of another one.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.entry(id).map(|e| &e.rule)
    }

    /// All rules, in the order in which they act.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|e| &e.rule)
    }

    /// Tries the rules that `subject` has become ripe for since the last time, appends those that fire to `out`, and says
    /// what is to become of the flow. To be called when facts were added: at the first packet, when the flow is established,
    /// when it is known what it speaks, and whenever the session came to a further stage.
    pub fn evaluate(&self, subject: &Subject<'_>, flow: &mut FlowRules, scratch: &mut Scratch, out: &mut Vec<Match>) -> Verdict {
        let have = Facts::of(subject);
        let new = have.without(flow.seen);
        flow.seen = flow.seen.and(have);
        if flow.verdict == Verdict::None && new.intersects(self.awaited) {
            scratch.begin(self);
            self.collect(subject, have, new, flow, scratch);
            flow.verdict = self.act(subject, flow, scratch, out);
        }
        flow.verdict
    }

    /// Finds the candidates.
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
        scratch.candidates.sort_unstable();
    }

    /// Tries the candidates in order.
    fn act(&self, subject: &Subject<'_>, flow: &mut FlowRules, scratch: &mut Scratch, out: &mut Vec<Match>) -> Verdict {
        let candidates = std::mem::take(&mut scratch.candidates);
        let mut verdict = Verdict::None;
        for &plan in &candidates {
            let Some(scheduled) = self.plans.get(plan as usize) else { continue };
            let Some(entry) = self.entry(scheduled.rule) else { continue };
            scratch.counters.candidates = scratch.counters.candidates.saturating_add(1);
            if entry.several && flow.fired.contains(&scheduled.rule) || !self.holds(entry, scheduled.plan, subject, scratch) {
                continue;
            }
            scratch.counters.matches = scratch.counters.matches.saturating_add(1);
            if entry.several {
                flow.fired.push(scheduled.rule);
            }
            if entry.rule.alerts {
                out.push(Match { rule: scheduled.rule, direction: scheduled.plan.direction });
            }
            match (entry.rule.action, verdict) {
                // It lets this packet go, not the flow.
                (Action::Pass, _) if entry.state == Some(FlowState::NotEstablished) => break,
                (Action::Pass, _) => {
                    verdict = Verdict::Pass;
                    break;
                }
                (Action::Drop, Verdict::None) => verdict = Verdict::Drop,
                (Action::Reject(target), Verdict::None) => verdict = Verdict::Reject(target),
                _ => {}
            }
        }
        scratch.candidates = candidates;
        verdict
    }

    /// Whether all that a rule asks is so.
    fn holds(&self, entry: &Entry, plan: Plan, subject: &Subject<'_>, scratch: &mut Scratch) -> bool {
        (entry.state != Some(FlowState::NotEstablished) || !subject.established)
            && scratch.header(self, entry.header, subject, plan.direction)
            && entry.tests.iter().all(|t| t.holds(subject, t.sides().side(plan.side)))
            && entry.inspections.iter().all(|i| inspect(i, plan, subject, scratch))
    }

    fn entry(&self, id: RuleId) -> Option<&Entry> {
        self.rules.get(id.0 as usize)
    }

    fn add(&mut self, compiled: Compiled, headers: &mut HashMap<Header, u32>) {
        let Compiled { rule, header, state, tests, inspections, plans } = compiled;
        let header = *headers.entry(header).or_insert_with_key(|new| {
            self.headers.push(new.clone());
            index_of_last(&self.headers)
        });
        let several = plans.len() > 1;
        self.rules.push(Entry { rule, header, state, tests, inspections, several });
        let rule = RuleId(index_of_last(&self.rules));
        self.plans.extend(plans.into_iter().map(|plan| Scheduled { plan, rule }));
    }

    /// Puts each plan where it will be found.
    fn index(&mut self) {
        let mut tables: Vec<Table> = Vec::new();
        let mut groups: HashMap<(Facts, u32, FlowDirection), Vec<u32>> = HashMap::new();
        let mut always: Vec<u32> = Vec::new();
        for (i, scheduled) in (0..).zip(&self.plans) {
            self.awaited = self.awaited.and(scheduled.plan.needs);
            let inspections = self.rules.get(scheduled.rule.0 as usize).map_or(&[][..], |e| &e.inspections);
            let Some((inspection, side, key)) = best_key(inspections, scheduled.plan) else {
                always.push(i);
                continue;
            };
            match tables.iter_mut().find(|t| t.is_for(inspection, side)) {
                Some(table) => table.add(key, i),
                None => {
                    let mut table = Table::new(inspection, side);
                    table.add(key, i);
                    tables.push(table);
                }
            }
        }
        always.extend(tables.iter_mut().flat_map(Table::finish));
        for plan in always {
            let Some(scheduled) = self.plans.get(plan as usize) else { continue };
            let header = self.entry(scheduled.rule).map_or(0, |e| e.header);
            groups.entry((scheduled.plan.needs, header, scheduled.plan.direction)).or_default().push(plan);
        }
        let group = |((needs, header, direction), plans)| Group { needs, header, direction, plans };
        self.groups = groups.into_iter().map(group).collect();
        self.tables = tables;
    }
}

impl Scratch {
    /// What trying rules took so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
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
fn inspect(inspection: &Inspection, plan: Plan, subject: &Subject<'_>, scratch: &mut Scratch) -> bool {
    let Some(session) = subject.session else { return false };
    let mut values = Values::new();
    (inspection.buffer.read)(session, inspection.buffer.sides.side(plan.side), &mut values);
    if values.is_empty() {
        return inspection.holds_without_value();
    }
    values.iter().any(|value| {
        let mut budget = Budget::new();
        let holds = inspection.holds(value, &mut budget);
        if budget.is_spent() {
            scratch.counters.budget_spent = scratch.counters.budget_spent.saturating_add(1);
        }
        holds
    })
}

/// The key to look for a plan by. One in the buffer that comes last is best, since the plan can be tried then and there.
fn best_key(inspections: &[Inspection], plan: Plan) -> Option<(&Inspection, FlowDirection, Key)> {
    let keyed = |i| {
        let side = Inspection::side(i, plan.side);
        Key::of(i).map(|key| (i, side, key))
    };
    let last = |i: &Inspection, side| i.buffer.sides.facts(side) == plan.needs.latest();
    inspections.iter().filter_map(keyed).max_by_key(|(i, side, key)| (last(i, *side), key.rank()))
}

/// pass, drop, reject, alert.
const fn rank(action: Action) -> u8 {
    match action {
        Action::Pass => 0,
        Action::Drop => 1,
        Action::Reject(_) => 2,
        Action::Alert => 3,
    }
}

fn index_of_last<T>(items: &[T]) -> u32 {
    u32::try_from(items.len().saturating_sub(1)).unwrap_or(u32::MAX)
}

/// For a test that tries each rule, without keys and groups.
#[cfg(test)]
impl RuleSet {
    pub(super) fn plans_of(&self, rule: RuleId) -> Vec<Plan> {
        self.plans.iter().filter(|s| s.rule == rule).map(|s| s.plan).collect()
    }

    pub(super) fn plan_holds(&self, rule: RuleId, plan: Plan, subject: &Subject<'_>) -> bool {
        let mut scratch = Scratch::default();
        scratch.begin(self);
        self.entry(rule).is_some_and(|entry| self.holds(entry, plan, subject, &mut scratch))
    }
}
