//! `finding`: when it is tried, and on what.

use super::*;
use crate::findings::tests::cases;
use crate::protocol::opening::Opening;
use crate::protocol::tls::session::{Compared, Openings, View};

fn old(version: u16) -> Session {
    Session { server_hello: Some(server_hello(version, 0xc02f)), ..session() }
}

/// A flow that is not TLS, whose client begins with these bytes.
fn plain(bytes: &[u8]) -> Session {
    let mut client = Opening::default();
    client.take(bytes, 0, false);
    Session {
        openings: Some(Box::new(Openings { client, ..Openings::default() })),
        client_view: View { seen: true, ..View::default() },
        ..Session::default()
    }
}

fn not_tls<'a>(session: &'a Session) -> Subject<'a> {
    Subject { app_proto: AppProto::NotTls, ..subject(Some(session)) }
}

#[test]
fn a_finding_is_asked_for_by_id_pattern_or_severity() {
    for (options, version, expected) in [
        ("finding:weak.protocol.tls10;", 0x0301, true),
        ("finding:weak.protocol.tls10;", 0x0302, false),
        ("finding:weak.protocol.*;", 0x0302, true),
        ("finding:weak.protocol.*;", 0x0303, false),
        ("finding:weak.protocol.tls10, weak.protocol.tls11;", 0x0302, true),
        ("finding:weak.protocol.*,-weak.protocol.tls11;", 0x0302, false),
        ("finding:weak.protocol.*,-weak.protocol.tls11;", 0x0301, true),
        (r#"finding:"weak.protocol.tls10";"#, 0x0301, true),
        (r#"finding:"weak.protocol.tls10", "weak.protocol.tls11";"#, 0x0302, true),
        (r#"finding:!"weak.protocol.*";"#, 0x0301, false),
        ("finding:Weak.Protocol.TLS10;", 0x0301, true),
        ("finding:!weak.protocol.*;", 0x0303, true),
        ("finding:!weak.protocol.*;", 0x0301, false),
        ("flow:established,to_client; finding:weak.protocol.sslv3;", 0x0300, true),
        (r#"finding:weak.protocol.tls10; tls.sni; content:"www";"#, 0x0301, true),
        (r#"finding:weak.protocol.tls10; tls.sni; content:"wwx";"#, 0x0301, false),
    ] {
        let text = format!("alert tls any any -> any any ({options} sid:1;)");
        assert_eq!(fires(&text, &old(version)), expected, "{options} {version:#x}");
    }
}

/// At the ServerHello it is known that the version is old, and not yet what else there will be.
#[test]
fn it_is_tried_as_soon_as_what_tells_is_there() {
    let begun = Session { server_certificates: vec![], ..old(0x0300) };
    let ended = Session { ended: true, ..old(0x0300) };
    for (options, at_once) in [
        ("finding:weak.protocol.sslv3;", true),
        ("finding:weak.protocol.*;", true),
        ("finding:!weak.cipher.rc4;", true),
        ("finding:weak.protocol.sslv3,cert.expired;", false),
        ("finding:high;", false),
        ("finding:!behaviour.heartbeat.overflow;", false),
    ] {
        let set = rules(&format!("alert tls any any -> any any ({options} sid:1;)"));
        assert_eq!(play(&set, &[subject(Some(&begun))]).0 == [1], at_once, "{options}");
        assert_eq!(play(&set, &[subject(Some(&begun)), subject(Some(&ended))]).0, [1], "{options}");
    }
}

#[test]
fn what_is_not_tls_is_judged_once_it_is_recognised() {
    let set = rules("alert tcp any any -> any 443 (flow:to_server; finding:nottls.ssh; sid:1;)");
    let (some, enough, other) = (plain(b"SS"), plain(b"SSH-2.0-x"), plain(b"GET / HTTP/1.1\r\n\r\n"));
    assert_eq!(play(&set, &[not_tls(&some)]).0, [0; 0]);
    assert_eq!(play(&set, &[not_tls(&some), not_tls(&enough)]).0, [1]);
    assert_eq!(play(&set, &[not_tls(&some), not_tls(&other)]).0, [0; 0]);
}

#[test]
fn a_pass_rule_may_accept_what_is_not_tls() {
    let set = rules("pass tcp any any -> any 443 (flow:to_server; finding:nottls.ssh; sid:1;)");
    let (mut flow, hosts, mut scratch) = (FlowRules::default(), HostState::default(), Scratch::default());
    let session = plain(b"SS");
    assert!(set.may_accept(&not_tls(&session), &flow, &hosts, &mut scratch));
    let session = plain(b"SSH-2.0-x");
    set.evaluate(&not_tls(&session), &mut flow, &mut HostState::default(), &mut scratch, &mut Vec::new());
    assert_eq!(flow.verdict(), Verdict::Pass);
}

/// Each finding can be asked for, and its rule fires on the session that it is found in, and not on the one like it.
#[test]
fn each_finding_makes_a_rule() {
    for case in cases() {
        let options = format!("finding:{};", case.id);
        let set = rules(&format!("alert tcp any any -> any any ({options} sid:1;)"));
        for (scene, expected) in [(&case.fires, true), (&case.near, false)] {
            let ended = Session { ended: true, ..scene.session.clone() };
            let app_proto = if scene.session.is_tls { AppProto::Tls } else { AppProto::NotTls };
            let seen = Subject {
                app_proto,
                expects_tls: true,
                one_way: (!scene.two_sided).then_some(FlowDirection::ToClient),
                ..subject(Some(&scene.session))
            };
            let fired = !play(&set, &[seen, Subject { session: Some(&ended), ..seen }]).0.is_empty();
            // Some are judged by the flow's end, which is then there in the other session too.
            if expected || !case.at_the_end() {
                assert_eq!(fired, expected, "{}", case.id);
            }
        }
    }
}

#[test]
fn a_slip_says_what_may_be_meant() {
    for (value, hint) in
        [("weak.protocol.tsl10", "did you mean `weak.protocol.tls10`?"), ("xyzzy", "`portcullis findings` lists them")]
    {
        let text = format!("alert tls any any -> any any (finding:{value}; sid:1;)");
        let (_, report) = RuleSet::compile(&[Source { name: "test.rules", text: &text }], &RuleConfig::default());
        assert_eq!(report.errors[0].reason.to_string(), format!("no finding is called `{value}`"));
        assert_eq!(report.errors[0].hint().as_deref(), Some(hint));
    }
}

/// Sessions have to be compared in their order then, which takes one worker: nobody should pay for it without knowing.
#[test]
fn what_rests_on_earlier_sessions_takes_order_and_has_to_be_meant() {
    for (value, is_meant) in [
        ("cert.changed.issuer", true),
        ("cert.changed.*", true),
        ("!cert.key.shared", true),
        ("cert.expired,cert.changed.issuer", true),
        ("cert.*", false),
        ("medium", false),
        ("cert.key.*", false),
        ("cert.key.*,cert.key.shared", true),
        ("cert.changed.*,cert.key.shared,cert.expired,-cert.changed.*,-cert.key.shared", false),
    ] {
        let set = rules(&format!("alert tls any any -> any any (finding:{value}; sid:1;)"));
        assert_eq!((set.compares_servers(), set.needs_order()), (is_meant, usize::from(is_meant)), "{value}");
    }
}

#[test]
fn what_rests_on_earlier_sessions_is_tried_once_all_is_said_in_the_clear() {
    let compared = |other_issuer| Some(Compared { other_certificate: true, other_issuer, shared_key: false });
    for (options, told, expected) in [
        ("finding:cert.changed.issuer;", compared(true), true),
        ("finding:cert.changed.issuer;", compared(false), false),
        ("finding:cert.changed.*;", compared(false), true),
        ("finding:!cert.changed.issuer;", compared(false), true),
        ("finding:!cert.changed.issuer;", compared(true), false),
        ("finding:cert.changed.*;", None, false),
        (r#"finding:cert.changed.*; tls.sni; content:"wwx";"#, compared(true), false),
    ] {
        let set = rules(&format!("alert tls any any -> any any ({options} sid:1;)"));
        let begun = old(0x0303);
        let ended = Session { ended: true, compared: told, ..begun.clone() };
        assert_eq!(play(&set, &[subject(Some(&begun))]).0, [0; 0], "{options}");
        assert_eq!(play(&set, &[subject(Some(&begun)), subject(Some(&ended))]).0 == [1], expected, "{options} {told:?}");
    }
}

#[test]
fn a_rule_with_it_is_not_portable() {
    let config = RuleConfig { portability: true, ..RuleConfig::default() };
    let text = "alert tls any any -> any any (finding:weak.protocol.*; sid:1;)";
    let (_, report) = RuleSet::compile(&[Source { name: "test.rules", text }], &config);
    assert_eq!(report.findings[0].reason.to_string(), "a keyword of Portcullis's own");
}
