//! What each kind of chain comes to.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CidrSubnet, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints, SanType,
    date_time_ymd,
};
use rustls_pki_types::pem::PemObject;

use super::chains::{Ca, Key, authority, now, odd_extension, self_signed, server};
use super::{chain, judge, statuses, trusting};
use crate::protocol::x509::{Certificate, Reason, Status};
use crate::trust::{Peer, Trust, TrustStore};
use Status::*;

pub(super) const NAME: &str = "www.example";

#[track_caller]
pub(super) fn expect(store: &TrustStore, sent: &[&Ca], asked: Option<&str>, expected: &[Status]) {
    let verdict = judge(store, &chain(sent), asked);
    assert_eq!(statuses(&verdict), expected);
    assert_eq!(verdict.status, expected[0]);
}

#[test]
fn a_path_to_a_trusted_root_is_valid_with_any_kind_of_key() {
    for key in [Key::P256, Key::P384, Key::Ed25519, Key::Rsa] {
        let root = Ca::root_with("Root", key, |_| {});
        let sub = root.issue(authority("Sub"), key.pair());
        let leaf = sub.issue(server(NAME), key.pair());
        let verdict = judge(&trusting(&[&root]), &chain(&[&leaf, &sub]), Some(NAME));
        assert_eq!(verdict.status, Valid, "{key:?}");
        assert_eq!(verdict.issuers, [sub.parsed().sha256], "{key:?}");
    }
}

#[test]
fn order_duplicates_and_strangers_do_not_matter() {
    let root = Ca::root("Root");
    let (one, stranger) = (root.sub("One"), Ca::root("Stranger"));
    let two = one.sub("Two");
    let leaf = two.leaf(NAME);
    let store = trusting(&[&root]);
    for sent in
        [&[&leaf, &two, &one][..], &[&leaf, &one, &two], &[&leaf, &root, &stranger, &one, &two], &[&leaf, &leaf, &two, &two, &one]]
    {
        let verdict = judge(&store, &chain(sent), Some(NAME));
        assert_eq!((verdict.status, &verdict.issuers[..]), (Valid, &[two.parsed().sha256, one.parsed().sha256][..]));
    }
}

#[test]
fn a_gap_is_filled_from_known_intermediates_and_otherwise_told() {
    let root = Ca::root("Root");
    let one = root.sub("One");
    let two = one.sub("Two");
    let leaf = two.leaf(NAME);
    let mut store = trusting(&[&root]);
    expect(&store, &[&leaf], Some(NAME), &[IncompleteChain]);
    expect(&store, &[&leaf, &two], Some(NAME), &[IncompleteChain]);
    assert_eq!(store.add_intermediates(one.pem().as_bytes()).taken, 1);
    expect(&store, &[&leaf], Some(NAME), &[IncompleteChain]);
    expect(&store, &[&leaf, &two], Some(NAME), &[Valid]);
    assert_eq!(store.add_intermediates(two.der()).taken, 1);
    expect(&store, &[&leaf], Some(NAME), &[Valid]);
}

#[test]
fn who_is_not_trusted_is_told_apart_by_where_the_chain_ends() {
    let (root, other) = (Ca::root("Root"), Ca::root("Other"));
    let leaf = root.leaf(NAME);
    let store = trusting(&[&other]);
    expect(&store, &[&leaf, &root], Some(NAME), &[UntrustedRoot]);
    expect(&store, &[&leaf], Some(NAME), &[IncompleteChain]);
    expect(&store, &[&self_signed(NAME, |_| {})], Some(NAME), &[SelfSigned]);
    expect(&store, &[&root], None, &[SelfSigned, NotForServer]); // its usage is to sign certificates
}

#[test]
fn what_is_trusted_itself_is_valid() {
    let own = self_signed(NAME, |_| {});
    expect(&trusting(&[&own]), &[&own], Some(NAME), &[Valid]);
    expect(&trusting(&[&own]), &[&own], Some("www.other"), &[NameMismatch]);
    let leaf = Ca::root("Root").leaf(NAME);
    expect(&trusting(&[&leaf]), &[&leaf], Some(NAME), &[Valid]);
    let late = self_signed(NAME, |p| p.not_after = date_time_ymd(2026, 2, 1));
    expect(&trusting(&[&late]), &[&late], Some(NAME), &[Expired]);
}

#[test]
fn a_cross_signed_path_is_found_where_the_other_leads_nowhere() {
    let (old, new) = (Ca::root("Old"), Ca::root("New"));
    let leaf = new.leaf(NAME);
    let cross = Arc::new(old.cross_sign(&new));
    let sent = [leaf.parsed(), new.parsed(), Arc::clone(&cross)];
    for store in [trusting(&[&old]), trusting(&[&new]), trusting(&[&old, &new])] {
        assert_eq!(judge(&store, &sent, Some(NAME)).status, Valid);
    }
    assert_eq!(judge(&trusting(&[&old]), &sent, Some(NAME)).issuers, [cross.sha256]);
    assert_eq!(judge(&trusting(&[&Ca::root("Third")]), &sent, Some(NAME)).status, UntrustedRoot);
}

#[test]
fn names_are_those_of_rfc_9525() {
    let root = Ca::root("Root");
    let store = trusting(&[&root]);
    for (certificate, asked, expected) in [
        ("www.example", "www.example", Valid),
        ("www.example", "WWW.Example", Valid),
        ("www.example", "www.example.", Valid),
        ("www.example", "example", NameMismatch),
        ("www.example", "mail.www.example", NameMismatch),
        ("*.example.com", "www.example.com", Valid),
        ("*.example.com", "example.com", NameMismatch),
        ("*.example.com", "a.b.example.com", NameMismatch),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", Valid),
        ("xn--bcher-kva.example", "b\u{fc}cher.example", NameMismatch), // an SNI is ASCII (RFC 6066 §3)
        ("*.example.com", "xn--bcher-kva.example.com", Valid),
        ("192.0.2.7", "192.0.2.7", Valid),
        ("192.0.2.7", "192.0.2.8", NameMismatch),
        ("2001:db8::7", "2001:db8::7", Valid),
        ("2001:db8::7", "2001:db8:0:0::7", Valid),
        ("www.example", "192.0.2.7", NameMismatch),
        ("www.example", "not a name", NameMismatch),
        ("www.example", "www.example\0.evil", NameMismatch),
    ] {
        let leaf = root.leaf(certificate);
        assert_eq!(judge(&store, &chain(&[&leaf]), Some(asked)).status, expected, "{certificate} for {asked}");
    }
    let only_cn = root.leaf_with(NAME, |p| p.subject_alt_names.clear());
    expect(&store, &[&only_cn], Some(NAME), &[NameMismatch]);
    expect(&store, &[&root.leaf(NAME)], None, &[Valid]); // nothing to compare with
}

#[test]
fn dates_are_judged_at_the_time_of_the_packet() {
    let root = Ca::root("Root");
    let store = Arc::new(trusting(&[&root]));
    let leaf = root.leaf(NAME); // 2026-01-01T00:00:00 to 2027-01-01T00:00:00
    let mut trust = Trust::new(store, 1 << 20);
    for (seconds, expected) in [
        (1_767_225_599, NotYetValid),
        (1_767_225_600, Valid),
        (1_798_761_600, Valid),
        (1_798_761_601, Expired),
        (1_767_225_600, Valid),
    ] {
        let now = crate::base::Timestamp::from_parts(seconds, 0);
        let verdict = trust.judge(&chain(&[&leaf]), false, Peer::Server(Some(NAME.as_bytes())), now);
        assert_eq!(verdict.status, expected, "{seconds}");
    }
}

#[test]
fn an_intermediate_has_dates_too() {
    let root = Ca::root("Root");
    let store = trusting(&[&root]);
    for (from, until, expected) in [(2020, 2025, Expired), (2027, 2030, NotYetValid), (2020, 2030, Valid)] {
        let sub = root.sub_with("Sub", |p| {
            p.not_before = date_time_ymd(from, 1, 1);
            p.not_after = date_time_ymd(until, 1, 1);
        });
        expect(&store, &[&sub.leaf(NAME), &sub], Some(NAME), &[expected]);
    }
    // Renewed with the same key: the one that is valid makes the path valid.
    let sub = root.sub("Sub");
    let mut params = authority("Sub");
    params.not_after = date_time_ymd(2025, 1, 1);
    let old = root.issue(params, rcgen::KeyPair::from_pem(&sub.key_pem()).unwrap());
    expect(&store, &[&sub.leaf(NAME), &old, &sub], Some(NAME), &[Valid]);
}

#[test]
fn all_that_is_wrong_is_told_the_worst_first() {
    let (root, other) = (Ca::root("Root"), Ca::root("Other"));
    let change = |p: &mut rcgen::CertificateParams| {
        p.not_after = date_time_ymd(2026, 3, 1);
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    };
    let all = [NotForServer, NameMismatch, Expired];
    expect(&trusting(&[&root]), &[&root.leaf_with(NAME, change)], Some("www.other"), &all);
    let worse = [&[UntrustedRoot][..], &all].concat();
    expect(&trusting(&[&other]), &[&root.leaf_with(NAME, change), &root], Some("www.other"), &worse);
    let worse = [&[SelfSigned][..], &all].concat();
    expect(&trusting(&[&other]), &[&self_signed(NAME, change)], Some("www.other"), &worse);
    // Behind an expiry, a name that the issuer may not issue for is still found.
    let sub = root.sub_with("Sub", |p| p.name_constraints = Some(only_below("allowed.example")));
    let leaf = sub.leaf_with("www.example", |p| p.not_after = date_time_ymd(2026, 3, 1));
    expect(&trusting(&[&root]), &[&leaf, &sub], Some(NAME), &[NameConstraint, Expired]);
}

#[test]
fn name_constraints_hold() {
    let root = Ca::root("Root");
    let store = trusting(&[&root]);
    let below = root.sub_with("Below", |p| p.name_constraints = Some(only_below("example.com")));
    expect(&store, &[&below.leaf("www.example.com"), &below], None, &[Valid]);
    expect(&store, &[&below.leaf("www.example.org"), &below], None, &[NameConstraint]);
    let without = root.sub_with("Without", |p| {
        p.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![],
            excluded_subtrees: vec![GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8))],
        });
    });
    expect(&store, &[&without.leaf("192.0.2.7"), &without], None, &[Valid]);
    expect(&store, &[&without.leaf("10.1.2.3"), &without], None, &[NameConstraint]);
}

#[test]
fn usages_have_to_fit() {
    let root = Ca::root("Root");
    let store = trusting(&[&root]);
    let leaf = |purposes: &[ExtendedKeyUsagePurpose]| root.leaf_with(NAME, |p| p.extended_key_usages = purposes.to_vec());
    let sgc = ExtendedKeyUsagePurpose::Other(vec![2, 16, 840, 1, 113_730, 4, 1]);
    expect(&store, &[&leaf(&[])], None, &[Valid]);
    expect(&store, &[&leaf(&[ExtendedKeyUsagePurpose::ClientAuth])], None, &[NotForServer]);
    expect(&store, &[&leaf(&[ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth])], None, &[Valid]);
    expect(&store, &[&leaf(&[ExtendedKeyUsagePurpose::Any])], None, &[NotForServer]);
    expect(&store, &[&leaf(&[sgc])], None, &[Valid]);

    let signs = root.leaf_with(NAME, |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    expect(&store, &[&signs], None, &[NotForServer]);
    let mail = root.sub_with("Mail", |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection]);
    expect(&store, &[&mail.leaf(NAME), &mail], None, &[NotForServer]);
    let crl_only = root.sub_with("CRL only", |p| p.key_usages = vec![KeyUsagePurpose::CrlSign]);
    expect(&store, &[&crl_only.leaf(NAME), &crl_only], None, &[NotForServer]);
}

#[test]
fn leaves_are_no_authorities_nor_the_reverse() {
    let root = Ca::root("Root");
    let store = trusting(&[&root]);
    let leaf = root.leaf(NAME);
    expect(&store, &[&leaf.leaf("www.victim.example"), &leaf], None, &[NotForServer]);
    let ca = root.leaf_with(NAME, |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    expect(&store, &[&ca], Some(NAME), &[NotForServer]);
    let last = root.sub_with("Last", |p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let below = last.sub("Below");
    expect(&store, &[&last.leaf(NAME), &last], None, &[Valid]);
    expect(&store, &[&below.leaf(NAME), &below, &last], None, &[NotForServer]);
}

#[test]
fn a_forged_signature_is_bad_and_a_forged_root_untrusted() {
    let (root, forger) = (Ca::root("Root"), Ca::root("Root"));
    let store = trusting(&[&root]);
    let forged = forger.leaf(NAME);
    expect(&store, &[&forged], Some(NAME), &[BadSignature]);
    expect(&store, &[&forged, &forger], Some(NAME), &[UntrustedRoot]);
    expect(&store, &[&forger], None, &[SelfSigned, NotForServer]);

    let leaf = root.leaf(NAME);
    let mut der = leaf.der().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let verdict = judge(&store, &[Arc::new(Certificate::parse(&der))], Some(NAME));
    assert_eq!(verdict.status, BadSignature);
}

#[test]
fn what_is_not_supported_says_why() {
    let root = Ca::root("Root");
    let store = trusting(&[&root]);
    let odd = root.leaf_with(NAME, |p| p.custom_extensions = vec![odd_extension()]);
    let verdict = judge(&store, &chain(&[&odd]), None);
    assert_eq!((verdict.status, verdict.reason), (Unsupported, Some(Reason::CriticalExtension)));
    let odd = root.sub_with("Odd", |p| p.custom_extensions = vec![odd_extension()]);
    let verdict = judge(&store, &chain(&[&odd.leaf(NAME), &odd]), None);
    assert_eq!((verdict.status, verdict.reason), (Unsupported, Some(Reason::CriticalExtension)));
}

/// Made by `weak/make.sh`.
#[test]
fn weak_signatures_are_told_where_they_matter() {
    let pem = |name: &str| std::fs::read(format!("{}/src/trust/tests/weak/{name}.pem", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let parsed = |name: &str| {
        let der = rustls_pki_types::CertificateDer::from_pem_slice(&pem(name)).unwrap();
        Arc::new(Certificate::parse(&der))
    };
    for (root, sent, expected, reason) in [
        ("root", &["sha1"][..], &[WeakSignature][..], None),
        ("root", &["md5"], &[WeakSignature], None),
        ("root", &["below-sha1-issuer", "sha1-issuer"], &[WeakSignature], None),
        ("short-root", &["sha1", "root"], &[UntrustedRoot, WeakSignature], None),
        ("short-root", &["below-short-root"], &[Valid], None), // the key is short, the signature is not over a weak digest
        ("short-root", &["sha384-by-short-key"], &[Unsupported], Some(Reason::SignatureAlgorithm)),
    ] {
        let mut store = TrustStore::empty();
        assert_eq!(store.add_roots(&pem(root)).taken, 1);
        let sent: Vec<_> = sent.iter().map(|name| parsed(name)).collect();
        let in_2030 = crate::base::Timestamp::from_parts(1_893_456_000, 0);
        let verdict = Trust::new(Arc::new(store), 0).judge(&sent, false, Peer::Server(Some(NAME.as_bytes())), in_2030);
        assert_eq!((statuses(&verdict).as_slice(), verdict.reason), (expected, reason), "{root}");
    }
}

#[test]
fn a_revocation_list_counts_from_the_date_of_its_entry() {
    let (root, forger) = (Ca::root("Root"), Ca::root("Root"));
    let sub = root.sub("Sub");
    let (leaf, other) = (sub.leaf(NAME), sub.leaf(NAME));
    for (crl, expected) in [
        (sub.crl(&[&leaf], 2026), Revoked),
        (sub.crl(&[&other], 2026), Valid),
        (root.crl(&[&sub], 2026), Revoked),
        (forger.crl(&[&sub], 2026), Valid), // not signed by the issuer
        (sub.crl(&[&leaf], 2027), Valid),   // later than the packet
    ] {
        let mut store = trusting(&[&root]);
        assert_eq!(store.add_crls(&crl).taken, 1);
        expect(&store, &[&leaf, &sub], Some(NAME), &[expected]);
    }
    let mut store = trusting(&[&root]);
    store.add_crls(&sub.crl(&[&leaf], 2026));
    expect(&store, &[&leaf, &sub], Some("www.other"), &[Revoked, NameMismatch]);
    let verdict = judge(&store, &chain(&[&leaf, &sub]), Some(NAME));
    assert_eq!(verdict.holds_from.to_string(), "2026-03-01T00:00:00");
}

#[test]
fn what_is_no_certificate_is_unparsable() {
    let store = trusting(&[&Ca::root("Root")]);
    for der in [&b""[..], b"no certificate", &[0x30, 0x80]] {
        assert_eq!(judge(&store, &[Arc::new(Certificate::parse(der))], Some(NAME)).status, Unparsable);
    }
}

#[test]
fn a_clients_certificate_is_judged_as_one() {
    let root = Ca::root("Root");
    let mut trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
    for (purposes, expected) in [
        (vec![ExtendedKeyUsagePurpose::ClientAuth], Valid),
        (vec![], Valid),
        (vec![ExtendedKeyUsagePurpose::ServerAuth], NotForServer),
    ] {
        let leaf = root.leaf_with("Alice", |p| {
            p.subject_alt_names = vec![SanType::Rfc822Name("alice@example.com".try_into().unwrap())];
            p.extended_key_usages = purposes;
        });
        assert_eq!(trust.judge(&chain(&[&leaf]), false, Peer::Client, now()).status, expected);
    }
}

#[test]
fn a_chain_whose_end_is_lost_is_not_called_incomplete() {
    let (root, other) = (Ca::root("Root"), Ca::root("Other"));
    let sub = root.sub("Sub");
    let mut trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
    let mut judge = |leaf: &Ca, asked: &'static str| {
        let verdict = trust.judge(&chain(&[leaf]), true, Peer::Server(Some(asked.as_bytes())), now());
        (statuses(&verdict), verdict.reason)
    };
    assert_eq!(judge(&sub.leaf(NAME), NAME), (vec![NotSeen], Some(Reason::Lost)));
    assert_eq!(judge(&sub.leaf(NAME), "www.other"), (vec![NameMismatch], Some(Reason::Lost)));
    assert_eq!(judge(&root.leaf(NAME), NAME), (vec![Valid], None));
    assert_eq!(judge(&other.leaf(NAME), NAME), (vec![NotSeen], Some(Reason::Lost)));
}

#[test]
fn cycles_and_crowds_end() {
    let (one, two) = (Ca::root("One"), Ca::root("Two"));
    let crossed = [Arc::new(one.cross_sign(&two)), Arc::new(two.cross_sign(&one))];
    let leaf = one.leaf(NAME);
    let cycle = [&[leaf.parsed()][..], &crossed].concat();
    assert_eq!(judge(&trusting(&[&Ca::root("Root")]), &cycle, Some(NAME)).status, IncompleteChain);
    // A hundred authorities of one name, none of which has signed the leaf.
    let root = Ca::root("Root");
    let crowd: Vec<_> = (0..100).map(|_| root.sub("Sub").parsed()).collect();
    let sent = [&[root.sub("Sub").leaf(NAME).parsed()][..], &crowd].concat();
    assert_eq!(judge(&trusting(&[&root]), &sent, Some(NAME)).status, BadSignature);
}

fn only_below(name: &str) -> NameConstraints {
    NameConstraints { permitted_subtrees: vec![GeneralSubtree::DnsName(name.into())], excluded_subtrees: vec![] }
}

/// Of Mozilla's roots name and key are known, and no certificate.
#[test]
fn a_root_of_which_only_name_and_key_are_known_is_no_stranger() {
    let root = Ca::root("Root");
    let store = trusting(&[&root]);
    let anew = root.cross_sign(&root);
    assert_ne!(anew.sha256, root.parsed().sha256);
    let mut forged = anew.der.clone();
    *forged.last_mut().unwrap() ^= 1;
    let stranger = Ca::root("Root");
    // A CA's certificate is not for a server, whoever vouches for it.
    for (what, sent, expected) in [
        ("issued anew", Arc::new(anew), vec![Status::NotForServer]),
        ("with a wrong signature", Arc::new(Certificate::parse(&forged)), vec![Status::BadSignature, Status::NotForServer]),
        ("with another key", stranger.parsed(), vec![Status::SelfSigned, Status::NotForServer]),
    ] {
        assert_eq!(statuses(&judge(&store, &[sent], None)), expected, "{what}");
    }
}
