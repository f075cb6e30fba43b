//! The far side of a spool: what takes events, and says which of them it has.

use std::time::Duration;

use super::stream::Stream;
use crate::sink::Error;
use crate::sink::socket::Closed;

/// Who takes the events of a spool. Numbers go up from one offer to the next, unless it was asked to recover.
#[derive(Debug)]
pub(in crate::sink) enum Receiver {
    /// One that gives no answers.
    Stream(Stream),
}

/// Why events were not taken: they are to be tried again.
#[derive(Debug)]
pub(in crate::sink) struct Refusal {
    /// What went wrong.
    pub error: Error,
    /// How long the receiver wants to be left alone, where it has said so.
    pub after: Option<Duration>,
}

impl Receiver {
    /// All before `number` is acknowledged, from an earlier run.
    pub(super) fn start(&mut self, number: u64) {
        match self {
            Self::Stream(stream) => stream.start(number),
        }
    }

    /// Takes an event, or gathers it.
    pub(super) fn offer(&mut self, number: u64, id: &str, event: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Stream(stream) => stream.offer(number, id, event),
        }
    }

    /// Sends what was gathered where it has waited for long, or `now`; and what was refused before.
    pub(super) fn flush(&mut self, _now: bool) -> Result<(), Refusal> {
        match self {
            Self::Stream(_) => Ok(()),
        }
    }

    /// How long what was gathered may wait yet.
    pub(super) fn due(&self) -> Option<Duration> {
        match self {
            Self::Stream(_) => None,
        }
    }

    /// The first number that is not acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        match self {
            Self::Stream(stream) => stream.acknowledged(),
        }
    }

    /// After a refusal: what it holds it will send again by itself. Answers with the number that is to be offered next, `next` before it was refused.
    pub(super) fn recover(&mut self, _next: u64) -> u64 {
        match self {
            Self::Stream(stream) => {
                stream.start_over();
                stream.acknowledged()
            }
        }
    }

    /// Says that no more comes.
    pub(super) fn close(&mut self, patience: Duration) -> Closed {
        match self {
            Self::Stream(stream) => stream.close(patience),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, after: None }
    }
}
