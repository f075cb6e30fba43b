//! Whether a `pass` rule may still accept a flow: what a verdict on all that no rule accepts waits for.
//!
//! A rule is out of question once a fact is there that is not as it asks, or once a fact that it asks for can no longer come. Where there
//! are many, those that a known fact leaves in question are looked up, as candidates are.

use super::compile::{Header, Plan};
use super::dataset::DatasetChanges;
use super::evaluate::{Scratch, inspect};
use super::flow_rules::FlowRules;
use super::inspect::Inspection;
use super::prefilter::{Key, Table};
use super::set::{Entry, Group, RuleSet};
use super::state::HostState;
use super::subject::{AppProto, Facts, FlowDirection, Subject, Transport};
use crate::flow::Endpoint;
use crate::protocol::tls::Session;

/// Why no `pass` rule accepted a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unaccepted {
    /// None is about flows between these addresses and ports.
    NoRule,
    /// Those between these addresses and ports accept single packets, and none of them this one.
    NotThisPacket,
    /// Its first bytes were not TLS.
    NotTls,
    /// It was joined in the middle, after its ClientHello.
    Midstream,
    /// It went dark without a ClientHello.
    NoClientHello,
    /// A limit was reached, or bytes are missing, before all was known that rules ask for.
    Unreadable,
    /// None is as the session is.
    NoMatch,
}

impl Unaccepted {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRule => "no pass rule for these addresses and ports",
            Self::NotThisPacket => "no pass rule for this packet",
            Self::NotTls => "not TLS",
            Self::Midstream => "joined in the middle",
            Self::NoClientHello => "no ClientHello",
            Self::Unreadable => "session could not be read",
            Self::NoMatch => "no pass rule matched",
        }
    }
}

impl RuleSet {
    /// Whether a `pass` rule may still accept the flow of `subject`, on which the set was just tried.
    ///
    /// A rule about packets alone accepts packets, and no flow. One that waits for what rules remember, or looks at packets or payload,
    /// may match as long as the session is read.
    pub fn may_accept(&self, subject: &Subject<'_>, flow: &FlowRules, hosts: &HostState, scratch: &mut Scratch) -> bool {
        if !is_read(subject) {
            return false;
        }
        let (have, ahead) = (flow.seen, Facts::ahead(subject));
        flow.pending.iter().any(|&plan| self.plan(plan).is_some_and(|(entry, _)| entry.accepts_flows()))
            || self.accepting.iter().any(|accepting| {
                let group = &accepting.group;
                let missing = group.needs.without(have);
                let waits = group.is_of_packets() || !missing.is_empty();
                waits
                    && ahead.has(missing)
                    && self.headers.get(group.header as usize).is_some_and(|h| h.may_match(subject, group.direction))
                    && accepting
                        .candidates(subject.session, have, scratch)
                        .iter()
                        .any(|&plan| self.may_hold(plan, subject, have, &hosts.datasets, scratch))
            })
    }

    /// Whether a `pass` rule may accept flows between this client and this server over `transport`, whatever is said there.
    pub fn accepts_between(&self, transport: Transport, client: Endpoint, server: Endpoint) -> bool {
        self.accepting.iter().any(|accepting| self.is_between(&accepting.group, transport, client, server))
    }

    /// Why no rule accepts the flow of `subject`, where [`may_accept`](Self::may_accept) says so.
    pub fn why_unaccepted(&self, subject: &Subject<'_>) -> Unaccepted {
        let (transport, client, server) = (subject.transport, subject.client, subject.server);
        if !self.accepts_between(transport, client, server) {
            let of_packets = self.passing.iter().any(|group| self.is_between(group, transport, client, server));
            return if of_packets { Unaccepted::NotThisPacket } else { Unaccepted::NoRule };
        }
        let session = match (subject.app_proto, subject.session) {
            _ if transport == Transport::Udp => return Unaccepted::NoMatch,
            (app_proto, _) if app_proto.is_other() => return Unaccepted::NotTls,
            (_, Some(session)) => session,
            (_, None) => return Unaccepted::Unreadable, // told early
        };
        let (client, server) = (&session.client_view, &session.server_view);
        match &session.client_hello {
            Some(_) if client.degraded || server.degraded => Unaccepted::Unreadable,
            Some(_) => Unaccepted::NoMatch,
            None if client.midstream => Unaccepted::Midstream,
            None if client.degraded || client.gaps > 0 => Unaccepted::Unreadable,
            None => Unaccepted::NoClientHello,
        }
    }

    /// Whether rules of `group` are about flows between this client and this server over `transport`.
    fn is_between(&self, group: &Group, transport: Transport, client: Endpoint, server: Endpoint) -> bool {
        let ends = if group.direction == FlowDirection::ToServer { (client, server) } else { (server, client) };
        self.headers.get(group.header as usize).is_some_and(|header| header.transports.has(transport) && header.fits(ends))
    }

    /// Whether all of a plan holds that can be told by the facts of `have`.
    fn may_hold(&self, plan: u32, subject: &Subject<'_>, have: Facts, sets: &DatasetChanges, scratch: &mut Scratch) -> bool {
        let Some((entry, plan)) = self.plan(plan) else { return false };
        let (source, destination) = subject.ends(plan.direction);
        entry.asks.ends.iter().all(|e| e.holds(source, destination))
            && entry.asks.tests.iter().all(|t| {
                let sides = t.sides();
                let side = sides.side(plan.side);
                !have.has(sides.facts(side)) || t.holds(subject, side)
            })
            && entry.asks.inspections.iter().all(|i| {
                let sides = i.buffer.sides;
                !have.has(sides.facts(sides.side(plan.side))) || inspect(i, plan, subject, sets, scratch)
            })
    }

    fn plan(&self, index: u32) -> Option<(&Entry, Plan)> {
        let scheduled = self.plans.get(index as usize)?;
        Some((self.entry(scheduled.rule)?, scheduled.plan))
    }
}

/// Plans of `pass` rules that accept flows.
#[derive(Debug)]
pub(super) struct Accepting {
    /// Those that have the same header and wait for the same facts.
    group: Group,
    /// Of many: how to find those that may hold by what is known first, each with the plans that are in it.
    tables: Vec<(Table, Vec<u32>)>,
    /// Those that are in no table.
    rest: Vec<u32>,
}

impl Accepting {
    /// The plans of `group`, of which `of` gives what they ask for.
    pub fn new<'s>(group: Group, of: impl Fn(u32) -> Option<(&'s [Inspection], Plan)>) -> Self {
        let mut accepting = Self { rest: group.plans.clone(), group, tables: Vec::new() };
        if accepting.rest.len() <= FEW {
            return accepting;
        }
        accepting.rest.clear();
        for &plan in &accepting.group.plans {
            let Some((inspection, side, key)) = of(plan).and_then(|(inspections, plan)| earliest_key(inspections, plan)) else {
                accepting.rest.push(plan);
                continue;
            };
            let known = accepting.tables.iter().position(|(table, _)| table.is_for(inspection, side));
            let place = known.unwrap_or(accepting.tables.len());
            if known.is_none() {
                accepting.tables.push((Table::new(inspection, side), Vec::new()));
            }
            if let Some((table, plans)) = accepting.tables.get_mut(place) {
                table.add(key, plan);
                plans.push(plan);
            }
        }
        accepting.rest.extend(accepting.tables.iter_mut().flat_map(|(table, _)| table.finish()));
        accepting
    }

    /// The plans that may hold, by those of their buffers that are there with the facts of `have`.
    pub fn candidates(&self, session: Option<&Session>, have: Facts, scratch: &mut Scratch) -> Vec<u32> {
        let mut candidates = self.rest.clone();
        for (table, plans) in &self.tables {
            match session.filter(|_| have.has(table.fact())) {
                Some(session) => scratch.look_up(table, session, &mut candidates),
                None => candidates.extend(plans),
            }
        }
        candidates
    }
}

/// The key to look for a plan by in the buffer that comes first.
fn earliest_key(inspections: &[Inspection], plan: Plan) -> Option<(&Inspection, FlowDirection, Key)> {
    let keyed = inspections.iter().filter_map(|i| Some((i, i.side(plan.side), Key::of(i)?)));
    keyed.min_by_key(|(i, side, key)| (i.buffer.sides.facts(*side), std::cmp::Reverse(key.rank())))
}

/// So many are tried one by one.
const FEW: usize = 8;

impl Group {
    /// Whether its plans are tried on each packet.
    const fn is_of_packets(&self) -> bool {
        self.needs.is_empty()
    }
}

impl Header {
    /// Whether a packet of `subject` in `direction` is of it, or will be once it is known what the flow speaks.
    fn may_match(&self, subject: &Subject<'_>, direction: FlowDirection) -> bool {
        let may_speak = |wanted| subject.app_proto == wanted || subject.app_proto == AppProto::Unknown;
        self.transports.has(subject.transport) && self.app_proto.is_none_or(may_speak) && self.fits(subject.endpoints(direction))
    }
}

/// Whether more of the session is to be read.
fn is_read(subject: &Subject<'_>) -> bool {
    subject.session.is_some_and(|s| !(s.client_view.over && s.server_view.over))
}

impl Facts {
    /// What may still come of `subject`, as long as its session is read.
    ///
    /// In the clear the client says all but alerts before the server goes dark, and the server before the client does (RFC 5246 §7.3);
    /// in TLS 1.3 all after the ServerHello is encrypted (RFC 8446 §2).
    fn ahead(subject: &Subject<'_>) -> Self {
        let session = subject.session.filter(|_| !subject.app_proto.is_other());
        let Some(session) = session else { return Self::FROM_CLIENT.and(Self::FROM_SERVER).and(Self::OPENING).and(Self::NAMED) };
        let (client, server) = (&session.client_view, &session.server_view);
        let is_tls13 = session.server_hello.as_ref().is_some_and(|h| h.version().is_tls13());
        let gone = [
            (server.dark, CLIENT_MESSAGES),
            (client.over, CLIENT_MESSAGES.and(Self::CLIENT_ALERT)),
            (client.dark, SERVER_MESSAGES),
            (server.over, SERVER_MESSAGES.and(Self::SERVER_ALERT)),
            (is_tls13, Self::HIDDEN_BY_TLS13),
            (session.server_hello.is_some(), Self::HELLO_RETRY),
            (server.over && !server.dark, Self::SERVER_DARK.and(Self::DARK)),
            (client.over && !client.dark, Self::DARK),
        ];
        gone.into_iter().filter(|(gone, _)| *gone).fold(Self::ALL, |ahead, (_, facts)| ahead.without(facts))
    }
}

const CLIENT_MESSAGES: Facts = Facts::CLIENT_HELLO.and(Facts::CLIENT_CERTIFICATES).and(Facts::CLIENT_KEY_EXCHANGE);
const SERVER_MESSAGES: Facts =
    Facts::SERVER_HELLO.and(Facts::HELLO_RETRY).and(Facts::GROUP).and(Facts::SERVER_CERTIFICATES).and(Facts::SERVER_KEY_EXCHANGE);
