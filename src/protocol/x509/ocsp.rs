//! OCSP answers (RFC 6960 §4.2), as servers staple them to their certificates (RFC 6066 §8).

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use smallvec::SmallVec;

use super::extension::{self, Extension};
use super::outline;
use super::signed::{PublicKey, Signed};
use super::time::Time;
use super::tlv::{self, Tlvs, first_of, tag};

/// An answer that a responder has signed, where its parts lie.
#[derive(Clone, Debug)]
pub struct OcspAnswer<'a> {
    /// What is signed, how, and the signature.
    pub signed: Signed<'a>,
    /// The DER of the certificates that came with it, four at most: the responder's, where that is not the issuer itself.
    pub certificates: SmallVec<[&'a [u8]; 2]>,
    singles: Tlvs<'a>,
}

/// What an answer says of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleAnswer<'a> {
    /// Its state.
    pub state: OcspState,
    /// When that was known to be so.
    pub this_update: Time,
    /// When something newer is to be had at the latest.
    pub next_update: Option<Time>,
    /// The SignedCertificateTimestampList that came with it (RFC 6962 §3.3).
    pub scts: &'a [u8],
}

/// The state of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspState {
    /// It is not revoked.
    Good,
    /// It is revoked: since when, and why (RFC 5280 §5.3.1), where that is told.
    Revoked(Time, Option<u8>),
    /// The responder does not know it.
    Unknown,
}

/// Why there is nothing to be had from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspFault {
    /// It cannot be read.
    Unparsable,
    /// It says that the responder could not answer (RFC 6960 §4.2.1: `tryLater` and the like).
    Refused,
    /// It is of a type that nobody uses.
    Unsupported,
}

impl<'a> OcspAnswer<'a> {
    /// Reads an OCSPResponse.
    pub fn read(der: &'a [u8]) -> Result<Self, OcspFault> {
        let mut response = Tlvs::new(first_of(der, tag::SEQUENCE).ok_or(OcspFault::Unparsable)?);
        match response.next_of(tag::ENUMERATED) {
            Some([0]) => {}
            Some([_]) => return Err(OcspFault::Refused),
            _ => return Err(OcspFault::Unparsable),
        }
        let mut bytes = response.next_of(EXPLICIT_0).and_then(|bytes| Some(Tlvs::new(first_of(bytes, tag::SEQUENCE)?)));
        match bytes.as_mut().and_then(|bytes| bytes.next_of(tag::OID)) {
            Some(ID_PKIX_OCSP_BASIC) => {}
            Some(_) => return Err(OcspFault::Unsupported),
            None => return Err(OcspFault::Unparsable),
        }
        bytes.and_then(|mut bytes| Self::basic(bytes.next_of(tag::OCTET_STRING)?)).ok_or(OcspFault::Unparsable)
    }

    /// What it says of the certificate with this serial number, of the issuer with this name and key.
    pub fn of(&self, issuer_name: &[u8], issuer_key: &PublicKey<'_>, serial: &[u8]) -> Option<SingleAnswer<'a>> {
        let is_meant = |single: &Tlvs<'a>| is_of(&mut single.clone(), issuer_name, issuer_key, serial).unwrap_or(false);
        let singles = self.singles.clone().filter_map(|single| single.of(tag::SEQUENCE)).map(Tlvs::new);
        singles.take(MOST_SINGLES).filter(is_meant).find_map(SingleAnswer::read)
    }

    /// Reads a BasicOCSPResponse.
    fn basic(der: &'a [u8]) -> Option<Self> {
        let mut signed = Signed::of(der)?;
        let mut data = Tlvs::new(first_of(signed.message, tag::SEQUENCE)?);
        let _version = data.next_of(EXPLICIT_0);
        let _responder = data.next_of(EXPLICIT_1).or_else(|| data.next_of(EXPLICIT_2))?;
        let _produced_at = data.next_of(tag::GENERALIZED_TIME)?;
        let singles = Tlvs::new(data.next_of(tag::SEQUENCE)?);
        let mut list =
            Tlvs::new(signed.rest.next_of(EXPLICIT_0).and_then(|list| first_of(list, tag::SEQUENCE)).unwrap_or_default());
        let certificates = std::iter::from_fn(|| list.next_whole_of(tag::SEQUENCE)).take(MOST_CERTIFICATES).collect();
        Some(Self { signed, certificates, singles })
    }
}

impl<'a> SingleAnswer<'a> {
    /// Reads what a SingleResponse holds.
    fn read(mut parts: Tlvs<'a>) -> Option<Self> {
        let _id = parts.next_of(tag::SEQUENCE)?;
        let state = parts.next()?;
        let state = match state.tag {
            0x80 => OcspState::Good,
            0xa1 => {
                let mut revoked = Tlvs::new(state.value);
                let since = Time::read(revoked.next()?)?;
                let reason = revoked.next_of(EXPLICIT_0).and_then(|reason| first_of(reason, tag::ENUMERATED)?.first().copied());
                OcspState::Revoked(since, reason)
            }
            0x82 | 0xa2 => OcspState::Unknown,
            _ => return None,
        };
        let this_update = Time::read(parts.next()?)?;
        let next_update = parts.next_of(EXPLICIT_0).and_then(|next| Time::read(Tlvs::new(next).next()?));
        let extensions = parts.next_of(EXPLICIT_1).and_then(|list| first_of(list, tag::SEQUENCE)).unwrap_or_default();
        let scts = outline::walk_extensions(extensions).into_iter().find(|Extension { oid, .. }| *oid == extension::OCSP_SCT_LIST);
        let scts = scts.and_then(|list| first_of(list.value, tag::OCTET_STRING)).unwrap_or_default();
        Some(Self { state, this_update, next_update, scts })
    }
}

/// Whether a SingleResponse is about this certificate (RFC 6960 §4.1.1, CertID).
fn is_of(single: &mut Tlvs<'_>, issuer_name: &[u8], issuer_key: &PublicKey<'_>, serial: &[u8]) -> Option<bool> {
    let mut id = Tlvs::new(single.next_of(tag::SEQUENCE)?);
    let algorithm = first_of(id.next_of(tag::SEQUENCE)?, tag::OID)?;
    let (name_hash, key_hash) = (id.next_of(tag::OCTET_STRING)?, id.next_of(tag::OCTET_STRING)?);
    let header = tlv::header(tag::SEQUENCE, issuer_name.len());
    let is_digest = |digest: &[u8], parts: &[&[u8]]| match algorithm {
        SHA1 => is_digest::<Sha1>(digest, parts),
        SHA256 => is_digest::<Sha256>(digest, parts),
        SHA384 => is_digest::<Sha384>(digest, parts),
        SHA512 => is_digest::<Sha512>(digest, parts),
        _ => false,
    };
    Some(
        id.next_of(tag::INTEGER)? == serial
            && is_digest(key_hash, &[issuer_key.key])
            && is_digest(name_hash, &[header.as_slice(), issuer_name]),
    )
}

fn is_digest<D: Digest>(digest: &[u8], parts: &[&[u8]]) -> bool {
    parts.iter().fold(D::new(), |state, part| state.chain_update(part)).finalize().as_slice() == digest
}

/// 1.3.6.1.5.5.7.48.1.1.
const ID_PKIX_OCSP_BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];

const SHA1: &[u8] = &[0x2b, 0x0e, 3, 2, 0x1a];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];

const EXPLICIT_0: u8 = 0xa0;
const EXPLICIT_1: u8 = 0xa1;
const EXPLICIT_2: u8 = 0xa2;

/// Certificates that may come with an answer; one is usual.
const MOST_CERTIFICATES: usize = 4;
/// Certificates that an answer may be about; one is usual.
const MOST_SINGLES: usize = 16;
