//! Certificate revocation lists (RFC 5280 §5), of version 1 and 2.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::Time;
use super::tlv::{Tlvs, first_of, tag};

/// A revocation list: who is on it, and what it takes to tell whether it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crl {
    /// All of it, with its signature: [`Signed::of`](super::Signed::of) tells its parts.
    pub der: Vec<u8>,
    /// SHA-256 of that.
    pub sha256: [u8; 32],
    /// What the SEQUENCE of its issuer's name holds.
    pub issuer: Vec<u8>,
    /// When it was made.
    pub this_update: Time,
    /// When a newer one is to be had at the latest; `None` where it does not say.
    pub next_update: Option<Time>,
    /// cRLNumber without leading zeros; empty without the extension.
    pub number: Vec<u8>,
    /// The value of issuingDistributionPoint: lists of one issuer with different ones stand beside each other. Empty without it.
    pub scope: Vec<u8>,
    revoked: HashMap<Vec<u8>, Time>,
}

/// Why a revocation list cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlFault {
    /// It breaks DER, or it is something else.
    #[error("it cannot be read as a CRL")]
    Unparsable,
    /// It tells only what has changed since another (RFC 5280 §5.2.4).
    #[error("it is a delta CRL, which counts only with the one that it is based on")]
    Delta,
    /// It has certificates of several issuers (RFC 5280 §5.2.5, §5.3.3).
    #[error("it is an indirect CRL, with certificates of other issuers")]
    Indirect,
    /// It is signed by none of the authorities of its name that are known.
    #[error(
        "it has the name of an authority that has not signed it: it counts for nothing, unless one of that name is sent that has"
    )]
    Unsigned,
    /// It has a critical extension that is not known.
    #[error("it has a critical extension that is not known")]
    CriticalExtension,
}

impl Crl {
    /// Reads one in DER.
    pub fn read(der: &[u8]) -> Result<Self, CrlFault> {
        let Ok(([], list)) = CertificateRevocationList::from_der(der) else { return Err(CrlFault::Unparsable) };
        let mut scope = &[][..];
        for extension in list.extensions() {
            match extension.oid.as_bytes() {
                DELTA_CRL_INDICATOR => return Err(CrlFault::Delta),
                ISSUING_DISTRIBUTION_POINT if is_indirect(extension.value) => return Err(CrlFault::Indirect),
                ISSUING_DISTRIBUTION_POINT => scope = extension.value,
                CRL_NUMBER | AUTHORITY_KEY_IDENTIFIER => {}
                _ if extension.critical => return Err(CrlFault::CriticalExtension),
                _ => {}
            }
        }
        let mut revoked = HashMap::new();
        for entry in list.iter_revoked_certificates() {
            // All that may be critical in an entry is the issuer of an indirect list.
            if entry.extensions().iter().any(|extension| extension.critical) {
                return Err(CrlFault::Indirect);
            }
            revoked.insert(entry.raw_serial().to_vec(), Time::from_unix(entry.revocation_date.timestamp()));
        }
        Ok(Self {
            der: der.to_vec(),
            sha256: Sha256::digest(der).into(),
            issuer: first_of(list.issuer().as_raw(), tag::SEQUENCE).ok_or(CrlFault::Unparsable)?.to_vec(),
            this_update: Time::from_unix(list.last_update().timestamp()),
            next_update: list.next_update().map(|next| Time::from_unix(next.timestamp())),
            number: list.crl_number().map(|number| number.to_bytes_be()).unwrap_or_default(),
            scope: scope.to_vec(),
            revoked,
        })
    }

    /// Since when the certificate with this serial number, as [`Facts::serial`](super::Facts::serial) has it, is revoked.
    pub fn revoked_since(&self, serial: &[u8]) -> Option<Time> {
        self.revoked.get(serial).copied()
    }

    /// Whether it is the one to go by at `now`: made by then, and not out of date.
    pub fn is_current(&self, now: Time) -> bool {
        self.this_update <= now && self.next_update.is_none_or(|next| now <= next)
    }
}

/// Whether an issuingDistributionPoint says indirectCRL (`[4]`).
fn is_indirect(value: &[u8]) -> bool {
    let mut parts = Tlvs::new(first_of(value, tag::SEQUENCE).unwrap_or_default());
    parts.any(|part| part.of(0x84).is_some_and(|value| value.iter().any(|byte| *byte != 0)))
}

/// 2.5.29.20.
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
/// 2.5.29.27.
const DELTA_CRL_INDICATOR: &[u8] = &[0x55, 0x1d, 0x1b];
/// 2.5.29.28.
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
/// 2.5.29.35.
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        [&[tag, u8::try_from(content.len()).unwrap()], &content[..]].concat()
    }

    /// A list with one entry, of version 2 where it has extensions.
    fn list(extensions: Option<&[u8]>) -> Vec<u8> {
        let sha256_rsa = tlv(0x30, &[&[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0]]);
        let entry = tlv(0x30, &[&[0x02, 2, 0, 0xff], &tlv(0x17, &[b"260301000000Z"])]);
        let version = extensions.map_or(&[][..], |_| &[0x02, 1, 1]);
        let extensions = extensions.map(|list| tlv(0xa0, &[&tlv(0x30, &[list])])).unwrap_or_default();
        let dates = [tlv(0x17, &[b"260302000000Z"]), tlv(0x17, &[b"260309000000Z"])].concat();
        let tbs = tlv(0x30, &[version, &sha256_rsa, &[0x30, 0], &dates, &tlv(0x30, &[&entry]), &extensions]);
        tlv(0x30, &[&tbs, &sha256_rsa, &[0x03, 2, 0, 7]])
    }

    fn extension(last: u8, critical: bool, value: &[u8]) -> Vec<u8> {
        let critical: &[u8] = if critical { &[0x01, 1, 0xff] } else { &[] };
        tlv(0x30, &[&[0x06, 3, 0x55, 0x1d, last], critical, &tlv(0x04, &[value])])
    }

    #[test]
    fn a_list_of_version_1_is_read() {
        let read = Crl::read(&list(None)).unwrap();
        let march = |day| Time::from_utc(2026, 3, day, 0, 0, 0).unwrap();
        assert_eq!((read.this_update, read.next_update, read.number.len()), (march(2), Some(march(9)), 0));
        assert_eq!((read.revoked_since(&[0, 0xff]), read.revoked_since(&[0xff])), (Some(march(1)), None));
        assert_eq!([1, 2, 9, 10].map(|day| read.is_current(march(day))), [false, true, true, false]);
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let scope = extension(28, true, &[0x30, 3, 0x81, 1, 0xff]);
        for (what, der, expected) in [
            ("a number", list(Some(&extension(20, false, &[0x02, 2, 1, 2]))), Ok((vec![1, 2], vec![]))),
            ("a scope", list(Some(&scope)), Ok((vec![], vec![0x30, 3, 0x81, 1, 0xff]))),
            ("something unknown", list(Some(&extension(99, false, &[5, 0]))), Ok((vec![], vec![]))),
            ("something critical", list(Some(&extension(99, true, &[5, 0]))), Err(CrlFault::CriticalExtension)),
            ("a delta", list(Some(&extension(27, true, &[0x02, 1, 1]))), Err(CrlFault::Delta)),
            ("several issuers", list(Some(&extension(28, true, &[0x30, 3, 0x84, 1, 0xff]))), Err(CrlFault::Indirect)),
            ("nothing", Vec::new(), Err(CrlFault::Unparsable)),
            ("more behind it", [list(None), vec![0]].concat(), Err(CrlFault::Unparsable)),
        ] {
            assert_eq!(Crl::read(&der).map(|list| (list.number, list.scope)), expected, "{what}");
        }
    }
}
