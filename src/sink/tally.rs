//! What has become of a sink's events, counted while it works.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::state::{Health, SpoolState};

/// A number that others may read at any time.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    /// More of it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// It is so much now.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// How much it is.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of all sinks.
#[derive(Clone, Debug, Default)]
pub struct SinkCounters(Vec<(String, Arc<Tally>)>);

impl SinkCounters {
    /// Of sinks with these names. Names that are alike get numbers; dots, which part names of counters, become underscores.
    pub(super) fn new(sinks: impl Iterator<Item = (String, Arc<Tally>)>) -> Self {
        let mut all: Vec<(String, Arc<Tally>)> = Vec::new();
        for (name, tally) in sinks {
            let name = distinct(&name.replace('.', "_"), |name| all.iter().any(|(other, _)| other == name));
            all.push((name, tally));
        }
        Self(all)
    }

    /// All of them by the names that they have in `stats` events.
    pub fn named(&self) -> Vec<(String, u64)> {
        let of = |(name, tally): &(String, Arc<Tally>)| {
            tally.counters().map(|(counter, value)| (format!("portcullis.sinks.{name}.{counter}"), value))
        };
        self.0.iter().flat_map(of).collect()
    }
}

/// `name`, or where that is taken, with the first number that is not.
pub(super) fn distinct(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbers = (2_u32..).map(|n| format!("{name}-{n}"));
    std::iter::once(name.to_owned()).chain(numbers).find(|name| !is_taken(name)).unwrap_or_else(|| name.to_owned())
}

/// What has become of a sink's events.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Events that came through its filter.
    pub accepted: Count,
    /// Events that were sent; where the receiver answers, those that it took. What is sent again counts again.
    pub sent: Count,
    /// Events that were to be sent again.
    pub retried: Count,
    /// Events that the receiver said it had before.
    pub doubles: Count,
    /// Events that the receiver will never take.
    pub refused: Count,
    /// Events for which its queue had no room.
    pub dropped_queue: Count,
    /// Events for which its spool had no room.
    pub dropped_spool: Count,
    /// Events that were lost as it failed.
    pub dropped_failed: Count,
    /// Events that are longer than it can take.
    pub dropped_too_long: Count,
    /// Events that were lost to damaged files of its spool.
    pub dropped_damaged: Count,
    /// Events in its spool that are not acknowledged.
    pub spool_events: Count,
    /// Bytes of its spool on disk.
    pub spool_bytes: Count,
    /// Files that these are in.
    pub spool_segments: Count,
    /// The time of the oldest event in its spool that is not acknowledged, in seconds since 1970; 0 where there is none.
    pub spool_oldest: Count,
    /// Whether it takes what comes,
    pub health: Health,
    /// and the receiver what is in its spool.
    pub receiver: Health,
}

impl Tally {
    /// Events that were given up, whatever for.
    pub fn dropped(&self) -> u64 {
        let dropped = [&self.dropped_queue, &self.dropped_spool, &self.dropped_failed];
        dropped.iter().map(|count| count.get()).fold(0, u64::saturating_add)
    }

    /// How it is with its spool.
    pub fn spool(&self) -> SpoolState {
        let events = self.spool_events.get();
        let oldest = Some(self.spool_oldest.get()).filter(|second| *second > 0 && events > 0);
        SpoolState { events, bytes: self.spool_bytes.get(), segments: self.spool_segments.get(), oldest }
    }

    /// What it has counted, by name.
    pub fn counters(&self) -> [(&'static str, u64); COUNTERS] {
        [
            ("accepted", self.accepted.get()),
            ("sent", self.sent.get()),
            ("retried", self.retried.get()),
            ("doubles", self.doubles.get()),
            ("refused", self.refused.get()),
            ("dropped_queue", self.dropped_queue.get()),
            ("dropped_spool", self.dropped_spool.get()),
            ("dropped_failed", self.dropped_failed.get()),
            ("dropped_too_long", self.dropped_too_long.get()),
            ("dropped_damaged", self.dropped_damaged.get()),
            ("spool_events", self.spool_events.get()),
            ("spool_bytes", self.spool_bytes.get()),
        ]
    }
}

/// How many counters there are.
pub(super) const COUNTERS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sink_has_counters_of_its_own_name() {
        let (one, two) = (Arc::<Tally>::default(), Arc::<Tally>::default());
        one.sent.add(3);
        two.sent.add(4);
        two.sent.add(1);
        let names = ["syslog-tcp:192.0.2.7:601", "syslog-tcp:192.0.2.7:601"];
        let counters = SinkCounters::new(names.map(str::to_owned).into_iter().zip([one, two]));
        let sent: Vec<(String, u64)> = counters.named().into_iter().filter(|(name, _)| name.ends_with(".sent")).collect();
        assert_eq!(
            sent,
            [
                ("portcullis.sinks.syslog-tcp:192_0_2_7:601.sent".to_owned(), 3),
                ("portcullis.sinks.syslog-tcp:192_0_2_7:601-2.sent".to_owned(), 5)
            ]
        );
    }
}
