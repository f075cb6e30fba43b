//! The keys of a sink of type http.

use std::path::PathBuf;
use std::time::Duration;

use super::units;
use super::veil::is_secret;
use crate::sink::{Format, HttpSettings, IndexName, Login, Mode, SecretSource, TlsSettings};

/// What they say.
#[derive(Debug, Default)]
pub(super) struct HttpKeys {
    mode: Option<Word>,
    index: Option<String>,
    sourcetype: Option<String>,
    channel: Option<String>,
    labels: Vec<(String, String)>,
    tenant: Option<String>,
    gzip: Option<bool>,
    batch_events: Option<usize>,
    batch_bytes: Option<usize>,
    batch_time: Option<Duration>,
    timeout: Option<Duration>,
    auth: Option<Auth>,
    user: Option<String>,
    secret: Option<SecretSource>,
}

/// `mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Elastic,
    Splunk,
    Loki,
    Lines,
}

/// `auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Auth {
    Basic,
    Bearer,
    ApiKey,
}

impl HttpKeys {
    /// Takes a key; `false` where it is none of these.
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "mode" => self.mode = Some(word(&MODES, value)?),
            "index" => self.index = Some(value.to_owned()),
            "sourcetype" => self.sourcetype = Some(value.to_owned()),
            "channel" => self.channel = Some(header(value)?),
            "labels" => self.labels = labels(value)?,
            "tenant" => self.tenant = Some(header(value)?),
            "compress" => self.gzip = Some(word(&[("gzip", true), ("none", false)], value)?),
            "batch-events" => self.batch_events = Some(in_range(value.parse().ok(), 1, 100_000)?),
            "batch-bytes" => self.batch_bytes = Some(in_range(Some(units::bytes(value)?), 1 << 10, 64 << 20)?),
            "batch-time" => self.batch_time = Some(seconds(value)?),
            "timeout" => self.timeout = Some(Some(seconds(value)?).filter(|time| !time.is_zero()).ok_or("use more than 0")?),
            "auth" => {
                self.auth = Some(word(&[("basic", Auth::Basic), ("bearer", Auth::Bearer), ("api-key", Auth::ApiKey)], value)?)
            }
            "user" => self.user = Some(value.to_owned()),
            "token-file" => self.secret = Some(SecretSource::File(PathBuf::from(value))),
            "token-env" => self.secret = Some(SecretSource::Environment(value.to_owned())),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What comes of them; or what is wrong, and the key that it is about.
    pub fn settings(
        self,
        url: String,
        format: Format,
        hostname: String,
        tls: TlsSettings,
    ) -> Result<HttpSettings, (Option<&'static str>, String)> {
        check_url(&url).map_err(|why| (Some("url"), why))?;
        let mode = self.mode.ok_or_else(|| {
            let words: Vec<_> = MODES.iter().map(|(word, _)| *word).collect();
            (None, format!("a sink of type http needs mode: one of {}", words.join(", ")))
        })?;
        for (key, is_given, of) in [
            ("index", self.index.is_some(), &[Word::Elastic, Word::Splunk][..]),
            ("sourcetype", self.sourcetype.is_some(), &[Word::Splunk]),
            ("channel", self.channel.is_some(), &[Word::Splunk]),
            ("labels", !self.labels.is_empty(), &[Word::Loki]),
            ("tenant", self.tenant.is_some(), &[Word::Loki]),
        ] {
            if is_given && !of.contains(&mode) {
                return Err((Some(key), format!("{key}: there is none in this mode")));
            }
        }
        if format == Format::Cef && matches!(mode, Word::Elastic | Word::Splunk) {
            return Err((Some("format"), "format: cef is no JSON, which this mode takes alone".to_owned()));
        }
        let login = login(mode, self.auth, self.user, self.secret)?;
        let mode = match mode {
            Word::Elastic => {
                let name = self.index.as_deref().unwrap_or("logs-portcullis.eve-default");
                Mode::Elastic(IndexName::new(name).map_err(|why| (Some("index"), format!("index: {why}")))?)
            }
            Word::Splunk => Mode::Splunk {
                index: self.index,
                sourcetype: self.sourcetype.unwrap_or_else(|| "suricata".to_owned()),
                channel: self.channel,
                hostname,
            },
            Word::Loki => Mode::Loki { labels: self.labels, tenant: self.tenant },
            Word::Lines => Mode::Lines,
        };
        let gzip = self.gzip.unwrap_or(mode != Mode::Lines);
        Ok(HttpSettings {
            url,
            mode,
            format,
            gzip,
            batch_events: self.batch_events.unwrap_or(1_000),
            batch_bytes: self.batch_bytes.unwrap_or(4 << 20),
            batch_time: self.batch_time.unwrap_or(Duration::from_secs(1)),
            timeout: self.timeout.unwrap_or(Duration::from_secs(30)),
            login,
            tls,
        })
    }
}

fn login(
    mode: Word,
    auth: Option<Auth>,
    user: Option<String>,
    secret: Option<SecretSource>,
) -> Result<Option<Login>, (Option<&'static str>, String)> {
    let by_default = match (mode, &user) {
        (_, Some(_)) => Auth::Basic,
        (Word::Elastic, None) => Auth::ApiKey,
        _ => Auth::Bearer,
    };
    match (auth.unwrap_or(by_default), user, secret) {
        (_, None, None) if auth.is_none() => Ok(None),
        (_, _, None) => Err((Some("auth"), "auth: it needs token-file or token-env, which say where the secret is".to_owned())),
        (Auth::Basic, Some(user), Some(_)) if user.contains(':') || user.chars().any(char::is_control) => {
            Err((Some("user"), "user: there is no colon in it, and no control character".to_owned()))
        }
        (Auth::Basic, Some(user), Some(secret)) => Ok(Some(Login::Basic(user, secret))),
        (Auth::Basic, None, _) => Err((Some("auth"), "auth: basic needs user".to_owned())),
        (_, Some(_), _) => Err((Some("user"), "user: it is for auth = basic".to_owned())),
        (Auth::ApiKey, None, Some(secret)) => Ok(Some(Login::Token("ApiKey", secret))),
        (Auth::Bearer, None, Some(secret)) if mode == Word::Splunk && auth.is_none() => Ok(Some(Login::Token("Splunk", secret))),
        (Auth::Bearer, None, Some(secret)) => Ok(Some(Login::Token("Bearer", secret))),
    }
}

/// A URL is for anybody to see: in command lines, `config show` and messages.
fn check_url(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        return Err("it is no URL: expected http://HOST[:PORT][/PATH] or https://...".to_owned());
    };
    if rest.split('/').next().is_some_and(|host| host.contains('@')) {
        return Err("there is a user or password in the URL: use user, and token-file or token-env".to_owned());
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name);
    if let Some(name) = names.into_iter().find(|name| is_secret(name) || name.eq_ignore_ascii_case("key")) {
        return Err(format!(
            "there is what seems to be a secret in the URL, {name}: use token-file or token-env, which go into a header"
        ));
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace() || !c.is_ascii() || c == '#') {
        return Err("there are characters in the URL that are none of a URL".to_owned());
    }
    Ok(())
}

fn labels(value: &str) -> Result<Vec<(String, String)>, String> {
    let mut all = Vec::new();
    for pair in value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("'{pair}' is no label: expected NAME=VALUE"))?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name || name == "event_type" {
            return Err(format!("'{name}' can be no label of yours: use letters, digits and _; event_type is there"));
        }
        all.push((name.to_owned(), value.to_owned()));
    }
    if all.len() > MOST_LABELS { Err(format!("use {MOST_LABELS} or fewer")) } else { Ok(all) }
}

fn header(value: &str) -> Result<String, String> {
    let is_plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic());
    is_plain.then(|| value.to_owned()).ok_or_else(|| "use ASCII without spaces".to_owned())
}

pub(super) fn word<T: Copy>(words: &[(&str, T)], value: &str) -> Result<T, String> {
    let known = words.iter().find(|(word, _)| *word == value).map(|(_, means)| *means);
    known.ok_or_else(|| format!("'{value}' is none of {}", words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")))
}

pub(super) fn in_range(value: Option<usize>, least: usize, most: usize) -> Result<usize, String> {
    value.filter(|n| (least..=most).contains(n)).ok_or_else(|| format!("use {least} to {most}"))
}

pub(super) fn seconds(value: &str) -> Result<Duration, String> {
    let seconds: f64 = value.trim_end_matches('s').parse().map_err(|_| format!("'{value}' is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| time.as_secs() <= 3_600)
        .ok_or_else(|| "use 0 to 3600 seconds".to_owned())
}

/// The keys.
pub(super) const KEYS: [&str; 15] = [
    "mode",
    "index",
    "sourcetype",
    "channel",
    "labels",
    "tenant",
    "compress",
    "batch-events",
    "batch-bytes",
    "batch-time",
    "timeout",
    "auth",
    "user",
    "token-file",
    "token-env",
];

const MODES: [(&str, Word); 4] =
    [("elastic", Word::Elastic), ("splunk-hec", Word::Splunk), ("loki", Word::Loki), ("ndjson", Word::Lines)];

/// Labels that are the operator's; each makes more streams.
const MOST_LABELS: usize = 10;
