//! One direction of a TCP flow put back in order (RFC 9293 §3.4), with a bound in bytes.
//!
//! The bytes in order are kept from the first one on as long as the direction is read: it is what retransmissions are compared
//! with, and where messages are parsed in place. Once the direction goes dark the whole of it is released.

#[cfg(test)]
mod tests;
mod urgent;

use std::collections::BTreeMap;

use self::urgent::Urgent;
use crate::base::heap;
use crate::packet::OverlapPolicy;

/// One direction of a TCP flow. Positions are 64-bit, so that sequence numbers may wrap as often as they like; urgent bytes have none.
#[derive(Debug, Default)]
pub struct Stream {
    /// Position of the next byte in order; `None` before the first segment.
    next: Option<u64>,
    /// The start is known from a SYN.
    anchored: bool,
    /// Where it stands is not settled: no payload was pushed, and the peer did not acknowledge the SYN.
    unsettled: bool,
    /// Bytes in order; the last one stands right before `next`.
    bytes: Vec<u8>,
    /// How many came before `bytes`, those that are missing included.
    dropped: u64,
    /// How many of `bytes` were consumed.
    consumed: usize,
    /// Bytes ahead of a gap, by position; pieces neither touch nor overlap.
    ahead: BTreeMap<u64, Vec<u8>>,
    ahead_len: usize,
    /// From and to which positions the capture cut segments and that lie ahead, in the order in which they came.
    cut: Vec<(u64, u64)>,
    urgent: Urgent,
}

/// Where a stream stands that has no bytes yet, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    next: Option<u64>,
    anchored: bool,
    unsettled: bool,
}

/// What a segment did to the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Bytes that were there before and differ from the new copy.
    pub conflicting: u64,
    /// Bytes that were there before.
    pub duplicate: u64,
    /// Bytes that lie too far ahead of or behind the stream to belong to it.
    pub out_of_window: u64,
    /// The stream turned out to begin earlier: what was read must be read again from the start.
    pub restarted: bool,
}

impl Stream {
    /// A stream without bytes that stands where another one stood.
    pub fn at(placement: Placement) -> Self {
        let Placement { next, anchored, unsettled } = placement;
        Self { next, anchored, unsettled, ..Self::default() }
    }

    /// Where it stands, if it neither has nor had any bytes: [`at`](Self::at) makes another one like it.
    pub fn placement(&self) -> Option<Placement> {
        let is_untouched = self.bytes.capacity() == 0
            && self.dropped == 0
            && self.ahead.is_empty()
            && self.cut.is_empty()
            && self.urgent.is_empty();
        is_untouched.then_some(Placement { next: self.next, anchored: self.anchored, unsettled: self.unsettled })
    }

    /// The first byte of data will have sequence number `seq`.
    pub fn anchor(&mut self, seq: u32) {
        self.next = Some(FIRST_POSITION.saturating_add(u64::from(seq)));
        self.anchored = true;
        self.unsettled = true;
    }

    /// The first byte of data has sequence number `seq`, by a SYN that came behind data. `None` where data came from before it, or where
    /// bytes are missing that are not waited for any more. Else whether all that came is to be read again, in order behind what is missing:
    /// not where it is kept no more, or `is_read` says that it is not read.
    pub fn begin(&mut self, seq: u32, is_read: bool) -> Option<bool> {
        let next = self.next?;
        let (at, first) = (self.place_of(next, seq), self.start().saturating_sub(self.dropped));
        let again = is_read && self.dropped == 0 && self.bytes.len() <= RESTART_LIMIT;
        if at > first || at < first && !again {
            return None;
        }
        self.anchored = true;
        if again {
            self.restart_at(at);
            self.join();
        }
        Some(again)
    }

    /// The peer acknowledged up to `seq` before a byte of data was seen. Where that is the SYN, its place is settled; where it is
    /// nowhere near, the SYN was not the one that the peer took: there were several, and this tells which. `answers_syn` where it is
    /// the acknowledgement of a SYN-ACK, which leaves no room for bytes that the capture lacks. Answers whether it begins elsewhere now.
    pub fn correct(&mut self, seq: u32, answers_syn: bool) -> bool {
        let Some(next) = self.next.filter(|_| self.is_unsettled()) else {
            self.expect(seq);
            return false;
        };
        let distance = self.place_of(next, seq).abs_diff(next);
        let moves = distance > 0 && answers_syn || distance > WINDOW;
        if moves {
            self.next = Some(FIRST_POSITION.saturating_add(u64::from(seq)));
            self.urgent = Urgent::default();
        }
        self.unsettled = distance > 0;
        moves
    }

    /// Whether another SYN, or what the peer acknowledges, may yet move it.
    pub fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// The next byte of data is expected to have sequence number `seq`, by what the peer acknowledged; an earlier one may yet come.
    pub fn expect(&mut self, seq: u32) {
        self.next.get_or_insert(FIRST_POSITION.saturating_add(u64::from(seq)));
    }

    /// Whether a segment or an anchor told where it stands.
    pub const fn is_placed(&self) -> bool {
        self.next.is_some()
    }

    /// Whether the start is known, or it was joined in the middle.
    pub const fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// Takes the payload of a segment.
    pub fn push(&mut self, seq: u32, payload: &[u8], policy: OverlapPolicy) -> Pushed {
        let mut pushed = Pushed::default();
        self.unsettled = false;
        let next = *self.next.get_or_insert(FIRST_POSITION.saturating_add(u64::from(seq)));
        let (from, at) = (self.urgent.position(next, seq), self.place_of(next, seq));
        let end = at.saturating_add(len64(payload));
        if end > next.saturating_add(WINDOW) || at.saturating_add(WINDOW) < next {
            pushed.out_of_window = len64(payload);
            return pushed;
        }
        let may_begin_earlier = !self.anchored && self.dropped == 0 && self.bytes.len() <= RESTART_LIMIT;
        if at < self.start() && may_begin_earlier {
            self.restart_at(at);
            pushed.restarted = true;
        }
        if self.urgent.is_empty() {
            self.place(at, payload, policy, &mut pushed);
        } else {
            for (at, part) in self.urgent.parts(from, payload) {
                self.place(at, part, policy, &mut pushed);
            }
        }
        self.join();
        pushed
    }

    /// A segment that begins at sequence number `seq` says that the byte `distance` bytes from there is urgent: its receiver takes that out of the
    /// stream (RFC 6093 §3.2), and so does this. Not one that came in order before: that was read, and so it was by the receiver.
    pub fn note_urgent(&mut self, seq: u32, distance: u16) {
        let next = *self.next.get_or_insert(FIRST_POSITION.saturating_add(u64::from(seq)));
        let seq = seq.wrapping_add(u32::from(distance));
        let at = self.place_of(next, seq);
        if at < next || at > next.saturating_add(WINDOW) || !self.urgent.insert(self.urgent.position(next, seq)) {
            return;
        }
        self.ahead_len = 0;
        for (position, mut piece) in std::mem::take(&mut self.ahead) {
            let within = at.checked_sub(position).and_then(|n| usize::try_from(n).ok()).filter(|n| *n < piece.len());
            if let Some(place) = within {
                piece.remove(place);
            }
            if !piece.is_empty() {
                self.insert(position.saturating_sub(u64::from(position > at)), &piece);
            }
        }
        let moved = |position: u64| position.saturating_sub(u64::from(position > at));
        self.cut.iter_mut().for_each(|(from, to)| (*from, *to) = (moved(*from), moved(*to)));
        self.join();
    }

    /// Where `seq` lies near the position `near`, urgent bytes not counted.
    fn place_of(&self, near: u64, seq: u32) -> u64 {
        self.urgent.without(self.urgent.position(near, seq))
    }

    /// Position of the first byte that is kept.
    fn start(&self) -> u64 {
        self.next.unwrap_or_default().saturating_sub(len64(&self.bytes))
    }

    fn restart_at(&mut self, at: u64) {
        let start = self.start();
        let bytes = std::mem::take(&mut self.bytes);
        if !bytes.is_empty() {
            self.ahead_len = self.ahead_len.saturating_add(bytes.len());
            self.ahead.insert(start, bytes);
        }
        self.consumed = 0;
        self.next = Some(at);
    }

    /// Puts `payload` where it belongs: what lies behind is compared, what lies ahead is compared and its holes are filled.
    fn place(&mut self, at: u64, payload: &[u8], policy: OverlapPolicy, pushed: &mut Pushed) {
        let next = self.next.unwrap_or(at);
        let behind = usize::try_from(next.saturating_sub(at)).unwrap_or(usize::MAX).min(payload.len());
        let (old, new) = payload.split_at_checked(behind).unwrap_or((payload, &[]));
        // The one byte of a keep-alive is garbage by design (RFC 9293 §3.8.4).
        let keep_alive = payload.len() == 1 && next.saturating_sub(at) == 1;
        if keep_alive {
            pushed.duplicate = 1;
        } else if !old.is_empty() {
            self.compare_behind(at, old, policy, pushed);
        }
        if new.is_empty() {
            return;
        }
        if self.ahead.is_empty() && at.max(next) == next {
            self.append(new);
        } else {
            self.place_ahead(at.max(next), new, policy, pushed);
        }
    }

    fn append(&mut self, new: &[u8]) {
        heap::extend(&mut self.bytes, new);
        self.next = self.next.map(|next| next.saturating_add(len64(new)));
    }

    fn compare_behind(&mut self, at: u64, old: &[u8], policy: OverlapPolicy, pushed: &mut Pushed) {
        pushed.duplicate = pushed.duplicate.saturating_add(len64(old));
        let start = self.start();
        let cut = usize::try_from(start.saturating_sub(at)).unwrap_or(usize::MAX); // what is kept no more cannot be compared
        let from = usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
        let (Some(old), Some(kept)) = (old.get(cut..), self.bytes.get_mut(from..)) else { return };
        let readable = self.consumed.saturating_sub(from);
        pushed.conflicting = pushed.conflicting.saturating_add(overlay(kept, old, readable, policy));
    }

    fn place_ahead(&mut self, at: u64, new: &[u8], policy: OverlapPolicy, pushed: &mut Pushed) {
        let end = at.saturating_add(len64(new));
        let mut holes: Vec<(u64, u64)> = Vec::new();
        let mut hole = at;
        let first = self.ahead.range(..=at).next_back().map_or(at, |(&position, _)| position);
        for (&position, piece) in self.ahead.range_mut(first..end) {
            let piece_end = position.saturating_add(len64(piece));
            if piece_end <= at {
                continue;
            }
            if position > hole {
                holes.push((hole, position));
            }
            let (from, to) = (position.max(at), piece_end.min(end));
            pushed.duplicate = pushed.duplicate.saturating_add(to.saturating_sub(from));
            if let (Some(kept), Some(copy)) = (slice_mut(piece, position, from, to), slice(new, at, from, to)) {
                pushed.conflicting = pushed.conflicting.saturating_add(overlay(kept, copy, 0, policy));
            }
            hole = piece_end;
        }
        if hole < end {
            holes.push((hole, end));
        }
        for (from, to) in holes {
            if let Some(part) = slice(new, at, from, to) {
                self.insert(from, part);
            }
        }
    }

    /// Adds a piece that overlaps none, joined to the one right before it.
    fn insert(&mut self, at: u64, part: &[u8]) {
        self.ahead_len = self.ahead_len.saturating_add(part.len());
        if let Some((&position, piece)) = self.ahead.range_mut(..at).next_back()
            && position.saturating_add(len64(piece)) == at
        {
            piece.extend_from_slice(part);
            return;
        }
        self.ahead.insert(at, part.to_vec());
    }

    /// Moves what is no longer ahead of a gap into order.
    fn join(&mut self) {
        while let Some(entry) = self.ahead.first_entry()
            && Some(*entry.key()) == self.next
        {
            let piece = entry.remove();
            self.ahead_len = self.ahead_len.saturating_sub(piece.len());
            self.append(&piece);
        }
    }

    /// The bytes in order that were not consumed yet.
    pub fn unread(&self) -> &[u8] {
        self.bytes.get(self.consumed..).unwrap_or_default()
    }

    /// Whether the byte with sequence number `seq` is the one before the first that is known, of a stream that was joined in the middle.
    pub fn begins_behind(&self, seq: u32) -> bool {
        let start = self.start();
        !self.anchored && self.next.is_some() && self.place_of(start, seq).saturating_add(1) == start
    }

    /// Whether all `len` bytes from sequence number `seq` on came already, or are given up.
    pub fn has(&self, seq: u32, len: usize) -> bool {
        let Some(next) = self.next else { return false };
        let at = self.place_of(next, seq);
        let end = self.place_of(next, seq.wrapping_add(u32::try_from(len).unwrap_or(u32::MAX)));
        let piece = self.ahead.range(..=at).next_back();
        end <= next || piece.is_some_and(|(&start, piece)| end <= start.saturating_add(len64(piece)))
    }

    /// Whether all bytes before sequence number `seq` came or are given up, and none behind it.
    pub fn ends_at(&self, seq: u32) -> bool {
        self.next.is_none_or(|next| self.place_of(next, seq) == next) && !self.has_gap()
    }

    /// The bytes in order that are kept, consumed or not, and how many came before them.
    pub fn kept(&self) -> (&[u8], u64) {
        (&self.bytes, self.dropped)
    }

    /// Marks `n` bytes as consumed.
    pub fn consume(&mut self, n: usize) {
        self.consumed = self.consumed.saturating_add(n).min(self.bytes.len());
    }

    /// Lets go of the bytes that were consumed: copies of them that come later are not compared any more. Answers whether there were
    /// any. Of a stream whose start is not known they are what tells where it begins, and stay.
    pub fn forget_consumed(&mut self) -> bool {
        if self.consumed == 0 || !self.anchored {
            return false;
        }
        self.dropped = self.dropped.saturating_add(u64::try_from(self.consumed).unwrap_or(u64::MAX));
        self.bytes = self.unread().to_vec();
        self.consumed = 0;
        true
    }

    /// Whether bytes wait behind a gap.
    pub fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Whether the peer acknowledged bytes that lie behind the gap: it has what the capture lacks.
    pub fn gap_is_acknowledged(&self, ack: u32) -> bool {
        let (Some(next), Some((&first, _))) = (self.next, self.ahead.first_key_value()) else { return false };
        self.place_of(next, ack) >= first
    }

    /// How many bytes are missing before those that wait; 0 without a gap.
    pub fn gap_len(&self) -> u64 {
        let (Some(next), Some((&first, _))) = (self.next, self.ahead.first_key_value()) else { return 0 };
        first.saturating_sub(next)
    }

    /// Where the gap begins: it is the same gap as long as this is the same position.
    pub fn gap_start(&self) -> Option<u64> {
        self.next.filter(|_| self.has_gap())
    }

    /// The capture cut a segment (snap length): it has none of the bytes from sequence number `from` to `to`.
    pub fn note_cut(&mut self, from: u32, to: u32) {
        let Some(next) = self.next else { return };
        let (from, to) = (self.place_of(next, from), self.place_of(next, to));
        if next < to && to <= next.saturating_add(WINDOW) && self.cut.len() < MOST_CUTS {
            self.cut.push((from, to));
        }
    }

    /// How many bytes are missing from here on that the capture cut off, and that nothing which waits brings.
    pub fn uncaptured_len(&self) -> u64 {
        let Some(next) = self.next else { return 0 };
        let end = self.cut.iter().filter(|(from, to)| (*from..*to).contains(&next)).map(|(_, to)| *to).max();
        let end = end.unwrap_or(next);
        let first = self.ahead.first_key_value().map_or(end, |(&first, _)| first.min(end));
        first.saturating_sub(next)
    }

    /// Gives `lost` bytes up: the stream goes on behind them. What was not consumed of the bytes before is gone, and with it what
    /// was kept for comparison.
    pub fn skip(&mut self, lost: u64) {
        self.dropped = self.dropped.saturating_add(len64(&self.bytes)).saturating_add(lost);
        self.bytes.clear();
        self.consumed = 0;
        self.next = self.next.map(|next| next.saturating_add(lost));
        self.join();
        let next = self.next.unwrap_or_default();
        self.cut.retain(|(_, to)| *to > next);
    }

    /// Bytes of memory that it holds.
    pub fn memory(&self) -> usize {
        self.held().saturating_add(self.bytes.capacity().saturating_sub(self.bytes.len()))
    }

    /// Bytes of memory that what it holds needs: as [`memory`](Self::memory), but without room for more.
    pub fn held(&self) -> usize {
        let pieces = self.ahead.len().saturating_mul(PIECE_OVERHEAD);
        let cut = self.cut.len().saturating_mul(size_of::<(u64, u64)>());
        self.bytes.len().saturating_add(self.ahead_len).saturating_add(pieces).saturating_add(cut)
    }

    /// Gives all memory back; nothing more is kept.
    pub fn release(&mut self) {
        let dropped = self.dropped.saturating_add(len64(&self.bytes));
        let urgent = std::mem::take(&mut self.urgent);
        *self = Self { next: self.next, anchored: self.anchored, dropped, urgent, ..Self::default() };
    }
}

/// Where `seq` lies near the position `near`: RFC 9293's arithmetic modulo 2^32, without losing the turns.
fn position(near: u64, seq: u32) -> u64 {
    #[allow(clippy::cast_possible_truncation)] // the sequence number is the low half
    let distance = seq.wrapping_sub(near as u32).cast_signed();
    near.saturating_add_signed(i64::from(distance))
}

/// Lays `copy` over `kept`: counts the bytes that differ, and for `Last` takes them from byte `readable` on.
fn overlay(kept: &mut [u8], copy: &[u8], readable: usize, policy: OverlapPolicy) -> u64 {
    let mut differ = 0_u64;
    for (i, (old, new)) in kept.iter_mut().zip(copy).enumerate() {
        if old != new {
            differ = differ.saturating_add(1);
            if policy == OverlapPolicy::Last && i >= readable {
                *old = *new;
            }
        }
    }
    differ
}

/// The part of `bytes`, which begin at position `at`, from one position to another.
fn slice(bytes: &[u8], at: u64, from: u64, to: u64) -> Option<&[u8]> {
    let (from, to) = (usize::try_from(from.checked_sub(at)?).ok()?, usize::try_from(to.checked_sub(at)?).ok()?);
    bytes.get(from..to)
}

fn slice_mut(bytes: &mut [u8], at: u64, from: u64, to: u64) -> Option<&mut [u8]> {
    let (from, to) = (usize::try_from(from.checked_sub(at)?).ok()?, usize::try_from(to.checked_sub(at)?).ok()?);
    bytes.get_mut(from..to)
}

fn len64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Position of sequence number 0 of the first turn, so that what comes before the first byte has a position too.
const FIRST_POSITION: u64 = 1 << 32;
/// How far ahead or behind a segment may lie: more than any window that a handshake needs.
const WINDOW: u64 = 1 << 20;
/// How many bytes may have come before it turns out that an unanchored stream begins earlier.
const RESTART_LIMIT: usize = 64 << 10;
/// How many cut segments may lie ahead; of more the missing bytes are waited for like any others.
const MOST_CUTS: usize = 64;
/// How many urgent bytes are taken out of a stream; more are read in line.
const MOST_URGENT: usize = 64;
/// What a piece costs beside its bytes, about: a map entry and an allocation.
const PIECE_OVERHEAD: usize = 64;
