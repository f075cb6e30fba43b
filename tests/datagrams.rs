//! Rules on UDP: QUIC by policy, payload of datagrams, lists of addresses, and that all this costs and tells nothing where no rule wants it.

use std::fs;
use std::time::Duration;

use portcullis::event::DropReason;
use portcullis::rules::Verdict;
use serde_json::{Value, json};

use crate::util::run::Ran;
use crate::util::tls::{self, ClientHello, NAME};
use crate::util::{Conversation, Dir, Events, Packet, Portcullis, Side, pcap};

/// The header of the client's Initial of RFC 9001 §A.2, and some bytes behind it.
const INITIAL: &[u8] = b"\xc0\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x44\x9e\x7b\x9a\xec\x34\xd1\xb1\xc9\x8d";
/// The server's Initial of RFC 9001 §A.3 begins so.
const ANSWER: &[u8] = b"\xc1\0\0\0\x01\0\x08\xf0\x67\xa5\x50\x2a\x42\x62\xb5\0\x40\x75\xc0\xd9\x5a\x48\x2c\xd0\x99\x1c";
/// A short header and noise.
const SHORT: &[u8] = b"\x4c\xfe\x41\x89\x65\x5e\x5c\xd5\x5c\x41\xf6\x90\x80\x57\x5d\x79";

const NO_QUIC: &str = r#"drop quic any any -> any 443 (msg:"no QUIC"; sid:1;)"#;

fn run(rules: &str, packets: &[Packet]) -> Events {
    Portcullis::default().rules(rules).run(packets)
}

fn quic() -> Conversation {
    let begun = Conversation::of_datagrams().datagram(Side::Client, INITIAL).datagram(Side::Server, ANSWER);
    begun.datagram(Side::Client, SHORT).datagram(Side::Server, SHORT)
}

/// By what its numbers are in the capture: which packets alerts and drops are about.
fn packets_of(events: &Events, event_type: &str) -> Vec<u64> {
    events.of(event_type).iter().map(|event| event["pcap_cnt"].as_u64().unwrap()).collect()
}

#[test]
fn quic_is_dropped_by_policy_from_its_first_datagram() {
    let mut portcullis = Portcullis::default().rules(NO_QUIC);
    portcullis.config.flow_events = true;
    let (events, counters) = portcullis.run_and_count(&quic().packets);
    let [alert, drop, flow] = ["alert", "drop", "flow"].map(|of| events.of(of)[0].clone());
    assert_eq!((packets_of(&events, "alert"), packets_of(&events, "drop")), (vec![1], vec![1]));
    for event in [&alert, &drop, &flow] {
        let ends = (&event["proto"], &event["src_ip"], &event["dest_port"], &event["app_proto"]);
        assert_eq!(ends, (&json!("UDP"), &json!("10.0.0.1"), &json!(443), &json!("quic")));
        assert_eq!((&event["flow_id"], &event["community_id"]), (&alert["flow_id"], &alert["community_id"]));
    }
    // By the reference implementation in Python, `communityid`.
    assert_eq!(alert["community_id"], "1:YjdJNFrBnfB3toX+5n4G+ZT93P4=");
    assert_eq!((&alert["alert"]["action"], &alert["verdict"]["action"]), (&json!("blocked"), &json!("drop")));
    assert_eq!(drop["drop"], json!({"len": 54, "tos": 0, "ttl": 64, "ipid": 0, "udplen": 34, "reason": "rules"}));
    assert_eq!((&flow["flow"]["pkts_toserver"], &flow["flow"]["action"], flow.get("tcp")), (&json!(2), &json!("drop"), None));
    assert_eq!((counters.dropped, counters.dropped_by.of(DropReason::FlowDrop)), (4, 3), "all of the flow");
}

/// Whoever answers QUIC passes over what it does not know, so that what comes before must not hide it.
#[test]
fn noise_before_it_does_not_hide_quic() {
    let hidden =
        Conversation::of_datagrams().datagram(Side::Client, b"").datagram(Side::Client, SHORT).datagram(Side::Client, b"x");
    let packets = hidden.datagram(Side::Client, INITIAL).datagram(Side::Server, ANSWER).packets;
    let by_option = r#"drop udp any any -> any 443 (msg:"by option"; app-layer-protocol:quic; sid:2;)
        alert udp any any -> any 443 (msg:"no QUIC"; app-layer-protocol:failed; sid:3;)"#;
    let events = run(&format!("{NO_QUIC}\n{by_option}"), &packets);
    assert_eq!(packets_of(&events, "drop"), [4]);
    assert_eq!(events.alerts(), ["no QUIC", "no QUIC", "by option"]);
    assert_eq!(packets_of(&events, "alert"), [2, 4, 4]);
}

/// A `pass` for what is no QUIC is none for the QUIC behind it.
#[test]
fn noise_does_not_let_quic_pass() {
    let packets = Conversation::of_datagrams().datagram(Side::Client, b"x").datagram(Side::Client, INITIAL).packets;
    for (rules, expected) in [
        ("pass udp any any -> any 443 (app-layer-protocol:!quic; sid:2;)", vec![2]),
        ("pass udp any any -> any 443 (app-layer-protocol:failed; sid:2;)", vec![2]),
        ("pass udp any any -> any 443 (app-layer-protocol:quic|failed; sid:2;)", vec![]),
        ("pass udp any any -> any 443 (sid:2;)", vec![]),
    ] {
        assert_eq!(packets_of(&run(&format!("{rules}\n{NO_QUIC}"), &packets), "drop"), expected, "{rules}");
        let mut falling = Portcullis::default().rules(rules);
        falling.config.default_verdict = Verdict::Drop;
        assert_eq!(packets_of(&falling.run(&packets), "drop"), expected, "{rules} alone");
    }
}

#[test]
fn a_server_that_is_seen_alone_is_known_by_its_answer() {
    let rules = r#"alert quic any 443 -> any any (msg:"answer"; flow:to_client; sid:1;)"#;
    let events = run(rules, &quic().only(Side::Server).packets);
    assert_eq!(packets_of(&events, "alert"), [1, 2], "on each datagram, as with `tls`");
}

#[test]
fn what_is_no_quic_goes_on() {
    let other = |payload: &[u8]| run(NO_QUIC, &Conversation::of_datagrams().datagram(Side::Client, payload).packets).0.len();
    for (what, payload) in [("DTLS", &b"\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x80\x01"[..]), ("short headers", SHORT), ("nothing", b"")] {
        assert_eq!(other(payload), 0, "{what}");
    }
    assert_eq!(other(INITIAL), 2);
}

#[test]
fn payload_directions_and_flow_bits_are_those_of_the_flow() {
    let rules = r#"
        alert udp any any -> any 443 (msg:"asked"; content:"ping"; flowbits:set,asked; flowbits:noalert; sid:1;)
        alert udp any 443 -> any any (msg:"answered"; flow:established,to_client; flowbits:isset,asked; dsize:4; content:"pong"; sid:2;)
        alert udp any any -> any 443 (msg:"first"; flow:not_established,to_server; sid:3;)
        alert udp any any -> any 443 (msg:"later"; flow:established,to_server; sid:4;)"#;
    let asked = Conversation::of_datagrams().datagram(Side::Client, b"ping").datagram(Side::Server, b"pong");
    let events = run(rules, &asked.datagram(Side::Client, b"more").packets);
    assert_eq!(events.alerts(), ["first", "answered", "later"]);
    assert_eq!(events.of("alert")[1]["metadata"], json!({"flowbits": ["asked"]}));
    assert_eq!((events.of("alert")[1]["src_port"].as_u64(), &events.of("alert")[1]["direction"]), (Some(443), &json!("to_client")));
    let unasked = Conversation::of_datagrams().datagram(Side::Client, b"x").datagram(Side::Server, b"pong");
    assert_eq!(run(rules, &unasked.packets).alerts(), ["first"]);
}

#[test]
fn a_rule_about_packets_drops_packets_alone() {
    let rules = r#"drop udp any any -> any 443 (msg:"ping"; content:"ping"; sid:1;)"#;
    let packets =
        ["ping", "pong", "ping"].iter().fold(Conversation::of_datagrams(), |c, p| c.datagram(Side::Client, p.as_bytes())).packets;
    let (events, counters) = Portcullis::default().rules(rules).run_and_count(&packets);
    assert_eq!((packets_of(&events, "drop"), counters.dropped), (vec![1, 3], 2));
}

#[test]
fn thresholds_count_datagrams() {
    let rules = r#"alert udp any any -> any 443 (msg:"many"; threshold:type threshold, track by_flow, count 3, seconds 60; dsize:>0; sid:1;)"#;
    let packets = (0..7).fold(Conversation::of_datagrams(), |c, _| c.datagram(Side::Client, SHORT)).packets;
    assert_eq!(packets_of(&run(rules, &packets), "alert"), [3, 6]);
}

/// A client's datagram with `payload`, in two fragments.
fn in_two_fragments(payload: &[u8]) -> [Vec<u8>; 2] {
    let whole = Conversation::of_datagrams().datagram(Side::Client, payload).packets[0].frame();
    let (ethernet, ip, datagram) = (&whole[..14], &whole[14..34], &whole[34..]);
    let fragment = |part: &[u8], offset: usize, more: bool| {
        let mut header = ip.to_vec();
        header[2..4].copy_from_slice(&u16::try_from(20 + part.len()).unwrap().to_be_bytes());
        let field = u16::try_from(offset / 8).unwrap() | u16::from(more) << 13;
        header[6..8].copy_from_slice(&field.to_be_bytes());
        [ethernet, &header, part].concat()
    };
    [fragment(&datagram[..520], 0, true), fragment(&datagram[520..], 520, false)]
}

/// The receiver has the first part, as nothing was known when that came. The second one must not come after all.
#[test]
fn a_dropped_datagram_is_not_made_whole_by_a_fragment_that_comes_again() {
    let [first, second] = in_two_fragments(&[INITIAL, &[7; 1_000], b"the end"].concat());
    let [harmless, _] = in_two_fragments(&[SHORT, &[7; 1_000], b"the end"].concat());
    let by_packet = r#"drop udp any any -> any 443 (msg:"part"; content:"|83 94 c8|"; content:"the end"; sid:1;)"#;
    for (rules, frames, expected) in [
        (NO_QUIC, vec![&first, &second, &second], 1),
        (NO_QUIC, vec![&second, &first, &first, &second], 1),
        (by_packet, vec![&first, &second, &harmless, &second], 1),
        (by_packet, vec![&harmless, &second, &second], 3),
    ] {
        let dir = Dir::new();
        let (rules, capture, passed) = (dir.file("x.rules", rules), file_in(&dir, "x.pcap"), file_in(&dir, "passed.pcapng"));
        fs::write(&capture, raw_pcap(&frames.into_iter().cloned().collect::<Vec<_>>())).unwrap();
        Ran::with(["replay", "--rules", &rules, "--write-passed", &passed, &capture]).expect(0);
        let left = Ran::with(["replay", "--rules", &rules, &passed]).expect(0).events();
        assert_eq!(left.counter("decoder.pkts"), expected, "{rules}");
    }
}

#[test]
fn a_datagram_of_fragments_is_matched_whole() {
    let frames = in_two_fragments(&[INITIAL, &[7; 1_000], b"the end"].concat());
    let rules = r#"drop quic any any -> any 443 (msg:"whole"; sid:1;)
        alert udp any any -> any 443 (msg:"its end"; content:"the end"; endswith; sid:2;)"#;
    let dir = Dir::new();
    let (rules, capture) = (dir.file("x.rules", rules), file_in(&dir, "x.pcap"));
    fs::write(&capture, raw_pcap(&frames)).unwrap();
    let events = Ran::with(["replay", "--rules", &rules, &capture]).expect(0).events();
    assert_eq!((events.alerts(), packets_of(&events, "drop")), (vec!["whole", "its end"], vec![2]));
}

/// A client may choose its port; one that tunnels use must not take its datagrams out of sight.
#[test]
fn a_clients_port_of_tunnels_hides_nothing() {
    for port in [2152, 3544, 5247, 4789, 6081] {
        let begun = Conversation::unopened(&format!("10.0.0.1:{port}"), "192.0.2.1:443", 0, 0);
        let gtp = b"\x30\xff\0\x1c\0\0\0\x01\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02\0\x35\0\x35\0\x08\0\0";
        let packets = begun.datagram(Side::Client, INITIAL).datagram(Side::Client, gtp).datagram(Side::Server, ANSWER).packets;
        let (_, counters) = Portcullis::default().rules(NO_QUIC).run_and_count(&packets);
        assert_eq!(counters.dropped, 3, "port {port}");
    }
}

#[test]
fn a_tunnel_is_a_tunnel_where_all_ports_are_watched() {
    let inner = Conversation::new().client(&ClientHello::asking_for(NAME).record()).server(&tls::server_flight()).packets;
    let tunnel = inner.iter().map(|packet| {
        let vxlan = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &packet.frame()].concat();
        let outer = Conversation::unopened("198.51.100.1:50000", "198.51.100.2:4789", 0, 0);
        outer.datagram(Side::Client, &vxlan).packets.remove(0)
    });
    let mut portcullis = Portcullis::default().rules(r#"alert udp any any -> any any (msg:"UDP"; sid:1;)"#);
    portcullis.decoder.ports = "any".parse().unwrap();
    let events = portcullis.run(&tunnel.collect::<Vec<_>>());
    assert_eq!((events.names(), events.alerts()), (vec![NAME], vec![]));
}

#[test]
fn lists_of_addresses_are_about_udp_too() {
    let dir = Dir::new();
    let (list, capture, passed) =
        (dir.file("ips.txt", "192.0.2.1 # resolver of nobody\n"), file_in(&dir, "x.pcap"), file_in(&dir, "passed.pcapng"));
    let other = Conversation::unopened("10.0.0.1:40000", "192.0.2.9:443", 0, 0).datagram(Side::Client, INITIAL);
    fs::write(&capture, pcap(&[quic().packets, other.packets].concat())).unwrap();
    let options = ["replay", "--no-rules", "--block-ips", &list, "--write-passed", &passed, &capture];
    let events = Ran::with(options).expect(0).events();
    assert_eq!(packets_of(&events, "drop"), [1]);
    assert_eq!(events.of("alert")[0]["alert"]["metadata"]["reason"], json!(["resolver of nobody"]));
    assert_eq!(events.counter("ips.blocked"), 4);
    let rules = dir.file("all.rules", "alert udp any any -> any any (msg:\"seen\"; dsize:>=0; sid:1;)");
    let left = Ran::with(["replay", "--rules", &rules, &passed]).expect(0).events();
    assert_eq!(left.of("alert").iter().map(|a| &a["dest_ip"]).collect::<Vec<_>>(), ["192.0.2.9"], "all but what was dropped");
}

#[test]
fn what_no_rule_accepts_falls_over_udp_too() {
    let fell = |rules: &str, packets: &[Packet]| {
        let mut portcullis = Portcullis::default().rules(rules);
        portcullis.config.default_verdict = Verdict::Drop;
        let (events, counters) = portcullis.run_and_count(packets);
        let drop = events.of("drop").first().map(|d| (d["drop"]["reason"].clone(), d["portcullis"]["why"].clone()));
        (drop, counters.dropped)
    };
    let said = |reason: DropReason, why: &str| Some((json!(reason), json!(why)));
    let (tls, quic_alone) = ("pass tls any any -> any 443 (sid:1;)", "pass quic any any <> any 443 (sid:1;)");
    let no_rule = said(DropReason::DefaultPacketPolicy, "no pass rule for these addresses and ports");
    assert_eq!(fell(tls, &quic().packets), (no_rule, 4));
    assert_eq!(fell(quic_alone, &quic().packets), (None, 0));
    let other = Conversation::of_datagrams().datagram(Side::Client, SHORT).datagram(Side::Client, INITIAL).packets;
    assert_eq!(fell(quic_alone, &other), (said(DropReason::DefaultAppPolicy, "no pass rule matched"), 2));
}

#[test]
fn a_flow_that_was_dropped_stays_so_when_no_rule_is_about_udp_any_more() {
    let later = Portcullis::default().rules(NO_QUIC).then(3, "alert tls any any -> any any (sid:9;)");
    let (events, counters) = later.run_and_count(&quic().packets);
    assert_eq!((packets_of(&events, "drop"), counters.dropped), (vec![1], 4));
    let earlier = Portcullis::default().rules("alert tls any any -> any any (sid:9;)").then(3, NO_QUIC);
    let packets = quic().datagram(Side::Client, INITIAL).packets;
    assert_eq!(packets_of(&earlier.run(&packets), "drop"), [5], "what was said before was not looked at");
}

#[test]
fn where_no_rule_wants_them_datagrams_have_no_flow() {
    let mut portcullis = Portcullis::default().rules("alert tcp any any -> any any (content:\"x\"; sid:1;)");
    portcullis.config.flow_events = true;
    let (events, counters) = portcullis.run_and_count(&quic().packets);
    assert_eq!((events.0.len(), counters.flows), (0, 0));
}

#[test]
fn a_checksum_that_is_wrong_is_malformed_where_checksums_count() {
    let run = |sum: [u8; 2]| {
        let mut frame = quic().packets[0].frame();
        frame[40..42].copy_from_slice(&sum);
        let dir = Dir::new();
        let (rules, capture) = (dir.file("x.rules", NO_QUIC), file_in(&dir, "x.pcap"));
        fs::write(&capture, raw_pcap(&[frame])).unwrap();
        let events = Ran::with(["replay", "--check-checksums", "--rules", &rules, &capture]).expect(0).events();
        (events.anomalies().join(" "), events.alerts().len())
    };
    assert_eq!(run([0, 0]), (String::new(), 1), "there is none");
    assert_eq!(run([1, 2]), ("decoder.udp.invalid_checksum".to_owned(), 0));
}

#[test]
fn any_number_of_workers_says_the_same() {
    let dir = Dir::new();
    let rules = format!(
        "{NO_QUIC}\nalert udp any any -> any any (msg:\"odd\"; content:\"x\"; threshold:type limit, track by_src, count 2, seconds 1; sid:2;)\n\
         alert ip any any -> any any (msg:\"new\"; flow:to_server; sid:3;)"
    );
    let mut packets = Vec::new();
    for n in 0..400_u16 {
        let client = format!("10.0.{}.{}:{}", n % 3, n % 50, 30_000 + n);
        let to = Conversation::unopened(&client, "192.0.2.1:443", 0, 0).wait(Duration::from_millis(u64::from(n) * 700));
        let flow = match n % 4 {
            0 => to.datagram(Side::Client, INITIAL).datagram(Side::Server, ANSWER),
            1 => to.datagram(Side::Client, b"x").datagram(Side::Server, b"y").datagram(Side::Client, b"x"),
            2 => to.datagram(Side::Client, SHORT).datagram(Side::Client, INITIAL),
            _ => to.client(&ClientHello::asking_for(NAME).record()),
        };
        packets.extend(flow.packets);
    }
    let (rules, capture) = (dir.file("x.rules", &rules), file_in(&dir, "x.pcap"));
    fs::write(&capture, pcap(&packets)).unwrap();
    let run = |workers: &str| {
        let passed = file_in(&dir, &format!("passed-{workers}.pcapng"));
        let limits = ["--max-flows", "200", "--timeout-new", "20s", "--flows"];
        let options = ["replay", "--workers", workers, "--rules", &rules, "--write-passed", &passed, &capture];
        (Ran::with([&options[..], &limits].concat()).expect(0).stdout, fs::read(&passed).unwrap())
    };
    let one = run("1");
    let events = Events::parse(&one.0);
    let of_udp = |event: &&&Value| event["proto"] == "UDP";
    assert!(events.of("drop").iter().filter(of_udp).count() > 150 && events.of("alert").len() > 300);
    for reason in ["timeout", "forced", "shutdown"] {
        assert!(events.of("flow").iter().any(|f| f["flow"]["reason"] == reason && f["proto"] == "UDP"), "{reason}");
    }
    for workers in ["2", "3", "8"] {
        assert!(run(workers) == one, "{workers} workers");
    }
}

fn file_in(dir: &Dir, name: &str) -> String {
    dir.path(name).into_os_string().into_string().unwrap()
}

/// A capture of frames as they are, a millisecond apart.
fn raw_pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = pcap(&[]);
    for (n, frame) in (0_u32..).zip(frames) {
        let len = u32::try_from(frame.len()).unwrap();
        file.extend([1_700_000_000, n * 1_000, len, len].iter().flat_map(|field| field.to_le_bytes()));
        file.extend(frame);
    }
    file
}
