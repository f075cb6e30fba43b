//! The most frequent names of a stream, in bounded memory.

use std::cmp::Reverse;
use std::collections::HashMap;

/// Counts names: exactly while there are no more different ones than its bound, and the most frequent ones well beyond it.
///
/// The summary of Misra and Gries (1982), which can be merged (Agarwal et al., "Mergeable Summaries", 2012): once twice the bound
/// of names is held, the count that ranks just past the bound is taken off every name, and those left with nothing go. So a
/// count may be too low, by [`error`](Self::error) at most; a name seen more often than that is always there.
#[derive(Clone, Debug)]
pub struct Top {
    counts: HashMap<Box<[u8]>, u64>,
    bound: usize,
    error: u64,
}

impl Top {
    /// For `bound` names.
    pub fn new(bound: usize) -> Self {
        Self { counts: HashMap::new(), bound, error: 0 }
    }

    /// Counts `name` once. Of a longer one the first 255 bytes count, which is as long as a host name can be (RFC 1035 §2.3.4).
    pub fn add(&mut self, name: &[u8]) {
        let name = name.get(..MAX_NAME).unwrap_or(name);
        match self.counts.get_mut(name) {
            Some(count) => *count = count.saturating_add(1),
            None => {
                self.counts.insert(name.into(), 1);
                self.prune();
            }
        }
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (name, &more) in &other.counts {
            match self.counts.get_mut(name) {
                Some(count) => *count = count.saturating_add(more),
                None => {
                    self.counts.insert(name.clone(), more);
                }
            }
        }
        self.error = self.error.saturating_add(other.error);
        self.prune();
    }

    /// The `n` most frequent names with their counts, most frequent first, and in the order of their bytes where equal.
    pub fn most_frequent(&self, n: usize) -> Vec<(&[u8], u64)> {
        let mut all: Vec<_> = self.counts.iter().map(|(name, &count)| (&**name, count)).collect();
        all.sort_unstable_by_key(|&(name, count)| (Reverse(count), name));
        all.truncate(n);
        all
    }

    /// How many different names it holds.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether it has counted nothing.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How much too low a count may be; 0 while all of them are exact.
    pub const fn error(&self) -> u64 {
        self.error
    }

    fn prune(&mut self) {
        if self.counts.len() <= self.bound.saturating_mul(2) {
            return;
        }
        let mut ranked: Vec<u64> = self.counts.values().copied().collect();
        let (_, &mut past_bound, _) = ranked.select_nth_unstable_by_key(self.bound, |&count| Reverse(count));
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(past_bound);
            *count > 0
        });
        self.error = self.error.saturating_add(past_bound);
    }
}

const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_within_the_bound_however_the_names_are_shared_out() {
        let names: Vec<String> = (0..300_u32).map(|i| format!("host{}", i * i % 17)).collect();
        let mut one = Top::new(20);
        let mut parts = [Top::new(20), Top::new(20), Top::new(20)];
        for (i, name) in names.iter().enumerate() {
            one.add(name.as_bytes());
            parts[i % 3].add(name.as_bytes());
        }
        let mut merged = Top::new(20);
        for part in parts.iter().rev() {
            merged.merge(part);
        }
        assert_eq!(merged.most_frequent(100), one.most_frequent(100));
        assert_eq!((merged.error(), one.error()), (0, 0));
        assert_eq!(one.most_frequent(100).iter().map(|&(_, count)| count).sum::<u64>(), 300);
    }

    #[test]
    fn a_flood_of_names_cannot_push_out_a_frequent_one_or_grow_it() {
        let mut top = Top::new(100);
        for i in 0..50_000_u32 {
            top.add(format!("{i}.example").as_bytes());
            if i % 10 == 0 {
                top.add(b"often.example");
            }
            assert!(top.len() <= 201);
        }
        let (name, count) = top.most_frequent(1)[0];
        assert_eq!(name, b"often.example");
        assert!(count <= 5_000 && count + top.error() >= 5_000);
    }

    #[test]
    fn equal_counts_are_in_the_order_of_the_names() {
        let mut top = Top::new(10);
        for name in ["b", "a", "c", "c"] {
            top.add(name.as_bytes());
        }
        assert_eq!(top.most_frequent(3), [(&b"c"[..], 2), (b"a", 1), (b"b", 1)]);
        assert_eq!(top.most_frequent(1).len(), 1);
    }

    #[test]
    fn a_name_longer_than_a_host_name_can_be_is_cut() {
        let mut top = Top::new(10);
        top.add(&[b'a'; 65_535]);
        assert_eq!(top.most_frequent(1)[0].0.len(), 255);
    }
}
