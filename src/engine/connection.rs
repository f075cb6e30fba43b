//! A flow's state: next to nothing for half-open ones, more once both sides spoke, and the TLS only while it is read.

use crate::base::Timestamp;
use crate::event::{Bypassed, FlowAction, FlowCounters, TcpEnd, TcpState};
use crate::findings::FindingSet;
use crate::flow::{Direction, FlowKey, Pair};
use crate::packet::{SegmentHeader, TcpFlags};
use crate::protocol::x509::CertificateCache;
use crate::rules::{AppProto, FlowRules, Transport, Verdict};

use super::clock::LEAP;
use super::following::{Following, Held, Resting};
use super::report::PacketId;
use super::rival::{Positions, Rival, is_behind};

/// A flow. Half-open ones have no `connection`: a flood of a million SYNs must cost little.
#[derive(Debug)]
pub(super) struct Flow {
    pub first: PacketId,
    pub start: Timestamp,
    pub last: Timestamp,
    /// What carries it, who the client is, and of a half-open flow what was sent so far.
    pub opening: Opening,
    pub connection: Option<Box<Connection>>,
}

/// What is kept of a flow that has one side only and no payload; packed, since there may be millions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub transport: Transport,
    /// What the datagrams of a half-open flow spoke.
    pub spoke: AppProto,
    /// The direction in which the client sends, as far as is known.
    pub client: Direction,
    pub sender: Direction,
    pub flags: TcpFlags,
    pub packets: u16,
    pub bytes: u32,
    /// Sequence number of its SYN, where `flags` has one; else of the first segment.
    seq: u32,
}

impl Opening {
    /// The initial sequence number, where a SYN was seen.
    pub fn syn(&self) -> Option<u32> {
        self.flags.has(TcpFlags::SYN).then_some(self.seq)
    }

    /// Whether the SYN of `header` is that of what was sent so far, and only came behind it.
    pub fn goes_on_from(&self, header: &SegmentHeader) -> bool {
        !self.flags.has(TcpFlags::SYN) && !self.flags.closes() && is_behind(self.seq, header.seq)
    }

    /// Notes a SYN; of several, the last counts.
    pub fn set_syn(&mut self, isn: u32) {
        self.flags.0 |= TcpFlags::SYN;
        self.seq = isn;
    }
}

/// A flow with payload or with two sides.
#[derive(Debug)]
pub(super) struct Connection {
    pub counters: Pair<Volume>,
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
    /// What is read of TLS; `None` once it is told, while it rests, and of UDP.
    pub following: Option<Box<Following>>,
    /// What is kept of what reads it while that was given back, since nothing was said yet.
    resting: Option<Box<Resting>>,
    /// What it spoke, once that is read no more.
    pub spoke: AppProto,
    pub rules: FlowRules,
    /// What the rules were last tried on: the conversation's news, and whether both sides had sent something.
    pub judged: Option<(u32, bool)>,
    pub alerted: bool,
    pub dropped: bool,
    /// It is read no more because of a limit.
    pub gave_up: bool,
    /// What was found of a flow that is not TLS.
    pub found: Option<Box<FindingSet>>,
    /// For rules that ask for it.
    reaches: Option<Box<Reaches>>,
    /// What of it was counted elsewhere, and is in `counters`.
    pub unseen: Option<Box<Pair<Volume>>>,
}

/// Where each side's sequence numbers started, and how far they have come.
type Reaches = Pair<Option<(u32, u32)>>;

/// Packets and bytes of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Bytes of whole frames on the wire.
    pub bytes: u64,
}

impl Flow {
    pub fn new(header: &SegmentHeader, client: Direction) -> Self {
        Self {
            first: PacketId::of(header),
            start: header.timestamp,
            last: header.timestamp,
            opening: Opening {
                transport: if header.is_datagram() { Transport::Udp } else { Transport::Tcp },
                spoke: AppProto::Unknown,
                client,
                sender: header.sender,
                flags: TcpFlags(0),
                packets: 0,
                bytes: 0,
                seq: header.seq,
            },
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
                Volume { packets: u64::from(self.opening.packets), bytes: u64::from(self.opening.bytes) }
            }
            None => Volume::default(),
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

    /// What of it was counted elsewhere.
    pub fn bypassed(&self) -> Option<Bypassed> {
        let unseen = self.connection.as_ref()?.unseen.as_deref()?;
        let (to_server, to_client) = (unseen.get(self.client()), unseen.get(self.client().reverse()));
        Some(Bypassed {
            pkts_toserver: to_server.packets,
            pkts_toclient: to_client.packets,
            bytes_toserver: to_server.bytes,
            bytes_toclient: to_client.bytes,
        })
    }

    /// What is known of its TCP, where it has any.
    pub fn tcp_end(&self) -> Option<TcpEnd> {
        (self.opening.transport == Transport::Tcp).then(|| self.end_of_tcp())
    }

    fn end_of_tcp(&self) -> TcpEnd {
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
            following: (opening.transport == Transport::Tcp).then(|| Box::new(Following::new(opening.client, longest_message))),
            resting: None,
            spoke: opening.spoke,
            rules: FlowRules::default(),
            judged: None,
            alerted: false,
            dropped: false,
            gave_up: false,
            found: None,
            reaches: None,
            unseen: None,
        };
        let sent = connection.counters.get_mut(opening.sender);
        (sent.packets, sent.bytes) = (u64::from(opening.packets), u64::from(opening.bytes));
        *connection.flags.get_mut(opening.sender) = opening.flags;
        if let Some(isn) = opening.syn() {
            *connection.isn.get_mut(opening.sender) = Some(isn);
            if let Some(following) = &mut connection.following {
                following.streams.get_mut(opening.sender).anchor(isn.wrapping_add(1));
                following.acceptance.anchor(opening.sender, isn);
            }
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

    /// Whether a segment that is no SYN may be of another connection than this.
    pub fn may_have_rival(&self, header: &SegmentHeader) -> bool {
        self.rival.is_some() || self.positions.exclude_both(header)
    }

    /// Counts a segment that seems to be of another connection.
    pub fn count_foreign(&mut self, header: &SegmentHeader) {
        let counters = self.counters.get_mut(header.sender);
        counters.packets = counters.packets.saturating_add(1);
        counters.bytes = counters.bytes.saturating_add(u64::from(header.frame_len));
    }

    /// Counts what was not seen here. Where its numbers stand is not known any more.
    pub fn count_unseen(&mut self, sent: Pair<Volume>) {
        let unseen = self.unseen.get_or_insert_default();
        for direction in [Direction::AToB, Direction::BToA] {
            let more = sent.get(direction);
            for counters in [self.counters.get_mut(direction), unseen.get_mut(direction)] {
                counters.packets = counters.packets.saturating_add(more.packets);
                counters.bytes = counters.bytes.saturating_add(more.bytes);
            }
        }
        self.positions = Positions::default();
    }

    /// Takes back what was counted of another connection, which counts it now.
    pub fn give_back(&mut self, header: &SegmentHeader) {
        let counters = self.counters.get_mut(header.sender);
        counters.packets = counters.packets.saturating_sub(1);
        counters.bytes = counters.bytes.saturating_sub(u64::from(header.frame_len));
    }

    /// The first byte of `direction` follows the SYN's `isn`.
    pub fn anchor(&mut self, direction: Direction, isn: u32, certificates: &mut CertificateCache) {
        *self.isn.get_mut(direction) = Some(isn);
        if let Some(following) = &mut self.following {
            following.anchor(direction, isn, certificates);
        }
    }

    /// Whether its TLS is read, or will be once there is any.
    pub const fn is_followed(&self) -> bool {
        self.following.is_some() || self.resting.is_some()
    }

    /// Gives back what reads a flow that has said nothing yet; [`wake`](Self::wake) makes another one like it. Answers what that
    /// held, or `None` where there is something to lose.
    pub fn rest(&mut self) -> Option<Held> {
        let held = self.following.as_ref()?.accounted;
        self.resting = Some(Box::new(self.following.as_mut()?.rest()?));
        self.following = None;
        Some(held)
    }

    /// Goes on reading a flow that rested. To be called before anything else is asked or done with one that may.
    pub fn wake(&mut self, client: Direction, longest_message: usize) {
        if let Some(resting) = self.resting.take() {
            self.following = Some(Box::new(Following::wake(*resting, client, longest_message)));
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

/// A sequence number further ahead than this is none of the stream: the largest window (RFC 7323 §2.3).
pub(super) const MAX_WINDOW: u32 = 1 << 30;
