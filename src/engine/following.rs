//! What reads the TLS of a flow: both streams and their conversation, and the limits at which that ends.

use crate::base::{Duration, Timestamp};
use crate::flow::{Direction, Pair, Placement, Stream};
use crate::packet::{OverlapPolicy, Segment, SegmentHeader, TcpFlags};
use crate::protocol::tls::Conversation;
use crate::protocol::tls::session::Anomaly;
use crate::protocol::x509::CertificateCache;

use super::acceptance::{Acceptance, Doubtful};
use super::connection::MAX_WINDOW;
use super::validate::Basis;

/// Both directions while their TLS is read.
#[derive(Debug)]
pub(super) struct Following {
    pub streams: Pair<Stream>,
    pub conversation: Conversation,
    /// What of the session its chains were last validated on.
    pub validated: Basis,
    /// Where the gap of each direction begins, and since when it is waited for.
    gap_since: Pair<Option<(u64, Timestamp)>>,
    /// What the lane's account holds for it.
    pub accounted: Held,
    /// Under which size its lane has its session among those that are open.
    pub size_class: Option<u8>,
    /// The news at which it was reckoned what the session takes.
    weighed_at: Option<u32>,
    /// The limit because of which it is not read to its end.
    pub gave_up: Option<Limit>,
    held: Option<SynData>,
    pub acceptance: Acceptance,
    /// Sequence number of each side's FIN.
    fins: Pair<Option<u32>>,
    /// What each side sent that its receiver may have dropped, in the order in which it came.
    doubtful: Pair<Vec<Doubtful>>,
    /// Bytes of each side's payload that went on before a verdict, where all that no rule accepts is to fall.
    undecided: Pair<u64>,
    /// It went dark in an earlier segment, and is watched for heartbeats: what it sends is none of rules' business.
    pub is_sealed: Pair<bool>,
}

/// What is kept of a flow's reading while it rests.
#[derive(Debug)]
pub(super) struct Resting {
    streams: Pair<Placement>,
    acceptance: Acceptance,
}

/// What a flow holds by the account of its lane, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// What waits to be put in order or parsed.
    pub streams: usize,
    /// What is known of its session, and what reads it.
    pub session: usize,
}

/// A limit beyond which a flow is read no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Of bytes in one direction.
    Handshake,
    /// Of bytes that wait, over all flows.
    Reassembly,
    /// Of what is known of sessions, over all flows.
    Sessions,
}

impl Limit {
    /// The name of the anomaly of a flow that it hit, Suricata's where it has one.
    pub const fn anomaly(self) -> &'static str {
        match self {
            Self::Handshake => "stream.reassembly_depth_reached",
            Self::Reassembly => "stream.reassembly_insert_memcap",
            Self::Sessions => "stream.session_memcap",
        }
    }
}

/// What a SYN carried, until it is known how much of it the peer took (RFC 7413 §4.2): it may take none, and be sent something else.
#[derive(Debug)]
pub(super) struct SynData {
    direction: Direction,
    seq: u32,
    bytes: Box<[u8]>,
}

/// What reading a segment came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Read {
    pub conflicting: u64,
    pub duplicate: u64,
    pub out_of_window: u64,
    /// No receiver takes the payload of such a segment.
    pub not_taken: bool,
    pub gaps: u64,
    pub over_limit: bool,
}

impl SynData {
    fn new(syn: &SegmentHeader, payload: &[u8]) -> Self {
        Self { direction: syn.sender, seq: syn.seq.wrapping_add(1), bytes: payload.into() }
    }
}

impl Following {
    /// What reads a flow of which nothing is known but who the client may be.
    pub fn new(client: Direction, longest_message: usize) -> Self {
        Self {
            streams: Pair::default(),
            conversation: Conversation::new(client, longest_message),
            gap_since: Pair::default(),
            validated: Basis::default(),
            accounted: Held::default(),
            size_class: None,
            weighed_at: None,
            gave_up: None,
            held: None,
            acceptance: Acceptance::default(),
            fins: Pair::default(),
            doubtful: Pair::default(),
            undecided: Pair::default(),
            is_sealed: Pair::default(),
        }
    }

    /// The first byte of `direction` follows the SYN's `isn`. Where the SYN came behind payload, that is read again if it begins there.
    pub fn anchor(&mut self, direction: Direction, isn: u32, certificates: &mut CertificateCache) {
        let stream = self.streams.get_mut(direction);
        if stream.placement().is_some() {
            stream.anchor(isn.wrapping_add(1));
            return self.acceptance.anchor(direction, isn);
        }
        self.acceptance.begin(direction, isn);
        let is_read = !self.conversation.is_over(direction) && !self.conversation.is_watching(direction);
        let Some(again) = stream.begin(isn.wrapping_add(1), is_read) else { return };
        self.conversation.view_mut(direction).midstream = false;
        if again {
            self.conversation.restart(direction);
            self.parse(direction, certificates);
        }
    }

    /// Whether nothing was said yet, so that it can rest.
    pub fn is_silent(&self) -> bool {
        self.placements().is_some()
    }

    /// What has to be kept to go on where it stands, if nothing was said yet.
    pub fn rest(&mut self) -> Option<Resting> {
        self.placements().map(|streams| Resting { streams, acceptance: std::mem::take(&mut self.acceptance) })
    }

    /// What reads a flow that rested.
    pub fn wake(resting: Resting, client: Direction, longest_message: usize) -> Self {
        let Resting { streams, acceptance } = resting;
        Self { streams: streams.map(Stream::at), acceptance, ..Self::new(client, longest_message) }
    }

    /// Where the streams stand, if that and what segments are judged by is all that there is to know.
    fn placements(&self) -> Option<Pair<Placement>> {
        let is_untouched = self.conversation.news() == 0
            && self.held.is_none()
            && self.fins == Pair::default()
            && self.doubtful.get(Direction::AToB).is_empty()
            && self.doubtful.get(Direction::BToA).is_empty()
            && self.undecided == Pair::default()
            && !self.conversation.is_seen();
        let [a, b] = [Direction::AToB, Direction::BToA].map(|direction| self.streams.get(direction).placement());
        is_untouched.then_some(Pair::new(a?, b?))
    }

    /// Reads a segment's payload, which begins at sequence number `seq`.
    pub fn read(
        &mut self,
        segment: &Segment<'_>,
        seq: u32,
        policy: OverlapPolicy,
        limit: usize,
        certificates: &mut CertificateCache,
    ) -> Read {
        let (header, payload) = (segment.header, segment.payload);
        let (direction, mut read) = (header.sender, Read::default());
        let doubtful = self.acceptance.take(segment);
        let is_doubtful = doubtful.is_some();
        if header.flags.has(TcpFlags::FIN) {
            *self.fins.get_mut(direction) = Some(seq.wrapping_add(header.payload_len));
        }
        self.settle_doubts(direction.reverse(), &mut read, certificates);
        if header.flags.is_syn() && !payload.is_empty() {
            self.held.get_or_insert_with(|| SynData::new(header, payload));
            return read;
        }
        if header.flags.has(TcpFlags::URG) && !header.flags.has(TcpFlags::SYN) && !is_doubtful {
            self.take_out_urgent(direction, seq, header.urgent);
        }
        if !payload.is_empty() && !self.conversation.is_over(direction) {
            match doubtful {
                Some(doubtful) => self.hold_doubtful(direction, doubtful, limit, &mut read),
                None => self.push(direction, seq, payload, policy, &mut read),
            }
            self.settle_doubts(direction, &mut read, certificates);
            self.parse(direction, certificates);
        }
        let is_cut = payload.len() < usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        if is_cut && !is_doubtful && !self.conversation.is_over(direction) {
            let kept = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            self.streams.get_mut(direction).note_cut(seq.wrapping_add(kept), seq.wrapping_add(header.payload_len));
        }
        self.skip_cuts(direction, &mut read, certificates);
        self.give_up_on_gaps(header, &mut read, certificates);
        for direction in [Direction::AToB, Direction::BToA] {
            // What waits behind a gap goes before what was read: the session goes on without what is lost.
            while !self.conversation.is_over(direction)
                && self.streams.get(direction).held() > limit
                && self.streams.get(direction).has_gap()
            {
                let lost = self.streams.get(direction).gap_len();
                self.skip(direction, lost, &mut read, certificates);
            }
            if !self.conversation.is_over(direction) && self.streams.get(direction).held() > limit {
                read.over_limit = true;
                self.gave_up = Some(Limit::Handshake);
                self.conversation.give_up(direction);
            }
        }
        read
    }

    /// Reads what the SYN carried as far as the peer took it, once a segment tells: the peer's acknowledgement or, where nothing of
    /// the peer is seen, what comes next from who sent the SYN. To be called before the segment is looked at otherwise.
    pub fn settle_syn_data(&mut self, header: &SegmentHeader, policy: OverlapPolicy, certificates: &mut CertificateCache) {
        let Some(SynData { direction, seq, bytes }) = &self.held else { return };
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let acknowledged = header.ack.wrapping_sub(*seq);
        let taken = if header.sender == *direction {
            // Sent again, it was not taken.
            (header.payload_len > 0 && !header.flags.has(TcpFlags::SYN)).then_some(if header.seq == *seq { 0 } else { len })
        } else if header.flags.is_syn_ack() {
            (acknowledged <= len).then_some(acknowledged)
        } else {
            (header.flags.has(TcpFlags::ACK) && (len..MAX_WINDOW).contains(&acknowledged)).then_some(len)
        };
        if let Some(taken) = taken {
            self.take_syn_data(taken, policy, certificates);
        }
    }

    /// Reads the first `taken` bytes of what the SYN carried, and forgets the rest.
    fn take_syn_data(&mut self, taken: u32, policy: OverlapPolicy, certificates: &mut CertificateCache) {
        let Some(SynData { direction, seq, bytes }) = self.held.take() else { return };
        let taken = bytes.get(..usize::try_from(taken).unwrap_or(usize::MAX)).unwrap_or(&bytes);
        if !taken.is_empty() && !self.conversation.is_over(direction) {
            self.push(direction, seq, taken, policy, &mut Read::default()); // the first bytes contradict none
            self.parse(direction, certificates);
        }
    }

    /// Gives back what is kept of directions that are read no more.
    pub fn release_over(&mut self) {
        for direction in [Direction::AToB, Direction::BToA] {
            if self.conversation.is_over(direction) && self.streams.get(direction).memory() > 0 {
                self.streams.get_mut(direction).release();
            }
            if self.conversation.is_watching(direction) {
                *self.is_sealed.get_mut(direction) = true;
                self.streams.get_mut(direction).forget_consumed();
            }
            if self.conversation.is_over(direction) && !self.doubtful.get(direction).is_empty() {
                *self.doubtful.get_mut(direction) = Vec::new();
            }
        }
    }

    /// Leaves out the byte that a segment says is urgent. The pointer is taken to lie behind that byte, as all systems take it (RFC 6093 §3.1).
    fn take_out_urgent(&mut self, direction: Direction, seq: u32, pointer: u16) {
        if !self.conversation.is_over(direction) && !self.conversation.is_watching(direction) {
            self.streams.get_mut(direction).note_urgent(seq, pointer.saturating_sub(1));
            self.conversation.note(direction, Anomaly::UrgentData);
        }
    }

    fn push(&mut self, direction: Direction, seq: u32, payload: &[u8], policy: OverlapPolicy, read: &mut Read) {
        let stream = self.streams.get_mut(direction);
        // A keep-alive's byte (RFC 9293 §3.8.4) comes from before the start of what was joined in the middle, too.
        if payload.len() == 1 && self.conversation.is_greeted(direction) && stream.begins_behind(seq) {
            read.duplicate = read.duplicate.saturating_add(1);
            return;
        }
        let is_watching = self.conversation.is_watching(direction);
        let pushed = stream.push(seq, payload, policy);
        let view = self.conversation.view_mut(direction);
        view.midstream = !stream.is_anchored();
        // What is not of the handshake is none of the view.
        let of_handshake = if is_watching { 0 } else { pushed.conflicting };
        view.conflicting_bytes = view.conflicting_bytes.saturating_add(of_handshake);
        if of_handshake > 0 {
            self.conversation.note(direction, Anomaly::OverlapDifferentData);
        }
        if pushed.restarted {
            self.conversation.restart(direction);
        }
        read.conflicting = read.conflicting.saturating_add(pushed.conflicting);
        read.duplicate = read.duplicate.saturating_add(pushed.duplicate);
        read.out_of_window = read.out_of_window.saturating_add(pushed.out_of_window);
    }

    /// Has a segment wait that its receiver may drop.
    fn hold_doubtful(&mut self, direction: Direction, doubtful: Doubtful, limit: usize, read: &mut Read) {
        let waiting = self.doubtful.get_mut(direction);
        let bytes: usize = waiting.iter().map(|d| d.bytes.len()).sum();
        if waiting.len() < MOST_DOUBTFUL && bytes.saturating_add(doubtful.bytes.len()) <= limit {
            waiting.push(doubtful);
        } else {
            read.not_taken = true;
            self.conversation.view_mut(direction).degraded = true;
        }
    }

    /// Reads what `direction` sent and its receiver may have dropped, where it is clear that it did not. What came in its place
    /// otherwise counts; it is compared with that.
    fn settle_doubts(&mut self, direction: Direction, read: &mut Read, certificates: &mut CertificateCache) {
        if self.doubtful.get(direction).is_empty() {
            return;
        }
        if self.conversation.is_over(direction) {
            *self.doubtful.get_mut(direction) = Vec::new();
            return;
        }
        for doubtful in std::mem::take(self.doubtful.get_mut(direction)) {
            let is_proven = self.acceptance.is_proven(direction, &doubtful);
            if !is_proven && !self.streams.get(direction).has(doubtful.seq, doubtful.bytes.len()) {
                self.doubtful.get_mut(direction).push(doubtful);
                continue;
            }
            if is_proven {
                self.acceptance.learn(direction, &doubtful);
            }
            self.push(direction, doubtful.seq, &doubtful.bytes, OverlapPolicy::First, read);
            self.parse(direction, certificates);
        }
    }

    /// There is nothing left that could tell: what may have been dropped fills what is missing.
    fn take_doubtful(&mut self, read: &mut Read, certificates: &mut CertificateCache) {
        for direction in [Direction::AToB, Direction::BToA] {
            for doubtful in std::mem::take(self.doubtful.get_mut(direction)) {
                if !self.conversation.is_over(direction) {
                    self.push(direction, doubtful.seq, &doubtful.bytes, OverlapPolicy::First, read);
                    self.parse(direction, certificates);
                }
            }
        }
    }

    fn parse(&mut self, direction: Direction, certificates: &mut CertificateCache) {
        let stream = self.streams.get_mut(direction);
        let consumed = self.conversation.data(direction, stream.unread(), certificates);
        stream.consume(consumed);
    }

    fn skip(&mut self, direction: Direction, lost: u64, read: &mut Read, certificates: &mut CertificateCache) {
        if lost == 0 || self.conversation.is_over(direction) {
            return;
        }
        read.gaps = read.gaps.saturating_add(1);
        let stream = self.streams.get_mut(direction);
        self.conversation.gap(direction, stream.unread(), lost, certificates);
        stream.skip(lost);
        self.parse(direction, certificates);
    }

    /// What the capture cut off comes from nowhere: it is not waited for.
    fn skip_cuts(&mut self, direction: Direction, read: &mut Read, certificates: &mut CertificateCache) {
        while !self.conversation.is_over(direction) {
            match self.streams.get(direction).uncaptured_len() {
                0 => return,
                lost => self.skip(direction, lost, read, certificates),
            }
        }
    }

    /// A gap is waited for, since the missing segment may only be late; but not for ever once the other side acknowledged it.
    fn give_up_on_gaps(&mut self, header: &SegmentHeader, read: &mut Read, certificates: &mut CertificateCache) {
        for direction in [Direction::AToB, Direction::BToA] {
            let start = self.streams.get(direction).gap_start();
            let waiting = self.gap_since.get_mut(direction);
            if start != waiting.map(|(start, _)| start) {
                *waiting = start.map(|start| (start, header.timestamp));
            }
        }
        let other = header.sender.reverse();
        let Some((_, since)) = *self.gap_since.get(other) else { return };
        if header.timestamp.since(since) < GAP_PATIENCE
            || !header.flags.has(TcpFlags::ACK)
            || !self.streams.get(other).gap_is_acknowledged(header.ack)
        {
            return;
        }
        let lost = self.streams.get(other).gap_len();
        self.skip(other, lost, read, certificates);
        self.skip_cuts(other, read, certificates);
    }

    /// Whether the session is over before it went dark, by the `flags` that both sides ever set: both closed, and each has got all that
    /// the other sent; or, where a side closes, one got all of the other's with an alert that ends it. A FIN, a RST or an alert alone ends
    /// nothing, since the other side may never see it.
    pub fn has_ended(&self, flags: &Pair<TcpFlags>) -> bool {
        let sides = [Direction::AToB, Direction::BToA];
        if !sides.into_iter().any(|side| flags.get(side).closes()) || self.conversation.is_finished() {
            return false;
        }
        let fin = |side| self.fins.get(side).filter(|fin| self.streams.get(side).ends_at(*fin));
        let is_taken = |side| fin(side).is_some_and(|fin| self.acceptance.is_acknowledged(side, fin.wrapping_add(1)));
        // Who has closed already may answer the other's FIN with a RST.
        let is_refused =
            |side: Direction| fin(side).is_some() && is_taken(side.reverse()) && flags.get(side.reverse()).has(TcpFlags::RST);
        let has_said_all = |side| self.conversation.sent_last_alert(side) && self.acceptance.is_all_acknowledged(side);
        let is_dark = |side| self.conversation.is_over(side) || self.conversation.is_watching(side);
        sides.into_iter().all(|side| is_dark(side) || is_taken(side) || is_refused(side)) || sides.into_iter().any(has_said_all)
    }

    /// The flow ends: what waits behind gaps is read, and what is unfinished is told as such.
    pub fn end(&mut self, read: &mut Read, certificates: &mut CertificateCache) {
        self.take_syn_data(u32::MAX, OverlapPolicy::default(), certificates);
        self.take_doubtful(read, certificates);
        for direction in [Direction::AToB, Direction::BToA] {
            while !self.conversation.is_over(direction) && self.streams.get(direction).has_gap() {
                let lost = self.streams.get(direction).gap_len();
                self.skip(direction, lost, read, certificates);
            }
        }
        for direction in [Direction::AToB, Direction::BToA] {
            let stream = self.streams.get_mut(direction);
            self.conversation.end(direction, stream.unread(), certificates);
            stream.release();
        }
    }

    /// Counts a segment of a flow that goes on undecided, and stops reading once one side sent more than `limit` bytes so: what is
    /// read without being kept, or not read any more, is to have a bound too. Answers whether that is so.
    pub fn bound_undecided(&mut self, header: &SegmentHeader, limit: usize) -> bool {
        let sent = self.undecided.get_mut(header.sender);
        *sent = sent.saturating_add(u64::from(header.payload_len));
        let over_limit = *sent > u64::try_from(limit).unwrap_or(u64::MAX);
        if over_limit {
            self.give_up(Limit::Handshake);
        }
        over_limit
    }

    /// Lets go of what was read and is kept only to compare copies with. Answers whether there was any.
    pub fn forget_read(&mut self) -> bool {
        let [a, b] = [Direction::AToB, Direction::BToA].map(|d| self.streams.get_mut(d).forget_consumed());
        a || b
    }

    /// Whether what `direction` sent so far ends within a message, or waits for what tells whether its receiver took it.
    pub fn awaits_more(&self, direction: Direction) -> bool {
        !self.conversation.is_over(direction)
            && (!self.doubtful.get(direction).is_empty()
                || self.conversation.awaits_more(direction, self.streams.get(direction).unread().len()))
    }

    /// Stops reading because of a limit.
    pub fn give_up(&mut self, limit: Limit) {
        (self.held, self.doubtful) = (None, Pair::default());
        self.gave_up.get_or_insert(limit);
        for direction in [Direction::AToB, Direction::BToA] {
            if !self.conversation.is_over(direction) {
                self.conversation.give_up(direction);
            }
            self.streams.get_mut(direction).release();
        }
    }

    /// Because of a limit it is to end here: what is not read to its end is noted as such.
    pub fn cut_short(&mut self, limit: Limit) {
        for direction in [Direction::AToB, Direction::BToA] {
            if !self.conversation.is_over(direction) && !self.conversation.is_watching(direction) {
                self.gave_up.get_or_insert(limit);
                self.conversation.view_mut(direction).degraded = true;
            }
        }
    }

    /// What it holds now.
    pub fn holds(&mut self) -> Held {
        let news = self.conversation.news();
        let session = match self.weighed_at.replace(news) {
            Some(at) if at == news => self.accounted.session,
            _ => self.conversation.footprint().saturating_add(size_of::<Self>().saturating_sub(size_of::<Conversation>())),
        };
        Held { streams: self.memory(), session }
    }

    /// Bytes of memory of what waits to be put in order or parsed.
    pub fn memory(&self) -> usize {
        let held: usize = self.held.iter().map(|data| data.bytes.len()).sum();
        let of = |direction| {
            let doubtful: usize =
                self.doubtful.get(direction).iter().map(|d| d.bytes.len().saturating_add(size_of::<Doubtful>())).sum();
            self.streams.get(direction).memory().saturating_add(doubtful)
        };
        let streams = of(Direction::AToB).saturating_add(of(Direction::BToA));
        streams.saturating_add(held).saturating_add(self.conversation.buffered())
    }
}

/// How many segments of one direction may wait that their receiver may have dropped.
const MOST_DOUBTFUL: usize = 64;
/// How long an acknowledged gap is waited for: more than any reordering of a span port.
const GAP_PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rested_is_what_it_was() {
        let mut following = Following::new(Direction::AToB, 1 << 16);
        following.streams.get_mut(Direction::AToB).anchor(1_001);
        following.streams.get_mut(Direction::BToA).expect(9_001);
        following.acceptance.anchor(Direction::AToB, 1_000);
        let before = format!("{following:?}");
        let resting = following.rest().unwrap();
        assert_ne!(format!("{following:?}"), before, "what its segments are judged by went along");
        assert_eq!(format!("{:?}", Following::wake(resting, Direction::AToB, 1 << 16)), before);

        following.streams.get_mut(Direction::AToB).push(1_001, b"said", OverlapPolicy::First);
        assert!(following.rest().is_none());
    }
}
