//! Bits of hosts and of pairs of hosts, across flows: `xbits` and `hostbits`.
//!
//! Whether a rule matches may hang on them, so they have to change in the order of the packets: a set with such rules is for one
//! worker ([`RuleSet::needs_order`](super::super::RuleSet::needs_order)).

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::{Change, Name};
use crate::base::{Duration, Timestamp};
use crate::rules::subject::{FlowDirection, Subject};

/// All that rules remember across flows. One for each thread that tries rules.
#[derive(Debug, Default)]
pub struct HostState {
    /// Until when each bit is set.
    bits: HashMap<Key, Timestamp>,
    /// The same by time: the bit that ends first goes first, by itself or where there are too many.
    ends: BTreeSet<(Timestamp, Key)>,
    now: Timestamp,
    /// Bits that went before their time.
    evicted: u64,
}

/// A bit of `xbits` or `hostbits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedBit {
    pub name: Name,
    pub track: Track,
    /// How long it stays set.
    pub expire: Duration,
}

/// Whose bit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// The source's.
    Source,
    /// The destination's.
    Destination,
    /// That of both together, in either direction.
    Pair,
    /// That of each.
    Both,
}

/// An address or a pair of them, lower one first, and a name.
type Key = (IpAddr, Option<IpAddr>, Name);

impl HostState {
    /// Bits that were given up before their time because there were too many.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Time moves on; it never goes back. What has expired goes.
    pub fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while self.ends.first().is_some_and(|(end, _)| *end <= self.now)
            && let Some((_, key)) = self.ends.pop_first()
        {
            self.bits.remove(&key);
        }
    }

    pub(in crate::rules) fn is_set(&self, bit: &SharedBit, subject: &Subject<'_>, direction: FlowDirection) -> bool {
        keys(bit, subject, direction).iter().flatten().all(|key| self.bits.contains_key(key))
    }

    pub(in crate::rules) fn change(&mut self, bit: &SharedBit, change: Change, subject: &Subject<'_>, direction: FlowDirection) {
        for key in keys(bit, subject, direction).into_iter().flatten() {
            let was_set = self.unset(&key);
            if change == Change::Set || (change == Change::Toggle && !was_set) {
                self.set(key, self.now.saturating_add(bit.expire));
            }
        }
    }

    fn set(&mut self, key: Key, end: Timestamp) {
        if self.bits.len() >= MOST_BITS
            && let Some((_, oldest)) = self.ends.pop_first()
        {
            self.bits.remove(&oldest);
            self.evicted = self.evicted.saturating_add(1);
        }
        self.bits.insert(key.clone(), end);
        self.ends.insert((end, key));
    }

    fn unset(&mut self, key: &Key) -> bool {
        let Some(end) = self.bits.remove(key) else { return false };
        self.ends.remove(&(end, key.clone()));
        true
    }
}

fn keys(bit: &SharedBit, subject: &Subject<'_>, direction: FlowDirection) -> [Option<Key>; 2] {
    let (source, destination) = match direction {
        FlowDirection::ToServer => (subject.client.ip, subject.server.ip),
        FlowDirection::ToClient => (subject.server.ip, subject.client.ip),
    };
    let of = |ip| Some((ip, None, bit.name.clone()));
    match bit.track {
        Track::Source => [of(source), None],
        Track::Destination => [of(destination), None],
        Track::Both => [of(source), of(destination)],
        Track::Pair => [Some((source.min(destination), Some(source.max(destination)), bit.name.clone())), None],
    }
}

/// About 40 MB.
const MOST_BITS: usize = 1 << 18;
