//! Urgent bytes of a stream: those that most receivers take out of it.

use super::{MOST_URGENT, position};

/// Where they are, in the order of the stream. What else is in it counts without them.
#[derive(Debug, Default)]
pub(super) struct Urgent(Vec<u64>);

impl Urgent {
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds that at `position`, counted with those before it. False where it is there, or there are too many.
    pub fn insert(&mut self, position: u64) -> bool {
        match self.0.binary_search(&position) {
            Err(place) if self.0.len() < MOST_URGENT => {
                self.0.insert(place, position);
                true
            }
            _ => false,
        }
    }

    /// Where `seq` lies near `near`, which counts without them; itself it counts with them.
    pub fn position(&self, near: u64, seq: u32) -> u64 {
        position(near.saturating_add(self.count_to(self.0.len())), seq)
    }

    /// `position`, which counts with them, without those before it.
    pub fn without(&self, position: u64) -> u64 {
        position.saturating_sub(self.count_to(self.0.partition_point(|urgent| *urgent < position)))
    }

    /// What is left of `payload`, which begins at `from`, counted with them: pieces, and where each of them belongs.
    pub fn parts<'a>(&self, from: u64, payload: &'a [u8]) -> Vec<(u64, &'a [u8])> {
        let mut parts = Vec::new();
        let (mut at, mut rest) = (from, payload);
        for urgent in self.0.iter().filter(|urgent| **urgent >= from) {
            let until = usize::try_from(urgent.saturating_sub(at)).unwrap_or(usize::MAX);
            let Some((before, [_, behind @ ..])) = rest.split_at_checked(until) else { break };
            parts.push((self.without(at), before));
            (at, rest) = (urgent.saturating_add(1), behind);
        }
        parts.push((self.without(at), rest));
        parts.retain(|(_, part)| !part.is_empty());
        parts
    }

    fn count_to(&self, place: usize) -> u64 {
        u64::try_from(place).unwrap_or(u64::MAX)
    }
}
