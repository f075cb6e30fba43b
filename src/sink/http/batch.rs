//! Events that are gathered for a request, and wait for its answer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::answer::Fate;
use crate::sink::format::Format;
use crate::sink::spool::with_id;

/// An event with its number in the spool and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub number: u64,
    pub id: String,
    pub event: Vec<u8>,
}

impl Item {
    /// The event with its id, in a format.
    pub fn text(&self, format: Format) -> Vec<u8> {
        let mut event = Vec::with_capacity(self.event.len().saturating_add(64));
        with_id(&mut event, &self.event, &self.id);
        format.event(&event).into_owned()
    }
}

/// Events that were offered and have not left yet.
#[derive(Debug)]
pub(super) struct Batch {
    items: VecDeque<Item>,
    bytes: usize,
    /// When the first of them came.
    since: Option<Instant>,
    most_events: usize,
    most_bytes: usize,
    most_time: Duration,
    /// Events of the next request; fewer than `most_events` after one that was too large.
    limit: usize,
    /// The number after the last that was offered.
    next: u64,
    /// How many have left.
    pub gone: u64,
}

impl Batch {
    pub const fn new(most_events: usize, most_bytes: usize, most_time: Duration) -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            since: None,
            most_events,
            most_bytes,
            most_time,
            limit: most_events,
            next: 0,
            gone: 0,
        }
    }

    pub fn start(&mut self, acknowledged: u64) {
        self.next = acknowledged;
    }

    pub fn push(&mut self, item: Item) {
        self.since.get_or_insert_with(Instant::now);
        self.bytes = self.bytes.saturating_add(item.event.len());
        self.next = item.number.saturating_add(1);
        self.items.push_back(item);
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.items.len() >= self.most_events || self.bytes >= self.most_bytes
    }

    /// How long the first may wait yet. `None` where there is none.
    pub fn due(&self) -> Option<Duration> {
        self.since.map(|since| self.most_time.saturating_sub(since.elapsed()))
    }

    /// The first number that has not left.
    pub fn acknowledged(&self) -> u64 {
        self.items.front().map_or(self.next, |item| item.number)
    }

    /// The events of the next request.
    pub fn next(&mut self) -> &[Item] {
        let count = self.limit.min(self.items.len());
        self.items.make_contiguous().get(..count).unwrap_or_default()
    }

    /// What has become of the events of the last request: those that are to be sent again stay. Alone, they wait for others as if they had just
    /// come. After a request that went well the next may be larger again.
    pub fn settle(&mut self, fates: &[Fate]) {
        let before = self.items.len();
        let are_all_tried = before <= fates.len();
        let mut fates = fates.iter();
        self.items.retain(|_| matches!(fates.next(), None | Some(Fate::Again(_))));
        self.bytes = self.items.iter().map(|item| item.event.len()).sum();
        self.limit = self.limit.saturating_mul(2).min(self.most_events);
        self.gone = self.gone.saturating_add(u64::try_from(before.saturating_sub(self.items.len())).unwrap_or(0));
        if are_all_tried {
            self.since = (!self.items.is_empty()).then(Instant::now);
        }
    }

    /// The last request had `count` events, and that was too much.
    pub fn halve(&mut self, count: usize) {
        self.limit = count.div_ceil(2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(numbers: std::ops::Range<u64>) -> Batch {
        let mut batch = Batch::new(8, 1_000, Duration::from_secs(60));
        numbers.for_each(|number| batch.push(Item { number, id: String::new(), event: vec![b'x'; 10] }));
        batch
    }

    fn numbers(batch: &mut Batch) -> Vec<u64> {
        batch.next().iter().map(|item| item.number).collect()
    }

    #[test]
    fn it_is_full_by_events_or_by_bytes() {
        assert!(!batch(1..8).is_full() && batch(1..9).is_full());
        let mut few = batch(1..2);
        few.push(Item { number: 2, id: String::new(), event: vec![b'x'; 1_000] });
        assert!(few.is_full());
    }

    #[test]
    fn what_is_to_be_sent_again_stays_in_order_and_holds_back_what_is_acknowledged() {
        let mut batch = batch(1..5);
        let again = || Fate::Again(String::new());
        batch.settle(&[Fate::Taken, again(), Fate::Refused(String::new()), again()]);
        assert_eq!((numbers(&mut batch), batch.acknowledged()), (vec![2, 4], 2));
        batch.settle(&[Fate::Known, Fate::Taken]);
        assert_eq!((numbers(&mut batch), batch.acknowledged(), batch.due()), (vec![], 5, None));
    }

    #[test]
    fn a_request_that_is_too_large_is_halved_and_grows_again() {
        let mut batch = batch(1..9);
        batch.halve(8);
        assert_eq!(numbers(&mut batch), [1, 2, 3, 4]);
        batch.halve(4);
        batch.halve(2);
        assert_eq!(numbers(&mut batch), [1]);
        batch.halve(1);
        assert_eq!(numbers(&mut batch), [1]);
        batch.settle(&[Fate::Taken]);
        assert_eq!(numbers(&mut batch), [2, 3]);
        batch.settle(&[Fate::Taken, Fate::Taken]);
        assert_eq!(numbers(&mut batch), [4, 5, 6, 7]);
    }

    #[test]
    fn an_event_waits_for_others_only_so_long() {
        let mut batch = Batch::new(8, 1_000, Duration::from_millis(20));
        assert_eq!(batch.due(), None);
        batch.push(Item { number: 1, id: String::new(), event: Vec::new() });
        assert!(batch.due().is_some_and(|due| due > Duration::ZERO));
        std::thread::sleep(Duration::from_millis(21));
        assert_eq!(batch.due(), Some(Duration::ZERO));
    }
}
