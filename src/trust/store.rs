//! Whom to trust: root certificates, intermediates that are known without being sent, and lists of what was revoked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use super::algorithms::Algorithms;
use super::anchor::{Anchor, Limits};
use super::revocation::Signer;
use super::{CtLogs, revocation};
use crate::protocol::x509::{Certificate, Crl, CrlFault};

/// Root certificates and known intermediates, by subject, and revocation lists. It does not change once it is in use, and is shared by all workers.
#[derive(Clone, Default)]
pub struct TrustStore {
    anchors: HashMap<Vec<u8>, Vec<Anchor>>,
    /// SHA-256 of the certificates that anchors were made of.
    trusted: HashSet<[u8; 32]>,
    intermediates: HashMap<Vec<u8>, Vec<Certificate>>,
    /// By issuer.
    crls: HashMap<Vec<u8>, Vec<Arc<Crl>>>,
    logs: CtLogs,
}

/// What came of adding certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Taken.
    pub taken: usize,
    /// Not taken, because they cannot be read or used.
    pub refused: usize,
    /// What is wrong with revocation lists that were not taken, or do not count by what is known of the authorities of their names, each
    /// with the number of such lists.
    pub faults: BTreeMap<CrlFault, usize>,
}

impl TrustStore {
    /// A store that trusts nobody.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The roots of Mozilla's programme for TLS servers, as of the release of `webpki-roots` that this is built with.
    pub fn mozilla() -> Self {
        let mut store = Self::default();
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter();
        roots.for_each(|root| store.add_anchor(Anchor { root: root.clone(), limits: Limits::NONE }));
        store
    }

    /// Trusts the certificates in `bytes`: PEM with any number of them, or the DER of one. Each is trusted where a peer sends it
    /// as its own; one that is an authority vouches for others, as far as its pathLenConstraint and extKeyUsage go.
    pub fn add_roots(&mut self, bytes: &[u8]) -> Added {
        add_each::<CertificateDer<'_>>(bytes, |der| {
            let der = CertificateDer::from(der);
            let certificate = Certificate::parse(&der);
            let Some(anchor) = Anchor::of(&der, &certificate) else { return false };
            self.trusted.insert(certificate.sha256);
            self.add_anchor(anchor);
            true
        })
    }

    /// Takes note of the certificates in `bytes`, in the same form, to fill gaps in chains with. This trusts none of them.
    pub fn add_intermediates(&mut self, bytes: &[u8]) -> Added {
        add_each::<CertificateDer<'_>>(bytes, |der| {
            let certificate = Certificate::parse(der);
            let Some((_, subject)) = certificate.names() else { return false };
            let alike = self.intermediates.entry(subject.to_vec()).or_default();
            if alike.iter().all(|known| known.sha256 != certificate.sha256) {
                alike.push(certificate);
            }
            true
        })
    }

    /// Takes the revocation lists (RFC 5280 §5) in `bytes`: PEM with any number of them, or the DER of one. Each counts for what its
    /// issuer has issued, once its signature turns out to be right. Of several of one issuer the newest counts; one that is out of date still says what was revoked
    /// where there is no other.
    pub fn add_crls(&mut self, bytes: &[u8]) -> Added {
        let mut faults = BTreeMap::new();
        let mut note = |fault: CrlFault, n: usize| {
            let count: &mut usize = faults.entry(fault).or_default();
            *count = count.saturating_add(n);
        };
        let added = add_each::<CertificateRevocationListDer<'_>>(bytes, |der| match Crl::read(der) {
            Ok(crl) => {
                if let Some(fault) = self.fault_of(&crl) {
                    note(fault, 1);
                }
                self.crls.entry(crl.issuer.clone()).or_default().push(Arc::new(crl));
                true
            }
            Err(why) => {
                note(why, 1);
                false
            }
        });
        // What is not even PEM was never read.
        let unread = added.refused.saturating_sub(faults.iter().filter(|(fault, _)| fault.is_refused()).map(|(_, n)| *n).sum());
        if unread > 0 {
            let count = faults.entry(CrlFault::Unparsable).or_default();
            *count = count.saturating_add(unread);
        }
        Added { faults, ..added }
    }

    /// Trusts all that `other` trusts, and knows all that it knows.
    pub fn add(&mut self, other: Self) {
        other.anchors.into_values().flatten().for_each(|anchor| self.add_anchor(anchor));
        self.trusted.extend(other.trusted);
        for (subject, certificates) in other.intermediates {
            self.intermediates.entry(subject).or_default().extend(certificates);
        }
        for (issuer, crls) in other.crls {
            self.crls.entry(issuer).or_default().extend(crls);
        }
        self.logs.add(other.logs);
    }

    /// Checks SCTs with these logs, beside those that it has.
    pub fn add_logs(&mut self, logs: CtLogs) {
        self.logs.add(logs);
    }

    /// The logs that SCTs are checked with.
    pub(super) const fn logs(&self) -> &CtLogs {
        &self.logs
    }

    /// How many roots are trusted.
    pub fn len(&self) -> usize {
        self.anchors.values().fold(0, |sum, alike| sum.saturating_add(alike.len()))
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// The roots with this subject: what its SEQUENCE holds.
    pub(super) fn anchors(&self, subject: &[u8]) -> &[Anchor] {
        self.anchors.get(subject).map_or(&[], Vec::as_slice)
    }

    /// The known intermediates with this subject.
    pub(super) fn intermediates(&self, subject: &[u8]) -> &[Certificate] {
        self.intermediates.get(subject).map_or(&[], Vec::as_slice)
    }

    /// Whether this very certificate is trusted.
    pub(super) fn trusts(&self, certificate: &Certificate) -> bool {
        self.trusted.contains(&certificate.sha256)
    }

    /// The revocation lists of the issuer with this name: what its SEQUENCE holds.
    pub(super) fn crls(&self, issuer: &[u8]) -> &[Arc<Crl>] {
        self.crls.get(issuer).map_or(&[], Vec::as_slice)
    }

    /// Why a list does not count by those of its name that are known; a peer may send another.
    fn fault_of(&self, crl: &Crl) -> Option<CrlFault> {
        let anchors = self.anchors(&crl.issuer).iter().map(|anchor| Signer::of_anchor(&anchor.root.subject_public_key_info));
        let signers = anchors.chain(self.intermediates(&crl.issuer).iter().filter_map(Signer::of));
        let algorithms = Algorithms::default();
        revocation::fault(signers, |key| revocation::is_signed_by(crl, key, &algorithms))
    }

    fn add_anchor(&mut self, anchor: Anchor) {
        let alike = self.anchors.entry(anchor.root.subject.to_vec()).or_default();
        if !alike.contains(&anchor) {
            alike.push(anchor);
        }
    }
}

impl fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustStore").field("roots", &self.len()).field("intermediates", &self.intermediates.len()).finish()
    }
}

/// Hands the DER of each `T` in `bytes` to `add`, which answers whether it took it.
fn add_each<T: PemObject + AsRef<[u8]>>(bytes: &[u8], mut add: impl FnMut(&[u8]) -> bool) -> Added {
    let mut added = Added::default();
    let mut count = |taken: bool| match taken {
        true => added.taken = added.taken.saturating_add(1),
        false => added.refused = added.refused.saturating_add(1),
    };
    if memchr::memmem::find(bytes, b"-----BEGIN").is_some() {
        for der in T::pem_slice_iter(bytes) {
            count(der.is_ok_and(|der| add(der.as_ref())));
        }
    } else {
        count(add(bytes));
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::base64;
    use crate::trust::tests::chains::{Ca, over_sha512};

    #[test]
    fn mozillas_roots_are_there() {
        // ISRG Root X1, by RFC 5280's encoding of `C=US, O=Internet Security Research Group, CN=ISRG Root X1`.
        let name = |oid: u8, tag: u8, text: &str| {
            let len = |n: usize| u8::try_from(n).unwrap();
            let value = [&[0x06, 3, 0x55, 4, oid, tag, len(text.len())], text.as_bytes()].concat();
            [&[0x31, len(value.len() + 2), 0x30, len(value.len())], &value[..]].concat()
        };
        let subject =
            [name(6, 0x13, "US"), name(10, 0x13, "Internet Security Research Group"), name(3, 0x13, "ISRG Root X1")].concat();
        let store = TrustStore::mozilla();
        assert_eq!(store.anchors(&subject).len(), 1);
        assert!(store.len() > 100);
    }

    #[test]
    fn roots_come_as_pem_or_der_and_count_once() {
        let (one, other) = (Ca::root("One"), Ca::root("Other"));
        let mut store = TrustStore::empty();
        let bundle = format!("# One\n{}\ntext between\n{}", one.pem(), other.pem());
        assert_eq!(store.add_roots(bundle.as_bytes()), Added { taken: 2, ..Added::default() });
        assert_eq!(store.add_roots(one.der()), Added { taken: 1, ..Added::default() });
        assert_eq!(store.len(), 2);
        assert!(store.trusts(&Certificate::parse(other.der())));
    }

    #[test]
    fn why_a_list_does_not_count_is_told() {
        let (root, namesake, stranger) = (Ca::root("Root"), Ca::root("Root"), Ca::root("Stranger"));
        let sub = root.sub_with("Sub", |p| p.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign]);
        let mut store = TrustStore::empty();
        store.add_roots(root.der());
        store.add_intermediates(sub.der());
        for (what, list, fault) in [
            ("of the issuer", root.crl(&[], 2026), None),
            ("of another of its name", namesake.crl(&[], 2026), Some(CrlFault::Unsigned)),
            ("of somebody who may be sent yet", stranger.crl(&[], 2026), None),
            ("of one who may not sign lists", sub.crl(&[], 2026), Some(CrlFault::NotForCrls)),
            ("by an algorithm that is not here", over_sha512(&root.crl(&[], 2026)), Some(CrlFault::Unverifiable)),
        ] {
            let faults = fault.map(|fault| (fault, 1)).into_iter().collect();
            assert_eq!(store.add_crls(&list), Added { taken: 1, refused: 0, faults }, "{what}");
        }
        for nothing in [&b"nothing"[..], b"-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----\n", b"-----BEGIN X509 CRL-----\n"] {
            let faults = BTreeMap::from([(CrlFault::Unparsable, 1)]);
            assert_eq!(store.add_crls(nothing), Added { taken: 0, refused: 1, faults });
        }
    }

    #[test]
    fn of_several_lists_each_fault_is_counted() {
        let (root, namesake) = (Ca::root("Root"), Ca::root("Root"));
        let mut store = TrustStore::empty();
        store.add_roots(root.der());
        let pem = |der: &[u8]| format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", base64::encode(der));
        let wrong = || pem(&namesake.crl(&[], 2026));
        let all = [wrong(), pem(&root.crl(&[], 2026)), pem(&[5, 0]), wrong()].concat();
        let faults = BTreeMap::from([(CrlFault::Unparsable, 1), (CrlFault::Unsigned, 2)]);
        assert_eq!(store.add_crls(all.as_bytes()), Added { taken: 3, refused: 1, faults });
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let mut store = TrustStore::empty();
        assert_eq!(store.add_roots(b"nothing"), Added { refused: 1, ..Added::default() });
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(store.add_roots(broken), Added { refused: 1, ..Added::default() });
        assert_eq!(store.add_intermediates(broken), Added { refused: 1, ..Added::default() });
        assert!(store.is_empty());
    }
}
