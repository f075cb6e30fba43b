//! The keys of a sink of type kafka.

use std::time::Duration;

use super::sink_http::{in_range, seconds, word};
use super::units;
use crate::sink::{Format, KafkaSettings, Sasl, SecretSource, TlsSettings};

/// What they say.
#[derive(Debug, Default)]
pub(super) struct KafkaKeys {
    compression: Option<&'static str>,
    batch_time: Option<Duration>,
    timeout: Option<Duration>,
    message_bytes: Option<usize>,
    mechanism: Option<&'static str>,
    user: Option<String>,
    password: Option<SecretSource>,
    is_tls: Option<bool>,
}

impl KafkaKeys {
    /// Takes a key; `false` where it is none of these.
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "compress" => {
                self.compression = Some(word(&["none", "gzip", "snappy", "lz4"].map(|word| (word, word)), value)?);
            }
            "batch-time" => self.batch_time = Some(seconds(value)?),
            "timeout" => self.timeout = Some(Some(seconds(value)?).filter(|time| !time.is_zero()).ok_or("use more than 0")?),
            "message-bytes" => self.message_bytes = Some(in_range(Some(units::bytes(value)?), 1_000, 64 << 20)?),
            "tls" => self.is_tls = Some(word(&[("true", true), ("false", false)], value)?),
            "sasl" => {
                let words = [("plain", "PLAIN"), ("scram-sha-256", "SCRAM-SHA-256"), ("scram-sha-512", "SCRAM-SHA-512")];
                self.mechanism = Some(word(&words, value)?);
            }
            "user" => self.user = Some(value.to_owned()),
            "token-file" => self.password = Some(SecretSource::File(value.into())),
            "token-env" => self.password = Some(SecretSource::Environment(value.to_owned())),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What comes of them, for `BROKER[,BROKER...]/TOPIC`; or what is wrong, and the key that it is about.
    pub fn settings(self, target: &str, format: Format, tls: TlsSettings) -> Result<KafkaSettings, (Option<&'static str>, String)> {
        let wrong = || (Some("address"), format!("'{target}' is no address: expected HOST:PORT[,HOST:PORT...]/TOPIC"));
        let (brokers, topic) = target.rsplit_once('/').ok_or_else(wrong)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if brokers.is_empty() || topic.is_empty() || topic.len() > 249 || !topic.chars().all(is_name) {
            return Err(wrong());
        }
        let sasl = match (self.mechanism, self.user, self.password) {
            (None, None, None) => None,
            (Some(mechanism), Some(user), Some(password)) => Some(Sasl { mechanism, user, password }),
            _ => return Err((Some("sasl"), "sasl: it goes with user, and token-file or token-env for the password".to_owned())),
        };
        let has_files = tls != TlsSettings::default();
        let is_tls = self.is_tls.unwrap_or(has_files);
        if !is_tls && has_files {
            return Err((Some("tls"), "tls: certificates are of no use without it".to_owned()));
        }
        if (is_tls || sasl.as_ref().is_some_and(|sasl| sasl.mechanism != "PLAIN")) && !cfg!(feature = "kafka-ssl") {
            return Err((None, "TLS and SCRAM to Kafka are not in this build: it takes the feature kafka-ssl".to_owned()));
        }
        Ok(KafkaSettings {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            format,
            compression: self.compression.unwrap_or("lz4"),
            batch_time: self.batch_time.unwrap_or(Duration::from_millis(100)),
            timeout: self.timeout.unwrap_or(Duration::from_secs(30)),
            message_bytes: self.message_bytes.unwrap_or(1_000_000),
            sasl,
            tls: is_tls.then_some(tls),
        })
    }
}

/// The keys.
pub(super) const KEYS: [&str; 9] =
    ["compress", "batch-time", "timeout", "message-bytes", "tls", "sasl", "user", "token-file", "token-env"];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(target: &str, pairs: &[(&str, &str)]) -> Result<KafkaSettings, String> {
        let mut keys = KafkaKeys::default();
        for (key, value) in pairs {
            assert!(keys.set(key, value)?, "{key}");
        }
        keys.settings(target, Format::Eve, TlsSettings::default()).map_err(|(_, why)| why)
    }

    #[test]
    fn a_topic_stands_behind_its_brokers() {
        let settings =
            parse("a:9092,[::1]:9092/eve", &[("compress", "snappy"), ("sasl", "plain"), ("user", "u"), ("token-env", "P")])
                .unwrap();
        let sasl = Sasl { mechanism: "PLAIN", user: "u".to_owned(), password: SecretSource::Environment("P".to_owned()) };
        assert_eq!(
            (settings.brokers.as_str(), settings.topic.as_str(), settings.compression, settings.sasl),
            ("a:9092,[::1]:9092", "eve", "snappy", Some(sasl))
        );
        for (target, pairs, said) in [
            ("a:9092", &[][..], "'a:9092' is no address: expected HOST:PORT[,HOST:PORT...]/TOPIC"),
            ("a:9092/a b", &[], "'a:9092/a b' is no address: expected HOST:PORT[,HOST:PORT...]/TOPIC"),
            ("/eve", &[], "'/eve' is no address: expected HOST:PORT[,HOST:PORT...]/TOPIC"),
            ("a:1/t", &[("sasl", "plain")], "sasl: it goes with user, and token-file or token-env for the password"),
            ("a:1/t", &[("sasl", "oauth")], "'oauth' is none of plain, scram-sha-256, scram-sha-512"),
            ("a:1/t", &[("compress", "zstd")], "'zstd' is none of none, gzip, snappy, lz4"),
        ] {
            assert_eq!(parse(target, pairs).unwrap_err(), said);
        }
    }

    #[test]
    fn tls_takes_a_build_that_has_it() {
        assert_eq!(parse("a:1/t", &[("tls", "true")]).is_ok(), cfg!(feature = "kafka-ssl"));
    }
}
