//! Plans by keys of which only the hash is kept: a hundred thousand keys take a megabyte or two, and a look-up one read of memory where
//! there is no such key, three where there is.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::FixedState;

/// Plans, each with a key. What is looked up finds all plans with that key, and once in a while one with another key of the same
/// hash, which then does not match. The hash has no secret: who finds such a value has won a try in vain.
#[derive(Debug, Default)]
pub(super) struct HashedKeys {
    /// The key's hash in the upper half, the plan in the lower; in order once [`finish`](Self::finish) was called.
    entries: Vec<u64>,
    /// By the first bits of a hash: where its entries begin. One more than there are such bits, for the end.
    starts: Vec<u32>,
    /// How many bits of a hash are not its first ones.
    shift: u32,
    /// A bit for each length of a key, the last one for all that are longer: most values need not even be hashed.
    lengths: u64,
    filter: Filter,
}

impl HashedKeys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds `plan` with `key`.
    pub fn add(&mut self, key: &[u8], plan: u32) {
        self.lengths |= length_bit(key.len());
        self.entries.push(u64::from(hash(key)) << 32 | u64::from(plan));
    }

    /// To be called once all are added.
    pub fn finish(&mut self) {
        self.entries.sort_unstable();
        self.entries.shrink_to_fit();
        // About one entry for each value of the first bits.
        let bits = self.entries.len().max(2).ilog2();
        self.filter = Filter::new(&self.entries);
        self.shift = u32::BITS.saturating_sub(bits);
        let mut place = 0_u32;
        let mut rest = self.entries.iter().peekable();
        let before = |first: u32| {
            while rest.next_if(|&&entry| first_bits(hash_of(entry), self.shift) < first).is_some() {
                place = place.saturating_add(1);
            }
            place
        };
        self.starts = (0..=1_u32 << bits).map(before).collect();
    }

    /// Whether a key may be as long as `length`.
    pub fn may_have(&self, length: usize) -> bool {
        self.lengths & length_bit(length) != 0
    }

    /// The plans that have `key`.
    pub fn get(&self, key: &[u8]) -> impl Iterator<Item = u32> {
        let hash = if self.may_have(key.len()) { hash(key) } else { 0 };
        let near = if self.filter.may_have(hash) { self.entries.get(self.near(hash)) } else { None };
        near.unwrap_or_default().iter().filter(move |&&entry| hash_of(entry) == hash).map(|&entry| plan_of(entry))
    }

    /// Where the entries are whose hash begins like `hash`.
    fn near(&self, hash: u32) -> Range<usize> {
        match self.starts.get(first_bits(hash, self.shift) as usize..).unwrap_or_default() {
            [start, end, ..] => *start as usize..*end as usize,
            _ => 0..0,
        }
    }
}

/// Eight to sixteen bits for each entry, one of them set: nine of ten strangers end here. It is a tenth as large as the entries, so
/// that it stays in the processor's cache where they do not.
#[derive(Debug, Default)]
struct Filter {
    words: Vec<u64>,
    /// How many bits of a hash do not say which bit it is.
    shift: u32,
}

impl Filter {
    fn new(entries: &[u64]) -> Self {
        let bits = entries.len().max(8).next_power_of_two().ilog2().saturating_add(3).min(u32::BITS);
        let mut filter =
            Self { words: vec![0; 1 << bits.saturating_sub(u64::BITS.ilog2())], shift: u32::BITS.saturating_sub(bits) };
        for &entry in entries {
            let (word, bit) = filter.place(hash_of(entry));
            if let Some(word) = filter.words.get_mut(word) {
                *word |= bit;
            }
        }
        filter
    }

    fn may_have(&self, hash: u32) -> bool {
        let (word, bit) = self.place(hash);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    const fn place(&self, hash: u32) -> (usize, u64) {
        let index = hash >> self.shift;
        ((index / u64::BITS) as usize, 1 << (index % u64::BITS))
    }
}

const fn length_bit(length: usize) -> u64 {
    1 << if length < 63 { length } else { 63 }
}

/// Always the same for the same key, so that each run tries the same plans.
fn hash(key: &[u8]) -> u32 {
    let [a, b, c, d, ..] = FixedState::with_seed(SEED).hash_one(key).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

const fn hash_of(entry: u64) -> u32 {
    let [a, b, c, d, ..] = entry.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

const fn plan_of(entry: u64) -> u32 {
    let [.., a, b, c, d] = entry.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

const fn first_bits(hash: u32, shift: u32) -> u32 {
    hash >> shift
}

const SEED: u64 = 443;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[String]) -> HashedKeys {
        let mut table = HashedKeys::default();
        (0..).zip(keys).for_each(|(plan, key)| table.add(key.as_bytes(), plan));
        table.finish();
        table
    }

    #[test]
    fn each_key_finds_its_plan() {
        for count in [1, 2, 3, 1000, 5000] {
            let keys: Vec<String> = (0..count).map(|i| format!("host{i}.example")).collect();
            let table = table(&keys);
            for (plan, key) in (0..).zip(&keys) {
                assert!(table.get(key.as_bytes()).any(|p| p == plan), "{key} of {count}");
            }
            let strangers = (0..1000).filter(|i| table.get(format!("other{i}.example").as_bytes()).next().is_some());
            assert_eq!(strangers.count(), 0, "one in a million would be by chance");
        }
    }

    #[test]
    fn all_plans_of_a_key_are_found() {
        let table = table(&["a", "b", "a", "c", "a"].map(str::to_owned));
        assert_eq!(table.get(b"a").collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(HashedKeys::default().get(b"a").next(), None);
    }
}
