//! Who may have issued a certificate, by name: whose key vouches for what is said of it.

use smallvec::SmallVec;

use super::TrustStore;
use super::path::Chain;
use crate::protocol::x509::Certificate;

/// A name and a key, of a certificate or of a trusted root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Issuer<'a> {
    /// What the SEQUENCE of its name holds.
    pub name: &'a [u8],
    /// What its SubjectPublicKeyInfo holds.
    pub public_key_info: &'a [u8],
}

/// Those of the leaf's issuer's name: among the others sent, in the store, and the roots; each key once, at most [`MOST_ISSUERS`].
pub(super) fn issuers<'a>(chain: &'a Chain, store: &'a TrustStore) -> SmallVec<[Issuer<'a>; 2]> {
    let mut issuers = SmallVec::new();
    let Some((leaf, others)) = chain.split_first() else { return issuers };
    let Some((name, _)) = leaf.names() else { return issuers };
    let has_name = |certificate: &&Certificate| certificate.names().is_some_and(|(_, subject)| subject == name);
    let sent = others.iter().take(MOST_SENT).map(AsRef::as_ref).filter(has_name).filter_map(Certificate::public_key_info);
    let known = store.intermediates(name).iter().filter_map(Certificate::public_key_info);
    let roots = store.anchors(name).iter().map(|root| root.subject_public_key_info.as_ref());
    for public_key_info in sent.chain(known).chain(roots) {
        let issuer = Issuer { name, public_key_info };
        if issuers.len() < MOST_ISSUERS && !issuers.contains(&issuer) {
            issuers.push(issuer);
        }
    }
    issuers
}

/// Certificates of a chain that are looked at.
const MOST_SENT: usize = 64;
/// Keys that are tried.
const MOST_ISSUERS: usize = 4;
