//! Where the parts of a certificate lie in its DER: x509-parser says so of what keeps to the standards, our own lenient walk
//! of all else.

use smallvec::SmallVec;
use x509_parser::certificate::X509Certificate;

use super::extension::Extension;
use super::time::Time;
use super::tlv::{Tlvs, first_of, tag};

/// The parts of a TBSCertificate (RFC 5280 §4.1). What cannot be found is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outline<'a> {
    /// serialNumber's content bytes.
    pub serial: &'a [u8],
    /// The OID of the signature algorithm.
    pub signature_algorithm: &'a [u8],
    /// What the issuer's SEQUENCE holds.
    pub issuer: &'a [u8],
    pub not_before: Option<Time>,
    pub not_after: Option<Time>,
    /// What the subject's SEQUENCE holds.
    pub subject: &'a [u8],
    /// What the subjectPublicKeyInfo's SEQUENCE holds.
    pub public_key: &'a [u8],
    /// In the order of the encoding.
    pub extensions: SmallVec<[Extension<'a>; 12]>,
    /// It breaks the rules of DER or of RFC 5280.
    pub malformed: bool,
}

impl<'a> Outline<'a> {
    /// Of a certificate that x509-parser could read, `None` where it passed over a part of it in silence.
    pub fn of(certificate: &'a X509Certificate<'_>) -> Option<Self> {
        Some(Self {
            serial: certificate.raw_serial(),
            signature_algorithm: certificate.tbs_certificate.signature.algorithm.as_bytes(),
            issuer: whole_sequence(certificate.issuer().as_raw())?,
            not_before: Some(Time::from_unix(certificate.validity().not_before.timestamp())),
            not_after: Some(Time::from_unix(certificate.validity().not_after.timestamp())),
            subject: whole_sequence(certificate.subject().as_raw())?,
            public_key: whole_sequence(certificate.public_key().raw)?,
            extensions: certificate
                .extensions()
                .iter()
                .map(|e| Extension { oid: e.oid.as_bytes(), critical: e.critical, value: e.value })
                .collect(),
            malformed: false,
        })
    }

    /// Of bytes that x509-parser could not read: each part by its place, whatever is wrong with the others. `None` where
    /// there is no serial number, hence no certificate.
    pub fn walk(der: &'a [u8]) -> Option<Self> {
        let mut fields = Tlvs::new(first_of(first_of(der, tag::SEQUENCE)?, tag::SEQUENCE)?);
        let _version = fields.next_of(VERSION);
        let serial = fields.next_of(tag::INTEGER)?;
        let mut sequence = || fields.next().and_then(|field| field.of(tag::SEQUENCE)).unwrap_or_default();
        let signature = sequence();
        let issuer = sequence();
        let mut validity = Tlvs::new(sequence());
        let subject = sequence();
        let public_key = sequence();
        let extensions = fields.find_map(|field| field.of(EXTENSIONS)).unwrap_or_default();
        Some(Self {
            serial,
            signature_algorithm: first_of(signature, tag::OID).unwrap_or_default(),
            issuer,
            not_before: validity.next().and_then(Time::read),
            not_after: validity.next().and_then(Time::read),
            subject,
            public_key,
            extensions: walk_extensions(first_of(extensions, tag::SEQUENCE).unwrap_or_default()),
            malformed: true,
        })
    }

    /// SHA-256 of the subjectPublicKeyInfo, in DER whatever form its length has.
    pub fn spki_sha256(&self) -> [u8; 32] {
        super::spki_digest(self.public_key)
    }

    /// The value of the first extension `oid`.
    pub fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        self.extensions.iter().find(|e| e.oid == oid).map(|e| e.value)
    }
}

/// What the SEQUENCEs of issuer and subject hold, in this order: found by their place, without a look at what comes after.
pub(super) fn names(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = Tlvs::new(first_of(first_of(der, tag::SEQUENCE)?, tag::SEQUENCE)?);
    let _version = fields.next_of(VERSION);
    let _serial = fields.next_of(tag::INTEGER)?;
    let _signature = fields.next_of(tag::SEQUENCE)?;
    let issuer = fields.next_of(tag::SEQUENCE)?;
    let _validity = fields.next_of(tag::SEQUENCE)?;
    Some((issuer, fields.next_of(tag::SEQUENCE)?))
}

/// What the SEQUENCE of a certificate's subjectPublicKeyInfo holds, found in the same way.
pub fn public_key(der: &[u8]) -> Option<&[u8]> {
    let mut fields = Tlvs::new(first_of(first_of(der, tag::SEQUENCE)?, tag::SEQUENCE)?);
    let _version = fields.next_of(VERSION);
    let _serial = fields.next_of(tag::INTEGER)?;
    // signature, issuer, validity, subject
    fields.nth(3)?;
    fields.next_of(tag::SEQUENCE)
}

/// A certificate's extensions, found in the same way.
pub(super) fn extensions(der: &[u8]) -> SmallVec<[Extension<'_>; 12]> {
    let tbs = first_of(der, tag::SEQUENCE).and_then(|content| first_of(content, tag::SEQUENCE)).unwrap_or_default();
    let list = Tlvs::new(tbs).find_map(|field| field.of(EXTENSIONS)).and_then(|list| first_of(list, tag::SEQUENCE));
    walk_extensions(list.unwrap_or_default())
}

/// `[0]` and `[3]`, both EXPLICIT.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// What the SEQUENCE holds that `raw` begins with. x509-parser's `raw` ends where its reading ended: that must be its end.
fn whole_sequence(raw: &[u8]) -> Option<&[u8]> {
    Tlvs::new(raw).next().filter(|tlv| tlv.whole)?.of(tag::SEQUENCE)
}

/// The Extensions in `list`; one without an OID is passed over, one without a value has an empty one.
pub(super) fn walk_extensions(list: &[u8]) -> SmallVec<[Extension<'_>; 12]> {
    let parts = Tlvs::new(list).map(|extension| Tlvs::new(extension.value));
    parts
        .filter_map(|mut parts| {
            let oid = parts.next_of(tag::OID)?;
            let mut critical = false;
            let value = parts.find_map(|part| {
                critical |= part.of(tag::BOOLEAN).is_some_and(|value| value.iter().any(|b| *b != 0));
                part.of(tag::OCTET_STRING)
            });
            Some(Extension { oid, critical, value: value.unwrap_or_default() })
        })
        .collect()
}
