//! A revocation list of any bytes: what is read of it holds together, and a chain is judged by it as it is without it, or revoked.
//!
//! The input is a CRL behind its length in two bytes, and behind that the certificates of a chain, leaf first, each the same way; the last is
//! trusted.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use portcullis::base::{Reader, Timestamp};
use portcullis::protocol::x509::{Certificate, Crl, Status};
use portcullis::trust::{Peer, Trust, TrustStore};

/// 2026-06-01T00:00:00Z.
const NOW: u64 = 1_780_272_000;

fuzz_target!(|input: &[u8]| {
    let mut parts = Reader::new(input);
    let Some(list) = parts.vec16() else { return };
    let chain: Vec<_> = std::iter::from_fn(|| parts.vec16()).map(|der| Arc::new(Certificate::parse(der))).collect();
    let mut without = TrustStore::empty();
    if let Some(last) = chain.last() {
        without.add_roots(&last.der);
    }
    let mut with = without.clone();
    let read = Crl::read(list);
    let is_pem = list.windows(10).any(|window| window == b"-----BEGIN");
    let added = with.add_crls(list);
    assert!(is_pem || added.taken == usize::from(read.is_ok()) && added.refused == usize::from(read.is_err()));
    let now = Timestamp::from_parts(NOW, 0);
    if let Ok(read) = read {
        assert_eq!(read.der, list);
        assert!(read.number.first() != Some(&0) || read.number.len() == 1);
        assert!(!read.is_current(now.into()) || read.this_update <= now.into());
    }
    let judge = |store: TrustStore| Trust::new(Arc::new(store), 0).judge(&chain, false, Peer::Server(None), now);
    let (before, after) = (judge(without), judge(with.clone()));
    assert_eq!(after, judge(with), "anew");
    assert!(before.useless_crl.is_none() && (after.useless_crl.is_none() || added.taken > 0));
    // Where a way around what is revoked is found, something else may be wrong with that.
    assert!(after.problems == before.problems || added.taken > 0);
    assert!(before.problems.is_empty() || after.status != Status::Valid);
});
