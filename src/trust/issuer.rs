//! Who may have issued a certificate, by name: whose key vouches for what is said of it.

use smallvec::SmallVec;

use super::TrustStore;
use super::algorithms::{Algorithms, is_verifiable_by};
use super::anchor::Anchor;
use super::learned::Learned;
use super::path::{Chain, is_self_issued};
use crate::protocol::x509::{Certificate, Facts, Key, KeyIds, PublicKey, Signed, key_ids};

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
    let roots = store.anchors(name).iter().map(|anchor| anchor.root.subject_public_key_info.as_ref());
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
    let has_key = |anchor: &Anchor| *anchor.root.subject_public_key_info == *public_key_info;
    let is_anchor = || store.anchors(subject).iter().any(|anchor| anchor.limits.is_ca && has_key(anchor));
    issuer == subject && is_anchor() && is_signed(certificate, public_key_info, algorithms) == Some(true)
}

/// Whether `certificate` was signed by its own key, as far as that can be checked. One that has only its name in common with its issuer was not.
pub(super) fn is_self_signed(certificate: &Certificate, algorithms: &Algorithms) -> bool {
    let means_another = match key_ids(&certificate.der) {
        KeyIds { subject: Some(own), authority: Some(issuer) } => own != issuer,
        _ => false,
    };
    let is_wrong = || {
        let key_info = certificate.public_key_info()?;
        let is_usable = |facts: &Facts| is_verifiable_by(&facts.signature_algorithm, &Key::read(key_info));
        let is_right = is_signed(certificate, key_info, algorithms)?;
        Some(!is_right && certificate.facts.as_ref().is_some_and(is_usable))
    };
    is_self_issued(certificate) && !means_another && is_wrong() != Some(true)
}

/// Whether `certificate` says that its own key has signed it. Without an authorityKeyIdentifier it does where it has the identifier of its key: the
/// other may be left out by those alone that sign themselves (RFC 5280 §4.2.1.1). One that has neither may be by a namesake.
pub(super) fn means_itself(certificate: &Certificate) -> bool {
    let KeyIds { subject, authority } = key_ids(&certificate.der);
    is_self_issued(certificate) && subject.is_some_and(|own| authority.is_none_or(|issuer| own == issuer))
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
