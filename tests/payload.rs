//! Rules about payload, on streams as captures have them.

use crate::util::tls::{self, ClientHello, HEARTBEAT, NAME};
use crate::util::{Conversation, Events, Packet, Portcullis, Side};

/// A request for 16 KiB that carries nothing: RFC 6520 §4, CVE-2014-0160.
const HEARTBLEED: &str = r#"alert tcp any any -> any 443 (msg:"heartbleed"; flow:established,to_server; content:"|18 03|"; byte_test:2,<,200,1,relative; content:"|01|"; distance:3; within:1; byte_test:2,>,200,0,relative; sid:1;)"#;

fn run(rules: &str, packets: &[Packet]) -> Events {
    Portcullis::default().rules(rules).run(packets)
}

/// A TLS 1.2 handshake that the client begins with `hello`, `extra` and goes on with after the server's hello.
fn handshake(hello: &[u8], extra: &[u8], size: usize) -> Vec<Packet> {
    let start = Conversation::new().send_in_segments(Side::Client, hello, size).server(&tls::server_flight());
    let dark = start.send_in_segments(Side::Client, extra, size).client(&tls::finished()).server(&tls::finished());
    dark.client(&tls::record(23, b"secret")).server(&tls::record(23, b"secret")).packets
}

#[test]
fn a_heartbeat_before_the_handshake_ends_is_found_however_it_is_cut() {
    let hello = ClientHello::asking_for(NAME).record();
    let honest = tls::record(HEARTBEAT, &[&[1, 0, 4][..], b"ping", &[0; 16]].concat());
    for (record, expected) in [(tls::record(HEARTBEAT, &[1, 0x40, 0]), 1), (honest, 0)] {
        for size in [1_400, 4, 1] {
            let events = run(HEARTBLEED, &handshake(&hello, &record, size));
            assert_eq!(events.alerts().len(), expected, "segments of {size}");
        }
    }
}

#[test]
fn a_content_cut_over_segments_is_in_the_stream_and_in_no_packet() {
    let hello = ClientHello::asking_for(NAME).record();
    let rules = format!(
        "alert tcp-stream any any -> any 443 (msg:\"stream\"; content:\"{NAME}\"; sid:1;)\n\
         alert tcp-pkt any any -> any 443 (msg:\"packet\"; content:\"{NAME}\"; sid:2;)"
    );
    for (size, expected) in [(1_400, &["stream", "packet"][..]), (5, &["stream"])] {
        let mut events = run(&rules, &handshake(&hello, &[], size)).alerts().iter().map(|a| (*a).to_owned()).collect::<Vec<_>>();
        events.sort_by_key(|a| a == "packet");
        assert_eq!(events, expected, "segments of {size}");
    }
}

#[test]
fn segments_out_of_order_are_one_stream() {
    let hello = ClientHello::asking_for(NAME).record();
    let at = hello.windows(NAME.len()).position(|w| w == NAME.as_bytes()).unwrap() + 3;
    let mut packets = handshake(&hello, &[], at);
    let first = packets.iter().position(|p| p.payload == hello[..at]).unwrap();
    packets.swap(first, first + 1);
    let rule = format!("alert tcp any any -> any 443 (msg:\"name\"; content:\"{NAME}\"; sid:1;)");
    assert_eq!(run(&rule, &packets).alerts(), ["name"]);
}

#[test]
fn nothing_is_looked_at_once_it_is_dark() {
    let hello = ClientHello::asking_for(NAME).record();
    for protocol in ["tcp", "tcp-pkt", "tcp-stream", "ip"] {
        let rule = format!("alert {protocol} any any -> any any (msg:\"x\"; content:\"secret\"; sid:1;)");
        assert_eq!(run(&rule, &handshake(&hello, &[], 1_400)).alerts(), [""; 0], "{protocol}");
    }
}

/// A session whose sides agree on heartbeats is watched in the dark, and rules see no more of it than of others.
#[test]
fn nothing_is_looked_at_where_it_is_watched_for_heartbeats() {
    let hello = ClientHello::asking_for(NAME).extension(15, &[1]).record();
    let flight = [tls::server_hello_with_heartbeats(), tls::record(tls::HANDSHAKE, &tls::message(14, b""))].concat();
    let dark = Conversation::new().client(&hello).server(&flight).client(&tls::finished()).server(&tls::finished());
    let secret = tls::record(23, b"secret");
    let packets = (0..3).fold(dark, |c, _| c.client(&secret).server(&secret)).packets;
    for (protocol, content, expected) in [
        ("tcp", "secret", 0),
        ("tcp-pkt", "secret", 0),
        ("tcp-stream", "secret", 0),
        ("ip", "secret", 0),
        ("tcp", "|14 03 03 00 01 01|", 2),
    ] {
        let rule = format!("alert {protocol} any any -> any any (msg:\"x\"; content:\"{content}\"; sid:1;)");
        let events = run(&rule, &packets);
        assert_eq!(events.alerts().len(), expected, "{protocol} {content}");
    }
}

#[test]
fn the_segment_that_takes_a_side_to_the_dark_is_looked_at() {
    // ChangeCipherSpec (RFC 5246 §7.1), from either side.
    let rule = r#"alert tcp any any -> any any (msg:"x"; content:"|14 03 03 00 01 01|"; sid:1;)"#;
    let events = run(rule, &handshake(&ClientHello::asking_for(NAME).record(), &[], 1_400));
    assert_eq!(events.alerts(), ["x", "x"]);
}

#[test]
fn what_is_not_tls_is_looked_at_too() {
    let packets = Conversation::new().client(b"GET / HTTP/1.1\r\n\r\n").server(b"HTTP/1.1 200 OK\r\n\r\n").packets;
    for protocol in ["tcp", "tcp-pkt", "tcp-stream", "ip"] {
        let rule =
            format!("alert {protocol} any any -> any any (msg:\"x\"; flow:to_server; content:\"GET /\"; startswith; sid:1;)");
        assert_eq!(run(&rule, &packets).alerts(), ["x"], "{protocol}");
    }
    let late = Conversation::new().client(b"GET / HTTP/1.1\r\n\r\n").client(b"more").packets;
    assert_eq!(run(r#"alert tcp any any -> any any (msg:"x"; content:"more"; sid:1;)"#, &late).alerts(), ["x"]);
}
