//! What all events share: when, which packet, which flow, between whom. And how one becomes a line.

use serde::{Serialize, Serializer};

use super::alert::{Alert, FlowMetadata, VerdictObject};
use super::anomaly::AnomalyObject;
use super::ascii::{Address, Time};
use super::certificate::CertificateObject;
use super::community_id::CommunityId;
use super::drop::{Drop, RefusalObject};
use super::findings::Findings;
use super::flow::{Flow, Tcp};
use super::json::write_line;
use super::portcullis::Portcullis;
use super::tls::Tls;
use crate::base::Timestamp;
use crate::findings::FindingSet;
use crate::flow::{Endpoint, FlowKey};
use crate::packet::SegmentHeader;

/// What all events share. `None` and zero stand for what an event does not have; its key is then left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Common<'a> {
    /// When it happened, in packet time.
    pub timestamp: Timestamp,
    /// The flow it belongs to: [`flow_id`].
    pub flow_id: Option<u64>,
    /// The number of the packet in its capture, from 1. `None` where no packet caused it (a time-out, the end).
    pub pcap_cnt: Option<u64>,
    /// The capture's name as it was given.
    pub pcap_filename: Option<&'a str>,
    /// The interface's name, where packets come from interfaces.
    pub in_iface: Option<&'a str>,
    /// VLAN ids, outer first; 0 for none.
    pub vlan: [u16; 2],
    /// Who sent: of the packet for an alert, drop or anomaly, the client for a session or a flow.
    pub source: Option<Endpoint>,
    /// Who was to receive.
    pub destination: Option<Endpoint>,
    /// IP protocol number: 6 is TCP.
    pub protocol: Option<u8>,
    /// How many tunnel headers were around it.
    pub tunnel_depth: u8,
    /// Where the packet came from.
    pub pkt_src: Option<PacketSource>,
    /// The community id of the flow.
    pub community_id: Option<CommunityId>,
    /// The application protocol: `tls`, or `failed` where it is none that we know.
    pub app_proto: Option<&'a str>,
    /// Which way the packet went.
    pub direction: Option<Toward>,
    /// What was found: of the session in its event, of a flow that is not TLS in its events.
    pub findings: FindingSet,
}

/// Where a packet came from (EVE's `pkt_src`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum PacketSource {
    /// A capture or an interface.
    #[serde(rename = "wire/pcap")]
    Wire,
    /// No packet: the flow's time-out or the end of the run asked for a last look.
    #[serde(rename = "stream (flow timeout)")]
    FlowTimeout,
}

/// Which way a packet went (EVE's `direction`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Toward {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}

impl Common<'_> {
    /// What the header of a captured segment says: time, number, addresses, VLANs, tunnels. Source is who sent it.
    pub fn of_segment(header: &SegmentHeader) -> Self {
        let mut vlan = [0; 2];
        for (slot, id) in vlan.iter_mut().zip(header.key.vlan()) {
            *slot = id;
        }
        Self {
            timestamp: header.timestamp,
            pcap_cnt: Some(header.number),
            vlan,
            source: Some(header.key.sender(header.sender)),
            destination: Some(header.key.receiver(header.sender)),
            protocol: Some(header.key.protocol()),
            tunnel_depth: header.tunnel_depth,
            pkt_src: Some(PacketSource::Wire),
            ..Self::default()
        }
    }

    /// The same between other ends: for what belongs to a session rather than to the packet that completed it.
    #[must_use]
    pub const fn between(mut self, source: Endpoint, destination: Endpoint) -> Self {
        self.source = Some(source);
        self.destination = Some(destination);
        self
    }
}

/// The id of the flow `key` that began with packet `number` at `start`: the same in every run, and another one where the same
/// five-tuple is used again. 51 bits, as Suricata's, since JavaScript and many JSON readers keep no more than 53.
pub fn flow_id(key: &FlowKey, start: Timestamp, number: u64) -> u64 {
    let tuple = mix(key.hash(0));
    mix(tuple ^ mix(start.as_nanos().wrapping_add(number.rotate_left(40)))) & FLOW_ID_BITS
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): every bit of the result depends on every bit of `n`.
const fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

/// One event as it is written: the common keys and the objects of its type.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_iface: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pcap_cnt: Option<u64>,
    event_type: &'static str,
    #[serde(skip_serializing_if = "Vlan::is_empty")]
    vlan: Vlan,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_ip: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_ip: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_v: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkt_src: Option<PacketSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<Tunnel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<CommunityId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<Toward>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<FlowMetadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Drop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomaly: Option<AnomalyObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<Flow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Tcp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portcullis: Option<Own<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pcap_filename: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// A line of type `event_type` with nothing but the common keys.
    pub fn new(common: &Common<'a>, event_type: &'static str) -> Self {
        Self {
            timestamp: Time(common.timestamp),
            flow_id: common.flow_id,
            in_iface: common.in_iface,
            pcap_cnt: common.pcap_cnt,
            event_type,
            vlan: Vlan(common.vlan),
            src_ip: common.source.map(|end| Address(end.ip)),
            src_port: common.source.map(|end| end.port),
            dest_ip: common.destination.map(|end| Address(end.ip)),
            dest_port: common.destination.map(|end| end.port),
            proto: common.protocol.map(Protocol),
            ip_v: common.source.map(|end| if end.ip.is_ipv4() { 4 } else { 6 }),
            pkt_src: common.pkt_src,
            tunnel: (common.tunnel_depth > 0).then_some(Tunnel { depth: common.tunnel_depth }),
            community_id: common.community_id,
            app_proto: common.app_proto,
            direction: common.direction,
            metadata: None,
            alert: None,
            drop: None,
            anomaly: None,
            tls: None,
            flow: None,
            tcp: None,
            verdict: None,
            portcullis: None,
            pcap_filename: common.pcap_filename,
        }
    }

    /// Appends it to `out`, with the newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_line(out, self);
    }
}

/// The one object of our own.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Own<'a> {
    Session(Box<Portcullis<'a>>),
    Refusal(RefusalObject<'a>),
    Findings(Findings),
    Certificate(Box<CertificateObject<'a>>),
}

impl Own<'_> {
    /// What was found, where there is nothing else to say.
    pub fn found(common: &Common<'_>) -> Option<Self> {
        Findings::of(common.findings).map(Self::Findings)
    }
}

#[derive(Serialize)]
struct Tunnel {
    depth: u8,
}

struct Vlan([u16; 2]);

impl Vlan {
    fn is_empty(&self) -> bool {
        self.0 == [0; 2]
    }
}

impl Serialize for Vlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().filter(|&&id| id != 0))
    }
}

/// An IP protocol by Suricata's name, or its number in three digits.
struct Protocol(u8);

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            6 => serializer.serialize_str("TCP"),
            17 => serializer.serialize_str("UDP"),
            other => serializer.collect_str(&format_args!("{other:03}")),
        }
    }
}

const FLOW_ID_BITS: u64 = (1 << 51) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn end(ip: &str, port: u16) -> Endpoint {
        Endpoint { ip: ip.parse().unwrap(), port }
    }

    #[test]
    fn a_flow_id_tells_reuses_of_a_five_tuple_apart_and_fits_javascript() {
        let key = |port| FlowKey::new(end("10.0.0.1", port), end("10.0.0.2", 443), 6, [0; 2]).0;
        let at = Timestamp::from_parts(1_700_000_000, 0);
        let id = flow_id(&key(40_000), at, 1);
        assert_eq!(id, flow_id(&key(40_000), at, 1));
        for other in [
            flow_id(&key(40_001), at, 1),
            flow_id(&key(40_000), at, 2),
            flow_id(&key(40_000), Timestamp::from_parts(1_700_000_000, 1), 1),
        ] {
            assert_ne!(id, other);
            assert!(other < 1 << 51);
        }
    }

    #[test]
    fn what_an_event_does_not_have_is_left_out() {
        let mut out = Vec::new();
        Line::new(&Common::default(), "anomaly").write(&mut out);
        assert_eq!(out, b"{\"timestamp\":\"1970-01-01T00:00:00.000000+0000\",\"event_type\":\"anomaly\"}\n");
    }
}
