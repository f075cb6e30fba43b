//! The outcome next to that of `openssl verify`, on some hundred chains: every kind of path, of dates, of names and of keys, each with each.
//!
//! Where there is no openssl it says so and passes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints, date_time_ymd};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::chains::{Ca, Key, NOW, authority, odd_extension, self_signed, server};
use super::{judge, statuses};
use crate::base::Timestamp;
use crate::protocol::x509::{Certificate, Problems, Reason, Status, key_ids};
use crate::trust::{Peer, Trust, TrustStore};
use Status::*;

/// One chain, and what it is to be judged by.
pub(super) struct Case {
    pub what: String,
    /// PEM.
    pub root: String,
    pub sent: Vec<Vec<u8>>,
    pub asked: &'static str,
}

#[test]
fn openssl_agrees_with_ec_keys() {
    openssl_agrees(Key::P256);
}

#[test]
fn openssl_agrees_with_rsa_keys() {
    openssl_agrees(Key::Rsa);
}

/// Runs openssl, which has to succeed.
fn openssl_in(dir: &Path, args: &str) {
    let ran = Command::new("openssl").args(args.split(' ')).current_dir(dir).output().unwrap();
    assert!(ran.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// rcgen makes no keys on P-521.
#[test]
fn openssls_chains_on_p521_are_verified() {
    if !is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let openssl = |args: &str| openssl_in(dir.path(), args);
    let der = |name: &str| CertificateDer::from_pem_file(dir.path().join(name)).unwrap().to_vec();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 60;
    let now = Timestamp::from_parts(now, 0);
    fs::write(dir.path().join("leaf.ext"), "subjectAltName=DNS:www.example\n").unwrap();
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes";
    openssl(&format!("req -x509 {KEY} -keyout ca.key -out ca.pem -subj /CN=Root -days 30"));
    openssl(&format!("req -x509 {KEY} -keyout other.key -out other.pem -subj /CN=Root -days 30"));
    openssl(&format!("req {KEY} -keyout leaf.key -out leaf.csr -subj /CN=Leaf"));
    let mut store = TrustStore::empty();
    assert_eq!(store.add_roots(&der("ca.pem")).taken, 1);
    let mut trust = Trust::new(Arc::new(store), 1 << 20);
    for digest in ["sha256", "sha384", "sha512"] {
        for ca in ["ca", "other"] {
            openssl(&format!(
                "x509 -req -in leaf.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -extfile leaf.ext -days 30 -{digest} -out leaf.pem"
            ));
            let leaf = Arc::new(Certificate::parse(&der("leaf.pem")));
            // Some releases write which key has signed it: that of the root is another then.
            let other = if key_ids(&leaf.der).authority.is_some() { IncompleteChain } else { BadSignature };
            let status = if ca == "ca" { Valid } else { other };
            let verdict = trust.judge(&[leaf], false, Peer::Server(Some(b"www.example")), now);
            assert_eq!(verdict.status, status, "{digest} {ca}");
        }
    }
}

/// Signatures that ring does not verify, which rcgen does not make.
#[test]
fn openssl_verifies_what_is_not_supported_here() {
    if !is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let openssl = |args: &str| openssl_in(dir.path(), args);
    fs::write(dir.path().join("leaf.ext"), "subjectAltName=DNS:www.example\n").unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 60;
    for (kind, digest, expected) in [
        ("ec -pkeyopt ec_paramgen_curve:P-256", "sha256", (Valid, None)),
        ("ec -pkeyopt ec_paramgen_curve:P-256", "sha512", (Unsupported, Some(Reason::SignatureAlgorithm))),
        ("ec -pkeyopt ec_paramgen_curve:P-256", "sha224", (Unsupported, Some(Reason::SignatureAlgorithm))),
        ("rsa:2048", "sha224", (Unsupported, Some(Reason::SignatureAlgorithm))),
    ] {
        let key = format!("-newkey {kind} -nodes");
        openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=Root -days 30"));
        openssl(&format!("req {key} -keyout leaf.key -out leaf.csr -subj /CN=Leaf"));
        openssl(&format!(
            "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile leaf.ext -days 30 -{digest} -out leaf.pem"
        ));
        openssl(&format!("verify -purpose sslserver -verify_hostname www.example -attime {now} -CAfile ca.pem leaf.pem"));
        let der = |name: &str| CertificateDer::from_pem_file(dir.path().join(name)).unwrap().to_vec();
        let mut store = TrustStore::empty();
        store.add_roots(&der("ca.pem"));
        let leaf = Arc::new(Certificate::parse(&der("leaf.pem")));
        let at = Timestamp::from_parts(now, 0);
        let verdict = Trust::new(Arc::new(store), 0).judge(&[leaf], false, Peer::Server(Some(b"www.example")), at);
        assert_eq!((verdict.status, verdict.reason), expected, "{kind} {digest}");
    }
}

fn openssl_agrees(key: Key) {
    if !is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for case in cases(key) {
        let (ours, theirs) = (ours(&case), theirs(dir.path(), &case));
        // There openssl stops, and says no more.
        let stopped = [NameMismatch, BadSignature, IncompleteChain, UntrustedRoot].iter().any(|status| theirs.contains(status));
        let agrees = ours == theirs || stopped && theirs.iter().all(|status| ours.contains(status));
        assert!(agrees, "{}: we say {ours:?}, openssl {theirs:?}", case.what);
    }
}

pub(super) fn is_there() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok();
    if !found {
        eprintln!("there is no openssl: its opinion was not asked");
    }
    found
}

pub(super) fn ours(case: &Case) -> Vec<Status> {
    let sent: Vec<_> = case.sent.iter().map(|der| Arc::new(Certificate::parse(der))).collect();
    let mut store = TrustStore::empty();
    assert_eq!(store.add_roots(case.root.as_bytes()).taken, 1);
    statuses(&judge(&store, &sent, Some(case.asked)))
}

/// What takes more than dates and names.
#[test]
fn openssl_agrees_on_odd_chains() {
    if !is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (case, expected) in odd_cases() {
        assert_eq!((ours(&case), theirs(dir.path(), &case)), (vec![expected], vec![expected]), "{}", case.what);
    }
}

fn odd_cases() -> Vec<(Case, Status)> {
    let mut all = Vec::new();
    let mut add =
        |what: &str, expected, change_ca: &dyn Fn(&mut CertificateParams), change_leaf: &dyn Fn(&mut CertificateParams)| {
            let root = Ca::root("Root");
            let sub = root.sub_with("Sub", change_ca);
            let leaf = sub.leaf_with("www.example.com", change_leaf);
            let sent = vec![leaf.der().to_vec(), sub.der().to_vec()];
            all.push((Case { what: what.to_owned(), root: root.pem(), sent, asked: "www.example.com" }, expected));
        };
    let below = |name: &str| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(name.to_owned())],
        excluded_subtrees: vec![],
    };
    let nothing = |_: &mut CertificateParams| {};
    add("a name that is allowed", Valid, &|p| p.name_constraints = Some(below("example.com")), &nothing);
    add("a name that is not", NameConstraint, &|p| p.name_constraints = Some(below("example.org")), &nothing);
    add("a critical extension of a leaf", Unsupported, &nothing, &|p| p.custom_extensions = vec![odd_extension()]);
    add("that of a CA", Unsupported, &|p| p.custom_extensions = vec![odd_extension()], &nothing);
    add("for clients", NotForServer, &nothing, &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    add("for anything", NotForServer, &nothing, &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]);
    add("a CA for mail", NotForServer, &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection], &nothing);
    add("a CA that may not sign", NotForServer, &|p| p.key_usages = vec![KeyUsagePurpose::CrlSign], &nothing);
    add("a server that signs certificates", NotForServer, &nothing, &|p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    add("a server as CA", NotForServer, &|p| p.is_ca = IsCa::ExplicitNoCa, &nothing);
    add("an expired CA", Expired, &|p| p.not_after = date_time_ymd(2026, 1, 1), &nothing);
    add("a CA of the future", NotYetValid, &|p| p.not_before = date_time_ymd(2027, 1, 1), &nothing);
    all
}

/// Where we differ on purpose: what each says, and why. (Weak signatures, which it takes unless asked: `outcomes`.)
#[test]
fn where_we_differ_from_openssl() {
    if !is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (case, expected, openssl, why) in differences() {
        assert_eq!((ours(&case), theirs(dir.path(), &case)), (expected, openssl), "{}: {why}", case.what);
    }
}

/// Paths, dates and names, each with each: 108 chains.
fn cases(key: Key) -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in ["direct", "two", "reversed", "with root", "stranger", "missing", "other root", "self-signed", "forged"] {
        for (dates, from, until) in [("now", 2026, 2027), ("expired", 2025, 2026), ("not yet", 2027, 2028)] {
            for (name, asked) in [
                ("www.example", "www.example"),
                ("*.example.com", "a.example.com"),
                ("www.example", "x.example"),
                ("192.0.2.7", "192.0.2.7"),
            ] {
                let change = |p: &mut CertificateParams| {
                    p.not_before = date_time_ymd(from, 1, 1);
                    p.not_after = date_time_ymd(until, 1, 1);
                };
                let (root, sent) = chain_of(shape, key, name, change);
                cases.push(Case { what: format!("{key:?}, {shape}, {dates}, {name} for {asked}"), root: root.pem(), sent, asked });
            }
        }
    }
    cases
}

fn chain_of(shape: &str, key: Key, name: &str, change: impl Fn(&mut CertificateParams)) -> (Ca, Vec<Vec<u8>>) {
    let root = Ca::root_with("Root", key, |_| {});
    let sub = root.issue(authority("Sub"), key.pair());
    let lower = sub.issue(authority("Lower"), key.pair());
    let leaf_of = |issuer: &Ca| {
        let mut params = server(name);
        change(&mut params);
        issuer.issue(params, key.pair())
    };
    let ders = |certificates: &[&Ca]| certificates.iter().map(|c| c.der().to_vec()).collect::<Vec<_>>();
    let sent = match shape {
        "direct" => ders(&[&leaf_of(&root)]),
        "two" => ders(&[&leaf_of(&lower), &lower, &sub]),
        "reversed" => ders(&[&leaf_of(&lower), &sub, &lower]),
        "with root" => ders(&[&leaf_of(&sub), &sub, &root]),
        "stranger" => ders(&[&leaf_of(&sub), &Ca::root("Stranger"), &sub]),
        "missing" => ders(&[&leaf_of(&lower), &sub]),
        "other root" => ders(&[&leaf_of(&sub), &sub, &root]),
        "self-signed" => ders(&[&self_signed(name, &change)]),
        "forged" => {
            let mut sent = ders(&[&leaf_of(&sub), &sub]);
            let last = sent[0].len() - 1;
            sent[0][last] ^= 1;
            sent
        }
        other => panic!("{other}"),
    };
    if shape == "other root" { (Ca::root("Other"), sent) } else { (root, sent) }
}

fn differences() -> Vec<(Case, Vec<Status>, Vec<Status>, &'static str)> {
    let case = |what: &str, root: Ca, sent: &[&Ca], asked| {
        let sent = sent.iter().map(|c| c.der().to_vec()).collect();
        Case { what: what.to_owned(), root: root.pem(), sent, asked }
    };
    let mut all = Vec::new();

    let root = Ca::root("Root");
    let leaf = root.leaf_with("www.example", |p| p.subject_alt_names.clear());
    all.push((
        case("a name in the CN alone", root, &[&leaf], "www.example"),
        vec![NameMismatch],
        vec![Valid],
        "RFC 9525 §2 leaves the CN out, as browsers do",
    ));

    let root = Ca::root("Root");
    let leaf = root.leaf_with("www.example", |p| p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    all.push((
        case("a CA's certificate as a server's", root, &[&leaf], "www.example"),
        vec![NotForServer],
        vec![Valid],
        "rustls-webpki and Firefox refuse it: a server holds the key of a CA",
    ));

    let root = Ca::root_with("Root", Key::P256, |p| p.not_after = date_time_ymd(2026, 1, 1));
    let leaf = root.leaf("www.example");
    all.push((
        case("a trusted root that has expired", root, &[&leaf], "www.example"),
        vec![Valid],
        vec![Expired],
        "RFC 5280 §6.1.1: a trust anchor is a name and a key; Mozilla's list has no dates",
    ));

    for (what, name, asked, ours, theirs, why) in [
        (
            "a dot behind the name asked for",
            "www.example.com",
            "www.example.com.",
            Valid,
            NameMismatch,
            "RFC 6066 §3 has none there",
        ),
        ("an underscore below a wildcard", "*.example.com", "a_b.example.com", Valid, NameMismatch, "browsers take it"),
        ("a star within a label", "w*.example.com", "www.example.com", NameMismatch, Valid, "RFC 9525 §6.3 takes whole labels"),
    ] {
        let root = Ca::root("Root");
        let leaf = root.leaf(name);
        all.push((case(what, root, &[&leaf], asked), vec![ours], vec![theirs], why));
    }

    let root = Ca::root("Root");
    let (sub, namesake) = (root.sub("Sub"), root.sub("Sub"));
    let leaf = sub.leaf("www.example");
    all.push((
        case("an issuer behind its namesake", root, &[&leaf, &namesake, &sub], "www.example"),
        vec![Valid],
        vec![BadSignature],
        "it takes the first of the name; all of them are tried here",
    ));

    let root = Ca::root("Root");
    let sub = root.sub_with("Sub", |p| {
        let excluded_subtrees = vec![GeneralSubtree::DnsName("www.example.com".to_owned())];
        p.name_constraints = Some(NameConstraints { permitted_subtrees: vec![], excluded_subtrees });
    });
    let leaf = sub.leaf("*.example.com");
    all.push((
        case("a wildcard that takes in an excluded name", root, &[&leaf, &sub], "ftp.example.com"),
        vec![NameConstraint],
        vec![Valid],
        "it compares the text; rustls-webpki takes a wildcard for all of its names",
    ));

    let mut row = vec![Ca::root("Root")];
    (0..8).for_each(|n| row.push(row[n].sub(&format!("Sub {n}"))));
    let leaf = row[8].leaf("www.example");
    let sent: Vec<&Ca> = [&leaf].into_iter().chain(row.iter().skip(1).rev()).collect();
    let sent = sent.iter().map(|ca| ca.der().to_vec()).collect();
    all.push((
        Case { what: "eight intermediates".into(), sent, root: row[0].pem(), asked: "www.example" },
        vec![Unsupported],
        vec![Valid],
        "rustls-webpki takes six",
    ));

    let leaf = Ca::root("Elsewhere").leaf("www.example");
    all.push((
        Case {
            what: "a leaf that is in the store".into(),
            sent: vec![leaf.der().to_vec()],
            root: leaf.pem(),
            asked: "www.example",
        },
        vec![Valid],
        vec![IncompleteChain],
        "openssl does so with -partial_chain: who puts a leaf into the store means it",
    ));

    all
}

/// What `openssl verify` says, by our names, in our order.
pub(super) fn theirs(dir: &Path, case: &Case) -> Vec<Status> {
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut command = Command::new("openssl");
    command.args(["verify", "-no-CApath", "-no-CAstore", "-purpose", "sslserver"]);
    command.args(["-attime", &NOW.to_string()]);
    command.arg(if case.asked.starts_with("192") { "-verify_ip" } else { "-verify_hostname" }).arg(case.asked);
    command.arg("-CAfile").arg(file("root.pem", case.root.as_bytes()));
    for (n, der) in case.sent.iter().enumerate().skip(1) {
        command.arg("-untrusted").arg(file(&format!("{n}.der"), der));
    }
    let output = command.arg(file("leaf.der", &case.sent[0])).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let numbers = text.lines().filter_map(|line| line.strip_prefix("error ")?.split(' ').next()?.parse().ok());
    let problems: Problems = numbers.map(|number: u32| status_of(number, &text)).collect();
    assert_eq!(problems.is_empty(), text.contains(": OK"), "{}: {text}", case.what);
    if problems.is_empty() { vec![Valid] } else { problems.iter().collect() }
}

/// X509_V_ERR_* (openssl-verification-options(1), X509_STORE_CTX_get_error(3)).
fn status_of(number: u32, text: &str) -> Status {
    match number {
        2 | 20 | 21 => IncompleteChain,
        7 => BadSignature,
        9 => NotYetValid,
        10 => Expired,
        18 => SelfSigned,
        19 => UntrustedRoot,
        24 | 25 | 26 | 32 | 79 => NotForServer,
        34 => Unsupported,
        47 | 48 => NameConstraint,
        62 | 64 => NameMismatch,
        other => panic!("error {other}: {text}"),
    }
}
