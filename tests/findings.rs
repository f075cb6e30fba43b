//! What is found stands in the events, however the bytes come; and a user can choose and list it.

use std::collections::BTreeSet;

use portcullis::findings::{FindingSet, matching};
use serde_json::Value;

use crate::util::run::{Portcullis, Ran};
use crate::util::tls::{self, ClientHello, HANDSHAKE};
use crate::util::{Conversation, Events, Side};

const HTTP: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: www.shop.example\r\nUser-Agent: test\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn found(event: &Value) -> Vec<&str> {
    event["portcullis"]["findings"].as_array().into_iter().flatten().map(|id| id.as_str().unwrap()).collect()
}

/// What the engine says of `conversation`, with `flow` events.
fn told(conversation: &Conversation) -> Events {
    let mut portcullis = Portcullis::default();
    portcullis.config.flow_events = true;
    portcullis.run(&conversation.packets)
}

#[test]
fn a_flow_that_is_not_tls_is_told_by_what_it_is_however_it_is_cut() {
    let random: Vec<u8> = (1..=600_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (client, server, expected) in [
        (HTTP, ANSWER, "nottls.http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", "nottls.ssh"),
        (b"", b"SSH-2.0-OpenSSH_9.2\r\n", "nottls.ssh"),
        (b"\x05\x01\x00", b"\x05\x00", "nottls.socks"),
        (b"hello, is anybody there?", b"", "nottls.text"),
        (b"\x01\x02\x03\x04", b"", "nottls.binary"),
        (&random, b"", "nottls.random"),
    ] {
        for size in [1, 2, 3, 7, 1_000] {
            let flights = [(Side::Client, client.to_vec()), (Side::Server, server.to_vec())];
            let events = told(&Conversation::new().flights(&flights, size).close());
            let flows = events.of("flow");
            assert!(found(flows[0]).contains(&expected), "{expected} in segments of {size}: {:?}", found(flows[0]));
            assert_eq!(found(flows[0]).iter().filter(|id| id.starts_with("nottls.") && **id != "nottls.server-only").count(), 1);
        }
    }
}

/// Nothing else would say what was found of it: it has no session.
#[test]
fn what_should_be_looked_at_has_a_flow_event_in_any_case() {
    let ssh = || Conversation::new().client(b"SSH-2.0-OpenSSH_9.2\r\n").close();
    let text = Conversation::new().client(b"hello, is anybody there?").close();
    let tls = Conversation::new().client(&ClientHello::new().record()).server(&tls::server_flight()).close();
    for (conversation, flows) in [(ssh(), 1), (text, 0), (Conversation::new().close(), 0), (tls, 0)] {
        assert_eq!(Portcullis::default().run(&conversation.packets).of("flow").len(), flows);
    }
    // Also where it ends with the run, and not where that is not to be told.
    let open = Conversation::new().client(b"SSH-2.0-OpenSSH_9.2\r\n");
    assert_eq!(found(Portcullis::default().run(&open.packets).of("flow")[0]), ["nottls.ssh"]);
    let mut without = Portcullis::default();
    without.config.findings = FindingSet::ALL.without(matching("nottls.*").unwrap());
    assert_eq!(without.run(&ssh().packets).of("flow").len(), 0);
}

#[test]
fn a_connection_on_which_nobody_speaks_is_told() {
    let flow = |conversation: &Conversation| found(told(conversation).of("flow")[0]).join(" ");
    assert_eq!(flow(&Conversation::new().close()), "nottls.silent");
    assert_eq!(flow(&Conversation::new().server(b"220 mail.example ESMTP\r\n").close()), "nottls.mail nottls.server-only");
    assert_eq!(flow(&Conversation::new().close().only(Side::Client)), "");
}

#[test]
fn bytes_of_a_flow_joined_in_the_middle_are_no_opening() {
    let conversation = Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 1, 2).client(HTTP).server(ANSWER);
    assert_eq!(found(told(&conversation).of("flow")[0]), [""; 0]);
}

#[test]
fn on_other_ports_it_is_no_matter() {
    let mut portcullis = Portcullis::default();
    portcullis.config.flow_events = true;
    portcullis.decoder.ports = "any".parse().unwrap();
    let events = portcullis.run(&Conversation::between("10.0.0.1:40000", "192.0.2.1:80").client(HTTP).server(ANSWER).packets);
    assert_eq!(found(events.of("flow")[0]), [""; 0]);
}

/// A rule and its alert do not say what the flow's event does not.
#[test]
fn nor_is_it_for_rules() {
    let rules = r#"alert tcp any any -> any any (msg:"HTTP"; flow:to_server; finding:nottls.http; sid:1;)
alert tcp any any -> any any (msg:"any"; flow:to_server; content:"GET"; sid:2;)"#;
    for (server, expected) in [("192.0.2.1:80", &["any"][..]), ("192.0.2.1:443", &["HTTP", "any"])] {
        let mut portcullis = Portcullis::default().rules(rules);
        portcullis.config.flow_events = true;
        portcullis.decoder.ports = "any".parse().unwrap();
        let events = portcullis.run(&Conversation::between("10.0.0.1:40000", server).client(HTTP).server(ANSWER).packets);
        let mut alerts = events.alerts();
        alerts.sort_unstable();
        assert_eq!(alerts, expected);
        let of_flow = found(events.of("flow")[0]);
        assert_eq!(of_flow.is_empty(), expected.len() == 1);
        events.of("alert").iter().for_each(|alert| assert_eq!(found(alert), of_flow));
    }
}

/// Nothing is left then that could be dropped: what was there went on.
#[test]
fn a_drop_rule_that_matches_at_the_end_of_a_flow_alone_has_let_it_pass() {
    let rule = r#"drop tls any any -> any any (msg:"at the end"; finding:names.missing,behaviour.heartbeat.negotiated; sid:1;)"#;
    let hello = ClientHello::new().record();
    let open = Conversation::new().client(&hello);
    let mut portcullis = Portcullis::default().rules(rule);
    portcullis.config.flow_events = true;
    let events = portcullis.run(&open.packets);
    let alerts = events.of("alert");
    assert_eq!(alerts.len(), 1);
    assert_eq!((&alerts[0]["alert"]["action"], &alerts[0]["verdict"]["action"]), (&"allowed".into(), &"alert".into()));
    assert_eq!(alerts[0].get("pcap_cnt"), None, "no packet is the cause");
    assert_eq!(events.of("drop").len(), 0);
    assert_eq!(events.of("flow")[0]["flow"].get("action"), None);
}

/// The rule fires at the packet that makes it known, so that this packet does not pass.
#[test]
fn a_rule_drops_what_is_not_tls_once_it_is_known() {
    let rule = "drop tcp any any -> any 443 (msg:\"SSH\"; flow:to_server; finding:nottls.ssh; sid:1;)";
    for size in [1, 3, 100] {
        let conversation = Conversation::new().send_in_segments(Side::Client, b"SSH-2.0-OpenSSH_9.2\r\n", size);
        let events = Portcullis::default().rules(rule).run(&conversation.packets);
        assert_eq!(events.alerts(), ["SSH"], "in segments of {size}");
        assert_eq!(events.of("drop")[0]["pcap_cnt"], 3 + 4_usize.div_ceil(size));
        assert_eq!(found(events.of("alert")[0]), ["nottls.ssh"]);
    }
}

#[test]
fn an_allow_list_may_let_ssh_pass() {
    let mut portcullis = Portcullis::default().rules("pass tcp any any -> any 443 (flow:to_server; finding:nottls.ssh; sid:1;)");
    portcullis.config.default_verdict = portcullis::rules::Verdict::Drop;
    let ssh = Conversation::new().send_in_segments(Side::Client, b"SSH-2.0-OpenSSH_9.2\r\n", 2).server(b"SSH-2.0-x\r\n");
    assert_eq!(portcullis.run(&ssh.packets).of("drop"), [&Value::Null; 0]);
}

#[test]
fn a_client_that_switches_encryption_on_without_a_key_is_told() {
    let hello = ClientHello::asking_for("www.shop.example").record();
    let key = tls::record(HANDSHAKE, &tls::message(16, &[65; 66]));
    let whole = Conversation::new().client(&hello).server(&tls::server_flight());
    let early = whole.clone().client(&tls::finished()).server(&tls::finished()).packets;
    let sound = whole.client(&[key, tls::finished()].concat()).server(&tls::finished()).packets;
    let has = |packets: &[_]| found(Portcullis::default().run(packets).session()).contains(&"behaviour.early-ccs");
    assert!(has(&early) && !has(&sound));
    // Who takes a session up again sends no key either.
    let resumed =
        Conversation::new().client(&hello).server(&[tls::server_hello(), tls::finished()].concat()).client(&tls::finished());
    assert!(!has(&resumed.packets));
}

#[test]
fn a_tls_hello_that_is_answered_in_plain_text_is_told() {
    let hello = ClientHello::asking_for("www.shop.example").record();
    for size in [1, 5, 1_000] {
        let conversation = Conversation::new().client(&hello).send_in_segments(Side::Server, ANSWER, size).close();
        assert!(found(told(&conversation).session()).contains(&"nottls.answer"), "in segments of {size}");
    }
    let unanswered = Conversation::new().client(&hello).close();
    assert!(!found(told(&unanswered).session()).contains(&"nottls.answer"));
}

#[test]
fn a_user_chooses_what_is_told() {
    let findings = |choice: &[&str]| {
        let ran = Ran::with([&["replay", "--no-rules", "pcaps/ssl30.pcap"], choice].concat()).expect(0);
        let ids: BTreeSet<String> = found(ran.events().session()).into_iter().map(str::to_owned).collect();
        (ids, ran.events().counter("portcullis.findings.high"))
    };
    let (all, high) = findings(&[]);
    assert!(all.contains("weak.protocol.sslv3") && all.contains("quantum.not-offered"));
    assert_eq!(high, 1);
    assert_eq!(findings(&["--findings", "high"]), (BTreeSet::from(["weak.protocol.sslv3".to_owned()]), 1));
    let (some, _) = findings(&["--findings", "all,-weak.*"]);
    assert!(some.iter().all(|id| !id.starts_with("weak.")) && some.len() > 2);
    assert_eq!(findings(&["--findings=-all"]), (BTreeSet::new(), 0));
    let ran = Ran::with(["replay", "--findings", "weak.protocol.sslv4", "pcaps/ssl30.pcap"]).expect(2);
    assert!(ran.stderr.contains("did you mean `weak.protocol.sslv"), "{}", ran.stderr);
}

#[test]
fn the_command_lists_them() {
    let text = String::from_utf8(Ran::with(["findings", "nottls.ssh"]).expect(0).stdout).unwrap();
    assert!(text.starts_with("Not TLS\n\n  nottls.ssh  medium\n      SSH on the port of the web"), "{text}");
    assert!(text.contains("\n      to do: ") && text.contains("\n      https://www.rfc-editor.org/rfc/rfc4253.html\n"));
    let lines = Ran::with(["findings", "--json"]).expect(0).stdout;
    let objects: Vec<Value> = String::from_utf8(lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(objects.len() > 200);
    for key in ["id", "severity", "reason", "advice", "references"] {
        assert!(objects.iter().all(|object| !object[key].is_null()), "{key}");
    }
    let ran = Ran::with(["findings", "nottls.sssh"]).expect(2);
    assert_eq!(ran.stderr, "portcullis: error: no finding is called `nottls.sssh`: did you mean `nottls.ssh`?\n");
}

#[test]
fn a_policy_says_which_of_the_rules_that_ship_are_on() {
    let alerts = |policy: &str| {
        let ran = Ran::with(["replay", "--policy", policy, "pcaps/tls10.pcap"]).expect(0);
        ran.events().alerts().into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let tls10 = BTreeSet::from(["PORTCULLIS TLS 1.0 negotiated".to_owned()]);
    assert_eq!(alerts("normal"), tls10);
    assert_eq!(alerts("legacy"), BTreeSet::new());
    assert!(alerts("strict").is_superset(&tls10) && alerts("strict").contains("PORTCULLIS certificate of nobody who is trusted"));
}

/// Both sides dark in TLS 1.2, agreed on heartbeats where the server's hello is such; then the client's heartbeat, and the server's of `length` bytes
/// behind other data.
fn heartbeats(server_hello: &[u8], length: usize, size: usize) -> Conversation {
    let hello = ClientHello::asking_for("www.shop.example").extension(15, &[1]).record();
    let flights = [
        (Side::Client, hello),
        (Side::Server, [server_hello, &tls::record(HANDSHAKE, &tls::message(14, b""))].concat()),
        (Side::Client, tls::finished()),
        (Side::Server, tls::finished()),
        (Side::Client, [tls::record(23, &[7; 500]), tls::record(24, &[7; 51])].concat()),
        (Side::Server, [tls::record(23, &[7; 2_000]), tls::record(24, &vec![7; length])].concat()),
    ];
    Conversation::new().flights(&flights, size)
}

#[test]
fn heartbleed_is_found_after_encryption_began_too() {
    let (agreed, not_agreed) = (tls::server_hello_with_heartbeats(), tls::server_hello());
    for (server_hello, length, expected) in
        [(&agreed, 16_000, true), (&agreed, 252, true), (&agreed, 251, false), (&not_agreed, 16_000, false)]
    {
        for (size, closes) in [(1_460, true), (1_460, false), (100, true)] {
            let conversation = heartbeats(server_hello, length, size);
            let events = told(&if closes { conversation.close() } else { conversation });
            let session = events.session();
            assert_eq!(found(session).contains(&"behaviour.heartbeat.leak"), expected, "{length} {size}");
            assert_eq!(
                (&session["portcullis"]["stage"], &session["portcullis"]["view"]["to_client"]["dark"]),
                (&"dark".into(), &true.into())
            );
            let anomalies = events.anomalies();
            assert_eq!(anomalies, if expected { &["DATALEAK_HEARTBEAT_MISMATCH"][..] } else { &[] });
        }
    }
}

#[test]
fn a_rule_stops_the_answer_of_heartbleed_in_the_dark() {
    let rule = "drop tls any any -> any any (flow:to_client; finding:behaviour.heartbeat.leak; sid:1;)";
    let conversation = heartbeats(&tls::server_hello_with_heartbeats(), 16_000, 1_460);
    let (events, counters) = Portcullis::default().rules(rule).run_and_count(&conversation.packets);
    assert_eq!((events.alerts().len(), events.session()["portcullis"]["dropped"].as_bool()), (1, Some(true)));
    assert!(counters.dropped >= 10, "the rest of the 16,000 bytes: {}", counters.dropped);
}

#[test]
fn a_session_that_is_watched_for_heartbeats_is_told_in_time() {
    // Behind 64 KiB in the dark, with more to come.
    let watched = heartbeats(&tls::server_hello_with_heartbeats(), 51, 1_460);
    let before = watched.packets.len();
    let more = (0..100).fold(watched, |c, _| c.server(&tls::record(23, &[7; 1_400])));
    let session = told(&more).session().clone();
    let told_at = session["pcap_cnt"].as_u64().unwrap() as usize;
    assert!(told_at > before + 30 && told_at < more.packets.len() - 30, "{told_at} {before}");
    // Where nobody agreed, with the last packet of the handshake.
    let conversation = heartbeats(&tls::server_hello(), 51, 1_460);
    assert!(told(&conversation).session()["pcap_cnt"].as_u64().unwrap() as usize <= conversation.packets.len() - 3);
}
