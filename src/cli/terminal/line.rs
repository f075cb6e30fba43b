//! One line for a session, one for an alert.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use super::{Paint, Style, found, trust, visible};
use crate::base::Timestamp;
use crate::event::{AlertInfo, Common, Verdict};
use crate::findings::{FindingSet, Severity};
use crate::flow::Endpoint;
use crate::protocol::tls::session::{Resumption, View};
use crate::protocol::tls::{Session, names};
use crate::protocol::x509::DistinguishedName;

/// Appends the line of a session to `out`: time, client and server, version, name, cipher and group, certificate, and in colour
/// what is wrong with it.
pub fn session_line(out: &mut String, style: Style, common: &Common<'_>, session: &Session) {
    head(out, style, common);
    let version = session.version().map_or_else(|| unsettled(session).into(), names::eve_version);
    push(out, format_args!("  {version:<9}"));
    match session.client_hello.as_ref().and_then(|ch| ch.server_name()) {
        Some(name) => push(out, format_args!("  {}", style.paint(Paint::Strong, &visible(name, NAME_WIDTH)))),
        None => push(out, format_args!("  {}", style.paint(Paint::Faint, "(no name)"))),
    }
    push(out, format_args!("  {}", style.paint(Paint::Faint, &details(session))));
    let problems = problems(session);
    if !problems.is_empty() {
        push(out, format_args!("  {}", style.paint(Paint::Warning, &problems)));
    }
    push(out, format_args!("  {}", found::ids(style, common.findings)));
    end_line(out);
}

/// What became of a session for which no version was chosen.
fn unsettled(session: &Session) -> &'static str {
    match session {
        _ if session.dropped => "dropped",
        _ if session.alerts.iter().any(|alert| !alert.from_client) => "refused",
        _ => "no answer",
    }
}

/// Has `line`, that of a session of which `before` was found, tell `after`: both stand at its end.
pub fn session_line_with(line: &mut Vec<u8>, style: Style, before: FindingSet, after: FindingSet) {
    let (before, after) = (found::ids(style, before), found::ids(style, after));
    let Some(rest) = line.strip_suffix(b"\n").and_then(|line| line.strip_suffix(before.as_bytes())) else { return };
    line.truncate(rest.trim_ascii_end().len());
    if !after.is_empty() {
        line.extend_from_slice(b"  ");
        line.extend_from_slice(after.as_bytes());
    }
    line.push(b'\n');
}

/// Appends the line of a flow that is not TLS to `out`: what it is. Nothing where nothing worse than a word was found.
pub fn other_line(out: &mut String, style: Style, common: &Common<'_>) {
    let Some(worst) = common.findings.by_severity().find(|finding| finding.severity > Severity::Info) else { return };
    head(out, style, common);
    push(out, format_args!("  {:<9}  {}", "not TLS", worst.reason));
    push(out, format_args!("  {}", style.paint(Paint::Faint, &format!("[{}]", worst.id))));
    end_line(out);
}

/// Appends the line of an alert to `out`, coloured by its severity.
pub fn alert_line(out: &mut String, style: Style, common: &Common<'_>, info: &AlertInfo<'_>, session: Option<&Session>) {
    let paint = match info.severity {
        0 | 1 => Paint::Grave,
        2 => Paint::Warning,
        _ => Paint::Notice,
    };
    let word = match info.action {
        Verdict::Pass => "PASS",
        Verdict::Alert => "ALERT",
        Verdict::Drop => "DROP",
        Verdict::Reject(_) => "REJECT",
    };
    head(out, style, common);
    let message = visible(info.signature.as_bytes(), MESSAGE_WIDTH);
    push(out, format_args!("  {}", style.paint(paint, &format!("{word} {}  {message}", info.severity))));
    push(out, format_args!("  {}", style.paint(Paint::Faint, &format!("[{}:{}:{}]", info.gid, info.signature_id, info.rev))));
    if let Some(name) = session.and_then(|s| s.client_hello.as_ref()).and_then(|ch| ch.server_name()) {
        push(out, format_args!("  {}", visible(name, NAME_WIDTH)));
    }
    end_line(out);
}

/// `10:48:07.123  192.0.2.10:50123 -> 198.51.100.7:443`
fn head(out: &mut String, style: Style, common: &Common<'_>) {
    push(out, format_args!("{}", style.paint(Paint::Faint, &Clock(common.timestamp).to_string())));
    if let (Some(source), Some(destination)) = (common.source, common.destination) {
        push(out, format_args!("  {} -> {}", End(source), End(destination)));
    }
}

fn details(session: &Session) -> String {
    let mut out = String::new();
    let server = session.server_hello.as_ref().or(session.hello_retry_request.as_deref());
    if let Some(hello) = server {
        named(&mut out, names::cipher_suite(hello.cipher_suite), hello.cipher_suite);
    }
    if let Some(group) = session.group() {
        out.push(' ');
        named(&mut out, names::group(group), group);
    }
    if let Some(facts) = session.server_certificates.first().and_then(|leaf| leaf.facts.as_ref()) {
        let (subject, issuer) = (common_name(&facts.subject), common_name(&facts.issuer));
        push(&mut out, format_args!("  {} < {}", visible(subject.as_bytes(), 40), visible(issuer.as_bytes(), 40)));
    }
    if let Some(how) = session.resumption() {
        out.push_str(match how {
            Resumption::SessionId => "  resumed by session id",
            Resumption::Ticket => "  resumed by ticket",
            Resumption::Psk => "  resumed by PSK",
        });
    }
    if session.hello_retried() == Some(true) {
        out.push_str("  retried");
    }
    out.trim_start().to_owned()
}

/// What is wrong with a session, in a few words each.
fn problems(session: &Session) -> String {
    let mut words: Vec<String> = Vec::new();
    for alert in session.alerts.iter().filter(|alert| alert.level != WARNING) {
        let from = if alert.from_client { "client" } else { "server" };
        let name = names::alert(alert.description).map_or_else(|| alert.description.to_string(), str::to_owned);
        words.push(format!("{from} alert {name}"));
    }
    for (whose, verdict) in [("certificate", &session.server_trust), ("client certificate", &session.client_trust)] {
        let wrong: Vec<_> = verdict.iter().flat_map(|v| v.problems.iter()).map(|problem| trust::words(problem, None)).collect();
        if !wrong.is_empty() {
            words.push(format!("{whose} {}", wrong.join(" and ")));
        }
    }
    words.extend(session.anomalies.iter().map(|anomaly| anomaly.name().to_owned()));
    for (side, view) in [("client", &session.client_view), ("server", &session.server_view)] {
        if view.seen || !session.dropped {
            words.extend(flaws(side, view));
        }
    }
    if session.dropped && session.version().is_some() {
        words.push("dropped".to_owned());
    }
    words.join(", ")
}

fn flaws(side: &str, view: &View) -> Vec<String> {
    let mut words = Vec::new();
    if !view.seen {
        return vec![format!("{side} not seen")];
    }
    if view.midstream {
        words.push(format!("{side} joined midstream"));
    }
    if view.gaps > 0 {
        words.push(format!("{side} lost {} bytes", view.gap_bytes));
    }
    if view.conflicting_bytes > 0 {
        words.push(format!("{side} sent {} bytes twice, differently", view.conflicting_bytes));
    }
    if view.truncated_messages > 0 {
        words.push(format!("{side} cut short"));
    }
    if view.degraded {
        words.push(format!("{side} over a limit"));
    }
    words
}

/// The CN of a distinguished name; without one all of it.
fn common_name(name: &DistinguishedName) -> &str {
    name.common_name().unwrap_or(name)
}

fn named(out: &mut String, name: Option<&str>, number: u16) {
    match name {
        Some(name) => out.push_str(name),
        None => push(out, format_args!("0x{number:04x}")),
    }
}

/// The time of day: a run's date is known to who runs it.
struct Clock(Timestamp);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, _, _, hour, minute, second) = self.0.utc();
        write!(f, "{hour:02}:{minute:02}:{second:02}.{:03}", self.0.subsec_nanos() / 1_000_000)
    }
}

struct End(Endpoint);

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.ip {
            IpAddr::V4(ip) => write!(f, "{ip}:{}", self.0.port),
            IpAddr::V6(ip) => write!(f, "[{ip}]:{}", self.0.port),
        }
    }
}

fn push(out: &mut String, text: fmt::Arguments<'_>) {
    let _ = out.write_fmt(text); // a String takes all text
}

/// Ends the line, without blanks before the end.
fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

/// Characters of a server name.
const NAME_WIDTH: usize = 60;
/// Characters of a rule's message.
const MESSAGE_WIDTH: usize = 120;
/// The level of an alert that ends nothing (RFC 5246 §7.2).
const WARNING: u8 = 1;

#[cfg(test)]
mod tests {
    use crate::findings::find;
    use std::sync::Arc;

    use super::*;
    use crate::protocol::tls::session::{Alert, Anomaly};
    use crate::protocol::tls::{ClientHello, ServerHello};
    use crate::protocol::x509::{Certificate, Facts, Status, Validation};

    const PLAIN: Style = Style { colour: false };

    fn common(client: &str, server: &str) -> Common<'static> {
        let end = |ip: &str, port| Some(Endpoint { ip: ip.parse().unwrap(), port });
        let timestamp = Timestamp::from_parts(1_795_517_287, 123_456_789);
        Common { timestamp, source: end(client, 50_123), destination: end(server, 443), ..Common::default() }
    }

    fn session(name: &[u8]) -> Session {
        let facts = Facts { subject: "C=US, CN=www.example".into(), issuer: "CN=Example CA, O=Example".into(), ..Facts::default() };
        let mut session = Session {
            client_hello: Some(ClientHello { server_names: [name].into(), ..ClientHello::default() }),
            server_hello: Some(ServerHello { legacy_version: 0x0303, cipher_suite: 0xc02f, ..ServerHello::default() }),
            server_key_exchange_group: Some(0x1d),
            server_certificates: vec![Arc::new(Certificate { facts: Some(facts), ..Certificate::default() })],
            ..Session::default()
        };
        session.client_view.seen = true;
        session.server_view.seen = true;
        session
    }

    fn line(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn a_session_is_one_line() {
        assert_eq!(
            line(|out| session_line(out, PLAIN, &common("192.0.2.10", "198.51.100.7"), &session(b"www.example"))),
            "10:48:07.123  192.0.2.10:50123 -> 198.51.100.7:443  TLS 1.2    www.example  \
             TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519  www.example < Example CA\n"
        );
        assert_eq!(
            line(|out| session_line(out, PLAIN, &common("2001:db8::1", "2001:db8::2"), &Session::default())),
            "10:48:07.123  [2001:db8::1]:50123 -> [2001:db8::2]:443  no answer  (no name)    client not seen, server not seen\n"
        );
        let alerts = vec![Alert { from_client: false, level: 2, description: 40 }];
        let refused = Session { alerts, ..Session::default() };
        let line = line(|out| session_line(out, PLAIN, &common("192.0.2.10", "198.51.100.7"), &refused));
        assert!(line.contains(":443  refused    (no name)    server alert handshake_failure"), "{line}");
    }

    #[test]
    fn what_is_found_later_is_as_if_it_had_been_there() {
        let of = |ids: &[&str]| ids.iter().filter_map(|id| find(id)).collect::<FindingSet>();
        let ids = ["weak.protocol.tls10", "cert.changed.issuer", "cert.changed.certificate"];
        for style in [PLAIN, Style { colour: true }] {
            for (before, after) in [(&ids[..0], &ids[1..]), (&ids[..1], &ids[..]), (&ids[..0], &ids[2..]), (&ids[..1], &ids[1..])] {
                let told = |found: &[&str]| {
                    let common = Common { findings: of(found), ..common("192.0.2.10", "198.51.100.7") };
                    line(|out| session_line(out, style, &common, &session(b"www.example")))
                };
                let mut line = told(before).into_bytes();
                session_line_with(&mut line, style, of(before), of(after));
                assert_eq!(String::from_utf8(line).unwrap(), told(after));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut session = session(b"x");
        session.alerts =
            vec![Alert { from_client: false, level: 2, description: 40 }, Alert { from_client: true, level: 1, description: 0 }];
        session.anomalies = vec![Anomaly::MultipleSni];
        session.server_trust = Some(Arc::new(Validation::of([Status::Expired, Status::SelfSigned].into_iter().collect())));
        session.server_view.gaps = 2;
        session.server_view.gap_bytes = 1_460;
        session.client_view.degraded = true;
        let text = line(|out| session_line(out, PLAIN, &common("192.0.2.10", "198.51.100.7"), &session));
        let expected = "  server alert handshake_failure, certificate self-signed and expired, MULTIPLE_SNI_EXTENSIONS, client over a limit, server lost 1460 bytes\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn what_a_verdict_stopped_is_not_called_missing() {
        let text = |session: &Session| line(|out| session_line(out, PLAIN, &common("192.0.2.10", "198.51.100.7"), session));
        let mut before_the_answer = Session { server_hello: None, server_certificates: vec![], dropped: true, ..session(b"x") };
        before_the_answer.server_view.seen = false;
        assert!(text(&before_the_answer).ends_with(":443  dropped    x  x25519\n"), "{}", text(&before_the_answer));
        let behind_it = Session { dropped: true, ..session(b"x") };
        assert!(text(&behind_it).ends_with("www.example < Example CA  dropped\n"), "{}", text(&behind_it));
    }

    #[test]
    fn an_alert_is_one_line_and_hostile_text_stays_in_it() {
        let info = AlertInfo {
            gid: 1,
            signature_id: 9_000_001,
            rev: 2,
            signature: "Weak\nversion",
            category: "",
            severity: 1,
            metadata: &[],
            references: &[],
            context: &[],
            action: Verdict::Drop,
            verdict: Verdict::Drop,
            target: None,
            rule: None,
            flowbits: &[],
            flowints: &[],
        };
        let session = session(b"evil\x1b[2J");
        let plain = line(|out| alert_line(out, PLAIN, &common("192.0.2.10", "198.51.100.7"), &info, Some(&session)));
        assert_eq!(
            plain,
            "10:48:07.123  192.0.2.10:50123 -> 198.51.100.7:443  DROP 1  Weak\\u{a}version  [1:9000001:2]  evil\\u{1b}[2J\n"
        );
        let coloured = line(|out| alert_line(out, Style { colour: true }, &common("192.0.2.10", "198.51.100.7"), &info, None));
        assert!(coloured.contains("\x1b[1;31mDROP 1  Weak\\u{a}version\x1b[0m"), "{coloured:?}");
    }

    #[test]
    fn the_common_name_is_found_in_a_distinguished_name() {
        for (name, cn) in [
            ("C=US, O=Example, CN=www.example", "www.example"),
            ("CN=Example CA, O=Example", "Example CA"),
            ("O=Example", "O=Example"),
            ("", ""),
        ] {
            assert_eq!(common_name(&name.into()), cn);
        }
        // O=Evil, CN=www.bank.com, all of it one value.
        let value = b"Evil, CN=www.bank.com";
        let evil = [&[0x31, 30, 0x30, 28, 0x06, 3, 0x55, 4, 10, 0x0c, 21], &value[..]].concat();
        assert_eq!(common_name(&DistinguishedName::read(&evil)), "O=Evil, CN=www.bank.com");
    }
}
