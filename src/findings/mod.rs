//! Findings: what is weak, wrong or odd about a session or a flow, each by a stable id that events, rules and people can use.
//!
//! A finding is one block in the table of its subject: id, severity, what it is, what to do about it, where to read more, and the question
//! that tells whether a session has it. [`judge`] asks them all; `docs/findings.md` is written from the same tables ([`text::page`]).
//!
//! The questions are about what a [`Session`](crate::protocol::tls::Session) holds, at a moment of packet time. How it differs from earlier
//! sessions a [`Memory`] tells, which is asked for one session after the other in the order of the capture.

mod alerts;
mod behaviour;
mod certificates;
mod ciphers;
mod earlier;
mod evidence;
mod exchange;
mod hosts;
mod issuers;
mod memory;
mod names;
mod other;
mod parts;
mod pattern;
mod protocol;
mod set;
mod suites;
pub mod text;
mod versions;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use self::parts::Parts;
use crate::protocol::tls::session::Anomaly;

pub use earlier::found_by;
pub use evidence::Evidence;
pub use memory::{Memory, Sighting};
pub use pattern::{NoSuchFinding, Selection, matching};
pub use set::{FindingCounts, FindingSet};

/// A weakness with a name.
#[derive(Debug)]
pub struct Finding {
    /// Its name, in parts from the general to the special: `weak.protocol.tls10`. It never changes its meaning.
    pub id: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub reason: &'static str,
    /// What to do about it, in one line.
    pub advice: &'static str,
    /// Where to read more: `RFC 8996`, `CVE-2014-0160`, or an address without `https://`.
    pub references: &'static [&'static str],
    /// What of the session tells.
    pub known: Known,
    /// It is only there with these.
    parts: Parts,
    holds: fn(&Evidence<'_>) -> bool,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know, and nothing wrong.
    Info,
    /// Not as it should be, and of no use to an attacker by itself.
    Low,
    /// It weakens the session, or speaks of something that should be looked at.
    Medium,
    /// It breaks the protection of the session, or is an attack.
    High,
}

/// What of a session tells whether it has a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The ClientHello.
    ClientHello,
    /// The ServerHello.
    ServerHello,
    /// The HelloRetryRequest.
    HelloRetry,
    /// The group of the key exchange.
    Group,
    /// The server's key exchange.
    ServerKeyExchange,
    /// The server's certificates.
    ServerCertificates,
    /// The client's certificates.
    ClientCertificates,
    /// An alert of the client's.
    ClientAlert,
    /// An alert of the server's.
    ServerAlert,
    /// An alert of either side.
    Alert,
    /// An anomaly of either side.
    Anomaly(Anomaly),
    /// What either side began with that is not TLS.
    Opening,
    /// All that is said in the clear: both went dark, or the flow ended.
    Dark,
    /// Sessions before it: a [`Memory`] tells, once all is said in the clear.
    Earlier,
}

/// The findings of one subject.
#[derive(Debug)]
pub struct Family {
    /// What they are about.
    pub title: &'static str,
    /// Them, in the order in which they are told.
    pub findings: &'static [Finding],
    /// Whether there can be any: asked once, before each of them is.
    applies: fn(&Evidence<'_>) -> bool,
}

/// All, by subject.
pub static FAMILIES: [Family; 10] = [
    Family { title: "Protocol versions", findings: versions::FINDINGS, applies: |e| e.is_tls() },
    Family { title: "What the handshake says", findings: protocol::FINDINGS, applies: |e| e.is_tls() },
    Family { title: "Key exchange", findings: exchange::FINDINGS, applies: |e| e.is_tls() },
    Family { title: "Ciphers and extensions", findings: ciphers::FINDINGS, applies: |e| e.is_tls() },
    Family { title: "Certificates", findings: certificates::FINDINGS, applies: |e| e.has_certificates() },
    Family { title: "Against earlier sessions", findings: earlier::FINDINGS, applies: |e| e.session.compared.is_some() },
    Family { title: "Server names", findings: names::FINDINGS, applies: |e| e.has_client_hello() },
    Family { title: "Alerts", findings: alerts::FINDINGS, applies: |e| e.has_alerts() },
    Family { title: "How the peers behave", findings: behaviour::FINDINGS, applies: |e| e.is_tls() },
    Family { title: "Not TLS", findings: other::FINDINGS, applies: |e| e.may_be_other() },
];

/// What is found.
pub fn judge(evidence: &Evidence<'_>) -> FindingSet {
    let mut found = FindingSet::default();
    let mut first = 0_usize;
    let parts = Parts::of(evidence.session);
    for family in &FAMILIES {
        if (family.applies)(evidence) {
            for (place, finding) in family.findings.iter().enumerate() {
                if parts.have(finding.parts) && (finding.holds)(evidence) {
                    found.insert_place(first.saturating_add(place));
                }
            }
        }
        first = first.saturating_add(family.findings.len());
    }
    found
}

/// All, in the order of their tables.
pub fn all() -> impl Iterator<Item = &'static Finding> {
    FAMILIES.iter().flat_map(|family| family.findings)
}

/// The finding with this id.
pub fn find(id: &str) -> Option<&'static Finding> {
    all().find(|finding| finding.id == id)
}

/// A line of a table.
const fn finding(
    id: &'static str,
    severity: Severity,
    known: Known,
    reason: &'static str,
    advice: &'static str,
    references: &'static [&'static str],
    holds: fn(&Evidence<'_>) -> bool,
) -> Finding {
    Finding { id, severity, reason, advice, references, known, parts: Parts::that_tell(known), holds }
}

impl Finding {
    /// Whether `evidence` has it.
    pub fn holds(&self, evidence: &Evidence<'_>) -> bool {
        FAMILIES
            .iter()
            .any(|family| family.findings.as_ptr_range().contains(&std::ptr::from_ref(self)) && (family.applies)(evidence))
            && (self.holds)(evidence)
    }
}

impl Severity {
    /// All, the gravest first.
    pub const ALL: [Self; 4] = [Self::High, Self::Medium, Self::Low, Self::Info];

    /// The name that events and people have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
