//! What servers show is compared with earlier sessions of the run, whoever works on them.

use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType};
use serde_json::Value;

use crate::util::run::{Portcullis, Ran};
use crate::util::tls::{self, ClientHello, HANDSHAKE};
use crate::util::{Conversation, Dir, Events, Packet, pcap};

/// A certificate for `name` with `key`, issued by an authority of this organization.
fn certificate(name: &str, key: &KeyPair, organization: &str) -> Vec<u8> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = DistinguishedName::new();
    authority.distinguished_name.push(DnType::OrganizationName, organization);
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
    params.signed_by(key, &Issuer::new(authority, KeyPair::generate().unwrap())).unwrap().der().to_vec()
}

/// A session with the server at `server`, which shows `certificate`; the `nth`, a second after the one before.
fn session(nth: u16, server: &str, certificate: &[u8]) -> Vec<Packet> {
    let chain = tls::record(HANDSHAKE, &tls::certificate(&[certificate.to_vec()]));
    let flight = [tls::server_hello(), chain, tls::record(HANDSHAKE, &tls::message(14, b""))].concat();
    let client = format!("192.0.2.{}:{}", 10 + nth % 100, 30_000 + nth);
    let conversation = Conversation::between(&client, server)
        .client(&ClientHello::asking_for("www.shop.example").record())
        .server(&flight)
        .client(&tls::finished())
        .server(&tls::finished());
    conversation.packets.into_iter().map(|p| Packet { time: p.time + Duration::from_secs(nth.into()), ..p }).collect()
}

const ONE: &str = "198.51.100.7:443";
const OTHER: &str = "198.51.100.8:443";

/// Of each session those findings that compare.
fn compared(events: &Events) -> Vec<Vec<String>> {
    let ids = |session: &Value| {
        let all = session["portcullis"]["findings"].as_array().cloned().unwrap_or_default();
        let ids = all.iter().filter_map(|id| id.as_str().map(str::to_owned));
        ids.filter(|id| id.starts_with("cert.changed.") || id == "cert.key.shared").collect()
    };
    events.sessions().iter().map(|session| ids(session)).collect()
}

/// A capture in which certificates change and a key is shared, and what is to be found in each of its sessions.
fn changes() -> (Vec<Packet>, Vec<Vec<&'static str>>) {
    let [first, second, third] = [(); 3].map(|()| KeyPair::generate().unwrap());
    let old = certificate("www.shop.example", &first, "Good CA");
    let renewed = certificate("www.shop.example", &second, "Good CA");
    let forged = certificate("www.shop.example", &third, "Proxy");
    let shared = certificate("mail.other.example", &first, "Good CA");
    let steps = [
        (ONE, &old, vec![]),
        (ONE, &old, vec![]),
        (ONE, &renewed, vec!["cert.changed.certificate"]),
        (ONE, &old, vec![]),
        (ONE, &forged, vec!["cert.changed.issuer", "cert.changed.certificate"]),
        (ONE, &renewed, vec![]),
        (OTHER, &shared, vec!["cert.key.shared"]),
        (ONE, &old, vec!["cert.key.shared"]),
    ];
    let packets = (0..).zip(&steps).flat_map(|(nth, (server, certificate, _))| session(nth, server, certificate)).collect();
    (packets, steps.into_iter().map(|(_, _, found)| found).collect())
}

#[test]
fn changes_are_in_the_event_of_the_session_that_shows_them() {
    let (dir, (packets, expected)) = (Dir::new(), changes());
    let capture = dir.file("changes.pcap", pcap(&packets));
    let run = |workers: &str, buffer: &str| {
        Ran::with(["replay", "--workers", workers, "--read-buffer", buffer, "--stats-interval", "1", &capture]).expect(0)
    };
    let one = run("1", "512K");
    assert_eq!(compared(&one.events()), expected);
    for (workers, buffer) in [("1", "1K"), ("2", "512K"), ("3", "1K"), ("8", "2K"), ("16", "1K")] {
        assert!(run(workers, buffer).stdout == one.stdout, "{workers} workers, {buffer}");
    }
}

#[test]
fn they_are_counted_and_the_session_says_how_grave_they_are() {
    let (dir, (packets, _)) = (Dir::new(), changes());
    let capture = dir.file("changes.pcap", pcap(&packets));
    let only = "--findings=cert.changed.*,cert.key.shared";
    let events = Ran::with(["replay", only, &capture]).expect(0).events();
    let severities: Vec<_> = events.sessions().iter().map(|s| s["portcullis"].get("finding_severity").cloned()).collect();
    let (low, medium) = (Some(Value::from("low")), Some(Value::from("medium")));
    assert_eq!(severities, [None, None, low.clone(), None, medium, None, low.clone(), low]);
    let counters = ["portcullis.findings.low", "portcullis.findings.medium", "portcullis.seen.held", "portcullis.seen.evicted"];
    assert_eq!(counters.map(|name| events.counter(name)), [4, 1, 5, 0], "two servers and three keys are held");
}

#[test]
fn what_is_not_wanted_is_not_compared() {
    let (dir, (packets, expected)) = (Dir::new(), changes());
    let capture = dir.file("changes.pcap", pcap(&packets));
    for option in ["--seen-memory=0", "--findings=-cert.changed.*,-cert.key.shared"] {
        let events = Ran::with(["replay", option, &capture]).expect(0).events();
        assert_eq!(compared(&events), vec![vec![""; 0]; expected.len()], "{option}");
        assert_eq!(events.counter("portcullis.seen.held"), 0, "{option}");
    }
    let events = Ran::with(["replay", "--findings=cert.key.shared", &capture]).expect(0).events();
    assert_eq!(compared(&events).concat(), ["cert.key.shared"; 2]);
}

/// With a rule on them there is one worker, whatever was asked for; what is found is the same as without.
#[test]
fn a_rule_fires_on_the_session_that_differs() {
    let (dir, (packets, expected)) = (Dir::new(), changes());
    let capture = dir.file("changes.pcap", pcap(&packets));
    let rules = r#"
        alert tls any any -> any any (msg:"issuer"; finding:cert.changed.issuer; sid:1;)
        alert tls any any -> any any (msg:"key"; finding:cert.key.shared; threshold:type limit, track by_dst, count 1, seconds 3600; sid:2;)
        alert tls any any -> any any (msg:"any"; finding:cert.changed.*; tls.sni; content:"www.shop"; sid:3;)
    "#;
    let rules = dir.file("local.rules", rules);
    let run = |workers: &str| Ran::with(["replay", "--workers", workers, "--rules", &rules, &capture]).expect(0);
    let one = run("1");
    assert_eq!(compared(&one.events()), expected);
    let fired = ["any", "issuer", "any", "key", "key"];
    assert_eq!(one.events().alerts(), fired, "in the order of the sessions, the limit is one for each server");
    for workers in ["2", "8"] {
        let ran = run(workers);
        assert!(ran.stdout == one.stdout && ran.stderr.contains("one worker"), "{workers}");
    }
    let untold = ["replay", "--findings=-cert.*", "--rules", &rules, &capture];
    let untold = Ran::with(untold).expect(0).events();
    assert_eq!(untold.alerts(), fired, "a rule may ask for what is not told");
    assert_eq!(compared(&untold), vec![vec![""; 0]; expected.len()]);
}

/// The certificate that differs stops the session once its handshake is over: no data goes either way.
#[test]
fn a_rule_drops_what_follows_the_handshake() {
    let (dir, key) = (Dir::new(), KeyPair::generate().unwrap());
    let shop = |nth, organization| {
        let certificate = certificate("www.shop.example", &key, organization);
        let mut packets = session(nth, ONE, &certificate);
        let (last, data) = (packets.last().unwrap().clone(), tls::record(23, &[7; 40]));
        let next = last.seq.wrapping_add(u32::try_from(last.payload.len()).unwrap());
        packets.push(Packet { seq: next, payload: data, time: last.time + Duration::from_millis(1), ..last });
        packets
    };
    let packets = [shop(0, "Good CA"), shop(1, "Proxy")].concat();
    let capture = dir.file("changes.pcap", pcap(&packets));
    let rules = dir.file("local.rules", r#"drop tls any any -> any any (msg:"issuer"; finding:cert.changed.issuer; sid:1;)"#);
    let events = Ran::with(["replay", "--rules", &rules, &capture]).expect(0).events();
    assert_eq!(events.alerts(), ["issuer"]);
    let dropped: Vec<_> = events.of("drop").iter().map(|drop| drop["pcap_cnt"].as_u64().unwrap()).collect();
    assert_eq!(dropped, [packets.len() as u64 - 1], "the last of the handshake");
    assert_eq!(events.counter("ips.blocked"), 2, "and the data behind it");
}

/// The engine alone has all flows, and knows their order.
#[test]
fn the_engine_compares_by_itself() {
    let (packets, expected) = changes();
    assert_eq!(compared(&Portcullis::default().run(&packets)), expected);
    let alerts =
        Portcullis::default().rules("alert tls any any -> any any (msg:\"x\"; finding:cert.key.shared; sid:1;)").run(&packets);
    assert_eq!(alerts.alerts(), ["x", "x"]);
    let mut without = Portcullis::default();
    without.config.limits.seen_memory = 0;
    assert_eq!(compared(&without.run(&packets)), vec![vec![""; 0]; expected.len()]);
}
