//! A flow's state: next to nothing for half-open ones, more once both sides spoke, and the TLS only while it is read.

use crate::base::{Duration, Timestamp};
use crate::event::{FlowAction, FlowCounters, TcpEnd, TcpState};
use crate::findings::FindingSet;
use crate::flow::{Direction, FlowKey, Pair, Placement, Stream};
use crate::packet::{OverlapPolicy, Segment, SegmentHeader, TcpFlags};
use crate::protocol::tls::Conversation;
use crate::protocol::tls::session::Anomaly;
use crate::protocol::x509::CertificateCache;
use crate::rules::{AppProto, FlowRules, Verdict};

use super::acceptance::{Acceptance, Doubtful};
use super::clock::LEAP;
use super::report::PacketId;
use super::rival::{Positions, Rival};
use super::validate::Basis;

/// A flow. Half-open ones have no `connection`: a flood of a million SYNs must cost little.
#[derive(Debug)]
pub(super) struct Flow {
    pub first: PacketId,
    pub start: Timestamp,
    pub last: Timestamp,
    /// Who the client is, and of a half-open flow what was sent so far.
    pub opening: Opening,
    pub connection: Option<Box<Connection>>,
}

/// What is kept of a flow that has one side only and no payload; packed, since there may be millions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    /// The direction in which the client sends, as far as is known.
    pub client: Direction,
    pub sender: Direction,
    pub flags: TcpFlags,
    pub packets: u16,
    pub bytes: u32,
    /// Sequence number of its SYN, where `flags` has one.
    syn: u32,
}

impl Opening {
    /// The initial sequence number, where a SYN was seen.
    pub fn syn(&self) -> Option<u32> {
        self.flags.has(TcpFlags::SYN).then_some(self.syn)
    }

    /// Notes a SYN; of several, the last counts.
    pub fn set_syn(&mut self, isn: u32) {
        self.flags.0 |= TcpFlags::SYN;
        self.syn = isn;
    }
}

/// A flow with payload or with two sides.
#[derive(Debug)]
pub(super) struct Connection {
    pub counters: Pair<Counters>,
    /// All flags that each side ever set.
    pub flags: Pair<TcpFlags>,
    /// Initial sequence number of each side.
    pub isn: Pair<Option<u32>>,
    /// Where the sequence numbers of both sides stand.
    pub positions: Positions,
    /// A new connection that may have begun on the same five-tuple.
    pub rival: Option<Box<Rival>>,
    pub closed: bool,
    /// The handshake of TCP was done before the segment at hand or, where that has payload, with it; or the flow was joined in the
    /// middle.
    pub established: bool,
    /// Bytes of each side are missing.
    pub gap: Pair<bool>,
    /// What is read of TLS; `None` once it is told, and while it rests.
    pub following: Option<Box<Following>>,
    /// Where the streams stand while what reads them was given back, since nothing was said yet.
    resting: Option<Box<Pair<Placement>>>,
    /// What it spoke, once that is read no more.
    pub spoke: AppProto,
    pub rules: FlowRules,
    /// What the rules were last tried on: the conversation's news, and whether both sides had sent something.
    pub judged: Option<(u32, bool)>,
    pub alerted: bool,
    pub dropped: bool,
    /// What was found of a flow that is not TLS.
    pub found: Option<Box<FindingSet>>,
    /// For rules that ask for it.
    reaches: Option<Box<Reaches>>,
}

/// Where each side's sequence numbers started, and how far they have come.
type Reaches = Pair<Option<(u32, u32)>>;

/// Packets and bytes of one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub packets: u64,
    pub bytes: u64,
}

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

impl Flow {
    pub fn new(header: &SegmentHeader, client: Direction) -> Self {
        Self {
            first: PacketId::of(header),
            start: header.timestamp,
            last: header.timestamp,
            opening: Opening { client, sender: header.sender, flags: TcpFlags(0), packets: 0, bytes: 0, syn: 0 },
            connection: None,
        }
    }

    /// The connection, made from what the half-open flow knew.
    pub fn connection(&mut self, longest_message: usize) -> &mut Connection {
        let opening = self.opening;
        self.connection.get_or_insert_with(|| Box::new(Connection::from(opening, longest_message)))
    }

    /// The direction in which the client sends, as far as is known.
    pub const fn client(&self) -> Direction {
        self.opening.client
    }

    /// The hellos told who the client is.
    pub const fn set_client(&mut self, client: Direction) {
        self.opening.client = client;
    }

    /// A segment of time `at` came when the clock showed `now`. A time far ahead of the clock stands only until the next segment.
    pub fn note_time(&mut self, at: Timestamp, now: Timestamp) {
        self.last = if self.last > now.saturating_add(LEAP) { at } else { self.last.max(at) };
    }

    /// Whether another segment can be counted without a connection.
    pub const fn has_room(&self, header: &SegmentHeader) -> bool {
        self.opening.packets < u16::MAX && self.opening.bytes.checked_add(header.frame_len).is_some()
    }

    /// Counts a segment of a flow that has no connection yet.
    pub fn count_opening(&mut self, header: &SegmentHeader) {
        self.opening.packets = self.opening.packets.saturating_add(1);
        self.opening.bytes = self.opening.bytes.saturating_add(header.frame_len);
        self.opening.flags.0 |= header.flags.0;
        if header.flags.has(TcpFlags::SYN) {
            self.opening.set_syn(header.seq);
        }
    }

    /// Whether both FINs or a RST were seen.
    pub fn is_closed(&self) -> bool {
        self.connection.as_ref().map_or_else(|| self.opening.flags.has(TcpFlags::RST), |c| c.closed)
    }

    pub fn counters(&self, key: &FlowKey) -> FlowCounters {
        let of = |direction| match &self.connection {
            Some(c) => *c.counters.get(direction),
            None if self.opening.sender == direction => {
                Counters { packets: u64::from(self.opening.packets), bytes: u64::from(self.opening.bytes) }
            }
            None => Counters::default(),
        };
        let (to_server, to_client) = (of(self.client()), of(self.client().reverse()));
        FlowCounters {
            client: key.sender(self.client()),
            server: key.receiver(self.client()),
            pkts_toserver: to_server.packets,
            pkts_toclient: to_client.packets,
            bytes_toserver: to_server.bytes,
            bytes_toclient: to_client.bytes,
            start: self.start,
        }
    }

    pub fn tcp_end(&self) -> TcpEnd {
        let of = |direction| match &self.connection {
            Some(c) => *c.flags.get(direction),
            None if self.opening.sender == direction => self.opening.flags,
            None => TcpFlags(0),
        };
        let gap = |direction| self.connection.as_ref().is_some_and(|c| *c.gap.get(direction));
        let (client, server) = (of(self.client()), of(self.client().reverse()));
        TcpEnd {
            flags_toserver: client,
            flags_toclient: server,
            state: tcp_state(client, server),
            gap_toserver: gap(self.client()),
            gap_toclient: gap(self.client().reverse()),
        }
    }
}

/// The state by the flags that were ever seen; of the client, as RFC 9293 §3.3.2 counts it.
const fn tcp_state(client: TcpFlags, server: TcpFlags) -> TcpState {
    let (fin, syn) = (TcpFlags::FIN, TcpFlags::SYN);
    if client.has(TcpFlags::RST) || server.has(TcpFlags::RST) {
        TcpState::Closed
    } else if client.has(fin) && server.has(fin) {
        TcpState::TimeWait
    } else if client.has(fin) {
        TcpState::FinWait1
    } else if server.has(fin) {
        TcpState::CloseWait
    } else if client.has(syn) && client.0 == syn && server.0 == 0 {
        TcpState::SynSent
    } else if server.has(syn) && !client.has(TcpFlags::ACK) {
        TcpState::SynRecv
    } else if client.0 | server.0 == 0 {
        TcpState::None
    } else {
        TcpState::Established
    }
}

impl Connection {
    fn from(opening: Opening, longest_message: usize) -> Self {
        let mut connection = Self {
            counters: Pair::default(),
            flags: Pair::default(),
            isn: Pair::default(),
            positions: Positions::default(),
            rival: None,
            closed: opening.flags.has(TcpFlags::RST),
            established: false,
            gap: Pair::default(),
            following: Some(Box::new(Following::new(Pair::default(), opening.client, longest_message))),
            resting: None,
            spoke: AppProto::Unknown,
            rules: FlowRules::default(),
            judged: None,
            alerted: false,
            dropped: false,
            found: None,
            reaches: None,
        };
        let sent = connection.counters.get_mut(opening.sender);
        (sent.packets, sent.bytes) = (u64::from(opening.packets), u64::from(opening.bytes));
        *connection.flags.get_mut(opening.sender) = opening.flags;
        if let Some(isn) = opening.syn() {
            connection.anchor(opening.sender, isn);
            connection.positions.set(opening.sender, isn.wrapping_add(1));
        }
        connection
    }

    /// Takes in the header of a segment: counts it, and keeps its flags and numbers.
    pub fn note(&mut self, header: &SegmentHeader) {
        self.count_foreign(header);
        self.flags.get_mut(header.sender).0 |= header.flags.0;
        let hears_peer = self.was_heard(header.sender.reverse());
        self.positions.note(header, hears_peer);
    }

    /// Counts a segment that seems to be of another connection.
    pub fn count_foreign(&mut self, header: &SegmentHeader) {
        let counters = self.counters.get_mut(header.sender);
        counters.packets = counters.packets.saturating_add(1);
        counters.bytes = counters.bytes.saturating_add(u64::from(header.frame_len));
    }

    /// Takes back what was counted of another connection, which counts it now.
    pub fn give_back(&mut self, header: &SegmentHeader) {
        let counters = self.counters.get_mut(header.sender);
        counters.packets = counters.packets.saturating_sub(1);
        counters.bytes = counters.bytes.saturating_sub(u64::from(header.frame_len));
    }

    /// The first byte of `direction` follows the SYN's `isn`.
    pub fn anchor(&mut self, direction: Direction, isn: u32) {
        *self.isn.get_mut(direction) = Some(isn);
        if let Some(following) = &mut self.following {
            following.streams.get_mut(direction).anchor(isn.wrapping_add(1));
            following.acceptance.anchor(direction, isn);
        }
    }

    /// Whether its TLS is read, or will be once there is any.
    pub const fn is_followed(&self) -> bool {
        self.following.is_some() || self.resting.is_some()
    }

    /// Gives back what reads a flow that has said nothing yet; [`wake`](Self::wake) makes another one like it. Answers what that
    /// held, or `None` where there is something to lose.
    pub fn rest(&mut self) -> Option<Held> {
        let following = self.following.as_ref()?;
        self.resting = Some(Box::new(following.placements()?));
        self.following.take().map(|following| following.accounted)
    }

    /// Goes on reading a flow that rested. To be called before anything else is asked or done with one that may.
    pub fn wake(&mut self, client: Direction, longest_message: usize) {
        if let Some(placements) = self.resting.take() {
            let mut following = Box::new(Following::new(placements.map(Stream::at), client, longest_message));
            for direction in [Direction::AToB, Direction::BToA] {
                if let Some(isn) = *self.isn.get(direction) {
                    following.acceptance.anchor(direction, isn);
                }
            }
            self.following = Some(following);
        }
    }

    /// What became of the flow by a verdict.
    pub fn action(&self) -> Option<FlowAction> {
        match self.rules.verdict() {
            _ if self.dropped => Some(FlowAction::Drop),
            Verdict::Pass => Some(FlowAction::Pass),
            _ => None,
        }
    }

    /// Packets that went in `direction` were seen.
    pub const fn was_heard(&self, direction: Direction) -> bool {
        self.counters.get(direction).packets > 0
    }

    /// Packets from both sides were seen.
    pub fn is_two_sided(&self) -> bool {
        self.one_way().is_none()
    }

    /// The only side that packets were seen from.
    pub fn one_way(&self) -> Option<Direction> {
        match (self.counters.get(Direction::AToB).packets, self.counters.get(Direction::BToA).packets) {
            (0, _) => Some(Direction::BToA),
            (_, 0) => Some(Direction::AToB),
            _ => None,
        }
    }

    /// How far the sequence numbers of `client` and of the other side have come since their SYNs, with the segment of `header`.
    /// Of a side whose SYN was not seen, the first segment seen counts as the start. To be called for each segment.
    pub fn reach(&mut self, header: &SegmentHeader, client: Direction) -> [u32; 2] {
        let sent = header.payload_len.wrapping_add(u32::from(header.flags.has(TcpFlags::SYN)));
        let isn = self.isn.get(header.sender).unwrap_or_else(|| header.seq.wrapping_sub(1));
        let sides = self.reaches.get_or_insert_default();
        let (start, reached) = sides.get_mut(header.sender).get_or_insert((isn, 0));
        let end = header.seq.wrapping_add(sent).wrapping_sub(*start);
        if end < MAX_WINDOW.saturating_add(*reached) {
            *reached = end.max(*reached);
        }
        [client, client.reverse()].map(|side| sides.get(side).map_or(0, |(_, reached)| reached))
    }
}

impl SynData {
    fn new(syn: &SegmentHeader, payload: &[u8]) -> Self {
        Self { direction: syn.sender, seq: syn.seq.wrapping_add(1), bytes: payload.into() }
    }
}

impl Following {
    fn new(streams: Pair<Stream>, client: Direction, longest_message: usize) -> Self {
        Self {
            streams,
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
        }
    }

    /// Whether nothing was said yet, so that it can rest.
    pub fn is_silent(&self) -> bool {
        self.placements().is_some()
    }

    /// Where the streams stand, if that is all that there is to know.
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
        if !payload.is_empty() && !self.conversation.is_over(direction) {
            if header.flags.has(TcpFlags::URG) && !self.conversation.is_watching(direction) {
                self.conversation.note(direction, Anomaly::UrgentData);
            }
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
            if self.conversation.is_over(direction) && !self.doubtful.get(direction).is_empty() {
                *self.doubtful.get_mut(direction) = Vec::new();
            }
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

/// A sequence number further ahead than this is none of the stream: the largest window (RFC 7323 §2.3).
const MAX_WINDOW: u32 = 1 << 30;
/// How many segments of one direction may wait that their receiver may have dropped.
const MOST_DOUBTFUL: usize = 64;
/// How long an acknowledged gap is waited for: more than any reordering of a span port.
const GAP_PATIENCE: Duration = Duration::from_secs(3);
