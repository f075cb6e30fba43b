//! Certificates: the facts of one, read once and shared.

use crate::base::Timestamp;

/// The facts of one certificate (RFC 5280).
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
}

/// What a certificate's DER says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The subject in the text form that Suricata writes: `C=US, O=Example, CN=www.example`.
    pub subject: String,
    /// The issuer in the same form.
    pub issuer: String,
    /// The serial number's content bytes, as encoded.
    pub serial: Vec<u8>,
    /// notBefore. `None` where it cannot be read.
    pub not_before: Option<Timestamp>,
    /// notAfter.
    pub not_after: Option<Timestamp>,
    /// subjectAltName: DNS names, addresses, mail addresses and URIs as text, in the order of the certificate.
    pub subject_alt_names: Vec<String>,
    /// The public key's algorithm: `RSA`, `EC`, `Ed25519`, `ML-DSA-44`, or the OID in dots.
    pub key_type: String,
    /// Size of the key in bits, where the type has one.
    pub key_bits: Option<u32>,
    /// The signature algorithm: `sha256WithRSAEncryption`, or the OID in dots.
    pub signature_algorithm: String,
    /// basicConstraints says cA; `None` without the extension.
    pub is_ca: Option<bool>,
    /// The issuer's bytes equal the subject's.
    pub self_issued: bool,
    /// JA4X.
    #[cfg(feature = "ja4plus")]
    pub ja4x: String,
}
