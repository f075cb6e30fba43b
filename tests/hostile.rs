//! What a server can make one session cost by its certificates, from the first byte to the event. Anyone can measure it:
//! `cargo test --release --test tests hostile:: -- --nocapture --test-threads 1`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::trust::TrustStore;
use rcgen::{BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints, SanType};

use crate::util::run::Portcullis;
use crate::util::tls::{self, ClientHello, HANDSHAKE};
use crate::util::{Conversation, Events};

const NAME: &str = "n1.example";

/// An authority, and how many names it constrains those below it to.
fn authority(name: &str, constraints: usize) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.name_constraints = (constraints > 0).then(|| NameConstraints {
        permitted_subtrees: (0..constraints).map(|n| GeneralSubtree::DnsName(format!("n{n}.example"))).collect(),
        excluded_subtrees: vec![],
    });
    params
}

/// A root, and below an authority with so many constraints a leaf with so many names.
fn chain(constraints: usize, names: usize, name: impl Fn(usize) -> String) -> (Vec<u8>, Vec<Vec<u8>>) {
    let [root_key, sub_key, key] = [(); 3].map(|()| KeyPair::generate().unwrap());
    let (root_params, sub_params) = (authority("Root", 0), authority("Sub", constraints));
    let root = root_params.self_signed(&root_key).unwrap();
    let sub = sub_params.signed_by(&sub_key, &Issuer::new(root_params, root_key)).unwrap();
    let mut leaf = CertificateParams::default();
    leaf.subject_alt_names = (0..names).map(|n| SanType::DnsName(name(n).try_into().unwrap())).collect();
    let leaf = leaf.signed_by(&key, &Issuer::new(sub_params, sub_key)).unwrap();
    (root.der().to_vec(), vec![leaf.der().to_vec(), sub.der().to_vec()])
}

/// A leaf below so many authorities, each by the one after it; or all of one name and key, where `alike`.
fn row(authorities: usize, alike: bool) -> (Vec<u8>, Vec<Vec<u8>>) {
    let name = |n: usize| if alike { "CA".to_owned() } else { format!("CA {n}") };
    let shared = KeyPair::generate().unwrap();
    let key = || if alike { KeyPair::from_pem(&shared.serialize_pem()).unwrap() } else { KeyPair::generate().unwrap() };
    let mut issuer = Issuer::new(authority(&name(0), 0), key());
    let root = authority(&name(0), 0).self_signed(issuer.key()).unwrap();
    let mut sent = Vec::new();
    for n in 1..authorities {
        let key = key();
        sent.push(authority(&name(n), 0).signed_by(&key, &issuer).unwrap().der().to_vec());
        issuer = Issuer::new(authority(&name(n), 0), key);
    }
    let leaf = CertificateParams::new([NAME.to_owned()]).unwrap().signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    sent.push(leaf.der().to_vec());
    sent.reverse();
    (root.der().to_vec(), sent)
}

/// Plays a session in which the server sends `sent`, with `root` trusted, and says how long that takes.
#[track_caller]
fn play(what: &str, (root, sent): &(Vec<u8>, Vec<Vec<u8>>)) -> Events {
    let messages = [tls::certificate(sent), tls::message(14, b"")].concat();
    let flight: Vec<u8> = [tls::server_hello()]
        .into_iter()
        .chain(messages.chunks(16_000).map(|part| tls::record(HANDSHAKE, part)))
        .flatten()
        .collect();
    let conversation = Conversation::new().client(&ClientHello::asking_for(NAME).record());
    let conversation = flight.chunks(1_400).fold(conversation, |conversation, part| conversation.server(part));
    let packets = conversation.client(&tls::finished()).server(&tls::finished()).packets;
    let mut store = TrustStore::empty();
    assert_eq!(store.add_roots(root).taken, 1);
    let mut portcullis = Portcullis::default();
    portcullis.config.trust = Some(Arc::new(store));
    let begun = Instant::now();
    let events = portcullis.run(&packets);
    let taken = begun.elapsed();
    let trust = &events.session()["portcullis"]["trust"];
    eprintln!("{what}: {} bytes, {taken:?}, {trust}", messages.len());
    assert!(taken < MOST_TIME, "{what}: {taken:?}");
    events
}

fn status(events: &Events) -> &str {
    events.session()["portcullis"]["trust"]["status"].as_str().unwrap()
}

#[test]
fn names_and_constraints_of_any_number_end() {
    let numbered = |n| format!("n{n}.example");
    // More than 64 KB of a certificate are not read by rustls-webpki.
    assert_eq!(status(&play("10,000 names", &chain(0, 10_000, numbered))), "unsupported");
    assert_eq!(status(&play("3,500 names", &chain(0, 3_500, numbered))), "valid");
    assert_eq!(status(&play("3,500 names against 3,500 constraints", &chain(3_500, 3_500, numbered))), "unsupported");
    let last = |_| "n399.example".to_owned();
    assert_eq!(
        status(&play("400 names against 400 constraints, of which the last allows them", &chain(400, 400, last))),
        "unsupported"
    );
    // As many as are compared at all.
    let last = |_| "n153.example".to_owned();
    assert_eq!(status(&play("154 names against 154 constraints", &chain(154, 154, last))), "name_mismatch");
    // As long as names get, and nothing but labels of a letter, for whoever looks for suffixes.
    let deep = |n: usize| format!("{}{n}.co.uk", "a.".repeat(110));
    assert_eq!(status(&play("250 names of 113 labels", &chain(0, 250, deep))), "name_mismatch");
}

#[test]
fn authorities_of_any_number_end() {
    assert_eq!(status(&play("250 authorities in a row", &row(250, false))), "incomplete_chain");
    assert_eq!(status(&play("250 authorities of one name and key", &row(250, true))), "valid");
}

/// Without optimization, on a busy machine; docs/trust.md has what it takes with it.
const MOST_TIME: Duration = Duration::from_secs(30);
