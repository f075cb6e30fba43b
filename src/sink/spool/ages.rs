//! How old the oldest event is that waits.

use std::collections::VecDeque;

use crate::sink::head::Head;
use crate::sink::time;

/// Times of events that were read, by their numbers: one for each second of theirs, and fewer where they are many.
#[derive(Debug, Default)]
pub(super) struct Ages {
    /// Numbers with the second of the event, in the order of numbers.
    marks: VecDeque<(u64, u64)>,
    /// The beginning of the last event that was looked at: up to its second.
    last: Vec<u8>,
}

impl Ages {
    /// Takes the event `number`, which was read, and answers whether it is of another second. After a break numbers begin again.
    pub fn note(&mut self, number: u64, event: &[u8]) -> bool {
        let is_again = self.marks.back().is_some_and(|(last, _)| number <= *last);
        let start = event.get(..SECOND).unwrap_or(event);
        if !is_again && self.last == start {
            return false;
        }
        let kept = self.marks.partition_point(|(before, _)| *before < number);
        self.marks.truncate(kept);
        self.last.clear();
        self.last.extend_from_slice(start);
        let time = Head::of(event).and_then(|head| time::nanoseconds(&head.timestamp));
        let Some(second) = time.and_then(|nanos| nanos.checked_div(1_000_000_000)) else { return false };
        if self.marks.len() >= MOST {
            let mut keep = false;
            self.marks.retain(|_| {
                keep = !keep; // the first stays: the age that is told is a little too old then
                keep
            });
        }
        self.marks.push_back((number, second));
        true
    }

    /// The time of the first event that is not before `acknowledged`, in seconds since 1970.
    pub fn oldest(&mut self, acknowledged: u64) -> Option<u64> {
        while self.marks.get(1).is_some_and(|(number, _)| *number <= acknowledged) {
            self.marks.pop_front();
        }
        self.marks.front().map(|(_, second)| *second)
    }
}

/// Bytes of an event up to its second: `{"timestamp":"2026-11-24T11:28:11`.
const SECOND: usize = 33;
/// Seconds that are told apart.
const MOST: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(second: u64) -> Vec<u8> {
        let (minute, second) = (second / 60 % 60, second % 60);
        format!("{{\"timestamp\":\"2026-11-24T11:{minute:02}:{second:02}.793478+0000\",\"event_type\":\"tls\"}}").into_bytes()
    }

    /// `date -u -d 2026-11-24T11:00:00 +%s`
    const ELEVEN: u64 = 1_795_518_000;

    #[test]
    fn the_oldest_is_the_first_that_is_not_acknowledged() {
        let mut ages = Ages::default();
        assert_eq!(ages.oldest(1), None);
        for (number, second) in [(1, 10), (2, 10), (3, 10), (4, 12), (5, 20)] {
            ages.note(number, &event(second));
        }
        for (acknowledged, second) in [(1, 10), (3, 10), (4, 12), (5, 20)] {
            assert_eq!(ages.oldest(acknowledged), Some(ELEVEN + second), "{acknowledged}");
        }
    }

    #[test]
    fn what_is_read_again_after_a_break_is_noted_once() {
        let mut ages = Ages::default();
        for (number, second) in [(1, 10), (2, 11), (3, 12), (2, 11), (3, 12), (4, 13)] {
            ages.note(number, &event(second));
        }
        assert_eq!(ages.marks.len(), 4);
        assert_eq!(ages.oldest(3), Some(ELEVEN + 12));
    }

    #[test]
    fn what_is_kept_is_bounded_and_never_told_younger_than_it_is() {
        let mut ages = Ages::default();
        for number in 0..3_000 {
            ages.note(number, &event(number));
        }
        assert!(ages.marks.len() <= MOST);
        for acknowledged in [0, 1_000, 2_500, 2_999] {
            let oldest = ages.oldest(acknowledged).unwrap();
            assert!(oldest <= ELEVEN + acknowledged && oldest + 16 > ELEVEN + acknowledged, "{acknowledged}: {oldest}");
        }
    }

    #[test]
    fn an_event_without_a_time_has_no_age() {
        let mut ages = Ages::default();
        ages.note(1, b"{}");
        assert_eq!(ages.oldest(1), None);
    }
}
