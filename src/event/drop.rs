//! The `drop` event: a packet that did not go on.

use serde::Serialize;

use super::alert::{Alert, AlertInfo, Verdict, VerdictObject};
use super::common::{Common, Line, Own};
use super::text::Text;
use crate::packet::{SegmentHeader, TcpFlags};

/// Why a packet was dropped, in Suricata's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum DropReason {
    /// A rule matched on it.
    #[serde(rename = "rules")]
    Rules,
    /// Its flow was dropped before.
    #[serde(rename = "flow drop")]
    FlowDrop,
    /// No rule accepts flows between its addresses and ports, and what none accepts is dropped.
    #[serde(rename = "default packet policy")]
    DefaultPacketPolicy,
    /// No rule accepts what its flow says, and what none accepts is dropped.
    #[serde(rename = "default app policy")]
    DefaultAppPolicy,
    /// What its flow says is against the protocol in a way that hides something.
    #[serde(rename = "applayer error")]
    AppLayerError,
    /// It could not be decoded.
    #[serde(rename = "decode error")]
    DecodeError,
    /// Fragments that contradict each other, or that never became whole.
    #[serde(rename = "defrag error")]
    DefragError,
    /// There is no room for more fragments.
    #[serde(rename = "defrag memcap")]
    DefragMemcap,
    /// Frames come faster than they are judged. The word is ours.
    #[serde(rename = "overload")]
    Overload,
    /// No receiver takes it, or none should: it does not fit its connection.
    #[serde(rename = "stream error")]
    StreamError,
    /// There is no room to hold it, or its flow is read no more because of a limit.
    #[serde(rename = "stream memcap")]
    StreamMemcap,
    /// The start of its flow was not seen.
    #[serde(rename = "stream midstream")]
    StreamMidstream,
    /// It contradicts what went on before, or what it needs to be judged never came.
    #[serde(rename = "stream reassembly")]
    StreamReassembly,
    /// It has urgent data, which some receivers take out of the stream.
    #[serde(rename = "stream urgent")]
    StreamUrgent,
}

impl DropReason {
    /// All, in the order of their counters.
    pub const ALL: [Self; 14] = [
        Self::Rules,
        Self::FlowDrop,
        Self::DefaultPacketPolicy,
        Self::DefaultAppPolicy,
        Self::AppLayerError,
        Self::DecodeError,
        Self::DefragError,
        Self::DefragMemcap,
        Self::Overload,
        Self::StreamError,
        Self::StreamMemcap,
        Self::StreamMidstream,
        Self::StreamReassembly,
        Self::StreamUrgent,
    ];

    /// The name of its counter in `stats` events.
    pub const fn counter(self) -> &'static str {
        match self {
            Self::Rules => "ips.drop_reason.rules",
            Self::FlowDrop => "ips.drop_reason.flow_drop",
            Self::DefaultPacketPolicy => "ips.drop_reason.default_packet_policy",
            Self::DefaultAppPolicy => "ips.drop_reason.default_app_policy",
            Self::AppLayerError => "ips.drop_reason.applayer_error",
            Self::DecodeError => "ips.drop_reason.decode_error",
            Self::DefragError => "ips.drop_reason.defrag_error",
            Self::DefragMemcap => "ips.drop_reason.defrag_memcap",
            Self::Overload => "ips.drop_reason.overload",
            Self::StreamError => "ips.drop_reason.stream_error",
            Self::StreamMemcap => "ips.drop_reason.stream_memcap",
            Self::StreamMidstream => "ips.drop_reason.stream_midstream",
            Self::StreamReassembly => "ips.drop_reason.stream_reassembly",
            Self::StreamUrgent => "ips.drop_reason.stream_urgent",
        }
    }
}

/// What is to be said of a dropped segment beside its header.
#[derive(Clone, Copy, Debug)]
pub struct DropInfo<'a> {
    /// Why it was dropped.
    pub reason: DropReason,
    /// [`Verdict::Drop`] or a reject.
    pub verdict: Verdict,
    /// The rule that wanted it, where one did and alerts.
    pub rule: Option<&'a AlertInfo<'a>>,
    /// Why no rule accepted its flow, where that is the reason.
    pub refusal: Option<Refusal<'a>>,
}

/// Why no rule accepted a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// In words.
    pub why: &'static str,
    /// The server name that the client asked for.
    pub server_name: Option<&'a [u8]>,
}

/// Appends the event of the dropped segment to `out`.
pub fn drop(out: &mut Vec<u8>, common: &Common<'_>, segment: &SegmentHeader, info: &DropInfo<'_>) {
    let mut line = Line::new(common, "drop");
    line.drop = Some(Drop::of(segment, info.reason));
    line.alert = info.rule.map(|rule| Alert::of(rule, common));
    line.verdict = Some(VerdictObject::of(info.verdict));
    line.portcullis = info.refusal.map(|r| Own::Refusal(RefusalObject { why: r.why, sni: r.server_name.map(Text) }));
    line.write(out);
}

/// The `portcullis` object of a flow that no rule accepted.
#[derive(Serialize)]
pub(super) struct RefusalObject<'a> {
    why: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<Text<'a>>,
}

/// What is in one version of the IP header alone.
#[derive(Serialize)]
#[serde(untagged)]
enum Ip {
    V4 { tos: u8, ttl: u8, ipid: u32 },
    V6 { tc: u8, hoplimit: u8, flowlbl: u32 },
}

/// EVE's `drop` object.
#[derive(Serialize)]
pub(super) struct Drop {
    /// Bytes, by the IP header.
    len: u32,
    #[serde(flatten)]
    ip: Ip,
    #[serde(flatten)]
    transport: Transport,
    reason: DropReason,
}

/// What is in the header of TCP, or of UDP.
#[derive(Serialize)]
#[serde(untagged)]
enum Transport {
    Tcp {
        tcpseq: u32,
        tcpack: u32,
        tcpwin: u16,
        syn: bool,
        ack: bool,
        psh: bool,
        rst: bool,
        urg: bool,
        fin: bool,
        tcpres: u8,
        tcpurgp: u16,
    },
    /// Bytes of header and payload.
    Udp { udplen: u32 },
}

impl Drop {
    fn of(segment: &SegmentHeader, reason: DropReason) -> Self {
        Self { len: segment.ip.len, ip: Ip::of(segment), transport: Transport::of(segment), reason }
    }
}

impl Transport {
    fn of(segment: &SegmentHeader) -> Self {
        if segment.is_datagram() {
            return Self::Udp { udplen: segment.payload_len.saturating_add(u32::from(segment.tcp_len)) };
        }
        let flags = segment.flags;
        Self::Tcp {
            tcpseq: segment.seq,
            tcpack: segment.ack,
            tcpwin: segment.window,
            syn: flags.has(TcpFlags::SYN),
            ack: flags.has(TcpFlags::ACK),
            psh: flags.has(TcpFlags::PSH),
            rst: flags.has(TcpFlags::RST),
            urg: flags.has(TcpFlags::URG),
            fin: flags.has(TcpFlags::FIN),
            tcpres: segment.reserved,
            tcpurgp: segment.urgent,
        }
    }
}

impl Ip {
    fn of(segment: &SegmentHeader) -> Self {
        let (fields, ttl) = (segment.ip, segment.ttl);
        match segment.key.sender(segment.sender).ip.is_ipv4() {
            true => Self::V4 { tos: fields.tos, ttl, ipid: fields.id },
            false => Self::V6 { tc: fields.tos, hoplimit: ttl, flowlbl: fields.id },
        }
    }
}
