//! What the room does as a whole: rule text in, matches out.

mod acceptance;
mod actions;
mod addresses;
mod base64;
mod contents;
mod datagrams;
mod datasets;
mod differential;
mod faults;
mod findings;
mod handshake;
mod keywords;
mod loading;
mod numbers;
mod packets;
mod payload;
mod profile;
mod progress;
mod reference;
mod reload;
mod review;
mod shipped;
mod state;
mod threshold_config;
mod transforms;

use std::sync::Arc;

use super::*;
use crate::base::Timestamp;
use crate::flow::{Endpoint, FlowKey};
use crate::packet::{IpFields, Segment, SegmentHeader, TcpFlags};
use crate::protocol::fingerprint::{ClientFingerprints, ServerFingerprints};
use crate::protocol::tls::{ClientHello, ServerHello, Session};
use crate::protocol::x509::{Certificate, Facts as CertificateFacts};

/// Loads `text`, all of which has to load.
fn rules(text: &str) -> RuleSet {
    let (set, report) = RuleSet::compile(&[Source { name: "test.rules", text }], &RuleConfig::default());
    assert_eq!(report.errors, [], "in {text}");
    set
}

/// A client at home, a server outside.
fn subject(session: Option<&Session>) -> Subject<'_> {
    let end = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port };
    let app_proto = if session.is_some() { AppProto::Tls } else { AppProto::Unknown };
    Subject {
        transport: Transport::Tcp,
        client: end("10.0.0.1", 40_000),
        server: end("198.18.0.1", 443),
        established: session.is_some(),
        app_proto,
        session,
        expects_tls: true,
        one_way: session.is_none().then_some(FlowDirection::ToServer),
        packet: None,
        now: NOW,
    }
}

/// The header of a segment of `subject()`'s flow.
fn header(direction: FlowDirection, flags: u8) -> SegmentHeader {
    let Subject { client, server, .. } = subject(None);
    let (from, to) = if direction == FlowDirection::ToServer { (client, server) } else { (server, client) };
    let (key, sender) = FlowKey::new(from, to, 6, [0; 2]);
    SegmentHeader {
        key,
        sender,
        flags: TcpFlags(flags),
        seq: 1_000,
        ack: 2_000,
        window: 512,
        ttl: 64,
        ip: IpFields::default(),
        urgent: 0,
        reserved: 0,
        tunnel_depth: 0,
        tcp_len: 20,
        ip_len: 20,
        payload_len: 0,
        frame_len: 54,
        timestamp: Timestamp::ZERO,
        number: 1,
        capture: 0,
    }
}

/// The client's SYN, the server's answer, a segment each.
fn headers() -> [SegmentHeader; 4] {
    let (to_server, to_client) = (FlowDirection::ToServer, FlowDirection::ToClient);
    let (syn, ack) = (TcpFlags::SYN, TcpFlags::ACK);
    [header(to_server, syn), header(to_client, syn | ack), header(to_server, ack), header(to_client, ack)]
}

/// `subject` with a packet.
fn at<'a>(header: &'a SegmentHeader, subject: Subject<'a>) -> Subject<'a> {
    let direction = if header.sender == headers()[0].sender { FlowDirection::ToServer } else { FlowDirection::ToClient };
    Subject {
        packet: Some(Packet {
            direction,
            segment: Segment { header, headers: &[], payload: &[] },
            totals: Totals::default(),
            raw: Raw::default(),
        }),
        ..subject
    }
}

/// 2026-11-24T00:00:00Z.
const NOW: Timestamp = Timestamp::from_parts(1_795_478_400, 0);

/// Tries `set` on each of `subjects`, one after the other as one flow: the sids that fired, in order, and the last verdict.
fn play(set: &RuleSet, subjects: &[Subject<'_>]) -> (Vec<u32>, Verdict) {
    let (mut flow, mut hosts, mut scratch, mut out) = (FlowRules::default(), HostState::default(), Scratch::default(), Vec::new());
    for subject in subjects {
        set.evaluate(subject, &mut flow, &mut hosts, &mut scratch, &mut out);
    }
    (out.iter().filter(|m| m.alerts).map(|m| set.rule(m.rule).unwrap().sid).collect(), flow.verdict())
}

/// Whether the one rule in `text` fires on a session that has all of `session`.
fn fires(text: &str, session: &Session) -> bool {
    !play(&rules(text), &[subject(Some(session))]).0.is_empty()
}

/// Whether `options` hold for a buffer with `value`.
fn holds(options: &str, value: &str) -> bool {
    fires(&format!("alert tls any any -> any any (tls.sni; {options} sid:1;)"), &asking(value))
}

/// Options, values that they hold for, and values that they do not.
#[track_caller]
fn check_values(cases: &[(&str, &[&str], &[&str])]) {
    for (options, matching, others) in cases {
        matching.iter().for_each(|value| assert!(holds(options, value), "{options} has to match {value:?}"));
        others.iter().for_each(|value| assert!(!holds(options, value), "{options} must not match {value:?}"));
    }
}

/// Why a rule with `options` does not load.
#[track_caller]
fn refusal(options: &str) -> String {
    let text = format!("alert tls any any -> any any (tls.sni; {options} sid:1;)");
    let (_, report) = RuleSet::compile(&[Source { name: "test.rules", text: &text }], &RuleConfig::default());
    report.errors.first().unwrap_or_else(|| panic!("{options} loads")).reason.to_string()
}

fn hello(sni: &str) -> ClientHello {
    ClientHello { legacy_version: 0x0303, server_names: [sni].into(), complete: true, ..ClientHello::default() }
}

fn server_hello(version: u16, cipher_suite: u16) -> ServerHello {
    ServerHello { legacy_version: version, cipher_suite, complete: true, ..ServerHello::default() }
}

fn certificate(subject: &str, issuer: &str) -> Arc<Certificate> {
    let facts = CertificateFacts { subject: subject.into(), issuer: issuer.into(), serial: vec![1], ..CertificateFacts::default() };
    Arc::new(Certificate { der: subject.as_bytes().to_vec(), facts: Some(facts), ..Certificate::default() })
}

/// A session with a ClientHello that asks for `sni`, and nothing more yet.
fn asking(sni: &str) -> Session {
    Session { client_hello: Some(hello(sni)), ..Session::default() }
}

/// A whole TLS 1.2 session.
#[allow(clippy::needless_update)] // the fingerprints have more fields with the feature `ja4plus`
fn session() -> Session {
    let ja = |c: &str| c.repeat(32);
    Session {
        client_fingerprints: Some(ClientFingerprints {
            ja3: ja("a"),
            ja3_string: "771,4865,0,29,0".into(),
            ja4: "t13d1516h2_8daaf6152771_02713d6af862".into(),
            ja4_r: String::new(),
        }),
        server_hello: Some(server_hello(0x0303, 0xc02f)),
        server_fingerprints: Some(ServerFingerprints { ja3s: ja("b"), ja3s_string: "771,49199,".into(), ..Default::default() }),
        server_certificates: vec![certificate("CN=www.example.test", "CN=Example CA"), certificate("CN=Example CA", "CN=Root")],
        ..asking("www.example.test")
    }
}
