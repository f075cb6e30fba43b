//! IPv4 and IPv6 fragments, put back together (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! Memory follows what was received: bytes that are claimed but not sent cost nothing, and every byte of a datagram is kept
//! once, whatever overlaps. What is bounded: the memory of all (the oldest datagram goes first), the time that a datagram may
//! take, its size, and the number of scattered pieces that it may consist of.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use hashbrown::HashMap;

use super::counters::{DecoderCounters, bump};
use super::wire::Layer;
use crate::base::{Duration, Timestamp};
use crate::packet::DecodeAnomaly;
use crate::packet::key::Address;

/// Which bytes win where fragments of one datagram overlap and differ. Hosts disagree about it, which is how overlaps hide
/// things; so a difference is always reported as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlapPolicy {
    /// Those that came first.
    #[default]
    First,
    /// Those that came last.
    Last,
}

/// What the fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FragmentKey {
    /// Whether it is IPv4.
    pub is_v4: bool,
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// IPv4 or IPv6 identification.
    pub id: u32,
    /// IPv4 protocol; 0 for IPv6, where only the first fragment's next header counts.
    pub protocol: u8,
    /// VLAN ids, as in the flow key.
    pub vlan: [u16; 2],
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Which datagram it belongs to.
    pub key: FragmentKey,
    /// Where its bytes go, counted from the start of the datagram's payload.
    pub offset: usize,
    /// Whether more comes after it.
    pub more: bool,
    /// Its part of the payload.
    pub bytes: &'a [u8],
    /// What the payload is; believed of the first fragment only.
    pub next: Layer,
    /// Time to live or hop limit; believed of the first fragment only.
    pub ttl: u8,
}

/// A whole datagram's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The payload.
    pub bytes: Arc<[u8]>,
    /// What it is, as the first fragment says.
    pub next: Layer,
    /// Time to live or hop limit of the first fragment.
    pub ttl: u8,
    /// Whether fragments overlapped with different contents.
    pub conflict: bool,
}

/// Datagrams that wait for fragments.
#[derive(Debug)]
pub struct Fragments {
    waiting: HashMap<FragmentKey, Waiting, Seed>,
    /// All that wait, oldest first, and some that wait no more.
    order: VecDeque<(u64, FragmentKey)>,
    next_serial: u64,
    memory: usize,
    limit: usize,
    overlap: OverlapPolicy,
}

impl Fragments {
    /// An empty table that keeps to `limit` bytes.
    pub fn new(limit: usize, overlap: OverlapPolicy, seed: u64) -> Self {
        Self { waiting: HashMap::with_hasher(Seed(seed)), order: VecDeque::new(), next_serial: 0, memory: 0, limit, overlap }
    }

    /// Bytes in use.
    pub const fn memory(&self) -> usize {
        self.memory
    }

    /// Adds a fragment that came at `now`. Answers the whole datagram if nothing of it is missing any more.
    pub fn insert(
        &mut self,
        fragment: &Fragment<'_>,
        now: Timestamp,
        counters: &mut DecoderCounters,
    ) -> Result<Option<Datagram>, DecodeAnomaly> {
        let family = fragment.key.family();
        bump(family.count(counters, Event::Fragment));
        let end = fragment.offset.saturating_add(fragment.bytes.len());
        if end > MAX_DATAGRAM {
            self.remove(&fragment.key);
            return Err(family.too_large);
        }
        if fragment.bytes.is_empty() || (fragment.more && !fragment.bytes.len().is_multiple_of(8)) {
            return Err(family.bad_length);
        }
        self.expire(now, &fragment.key, counters);

        let serial = self.next_serial;
        let waiting = self.waiting.entry(fragment.key).or_insert_with(|| {
            self.order.push_back((serial, fragment.key));
            self.next_serial = serial.wrapping_add(1);
            self.memory = self.memory.saturating_add(Waiting::BASE_COST);
            Waiting::new(serial, now)
        });
        let before = waiting.cost();
        let added = waiting.add(fragment, end, self.overlap);
        self.memory = self.memory.saturating_sub(before).saturating_add(waiting.cost());
        let whole = waiting.is_whole();
        match added {
            Ok(conflict) if conflict => counters.count_anomaly(family.overlap),
            Ok(_) => {}
            Err(Refused::TooManyPieces) => {
                bump(&mut counters.fragment_pieces_exceeded);
                self.remove(&fragment.key);
                return Err(family.ignored);
            }
            Err(Refused::BehindTheEnd) => {
                self.remove(&fragment.key);
                return Err(family.ignored);
            }
        }
        if whole {
            bump(family.count(counters, Event::Reassembled));
            return Ok(self.remove(&fragment.key).map(|waiting| waiting.assemble()));
        }
        self.keep_to_limit(counters);
        Ok(None)
    }

    /// Gives up what has waited too long: from the front of the queue, and the datagram of `key` wherever it stands.
    fn expire(&mut self, now: Timestamp, key: &FragmentKey, counters: &mut DecoderCounters) {
        if self.waiting.get(key).is_some_and(|waiting| waiting.is_over(key, now)) {
            bump(key.family().count(counters, Event::Timeout));
            self.remove(key);
        }
        while let Some((serial, oldest)) = self.order.front().copied() {
            match self.waiting.get(&oldest).filter(|waiting| waiting.serial == serial) {
                Some(waiting) if !waiting.is_over(&oldest, now) => break,
                Some(_) => {
                    bump(oldest.family().count(counters, Event::Timeout));
                    self.remove(&oldest);
                }
                None => {}
            }
            self.order.pop_front();
        }
    }

    fn keep_to_limit(&mut self, counters: &mut DecoderCounters) {
        while self.memory > self.limit {
            let Some((serial, oldest)) = self.order.pop_front() else { break };
            if self.waiting.get(&oldest).is_some_and(|waiting| waiting.serial == serial) {
                bump(&mut counters.fragment_evictions);
                self.remove(&oldest);
            }
        }
        // What became whole leaves its place in the queue behind: sweep before those outnumber the rest.
        if self.order.len() > self.waiting.len().saturating_mul(2).saturating_add(64) {
            let waiting = &self.waiting;
            self.order.retain(|(serial, key)| waiting.get(key).is_some_and(|waiting| waiting.serial == *serial));
        }
    }

    fn remove(&mut self, key: &FragmentKey) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        self.memory = self.memory.saturating_sub(waiting.cost()).saturating_sub(Waiting::BASE_COST);
        Some(waiting)
    }
}

/// A datagram that is not whole yet.
#[derive(Debug)]
struct Waiting {
    serial: u64,
    since: Timestamp,
    /// Payload bytes in the order of their arrival, each byte of the datagram at most once.
    arrived: Vec<u8>,
    /// Where the bytes of `arrived` belong: ascending, never overlapping.
    pieces: Vec<Piece>,
    /// Length of the payload, known from the last fragment.
    total: Option<usize>,
    /// From the first fragment.
    next: Layer,
    ttl: u8,
    conflict: bool,
}

/// A run of bytes: `start..end` of the payload, kept from `at` on.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    end: usize,
    at: usize,
}

impl Piece {
    const fn len(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }
}

enum Refused {
    TooManyPieces,
    BehindTheEnd,
}

impl Waiting {
    /// What a datagram costs besides the bytes and pieces it holds: its places in the table and in the queue.
    const BASE_COST: usize = size_of::<(FragmentKey, Self)>() + 2 * size_of::<(u64, FragmentKey)>();

    const fn new(serial: u64, since: Timestamp) -> Self {
        Self { serial, since, arrived: Vec::new(), pieces: Vec::new(), total: None, next: Layer::Other, ttl: 0, conflict: false }
    }

    fn cost(&self) -> usize {
        self.arrived.capacity().saturating_add(self.pieces.capacity().saturating_mul(size_of::<Piece>()))
    }

    fn is_over(&self, key: &FragmentKey, now: Timestamp) -> bool {
        now.since(self.since) > key.family().timeout
    }

    /// Adds a fragment that ends at `end`; answers whether it contradicts what was there.
    fn add(&mut self, fragment: &Fragment<'_>, end: usize, overlap: OverlapPolicy) -> Result<bool, Refused> {
        let furthest = self.pieces.last().map_or(0, |piece| piece.end);
        if self.total.is_some_and(|total| end > total || (!fragment.more && end != total)) || (!fragment.more && furthest > end) {
            return Err(Refused::BehindTheEnd);
        }
        if !fragment.more {
            self.total = Some(end);
        }
        if fragment.offset == 0 && (self.next == Layer::Other || overlap == OverlapPolicy::Last) {
            (self.next, self.ttl) = (fragment.next, fragment.ttl);
        }
        let mut conflict = false;
        let mut at = fragment.offset;
        let mut index = self.pieces.partition_point(|piece| piece.end <= at);
        while at < end {
            match self.pieces.get(index).copied() {
                Some(piece) if piece.start <= at => {
                    let upto = piece.end.min(end);
                    conflict |= self.overlap(piece, fragment, at..upto, overlap);
                    at = upto;
                    index = index.wrapping_add(1);
                }
                following => {
                    let upto = following.map_or(end, |piece| piece.start.min(end));
                    index = self.fill(index, fragment, at..upto)?;
                    at = upto;
                }
            }
        }
        self.conflict |= conflict;
        Ok(conflict)
    }

    /// Keeps bytes of the payload that were not there yet, before the piece at `index`; answers the index behind them.
    fn fill(&mut self, index: usize, fragment: &Fragment<'_>, range: std::ops::Range<usize>) -> Result<usize, Refused> {
        let Some(bytes) = fragment.part(&range) else { return Ok(index) };
        let at = self.arrived.len();
        self.arrived.extend_from_slice(bytes);
        let pieces = self.pieces.len();
        match index.checked_sub(1).and_then(|before| self.pieces.get_mut(before)) {
            // In order, the common case: the piece before just grows.
            Some(before) if before.end == range.start && before.at.wrapping_add(before.len()) == at => {
                before.end = range.end;
                Ok(index)
            }
            _ if pieces >= MAX_PIECES => Err(Refused::TooManyPieces),
            _ => {
                self.pieces.insert(index, Piece { start: range.start, end: range.end, at });
                Ok(index.wrapping_add(1))
            }
        }
    }

    /// Compares bytes that came before with those that come now, and lets the policy's choice stay.
    fn overlap(&mut self, piece: Piece, fragment: &Fragment<'_>, range: std::ops::Range<usize>, policy: OverlapPolicy) -> bool {
        let at = piece.at.wrapping_add(range.start).wrapping_sub(piece.start);
        let kept = self.arrived.get_mut(at..at.wrapping_add(range.len()));
        let (Some(kept), Some(bytes)) = (kept, fragment.part(&range)) else { return false };
        let conflict = *kept != *bytes;
        if conflict && policy == OverlapPolicy::Last {
            kept.copy_from_slice(bytes);
        }
        conflict
    }

    /// Every byte is kept once, so that their number tells.
    fn is_whole(&self) -> bool {
        self.total == Some(self.arrived.len())
    }

    fn assemble(self) -> Datagram {
        let (next, ttl, conflict) = (self.next, self.ttl, self.conflict);
        if let [_] = self.pieces.as_slice() {
            return Datagram { bytes: self.arrived.into(), next, ttl, conflict };
        }
        let mut bytes = Vec::with_capacity(self.arrived.len());
        for piece in &self.pieces {
            bytes.extend_from_slice(self.arrived.get(piece.at..piece.at.wrapping_add(piece.len())).unwrap_or_default());
        }
        Datagram { bytes: bytes.into(), next, ttl, conflict }
    }
}

impl<'a> Fragment<'a> {
    /// The bytes that go to `range` of the payload.
    fn part(&self, range: &std::ops::Range<usize>) -> Option<&'a [u8]> {
        self.bytes.get(range.start.checked_sub(self.offset)?..range.end.checked_sub(self.offset)?)
    }
}

impl FragmentKey {
    /// What fragments of this family that contradict each other are called.
    pub const fn overlap_anomaly(&self) -> DecodeAnomaly {
        self.family().overlap
    }

    const fn family(&self) -> &'static Family {
        if self.is_v4 { &IPV4 } else { &IPV6 }
    }
}

/// What differs between IPv4 and IPv6.
struct Family {
    is_v4: bool,
    timeout: Duration,
    too_large: DecodeAnomaly,
    overlap: DecodeAnomaly,
    bad_length: DecodeAnomaly,
    ignored: DecodeAnomaly,
}

enum Event {
    Fragment,
    Reassembled,
    Timeout,
}

impl Family {
    const fn count<'a>(&self, counters: &'a mut DecoderCounters, event: Event) -> &'a mut u64 {
        match (self.is_v4, event) {
            (true, Event::Fragment) => &mut counters.ipv4_fragments,
            (true, Event::Reassembled) => &mut counters.ipv4_reassembled,
            (true, Event::Timeout) => &mut counters.ipv4_timeouts,
            (false, Event::Fragment) => &mut counters.ipv6_fragments,
            (false, Event::Reassembled) => &mut counters.ipv6_reassembled,
            (false, Event::Timeout) => &mut counters.ipv6_timeouts,
        }
    }
}

/// SipHash, keyed.
#[derive(Clone, Debug)]
struct Seed(u64);

impl BuildHasher for Seed {
    type Hasher = std::hash::DefaultHasher;

    fn build_hasher(&self) -> Self::Hasher {
        let mut hasher = Self::Hasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

/// RFC 1122 §3.3.2 asks for 60 to 120 seconds; Linux waits 30, and ids of a busy host come round sooner than that.
const IPV4: Family = Family {
    is_v4: true,
    timeout: Duration::from_secs(30),
    too_large: DecodeAnomaly::Ipv4FragPktTooLarge,
    overlap: DecodeAnomaly::Ipv4FragOverlap,
    bad_length: DecodeAnomaly::Ipv4FragIgnored,
    ignored: DecodeAnomaly::Ipv4FragIgnored,
};

/// RFC 8200 §4.5: 60 seconds.
const IPV6: Family = Family {
    is_v4: false,
    timeout: Duration::from_secs(60),
    too_large: DecodeAnomaly::Ipv6FragPktTooLarge,
    overlap: DecodeAnomaly::Ipv6FragOverlap,
    bad_length: DecodeAnomaly::Ipv6FragInvalidLength,
    ignored: DecodeAnomaly::Ipv6FragIgnored,
};

/// The largest payload, in bytes: lengths have 16 bits.
const MAX_DATAGRAM: usize = 65_535;

/// Pieces of one datagram that do not touch, or did not come in order. The largest datagram over the smallest IPv4 MTU, 68,
/// has 1,365 fragments, so that even every other one of them fits.
const MAX_PIECES: usize = 1_024;
