//! What a flow speaks, by `app-layer-protocol`, and how far its session has come, by rule hooks.

use super::*;
use crate::protocol::opening::Spoken;
use crate::protocol::tls::session::Stage;

#[test]
fn what_a_flow_speaks() {
    let hello = Session { client_hello: Some(hello("a.test")), ..Session::default() };
    let answered = session();
    let (syn, [.., last]) = (header(FlowDirection::ToServer, TcpFlags::SYN), headers());
    let flows = [
        at(&syn, subject(None)), // nothing is known
        at(&last, Subject { app_proto: AppProto::NotTls, established: true, one_way: None, ..subject(None) }), // not TLS
        at(&last, Subject { one_way: None, ..subject(Some(&hello)) }), // the client's hello
        at(&last, Subject { one_way: None, ..subject(Some(&answered)) }), // the server's too
    ];
    let named = |spoken| at(&last, Subject { app_proto: AppProto::otherwise(Some(spoken)), established: true, ..flows[1] });
    let flows = [flows[0], flows[1], flows[2], flows[3], named(Spoken::Http), named(Spoken::Http2), named(Spoken::Ssh)];
    // Nothing is known; what is not TLS; the client's hello; the server's too; HTTP/1, HTTP/2, SSH.
    for (value, holds) in [
        ("tls", "..TT..."),
        ("ssl", "..TT..."),
        ("!failed", "..TTTTT"),
        ("tls,either", "..TT..."),
        ("tls,original,exact", "..TT..."),
        ("tls,direction", "..TT..."),
        ("tls,to_server", "..TT..."),
        ("tls, to_client", "...T..."),
        ("!tls,final", ".T..TTT"),
        ("!tls,to_client", ".T..TTT"),
        ("failed", ".T....."),
        ("unknown", "T......"),
        ("unknown|tls", "T.TT..."),
        ("tls|failed", ".TTT..."),
        ("tls|http", "..TTTT."),
        ("!tls|http", ".T....T"),
        ("http", "....TT."),
        ("http,exact", "....T.."),
        ("http1", "....T.."),
        ("http2", ".....T."),
        ("!http", ".TTT..T"),
        ("ssh", "......T"),
        ("ssh|failed", ".T....T"),
        ("dns", "......."),
        ("!dns", "..TTTTT"),
        ("!ssh|dns", "..TTTT."),
        ("quic", "......."),
    ] {
        let set = rules(&format!("alert tcp any any <> any any (app-layer-protocol:{value}; sid:1;)"));
        let fired = flows.map(|flow| if play(&set, &[flow]).0.is_empty() { '.' } else { 'T' });
        assert_eq!(String::from_iter(fired), holds, "{value}");
    }
}

/// What HTTP's header has yet to tell may be anything: a rule that asks which protocol it is waits for it, one that asks for TLS does not.
#[test]
fn which_protocol_it_is_is_asked_once_it_is_known() {
    let begun = Session { is_tls: false, openings: Some(Box::default()), ..Session::default() };
    let told = Session { ended: true, ..begun.clone() };
    let [.., last] = headers();
    let of = |session, app_proto| at(&last, Subject { app_proto, one_way: None, established: true, ..subject(Some(session)) });
    let flow = [of(&begun, AppProto::NotTls), of(&told, AppProto::Named(Spoken::Http))];
    for (value, at_first, in_the_end) in
        [("!tls", 1, 1), ("failed", 0, 0), ("http", 0, 1), ("!http", 0, 0), ("!ssh", 0, 1), ("tls", 0, 0), ("!failed", 0, 1)]
    {
        let set = rules(&format!("alert tcp any any -> any 443 (app-layer-protocol:{value}; sid:1;)"));
        for (steps, expected) in [(1, at_first), (2, in_the_end)] {
            assert_eq!(play(&set, &flow[..steps]).0.len(), expected, "{value} after {steps}");
        }
    }
}

#[test]
fn a_rule_with_a_hook_fires_once_when_its_state_is_reached() {
    let mut steps = vec![Session::default(); 5];
    steps[0].client_hello = Some(hello("a.test"));
    steps[1] = Session { server_hello: Some(server_hello(0x0303, 0xc02f)), ..steps[0].clone() };
    steps[2] = Session { server_certificates: vec![certificate("CN=a.test", "CN=CA")], ..steps[1].clone() };
    steps[3] = steps[2].clone();
    steps[3].server_view.dark = true;
    steps[4] = steps[3].clone();
    steps[4].client_view.dark = true;
    for (hook, reached) in [
        ("client_in_progress", Some(0)),
        ("client_hello_done", Some(0)),
        ("client_hello", Some(0)),
        ("client_cert_done", None),
        ("client_handshake_done", Some(4)),
        ("client_finished", Some(4)),
        ("server_in_progress", Some(1)),
        ("server_hello", Some(1)),
        ("server_cert_done", Some(2)),
        ("server_hello_done", Some(3)),
        ("server_handshake_done", Some(3)),
        ("server_finished", Some(4)),
    ] {
        let set = rules(&format!("alert tls:{hook} any any -> any any (sid:1;)"));
        for end in 0..=steps.len() {
            let subjects: Vec<_> = steps[..end].iter().map(|s| subject(Some(s))).collect();
            let expected = usize::from(reached.is_some_and(|step| step < end));
            assert_eq!(play(&set, &subjects).0.len(), expected, "{hook} after {end} steps");
        }
    }
    // It gives the direction, and waits for what else the rule asks for.
    let to_client = rules("alert tls:server_hello any 443 -> any any (flow:to_client; ja3s.hash; bsize:32; sid:1;)");
    assert_eq!(play(&to_client, &[subject(Some(&session()))]).0, [1]);
    let both = rules("alert tls:client_hello_done any any => any 443 (tls.cert_subject; content:\"a.test\"; sid:1;)");
    assert_eq!(play(&both, &[subject(Some(&steps[1])), subject(Some(&steps[2]))]).0, [1]);
}

#[test]
fn a_session_that_ends_before_a_state_does_not_reach_it() {
    let ended = Session { stage: Stage::Closed, ..asking("a.test") };
    for hook in ["client_handshake_done", "client_finished", "server_hello_done", "server_finished"] {
        let set = rules(&format!("alert tls:{hook} any any -> any any (sid:1;)"));
        assert_eq!(play(&set, &[subject(Some(&ended))]).0, [0; 0], "{hook}");
    }
}

#[test]
fn other_hooks_are_refused_with_what_there_is() {
    for (protocol, said) in [
        (
            "tls:server_helo",
            "`tls:server_helo` is not known here: expected a state of TLS such as tls:client_hello_done or tls:server_hello \
             (did you mean `server_hello`?)",
        ),
        (
            "tcp:all",
            "rule hook `tcp:all` is not supported (leave the hook out; those of tls are supported, such as tls:server_hello)",
        ),
        ("tlss:x", "`tlss:x` is no protocol (use tls, tcp, tcp-pkt, tcp-stream, udp, quic or ip)"),
    ] {
        let text = format!("alert {protocol} any any -> any any (sid:1;)");
        let (_, report) = RuleSet::compile(&[Source { name: "x", text: &text }], &RuleConfig::default());
        let errors: Vec<_> = report.errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, [format!("x:1:7: {said}")]);
    }
    let text = "alert tls:client_hello any any -> any any (flow:to_client; sid:1;)";
    let (_, report) = RuleSet::compile(&[Source { name: "x", text }], &RuleConfig::default());
    let never = "it can never match: what it looks at goes the other way than `flow` says";
    assert_eq!(report.errors.iter().map(|e| e.reason.to_string()).collect::<Vec<_>>(), [never]);
}

#[test]
fn a_protocol_that_is_not_recognised_is_told() {
    for (value, said) in [
        ("dns", Some("`dns` is not recognised here: it never matches")),
        ("tls|dns", Some("`dns` is not recognised here: it matches what else is named alone")),
        ("!tls|dns", Some("`dns` is not recognised here: what is not recognised does not match")),
        ("http|ssh|rdp|smb|smtp|imap|pop3|rfb|http1|http2|quic", None),
        ("tls", None),
        ("unknown|failed", None),
    ] {
        let text = format!("alert tcp any any -> any any (app-layer-protocol:{value}; sid:1;)");
        let (_, report) = RuleSet::compile(&[Source { name: "test.rules", text: &text }], &RuleConfig::default());
        assert_eq!(report.errors, [], "{value}");
        let never = said.is_some_and(|said| said.ends_with("it never matches"));
        assert_eq!(report.notes.iter().map(|n| n.reason.to_string()).collect::<Vec<_>>(), said.as_slice(), "{value}");
        assert_eq!(report.notes.iter().any(|n| n.reason.weight() == Weight::Never), never, "{value}");
    }
}
