//! `tag`: the packets that follow a match are told as they are.

use serde_json::{Value, json};

use crate::util::run::Ran;
use crate::util::tls::{self, ClientHello, NAME};
use crate::util::{Conversation, Dir, Events, Packet, Side, pcap};

/// What `portcullis replay` makes of `packets` with `rules` and `options`.
fn run(rules: &str, packets: &[Packet], options: &[&str]) -> Events {
    let dir = Dir::new();
    let (rules, capture) = (dir.file("x.rules", rules), dir.file("x.pcap", pcap(packets)));
    let args = [&["replay", "--rules", &rules, &capture][..], options].concat();
    Ran::with(args).expect(0).events()
}

/// The numbers of the packets that were told.
fn told(events: &Events) -> Vec<u64> {
    events.of("packet").iter().map(|event| event["pcap_cnt"].as_u64().unwrap()).collect()
}

fn session(client: &str) -> Conversation {
    Conversation::between(client, "192.0.2.1:443").client(&ClientHello::asking_for(NAME).record()).server(&tls::server_flight())
}

/// A session in six packets, the fourth of which is the ClientHello, and five in the dark.
fn long(client: &str) -> Vec<Packet> {
    let dark = session(client).client(&tls::finished());
    (0..5).fold(dark, |c, n| c.client(&tls::record(23, &[n; 9]))).packets
}

fn tag(text: &str) -> String {
    format!("alert tls any any -> any 443 (msg:\"name\"; tls.sni; content:\"{NAME}\"; tag:{text}; sid:1;)")
}

#[test]
fn packets_of_the_flow_are_told_up_to_the_count_also_in_the_dark() {
    for (text, expected) in [
        ("session,4,packets", &[5, 6, 7][..]),
        ("session", &[5, 6, 7, 8, 9, 10, 11]),
        ("session,1,packets", &[]),
        ("session,0,seconds", &[5, 6, 7, 8, 9, 10, 11]),
        ("session,1,bytes", &[]),
    ] {
        assert_eq!(told(&run(&tag(text), &long("10.0.0.1:40000"), &[])), expected, "{text}");
    }
}

#[test]
fn a_packet_is_told_with_all_its_bytes_beside_its_flow() {
    let packets = long("10.0.0.1:40000");
    let events = run(&tag("session,2,packets"), &packets, &["--flows"]);
    let [event, alert] = [events.of("packet")[0], events.of("alert")[0]];
    assert_eq!((&event["packet"], &event["packet_info"]), (&json!(base64(&packets[4].frame())), &json!({"linktype": 1})));
    assert_eq!((&event["flow_id"], &event["community_id"]), (&alert["flow_id"], &alert["community_id"]));
    assert_eq!((&event["src_ip"], &event["src_port"], &event["proto"]), (&json!("192.0.2.1"), &json!(443), &json!("TCP")));
    assert_eq!(event["pkt_src"], "wire/pcap");
    assert_eq!(events.counter("detect.tagged_packets"), 1);
    let order: Vec<_> = events.0.iter().map(|event| event["event_type"].as_str().unwrap()).collect();
    assert_eq!(order, ["alert", "packet", "tls", "flow", "stats"]);
}

#[test]
fn a_tagged_host_is_followed_over_all_its_flows() {
    let (first, other) = (long("10.0.0.1:40000"), long("10.0.0.2:40001"));
    let same_host = Conversation::between("10.0.0.1:50000", "192.0.2.7:443").packets;
    let packets = [&first[..5], &other, &same_host].concat();
    let (others, after) = (other.len() as u64 + 5, other.len() as u64 + 6);
    let own_alone = "alert tls 10.0.0.1 any -> any 443 (msg:\"name\"; tls.sni; content:\"www\"; tag:host,100,packets,src; sid:1;)";
    let events = run(own_alone, &packets, &[]);
    assert_eq!(told(&events), [vec![5], (after..after + 3).collect()].concat(), "and none of {others} packets of another host");
    let of_server = own_alone.replace(",src", ",dst");
    let events = run(&of_server, &packets, &[]);
    assert_eq!(told(&events), (5..=others).collect::<Vec<_>>(), "all of the server's, and none with another server");
}

#[test]
fn tags_do_not_hang_on_alerts_and_a_packet_is_told_once() {
    let rules = format!(
        "{}\n{}\nalert tls any any -> any 443 (msg:\"silent\"; tls.sni; content:\"{NAME}\"; tag:host,2,packets,src; noalert; sid:3;)",
        tag("session,2,packets"),
        tag("session,3,packets").replace("sid:1;", "sid:2;"),
    );
    let events = run(&rules, &long("10.0.0.1:40000"), &[]);
    assert_eq!((told(&events), events.alerts()), (vec![5, 6], vec!["name", "name"]));
}

#[test]
fn what_is_dropped_is_told_too() {
    let rule = tag("session,3,packets").replace("alert", "drop");
    let events = run(&rule, &long("10.0.0.1:40000"), &[]);
    assert_eq!(told(&events), [5, 6]);
    let datagrams = (0..4).fold(Conversation::of_datagrams(), |c, _| c.datagram(Side::Client, b"x")).packets;
    let rule = "drop udp any any -> any 443 (msg:\"x\"; app-layer-protocol:failed; tag:session,3,packets; sid:1;)";
    assert_eq!(told(&run(rule, &datagrams, &[])), [2, 3]);
}

#[test]
fn any_number_of_workers_tells_the_same() {
    let packets: Vec<Packet> = (0..60).flat_map(|n| long(&format!("10.0.{n}.1:{}", 40_000 + n))).collect();
    let dir = Dir::new();
    let (rules, capture) = (dir.file("x.rules", tag("session,5,packets")), dir.file("x.pcap", pcap(&packets)));
    let run = |workers| Ran::with(["replay", "--workers", workers, "--rules", &rules, &capture]).expect(0).stdout;
    let one = run("1");
    assert_eq!(Events::parse(&one).of("packet").len(), 60 * 4);
    for workers in ["2", "8"] {
        assert!(run(workers) == one, "{workers} workers");
    }
    let of_hosts = dir.file("hosts.rules", tag("host,300,packets,dst"));
    let ran = Ran::with(["replay", "--workers", "8", "--rules", &of_hosts, &capture]).expect(0);
    assert!(ran.stderr.contains("one worker"), "{}", ran.stderr);
    let is_of_other_flow = |event: &&&Value| event["src_ip"] == "10.0.1.1";
    assert!(ran.events().of("packet").iter().filter(is_of_other_flow).count() > 5);
}

/// RFC 4648 §4.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        let digit = |i| if i <= chunk.len() { char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]) } else { '=' };
        [0, 1, 2, 3].map(digit)
    };
    bytes.chunks(3).flat_map(digits).collect()
}
