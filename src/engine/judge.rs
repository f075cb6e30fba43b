//! Tries the rules on a flow, and tells what they said.

use std::sync::Arc;

use super::connection::{Connection, Flow, Following};
use super::report::{Order, Report};
use crate::event::{AlertInfo, Common, DropReason, Side, Toward, Verdict};
use crate::flow::{Direction, FlowKey, Stream};
use crate::packet::{Segment, SegmentHeader, TcpFlags};
use crate::rules::{
    self, Action, AppProto, Chunk, FlowDirection, FlowRules, HostState, Listed, Match, Packet, Profile, Raw, Reference, Rule,
    RuleSet, Scratch, Subject, Target,
};

/// The rules, and what trying them needs.
#[derive(Debug)]
pub(super) struct Judge {
    rules: Arc<RuleSet>,
    on_first: bool,
    on_each: bool,
    on_streams: bool,
    hosts: HostState,
    scratch: Scratch,
    matches: Vec<Match>,
}

/// What the rules said of a packet or of a flow's end.
#[derive(Debug, Default)]
pub(super) struct Judged {
    matches: Vec<Match>,
    /// The packet is to be dropped.
    drops: bool,
    /// So are all that follow.
    drops_flow: bool,
}

impl Judged {
    /// Whether they said nothing new.
    pub fn is_empty(&self) -> bool {
        self.matches.is_empty() && !self.drops
    }

    /// Whether the packet is to be dropped.
    pub const fn drops(&self) -> bool {
        self.drops
    }
}

impl Judge {
    /// `profile_clock`: to count what each rule costs.
    pub fn new(rules: Arc<RuleSet>, profile_clock: Option<fn() -> u64>) -> Self {
        let scratch = profile_clock.map_or_else(Scratch::default, |clock| Scratch::profiling(Profile::new(clock)));
        let (on_first, on_each, on_streams) = (rules.wants_first_packet(), rules.wants_packets(), rules.wants_streams());
        Self { rules, on_first, on_each, on_streams, hosts: HostState::default(), scratch, matches: Vec::new() }
    }

    /// `rules` are in force from now on. What is remembered of flows and hosts stays, by names and by gid and sid.
    pub fn replace_rules(&mut self, rules: Arc<RuleSet>) {
        self.scratch.replace_set(&self.rules, &rules);
        (self.on_first, self.on_each, self.on_streams) = (rules.wants_first_packet(), rules.wants_packets(), rules.wants_streams());
        self.rules = rules;
    }

    /// Whether `flow` was last tried on rules that are in force no more.
    pub const fn is_new_to(&self, flow: &FlowRules) -> bool {
        self.scratch.is_new_to(flow)
    }

    /// Whether a rule wants to be tried before there is any payload.
    pub const fn wants_opening(&self) -> bool {
        self.on_first || self.on_each
    }

    /// What each rule cost, where that is counted.
    pub fn profile(&self) -> Option<&Profile> {
        self.scratch.profile()
    }

    /// How many alerts were left out.
    pub const fn suppressed(&self) -> u64 {
        self.scratch.counters().suppressed
    }

    /// Whether a rule wants to be tried on each packet.
    pub const fn wants_packets(&self) -> bool {
        self.on_each
    }

    /// Whether a rule wants to look at streams: they have to be there when it is tried.
    pub const fn wants_streams(&self) -> bool {
        self.on_streams
    }

    /// Tries the rules that `flow` has become ripe for, and those about packets on `segment`.
    pub fn judge(&mut self, flow: &mut Flow, key: &FlowKey, segment: Option<&Segment<'_>>) -> Judged {
        if self.rules.is_empty() {
            flow.connection.iter_mut().for_each(|c| self.scratch.renew(&mut c.rules));
            return Judged::default();
        }
        let (client, now) = (flow.client(), flow.last);
        let Some(connection) = flow.connection.as_deref_mut() else { return Judged::default() };
        let sizes = segment.filter(|_| self.on_each).map_or([0; 2], |s| connection.reach(s.header, client));
        let one_way = connection.one_way().map(|sender| way(sender, client));
        let Connection { following, rules, established, was_tls, dropped, .. } = connection;
        let app_proto = match following.as_ref().map(|f| &f.conversation) {
            Some(c) if c.is_tls() => AppProto::Tls,
            Some(c) if c.began_otherwise() => AppProto::NotTls,
            Some(_) => AppProto::Unknown,
            None if *was_tls => AppProto::Tls,
            None => AppProto::NotTls,
        };
        let (session, raw) = match following.as_deref_mut() {
            Some(Following { streams, conversation, .. }) => {
                let of = |s: &Segment<'_>| (streams.get(s.header.sender), conversation.is_over(s.header.sender));
                let raw = segment.map(|s| (s, of(s))).map(|(s, (stream, is_over))| raw(s, stream, is_over));
                (Some(conversation.session(client)), raw.unwrap_or_default())
            }
            None if *was_tls => (None, Raw::default()),
            None => (None, Raw { payload: segment.map_or(&[], |s| s.payload), stream: None }),
        };
        let packet = segment.map(|s| Packet { direction: way(s.header.sender, client), segment: *s, sizes, raw });
        let subject = Subject {
            client: key.sender(client),
            server: key.receiver(client),
            established: *established,
            app_proto,
            session,
            one_way,
            packet,
            now,
        };
        self.matches.clear();
        let verdict = self.rules.evaluate(&subject, rules, &mut self.hosts, &mut self.scratch, &mut self.matches);
        if self.matches.iter().filter_map(|m| self.rules.rule(m.rule)).any(|r| r.stores_certificates)
            && let Some(following) = following
        {
            following.conversation.store_certificates();
        }
        let drops = blocks(verdict) && !*dropped;
        if self.matches.is_empty() && !drops {
            return Judged::default();
        }
        Judged { matches: std::mem::take(&mut self.matches), drops, drops_flow: drops && blocks(rules.verdict()) }
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
        if judged.drops {
            if let Some(connection) = &mut flow.connection {
                connection.dropped |= judged.drops_flow;
            }
            let blocking = judged.matches.iter().find(|m| is_blocking(m.action));
            let rule = blocking.and_then(|m| Some((m, self.rules.rule(m.rule)?)));
            let direction = if header.sender == flow.client() { Toward::ToServer } else { Toward::ToClient };
            let common = Common { direction: Some(direction), ..*common };
            match rule {
                Some((found, rule)) => {
                    let (references, listed) = (links(rule), self.rules.listed(found));
                    let metadata = metadata(rule, listed.as_ref());
                    let info = info(rule, found.action, &references, &metadata, listed.as_ref());
                    report.drop(at, &common, header, DropReason::Rules, Some(&info));
                }
                None => report.drop(at, &common, header, DropReason::Rules, None),
            }
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
        let client = flow.client();
        for found in &judged.matches {
            let Some(rule) = self.rules.rule(found.rule).filter(|r| r.alerts) else { continue };
            let (direction, sender) = match found.direction {
                FlowDirection::ToServer => (Toward::ToServer, client),
                FlowDirection::ToClient => (Toward::ToClient, client.reverse()),
            };
            let common = Common { direction: Some(direction), ..common.between(key.sender(sender), key.receiver(sender)) };
            let (references, listed) = (links(rule), self.rules.listed(found));
            let metadata = metadata(rule, listed.as_ref());
            let Some(connection) = flow.connection.as_deref_mut() else { continue };
            connection.alerted = true;
            let (flowbits, flowints) = (connection.rules.bits(), connection.rules.ints());
            let info = AlertInfo { flowbits, flowints, ..info(rule, found.action, &references, &metadata, listed.as_ref()) };
            let session = connection.following.as_mut().filter(|f| f.conversation.is_tls()).map(|f| f.conversation.session(client));
            report.alert(at, &common, &info, &counters, session);
            alerts = alerts.saturating_add(1);
        }
        alerts
    }
}

impl Connection {
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

fn info<'a>(
    rule: &'a Rule,
    action: Action,
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
        verdict: match action {
            Action::Pass => Verdict::Pass,
            Action::Drop => Verdict::Drop,
            Action::Reject(_) => Verdict::Reject,
            Action::Alert => Verdict::Alert,
        },
        target: rule.target.map(|target| match target {
            Target::Source => Side::Source,
            Target::Destination => Side::Destination,
        }),
        rule: rule.text.as_deref(),
        flowbits: &[],
        flowints: &[],
    }
}
