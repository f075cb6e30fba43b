//! Which signatures of a chain are right, whatever else is wrong with it.
//!
//! rustls-webpki gives up at the first thing that it does not know or like, before it has looked at a signature. Somebody who forges a
//! certificate must not get away with that, so that each signature is then checked here by itself.

use smallvec::{SmallVec, smallvec};

use super::algorithms::{Algorithms, is_verifiable_by};
use super::issuer::{is_signed, means_itself};
use super::path::{Walk, is_self_issued};
use crate::protocol::x509::{Certificate, Key, KeyIds, key_ids};

/// What the signatures of a chain come to.
#[derive(Debug)]
pub(super) struct Signatures<'a> {
    pub outcome: Outcome,
    /// The leaf, and the issuers that right signatures lead to, the nearest first.
    pub reached: SmallVec<[&'a Certificate; 4]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// They lead to a trusted root.
    Right,
    /// One is by none of those who may be meant.
    Wrong,
    /// They lead to a root that has signed itself.
    Pretender,
    /// They end where the issuer is not known: those of its name have other keys than the one that is meant.
    Stranger,
    /// One cannot be checked.
    Unknown,
}

impl<'a> Signatures<'a> {
    /// Checks them from `leaf` up.
    pub fn check(leaf: &'a Certificate, walk: &Walk<'a>, algorithms: &Algorithms) -> Self {
        algorithms.begin();
        let mut check = Check { walk, algorithms, left: MOST_CHECKS, tried: Vec::new(), reached: smallvec![leaf] };
        let mut found: SmallVec<[Outcome; 8]> = SmallVec::new();
        let mut next = 0;
        while let Some(certificate) = check.reached.get(next).copied() {
            found.extend(check.issuer_of(certificate));
            next = next.saturating_add(1);
        }
        let is_unknown = check.left == 0 || algorithms.is_spent();
        let outcome = [Outcome::Right, Outcome::Wrong, Outcome::Unknown, Outcome::Pretender].into_iter().find(|outcome| {
            found.contains(outcome) && (*outcome != Outcome::Wrong || !is_unknown) || *outcome == Outcome::Unknown && is_unknown
        });
        Self { outcome: outcome.unwrap_or(Outcome::Stranger), reached: check.reached }
    }
}

struct Check<'a, 'b> {
    walk: &'b Walk<'a>,
    algorithms: &'b Algorithms,
    /// How many may still be checked.
    left: usize,
    /// Which certificate by which key, and what that came to: several issuers may have one key.
    tried: Vec<([u8; 32], &'a [u8], Option<bool>)>,
    reached: SmallVec<[&'a Certificate; 4]>,
}

impl<'a> Check<'a, '_> {
    /// What the signature on a certificate comes to; `None` where it is right, and by another certificate, which is then reached.
    fn issuer_of(&mut self, certificate: &'a Certificate) -> Option<Outcome> {
        let Some((name, _)) = certificate.names() else { return Some(Outcome::Unknown) };
        let meant = key_ids(&certificate.der).authority;
        let (mut is_right, mut is_unknown, mut is_meant) = (false, false, false);
        for issuer in &self.walk.issuers {
            let is_named = issuer.names().is_some_and(|(_, subject)| subject == name) && issuer.sha256 != certificate.sha256;
            let Some(key) = issuer.public_key_info().filter(|_| is_named) else { continue };
            match self.is_signed_by(certificate, key) {
                Some(true) => {
                    is_right = true;
                    if self.reached.iter().all(|known| known.sha256 != issuer.sha256) {
                        self.reached.push(issuer);
                    }
                }
                Some(false) => is_meant |= may_be_meant(meant, key_ids(&issuer.der)),
                None => is_unknown = true,
            }
        }
        for anchor in self.walk.anchors.iter().filter(|anchor| *anchor.root.subject == *name) {
            match self.is_signed_by(certificate, &anchor.root.subject_public_key_info) {
                Some(true) => return Some(Outcome::Right),
                Some(false) => is_meant |= meant.is_none_or(|id| KeyIds::may_be_of(id, &anchor.root.subject_public_key_info)),
                None => is_unknown = true,
            }
        }
        if is_right {
            return None;
        }
        let by_itself =
            is_self_issued(certificate).then(|| self.is_signed_by(certificate, certificate.public_key_info()?)).flatten();
        match by_itself {
            Some(true) => Some(Outcome::Pretender),
            _ if is_unknown => Some(Outcome::Unknown),
            Some(false) if means_itself(certificate) => Some(Outcome::Wrong),
            _ if is_meant => Some(Outcome::Wrong),
            _ => Some(Outcome::Stranger),
        }
    }

    /// Whether a certificate is signed by this key. `None` where that cannot be checked.
    fn is_signed_by(&mut self, certificate: &Certificate, public_key_info: &'a [u8]) -> Option<bool> {
        let is_same = |(signed, key, _): &&([u8; 32], &[u8], _)| *signed == certificate.sha256 && *key == public_key_info;
        if let Some((_, _, known)) = self.tried.iter().find(is_same) {
            return *known;
        }
        self.left = self.left.checked_sub(1)?;
        let key = Key::read(public_key_info);
        let is_usable = || certificate.facts.as_ref().is_some_and(|facts| is_verifiable_by(&facts.signature_algorithm, &key));
        let result = is_signed(certificate, public_key_info, self.algorithms).filter(|right| *right || is_usable());
        self.tried.push((certificate.sha256, public_key_info, result));
        result
    }
}

/// Whether a certificate may mean the holder of `issuer` by its authorityKeyIdentifier: it does not where both say which key, and another.
fn may_be_meant(meant: Option<&[u8]>, issuer: KeyIds<'_>) -> bool {
    meant.is_none_or(|id| issuer.subject.is_none_or(|subject| subject == id))
}

/// Signatures of one chain that are checked here: a dozen issuers, each by a few of one name.
const MOST_CHECKS: usize = 64;
