//! A bounded table whose entries end: by their time, or, where there are too many, the one whose time is over first.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::base::Timestamp;

#[derive(Debug)]
pub(super) struct Expiring<K, V> {
    entries: HashMap<K, (Timestamp, V)>,
    /// The keys by when they end.
    ends: BTreeSet<(Timestamp, K)>,
    most: usize,
    evicted: u64,
}

impl<K: Clone + Eq + Hash + Ord, V> Expiring<K, V> {
    /// For at most `most` entries.
    pub fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), ends: BTreeSet::new(), most, evicted: 0 }
    }

    /// Entries that went before their time.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Lets go of what ends at `now` or before.
    pub fn advance(&mut self, now: Timestamp) {
        while self.ends.first().is_some_and(|(end, _)| *end <= now)
            && let Some((_, key)) = self.ends.pop_first()
        {
            self.entries.remove(&key);
        }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (end, value) = self.entries.remove(key)?;
        self.ends.remove(&(end, key.clone()));
        Some(value)
    }

    /// Puts an entry in, in place of one with the same key, until `end`.
    pub fn insert(&mut self, key: K, value: V, end: Timestamp) {
        self.remove(&key);
        if self.entries.len() >= self.most
            && let Some((_, oldest)) = self.ends.pop_first()
        {
            self.entries.remove(&oldest);
            self.evicted = self.evicted.saturating_add(1);
        }
        self.entries.insert(key.clone(), (end, value));
        self.ends.insert((end, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end_by_time_or_make_room() {
        let at = |secs| Timestamp::from_parts(secs, 0);
        let mut table = Expiring::new(2);
        table.insert('a', 1, at(10));
        table.insert('b', 2, at(5));
        table.insert('b', 3, at(20));
        table.advance(at(9));
        assert_eq!((table.get(&'a'), table.get(&'b')), (Some(&1), Some(&3)));
        table.insert('c', 4, at(30));
        assert_eq!((table.get(&'a'), table.get(&'b'), table.evicted()), (None, Some(&3), 1));
        table.advance(at(20));
        assert_eq!((table.remove(&'b'), table.remove(&'c')), (None, Some(4)));
    }
}
