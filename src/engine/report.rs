//! What the engine reports, and where in the order of the capture it belongs.

use crate::event::{AlertInfo, AnomalyInfo, Common, DropInfo, FlowCounters, FlowEnd, TcpEnd};
use crate::packet::SegmentHeader;
use crate::protocol::tls::Session;

/// Takes the events of the engine. Two things do today: lines of EVE JSON, and lines for a terminal.
pub trait Report {
    /// A session, once: when it went dark, or when its flow ended.
    fn session(&mut self, at: Order, common: &Common<'_>, session: &Session);
    /// A flow that is not TLS, once: where something was found about it, which `common` has.
    fn other(&mut self, _at: Order, _common: &Common<'_>) {}
    /// A rule matched.
    fn alert(&mut self, at: Order, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>);
    /// A segment that does not go on.
    fn drop(&mut self, at: Order, common: &Common<'_>, segment: &SegmentHeader, info: &DropInfo<'_>);
    /// The packet at hand is tagged by a rule: it is to be told as it is.
    fn packet(&mut self, _at: Order, _common: &Common<'_>) {}
    /// A flow ended; `tcp` where it was one of TCP.
    fn flow(&mut self, at: Order, common: &Common<'_>, counters: &FlowCounters, end: &FlowEnd, tcp: Option<&TcpEnd>);
    /// Something was not as the protocol has it.
    fn anomaly(&mut self, at: Order, common: &Common<'_>, info: &AnomalyInfo<'_>);
}

/// Where an event belongs: by the packet that caused it, and for what time caused, by the flow's first packet. Events sorted by it
/// are the same for any number of workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The packet that caused it.
    pub packet: PacketId,
    /// What time caused comes before what the packet itself did.
    pub by_packet: bool,
    /// The first packet of the flow concerned.
    pub flow: PacketId,
}

/// A packet of the run: its capture, and its number there; in one word, since every flow keeps its first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(u64);

impl PacketId {
    /// After all packets.
    pub const END: Self = Self(u64::MAX);

    /// Packet `number` (from 1) of the capture with index `capture`. Beyond a million captures, or 2^44 packets in one, ids are no
    /// longer all different.
    pub const fn new(capture: u32, number: u64) -> Self {
        Self((capture as u64) << NUMBER_BITS | number & ((1 << NUMBER_BITS) - 1))
    }

    /// The packet that `header` is from.
    pub const fn of(header: &SegmentHeader) -> Self {
        Self::new(header.capture, header.number)
    }

    /// Which capture, from 0.
    #[allow(clippy::cast_possible_truncation)] // 20 bits
    pub const fn capture(self) -> u32 {
        (self.0 >> NUMBER_BITS) as u32
    }

    /// Which packet of it, from 1.
    pub const fn number(self) -> u64 {
        self.0 & ((1 << NUMBER_BITS) - 1)
    }
}

const NUMBER_BITS: u32 = 44;
