//! A timing wheel on packet time.
//!
//! A flow has one entry, placed at its deadline. When that comes the owner looks whether the flow was active since, and places the
//! entry anew: so a packet costs the wheel nothing.

use crate::base::Timestamp;

/// Entries by the second in which they are due.
#[derive(Debug)]
pub struct Wheel<T> {
    slots: Vec<Vec<(u64, T)>>,
    /// The last second that was looked at.
    now: u64,
    len: usize,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self { slots: std::iter::repeat_with(Vec::new).take(SLOTS).collect(), now: 0, len: 0 }
    }
}

impl<T> Wheel<T> {
    /// Places `entry` at `due`; one that is due already comes with the next second.
    pub fn insert(&mut self, due: Timestamp, entry: T) {
        let second = due.as_secs().saturating_add(1).max(self.now.saturating_add(1));
        if let Some(slot) = self.slot(second) {
            slot.push((second, entry));
            self.len = self.len.saturating_add(1);
        }
    }

    /// Moves time on to `now` and takes out all entries that are due by then; where time goes back, all there are.
    pub fn advance(&mut self, now: Timestamp, due: &mut Vec<T>) {
        let until = now.as_secs();
        if until < self.now {
            (self.now, self.len) = (until, 0);
            return due.extend(self.slots.iter_mut().flat_map(std::mem::take).map(|(_, entry)| entry));
        }
        if self.len == 0 {
            self.now = until;
            return;
        }
        // A jump of more than one turn looks at each slot once.
        let first = self.now.saturating_add(1).max(until.saturating_sub(LAST_SLOT));
        for second in first..=until {
            let Some(slot) = self.slot(second) else { continue };
            let before = slot.len();
            for (_, entry) in slot.extract_if(.., |(at, _)| *at <= until) {
                due.push(entry);
            }
            let gone = before.saturating_sub(slot.len());
            if slot.is_empty() && slot.capacity() > KEPT_CAPACITY {
                *slot = Vec::new();
            }
            self.len = self.len.saturating_sub(gone);
        }
        self.now = until;
    }

    fn slot(&mut self, second: u64) -> Option<&mut Vec<(u64, T)>> {
        let index = usize::try_from(second & LAST_SLOT).ok()?;
        self.slots.get_mut(index)
    }
}

/// One turn of the wheel in seconds, a power of two. An entry further away waits for its turn.
const SLOTS: usize = 1_024;
const LAST_SLOT: u64 = SLOTS as u64 - 1;
/// A slot of more entries than this gives its memory back once it is empty: else each of them would keep what its busiest second took, for each
/// lane, and memory would grow for as long as busier ones come.
const KEPT_CAPACITY: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_parts(secs, 500_000_000)
    }

    fn due(wheel: &mut Wheel<&'static str>, secs: u64) -> Vec<&'static str> {
        let mut out = Vec::new();
        wheel.advance(at(secs), &mut out);
        out.sort_unstable();
        out
    }

    #[test]
    fn entries_come_once_when_their_second_is_over() {
        let mut wheel = Wheel::default();
        assert!(due(&mut wheel, 1_000_000).is_empty());
        wheel.insert(at(1_000_010), "ten");
        wheel.insert(at(1_000_010 + 5_000), "turns away");
        wheel.insert(at(5), "late");
        assert_eq!(due(&mut wheel, 1_000_001), ["late"]);
        assert!(due(&mut wheel, 1_000_010).is_empty());
        assert_eq!(due(&mut wheel, 1_000_011), ["ten"]);
        assert!(due(&mut wheel, 1_003_000).is_empty());
        assert_eq!(due(&mut wheel, 9_000_000), ["turns away"]);
        assert!(due(&mut wheel, 10_000_000).is_empty());
    }

    #[test]
    fn where_time_goes_back_all_entries_come_to_be_placed_anew() {
        let mut wheel = Wheel::default();
        assert!(due(&mut wheel, 9_000_000).is_empty());
        wheel.insert(at(9_000_010), "ahead");
        wheel.insert(at(5), "late");
        assert_eq!(due(&mut wheel, 1_000_000), ["ahead", "late"]);
        wheel.insert(at(1_000_010), "ten");
        assert_eq!(due(&mut wheel, 1_000_011), ["ten"]);
    }
}
