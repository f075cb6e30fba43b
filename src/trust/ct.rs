//! Certificate transparency logs, and what their SCTs come to (RFC 6962).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls_pki_types::alg_id;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use super::algorithms::Algorithms;
use super::issuer::Issuer;
use crate::base::{Timestamp, base64};
use crate::protocol::x509::sct::{Sct, SctEntry, embedded, is_broken_list, scts};
use crate::protocol::x509::{Certificate, CheckedSct, Evidence, PublicKey, SctSource, SctStatus, Time, spki_content, spki_digest};

/// Logs by their ids.
#[derive(Clone, Default)]
pub struct CtLogs(HashMap<[u8; 32], Log>);

#[derive(Clone)]
struct Log {
    name: Arc<str>,
    /// What its SubjectPublicKeyInfo holds.
    public_key_info: Vec<u8>,
    /// From when on its SCTs count for nothing.
    distrusted_since: Option<Time>,
    /// When the certificates end that it is for: from the first moment on, and before the second.
    period: Option<(Time, Time)>,
}

/// Why a list of logs cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CtLogsError {
    /// It is not in the form of <https://www.gstatic.com/ct/log_list/v3/log_list_schema.json>.
    #[error("it is no list of logs in version 3 of Google's form: {0}")]
    Json(#[from] serde_json::Error),
    /// The key of a log cannot be read.
    #[error("the key of {0} cannot be read")]
    Key(String),
    /// A moment that it gives for a log cannot be read.
    #[error("a moment of {0} cannot be read: it should be as 2026-06-01T00:00:00Z")]
    Moment(String),
}

impl CtLogs {
    /// Reads a list of logs, in the form that Google and Apple publish theirs: `log_list.json`, version 3. A log whose state there is
    /// `retired` is trusted for what it promised before, one that is `pending` or `rejected` is not.
    pub fn from_json(text: &str) -> Result<Self, CtLogsError> {
        let list: LogList = serde_json::from_str(text)?;
        let mut logs = HashMap::new();
        for entry in list.operators.into_iter().flat_map(|operator| operator.logs.into_iter().chain(operator.tiled_logs)) {
            let name = entry.description.or(entry.url).unwrap_or_else(|| "a log without a name".to_owned());
            let key = base64::decode(&entry.key).filter(|der| spki_content(der).is_some_and(|key| PublicKey::read(key).is_some()));
            let Some(der) = key else { return Err(CtLogsError::Key(name)) };
            let (Some(distrusted_since), Some(period)) = (
                entry.state.map_or(Some(None), |s| s.distrusted_since()),
                entry.temporal_interval.map_or(Some(None), |i| i.read()),
            ) else {
                return Err(CtLogsError::Moment(name));
            };
            let public_key_info = spki_content(&der).unwrap_or_default().to_vec();
            let log = Log { name: name.into(), public_key_info, distrusted_since, period };
            logs.insert(Sha256::digest(&der).into(), log);
        }
        Ok(Self(logs))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes those of `other`, too.
    pub fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl fmt::Debug for CtLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CtLogs").field(&self.len()).finish()
    }
}

/// What SCTs are checked with.
pub(super) struct Checker<'a> {
    pub logs: &'a CtLogs,
    pub algorithms: &'a Algorithms,
    pub leaf: &'a Certificate,
    pub issuers: &'a [Issuer<'a>],
    pub now: Timestamp,
}

impl Checker<'_> {
    /// Checks all that there are: those embedded in the leaf, those of the TLS extension, and those of the OCSP answer.
    pub fn all(&self, tls: &[u8], ocsp: &[u8]) -> Vec<CheckedSct> {
        let (list, tbs) = embedded(&self.leaf.der).unwrap_or_default();
        let precertificate = |issuer: &Issuer<'_>| SctEntry::Precertificate(spki_digest(issuer.public_key_info), &tbs);
        let precertificates: SmallVec<[_; 2]> = self.issuers.iter().map(precertificate).collect();
        let certificate = [SctEntry::Certificate(&self.leaf.der)];
        let lists = [
            (SctSource::Embedded, list, &precertificates[..]),
            (SctSource::Tls, tls, &certificate),
            (SctSource::Ocsp, ocsp, &certificate),
        ];
        let checked = lists.into_iter().flat_map(|(source, list, entries)| {
            // Of a list that is cut nobody knows how many it had.
            let rest = (!list.is_empty() && is_broken_list(list)).then(|| unparsable(source));
            scts(list).map(move |sct| self.check(source, sct, entries)).chain(rest)
        });
        checked.take(Evidence::MOST_SCTS).collect()
    }

    /// Checks one that is over one of `entries`.
    fn check(&self, source: SctSource, bytes: &[u8], entries: &[SctEntry<'_>]) -> CheckedSct {
        let unparsable = unparsable(source);
        let Some(sct) = Sct::read(bytes) else { return unparsable };
        let log = self.logs.0.get(&sct.log_id);
        let status = match log {
            None => SctStatus::UnknownLog,
            Some(_) if entries.is_empty() => SctStatus::NoIssuer,
            Some(log) => self.verify(&sct, log, entries),
        };
        let name = log.map(|log| Arc::clone(&log.name));
        CheckedSct { log_id: Some(sct.log_id), log: name, timestamp: Some(sct.timestamp), status, ..unparsable }
    }

    fn verify(&self, sct: &Sct<'_>, log: &Log, entries: &[SctEntry<'_>]) -> SctStatus {
        let algorithm = match sct.algorithm {
            [SHA256, ECDSA] => alg_id::ECDSA_SHA256,
            [SHA256, RSA] => alg_id::RSA_PKCS1_SHA256,
            _ => return SctStatus::Unsupported,
        };
        let Some(key) = PublicKey::read(&log.public_key_info) else { return SctStatus::Unsupported };
        let verified = entries.iter().filter_map(|&entry| {
            let signed = sct.signed(entry)?;
            self.algorithms.verify(&key, algorithm.as_ref(), &signed, sct.signature)
        });
        match verified.max() {
            None => SctStatus::Unsupported,
            Some(false) => SctStatus::BadSignature,
            Some(true) if sct.timestamp > self.now.as_nanos() / 1_000_000 => SctStatus::NotYetValid,
            Some(true) if log.distrusted_since.is_some_and(|since| made(sct) >= since) => SctStatus::DistrustedLog,
            Some(true) if log.period.is_some_and(|period| self.is_outside(period)) => SctStatus::OtherPeriod,
            Some(true) => SctStatus::Valid,
        }
    }

    /// Whether the certificate ends outside of that.
    fn is_outside(&self, (start, end): (Time, Time)) -> bool {
        let not_after = self.leaf.facts.as_ref().and_then(|facts| facts.not_after);
        not_after.is_some_and(|not_after| not_after < start || not_after >= end)
    }
}

/// When an SCT was made.
fn made(sct: &Sct<'_>) -> Time {
    Time::from_unix(i64::try_from(sct.timestamp / 1_000).unwrap_or(i64::MAX))
}

/// In the place of what cannot be read.
const fn unparsable(source: SctSource) -> CheckedSct {
    CheckedSct { source, log_id: None, log: None, timestamp: None, status: SctStatus::Unparsable }
}

/// What of a list of logs is of use here.
#[derive(Deserialize)]
struct LogList {
    operators: Vec<Operator>,
}

#[derive(Deserialize)]
struct Operator {
    #[serde(default)]
    logs: Vec<LogEntry>,
    #[serde(default)]
    tiled_logs: Vec<LogEntry>,
}

#[derive(Deserialize)]
struct LogEntry {
    description: Option<String>,
    url: Option<String>,
    key: String,
    state: Option<State>,
    temporal_interval: Option<Interval>,
}

/// One of them is there; `usable`, `qualified` and `readonly` make no difference.
#[derive(Deserialize)]
struct State {
    pending: Option<serde::de::IgnoredAny>,
    rejected: Option<serde::de::IgnoredAny>,
    retired: Option<Since>,
}

#[derive(Deserialize)]
struct Since {
    timestamp: String,
}

#[derive(Deserialize)]
struct Interval {
    start_inclusive: String,
    end_exclusive: String,
}

impl State {
    /// From when on the log is not trusted, if ever. `None` where that cannot be read.
    fn distrusted_since(&self) -> Option<Option<Time>> {
        if self.pending.is_some() || self.rejected.is_some() {
            return Some(Some(Time::from_unix(i64::MIN)));
        }
        self.retired.as_ref().map_or(Some(None), |since| moment(&since.timestamp).map(Some))
    }
}

impl Interval {
    fn read(&self) -> Option<Option<(Time, Time)>> {
        Some(Some((moment(&self.start_inclusive)?, moment(&self.end_exclusive)?)))
    }
}

/// A moment in UTC, as the form of the list has them (RFC 3339).
fn moment(text: &str) -> Option<Time> {
    let mut numbers = text.strip_suffix('Z')?.split(['-', 'T', ':']).map(|number| number.split('.').next()?.parse::<i64>().ok());
    let mut next = || numbers.next().flatten();
    Time::from_utc(next()?, next()?, next()?, next()?, next()?, next()?)
}

/// By the numbers of TLS 1.2 (RFC 5246 §7.4.1.4.1).
const SHA256: u8 = 4;
const RSA: u8 = 1;
const ECDSA: u8 = 3;
