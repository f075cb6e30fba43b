//! Receivers of events over HTTP: Elasticsearch and OpenSearch, Splunk, Loki, and anything that takes lines of JSON.
//!
//! Events are gathered into batches ([`Batch`]); a batch is a request, in the form that its receiver wants ([`Mode`]); the answer says of
//! each event what has become of it ([`Fate`]). What was taken, or will never be, leaves the batch; the rest is sent again. So nothing stops the
//! events behind one that is refused, and none is acknowledged that was not answered for.

mod answer;
mod batch;
mod client;
mod connector;
mod date;
mod elastic;
mod lines;
mod loki;
mod secret;
mod splunk;

use std::sync::Arc;
use std::time::Duration;

use answer::{Answer, Fate};
use batch::{Batch, Item};
use client::Client;
pub use elastic::IndexName;
pub use secret::{Login, SecretSource};

use super::format::Format;
use super::spool::Refusal;
use super::tally::Tally;
use super::tls::TlsSettings;
use super::{Announce, Error};

/// How events are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where to, `http://` or `https://`.
    pub url: String,
    /// In what form.
    pub mode: Mode,
    /// What events look like in it: JSON, but in lines and for Loki.
    pub format: Format,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// Events of a request at most.
    pub batch_events: usize,
    /// Bytes of events of a request at most, unless a single one has more.
    pub batch_bytes: usize,
    /// How long an event may wait for others.
    pub batch_time: Duration,
    /// How long a request may take.
    pub timeout: Duration,
    /// What is said of who we are.
    pub login: Option<Login>,
    /// TLS, where the URL is `https://`.
    pub tls: TlsSettings,
}

/// What the receiver understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `_bulk` of Elasticsearch and OpenSearch, with the index or data stream.
    Elastic(IndexName),
    /// The HTTP event collector of Splunk.
    Splunk {
        /// Splunk's index, where it is not the token's.
        index: Option<String>,
        /// The type of source.
        sourcetype: String,
        /// The channel, a GUID, where the receiver wants one.
        channel: Option<String>,
        /// The name of this host.
        hostname: String,
    },
    /// Loki, with labels for all events, and its tenant.
    Loki {
        /// Names and values; `event_type` is there beside.
        labels: Vec<(String, String)>,
        /// What goes into `X-Scope-OrgID`.
        tenant: Option<String>,
    },
    /// A line for each event.
    Lines,
}

/// The far side.
pub(super) struct Http {
    client: Client,
    batch: Batch,
    tally: Arc<Tally>,
    announce: Announce,
    /// That events are refused for good was told.
    is_told: bool,
}

impl Http {
    /// Reads certificates and secrets; nothing is sent yet.
    pub fn new(settings: HttpSettings, tally: Arc<Tally>, announce: Announce) -> Result<Self, Error> {
        let batch = Batch::new(settings.batch_events, settings.batch_bytes, settings.batch_time);
        Ok(Self { client: Client::new(settings)?, batch, tally, announce, is_told: false })
    }

    pub fn start(&mut self, acknowledged: u64) {
        self.batch.start(acknowledged);
    }

    pub fn offer(&mut self, number: u64, id: &str, event: Vec<u8>) -> Result<(), Refusal> {
        self.batch.push(Item { number, id: id.to_owned(), event });
        while self.batch.is_full() {
            self.request()?;
        }
        Ok(())
    }

    /// Sends what was gathered, if it has waited for long, or `now`.
    pub fn flush(&mut self, now: bool) -> Result<(), Refusal> {
        while now && !self.batch.is_empty() || self.batch.due() == Some(Duration::ZERO) {
            self.request()?;
        }
        Ok(())
    }

    pub fn due(&self) -> Option<Duration> {
        self.batch.due()
    }

    pub fn acknowledged(&self) -> u64 {
        self.batch.acknowledged()
    }

    pub const fn gone(&self) -> u64 {
        self.batch.gone
    }

    /// One request, with as many events as the receiver is known to take at a time.
    fn request(&mut self) -> Result<(), Refusal> {
        let items = self.batch.next();
        let count = items.len();
        let answer = self.client.send(items);
        match answer {
            Answer::Items(fates) => {
                let mut again = 0_u64;
                for fate in &fates {
                    match fate {
                        Fate::Taken => self.tally.sent.add(1),
                        Fate::Known => {
                            self.tally.sent.add(1);
                            self.tally.doubles.add(1);
                        }
                        Fate::Refused(why) => self.tell(why),
                        Fate::Again(_) => again = again.saturating_add(1),
                    }
                }
                self.client.has_taken |= fates.iter().any(|fate| matches!(fate, Fate::Taken | Fate::Known));
                self.batch.settle(&fates);
                self.tally.retried.add(again);
                if again.saturating_mul(FEW) <= u64::try_from(count).unwrap_or(u64::MAX) {
                    return Ok(()); // they go with the next
                }
                let why = fates.into_iter().find_map(|fate| if let Fate::Again(why) = fate { Some(why) } else { None });
                why.map_or(Ok(()), |why| Err(self.client.failed(why).into()))
            }
            Answer::Smaller(why) if count <= 1 => {
                self.tell(&why);
                self.batch.settle(&[Fate::Refused(why)]);
                Ok(())
            }
            Answer::Smaller(_) => {
                self.tally.retried.add(u64::try_from(count).unwrap_or(u64::MAX));
                self.batch.halve(count);
                Ok(())
            }
            Answer::Broken(why) => {
                self.tally.retried.add(u64::try_from(count).unwrap_or(u64::MAX));
                self.batch.halve(count);
                Err(self.client.failed(why).into())
            }
            Answer::Later { why, after } => {
                self.tally.retried.add(u64::try_from(count).unwrap_or(u64::MAX));
                Err(Refusal { error: self.client.failed(why), after })
            }
        }
    }

    /// Counts an event that is refused for good, and tells of the first.
    fn tell(&mut self, why: &str) {
        self.tally.refused.add(1);
        if !std::mem::replace(&mut self.is_told, true) {
            (self.announce)(&Error::Refused { address: self.client.address(), why: self.client.veiled(why.to_owned()) });
        }
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("client", &self.client).field("batch", &self.batch).finish_non_exhaustive()
    }
}

/// A receiver that refuses one in so many for a while, or fewer, is not left alone for them.
const FEW: u64 = 10;

#[cfg(test)]
mod tests;
