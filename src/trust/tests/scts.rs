//! SCTs and lists of logs, made by hand by what RFC 6962 says of their form.

use rcgen::{CustomExtension, KeyPair, PublicKeyData, SigningKey};
use sha2::{Digest, Sha256};

use super::chains::{Ca, Key, NOW, server};
use super::evidence::{Answer, weigh};
use super::{chain, tlv, trusting};
use crate::protocol::x509::{CheckedSct, Evidence, SctSource, SctStatus};
use crate::trust::{CtLogs, CtLogsError, Stapled, TrustStore};

/// A log, and the list with it.
struct CtLog(KeyPair);

impl CtLog {
    fn new() -> Self {
        Self(Key::P256.pair())
    }

    fn id(&self) -> [u8; 32] {
        Sha256::digest(self.0.subject_public_key_info()).into()
    }

    fn list(&self, name: &str) -> CtLogs {
        self.list_with(name, "").unwrap()
    }

    /// With `more` in the log's entry.
    fn list_with(&self, name: &str, more: &str) -> Result<CtLogs, CtLogsError> {
        let key: String = self.0.public_key_pem().lines().filter(|line| !line.starts_with('-')).collect();
        let log = format!(
            r#"{{"description": "{name}", "log_id": "", "key": "{key}", "url": "https://ct.example/", "mmd": 86400{more}}}"#
        );
        CtLogs::from_json(&format!(r#"{{"version": "1", "operators": [{{"name": "Example", "email": [], "logs": [{log}]}}]}}"#))
    }

    /// An SCT for what RFC 6962 §3.2 has between the timestamp and the extensions.
    fn sct(&self, milliseconds: u64, entry: &[u8]) -> Vec<u8> {
        let timestamp = milliseconds.to_be_bytes();
        let signature = self.0.sign(&[&[0, 0], &timestamp[..], entry, &[0, 0]].concat()).unwrap();
        let length = u16::try_from(signature.len()).unwrap().to_be_bytes();
        [&[0], &self.id()[..], &timestamp, &[0, 0], &[4, 3], &length, &signature].concat()
    }

    fn for_certificate(&self, milliseconds: u64, der: &[u8]) -> Vec<u8> {
        self.sct(milliseconds, &[&[0, 0], &length24(der)[..], der].concat())
    }

    fn for_precertificate(&self, milliseconds: u64, issuer: &Ca, tbs: &[u8]) -> Vec<u8> {
        let issuer = Sha256::digest(issuer.key().subject_public_key_info());
        self.sct(milliseconds, &[&[0, 1], &issuer[..], &length24(tbs), tbs].concat())
    }
}

fn length24(bytes: &[u8]) -> [u8; 3] {
    let [0, length @ ..] = u32::try_from(bytes.len()).unwrap().to_be_bytes() else { panic!("too long") };
    length
}

/// A SignedCertificateTimestampList.
fn list(scts: &[Vec<u8>]) -> Vec<u8> {
    let prefixed = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    prefixed(&scts.iter().flat_map(|sct| prefixed(sct)).collect::<Vec<_>>())
}

const NOW_MS: u64 = NOW * 1_000;

/// A leaf with these SCTs in it, which are made for what it is without them.
fn with_embedded(issuer: &Ca, scts: impl FnOnce(&[u8]) -> Vec<Vec<u8>>) -> Ca {
    let key = Key::P256.pair();
    let same_key = KeyPair::from_pem(&key.serialize_pem()).unwrap();
    let mut params = server("www.example");
    let before = issuer.issue(params.clone(), key);
    // The TBSCertificate is the first part of the certificate, whose header and whose own take four bytes each.
    let length = usize::from(u16::from_be_bytes([before.der()[6], before.der()[7]]));
    let scts = scts(&before.der()[4..8 + length]);
    let value = tlv(0x04, &[&list(&scts)]);
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11_129, 2, 4, 2], value));
    issuer.issue(params, same_key)
}

fn checked(store: TrustStore, sent: &[&Ca], stapled: Stapled<'_>) -> Vec<CheckedSct> {
    weigh(store, &chain(sent), stapled).unwrap().scts
}

#[test]
fn embedded_scts_are_checked_against_what_was_to_become_the_certificate() {
    let (root, log, other_log) = (Ca::root("Root"), CtLog::new(), CtLog::new());
    let leaf = with_embedded(&root, |tbs| {
        vec![
            log.for_precertificate(NOW_MS - 1, &root, tbs),
            log.for_precertificate(NOW_MS + 1, &root, tbs),
            log.for_precertificate(NOW_MS, &root, &tbs[..tbs.len() - 1]),
            other_log.for_precertificate(NOW_MS, &root, tbs),
            vec![9; 40],
        ]
    });
    let mut store = trusting(&[&root]);
    store.add_logs(log.list("Log '26"));
    let scts = checked(store, &[&leaf], Stapled::default());
    let expected =
        [SctStatus::Valid, SctStatus::NotYetValid, SctStatus::BadSignature, SctStatus::UnknownLog, SctStatus::Unparsable];
    assert_eq!(scts.iter().map(|sct| sct.status).collect::<Vec<_>>(), expected);
    assert_eq!((scts[0].log.as_deref(), scts[0].log_id, scts[0].timestamp), (Some("Log '26"), Some(log.id()), Some(NOW_MS - 1)));
    assert_eq!(leaf.parsed().facts.as_ref().unwrap().embedded_scts, 5);

    let mut nobody = TrustStore::empty();
    nobody.add_logs(log.list("Log"));
    assert_eq!(checked(nobody.clone(), &[&leaf], Stapled::default())[0].status, SctStatus::NoIssuer);
    assert_eq!(checked(nobody.clone(), &[&leaf, &root], Stapled::default())[0].status, SctStatus::Valid, "the issuer was sent");
    let namesake = Ca::root("Root");
    assert_eq!(checked(nobody, &[&leaf, &namesake], Stapled::default())[0].status, SctStatus::BadSignature);
}

#[test]
fn scts_beside_a_certificate_are_over_all_of_it() {
    let (root, log) = (Ca::root("Root"), CtLog::new());
    let leaf = root.leaf("www.example");
    let scts = [log.for_certificate(NOW_MS, leaf.der()), log.for_certificate(NOW_MS, root.der())];
    let mut store = trusting(&[&root]);
    store.add_logs(log.list("Log"));
    let in_tls = list(&scts);
    let value = tlv(0x04, &[&list(&scts[..1])]);
    let oid = [0x06, 10, 0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 5];
    let extensions = tlv(0xa1, &[&tlv(0x30, &[&tlv(0x30, &[&oid, &tlv(0x04, &[&value])])])]);
    let answer = Answer { extensions, ..Answer::good(&root, &leaf) }.der();
    let evidence = weigh(store, &chain(&[&leaf]), Stapled { ocsp: Some(&answer), scts: &in_tls, ..Stapled::default() }).unwrap();
    let expected =
        [(SctSource::Tls, SctStatus::Valid), (SctSource::Tls, SctStatus::BadSignature), (SctSource::Ocsp, SctStatus::Valid)];
    assert_eq!(evidence.scts.iter().map(|sct| (sct.source, sct.status)).collect::<Vec<_>>(), expected);
    assert_eq!((evidence.tls_scts, evidence.ocsp_scts), (2, 1));
}

/// By Google's log list schema: `state` says since when, `temporal_interval` is about the certificate's notAfter, here 2027-01-01.
#[test]
fn a_promise_counts_where_its_log_was_to_be_trusted_for_it() {
    let (root, log) = (Ca::root("Root"), CtLog::new());
    let leaf = with_embedded(&root, |tbs| vec![log.for_precertificate(NOW_MS - 1_000, &root, tbs)]); // 2026-05-31T23:59:59Z
    let state = |name: &str, since: &str| format!(r#", "state": {{"{name}": {{"timestamp": "{since}"}}}}"#);
    let period =
        |start: &str, end: &str| format!(r#", "temporal_interval": {{"start_inclusive": "{start}", "end_exclusive": "{end}"}}"#);
    for (more, status) in [
        (state("usable", "2026-06-01T00:00:00Z"), SctStatus::Valid),
        (state("qualified", "2025-01-01T00:00:00Z"), SctStatus::Valid),
        (state("readonly", "2025-01-01T00:00:00Z"), SctStatus::Valid),
        (state("retired", "2026-06-01T00:00:00Z"), SctStatus::Valid),
        (state("retired", "2026-05-31T23:59:59Z"), SctStatus::DistrustedLog),
        (state("rejected", "2026-07-01T00:00:00Z"), SctStatus::DistrustedLog),
        (state("pending", "2026-07-01T00:00:00Z"), SctStatus::DistrustedLog),
        (period("2026-07-01T00:00:00Z", "2027-01-01T00:00:01Z"), SctStatus::Valid),
        (period("2027-01-01T00:00:00Z", "2027-07-01T00:00:00Z"), SctStatus::Valid),
        (period("2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"), SctStatus::OtherPeriod),
        (period("2027-01-01T00:00:01Z", "2027-07-01T00:00:00Z"), SctStatus::OtherPeriod),
    ] {
        let mut store = trusting(&[&root]);
        store.add_logs(log.list_with("Log", &more).unwrap());
        assert_eq!(checked(store, &[&leaf], Stapled::default())[0].status, status, "{more}");
    }
    for broken in ["2026-06-01", "2026-13-01T00:00:00Z", "soon"] {
        for more in [state("retired", broken), period(broken, "2027-01-01T00:00:00Z"), period("2027-01-01T00:00:00Z", broken)] {
            let error = log.list_with("Log A", &more).unwrap_err().to_string();
            assert!(error.starts_with("a moment of Log A cannot be read"), "{error}");
        }
    }
}

#[test]
fn a_list_that_is_cut_says_so() {
    let (root, log) = (Ca::root("Root"), CtLog::new());
    let leaf = root.leaf("www.example");
    let whole = list(&[log.for_certificate(NOW_MS, leaf.der()), log.for_certificate(NOW_MS - 1, leaf.der())]);
    let longer = [&whole[..], &[0]].concat();
    let (valid, broken) = (SctStatus::Valid, SctStatus::Unparsable);
    for (scts, expected) in [
        (&whole[..], &[valid, valid][..]),
        (&longer, &[valid, valid, broken]),
        (&[&whole[..whole.len() - 1]].concat(), &[broken]), // its own length is wrong, too
        (&[&[0, 130][..], &whole[2..][..130]].concat(), &[valid, broken]),
        (&[0, 0], &[broken]),
        (&[0], &[broken]),
        (&[], &[]),
    ] {
        let mut store = trusting(&[&root]);
        store.add_logs(log.list("Log"));
        let evidence = weigh(store, &chain(&[&leaf]), Stapled { scts, ..Stapled::default() });
        let statuses: Vec<_> = evidence.iter().flat_map(|evidence| &evidence.scts).map(|sct| sct.status).collect();
        assert_eq!(statuses, expected, "{scts:x?}");
    }
}

#[test]
fn without_logs_scts_are_counted() {
    let root = Ca::root("Root");
    let leaf = root.leaf("www.example");
    let stapled = Stapled { scts: &list(&[vec![1], vec![2]]), ..Stapled::default() };
    let evidence = weigh(trusting(&[&root]), &chain(&[&leaf]), stapled).unwrap();
    assert_eq!(evidence, Evidence { tls_scts: 2, ..Evidence::default() });
    assert_eq!(weigh(trusting(&[&root]), &chain(&[&leaf]), Stapled::default()), None);
}

#[test]
fn there_is_an_end_to_scts() {
    let (root, log) = (Ca::root("Root"), CtLog::new());
    let leaf = root.leaf("www.example");
    let many = list(&vec![log.for_certificate(NOW_MS, leaf.der()); 500]);
    let mut store = trusting(&[&root]);
    store.add_logs(log.list("Log"));
    let evidence = weigh(store, &chain(&[&leaf]), Stapled { scts: &many, ..Stapled::default() }).unwrap();
    assert_eq!((evidence.tls_scts, evidence.scts.len()), (500, Evidence::MOST_SCTS));
}

#[test]
fn a_list_of_logs_that_cannot_be_used_says_why() {
    for (text, says) in [
        ("{}", "missing field `operators`"),
        ("no", "it is no list of logs"),
        (r#"{"operators": [{"logs": [{"description": "Log A", "key": "AAAA"}]}]}"#, "the key of Log A cannot be read"),
    ] {
        let error = CtLogs::from_json(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let tiled = r#"{"operators": [{"name": "x", "logs": [], "tiled_logs": []}]}"#;
    assert!(CtLogs::from_json(tiled).unwrap().is_empty());
}
