//! `--default-verdict drop`: what no `pass` rule accepts falls, when, and why.

use portcullis::engine::Counters;
use portcullis::event::DropReason;
use portcullis::rules::Verdict;
use serde_json::{Value, json};

use crate::util::tcp::{RST, SYN};
use crate::util::tls::{self, ClientHello, MUTUAL_TLS12, MUTUAL_TLS13, NAME};
use crate::util::{Conversation, Events, Packet, Portcullis, Side};

/// Accepts the name that the clients of these tests ask for, and what is below it.
const BY_NAME: &str = r#"pass tls any any -> any 443 (tls.sni; dotprefix; content:".www.shop.example"; endswith; sid:1;)"#;

fn falling(rules: &str) -> Portcullis {
    let mut portcullis = Portcullis::default().rules(rules);
    portcullis.config.default_verdict = Verdict::Drop;
    portcullis
}

fn enforce(rules: &str, packets: &[Packet]) -> (Events, Counters) {
    falling(rules).run_and_count(packets)
}

fn asking(name: &str) -> Conversation {
    Conversation::new().client(&ClientHello::asking_for(name).record())
}

/// Why a flow fell, and at which packet (from 1).
#[track_caller]
fn fell(rules: &str, packets: &[Packet]) -> Option<(String, u64)> {
    let (events, counters) = enforce(rules, packets);
    let drops = events.of("drop");
    assert!(drops.len() < 2, "{drops:#?}");
    let (why, at) =
        drops.first().map(|d| (d["portcullis"]["why"].as_str().unwrap().to_owned(), d["pcap_cnt"].as_u64().unwrap()))?;
    assert_eq!(counters.dropped, packets.len() as u64 + 1 - at, "all from the one that falls on");
    Some((why, at))
}

/// Three packets open a connection.
const FIRST_DATA: u64 = 4;

#[test]
fn a_flow_with_a_name_that_is_not_allowed_falls_at_its_hello() {
    let packets = asking("evil.example").server(&tls::server_flight()).client(b"later").packets;
    let (events, counters) = enforce(BY_NAME, &packets);
    let drop = events.of("drop")[0];
    assert_eq!(drop["pcap_cnt"], FIRST_DATA);
    assert_eq!(drop["drop"]["reason"], "default app policy");
    assert_eq!(drop["portcullis"], json!({"why": "no pass rule matched", "sni": "evil.example"}));
    assert_eq!(drop["verdict"], json!({"action": "drop"}));
    assert_eq!(drop["direction"], "to_server");
    assert_eq!(drop.get("alert"), None);
    assert_eq!(
        (counters.dropped, counters.dropped_by.of(DropReason::DefaultAppPolicy), counters.dropped_by.of(DropReason::FlowDrop)),
        (3, 1, 2)
    );
    assert_eq!(events.names(), ["evil.example"], "its session is told all the same");
}

#[test]
fn an_allowed_flow_passes_whole() {
    for flights in [&*MUTUAL_TLS12, &*MUTUAL_TLS13] {
        for size in [1, 100, 1_400] {
            assert_eq!(fell(BY_NAME, &Conversation::new().flights(flights, size).close().packets), None);
        }
    }
    assert_eq!(fell(BY_NAME, &asking(&format!("a.{NAME}")).close().packets), None);
}

#[test]
fn a_flow_falls_as_soon_as_no_rule_can_match_it() {
    let hello = ClientHello::asking_for("evil.example").record();
    let no_name = ClientHello::new().record();
    let by_certificate = r#"pass tls any 443 -> any any (tls.cert_issuer; content:"Elsewhere"; sid:1;)"#;
    let by_both = r#"pass tls any any => any 443 (tls.sni; content:"other"; tls.cert_issuer; content:"Example"; sid:1;)"#;
    let whole = |flights| Conversation::new().flights(flights, 9_000).packets;
    let of_server = |packets: &[Packet]| packets.iter().position(|p| p.is_data_of(Side::Server)).unwrap() as u64 + 1;
    let (tls12, tls13) = (whole(&MUTUAL_TLS12), whole(&MUTUAL_TLS13));
    for (what, rules, packets, why, at) in [
        ("no rule", "", asking(NAME).packets, "no pass rule for these addresses and ports", 1),
        (
            "another address",
            r#"pass tls any any -> 192.0.2.99 443 (tls.sni; content:"shop"; sid:1;)"#,
            asking(NAME).packets,
            "no pass rule for these addresses and ports",
            1,
        ),
        (
            "another port",
            "pass tcp any any <> any 8443 (sid:1;)",
            asking(NAME).packets,
            "no pass rule for these addresses and ports",
            1,
        ),
        ("no server name", BY_NAME, Conversation::new().client(&no_name).packets, "no pass rule matched", FIRST_DATA),
        ("not TLS", BY_NAME, Conversation::new().client(b"SSH-2.0-x\r\n").server(b"SSH-2.0-y\r\n").packets, "not TLS", FIRST_DATA),
        ("junk before the hello", BY_NAME, Conversation::new().client(&[b"x", &hello[..]].concat()).packets, "not TLS", FIRST_DATA),
        ("the certificate is known", by_certificate, tls12.clone(), "no pass rule matched", of_server(&tls12)),
        ("no certificate can be seen", by_certificate, tls13.clone(), "no pass rule matched", of_server(&tls13)),
        ("the first of two facts is wrong", by_both, tls12.clone(), "no pass rule matched", FIRST_DATA),
        (
            "only an alert rule is there",
            "alert tcp any any -> any any (flags:F; sid:1;)",
            asking(NAME).packets,
            "no pass rule for these addresses and ports",
            1,
        ),
    ] {
        assert_eq!(fell(rules, &packets), Some((why.to_owned(), at)), "{what}");
    }
}

#[test]
fn rules_wait_for_their_facts() {
    let by_issuer = r#"pass tls any 443 -> any any (tls.cert_issuer; content:"Example Issuing CA"; sid:1;)"#;
    let resumed = r#"pass tls any any => any 443 (tls.sni; content:"shop"; tls.resumed:no; sid:1;)"#;
    let speaks_tls = "pass tls any any -> any 443 (sid:1;)";
    let any_to_server = "pass tcp any any -> 192.0.2.1 443 (sid:1;)";
    let of_server = "pass tcp 192.0.2.1 443 -> any any (sid:1;)";
    let by_payload = r#"pass tcp any any -> any 443 (content:"SSH-2.0-"; startswith; flow:only_stream; sid:1;)"#;
    let ssh = Conversation::new().send_in_segments(Side::Client, b"SSH-2.0-OpenSSH_9.9\r\n", 3).packets;
    for (rules, packets) in [
        (by_issuer, Conversation::new().flights(&MUTUAL_TLS12, 500).close().packets),
        (resumed, Conversation::new().flights(&MUTUAL_TLS12, 500).close().packets),
        (speaks_tls, Conversation::new().flights(&MUTUAL_TLS13, 500).close().packets),
        (any_to_server, ssh.clone()),
        (of_server, ssh.clone()),
        (by_payload, ssh),
    ] {
        assert_eq!(fell(rules, &packets), None, "{rules}");
    }
}

#[test]
fn what_cannot_be_read_falls() {
    let by_certificate = r#"pass tls any 443 -> any any (tls.cert_subject; content:"shop"; sid:1;)"#;
    let (_, encrypted) = &MUTUAL_TLS13[3];
    let mut with_limit = falling(BY_NAME);
    with_limit.config.limits.handshake_bytes = 2_000;
    let endless = tls::record(22, &[&[1, 0, 0xff, 0xff][..], &[0; 3_000]].concat());
    let too_long = Conversation::new().client(&endless[..1_500]).client(&endless[1_500..]).client(b"more").packets;
    let events = with_limit.run(&too_long);
    assert_eq!(events.of("drop")[0]["portcullis"], json!({"why": "session could not be read"}));

    let joined = Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 5_000, 6_000).client(encrypted).server(encrypted);
    assert_eq!(fell(BY_NAME, &joined.packets), Some(("joined in the middle".into(), 1)));

    let client_alone = Conversation::new().flights(&MUTUAL_TLS12, 9_000).only(Side::Client).packets;
    assert_eq!(fell(by_certificate, &client_alone).map(|(why, _)| why), Some("no pass rule matched".into()));
    let server_alone = Conversation::new().flights(&MUTUAL_TLS12, 9_000).only(Side::Server).packets;
    assert_eq!(fell(BY_NAME, &server_alone).map(|(why, _)| why), Some("no ClientHello".into()));
}

#[test]
fn what_goes_on_undecided_is_bounded() {
    let hello = tls::server_hello();
    for (what, side, start, record) in [
        ("ChangeCipherSpec", Side::Client, vec![], tls::record(20, &[9; 500])),
        ("alerts", Side::Client, vec![], [21, 3, 3, 0, 2, 1, 90].repeat(70)),
        ("heartbeats", Side::Client, vec![], tls::record(24, &[&[1, 0, 9][..], &[7; 500]].concat())),
        ("messages that do not exist", Side::Client, vec![], tls::record(22, &[&[99, 0, 1, 0][..], &[7; 256]].concat())),
        ("a message without end", Side::Client, tls::record(22, &[1, 0xff, 0xff, 0xff]), tls::record(22, &[7; 500])),
        ("the server's, before the client's", Side::Server, hello, tls::record(22, &[&[99, 0, 1, 0][..], &[7; 256]].concat())),
    ] {
        let mut portcullis = falling(BY_NAME);
        portcullis.config.limits.handshake_bytes = 4_000;
        let opened = Conversation::new().send(side, &start);
        let packets = (0..40).fold(opened, |c, _| c.send(side, &record)).packets;
        let (events, counters) = portcullis.run_and_count(&packets);
        let passed = packets.iter().take(packets.len() - counters.dropped as usize).map(|p| p.payload.len()).sum::<usize>();
        assert!(passed <= 4_000, "{what}: {passed} bytes went on");
        assert_eq!(events.of("drop").len(), 1, "{what}");
    }
}

#[test]
fn what_one_side_says_in_the_dark_is_bounded_while_the_other_is_waited_for() {
    let not_resumed = r#"pass tls any any => any 443 (tls.resumed:no; sid:1;)"#;
    let mut portcullis = falling(not_resumed);
    portcullis.config.limits.handshake_bytes = 4_000;
    let opened = asking(NAME).server(&tls::server_hello()).client(&tls::finished());
    let packets = (0..40).fold(opened, |c, _| c.client(&tls::record(23, &[9; 500]))).packets;
    let events = portcullis.run(&packets);
    let drop = events.of("drop")[0];
    assert_eq!(drop["portcullis"], json!({"why": "session could not be read", "sni": NAME}));
    assert!(drop["pcap_cnt"].as_u64().unwrap() < 15);
}

#[test]
fn the_end_of_a_flow_tells_what_became_of_it() {
    let packets_only = "pass tcp any any <> any 443 (flow:established; sid:1;)";
    for (rules, name, action) in
        [(BY_NAME, NAME, json!("pass")), (BY_NAME, "evil.example", json!("drop")), (packets_only, NAME, Value::Null)]
    {
        let mut portcullis = falling(&format!("{rules}\n{}", BY_NAME.replace("sid:1", "sid:2").replace("shop", "other")));
        portcullis.config.flow_events = true;
        let events = portcullis.run(&asking(name).packets);
        assert_eq!(events.of("flow")[0]["flow"]["action"], action, "{rules} {name}");
    }
}

#[test]
fn a_rule_about_packets_accepts_packets_and_no_flow() {
    let both_ways = "pass tcp any any <> 192.0.2.1 443 (flow:established; sid:1;)";
    let to_server = "pass tcp any any -> 192.0.2.1 443 (flow:established,to_server; sid:1;)";
    let packets = Conversation::new().client(b"hello, it is me").server(b"who?").packets;
    for (rules, reason) in [(both_ways, None), (to_server, Some(5))] {
        let rules = format!("{BY_NAME}\n{}", rules.replace("sid:1", "sid:2"));
        assert_eq!(fell(&rules, &packets).map(|(_, at)| at), reason, "{rules}");
    }
}

#[test]
fn where_rules_accept_packets_alone_the_handshake_needs_one_too() {
    let rule = |options: &str| format!("pass tcp any any <> 192.0.2.1 443 ({options})\n");
    let (established, handshake) = (rule("flow:established; sid:1;"), rule("flow:not_established; sid:2;"));
    let packets = Conversation::new().client(b"hello, it is me").server(b"who?").packets;
    let no_rule = |why: &str, at| Some((why.to_owned(), at));
    for (rules, expected) in [
        (established.clone(), no_rule("no pass rule for this packet", 1)),
        (handshake.clone(), no_rule("no pass rule for this packet", FIRST_DATA)),
        (established.clone() + &handshake, None),
        (rule("sid:3;"), None),
        (established.replace("192.0.2.1", "192.0.2.9"), no_rule("no pass rule for these addresses and ports", 1)),
    ] {
        assert_eq!(fell(&rules, &packets), expected, "{rules}");
    }
    let (events, _) = enforce(&established, &packets);
    assert_eq!(events.of("drop")[0]["drop"]["reason"], "default packet policy");
}

#[test]
fn other_rules_act_as_ever() {
    let drops = r#"drop tls any any -> any any (msg:"bad"; tls.sni; content:"evil"; sid:2;)"#;
    let (events, _) = enforce(&format!("{BY_NAME}\n{drops}"), &asking("evil.example").packets);
    let drop = events.of("drop")[0];
    assert_eq!((&drop["drop"]["reason"], &drop["alert"]["signature"]), (&json!("rules"), &json!("bad")));
    assert_eq!(drop.get("portcullis"), None);

    let alerts = r#"alert tls any any -> any any (msg:"seen"; tls.sni; content:"evil"; sid:2;)"#;
    let (events, _) = enforce(&format!("{BY_NAME}\n{alerts}"), &asking("evil.example").packets);
    let alert = events.of("alert")[0];
    assert_eq!((&alert["alert"]["action"], &alert["verdict"]["action"]), (&json!("allowed"), &json!("drop")));
}

/// What a rule accepts as something else does not go on as TLS, in the same segment or in a later one.
#[test]
fn tls_behind_what_was_accepted_falls() {
    let hello = ClientHello::asking_for("evil.example").record();
    let whole = [&b"hello, is anybody there?\n"[..], &hello].concat();
    let (in_two, in_one) =
        (Conversation::new().client(b"hello, is anybody there?\n").client(&hello), Conversation::new().client(&whole));
    for accepts in ["!tls", "failed", "tls|failed"] {
        let rules = format!("pass tcp any any -> any 443 (app-layer-protocol:{accepts}; sid:1;)");
        assert_eq!(fell(&rules, &in_one.packets), Some(("not TLS".to_owned(), FIRST_DATA)), "{accepts} in one segment");
    }
    let rules = "pass tcp any any -> any 443 (app-layer-protocol:!tls; sid:1;)";
    assert_eq!(fell(rules, &in_two.packets), Some(("not TLS".to_owned(), FIRST_DATA + 1)));
}

#[test]
fn a_flow_may_be_rejected() {
    let mut portcullis = falling(BY_NAME);
    portcullis.config.default_verdict = Verdict::Reject(portcullis::rules::RejectTarget::Source);
    let (events, counters) = portcullis.run_and_count(&asking("evil.example").client(b"later").packets);
    let expected = json!({"action": "drop", "reject_target": "to_client", "reject": ["tcp-reset"]});
    assert_eq!(events.of("drop")[0]["verdict"], expected);
    assert_eq!((counters.dropped, counters.rejected), (2, 1));
}

#[test]
fn the_same_flow_falls_for_the_same_reason_however_it_is_cut() {
    let refusals = |rules: &str, flights: &[(Side, Vec<u8>)], size| -> Vec<Value> {
        let (events, _) = enforce(rules, &Conversation::new().flights(flights, size).packets);
        events.of("drop").iter().map(|d| json!([d["drop"]["reason"], d["portcullis"]])).collect()
    };
    let by_certificate = r#"pass tls any 443 -> any any (tls.cert_subject; content:"CN=elsewhere"; sid:1;)"#;
    let other_name = r#"pass tls any any -> any any (tls.sni; content:"elsewhere"; sid:1;)"#;
    let behind_junk = vec![(Side::Client, [b"EHLO\r\n", &MUTUAL_TLS12[0].1[..]].concat())];
    let ssh = vec![(Side::Client, b"SSH-2.0-x\r\n".to_vec()), (Side::Server, b"SSH-2.0-y\r\n".to_vec())];
    let speaks_tls = "pass tls any any -> any any (tls.version:1.0; sid:1;)";
    for rules in [by_certificate, other_name, speaks_tls] {
        for flights in [&*MUTUAL_TLS12, &*MUTUAL_TLS13, &behind_junk, &ssh] {
            let whole = refusals(rules, flights, 100_000);
            assert_eq!(whole.len(), 1);
            for size in [1, 2, 7, 64, 999] {
                assert_eq!(refusals(rules, flights, size), whole, "{rules} in segments of {size}");
            }
        }
    }
}

#[test]
fn a_new_connection_on_the_ports_of_a_fallen_one_is_judged_anew() {
    let again = Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", 7_000_000, 8_000_000);
    let again = again.client(&ClientHello::asking_for(NAME).record()).server(&tls::server_flight()).client(b"later");
    let mut packets = [asking("evil.example").flags_at(Side::Client, RST, 900, b"").packets, again.packets].concat();
    Conversation::retime(&mut packets);
    let (events, counters) = enforce(BY_NAME, &packets);
    assert_eq!((events.of("drop").len(), counters.dropped), (1, 2));
}

#[test]
fn a_flood_of_half_open_flows_costs_no_more() {
    let packets: Vec<Packet> = (0..2_000)
        .flat_map(|n| {
            Conversation::unopened(&format!("10.1.1.1:{}", 2_000 + n), "192.0.2.1:443", n, 0)
                .flags_at(Side::Client, SYN, -1, b"")
                .packets
        })
        .collect();
    let (events, counters) = enforce(BY_NAME, &packets);
    assert_eq!((events.of("drop").len(), counters.dropped, counters.flows), (0, 0, 2_000));
}
