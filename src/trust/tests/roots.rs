//! What a certificate of the trust store vouches for, by what it says of itself.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};

use super::chains::{Ca, Key, authority, now, self_signed};
use super::openssl::{Case, is_there, ours, theirs};
use super::outcomes::{NAME, expect};
use super::{chain, judge, statuses, tlv, trusting};
use crate::base::base64;
use crate::protocol::x509::{Certificate, Status};
use crate::trust::{Peer, Trust, TrustStore};
use Status::*;

/// Its tbsCertificate without version and extensions, as certificates of version 1 are. What signs a root is not looked at.
fn as_version_1(der: &[u8]) -> Vec<u8> {
    let all = split(content(der));
    let mut parts = split(content(all[0]));
    assert_eq!((parts.remove(0)[0], parts.pop().unwrap()[0]), (0xa0, 0xa3));
    tlv(0x30, &[&tlv(0x30, &parts), &all[1..].concat()])
}

/// What a triple holds.
fn content(der: &[u8]) -> &[u8] {
    &der[header(der)..]
}

/// How long its tag and its length are.
fn header(der: &[u8]) -> usize {
    2 + if der[1] < 0x80 { 0 } else { usize::from(der[1] & 0x7f) }
}

/// The triples one after the other.
fn split(mut der: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while !der.is_empty() {
        let start = header(der);
        let length = match der[1] {
            short @ ..0x80 => usize::from(short),
            _ => der[2..start].iter().fold(0, |n, byte| n << 8 | usize::from(*byte)),
        };
        let (part, rest) = der.split_at(start + length);
        parts.push(part);
        der = rest;
    }
    parts
}

fn pem(der: &[u8]) -> String {
    let text = base64::encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// Roots, each with a leaf below an intermediate of its own.
fn cases() -> Vec<(Case, Status)> {
    let constrained = |most| move |p: &mut CertificateParams| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(most));
    let usage = |usages: &'static [KeyUsagePurpose]| move |p: &mut CertificateParams| p.key_usages = usages.to_vec();
    let purpose = |purpose: ExtendedKeyUsagePurpose| move |p: &mut CertificateParams| p.extended_key_usages = vec![purpose.clone()];
    let no_constraints = |usages: &'static [KeyUsagePurpose]| {
        move |p: &mut CertificateParams| (p.is_ca, p.key_usages) = (IsCa::NoCa, usages.to_vec())
    };
    let mut all = Vec::new();
    let mut add = |what: &str, expected, change: &dyn Fn(&mut CertificateParams)| {
        let root = Ca::root_with("Root", Key::P256, change);
        all.push((below(what, &root, root.pem()), expected));
    };
    add("any number below", Valid, &|_| {});
    add("one authority below", Valid, &constrained(1));
    add("no authority below", NotForServer, &constrained(0));
    add("for servers", Valid, &purpose(ExtendedKeyUsagePurpose::ServerAuth));
    add("for clients", NotForServer, &purpose(ExtendedKeyUsagePurpose::ClientAuth));
    add("for anything", NotForServer, &purpose(ExtendedKeyUsagePurpose::Any));
    add("without keyUsage", Valid, &usage(&[]));
    add("without keyCertSign", NotForServer, &usage(&[KeyUsagePurpose::CrlSign]));
    add("no CA", NotForServer, &|p| p.is_ca = IsCa::ExplicitNoCa);
    add("without basicConstraints, to sign certificates", Valid, &no_constraints(&[KeyUsagePurpose::KeyCertSign]));
    add("without basicConstraints and keyUsage", NotForServer, &no_constraints(&[]));
    let root = Ca::root("Root");
    all.push((below("of version 1", &root, pem(&as_version_1(root.der()))), Valid));
    all
}

fn below(what: &str, root: &Ca, pem: String) -> Case {
    let sub = root.sub("Sub");
    let sent = vec![sub.leaf(NAME).der().to_vec(), sub.der().to_vec()];
    Case { what: what.to_owned(), root: pem, sent, asked: NAME }
}

#[test]
fn a_root_vouches_for_what_it_says_that_it_may() {
    for (case, expected) in cases() {
        assert_eq!(ours(&case), [expected], "{}", case.what);
    }
}

#[test]
fn openssl_agrees_on_what_roots_may_vouch_for() {
    if !is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (case, expected) in cases() {
        assert_eq!(theirs(dir.path(), &case), [expected], "{}", case.what);
    }
}

/// A server's certificate in the store does not make its key an authority.
#[test]
fn what_is_no_authority_is_trusted_for_itself_alone() {
    let own = self_signed(NAME, |p| p.is_ca = IsCa::ExplicitNoCa);
    let store = trusting(&[&own]);
    expect(&store, &[&own], Some(NAME), &[Valid]);
    expect(&store, &[&own], Some("www.bank.example"), &[NameMismatch]);
    let other = own.leaf("www.bank.example");
    expect(&store, &[&other], Some("www.bank.example"), &[NotForServer]);
    expect(&store, &[&other, &own], Some("www.bank.example"), &[NotForServer]);
    // Nor does its name and its key on another certificate.
    let anew = Arc::new(own.cross_sign(&own));
    assert_ne!(anew.sha256, own.parsed().sha256);
    assert_eq!(statuses(&judge(&store, &[anew], Some(NAME))), [SelfSigned, NotForServer]);
    // And nothing is learned from it.
    let sub = own.sub("Sub");
    let verdict = judge(&store, &chain(&[&sub.leaf(NAME), &sub]), Some(NAME));
    assert_eq!((statuses(&verdict), verdict.issuers.len()), (vec![NotForServer], 0));

    let root = Ca::root("Root");
    let pinned = root.leaf(NAME);
    let store = trusting(&[&pinned]);
    expect(&store, &[&pinned], Some(NAME), &[Valid]);
    let other = pinned.leaf("www.bank.example");
    expect(&store, &[&other, &pinned], Some("www.bank.example"), &[NotForServer]);
    // Its own issuer is as unknown as before.
    expect(&store, &[&root.leaf(NAME)], Some(NAME), &[IncompleteChain]);
}

/// With one name and one key.
#[test]
fn the_one_of_two_roots_that_may_vouch_does() {
    let root = Ca::root("Root");
    let mut params = authority("Root");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let last = root.issue(params, KeyPair::from_pem(&root.key_pem()).unwrap());
    let sub = root.sub("Sub");
    for (roots, expected) in [(&[&last][..], NotForServer), (&[&last, &root], Valid), (&[&root, &last], Valid)] {
        expect(&trusting(roots), &[&sub.leaf(NAME), &sub], Some(NAME), &[expected]);
    }
}

#[test]
fn a_root_for_servers_vouches_for_no_client() {
    for (purpose, expected) in [(ExtendedKeyUsagePurpose::ServerAuth, NotForServer), (ExtendedKeyUsagePurpose::ClientAuth, Valid)] {
        let root = Ca::root_with("Root", Key::P256, |p| p.extended_key_usages = vec![purpose.clone()]);
        let leaf = root.leaf_with("Alice", |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
        let mut store = TrustStore::empty();
        store.add_roots(root.der());
        let verdict = Trust::new(Arc::new(store), 0).judge(&chain(&[&leaf]), false, Peer::Client, now());
        assert_eq!(verdict.status, expected, "{purpose:?}");
    }
}

/// An intermediate that has the name of its issuer does not count for a root's pathLenConstraint (RFC 5280 §6.1.4 (l)).
#[test]
fn who_issues_itself_does_not_lengthen_the_path() {
    let root = Ca::root_with("Root", Key::P256, |p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let new = root.sub("Root"); // the next key of the same name
    let verdict = judge(&trusting(&[&root]), &[new.leaf(NAME).parsed(), Arc::new(Certificate::parse(new.der()))], Some(NAME));
    assert_eq!(statuses(&verdict), [Valid]);
}
