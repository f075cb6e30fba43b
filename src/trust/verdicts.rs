//! Verdicts that were reached lately.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::protocol::x509::{Time, Validation};

/// Verdicts by all that they depend on but the time, bounded in bytes. In two generations, as
/// [`CertificateCache`](crate::protocol::x509::CertificateCache) has them.
#[derive(Debug)]
pub(super) struct Verdicts {
    young: Generation,
    old: Generation,
    /// What one generation may hold, in bytes.
    limit: usize,
    hasher: RandomState,
    counters: VerdictCounters,
}

/// What was remembered so far. With several workers it depends on which of them had which flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerdictCounters {
    /// Found.
    pub hits: u64,
    /// Not found, so that the chain was judged.
    pub misses: u64,
    /// Found, but of another time, or from before something was learned, so that the chain was judged anew.
    pub outdated: u64,
    /// Given up to stay within the limit.
    pub evicted: u64,
    /// Too large to be held at all.
    pub refused: u64,
}

#[derive(Debug, Default)]
struct Generation {
    entries: HashTable<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    key: Box<[u8]>,
    verdict: Arc<Validation>,
    /// What was known of learned intermediates, where the verdict depends on that.
    generation: Option<u32>,
}

impl Verdicts {
    /// Holds about `limit` bytes at most; with 0 nothing.
    pub fn new(limit: usize) -> Self {
        Self {
            young: Generation::default(),
            old: Generation::default(),
            limit: limit / 2,
            hasher: RandomState::new(),
            counters: VerdictCounters::default(),
        }
    }

    /// The verdict for `key` that holds at `now`, with `generation` of learned intermediates.
    pub fn get(&mut self, key: &[u8], now: Time, generation: u32) -> Option<Arc<Validation>> {
        let hash = self.hasher.hash_one(key);
        let holds = |e: &Entry| e.verdict.holds_at(now) && e.generation.is_none_or(|then| then == generation);
        let young = self.young.entries.find(hash, |e| *e.key == *key).map(|e| (Arc::clone(&e.verdict), holds(e)));
        let found = young.or_else(|| {
            let entry = self.old.remove(hash, key)?;
            let found = (Arc::clone(&entry.verdict), holds(&entry));
            self.push(entry);
            Some(found)
        });
        let counter = match &found {
            Some((_, true)) => &mut self.counters.hits,
            Some((_, false)) => &mut self.counters.outdated,
            None => &mut self.counters.misses,
        };
        *counter = counter.saturating_add(1);
        found.and_then(|(verdict, holds)| holds.then_some(verdict))
    }

    /// Remembers a verdict, in the place of an older one; with a generation, for as long as that is the present one.
    pub fn insert(&mut self, key: &[u8], verdict: Arc<Validation>, generation: Option<u32>) {
        let entry = Entry { hash: self.hasher.hash_one(key), key: key.into(), verdict, generation };
        if entry.size() > self.limit {
            self.counters.refused = self.counters.refused.saturating_add(1);
            return;
        }
        self.young.remove(entry.hash, key);
        self.push(entry);
    }

    /// What was remembered so far.
    pub const fn counters(&self) -> VerdictCounters {
        self.counters
    }

    fn push(&mut self, entry: Entry) {
        if self.young.bytes.saturating_add(entry.size()) > self.limit {
            let gone = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            let gone = u64::try_from(gone.entries.len()).unwrap_or(u64::MAX);
            self.counters.evicted = self.counters.evicted.saturating_add(gone);
        }
        self.young.bytes = self.young.bytes.saturating_add(entry.size());
        self.young.entries.insert_unique(entry.hash, entry, |e| e.hash);
    }
}

impl Generation {
    fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let (entry, _) = self.entries.find_entry(hash, |e| *e.key == *key).ok()?.remove();
        self.bytes = self.bytes.saturating_sub(entry.size());
        Some(entry)
    }
}

impl Entry {
    /// About how many bytes of memory it takes.
    fn size(&self) -> usize {
        const FIXED: usize = size_of::<Entry>() + size_of::<Validation>() + 64;
        let issuers = self.verdict.issuers.len().saturating_mul(32);
        self.key.len().saturating_add(issuers).saturating_add(FIXED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::x509::{Problems, Status};

    fn verdict(from: i64, until: i64) -> Arc<Validation> {
        let (holds_from, holds_until) = (Time::from_unix(from), Time::from_unix(until));
        Arc::new(Validation { holds_from, holds_until, ..Validation::of(Problems::from_iter([Status::Expired])) })
    }

    #[test]
    fn a_verdict_is_found_within_its_period() {
        let mut verdicts = Verdicts::new(1 << 20);
        verdicts.insert(b"key", verdict(10, 20), None);
        for (now, found) in [(9, false), (10, true), (20, true), (21, false)] {
            assert_eq!(verdicts.get(b"key", Time::from_unix(now), 0).is_some(), found, "{now}");
        }
        assert!(verdicts.get(b"other", Time::from_unix(10), 0).is_none());
        verdicts.insert(b"key", verdict(21, 30), None);
        assert!(verdicts.get(b"key", Time::from_unix(21), 0).is_some(), "the new one took the place of the old");
        assert_eq!(verdicts.counters(), VerdictCounters { hits: 3, misses: 1, outdated: 2, ..VerdictCounters::default() });
    }

    #[test]
    fn what_comes_back_stays_and_the_limit_holds() {
        let limit = 64 << 10;
        let mut verdicts = Verdicts::new(limit);
        verdicts.insert(b"often", verdict(0, 9), None);
        for n in 0..2_000_u32 {
            verdicts.insert(&n.to_be_bytes(), verdict(0, 9), None);
            assert!(verdicts.get(b"often", Time::from_unix(5), 0).is_some());
            assert!(verdicts.young.bytes + verdicts.old.bytes <= limit);
        }
        assert!(verdicts.counters().evicted > 1_000);
        verdicts.insert(&vec![0; limit], verdict(0, 9), None);
        assert_eq!(verdicts.counters().refused, 1);
    }
}
