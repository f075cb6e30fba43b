//! How it is with a sink while it works, for who watches it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::Error;
use super::tally::COUNTERS;

/// How it is with a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkState {
    /// What it is called.
    pub name: String,
    /// Blocks of events that wait in its queue, each of at most 256 KiB.
    pub queued: u64,
    /// What has become of its events, by the last part of the names that these counters have in `stats` events.
    pub counters: [(&'static str, u64); COUNTERS],
    /// What waits on disk, where it has a spool.
    pub spool: Option<SpoolState>,
    /// What is wrong, where it takes nothing.
    pub trouble: Option<Trouble>,
}

/// What waits in a spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolState {
    /// Events that are not acknowledged.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Files that these are in.
    pub segments: u64,
    /// The time of the oldest event that is not acknowledged, in seconds since 1970.
    pub oldest: Option<u64>,
}

/// Why a sink takes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When that began.
    pub since: SystemTime,
    /// What went wrong last. There is no secret in it.
    pub why: String,
}

/// Whether a sink takes what comes, told by its thread and asked by others.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<Trouble>>);

impl Health {
    /// It has failed, perhaps once more.
    pub fn failed(&self, error: &Error) {
        let mut trouble = self.lock();
        let since = trouble.as_ref().map_or_else(SystemTime::now, |trouble| trouble.since);
        *trouble = Some(Trouble { since, why: error.to_string() });
    }

    /// It takes what comes.
    pub fn recovered(&self) {
        *self.lock() = None;
    }

    /// What is wrong.
    pub fn trouble(&self) -> Option<Trouble> {
        self.lock().clone()
    }

    /// A thread that panicked has left it whole: it is replaced at once.
    fn lock(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_has_its_beginning_and_its_last_reason() {
        let health = Health::default();
        assert_eq!(health.trouble(), None);
        health.failed(&Error::Broken);
        let first = health.trouble().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        health.failed(&Error::Unconfirmed);
        let second = health.trouble().unwrap();
        assert_eq!((second.since, second.why), (first.since, Error::Unconfirmed.to_string()));
        health.recovered();
        assert_eq!(health.trouble(), None);
    }
}
