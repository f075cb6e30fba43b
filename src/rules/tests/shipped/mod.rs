//! The rules that ship: all load, each fires on what it is about, and none on what only looks like it.

mod certificates;
mod command_and_control;
mod findings;
mod policy;
mod tunnels;
mod vulnerabilities;
mod weak_cryptography;

use std::collections::BTreeSet;

use super::*;
use crate::protocol::tls::Ech;
use crate::protocol::tls::session::{Alert, Anomaly, Stage, View};
use crate::protocol::x509::Time;

/// A rule, what it has to fire on (alone of all that ship), and what it must not fire on.
struct Pair {
    sid: u32,
    fires: Seen,
    not: Seen,
}

fn pair(sid: u32, fires: impl Into<Seen>, not: impl Into<Seen>) -> Pair {
    Pair { sid, fires: fires.into(), not: not.into() }
}

/// A flow, from the outside: 10.0.0.1 is the client.
struct Seen {
    /// `None`: it is not TLS.
    session: Option<Session>,
    server: &'static str,
    port: u16,
}

impl From<Session> for Seen {
    fn from(session: Session) -> Self {
        Self { session: Some(session), server: OUTSIDE, port: 443 }
    }
}

/// The session with a server at the site.
fn at_home(session: Session) -> Seen {
    Seen { server: "10.0.0.2", ..session.into() }
}

fn not_tls(port: u16) -> Seen {
    Seen { session: None, server: OUTSIDE, port }
}

fn shipped() -> RuleSet {
    let (set, report) = RuleSet::compile(SHIPPED, &RuleConfig::default());
    assert_eq!((&report.errors[..], &report.notes[..], report.disabled), (&[][..], &[][..], 0));
    set
}

fn under(policy: Policy) -> RuleSet {
    RuleSet::compile(SHIPPED, &RuleConfig { policy: Some(policy), ..RuleConfig::default() }).0
}

fn sids(set: &RuleSet, seen: &Seen) -> Vec<u32> {
    let end = Endpoint { ip: seen.server.parse().unwrap(), port: seen.port };
    let first = Subject { server: end, ..subject(None) };
    let then = match &seen.session {
        Some(session) => Subject { server: end, ..subject(Some(session)) },
        None => Subject { established: true, app_proto: AppProto::NotTls, ..first },
    };
    play(set, &[first, then]).0
}

fn pairs() -> Vec<Pair> {
    [
        certificates::pairs(),
        command_and_control::pairs(),
        findings::pairs(),
        policy::pairs(),
        tunnels::pairs(),
        vulnerabilities::pairs(),
        weak_cryptography::pairs(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn each_fires_on_what_it_is_about_and_on_nothing_like_it() {
    let (all, normal) = (shipped(), under(Policy::Normal));
    for Pair { sid, fires, not } in pairs() {
        // What only a strict site wants to know may come beside others.
        match normal.rules().any(|rule| rule.sid == sid) {
            true => {
                // What was turned down below TLS 1.2 is a version that is told by itself.
                let expected = |other: &u32| sid == 8_443_701 && (8_443_403..=8_443_404).contains(other);
                let fired: Vec<u32> = sids(&normal, &fires).into_iter().filter(|other| !expected(other)).collect();
                assert_eq!(fired, [sid], "{sid} has to fire, and nothing else");
            }
            false => assert!(sids(&all, &fires).contains(&sid), "{sid} has to fire"),
        }
        assert!(!sids(&all, &not).contains(&sid), "{sid} must not fire");
    }
}

#[test]
fn each_has_such_a_pair() {
    let tested: BTreeSet<u32> = pairs().iter().map(|pair| pair.sid).collect();
    let there: BTreeSet<u32> = shipped().rules().map(|rule| rule.sid).collect();
    assert_eq!(tested, there);
}

#[test]
fn an_ordinary_session_is_no_matter() {
    assert!(sids(&shipped(), &session().into()).is_empty());
}

#[test]
fn all_have_a_number_of_ours_a_class_and_a_reference() {
    for rule in shipped().rules() {
        assert!((8_443_000..=8_443_999).contains(&rule.sid), "{}", rule.sid);
        assert!(!rule.references.is_empty() && !rule.category.is_empty() && rule.msg.starts_with("PORTCULLIS "), "{}", rule.sid);
    }
}

#[test]
fn the_numbers_of_a_file_begin_alike() {
    for Source { name, text } in SHIPPED {
        let hundreds: &[u32] = match *name {
            "rules/certificates.rules" => &[0],
            "rules/command-and-control.rules" => &[1],
            "rules/tunnels.rules" => &[2],
            "rules/weak-cryptography.rules" => &[3, 4],
            "rules/policy.rules" => &[5],
            "rules/vulnerabilities.rules" => &[6],
            "rules/findings.rules" => &[7],
            _ => panic!("{name} has no range"),
        };
        for rule in rules(text).rules() {
            assert!(hundreds.contains(&(rule.sid / 100 % 10)), "{} in {name}", rule.sid);
        }
    }
}

#[test]
fn the_documentation_has_them_all() {
    let ranges: Vec<(u32, u32)> = include_str!("../../../../docs/rules.md")
        .split(|c: char| !c.is_ascii_digit() && c != '–')
        .map(|word| word.split_once('–').unwrap_or((word, word)))
        .filter_map(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)))
        .collect();
    for rule in shipped().rules() {
        assert!(ranges.iter().any(|&(first, last)| (first..=last).contains(&rule.sid)), "{}", rule.sid);
    }
}

#[test]
fn what_is_informational_is_told_once_an_hour() {
    let lines: Vec<&str> = SHIPPED.iter().flat_map(|source| source.text.lines()).collect();
    for rule in shipped().rules().filter(|rule| rule.severity >= 3) {
        let line = lines.iter().find(|line| line.contains(&format!("sid:{};", rule.sid))).unwrap();
        assert!(line.contains("threshold:type limit, track by_both, count 1, seconds 3600;"), "{}", rule.sid);
    }
}

#[test]
fn a_stricter_policy_has_more_rules() {
    let of = |policy| under(policy).rules().map(|rule| rule.sid).collect::<BTreeSet<u32>>();
    let [strict, normal, legacy] = Policy::ALL.map(of);
    assert!(strict.is_superset(&normal) && normal.is_superset(&legacy));
    assert!(strict.len() > normal.len() && normal.len() > legacy.len());
    assert_eq!(strict.len(), shipped().rules().count());
}

#[test]
fn no_rule_has_to_be_tried_on_every_packet() {
    let set = shipped();
    assert!(!set.wants_packets());
}

/// A session that asks for `name`.
fn to(name: &str) -> Session {
    Session { client_hello: Some(hello(name)), ..session() }
}

/// A session whose client offers one protocol by ALPN.
fn alpn(protocol: &str) -> Session {
    let client_hello = ClientHello { alpn: [protocol].into(), ..hello("www.example.test") };
    Session { client_hello: Some(client_hello), ..session() }
}

/// A session whose server sent one certificate, changed by `change` from one that nothing is to be said about.
fn serving(change: impl FnOnce(&mut CertificateFacts)) -> Session {
    let mut facts = CertificateFacts {
        subject: "CN=www.example.test".into(),
        issuer: "CN=Example CA".into(),
        serial: vec![1],
        not_before: day(2026, 10, 1),
        not_after: day(2026, 12, 30),
        key_type: "RSA".into(),
        key_bits: Some(2_048),
        signature_algorithm: "sha256WithRSAEncryption".into(),
        is_ca: Some(false),
        ..CertificateFacts::default()
    };
    change(&mut facts);
    sending(vec![Certificate { facts: Some(facts), ..Certificate::default() }])
}

/// A session whose server sent these certificates.
fn sending(certificates: Vec<Certificate>) -> Session {
    Session { server_certificates: certificates.into_iter().map(Arc::new).collect(), ..session() }
}

/// A session with an anomaly in what `direction` has.
fn odd(anomaly: Anomaly, direction: FlowDirection) -> Session {
    let mut session = session();
    session.note(anomaly);
    let view = if direction == FlowDirection::ToServer { &mut session.client_view } else { &mut session.server_view };
    view.anomalies.insert(anomaly);
    session
}

/// A session with an alert in the clear, by its IANA number.
fn alert(from_client: bool, description: u8) -> Session {
    Session { alerts: vec![Alert { from_client, level: 2, description }], ..session() }
}

/// A session that both sides have encrypted from here on.
fn dark(session: Session) -> Session {
    let view = View { seen: true, dark: true, ..View::default() };
    Session { client_view: view, server_view: view, stage: Stage::Dark, ..session }
}

/// The first second of a day.
fn day(year: i64, month: i64, day: i64) -> Option<Time> {
    Time::from_utc(year, month, day, 0, 0, 0)
}

const OUTSIDE: &str = "198.18.0.1";
