//! Certificates by content: the same chain comes back thousands of times, so what it says is read once.

use std::sync::Arc;

use hashbrown::HashTable;

use super::Certificate;
use crate::base::siphash;

/// Certificates that were parsed lately, by their DER, bounded in bytes.
///
/// Most leaf certificates are seen once, intermediates all the time. So a certificate is held from its second sight on; of
/// the first only its key is noted, which keeps the memory of what is parsed and dropped warm: holding every one made those
/// that never come back a quarter slower than without a cache.
///
/// Two generations instead of a list by last use: what is found in the old one moves to the young one, and when that has grown
/// to half of the limit it becomes the old one and the old one goes. So there is no bookkeeping per look-up.
///
/// The key is a keyed hash of the DER's length and last bytes, which are the signature's. One entry is held per key and the
/// whole DER is compared: who makes certificates that end alike displaces his own and gains nothing. With the same seed the same
/// certificates in the same order leave the same behind.
#[derive(Debug)]
pub struct CertificateCache {
    young: Generation,
    old: Generation,
    /// What one generation may hold, in bytes.
    limit: usize,
    /// The upper halves of keys seen lately, each at the place that the lower says; a later one displaces it. Empty before the first.
    seen: Vec<u32>,
    seed: u64,
    counters: CacheCounters,
}

/// What a cache has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounters {
    /// Found.
    pub hits: u64,
    /// Parsed anew.
    pub misses: u64,
    /// Given up to stay within the limit.
    pub evicted: u64,
    /// Too large to be held at all.
    pub refused: u64,
}

impl CacheCounters {
    /// How many were not held, or not for longer, because of the limit.
    pub const fn given_up(self) -> u64 {
        self.evicted.saturating_add(self.refused)
    }
}

#[derive(Debug, Default)]
struct Generation {
    /// By key, which is its own hash.
    entries: HashTable<(u64, Arc<Certificate>)>,
    bytes: usize,
}

impl CertificateCache {
    /// The limit in bytes that serves by default.
    pub const DEFAULT_LIMIT: usize = 16 << 20;

    /// A cache that holds about `limit` bytes at most; with 0 it holds nothing. `seed` keys its hash.
    pub fn new(limit: usize, seed: u64) -> Self {
        Self {
            young: Generation::default(),
            old: Generation::default(),
            limit: limit / 2,
            seen: Vec::new(),
            seed,
            counters: CacheCounters::default(),
        }
    }

    /// The certificate that `der` is.
    pub fn get_or_parse(&mut self, der: &[u8]) -> Arc<Certificate> {
        let key = self.key(der);
        if let Some(found) = self.young.get(key).filter(|c| c.der == der) {
            self.counters.hits = self.counters.hits.saturating_add(1);
            return Arc::clone(found);
        }
        if let Some(found) = self.old.remove(key).filter(|c| c.der == der) {
            self.counters.hits = self.counters.hits.saturating_add(1);
            self.insert(key, &found);
            return found;
        }
        self.counters.misses = self.counters.misses.saturating_add(1);
        let certificate = Arc::new(Certificate::parse(der));
        if self.seen_before(key) {
            self.insert(key, &certificate);
        }
        certificate
    }

    /// What it has done so far.
    pub const fn counters(&self) -> CacheCounters {
        self.counters
    }

    /// About how many bytes it holds.
    pub const fn bytes(&self) -> usize {
        self.young.bytes.saturating_add(self.old.bytes)
    }

    fn key(&self, der: &[u8]) -> u64 {
        let mut words = [0; 9];
        let end = der.last_chunk::<64>().map(|end| end.as_chunks().0).unwrap_or_default();
        for (word, bytes) in words.iter_mut().zip(end) {
            *word = u64::from_le_bytes(*bytes);
        }
        if let Some(length) = words.last_mut() {
            *length = u64::try_from(der.len()).unwrap_or(u64::MAX);
        }
        siphash::hash([self.seed, 0], words)
    }

    /// Whether `key` was noted lately; from now on it is.
    fn seen_before(&mut self, key: u64) -> bool {
        if self.seen.is_empty() {
            self.seen = vec![0; SEEN];
        }
        let Some(noted) = usize::try_from(key & SEEN_MASK).ok().and_then(|at| self.seen.get_mut(at)) else { return false };
        let upper = u32::try_from(key >> 32).unwrap_or(0); // always fits
        std::mem::replace(noted, upper) == upper
    }

    fn insert(&mut self, key: u64, certificate: &Arc<Certificate>) {
        let size = certificate.footprint();
        if size > self.limit {
            self.counters.refused = self.counters.refused.saturating_add(1);
            return;
        }
        if self.young.bytes.saturating_add(size) > self.limit {
            let gone = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            let gone = u64::try_from(gone.entries.len()).unwrap_or(u64::MAX);
            self.counters.evicted = self.counters.evicted.saturating_add(gone);
        }
        self.young.remove(key);
        self.young.bytes = self.young.bytes.saturating_add(size);
        self.young.entries.insert_unique(key, (key, Arc::clone(certificate)), |&(key, _)| key);
    }
}

impl Default for CertificateCache {
    fn default() -> Self {
        Self::new(Self::DEFAULT_LIMIT, 0)
    }
}

impl Generation {
    fn get(&self, key: u64) -> Option<&Arc<Certificate>> {
        self.entries.find(key, |entry| entry.0 == key).map(|(_, certificate)| certificate)
    }

    fn remove(&mut self, key: u64) -> Option<Arc<Certificate>> {
        let ((_, certificate), _) = self.entries.find_entry(key, |entry| entry.0 == key).ok()?.remove();
        self.bytes = self.bytes.saturating_sub(certificate.footprint());
        Some(certificate)
    }
}

/// How many keys are noted (16 KiB of them), and the bits that count them.
const SEEN: usize = 0x1000;
const SEEN_MASK: u64 = 0xfff;

impl Certificate {
    /// About how many bytes of memory it takes: itself, its DER, what was copied out of that, and an entry in a table.
    pub(in crate::protocol) fn footprint(&self) -> usize {
        const PER_STRING: usize = size_of::<String>() + 16;
        let texts = self.facts.as_ref().map_or(0, |facts| {
            let names = facts.subject_alt_names.iter().map(|name| name.capacity().saturating_add(PER_STRING));
            names.fold(facts.subject.memory().saturating_add(facts.issuer.memory()), usize::saturating_add)
        });
        PER_ENTRY.saturating_add(self.der.capacity()).saturating_add(texts)
    }
}

/// The certificate itself, its entry in the table, the reference counts and the short strings.
const PER_ENTRY: usize = size_of::<Certificate>() + 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_its_second_sight_on_a_certificate_is_shared() {
        let mut cache = CertificateCache::default();
        cache.get_or_parse(b"one");
        let second = cache.get_or_parse(b"one");
        let third = cache.get_or_parse(b"one");
        assert!(Arc::ptr_eq(&second, &third));
        assert_eq!(cache.get_or_parse(b"two").der, b"two");
        assert_eq!(cache.counters(), CacheCounters { hits: 1, misses: 3, ..CacheCounters::default() });
    }

    #[test]
    fn what_is_seen_once_is_not_held() {
        let mut cache = CertificateCache::default();
        for n in 0..1000_u32 {
            cache.get_or_parse(&unique(n));
        }
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn certificates_that_end_alike_are_told_apart() {
        let mut cache = CertificateCache::default();
        let (a, b) = ([&[1; 100][..], &[0; 64]].concat(), [&[2; 100][..], &[0; 64]].concat());
        for der in [&a, &a, &b, &a] {
            assert_eq!(&cache.get_or_parse(der).der, der);
        }
        assert_eq!(cache.counters().misses, 4, "the one displaces the other");
    }

    #[test]
    fn it_keeps_what_comes_back_and_stays_within_its_limit() {
        let limit = 64 << 10;
        let mut cache = CertificateCache::new(limit, 7);
        let intermediate = [7; 1000];
        for n in 0..1000 {
            for der in [&unique(n)[..], &unique(n), &intermediate] {
                cache.get_or_parse(der);
            }
            assert!(cache.bytes() <= limit, "{} bytes", cache.bytes());
        }
        let counters = cache.counters();
        assert_eq!((counters.hits, counters.misses), (998, 2002));
        assert!(counters.evicted > 900, "{counters:?}");
    }

    #[test]
    fn what_is_larger_than_the_limit_is_parsed_all_the_same() {
        let mut cache = CertificateCache::new(1 << 10, 7);
        for _ in 0..3 {
            assert_eq!(cache.get_or_parse(&[0; 2000]).der.len(), 2000);
        }
        assert_eq!(cache.counters(), CacheCounters { misses: 3, refused: 2, ..CacheCounters::default() });
        assert_eq!(cache.bytes(), 0);
    }

    /// A thousand bytes that no other `n` gives.
    fn unique(n: u32) -> Vec<u8> {
        [&[0; 1000][..], &n.to_be_bytes()].concat()
    }
}
