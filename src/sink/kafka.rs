//! A topic of Apache Kafka, by librdkafka (feature `kafka`): an idempotent producer, so that what librdkafka itself sends again comes once, and in the
//! order in which it was sent. Events of a flow have its id as their key, so that they are in one partition.
//!
//! librdkafka says of each event whether it was delivered. Those that were not, after the time that is set, are offered again, with all that came
//! after the first of them: these may come twice, with the same id.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, NoCustomPartitioner, Producer, ProducerContext, PurgeConfig};

use super::head::Head;
use super::kafka_settings::KafkaSettings;
use super::spool::{Refusal, with_id};
use super::tally::Tally;
use super::{Announce, Error};

/// The far side.
pub(super) struct Kafka {
    producer: BaseProducer<Reports>,
    settings: KafkaSettings,
    /// Numbers that were offered and of which nothing is known yet.
    under_way: BTreeSet<u64>,
    /// The number after the last that was offered.
    next: u64,
    /// How many were delivered, or will never be.
    gone: u64,
    /// When that became more last, or an event went out while no other was under way.
    since: Instant,
    message: Vec<u8>,
    tally: Arc<Tally>,
    announce: Announce,
    is_told: bool,
}

/// An event's number, and why it was not delivered, if it was not.
type Report = (usize, Option<RDKafkaErrorCode>);

/// What kind of error, and how it is told.
type Complaint = (Option<RDKafkaErrorCode>, String);

/// What librdkafka tells.
#[derive(Clone, Default)]
struct Reports {
    delivered: Arc<Mutex<Vec<Report>>>,
    /// What went wrong last.
    error: Arc<Mutex<Option<Complaint>>>,
}

impl Kafka {
    /// Reads the secret; nothing is sent yet.
    pub fn new(settings: KafkaSettings, tally: Arc<Tally>, announce: Announce) -> Result<Self, Error> {
        Ok(Self {
            producer: producer(&settings)?,
            settings,
            under_way: BTreeSet::new(),
            next: 0,
            gone: 0,
            since: Instant::now(),
            message: Vec::new(),
            tally,
            announce,
            is_told: false,
        })
    }

    pub fn start(&mut self, acknowledged: u64) {
        self.next = acknowledged;
    }

    /// Hands an event to librdkafka, and waits for room in its queue.
    pub fn offer(&mut self, number: u64, id: &str, event: &[u8]) -> Result<(), Refusal> {
        self.message.clear();
        with_id(&mut self.message, event, id);
        let message = self.settings.format.event(&self.message).into_owned();
        let key = Head::of(event).and_then(|head| head.flow_id).map(|flow_id| flow_id.to_string());
        let opaque = usize::try_from(number).unwrap_or(usize::MAX);
        loop {
            let mut record = BaseRecord::with_opaque_to(&self.settings.topic, opaque).payload(&message);
            if let Some(key) = &key {
                record = record.key(key.as_bytes());
            }
            match self.producer.send::<[u8], _>(record) {
                Ok(()) => {
                    if self.under_way.is_empty() {
                        self.since = Instant::now();
                    }
                    self.under_way.insert(number);
                    self.next = number.saturating_add(1);
                    return self.look(Duration::ZERO);
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => self.look(LOOK)?,
                Err((KafkaError::MessageProduction(code @ RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                    self.refuse(code);
                    self.next = number.saturating_add(1);
                    return Ok(());
                }
                Err((error, _)) => return Err(self.failed(error.to_string())),
            }
        }
    }

    /// Looks at what was reported; with `now` until all is.
    pub fn flush(&mut self, now: bool) -> Result<(), Refusal> {
        self.look(Duration::ZERO)?;
        while now && !self.under_way.is_empty() {
            self.look(LOOK)?;
        }
        Ok(())
    }

    /// When to look again.
    pub fn due(&self) -> Option<Duration> {
        (!self.under_way.is_empty()).then_some(LOOK)
    }

    pub fn acknowledged(&self) -> u64 {
        self.under_way.first().copied().unwrap_or(self.next)
    }

    pub const fn gone(&self) -> u64 {
        self.gone
    }

    /// Takes back what is under way, which is to be offered again, by a new producer: the old one may have ended for good, as an idempotent one does where
    /// brokers have lost what they acknowledged, and there may be another password by now.
    pub fn recover(&mut self) -> u64 {
        match producer(&self.settings) {
            Ok(producer) => self.producer = producer,
            Err(_) => {
                self.producer.purge(PurgeConfig::default().queue().inflight());
                self.producer.poll(LOOK);
                self.reports().clear();
            }
        }
        let from = self.acknowledged();
        self.under_way.clear();
        self.next = from;
        from
    }

    /// Takes reports, waiting for some at most that long.
    fn look(&mut self, time: Duration) -> Result<(), Refusal> {
        self.producer.poll(time);
        let reports = std::mem::take(&mut *self.reports());
        let (mut failed, before) = (None, self.gone);
        for (number, error) in reports {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            if !self.under_way.contains(&number) {
                continue; // of what was taken back
            }
            match error {
                None => {
                    self.under_way.remove(&number);
                    self.gone = self.gone.saturating_add(1);
                    self.tally.sent.add(1);
                }
                Some(code @ (RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessage)) => {
                    self.under_way.remove(&number);
                    self.refuse(code);
                }
                Some(code) => {
                    self.tally.retried.add(1);
                    failed = failed.or(Some(code));
                }
            }
        }
        let mut said = self.producer.context().error.lock().unwrap_or_else(PoisonError::into_inner);
        if self.gone != before {
            (self.since, *said) = (Instant::now(), None); // whatever it was, it hinders nobody
        }
        // librdkafka would try for as long as an event may be under way, with what it was told to begin with. One broker of several may be at fault alone.
        let is_unwelcome = !self.under_way.is_empty()
            && self.since.elapsed() > UNWELCOME
            && said
                .as_ref()
                .is_some_and(|(code, _)| matches!(code, Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)));
        if failed.is_none() && !is_unwelcome {
            return Ok(());
        }
        let told = said.take().map(|(_, why)| why).or(failed.map(|code| code.to_string()));
        drop(said);
        Err(self.failed(told.unwrap_or_default()))
    }

    fn reports(&self) -> std::sync::MutexGuard<'_, Vec<Report>> {
        self.producer.context().delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, why: String) -> Refusal {
        Error::Kafka { brokers: self.settings.brokers.clone(), why }.into()
    }

    fn refuse(&mut self, code: RDKafkaErrorCode) {
        self.gone = self.gone.saturating_add(1);
        self.tally.refused.add(1);
        if !std::mem::replace(&mut self.is_told, true) {
            (self.announce)(&Error::Refused { address: format!("kafka at {}", self.settings.brokers), why: code.to_string() });
        }
    }
}

impl ClientContext for Reports {
    /// Nobody reads a log here; what goes wrong is an error.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let mut said = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down is said behind why they are.
        if said.is_none() || error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *said = Some((error.rdkafka_error_code(), reason.to_owned()));
        }
    }
}

impl ProducerContext<NoCustomPartitioner> for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let error = result.as_ref().err().map(|(error, _)| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown));
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner).push((number, error));
    }
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let KafkaSettings { brokers, topic, .. } = &self.settings;
        f.debug_struct("Kafka").field("brokers", brokers).field("topic", topic).finish_non_exhaustive()
    }
}

fn producer(settings: &KafkaSettings) -> Result<BaseProducer<Reports>, Error> {
    let refused = |error: KafkaError| Error::Kafka { brokers: settings.brokers.clone(), why: error.to_string() };
    config(settings)?.create_with_context(Reports::default()).map_err(refused)
}

/// The properties of librdkafka's manual.
fn config(settings: &KafkaSettings) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::new();
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX).to_string();
    config
        .set("client.id", "portcullis")
        .set("bootstrap.servers", &settings.brokers)
        .set("enable.idempotence", "true")
        .set("compression.type", settings.compression)
        .set("linger.ms", milliseconds(settings.batch_time))
        .set("message.timeout.ms", milliseconds(settings.timeout))
        .set("message.max.bytes", settings.message_bytes.to_string())
        // What waits in memory; the spool has the rest.
        .set("queue.buffering.max.messages", "10000")
        .set("queue.buffering.max.kbytes", QUEUE_KIB.max(settings.message_bytes.div_ceil(1_024)).to_string());
    let protocol = match (&settings.sasl, &settings.tls) {
        (None, None) => "plaintext",
        (None, Some(_)) => "ssl",
        (Some(_), None) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let Some(sasl) = &settings.sasl {
        config.set("sasl.mechanisms", sasl.mechanism).set("sasl.username", &sasl.user).set("sasl.password", sasl.password.read()?);
    }
    let path = |path: &std::path::Path| path.display().to_string();
    if let Some(tls) = &settings.tls {
        if let Some(ca) = &tls.ca {
            config.set("ssl.ca.location", path(ca));
        }
        if let Some((certificate, key)) = &tls.identity {
            config.set("ssl.certificate.location", path(certificate)).set("ssl.key.location", path(key));
        }
    }
    Ok(config)
}

/// How long librdkafka is listened to at a time.
const LOOK: Duration = Duration::from_millis(50);
/// How long brokers that do not let us in are tried before that counts as a failure.
const UNWELCOME: Duration = Duration::from_secs(3);
const QUEUE_KIB: usize = 16 << 10;

#[cfg(test)]
#[path = "kafka_tests.rs"]
mod tests;
