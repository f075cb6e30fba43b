//! Certificates: the facts of one, read once and shared.
//!
//! [`Certificate::parse`] takes any bytes. x509-parser does the reading; where it gives up, a lenient walk of the bytes finds
//! each part by its place (`outline`), so that a broken extension does not hide the subject. Every kind of fact has its own
//! module: `name`, `time`, `key`, `extension`, `policy`, `oid`.

mod cache;
mod crl;
mod crl_scope;
mod evidence;
mod extension;
mod fault;
mod flaws;
mod key;
mod key_ids;
mod name;
mod ocsp;
mod oid;
mod outline;
mod policy;
pub mod sct;
mod signed;
mod time;
mod tlv;
mod usage;
mod validation;
mod weak_keys;

use sha1::{Digest, Sha1};
use sha2::Sha256;
use x509_parser::certificate::X509CertificateParser;
use x509_parser::nom::Parser;

use self::outline::Outline;
use crate::base::hex;

pub use self::cache::{CacheCounters, CertificateCache};
pub use self::crl::{Crl, CrlFault};
pub use self::crl_scope::CrlScope;
pub use self::evidence::{CheckedSct, Evidence, IssuerOcsp, Ocsp, OcspStatus, SctSource, SctStatus};
pub use self::extension::{subtrees, without_directories};
pub use self::fault::Fault;
pub use self::flaws::KeyFlaws;
pub use self::key::Key;
pub use self::key_ids::{KeyIds, key_ids};
pub use self::name::DistinguishedName;
pub use self::ocsp::{OcspAnswer, OcspFault, OcspState, SingleAnswer};
pub use self::outline::public_key as public_key_info;
pub use self::policy::PolicyClass;
pub use self::signed::{PublicKey, Signed, spki_content, spki_digest};
pub use self::time::Time;
pub use self::usage::{ExtendedKeyUsage, KeyUsage};
pub use self::validation::{Problems, Reason, Status, Validation};
pub use self::weak_keys::WeakKeys;

/// One certificate as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The DER as sent.
    pub der: Vec<u8>,
    /// SHA-1 of the DER.
    pub sha1: [u8; 20],
    /// SHA-256 of the DER.
    pub sha256: [u8; 32],
    /// What the DER says; `None` where it is no certificate.
    pub facts: Option<Facts>,
    /// What is malformed in it.
    pub fault: Option<Fault>,
}

/// What a certificate's DER says (RFC 5280). What cannot be read is empty or `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The subject in the text form that Suricata writes: `C=US, O=Example, CN=www.example`.
    ///
    /// Nothing is escaped in it but bytes that are no text in their string's encoding: these are `\xNN`.
    pub subject: DistinguishedName,
    /// The issuer in the same form.
    pub issuer: DistinguishedName,
    /// The serial number's content bytes, as encoded: with the leading zero of a positive number.
    pub serial: Vec<u8>,
    /// notBefore.
    pub not_before: Option<Time>,
    /// notAfter.
    pub not_after: Option<Time>,
    /// subjectAltName: DNS names, addresses, mail addresses and URIs as text, in the order of the certificate.
    pub subject_alt_names: Vec<String>,
    /// How many names of other kinds subjectAltName has.
    pub other_alt_names: u32,
    /// The public key's algorithm: `RSA`, `EC`, `Ed25519`, `ML-DSA-44`, or the OID in dots.
    pub key_type: String,
    /// Of an elliptic curve key the curve: `secp256r1`, or the OID in dots.
    pub key_curve: Option<String>,
    /// Size of the key in bits, where the type has one.
    pub key_bits: Option<u32>,
    /// Of an RSA key the public exponent; one of more than 64 bits counts as the largest of 64.
    pub key_exponent: Option<u64>,
    /// SHA-256 of the subjectPublicKeyInfo's DER: the same for all certificates of one key.
    pub spki_sha256: [u8; 32],
    /// What is wrong with the key itself.
    pub key_flaws: KeyFlaws,
    /// The signature algorithm: `sha256WithRSAEncryption`, or the OID in dots.
    pub signature_algorithm: String,
    /// basicConstraints says cA; `None` without the extension.
    pub is_ca: Option<bool>,
    /// pathLenConstraint of basicConstraints: how many CAs may be below it.
    pub path_len: Option<u32>,
    /// keyUsage; `None` without the extension.
    pub key_usage: Option<KeyUsage>,
    /// extKeyUsage; `None` without the extension.
    pub extended_key_usage: Option<ExtendedKeyUsage>,
    /// How its holder was validated, by certificatePolicies; `None` where that does not say.
    pub policy_class: Option<PolicyClass>,
    /// How many Signed Certificate Timestamps are embedded (RFC 6962 §3.3).
    pub embedded_scts: u32,
    /// The issuer's bytes equal the subject's.
    pub self_issued: bool,
    /// x509-parser would not have it, because it breaks DER or RFC 5280: the other fields hold what could be read all the same.
    pub malformed: bool,
    /// JA4X.
    #[cfg(feature = "ja4plus")]
    pub ja4x: String,
}

impl Certificate {
    /// Reads what can be read of `der`.
    pub fn parse(der: &[u8]) -> Self {
        let (facts, fault) = Facts::parse(der);
        Self { der: der.to_vec(), sha1: Sha1::digest(der).into(), sha256: Sha256::digest(der).into(), facts, fault }
    }

    /// The encodings of issuer and subject, in this order, each without the tag and length around it. `None` where they are not at
    /// their place.
    pub fn names(&self) -> Option<(&[u8], &[u8])> {
        outline::names(&self.der)
    }

    /// How many subtrees its nameConstraints permits and excludes.
    pub fn name_subtrees(&self) -> usize {
        let extensions = outline::extensions(&self.der);
        let value = extensions.iter().find(|e| e.oid == extension::NAME_CONSTRAINTS).map(|e| e.value).unwrap_or_default();
        tlv::first_of(value, tlv::tag::SEQUENCE).map_or(0, extension::subtrees)
    }

    /// Whether it has a critical extension that RFC 5280 does not describe.
    pub fn has_unknown_critical_extension(&self) -> bool {
        outline::extensions(&self.der).iter().any(|extension| extension.critical && !extension.is_of_rfc_5280())
    }

    /// What the SubjectPublicKeyInfo holds, without the tag and length around it. `None` where it is not at its place.
    pub fn public_key_info(&self) -> Option<&[u8]> {
        outline::public_key(&self.der)
    }
}

impl Facts {
    /// The serial number as EVE writes it: `00:8A:07:E0`.
    pub fn serial_text(&self) -> String {
        hex::upper_colons(&self.serial)
    }

    /// The days of its validity, whole ones, as the CA/Browser Forum counts them: its last second is part of it. `None` where a date cannot
    /// be read; below 0 where it ends before it begins.
    pub fn validity_days(&self) -> Option<i64> {
        let seconds = self.not_after?.as_unix().saturating_sub(self.not_before?.as_unix());
        Some(seconds.saturating_add(1).div_euclid(SECONDS_PER_DAY))
    }

    /// The days of its validity that are left at `now`, whole ones; below 0 once it has expired.
    pub fn days_left(&self, now: Time) -> Option<i64> {
        Some(self.not_after?.as_unix().saturating_sub(now.as_unix()).div_euclid(SECONDS_PER_DAY))
    }

    /// How many names subjectAltName has, of all kinds.
    pub fn alt_name_count(&self) -> usize {
        self.subject_alt_names.len().saturating_add(usize::try_from(self.other_alt_names).unwrap_or(usize::MAX))
    }

    /// Whether one of its DNS names is a wildcard.
    pub fn has_wildcard(&self) -> bool {
        self.subject_alt_names.iter().any(|name| name.starts_with("*."))
    }

    /// Whether its key, or the signature on it, withstands a quantum computer.
    pub fn is_post_quantum(&self) -> bool {
        oid::is_post_quantum(&self.key_type) || oid::is_post_quantum(&self.signature_algorithm)
    }

    /// Whether it is signed over a digest for which collisions can be found: MD5 and older, or SHA-1.
    pub fn is_weakly_signed(&self) -> bool {
        oid::is_weak_signature(&self.signature_algorithm)
    }

    fn parse(der: &[u8]) -> (Option<Self>, Option<Fault>) {
        // Extensions are read by us: one that is broken must not cost the others.
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let fault = match parser.parse(der) {
            Ok(([], certificate)) => match Outline::of(&certificate) {
                Some(outline) => return (Some(Self::of(&outline)), None),
                None => Some(Fault::Der),
            },
            Ok((_, _)) => Some(Fault::Der),
            Err(error) => Some(Fault::of(error)),
        };
        (Outline::walk(der).map(|outline| Self::of(&outline)), fault)
    }

    fn of(outline: &Outline<'_>) -> Self {
        let key = Key::read(outline.public_key);
        let constraints = outline.extension(extension::BASIC_CONSTRAINTS).map(extension::basic_constraints);
        let alt_names = outline.extension(extension::SUBJECT_ALT_NAME).map(extension::alt_names).unwrap_or_default();
        Self {
            subject: DistinguishedName::read(outline.subject),
            issuer: DistinguishedName::read(outline.issuer),
            serial: outline.serial.to_vec(),
            not_before: outline.not_before,
            not_after: outline.not_after,
            subject_alt_names: alt_names.texts,
            other_alt_names: alt_names.others,
            key_flaws: KeyFlaws::of(&key.typ, outline.public_key),
            key_type: key.typ,
            key_curve: key.curve,
            key_bits: key.bits,
            key_exponent: key.exponent,
            spki_sha256: outline.spki_sha256(),
            signature_algorithm: oid::signature_algorithm(outline.signature_algorithm),
            is_ca: constraints.map(|constraints| constraints.is_ca),
            path_len: constraints.and_then(|constraints| constraints.path_len),
            key_usage: outline.extension(extension::KEY_USAGE).map(KeyUsage::read),
            extended_key_usage: outline.extension(extension::EXTENDED_KEY_USAGE).map(ExtendedKeyUsage::read),
            policy_class: outline.extension(extension::CERTIFICATE_POLICIES).and_then(PolicyClass::read),
            embedded_scts: outline.extension(extension::SCT_LIST).map_or(0, extension::sct_count),
            self_issued: outline.subject == outline.issuer,
            malformed: outline.malformed,
            #[cfg(feature = "ja4plus")]
            ja4x: crate::protocol::fingerprint::ja4x(
                name::attribute_types(outline.issuer),
                name::attribute_types(outline.subject),
                outline.extensions.iter().map(|e| e.oid),
            ),
        }
    }
}

const SECONDS_PER_DAY: i64 = 86_400;

#[cfg(test)]
mod tests;
