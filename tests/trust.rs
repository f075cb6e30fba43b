//! Certificates are judged at the time of their packets, and the verdict is in the event.

use std::sync::Arc;
use std::time::Duration;

use portcullis::protocol::x509::Certificate;
use portcullis::trust::TrustStore;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData, SigningKey, date_time_ymd};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::util::run::{Portcullis, Ran};
use crate::util::tls::{self, ClientHello, HANDSHAKE};
use crate::util::{Conversation, Dir, Events, Packet, Side, pcap};

/// A root, an authority below it and the certificate of a server, valid through 2023 (the captures here are of 2023-11-14).
struct Pki {
    root: rcgen::Certificate,
    chain: Vec<Vec<u8>>,
    /// The authority's.
    sub_key: KeyPair,
}

const NAME: &str = "www.shop.example";

impl Pki {
    fn new() -> Self {
        Self::until(2024)
    }

    fn until(year: i32) -> Self {
        let (root_key, sub_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (root_params, sub_params) = (params("Root", true), params("Sub", true));
        let root = root_params.self_signed(&root_key).unwrap();
        let sub = sub_params.signed_by(&sub_key, &Issuer::new(root_params, root_key)).unwrap();
        let mut leaf = params(NAME, false);
        leaf.subject_alt_names = vec![rcgen::SanType::DnsName(NAME.try_into().unwrap())];
        (leaf.not_before, leaf.not_after) = (date_time_ymd(2023, 1, 1), date_time_ymd(year, 1, 1));
        let leaf = leaf.signed_by(&key, &Issuer::from_params(&sub_params, &sub_key)).unwrap();
        Self { root, chain: vec![leaf.der().to_vec(), sub.der().to_vec()], sub_key }
    }

    /// What the engine says of `packets`, with the root trusted.
    fn judge(&self, packets: &[Packet]) -> Events {
        self.judge_by("", packets)
    }

    /// The same with rules.
    fn judge_by(&self, rules: &str, packets: &[Packet]) -> Events {
        let mut store = TrustStore::empty();
        assert_eq!(store.add_roots(self.root.der()).taken, 1);
        let mut portcullis = Portcullis::default().rules(rules);
        portcullis.config.trust = Some(Arc::new(store));
        portcullis.run(packets)
    }

    /// A session in which the server sends `chain` to a client that asks for `name`.
    fn session(chain: &[Vec<u8>], name: &str) -> Conversation {
        Self::session_with(chain, name, &[])
    }

    /// The same where another message follows the chain.
    fn session_with(chain: &[Vec<u8>], name: &str, message: &[u8]) -> Conversation {
        let messages = [&tls::certificate(chain), message].concat();
        let certificate: Vec<u8> = messages.chunks(16_000).flat_map(|part| tls::record(HANDSHAKE, part)).collect();
        let flight = [tls::server_hello(), certificate, tls::record(HANDSHAKE, &tls::message(14, b""))].concat();
        let hello = ClientHello::asking_for(name).record();
        Conversation::new().client(&hello).server(&flight).client(&tls::finished()).server(&tls::finished())
    }
}

fn params(name: &str, is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

/// The same packets of another client.
fn from_port(port: u16, mut packets: Vec<Packet>) -> Vec<Packet> {
    for packet in &mut packets {
        let client = if packet.side == Side::Client { &mut packet.from } else { &mut packet.to };
        client.set_port(port);
    }
    packets
}

fn trust(events: &Events) -> &Value {
    &events.session()["portcullis"]["trust"]
}

#[test]
fn the_verdict_is_in_the_event() {
    let pki = Pki::new();
    let judged = |chain: &[Vec<u8>], name| trust(&pki.judge(&Pki::session(chain, name).packets)).clone();
    assert_eq!(judged(&pki.chain, NAME), json!({"status": "valid"}));
    assert_eq!(judged(&pki.chain[..1], NAME), json!({"status": "incomplete_chain"}));
    let old = Pki::until(2023);
    let all = json!({"status": "name_mismatch", "problems": ["expired"]});
    assert_eq!(*trust(&old.judge(&Pki::session(&old.chain, "evil.example").packets)), all);
    let session = Pki::session(&pki.chain, NAME).packets;
    assert_eq!(Portcullis::default().run(&session).session()["portcullis"].get("trust"), None, "without a store");
}

#[test]
fn it_does_not_matter_in_which_order_the_sides_are_seen() {
    let pki = Pki::new();
    let packets = Pki::session(&pki.chain, "www.other.example").packets;
    let (client, server): (Vec<_>, Vec<_>) = packets.into_iter().partition(|p| p.is_data_of(Side::Client));
    let mut late: Vec<Packet> = server.into_iter().chain(client).collect();
    Conversation::retime(&mut late);
    assert_eq!(*trust(&pki.judge(&late)), json!({"status": "name_mismatch"}));
}

#[test]
fn where_no_certificate_is_seen_the_event_says_why() {
    let pki = Pki::new();
    let hello = || Conversation::new().client(&ClientHello::asking_for(NAME).tls13(&[0x1d], 32).record());
    let certificate = tls::record(HANDSHAKE, &tls::certificate(&pki.chain));
    for (conversation, reason) in [
        (hello().server(&tls::server_hello_tls13(0x1d)), "tls13"),
        (hello().server(&tls::server_hello()).lost(Side::Server, certificate.len()).server(&tls::finished()), "lost"),
        (hello().server(&tls::record(tls::ALERT, &[2, 40])).close(), "not_sent"),
        (hello().only(Side::Client), "lost"),
    ] {
        assert_eq!(*trust(&pki.judge(&conversation.packets)), json!({"status": "not_seen", "reason": reason}));
    }
    let rubbish = tls::record(HANDSHAKE, &tls::message(11, &[0, 0, 5, 0, 0, 9, 1, 2]));
    let conversation = hello().server(&[tls::server_hello(), rubbish].concat()).client(&tls::finished()).server(&tls::finished());
    assert_eq!(*trust(&pki.judge(&conversation.packets)), json!({"status": "unparsable"}), "a message in which none can be read");
    let mut resumed = crate::util::run::capture("resume-ticket.pcap");
    let last = resumed.0.iter().rposition(|e| e["event_type"] == "tls").unwrap();
    assert_eq!(resumed.0.swap_remove(last)["portcullis"]["trust"], json!({"status": "not_seen", "reason": "resumed"}));
}

/// A CertificateStatus message with an OCSP answer.
fn certificate_status(answer: &[u8]) -> Vec<u8> {
    let [0, length @ ..] = u32::try_from(answer.len()).unwrap().to_be_bytes() else { panic!("too long") };
    tls::message(22, &[&[1], &length[..], answer].concat())
}

/// The OCSP answer of the authority that the leaf is revoked since 2023-11-01, given on 2023-11-02 without an end.
fn revocation(pki: &Pki) -> Vec<u8> {
    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
        let length = if high == 0 && low < 128 { vec![low] } else { vec![0x82, high, low] };
        [vec![tag], length, content].concat()
    }
    let leaf = Certificate::parse(&pki.chain[0]);
    let name = tlv(0x30, &[leaf.names().unwrap().0]);
    let key_hash = Sha256::digest(pki.sub_key.der_bytes());
    let sha256 = tlv(0x30, &[&[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]]);
    let serial = tlv(0x02, &[&leaf.facts.as_ref().unwrap().serial]);
    let id = tlv(0x30, &[&sha256, &tlv(0x04, &[&Sha256::digest(&name)]), &tlv(0x04, &[&key_hash]), &serial]);
    let (since, at) = (tlv(0x18, &[b"20231101000000Z"]), tlv(0x18, &[b"20231102000000Z"]));
    let single = tlv(0x30, &[&id, &tlv(0xa1, &[&since]), &at]);
    let data = tlv(0x30, &[&tlv(0xa1, &[&name]), &at, &tlv(0x30, &[&single])]);
    let ecdsa_sha256 = tlv(0x30, &[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
    let basic = tlv(0x30, &[&data, &ecdsa_sha256, &tlv(0x03, &[&[0], &pki.sub_key.sign(&data).unwrap()])]);
    let id_pkix_ocsp_basic = [0x06, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
    tlv(0x30, &[&[0x0a, 1, 0], &tlv(0xa0, &[&tlv(0x30, &[&id_pkix_ocsp_basic, &tlv(0x04, &[&basic])])])])
}

/// The answer comes behind the certificates, maybe in a later segment: a rule on the finding waits for it.
#[test]
fn a_rule_on_what_is_revoked_fires_however_the_servers_flight_is_cut() {
    let pki = Pki::new();
    let packets = Pki::session_with(&pki.chain, NAME, &certificate_status(&revocation(&pki))).packets;
    let flight = packets.iter().find(|packet| packet.is_data_of(Side::Server)).unwrap().payload.clone();
    let rules = r#"alert tls any any -> any any (msg:"revoked"; finding:cert.revoked; sid:1;)
        alert tls any any -> any any (msg:"not revoked"; finding:!cert.revoked; sid:2;)"#;
    for size in [7, 60, 700, flight.len()] {
        let hello = ClientHello::asking_for(NAME).record();
        let cut = Conversation::new().client(&hello).send_in_segments(Side::Server, &flight, size);
        let packets = cut.client(&tls::finished()).server(&tls::finished()).packets;
        assert_eq!(pki.judge_by(rules, &packets).alerts(), ["revoked"], "segments of {size}");
    }
}

#[test]
fn a_stapled_answer_that_revokes_makes_the_chain_revoked() {
    let pki = Pki::new();
    let judge = |message: &[u8]| trust(&pki.judge(&Pki::session_with(&pki.chain, "www.other.example", message).packets)).clone();
    let dates = json!({"status": "revoked", "this_update": "2023-11-02T00:00:00", "revoked_at": "2023-11-01T00:00:00"});
    let revoked = json!({"status": "revoked", "problems": ["name_mismatch"], "ocsp": dates});
    assert_eq!(judge(&certificate_status(&revocation(&pki))), revoked);
    // RFC 6961: one for each certificate.
    let one = certificate_status(&revocation(&pki))[5..].to_vec();
    let [0, length @ ..] = u32::try_from(one.len() + 3).unwrap().to_be_bytes() else { panic!("too long") };
    assert_eq!(judge(&tls::message(22, &[&[2], &length[..], &one, &[0, 0, 0]].concat())), revoked);
    let [0, length @ ..] = u32::try_from(3 + one.len()).unwrap().to_be_bytes() else { panic!("too long") };
    let none_for_the_leaf = judge(&tls::message(22, &[&[2], &length[..], &[0; 3], &one].concat()));
    let about_the_leaf = json!({"status": "name_mismatch", "issuer_ocsp": [{"place": 1, "status": "other_certificate"}]});
    assert_eq!(none_for_the_leaf, about_the_leaf, "an answer stands for the certificate in its place");
    let other = Pki::new();
    let forged = judge(&certificate_status(&revocation(&Pki { sub_key: other.sub_key, chain: pki.chain.clone(), ..Pki::new() })));
    assert_eq!((&forged["status"], &forged["ocsp"]["status"]), (&json!("name_mismatch"), &json!("other_certificate")));
}

#[test]
fn an_answer_that_says_nothing_leaves_the_chain_as_it_is() {
    let pki = Pki::new();
    for (answer, status) in [(&[0x30, 3, 0x0a, 1, 3][..], "refused"), (&[0; 20_000], "unparsable")] {
        let events = pki.judge(&Pki::session_with(&pki.chain, NAME, &certificate_status(answer)).packets);
        assert_eq!(*trust(&events), json!({"status": "valid", "ocsp": {"status": status}}));
        assert!(events.session()["portcullis"].get("anomalies").is_none());
    }
    let events = pki.judge(&Pki::session_with(&pki.chain, NAME, &tls::message(22, &[1, 0, 0, 9, 0])).packets);
    assert_eq!(*trust(&events), json!({"status": "valid"}));
    assert_eq!(events.session()["portcullis"]["anomalies"], json!(["INVALID_HANDSHAKE_MESSAGE"]));
}

#[test]
fn across_its_expiry_the_same_chain_gives_two_verdicts() {
    let pki = Pki::new();
    let year = Duration::from_secs(365 * 86_400);
    let first = Pki::session(&pki.chain, NAME).close().packets;
    let mut second = from_port(40_001, Pki::session(&pki.chain, NAME).packets);
    for packet in &mut second {
        packet.time += year;
    }
    let events = pki.judge(&[first, second].concat());
    let verdicts: Vec<_> = events.sessions().iter().map(|s| s["portcullis"]["trust"]["status"].clone()).collect();
    assert_eq!(verdicts, ["valid", "expired"]);
}

#[test]
fn a_store_is_a_file_a_directory_or_the_one_built_in() {
    let (pki, dir) = (Pki::new(), Dir::new());
    let capture = dir.file("session.pcap", pcap(&Pki::session(&pki.chain[..1], NAME).packets));
    let root = dir.file("root.pem", pki.root.pem());
    let sub = dir.file("sub.der", &pki.chain[1]);
    let folder = dir.path(".").display().to_string();
    for (args, status) in [
        (&[][..], "incomplete_chain"),
        (&["--trust-store", &root], "incomplete_chain"),
        (&["--trust-store", &root, "--intermediates", &sub], "valid"),
        (&["--trust-store", "mozilla", "--trust-store", &root, "--intermediates", &folder], "valid"),
        (&["--trust-store", &folder, "--intermediates", &sub], "valid"),
        (&["--trust-store", "mozilla", "--intermediates", &sub], "incomplete_chain"),
    ] {
        let events = Ran::with([&["replay"][..], args, &[&capture]].concat()).expect(0).events();
        assert_eq!(trust(&events)["status"], status, "{args:?}");
        assert_eq!(events.counter(&format!("portcullis.trust.{status}")), 1);
    }
    let events = Ran::with(["replay", "--trust-store", "none", &capture]).expect(0).events();
    assert_eq!(events.session()["portcullis"].get("trust"), None);
}

#[test]
fn a_store_that_cannot_be_read_ends_the_run_before_it_begins() {
    let dir = Dir::new();
    let nothing = dir.file("nothing.pem", "no certificate");
    for (store, said) in
        [("missing.pem", "missing.pem: No such file"), (&nothing, "nothing.pem: there is nothing in it that can be read")]
    {
        let ran = Ran::with(["replay", "--trust-store", store, "pcaps/tls12.pcap"]).expect(1);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(ran.stdout.is_empty());
    }
    let ran = Ran::with(["replay", "--trust-store", "none", "--trust-store", "mozilla", "pcaps/tls12.pcap"]).expect(1);
    assert!(ran.stderr.contains("it stands alone"), "{}", ran.stderr);
}

#[test]
fn what_one_flow_shows_fills_the_gap_of_later_ones_whoever_works_on_them() {
    let (pki, dir) = (Pki::new(), Dir::new());
    let mut packets = from_port(20_000, Pki::session(&pki.chain, NAME).packets);
    packets.extend((1..60).flat_map(|n| from_port(20_000 + n, Pki::session(&pki.chain[..1], NAME).packets)));
    let capture = dir.file("many.pcap", pcap(&packets));
    let root = dir.file("root.pem", pki.root.pem());
    let run = |workers: &str, memory: &str| {
        let options = ["--trust-store", &root, "--read-buffer", "4K", "--workers", workers, "--intermediate-memory", memory];
        Ran::with([&["replay"][..], &options, &[&capture]].concat()).expect(0)
    };
    let one = run("1", "4M");
    let statuses: Vec<_> = one.events().sessions().iter().map(|s| s["portcullis"]["trust"]["status"].to_string()).collect();
    let unfilled = statuses.iter().filter(|s| *s == "\"incomplete_chain\"").count();
    assert!((1..30).contains(&unfilled), "{statuses:?}");
    assert!(statuses[unfilled + 1..].iter().all(|s| s == "\"valid\""), "{statuses:?}");
    for workers in ["2", "3", "8", "16"] {
        assert!(run(workers, "4M").stdout == one.stdout, "{workers} workers");
    }
    assert_eq!(one.events().counter("portcullis.trust.intermediates_learned"), 1);
    let none = run("2", "0").events();
    assert_eq!(none.counter("portcullis.trust.incomplete_chain"), 59);
}

#[test]
fn a_key_that_others_have_is_found_by_a_list() {
    // src/trust/tests/weak/md5.pem, and what `openssl x509 -noout -modulus | sha1sum | cut -c21-40` says of it and of another one.
    let pem = include_bytes!("../src/trust/tests/weak/md5.pem");
    let der = CertificateDer::from_pem_slice(pem).unwrap().to_vec();
    let dir = Dir::new();
    let capture = dir.file("session.pcap", pcap(&Pki::session(&[der], NAME).packets));
    let (has, lacks) = (dir.file("has", "# RSA\nacab207b4491911ffa34\n"), dir.file("lacks", "edc0f0a7a64c85dc17b2\n"));
    for store in ["mozilla", "none"] {
        for (lists, expected) in [(&[][..], false), (&[&lacks], false), (&[&has], true), (&[&lacks, &has], true)] {
            let lists = lists.iter().flat_map(|list| ["--weak-keys", list]);
            let args = ["replay", "--trust-store", store, &capture].into_iter().chain(lists);
            let events = Ran::with(args).expect(0).events();
            let found = &events.session()["portcullis"]["findings"];
            assert_eq!(found.as_array().unwrap().contains(&json!("cert.key.listed")), expected, "{store} {found}");
        }
    }
    let ran = Ran::with(["replay", "--weak-keys", "Cargo.toml", &capture]).expect(1);
    assert!(ran.stderr.contains("Cargo.toml: it is no list of keys"), "{}", ran.stderr);
}

#[test]
fn a_list_of_logs_that_is_none_ends_the_run_before_it_begins() {
    let ran = Ran::with(["replay", "--ct-logs", "Cargo.toml", "pcaps/tls12.pcap"]).expect(1);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("Cargo.toml: it is no list of logs"), "{}", ran.stderr);
}
