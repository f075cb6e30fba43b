//! Headers, stages, directions, and what actions do to one another.

use super::*;

#[test]
fn headers_follow_the_direction_of_what_is_matched() {
    let s = session();
    for (rule, expected) in [
        (r#"alert tls $HOME_NET any -> $EXTERNAL_NET 443 (tls.sni; content:"w"; sid:1;)"#, true),
        (r#"alert tls $EXTERNAL_NET any -> $HOME_NET any (tls.sni; content:"w"; sid:1;)"#, false),
        (r#"alert tls $EXTERNAL_NET 443 -> $HOME_NET any (tls.cert_subject; content:"w"; sid:1;)"#, true),
        (r#"alert tls $HOME_NET any -> $EXTERNAL_NET any (tls.cert_subject; content:"w"; sid:1;)"#, false),
        (r#"alert tls $EXTERNAL_NET any <> $HOME_NET any (tls.sni; content:"w"; sid:1;)"#, true),
        (r#"alert tls $EXTERNAL_NET any <> $EXTERNAL_NET any (tls.sni; content:"w"; sid:1;)"#, false),
        // The later of two facts decides, where flow does not.
        (r#"alert tls $EXTERNAL_NET any -> $HOME_NET any (tls.sni; content:"w"; ja3s.hash; content:"b"; sid:1;)"#, true),
        (
            r#"alert tls $HOME_NET any -> $EXTERNAL_NET any (flow:to_server; tls.sni; content:"w"; ja3s.hash; content:"b"; sid:1;)"#,
            true,
        ),
        (r#"alert tls $HOME_NET any => $EXTERNAL_NET any (tls.sni; content:"w"; tls.cert_subject; content:"w"; sid:1;)"#, true),
        (r#"alert tcp 10.0.0.0/8 [1024:] -> [198.18.0.0/15,!198.18.0.2] [443,8443] (tls.sni; content:"w"; sid:1;)"#, true),
        (r#"alert ip any any -> any !443 (tls.sni; content:"w"; sid:1;)"#, false),
    ] {
        assert_eq!(fires(rule, &s), expected, "{rule}");
    }
}

#[test]
fn headers_follow_the_direction_of_the_packet() {
    let s = session();
    let [syn, syn_ack, ..] = headers();
    for (rule, to_server, to_client) in [
        ("alert tls $HOME_NET any -> any 443 (sid:1;)", true, false),
        ("alert tls any 443 -> any any (sid:1;)", false, true),
        ("alert tls any 443 -> any any (flow:to_server; sid:1;)", false, false),
        ("alert tls any 443 <> any any (flow:to_server; sid:1;)", true, false),
        ("alert tcp any any <> any 443 (flow:established; sid:1;)", true, true),
        ("alert tcp-pkt 10.0.0.0/8 any -> any any (sid:1;)", true, false),
        ("alert ip any any => any 443 (flow:established; sid:1;)", true, false),
    ] {
        let fires = |header| !play(&rules(rule), &[at(header, subject(Some(&s)))]).0.is_empty();
        assert_eq!((fires(&syn), fires(&syn_ack)), (to_server, to_client), "{rule}");
    }
}

#[test]
fn a_match_says_which_way_it_was() {
    for (options, direction) in [
        (r#"tls.sni; content:"w";"#, FlowDirection::ToServer),
        (r#"tls.cert_subject; content:"w";"#, FlowDirection::ToClient),
        (r#"tls.sni; content:"w"; ja3s.hash; content:"b";"#, FlowDirection::ToClient),
        (r#"flow:to_server; tls.sni; content:"w";"#, FlowDirection::ToServer),
    ] {
        let set = rules(&format!("alert tls any any -> any any ({options} sid:1;)"));
        let mut out = Vec::new();
        set.evaluate(
            &subject(Some(&session())),
            &mut FlowRules::default(),
            &mut HostState::default(),
            &mut Scratch::default(),
            &mut out,
        );
        assert_eq!(out.iter().map(|m| m.direction).collect::<Vec<_>>(), [direction], "{options}");
    }
}

#[test]
fn a_rule_fires_as_soon_as_its_facts_are_there_and_once() {
    let set = rules(
        r#"
        alert tls any any -> any any (tls.sni; content:"www"; sid:1;)
        alert tls any any -> any any (tls.cert_subject; content:"www"; sid:2;)
        alert tls any any -> any any (tls.sni; content:"www"; tls.cert_issuer; content:"Example"; sid:3;)
        alert tls any any -> any any (flow:to_server; tls.cert_subject; content:"client"; sid:5;)
        "#,
    );
    let whole = session();
    let hello = asking("www.example.test");
    let answered = Session { server_hello: whole.server_hello.clone(), ..hello.clone() };
    let mut mutual = whole.clone();
    mutual.client_certificates = vec![certificate("CN=client", "CN=Client CA")];
    mutual.ended = true;
    let steps = [&hello, &hello, &answered, &whole, &whole, &mutual, &mutual].map(|s| subject(Some(s)));
    let fired_by = |n: usize| play(&set, &steps[..n]).0;
    assert_eq!(fired_by(1), [1]);
    assert_eq!(fired_by(3), [1]);
    assert_eq!(fired_by(4), [1, 2, 3]);
    assert_eq!(fired_by(7), [1, 2, 3, 5]);
}

#[test]
fn facts_may_come_in_any_order() {
    let set = rules(r#"alert tls any any -> any any (tls.sni; content:"www"; ja3s.hash; content:"b"; sid:1;)"#);
    let whole = session();
    let server_first = Session { client_hello: None, client_fingerprints: None, ..whole.clone() };
    let client_first = Session { server_hello: None, server_fingerprints: None, server_certificates: vec![], ..whole.clone() };
    for first in [&server_first, &client_first] {
        assert!(play(&set, &[subject(Some(first))]).0.is_empty());
        assert_eq!(play(&set, &[subject(Some(first)), subject(Some(&whole))]).0, [1]);
    }
}

#[test]
fn a_rule_of_what_both_sides_have_fires_once_for_each() {
    let mut s = session();
    s.client_certificates = vec![certificate("CN=client", "CN=Client CA")];
    for (header, options, times) in [
        ("tcp any any -> any any", "ssl_version:!sslv3;", 2),
        ("tls any any -> any any", r#"tls.cert_subject; content:"CN=";"#, 2),
        ("tls any any -> any any", r#"flow:to_client; tls.cert_subject; content:"CN=";"#, 1),
        ("tls any any -> any any", r#"tls.cert_subject; content:"client";"#, 1),
        ("tls any any -> any 443", "ssl_version:!sslv3;", 1),
        ("tls any any => any any", "ssl_version:!sslv3;", 1),
    ] {
        let set = rules(&format!("alert {header} ({options} sid:1;)"));
        let steps = [subject(Some(&s)), subject(Some(&s))];
        assert_eq!(play(&set, &steps).0.len(), times, "{header} {options}");
    }
}

#[test]
fn rules_by_what_they_are_tried_on() {
    let hello = asking("www.example.test");
    let [syn, syn_ack, ack, answer] = headers();
    let both = |s: Subject<'static>| Subject { one_way: None, ..s };
    let established = |s| Subject { established: true, ..both(s) };
    let not_tls = Subject { app_proto: AppProto::NotTls, ..established(subject(None)) };
    let tls = Subject { one_way: None, ..subject(Some(&hello)) };
    let handshake = [at(&syn, subject(None)), at(&syn_ack, both(subject(None))), at(&ack, both(subject(None)))];
    let steps = [handshake[0], handshake[1], handshake[2], at(&ack, tls), at(&answer, tls), at(&ack, tls)];
    let other = [at(&ack, not_tls), at(&answer, not_tls), at(&ack, not_tls)];
    for (rule, of_tls, of_other) in [
        // The flow, once for each direction.
        ("tcp any any -> any any ()", &[1, 2][..], &[1, 2][..]),
        ("ip any any -> any 443 ()", &[1], &[1]),
        ("tcp any any -> any any (app-layer-protocol:!tls;)", &[], &[4, 4]),
        ("tcp any any -> any any (flow:to_server; app-layer-protocol:!tls;)", &[], &[4]),
        ("tcp any any -> any any (app-layer-protocol:tls;)", &[4, 4], &[]),
        // Each packet.
        ("tls any any -> any any ()", &[4, 5, 6], &[]),
        ("tls any any -> any 443 (flow:established;)", &[4, 6], &[]),
        ("tcp any any -> any any (flow:to_client;)", &[2, 5], &[2, 5]),
        ("tcp any any -> any any (flow:stateless;)", &[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 6]),
        ("tcp any any -> any any (flow:not_established;)", &[1, 2, 3], &[1, 2, 3]),
        ("tcp any any -> any any (flow:established,to_server;)", &[4, 6], &[4, 6]),
        ("tcp any any -> any any (flow:established; app-layer-protocol:!tls;)", &[], &[4, 5, 6]),
        ("tcp any any -> any any (flow:no_stream;)", &[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 6]),
        ("tcp-pkt any any -> any any ()", &[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5, 6]),
        ("tcp-stream any any -> any any ()", &[1, 2], &[1, 2]),
        ("ip any any -> any any (flags:S;)", &[1], &[1]),
        ("tcp any any -> any any (flags:A;)", &[3, 4, 5, 6], &[3, 4, 5, 6]),
        // The session, at a packet that suits.
        (r#"tls any any -> any any (tls.sni; content:"w";)"#, &[4], &[]),
        (r#"tls any any -> any any (tls.sni; content:"w"; flags:A;)"#, &[4], &[]),
        (r#"tls any any -> any any (tls.sni; content:"w"; flags:S;)"#, &[], &[]),
        // What is not followed.
        ("udp any any -> any any ()", &[], &[]),
        ("quic any any -> any any (flow:to_server;)", &[], &[]),
    ] {
        let set = rules(&format!("alert {} sid:1;)", rule.strip_suffix(')').unwrap()));
        assert_eq!(fired_at(&set, &steps), of_tls, "{rule} on TLS");
        let steps: Vec<_> = handshake.into_iter().chain(other).collect();
        assert_eq!(fired_at(&set, &steps), of_other, "{rule} on something else");
    }
}

#[test]
fn a_session_rule_waits_for_the_packet_that_it_asks_for() {
    let set = rules(r#"alert tls any any -> any any (tls.sni; content:"w"; stream_size:client,>,500; dsize:0; sid:1;)"#);
    let hello = asking("www.example.test");
    let [_, _, ack, answer] = headers();
    let step = |header, sizes| {
        let mut step = at(header, subject(Some(&hello)));
        step.packet.as_mut().unwrap().totals.reach = sizes;
        step
    };
    let steps = [step(&ack, [400, 0]), step(&answer, [600, 0]), step(&ack, [600, 0]), step(&ack, [700, 0])];
    assert_eq!(fired_at(&set, &steps), [3], "at the client's next packet, and once");
}

#[test]
fn at_its_end_a_flow_has_no_packet() {
    let set = rules(
        "alert tls any any -> any any (sid:1;)
alert tcp any any -> any any (flow:stateless; sid:2;)",
    );
    let mut closed = session();
    closed.ended = true;
    assert!(play(&set, &[subject(Some(&closed))]).0.is_empty());
}

/// The packets, from 1, at which a set fires.
fn fired_at(set: &RuleSet, steps: &[Subject<'_>]) -> Vec<usize> {
    let (mut flow, mut scratch) = (FlowRules::default(), Scratch::default());
    let fires = |subject| {
        let mut out = Vec::new();
        set.evaluate(subject, &mut flow, &mut HostState::default(), &mut scratch, &mut out);
        out.len()
    };
    let counts: Vec<usize> = steps.iter().map(fires).collect();
    (1..).zip(counts).flat_map(|(n, count)| std::iter::repeat_n(n, count)).collect()
}

#[test]
fn actions_act_in_order() {
    let sni = |action: &str, sid: u32, more: &str| {
        format!("{action} tls any any -> any any (tls.sni; content:\"w\"; {more} sid:{sid};)\n")
    };
    let s = asking("www.example.test");
    let steps = [subject(None), subject(Some(&s))];
    let case = |rules_text: &[String], sids: &[u32], verdict| {
        assert_eq!(play(&rules(&rules_text.concat()), &steps), (sids.to_vec(), verdict), "{rules_text:?}");
    };
    case(&[sni("alert", 1, ""), sni("drop", 2, ""), sni("pass", 3, "")], &[], Verdict::Pass);
    case(&[sni("alert", 1, ""), sni("pass", 2, "alert;")], &[2], Verdict::Pass);
    case(&[sni("alert", 1, ""), sni("drop", 2, "")], &[2, 1], Verdict::Drop);
    case(&[sni("alert", 1, ""), sni("rejectboth", 2, "")], &[2, 1], Verdict::Reject(RejectTarget::Both));
    case(&[sni("rejectsrc", 1, ""), sni("drop", 2, "")], &[2, 1], Verdict::Drop);
    case(&[sni("drop", 1, "noalert;")], &[], Verdict::Drop);
    case(&[sni("alert", 1, ""), sni("alert", 2, "priority:2;"), sni("alert", 3, "priority:1;")], &[3, 2, 1], Verdict::None);
    case(&[sni("alert", 1, "classtype:misc-activity;"), sni("alert", 2, "classtype:trojan-activity;")], &[2, 1], Verdict::None);
}

#[test]
fn after_a_verdict_nothing_is_tried_on_the_flow() {
    for (action, verdict) in [("pass", Verdict::Pass), ("drop", Verdict::Drop), ("reject", Verdict::Reject(RejectTarget::Source))] {
        let set = rules(&format!(
            "{action} tcp any any -> any 443 (noalert; sid:1;)\nalert tls any any -> any any (tls.sni; content:\"w\"; sid:2;)"
        ));
        let s = session();
        assert_eq!(play(&set, &[subject(None), subject(Some(&s))]), (vec![], verdict));
    }
}

#[test]
fn a_packet_rule_decides_on_its_packet_and_any_other_on_the_flow() {
    let hello = asking("www.example.test");
    let [_, _, ack, answer] = headers();
    let steps = [at(&ack, subject(Some(&hello))), at(&answer, subject(Some(&hello))), at(&ack, subject(Some(&hello)))];
    let (none, pass, drop) = (Verdict::None, Verdict::Pass, Verdict::Drop);
    for (rule, of_packets, of_flow) in [
        ("drop tcp any any -> any 443 (flow:established; sid:1;)", [drop, none, drop], none),
        ("pass tcp any any -> any 443 (flow:established; sid:1;)", [pass, none, pass], none),
        ("drop tcp any any -> any 443 (sid:1;)", [drop, drop, drop], drop),
        ("pass tcp any 443 -> any any (sid:1;)", [pass, pass, pass], pass),
        ("drop tls any any -> any 443 (flow:established; sid:1;)", [drop, drop, drop], drop),
        ("drop tcp any any -> any any (app-layer-protocol:tls; sid:1;)", [drop, drop, drop], drop),
        (r#"drop tcp any any -> any any (tls.sni; content:"w"; flags:A; sid:1;)"#, [drop, drop, drop], drop),
        // A drop of the flow after one of the packet.
        (
            "drop tcp any any -> any any (flow:established; sid:1;)\nreject tls any any -> any any (sid:2;)",
            [drop, Verdict::Reject(RejectTarget::Source), Verdict::Reject(RejectTarget::Source)],
            Verdict::Reject(RejectTarget::Source),
        ),
    ] {
        let set = rules(&rule.replace("\\n", "\n"));
        let (mut flow, mut scratch, mut out) = (FlowRules::default(), Scratch::default(), Vec::new());
        let verdicts = steps.each_ref().map(|s| set.evaluate(s, &mut flow, &mut HostState::default(), &mut scratch, &mut out));
        assert_eq!((verdicts, flow.verdict()), (of_packets, of_flow), "{rule}");
    }
}

#[test]
fn a_packet_let_pass_takes_what_was_due_with_it_and_no_more() {
    let whole = session();
    let mut hello = whole.clone();
    hello.server_hello = None;
    let [_, _, ack, answer] = headers();
    let mut steps = [at(&ack, subject(Some(&hello))), at(&answer, subject(Some(&whole))), at(&answer, subject(Some(&whole)))];
    steps[2].packet.as_mut().unwrap().raw.payload = b"late";
    for (rule, expected) in [
        ("alert tls any any -> any any (tls.sni; content:\"w\"; sid:2;)", &[][..]),
        ("alert tls any any => any any (ssl_version:tls1.2; sid:2;)", &[2]),
        ("alert tls any any -> any any (tls.hrr:no; content:\"late\"; sid:2;)", &[3]),
    ] {
        let set = rules(&format!("pass tcp any any -> any 443 (flow:established; noalert; sid:1;)\n{rule}"));
        assert_eq!(fired_at(&set, &steps), expected, "{rule}");
    }
}

#[test]
fn an_allow_list_passes_the_handshake_and_then_decides() {
    let set = rules(
        r#"
        pass tcp any any <> any 443 (flow:not_established; sid:1;)
        pass tls any any -> any 443 (tls.sni; content:"allowed.test"; bsize:12; sid:2;)
        drop ip any any -> any any (flow:stateless; sid:3;)
        "#,
    );
    let (good, bad) = (asking("allowed.test"), asking("other.test"));
    let [syn, syn_ack, ack, answer] = headers();
    let both = Subject { one_way: None, ..subject(None) };
    let handshake = [at(&syn, subject(None)), at(&syn_ack, both), at(&ack, both)];
    let case = |last: &[Subject<'_>]| play(&set, &[&handshake[..], last].concat());
    assert_eq!(case(&[]), (vec![], Verdict::None));
    let of = |s| [at(&ack, subject(Some(s))), at(&answer, subject(Some(s)))];
    assert_eq!(case(&of(&good)), (vec![], Verdict::Pass));
    assert_eq!(case(&of(&bad)), (vec![3, 3], Verdict::None));
    let not_tls = Subject { app_proto: AppProto::NotTls, established: true, ..both };
    assert_eq!(case(&[at(&ack, not_tls)]), (vec![3], Verdict::None));
}

#[test]
fn the_order_of_actions_can_be_set() {
    let text = r#"
        pass tls any any -> any any (tls.sni; content:"www"; alert; sid:1;)
        drop tls any any -> any any (tls.sni; content:"www"; sid:2;)
        reject tls any any -> any any (tls.sni; content:"www"; sid:3;)
        alert tls any any -> any any (tls.sni; content:"www"; sid:4;)"#;
    for (order, fired, verdict) in [
        ("pass,drop,reject,alert", &[1][..], Verdict::Pass),
        ("alert,pass,drop,reject", &[4, 1], Verdict::Pass),
        ("drop,alert,pass,reject", &[2, 4, 1], Verdict::Drop),
        ("alert,reject,drop,pass", &[4, 3, 2, 1], Verdict::Reject(RejectTarget::Source)),
    ] {
        let config = RuleConfig { action_order: order.parse().unwrap(), ..RuleConfig::default() };
        let (set, report) = RuleSet::compile(&[Source { name: "test.rules", text }], &config);
        assert_eq!(report.errors, []);
        assert_eq!(play(&set, &[subject(Some(&session()))]), (fired.to_vec(), verdict), "{order}");
    }
}
