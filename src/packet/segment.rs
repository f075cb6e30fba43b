//! A segment: one decoded TCP segment, or UDP datagram, with tunnels, VLANs and fragments already peeled.

use std::fmt;

use crate::base::Timestamp;
use crate::packet::key::{Direction, FlowKey};
use crate::packet::wire::udp;

/// One decoded TCP segment or UDP datagram: its header fields and its payload.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// What counts of the headers.
    pub header: &'a SegmentHeader,
    /// The innermost IP header with IPv6's extensions, and the header of TCP with its options, or of UDP, as captured.
    pub headers: &'a [u8],
    /// The captured payload; shorter than `header.payload_len` where the capture cut the frame (snap length).
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// The IP header, with options or extension headers. Empty where the segment came in fragments: there was one for each.
    pub fn ip_header(&self) -> &'a [u8] {
        self.headers.get(..usize::from(self.header.ip_len)).unwrap_or_default()
    }

    /// The TCP header with its options, as far as it was captured; of a datagram that of UDP.
    pub fn tcp_header(&self) -> &'a [u8] {
        self.headers.get(usize::from(self.header.ip_len)..).unwrap_or_default()
    }
}

/// The fields of a segment; what only TCP has is 0 in a UDP datagram's. Small and copied freely, so that it can cross a channel apart from its payload.
#[derive(Clone, Copy, Debug)]
pub struct SegmentHeader {
    /// Which flow it belongs to.
    pub key: FlowKey,
    /// Which of the key's two endpoints sent it.
    pub sender: Direction,
    /// TCP flags.
    pub flags: TcpFlags,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgment number; meaningful where `flags` has ACK.
    pub ack: u32,
    /// TCP window as sent, unscaled.
    pub window: u16,
    /// Time to live or hop limit of the innermost IP header.
    pub ttl: u8,
    /// What else there is in the innermost IP header.
    pub ip: IpFields,
    /// TCP's urgent pointer as sent.
    pub urgent: u16,
    /// TCP's four reserved bits, between the data offset and the flags.
    pub reserved: u8,
    /// How many tunnel headers were peeled to reach it.
    pub tunnel_depth: u8,
    /// Captured bytes of the TCP header, options included: 20 to 60. Of a datagram 8.
    pub tcp_len: u8,
    /// Bytes of the innermost IP header, with options or extension headers; 0 where the segment was put together from fragments.
    pub ip_len: u16,
    /// Payload bytes on the wire, by the IP header's length; the captured ones may be fewer.
    pub payload_len: u32,
    /// Length of the frame on the wire in bytes, all layers.
    pub frame_len: u32,
    /// When the frame was captured.
    pub timestamp: Timestamp,
    /// The frame's number in its capture, from 1.
    pub number: u64,
    /// Which capture of the run, from 0.
    pub capture: u32,
}

impl SegmentHeader {
    /// Whether it is of a UDP datagram.
    #[inline]
    pub const fn is_datagram(&self) -> bool {
        self.key.protocol() == udp::PROTOCOL
    }
}

/// Fields of an IP header that only events tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpFields {
    /// Bytes: of IPv4 the total length, of IPv6 that of the payload.
    pub len: u32,
    /// Of IPv4 the identification, of IPv6 the flow label.
    pub id: u32,
    /// Type of service, or traffic class.
    pub tos: u8,
}

/// The TCP flags byte (RFC 9293 §3.1).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// FIN: no more data from the sender.
    pub const FIN: u8 = 0x01;
    /// SYN: synchronize sequence numbers.
    pub const SYN: u8 = 0x02;
    /// RST: reset the connection.
    pub const RST: u8 = 0x04;
    /// PSH: push.
    pub const PSH: u8 = 0x08;
    /// ACK: the acknowledgment field is significant.
    pub const ACK: u8 = 0x10;
    /// URG: the urgent pointer is significant.
    pub const URG: u8 = 0x20;

    /// Whether all of `bits` are set.
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }

    /// FIN or RST: the connection is to end.
    pub const fn closes(self) -> bool {
        self.0 & (Self::FIN | Self::RST) != 0
    }

    /// SYN without ACK: a client asks for a connection.
    pub const fn is_syn(self) -> bool {
        self.has(Self::SYN) && !self.has(Self::ACK)
    }

    /// SYN with ACK: a server agrees to one.
    pub const fn is_syn_ack(self) -> bool {
        self.has(Self::SYN | Self::ACK)
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in
            [(Self::FIN, 'F'), (Self::SYN, 'S'), (Self::RST, 'R'), (Self::PSH, 'P'), (Self::ACK, 'A'), (Self::URG, 'U')]
        {
            if self.has(bit) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}
