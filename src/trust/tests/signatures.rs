//! Signatures that are wrong beside something else, and which issuer is meant.

use std::sync::Arc;

use rcgen::{CertificateParams, GeneralSubtree, IsCa, NameConstraints, SanType, date_time_ymd};

use super::chains::{Ca, Key, odd_extension, self_signed};
use super::outcomes::{NAME, expect};
use super::{chain, judge, statuses, trusting};
use crate::protocol::x509::{Certificate, KeyIds, Reason, Status, key_ids};
use Status::*;

fn says_by_whom(params: &mut CertificateParams) {
    params.use_authority_key_identifier_extension = true;
}

#[test]
fn key_identifiers_name_the_key_and_its_issuers() {
    let root = Ca::root("Root");
    let (root, leaf) = (root.parsed(), root.leaf_with(NAME, says_by_whom).parsed());
    let id = key_ids(&root.der).subject.unwrap();
    assert_eq!(key_ids(&leaf.der).authority, Some(id));
    assert!(KeyIds::may_be_of(id, root.public_key_info().unwrap()));
    assert!(!KeyIds::may_be_of(id, leaf.public_key_info().unwrap()));
}

/// What rustls-webpki does not read, or finds too complex, is no way around its signature.
#[test]
fn a_forged_certificate_is_bad_whatever_else_it_has() {
    let (root, forger) = (Ca::root("Root"), Ca::root("Root"));
    let store = trusting(&[&root]);
    let odd = |p: &mut CertificateParams| p.custom_extensions = vec![odd_extension()];
    let crowded = |p: &mut CertificateParams| {
        p.subject_alt_names = (0..4_000).map(|n| SanType::DnsName(format!("n{n}.example").try_into().unwrap())).collect();
    };
    for (what, sign, expected) in [
        ("a critical extension, rightly signed", &root, &[Unsupported][..]),
        ("a critical extension, forged", &forger, &[BadSignature, Unsupported]),
    ] {
        let verdict = judge(&store, &chain(&[&sign.leaf_with(NAME, odd)]), Some(NAME));
        assert_eq!((&statuses(&verdict)[..], verdict.reason), (expected, Some(Reason::CriticalExtension)), "{what}");
        let below = sign.sub_with("Odd", odd);
        let verdict = judge(&store, &chain(&[&below.leaf(NAME), &below]), Some(NAME));
        assert_eq!(statuses(&verdict), expected, "{what}, of an intermediate");
    }
    let constrained = |by: &Ca| {
        by.sub_with("Sub", |p| {
            let permitted_subtrees = (0..200).map(|n| GeneralSubtree::DnsName(format!("x{n}.example"))).collect();
            p.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
        })
    };
    let (sub, other) = (constrained(&root), constrained(&root));
    for (what, by, expected) in [("its issuer's", &sub, false), ("another's", &other, true)] {
        let verdict = judge(&store, &chain(&[&by.leaf_with("n1.example", crowded), &sub]), None);
        assert_eq!(verdict.problems.contains(BadSignature), expected, "4,000 names, by {what} key: {verdict:?}");
    }
}

/// Whoever forges need not have a key of the issuer's kind.
#[test]
fn a_signature_that_no_key_of_the_issuers_kind_makes_is_bad() {
    let of = |key| Ca::root_with("Root", key, |_| {});
    for (issuer, forger) in [(Key::Rsa, Key::P256), (Key::P256, Key::Rsa), (Key::P384, Key::Ed25519), (Key::Ed25519, Key::P256)] {
        let (root, forger) = (of(issuer), of(forger));
        let store = trusting(&[&root]);
        expect(&store, &[&forger.leaf(NAME)], Some(NAME), &[BadSignature]);
        let sub = root.sub("Sub");
        let (below, above) = (Ca::root_with("Sub", Key::Rsa, |_| {}), forger.sub("Sub"));
        expect(&store, &[&below.leaf(NAME), &sub], Some(NAME), &[BadSignature]);
        expect(&store, &[&above.leaf(NAME), &above], Some(NAME), &[BadSignature]);
        expect(&store, &[&forger.leaf(NAME), &forger], Some(NAME), &[UntrustedRoot]);
        expect(&store, &[&forger.leaf_with(NAME, says_by_whom)], Some(NAME), &[IncompleteChain]);
    }
}

#[test]
fn what_is_valid_at_no_common_moment_is_judged_all_the_same() {
    let only_below =
        |name: &str| NameConstraints { permitted_subtrees: vec![GeneralSubtree::DnsName(name.into())], excluded_subtrees: vec![] };
    let root = Ca::root("Root");
    let past = |p: &mut CertificateParams| p.not_after = date_time_ymd(2025, 1, 1);
    let sub = root.sub_with("Sub", past);
    let narrow = root.sub_with("Sub", |p| {
        past(p);
        p.name_constraints = Some(only_below("allowed.example"));
    });
    let forger = Ca::root("Sub");
    let store = trusting(&[&root]);
    let leaf = sub.leaf(NAME);
    expect(&store, &[&leaf, &sub], Some(NAME), &[Expired]);
    expect(&store, &[&forger.leaf(NAME), &sub], Some(NAME), &[BadSignature, Expired]);
    expect(&store, &[&narrow.leaf(NAME), &narrow], Some(NAME), &[NameConstraint, Expired]);
    let mut store = trusting(&[&root]);
    store.add_crls(&sub.crl(&[&leaf], 2026));
    expect(&store, &[&leaf, &sub], Some(NAME), &[Revoked, Expired]);
}

/// Two authorities may have one name.
#[test]
fn who_means_another_key_lacks_its_issuer() {
    let (root, namesake) = (Ca::root("Root"), Ca::root("Root"));
    let store = trusting(&[&root]);
    expect(&store, &[&namesake.leaf_with(NAME, says_by_whom)], Some(NAME), &[IncompleteChain]);
    expect(&store, &[&namesake.leaf(NAME)], Some(NAME), &[BadSignature]);
    let (sub, other) = (root.sub("Sub"), root.sub("Sub"));
    expect(&store, &[&other.leaf_with(NAME, says_by_whom), &sub], Some(NAME), &[IncompleteChain]);
    expect(&store, &[&other.leaf(NAME), &sub], Some(NAME), &[BadSignature]);
    // It means the trusted key, which has not signed it.
    let mut forged = root.leaf_with(NAME, says_by_whom).der().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let forged = std::sync::Arc::new(crate::protocol::x509::Certificate::parse(&forged));
    assert_eq!(judge(&store, &[forged], Some(NAME)).status, BadSignature);
}

#[test]
fn a_leaf_of_its_issuers_name_is_not_self_signed() {
    let namesake = Ca::root(NAME);
    let leaf = namesake.leaf(NAME);
    let store = trusting(&[&Ca::root("Root")]);
    expect(&store, &[&self_signed(NAME, |_| {})], Some(NAME), &[SelfSigned]);
    expect(&store, &[&leaf], Some(NAME), &[IncompleteChain]);
    expect(&store, &[&leaf, &namesake], Some(NAME), &[UntrustedRoot]);
    expect(&trusting(&[&namesake]), &[&leaf], Some(NAME), &[Valid]);
    expect(&trusting(&[&Ca::root(NAME)]), &[&leaf], Some(NAME), &[BadSignature]);
    expect(&trusting(&[&Ca::root(NAME)]), &[&self_signed(NAME, |_| {})], Some(NAME), &[SelfSigned]);
}

/// Whether it is said by key identifiers or not, that a certificate has signed itself is looked at.
#[test]
fn who_signed_itself_wrongly_has_a_bad_signature() {
    let spoiled = |ca: &Ca| {
        let mut der = ca.der().to_vec();
        *der.last_mut().unwrap() ^= 1;
        Arc::new(Certificate::parse(&der))
    };
    let with_own_id = |p: &mut CertificateParams| p.is_ca = IsCa::ExplicitNoCa;
    let named = |p: &mut CertificateParams| {
        with_own_id(p);
        says_by_whom(p);
    };
    for (what, own, expected) in [
        ("it names its own key", self_signed(NAME, named), BadSignature),
        ("it names no key, but has an identifier", self_signed(NAME, with_own_id), BadSignature),
        ("it has no identifiers, so that a namesake may have signed it", self_signed(NAME, |_| {}), IncompleteChain),
    ] {
        for store in [trusting(&[&Ca::root("Root")]), trusting(&[&Ca::root("Root"), &Ca::root("Elsewhere")])] {
            assert_eq!(statuses(&judge(&store, &[own.parsed()], Some(NAME))), [SelfSigned], "{what}");
            assert_eq!(statuses(&judge(&store, &[spoiled(&own)], Some(NAME))), [expected], "{what}, wrongly");
        }
    }
    // Where it has the name of a trusted root, too.
    let (own, root) = (self_signed(NAME, named), Ca::root(NAME));
    assert_eq!(statuses(&judge(&trusting(&[&root]), &[spoiled(&own)], Some(NAME))), [BadSignature]);
    // One that has a namesake's signature is no such thing.
    let below = root.leaf_with(NAME, with_own_id);
    let sent = [below.parsed(), root.parsed()];
    assert_eq!(statuses(&judge(&trusting(&[&Ca::root("Other")]), &sent, Some(NAME))), [UntrustedRoot]);
}
