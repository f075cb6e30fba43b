//! Events of packets from interfaces: they name the interface, and no place in a capture.

use crate::engine::{Order, PacketId, Report};
use crate::event::{AlertInfo, AnomalyInfo, Common, DropInfo, FlowCounters, FlowEnd, TcpEnd};
use crate::packet::{Frame, SegmentHeader};
use crate::pipeline::lines::{Lines, Printer};
use crate::protocol::tls::Session;

/// Makes lines of what has happened at interfaces.
pub(in crate::pipeline) struct AtInterfaces<'a, P> {
    lines: &'a mut Lines<P>,
    /// The frame that is at hand.
    frame: Option<Frame<'a>>,
}

impl<'a, P> AtInterfaces<'a, P> {
    /// What no frame is the cause of.
    pub const fn new(lines: &'a mut Lines<P>) -> Self {
        Self { lines, frame: None }
    }

    /// What comes of `frame`.
    pub const fn of(lines: &'a mut Lines<P>, frame: Frame<'a>) -> Self {
        Self { lines, frame: Some(frame) }
    }
}

/// The capture's name is the interface's; a packet has no number that anybody could look up.
fn live<'a>(common: &Common<'a>) -> Common<'a> {
    Common { in_iface: common.pcap_filename, pcap_filename: None, pcap_cnt: None, ..*common }
}

impl<P: Printer> Report for AtInterfaces<'_, P> {
    fn session(&mut self, at: Order, common: &Common<'_>, session: &Session) {
        self.lines.session(at, &live(common), session);
    }

    fn other(&mut self, at: Order, common: &Common<'_>) {
        self.lines.other(at, &live(common));
    }

    fn alert(&mut self, at: Order, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>) {
        self.lines.alert(at, &live(common), info, flow, session);
    }

    fn drop(&mut self, at: Order, common: &Common<'_>, segment: &SegmentHeader, info: &DropInfo<'_>) {
        self.lines.drop(at, &live(common), segment, info);
    }

    /// A packet whose frame is not at hand any more is not told.
    fn packet(&mut self, at: Order, common: &Common<'_>) {
        let is_at_hand = |frame: &Frame<'_>| PacketId::new(frame.capture, frame.number) == at.packet;
        if let Some(frame) = self.frame.filter(is_at_hand) {
            self.lines.packet_of(at, &live(common), &frame);
        }
    }

    fn flow(&mut self, at: Order, common: &Common<'_>, counters: &FlowCounters, end: &FlowEnd, tcp: Option<&TcpEnd>) {
        self.lines.flow(at, &live(common), counters, end, tcp);
    }

    fn anomaly(&mut self, at: Order, common: &Common<'_>, info: &AnomalyInfo<'_>) {
        self.lines.anomaly(at, &live(common), info);
    }
}
