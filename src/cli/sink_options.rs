//! The options that say where events go beside `--output`, and what `[[sink]]` in the configuration stands for.

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{fmt, fs, io};

use clap::Args;
use signal_hook::consts::SIGHUP;

use super::sink_http::{self, HttpKeys};
#[cfg(feature = "kafka")]
use super::sink_kafka::{self, KafkaKeys};
use super::sink_spool::{self, Custom, SpoolKeys};
use super::sink_tls::TlsKeys;
use super::{say, units};
use crate::base::slip;
use crate::findings::Selection;
use crate::sink::{
    Address, Error, Filter, Format, LogSettings, Pace, Severity, Shipped, SinkSettings, Sinks, SyslogSettings, Target,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Sinks")]
pub(super) struct SinkOptions {
    /// Send events to a sink: stdout, file:PATH, unix:PATH, unix-datagram:PATH, syslog-udp:HOST:PORT, syslog-tcp:HOST:PORT,
    /// syslog-tls:HOST:PORT, http:URL, and kafka:BROKER,.../TOPIC where it is built in, with settings after a question mark: file:eve.json?events=alert,tls&rotate-size=1GiB&keep=7; may be repeated. Without --output, nothing goes to
    /// standard output then
    #[arg(long, value_name = "KIND:TARGET[?KEY=VALUE&...]", value_parser = parse)]
    sink: Vec<SinkSettings>,

    /// Keep the spools of sinks in DIR, each in a directory of its own
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,
}

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

impl SinkOptions {
    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.sink.is_empty()
    }

    /// The files that are written to.
    pub fn files(&self) -> impl Iterator<Item = &std::path::Path> {
        self.sink.iter().filter_map(|sink| match &sink.target {
            Target::File(log) => Some(log.path.as_path()),
            _ => None,
        })
    }

    /// The directories of spools, by the sinks that have one.
    pub fn spools(&self) -> impl Iterator<Item = PathBuf> {
        self.placed().into_iter().filter_map(|sink| Some(sink.spool?.dir))
    }

    /// Makes the directories of spools, and answers which cannot be.
    pub fn prepare(&self) -> Result<(), Error> {
        let mut seen = Vec::new();
        for path in self.spools() {
            let made = match seen.contains(&path) {
                true => Err(io::Error::other("two sinks cannot share it: give each a name, or a spool of its own")),
                false => fs::DirBuilder::new().recursive(true).mode(0o700).create(&path),
            };
            made.map_err(|source| Error::Spool { path: path.clone(), source })?;
            seen.push(path);
        }
        Ok(())
    }

    /// All of them, with the directories of their spools.
    fn placed(&self) -> Vec<SinkSettings> {
        let usual = || sink_spool::usual_dir(is_root()).unwrap_or_else(|| PathBuf::from("portcullis-spool"));
        let base = self.spool_dir.clone().unwrap_or_else(usual);
        let mut all = self.sink.clone();
        all.iter_mut().filter_map(|sink| sink.spool.as_mut()).for_each(|spool| sink_spool::place(spool, &base));
        all
    }

    /// Whether one of them is standard output.
    pub fn has_stdout(&self) -> bool {
        self.sink.iter().any(|sink| sink.target == Target::Stdout)
    }

    /// Opens all of them. From now on SIGHUP begins files anew that were moved away.
    pub fn begin(&self, pace: Pace) -> Result<Sinks, Error> {
        let hang_ups: Vec<Arc<AtomicBool>> = self.sink.iter().map(|_| Arc::default()).collect();
        for flag in &hang_ups {
            signal_hook::flag::register(SIGHUP, Arc::clone(flag)).map_err(Error::Signal)?;
        }
        Sinks::begin(self.placed(), &hang_ups, pace, |name, error| match error {
            Error::Refused { .. } => say("events refused", format_args!("{name}: {error}; others go on")),
            _ => say("sink failed", format_args!("{name}: {error}; it is tried again")),
        })
    }
}

/// Says what did not go as it was asked for.
pub(super) fn tell(shipped: &[Shipped]) {
    for sink in shipped {
        if sink.too_long > 0 {
            say("warning", format_args!("{}: {} events were too long for a datagram and were not sent", sink.name, sink.too_long));
        }
        if sink.dropped > 0 {
            say("warning", format_args!("{}: {} events were dropped: it was full, too slow, or failed", sink.name, sink.dropped));
        }
        if sink.refused > 0 {
            say("warning", format_args!("{}: {} events were refused by the receiver, for good", sink.name, sink.refused));
        }
        if sink.damaged > 0 {
            say("warning", format_args!("{}: {} events were lost: the files of its spool are damaged", sink.name, sink.damaged));
        }
        if sink.waiting > 0 {
            say(
                "warning",
                format_args!("{}: {} events wait in its spool: the receiver has not confirmed them", sink.name, sink.waiting),
            );
        }
        if let Some(reason) = &sink.untidy {
            say("warning", format_args!("{}: rotated files could not be tidied up: {reason}", sink.name));
        }
    }
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
            let hint = slip::meant(key, known.clone()).map_or_else(
                || format!("it is one of {}", known.collect::<Vec<_>>().join(", ")),
                |meant| format!("is {meant} meant?"),
            );
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
            _ if self.tls.set(key, value) || self.spool.set(key, value)? || self.http.set(key, value)? => {}
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
        let name = self.name.unwrap_or_else(|| what.to_owned());
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
        why: format!("'{text}': % stands before two hex digits, and is %25 itself"),
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

fn has_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_root() -> bool {
    let owner = fs::metadata("/proc/self").map(|found| std::os::unix::fs::MetadataExt::uid(&found));
    owner.is_ok_and(|uid| uid == 0)
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
    ("syslog-tls", &[SYSLOG, STREAM_SPOOL, &["ca", "server-name", "certificate", "key"]]),
    ("http", &[&sink_http::KEYS, &["hostname"], SPOOL, &["ca", "certificate", "key"]]),
    #[cfg(feature = "kafka")]
    ("kafka", &[&sink_kafka::KEYS, SPOOL, &["ca", "certificate", "key"]]),
];

const SYSLOG: &[&str] = &["facility", "hostname"];
const SPOOL: &[&str] = &["spool", "spool-size", "spool-full", "spool-sync", "spool-sync-bytes"];
/// With what stands in for answers.
const STREAM_SPOOL: &[&str] = &["spool", "spool-size", "spool-full", "spool-sync", "spool-sync-bytes", "resend"];

/// Keys of all kinds.
const COMMON: [&str; 6] = ["name", "format", "events", "severity", "findings", "rules"];

/// All types of events.
const EVENTS: [&str; 8] = ["alert", "anomaly", "drop", "flow", "packet", "portcullis_certificate", "stats", "tls"];

const LOCAL5: u8 = 21;
#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::sink::{HttpSettings, IndexName, Login, Mode, SecretSource, SpoolSettings, TlsSettings, WhenFull};

    #[test]
    fn a_sink_is_described_by_kind_target_and_keys() {
        let sink = parse("file:/var/log/a%3Fb.json?rotate-size=1GiB&rotate-interval=1d&compress=zstd&keep=7&name=all").unwrap();
        let log = LogSettings {
            path: "/var/log/a?b.json".into(),
            rotate_size: Some(1 << 30),
            rotate_interval: Some(86_400),
            compress: true,
            keep: Some(7),
        };
        assert_eq!(
            sink,
            SinkSettings {
                name: "all".to_owned(),
                target: Target::File(log),
                filter: Filter::default(),
                format: Format::Eve,
                spool: None
            }
        );
        let sink = parse("unix:/run/a.sock?events=alert,drop&severity=medium&rules=1:*,*C2*&findings=weak.cipher.rc4").unwrap();
        let filter = Filter {
            events: Some(vec!["alert".to_owned(), "drop".to_owned()]),
            severity: Some(Severity::Medium),
            findings: Some(vec!["weak.cipher.rc4"]),
            rules: Some(vec!["1:*".to_owned(), "*C2*".to_owned()]),
        };
        assert_eq!(sink.filter, filter);
        assert_eq!((sink.name.as_str(), sink.target), ("unix:/run/a.sock", Target::Socket(Address::Unix("/run/a.sock".into()))));
        assert_eq!(parse("stdout").unwrap().target, Target::Stdout);
        let sink = parse("syslog-tcp:[::1]:601?facility=local0&hostname=fw1").unwrap();
        let settings = SyslogSettings { facility: 16, hostname: "fw1".to_owned(), format: Format::Eve };
        assert_eq!(sink.target, Target::Syslog(Address::Tcp("[::1]:601".to_owned()), settings));
    }

    #[test]
    fn tls_takes_files_and_a_name() {
        let sink = parse("syslog-tls:logs:6514?ca=ca.pem&server-name=logs.example&certificate=c.pem&key=k.pem&hostname=h").unwrap();
        let tls = TlsSettings {
            ca: Some("ca.pem".into()),
            server_name: Some("logs.example".to_owned()),
            identity: Some(("c.pem".into(), "k.pem".into())),
        };
        let syslog = SyslogSettings { facility: 21, hostname: "h".to_owned(), format: Format::Eve };
        assert_eq!(sink.target, Target::Syslog(Address::Tls("logs:6514".to_owned(), tls), syslog));
    }

    #[test]
    fn http_takes_a_url_a_mode_and_where_the_secret_is() {
        let sink = parse(
            "http:https://es:9200/x%3Fpipeline=p?mode=elastic&index=tls-%25Y&token-file=t&ca=c.pem&batch-time=0.5&batch-events=5",
        )
        .unwrap();
        let expected = HttpSettings {
            url: "https://es:9200/x?pipeline=p".to_owned(),
            mode: Mode::Elastic(IndexName::new("tls-%Y").unwrap()),
            format: Format::Eve,
            gzip: true,
            batch_events: 5,
            batch_bytes: 4 << 20,
            batch_time: Duration::from_millis(500),
            timeout: Duration::from_secs(30),
            login: Some(Login::Token("ApiKey", SecretSource::File("t".into()))),
            tls: TlsSettings { ca: Some("c.pem".into()), ..TlsSettings::default() },
        };
        assert_eq!(sink.target, Target::Http(Box::new(expected)));
        assert!(sink.spool.is_some());
        let login = |text: &str| match parse(text).unwrap().target {
            Target::Http(http) => http.login,
            other => panic!("{other:?}"),
        };
        let variable = || SecretSource::Environment("T".to_owned());
        for (text, expected) in [
            ("http:http://a?mode=ndjson", None),
            ("http:http://a?mode=ndjson&token-env=T", Some(Login::Token("Bearer", variable()))),
            ("http:http://a?mode=splunk-hec&token-env=T", Some(Login::Token("Splunk", variable()))),
            ("http:http://a?mode=elastic&token-env=T&auth=bearer", Some(Login::Token("Bearer", variable()))),
            ("http:http://a?mode=loki&token-env=T&user=u", Some(Login::Basic("u".to_owned(), variable()))),
        ] {
            assert_eq!(login(text), expected, "{text}");
        }
    }

    #[test]
    fn what_http_cannot_be_is_told_without_a_secret() {
        for (text, key, said) in [
            ("http:", None, "a sink of type http needs a URL"),
            ("http:ftp://a?mode=loki", Some("url"), "it is no URL: expected http://HOST[:PORT][/PATH] or https://..."),
            (
                "http:https://u:hunter2@a?mode=loki",
                Some("url"),
                "there is a user or password in the URL: use user, and token-file or token-env",
            ),
            ("http:https://a", None, "a sink of type http needs mode: one of elastic, splunk-hec, loki, ndjson"),
            ("http:https://a?mode=elk", Some("mode"), "mode: 'elk' is none of elastic, splunk-hec, loki, ndjson"),
            ("http:https://a?mode=loki&index=a", Some("index"), "index: there is none in this mode"),
            (
                "http:https://a?mode=elastic&index=A",
                Some("index"),
                "index: 'A' can be in no index's name: use lower case, and %Y, %m and %d for the day",
            ),
            (
                "http:https://a?mode=loki&labels=event_type=a",
                Some("labels"),
                "labels: 'event_type' can be no label of yours: use letters, digits and _; event_type is there",
            ),
            (
                "http:https://a?mode=loki&auth=basic",
                Some("auth"),
                "auth: it needs token-file or token-env, which say where the secret is",
            ),
            ("http:https://a?mode=loki&auth=basic&token-env=T", Some("auth"), "auth: basic needs user"),
            ("http:https://a?mode=loki&timeout=0", Some("timeout"), "timeout: use more than 0"),
            ("http:https://a?mode=elastic&format=cef", Some("format"), "format: cef is no JSON, which this mode takes alone"),
            ("http:https://a?mode=loki&spool=none", None, "a sink of type http needs a spool"),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!((fault.key.as_deref(), fault.why.as_str()), (key, said), "{text}");
        }
    }

    #[cfg(not(feature = "kafka"))]
    #[test]
    fn a_build_without_kafka_says_so() {
        let fault = parse("kafka:a:9092/eve").unwrap_err();
        assert_eq!(fault.hint.as_deref(), Some("it takes a build with the feature kafka"));
    }

    #[cfg(feature = "kafka")]
    #[test]
    fn a_topic_of_kafka_has_a_spool() {
        let sink = parse("kafka:a:9092,b:9092/eve?compress=none&spool=s").unwrap();
        let Target::Kafka(kafka) = sink.target else { panic!("{sink:?}") };
        assert_eq!((kafka.brokers.as_str(), kafka.topic.as_str(), kafka.compression), ("a:9092,b:9092", "eve", "none"));
        assert!(sink.spool.is_some());
    }

    #[test]
    fn a_stream_may_have_a_spool() {
        let sink =
            parse("unix:a.sock?spool=/var/spool/p&spool-size=2MiB&spool-full=oldest&resend=0&spool-sync=never&spool-sync-bytes=4K")
                .unwrap();
        let spool = SpoolSettings {
            resend: 0,
            sync_time: None,
            sync_bytes: 4_096,
            ..SpoolSettings::new("/var/spool/p".into(), 2 << 20, WhenFull::Oldest)
        };
        assert_eq!(sink.spool, Some(spool));
        let sink = parse("syslog-tcp:a:601?spool=s").unwrap();
        let spool = SpoolSettings::new("s".into(), 1 << 30, WhenFull::Wait);
        assert_eq!(sink.spool, Some(spool));
        assert_eq!(parse("unix:a.sock").unwrap().spool, None);
        assert_eq!(parse("syslog-tcp:a:601?spool=none").unwrap().spool, None);
    }

    #[test]
    fn a_sink_that_cannot_be_says_why() {
        for (text, key, said) in [
            (
                "flie:a",
                Some("type"),
                format!(
                    "'flie' is no kind of sink: use stdout, file, unix, unix-datagram, syslog-udp, syslog-tcp, syslog-tls, http{}: is file meant?",
                    if cfg!(feature = "kafka") { ", kafka" } else { "" }
                )
                .as_str(),
            ),
            ("file", None, "a sink of type file needs a path"),
            (
                "file:a?rotate=1",
                Some("rotate"),
                "a sink of type file has no key rotate: it is one of name, format, events, severity, findings, rules, rotate-size, rotate-interval, compress, keep",
            ),
            (
                "stdout?keep=7",
                Some("keep"),
                "a sink of type stdout has no key keep: it is one of name, format, events, severity, findings, rules",
            ),
            (
                "syslog-udp:a:1?spool=s",
                Some("spool"),
                "a sink of type syslog-udp has no key spool: it is one of name, format, events, severity, findings, rules, facility, hostname",
            ),
            ("unix:a?spool-size=2MiB", None, "a sink of type unix needs spool, a directory, for this"),
            ("syslog-tls:a:1?key=k", None, "a sink of type syslog-tls needs certificate, beside key"),
            ("syslog-tls:a:1?certificate=c", None, "a sink of type syslog-tls needs key, beside certificate"),
            (
                "syslog-tcp:a:1?ca=c",
                Some("ca"),
                "a sink of type syslog-tcp has no key ca: it is one of name, format, events, severity, findings, rules, facility, hostname, spool, spool-size, spool-full, spool-sync, spool-sync-bytes, resend",
            ),
            ("unix:a?spool=s&spool-size=1K", Some("spool-size"), "spool-size: use 1MiB or more"),
            ("unix:a?spool=s&spool-full=never", Some("spool-full"), "spool-full: 'never' is none of wait, oldest, newest"),
            ("file:a?event=tls", Some("event"), "a sink of type file has no key event: is events meant?"),
            (
                "file:a?events=dns",
                Some("events"),
                "events: there are no events called 'dns': use alert, anomaly, drop, flow, packet, portcullis_certificate, stats, tls",
            ),
            ("file:a?severity=3", Some("severity"), "severity: '3' is none of high, medium, low, info"),
            ("file:a?findings=xyzzy.x.y", Some("findings"), "findings: no finding is called `xyzzy.x.y`"),
            ("file:a?rotate-size=0", Some("rotate-size"), "rotate-size: use 1 or more"),
            ("file:a?rotate-size=1T", Some("rotate-size"), "rotate-size: unknown unit 'T': use K, M or G"),
            ("file:a?rotate-interval=0", Some("rotate-interval"), "rotate-interval: use 1 second or more"),
            ("file:a?compress=gzip", Some("compress"), "compress: 'gzip' is no compression: use zstd"),
            ("file:a?keep=-1", Some("keep"), "keep: '-1' is no whole number"),
            ("syslog-udp:host", Some("address"), "'host' is no address: expected HOST:PORT"),
            ("syslog-udp:host:0", Some("address"), "'host:0' is no address: expected HOST:PORT"),
            (
                "syslog-udp:a:1?facility=kern",
                Some("facility"),
                "facility: 'kern' is no facility: use user, daemon, auth, authpriv, local0, local1, local2, local3, local4, local5, local6, local7",
            ),
            ("file:a%zz", None, "'a%zz': % stands before two hex digits, and is %25 itself"),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!((fault.key.as_deref(), fault.to_string().as_str()), (key, said), "{text}");
        }
    }

    #[test]
    fn what_is_encoded_is_read_as_it_was() {
        for text in ["a?b&c%d", "%3F", "plain"] {
            assert_eq!(decoded(&encoded(text)).unwrap(), text);
        }
    }

    #[test]
    fn every_type_of_event_in_the_manual_can_be_chosen() {
        let manual = include_str!("../../docs/events.md");
        let listed = manual.lines().filter_map(|line| line.strip_prefix("## ")).filter(|title| !title.contains(' '));
        let mut listed: Vec<&str> = listed.collect();
        listed.sort_unstable();
        assert_eq!(listed, EVENTS);
    }
}
