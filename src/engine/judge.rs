//! Tries the rules on a flow, and tells what they said.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::config::Config;
use super::connection::{Connection, Flow};
use super::counters::Counters;
use super::following::Following;
use super::inspector::spoken;
use super::report::{Order, Report};
use crate::event::{AlertInfo, Common, DropInfo, DropReason, Refusal, Reset, Side, Toward, Verdict};
use crate::findings::FindingSet;
use crate::flow::{Direction, Endpoint, FlowKey, Stream};
use crate::packet::{PortSet, Segment, SegmentHeader, TcpFlags};
use crate::protocol::tls::{Conversation, Session};
use crate::rules::{
    self, Action, AppProto, Chunk, FlowDirection, FlowRules, HostState, Listed, Match, Packet, Profile, Raw, Reference,
    RejectTarget, Rule, RuleSet, SavedDataset, Scratch, Subject, Target, Totals, Transport, Unaccepted,
};

/// The rules, and what trying them needs.
#[derive(Debug)]
pub(super) struct Judge {
    rules: Arc<RuleSet>,
    on_first: bool,
    on_each: bool,
    on_streams: bool,
    /// Packets may be tagged: by these rules, or by those before.
    tags: bool,
    /// What becomes of a flow that no rule accepts.
    default_verdict: rules::Verdict,
    /// What of the findings is told.
    findings: FindingSet,
    /// Where TLS is spoken.
    server_ports: PortSet,
    hosts: HostState,
    scratch: Scratch,
    matches: Vec<Match>,
    has_matched: bool,
    /// Data sets that rules kept which are in force no more, by where they belong.
    retired: BTreeMap<Arc<str>, SavedDataset>,
}

/// What the rules said of a packet or of a flow's end.
#[derive(Debug, Default)]
pub(super) struct Judged {
    matches: Vec<Match>,
    /// What becomes of the packet.
    verdict: rules::Verdict,
    /// The packet is to be dropped, and was not before.
    drops: bool,
    /// So are all that follow.
    drops_flow: bool,
    /// The flow is over: nothing is left that could be dropped.
    too_late: bool,
    refused: Option<Refused>,
}

/// A flow that no rule accepted.
#[derive(Debug)]
struct Refused {
    why: Unaccepted,
    server_name: Option<Vec<u8>>,
}

impl Judged {
    /// Whether they said nothing new.
    pub fn is_empty(&self) -> bool {
        self.matches.is_empty() && !self.drops
    }

    /// The same, of a flow that has ended: whatever the rules say, it went on.
    pub fn at_the_end(self) -> Self {
        Self { too_late: self.drops, drops: false, drops_flow: false, ..self }
    }

    /// What events say of `verdict`, that of a rule or of all, on a packet that goes in `direction`.
    fn told(&self, verdict: rules::Verdict, direction: FlowDirection) -> Verdict {
        match told(verdict, direction) {
            blocking if self.too_late && blocking.blocks() => Verdict::Alert,
            verdict => verdict,
        }
    }

    /// What becomes of the packet: why it is to be dropped, and how, if it is.
    pub fn drop(&self, sender: Direction, client: Direction) -> Option<(DropReason, Verdict)> {
        Some((self.reason()?, told(self.verdict, way(sender, client))))
    }

    /// Whether all that follows is to be dropped, and was not before.
    pub const fn drops_flow(&self) -> bool {
        self.drops_flow
    }

    fn reason(&self) -> Option<DropReason> {
        self.drops.then(|| match self.refused.as_ref().map(|r| r.why) {
            None => DropReason::Rules,
            Some(Unaccepted::NoRule | Unaccepted::NotThisPacket) => DropReason::DefaultPacketPolicy,
            Some(_) => DropReason::DefaultAppPolicy,
        })
    }

    fn refusal(&self) -> Option<Refusal<'_>> {
        self.refused.as_ref().map(|r| Refusal { why: r.why.as_str(), server_name: r.server_name.as_deref() })
    }
}

impl Refused {
    fn new(why: Unaccepted, session: Option<&Session>) -> Self {
        let server_name = session.and_then(|s| s.client_hello.as_ref()?.server_name()).map(<[u8]>::to_vec);
        Self { why, server_name }
    }
}

impl Judge {
    pub fn new(rules: Arc<RuleSet>, config: &Config) -> Self {
        let scratch = config.profile_clock.map_or_else(Scratch::default, |clock| Scratch::profiling(Profile::new(clock)));
        let (on_first, on_each, on_streams) = (rules.wants_first_packet(), rules.wants_packets(), rules.wants_streams());
        let (default_verdict, hosts, matches) = (config.default_verdict, HostState::default(), Vec::new());
        let (findings, server_ports, tags) = (config.findings, config.server_ports.clone(), rules.tags());
        Self {
            rules,
            on_first,
            on_each,
            on_streams,
            tags,
            default_verdict,
            findings,
            server_ports,
            hosts,
            scratch,
            matches,
            has_matched: false,
            retired: BTreeMap::new(),
        }
    }

    /// `rules` are in force from now on. What is remembered of flows and hosts stays, by names and by gid and sid.
    pub fn replace_rules(&mut self, rules: Arc<RuleSet>) {
        let retired = self.rules.retired_datasets(&rules, &self.hosts);
        self.retired.extend(retired.into_iter().map(|set| (Arc::clone(&set.place), set)));
        self.scratch.replace_set(&self.rules, &rules);
        (self.on_first, self.on_each, self.on_streams) = (rules.wants_first_packet(), rules.wants_packets(), rules.wants_streams());
        self.tags |= rules.tags();
        self.rules = rules;
    }

    /// The rules in force.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Whether `flow` was last tried on rules that are in force no more.
    pub const fn is_new_to(&self, flow: &FlowRules) -> bool {
        self.scratch.is_new_to(flow)
    }

    /// Whether `flow`, which is not read, is to be tried all the same: on other rules than before, or because none has accepted it where one must.
    pub fn has_yet_to_judge(&self, flow: &FlowRules) -> bool {
        self.is_new_to(flow) || self.refuses() && flow.verdict() == rules::Verdict::None
    }

    /// Whether a flow between a client and a server is to be judged before there is any payload.
    pub fn wants_opening(&self, client: Endpoint, server: Endpoint) -> bool {
        self.on_first || self.on_each || (self.refuses() && !self.rules.accepts_between(Transport::Tcp, client, server))
    }

    /// Whether UDP datagrams are to be judged at all.
    pub fn wants_datagrams(&self) -> bool {
        self.refuses() || self.rules.wants_datagrams()
    }

    /// Whether flows that no rule accepts are dropped.
    pub const fn refuses(&self) -> bool {
        blocks(self.default_verdict)
    }

    /// Whether a rule matched when they were last tried, be it told or not: then the flow has to remember it.
    pub const fn has_matched(&self) -> bool {
        self.has_matched
    }

    /// Whether what is not TLS is to be told of where `server` is the server.
    fn expects_tls(&self, server: Endpoint) -> bool {
        self.server_ports.contains(server.port)
    }

    /// What each rule cost, where that is counted.
    pub fn profile(&self) -> Option<&Profile> {
        self.scratch.profile()
    }

    /// Adds what was counted while rules were tried.
    pub const fn count(&self, counters: &mut Counters) {
        counters.suppressed = self.scratch.counters().suppressed;
        counters.dataset_full = self.scratch.counters().dataset_full;
        counters.budget_spent = self.scratch.counters().budget_spent;
        counters.bits_evicted = self.hosts.bits_evicted();
        counters.tags_evicted = self.hosts.tags_evicted();
        counters.thresholds_evicted = self.hosts.counts_evicted();
    }

    /// The data sets that rules change and that are to be kept, as they are now; those of earlier rules as these left them.
    pub fn saved_datasets(&self) -> Vec<SavedDataset> {
        let mut sets = self.rules.saved_datasets(&self.hosts);
        let places: HashSet<_> = sets.iter().map(|set| Arc::clone(&set.place)).collect();
        sets.extend(self.retired.iter().filter(|(place, _)| !places.contains(*place)).map(|(_, set)| set.clone()));
        sets
    }

    /// Whether a rule wants to be tried on each packet.
    pub const fn wants_packets(&self) -> bool {
        self.on_each
    }

    /// Whether packets may be tagged.
    pub const fn tags(&self) -> bool {
        self.tags
    }

    /// Whether the packet of `header`, of `flow`, is tagged. To be called once for each.
    pub fn is_tagged(&mut self, header: &SegmentHeader, flow: &mut Flow) -> bool {
        let flow = flow.connection.as_deref_mut().map(|connection| &mut connection.rules);
        let hosts = [header.key.sender(header.sender).ip, header.key.receiver(header.sender).ip];
        self.hosts.is_tagged(flow, hosts, header.timestamp, header.frame_len)
    }

    /// Whether a rule wants to look at streams: they have to be there when it is tried.
    pub const fn wants_streams(&self) -> bool {
        self.on_streams
    }

    /// Tries the rules that `flow` has become ripe for, and those about packets on `segment`.
    pub fn judge(&mut self, flow: &mut Flow, key: &FlowKey, segment: Option<&Segment<'_>>) -> Judged {
        self.has_matched = false;
        if self.rules.is_empty() && !self.refuses() {
            flow.connection.iter_mut().for_each(|c| self.scratch.renew(&mut c.rules));
            return Judged::default();
        }
        let (client, now, age) = (flow.client(), flow.last, flow.last.as_secs().saturating_sub(flow.start.as_secs()));
        let Some(connection) = flow.connection.as_deref_mut() else { return Judged::default() };
        let totals = segment.filter(|_| self.on_each).map(|s| connection.totals(s.header, client, age)).unwrap_or_default();
        let one_way = connection.one_way().map(|sender| way(sender, client));
        let Connection { following, rules: flow_rules, established, spoke, dropped, .. } = connection;
        // What begins otherwise is not to be accepted for the TLS behind it, which a cut between the two would hide.
        let refuses = self.refuses();
        let is_refused_tls = |c: &Conversation| refuses && c.is_tls() && c.began_otherwise();
        let app_proto = match following.as_ref().map(|f| &f.conversation) {
            Some(c) if is_refused_tls(c) => AppProto::Refused,
            Some(c) => spoken(c),
            None => *spoke,
        };
        let (session, raw) = match following.as_deref_mut() {
            Some(Following { streams, conversation, is_sealed, .. }) => {
                let of = |s: &Segment<'_>| (streams.get(s.header.sender), conversation.is_over(s.header.sender));
                let raw = segment
                    .filter(|s| !*is_sealed.get(s.header.sender))
                    .map(|s| (s, of(s)))
                    .map(|(s, (stream, is_over))| raw(s, stream, is_over));
                let hides = is_refused_tls(conversation);
                (Some(conversation.session(client)).filter(|_| !hides), raw.unwrap_or_default())
            }
            None if *spoke == AppProto::Tls => (None, Raw::default()),
            None => (None, Raw { payload: segment.map_or(&[], |s| s.payload), stream: None }),
        };
        let packet = segment.map(|s| Packet { direction: way(s.header.sender, client), segment: *s, totals, raw });
        let subject = Subject {
            transport: flow.opening.transport,
            client: key.sender(client),
            server: key.receiver(client),
            established: *established,
            app_proto,
            session,
            expects_tls: self.expects_tls(key.receiver(client)),
            one_way,
            packet,
            now,
        };
        self.matches.clear();
        let before = self.scratch.counters().matches;
        let mut verdict = self.rules.evaluate(&subject, flow_rules, &mut self.hosts, &mut self.scratch, &mut self.matches);
        let refused = (verdict == rules::Verdict::None
            && refuses
            && packet.is_some()
            && !self.rules.may_accept(&subject, flow_rules, &self.hosts, &mut self.scratch))
        .then(|| Refused::new(self.rules.why_unaccepted(&subject), session));
        if refused.is_some() {
            flow_rules.settle(self.default_verdict);
            verdict = self.default_verdict;
        }
        self.has_matched = refused.is_some() || self.scratch.counters().matches != before;
        if self.matches.iter().filter(|m| m.alerts).filter_map(|m| self.rules.rule(m.rule)).any(|r| r.stores_certificates)
            && let Some(following) = following
        {
            following.conversation.store_certificates();
        }
        let drops = blocks(verdict) && !*dropped;
        if self.matches.is_empty() && !drops {
            return Judged::default();
        }
        Judged {
            matches: std::mem::take(&mut self.matches),
            verdict,
            drops,
            drops_flow: drops && blocks(flow_rules.verdict()),
            too_late: false,
            refused,
        }
    }

    /// Reports what rules said at a segment, and marks the flow where all of it is to be dropped. Answers how many alerts that were.
    pub fn tell(
        &self,
        judged: &Judged,
        flow: &mut Flow,
        header: &SegmentHeader,
        at: Order,
        common: &Common<'_>,
        report: &mut impl Report,
    ) -> u64 {
        let alerts = self.alerts(judged, flow, &header.key, at, common, report);
        let Some(reason) = judged.reason() else { return alerts };
        if let Some(connection) = &mut flow.connection {
            connection.dropped |= judged.drops_flow;
        }
        let direction = way(header.sender, flow.client());
        let common = Common { direction: Some(toward(direction)), ..*common };
        let info = DropInfo { reason, verdict: told(judged.verdict, direction), rule: None, refusal: judged.refusal() };
        let blocking = judged.matches.iter().find(|m| is_blocking(m.action));
        match blocking.and_then(|m| Some((m, self.rules.rule(m.rule)?))) {
            Some((found, rule)) => {
                let (references, listed) = (links(rule), self.rules.listed(found));
                let (metadata, context) = (metadata(rule, listed.as_ref()), Vec::from_iter(found.context()));
                let info_of =
                    AlertInfo { context: &context, ..rule_info(rule, (found, judged), &references, &metadata, listed.as_ref()) };
                report.drop(at, &common, header, &DropInfo { rule: Some(&info_of), ..info });
            }
            None => report.drop(at, &common, header, &info),
        }
        alerts
    }

    /// Reports the alerts alone.
    pub fn alerts(
        &self,
        judged: &Judged,
        flow: &mut Flow,
        key: &FlowKey,
        at: Order,
        common: &Common<'_>,
        report: &mut impl Report,
    ) -> u64 {
        let mut alerts = 0_u64;
        let counters = flow.counters(key);
        let (client, now) = (flow.client(), flow.last);
        let found = match judged.matches.is_empty() {
            true => FindingSet::default(),
            false => {
                let expects_tls = self.expects_tls(key.receiver(client));
                let connection = flow.connection.as_deref_mut();
                connection.map(|c| c.found_otherwise((client, now), expects_tls, self.findings)).unwrap_or_default()
            }
        };
        let common = &Common { findings: found, ..*common };
        for found in judged.matches.iter().filter(|found| found.alerts) {
            let Some(rule) = self.rules.rule(found.rule).filter(|r| r.alerts) else { continue };
            let sender = if found.direction == FlowDirection::ToServer { client } else { client.reverse() };
            let common =
                Common { direction: Some(toward(found.direction)), ..common.between(key.sender(sender), key.receiver(sender)) };
            let (references, listed) = (links(rule), self.rules.listed(found));
            let (metadata, context) = (metadata(rule, listed.as_ref()), Vec::from_iter(found.context()));
            let Some(connection) = flow.connection.as_deref_mut() else { continue };
            connection.alerted = true;
            let (flowbits, flowints) = (connection.rules.bits(), connection.rules.ints());
            let info = AlertInfo {
                flowbits,
                flowints,
                context: &context,
                ..rule_info(rule, (found, judged), &references, &metadata, listed.as_ref())
            };
            let session = connection.following.as_mut().filter(|f| f.conversation.is_tls()).map(|f| f.conversation.session(client));
            report.alert(at, &common, &info, &counters, session);
            alerts = alerts.saturating_add(1);
        }
        alerts
    }
}

impl Connection {
    /// What the flow has come to with the segment of `header`. To be called for each segment.
    fn totals(&mut self, header: &SegmentHeader, client: Direction, age: u64) -> Totals {
        let reach = self.reach(header, client);
        let [of_client, of_server] = [client, client.reverse()].map(|side| *self.counters.get(side));
        Totals { reach, packets: [of_client.packets, of_server.packets], bytes: [of_client.bytes, of_server.bytes], age }
    }

    /// Brings up to date whether the handshake of TCP is done.
    pub fn note_established(&mut self, flow_client: Direction) {
        let client = *self.flags.get(flow_client);
        let server = *self.flags.get(flow_client.reverse());
        let handshake = client.has(TcpFlags::SYN | TcpFlags::ACK) && server.has(TcpFlags::SYN | TcpFlags::ACK);
        let midstream = !client.has(TcpFlags::SYN) && !server.has(TcpFlags::SYN);
        self.established |= handshake || midstream || (client.has(TcpFlags::ACK) && !server.has(TcpFlags::SYN));
    }
}

/// What rules may look at of a segment and the stream that it went into: nothing once that was read as far as it can be before.
fn raw<'a>(segment: &Segment<'a>, stream: &'a Stream, is_over: bool) -> Raw<'a> {
    match stream.kept() {
        ([], _) if is_over => Raw::default(),
        (bytes, start) => Raw { payload: segment.payload, stream: Some(Chunk { bytes, start }) },
    }
}

fn way(sender: Direction, client: Direction) -> FlowDirection {
    if sender == client { FlowDirection::ToServer } else { FlowDirection::ToClient }
}

const fn blocks(verdict: rules::Verdict) -> bool {
    matches!(verdict, rules::Verdict::Drop | rules::Verdict::Reject(_))
}

const fn is_blocking(action: Action) -> bool {
    matches!(action, Action::Drop | Action::Reject(_))
}

fn links(rule: &Rule) -> Vec<String> {
    rule.references.iter().map(Reference::link).collect()
}

fn metadata<'a>(rule: &'a Rule, listed: Option<&'a Listed>) -> Vec<(&'a str, &'a str)> {
    match listed {
        Some(listed) => listed.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        None => rule.metadata().collect(),
    }
}

fn rule_info<'a>(
    rule: &'a Rule,
    (found, judged): (&Match, &Judged),
    references: &'a [String],
    metadata: &'a [(&'a str, &'a str)],
    listed: Option<&'a Listed>,
) -> AlertInfo<'a> {
    AlertInfo {
        gid: rule.gid,
        signature_id: rule.sid,
        rev: rule.rev,
        signature: listed.map_or(&rule.msg, |l| &l.signature),
        category: &rule.category,
        severity: u8::try_from(rule.severity).unwrap_or(u8::MAX),
        metadata,
        references,
        action: judged.told(rules::Verdict::of(found.action), found.direction),
        verdict: judged.told(judged.verdict, found.direction),
        target: rule.target.map(|target| match target {
            Target::Source => Side::Source,
            Target::Destination => Side::Destination,
        }),
        rule: rule.text.as_deref(),
        context: &[],
        flowbits: &[],
        flowints: &[],
    }
}

/// What events say of `verdict` on a packet that goes in `direction`.
const fn told(verdict: rules::Verdict, direction: FlowDirection) -> Verdict {
    match (verdict, direction) {
        (rules::Verdict::None, _) => Verdict::Alert,
        (rules::Verdict::Pass, _) => Verdict::Pass,
        (rules::Verdict::Drop, _) => Verdict::Drop,
        (rules::Verdict::Reject(RejectTarget::Both), _) => Verdict::Reject(Reset::Both),
        (rules::Verdict::Reject(RejectTarget::Source), FlowDirection::ToServer)
        | (rules::Verdict::Reject(RejectTarget::Destination), FlowDirection::ToClient) => Verdict::Reject(Reset::Client),
        (rules::Verdict::Reject(_), _) => Verdict::Reject(Reset::Server),
    }
}

const fn toward(direction: FlowDirection) -> Toward {
    match direction {
        FlowDirection::ToServer => Toward::ToServer,
        FlowDirection::ToClient => Toward::ToClient,
    }
}
