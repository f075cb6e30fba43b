//! The files that a trust store is made of, of any bytes: certificates, revocation lists, and a list of logs.
//!
//! The input's first byte says which file the rest is.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use portcullis::base::Timestamp;
use portcullis::protocol::x509::Certificate;
use portcullis::trust::{CtLogs, Peer, Stapled, Trust, TrustStore};

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    let mut store = TrustStore::empty();
    match kind % 4 {
        0 => {
            let added = store.add_roots(bytes);
            assert!(store.len() <= added.taken && store.is_empty() == (added.taken == 0));
            let before = store.len();
            assert_eq!(store.add_roots(bytes), added);
            assert_eq!(store.len(), before, "each counts once");
        }
        1 => assert_eq!(store.add_intermediates(bytes), store.add_intermediates(bytes)),
        2 => {
            let added = store.add_crls(bytes);
            assert!(added.refused == 0 || !added.faults.is_empty());
        }
        _ => {
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            let Ok(logs) = CtLogs::from_json(text) else { return };
            let count = logs.len();
            let mut twice = logs.clone();
            twice.add(logs.clone());
            assert_eq!((twice.len(), logs.is_empty()), (count, count == 0));
            store.add_logs(logs);
        }
    }
    let mut trust = Trust::new(Arc::new(store), 0);
    let chain = [Arc::new(Certificate::parse(bytes))];
    let now = Timestamp::from_parts(1_780_272_000, 0);
    trust.judge(&chain, false, Peer::Client, now);
    trust.weigh(&chain, Stapled { ocsp: Some(bytes), scts: bytes, ..Stapled::default() }, now);
});
