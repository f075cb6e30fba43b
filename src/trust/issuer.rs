//! Who may have issued a certificate, by name: whose key vouches for what is said of it.

use smallvec::SmallVec;

use super::TrustStore;
use super::algorithms::Algorithms;
use super::learned::Learned;
use super::path::{Chain, is_self_issued};
use crate::protocol::x509::{Certificate, KeyIds, PublicKey, Signed, key_ids};

/// A name and a key, of a certificate or of a trusted root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Issuer<'a> {
    /// What the SEQUENCE of its name holds.
    pub name: &'a [u8],
    /// What its SubjectPublicKeyInfo holds.
    pub public_key_info: &'a [u8],
}

/// Those of the name of the issuer of `certificate`: among the others sent, in the store, the roots, and what was learned; each key once, at
/// most [`MOST_ISSUERS`].
pub(super) fn issuers<'a>(
    certificate: &'a Certificate,
    chain: &'a Chain,
    store: &'a TrustStore,
    learned: &'a Learned,
) -> SmallVec<[Issuer<'a>; 2]> {
    let mut issuers = SmallVec::new();
    let Some((name, _)) = certificate.names() else { return issuers };
    let has_name = |certificate: &&Certificate| certificate.names().is_some_and(|(_, subject)| subject == name);
    let others = chain.iter().skip(1).take(MOST_SENT).map(AsRef::as_ref);
    let sent = others.filter(has_name).filter_map(Certificate::public_key_info);
    let known = store.intermediates(name).iter().filter_map(Certificate::public_key_info);
    let roots = store.anchors(name).iter().map(|root| root.subject_public_key_info.as_ref());
    let learned = learned.named(name).iter().filter_map(|certificate| certificate.public_key_info());
    for public_key_info in sent.chain(known).chain(roots).chain(learned) {
        let issuer = Issuer { name, public_key_info };
        if issuers.len() < MOST_ISSUERS && !issuers.contains(&issuer) {
            issuers.push(issuer);
        }
    }
    issuers
}

/// Whether `certificate` is a trusted root, of which only name and key need be known: Mozilla's come without certificates. That it has signed
/// itself shows that nobody else has put that name and that key together.
pub(super) fn is_root(certificate: &Certificate, store: &TrustStore, algorithms: &Algorithms) -> bool {
    let Some((issuer, subject)) = certificate.names() else { return false };
    let Some(public_key_info) = certificate.public_key_info() else { return false };
    let is_anchor = || store.anchors(subject).iter().any(|root| *root.subject_public_key_info == *public_key_info);
    issuer == subject && is_anchor() && is_signed(certificate, public_key_info, algorithms) == Some(true)
}

/// Whether `certificate` was signed by its own key. One that has only its name in common with its issuer was not.
pub(super) fn is_self_signed(certificate: &Certificate, algorithms: &Algorithms) -> bool {
    let KeyIds { subject, authority } = key_ids(&certificate.der);
    is_self_issued(certificate)
        && match (subject, authority) {
            (Some(own), Some(issuer)) => own == issuer,
            _ => certificate.public_key_info().and_then(|key| is_signed(certificate, key, algorithms)) != Some(false),
        }
}

/// Whether `certificate` is signed by this key. `None` where that cannot be checked.
pub(super) fn is_signed(certificate: &Certificate, public_key_info: &[u8], algorithms: &Algorithms) -> Option<bool> {
    let signed = Signed::of(&certificate.der)?;
    algorithms.verify(&PublicKey::read(public_key_info)?, signed.algorithm, signed.message, signed.signature)
}

/// Certificates of a chain that are looked at.
const MOST_SENT: usize = 64;
/// Keys that are tried.
const MOST_ISSUERS: usize = 4;
