//! A certificate as EVE writes it, for the server in `tls` itself and for the client in `tls.client`; the chain facts; and the
//! `portcullis_certificate` event.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::ascii::{Base64, Date, Fingerprint, Hex, Serial};
use super::common::{Common, Line, Own};
use super::text::Text;
use crate::protocol::x509;

/// A certificate, and where it was seen.
#[derive(Clone, Copy, Debug)]
pub struct CertificateInfo<'a> {
    /// The certificate.
    pub certificate: &'a x509::Certificate,
    /// The client sent it.
    pub from_client: bool,
    /// Its place among those sent, from 0.
    pub place: usize,
    /// The server name that the client asked for.
    pub server_name: Option<&'a [u8]>,
}

/// Appends the event of a certificate that is seen for the first time to `out`. Source in `common` is the client.
pub fn certificate(out: &mut Vec<u8>, common: &Common<'_>, info: &CertificateInfo<'_>) {
    let mut line = Line::new(common, "portcullis_certificate");
    line.portcullis = Some(Own::Certificate(Box::new(CertificateObject {
        from: if info.from_client { "client" } else { "server" },
        place: info.place,
        sni: info.server_name.map(Text),
        certificate: Link::of(info.certificate, x509::Time::from(common.timestamp)),
        subjectaltname: info.certificate.facts.as_ref().map_or(&[], |facts| &facts.subject_alt_names),
    })));
    line.write(out);
}

#[derive(Serialize)]
pub(super) struct CertificateObject<'a> {
    from: &'static str,
    place: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<Text<'a>>,
    certificate: Link<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    subjectaltname: &'a [String],
}

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

/// The facts of each certificate of a chain, leaf first, and how long each is still valid at the time given.
pub(super) struct Chain<'a>(pub &'a [Arc<x509::Certificate>], pub x509::Time);

impl Serialize for Chain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|c| Link::of(c, self.1)))
    }
}

/// The facts of one certificate.
#[derive(Serialize)]
struct Link<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<Serial<'a>>,
    sha256: Hex<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spki_sha256: Option<Hex<'a>>,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validity_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_bits: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_curve: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_exponent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature_algorithm: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    post_quantum: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_ca: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_len: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_usage: Option<KeyUsages>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extended_key_usage: Option<Purposes>,
    #[serde(skip_serializing_if = "is_none_or_zero")]
    other_key_usages: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt_names: Option<usize>,
    #[serde(skip_serializing_if = "is_false")]
    wildcard: bool,
    #[serde(skip_serializing_if = "is_none_or_zero")]
    scts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    self_issued: Option<bool>,
}

impl<'a> Link<'a> {
    fn of(certificate: &'a x509::Certificate, now: x509::Time) -> Self {
        let facts = certificate.facts.as_ref();
        let purposes = facts.and_then(|f| f.extended_key_usage);
        Self {
            subject: facts.map(|f| f.subject.as_str()),
            issuer: facts.map(|f| f.issuer.as_str()),
            serial: facts.map(|f| Serial(&f.serial)),
            sha256: Hex(&certificate.sha256),
            spki_sha256: facts.map(|f| Hex(&f.spki_sha256)),
            size: certificate.der.len(),
            not_before: facts.and_then(|f| f.not_before).map(Date),
            not_after: facts.and_then(|f| f.not_after).map(Date),
            validity_days: facts.and_then(x509::Facts::validity_days),
            days_left: facts.and_then(|f| f.days_left(now)),
            key_type: facts.map(|f| f.key_type.as_str()),
            key_bits: facts.and_then(|f| f.key_bits),
            key_curve: facts.and_then(|f| f.key_curve.as_deref()),
            key_exponent: facts.and_then(|f| f.key_exponent),
            signature_algorithm: facts.map(|f| f.signature_algorithm.as_str()),
            post_quantum: facts.is_some_and(x509::Facts::is_post_quantum),
            is_ca: facts.and_then(|f| f.is_ca),
            path_len: facts.and_then(|f| f.path_len),
            key_usage: facts.and_then(|f| f.key_usage).map(KeyUsages),
            extended_key_usage: purposes.map(Purposes),
            other_key_usages: purposes.map(|purposes| purposes.others),
            policy: facts.and_then(|f| f.policy_class).map(x509::PolicyClass::as_str),
            alt_names: facts.map(x509::Facts::alt_name_count),
            wildcard: facts.is_some_and(x509::Facts::has_wildcard),
            scts: facts.map(|f| f.embedded_scts),
            self_issued: facts.map(|f| f.self_issued),
        }
    }
}

/// A keyUsage's bits by name.
struct KeyUsages(x509::KeyUsage);

impl Serialize for KeyUsages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.names())
    }
}

/// An extKeyUsage's purposes by name.
struct Purposes(x509::ExtendedKeyUsage);

impl Serialize for Purposes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.names())
    }
}

/// For serde, which asks by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_false(mark: &bool) -> bool {
    !*mark
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_none_or_zero(count: &Option<u32>) -> bool {
    count.is_none_or(|n| n == 0)
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
