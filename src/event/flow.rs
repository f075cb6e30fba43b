//! The `flow` event: what one flow came to, and the counters that other events carry of it.

use serde::{Serialize, Serializer};

use super::ascii::{Address, Time};
use super::common::{Common, Line, Own};
use crate::base::Timestamp;
use crate::flow::Endpoint;
use crate::packet::TcpFlags;

/// The counters of a flow up to now.
#[derive(Clone, Copy, Debug)]
pub struct FlowCounters {
    /// Who opened it.
    pub client: Endpoint,
    /// Whom it was opened to.
    pub server: Endpoint,
    /// Packets from the client.
    pub pkts_toserver: u64,
    /// Packets from the server.
    pub pkts_toclient: u64,
    /// Bytes of frames from the client.
    pub bytes_toserver: u64,
    /// Bytes of frames from the server.
    pub bytes_toclient: u64,
    /// When its first packet came.
    pub start: Timestamp,
}

/// How a flow ended.
#[derive(Clone, Copy, Debug)]
pub struct FlowEnd {
    /// When its last packet came.
    pub end: Timestamp,
    /// What it had come to.
    pub state: FlowState,
    /// Why it is over.
    pub reason: FlowEndReason,
    /// A rule alerted on it.
    pub alerted: bool,
    /// What became of it by a verdict, if there was one.
    pub action: Option<FlowAction>,
    /// What of it was counted in the kernel and not looked at, if anything.
    pub bypassed: Option<Bypassed>,
}

/// Packets, and bytes of frames, that were counted and not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // as in FlowCounters
pub struct Bypassed {
    pub pkts_toserver: u64,
    pub pkts_toclient: u64,
    pub bytes_toserver: u64,
    pub bytes_toclient: u64,
}

/// What becomes of a flow by a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowAction {
    /// A `pass` rule accepted it.
    Pass,
    /// It was dropped.
    Drop,
}

/// What a flow had come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowState {
    /// Packets from one side only.
    New,
    /// Packets from both sides.
    Established,
    /// Closed by FIN or RST.
    Closed,
}

/// Why a flow is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowEndReason {
    /// No packet for as long as its state allows.
    Timeout,
    /// Its place was needed: a limit was reached.
    Forced,
    /// The capture ended.
    Shutdown,
    /// A new SYN on the same five-tuple.
    TcpReuse,
}

/// What is known of a flow's TCP.
#[derive(Clone, Copy, Debug)]
pub struct TcpEnd {
    /// All flags that the client ever set.
    pub flags_toserver: TcpFlags,
    /// All flags that the server ever set.
    pub flags_toclient: TcpFlags,
    /// The connection's state (RFC 9293 §3.3.2).
    pub state: TcpState,
    /// Bytes of the client's are missing.
    pub gap_toserver: bool,
    /// Bytes of the server's are missing.
    pub gap_toclient: bool,
}

/// A TCP connection's state (RFC 9293 §3.3.2), as far as one who only listens can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the standard's names
pub enum TcpState {
    #[default]
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait1,
    FinWait2,
    TimeWait,
    CloseWait,
    LastAck,
    Closing,
    Closed,
}

/// Appends the event to `out`. Source in `common` is the client.
pub fn flow(out: &mut Vec<u8>, common: &Common<'_>, counters: &FlowCounters, end: &FlowEnd, tcp: Option<&TcpEnd>) {
    let mut line = Line::new(common, "flow");
    line.flow = Some(Flow::ended(counters, end));
    line.tcp = tcp.map(Tcp::of);
    line.portcullis = Own::found(common);
    line.write(out);
}

/// EVE's `flow` object: in a `flow` event with the end, in others with the addresses, since theirs are the packet's.
#[derive(Serialize)]
pub(super) struct Flow {
    pkts_toserver: u64,
    pkts_toclient: u64,
    bytes_toserver: u64,
    bytes_toclient: u64,
    start: Time,
    #[serde(rename = "", skip_serializing_if = "Option::is_none")] // without a name: its fields stand here
    tuple: Option<Tuple>,
    #[serde(rename = "", skip_serializing_if = "Option::is_none")] // without a name: its fields stand here
    end: Option<End>,
}

#[derive(Serialize)]
struct Tuple {
    src_ip: Address,
    src_port: u16,
    dest_ip: Address,
    dest_port: u16,
}

#[derive(Serialize)]
struct End {
    end: Time,
    /// Whole seconds.
    age: u64,
    state: FlowState,
    reason: FlowEndReason,
    alerted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<FlowAction>,
    /// By what.
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypassed: Option<Bypassed>,
}

impl Flow {
    /// Of a flow that goes on.
    pub const fn so_far(counters: &FlowCounters) -> Self {
        let FlowCounters { client, server, .. } = *counters;
        let tuple =
            Tuple { src_ip: Address(client.ip), src_port: client.port, dest_ip: Address(server.ip), dest_port: server.port };
        Self { tuple: Some(tuple), ..Self::counted(counters) }
    }

    const fn counted(counters: &FlowCounters) -> Self {
        Self {
            pkts_toserver: counters.pkts_toserver,
            pkts_toclient: counters.pkts_toclient,
            bytes_toserver: counters.bytes_toserver,
            bytes_toclient: counters.bytes_toclient,
            start: Time(counters.start),
            tuple: None,
            end: None,
        }
    }

    fn ended(counters: &FlowCounters, end: &FlowEnd) -> Self {
        let end = End {
            end: Time(end.end),
            // As in Suricata, the difference of the whole seconds.
            age: end.end.as_secs().saturating_sub(counters.start.as_secs()),
            state: end.state,
            reason: end.reason,
            alerted: end.alerted,
            action: end.action,
            bypass: end.bypassed.map(|_| "capture"),
            bypassed: end.bypassed,
        };
        Self { end: Some(end), ..Self::counted(counters) }
    }
}

/// EVE's `tcp` object.
#[derive(Serialize)]
pub(super) struct Tcp {
    tcp_flags: FlagsHex,
    tcp_flags_ts: FlagsHex,
    tcp_flags_tc: FlagsHex,
    #[serde(skip_serializing_if = "is_false")]
    syn: bool,
    #[serde(skip_serializing_if = "is_false")]
    fin: bool,
    #[serde(skip_serializing_if = "is_false")]
    rst: bool,
    #[serde(skip_serializing_if = "is_false")]
    psh: bool,
    #[serde(skip_serializing_if = "is_false")]
    ack: bool,
    #[serde(skip_serializing_if = "is_false")]
    urg: bool,
    state: TcpState,
    #[serde(skip_serializing_if = "is_false")]
    ts_gap: bool,
    #[serde(skip_serializing_if = "is_false")]
    tc_gap: bool,
}

impl Tcp {
    const fn of(tcp: &TcpEnd) -> Self {
        let both = TcpFlags(tcp.flags_toserver.0 | tcp.flags_toclient.0);
        Self {
            tcp_flags: FlagsHex(both),
            tcp_flags_ts: FlagsHex(tcp.flags_toserver),
            tcp_flags_tc: FlagsHex(tcp.flags_toclient),
            syn: both.has(TcpFlags::SYN),
            fin: both.has(TcpFlags::FIN),
            rst: both.has(TcpFlags::RST),
            psh: both.has(TcpFlags::PSH),
            ack: both.has(TcpFlags::ACK),
            urg: both.has(TcpFlags::URG),
            state: tcp.state,
            ts_gap: tcp.gap_toserver,
            tc_gap: tcp.gap_toclient,
        }
    }
}

/// Flags in two hex digits: `1b`.
struct FlagsHex(TcpFlags);

impl Serialize for FlagsHex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02x}", self.0.0))
    }
}

/// For serde, which asks by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_false(mark: &bool) -> bool {
    !*mark
}
