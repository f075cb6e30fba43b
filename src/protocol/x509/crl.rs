//! Certificate revocation lists (RFC 5280 §5), of version 1 and 2.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::tlv::{first_of, tag};
use super::{CrlScope, Time, oid};

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
    /// The algorithm of its signature, by the names of [`Facts::signature_algorithm`](super::Facts::signature_algorithm).
    pub signature_algorithm: String,
    /// What it is about: lists of one issuer with different ones stand beside each other.
    pub scope: CrlScope,
    revoked: HashMap<Vec<u8>, Time>,
}

/// Why a revocation list cannot be used, or does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
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
    /// It has attribute certificates, which nobody shows in TLS (RFC 5280 §5.2.5).
    #[error("it is about attribute certificates alone, and those are not used here")]
    AttributeCertificates,
    /// It has a critical extension that is not known (RFC 5280 §5.2, §5.3).
    #[error("it has a critical extension that is not known, so that it must not be used")]
    CriticalExtension,
    /// It is signed by none of the authorities of its name that are known.
    #[error(
        "it has the name of an authority that has not signed it: it counts for nothing, unless one of that name is sent that has"
    )]
    Unsigned,
    /// There is no algorithm here for the signature and the key of the authority of its name.
    #[error("its signature cannot be verified here (an algorithm or a size of key that is not supported): it counts for nothing")]
    Unverifiable,
    /// It is signed by an authority whose keyUsage does not say cRLSign (RFC 5280 §4.2.1.3).
    #[error("the authority that has signed it may not sign CRLs, by its certificate: it counts for nothing")]
    NotForCrls,
}

impl CrlFault {
    /// Whether a list with it is not even taken; others may count once a peer sends who has signed them.
    pub const fn is_refused(self) -> bool {
        !matches!(self, Self::Unsigned | Self::Unverifiable | Self::NotForCrls)
    }
}

impl Crl {
    /// Reads one in DER.
    pub fn read(der: &[u8]) -> Result<Self, CrlFault> {
        let Ok(([], list)) = CertificateRevocationList::from_der(der) else { return Err(CrlFault::Unparsable) };
        let issuer = first_of(list.issuer().as_raw(), tag::SEQUENCE).ok_or(CrlFault::Unparsable)?;
        let mut scope = CrlScope::default();
        for extension in list.extensions() {
            match extension.oid.as_bytes() {
                DELTA_CRL_INDICATOR => return Err(CrlFault::Delta),
                ISSUING_DISTRIBUTION_POINT => scope = CrlScope::read(extension.value, issuer)?,
                CRL_NUMBER | AUTHORITY_KEY_IDENTIFIER => {}
                _ if extension.critical => return Err(CrlFault::CriticalExtension),
                _ => {}
            }
        }
        let mut revoked = HashMap::new();
        for entry in list.iter_revoked_certificates() {
            for extension in entry.extensions() {
                match extension.oid.as_bytes() {
                    CERTIFICATE_ISSUER => return Err(CrlFault::Indirect),
                    REASON_CODE | INVALIDITY_DATE => {}
                    _ if extension.critical => return Err(CrlFault::CriticalExtension),
                    _ => {}
                }
            }
            revoked.insert(entry.raw_serial().to_vec(), Time::from_unix(entry.revocation_date.timestamp()));
        }
        Ok(Self {
            der: der.to_vec(),
            sha256: Sha256::digest(der).into(),
            issuer: issuer.to_vec(),
            this_update: Time::from_unix(list.last_update().timestamp()),
            next_update: list.next_update().map(|next| Time::from_unix(next.timestamp())),
            number: list.crl_number().map(|number| number.to_bytes_be()).unwrap_or_default(),
            signature_algorithm: oid::signature_algorithm(list.signature_algorithm.algorithm.as_bytes()),
            scope,
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

/// 2.5.29.20.
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
/// 2.5.29.21.
const REASON_CODE: &[u8] = &[0x55, 0x1d, 0x15];
/// 2.5.29.24.
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 0x18];
/// 2.5.29.27.
const DELTA_CRL_INDICATOR: &[u8] = &[0x55, 0x1d, 0x1b];
/// 2.5.29.28.
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
/// 2.5.29.29.
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 0x1d];
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
        list_with_entry(extensions, &[])
    }

    /// The same, and the entry has extensions, too.
    fn list_with_entry(extensions: Option<&[u8]>, of_entry: &[u8]) -> Vec<u8> {
        let sha256_rsa = tlv(0x30, &[&[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0]]);
        let of_entry = if of_entry.is_empty() { vec![] } else { tlv(0x30, &[of_entry]) };
        let entry = tlv(0x30, &[&[0x02, 2, 0, 0xff], &tlv(0x17, &[b"260301000000Z"]), &of_entry]);
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
        let users = CrlScope { user_certs_only: true, ..CrlScope::default() };
        let read = |number: &[u8], scope: &CrlScope| Ok((number.to_vec(), scope.clone()));
        let of_entry = |extension: Vec<u8>| list_with_entry(Some(&self::extension(20, false, &[0x02, 1, 1])), &extension);
        let all = &CrlScope::default();
        for (what, der, expected) in [
            ("a number", list(Some(&extension(20, false, &[0x02, 2, 1, 2]))), read(&[1, 2], all)),
            ("a scope", list(Some(&extension(28, true, &[0x30, 3, 0x81, 1, 0xff]))), read(&[], &users)),
            ("something unknown", list(Some(&extension(99, false, &[5, 0]))), read(&[], all)),
            ("something critical", list(Some(&extension(99, true, &[5, 0]))), Err(CrlFault::CriticalExtension)),
            ("a delta", list(Some(&extension(27, true, &[0x02, 1, 1]))), Err(CrlFault::Delta)),
            ("several issuers", list(Some(&extension(28, true, &[0x30, 3, 0x84, 1, 0xff]))), Err(CrlFault::Indirect)),
            ("a scope that is none", list(Some(&extension(28, true, &[5, 0]))), Err(CrlFault::Unparsable)),
            ("an entry with its reason", of_entry(extension(21, false, &[0x0a, 1, 1])), read(&[1], all)),
            ("an entry of another issuer", of_entry(extension(29, true, &[0x30, 0])), Err(CrlFault::Indirect)),
            ("an entry with something critical", of_entry(extension(99, true, &[5, 0])), Err(CrlFault::CriticalExtension)),
            ("nothing", Vec::new(), Err(CrlFault::Unparsable)),
            ("more behind it", [list(None), vec![0]].concat(), Err(CrlFault::Unparsable)),
        ] {
            assert_eq!(Crl::read(&der).map(|list| (list.number, list.scope)), expected, "{what}");
        }
    }
}
