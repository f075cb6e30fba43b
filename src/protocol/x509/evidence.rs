//! What was handed over with a chain to vouch for it, and what that comes to: plain data, as the verdict is.

use std::sync::Arc;

use super::{OcspFault, Time};
use crate::base::heap;

/// What came of OCSP answers and SCTs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The stapled OCSP answer.
    pub ocsp: Option<Ocsp>,
    /// Those on the certificates behind the leaf.
    pub issuer_ocsp: Vec<IssuerOcsp>,
    /// How many SCTs the TLS extension had.
    pub tls_scts: u32,
    /// How many the OCSP answer had.
    pub ocsp_scts: u32,
    /// All SCTs with their logs, where these are known; at most [`Self::MOST_SCTS`].
    pub scts: Vec<CheckedSct>,
}

impl Evidence {
    /// SCTs of one session that are checked; the others are counted.
    pub const MOST_SCTS: usize = 16;

    /// Bytes of memory that it takes.
    pub(in crate::protocol) const fn footprint(&self) -> usize {
        let lists =
            heap::of::<CheckedSct>(self.scts.capacity()).saturating_add(heap::of::<IssuerOcsp>(self.issuer_ocsp.capacity()));
        heap::of_box::<Self>().saturating_add(lists)
    }

    /// Whether an OCSP answer says that the certificate is revoked, or one of `issuers`, those of its path by their SHA-256.
    pub fn is_revoked(&self, issuers: &[[u8; 32]]) -> bool {
        let of_path = self.issuer_ocsp.iter().filter(|answer| issuers.contains(&answer.sha256)).map(|answer| answer.ocsp);
        self.ocsp.into_iter().chain(of_path).any(|ocsp| ocsp.status == OcspStatus::Revoked)
    }

    /// All OCSP answers.
    pub fn ocsp_answers(&self) -> impl Iterator<Item = Ocsp> {
        self.ocsp.into_iter().chain(self.issuer_ocsp.iter().map(|answer| answer.ocsp))
    }
}

/// What a stapled OCSP answer says of a certificate behind the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerOcsp {
    /// Its place in the chain as sent; the leaf's is 0.
    pub place: usize,
    /// The SHA-256 of its DER.
    pub sha256: [u8; 32],
    /// What the answer says.
    pub ocsp: Ocsp,
}

/// What a stapled OCSP answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ocsp {
    /// What it comes to.
    pub status: OcspStatus,
    /// When the state was known to be so.
    pub this_update: Option<Time>,
    /// When something newer is to be had at the latest.
    pub next_update: Option<Time>,
    /// Since when the certificate is revoked.
    pub revoked_at: Option<Time>,
    /// Why (RFC 5280 §5.3.1).
    pub reason: Option<u8>,
}

/// What an OCSP answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OcspStatus {
    /// Signed by the right one, in time, and good.
    Good,
    /// Signed by the right one, and revoked at the time of the packet: also where the answer is out of date.
    Revoked,
    /// The responder does not know the certificate.
    Unknown,
    /// Good, from a later time on.
    NotYetValid,
    /// Good, up to an earlier time.
    Expired,
    /// Its signature is wrong, or by somebody who may not answer.
    BadSignature,
    /// It is about another certificate.
    OtherCertificate,
    /// The issuer was neither sent nor is it known, so that nobody can tell.
    NoIssuer,
    /// The responder could not answer.
    Refused,
    /// Of a kind, signed in a way, or of a size that this program does not know.
    Unsupported,
    /// It cannot be read.
    Unparsable,
}

/// Where an SCT was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SctSource {
    /// In the certificate.
    Embedded,
    /// In the ServerHello (RFC 6962 §3.3.1).
    Tls,
    /// In the OCSP answer.
    Ocsp,
}

/// An SCT and its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedSct {
    /// Where it was.
    pub source: SctSource,
    /// SHA-256 of the log's key; `None` where the SCT cannot be read.
    pub log_id: Option<[u8; 32]>,
    /// The log's name, where it is known.
    pub log: Option<Arc<str>>,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub timestamp: Option<u64>,
    /// What it comes to.
    pub status: SctStatus,
}

/// What an SCT comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SctStatus {
    /// Its signature is right.
    Valid,
    /// Its signature is wrong.
    BadSignature,
    /// It is of a later time than the packet.
    NotYetValid,
    /// The log was not to be trusted any more when it made it, or never was.
    DistrustedLog,
    /// The log is for certificates that end at another time.
    OtherPeriod,
    /// The log is not in the list.
    UnknownLog,
    /// The issuer was neither sent nor is it known: without its key an embedded one cannot be checked.
    NoIssuer,
    /// Signed in a way that this program does not know.
    Unsupported,
    /// It cannot be read, or is of another version.
    Unparsable,
}

impl Ocsp {
    /// Of an answer that says nothing.
    pub const fn of(status: OcspStatus) -> Self {
        Self { status, this_update: None, next_update: None, revoked_at: None, reason: None }
    }

    /// The name of the reason (RFC 5280 §5.3.1).
    pub fn reason_name(&self) -> Option<&'static str> {
        const NAMES: [&str; 11] = [
            "unspecified",
            "keyCompromise",
            "cACompromise",
            "affiliationChanged",
            "superseded",
            "cessationOfOperation",
            "certificateHold",
            "", // not used
            "removeFromCRL",
            "privilegeWithdrawn",
            "aACompromise",
        ];
        NAMES.get(usize::from(self.reason?)).copied().filter(|name| !name.is_empty())
    }
}

impl From<OcspFault> for OcspStatus {
    fn from(fault: OcspFault) -> Self {
        match fault {
            OcspFault::Unparsable => Self::Unparsable,
            OcspFault::Refused => Self::Refused,
            OcspFault::Unsupported => Self::Unsupported,
        }
    }
}

impl OcspStatus {
    /// The name that events have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::BadSignature => "bad_signature",
            Self::OtherCertificate => "other_certificate",
            Self::NoIssuer => "no_issuer",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::Unparsable => "unparsable",
        }
    }
}

impl SctSource {
    /// The name that events have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Tls => "tls",
            Self::Ocsp => "ocsp",
        }
    }
}

impl SctStatus {
    /// The name that events have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::BadSignature => "bad_signature",
            Self::NotYetValid => "not_yet_valid",
            Self::DistrustedLog => "distrusted_log",
            Self::OtherPeriod => "other_period",
            Self::UnknownLog => "unknown_log",
            Self::NoIssuer => "no_issuer",
            Self::Unsupported => "unsupported",
            Self::Unparsable => "unparsable",
        }
    }
}
