//! Which key a certificate is of, and which one signed it, by their identifiers (RFC 5280 §4.2.1.1, §4.2.1.2).

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::outline::extensions;
use super::signed::PublicKey;
use super::tlv::{self, Tlvs, first_of, tag};

/// The key identifiers of a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyIds<'a> {
    /// subjectKeyIdentifier.
    pub subject: Option<&'a [u8]>,
    /// The keyIdentifier of authorityKeyIdentifier.
    pub authority: Option<&'a [u8]>,
}

/// Reads them from a certificate's DER.
pub fn key_ids(der: &[u8]) -> KeyIds<'_> {
    let mut ids = KeyIds::default();
    for extension in extensions(der) {
        match extension.oid {
            SUBJECT_KEY_IDENTIFIER => ids.subject = first_of(extension.value, tag::OCTET_STRING),
            AUTHORITY_KEY_IDENTIFIER => {
                ids.authority = first_of(extension.value, tag::SEQUENCE).and_then(|parts| Tlvs::new(parts).next_of(KEY_IDENTIFIER));
            }
            _ => {}
        }
    }
    ids
}

impl KeyIds<'_> {
    /// Whether `id` is made of this key, given by what its SubjectPublicKeyInfo holds, in one of the usual ways: by SHA-1 or SHA-256 (RFC 7093),
    /// of the key alone or of all of it.
    pub fn may_be_of(id: &[u8], public_key_info: &[u8]) -> bool {
        let Some(key) = PublicKey::read(public_key_info) else { return false };
        let header = tlv::header(tag::SEQUENCE, public_key_info.len());
        [&[key.key][..], &[&header, public_key_info]].into_iter().any(|parts| {
            let sha1 = parts.iter().fold(Sha1::new(), |digest, part| digest.chain_update(part)).finalize();
            let sha256 = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize();
            id == sha1.as_slice() || id.len() >= 20 && sha256.starts_with(id)
        })
    }
}

/// 2.5.29.14.
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
/// 2.5.29.35.
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];
/// `[0]`, IMPLICIT.
const KEY_IDENTIFIER: u8 = 0x80;
