//! Whether a `pass` rule may still accept a flow, by what is known of it.

use super::*;
use crate::protocol::tls::session::View;
use crate::rules::subject::Facts;

/// Whether the set of `text` waits on with the flow of `subject`, and if not, why none of it accepts the flow.
fn waits(text: &str, subject: Subject<'_>) -> Result<(), Unaccepted> {
    let set = rules(text);
    let (mut flow, mut hosts, mut scratch) = (FlowRules::default(), HostState::default(), Scratch::default());
    set.evaluate(&subject, &mut flow, &mut hosts, &mut scratch, &mut Vec::new());
    assert_eq!(flow.verdict(), Verdict::None, "{text}");
    if set.may_accept(&subject, &flow, &hosts, &mut scratch) { Ok(()) } else { Err(set.why_unaccepted(&subject)) }
}

fn pass(options: &str) -> String {
    format!("pass tls any any -> any any ({options} sid:1;)")
}

fn dark() -> View {
    View { seen: true, dark: true, over: true, ..View::default() }
}

fn given_up() -> View {
    View { seen: true, degraded: true, over: true, ..View::default() }
}

/// RFC 5246 §7.3 and RFC 8446 §2: until when a fact may come in the clear.
#[test]
fn a_rule_waits_for_facts_that_may_still_come() {
    let started = Session::default();
    let asked = asking("www.example.test");
    let tls12 = Session { server_hello: Some(server_hello(0x0303, 0xc02f)), ..asked.clone() };
    let mut tls13 = tls12.clone();
    tls13.server_hello.as_mut().unwrap().selected_version = Some(0x0304);
    let client_dark = Session { client_view: dark(), ..tls12.clone() };
    let server_given_up = Session { server_view: given_up(), ..tls12.clone() };
    let nothing = Err(Unaccepted::NoMatch);
    let sni = r#"tls.sni; content:"other";"#;
    let certificate = r#"flow:to_client; tls.cert_subject; content:"other";"#;
    for (what, options, session, expected) in [
        ("a name before the hello", sni, &started, Ok(())),
        ("a name at the hello", sni, &asked, nothing),
        ("a certificate at the ClientHello", certificate, &asked, Ok(())),
        ("a certificate at the ServerHello of TLS 1.2", certificate, &tls12, Ok(())),
        ("a certificate at the ServerHello of TLS 1.3", certificate, &tls13, nothing),
        ("a certificate once the client is dark", certificate, &client_dark, nothing),
        ("a certificate once the server is given up", certificate, &server_given_up, Err(Unaccepted::Unreadable)),
        ("resumption until the server is dark", "tls.resumed:yes;", &client_dark, Ok(())),
        ("resumption once the server is given up", "tls.resumed:yes;", &server_given_up, Err(Unaccepted::Unreadable)),
        ("a HelloRetryRequest before the ServerHello", "tls.alpn; content:\"x\"; tls.hrr:yes;", &started, Ok(())),
    ] {
        assert_eq!(waits(&pass(options), subject(Some(session))), expected, "{what}");
    }
}

#[test]
fn a_rule_of_which_one_fact_is_wrong_does_not_wait_for_the_others() {
    let asked = asking("www.example.test");
    for (name, expected) in [("example", Ok(())), ("other", Err(Unaccepted::NoMatch))] {
        let rule = format!(r#"pass tls any any => any any (tls.sni; content:"{name}"; tls.cert_subject; content:"other"; sid:1;)"#);
        assert_eq!(waits(&rule, subject(Some(&asked))), expected, "{name}");
    }
}

#[test]
fn a_rule_of_other_ends_or_another_protocol_does_not_wait() {
    let started = Session::default();
    let unknown = Subject { app_proto: AppProto::Unknown, ..subject(Some(&started)) };
    let not_tls = Subject { app_proto: AppProto::NotTls, ..unknown };
    let named = |server: &str| format!(r#"pass tls any any -> {server} 443 (tls.sni; content:"x"; sid:1;)"#);
    assert_eq!(waits(&named("198.18.0.1"), unknown), Ok(()));
    assert_eq!(waits(&named("198.18.0.2"), unknown), Err(Unaccepted::NoRule));
    assert_eq!(waits(&named("198.18.0.1"), not_tls), Err(Unaccepted::NotTls));
    assert_eq!(waits(&named("any").replace("pass", "alert"), unknown), Err(Unaccepted::NoRule));
}

#[test]
fn only_rules_that_accept_flows_are_waited_for() {
    let started = Session::default();
    let unknown = Subject { app_proto: AppProto::Unknown, established: true, ..subject(Some(&started)) };
    for (rule, expected) in [
        ("pass tls any any -> any any (flowbits:isset,x; sid:1;)", Ok(())),
        (r#"pass tcp any any -> any any (content:"SSH"; sid:1;)"#, Ok(())),
        ("pass tcp any any -> any any (flow:not_established; sid:1;)", Err(Unaccepted::NotThisPacket)),
        ("pass tcp any any -> any any (flags:F; sid:1;)", Err(Unaccepted::NotThisPacket)),
        ("pass tcp any any -> 198.18.0.2 any (flags:F; sid:1;)", Err(Unaccepted::NoRule)),
    ] {
        assert_eq!(waits(rule, unknown), expected, "{rule}");
    }
}

#[test]
fn nothing_is_waited_for_once_both_sides_are_read_no_more() {
    let finished = Session { client_view: dark(), server_view: dark(), ..asking("www.example.test") };
    let stateful = "pass tls any any -> any any (tls.sni; content:\"example\"; flowbits:isset,x; sid:1;)";
    assert_eq!(waits(stateful, subject(Some(&asking("www.example.test")))), Ok(()));
    assert_eq!(waits(stateful, subject(Some(&finished))), Err(Unaccepted::NoMatch));
}

#[test]
fn of_many_rules_those_that_a_known_fact_leaves_are_looked_at() {
    let rule = |n: u32| {
        let name = match n % 3 {
            0 => format!("content:\"www{n}.\"; startswith;"),
            1 => format!("content:\".site{n}.test\"; endswith;"),
            _ => format!("content:\"host{n}.test\"; bsize:{};", format!("host{n}.test").len()),
        };
        format!("pass tls any any -> any any (flow:to_client; tls.sni; {name} tls.cert_subject; content:\"CN=a\"; sid:{n};)\n")
    };
    let text: String = (1..=300).map(rule).collect();
    let set = rules(&text);
    let mut scratch = Scratch::default();
    for (name, expected) in [
        ("www30.a.test", vec![30]),
        ("a.site31.test", vec![31]),
        ("host32.test", vec![32]),
        ("www3.site31.test", vec![3, 31]),
        ("other.test", vec![]),
    ] {
        let asked = asking(name);
        let (subject, have) = (subject(Some(&asked)), Facts::CLIENT_HELLO);
        let [accepting] = set.accepting.as_slice() else { panic!("one header, and the same facts") };
        let plans = accepting.candidates(subject.session, have, &mut scratch);
        let mut sids: Vec<u32> = plans.iter().map(|&p| set.rule(set.plans[p as usize].rule).unwrap().sid).collect();
        sids.sort_unstable();
        assert_eq!(sids, expected, "{name}");
        assert_eq!(accepting.candidates(subject.session, Facts::NONE, &mut scratch).len(), 300);
        let waits = waits(&text, subject);
        assert_eq!(waits, if expected.is_empty() { Err(Unaccepted::NoMatch) } else { Ok(()) }, "{name}");
    }
}
