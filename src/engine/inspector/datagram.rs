//! UDP datagrams: they have a flow that rules remember, and no stream.

use super::{Inspector, Located, Place};
use crate::engine::Verdict;
use crate::engine::lane::lane_of;
use crate::engine::report::{PacketId, Report};
use crate::event::{self, DropReason, FlowEndReason};
use crate::packet::{Segment, SegmentHeader};
use crate::protocol::quic;
use crate::rules::AppProto;

impl Inspector {
    /// Inspects a datagram. As long as one side alone sends and no rule matches, its flow is a few words: a flood must cost little.
    pub(super) fn datagram(&mut self, hash: u64, located: Located, segment: &Segment<'_>, report: &mut impl Report) -> Verdict {
        let header = segment.header;
        let Some(place) = self.find_or_add_datagram(hash, located, header, report) else { return Verdict::Pass };
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return Verdict::Pass };
        flow.note_time(header.timestamp, self.now);
        let is_one_sided = flow.opening.packets == 0 || flow.opening.sender == header.sender;
        if flow.connection.is_none() && is_one_sided && flow.has_room(header) {
            flow.count_opening(header);
            hear(&mut flow.opening.spoke, segment.payload);
            return self.judge_half_open(&place, segment, report);
        }
        let is_new = flow.connection.is_none();
        let connection = flow.connection(self.config.limits.handshake_bytes);
        connection.count_foreign(header);
        connection.established = connection.is_two_sided();
        hear(&mut connection.spoke, segment.payload);
        let is_dropped = connection.dropped;
        if is_new && let Some(lane) = self.lanes.get_mut(place.lane) {
            lane.set_timer(place.id, &self.config);
        }
        if is_dropped {
            self.counters.count_drop(DropReason::FlowDrop, event::Verdict::Drop);
            return Verdict::Drop;
        }
        self.judge(&place, segment, report)
    }

    /// The datagram's flow; a new one where there is none whose time is not over.
    fn find_or_add_datagram(
        &mut self,
        hash: u64,
        located: Located,
        header: &SegmentHeader,
        report: &mut impl Report,
    ) -> Option<Place> {
        let lane = lane_of(hash);
        let table = &self.lanes.get(lane)?.table;
        let found = located.id.filter(|&id| table.get(id).is_some()).or_else(|| table.find(hash, &header.key));
        if let Some(place) = found.map(|id| Place { lane, id }) {
            if !self.is_overdue(&place, header) {
                return Some(place);
            }
            self.counters.flows_timed_out = self.counters.flows_timed_out.saturating_add(1);
            self.end(&place, FlowEndReason::Timeout, PacketId::of(header), true, report);
        }
        self.add(hash, header, report)
    }
}

/// Notes what a flow speaks by the `payload` of one of its datagrams. Whoever answers QUIC passes over what comes before, so that each is
/// looked at until it is found.
fn hear(spoke: &mut AppProto, payload: &[u8]) {
    match spoke {
        AppProto::Quic => {}
        _ if quic::is_long_header(payload) => *spoke = AppProto::Quic,
        AppProto::Unknown if !payload.is_empty() => *spoke = AppProto::NotTls,
        _ => {}
    }
}
