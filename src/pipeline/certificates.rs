//! Certificates that are told and kept once each: the first time that each is seen in the order of the capture.
//!
//! A worker offers every certificate of a session that it tells; the collector, which sees all offers in order, takes the first of each. A
//! line is made only where the worker has not made one for the same certificate that belongs before: the collector needs none then.

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::{Mark, Output, Told};
use super::recording::Recording;
use crate::base::hex;
use crate::engine::Order;
use crate::event::{self, CertificateInfo, Common};
use crate::protocol::tls::{ClientHello, Session};
use crate::protocol::x509::Certificate;
use crate::sink::{self, CertificateDir};

/// What is kept beside events: certificates, and packets.
#[derive(Clone, Debug)]
pub struct Keeping {
    /// A `portcullis_certificate` event for each.
    pub events: bool,
    /// Where all are kept.
    pub all: Option<CertificateDir>,
    /// Where those are kept that a rule picks (`tls.store`).
    pub picked: Option<CertificateDir>,
    /// How many are told apart. What comes beyond is counted and passed over.
    pub limit: usize,
    /// Where the packets of flows are kept that a rule alerted on.
    pub recording: Option<Recording>,
}

impl Keeping {
    /// The limit that serves by default.
    pub const DEFAULT_LIMIT: usize = 262_144;
}

impl Default for Keeping {
    fn default() -> Self {
        Self { events: false, all: None, picked: None, limit: Self::DEFAULT_LIMIT, recording: None }
    }
}

/// A certificate that a session showed.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    certificate: Arc<Certificate>,
    /// A rule asked for it.
    picked: bool,
}

/// A worker's part: offers what its sessions show.
#[derive(Debug)]
pub(super) struct Offers {
    /// All are wanted, not only those that a rule picks.
    all: bool,
    /// Where the first line of each belongs; of those that a rule picked apart.
    made: HashMap<([u8; 32], bool), Order>,
}

impl Offers {
    /// `None` where no certificate is wanted.
    pub fn new(keeping: &Keeping) -> Option<Self> {
        let all = keeping.events || keeping.all.is_some();
        (all || keeping.picked.is_some()).then(|| Self { all, made: HashMap::new() })
    }

    /// Offers the certificates of a session that is told at `order`.
    pub fn session(&mut self, order: Order, common: &Common<'_>, session: &Session, output: &mut Output) {
        let picked = session.store_certificates;
        if !picked && !self.all {
            return;
        }
        let server_name = session.client_hello.as_ref().and_then(ClientHello::server_name);
        for (chain, from_client) in [(&session.server_certificates, false), (&session.client_certificates, true)] {
            for (place, certificate) in chain.iter().enumerate() {
                let start = output.bytes.len();
                if self.needs_line(certificate, picked, order) {
                    let info = CertificateInfo { certificate, from_client, place, server_name };
                    event::certificate(&mut output.bytes, common, &info);
                }
                let told = Told::Certificate(Box::new(Offer { certificate: Arc::clone(certificate), picked }));
                output.marks.push(Mark { order, start, end: output.bytes.len(), told });
            }
        }
    }

    /// Whether none was made that belongs before.
    fn needs_line(&mut self, certificate: &Certificate, picked: bool, order: Order) -> bool {
        let key = (certificate.sha256, picked);
        if self.made.get(&key).is_some_and(|made| *made <= order) {
            return false;
        }
        if self.made.len() >= MOST_MADE {
            self.made.clear(); // some lines are then made in vain
        }
        self.made.insert(key, order);
        true
    }
}

/// The collector's part: which were seen.
#[derive(Debug)]
pub(super) struct Seen {
    keeping: Keeping,
    /// By SHA-256, whether a rule has picked it.
    known: HashMap<[u8; 32], bool>,
    refused: u64,
}

impl Seen {
    pub fn new(keeping: Keeping) -> Self {
        Self { keeping, known: HashMap::new(), refused: 0 }
    }

    /// Takes an offer and its line, and keeps what is to be kept. Answers whether the line is to be told.
    pub fn take(&mut self, offer: &Offer, line: &[u8]) -> Result<bool, sink::Error> {
        let Offer { certificate, picked } = offer;
        let known = self.known.get(&certificate.sha256).copied();
        if known.is_none() && self.known.len() >= self.keeping.limit {
            self.refused = self.refused.saturating_add(1);
            return Ok(false);
        }
        self.known.insert(certificate.sha256, known == Some(true) || *picked);
        if let (None, Some(dir)) = (known, &self.keeping.all) {
            keep(dir, certificate, line)?;
        }
        if let (true, None | Some(false), Some(dir)) = (*picked, known, &self.keeping.picked) {
            keep(dir, certificate, line)?;
        }
        Ok(known.is_none() && self.keeping.events)
    }

    /// What was counted, by the names that `stats` events have for it.
    pub fn counters(&self) -> [(&'static str, u64); 2] {
        let seen = u64::try_from(self.known.len()).unwrap_or(u64::MAX);
        [("portcullis.certificates.seen", seen), ("portcullis.certificates.refused", self.refused)]
    }
}

fn keep(dir: &CertificateDir, certificate: &Certificate, line: &[u8]) -> Result<(), sink::Error> {
    dir.keep(&hex::lower(&certificate.sha256), &event::pem(&certificate.der), line)
}

/// Lines that a worker remembers to have made: some 7 MB of them.
const MOST_MADE: usize = 65_536;
