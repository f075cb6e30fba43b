//! Events of packets from interfaces: they name the interface, and no place in a capture.

use crate::engine::{Order, Report};
use crate::event::{AlertInfo, AnomalyInfo, Common, DropInfo, FlowCounters, FlowEnd, TcpEnd};
use crate::packet::SegmentHeader;
use crate::protocol::tls::Session;

/// Reports to another report what has happened at interfaces.
pub(in crate::pipeline) struct AtInterfaces<'a, R>(pub &'a mut R);

/// The capture's name is the interface's; a packet has no number that anybody could look up.
fn live<'a>(common: &Common<'a>) -> Common<'a> {
    Common { in_iface: common.pcap_filename, pcap_filename: None, pcap_cnt: None, ..*common }
}

impl<R: Report> Report for AtInterfaces<'_, R> {
    fn session(&mut self, at: Order, common: &Common<'_>, session: &Session) {
        self.0.session(at, &live(common), session);
    }

    fn other(&mut self, at: Order, common: &Common<'_>) {
        self.0.other(at, &live(common));
    }

    fn alert(&mut self, at: Order, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>) {
        self.0.alert(at, &live(common), info, flow, session);
    }

    fn drop(&mut self, at: Order, common: &Common<'_>, segment: &SegmentHeader, info: &DropInfo<'_>) {
        self.0.drop(at, &live(common), segment, info);
    }

    fn flow(&mut self, at: Order, common: &Common<'_>, counters: &FlowCounters, end: &FlowEnd, tcp: Option<&TcpEnd>) {
        self.0.flow(at, &live(common), counters, end, tcp);
    }

    fn anomaly(&mut self, at: Order, common: &Common<'_>, info: &AnomalyInfo<'_>) {
        self.0.anomaly(at, &live(common), info);
    }
}
