//! The `trust` object: what the validation of a chain came to.

use serde::{Serialize, Serializer};

use super::ascii::{Date, Hex};
use super::text::Text;
use crate::protocol::x509::{CheckedSct, Evidence, IssuerOcsp, Ocsp, Problems, Status, Time, Validation};

#[derive(Serialize)]
pub(super) struct Trust<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Others::is_empty")]
    problems: Others,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ocsp: Option<OcspObject>,
    #[serde(skip_serializing_if = "IssuerOcsps::is_empty")]
    issuer_ocsp: IssuerOcsps<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    tls_scts: u32,
    #[serde(skip_serializing_if = "is_zero")]
    ocsp_scts: u32,
    #[serde(skip_serializing_if = "Scts::is_empty")]
    scts: Scts<'a>,
}

impl<'a> Trust<'a> {
    /// Of a verdict, and of what was handed over with the chain.
    pub fn of(validation: &Validation, evidence: Option<&'a Evidence>) -> Self {
        let mut others = validation.problems;
        others.remove(validation.status);
        let reason = validation.reason.map(|reason| reason.as_str());
        Self {
            status: validation.status.as_str(),
            problems: Others(others),
            reason,
            ocsp: evidence.and_then(|evidence| evidence.ocsp).map(OcspObject::of),
            issuer_ocsp: IssuerOcsps(evidence.map_or(&[], |evidence| &evidence.issuer_ocsp)),
            tls_scts: evidence.map_or(0, |evidence| evidence.tls_scts),
            ocsp_scts: evidence.map_or(0, |evidence| evidence.ocsp_scts),
            scts: Scts(evidence.map_or(&[], |evidence| &evidence.scts)),
        }
    }
}

/// What a stapled OCSP answer says.
#[derive(Serialize)]
struct OcspObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<usize>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    this_update: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_update: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl OcspObject {
    fn of(ocsp: Ocsp) -> Self {
        Self {
            place: None,
            status: ocsp.status.as_str(),
            this_update: ocsp.this_update.map(Date),
            next_update: ocsp.next_update.map(Date),
            revoked_at: ocsp.revoked_at.map(Date),
            reason: ocsp.reason_name(),
        }
    }
}

/// What OCSP answers say of the certificates behind the leaf.
struct IssuerOcsps<'a>(&'a [IssuerOcsp]);

impl IssuerOcsps<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for IssuerOcsps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = |answer: &IssuerOcsp| OcspObject { place: Some(answer.place), ..OcspObject::of(answer.ocsp) };
        serializer.collect_seq(self.0.iter().map(object))
    }
}

/// SCTs and their logs.
struct Scts<'a>(&'a [CheckedSct]);

impl Scts<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Scts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(SctObject::of))
    }
}

#[derive(Serialize)]
struct SctObject<'a> {
    source: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_id: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Date>,
}

impl<'a> SctObject<'a> {
    fn of(sct: &'a CheckedSct) -> Self {
        let seconds = sct.timestamp.and_then(|milliseconds| i64::try_from(milliseconds / 1_000).ok());
        Self {
            source: sct.source.as_str(),
            status: sct.status.as_str(),
            log: sct.log.as_deref().map(|log| Text(log.as_bytes())),
            log_id: sct.log_id.as_ref().map(|id| Hex(id)),
            timestamp: seconds.map(|seconds| Date(Time::from_unix(seconds))),
        }
    }
}

/// For serde, which asks by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What applies beside the status.
struct Others(Problems);

impl Others {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Others {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Status::as_str))
    }
}
