//! Revocation lists: which of several counts, and what one that is wrong costs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope, KeyUsagePurpose};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::chains::{Ca, Dates, Key, NOW, now, odd_extension, over_sha512};
use super::outcomes::{NAME, expect};
use super::{chain, judge, statuses, tlv, trusting};
use crate::base::{Timestamp, base64};
use crate::protocol::x509::{Certificate, Crl, CrlFault, Status};
use crate::trust::algorithms::Algorithms;
use crate::trust::revocation::is_signed_by;
use crate::trust::{Peer, Trust, TrustStore};
use Status::*;

/// Made for the time of the tests, 2026-06-01, and for another.
const CURRENT: Dates = Dates { this_update: (2026, 5, 1), next_update: (2026, 7, 1), number: 5 };
const NEWER: Dates = Dates { this_update: (2026, 5, 2), next_update: (2026, 7, 1), number: 6 };
const SAME_DAY: Dates = Dates { number: 7, ..CURRENT };
const OUTDATED: Dates = Dates { this_update: (2026, 4, 1), next_update: (2026, 5, 1), number: 4 };
const FUTURE: Dates = Dates { this_update: (2026, 8, 1), next_update: (2026, 9, 1), number: 8 };

#[test]
fn of_several_lists_the_newest_counts_in_whatever_order_they_come() {
    let root = Ca::root("Root");
    let leaf = root.leaf(NAME);
    let (on, off): (&[&Ca], &[&Ca]) = (&[&leaf], &[]);
    for (what, lists, expected) in [
        ("put on later", [(off, CURRENT), (on, NEWER)], Revoked),
        ("taken off later", [(on, CURRENT), (off, NEWER)], Valid),
        ("taken off the same day", [(on, CURRENT), (off, SAME_DAY)], Valid),
        ("an old list beside a current one", [(on, OUTDATED), (off, CURRENT)], Valid),
        ("a current list beside an old one", [(off, OUTDATED), (on, CURRENT)], Revoked),
        ("one of a later time beside a current one", [(on, CURRENT), (off, FUTURE)], Revoked),
        ("nothing but old and later ones", [(on, OUTDATED), (on, FUTURE)], Revoked),
    ] {
        for turn in [false, true] {
            let mut lists = lists;
            if turn {
                lists.reverse();
            }
            let mut store = trusting(&[&root]);
            lists.iter().for_each(|(revoked, dates)| assert_eq!(store.add_crls(&root.crl_of(revoked, *dates)).taken, 1));
            let verdict = super::judge(&store, &[leaf.parsed()], Some(NAME));
            assert_eq!(verdict.status, expected, "{what}, turned: {turn}");
        }
    }
}

#[test]
fn a_list_that_is_wrongly_signed_costs_only_itself() {
    let (root, forger) = (Ca::root("Root"), Ca::root("Root"));
    let sub = root.sub("Sub");
    let leaf = sub.leaf(NAME);
    for (what, right, forged, expected) in [
        ("it hides nothing", sub.crl_of(&[&leaf], CURRENT), Ca::root("Sub").crl_of(&[], NEWER), Revoked),
        ("it revokes nobody", sub.crl_of(&[], CURRENT), Ca::root("Sub").crl_of(&[&leaf], NEWER), Valid),
        ("nor at the root", sub.crl_of(&[&leaf], CURRENT), forger.crl_of(&[&sub], NEWER), Revoked),
    ] {
        let mut store = trusting(&[&root]);
        assert_eq!((store.add_crls(&forged).taken, store.add_crls(&right).taken), (1, 1));
        assert_eq!(super::judge(&store, &super::chain(&[&leaf, &sub]), Some(NAME)).status, expected, "{what}");
    }
}

/// Whose list it is may be known only once the peer sends its issuer.
#[test]
fn why_a_list_does_not_count_is_told() {
    let root = Ca::root("Root");
    let (sub, namesake, odd) =
        (root.sub("Sub"), Ca::root("Sub"), root.sub_with("Sub", |p| p.custom_extensions = vec![odd_extension()]));
    let may_not = root.sub_with("Sub", |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let leaf = sub.leaf(NAME);
    let of = |ca: &Ca| ca.crl_of(&[], CURRENT);
    let (unsigned, unverifiable) = (Some(CrlFault::Unsigned), Some(CrlFault::Unverifiable));
    for (what, lists, sent, expected) in [
        ("right", vec![of(&sub)], vec![&leaf, &sub], None),
        ("wrong", vec![of(&namesake)], vec![&leaf, &sub], unsigned),
        ("one of two", vec![of(&sub), of(&namesake)], vec![&leaf, &sub], unsigned),
        ("nobody is there to ask", vec![of(&namesake)], vec![&leaf], None),
        ("of the root", vec![of(&root)], vec![&leaf, &sub], None),
        ("the issuer is not read", vec![of(&namesake)], vec![&odd.leaf(NAME), &odd], unsigned),
        ("by an algorithm that is not here", vec![over_sha512(&of(&sub))], vec![&leaf, &sub], unverifiable),
        ("by one who may not", vec![of(&may_not)], vec![&may_not.leaf(NAME), &may_not], Some(CrlFault::NotForCrls)),
    ] {
        let mut store = trusting(&[&root]);
        lists.iter().for_each(|list| assert!(store.add_crls(list).faults.is_empty()));
        let trust = &mut Trust::new(Arc::new(store), 0);
        for _ in 0..2 {
            let verdict = trust.judge(&super::chain(&sent), false, Peer::Server(Some(NAME.as_bytes())), now());
            assert_eq!(verdict.useless_crl, expected, "{what}");
        }
    }
}

/// ring has no RSA keys of 512 bits: that one is wrong is not said of a signature that was never verified.
#[test]
fn a_list_by_a_key_of_a_size_that_is_not_here_is_not_called_unsigned() {
    let root = Ca::root_with("Root", Key::Rsa, |_| {});
    let list = Crl::read(&root.crl_of(&[], CURRENT)).unwrap();
    let rsa_key = |bytes: usize| {
        let numbers = tlv(0x30, &[&tlv(0x02, &[&[0], &vec![0xc1; bytes][..]]), &[0x02, 3, 1, 0, 1]]);
        let algorithm = tlv(0x30, &[&[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0]]);
        [algorithm, tlv(0x03, &[&[0], &numbers])].concat()
    };
    for (key, expected) in
        [(root.parsed().public_key_info().unwrap().to_vec(), Some(true)), (rsa_key(256), Some(false)), (rsa_key(64), None)]
    {
        assert_eq!(is_signed_by(&list, &key, &Algorithms::default()), expected);
    }
}

#[test]
fn a_list_that_does_not_count_revokes_nobody() {
    let root = Ca::root("Root");
    let (sub, may_not) = (root.sub("Sub"), root.sub_with("Sub", |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]));
    for (what, issuer, change) in [
        ("may not sign it", &may_not, (|list| list) as fn(Vec<u8>) -> Vec<u8>),
        ("cannot be verified", &sub, |list| over_sha512(&list)),
    ] {
        let leaf = issuer.leaf(NAME);
        let mut store = trusting(&[&root]);
        assert_eq!(store.add_crls(&change(issuer.crl_of(&[&leaf], CURRENT))).taken, 1);
        assert_eq!(super::judge(&store, &super::chain(&[&leaf, issuer]), Some(NAME)).status, Valid, "{what}");
    }
}

/// RFC 5280 §6.3.3 (b) (2), and what `openssl verify -crl_check_all` says of the same.
#[test]
fn a_list_counts_for_what_is_in_its_scope() {
    let dir = tempfile::tempdir().unwrap();
    let root = Ca::root("Root");
    let at = |uri: &str| CrlDistributionPoint { uris: vec![uri.to_owned()] };
    let leaf_at = |uri: &str| root.leaf_with(NAME, |p| p.crl_distribution_points = vec![at(uri)]);
    let authority_at = |uri: &str| root.sub_with("Sub", |p| p.crl_distribution_points = vec![at(uri)]);
    let scope = |uri: &str, scope| Some(CrlIssuingDistributionPoint { distribution_point: at(uri), scope });
    let (users, authorities) = (Some(CrlScope::UserCertsOnly), Some(CrlScope::CaCertsOnly));
    const HERE: &str = "http://crl.example/1";
    const THERE: &str = "http://crl.example/2";
    for (what, scope, at, leaf_is, authority_is) in [
        ("no scope", None, HERE, Revoked, Revoked),
        ("the point that they name", scope(HERE, None), HERE, Revoked, Revoked),
        ("another point", scope(THERE, None), HERE, Valid, Valid),
        ("users", scope(HERE, users), HERE, Revoked, Valid),
        ("authorities", scope(HERE, authorities), HERE, Valid, Revoked),
    ] {
        let (leaf, sub) = (leaf_at(at), authority_at(at));
        let below = sub.leaf(NAME);
        for (sent, revoked, expected) in [(vec![&leaf], &leaf, leaf_is), (vec![&below, &sub], &sub, authority_is)] {
            let list = root.crl_with(&[revoked], 2026, CURRENT, scope.clone());
            let mut store = trusting(&[&root]);
            assert_eq!(store.add_crls(&list).taken, 1);
            assert_eq!(super::judge(&store, &super::chain(&sent), Some(NAME)).status, expected, "{what}");
            let theirs = openssl_finds_revoked(dir.path(), &root, revoked, &list);
            assert!(theirs.is_none_or(|is| is == (expected == Revoked)), "{what}: openssl says {theirs:?}");
        }
    }
}

/// Where it is there.
fn openssl_finds_revoked(dir: &Path, root: &Ca, certificate: &Ca, list: &[u8]) -> Option<bool> {
    let pem = format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", base64::encode(list));
    fs::write(dir.join("list.pem"), pem).unwrap();
    fs::write(dir.join("root.pem"), root.pem()).unwrap();
    fs::write(dir.join("it.pem"), certificate.pem()).unwrap();
    let mut command = Command::new("openssl");
    command.args(["verify", "-attime", &NOW.to_string(), "-crl_check", "-CRLfile", "list.pem", "-CAfile", "root.pem", "it.pem"]);
    let output = command.current_dir(dir).output().ok()?;
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).contains("error 23 "))
}

/// Beside an intermediate that is revoked there may be another of the same name and key.
#[test]
fn a_way_around_what_is_revoked_is_found() {
    let (old, new) = (Ca::root("Old"), Ca::root("New"));
    let sub = old.sub("Sub");
    let crossed = Arc::new(new.cross_sign(&sub));
    let leaf = sub.leaf(NAME);
    let mut store = trusting(&[&old, &new]);
    store.add_crls(&old.crl_of(&[&sub], CURRENT));
    expect(&store, &[&leaf, &sub], Some(NAME), &[Revoked]);
    let verdict = super::judge(&store, &[leaf.parsed(), sub.parsed(), Arc::clone(&crossed)], Some(NAME));
    assert_eq!((verdict.status, &verdict.issuers[..]), (Valid, &[crossed.sha256][..]));
}

/// `openssl ca -gencrl` makes lists of version 1 where its configuration has no crl_extensions.
#[test]
fn a_list_of_version_1_counts() {
    let dir = tempfile::tempdir().unwrap();
    let openssl = |args: &str| {
        let ran = Command::new("openssl").args(args.split(' ')).current_dir(dir.path()).output();
        ran.map(|ran| assert!(ran.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&ran.stderr))).is_ok()
    };
    let path = |name: &str| dir.path().join(name);
    fs::write(path("ca.cnf"), "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=9\n").unwrap();
    fs::write(path("index"), "V\t491231235959Z\t\t77AA\tunknown\t/CN=Leaf\n").unwrap();
    fs::write(path("leaf.ext"), format!("subjectAltName=DNS:{NAME}\n")).unwrap();
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    if !openssl(&format!("req -x509 {KEY} -keyout ca.key -out ca.pem -subj /CN=Root -days 9")) {
        eprintln!("there is no openssl: its list was not read");
        return;
    }
    openssl(&format!("req {KEY} -keyout leaf.key -out leaf.csr -subj /CN=Leaf"));
    openssl("x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 0x77AA -extfile leaf.ext -days 9 -out leaf.pem");
    openssl("ca -config ca.cnf -keyfile ca.key -cert ca.pem -revoke leaf.pem");
    openssl("ca -config ca.cnf -keyfile ca.key -cert ca.pem -gencrl -out list.pem");
    let der = |name: &str| CertificateDer::from_pem_file(path(name)).unwrap().to_vec();
    let leaf = Arc::new(Certificate::parse(&der("leaf.pem")));
    let at = Timestamp::from_parts(u64::try_from(leaf.facts.as_ref().unwrap().not_before.unwrap().as_unix()).unwrap() + 60, 0);
    for (with_list, expected) in [(false, Valid), (true, Revoked)] {
        let mut store = TrustStore::empty();
        store.add_roots(&der("ca.pem"));
        if with_list {
            assert_eq!(store.add_crls(&fs::read(path("list.pem")).unwrap()).taken, 1);
        }
        let verdict = Trust::new(Arc::new(store), 0).judge(&[Arc::clone(&leaf)], false, Peer::Server(Some(NAME.as_bytes())), at);
        assert_eq!(statuses(&verdict), [expected]);
    }
}

/// Whose list it is can be told where the issuer was sent, whether somebody trusts it or not.
#[test]
fn who_is_not_trusted_may_be_revoked_all_the_same() {
    let (elsewhere, forger) = (Ca::root("Elsewhere"), Ca::root("Elsewhere"));
    let sub = elsewhere.sub("Sub");
    let namesake = elsewhere.sub("Sub");
    let leaf = sub.leaf(NAME);
    for (what, list, sent, expected) in [
        ("the leaf", sub.crl(&[&leaf], 2026), vec![&leaf, &sub], &[Revoked, IncompleteChain][..]),
        ("the leaf, below a root", sub.crl(&[&leaf], 2026), vec![&leaf, &sub, &elsewhere], &[Revoked, UntrustedRoot]),
        ("its issuer", elsewhere.crl(&[&sub], 2026), vec![&leaf, &sub, &elsewhere], &[Revoked, UntrustedRoot]),
        ("by a forger", forger.crl(&[&sub], 2026), vec![&leaf, &sub, &elsewhere], &[UntrustedRoot]),
        ("the issuer's namesake", elsewhere.crl(&[&namesake], 2026), vec![&leaf, &sub, &namesake, &elsewhere], &[UntrustedRoot]),
        ("the leaf, whose issuer is not there", sub.crl(&[&leaf], 2026), vec![&leaf], &[IncompleteChain]),
        ("nobody", sub.crl(&[], 2026), vec![&leaf, &sub], &[IncompleteChain]),
    ] {
        let mut store = trusting(&[&Ca::root("Root")]);
        assert_eq!(store.add_crls(&list).taken, 1);
        assert_eq!(statuses(&judge(&store, &chain(&sent), Some(NAME))), expected, "{what}");
    }
}
