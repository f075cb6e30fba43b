//! The description of a sink, `KIND:TARGET?KEY=VALUE&KEY=VALUE`, which `[[sink]]` in the configuration stands for, too.

use std::path::PathBuf;
use std::{fmt, fs, io};

use super::sink_http::{self, HttpKeys};
#[cfg(feature = "kafka")]
use super::sink_kafka::{self, KafkaKeys};
use super::sink_spool::{Custom, SpoolKeys};
use super::sink_tls::TlsKeys;
use super::units;
use super::veil::{is_secret, veiled};
use crate::base::slip;
use crate::findings::Selection;
use crate::sink::{Address, Filter, Format, LogSettings, Severity, SinkSettings, SyslogSettings, Target};

/// What is wrong with the description of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SinkFault {
    /// The key that it is about, where it is about one.
    pub key: Option<String>,
    /// Whether there is no such key.
    pub is_unknown: bool,
    /// What is wrong.
    pub why: String,
    /// What is to be done about it, where that can be said.
    pub hint: Option<String>,
}

/// Reads the description of a sink: `KIND:TARGET?KEY=VALUE&KEY=VALUE`. In targets and values `%` and two hex digits stand for a byte.
pub(super) fn parse(text: &str) -> Result<SinkSettings, SinkFault> {
    let (what, settings) = text.split_once('?').unwrap_or((text, ""));
    let (kind, target) = what.split_once(':').unwrap_or((what, ""));
    let target = decoded(target)?;
    let Some((_, kind_keys)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        let known: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        let hint = match kind {
            "kafka" => Some("it takes a build with the feature kafka".to_owned()),
            _ => slip::meant(kind, known.iter().copied()).map(|meant| format!("is {meant} meant?")),
        };
        return Err(SinkFault {
            key: Some(TYPE.to_owned()),
            is_unknown: false,
            why: format!("'{kind}' is no kind of sink: use {}", known.join(", ")),
            hint,
        });
    };
    let mut keys = Keys::default();
    for pair in settings.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = COMMON.iter().chain(kind_keys.iter().copied().flatten()).copied();
        if !known.clone().any(|known| known == key) {
            let hint = match slip::meant(key, known.clone()) {
                _ if is_secret(key) => {
                    "no secret is written here: use token-file or token-env where a receiver asks for one".to_owned()
                }
                Some(meant) => format!("is {meant} meant?"),
                None => format!("it is one of {}", known.collect::<Vec<_>>().join(", ")),
            };
            let why = format!("a sink of type {kind} has no key {key}");
            return Err(SinkFault { key: Some(key.to_owned()), is_unknown: true, why, hint: Some(hint) });
        }
        let value = decoded(value)?;
        keys.set(kind, key, &value).map_err(|why| SinkFault {
            key: Some(key.to_owned()),
            is_unknown: false,
            why: format!("{key}: {why}"),
            hint: None,
        })?;
    }
    keys.settings(kind, target, what)
}

/// The same text with what would end it in a description written so that it does not.
pub(super) fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace('?', "%3F").replace('&', "%26")
}

/// Where a sink of that kind leads: the name of the key for it in the configuration. Nothing for standard output.
pub(super) fn target_key(kind: &str) -> Option<&'static str> {
    match kind {
        "file" | "unix" | "unix-datagram" => Some("path"),
        "syslog-udp" | "syslog-tcp" | "syslog-tls" => Some("address"),
        "http" => Some("url"),
        "kafka" => Some("address"),
        _ => None,
    }
}

/// Whether the value of a key is a path.
pub(super) fn is_path(key: &str) -> bool {
    ["spool", "ca", "certificate", "key", "token-file"].contains(&key)
}

/// What the keys say.
#[derive(Default)]
struct Keys {
    name: Option<String>,
    filter: Filter,
    format: Format,
    log: Log,
    syslog: Syslog,
    spool: SpoolKeys,
    tls: TlsKeys,
    http: HttpKeys,
    #[cfg(feature = "kafka")]
    kafka: KafkaKeys,
}

#[derive(Default)]
struct Log {
    rotate_size: Option<u64>,
    rotate_interval: Option<u64>,
    compress: bool,
    keep: Option<usize>,
}

#[derive(Default)]
struct Syslog {
    facility: Option<u8>,
    hostname: Option<String>,
}

impl Keys {
    fn set(&mut self, kind: &str, key: &str, value: &str) -> Result<(), String> {
        let items = || value.split(',').map(str::trim).filter(|item| !item.is_empty());
        match key {
            "name" => self.name = Some(value.to_owned()),
            "events" => {
                let known = |event: &&str| EVENTS.contains(event);
                if let Some(unknown) = items().find(|event| !known(event)) {
                    return Err(format!("there are no events called '{unknown}': use {}", EVENTS.join(", ")));
                }
                self.filter.events = Some(items().map(str::to_owned).collect());
            }
            "severity" => {
                let words = || Severity::WORDS.map(|(word, _)| word).join(", ");
                self.filter.severity = Some(Severity::from_word(value).ok_or_else(|| format!("'{value}' is none of {}", words()))?);
            }
            "findings" => {
                let Selection(set) = value.parse().map_err(|error| format!("{error}"))?;
                self.filter.findings = Some(set.iter().map(|finding| finding.id).collect());
            }
            "format" => {
                let words = || Format::WORDS.map(|(word, _)| word).join(", ");
                self.format = Format::from_word(value).ok_or_else(|| format!("'{value}' is none of {}", words()))?;
            }
            "rules" => self.filter.rules = Some(items().map(str::to_owned).collect()),
            "rotate-size" => {
                let bytes = units::bytes(value)?;
                self.log.rotate_size = Some(u64::try_from(bytes).ok().filter(|n| *n > 0).ok_or("use 1 or more")?);
            }
            "rotate-interval" => self.log.rotate_interval = Some(units::period(value)?),
            "compress" if kind == "file" => match value {
                "zstd" => self.log.compress = true,
                _ => return Err(format!("'{value}' is no compression: use zstd")),
            },
            "keep" => self.log.keep = Some(value.parse().map_err(|_| format!("'{value}' is no whole number"))?),
            "facility" => {
                let known = SyslogSettings::FACILITIES.iter().find(|(name, _)| *name == value);
                let names = || SyslogSettings::FACILITIES.map(|(name, _)| name).join(", ");
                self.syslog.facility = Some(known.ok_or_else(|| format!("'{value}' is no facility: use {}", names()))?.1);
            }
            "hostname" => self.syslog.hostname = Some(value.to_owned()),
            #[cfg(feature = "kafka")]
            _ if kind == "kafka" && self.kafka.set(key, value)? => {}
            _ if self.tls.set(key, value)? || self.spool.set(key, value)? || self.http.set(key, value)? => {}
            _ => return Err("it is known to no part".to_owned()),
        }
        Ok(())
    }

    fn settings(mut self, kind: &str, target: String, what: &str) -> Result<SinkSettings, SinkFault> {
        if self.format == Format::Cef && self.filter.events.is_none() {
            // CEF has no keys for counters.
            self.filter.events = Some(EVENTS.iter().filter(|event| **event != "stats").map(|&event| event.to_owned()).collect());
        }
        let missing =
            |key: &str| SinkFault { key: None, is_unknown: false, why: format!("a sink of type {kind} needs {key}"), hint: None };
        match target_key(kind) {
            Some(key) if target.is_empty() => {
                return Err(missing(match key {
                    "path" => "a path",
                    "url" => "a URL",
                    _ => "an address",
                }));
            }
            Some("address") if kind != "kafka" && !has_port(&target) => {
                let why = format!("'{target}' is no address: expected HOST:PORT");
                return Err(SinkFault { key: Some("address".to_owned()), is_unknown: false, why, hint: None });
            }
            _ => {}
        }
        let Log { rotate_size, rotate_interval, compress, keep } = self.log;
        let syslog = SyslogSettings {
            facility: self.syslog.facility.unwrap_or(LOCAL5),
            hostname: self.syslog.hostname.unwrap_or_else(hostname),
            format: self.format,
        };
        // What stands behind the path of a URL is not for everybody to see.
        let name = self.name.unwrap_or_else(|| before_query(what).to_owned());
        let custom = match kind {
            "unix" => Custom::Asked,
            "syslog-tcp" | "syslog-tls" => Custom::Usual,
            "http" | "kafka" => Custom::Always,
            _ => Custom::Never,
        };
        let spool = self.spool.settings(custom, &name).map_err(missing)?;
        let wrong = |(key, why): (Option<&str>, _)| SinkFault { key: key.map(str::to_owned), is_unknown: false, why, hint: None };
        let target = match kind {
            "file" => Target::File(LogSettings { path: PathBuf::from(target), rotate_size, rotate_interval, compress, keep }),
            "unix" => Target::Socket(Address::Unix(target.into())),
            "unix-datagram" => Target::Socket(Address::UnixDatagram(target.into())),
            "syslog-udp" => Target::Syslog(Address::Udp(target), syslog),
            "syslog-tcp" => Target::Syslog(Address::Tcp(target), syslog),
            "syslog-tls" => Target::Syslog(Address::Tls(target, self.tls.settings().map_err(missing)?), syslog),
            "http" => {
                let tls = self.tls.settings().map_err(missing)?;
                Target::Http(Box::new(self.http.settings(target, self.format, syslog.hostname, tls).map_err(wrong)?))
            }
            #[cfg(feature = "kafka")]
            "kafka" => {
                let tls = self.tls.settings().map_err(missing)?;
                Target::Kafka(Box::new(self.kafka.settings(&target, self.format, tls).map_err(wrong)?))
            }
            _ => Target::Stdout,
        };
        Ok(SinkSettings { name, target, filter: self.filter, format: self.format, spool })
    }
}

/// Text in which `%` and two hex digits stand for a byte.
fn decoded(text: &str) -> Result<String, SinkFault> {
    let wrong = || SinkFault {
        key: None,
        is_unknown: false,
        why: format!("'{}': % stands before two hex digits, and is %25 itself", veiled(text)),
        hint: None,
    };
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// A target up to its own question mark.
fn before_query(target: &str) -> &str {
    ["%3F", "%3f"].iter().fold(target, |target, mark| target.split(mark).next().unwrap_or_default())
}

fn has_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// The name of this host, as the kernel has it.
fn hostname() -> String {
    let read = |path| -> io::Result<String> { fs::read_to_string(path) };
    read("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}

impl fmt::Display for SinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{}: {hint}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for SinkFault {}

/// The key of a kind in the configuration.
pub(super) const TYPE: &str = "type";

/// Each kind with the keys that not all have.
const KINDS: &[(&str, &[&[&str]])] = &[
    ("stdout", &[]),
    ("file", &[&["rotate-size", "rotate-interval", "compress", "keep"]]),
    ("unix", &[STREAM_SPOOL]),
    ("unix-datagram", &[]),
    ("syslog-udp", &[SYSLOG]),
    ("syslog-tcp", &[SYSLOG, STREAM_SPOOL]),
    ("syslog-tls", &[SYSLOG, STREAM_SPOOL, TLS]),
    ("http", &[&sink_http::KEYS, &["hostname"], SPOOL, TLS]),
    #[cfg(feature = "kafka")]
    ("kafka", &[&sink_kafka::KEYS, SPOOL, &["ca", "certificate", "key"]]),
];

const SYSLOG: &[&str] = &["facility", "hostname"];
const SPOOL: &[&str] = &["spool", "spool-size", "spool-full", "spool-sync", "spool-sync-bytes"];
const TLS: &[&str] = &["ca", "fingerprint", "server-name", "certificate", "key"];
/// With what stands in for answers.
const STREAM_SPOOL: &[&str] = &["spool", "spool-size", "spool-full", "spool-sync", "spool-sync-bytes", "resend"];

/// Keys of all kinds.
const COMMON: [&str; 6] = ["name", "format", "events", "severity", "findings", "rules"];

/// All types of events.
const EVENTS: [&str; 8] = ["alert", "anomaly", "drop", "flow", "packet", "portcullis_certificate", "stats", "tls"];

const LOCAL5: u8 = 21;

#[cfg(test)]
mod tests;
