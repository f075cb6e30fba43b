//! Chains that somebody made to do harm, or that lost some bits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints, SanType};

use super::chains::{Ca, now};
use super::{chain, judge, statuses, tlv, trusting};
use crate::protocol::x509::{Certificate, Reason, Status, Validation};
use crate::trust::{Peer, Stapled, Trust, TrustStore};

const NAME: &str = "www.example";

/// Where a few bytes of a chain are other ones.
fn damage() -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
    prop::collection::vec((0..2_usize, any::<usize>(), any::<u8>()), 1..4)
}

proptest! {
    #[test]
    fn damaged_chains_come_to_something(damages in prop::collection::vec(damage(), 50)) {
        let root = Ca::root("Root");
        let sub = root.sub("Sub");
        let whole = [sub.leaf(NAME).der().to_vec(), sub.der().to_vec()];
        let mut trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
        for damage in damages {
            let mut sent = whole.clone();
            for (which, place, byte) in damage {
                let place = place % sent[which].len();
                sent[which][place] = byte;
            }
            let changed = sent != whole;
            let sent: Vec<_> = sent.iter().map(|der| Arc::new(Certificate::parse(der))).collect();
            let verdict = trust.judge(&sent, false, Peer::Server(Some(NAME.as_bytes())), now());
            prop_assert!(!changed || verdict.status != Status::Valid, "{verdict:?}");
        }
    }
}

#[test]
fn thousands_of_names_against_thousands_of_constraints_end() {
    let root = Ca::root("Root");
    let sub = root.sub_with("Sub", |p| {
        let permitted_subtrees = (0..2_000).map(|n| GeneralSubtree::DnsName(format!("n{n}.example"))).collect();
        let excluded = CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8);
        p.name_constraints =
            Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![GeneralSubtree::IpAddress(excluded)] });
    });
    let leaf = sub.leaf_with(NAME, |p| {
        p.subject_alt_names = (0..2_000).map(|_| SanType::DnsName("n1999.example".try_into().unwrap())).collect();
    });
    let verdict = judged("thousands of names against thousands of constraints", &trusting(&[&root]), &ders(&[&leaf, &sub]));
    assert_eq!((verdict.status, verdict.reason), (Status::Unsupported, Some(Reason::TooComplex)));
}

/// What is within the bound is judged as ever.
#[test]
fn hundreds_of_names_against_a_hundred_constraints_are_compared() {
    let root = Ca::root("Root");
    for (constraints, names, allowed, expected) in [
        (100, 240, true, &[Status::Valid][..]),
        (100, 240, false, &[Status::NameConstraint]),
        (100, 260, true, &[Status::Unsupported]),
        (1_000, 20, true, &[Status::Valid]),
        (1_000, 30, true, &[Status::Unsupported]),
    ] {
        let sub = root.sub_with("Sub", |p| {
            let permitted_subtrees = (0..constraints).map(|n| GeneralSubtree::DnsName(format!("n{n}.example"))).collect();
            p.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
        });
        let leaf = sub.leaf_with("n1.example", |p| {
            let name = if allowed { "n1.example" } else { "other.example" };
            p.subject_alt_names.extend((1..names).map(|_| SanType::DnsName(name.try_into().unwrap())));
        });
        let verdict = judge(&trusting(&[&root]), &chain(&[&leaf, &sub]), Some("n1.example"));
        assert_eq!(statuses(&verdict), expected, "{constraints} constraints, {names} names");
        assert_eq!(verdict.reason, (expected == [Status::Unsupported]).then_some(Reason::TooComplex));
    }
}

#[test]
fn a_name_of_64_kilobytes_is_none() {
    let root = Ca::root("Root");
    let long = "a".repeat(65_000);
    assert_eq!(judge(&trusting(&[&root]), &chain(&[&root.leaf(NAME)]), Some(&long)).status, Status::NameMismatch);
}

/// A certificate in the making, signed by nobody.
#[derive(Clone)]
struct Forged {
    serial: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    not_after: &'static [u8],
    /// subjectPublicKeyInfo.
    key: Vec<u8>,
    /// The algorithm of the signature, and that.
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// What the Extensions hold.
    extensions: Vec<u8>,
}

const ML_DSA_87: &[u8] = &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19];
const SHA256_RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];
const RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const IS_CA: &[u8] = &[0x30, 15, 0x06, 3, 0x55, 0x1d, 0x13, 0x01, 1, 0xff, 0x04, 5, 0x30, 3, 0x01, 1, 0xff];

fn common_name(text: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[&[0x06, 3, 0x55, 4, 3], &tlv(0x0c, &[text])])])])
}

fn key(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x30, &[algorithm]), &tlv(0x03, &[&[0], key])])
}

impl Forged {
    /// With a key and a signature of ML-DSA-87.
    fn new(issuer: &[u8], subject: &[u8], n: u8) -> Self {
        Self {
            serial: vec![n],
            issuer: common_name(issuer),
            subject: common_name(subject),
            not_after: b"401231235959Z",
            key: key(ML_DSA_87, &[n; 2_592]),
            algorithm: ML_DSA_87.to_vec(),
            signature: vec![n; 4_627],
            extensions: IS_CA.to_vec(),
        }
    }

    fn der(&self) -> Vec<u8> {
        let algorithm = tlv(0x30, &[&self.algorithm]);
        let validity = tlv(0x30, &[&tlv(0x17, &[b"200101000000Z"]), &tlv(0x17, &[self.not_after])]);
        let extensions = tlv(0xa3, &[&tlv(0x30, &[&self.extensions])]);
        let (version, serial) = ([0xa0, 3, 2, 1, 2], tlv(0x02, &[&self.serial]));
        let fields = [&version, &serial[..], &algorithm, &self.issuer, &validity, &self.subject, &self.key, &extensions];
        tlv(0x30, &[&tlv(0x30, &fields), &algorithm, &tlv(0x03, &[&[0], &self.signature])])
    }
}

/// Reads the chain and judges it for [`NAME`], in no more time than that.
#[track_caller]
fn judged(what: &str, store: &TrustStore, sent: &[Vec<u8>]) -> Validation {
    let mut trust = Trust::new(Arc::new(store.clone()), 1 << 20);
    let begun = Instant::now();
    let sent: Vec<_> = sent.iter().map(|der| Arc::new(Certificate::parse(der))).collect();
    let verdict = trust.judge(&sent, false, Peer::Server(Some(NAME.as_bytes())), now());
    let taken = begun.elapsed();
    eprintln!("{what}: {taken:?}, {:?}", statuses(&verdict));
    assert!(taken < MOST_TIME, "{what}: {taken:?}");
    (*verdict).clone()
}

/// Without optimization, on a busy machine; the documents have what it takes with it.
const MOST_TIME: Duration = Duration::from_secs(20);

fn ders(sent: &[&Ca]) -> Vec<Vec<u8>> {
    sent.iter().map(|ca| ca.der().to_vec()).collect()
}

#[test]
fn issuers_that_have_issued_each_other_end() {
    let (a, b, root) = (Ca::root("A"), Ca::root("B"), Ca::root("A"));
    let (a_by_b, b_by_a) = (b.cross_sign(&a).der, a.cross_sign(&b).der);
    let sent = [vec![a.leaf(NAME).der().to_vec(), a_by_b, b_by_a], ders(&[&a, &b])].concat();
    assert_eq!(judged("a cycle", &TrustStore::empty(), &sent).status, Status::UntrustedRoot);
    assert_eq!(judged("a cycle with a trusted name", &trusting(&[&root]), &sent).status, Status::UntrustedRoot);
    assert_eq!(judged("a cycle without a root", &trusting(&[&root]), &sent[..3]).status, Status::IncompleteChain);
}

#[test]
fn as_many_issuers_of_one_name_and_key_as_there_may_be_end() {
    let (sub, root) = (Ca::root("Sub"), Ca::root("Root"));
    let again = (0..60).map(|_| sub.cross_sign(&sub).der);
    let sent: Vec<_> = [sub.leaf(NAME).der().to_vec()].into_iter().chain(again).chain([root.cross_sign(&sub).der]).collect();
    let pretender = Ca::root("Sub");
    for store in [trusting(&[&root]), trusting(&[&pretender])] {
        let verdict = judged("sixty of one name and key", &store, &sent);
        assert_eq!(verdict.status, Status::UntrustedRoot);
    }
}

/// Signatures are verified from the root down, so that a slow one takes a trusted key for it.
#[test]
fn slow_signatures_come_to_an_end() {
    let roots: Vec<_> = (100..108).map(|n| Forged::new(b"Root", b"Root", n).der()).collect();
    let leaf = Forged { extensions: Vec::new(), ..Forged::new(b"Sub", b"Leaf", 99) };
    let subs = (0..60).map(|n| Forged::new(b"Root", b"Sub", n).der());
    let sent: Vec<_> = [leaf.der()].into_iter().chain(subs).collect();
    for (trusted, what) in
        [(1, "one wrong signature of ML-DSA-87 on each of twelve issuers"), (8, "eight of them on each, of which 32 are verified")]
    {
        let mut store = TrustStore::empty();
        roots.iter().take(trusted).for_each(|root| assert_eq!(store.add_roots(root).taken, 1));
        let verdict = judged(what, &store, &sent);
        assert_eq!((verdict.status, verdict.reason), (Status::BadSignature, None), "{what}");
    }
}

#[test]
fn a_chain_that_is_too_long_is_said_to_be() {
    let mut cas = vec![Ca::root("CA 0")];
    for n in 1..60 {
        cas.push(cas.last().unwrap().sub(&format!("CA {n}")));
    }
    let leaf = cas.last().unwrap().leaf(NAME);
    let sent: Vec<_> = [&leaf].into_iter().chain(cas.iter().rev()).map(|ca| ca.der().to_vec()).collect();
    let verdict = judged("sixty authorities in a row", &trusting(&[&cas[0]]), &sent);
    assert_eq!(verdict.status, Status::IncompleteChain, "twelve are looked at");
    let verdict = judged("eight authorities in a row", &trusting(&[&cas[52]]), &sent[..8]);
    assert_eq!((verdict.status, verdict.reason), (Status::Unsupported, Some(Reason::TooComplex)));
}

#[test]
fn keys_of_any_size_are_read_and_not_used() {
    let root = Ca::root("Root");
    for bytes in [3_000, 60_000] {
        let integer = tlv(0x02, &[&vec![0x7f; bytes]]);
        let modulus = key(RSA, &tlv(0x30, &[&integer, &integer]));
        let sub = Forged { key: modulus, algorithm: SHA256_RSA.to_vec(), ..Forged::new(b"Root", b"Sub", 1) };
        let leaf = Forged {
            algorithm: SHA256_RSA.to_vec(),
            signature: vec![0x55; bytes],
            extensions: Vec::new(),
            ..Forged::new(b"Sub", b"Leaf", 2)
        };
        let facts = Certificate::parse(&sub.der()).facts.unwrap();
        assert_eq!((facts.key_bits, facts.key_exponent), (Some(bytes as u32 * 8 - 1), Some(u64::MAX)));
        let verdict = judged("an RSA key of thousands of bytes", &trusting(&[&root]), &[leaf.der(), sub.der()]);
        assert!(verdict.problems.contains(Status::Unsupported), "{verdict:?}");
    }
}

#[test]
fn parts_of_any_size_and_depth_are_read() {
    let root = Ca::root("Root");
    let leaf = Forged::new(b"Root", b"Leaf", 7);
    let nested = (0..16_000).fold(Vec::new(), |inner, _| if inner.len() < 60_000 { tlv(0x30, &[&inner]) } else { inner });
    let names: Vec<u8> = (0..8_000).flat_map(|n: u32| tlv(0x82, &[format!("n{n}.example").as_bytes()])).collect();
    let extension = |oid: &[u8], value: &[u8]| tlv(0x30, &[&tlv(0x06, &[oid]), &tlv(0x04, &[value])]);
    let (san, policies, constraints) = (&[0x55, 0x1d, 0x11], &[0x55, 0x1d, 0x20], &[0x55, 0x1d, 0x1e]);
    let subtrees: Vec<u8> = (0..5_000).flat_map(|n: u32| tlv(0x30, &[&tlv(0x82, &[format!("n{n}").as_bytes()])])).collect();
    for (what, der) in [
        ("names of 64 KB", Forged { subject: common_name(&[b'a'; 65_000]), ..leaf.clone() }),
        ("thousands of alternative names", Forged { extensions: extension(san, &tlv(0x30, &[&names])), ..leaf.clone() }),
        ("a subject as deep as can be", Forged { subject: tlv(0x30, &[&nested]), ..leaf.clone() }),
        ("policies as deep as can be", Forged { extensions: extension(policies, &nested), ..leaf.clone() }),
        (
            "thousands of constraints",
            Forged { extensions: extension(constraints, &tlv(0x30, &[&tlv(0xa0, &[&subtrees])])), ..leaf.clone() },
        ),
        ("thousands of extensions", Forged { extensions: extension(san, &[]).repeat(6_000), ..leaf.clone() }),
        ("a negative serial number", Forged { serial: vec![0x80; 20], ..leaf.clone() }),
        ("a serial number of 64 KB", Forged { serial: vec![0x7f; 65_000], ..leaf.clone() }),
        ("a time that is none", Forged { not_after: b"999999999999Z", ..leaf.clone() }),
    ]
    .map(|(what, forged)| (what, forged.der()))
    {
        let verdict = judged(what, &trusting(&[&root]), &[der]);
        assert!(!verdict.problems.is_empty(), "{what}: {verdict:?}");
    }
}

#[test]
fn answers_and_timestamps_of_any_number_end() {
    let root = Ca::root("Root");
    let trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
    let single = tlv(0x30, &[&[0x30, 0], &[0x80, 0]]);
    let data = tlv(0x30, &[&[0xa2, 0], &tlv(0x18, &[b"20260101000000Z"]), &tlv(0x30, &[&single.repeat(2_000)])]);
    let basic = tlv(0x30, &[&data, &tlv(0x30, &[ML_DSA_87]), &[0x03, 1, 0], &tlv(0xa0, &[&tlv(0x30, &[&[0x30, 0].repeat(500)])])]);
    let id_pkix_ocsp_basic = [0x06, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
    let answer = tlv(0x30, &[&[0x0a, 1, 0], &tlv(0xa0, &[&tlv(0x30, &[&id_pkix_ocsp_basic, &tlv(0x04, &[&basic])])])]);
    let scts = [&[0xff, 0xfe][..], &[0, 0].repeat(0x7fff)].concat();
    let begun = Instant::now();
    let evidence = trust
        .weigh(&chain(&[&root.leaf(NAME)]), Stapled { ocsp: Some(&answer), scts: &scts, ..Stapled::default() }, now())
        .unwrap();
    assert_eq!(evidence.tls_scts, 0x7fff);
    assert_eq!(evidence.ocsp.unwrap().status.as_str(), "other_certificate");
    assert!(begun.elapsed() < MOST_TIME);
}
