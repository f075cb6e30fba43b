//! What was seen most often, in bounded memory.

use std::collections::HashMap;

/// Counts by name. Beyond a number of names the rarer half is forgotten, so that the numbers of what comes seldom are too low.
#[derive(Debug)]
pub(super) struct Top {
    counts: HashMap<String, u64>,
    most: usize,
}

impl Top {
    pub fn new(most: usize) -> Self {
        Self { counts: HashMap::new(), most }
    }

    pub fn count(&mut self, name: &str) {
        if let Some(count) = self.counts.get_mut(name) {
            *count = count.saturating_add(1);
            return;
        }
        if self.counts.len() >= self.most {
            let mut all: Vec<u64> = self.counts.values().copied().collect();
            all.sort_unstable();
            let median = all.get(self.most / 2).copied().unwrap_or(0);
            let mut room = self.most / 2;
            // Of those that are as frequent as the median some stay, whichever.
            self.counts.retain(|_, count| {
                let stays = *count > median || *count == median && room > 0;
                room = room.saturating_sub(usize::from(stays));
                stays
            });
        }
        self.counts.insert(name.to_owned(), 1);
    }

    /// The `n` most frequent, the same order for the same counts.
    pub fn first(&self, n: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<(&str, u64)> = self.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.truncate(n);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frequent_stay_when_the_rare_are_forgotten() {
        let mut top = Top::new(8);
        for _ in 0..5 {
            top.count("often");
        }
        top.count("twice");
        top.count("twice");
        for n in 0..1_000 {
            top.count(&format!("once-{n}"));
            assert!(top.counts.len() <= 8);
        }
        assert_eq!(top.first(2), [("often", 5), ("twice", 2)]);
    }
}
