//! Chains made by rcgen, and what they come to: expected by hand, and by OpenSSL where that is there.

pub(super) mod chains;
mod constraints;
mod evidence;
mod hostile;
mod learned;
mod openssl;
mod outcomes;
mod revocation;
mod roots;
mod scts;
mod signatures;
mod verdicts;

use std::sync::Arc;

use self::chains::{Ca, now};
use super::{Peer, Trust, TrustStore};
use crate::protocol::x509::{Certificate, Status, Validation};

/// A store that trusts these.
fn trusting(roots: &[&Ca]) -> TrustStore {
    let mut store = TrustStore::empty();
    for root in roots {
        assert_eq!(store.add_roots(root.der()).taken, 1);
    }
    store
}

fn chain(sent: &[&Ca]) -> Vec<Arc<Certificate>> {
    sent.iter().map(|ca| ca.parsed()).collect()
}

/// The verdict on a server's chain at the time of the tests.
fn judge(store: &TrustStore, sent: &[Arc<Certificate>], asked: Option<&str>) -> Arc<Validation> {
    Trust::new(Arc::new(store.clone()), 1 << 20).judge(sent, false, Peer::Server(asked.map(str::as_bytes)), now())
}

fn statuses(verdict: &Validation) -> Vec<Status> {
    match verdict.problems.is_empty() {
        true => vec![verdict.status],
        false => verdict.problems.iter().collect(),
    }
}

/// A triple of tag, length and these parts, in DER.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = match content.len() {
        n @ ..0x80 => vec![n as u8],
        n @ ..0x100 => vec![0x81, n as u8],
        n @ ..0x1_0000 => vec![0x82, (n >> 8) as u8, n as u8],
        n => vec![0x83, (n >> 16) as u8, (n >> 8) as u8, n as u8],
    };
    [vec![tag], length, content].concat()
}
