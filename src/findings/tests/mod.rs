//! Each finding with a session in which it is found and one, much like it, in which it is not.

mod alerts;
mod behaviour;
mod certificates;
mod ciphers;
mod earlier;
mod exchange;
mod names;
mod other;
mod protocol;
mod versions;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::protocol::fingerprint::{self, Transport};
use crate::protocol::opening::Opening;
use crate::protocol::tls::session::{Alert, Openings, Stage, View};
use crate::protocol::tls::{ByteStrings, ClientHello, Extension, ServerHello, Session};
use crate::protocol::x509::{Certificate, Facts, Reason, Status, Time, Validation};

/// A finding, a session that has it, and one that does not.
pub(crate) struct Case {
    pub id: &'static str,
    pub fires: Scene,
    pub near: Scene,
}

/// A session, and how it is seen.
pub(crate) struct Scene {
    pub session: Session,
    pub two_sided: bool,
}

impl Case {
    /// Whether it is judged by the flow's end.
    pub fn at_the_end(&self) -> bool {
        find(self.id).is_some_and(|finding| finding.known == Known::Dark)
    }
}

impl From<Session> for Scene {
    fn from(session: Session) -> Self {
        Self { session, two_sided: true }
    }
}

impl Scene {
    fn found(&self) -> FindingSet {
        judge(&Evidence::new(&self.session, NOW, self.two_sided))
    }
}

fn case(id: &'static str, fires: impl Into<Scene>, near: impl Into<Scene>) -> Case {
    Case { id, fires: fires.into(), near: near.into() }
}

pub(crate) fn cases() -> Vec<Case> {
    [
        versions::cases(),
        protocol::cases(),
        exchange::cases(),
        ciphers::cases(),
        certificates::cases(),
        names::cases(),
        alerts::cases(),
        behaviour::cases(),
        other::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn each_is_found_where_it_is_and_nowhere_near() {
    for Case { id, fires, near } in cases() {
        let finding = find(id).unwrap_or_else(|| panic!("{id} is no finding"));
        assert!(fires.found().contains(finding), "{id} is not found");
        assert!(!near.found().contains(finding), "{id} is found where it is not");
        assert!(finding.holds(&Evidence::new(&fires.session, NOW, fires.two_sided)), "{id} alone");
        assert!(!finding.holds(&Evidence::new(&near.session, NOW, near.two_sided)), "{id} alone, near");
    }
}

#[test]
fn each_has_such_a_pair() {
    let earlier = earlier::cases();
    let tested: BTreeSet<&str> = cases().iter().map(|case| case.id).chain(earlier.iter().map(|case| case.id)).collect();
    let there: BTreeSet<&str> = all().map(|finding| finding.id).collect();
    assert_eq!(there.difference(&tested).collect::<Vec<_>>(), [&""; 0], "without a pair");
}

#[test]
fn ids_are_in_order_and_there_once() {
    let ids: Vec<&str> = all().map(|finding| finding.id).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len());
    for id in ids {
        assert!(id.contains('.') && id.split('.').all(|part| !part.is_empty()), "{id}");
        assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-')), "{id}");
    }
}

#[test]
fn each_says_what_is_wrong_what_to_do_and_where_to_read_more() {
    for finding in all() {
        for text in [finding.reason, finding.advice] {
            assert!(text.len() > 6 && text.len() < 200 && !text.ends_with('.') && !text.contains('\n'), "{}: {text}", finding.id);
        }
        assert!(!finding.references.is_empty(), "{}", finding.id);
        for reference in finding.references {
            let number =
                |start: &str| reference.strip_prefix(start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            let known = number("RFC ") || number("CVE-") || (reference.contains('.') && !reference.contains("://"));
            assert!(known && !reference.contains('|'), "{}: {reference}", finding.id);
        }
    }
}

#[test]
fn a_session_of_today_has_nothing_worse_than_a_word() {
    let found = Scene::from(modern()).found();
    assert_eq!(found.iter().map(|f| f.id).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn of_nothing_nothing_is_said() {
    assert!(Scene::from(Session::default()).found().is_empty());
}

/// 2026-11-24T00:00:00Z.
const NOW: Time = Time::from_unix(1_795_478_400);
const DAY: i64 = 86_400;

/// A TLS 1.3 session of a browser.
fn modern() -> Session {
    let answer = ServerHello {
        selected_version: Some(0x0304),
        cipher_suite: 0x1301,
        key_share_group: Some(0x11ec),
        extensions: extensions(&[43, 51]),
        ..answer()
    };
    let seen = View { seen: true, dark: true, over: true, ..View::default() };
    Session {
        client_fingerprints: Some(fingerprint::client(&hello(), Transport::Tcp)),
        client_hello: Some(hello()),
        server_hello: Some(answer),
        is_tls: true,
        client_view: seen,
        server_view: seen,
        ..Session::default()
    }
}

fn hello() -> ClientHello {
    ClientHello {
        legacy_version: 0x0303,
        random: std::array::from_fn(|i| i as u8),
        cipher_suites: vec![0x1a1a, 0x1301, 0xc02f],
        compression_methods: vec![0],
        extensions: extensions(&[0x2a2a, 0, 23, 0xff01, 10, 11, 13, 16, 22, 43, 51]),
        server_names: [b"www.shop.example"].into(),
        alpn: [b"h2".as_slice(), b"http/1.1"].into(),
        supported_versions: vec![0x3a3a, 0x0304, 0x0303],
        groups: vec![0x11ec, 0x001d, 0x0017],
        key_share_groups: vec![0x11ec, 0x001d],
        signature_algorithms: vec![0x0403, 0x0804],
        complete: true,
        ..ClientHello::default()
    }
}

fn answer() -> ServerHello {
    ServerHello {
        legacy_version: 0x0303,
        random: std::array::from_fn(|i| 200 - i as u8),
        cipher_suite: 0xc02f,
        extensions: extensions(&[23, 0xff01]),
        complete: true,
        ..ServerHello::default()
    }
}

fn extensions(types: &[u16]) -> Vec<Extension> {
    types.iter().map(|&typ| Extension { typ, len: 0 }).collect()
}

/// A whole TLS 1.2 session.
fn sound() -> Session {
    Session {
        server_certificates: vec![Arc::new(leaf(|_| {})), Arc::new(authority())],
        server_trust: Some(Arc::new(Validation::of(FromIterator::from_iter([])))),
        server_key_exchange: true,
        server_key_exchange_group: Some(0x001d),
        server_signature_scheme: Some(0x0804),
        client_key_exchange: true,
        server_hello: Some(answer()),
        stage: Stage::Dark,
        ..modern()
    }
}

/// `sound` with another ClientHello.
fn asking(change: impl FnOnce(&mut ClientHello)) -> Session {
    let mut session = sound();
    change(session.client_hello.as_mut().unwrap());
    session
}

/// `sound` with another ServerHello.
fn answering(change: impl FnOnce(&mut ServerHello)) -> Session {
    let mut session = sound();
    change(session.server_hello.as_mut().unwrap());
    session
}

/// `sound` with something else changed.
fn with(change: impl FnOnce(&mut Session)) -> Session {
    let mut session = sound();
    change(&mut session);
    session
}

/// A session of TLS 1.2 or older.
fn speaking(version: u16) -> Session {
    answering(|hello| hello.legacy_version = version)
}

/// A session with this cipher suite.
fn chose(suite: u16) -> Session {
    answering(|hello| hello.cipher_suite = suite)
}

/// A session with an anomaly.
fn odd(anomaly: Anomaly) -> Session {
    with(|session| {
        session.note(anomaly);
        session.client_view.anomalies.insert(anomaly);
        session.server_view.anomalies.insert(anomaly);
    })
}

/// A session with an alert.
fn alerting(from_client: bool, description: u8) -> Session {
    with(|session| session.alerts = vec![Alert { from_client, level: 2, description }])
}

/// `sound` with another certificate of the server's.
fn serving(change: impl FnOnce(&mut Facts)) -> Session {
    with(|session| session.server_certificates = vec![Arc::new(leaf(change)), Arc::new(authority())])
}

/// `sound` with this outcome of the validation.
fn judged(status: Status) -> Session {
    with(|session| session.server_trust = Some(Arc::new(Validation::of([status].into_iter().collect()))))
}

fn leaf(change: impl FnOnce(&mut Facts)) -> Certificate {
    let mut facts = Facts {
        subject: "CN=www.shop.example".into(),
        issuer: "CN=Example CA".into(),
        serial: vec![0x08, 0x3a, 1, 2, 3, 4, 5, 6, 7],
        not_before: Some(Time::from_unix(NOW.as_unix() - 30 * DAY)),
        not_after: Some(Time::from_unix(NOW.as_unix() + 60 * DAY)),
        subject_alt_names: vec!["www.shop.example".into(), "shop.example".into()],
        key_type: "EC".into(),
        key_curve: Some("secp256r1".into()),
        key_bits: Some(256),
        signature_algorithm: "ecdsa-with-SHA256".into(),
        is_ca: Some(false),
        embedded_scts: 2,
        ..Facts::default()
    };
    change(&mut facts);
    Certificate { sha256: [1; 32], facts: Some(facts), ..Certificate::default() }
}

fn authority() -> Certificate {
    named("CN=Example CA", "CN=Example Root", 2)
}

/// An authority's certificate.
fn named(subject: &str, issuer: &str, seed: u8) -> Certificate {
    let facts = Facts {
        subject: subject.into(),
        issuer: issuer.into(),
        self_issued: subject == issuer,
        is_ca: Some(true),
        key_type: "EC".into(),
        key_curve: Some("secp384r1".into()),
        key_bits: Some(384),
        signature_algorithm: "ecdsa-with-SHA384".into(),
        ..Facts::default()
    };
    Certificate { sha256: [seed; 32], facts: Some(facts), ..Certificate::default() }
}

/// A flow that is not TLS, by the first bytes of client and server.
fn plain(client: &[u8], server: &[u8]) -> Session {
    let opening = |bytes: &[u8]| {
        let mut opening = Opening::default();
        opening.take(bytes, 0, false);
        opening.end();
        opening
    };
    let view = |bytes: &[u8]| View { seen: !bytes.is_empty(), ..View::default() };
    Session {
        openings: Some(Box::new(Openings { client: opening(client), server: opening(server) })),
        client_view: view(client),
        server_view: view(server),
        ended: true,
        ..Session::default()
    }
}

/// `not_seen`, or `unsupported` because of something.
fn because(status: Status, reason: Reason) -> Session {
    let validation = Validation { reason: Some(reason), ..Validation::of([status].into_iter().collect()) };
    with(|session| session.server_trust = Some(Arc::new(validation)))
}
