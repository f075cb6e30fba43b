//! The far side of a spool: what takes events, and says which of them it has.

use std::time::Duration;

use super::stream::Stream;
use crate::sink::Error;
use crate::sink::http::Http;
#[cfg(feature = "kafka")]
use crate::sink::kafka::Kafka;
use crate::sink::socket::Closed;

/// Who takes the events of a spool. Numbers go up from one offer to the next, unless it was asked to recover.
#[derive(Debug)]
pub(in crate::sink) enum Receiver {
    /// One that gives no answers.
    Stream(Box<Stream>),
    /// One that answers requests.
    Http(Box<Http>),
    /// A topic of Kafka.
    #[cfg(feature = "kafka")]
    Kafka(Box<Kafka>),
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
            Self::Http(http) => http.start(number),
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.start(number),
        }
    }

    /// Takes an event, or gathers it.
    pub(super) fn offer(&mut self, number: u64, id: &str, event: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Stream(stream) => stream.offer(number, id, event),
            Self::Http(http) => http.offer(number, id, event.to_vec()),
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.offer(number, id, event),
        }
    }

    /// Sends what was gathered where it has waited for long, or `now`; and what was refused before.
    pub(super) fn flush(&mut self, now: bool) -> Result<(), Refusal> {
        match self {
            Self::Stream(_) => Ok(()),
            Self::Http(http) => http.flush(now),
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.flush(now),
        }
    }

    /// How long what was gathered may wait yet.
    pub(super) fn due(&self) -> Option<Duration> {
        match self {
            Self::Stream(_) => None,
            Self::Http(http) => http.due(),
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.due(),
        }
    }

    /// The first number that is not acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        match self {
            Self::Stream(stream) => stream.acknowledged(),
            Self::Http(http) => http.acknowledged(),
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.acknowledged(),
        }
    }

    /// How many events were let go so far, as they were taken or will never be.
    pub(super) fn gone(&self) -> u64 {
        match self {
            Self::Stream(stream) => stream.acknowledged(),
            Self::Http(http) => http.gone(),
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.gone(),
        }
    }

    /// After a refusal: what it holds it will send again by itself. Answers with the number that is to be offered next, `next` before it was refused.
    pub(super) fn recover(&mut self, next: u64) -> u64 {
        match self {
            Self::Stream(stream) => {
                stream.start_over();
                stream.acknowledged()
            }
            Self::Http(_) => next,
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.recover(),
        }
    }

    /// Says that no more comes.
    pub(super) fn close(&mut self, patience: Duration) -> Closed {
        match self {
            Self::Stream(stream) => stream.close(patience),
            Self::Http(_) => Closed::Confirmed, // all that was offered has left
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => Closed::Confirmed,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, after: None }
    }
}
