//! Signed Certificate Timestamps (RFC 6962 §3): a log's word that it will list a certificate.

use super::extension::SCT_LIST;
use super::tlv::{self, Tlvs, first_of, tag};
use crate::base::Reader;

pub use super::extension::{is_broken_list, scts};

/// A SignedCertificateTimestamp of version 1 (RFC 6962 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sct<'a> {
    /// SHA-256 of the log's public key.
    pub log_id: [u8; 32],
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub timestamp: u64,
    /// Nothing so far.
    pub extensions: &'a [u8],
    /// How it is signed, by the numbers of TLS 1.2 (RFC 5246 §7.4.1.4.1): the digest first.
    pub algorithm: [u8; 2],
    /// The signature.
    pub signature: &'a [u8],
}

/// What a log has signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SctEntry<'a> {
    /// The certificate itself, by its DER: for an SCT that came beside it.
    Certificate(&'a [u8]),
    /// What was to become the certificate, for an SCT that is embedded in it: the SHA-256 of the issuer's SubjectPublicKeyInfo, and the
    /// TBSCertificate without the SCTs.
    Precertificate([u8; 32], &'a [u8]),
}

impl<'a> Sct<'a> {
    /// Reads one; `None` where it is cut, or of another version.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        if r.u8()? != V1 {
            return None;
        }
        let log_id = r.array()?;
        let timestamp = u64::from_be_bytes(r.array()?);
        Some(Self { log_id, timestamp, extensions: r.vec16()?, algorithm: r.array()?, signature: r.vec16()? })
    }

    /// What the log's signature is over. `None` where the entry is longer than can be said.
    pub fn signed(&self, entry: SctEntry<'_>) -> Option<Vec<u8>> {
        let mut signed = vec![V1, CERTIFICATE_TIMESTAMP];
        signed.extend(self.timestamp.to_be_bytes());
        let bytes = match entry {
            SctEntry::Certificate(der) => {
                signed.extend([0, 0]);
                der
            }
            SctEntry::Precertificate(issuer_key, tbs) => {
                signed.extend([0, 1]);
                signed.extend(issuer_key);
                tbs
            }
        };
        let [0, length @ ..] = u32::try_from(bytes.len()).ok()?.to_be_bytes() else { return None };
        signed.extend(length);
        signed.extend(bytes);
        signed.extend(u16::try_from(self.extensions.len()).ok()?.to_be_bytes());
        signed.extend(self.extensions);
        Some(signed)
    }
}

/// Whether a certificate has the extension that SCTs are embedded in, whatever is in it.
pub fn has_embedded(der: &[u8]) -> bool {
    super::outline::extensions(der).iter().any(|extension| extension.oid == SCT_LIST)
}

/// The SCT list that is embedded in a certificate, and its TBSCertificate without it, as the logs have signed it (RFC 6962 §3.2). `None`
/// where there is none.
pub fn embedded(der: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let tbs = first_of(first_of(der, tag::SEQUENCE)?, tag::SEQUENCE)?;
    let (mut fields, mut content, mut list) = (Tlvs::new(tbs), Vec::with_capacity(tbs.len()), None);
    while let Some((field, whole)) = fields.next_with_header() {
        match field.of(EXTENSIONS) {
            Some(value) => {
                let (kept, found) = without_scts(first_of(value, tag::SEQUENCE)?);
                list = list.or(found);
                let sequence = [&tlv::header(tag::SEQUENCE, kept.len())[..], &kept].concat();
                content.extend(tlv::header(EXTENSIONS, sequence.len()));
                content.extend(sequence);
            }
            None => content.extend(whole),
        }
    }
    Some((list?, [&tlv::header(tag::SEQUENCE, content.len())[..], &content].concat()))
}

/// The Extensions but for the SCT list, and that.
fn without_scts(list: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    let (mut extensions, mut kept, mut found) = (Tlvs::new(list), Vec::with_capacity(list.len()), None);
    while let Some((extension, whole)) = extensions.next_with_header() {
        let mut parts = Tlvs::new(extension.value);
        match parts.next_of(tag::OID) {
            Some(SCT_LIST) => {
                found = found.or_else(|| first_of(parts.find_map(|part| part.of(tag::OCTET_STRING))?, tag::OCTET_STRING));
            }
            _ => kept.extend(whole),
        }
    }
    (kept, found)
}

const V1: u8 = 0;
const CERTIFICATE_TIMESTAMP: u8 = 0;
/// `[3]`, EXPLICIT.
const EXTENSIONS: u8 = 0xa3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sct_is_read_by_its_fields() {
        let bytes = [&[0][..], &[7; 32], &[0, 0, 1, 0x9a, 0, 0, 0, 1], &[0, 1, 9], &[4, 3], &[0, 2, 5, 6]].concat();
        let sct = Sct::read(&bytes).unwrap();
        let expected =
            Sct { log_id: [7; 32], timestamp: 0x019a_0000_0001, extensions: &[9], algorithm: [4, 3], signature: &[5, 6] };
        assert_eq!(sct, expected);
        assert_eq!(Sct::read(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Sct::read(&[&[1], &bytes[1..]].concat()), None, "another version");
        let common = [0, 0, 0, 0, 1, 0x9a, 0, 0, 0, 1];
        let certificate = [&common[..], &[0, 0, 0, 0, 2, 8, 8, 0, 1, 9]].concat();
        assert_eq!(sct.signed(SctEntry::Certificate(&[8, 8])), Some(certificate));
        let precertificate = [&common[..], &[0, 1], &[3; 32], &[0, 0, 1, 8, 0, 1, 9]].concat();
        assert_eq!(sct.signed(SctEntry::Precertificate([3; 32], &[8])), Some(precertificate));
    }

    #[test]
    fn the_list_is_taken_out_of_a_certificate() {
        let list = [0x30, 16, 0x06, 10, 0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2, 0x04, 2, 0x04, 0];
        let other = [0x30, 7, 0x06, 3, 0x55, 0x1d, 0x0f, 0x04, 0];
        let certificate = |extensions: &[u8]| {
            let len = u8::try_from(extensions.len()).unwrap();
            let tbs = [&[0x30, len + 7, 0x02, 1, 1, 0xa3, len + 2, 0x30, len], extensions].concat();
            ([&[0x30, len + 9], &tbs[..]].concat(), tbs)
        };
        let (with, _) = certificate(&[&other[..], &list, &other].concat());
        let (_, tbs_without) = certificate(&[&other[..], &other].concat());
        assert_eq!(embedded(&with), Some((&[][..], tbs_without)));
        assert_eq!(embedded(&certificate(&other).0), None);
        assert_eq!((has_embedded(&with), has_embedded(&certificate(&other).0)), (true, false));
        assert_eq!(embedded(&[]), None);
    }
}
