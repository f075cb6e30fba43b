//! Where the decoder is in a packet, and what it has learned on the way.

use std::sync::Arc;

use super::counters::{DecoderCounters, bump};
use super::wire::{ipv4, tcp};
use super::{DecodeAnomaly, Frame, IpFields, PayloadRef, SegmentHeader, TcpFlags};
use crate::packet::key::{Address, Direction, FlowKey};

/// The way through one frame, outside in.
#[derive(Debug)]
pub struct Walk {
    /// Offset of the next header in the bytes at hand.
    pub at: usize,
    /// Offset behind the last captured byte that the lengths so far leave.
    pub end: usize,
    /// Offset behind the last byte that was on the wire; `end` or more.
    pub wire_end: usize,
    /// Offset of the innermost IP header. In a datagram that was put together from fragments, 0 until there is another one in it.
    pub ip_start: usize,
    /// The innermost IP header.
    pub ip: Ip,
    /// What was wrong on the way and did not matter.
    pub anomaly: Option<DecodeAnomaly>,
    /// VLAN ids of the first two tags, outside in; 0 where there is none.
    vlan: [u16; 2],
    tags: u8,
    layers: u8,
    tunnels: u8,
}

/// What counts of an IP header and its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Ip {
    /// Whether it is IPv4.
    pub is_v4: bool,
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// What only events tell.
    pub fields: IpFields,
    /// Whether the destination is the last one, and not the next stop of a routing header.
    pub is_final: bool,
    /// Whether a fragment header was there.
    pub is_fragment: bool,
}

impl Walk {
    /// At the start of `frame`.
    pub fn new(frame: &Frame<'_>) -> Self {
        let nobody = Address::from_v4([0; 4]);
        let ip = Ip {
            is_v4: true,
            source: nobody,
            destination: nobody,
            ttl: 0,
            fields: IpFields::default(),
            is_final: true,
            is_fragment: false,
        };
        let end = frame.data.len();
        let wire_end = end.max(frame.original_len as usize);
        Self { at: 0, end, wire_end, ip_start: 0, ip, anomaly: None, vlan: [0; 2], tags: 0, layers: 0, tunnels: 0 }
    }

    /// Bytes on the wire of the layer at hand, without its first `header`.
    pub fn wire_len(&self, header: usize) -> u32 {
        u32::try_from(self.wire_end.saturating_sub(self.at).saturating_sub(header)).unwrap_or(u32::MAX)
    }

    /// At the start of a reassembled datagram of `len` bytes, with all that is known so far.
    pub fn restart(&mut self, len: usize) {
        (self.at, self.ip_start, self.end, self.wire_end) = (0, 0, len, len);
        let header = if self.ip.is_v4 { ipv4::MIN_LEN } else { 0 };
        self.ip.fields.len = u32::try_from(len.saturating_add(header)).unwrap_or(u32::MAX);
    }

    /// Counts a header.
    pub const fn enter_layer(&mut self) -> Result<(), DecodeAnomaly> {
        self.layers = self.layers.saturating_add(1);
        if self.layers > MAX_LAYERS { Err(DecodeAnomaly::TooManyLayers) } else { Ok(()) }
    }

    /// Counts a tunnel.
    pub const fn enter_tunnel(&mut self, max_depth: u8) -> Result<(), DecodeAnomaly> {
        if self.tunnels >= max_depth {
            return Err(DecodeAnomaly::TooManyLayers);
        }
        self.tunnels = self.tunnels.saturating_add(1);
        Ok(())
    }

    /// Takes note of an IPv4 header.
    pub const fn enter_ipv4(&mut self, source: [u8; 4], destination: [u8; 4], ttl: u8, fields: IpFields) {
        let (source, destination) = (Address::from_v4(source), Address::from_v4(destination));
        self.ip = Ip { is_v4: true, source, destination, ttl, fields, is_final: true, is_fragment: false };
    }

    /// Takes note of an IPv6 header.
    pub const fn enter_ipv6(&mut self, source: [u8; 16], destination: [u8; 16], ttl: u8, fields: IpFields) {
        let (source, destination) = (Address::from_v6(source), Address::from_v6(destination));
        self.ip = Ip { is_v4: false, source, destination, ttl, fields, is_final: true, is_fragment: false };
    }

    /// Takes note of a VLAN tag. The first two from outside count, whether they are outside of tunnels or inside.
    pub fn add_vlan(&mut self, id: u16, counters: &mut DecoderCounters) {
        if let Some(slot) = self.vlan.get_mut(usize::from(self.tags)) {
            *slot = id;
        }
        self.tags = self.tags.saturating_add(1);
        match self.tags {
            1 => bump(&mut counters.vlan),
            2 => bump(&mut counters.vlan_qinq),
            3 => bump(&mut counters.vlan_qinqinq),
            _ => counters.count_anomaly(DecodeAnomaly::VlanTooManyLayers),
        }
    }

    /// What is left of `source`.
    pub fn rest<'a>(&self, source: &'a Source<'_>) -> &'a [u8] {
        source.bytes().get(self.at..self.end).unwrap_or_default()
    }

    /// Goes on by `len` bytes.
    pub fn advance(&mut self, len: usize) {
        self.at = self.at.saturating_add(len).min(self.end);
    }

    /// Says that the packet that starts here is `len` bytes long; an error if there was not so much on the wire.
    pub fn limit(&mut self, len: usize) -> Result<(), Shortage> {
        let end = self.at.saturating_add(len);
        if end > self.wire_end {
            return Err(Shortage);
        }
        self.wire_end = end;
        self.end = self.end.min(end);
        Ok(())
    }

    /// Whether the capture cut what is left.
    pub const fn is_cut(&self) -> bool {
        self.end < self.wire_end
    }

    /// The VLAN ids for keys.
    pub const fn vlan(&self, ignore: bool) -> [u16; 2] {
        if ignore { [0; 2] } else { self.vlan }
    }

    /// How many tunnels were entered.
    pub const fn tunnels(&self) -> u8 {
        self.tunnels
    }
}

/// Fewer bytes on the wire than a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage;

/// The bytes that are walked through.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// Those of the frame.
    Frame(&'a [u8]),
    /// Those of a datagram whose last fragment the frame held.
    Datagram(Arc<[u8]>),
}

impl Source<'_> {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Frame(bytes) => bytes,
            Self::Datagram(bytes) => bytes,
        }
    }

    /// A payload from `start` to `end`.
    pub fn payload(&self, start: usize, end: usize) -> PayloadRef {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX); // frames are far smaller
        let (start, len) = (number(start), number(end.saturating_sub(start)));
        match self {
            Self::Frame(_) => PayloadRef::InFrame { start, len },
            Self::Datagram(bytes) => PayloadRef::Reassembled { bytes: Arc::clone(bytes), start, len },
        }
    }
}

/// How long the parts of a segment are.
#[derive(Clone, Copy, Debug)]
pub struct Lengths {
    ip: u16,
    tcp: u8,
    payload: u32,
}

impl Lengths {
    /// Of the captured headers of IP and of TCP, and of the payload on the wire.
    #[inline]
    pub fn new(ip: usize, tcp: usize, payload: u32) -> Self {
        // No IP packet has longer headers: extensions count in its length of 16 bits.
        Self { ip: u16::try_from(ip).unwrap_or_default(), tcp: u8::try_from(tcp).unwrap_or_default(), payload }
    }
}

/// Puts a segment's header together.
#[inline]
pub fn segment_header(
    frame: &Frame<'_>,
    tcp: &tcp::Header,
    (key, sender): (FlowKey, Direction),
    (ttl, ip): (u8, IpFields),
    tunnel_depth: u8,
    lengths: Lengths,
) -> SegmentHeader {
    SegmentHeader {
        key,
        sender,
        flags: tcp.flags,
        seq: tcp.seq,
        ack: tcp.ack,
        window: tcp.window,
        ttl,
        ip,
        urgent: tcp.urgent,
        reserved: tcp.reserved,
        tunnel_depth,
        tcp_len: lengths.tcp,
        ip_len: lengths.ip,
        payload_len: lengths.payload,
        frame_len: frame.original_len,
        timestamp: frame.timestamp,
        number: frame.number,
        capture: frame.capture,
    }
}

/// Puts a datagram's header together: it has none of what only TCP has.
pub fn datagram_header(
    frame: &Frame<'_>,
    flow: (FlowKey, Direction),
    ip: (u8, IpFields),
    tunnel_depth: u8,
    lengths: Lengths,
) -> SegmentHeader {
    let tcp =
        tcp::Header { source: 0, destination: 0, seq: 0, ack: 0, len: 0, flags: TcpFlags(0), reserved: 0, window: 0, urgent: 0 };
    segment_header(frame, &tcp, flow, ip, tunnel_depth, lengths)
}

/// Headers that are followed in one frame, the extension headers of IPv6 among them.
const MAX_LAYERS: u8 = 64;
