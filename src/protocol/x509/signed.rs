//! What signatures are about: the parts of a signed structure, and of the key that a signature is checked with.

use sha2::{Digest, Sha256};

use super::oid;
use super::tlv::{self, Tlvs, bit_string_bytes, first_of, tag};

/// The parts of a certificate, or of anything else that is signed as one is (RFC 5280 §4.1.1): an OCSP answer, for one.
#[derive(Clone, Debug)]
pub struct Signed<'a> {
    /// What is signed, with its tag and length.
    pub message: &'a [u8],
    /// What the AlgorithmIdentifier of the signature holds.
    pub algorithm: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
    /// What follows.
    pub(super) rest: Tlvs<'a>,
}

/// The parts of a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// What its AlgorithmIdentifier holds.
    pub algorithm: &'a [u8],
    /// The key.
    pub key: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Of what the SEQUENCE holds that is all of it.
    pub(super) fn read(content: &'a [u8]) -> Option<Self> {
        let mut rest = Tlvs::new(content);
        let message = rest.next_whole_of(tag::SEQUENCE)?;
        let algorithm = rest.next_of(tag::SEQUENCE)?;
        let signature = bit_string_bytes(rest.next_of(tag::BIT_STRING)?);
        Some(Self { message, algorithm, signature, rest })
    }

    /// Of the DER of all of it.
    pub fn of(der: &'a [u8]) -> Option<Self> {
        Self::read(first_of(der, tag::SEQUENCE)?)
    }
}

impl<'a> PublicKey<'a> {
    /// Of what a SubjectPublicKeyInfo's SEQUENCE holds.
    pub fn read(content: &'a [u8]) -> Option<Self> {
        let mut parts = Tlvs::new(content);
        Some(Self { algorithm: parts.next_of(tag::SEQUENCE)?, key: bit_string_bytes(parts.next_of(tag::BIT_STRING)?) })
    }

    /// Whether it is of the kind that makes signatures by `algorithm`, what an AlgorithmIdentifier holds; also where either is not known.
    pub fn may_sign_by(&self, algorithm: &[u8]) -> bool {
        let oid = |algorithm| first_of(algorithm, tag::OID);
        oid(self.algorithm).zip(oid(algorithm)).is_none_or(|(key, signature)| oid::may_sign(key, signature))
    }
}

/// What the SEQUENCE of a SubjectPublicKeyInfo in DER holds.
pub fn spki_content(der: &[u8]) -> Option<&[u8]> {
    first_of(der, tag::SEQUENCE)
}

/// SHA-256 of a SubjectPublicKeyInfo's DER, by what its SEQUENCE holds.
pub fn spki_digest(content: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(tlv::header(tag::SEQUENCE, content.len())).chain_update(content).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_structure_has_three_parts() {
        let content = [0x30, 1, 7, 0x30, 2, 0x06, 0, 0x03, 3, 0, 8, 9, 0x05, 0];
        let mut signed = Signed::read(&content).unwrap();
        assert_eq!((signed.message, signed.algorithm, signed.signature), (&[0x30, 1, 7][..], &[0x06, 0][..], &[8, 9][..]));
        assert_eq!(signed.rest.next().map(|tlv| tlv.tag), Some(0x05));
        assert!((0..8).all(|cut| Signed::read(&content[..cut]).is_none()), "what lacks a part is none");
    }

    #[test]
    fn a_key_has_an_algorithm() {
        let content = [0x30, 2, 0x06, 0, 0x03, 2, 0, 4];
        assert_eq!(PublicKey::read(&content), Some(PublicKey { algorithm: &[0x06, 0], key: &[4] }));
        assert_eq!(PublicKey::read(&content[..4]), None);
    }
}
