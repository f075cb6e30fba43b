//! Who is revoked, by the lists that were given.
//!
//! rustls-webpki asks the first list that has the issuer's name, and fails where that is not rightly signed. Here a list with a wrong
//! signature costs nothing but itself, the newest of the others counts, and lists of version 1 are taken too. A list that does not count in
//! spite of its issuer's name is told of ([`CrlFault`]).

use std::cmp::Reverse;

use super::algorithms::{Algorithms, is_verifiable_by};
use super::issuer::is_signed;
use super::path::Walk;
use super::store::TrustStore;
use crate::protocol::x509::{Certificate, Crl, CrlFault, CrlScope, Key, KeyUsage, PublicKey, Signed, Time};

/// What revocation is judged by.
pub(super) struct Revocation<'a, 'b> {
    pub store: &'b TrustStore,
    pub walk: &'b Walk<'a>,
    pub algorithms: &'b Algorithms,
    pub now: Time,
}

impl Revocation<'_, '_> {
    /// Whether `certificate` is revoked. Of its issuer's lists (of each scope that it is in) the newest counts that is rightly signed; one of
    /// another time only where none is of this one.
    pub fn is_revoked(&self, certificate: &Certificate) -> bool {
        let Some((name, facts)) = certificate.names().map(|(issuer, _)| issuer).zip(certificate.facts.as_ref()) else {
            return false;
        };
        let lists = self.store.crls(name);
        let is_on = |list: &Crl| list.revoked_since(&facts.serial).is_some_and(|since| since <= self.now);
        if !lists.iter().any(|list| is_on(list)) {
            return false;
        }
        let keys: Vec<&[u8]> = self
            .signers(name)
            .filter(|signer| signer.may_sign && is_signed(certificate, signer.key, self.algorithms) != Some(false))
            .map(|signer| signer.key)
            .collect();
        let mut lists: Vec<&Crl> = lists.iter().map(AsRef::as_ref).filter(|list| list.scope.covers(certificate)).collect();
        lists.sort_by_key(|list| Reverse((list.is_current(self.now), list.this_update, list.number.len(), &list.number)));
        let mut asked: Vec<&CrlScope> = Vec::new();
        for list in lists {
            if !asked.contains(&&list.scope) && keys.iter().any(|key| self.is_signed_by(list, key) == Some(true)) {
                if is_on(list) {
                    return true;
                }
                asked.push(&list.scope);
            }
        }
        false
    }

    /// Why a list in the name of the issuer of `certificate` does not count, where there is one that does not.
    pub fn useless_list(&self, certificate: &Certificate) -> Option<CrlFault> {
        let (name, _) = certificate.names()?;
        let lists = self.store.crls(name).iter();
        lists.filter_map(|list| fault(self.signers(name), |key| self.is_signed_by(list, key))).min()
    }

    fn is_signed_by(&self, list: &Crl, key: &[u8]) -> Option<bool> {
        self.algorithms.of_list(list, key, || is_signed_by(list, key, self.algorithms))
    }

    /// Those with this name.
    fn signers<'k>(&'k self, name: &'k [u8]) -> impl Iterator<Item = Signer<'k>> {
        let issuers = self.walk.issuers.iter().filter(move |issuer| issuer.names().is_some_and(|(_, subject)| subject == name));
        let anchors = self.walk.anchors.iter().filter(move |anchor| *anchor.root.subject == *name);
        let anchors = anchors.map(|anchor| Signer::of_anchor(&anchor.root.subject_public_key_info));
        issuers.filter_map(|issuer| Signer::of(issuer)).chain(anchors)
    }
}

/// Whose signature a list may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signer<'a> {
    /// What its SubjectPublicKeyInfo holds.
    key: &'a [u8],
    /// It may sign revocation lists (RFC 5280 §4.2.1.3, cRLSign).
    may_sign: bool,
}

impl<'a> Signer<'a> {
    pub fn of(certificate: &'a Certificate) -> Option<Self> {
        let says = |usage: KeyUsage| usage.has_any(KeyUsage::CRL_SIGN);
        let may_sign = certificate.facts.as_ref().is_none_or(|facts| facts.key_usage.is_none_or(says));
        Some(Self { key: certificate.public_key_info()?, may_sign })
    }

    /// A trusted root is a name and a key (RFC 5280 §6.1.1), without usages.
    pub const fn of_anchor(key: &'a [u8]) -> Self {
        Self { key, may_sign: true }
    }
}

/// Why a list in the name of these does not count, by whether a key has signed it; `None` where it does, or there are none.
pub(super) fn fault<'a>(
    signers: impl Iterator<Item = Signer<'a>>,
    is_signed_by: impl Fn(&'a [u8]) -> Option<bool>,
) -> Option<CrlFault> {
    let of = |signer: Signer<'a>| match (is_signed_by(signer.key), signer.may_sign) {
        (Some(true), true) => Signature::Good,
        (Some(true), false) => Signature::Of(CrlFault::NotForCrls),
        (None, _) => Signature::Of(CrlFault::Unverifiable),
        (Some(false), _) => Signature::Of(CrlFault::Unsigned),
    };
    match signers.map(of).max()? {
        Signature::Good => None,
        Signature::Of(fault) => Some(fault),
    }
}

/// What the signature of a list comes to, what counts more at the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Signature {
    Of(CrlFault),
    Good,
}

/// Whether a list is signed by this key. `None` where that cannot be checked.
pub(super) fn is_signed_by(list: &Crl, public_key_info: &[u8], algorithms: &Algorithms) -> Option<bool> {
    let (signed, key) = (Signed::of(&list.der)?, PublicKey::read(public_key_info)?);
    let is_right = algorithms.verify(&key, signed.algorithm, signed.message, signed.signature)?;
    let is_usable = || is_verifiable_by(&list.signature_algorithm, &Key::read(public_key_info));
    (is_right || is_usable()).then_some(is_right)
}

/// The moments at which it may change whether `certificate` is revoked.
pub(super) fn moments(certificate: &Certificate, store: &TrustStore) -> Vec<Time> {
    let Some(serial) = certificate.facts.as_ref().map(|facts| &facts.serial) else { return Vec::new() };
    let lists = certificate.names().map_or(&[][..], |(issuer, _)| store.crls(issuer));
    if lists.iter().all(|list| list.revoked_since(serial).is_none()) {
        return Vec::new();
    }
    let each = lists.iter().flat_map(|list| {
        let over = list.next_update.map(|next| Time::from_unix(next.as_unix().saturating_add(1)));
        // When a list was made and is out of date matters where there is another.
        let dates = [Some(list.this_update), over].map(|date| date.filter(|_| lists.len() > 1));
        dates.into_iter().chain([list.revoked_since(serial)])
    });
    each.flatten().collect()
}
