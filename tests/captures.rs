//! Each capture of `pcaps/` gives the facts of its session, and the alert of the rule that ships where there is cause for one.
//!
//! The expected values are tshark's (`pcaps/facts.sh`) and those that `pcaps/make.sh` asked for; none is our own output.

use serde_json::{Map, Value, json};

use crate::util::Events;
use crate::util::run::{Ran, capture};

/// What is expected of one capture: the facts of each session, and the alerts.
struct Case(&'static str, Vec<Value>, &'static [&'static str]);

#[test]
fn every_capture_gives_the_facts_of_its_sessions() {
    for Case(file, sessions, alerts) in cases() {
        let events = capture(file);
        let found: Vec<Value> = events.sessions().into_iter().map(facts).collect();
        assert_eq!(found, sessions, "{file}");
        assert_eq!(events.alerts(), alerts, "{file}");
        assert_eq!(events.anomalies(), [""; 0], "{file}");
    }
}

#[test]
fn every_capture_is_in_the_table() {
    let known: Vec<&str> = cases().iter().map(|Case(file, ..)| *file).chain(COPIES.iter().map(|copy| copy.0)).collect();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/pcaps")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains(".pcap") || known.contains(&name.as_str()), "{name} is in pcaps/, but no test knows it");
    }
}

#[test]
fn all_sessions_were_seen_whole_and_up_to_the_end_of_the_handshake() {
    for Case(file, ..) in cases() {
        for session in capture(file).sessions() {
            let view = &session["portcullis"]["view"];
            assert_eq!((&view["to_server"]["whole"], &view["to_client"]["whole"]), (&json!(true), &json!(true)), "{file}: {view}");
            let refused = file.starts_with("alert-");
            assert_eq!(session["portcullis"]["stage"], if refused { "closed" } else { "dark" }, "{file}");
        }
    }
}

/// A capture, the one that it is a copy of in another wrapping, and what the wrapping adds.
const COPIES: &[(&str, &[&str])] = &[
    ("vlan.pcap", &["tls12.pcap"]),
    ("qinq.pcap", &["tls12.pcap"]),
    ("vxlan.pcap", &["tls12.pcap"]),
    ("tls12.pcap.zst", &["tls12.pcap"]),
    ("tls13.pcap.gz", &["tls13.pcap"]),
    ("ip-fragments.pcap", &["h2-chain-tls12.pcap"]),
    ("two-interfaces.pcapng", &["tls12.pcap", "ipv6.pcap"]),
];

#[test]
fn another_wrapping_gives_the_same_sessions() {
    for (copy, originals) in COPIES {
        let content = |events: Events| -> Vec<(Value, Value, Value)> {
            let parts = |s: &&Value| (s["tls"].clone(), s["portcullis"].clone(), s["community_id"].clone());
            events.sessions().iter().map(parts).collect()
        };
        let expected: Vec<_> = originals.iter().flat_map(|original| content(capture(original))).collect();
        assert_eq!(content(capture(copy)), expected, "{copy}");
    }
}

#[test]
fn events_say_in_which_vlan_or_tunnel_they_were() {
    for (file, key, expected) in [
        ("vlan.pcap", "vlan", json!([443])),
        ("qinq.pcap", "vlan", json!([100, 443])),
        ("vxlan.pcap", "tunnel", json!({ "depth": 1 })),
        ("tls12.pcap", "vlan", Value::Null),
        ("tls12.pcap", "tunnel", Value::Null),
    ] {
        assert_eq!(capture(file).session()[key], expected, "{file}");
    }
}

#[test]
fn events_carry_the_packet_that_made_them_known() {
    let events = capture("tls12.pcap");
    let session = events.session();
    assert_eq!(session["pcap_filename"].as_str().map(|f| f.ends_with("pcaps/tls12.pcap")), Some(true));
    assert_eq!((&session["src_ip"], &session["dest_ip"]), (&json!("10.44.0.2"), &json!("10.44.0.1")));
    assert_eq!((&session["dest_port"], &session["proto"], &session["ip_v"]), (&json!(443), &json!("TCP"), &json!(4)));
    let events = capture("ipv6.pcap");
    let session = events.session();
    assert_eq!((&session["src_ip"], &session["ip_v"]), (&json!("2001:db8:44::2"), &json!(6)));
}

#[test]
fn what_is_not_tls_has_no_session_and_says_so() {
    for (file, spoken) in [("http-on-443.pcap", "http"), ("ssh-on-443.pcap", "ssh")] {
        let events = Ran::with(["replay", "--flows", &format!("pcaps/{file}")]).expect(0).events();
        assert!(events.sessions().is_empty(), "{file}");
        let flow = events.of("flow")[0];
        assert_eq!((&flow["app_proto"], &flow["flow"]["alerted"]), (&json!(spoken), &json!(true)), "{file}");
    }
}

#[test]
fn a_certificate_is_told_in_full() {
    let events = capture("expired-self-signed.pcap");
    let session = events.session();
    let tls = &session["tls"];
    let name = "C=DE, O=Bücher & Söhne, Druckerei, CN=printer-7.corp.test";
    assert_eq!((&tls["subject"], &tls["issuerdn"]), (&json!(name), &json!(name)));
    assert_eq!((&tls["notbefore"], &tls["notafter"]), (&json!("2019-03-01T00:00:00"), &json!("2020-03-01T00:00:00")));
    let leaf = &session["portcullis"]["chain"][0];
    assert_eq!((&leaf["key_type"], &leaf["key_bits"], &leaf["self_issued"]), (&json!("RSA"), &json!(2048), &json!(true)));
    assert_eq!(leaf["size"], 879);

    let events = capture("tls12.pcap");
    let names = json!(["www.shop.example", "shop.example", "*.cdn.shop.example", "10.44.0.1", "2001:db8:44::1"]);
    assert_eq!(events.session()["tls"]["subjectaltname"], names);
}

/// What the table compares; answers of no are left out.
fn facts(session: &Value) -> Value {
    let (tls, more) = (&session["tls"], &session["portcullis"]);
    let length = |list: &Value| list.as_array().map_or(Value::Null, |items| json!(items.len()));
    let all = [
        ("sni", tls["sni"].clone()),
        ("version", tls["version"].clone()),
        ("cipher", more["cipher"].clone()),
        ("group", more["group"].clone()),
        ("post_quantum", more["post_quantum"].clone()),
        ("alpn", tls["server_alpns"][0].clone()),
        ("subject", tls["subject"].clone()),
        ("chain", length(&more["chain"])),
        ("client_subject", tls["client"]["subject"].clone()),
        ("client_chain", length(&more["client_chain"])),
        ("certificate_requested", more["certificate_requested"].clone()),
        ("resumption", more["resumption"].clone()),
        ("hello_retry", more["hello_retry"].clone()),
        ("early_data", more["early_data"].clone()),
        ("ech", more["ech"]["type"].clone()),
        ("sslv2_format", more["sslv2_format"].clone()),
        ("alert", more["alerts"][0]["description"].clone()),
    ];
    let told = all.into_iter().filter(|(_, value)| !value.is_null() && *value != json!(false));
    Value::Object(told.map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A session to a server, with what is particular about it.
fn session(server: &Server, version: &str, cipher: &str, particular: Value) -> Value {
    let mut facts = Map::new();
    facts.insert("sni".to_owned(), json!(server.name));
    facts.insert("version".to_owned(), json!(version));
    facts.insert("cipher".to_owned(), json!(cipher));
    let Value::Object(particular) = particular else { panic!("particulars are an object") };
    facts.extend(particular.into_iter().filter(|(_, value)| !value.is_null()));
    Value::Object(facts)
}

/// A server of `pcaps/make.sh`: the name that is asked for, and the subject of its certificate.
struct Server {
    name: &'static str,
    subject: &'static str,
}

const SHOP: Server = Server { name: "www.shop.example", subject: "CN=www.shop.example" };
const BANK: Server = Server { name: "online.bank.example", subject: "C=CH, O=Example Bank, CN=online.bank.example" };
const MAINFRAME: Server = Server { name: "mainframe.corp.test", subject: "O=Example Bank, CN=mainframe.corp.test" };

fn cases() -> Vec<Case> {
    const AES256: &str = "TLS_AES_256_GCM_SHA384";
    const ECDSA: &str = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    const RSA: &str = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
    let shop12 = || session(&SHOP, "TLS 1.2", ECDSA, json!({ "group": "x25519", "subject": SHOP.subject, "chain": 2 }));
    let shop13 = |more: Value| session(&SHOP, "TLS 1.3", AES256, more);
    let h2 = || session(&SHOP, "TLS 1.2", ECDSA, json!({ "group": "x25519", "alpn": "h2", "subject": SHOP.subject, "chain": 3 }));
    let bank = |version, cipher, more: Value| {
        let mut facts = session(&BANK, version, cipher, more);
        facts["subject"] = json!(BANK.subject);
        facts["chain"] = json!(2);
        facts
    };
    let mainframe = |version, cipher| session(&MAINFRAME, version, cipher, json!({ "subject": MAINFRAME.subject, "chain": 2 }));
    let refused = |alert: &str| json!({ "sni": BANK.name, "version": "UNDETERMINED", "alert": alert });
    vec![
        Case(
            "tls10.pcap",
            vec![bank("TLSv1", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", json!({ "group": "x25519" }))],
            &["PORTCULLIS TLS 1.0 negotiated"],
        ),
        Case(
            "tls11.pcap",
            vec![bank("TLS 1.1", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", json!({ "group": "x25519" }))],
            &["PORTCULLIS TLS 1.1 negotiated"],
        ),
        Case("tls12.pcap", vec![shop12()], &[]),
        Case("tls13.pcap", vec![shop13(json!({ "group": "x25519" }))], &[]),
        Case("ssl30.pcap", vec![mainframe("SSLv3", "TLS_RSA_WITH_AES_128_CBC_SHA")], &["PORTCULLIS SSL 3.0 negotiated"]),
        Case(
            "sslv2-hello.pcap",
            vec![json!({
                "version": "TLSv1", "cipher": "TLS_RSA_WITH_AES_128_CBC_SHA", "sslv2_format": true,
                "subject": MAINFRAME.subject, "chain": 2,
            })],
            &["PORTCULLIS TLS 1.0 negotiated"],
        ),
        Case("weak-rc4.pcap", vec![mainframe("TLS 1.2", "TLS_RSA_WITH_RC4_128_SHA")], &["PORTCULLIS cipher suite with RC4"]),
        Case(
            "weak-3des.pcap",
            vec![mainframe("TLS 1.2", "TLS_RSA_WITH_3DES_EDE_CBC_SHA")],
            &["PORTCULLIS cipher suite with triple DES"],
        ),
        Case(
            "weak-null.pcap",
            vec![bank("TLS 1.2", "TLS_RSA_WITH_NULL_SHA256", json!({}))],
            &["PORTCULLIS cipher suite without encryption"],
        ),
        Case(
            "weak-anonymous.pcap",
            vec![session(&BANK, "TLS 1.2", "TLS_DH_anon_WITH_AES_128_GCM_SHA256", json!({}))],
            &["PORTCULLIS cipher suite without authentication"],
        ),
        Case(
            "client-cert-tls12.pcap",
            vec![bank(
                "TLS 1.2",
                RSA,
                json!({
                    "group": "x25519", "certificate_requested": true, "client_chain": 2,
                    "client_subject": "C=CH, O=Example Bank, CN=laptop-0042.bank.example, Email=it@bank.example",
                }),
            )],
            &[],
        ),
        Case("client-cert-tls13.pcap", vec![session(&BANK, "TLS 1.3", AES256, json!({ "group": "x25519" }))], &[]),
        Case(
            "resume-session-id.pcap",
            vec![shop12(), session(&SHOP, "TLS 1.2", ECDSA, json!({ "resumption": "session_id" }))],
            &[],
        ),
        Case("resume-ticket.pcap", vec![shop12(), session(&SHOP, "TLS 1.2", ECDSA, json!({ "resumption": "ticket" }))], &[]),
        Case(
            "resume-psk.pcap",
            vec![shop13(json!({ "group": "x25519" })), shop13(json!({ "group": "x25519", "resumption": "psk" }))],
            &[],
        ),
        Case(
            "early-data.pcap",
            vec![
                shop13(json!({ "group": "x25519" })),
                shop13(json!({ "group": "x25519", "resumption": "psk", "early_data": true })),
            ],
            &[],
        ),
        Case("hello-retry.pcap", vec![shop13(json!({ "group": "secp384r1", "hello_retry": true }))], &[]),
        Case("post-quantum.pcap", vec![shop13(json!({ "group": "X25519MLKEM768", "post_quantum": true }))], &[]),
        Case("ech-grease.pcap", vec![shop13(json!({ "group": "X25519MLKEM768", "post_quantum": true, "ech": "outer" }))], &[]),
        Case(
            "alert-unknown-ca.pcap",
            vec![bank("TLS 1.2", RSA, json!({ "group": "x25519", "alert": "unknown_ca" }))],
            &["PORTCULLIS client refuses the certificate of the server"],
        ),
        Case("alert-handshake-failure.pcap", vec![refused("handshake_failure")], &[]),
        Case("alert-protocol-version.pcap", vec![refused("protocol_version")], &[]),
        Case("h2-chain-tls12.pcap", vec![h2()], &[]),
        Case(
            "h2-tls13.pcap",
            vec![json!({ "sni": "shop.example", "version": "TLS 1.3", "cipher": AES256, "group": "x25519" })],
            &[],
        ),
        Case("ipv6.pcap", vec![h2()], &[]),
        Case(
            "expired-self-signed.pcap",
            vec![json!({
                "sni": "printer-7.corp.test", "version": "TLS 1.2", "cipher": RSA, "group": "x25519",
                "subject": "C=DE, O=Bücher & Söhne, Druckerei, CN=printer-7.corp.test", "chain": 1,
            })],
            &["PORTCULLIS expired certificate"],
        ),
        Case("sll2-nanoseconds.pcap", vec![shop12()], &[]),
        Case("http-on-443.pcap", vec![], &["PORTCULLIS not TLS on port 443"]),
        Case("ssh-on-443.pcap", vec![], &["PORTCULLIS not TLS on port 443"]),
    ]
}
