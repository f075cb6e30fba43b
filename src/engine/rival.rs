//! A connection that may have taken the place of another on the same ports, while it is not certain that it did.
//!
//! A SYN, or numbers that are none of the old connection's, can be sent by anybody: they end nothing until the other side takes them up.
//! What came by then is kept, so that the new connection is read from its start.

use super::report::PacketId;
use crate::base::{Duration, Timestamp};
use crate::flow::{Direction, Pair};
use crate::packet::{Segment, SegmentHeader, TcpFlags};

/// Where the sequence numbers of both sides stand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Positions(Pair<Option<u32>>);

/// A connection that may have begun on the ports of another.
#[derive(Debug)]
pub(super) struct Rival {
    /// Who sent what made it known.
    opener: Direction,
    /// Sequence number of its SYN, where that was seen.
    syn: Option<u32>,
    /// That SYN has the number of the old connection's, which was not closed: it may only be sent again.
    repeats: bool,
    /// The sequence numbers of both sides that it goes on with, as far as is known.
    next: Positions,
    /// When, and with which packet, it became known.
    pub first: PacketId,
    pub start: Timestamp,
    held: Vec<Held>,
    bytes: usize,
    /// Segments of each side were not kept, since there was no room.
    pub degraded: Pair<bool>,
    /// What the lane's account holds for it.
    pub accounted: usize,
}

/// A segment that came before the other side took the connection up.
#[derive(Debug)]
pub(super) struct Held {
    header: SegmentHeader,
    payload: Box<[u8]>,
}

impl Positions {
    /// Takes in a segment of the connection. `hears_peer`: the other side speaks for itself.
    pub fn note(&mut self, header: &SegmentHeader, hears_peer: bool) {
        if header.flags.has(TcpFlags::RST) {
            return;
        }
        let end = header.seq.wrapping_add(header.payload_len).wrapping_add(u32::from(header.flags.has(TcpFlags::SYN)));
        let own = self.0.get_mut(header.sender);
        if own.is_none_or(|at| end.wrapping_sub(at).cast_signed() > 0 || is_far(end, at)) {
            *own = Some(end);
        }
        let peer = self.0.get_mut(header.sender.reverse());
        if header.flags.has(TcpFlags::ACK) && (peer.is_none() || !hears_peer) {
            *peer = Some(header.ack);
        }
    }

    /// `direction` goes on with `seq`.
    pub const fn set(&mut self, direction: Direction, seq: u32) {
        *self.0.get_mut(direction) = Some(seq);
    }

    /// Whether a SYN with number `isn` of `direction` is the one that began what it sent, by how far it has come since.
    pub fn began_with(&self, direction: Direction, isn: u32) -> bool {
        self.0.get(direction).is_some_and(|at| is_behind(at, isn))
    }

    /// Whether `seq` is none that `direction` may use or have used. False where nothing is known of it.
    fn exclude(&self, direction: Direction, seq: u32) -> bool {
        self.0.get(direction).is_some_and(|at| is_far(seq, at))
    }

    /// Whether the segment is of another connection by the numbers of both sides: those of one may jump where packets were lost.
    pub fn exclude_both(&self, header: &SegmentHeader) -> bool {
        header.flags.has(TcpFlags::ACK)
            && !header.flags.has(TcpFlags::RST)
            && self.exclude(header.sender, header.seq)
            && self.exclude(header.sender.reverse(), header.ack)
    }
}

impl Rival {
    /// That of a SYN, whatever its numbers are, and of any segment with numbers that the old connection, at `old`, cannot have.
    /// `repeats`: it is a SYN with the number of that of the old connection, which was not closed.
    pub fn of(segment: &Segment<'_>, old: &Positions, repeats: bool) -> Option<Self> {
        let header = segment.header;
        let is_syn = header.flags.is_syn();
        if !is_syn && !old.exclude_both(header) {
            return None;
        }
        let mut next = Positions::default();
        next.set(header.sender, header.seq.wrapping_add(u32::from(header.flags.has(TcpFlags::SYN))));
        if header.flags.has(TcpFlags::ACK) {
            next.set(header.sender.reverse(), header.ack);
        }
        let mut rival = Self {
            opener: header.sender,
            syn: is_syn.then_some(header.seq),
            repeats,
            next,
            first: PacketId::of(header),
            start: header.timestamp,
            held: Vec::new(),
            bytes: 0,
            degraded: Pair::default(),
            accounted: 0,
        };
        rival.hold(segment);
        Some(rival)
    }

    /// Whether `header` is the SYN that made it known.
    pub fn opens_with(&self, header: &SegmentHeader) -> bool {
        header.flags.is_syn() && (self.opener, self.syn) == (header.sender, Some(header.seq))
    }

    /// Whether `header` is its SYN or SYN-ACK, which came behind what made it known.
    pub fn began_with(&self, header: &SegmentHeader) -> bool {
        let may_begin = header.flags.is_syn() && self.syn.is_none() || header.flags.is_syn_ack();
        may_begin && self.next.began_with(header.sender, header.seq)
    }

    /// Takes in its SYN or SYN-ACK, which came behind what made it known.
    pub fn begin(&mut self, syn: &Segment<'_>) {
        let header = syn.header;
        if header.flags.is_syn() {
            (self.opener, self.syn) = (header.sender, Some(header.seq));
        }
        self.next.set(header.sender, header.seq.wrapping_add(1));
        self.hold(syn);
    }

    /// Whether the segment shows that it took the place of the old connection: the other side answers with its numbers, and not with those
    /// of the old one. Where nothing of the other side is seen (`hears_peer`), who would know, it is enough that it goes on. `isn` is that
    /// of who sent the segment in the old connection: where the SYN may only be sent again, the answer has to have another one.
    pub fn is_confirmed(&self, header: &SegmentHeader, old: &Positions, hears_peer: bool, isn: Option<u32>) -> bool {
        if header.flags.has(TcpFlags::RST) || header.flags.is_syn() {
            return false;
        }
        let (sender, peer) = (header.sender, header.sender.reverse());
        let begins_anew = || isn.map_or_else(|| old.exclude(sender, header.seq), |isn| isn != header.seq);
        if self.repeats && !(header.flags.is_syn_ack() && begins_anew()) {
            return false;
        }
        if sender == self.opener {
            let goes_on = self.syn.map_or_else(|| self.owns(header, old), |isn| header.seq == isn.wrapping_add(1));
            return goes_on && !hears_peer;
        }
        let Some(first) = self.next.0.get(peer).filter(|_| header.flags.has(TcpFlags::ACK)) else { return false };
        let acknowledged = header.ack.wrapping_sub(first);
        if self.syn.is_some() && header.flags.is_syn_ack() {
            return acknowledged <= MAX_SYN_DATA;
        }
        acknowledged <= WINDOW && !self.next.exclude(sender, header.seq) && old.exclude(peer, header.ack)
    }

    /// Whether the segment is one of its own, and none of the old connection's.
    pub fn owns(&self, header: &SegmentHeader, old: &Positions) -> bool {
        let next = self.next.0.get(header.sender);
        next.is_some_and(|next| header.seq.wrapping_sub(next) <= WINDOW)
            && old.exclude(header.sender, header.seq)
            && !header.flags.has(TcpFlags::RST)
    }

    /// Keeps a segment of it, where there is room.
    pub fn hold(&mut self, segment: &Segment<'_>) {
        let has_room = self.held.len() < MOST_HELD && self.bytes.saturating_add(segment.payload.len()) <= MOST_BYTES;
        let matters = !segment.payload.is_empty() || segment.header.flags.has(TcpFlags::SYN);
        if matters && !has_room {
            *self.degraded.get_mut(segment.header.sender) = true;
        } else if matters {
            self.bytes = self.bytes.saturating_add(segment.payload.len());
            self.held.push(Held { header: *segment.header, payload: segment.payload.into() });
        }
    }

    /// What came of it so far.
    pub fn held(&self) -> impl Iterator<Item = Segment<'_>> {
        self.held.iter().map(|held| Segment { header: &held.header, headers: &[], payload: &held.payload })
    }

    /// Whether it gives way to another that `header` makes known. It does not where it may be about to be confirmed.
    pub fn gives_way(&self, header: &SegmentHeader) -> bool {
        let is_idle = header.timestamp.since(self.start) > PATIENCE;
        header.flags.has(TcpFlags::SYN) || is_idle || self.syn.is_none() && !self.has_payload()
    }

    /// The direction of the client, where the SYN or the SYN-ACK tells.
    pub fn client(&self) -> Option<Direction> {
        let answers = || self.held.iter().find(|held| held.header.flags.is_syn_ack());
        self.syn.map(|_| self.opener).or_else(|| answers().map(|held| held.header.sender.reverse()))
    }

    /// Whether it carried payload.
    const fn has_payload(&self) -> bool {
        self.bytes > 0
    }

    /// Whether there is something to tell of it that was not told of the old connection.
    pub const fn is_worth_telling(&self) -> bool {
        self.has_payload() && !self.repeats
    }

    /// Bytes of memory that the kept segments hold.
    pub fn memory(&self) -> usize {
        self.bytes.saturating_add(self.held.len().saturating_mul(size_of::<Held>()))
    }
}

/// Whether `seq` is behind a SYN with number `isn`, and not far.
pub(super) const fn is_behind(seq: u32, isn: u32) -> bool {
    seq.wrapping_sub(isn.wrapping_add(1)) <= WINDOW
}

const fn is_far(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed().unsigned_abs() > WINDOW
}

/// Numbers that are no further apart may be of one connection; streams take in no segment that is further off.
const WINDOW: u32 = 1 << 20;
/// Bytes that a SYN may carry (RFC 7413 bounds them by a segment), which the SYN-ACK acknowledges together with it.
const MAX_SYN_DATA: u32 = 1 << 16;
/// For so long it waits undisturbed for the other side to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Segments that are kept: what a client can say before it is answered.
const MOST_HELD: usize = 32;
/// Bytes of payload that are kept.
const MOST_BYTES: usize = 64 << 10;
