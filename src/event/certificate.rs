//! A certificate as EVE writes it, for the server in `tls` itself and for the client in `tls.client`; and the chain facts.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::ascii::{Base64, Date, Fingerprint, Hex, Serial};
use crate::protocol::x509;

/// The keys that EVE has for the leaf of one side.
#[derive(Serialize)]
pub(super) struct Leaf<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuerdn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<Serial<'a>>,
    fingerprint: Fingerprint<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notbefore: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notafter: Option<Date>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    subjectaltname: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Base64<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<ChainBase64<'a>>,
}

impl<'a> Leaf<'a> {
    /// The first of `chain`, if there is one. `whole` adds the certificates themselves, in base64.
    pub fn of(chain: &'a [Arc<x509::Certificate>], whole: bool) -> Option<Self> {
        let leaf = chain.first()?;
        let facts = leaf.facts.as_ref();
        Some(Self {
            subject: facts.map(|f| f.subject.as_str()),
            issuerdn: facts.map(|f| f.issuer.as_str()),
            serial: facts.map(|f| Serial(&f.serial)),
            fingerprint: Fingerprint(&leaf.sha1),
            notbefore: facts.and_then(|f| f.not_before).map(Date),
            notafter: facts.and_then(|f| f.not_after).map(Date),
            subjectaltname: facts.map_or(&[], |f| &f.subject_alt_names),
            certificate: whole.then(|| Base64(&leaf.der)),
            chain: whole.then_some(ChainBase64(chain)),
        })
    }
}

/// A chain's certificates in base64, leaf first.
struct ChainBase64<'a>(&'a [Arc<x509::Certificate>]);

impl Serialize for ChainBase64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|c| Base64(&c.der)))
    }
}

/// A chain's SHA-256 fingerprints, leaf first.
pub(super) struct ChainSha256<'a>(pub &'a [Arc<x509::Certificate>]);

impl Serialize for ChainSha256<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|c| Hex(&c.sha256)))
    }
}

/// The facts of each certificate of a chain, leaf first.
pub(super) struct Chain<'a>(pub &'a [Arc<x509::Certificate>]);

impl Serialize for Chain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|c| Link::of(c)))
    }
}

#[derive(Serialize)]
struct Link<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    sha256: Hex<'a>,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_bits: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature_algorithm: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_ca: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    self_issued: Option<bool>,
}

impl<'a> Link<'a> {
    fn of(certificate: &'a x509::Certificate) -> Self {
        let facts = certificate.facts.as_ref();
        Self {
            subject: facts.map(|f| f.subject.as_str()),
            issuer: facts.map(|f| f.issuer.as_str()),
            sha256: Hex(&certificate.sha256),
            size: certificate.der.len(),
            not_before: facts.and_then(|f| f.not_before).map(Date),
            not_after: facts.and_then(|f| f.not_after).map(Date),
            key_type: facts.map(|f| f.key_type.as_str()),
            key_bits: facts.and_then(|f| f.key_bits),
            signature_algorithm: facts.map(|f| f.signature_algorithm.as_str()),
            is_ca: facts.and_then(|f| f.is_ca),
            self_issued: facts.map(|f| f.self_issued),
        }
    }
}

/// JA4X of each certificate of a chain that could be read, leaf first.
#[cfg(feature = "ja4plus")]
pub(super) struct ChainJa4x<'a>(pub &'a [Arc<x509::Certificate>]);

#[cfg(feature = "ja4plus")]
impl Serialize for ChainJa4x<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().filter_map(|c| c.facts.as_ref()).map(|f| &f.ja4x))
    }
}
