//! A hash table of flows with stable ids, a bound, and room for a million half-open ones.
//!
//! Entries lie in chunks that never move, so growing does not copy; the index holds four bytes a flow. The caller brings the hash,
//! computed once a packet.

use hashbrown::HashTable;

use super::FlowKey;

/// Where a flow lies; with the generation, so that an id kept in a timer never means a later flow in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId {
    index: u32,
    generation: u32,
}

/// Flows by key.
#[derive(Debug)]
pub struct Table<T> {
    index: HashTable<u32>,
    chunks: Vec<Vec<Slot<T>>>,
    /// The slot that was freed last; it knows the one before.
    free: Option<u32>,
    hand: u32,
    next: u32,
}

#[derive(Debug)]
struct Slot<T> {
    hash: u32,
    generation: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Flow(FlowKey, T),
    /// None; the slot that was freed before this one.
    Free(Option<u32>),
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { index: HashTable::new(), chunks: Vec::new(), free: None, hand: 0, next: 0 }
    }
}

impl<T> Table<T> {
    /// How many flows there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The flow with `key`, whose hash is `hash`.
    pub fn find(&self, hash: u64, key: &FlowKey) -> Option<FlowId> {
        let index = *self.index.find(spread(hash), |&i| self.slot(i).is_some_and(|s| s.hash == low(hash) && s.has(key)))?;
        self.slot(index).map(|s| FlowId { index, generation: s.generation })
    }

    /// Adds a flow; the caller knows that its key is not there. `None` where four thousand million are.
    pub fn insert(&mut self, hash: u64, key: FlowKey, value: T) -> Option<FlowId> {
        let index = match self.free {
            Some(index) => index,
            None => self.grow()?,
        };
        let slot = slot_mut(&mut self.chunks, index)?;
        slot.hash = low(hash);
        if let Content::Free(before) = std::mem::replace(&mut slot.content, Content::Flow(key, value)) {
            self.free = before;
        }
        let generation = slot.generation;
        let chunks = &self.chunks;
        self.index.insert_unique(spread(hash), index, |&i| slot_of(chunks, i).map_or(0, |s| spread(u64::from(s.hash))));
        Some(FlowId { index, generation })
    }

    fn grow(&mut self) -> Option<u32> {
        let index = self.next;
        self.next = self.next.checked_add(1)?;
        if self.chunks.last().is_none_or(|c| c.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks.last_mut()?.push(Slot { hash: 0, generation: 0, content: Content::Free(None) });
        Some(index)
    }

    /// The flow that `id` means, if it is still there.
    pub fn get(&self, id: FlowId) -> Option<(&FlowKey, &T)> {
        let slot = self.slot(id.index).filter(|s| s.generation == id.generation)?;
        slot.content.flow()
    }

    /// The flow that `id` means, to change.
    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut T> {
        let slot = slot_mut(&mut self.chunks, id.index).filter(|s| s.generation == id.generation)?;
        match &mut slot.content {
            Content::Flow(_, value) => Some(value),
            Content::Free(_) => None,
        }
    }

    /// Takes the flow out.
    pub fn remove(&mut self, id: FlowId) -> Option<(FlowKey, T)> {
        let slot = slot_mut(&mut self.chunks, id.index).filter(|s| s.generation == id.generation)?;
        let hash = spread(u64::from(slot.hash));
        let flow = slot.vacate(&mut self.free, id.index)?;
        if let Ok(found) = self.index.find_entry(hash, |&i| i == id.index) {
            found.remove();
        }
        Some(flow)
    }

    /// Takes out all flows but those that `keep` says are to stay.
    pub fn retain(&mut self, mut keep: impl FnMut(&FlowKey, &T) -> bool) {
        let Self { index, chunks, free, .. } = self;
        index.retain(|&mut i| {
            let Some(slot) = slot_mut(chunks, i) else { return false };
            let stays = slot.content.flow().is_some_and(|(key, value)| keep(key, value));
            if !stays {
                slot.vacate(free, i);
            }
            stays
        });
    }

    /// The next `n` flows in the order in which they lie, round and round: a sample to choose one to give up from.
    pub fn sample(&mut self, n: usize) -> Vec<FlowId> {
        let mut ids = Vec::with_capacity(n);
        for _ in 0..self.next {
            let index = self.hand;
            self.hand = self.hand.saturating_add(1);
            if self.hand >= self.next {
                self.hand = 0;
            }
            if let Some(slot) = self.slot(index).filter(|s| s.content.flow().is_some()) {
                ids.push(FlowId { index, generation: slot.generation });
                if ids.len() == n {
                    break;
                }
            }
        }
        ids
    }

    /// All ids, in no order that means anything.
    pub fn ids(&self) -> Vec<FlowId> {
        let slots = self.chunks.iter().flatten().zip(0_u32..);
        slots.filter(|(s, _)| s.content.flow().is_some()).map(|(s, index)| FlowId { index, generation: s.generation }).collect()
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        slot_of(&self.chunks, index)
    }
}

impl<T> Slot<T> {
    fn has(&self, key: &FlowKey) -> bool {
        self.content.flow().is_some_and(|(k, _)| k == key)
    }

    /// Takes its flow out, and puts it, the `index`th slot, in front of the `free` ones.
    fn vacate(&mut self, free: &mut Option<u32>, index: u32) -> Option<(FlowKey, T)> {
        match std::mem::replace(&mut self.content, Content::Free(*free)) {
            Content::Flow(key, value) => {
                *free = Some(index);
                self.generation = self.generation.wrapping_add(1);
                Some((key, value))
            }
            was_free => {
                self.content = was_free;
                None
            }
        }
    }
}

impl<T> Content<T> {
    const fn flow(&self) -> Option<(&FlowKey, &T)> {
        match self {
            Self::Flow(key, value) => Some((key, value)),
            Self::Free(_) => None,
        }
    }
}

fn slot_of<T>(chunks: &[Vec<Slot<T>>], index: u32) -> Option<&Slot<T>> {
    let index = usize::try_from(index).ok()?;
    chunks.get(index / CHUNK)?.get(index % CHUNK)
}

fn slot_mut<T>(chunks: &mut [Vec<Slot<T>>], index: u32) -> Option<&mut Slot<T>> {
    let index = usize::try_from(index).ok()?;
    chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
}

#[allow(clippy::cast_possible_truncation)] // half of the hash is kept with the flow
const fn low(hash: u64) -> u32 {
    hash as u32
}

/// The index wants well-mixed bits at both ends of the word; the half that is kept with the flow is stretched to it.
#[allow(clippy::cast_possible_truncation)]
const fn spread(hash: u64) -> u64 {
    (hash as u32 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Flows a chunk.
const CHUNK: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Endpoint;

    fn key(n: u16) -> FlowKey {
        let end = |port| Endpoint { ip: "10.0.0.1".parse().unwrap(), port };
        FlowKey::new(end(n), end(443), 6, [0; 2]).0
    }

    #[test]
    fn finds_what_was_put_in_and_not_what_was_taken_out() {
        let mut table = Table::default();
        let ids: Vec<_> = (1000..6000).map(|n| table.insert(key(n).hash(7), key(n), n).unwrap()).collect();
        assert_eq!(table.len(), 5000);
        for n in (1000..6000).step_by(2) {
            let id = table.find(key(n).hash(7), &key(n)).unwrap();
            assert_eq!(table.remove(id), Some((key(n), n)));
        }
        for n in 1000..6000 {
            assert_eq!(table.find(key(n).hash(7), &key(n)).is_some(), n % 2 == 1);
        }
        assert_eq!(table.get(ids[0]), None);
    }

    #[test]
    fn keeps_what_is_to_stay_and_uses_the_places_of_the_others_again() {
        let mut table = Table::default();
        let ids: Vec<_> = (1..=3_000).map(|n| table.insert(key(n).hash(7), key(n), n).unwrap()).collect();
        table.retain(|_, n| n % 3 == 0);
        assert_eq!((table.len(), table.ids().len()), (1_000, 1_000));
        for (n, id) in (1..=3_000).zip(ids) {
            let stays = n % 3 == 0;
            assert_eq!(table.find(key(n).hash(7), &key(n)), stays.then_some(id));
            assert_eq!(table.get(id).map(|(_, n)| *n), stays.then_some(n));
        }
        for n in 3_001..=5_001 {
            table.insert(key(n).hash(7), key(n), n);
        }
        assert_eq!((table.len(), table.next), (3_001, 3_001), "one more than there were places");
    }

    #[test]
    fn an_old_id_does_not_mean_a_new_flow() {
        let mut table = Table::default();
        let old = table.insert(1, key(1), "old").unwrap();
        table.remove(old);
        let new = table.insert(2, key(2), "new").unwrap();
        assert_eq!(old.index, new.index);
        assert_eq!(table.get(old), None);
        assert_eq!(table.remove(old), None);
        assert_eq!(table.get(new), Some((&key(2), &"new")));
    }

    #[test]
    fn keys_whose_hashes_collide_are_told_apart() {
        let mut table = Table::default();
        for n in 1..50 {
            table.insert(42, key(n), n);
        }
        for n in 1..50 {
            let id = table.find(42, &key(n)).unwrap();
            assert_eq!(table.get(id).unwrap().1, &n);
        }
    }

    #[test]
    fn a_sample_goes_round() {
        let mut table = Table::default();
        for n in 1..=5 {
            table.insert(u64::from(n), key(n), n);
        }
        let ids: Vec<_> = (0..3).flat_map(|_| table.sample(2)).collect();
        let values: Vec<_> = ids.into_iter().map(|id| *table.get(id).unwrap().1).collect();
        assert_eq!(values, [1, 2, 3, 4, 5, 1]);
        assert_eq!(table.ids().len(), 5);
    }
}
