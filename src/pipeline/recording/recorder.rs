//! A worker's part: keeps the packets of flows that are still read.

use std::collections::VecDeque;

use etherparse::{IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header};
use hashbrown::HashTable;

use super::{Kept, OVERHEAD, Recorded, RecordedFlow};
use crate::base::{Duration, Timestamp};
use crate::engine::{LANES, Order, PacketId, lane_of};
use crate::event::{AlertInfo, Common};
use crate::flow::FlowKey;
use crate::packet::Segment;
use crate::pipeline::batch::{Mark, Output, Told};
use crate::protocol::tls::Session;

/// Packets of flows that are still read, of which the oldest go where there is no room.
#[derive(Debug)]
pub struct Recorder {
    lanes: Vec<Lane>,
    seed: u64,
    /// Bytes that a lane may keep.
    most: usize,
    forgotten: u64,
}

/// The flows that compete for room.
#[derive(Debug, Default)]
struct Lane {
    flows: HashTable<Flow>,
    /// In the order in which they began; some are gone.
    order: VecDeque<(u64, FlowKey, Timestamp)>,
    bytes: usize,
}

#[derive(Debug)]
struct Flow {
    hash: u64,
    key: FlowKey,
    since: Timestamp,
    packets: Vec<Kept>,
    bytes: usize,
    /// As events have it, once there was an alert.
    alerted: Option<u64>,
}

impl Recorder {
    /// Keeps so many bytes at a time of each lane. `seed` is the one that the hashes of keys are made with.
    pub fn new(most: usize, seed: u64) -> Self {
        Self { lanes: std::iter::repeat_with(Lane::default).take(LANES).collect(), seed, most, forgotten: 0 }
    }

    /// A segment of a flow that is still read.
    pub fn record(&mut self, hash: u64, segment: &Segment<'_>, output: &mut Output) {
        let header = segment.header;
        let Some(lane) = self.lanes.get_mut(lane_of(hash)) else { return };
        let (data, original_len) = ip_packet(segment);
        let cost = data.len().saturating_add(OVERHEAD);
        let kept = Kept { timestamp: header.timestamp, original_len, data: data.into(), alerts: Vec::new() };
        let is_of = |flow: &Flow| flow.key == header.key;
        if let Some(flow) = lane.flows.find_mut(hash, is_of) {
            if flow.bytes.saturating_add(cost) > MOST_OF_FLOW || flow.packets.len() >= MOST_PACKETS {
                return;
            }
            flow.bytes = flow.bytes.saturating_add(cost);
            flow.packets.push(kept);
        } else {
            let (key, since) = (header.key, header.timestamp);
            let flow = Flow { hash, key, since, packets: vec![kept], bytes: cost, alerted: None };
            lane.flows.insert_unique(hash, flow, |flow| flow.hash);
            lane.order.push_back((hash, key, since));
        }
        lane.bytes = lane.bytes.saturating_add(cost);
        let at = Order { packet: PacketId::of(header), by_packet: true, flow: PacketId::default() };
        while lane.bytes > self.most {
            let Some((hash, key, since)) = lane.order.pop_front() else { break };
            if let Some(flow) = lane.take(hash, &key, Some(since)) {
                self.forgotten = self.forgotten.saturating_add(1);
                hand_out(flow, "", at, output);
            }
        }
    }

    /// A rule alerted on the packet that came last of a flow.
    pub fn alerted(&mut self, common: &Common<'_>, info: &AlertInfo<'_>) {
        let Some((hash, key)) = self.key(common) else { return };
        let Some(lane) = self.lanes.get_mut(lane_of(hash)) else { return };
        let Some(flow) = lane.flows.find_mut(hash, |flow| flow.key == key) else { return };
        flow.alerted = common.flow_id;
        if let Some(last) = flow.packets.last_mut().filter(|last| last.alerts.len() < MOST_ALERTS) {
            last.alerts.push(format!("rule {}:{}:{} {}", info.gid, info.signature_id, info.rev, plain(info.signature)));
        }
    }

    /// The session of a flow is told.
    pub fn told(&mut self, at: Order, common: &Common<'_>, session: &Session, output: &mut Output) {
        let Some((hash, key)) = self.key(common) else { return };
        if let Some(flow) = self.lanes.get_mut(lane_of(hash)).and_then(|lane| lane.take(hash, &key, None)) {
            let name = session.client_hello.as_ref().and_then(|hello| hello.server_name());
            let name = name.map_or_else(|| "without a name".to_owned(), |name| plain(&String::from_utf8_lossy(name)));
            let version = session.version().map(|version| format!(", version {:#06x}", version.0)).unwrap_or_default();
            hand_out(flow, &format!("TLS session {name}{version}"), at, output);
        }
    }

    /// It is `now`: what has waited for long enough waits no more.
    pub fn tick(&mut self, now: Timestamp, packet: PacketId, output: &mut Output) {
        let at = Order { packet, by_packet: false, flow: PacketId::END };
        for lane in &mut self.lanes {
            while let Some(&(hash, key, since)) = lane.order.front() {
                // A clock that was set back must not have packets wait for it.
                let is_due = since.saturating_add(LONGEST) <= now || since > now.saturating_add(LONGEST);
                let is_there = lane.flows.find(hash, |flow| flow.key == key && flow.since == since).is_some();
                if is_there && !is_due {
                    break;
                }
                lane.order.pop_front();
                if let Some(flow) = lane.take(hash, &key, Some(since)) {
                    hand_out(flow, "", at, output);
                }
            }
        }
        self.tell_forgotten(at, output);
    }

    /// No more packets come.
    pub fn finish(&mut self, output: &mut Output) {
        let at = Order { packet: PacketId::END, by_packet: false, flow: PacketId::END };
        for lane in &mut self.lanes {
            let mut flows: Vec<_> = lane.flows.drain().collect();
            flows.sort_by_key(|flow| flow.since);
            flows.into_iter().for_each(|flow| hand_out(flow, "", at, output));
        }
        self.tell_forgotten(at, output);
    }

    fn tell_forgotten(&mut self, at: Order, output: &mut Output) {
        if self.forgotten > 0 {
            push(Recorded::Forgotten(std::mem::take(&mut self.forgotten)), at, output);
        }
    }

    fn key(&self, common: &Common<'_>) -> Option<(u64, FlowKey)> {
        let (key, _) = FlowKey::new(common.source?, common.destination?, common.protocol?, common.vlan);
        Some((key.hash(self.seed), key))
    }
}

impl Lane {
    /// Takes a flow out; the one that began at `since`, where that is given.
    fn take(&mut self, hash: u64, key: &FlowKey, since: Option<Timestamp>) -> Option<Flow> {
        let is_it = |flow: &Flow| flow.key == *key && since.is_none_or(|since| flow.since == since);
        let (flow, _) = self.flows.find_entry(hash, is_it).ok()?.remove();
        self.bytes = self.bytes.saturating_sub(flow.bytes);
        Some(flow)
    }
}

/// Hands a flow to the collector, where a rule alerted on it.
fn hand_out(flow: Flow, about: &str, at: Order, output: &mut Output) {
    if let Some(flow_id) = flow.alerted {
        let about = if about.is_empty() { format!("flow {flow_id}") } else { format!("flow {flow_id}: {about}") };
        push(Recorded::Flow(RecordedFlow { flow_id, about, packets: flow.packets }), at, output);
    }
}

/// A line of no bytes, which the collector takes in its order.
fn push(recorded: Recorded, order: Order, output: &mut Output) {
    let here = output.bytes.len();
    output.marks.push(Mark { order, start: here, end: here, told: Told::Recorded(Box::new(recorded)) });
}

/// The segment as an IP packet, and how long that was. What was put together from fragments gets a header as it would have had without.
fn ip_packet(segment: &Segment<'_>) -> (Vec<u8>, u32) {
    let header = segment.header;
    let mut data = Vec::with_capacity(segment.headers.len().saturating_add(segment.payload.len()).saturating_add(40));
    let behind = u32::from(header.tcp_len).saturating_add(header.payload_len);
    if header.ip_len == 0 {
        let (from, to) = (header.key.sender(header.sender).ip, header.key.receiver(header.sender).ip);
        let protocol = IpNumber(header.key.protocol());
        let len = u16::try_from(behind).unwrap_or(u16::MAX);
        let _ = match (from, to) {
            (std::net::IpAddr::V4(from), std::net::IpAddr::V4(to)) => {
                Ipv4Header::new(len, header.ttl, protocol, from.octets(), to.octets())
                    .map_err(std::io::Error::other)
                    .and_then(|ip| ip.write(&mut data))
            }
            (from, to) => Ipv6Header {
                traffic_class: header.ip.tos,
                flow_label: Ipv6FlowLabel::ZERO,
                payload_length: len,
                next_header: protocol,
                hop_limit: header.ttl,
                source: crate::packet::Address::from(from).octets(),
                destination: crate::packet::Address::from(to).octets(),
            }
            .write(&mut data),
        };
    }
    let ip_len = if header.ip_len == 0 { data.len() } else { usize::from(header.ip_len) };
    data.extend_from_slice(segment.headers);
    data.extend_from_slice(segment.payload);
    let whole = u32::try_from(ip_len).unwrap_or(u32::MAX).saturating_add(behind);
    let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
    (data, whole.max(captured))
}

/// A text of others in one line.
fn plain(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Bytes of a flow that are kept, with what packets cost beside theirs; and packets.
const MOST_OF_FLOW: usize = 256 << 10;
const MOST_PACKETS: usize = 512;
/// Alerts of a packet that are named.
const MOST_ALERTS: usize = 16;
const MOST_CHARACTERS: usize = 256;
/// For how long a flow may wait for its session to be told.
const LONGEST: Duration = Duration::from_secs(60);
