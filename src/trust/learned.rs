//! Intermediates that were seen earlier in the run, to fill gaps of chains with.
//!
//! Only those count through which a path to a trusted root was verified: who has no certificate from a trusted authority can put
//! nothing here. What a chain comes to must not depend on which worker saw what. So a worker does not use what it finds: it
//! hands it over ([`Trust::take_found`](super::Trust::take_found)), [`Gathered`] brings together what all of them found, and
//! all learn it at the same place of the capture ([`Trust::learn`](super::Trust::learn)).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::protocol::x509::Certificate;

/// What was found by all workers, each certificate once, bounded in bytes: what does not fit any more is refused.
#[derive(Debug)]
pub struct Gathered {
    known: HashSet<[u8; 32]>,
    bytes: usize,
    limit: usize,
    refused: u64,
}

impl Gathered {
    /// `limit` bounds the certificates in bytes; with 0 nothing is learned.
    pub fn new(limit: usize) -> Self {
        Self { known: HashSet::new(), bytes: 0, limit, refused: 0 }
    }

    /// What of `found` is new, in an order that does not depend on theirs.
    pub fn take_in(&mut self, mut found: Vec<Arc<Certificate>>) -> Vec<Arc<Certificate>> {
        found.sort_unstable_by_key(|certificate| certificate.sha256);
        found.retain(|certificate| {
            if self.known.contains(&certificate.sha256) {
                return false;
            }
            let bytes = certificate.der.len().saturating_add(PER_CERTIFICATE).saturating_add(self.bytes);
            if bytes > self.limit {
                self.refused = self.refused.saturating_add(1);
                return false;
            }
            self.bytes = bytes;
            self.known.insert(certificate.sha256)
        });
        found
    }

    /// How many were taken in.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How often one was refused. With several workers it depends on them: each may find the same again.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

/// What one worker knows.
#[derive(Debug, Default)]
pub(super) struct Learned {
    by_subject: HashMap<Vec<u8>, Vec<Arc<Certificate>>>,
    /// Changes with what is known.
    generation: u32,
    /// Not handed over yet.
    found: Vec<Arc<Certificate>>,
}

impl Learned {
    /// Those with this subject: what its SEQUENCE holds.
    pub fn named(&self, subject: &[u8]) -> &[Arc<Certificate>] {
        self.by_subject.get(subject).map_or(&[], Vec::as_slice)
    }

    pub const fn generation(&self) -> u32 {
        self.generation
    }

    pub fn learn(&mut self, certificates: &[Arc<Certificate>]) {
        for certificate in certificates {
            if let Some((_, subject)) = certificate.names() {
                self.by_subject.entry(subject.to_vec()).or_default().push(Arc::clone(certificate));
                self.generation = self.generation.wrapping_add(1);
            }
        }
    }

    /// Notes an issuer of a verified path, where it is not known.
    pub fn find(&mut self, issuer: &Arc<Certificate>) {
        let is_same = |other: &Arc<Certificate>| other.sha256 == issuer.sha256;
        let is_known = issuer.names().is_none_or(|(_, subject)| self.named(subject).iter().any(is_same));
        if !is_known && !self.found.iter().any(is_same) {
            self.found.push(Arc::clone(issuer));
        }
    }

    pub fn take_found(&mut self) -> Vec<Arc<Certificate>> {
        std::mem::take(&mut self.found)
    }
}

/// What a certificate takes beside its DER: its facts, and its places in the tables.
const PER_CERTIFICATE: usize = 1_024;
