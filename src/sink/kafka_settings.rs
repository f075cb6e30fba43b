//! How events are sent to a topic of Apache Kafka.

use std::time::Duration;

use super::format::Format;
use super::http::SecretSource;
use super::tls::TlsSettings;

/// How events are sent to a topic of Apache Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `HOST:PORT` of some brokers, with commas between them.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// What events look like.
    pub format: Format,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub compression: &'static str,
    /// How long an event may wait for others.
    pub batch_time: Duration,
    /// How long an event may be under way before it is offered again.
    pub timeout: Duration,
    /// Bytes of an event at most, as the brokers have it.
    pub message_bytes: usize,
    /// Who we are.
    pub sasl: Option<Sasl>,
    /// TLS, where it is spoken. `server_name` is not of use here.
    pub tls: Option<TlsSettings>,
}

/// Who we are to brokers that ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: &'static str,
    /// The user.
    pub user: String,
    /// The password.
    pub password: SecretSource,
}
