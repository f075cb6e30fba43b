//! What who stands in the path of the packets asks of the inspector, and tells it.

use super::{Inspector, common};
use crate::engine::lane::lane_of;
use crate::engine::report::{Order, PacketId, Report};
use crate::event::{Common, DropInfo, DropReason, FlowEndReason, Reset, Verdict};
use crate::flow::{Direction, FlowKey, Pair};
use crate::packet::{Segment, SegmentHeader};
use crate::rules;

/// How it stands with a flow after its last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Standing {
    /// All that follows is dropped.
    pub dropped: bool,
    /// In which direction the client sends, as far as is known.
    pub client: Direction,
    /// It is read no more because of a limit.
    pub gave_up: bool,
    /// What each side sends is still read.
    pub reads: Pair<bool>,
    /// What each side sent ends within a message: what it says is not known yet.
    pub awaits: Pair<bool>,
    /// The client asked for another name when it was asked to say hello again.
    pub changed_name: bool,
    /// No segment that is to come can change what becomes of it.
    pub settled: bool,
}

impl Inspector {
    /// How it stands with a flow; `None` where there is none. A half-open one that has said nothing is read on both sides.
    pub(in crate::engine) fn standing(&self, hash: u64, key: &FlowKey) -> Option<Standing> {
        let table = &self.lanes.get(lane_of(hash))?.table;
        let (_, flow) = table.get(table.find(hash, key)?)?;
        let both = |of: &dyn Fn(Direction) -> bool| Pair::new(of(Direction::AToB), of(Direction::BToA));
        let none = Standing {
            client: flow.client(),
            dropped: false,
            gave_up: false,
            reads: Pair::new(true, true),
            awaits: Pair::default(),
            changed_name: false,
            settled: false,
        };
        let Some(connection) = flow.connection.as_deref() else { return Some(none) };
        let Some(following) = &connection.following else {
            let reads = connection.is_followed();
            let is_undecided = self.judge.refuses() && connection.rules.verdict() == rules::Verdict::None;
            let settled = !reads && !is_undecided && !self.judge.wants_packets();
            let (dropped, gave_up) = (connection.dropped, connection.gave_up);
            return Some(Standing { dropped, gave_up, reads: Pair::new(reads, reads), settled, ..none });
        };
        Some(Standing {
            dropped: connection.dropped,
            gave_up: following.gave_up.is_some(),
            reads: both(&|direction| !following.conversation.is_over(direction)),
            awaits: both(&|direction| following.awaits_more(direction)),
            changed_name: following.conversation.changed_name(),
            ..none
        })
    }

    /// Whom a rule wants to be told that it rejected the segment processed last; to be asked once for each.
    pub(in crate::engine) const fn take_reset(&mut self) -> Option<Reset> {
        self.reset.take()
    }

    /// A new connection has taken the place of the flow with `key`, if there is one: it ends at `packet`.
    pub(in crate::engine) fn end_for_another(&mut self, hash: u64, key: &FlowKey, packet: PacketId, report: &mut impl Report) {
        let lane = lane_of(hash);
        let Some(id) = self.lanes.get(lane).and_then(|l| l.table.find(hash, key)) else { return };
        self.counters.flows_reused = self.counters.flows_reused.saturating_add(1);
        self.end(&super::Place { lane, id }, FlowEndReason::TcpReuse, packet, true, report);
    }

    /// Counts and reports that a segment is dropped for a reason that is not the rules'.
    pub(in crate::engine) fn tell_drop(
        &mut self,
        hash: u64,
        header: &SegmentHeader,
        (reason, verdict): (DropReason, Verdict),
        report: &mut impl Report,
    ) {
        self.counters.count_drop(reason, verdict);
        self.report_drop(hash, header, (reason, verdict), report);
    }

    /// Reports that a segment is dropped which is counted already.
    pub(in crate::engine) fn report_drop(
        &self,
        hash: u64,
        header: &SegmentHeader,
        (reason, verdict): (DropReason, Verdict),
        report: &mut impl Report,
    ) {
        let packet = PacketId::of(header);
        let table = self.lanes.get(lane_of(hash)).map(|l| &l.table);
        let flow = table.and_then(|t| t.get(t.find(hash, &header.key)?)).map(|(_, flow)| flow);
        let base = Common::of_segment(header);
        let common = flow.map_or(base, |flow| common(&self.names, &header.key, flow, base, header.capture));
        let at = Order { packet, by_packet: true, flow: PacketId::default() };
        report.drop(at, &common, header, &DropInfo { reason, verdict, rule: None, refusal: None });
    }

    /// Takes in a segment without payload of which no more is known than its header.
    pub(in crate::engine) fn process_header(&mut self, hash: u64, header: &SegmentHeader, report: &mut impl Report) {
        let located = self.locate(hash, &header.key);
        let header = SegmentHeader { payload_len: 0, tcp_len: 0, ip_len: 0, ..*header };
        self.process(hash, located, &Segment { header: &header, headers: &[], payload: &[] }, report);
    }
}
