//! The short way of most segments: of their flow all is told, and no more is read.

use super::{Inspector, Located};
use crate::engine::lane::{deadline, lane_of};
use crate::flow::FlowKey;
use crate::packet::{SegmentHeader, TcpFlags};

impl Inspector {
    /// Looks up where the flow of a segment lies, to be handed to [`process`](Self::process). For a flow table larger than the caches
    /// the look-up is most of a segment's cost: those of several segments, done together, wait for memory together.
    #[inline]
    pub fn locate(&self, hash: u64, key: &FlowKey) -> Located {
        let Some(table) = self.lanes.get(lane_of(hash)).map(|lane| &lane.table) else { return Located::default() };
        let id = table.find(hash, key);
        let is_told = id.and_then(|id| table.get(id)?.1.connection.as_ref()).is_some_and(|connection| !connection.is_followed());
        Located { id, is_told }
    }

    /// Counts a segment of a flow of which nothing is read any more. False where there may be more to do about it, and nothing was done.
    #[inline]
    pub(super) fn count_told(&mut self, hash: u64, located: Located, header: &SegmentHeader) -> bool {
        let flags = header.flags;
        if !located.is_told || flags.has(TcpFlags::SYN) || flags.closes() || self.judge.wants_packets() {
            return false;
        }
        let lane = self.lanes.get_mut(lane_of(hash));
        let Some(flow) = lane.zip(located.id).and_then(|(lane, id)| lane.table.get_mut(id)) else { return false };
        let is_overdue = header.timestamp > deadline(flow, &self.config);
        let Some(connection) = flow.connection.as_deref_mut() else { return false };
        let is_settled = !connection.dropped && !self.judge.has_yet_to_judge(&connection.rules);
        if is_overdue || !is_settled || connection.may_have_rival(header) {
            return false;
        }
        connection.note(header);
        flow.note_time(header.timestamp, self.now);
        true
    }
}
