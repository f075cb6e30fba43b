//! Which flow a segment is of: the one that is there, or a new one, since connections use the same ports one after the other.

use super::{Inspector, Located, Place, read};
use crate::base::Duration;
use crate::engine::following::Held;
use crate::engine::lane::{deadline, lane_of};
use crate::engine::report::{Order, PacketId, Report};
use crate::engine::rival::Rival;
use crate::event::FlowEndReason;
use crate::flow::{Direction, FlowKey};
use crate::packet::{Segment, SegmentHeader, TcpFlags};

/// What a segment is to the flow that is there.
#[derive(Debug)]
enum Relation {
    /// It is part of it.
    Own,
    /// It seems to be of another connection, which nothing shows to be more than a pretence yet.
    Foreign,
    /// It shows that another connection has taken its place: with what came of that before, where some did.
    Replaces(Option<Box<Rival>>),
}

impl Inspector {
    /// The segment's flow; a new one where there is none, or where it opens a new connection on an old five-tuple. Also whether it seems to
    /// be of another connection than the flow's.
    pub(super) fn find_or_add(
        &mut self,
        hash: u64,
        located: Located,
        segment: &Segment<'_>,
        report: &mut impl Report,
    ) -> Option<(Place, bool)> {
        let (header, lane) = (segment.header, lane_of(hash));
        let packet = PacketId::of(header);
        let table = &self.lanes.get(lane)?.table;
        // Segments in between may have ended the flow, or begun it.
        let Some(id) = located.id.filter(|&id| table.get(id).is_some()).or_else(|| table.find(hash, &header.key)) else {
            return Some((self.open(hash, header, report)?, false));
        };
        let place = Place { lane, id };
        if self.is_overdue(&place, header) {
            self.counters.flows_timed_out = self.counters.flows_timed_out.saturating_add(1);
            self.end(&place, FlowEndReason::Timeout, packet, true, report);
            return Some((self.open(hash, header, report)?, false));
        }
        match self.relate(&place, segment) {
            Relation::Own => Some((place, false)),
            Relation::Foreign => {
                self.lanes.get_mut(lane)?.settle_rival(id);
                self.keep_streams_within(&place);
                Some((place, true))
            }
            Relation::Replaces(rival) => {
                self.counters.flows_reused = self.counters.flows_reused.saturating_add(1);
                let client = self.lanes.get(lane)?.table.get(id)?.1.client();
                if let Some(rival) = &rival {
                    self.lanes.get_mut(lane)?.release(Held { streams: rival.accounted, ..Held::default() });
                }
                self.end(&place, FlowEndReason::TcpReuse, packet, true, report);
                match rival {
                    Some(rival) => Some((self.take_over(&rival, client, hash, header, report)?, false)),
                    None => Some((self.open(hash, header, report)?, false)),
                }
            }
        }
    }

    /// Whether the flow's time was over before the segment came, by the segment's own time: the clock may lag behind that after a quiet
    /// time. A time that is more than a day ahead of the clock is not believed; and an answer to a SYN is one, however late it comes.
    pub(super) fn is_overdue(&self, place: &Place, header: &SegmentHeader) -> bool {
        let Some((_, flow)) = self.lanes.get(place.lane).and_then(|l| l.table.get(place.id)) else { return false };
        let answers = |isn: u32| header.flags.is_syn_ack() && header.ack == isn.wrapping_add(1);
        header.timestamp > deadline(flow, &self.config)
            && header.timestamp <= self.now.saturating_add(BELIEVED)
            && !(flow.connection.is_none() && flow.opening.syn().is_some_and(answers))
    }

    /// Adds the flow that the segment begins.
    fn open(&mut self, hash: u64, header: &SegmentHeader, report: &mut impl Report) -> Option<Place> {
        if !header.flags.has(TcpFlags::SYN) {
            self.counters.midstream = self.counters.midstream.saturating_add(1);
        }
        self.add(hash, header, report)
    }

    /// Adds the flow of a connection that took the place of another, and reads what came of it before that was certain.
    fn take_over(
        &mut self,
        rival: &Rival,
        client: Direction,
        hash: u64,
        header: &SegmentHeader,
        report: &mut impl Report,
    ) -> Option<Place> {
        if rival.client().is_none() {
            self.counters.midstream = self.counters.midstream.saturating_add(1);
        }
        let place = self.add(hash, header, report)?;
        let lane = self.lanes.get_mut(place.lane)?;
        let flow = lane.table.get_mut(place.id)?;
        (flow.first, flow.start) = (rival.first, rival.start);
        flow.set_client(rival.client().unwrap_or(client));
        let connection = flow.connection(self.config.limits.handshake_bytes);
        let mut reads = Vec::new();
        for segment in rival.held() {
            connection.note(segment.header);
            reads.push(read(connection, &segment, &self.config, &mut lane.certificates));
        }
        if let Some(following) = connection.following.as_deref_mut() {
            for direction in [Direction::AToB, Direction::BToA] {
                following.conversation.view_mut(direction).degraded |= *rival.degraded.get(direction);
            }
        }
        lane.settle(place.id);
        lane.set_timer(place.id, &self.config);
        reads.iter().for_each(|read| self.count_read(read));
        Some(place)
    }

    /// What the segment is to the flow.
    ///
    /// A SYN alone does not end a live connection, or anybody could blind the detector with one: the new connection must go on. Neither
    /// does it after a RST or FINs, which may be just as false, while there is something to be blind for. Where the SYN or the SYN-ACK is
    /// missing from the capture, numbers tell that no segment of the connection can have, once both sides use them.
    ///
    /// A SYN that fits right before what was seen without one was only overtaken. One with the number of the connection's own may be sent
    /// again, or be that of a client that uses its number again: the SYN-ACK tells.
    fn relate(&mut self, place: &Place, segment: &Segment<'_>) -> Relation {
        let header = segment.header;
        let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) else { return Relation::Own };
        let Some(connection) = flow.connection.as_deref_mut() else {
            let is_late = flow.opening.goes_on_from(header) && header.timestamp.since(flow.start) <= LATEST_SYN;
            let same = flow.opening.sender != header.sender || flow.opening.syn() == Some(header.seq) || is_late;
            let begins = header.flags.is_syn() && !same && flow.opening.packets > 0;
            return if begins { Relation::Replaces(None) } else { Relation::Own };
        };
        let hears_peer = connection.was_heard(header.sender.reverse());
        let isn = *connection.isn.get(header.sender);
        let positions = connection.positions;
        if header.flags.is_syn() {
            let is_late = header.timestamp.since(flow.start) <= LATEST_SYN;
            if isn.is_none() && is_late && positions.began_with(header.sender, header.seq) {
                return Relation::Own;
            }
            if connection.closed && !(connection.established && connection.is_followed()) {
                return Relation::Replaces(None);
            }
        } else if header.flags.is_syn_ack() && connection.rival.is_none() && !hears_peer && isn.is_some_and(|isn| isn != header.seq)
        {
            return Relation::Replaces(None); // the SYN that it answers is not in the capture
        }
        if let Some(rival) = connection.rival.take_if(|rival| rival.is_confirmed(header, &positions, hears_peer, isn)) {
            rival.held().for_each(|segment| connection.give_back(segment.header));
            return Relation::Replaces(Some(rival));
        }
        if let Some(rival) = &mut connection.rival
            && (rival.opens_with(header) || rival.owns(header, &positions))
        {
            if !header.flags.is_syn() {
                rival.hold(segment);
            }
            return Relation::Foreign;
        }
        if let Some(rival) = connection.rival.as_mut().filter(|rival| rival.began_with(header)) {
            rival.begin(segment);
            return Relation::Foreign;
        }
        let repeats = header.flags.is_syn() && isn == Some(header.seq) && !connection.closed;
        let Some(mut rival) = Rival::of(segment, &positions, repeats) else { return Relation::Own };
        if connection.rival.as_ref().is_none_or(|old| old.gives_way(header)) {
            rival.accounted = connection.rival.as_ref().map_or(0, |old| old.accounted);
            connection.rival = Some(Box::new(rival));
        }
        Relation::Foreign
    }

    /// A flow ended while it was not certain whether another connection had taken its place: what came of that is told, too.
    pub(super) fn tell_rival(
        &mut self,
        rival: &Rival,
        client: Direction,
        key: &FlowKey,
        (reason, at): (FlowEndReason, Order),
        report: &mut impl Report,
    ) {
        let Some(header) = rival.held().next().map(|first| *first.header) else { return };
        let hash = key.hash(self.config.hash_seed);
        if let Some(place) = self.take_over(rival, client, hash, &header, report) {
            if let Some(flow) = self.lanes.get_mut(place.lane).and_then(|l| l.table.get_mut(place.id)) {
                flow.last = rival.held().map(|segment| segment.header.timestamp).max().unwrap_or(flow.last);
            }
            self.end_at(&place, reason, at, report); // with the other, wherever that belongs
        }
    }
}

/// A time so far ahead of the clock may be that of the first packet after a quiet time; one further ahead is more likely wrong.
const BELIEVED: Duration = Duration::from_secs(86_400);
/// So long after a flow's first packet its SYN may still come: more than any reordering of a span port.
const LATEST_SYN: Duration = Duration::from_secs(3);
