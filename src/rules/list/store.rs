//! Entries by the hundred thousand: all bytes in one place, and a table of numbers to find them by.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::HashTable;

/// A set of keys, each with what its line says. Entries are numbered from 0 in the order that they were put in.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    /// Keys, each with its first-seen text behind it.
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    index: HashTable<u32>,
    /// Each reason once.
    reasons: Vec<Box<str>>,
}

/// 16 bytes an entry.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Where its key begins.
    start: u32,
    line: u32,
    /// Its place in `reasons`.
    reason: Option<std::num::NonZeroU32>,
    key_len: u8,
    since_len: u8,
}

/// What is known of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note<'s> {
    /// What it is found by.
    pub key: &'s [u8],
    /// The line in the file, from 1.
    pub line: u32,
    /// Why it is listed.
    pub reason: Option<&'s str>,
    /// When it was first seen or listed.
    pub since: Option<&'s str>,
}

/// Puts entries in.
#[derive(Debug, Default)]
pub(super) struct StoreBuilder {
    store: Store,
    /// The places of reasons, from 1.
    reasons: HashMap<Box<str>, std::num::NonZeroU32>,
}

/// The list is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Store {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// All keys, in the order that they were put in.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.slots.iter().filter_map(|s| self.bytes.get(s.start as usize..)?.get(..usize::from(s.key_len)))
    }

    /// The entry with this key.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        self.index.find(hash(key), |&i| self.key(i) == key).copied()
    }

    /// What is known of an entry; of one that is not there, nothing.
    pub fn note(&self, entry: u32) -> Note<'_> {
        let slot = self.slots.get(entry as usize);
        let since = slot.and_then(|s| {
            let at = (s.start as usize).saturating_add(usize::from(s.key_len));
            let text = self.bytes.get(at..)?.get(..usize::from(s.since_len))?;
            std::str::from_utf8(text).ok().filter(|t| !t.is_empty())
        });
        let reason = slot.and_then(|s| s.reason).and_then(|r| self.reasons.get(r.get().checked_sub(1)? as usize));
        Note { key: self.key(entry), line: slot.map_or(0, |s| s.line), reason: reason.map(|r| &**r), since }
    }

    fn key(&self, entry: u32) -> &[u8] {
        let key = |s: &Slot| self.bytes.get(s.start as usize..)?.get(..usize::from(s.key_len));
        self.slots.get(entry as usize).and_then(key).unwrap_or_default()
    }
}

impl StoreBuilder {
    pub fn is_empty(&self) -> bool {
        self.store.slots.is_empty()
    }

    /// Puts `note` in, unless its key is there already.
    pub fn add(&mut self, note: Note<'_>) -> Result<(), Full> {
        let store = &self.store;
        if store.index.find(hash(note.key), |&i| store.key(i) == note.key).is_some() {
            return Ok(());
        }
        let entry = u32::try_from(self.store.slots.len()).ok().filter(|&n| n < MAX_ENTRIES).ok_or(Full)?;
        let start = u32::try_from(self.store.bytes.len()).map_err(|_| Full)?;
        let since = note.since.unwrap_or_default();
        let (key_len, since_len) = (u8::try_from(note.key.len()).map_err(|_| Full)?, u8::try_from(since.len()).unwrap_or(0));
        let reason = note.reason.and_then(|r| self.reason(r));
        let store = &mut self.store;
        store.bytes.extend_from_slice(note.key);
        store.bytes.extend(since.bytes().take(usize::from(since_len)));
        store.slots.push(Slot { start, line: note.line, reason, key_len, since_len });
        let (bytes, slots) = (&store.bytes, &store.slots);
        let rehash = |&i: &u32| {
            let key = slots.get(i as usize).and_then(|s| bytes.get(s.start as usize..)?.get(..usize::from(s.key_len)));
            hash(key.unwrap_or_default())
        };
        store.index.insert_unique(hash(note.key), entry, rehash);
        Ok(())
    }

    /// All that was put in.
    pub fn finish(mut self) -> Store {
        self.store.bytes.shrink_to_fit();
        self.store.slots.shrink_to_fit();
        self.store
    }

    /// The place of a reason, from 1. A list with very many reasons has no more of them.
    fn reason(&mut self, text: &str) -> Option<std::num::NonZeroU32> {
        if let Some(&place) = self.reasons.get(text) {
            return Some(place);
        }
        let place = u32::try_from(self.store.reasons.len()).ok()?.checked_add(1).and_then(std::num::NonZeroU32::new)?;
        self.store.reasons.push(text.into());
        self.reasons.insert(text.into(), place);
        Some(place)
    }
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// More than any public list has.
const MAX_ENTRIES: u32 = 20_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_found_with_its_note() {
        let mut builder = StoreBuilder::default();
        let note = |key, line, reason, since| Note { key, line, reason, since };
        let first = note(b"a.test", 1, Some("Dridex"), Some("2024-09-02"));
        let second = note(b"b.test", 2, Some("Dridex"), None);
        let third = note(b"a.test", 3, Some("other"), None);
        for n in [first, second, third] {
            assert_eq!(builder.add(n), Ok(()));
        }
        let store = builder.finish();
        assert_eq!((store.len(), store.reasons.len()), (2, 1));
        assert_eq!(store.find(b"a.test").map(|i| store.note(i)), Some(first), "of two equal keys the first counts");
        assert_eq!(store.find(b"b.test").map(|i| store.note(i)), Some(second));
        assert_eq!(store.find(b"c.test"), None);
    }

    #[test]
    fn an_entry_costs_few_bytes() {
        let mut builder = StoreBuilder::default();
        let count = 100_000_u32;
        for i in 0..count {
            builder.add(Note { key: &[i.to_be_bytes(); 5].concat(), line: i, reason: Some("C&C"), since: None }).unwrap();
        }
        let store = builder.finish();
        let bytes = store.bytes.capacity() + store.slots.capacity() * size_of::<Slot>() + store.index.allocation_size();
        assert!(bytes / (count as usize) < 60, "{bytes}");
        assert!((0..count).all(|i| store.find(&[i.to_be_bytes(); 5].concat()) == Some(i)));
    }
}
