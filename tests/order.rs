//! Where a connection begins: packets that the capture has in another order, and connections that follow each other on the same numbers.

use serde_json::json;

use crate::util::tcp::{ACK, RST, SYN};
use crate::util::tls::{self, ClientHello, NAME};
use crate::util::{Conversation, Events, Packet, Portcullis, Side, replay};

fn conversation(client_isn: u32, server_isn: u32, name: &str) -> Conversation {
    Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", client_isn, server_isn)
        .client(&ClientHello::asking_for(name).record())
        .server(&tls::server_flight())
        .client(&tls::finished())
        .server(&tls::finished())
}

fn with_flows(packets: &[Packet]) -> Events {
    let mut portcullis = Portcullis::default();
    portcullis.config.flow_events = true;
    portcullis.run(packets)
}

/// All orders of the numbers below `n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    match n {
        0 => vec![Vec::new()],
        _ => orders(n - 1)
            .iter()
            .flat_map(|order| {
                (0..n).map(|at| {
                    let mut order = order.clone();
                    order.insert(at, n - 1);
                    order
                })
            })
            .collect(),
    }
}

/// What is told of a session, but for the time and the number of a packet.
fn told(events: &Events) -> serde_json::Value {
    let session = events.session();
    json!([session["tls"], session["portcullis"], session["src_ip"]])
}

#[test]
fn the_first_five_packets_in_any_order_are_one_whole_session() {
    let hello = ClientHello::asking_for(NAME).record();
    let in_one = conversation(1_000_000, 3_000_000_000, NAME);
    let in_two = Conversation::new()
        .send_in_segments(Side::Client, &hello, 100)
        .server(&tls::server_flight())
        .client(&tls::finished())
        .server(&tls::finished());
    for (what, conversation) in [("the hello in one segment", in_one), ("in two", in_two)] {
        let expected = told(&replay(&conversation.packets));
        assert_eq!(expected[1]["view"]["to_server"], json!({"seen": true, "whole": true, "dark": true}));
        for order in orders(5) {
            let mut packets = conversation.packets.clone();
            for (to, from) in order.iter().enumerate() {
                packets[to] = conversation.packets[*from].clone();
            }
            Conversation::retime(&mut packets);
            let events = with_flows(&packets);
            assert_eq!(told(&events), expected, "{what}, {order:?}");
            assert_eq!(events.of("flow").len(), 1, "{what}, {order:?}");
            assert_eq!(events.anomalies(), [""; 0], "{what}, {order:?}");
        }
    }
}

#[test]
fn a_syn_or_syn_ack_that_comes_late_takes_back_what_was_said_for_want_of_it() {
    let whole = conversation(1_000_000, 3_000_000_000, NAME);
    let expected = told(&replay(&whole.packets));
    for late in [0, 1] {
        for to in 2..whole.packets.len() - 1 {
            let mut packets = whole.packets.clone();
            let moved = packets.remove(late);
            packets.insert(to, moved);
            Conversation::retime(&mut packets);
            assert_eq!(told(&replay(&packets)), expected, "packet {late} moved to {to}");
        }
    }
}

#[test]
fn on_a_reused_port_the_first_five_packets_in_any_order_are_one_whole_session() {
    let first = conversation(1_000_000, 3_000_000_000, "first.example");
    let second = conversation(900_000_000, 8_000_000, "second.example");
    for order in orders(5) {
        let of_second = order.iter().copied().chain(5..second.packets.len()).map(|i| second.packets[i].clone());
        let mut packets: Vec<Packet> = first.packets.iter().cloned().chain(of_second).collect();
        Conversation::retime(&mut packets);
        let events = with_flows(&packets);
        assert_eq!(events.names(), ["first.example", "second.example"], "{order:?}");
        assert_eq!(events.of("flow").len(), 2, "{order:?}");
        let view = &events.sessions()[1]["portcullis"]["view"];
        assert_eq!((&view["to_server"]["whole"], &view["to_client"]["whole"]), (&json!(true), &json!(true)), "{order:?}");
    }
}

#[test]
fn a_syn_far_from_what_came_before_it_or_long_after_is_none_of_the_flow() {
    let hello = ClientHello::asking_for(NAME).record();
    let joined = || Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 1_000_000, 3_000_000_000).client(&hello);
    let far = joined().flags_at(Side::Client, SYN, 500_000_000, b"");
    let late = joined().wait(std::time::Duration::from_secs(4)).flags_at(Side::Client, SYN, -1, b"");
    for (what, conversation) in [("far", far), ("late", late)] {
        let events = replay(&conversation.packets);
        assert_eq!(events.session()["portcullis"]["view"]["to_server"]["midstream"], true, "{what}");
    }
}

#[test]
fn a_client_that_uses_its_initial_number_again_begins_a_new_session() {
    let first = conversation(1_000_000, 3_000_000_000, "first.example");
    let untold = Conversation::new().client(&ClientHello::asking_for("first.example").record()).server(&tls::server_hello());
    for (what, first) in [
        ("left open", first.clone()),
        ("closed", first.clone().close()),
        ("not told", untold.clone()),
        ("not told, and closed", untold.clone().close()),
        ("not told, and reset", untold.flags_at(Side::Server, RST | ACK, 0, b"")),
    ] {
        let second = conversation(1_000_000, 8_000_000, "second.example");
        let mut packets = [first.packets, second.packets].concat();
        Conversation::retime(&mut packets);
        let events = with_flows(&packets);
        assert_eq!(events.names(), ["first.example", "second.example"], "{what}");
        assert_eq!(events.sessions()[1]["portcullis"]["stage"], "dark", "{what}");
        assert_eq!(events.of("flow").len(), 2, "{what}");

        let rules = "drop tls any any -> any any (tls.sni; content:\"second.example\"; sid:1;)";
        let events = Portcullis::default().rules(rules).run(&packets);
        assert_eq!(events.sessions()[1]["portcullis"]["dropped"], true, "{what}");
    }
}

#[test]
fn a_syn_that_is_only_sent_again_begins_nothing() {
    let whole = conversation(1_000_000, 3_000_000_000, NAME);
    for at in 1..=whole.packets.len() {
        for copies in [1, 2] {
            let mut packets = whole.packets.clone();
            let again: Vec<Packet> = whole.packets[..copies].to_vec();
            packets.splice(at..at, again);
            Conversation::retime(&mut packets);
            let events = with_flows(&packets);
            assert_eq!((events.names(), events.of("flow").len()), (vec![NAME], 1), "{copies} before packet {at}");
            assert_eq!(events.session()["portcullis"]["stage"], "dark", "{copies} before packet {at}");
        }
    }
}

#[test]
fn what_a_new_connection_says_unanswered_beyond_what_is_kept_is_marked() {
    let first = conversation(1_000_000, 3_000_000_000, "first.example");
    let hello = ClientHello::new().extension(21, &[0; 400]).server_name("second.example").record();
    for (size, degraded) in [(100, None), (10, Some(true))] {
        let again = Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", 900_000_000, 8_000_000);
        let mut second = again.send_in_segments(Side::Client, &hello, size).server(&tls::server_flight()).close().packets;
        let answer = second.remove(1);
        let data = second.iter().position(|p| p.side == Side::Server).unwrap();
        second.insert(data, answer);
        let mut packets = [first.packets.clone(), second].concat();
        Conversation::retime(&mut packets);
        let events = replay(&packets);
        let view = &events.sessions()[1]["portcullis"]["view"]["to_server"];
        assert_eq!(view.get("degraded"), degraded.map(|d| json!(d)).as_ref(), "segments of {size}");
    }
}
