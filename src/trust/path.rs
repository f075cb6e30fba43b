//! From the leaf up: who may have issued whom, by name alone.

use std::sync::Arc;

use smallvec::SmallVec;

use super::TrustStore;
use super::anchor::Anchor;
use super::learned::Learned;
use crate::protocol::x509::Certificate;

/// What a walk from the leaf came to.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    /// The certificates that may be issuers, nearest to the leaf first: as sent, or known. At most [`MOST_ISSUERS`].
    pub issuers: SmallVec<[&'a Certificate; 4]>,
    /// The roots whose names were reached.
    pub anchors: SmallVec<[&'a Anchor; 2]>,
    /// One of the issuers names itself as its issuer.
    pub has_root: bool,
    /// For one of them, or for the leaf, there was no issuer but perhaps one that was learned in the run.
    pub has_gap: bool,
}

/// Certificates as sent, the leaf first.
pub(super) type Chain = [Arc<Certificate>];

impl<'a> Walk<'a> {
    /// Walks from the first certificate of `chain` through the others and the known intermediates, in whatever order they were sent, and
    /// through learned ones where there are none of these.
    /// What no name leads to is passed over, and each certificate is visited once.
    pub fn of(chain: &'a [Arc<Certificate>], store: &'a TrustStore, learned: &'a Learned) -> Self {
        let mut walk = Self { issuers: SmallVec::new(), anchors: SmallVec::new(), has_root: false, has_gap: false };
        let Some((leaf, others)) = chain.split_first() else { return walk };
        let others: SmallVec<[_; 4]> =
            others.iter().take(MOST_SENT).filter_map(|sent| Some((sent.names()?.1, sent.as_ref()))).collect();
        let mut next = Some(leaf.as_ref());
        let mut visited = 0;
        while let Some(certificate) = next {
            if let Some((name, subject)) = certificate.names() {
                let anchors = store.anchors(name);
                let sent = others.iter().filter(|(subject, _)| *subject == name).map(|&(_, sent)| sent);
                let mut issuers = sent.chain(store.intermediates(name)).filter(|c| c.sha256 != leaf.sha256).peekable();
                walk.take_anchors(anchors);
                if anchors.is_empty() && issuers.peek().is_none() && name != subject {
                    walk.has_gap = true;
                    learned.named(name).iter().for_each(|issuer| walk.take_issuer(issuer));
                }
                issuers.for_each(|issuer| walk.take_issuer(issuer));
            }
            next = walk.issuers.get(visited).copied();
            visited = visited.saturating_add(1);
        }
        walk
    }

    fn take_issuer(&mut self, certificate: &'a Certificate) {
        if self.issuers.len() < MOST_ISSUERS && self.issuers.iter().all(|known| known.sha256 != certificate.sha256) {
            self.issuers.push(certificate);
            self.has_root |= is_self_issued(certificate);
        }
    }

    fn take_anchors(&mut self, anchors: &'a [Anchor]) {
        for anchor in anchors {
            if self.anchors.len() < MOST_ANCHORS && !self.anchors.contains(&anchor) {
                self.anchors.push(anchor);
            }
        }
    }
}

/// Whether a certificate names itself as its issuer.
pub(super) fn is_self_issued(certificate: &Certificate) -> bool {
    certificate.facts.as_ref().is_some_and(|facts| facts.self_issued)
}

/// Certificates of a chain that are looked at behind its leaf. The longest chains that servers send have about ten.
const MOST_SENT: usize = 64;
/// Issuers that a path is sought through. rustls-webpki takes paths with six of them.
const MOST_ISSUERS: usize = 12;
/// Roots that a path is sought to.
const MOST_ANCHORS: usize = 8;
