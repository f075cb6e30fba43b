//! What goes where flows together hold more than they may: bytes that wait to be read, and sessions that are not told yet.

use super::{Inspector, Place};
use crate::engine::following::{Held, Limit};
use crate::engine::report::{Order, PacketId, Report};
use crate::packet::SegmentHeader;

impl Inspector {
    /// While all streams together hold too much, lets go of what those have read that have held some for longest; once it is not that,
    /// they are read no more. What is kept of a connection that may have taken the place of one of them goes first. What they said so far is told at their next segment.
    pub(super) fn keep_streams_within(&mut self, place: &Place) {
        let Some(lane) = self.lanes.get_mut(place.lane) else { return };
        while let Some(id) = lane.memory_victim() {
            let Some(connection) = lane.table.get_mut(id).and_then(|f| f.connection.as_deref_mut()) else { continue };
            if let Some(rival) = connection.rival.take_if(|rival| rival.accounted > 0) {
                lane.release(Held { streams: rival.accounted, ..Held::default() });
                lane.hold_again(id);
                self.counters.reassembly_memcap = self.counters.reassembly_memcap.saturating_add(1);
                continue;
            }
            let Some(following) = connection.following.as_mut() else { continue };
            if following.forget_read() {
                lane.settle(id);
                lane.hold_again(id);
                self.counters.reassembly_forgotten = self.counters.reassembly_forgotten.saturating_add(1);
                continue;
            }
            following.give_up(Limit::Reassembly);
            lane.settle(id);
            self.counters.reassembly_memcap = self.counters.reassembly_memcap.saturating_add(1);
        }
    }

    /// While all sessions together hold too much, lets go of those that cost most; `header` is that of the segment with which it became
    /// too much.
    pub(super) fn keep_sessions_within(&mut self, lane: usize, header: &SegmentHeader, report: &mut impl Report) {
        while let Some(id) = self.lanes.get_mut(lane).and_then(|l| l.session_victim(header.timestamp)) {
            self.let_go(&Place { lane, id }, header, report);
        }
    }

    /// Gives back what a flow's session holds. One that has said nothing loses nothing: it is read again when it does. Of another one
    /// what is known is told now, and what it says later is not read.
    fn let_go(&mut self, place: &Place, header: &SegmentHeader, report: &mut impl Report) {
        let Some(lane) = self.lanes.get_mut(place.lane) else { return };
        let Some(flow) = lane.table.get_mut(place.id) else { return };
        let at = Order { packet: PacketId::of(header), by_packet: true, flow: flow.first };
        let Some(connection) = flow.connection.as_deref_mut() else { return };
        if let Some(held) = connection.rest() {
            lane.release(held);
            return;
        }
        if let Some(following) = connection.following.as_deref_mut() {
            following.cut_short(Limit::Sessions);
        }
        self.counters.session_memcap = self.counters.session_memcap.saturating_add(1);
        let drops_flow = self.conclude(place, at, false, report);
        if let Some(connection) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)?.connection.as_mut()) {
            connection.dropped |= drops_flow;
        }
    }

    /// Gives back the streams that were kept for rules alone.
    pub(super) fn release_over(&mut self, place: &Place) {
        let Some(lane) = self.lanes.get_mut(place.lane) else { return };
        let connection = lane.table.get_mut(place.id).and_then(|f| f.connection.as_mut());
        if let Some(following) = connection.and_then(|c| c.following.as_mut()) {
            following.release_over();
            lane.settle(place.id);
        }
    }
}
