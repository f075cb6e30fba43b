//! A chain of any bytes, an OCSP answer and SCTs: the verdict is the same from memory and anew, and what is said fits together.
//!
//! The input is a row of parts, each behind its length in two bytes: an OCSP answer, which stands for the issuers too, a
//! SignedCertificateTimestampList, and the certificates, leaf first. The last of these is trusted, so that paths are verified.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use portcullis::base::{Reader, Timestamp};
use portcullis::protocol::x509::{Certificate, Evidence, Status};
use portcullis::trust::{CtLogs, Peer, Stapled, Trust, TrustStore};

/// 2026-06-01T00:00:00Z.
const NOW: u64 = 1_780_272_000;

/// One log: with Google's "Pilot", which is long gone.
static LOGS: LazyLock<CtLogs> = LazyLock::new(|| {
    let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfahLEimAoz2t01p3uMziiLOl/fHTDM0YDOhBRuiBARsV4UvxG2LdNgoIGLrtCzWE0J5APC2em4JlvR8EEEFMoA==";
    CtLogs::from_json(&format!(r#"{{"operators": [{{"logs": [{{"description": "Pilot", "key": "{key}"}}]}}]}}"#)).unwrap()
});

fuzz_target!(|input: &[u8]| {
    let mut parts = Reader::new(input);
    let (Some(answer), Some(scts)) = (parts.vec16(), parts.vec16()) else { return };
    let chain: Vec<_> = std::iter::from_fn(|| parts.vec16()).map(|der| Arc::new(Certificate::parse(der))).collect();
    let mut store = TrustStore::empty();
    if let Some(last) = chain.last() {
        store.add_roots(&last.der);
    }
    store.add_logs(LOGS.clone());
    let store = Arc::new(store);
    let issuer_ocsp = [Some(answer.into()), None, Some(answer.into())];
    let stapled = Stapled { ocsp: Some(answer), issuer_ocsp: &issuer_ocsp, scts };
    let mut trust = Trust::new(Arc::clone(&store), 1 << 20);
    for seconds in [NOW, NOW + 400 * 86_400] {
        let now = Timestamp::from_parts(seconds, 0);
        for peer in [Peer::Server(Some(b"www.shop.example")), Peer::Server(None), Peer::Client] {
            let verdict = trust.judge(&chain, false, peer, now);
            assert_eq!(verdict, trust.judge(&chain, false, peer, now), "from memory");
            assert_eq!(verdict, Trust::new(Arc::clone(&store), 0).judge(&chain, false, peer, now), "anew");
            assert!(verdict.holds_at(now.into()));
            match verdict.status {
                Status::Valid | Status::NotSeen => assert!(verdict.problems.is_empty()),
                status => assert_eq!(verdict.problems.iter().next(), Some(status)),
            }
            assert!(verdict.revoked().problems.contains(Status::Revoked));
        }
        let evidence = trust.weigh(&chain, stapled, now);
        assert_eq!(evidence, Trust::new(Arc::clone(&store), 0).weigh(&chain, stapled, now));
        assert!(evidence.is_none_or(|evidence| evidence.scts.len() <= Evidence::MOST_SCTS));
    }
});
