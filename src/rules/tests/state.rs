//! What rules remember: of a flow, and of hosts across flows.

use super::*;

/// The sids that fire at each of the packets of one flow; `s` is the client's SYN, `a` the server's answer, `c` and `d` what
/// client and server send then.
fn per_packet(text: &str, packets: &str) -> Vec<Vec<u32>> {
    let (set, headers) = (rules(text), headers());
    let (mut flow, mut hosts, mut scratch) = (FlowRules::default(), HostState::default(), Scratch::default());
    let fire = |packet| {
        let header = &headers["sacd".find(packet).unwrap()];
        let mut out = Vec::new();
        set.evaluate(&at(header, Subject { one_way: None, ..subject(None) }), &mut flow, &mut hosts, &mut scratch, &mut out);
        out.iter().map(|m| set.rule(m.rule).unwrap().sid).collect()
    };
    packets.chars().map(fire).collect()
}

fn rule(options: &str, sid: u32) -> String {
    format!("alert tcp any any -> any any ({options} sid:{sid};)\n")
}

#[test]
fn flow_bits() {
    for (rules, packets, expected) in [
        (vec!["flags:S; flowbits:set,x;", "flags:A; flowbits:isset,x;"], "dsdc", vec![vec![], vec![1], vec![2], vec![2]]),
        (vec!["flags:S; flowbits:set,x;", "flags:A; flowbits:isnotset,x;"], "dsd", vec![vec![2], vec![1], vec![]]),
        (vec!["flags:S; flowbits:set,x;", "flags:A; flowbits:isset,X;"], "sd", vec![vec![1], vec![]]),
        (vec!["flags:S; flowbits:set,x; noalert;", "flags:A; flowbits:isset,y|x;"], "sd", vec![vec![], vec![2]]),
        (vec!["flags:S; flowbits:set,x; flowbits:noalert;", "flowbits:isset,x; flowbits:isset,y;"], "sd", vec![vec![], vec![]]),
        (vec!["flags:S; xbits:noalert;", "flags:S; hostbits:noalert;", "flags:S; noalert;"], "sd", vec![vec![], vec![]]),
        (
            vec!["flags:S; flowbits:toggle,x;", "flags:A; flowbits:isset,x;"],
            "sdsdsd",
            vec![vec![1], vec![2], vec![1], vec![], vec![1], vec![2]],
        ),
        (vec!["flags:S; flowbits:set,x;", "flags:A; flowbits:isset,x; flowbits:unset,x;"], "sdd", vec![vec![1], vec![2], vec![]]),
        // Who sets comes before who asks, whatever the order written; a chain of them one after the other.
        (vec!["flowbits:isset,x;", "flags:S; flowbits:set,x;"], "s", vec![vec![2, 1]]),
        (
            vec![
                "flowbits:isset,z;",
                "flowbits:isset,y; flowbits:set,z;",
                "flowbits:isset,x; flowbits:set,y;",
                "flags:S; flowbits:set,x;",
            ],
            "s",
            vec![vec![4, 3, 2, 1]],
        ),
    ] {
        let text: String = rules.iter().zip(1..).map(|(options, sid)| rule(options, sid)).collect();
        assert_eq!(per_packet(&text, packets), expected, "{rules:?}");
    }
}

#[test]
fn flow_integers() {
    for (rules, packets, expected) in [
        // Counts from 0; who changes comes before who asks.
        (vec!["flags:A; flowint:n,+,1; noalert;", "flags:A; flowint:n,>,2;"], "cccc", vec![vec![], vec![], vec![2], vec![2]]),
        (
            vec!["flags:S; flowint:n,=,7;", "flags:A; flowint:n,==,7;", "flags:A; flowint:n,!=,7;"],
            "csc",
            vec![vec![], vec![1], vec![2]],
        ),
        (
            vec![
                "flags:S; flowint:n,notset; flowint:n,=,2;",
                "flags:A; flowint:n,isset; flowint:n,-,1;",
                "flags:A; flowint:n,<,1;",
            ],
            "scccs",
            vec![vec![1], vec![2], vec![2, 3], vec![2, 3], vec![]],
        ),
        (
            vec!["flags:S; flowint:max,=,2;", "flags:A; flowint:n,+,1; noalert;", "flags:A; flowint:n,>=,max;"],
            "csccs",
            vec![vec![], vec![1], vec![3], vec![3], vec![1]],
        ),
        (vec!["flowint:n,<=,5;", "flowint:n,isnotset;"], "s", vec![vec![2]]),
        (vec!["flowint:n,-,1;", "flowint:n,isset;", "flowint:n,+,missing;"], "s", vec![vec![1, 3]]),
    ] {
        let text: String = rules.iter().zip(1..).map(|(options, sid)| rule(options, sid)).collect();
        assert_eq!(per_packet(&text, packets), expected, "{rules:?}");
    }
}

#[test]
fn a_session_rule_waits_for_a_flow_bit() {
    let set = rules(
        r#"
        alert tls any any -> any any (tls.sni; content:"www"; flowbits:isset,x; sid:1;)
        alert tls any any -> any any (tls.cert_subject; content:"www"; flowbits:set,x; sid:2;)
        "#,
    );
    let (hello, whole) = (asking("www.example.test"), session());
    assert_eq!(play(&set, &[subject(Some(&hello)), subject(Some(&whole)), subject(Some(&whole))]).0, [2, 1]);
}

/// Whether `asks` fires on a flow of `client` at `seconds`, after `sets` has on the flow of [`subject`] at second 1000.
fn remembered(sets: &str, asks: &str, client: &str, seconds: u64) -> bool {
    let set = rules(&(rule(&format!("flags:S; {sets}"), 1) + &rule(&format!("flags:SA; {asks}"), 2)));
    let (mut hosts, mut scratch, mut out) = (HostState::default(), Scratch::default(), Vec::new());
    let [mut syn, mut syn_ack, ..] = headers();
    syn.timestamp = Timestamp::from_parts(1_000, 0);
    syn_ack.timestamp = Timestamp::from_parts(seconds, 0);
    set.evaluate(&at(&syn, subject(None)), &mut FlowRules::default(), &mut hosts, &mut scratch, &mut out);
    let mut other = Subject { one_way: None, ..subject(None) };
    other.client.ip = client.parse().unwrap();
    out.clear();
    set.evaluate(&at(&syn_ack, other), &mut FlowRules::default(), &mut hosts, &mut scratch, &mut out);
    !out.is_empty()
}

#[test]
fn bits_of_hosts_and_pairs() {
    let (same, other) = ("10.0.0.1", "10.0.0.2");
    // The bit is set by a packet to the server, and asked for by one to the client.
    for (sets, asks, client, seconds, expected) in [
        ("xbits:set,x,track ip_src;", "xbits:isset,x,track ip_dst;", same, 1_001, true),
        ("xbits:set,x,track ip_src;", "xbits:isset,x,track ip_src;", same, 1_001, false),
        ("xbits:set,x,track ip_src;", "xbits:isset,x,track ip_dst;", other, 1_001, false),
        ("xbits:set,x,track ip_src;", "xbits:isnotset,x,track ip_dst;", other, 1_001, true),
        ("xbits:set,x,track ip_src;", "xbits:isset,y,track ip_dst;", same, 1_001, false),
        ("xbits:set,x,track ip_dst;", "xbits:isset,x,track ip_src;", other, 1_001, true),
        ("xbits:set,x,track ip_pair;", "xbits:isset,x,track ip_pair;", same, 1_001, true),
        ("xbits:set,x,track ip_pair;", "xbits:isset,x,track ip_pair;", other, 1_001, false),
        ("xbits:set,x,track ip_pair;", "xbits:isset,x,track ip_src;", same, 1_001, false),
        ("xbits:toggle,x,track ip_pair;", "xbits:isset,x,track ip_pair;", same, 1_001, true),
        ("xbits:unset,x,track ip_pair;", "xbits:isset,x,track ip_pair;", same, 1_001, false),
        ("xbits:set,x,track ip_src, expire 10;", "xbits:isset,x,track ip_dst;", same, 1_009, true),
        ("xbits:set,x,track ip_src, expire 10;", "xbits:isset,x,track ip_dst;", same, 1_010, false),
        ("xbits:set,x,track ip_src;", "xbits:isset,x,track ip_dst;", same, 1_299, true),
        ("xbits:set,x,track ip_src;", "xbits:isset,x,track ip_dst;", same, 1_300, false),
        ("hostbits:set,x;", "hostbits:isset,x,dst;", same, 1_001, true),
        ("hostbits:set,x,dst;", "hostbits:isset,x,src;", other, 1_001, true),
        ("hostbits:set,x,both;", "hostbits:isset,x,both;", same, 1_001, true),
        ("hostbits:set,x,both;", "hostbits:isset,x,both;", other, 1_001, false),
        ("hostbits:set,x,both,5;", "hostbits:isset,x,src;", same, 1_005, false),
        ("hostbits:set,x;", "xbits:isset,x,track ip_dst;", same, 1_001, true),
    ] {
        assert_eq!(remembered(sets, asks, client, seconds), expected, "{sets} {asks} {client} {seconds}");
    }
}

#[test]
fn thresholds_are_counted_where_they_matter() {
    // By flow with the flow; where they decide what a rule does, across flows; else they are about alerts alone.
    for (rule, in_order, limits_alerts) in [
        ("alert tcp any any -> any any (threshold:type limit, track by_src, count 1, seconds 60; sid:1;)", 0, true),
        ("alert tcp any any -> any any (threshold: type both,count 5 , seconds 30,track by_both; sid:1;)", 0, true),
        ("alert tcp any any -> any any (detection_filter:track by_rule, count 5, seconds 30; sid:1;)", 0, true),
        ("drop tcp any any -> any any (threshold:type limit, track by_dst, count 1, seconds 60; sid:1;)", 0, true),
        ("drop tcp any any -> any any (threshold:type threshold, track by_dst, count 2, seconds 60; sid:1;)", 1, false),
        ("pass tcp any any -> any any (detection_filter:track by_src, count 5, seconds 30; sid:1;)", 1, false),
        ("drop tcp any any -> any any (detection_filter:track by_flow, count 5, seconds 30; sid:1;)", 0, false),
        ("alert tcp any any -> any any (threshold:type backoff, track by_flow, count 1, multiplier 10; sid:1;)", 0, false),
    ] {
        let set = rules(rule);
        assert_eq!((set.needs_order(), set.limits_alerts((1, 1))), (in_order, limits_alerts), "{rule}");
    }
}

#[test]
fn a_threshold_of_a_flow_counts_its_packets() {
    for (options, expected) in [
        ("threshold:type limit, track by_flow, count 2, seconds 60;", vec![vec![1], vec![1], vec![], vec![], vec![]]),
        ("threshold:type threshold, track by_flow, count 2, seconds 60;", vec![vec![], vec![1], vec![], vec![1], vec![]]),
        ("threshold:type backoff, track by_flow, count 1, multiplier 2;", vec![vec![1], vec![1], vec![], vec![1], vec![]]),
        ("detection_filter:track by_flow, count 3, seconds 60;", vec![vec![], vec![], vec![], vec![1], vec![1]]),
    ] {
        assert_eq!(per_packet(&rule(&format!("flags:A; {options}"), 1), "ccccc"), expected, "{options}");
    }
}

#[test]
fn below_its_rate_a_rule_does_nothing_but_change_state() {
    let set = rules(
        r#"
        drop tcp any any -> any any (flags:A; flowbits:set,x; detection_filter:track by_src, count 2, seconds 60; sid:1;)
        alert tcp any any -> any any (flags:A; flowbits:isset,x; sid:2;)
        "#,
    );
    let (mut flow, mut hosts, mut scratch, mut out) = (FlowRules::default(), HostState::default(), Scratch::default(), Vec::new());
    let [_, _, ack, _] = headers();
    let verdicts = [(); 3].map(|()| set.evaluate(&at(&ack, subject(None)), &mut flow, &mut hosts, &mut scratch, &mut out));
    assert_eq!(verdicts, [Verdict::None, Verdict::None, Verdict::Drop]);
    assert_eq!(out.iter().map(|m| set.rule(m.rule).unwrap().sid).collect::<Vec<_>>(), [2, 2, 1, 2]);
}

#[test]
fn limits_of_alerts_by_what_they_are_tracked_by() {
    let ip = |text: &str| text.parse().unwrap();
    let alerted = |source, destination, second: u64| Alerted {
        rule: (1, 1),
        source: ip(source),
        destination: ip(destination),
        at: Timestamp::from_parts(1_000 + second, 0),
    };
    let (a, b, c) = ("10.0.0.1", "10.0.0.2", "10.0.0.3");
    let alerts = [alerted(a, b, 0), alerted(a, c, 1), alerted(c, b, 2), alerted(b, a, 3), alerted(a, b, 61)];
    for (track, expected) in [
        ("by_src", [true, false, true, true, true]),
        ("by_dst", [true, true, false, true, true]),
        ("by_both", [true, true, true, false, true]),
        ("by_rule", [true, false, false, false, true]),
    ] {
        let set = rules(&rule(&format!("threshold:type limit, track {track}, count 1, seconds 60;"), 1));
        let mut limits = AlertLimits::new(&set);
        assert_eq!(alerts.map(|a| limits.admits(&a)), expected, "{track}");
        assert!(limits.admits(&Alerted { rule: (1, 2), ..alerts[0] }), "another rule");
    }
}

#[test]
fn bits_of_the_session_are_no_bits_of_the_flow() {
    let set = rules(
        "alert tls any any -> any any (tls.sni; content:\"shop\"; xbits:set,x,track tx; sid:1;)
         alert tls any any -> any any (ja3s.hash; bsize:32; xbits:isset,x,track tx; sid:2;)
         alert tls any any -> any any (ja3s.hash; bsize:32; flowbits:isset,x; sid:3;)
         alert tls any any -> any any (ja3s.hash; bsize:32; xbits:isnotset,x,track tx; sid:4;)",
    );
    assert_eq!(set.needs_order(), 0);
    let (mut shop, mut bank) = (session(), session());
    shop.client_hello = Some(hello("shop.test"));
    bank.client_hello = Some(hello("bank.test"));
    assert_eq!(play(&set, &[subject(Some(&shop))]).0, [1, 2]);
    assert_eq!(play(&set, &[subject(Some(&bank))]).0, [4]);
    let mut flow = FlowRules::default();
    set.evaluate(&subject(Some(&shop)), &mut flow, &mut HostState::default(), &mut Scratch::default(), &mut Vec::new());
    assert_eq!(flow.bits(), [] as [Arc<str>; 0]);
}

#[test]
fn only_state_across_flows_needs_the_packets_in_order() {
    for (options, expected) in
        [("flowbits:set,x;", 0), ("flowint:n,+,1;", 0), ("xbits:isset,x,track ip_src;", 1), ("hostbits:set,x;", 1), ("", 0)]
    {
        assert_eq!(rules(&rule(options, 1)).needs_order(), expected, "{options}");
    }
}

#[test]
fn what_is_no_state_is_said_so() {
    for bad in [
        "flowbits:set;",
        "flowbits:set,a|b;",
        "flowbits:sets,a;",
        "flowbits:isset,;",
        "flowint:n;",
        "flowint:n,%,1;",
        "flowint:n,isset,1;",
        "flowint:n,+;",
        "flowint:n,+,1x;",
        "xbits:set,x;",
        "xbits:set,x,track ip_both;",
        "xbits:set,x,track ip_src,expire 0;",
        "xbits:set,x,track tx,expire 60;",
        "xbits:set,,track tx;",
        "hostbits:set;",
        "hostbits:set,x,up;",
        "threshold:type limit;",
        "threshold:track by_src, count 1, seconds 1;",
        "threshold:type some, track by_src, count 1, seconds 1;",
        "threshold:type limit, track by_src, count 0, seconds 1;",
        "threshold:type limit, track by_src, count 1, count 1, seconds 1;",
        "threshold:type backoff, track by_src, count 1, multiplier 2;",
        "detection_filter:type limit, track by_src, count 1, seconds 1;",
        "detection_filter:track by_src, count 1, seconds 1, unique_on dst_port;",
        "threshold:type limit, track by_src, count 1, seconds 1; detection_filter:track by_src, count 1, seconds 1;",
        "tag:flow;",
        "tag:host,5;",
    ] {
        let text = rule(bad, 1);
        let (set, report) = RuleSet::compile(&[Source { name: "x", text: &text }], &RuleConfig::default());
        assert_eq!((set.len(), report.errors.len()), (0, 1), "{bad}");
    }
}

#[test]
fn tags_of_hosts_need_the_order_of_packets_and_those_of_flows_do_not() {
    for (tags, needs_order) in
        [("session", 0), ("session,5,packets", 0), ("host", 1), ("host,60,seconds,src", 1), ("session; tag:host,src", 1)]
    {
        let set = rules(&rule(&format!("tag:{tags};"), 1));
        assert_eq!((set.tags(), set.needs_order()), (true, needs_order), "{tags}");
    }
    assert!(!rules(&rule("noalert;", 1)).tags());
}
