//! What a sink has to know of an event: read from its line, of which all else is passed over.

use std::borrow::Cow;

use serde::Deserialize;

/// The few fields of an event that sinks go by.
#[derive(Debug, Deserialize)]
pub(super) struct Head<'a> {
    pub timestamp: Cow<'a, str>,
    #[cfg(feature = "kafka")]
    pub flow_id: Option<u64>,
    #[serde(borrow)]
    pub event_type: Cow<'a, str>,
    #[serde(borrow)]
    pub alert: Option<Alert<'a>>,
    #[serde(borrow)]
    portcullis: Option<Own<'a>>,
}

/// `alert` of an event.
#[derive(Debug, Deserialize)]
pub(super) struct Alert<'a> {
    pub gid: u32,
    pub signature_id: u32,
    #[serde(borrow)]
    pub signature: Cow<'a, str>,
    pub severity: u8,
}

#[derive(Debug, Deserialize)]
struct Own<'a> {
    #[serde(borrow, default)]
    findings: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    finding_severity: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    /// Of a line; `None` where it is no event.
    pub fn of(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// What was found.
    pub fn findings(&self) -> impl Iterator<Item = &str> {
        self.portcullis.iter().flat_map(|own| &own.findings).map(|id| &**id)
    }

    /// How grave it is: of alert and findings what is graver.
    pub fn severity(&self) -> Option<Severity> {
        let of_alert = self.alert.as_ref().map(|alert| Severity::of_alert(alert.severity));
        let of_findings = self.portcullis.as_ref().and_then(|own| Severity::from_word(own.finding_severity.as_deref()?));
        of_alert.max(of_findings)
    }
}

/// How grave an event is, by the words that findings have; alerts of severity 1, 2 and 3 are high, medium and low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; alerts from 4 on.
    Info,
    /// Alerts of severity 3.
    Low,
    /// Alerts of severity 2.
    Medium,
    /// Alerts of severity 1.
    High,
}

impl Severity {
    /// By its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, severity)| severity)
    }

    const fn of_alert(severity: u8) -> Self {
        match severity {
            0 | 1 => Self::High,
            2 => Self::Medium,
            3 => Self::Low,
            _ => Self::Info,
        }
    }

    /// All of them with their words.
    pub const WORDS: [(&'static str, Self); 4] =
        [("high", Self::High), ("medium", Self::Medium), ("low", Self::Low), ("info", Self::Info)];
}
