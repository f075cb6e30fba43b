//! Who is revoked, by the lists that were given.
//!
//! rustls-webpki asks the first list that has the issuer's name, and fails where that is not rightly signed. Here a list with a wrong
//! signature costs nothing but itself, the newest of the others counts, and lists of version 1 are taken too.

use std::cmp::Reverse;

use super::algorithms::Algorithms;
use super::issuer::is_signed;
use super::path::Walk;
use super::store::TrustStore;
use crate::protocol::x509::{Certificate, Crl, KeyUsage, PublicKey, Signed, Time};

/// What revocation is judged by.
pub(super) struct Revocation<'a, 'b> {
    pub store: &'b TrustStore,
    pub walk: &'b Walk<'a>,
    pub algorithms: &'b Algorithms,
    pub now: Time,
}

impl Revocation<'_, '_> {
    /// Whether `certificate` is revoked. Of its issuer's lists (of each scope) the newest counts that is rightly signed; one of another
    /// time only where none is of this one.
    pub fn is_revoked(&self, certificate: &Certificate) -> bool {
        let Some((name, facts)) = certificate.names().map(|(issuer, _)| issuer).zip(certificate.facts.as_ref()) else {
            return false;
        };
        let lists = self.store.crls(name);
        let is_on = |list: &Crl| list.revoked_since(&facts.serial).is_some_and(|since| since <= self.now);
        if !lists.iter().any(|list| is_on(list)) {
            return false;
        }
        let keys: Vec<&[u8]> = self.keys(name).filter(|key| is_signed(certificate, key, self.algorithms) != Some(false)).collect();
        let mut lists: Vec<&Crl> = lists.iter().map(AsRef::as_ref).collect();
        lists.sort_by_key(|list| Reverse((list.is_current(self.now), list.this_update, list.number.len(), &list.number)));
        let mut asked: Vec<&[u8]> = Vec::new();
        for list in lists {
            if !asked.contains(&list.scope.as_slice()) && keys.iter().any(|key| self.is_signed_by(list, key) == Some(true)) {
                if is_on(list) {
                    return true;
                }
                asked.push(&list.scope);
            }
        }
        false
    }

    /// Whether there is a list in the name of the issuer of `certificate` that none of that name has signed.
    pub fn has_unsigned_list(&self, certificate: &Certificate) -> bool {
        let Some((name, _)) = certificate.names() else { return false };
        self.store.crls(name).iter().any(|list| {
            let signed = self.keys(name).filter_map(|key| self.is_signed_by(list, key));
            signed.max() == Some(false)
        })
    }

    fn is_signed_by(&self, list: &Crl, key: &[u8]) -> Option<bool> {
        self.algorithms.of_list(list, key, || is_signed_by(list, key, self.algorithms))
    }

    /// The keys of those with this name who may sign revocation lists (RFC 5280 §4.2.1.3, cRLSign).
    fn keys<'k>(&'k self, name: &'k [u8]) -> impl Iterator<Item = &'k [u8]> {
        let issuers = self.walk.issuers.iter().filter(move |issuer| {
            let may_sign = |usage: KeyUsage| usage.has_any(KeyUsage::CRL_SIGN);
            issuer.names().is_some_and(|(_, subject)| subject == name)
                && issuer.facts.as_ref().is_none_or(|facts| facts.key_usage.is_none_or(may_sign))
        });
        let anchors = self.walk.anchors.iter().filter(move |anchor| *anchor.subject == *name);
        issuers.filter_map(|issuer| issuer.public_key_info()).chain(anchors.map(|anchor| &*anchor.subject_public_key_info))
    }
}

/// Whether a list is signed by this key. `None` where that cannot be checked.
pub(super) fn is_signed_by(list: &Crl, public_key_info: &[u8], algorithms: &Algorithms) -> Option<bool> {
    let (signed, key) = (Signed::of(&list.der)?, PublicKey::read(public_key_info)?);
    algorithms.verify(&key, signed.algorithm, signed.message, signed.signature)
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
