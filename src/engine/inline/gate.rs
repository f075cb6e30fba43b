//! What of a connection may go on: only what was inspected, and in order, as long as its handshake is read.
//!
//! A detector beside the path has to guess what a receiver takes of a crooked stream. One in the path decides it: a segment goes on
//! when all bytes before it have, a copy of bytes goes on when it is the same as what went before, and what no receiver should take
//! goes nowhere. So the receiver has no choice between two readings.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::base::Timestamp;
use crate::event::DropReason;
use crate::flow::{Direction, Pair};
use crate::packet::{Frame, LinkType, Segment, SegmentHeader, TcpFlags};

use super::answer::Ticket;

/// The frames that a segment came in: one, or as many as it had fragments.
pub(super) type Tickets = SmallVec<[Ticket; 1]>;

/// What may become of a segment before anybody has looked at what it says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Admission {
    /// It may go on once it was inspected.
    Inspect,
    /// It waits for the bytes before it.
    Wait,
    /// A SYN that may open another connection on the same ports: it goes on, and what the server answers tells.
    Opens,
    /// A SYN-ACK that answers a SYN like that: another connection has taken the place of this one.
    Begins(SegmentHeader),
    /// The start of its connection was not seen.
    Midstream,
    /// It does not go on.
    Refuse(DropReason),
}

/// Why nothing of a flow goes on any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A rule, or the verdict on what no rule accepts: the inspector knows.
    ByRules,
    /// What is to become of flows that cannot be judged.
    ByPolicy,
}

/// A connection in the path.
#[derive(Debug)]
pub(super) struct Gate {
    sides: Pair<Side>,
    /// SYNs that were seen when there was a connection already, newest last.
    syns: Vec<SegmentHeader>,
    pub refused: Option<Refused>,
    /// Its start was not seen, and it may go on all the same.
    midstream: bool,
    /// It goes on unordered, since there was no room to hold it.
    pub unchecked: bool,
    pub last: Timestamp,
    /// Since when frames of it are held.
    pub held_since: Option<Timestamp>,
}

/// One direction of it.
#[derive(Debug, Default)]
struct Side {
    isn: Option<u32>,
    /// Sequence number behind what was inspected.
    next: Option<u32>,
    /// On which side of the path it comes in.
    ingress: Option<u32>,
    fin: bool,
    /// No more of it is read: what follows goes on as it comes.
    settled: bool,
    /// Frames were held for as long as they may be: those of this message go on.
    lapsed: bool,
    store: Option<Box<Store>>,
}

/// What is kept of a direction: mostly nothing.
#[derive(Debug, Default)]
struct Store {
    /// What was inspected and not acknowledged: the last bytes before `next`.
    kept: VecDeque<u8>,
    /// Inspected frames that wait until it is known what they say, in order.
    held: Vec<Held>,
    /// Segments that wait for the bytes before them, in the order in which they came.
    ahead: Vec<Ahead>,
    /// How many frames wait in both, and what they cost in bytes.
    waiting: (usize, usize),
}

/// A frame that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub tickets: Tickets,
    pub header: SegmentHeader,
    pub link: Link,
}

/// The link-layer header of a frame, to make one of a reset.
#[derive(Debug)]
pub(super) struct Link {
    kind: LinkType,
    start: SmallVec<[u8; MOST_LINK]>,
}

impl Link {
    pub fn of(frame: &Frame<'_>) -> Self {
        Self { kind: frame.link, start: frame.data.get(..MOST_LINK).unwrap_or(frame.data).into() }
    }

    /// As much of the frame as is left; `header` is that of its segment.
    pub fn frame(&self, header: &SegmentHeader) -> Frame<'_> {
        let SegmentHeader { timestamp, frame_len: original_len, capture, number, .. } = *header;
        Frame { data: &self.start, link: self.kind, timestamp, original_len, capture, number }
    }
}

/// A segment that waits for the bytes before it.
#[derive(Debug)]
pub(super) struct Ahead {
    pub tickets: Tickets,
    pub header: SegmentHeader,
    headers: u16,
    bytes: Box<[u8]>,
}

impl Ahead {
    pub fn new(tickets: Tickets, segment: &Segment<'_>) -> Self {
        let headers = u16::try_from(segment.headers.len()).unwrap_or_default();
        let bytes = [segment.headers.get(..usize::from(headers)).unwrap_or_default(), segment.payload].concat().into();
        Self { tickets, header: *segment.header, headers, bytes }
    }

    pub fn segment(&self) -> Segment<'_> {
        let (headers, payload) = self.bytes.split_at_checked(usize::from(self.headers)).unwrap_or_default();
        Segment { header: &self.header, headers, payload }
    }
}

impl Gate {
    /// A connection of which nothing was seen before now.
    pub fn new(now: Timestamp) -> Self {
        Self {
            sides: Pair::default(),
            syns: Vec::new(),
            refused: None,
            midstream: false,
            unchecked: false,
            last: now,
            held_since: None,
        }
    }

    /// What may become of `segment`.
    pub fn admit(&mut self, segment: &Segment<'_>) -> Admission {
        let (header, flags) = (segment.header, segment.header.flags);
        let side = self.sides.get_mut(header.sender);
        // Nobody speaks for the other side from this one.
        if *side.ingress.get_or_insert(header.capture) != header.capture {
            return Admission::Refuse(DropReason::StreamError);
        }
        if flags.is_syn_ack() {
            return self.admit_syn_ack(header);
        }
        if flags.is_syn() {
            return self.admit_syn(header);
        }
        if self.unchecked {
            return Admission::Inspect;
        }
        if flags.has(TcpFlags::RST) {
            return self.admit_rst(header);
        }
        // RFC 9293 §3.10.7.4: without ACK it is dropped.
        if !flags.has(TcpFlags::ACK) {
            return Admission::Refuse(DropReason::StreamError);
        }
        self.admit_data(segment)
    }

    /// Data in a SYN is not let through: the client sends it again behind the handshake (RFC 7413 §4.2.1), where it is in order.
    fn admit_syn(&mut self, header: &SegmentHeader) -> Admission {
        let answered = self.sides.get(header.sender.reverse()).next.is_some();
        let side = self.sides.get_mut(header.sender);
        if header.payload_len > 0 {
            return Admission::Refuse(DropReason::StreamError);
        }
        match (side.isn, side.next) {
            (None, None) if !answered => {
                (side.isn, side.next) = (Some(header.seq), Some(header.seq.wrapping_add(1)));
                Admission::Inspect
            }
            (Some(isn), _) if isn == header.seq && !answered => Admission::Inspect,
            _ => {
                self.syns.retain(|syn| (syn.sender, syn.seq) != (header.sender, header.seq));
                if self.syns.len() >= MOST_SYNS {
                    self.syns.remove(0);
                }
                self.syns.push(*header);
                Admission::Opens
            }
        }
    }

    fn admit_syn_ack(&mut self, header: &SegmentHeader) -> Admission {
        let isn = header.ack.wrapping_sub(1);
        let client = self.sides.get(header.sender.reverse());
        let syn = self.syns.iter().find(|syn| syn.sender != header.sender && syn.seq == isn).copied();
        if client.isn.is_none() && client.next.is_none() && syn.is_none() {
            return Admission::Midstream;
        }
        let is_current = client.isn == Some(isn);
        let side = self.sides.get_mut(header.sender);
        match (side.isn, syn) {
            (None, _) if is_current => {
                (side.isn, side.next) = (Some(header.seq), Some(header.seq.wrapping_add(1)));
                Admission::Inspect
            }
            (Some(seq), _) if is_current && seq == header.seq => Admission::Inspect,
            (_, Some(syn)) => Admission::Begins(syn),
            _ => Admission::Refuse(DropReason::StreamError),
        }
    }

    /// A reset goes on where its receiver may take it; what it ends is not forgotten, since it may be a pretence.
    fn admit_rst(&self, header: &SegmentHeader) -> Admission {
        match self.sides.get(header.sender) {
            Side { next: Some(next), settled: false, .. } if distance(header.seq, *next).unsigned_abs() > WINDOW => {
                Admission::Refuse(DropReason::StreamError)
            }
            _ => Admission::Inspect,
        }
    }

    fn admit_data(&self, segment: &Segment<'_>) -> Admission {
        let header = segment.header;
        let (side, peer) = (self.sides.get(header.sender), self.sides.get(header.sender.reverse()));
        let Some(next) = side.next else {
            return if self.midstream { Admission::Inspect } else { Admission::Midstream };
        };
        match peer.next {
            None if !self.midstream => return Admission::Midstream,
            // It acknowledges what was never sent: its receiver drops it.
            Some(sent) if !peer.settled && distance(header.ack, sent) > 0 => return Admission::Refuse(DropReason::StreamError),
            _ => {}
        }
        let offset = distance(header.seq, next);
        if side.contradicts(offset, segment.payload) {
            return Admission::Refuse(DropReason::StreamReassembly);
        }
        if side.settled {
            return Admission::Inspect;
        }
        if offset.unsigned_abs() > WINDOW {
            return Admission::Refuse(DropReason::StreamError);
        }
        if header.payload_len > 0 && header.flags.has(TcpFlags::URG) {
            return Admission::Refuse(DropReason::StreamUrgent);
        }
        // What comes behind a FIN is none of the stream, and the FIN may be a pretence.
        let len = i32::try_from(header.payload_len).unwrap_or(i32::MAX);
        if side.fin && len > 0 && offset.saturating_add(len) >= 0 {
            return Admission::Refuse(DropReason::StreamError);
        }
        if side.unacknowledged().saturating_add(segment.payload.len()) > WINDOW as usize {
            return Admission::Refuse(DropReason::StreamMemcap);
        }
        let is_empty = header.payload_len == 0 && !header.flags.has(TcpFlags::FIN);
        if offset > 0 && !is_empty { Admission::Wait } else { Admission::Inspect }
    }

    /// Another connection takes the place of this one, which its client opened with `syn` and its server answered with `header`.
    pub fn begin(&mut self, syn: &SegmentHeader, header: &SegmentHeader) {
        let ingress = |direction| self.sides.get(direction).ingress;
        let ingress = Pair::new(ingress(Direction::AToB), ingress(Direction::BToA));
        *self = Self::new(header.timestamp);
        for (direction, seq) in [(syn.sender, syn.seq), (header.sender, header.seq)] {
            let (isn, next) = (Some(seq), Some(seq.wrapping_add(1)));
            *self.sides.get_mut(direction) = Side { isn, next, ingress: *ingress.get(direction), ..Side::default() };
        }
    }

    /// Goes on where a connection is whose start was not seen.
    pub fn join(&mut self, header: &SegmentHeader) {
        self.midstream = true;
        let start = header.seq.wrapping_add(u32::from(header.flags.has(TcpFlags::SYN)));
        self.sides.get_mut(header.sender).next.get_or_insert(start);
        if header.flags.has(TcpFlags::ACK) {
            self.sides.get_mut(header.sender.reverse()).next.get_or_insert(header.ack);
        }
    }

    /// A segment was inspected and may go on: its bytes are those that count. To be called in order.
    pub fn take(&mut self, segment: &Segment<'_>) {
        let header = segment.header;
        if header.flags.has(TcpFlags::ACK) {
            self.sides.get_mut(header.sender.reverse()).acknowledge(header.ack);
        }
        let side = self.sides.get_mut(header.sender);
        let Some(next) = side.next.filter(|_| !side.settled && !self.unchecked && !header.flags.has(TcpFlags::RST)) else { return };
        let start = header.seq.wrapping_add(u32::from(header.flags.has(TcpFlags::SYN)));
        let known = usize::try_from(distance(next, start)).unwrap_or(0);
        if let Some(new) = segment.payload.get(known..).filter(|new| !new.is_empty() && !side.fin) {
            side.store.get_or_insert_default().kept.extend(new);
            side.next = Some(next.wrapping_add(u32::try_from(new.len()).unwrap_or(u32::MAX)));
        }
        let end = start.wrapping_add(header.payload_len);
        if header.flags.has(TcpFlags::FIN) && !side.fin && side.next == Some(end) {
            (side.fin, side.next) = (true, Some(end.wrapping_add(1)));
        }
    }

    /// Where the receiver of `direction` stands: the sequence number behind what went on. `header` is that of a segment at hand.
    pub fn forwarded(&self, header: &SegmentHeader) -> u32 {
        let side = self.sides.get(header.sender);
        let held = side.store.as_ref().and_then(|s| s.held.first()).map(|h| h.header.seq);
        match side.next.filter(|_| !side.settled && !self.unchecked) {
            Some(next) => held.unwrap_or(next),
            None => header.seq,
        }
    }

    /// No more of `direction` is read: what follows goes on as it comes.
    pub fn settle(&mut self, direction: Direction) {
        self.sides.get_mut(direction).settled = true;
    }

    pub fn is_settled(&self, direction: Direction) -> bool {
        self.unchecked || self.sides.get(direction).settled
    }

    /// Nothing of either side is kept or read: nothing that is to come can be told from what went before.
    pub fn is_done(&self) -> bool {
        let is_done = |direction| {
            let side = self.sides.get(direction);
            side.settled && side.store.is_none()
        };
        self.refused.is_none() && is_done(Direction::AToB) && is_done(Direction::BToA)
    }

    /// Has an inspected frame wait until it is known what it says.
    pub fn hold(&mut self, held: Held) {
        let store = self.sides.get_mut(held.header.sender).store.get_or_insert_default();
        store.count(&held.header);
        store.held.push(held);
    }

    /// Has a segment wait for the bytes before it.
    pub fn hold_ahead(&mut self, ahead: Ahead) {
        let store = self.sides.get_mut(ahead.header.sender).store.get_or_insert_default();
        store.count(&ahead.header);
        store.ahead.push(ahead);
    }

    /// The frames of `direction` that wait to be known go, one way or the other.
    pub fn take_held(&mut self, direction: Direction) -> Vec<Held> {
        let side = self.sides.get_mut(direction);
        let Some(store) = side.store.as_mut() else { return Vec::new() };
        let held = std::mem::take(&mut store.held);
        held.iter().for_each(|held| store.discount(&held.header));
        side.tidy();
        held
    }

    /// A segment of `direction` that need not wait any more: all before it has come, or none has to. With `any`, the next one.
    pub fn take_ahead(&mut self, direction: Direction, any: bool) -> Option<Ahead> {
        let is_free = any || self.is_settled(direction);
        let side = self.sides.get_mut(direction);
        let (next, store) = (side.next, side.store.as_mut()?);
        let is_due = |ahead: &Ahead| is_free || next.is_some_and(|next| distance(ahead.header.seq, next) <= 0);
        let index = store.ahead.iter().position(is_due)?;
        let ahead = store.ahead.remove(index);
        store.discount(&ahead.header);
        side.tidy();
        Some(ahead)
    }

    /// Whether both sides were heard.
    pub fn is_two_sided(&self) -> bool {
        [Direction::AToB, Direction::BToA].into_iter().all(|d| self.sides.get(d).next.is_some())
    }

    /// Whether any frame waits.
    pub fn holds(&self) -> bool {
        [Direction::AToB, Direction::BToA].into_iter().any(|d| self.waiting(d).0 > 0)
    }

    /// How many frames of `direction` wait, and what they cost in bytes.
    pub fn waiting(&self, direction: Direction) -> (usize, usize) {
        self.sides.get(direction).store.as_ref().map_or((0, 0), |store| store.waiting)
    }

    /// Bytes of what is kept to compare copies with, and of what waits.
    pub fn memory(&self) -> usize {
        let of = |direction| self.sides.get(direction).unacknowledged().saturating_add(self.waiting(direction).1);
        of(Direction::AToB).saturating_add(of(Direction::BToA))
    }

    /// Nothing is kept to compare copies with any more.
    pub fn forget(&mut self) {
        for direction in [Direction::AToB, Direction::BToA] {
            let side = self.sides.get_mut(direction);
            if let Some(store) = &mut side.store {
                store.kept = VecDeque::new();
            }
            side.tidy();
        }
    }

    /// Frames of `direction` that end within a message need not wait: `lapsed`, they have for long enough; or none does.
    pub fn set_lapsed(&mut self, direction: Direction, lapsed: bool) {
        self.sides.get_mut(direction).lapsed = lapsed;
    }

    pub fn has_lapsed(&self, direction: Direction) -> bool {
        self.sides.get(direction).lapsed
    }
}

impl Side {
    /// Whether `payload`, whose first byte is `offset` from what is next, has other bytes than went on before.
    fn contradicts(&self, offset: i32, payload: &[u8]) -> bool {
        let Some(kept) = self.store.as_ref().map(|s| &s.kept) else { return false };
        let offset = offset.saturating_add(i32::from(self.fin)); // from the end of what is kept
        let Ok(behind) = usize::try_from(offset.saturating_neg()) else { return false };
        let (from, skipped) = match kept.len().checked_sub(behind) {
            Some(from) => (from, 0),
            None => (0, behind.saturating_sub(kept.len())),
        };
        let copy = payload.get(skipped..).unwrap_or_default();
        kept.range(from.min(kept.len())..).zip(copy).any(|(old, new)| old != new)
    }

    /// Bytes that are kept since nobody has acknowledged them.
    fn unacknowledged(&self) -> usize {
        self.store.as_ref().map_or(0, |s| s.kept.len())
    }

    /// The other side has got all before `ack`.
    fn acknowledge(&mut self, ack: u32) {
        let (Some(next), Some(store)) = (self.next, self.store.as_mut()) else { return };
        let end = next.wrapping_sub(u32::from(self.fin));
        let left = usize::try_from(distance(end, ack)).unwrap_or(0);
        if left < store.kept.len() {
            store.kept.drain(..store.kept.len().saturating_sub(left));
            if store.kept.is_empty() {
                store.kept = VecDeque::new();
            }
            self.tidy();
        }
    }

    fn tidy(&mut self) {
        self.store.take_if(|s| s.kept.is_empty() && s.held.is_empty() && s.ahead.is_empty());
    }
}

impl Store {
    fn count(&mut self, header: &SegmentHeader) {
        let (frames, bytes) = self.waiting;
        self.waiting = (frames.saturating_add(1), bytes.saturating_add(cost(header)));
    }

    fn discount(&mut self, header: &SegmentHeader) {
        let (frames, bytes) = self.waiting;
        self.waiting = (frames.saturating_sub(1), bytes.saturating_sub(cost(header)));
    }
}

/// What a frame that waits costs in bytes.
fn cost(header: &SegmentHeader) -> usize {
    usize::try_from(header.frame_len).unwrap_or(usize::MAX).saturating_add(size_of::<Ahead>())
}

/// How far `a` is ahead of `b`, by the arithmetic of sequence numbers.
const fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

/// What is further off than this is none of the stream; a receiver of a handshake has no larger window.
const WINDOW: u32 = 1 << 20;
/// Ethernet's header with three VLAN tags and what says that there are no more.
const MOST_LINK: usize = 26;
/// SYNs that are remembered while a connection is there.
const MOST_SYNS: usize = 4;
