//! How flows and sessions end: by time, at the end of the capture, for others, or because all is known; and what is told then.

use super::{Inspector, Place, common, spoken};
use crate::base::Timestamp;
use crate::engine::config::Config;
use crate::engine::connection::Flow;
use crate::engine::findings;
use crate::engine::following::{Following, Read};
use crate::engine::report::{Order, PacketId, Report};
use crate::engine::validate;
use crate::event::{AnomalyInfo, AnomalyType, Common, FlowEnd, FlowEndReason, FlowState, PacketSource};
use crate::flow::FlowKey;
use crate::packet::{Segment, SegmentHeader};
use crate::protocol::tls::Session;
use crate::rules::AppProto;

/// Flows that end together, in the order of their first packets.
#[derive(Debug)]
pub struct Leaving {
    flows: std::vec::IntoIter<(PacketId, Place)>,
    reason: FlowEndReason,
    packet: PacketId,
}

impl Inspector {
    /// As [`tick`](Self::tick), but only those flows end at once that have nothing to tell. To end the others, one at a time, is
    /// left to [`end_next`](Self::end_next), for callers who pass on what was reported before there is too much of it.
    pub fn expired(&mut self, now: Timestamp, packet: PacketId) -> Leaving {
        self.now = now;
        let mut leaving = Vec::new();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            for id in lane.expired(now, &self.config) {
                match lane.table.get(id) {
                    Some((_, flow)) if tells(flow, &self.config) => leaving.push((flow.first, Place { lane: index, id })),
                    _ => {
                        let ended = u64::from(lane.remove(id).is_some());
                        self.counters.flows_timed_out = self.counters.flows_timed_out.saturating_add(ended);
                    }
                }
            }
        }
        leaving.sort_unstable_by_key(|(first, _)| *first);
        leaving.dedup_by_key(|(_, place)| (place.lane, place.id)); // a flow that was closed has two timers
        self.counters.flows_timed_out = self.counters.flows_timed_out.saturating_add(len64(&leaving));
        Leaving { flows: leaving.into_iter(), reason: FlowEndReason::Timeout, packet }
    }

    /// As [`finish`](Self::finish), but to end the flows that have something to tell is left to [`end_next`](Self::end_next).
    pub fn rest(&mut self) -> Leaving {
        let mut leaving = Vec::new();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            lane.table.retain(|_, flow| tells(flow, &self.config));
            let ids = lane.table.ids().into_iter();
            leaving.extend(ids.filter_map(|id| Some((lane.table.get(id)?.1.first, Place { lane: index, id }))));
        }
        leaving.sort_unstable_by_key(|(first, _)| *first);
        Leaving { flows: leaving.into_iter(), reason: FlowEndReason::Shutdown, packet: PacketId::END }
    }

    /// Ends the next of the flows that leave. False where there is none.
    pub fn end_next(&mut self, leaving: &mut Leaving, report: &mut impl Report) -> bool {
        let Some((_, place)) = leaving.flows.next() else { return false };
        self.end(&place, leaving.reason, leaving.packet, false, report);
        true
    }

    /// Reports the session, and lets go of all that was kept to read it.
    pub(super) fn tell_session(&mut self, place: &Place, at: Order, header: Option<&SegmentHeader>, report: &mut impl Report) {
        let Some(lane) = self.lanes.get_mut(place.lane) else { return };
        let Some((&key, _)) = lane.table.get(place.id) else { return };
        let Some(flow) = lane.table.get_mut(place.id) else { return };
        let (client, last) = (flow.client(), flow.last);
        let Some(connection) = flow.connection.as_deref_mut() else { return };
        let two_sided = connection.is_two_sided();
        let Some(mut following) = connection.following.take() else { return };
        connection.spoke = spoke(&following);
        let held = std::mem::take(&mut following.accounted);
        let (base, capture) = match header {
            Some(header) => (Common::of_segment(header), header.capture),
            None => (of_flow(&key, flow.last), flow.first.capture()),
        };
        let mut otherwise = None;
        let told = || common(&self.names, &key, flow, base, capture).between(key.sender(client), key.receiver(client));
        if following.conversation.is_tls() && following.conversation.is_worth_telling() {
            self.counters.sessions = self.counters.sessions.saturating_add(1);
            let common = told();
            let session = following.conversation.session(client);
            if let Some(verdict) = &session.server_trust {
                self.counters.trust.count(verdict.status);
                self.counters.count_useless_crl(verdict.useless_crl);
            }
            let found = findings::of_session(session, last, two_sided, &self.config);
            self.counters.findings.count(found);
            tell(session, at, &Common { findings: found, ..common }, report);
        } else if let Some(limit) = following.gave_up {
            report.anomaly(at, &told(), &AnomalyInfo { typ: AnomalyType::Stream, event: limit.anomaly() });
        } else if !following.conversation.is_tls() && self.config.server_ports.contains(key.receiver(client).port) {
            let found = findings::of_session(following.conversation.session(client), last, two_sided, &self.config);
            if !found.is_empty() {
                self.counters.findings.count(found);
                report.other(at, &Common { findings: found, ..told() });
                otherwise = Some(Box::new(found));
            }
        }
        if let Some(connection) = flow.connection.as_deref_mut() {
            connection.found = otherwise;
            connection.gave_up = following.gave_up.is_some();
        }
        lane.release(held);
    }

    /// Ends a flow: what is unfinished is told as it is.
    pub(super) fn end(
        &mut self,
        place: &Place,
        reason: FlowEndReason,
        packet: PacketId,
        by_packet: bool,
        report: &mut impl Report,
    ) {
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return };
        let at = Order { packet, by_packet, flow: flow.first };
        self.end_at(place, reason, at, report);
    }

    /// As [`end`](Self::end), with events that belong where `at` says.
    pub(super) fn end_at(&mut self, place: &Place, reason: FlowEndReason, at: Order, report: &mut impl Report) {
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return };
        let client = flow.client();
        if let Some(connection) = flow.connection.as_deref_mut() {
            connection.wake(client, self.config.limits.handshake_bytes);
        }
        self.conclude(place, at, true, report);
        if self.tells_flow(place) {
            self.tell_flow(place, reason, at, report);
        }
        let Some(lane) = self.lanes.get_mut(place.lane) else { return };
        let Some((&key, _)) = lane.table.get(place.id) else { return };
        let Some(ended) = lane.remove(place.id) else { return };
        let client = ended.client();
        if let Some(rival) = ended.connection.and_then(|c| c.rival).filter(|rival| rival.is_worth_telling()) {
            self.tell_rival(&rival, client, &key, (reason, at), report);
        }
    }

    /// Where a verdict has stopped the flow, its session ends here.
    pub(super) fn stop(&mut self, place: &Place, segment: &Segment<'_>, report: &mut impl Report) {
        let header = segment.header;
        let Some(lane) = self.lanes.get_mut(place.lane) else { return };
        let Some(flow) = lane.table.get_mut(place.id) else { return };
        let (client, last) = (flow.client(), flow.last);
        let Some(connection) = flow.connection.as_deref_mut().filter(|c| c.dropped) else { return };
        let Some(following) = connection.following.as_deref_mut() else { return };
        let mut read = Read::default();
        following.end(&mut read, &mut lane.certificates);
        following.conversation.stop();
        if let Some(trust) = &mut self.trust {
            validate::update(trust, following, client, last, true);
        }
        if let Some(list) = &self.config.weak_keys {
            validate::look_up_keys(list, following, client);
        }
        self.count_read(&read);
        self.compare(place, &Common::of_segment(header));
        self.judge(place, segment, report);
        let at = Order { packet: PacketId::of(header), by_packet: true, flow: PacketId::default() };
        self.tell_session(place, at, Some(header), report);
    }

    /// No more of the flow is read: what is unfinished of its session is told as it is. Answers whether a rule says that what follows
    /// is to be dropped; of a flow that `is_over` nothing does.
    pub(super) fn conclude(&mut self, place: &Place, at: Order, is_over: bool, report: &mut impl Report) -> bool {
        let Some(lane) = self.lanes.get_mut(place.lane) else { return false };
        let Some((&key, flow)) = lane.table.get(place.id) else { return false };
        let (guess, last, is_closed) = (flow.client(), flow.last, flow.is_closed());
        let following =
            lane.table.get_mut(place.id).and_then(|f| f.connection.as_deref_mut()).and_then(|c| c.following.as_deref_mut());
        let Some(following) = following else { return false };
        let mut read = Read::default();
        following.end(&mut read, &mut lane.certificates);
        following.conversation.close(is_closed);
        let client = following.conversation.client();
        if let Some(trust) = &mut self.trust {
            validate::update(trust, following, client.unwrap_or(guess), last, true);
        }
        if let Some(list) = &self.config.weak_keys {
            validate::look_up_keys(list, following, client.unwrap_or(guess));
        }
        if let (Some(client), Some(flow)) = (client, lane.table.get_mut(place.id)) {
            flow.set_client(client);
        }
        self.count_read(&read);
        self.compare(place, &of_flow(&key, last));
        let drops_flow = self.judge_end(place, &key, at, is_over, report);
        self.tell_session(place, at, None, report);
        drops_flow
    }

    /// Tries the rules a last time: some facts are only known at the end. Answers whether one drops the flow.
    fn judge_end(&mut self, place: &Place, key: &FlowKey, at: Order, is_over: bool, report: &mut impl Report) -> bool {
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return false };
        let judged = self.judge.judge(flow, key, None);
        if judged.is_empty() {
            return false;
        }
        let judged = if is_over { judged.at_the_end() } else { judged };
        let common = common(&self.names, key, flow, of_flow(key, flow.last), flow.first.capture());
        let alerts = self.judge.alerts(&judged, flow, key, at, &common, report);
        self.counters.alerts = self.counters.alerts.saturating_add(alerts);
        judged.drops_flow()
    }

    /// Whether the flow has an event of its own at its end: where all have, or where nothing else would say what was found of it.
    fn tells_flow(&self, place: &Place) -> bool {
        let flow = self.lanes.get(place.lane).and_then(|l| l.table.get(place.id)).map(|(_, flow)| flow);
        self.config.flow_events || flow.is_some_and(findings::is_worth_an_event)
    }

    fn tell_flow(&self, place: &Place, reason: FlowEndReason, at: Order, report: &mut impl Report) {
        let Some((key, flow)) = self.lanes.get(place.lane).and_then(|l| l.table.get(place.id)) else { return };
        let state = match &flow.connection {
            _ if flow.is_closed() => FlowState::Closed,
            Some(c) if c.is_two_sided() => FlowState::Established,
            _ => FlowState::New,
        };
        let (alerted, action) = flow.connection.as_ref().map_or((false, None), |c| (c.alerted, c.action()));
        let end = FlowEnd { end: flow.last, state, reason, alerted, action, bypassed: flow.bypassed() };
        let common = common(&self.names, key, flow, of_flow(key, flow.last), flow.first.capture());
        let common = common.between(key.sender(flow.client()), key.receiver(flow.client()));
        let findings = flow.connection.as_ref().and_then(|c| c.found.as_deref().copied()).unwrap_or_default();
        let common = Common { findings, ..common };
        report.flow(at, &common, &flow.counters(key), &end, flow.tcp_end().as_ref());
    }
}

/// What a flow spoke of which no more is read.
fn spoke(following: &Following) -> AppProto {
    match following.gave_up {
        None if !following.conversation.is_tls() && !following.conversation.began_otherwise() => AppProto::NotTls,
        _ => spoken(&following.conversation),
    }
}

/// Whether there is an event at the end of `flow`.
fn tells(flow: &Flow, config: &Config) -> bool {
    config.flow_events || flow.is_read() || flow.has_rival() || findings::is_worth_an_event(flow)
}

fn tell(session: &Session, at: Order, common: &Common<'_>, report: &mut impl Report) {
    report.session(at, common, session);
    for &anomaly in &session.anomalies {
        report.anomaly(at, common, &AnomalyInfo::of_tls(anomaly));
    }
}

/// What an event that no packet caused says of its flow.
fn of_flow(key: &FlowKey, last: Timestamp) -> Common<'static> {
    let mut vlan = [0; 2];
    for (slot, id) in vlan.iter_mut().zip(key.vlan()) {
        *slot = id;
    }
    Common { timestamp: last, vlan, protocol: Some(key.protocol()), pkt_src: Some(PacketSource::FlowTimeout), ..Common::default() }
}

fn len64<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}
