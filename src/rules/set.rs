//! The compiled set: which rules there are, and where each will be found when its time has come.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::acceptance::Accepting;
use super::action_order::ActionOrder;
use super::ast::Action;
use super::compile::{Asks, Compiled, Header, Kind, Plan};
use super::dataset::{Dataset, SavedDataset};
use super::feed::Feed;
use super::inspect::Inspection;
use super::list::Listed;
use super::payload::{PayloadTable, literal};
use super::prefilter::{Key, Table};
use super::rule::{Match, Rule, RuleId};
use super::state::{HostState, Name, RateFilter, Threshold, TrackBy};
use super::subject::{Facts, FlowDirection, Transport};
use super::threshold_config::Suppression;

/// Rules, ready to be tried. Never changes, and may be shared.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// In the order in which they act.
    #[allow(clippy::vec_box)] // they were boxed while they were read, and are large to move
    pub(super) rules: Vec<Box<Entry>>,
    /// In the order of their rules.
    pub(super) plans: Vec<Scheduled>,
    pub(super) headers: Vec<Arc<Header>>,
    pub(super) tables: Vec<Table>,
    pub(super) groups: Vec<Group>,
    /// Plans that are tried on each packet.
    pub(super) packet_groups: Vec<Group>,
    /// Plans that are tried on each packet whose payload speaks for them.
    pub(super) payload_tables: Vec<PayloadTable>,
    /// Plans of `pass` rules that accept flows.
    pub(super) accepting: Vec<Accepting>,
    /// Plans of `pass` rules that accept packets alone.
    pub(super) passing: Vec<Group>,
    /// Facts that some rule waits for.
    pub(super) awaited: Facts,
    /// By gid and sid: the rules with a threshold that is about alerts alone.
    limited: HashSet<(u32, u32)>,
    /// How many rules of its sources did not load.
    pub(super) failed: usize,
    /// What it was loaded with for its rules to look up.
    pub(super) feeds: Vec<Feed>,
}

/// What is kept of a rule.
#[derive(Debug)]
pub(super) struct Entry {
    /// What alerts say of it.
    pub rule: Rule,
    /// The place of its header among those of the set that it is in.
    pub header: u32,
    /// What it is tried on.
    pub kind: Kind,
    /// Its action is about the flow, and not the packet at hand alone.
    pub whole_flow: bool,
    /// How often it may speak.
    pub threshold: Option<Box<Threshold>>,
    /// Whose alerts are not told.
    pub suppressions: Vec<Suppression>,
    /// Another action once it matched too often.
    pub rate_filter: Option<Box<RateFilter>>,
    /// All that has to be so.
    pub asks: Asks,
}

#[derive(Debug)]
pub(super) struct Scheduled {
    pub plan: Plan,
    pub rule: RuleId,
}

/// Plans that wait for the same facts and have the same header.
#[derive(Debug)]
pub(super) struct Group {
    pub needs: Facts,
    pub header: u32,
    pub direction: FlowDirection,
    pub plans: Vec<u32>,
}

/// Where the matches of a rule with a threshold are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// With the flow.
    ByFlow,
    /// Across flows, where rules are tried: what they do hangs on it.
    ByHost,
    /// Where alerts come together: only they hang on it.
    Alerts,
}

impl Entry {
    /// Whether a match of it lets a whole flow pass.
    pub fn accepts_flows(&self) -> bool {
        self.rule.action == Action::Pass && (self.whole_flow || self.asks.payload.is_some())
    }

    /// Where its matches are counted, if at all.
    pub fn counted(&self) -> Option<Counted> {
        self.threshold.as_ref().map(|threshold| match threshold.track {
            TrackBy::Flow => Counted::ByFlow,
            _ if threshold.decides() && self.rule.action != Action::Alert => Counted::ByHost,
            _ => Counted::Alerts,
        })
    }
}

impl RuleSet {
    /// The set of `compiled`, whose actions come in this `order`.
    pub(super) fn new(mut compiled: Vec<Compiled>, order: ActionOrder) -> Self {
        set_depths(&mut compiled);
        compiled.sort_by_cached_key(|c| {
            let [bits, ints, hosts] = c.entry.asks.stateful.rank();
            (order.rank(c.entry.rule.action), bits, c.depth, ints, hosts, c.entry.rule.severity)
        });
        let mut set = Self::default();
        let mut headers = HashMap::new();
        set.rules = compiled.into_iter().enumerate().map(|(i, one)| set.add(i, one, &mut headers)).collect();
        set.plans.shrink_to_fit();
        set.index();
        set.limited = set.alert_thresholds().map(|(rule, _)| (rule.gid, rule.sid)).collect();
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

    /// How many rules there were beside these that did not load.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Whether a rule asks for no more than addresses and ports, so that the first packet of a flow decides it.
    pub fn wants_first_packet(&self) -> bool {
        self.plans_of_kind(Kind::Flow).any(|s| Facts::FROM_CLIENT.and(Facts::FROM_SERVER).has(s.plan.needs))
    }

    /// Whether a rule has to be tried on each packet.
    pub fn wants_packets(&self) -> bool {
        self.tries_packets() || self.rules.iter().any(|e| !e.asks.packet.is_empty() || e.asks.payload.is_some())
    }

    /// Whether a rule looks at payload without a buffer, so that streams have to be kept until it was tried.
    pub fn wants_streams(&self) -> bool {
        self.rules.iter().any(|e| e.asks.payload.is_some())
    }

    /// Whether a rule may match UDP, so that datagrams have to be tried at all.
    pub fn wants_datagrams(&self) -> bool {
        let header = |s: &Scheduled| self.headers.get(self.entry(s.rule)?.header as usize);
        self.plans.iter().any(|s| {
            let of_session = s.plan.needs.intersects(Facts::SESSION);
            !of_session && header(s).is_some_and(|header| header.transports.has(Transport::Udp))
        })
    }

    /// Whether there are rules that each packet speaks for, or its payload.
    pub(super) fn tries_packets(&self) -> bool {
        !self.packet_groups.is_empty() || !self.payload_tables.is_empty()
    }

    /// Whether a rule tags packets that follow, so that each is to be [counted](HostState::is_tagged).
    pub fn tags(&self) -> bool {
        self.rules.iter().any(|e| e.asks.stateful.tags())
    }

    /// How many rules keep state across flows, or ask for earlier sessions. With one or more, packets have to be tried in their order, by one thread.
    pub fn needs_order(&self) -> usize {
        let shared = |e: &Entry| {
            e.asks.stateful.is_shared()
                || e.rate_filter.is_some()
                || e.counted() == Some(Counted::ByHost)
                || e.asks.inspections.iter().any(Inspection::changes_datasets)
                || e.asks.tests.iter().any(|test| test.compares_servers())
        };
        self.rules.iter().filter(|e| shared(e)).count()
    }

    /// Whether a rule asks how what a server shows differs from earlier sessions.
    pub fn compares_servers(&self) -> bool {
        self.rules.iter().any(|e| e.asks.tests.iter().any(|test| test.compares_servers()))
    }

    /// The data sets that rules change and that are to be kept, as they are with what was changed in them so far.
    pub fn saved_datasets(&self, hosts: &HostState) -> Vec<SavedDataset> {
        self.kept_datasets().values().filter_map(|set| hosts.datasets.save(set)).collect()
    }

    /// The data sets of [`saved_datasets`](Self::saved_datasets) that `next`, which takes its place, does not keep in the same file.
    pub fn retired_datasets(&self, next: &Self, hosts: &HostState) -> Vec<SavedDataset> {
        let stay: HashSet<&str> = next.dataset_places().collect();
        let sets = self.kept_datasets().into_values();
        let go = sets.filter(|set| set.place.as_deref().is_some_and(|place| !stay.contains(place)));
        go.filter_map(|set| hosts.datasets.save(set)).collect()
    }

    /// Where the data sets belong that rules change and that are to be kept.
    pub fn dataset_places(&self) -> impl Iterator<Item = &str> {
        self.kept_datasets().into_values().filter_map(|set| set.place.as_deref())
    }

    /// By name.
    fn kept_datasets(&self) -> BTreeMap<&str, &Dataset> {
        let asked = self.rules.iter().flat_map(|e| &e.asks.inspections).flat_map(|i| &i.datasets);
        asked.filter(|m| m.changes() && m.dataset.place.is_some()).map(|m| (&*m.dataset.name, &*m.dataset)).collect()
    }

    /// Whether [`AlertLimits`](super::AlertLimits) decide about the alerts of the rule with this gid and sid.
    pub fn limits_alerts(&self, rule: (u32, u32)) -> bool {
        !self.limited.is_empty() && self.limited.contains(&rule)
    }

    /// The rules with a threshold that is about alerts alone, for [`AlertLimits`](super::AlertLimits).
    pub(super) fn alert_thresholds(&self) -> impl Iterator<Item = (&Rule, &Threshold)> {
        let of_alerts = |e: &Entry| e.counted() == Some(Counted::Alerts);
        self.rules.iter().filter(move |e| of_alerts(e)).filter_map(|e| e.threshold.as_deref().map(|t| (&e.rule, t)))
    }

    /// A rule of this set. `None` for an id of another one.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.entry(id).map(|e| &e.rule)
    }

    /// What `found` says of the entry of a list; `None` where its rule is no list.
    pub fn listed(&self, found: &Match) -> Option<Listed> {
        Some(self.entry(found.rule)?.asks.list.as_ref()?.tell(found.listed?))
    }

    /// All rules, in the order in which they act.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|e| &e.rule)
    }

    /// Those of them that are lists, in the order in which they were given.
    pub fn lists(&self) -> impl Iterator<Item = &Rule> {
        let mut lists: Vec<&Rule> = self.rules().filter(|r| r.list > 0).collect();
        lists.sort_unstable_by_key(|r| r.list);
        lists.into_iter()
    }

    pub(super) fn entry(&self, id: RuleId) -> Option<&Entry> {
        self.rules.get(id.0 as usize).map(|entry| &**entry)
    }

    fn plans_of_kind(&self, kind: Kind) -> impl Iterator<Item = &Scheduled> {
        self.plans.iter().filter(move |s| self.entry(s.rule).is_some_and(|e| e.kind == kind))
    }

    /// Schedules the plans of the rule at `place` and gives what is kept of the rest.
    fn add(&mut self, place: usize, compiled: Compiled, headers: &mut HashMap<Arc<Header>, u32>) -> Box<Entry> {
        let Compiled { mut entry, header, plans, .. } = compiled;
        entry.header = *headers.entry(header).or_insert_with_key(|new| {
            self.headers.push(new.clone());
            index_of_last(&self.headers)
        });
        let id = RuleId(u32::try_from(place).unwrap_or(u32::MAX));
        self.plans.extend(plans.into_iter().map(|plan| Scheduled { plan, rule: id }));
        entry
    }

    /// Puts each plan where it will be found.
    fn index(&mut self) {
        let mut tables: Vec<Table> = Vec::new();
        let mut always: Vec<u32> = Vec::new();
        let mut on_packets: Vec<u32> = Vec::new();
        let mut keys: Vec<(u32, FlowDirection, &[u8])> = Vec::new();
        for (i, scheduled) in (0..).zip(&self.plans) {
            let Some(entry) = self.rules.get(scheduled.rule.0 as usize) else { continue };
            if entry.kind == Kind::Packet {
                match entry.asks.payload.as_ref().and_then(|p| literal(&p.inspection)) {
                    Some(key) => keys.push((i, scheduled.plan.direction, key)),
                    None => on_packets.push(i),
                }
                continue;
            }
            self.awaited = self.awaited.and(scheduled.plan.needs);
            let Some((inspection, side, key)) = best_key(&entry.asks.inspections, scheduled.plan) else {
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
        let mut payload_tables = Vec::new();
        for direction in FlowDirection::ALL {
            let keys: Vec<_> = keys.iter().filter(|k| k.1 == direction).map(|&(plan, _, key)| (plan, key)).collect();
            match PayloadTable::new(direction, &keys) {
                Some(table) => payload_tables.push(table),
                None => on_packets.extend(keys.iter().map(|(plan, _)| *plan)),
            }
        }
        let of_pass = |s: &&Scheduled| self.entry(s.rule).is_some_and(|e| e.rule.action == Action::Pass);
        let accepts = |s: &Scheduled| self.entry(s.rule).is_some_and(Entry::accepts_flows);
        let of_pass = (0_u32..).zip(&self.plans).filter(|(_, s)| of_pass(s));
        let (accepting, passing): (Vec<_>, Vec<_>) = of_pass.partition(|(_, s)| accepts(s));
        let [accepting, passing] = [accepting, passing].map(|plans| plans.into_iter().map(|(i, _)| i).collect::<Vec<u32>>());
        self.payload_tables = payload_tables;
        let asked = |plan: u32| {
            let scheduled = self.plans.get(plan as usize)?;
            Some((&*self.entry(scheduled.rule)?.asks.inspections, scheduled.plan))
        };
        self.accepting = self.grouped(accepting).into_iter().map(|group| Accepting::new(group, asked)).collect();
        self.passing = self.grouped(passing);
        self.groups = self.grouped(always);
        self.packet_groups = self.grouped(on_packets);
        self.tables = tables;
    }

    /// Puts `plans` together that need the same.
    fn grouped(&self, plans: Vec<u32>) -> Vec<Group> {
        let mut groups: HashMap<(Facts, u32, FlowDirection), Vec<u32>> = HashMap::new();
        for plan in plans {
            let Some(scheduled) = self.plans.get(plan as usize) else { continue };
            let header = self.entry(scheduled.rule).map_or(0, |e| e.header);
            groups.entry((scheduled.plan.needs, header, scheduled.plan.direction)).or_default().push(plan);
        }
        let group = |((needs, header, direction), plans)| Group { needs, header, direction, plans };
        groups.into_iter().map(group).collect()
    }
}

/// The key to look for a plan by. One in the buffer that comes last is best, since the plan can be tried then and there.
pub(super) fn best_key(inspections: &[Inspection], plan: Plan) -> Option<(&Inspection, FlowDirection, Key)> {
    let keyed = |i| {
        let side = Inspection::side(i, plan.side);
        Key::of(i).map(|key| (i, side, key))
    };
    let last = |i: &Inspection, side| i.buffer.sides.facts(side) == plan.needs.latest();
    inspections.iter().filter_map(keyed).max_by_key(|(i, side, key)| (last(i, *side), key.rank()))
}

/// Finds the [depth](Compiled::depth) of each rule. Circles end at some depth.
fn set_depths(rules: &mut [Compiled]) {
    let mut both: Vec<&mut Compiled> = rules.iter_mut().filter(|c| c.entry.asks.stateful.rank()[0] == 1).collect();
    for depth in 1..MAX_DEPTH {
        let above = both.iter().filter(|c| c.depth.saturating_add(1) == depth);
        let changed: HashSet<Name> = above.flat_map(|c| c.entry.asks.stateful.bits_set().cloned()).collect();
        let mut deeper = false;
        for rule in &mut both {
            let own: Vec<&Name> = rule.entry.asks.stateful.bits_set().collect();
            if rule.entry.asks.stateful.bits_asked().any(|n| changed.contains(n) && !own.contains(&n)) {
                rule.depth = depth;
                deeper = true;
            }
        }
        if !deeper {
            break;
        }
    }
}

/// Longer chains of flow bits than any rules have.
const MAX_DEPTH: u8 = 16;

fn index_of_last<T>(items: &[T]) -> u32 {
    u32::try_from(items.len().saturating_sub(1)).unwrap_or(u32::MAX)
}
