//! In the path: what goes on is what was inspected, and no part of a forbidden hello does.

use std::sync::Arc;
use std::time::Duration;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use portcullis::base::Timestamp;
use portcullis::engine::Config;
use portcullis::engine::inline::{Answers, Fate, Injection, Inline, InlineSettings, Policies, Policy, Ticket, Way};
use portcullis::packet::{DecoderConfig, Frame, LinkType};

use crate::util::run::{Lines, START, load};
use crate::util::tcp::{ACK, FIN, RST, SYN, URG};
use crate::util::tls::{self, ClientHello, MUTUAL_TLS12, MUTUAL_TLS13, NAME};
use crate::util::{Conversation, Events, Packet, Side};

const EVIL: &str = "evil.example";
const RULE: &str = r#"drop tls any any -> any any (msg:"evil"; tls.sni; content:"evil.example"; endswith; sid:1;)"#;

/// The path, and what came out of it.
struct Path {
    inline: Inline,
    lines: Lines,
    /// The frames handed in, by their tickets.
    frames: Vec<Vec<u8>>,
    fates: Vec<Option<Fate>>,
    /// Those that went on, in order.
    passed: Vec<usize>,
    injections: Vec<Injection>,
}

impl Path {
    fn new(rules: &str) -> Self {
        Self::with(rules, InlineSettings::default(), Config::default())
    }

    fn with(rules: &str, settings: InlineSettings, config: Config) -> Self {
        let inline = Inline::new(settings, DecoderConfig::default(), config, Arc::new(load(rules)), Arc::new([]));
        let lines = Lines::default();
        Self { inline, lines, frames: Vec::new(), fates: Vec::new(), passed: Vec::new(), injections: Vec::new() }
    }

    fn take(&mut self, out: Answers) {
        for (ticket, fate) in out.fates {
            let index = ticket.0 as usize;
            assert_eq!(self.fates[index].replace(fate), None, "frame {index} is answered once");
            if fate != Fate::Drop {
                self.passed.push(index);
            }
        }
        self.injections.extend(out.injections);
    }

    fn frame(&mut self, data: &[u8], time: Duration, ingress: u32) {
        let ticket = Ticket(self.frames.len() as u64);
        self.frames.push(data.to_vec());
        self.fates.push(None);
        let frame = Frame {
            data,
            link: LinkType::Ethernet,
            timestamp: Timestamp::from_parts(START, 0).saturating_add(time),
            original_len: data.len() as u32,
            capture: ingress,
            number: ticket.0 + 1,
        };
        let mut out = Answers::default();
        self.inline.process(&frame, ticket, &mut self.lines, &mut out);
        self.take(out);
    }

    fn send(mut self, packets: &[Packet]) -> Self {
        for packet in packets {
            self.frame(&packet.frame(), packet.time, 0);
        }
        self
    }

    fn wait(&mut self, time: Duration) {
        let mut out = Answers::default();
        self.inline.tick(Timestamp::from_parts(START, 0).saturating_add(time), &mut self.lines, &mut out);
        self.take(out);
    }

    /// The bytes that the client's frames carried which went on, one after the other.
    fn reached_server(&self) -> Vec<u8> {
        self.payloads(|port| port == 443)
    }

    fn reached_client(&self) -> Vec<u8> {
        self.payloads(|port| port != 443)
    }

    fn payloads(&self, to: impl Fn(u16) -> bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &index in &self.passed {
            let packet = SlicedPacket::from_ethernet(&self.frames[index]).unwrap();
            if let Some(TransportSlice::Tcp(tcp)) = packet.transport
                && to(tcp.destination_port())
            {
                bytes.extend(tcp.payload());
            }
        }
        bytes
    }

    fn counter(&self, name: &str) -> u64 {
        let (counters, path) = (self.inline.counters().named(), self.inline.path_counters().named());
        counters.into_iter().chain(path).find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no counter {name}")).1
    }

    /// Ends, and gives the events.
    fn events(mut self) -> Events {
        let mut out = Answers::default();
        self.inline.finish(&mut self.lines, &mut out);
        self.take(out);
        assert!(self.fates.iter().all(Option::is_some), "no frame waits for ever");
        Events::parse(&self.lines.bytes)
    }
}

fn reasons(events: &Events) -> Vec<&str> {
    events.of("drop").iter().map(|d| d["drop"]["reason"].as_str().unwrap()).collect()
}

fn hello(name: &str) -> Vec<u8> {
    ClientHello::asking_for(name).record()
}

/// Where the name stands in the hello that asks for it.
fn place(name: &str) -> i64 {
    hello(name).windows(name.len()).position(|w| w == name.as_bytes()).unwrap() as i64
}

/// Byte by byte, one segment each.
fn single_bytes(bytes: &[u8]) -> Conversation {
    Conversation::new().send_in_segments(Side::Client, bytes, 1)
}

fn reversed(bytes: &[u8], size: usize) -> Conversation {
    let chunks: Vec<_> = bytes.chunks(size).enumerate().collect();
    let conversation =
        chunks.into_iter().rev().fold(Conversation::new(), |c, (i, chunk)| c.at(Side::Client, (i * size) as i64, chunk));
    conversation.lost(Side::Client, bytes.len())
}

/// What goes on reaches the other side byte for byte, whatever the segments.
#[test]
fn what_is_allowed_arrives_whole() {
    for (what, flights) in [("TLS 1.2", &MUTUAL_TLS12), ("TLS 1.3", &MUTUAL_TLS13)] {
        for size in [1, 7, 1_460] {
            let conversation = Conversation::new().flights(flights, size).close();
            let path = Path::new(RULE).send(&conversation.packets);
            let sent = |side| flights.iter().filter(|(s, _)| *s == side).flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>();
            assert_eq!(path.reached_server(), sent(Side::Client), "{what}, {size}");
            assert_eq!(path.reached_client(), sent(Side::Server), "{what}, {size}");
            assert_eq!(path.counter("ips.blocked"), 0, "{what}, {size}");
            assert_eq!(path.counter("portcullis.inline.memuse"), 0, "{what}, {size}: all was acknowledged");
            let events = path.events();
            assert_eq!(events.session()["tls"]["sni"], NAME, "{what}, {size}");
        }
    }
}

/// However a forbidden hello comes, not a byte of it goes on; an allowed one that comes in the same way arrives whole.
#[test]
fn no_part_of_a_forbidden_hello_goes_on() {
    type Make = fn(&[u8]) -> Conversation;
    let ways: [(&str, Make); 12] = [
        ("in one segment", |h| Conversation::new().client(h)),
        ("in two segments", |h| Conversation::new().send_in_segments(Side::Client, h, 60)),
        ("in single bytes", single_bytes),
        ("reversed", |h| reversed(h, 20)),
        ("reversed bytes", |h| reversed(h, 1)),
        ("each twice", |h| {
            let c = Conversation::new();
            let sent = h
                .chunks(30)
                .enumerate()
                .fold(c, |c, (i, part)| c.at(Side::Client, i as i64 * 30, part).at(Side::Client, i as i64 * 30, part));
            sent.lost(Side::Client, h.len())
        }),
        ("overlapping by half", |h| {
            let c = Conversation::new();
            let sent = (0..h.len()).step_by(10).fold(c, |c, i| c.at(Side::Client, i as i64, &h[i..h.len().min(i + 20)]));
            sent.lost(Side::Client, h.len())
        }),
        ("in records of one byte", |h| Conversation::new().client(&tls::records(&h[5..], 1))),
        ("in records and segments of two bytes", |h| {
            Conversation::new().send_in_segments(Side::Client, &tls::records(&h[5..], 2), 2)
        }),
        ("over IPv6", |h| Conversation::between("[2001:db8::1]:40000", "[2001:db8::2]:443").send_in_segments(Side::Client, h, 50)),
        ("with a FIN behind it", |h| {
            let end = h.len() as i64;
            Conversation::new().send_in_segments(Side::Client, h, 40).flags_at(Side::Client, FIN | ACK, end, b"")
        }),
        ("behind a wrap of the sequence numbers", |h| {
            Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", u32::MAX - 20, 5).send_in_segments(Side::Client, h, 9)
        }),
    ];
    for (what, make) in ways {
        let forbidden = Path::new(RULE).send(&make(&hello(EVIL)).packets);
        assert_eq!(forbidden.reached_server(), b"", "{what}");
        let events = forbidden.events();
        assert_eq!(events.alerts(), ["evil"], "{what}");
        assert_eq!(events.session()["tls"]["sni"], EVIL, "{what}");
        let reasons = reasons(&events);
        assert_eq!(reasons.iter().filter(|r| **r == "rules").count(), 1, "{what}");
        assert!(reasons.iter().all(|r| ["rules", "flow drop"].contains(r)), "{what}: {reasons:?}");

        let allowed = Path::new(RULE).send(&make(&hello("good.example")).packets);
        let reached = allowed.reached_server();
        assert_eq!(allowed.counter("ips.blocked"), 0, "{what}");
        for byte in [hello("good.example").len() - 1, 5] {
            let whole = hello("good.example");
            assert!(reached.contains(&whole[byte]) && reached.len() >= whole.len(), "{what}");
        }
        assert_eq!(allowed.events().session()["tls"]["sni"], "good.example", "{what}");
    }
}

#[test]
fn a_hello_in_vlans_or_fragments_is_held_as_any_other() {
    for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100]] {
        for mtu in [1_500, 120] {
            for (name, expected) in [(EVIL, false), ("good.example", true)] {
                let packets = Conversation::new().send_in_segments(Side::Client, &hello(name), 100).packets;
                let mut path = Path::new(RULE);
                for (number, packet) in (0_u16..).zip(&packets) {
                    for frame in fragments(&tagged(&packet.frame(), tags), tags.len() * 4, mtu, number) {
                        path.frame(&frame, packet.time, 0);
                    }
                }
                let client = packets[3..].iter().map(|p| p.frame().len()).sum::<usize>();
                let hello_frames = path.passed.iter().filter(|&&i| path.frames[i].len() > 80 + tags.len() * 4).count();
                assert_eq!(hello_frames > 0, expected, "{name} behind {tags:x?}, {mtu}, {client}");
                let events = path.events();
                assert_eq!(events.session()["tls"]["sni"], name, "{tags:x?} {mtu}");
            }
        }
    }
}

/// The frame with these VLAN tags.
fn tagged(frame: &[u8], tags: &[u16]) -> Vec<u8> {
    let tags: Vec<u8> = tags.iter().flat_map(|tpid| [&tpid.to_be_bytes()[..], &[0, 7]].concat()).collect();
    [&frame[..12], &tags, &frame[12..]].concat()
}

/// The IPv4 frame, whose header begins 14 bytes behind its tags, in fragments with at most `mtu` bytes of IP.
fn fragments(frame: &[u8], tags: usize, mtu: usize, id: u16) -> Vec<Vec<u8>> {
    let (link, ip) = frame.split_at(14 + tags);
    let (header, payload) = ip.split_at(20);
    let size = (mtu - 20) / 8 * 8;
    let count = payload.len().div_ceil(size);
    let fragment = |(i, part): (usize, &[u8])| {
        let more = u16::from(i + 1 < count) << 13;
        let mut header = header.to_vec();
        header[2..4].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
        header[4..6].copy_from_slice(&id.to_be_bytes());
        header[6..8].copy_from_slice(&(more | (i * size / 8) as u16).to_be_bytes());
        [link, &header, part].concat()
    };
    payload.chunks(size).enumerate().map(fragment).collect()
}

/// A copy that says something else than what went on is stopped: whichever of the two its receiver would take, it gets one.
#[test]
fn a_copy_that_differs_does_not_go_on() {
    let good = hello("good.example");
    let at = place("good.example");
    for (what, conversation) in [
        ("behind the hello", Conversation::new().client(&good).at(Side::Client, at, EVIL.as_bytes())),
        (
            "within the hello",
            Conversation::new().at(Side::Client, 0, &good[..70]).at(Side::Client, at, EVIL.as_bytes()).at(
                Side::Client,
                70,
                &good[70..],
            ),
        ),
        ("around the end", Conversation::new().at(Side::Client, 0, &good[..at as usize + 4]).at(Side::Client, at, EVIL.as_bytes())),
        (
            "a decoy that dies on the way",
            Conversation::new().at(Side::Client, 0, &good).at(Side::Client, 0, &hello(EVIL)).at(Side::Client, 0, &hello(EVIL)),
        ),
    ] {
        let path = Path::new(RULE).send(&conversation.packets);
        let reached = path.reached_server();
        assert!(!reached.windows(4).any(|w| w == b"evil"), "{what}");
        let events = path.events();
        assert!(reasons(&events).contains(&"stream reassembly"), "{what}: {:?}", reasons(&events));
    }
}

#[test]
fn the_same_bytes_sent_again_go_on() {
    let good = hello("good.example");
    let again = Conversation::new().client(&good).at(Side::Client, 0, &good).at(Side::Client, 10, &good[10..]);
    let path = Path::new(RULE).send(&again.packets);
    assert_eq!(path.reached_server(), [&good[..], &good, &good[10..]].concat());
    assert_eq!(path.counter("ips.blocked"), 0);
}

#[test]
fn what_no_receiver_takes_goes_nowhere() {
    let good = hello("good.example");
    let start = || Conversation::new();
    for (what, conversation, reason) in [
        ("without ACK", start().flags_at(Side::Client, 0, 0, &good), "stream error"),
        ("far ahead", start().at(Side::Client, 5_000_000, &good), "stream error"),
        ("far behind", start().at(Side::Client, -5_000_000, &good), "stream error"),
        ("an ACK of what was never sent", start().client(&good).but(|p| p.ack += 5_000), "stream error"),
        ("a reset far off", start().flags_at(Side::Client, RST | ACK, 5_000_000, b""), "stream error"),
        ("urgent data", start().flags_at(Side::Client, ACK | URG, 0, &good), "stream urgent"),
        (
            "a SYN with data",
            Conversation::unopened("10.0.0.1:4000", "192.0.2.1:443", 1, 2).flags_at(Side::Client, SYN, -1, &good),
            "stream error",
        ),
        ("behind a FIN", start().flags_at(Side::Client, FIN | ACK, 0, b"").at(Side::Client, 0, &good), "stream error"),
        (
            "a SYN-ACK to no SYN",
            Conversation::unopened("10.0.0.1:4000", "192.0.2.1:443", 1, 2)
                .flags_at(Side::Client, SYN, -1, b"")
                .flags_at(Side::Server, SYN | ACK, -1, b"")
                .but(|p| p.ack += 9),
            "stream error",
        ),
    ] {
        let path = Path::new(RULE).send(&conversation.packets);
        assert_eq!(path.reached_server(), b"", "{what}");
        assert_eq!(path.fates.last(), Some(&Some(Fate::Drop)), "{what}");
        assert_eq!(reasons(&path.events()), [reason], "{what}");
    }
}

/// A reset, a SYN or a FIN that dies on the way ends nothing for the server: what comes behind it is judged all the same.
#[test]
fn pretences_do_not_blind() {
    let evil = hello(EVIL);
    for (what, conversation) in [
        ("a reset", Conversation::new().flags_at(Side::Client, RST, 0, b"").client(&evil)),
        ("a reset with ACK", Conversation::new().flags_at(Side::Client, RST | ACK, 0, b"").client(&evil)),
        ("a reset of the server's", Conversation::new().flags_at(Side::Server, RST, 0, b"").client(&evil)),
        ("another SYN", Conversation::new().flags_at(Side::Client, SYN, 70_000, b"").client(&evil)),
        ("a SYN with the same number", Conversation::new().flags_at(Side::Client, SYN, -1, b"").client(&evil)),
        ("a SYN before the server's answer", {
            let mut c = Conversation::new().client(&evil);
            let decoy = Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 77, 3).flags_at(Side::Client, SYN, -1, b"");
            c.packets.splice(1..1, decoy.packets);
            Conversation::retime(&mut c.packets);
            c
        }),
        ("a FIN ahead", Conversation::new().flags_at(Side::Client, FIN | ACK, 4_000, b"").client(&evil)),
    ] {
        let path = Path::new(RULE).send(&conversation.packets);
        assert!(!path.reached_server().windows(4).any(|w| w == b"evil"), "{what}");
        assert!(path.events().alerts().contains(&"evil"), "{what}");
    }
}

#[test]
fn a_new_connection_on_the_same_ports_is_judged_anew() {
    for first in ["good.example", EVIL] {
        let mut packets = Conversation::new().client(&hello(first)).server(&tls::server_flight()).close().packets;
        let again = Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", 90_000_000, 70_000);
        packets.extend(again.client(&hello("good.example")).packets);
        let third = Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", 190_000_000, 170_000);
        packets.extend(third.send_in_segments(Side::Client, &hello(EVIL), 30).packets);
        Conversation::retime(&mut packets);
        let path = Path::new(RULE).send(&packets);
        let reached = path.reached_server();
        assert!(!reached.windows(4).any(|w| w == b"evil"), "{first}");
        assert!(reached.ends_with(&hello("good.example")), "{first}");
        assert_eq!(path.events().names(), [first, "good.example", EVIL]);
    }
}

#[test]
fn nobody_speaks_for_the_other_side() {
    let mut path = Path::new(RULE);
    for packet in Conversation::new().packets {
        path.frame(&packet.frame(), packet.time, u32::from(packet.side == Side::Server));
    }
    // The client says in the server's name that it has got all.
    let pretended = Conversation::new().server(b"").packets.pop().unwrap();
    path.frame(&pretended.frame(), pretended.time, 0);
    assert_eq!(path.fates.last(), Some(&Some(Fate::Drop)));
    assert_eq!(reasons(&path.events()), ["stream error"]);
}

#[test]
fn a_second_hello_is_held_and_must_not_ask_for_another_name() {
    let first = |name| ClientHello::asking_for(name).ciphers(&[0x1301]).tls13(&[29, 24], 32).record();
    let second = |name| ClientHello::asking_for(name).ciphers(&[0x1301]).tls13(&[24], 97).record();
    let run = |a, b| {
        let c = Conversation::new().client(&first(a)).server(&tls::hello_retry_request(24));
        Path::new(RULE).send(&c.send_in_segments(Side::Client, &second(b), 50).packets)
    };
    let path = run("good.example", "good.example");
    assert_eq!(path.reached_server(), [first("good.example"), second("good.example")].concat());
    let path = run("good.example", EVIL);
    assert_eq!(path.reached_server(), first("good.example"));
    assert!(reasons(&path.events()).contains(&"applayer error"));
}

#[test]
fn early_data_goes_on_behind_its_hello_or_not_at_all() {
    let early = tls::record(23, &[7; 3_000]);
    for (name, passes) in [("good.example", true), (EVIL, false)] {
        let hello = ClientHello::asking_for(name).ciphers(&[0x1301]).tls13(&[29], 32).extension(42, b"").record();
        let bytes = [hello, tls::record(20, &[1]), early.clone()].concat();
        let path = Path::new(RULE).send(&Conversation::new().send_in_segments(Side::Client, &bytes, 100).packets);
        assert_eq!(path.reached_server(), if passes { bytes } else { Vec::new() }, "{name}");
    }
}

#[test]
fn a_rule_on_the_certificate_acts_before_the_handshake_is_done() {
    let rule = r#"drop tls any any -> any any (msg:"shop"; tls.cert_subject; content:"www.shop.example"; sid:2;)"#;
    let conversation = Conversation::new().flights(&MUTUAL_TLS12[..], 500);
    let path = Path::new(rule).send(&conversation.packets);
    let server: Vec<u8> = MUTUAL_TLS12[1].1.clone();
    assert!(!path.reached_client().is_empty() && path.reached_client().len() < server.len(), "its end is missing");
    assert_eq!(path.reached_server(), MUTUAL_TLS12[0].1, "nothing but the hello");
    assert_eq!(path.events().alerts(), ["shop"]);
}

#[test]
fn what_waits_too_long_goes_by_policy() {
    let evil = hello(EVIL);
    let partly = || Conversation::new().client(&evil[..30]).packets;
    for (policy, passes, resets) in [(Policy::Pass, true, 0), (Policy::Drop, false, 0), (Policy::Reject, false, 2)] {
        let settings = InlineSettings { policies: Policies { gap: policy, ..Policies::default() }, ..InlineSettings::default() };
        let mut path = Path::with(RULE, settings, Config::default()).send(&partly());
        assert_eq!(path.reached_server(), b"", "{policy:?}: it waits");
        path.wait(Duration::from_millis(2_900));
        assert_eq!(path.reached_server(), b"", "{policy:?}: it still waits");
        path.wait(Duration::from_millis(3_100));
        assert_eq!(path.reached_server(), if passes { &evil[..30] } else { b"" }, "{policy:?}");
        assert_eq!(path.injections.len(), resets, "{policy:?}");
        assert_eq!(path.counter("portcullis.inline.lapsed"), 1, "{policy:?}");
        // The rest is judged, and never goes on.
        let rest = Conversation::new().lost(Side::Client, 30).client(&evil[30..]).packets.pop().unwrap();
        path.frame(&rest.frame(), Duration::from_millis(3_200), 0);
        assert_eq!(path.fates.last(), Some(&Some(Fate::Drop)), "{policy:?}");
    }
}

#[test]
fn what_is_ahead_of_a_gap_never_goes_on_before_it() {
    let evil = hello(EVIL);
    let mut path = Path::new(RULE).send(&Conversation::new().at(Side::Client, 30, &evil[30..]).packets);
    path.wait(Duration::from_secs(4));
    assert_eq!(path.reached_server(), b"");
    assert_eq!(reasons(&path.events()), ["stream reassembly"]);
}

#[test]
fn a_fragment_whose_datagram_never_is_whole_goes_nowhere() {
    let packet = Conversation::new().client(&hello("good.example")).packets.pop().unwrap();
    let parts = fragments(&packet.frame(), 0, 100, 9);
    let mut path = Path::new(RULE);
    path.frame(&parts[0], Duration::ZERO, 0);
    path.wait(Duration::from_secs(4));
    assert_eq!(path.fates, [Some(Fate::Drop)]);
    assert_eq!(reasons(&path.events()), ["defrag error"]);
}

#[test]
fn fragments_that_contradict_each_other_go_nowhere() {
    let packet = Conversation::new().client(&hello("good.example")).packets.pop().unwrap();
    let other = Conversation::new().client(&hello(EVIL)).packets.pop().unwrap();
    let (good, evil) = (fragments(&packet.frame(), 0, 100, 9), fragments(&other.frame(), 0, 100, 9));
    let mut path = Path::new(RULE);
    for part in evil[1..].iter().chain(&good) {
        path.frame(part, Duration::ZERO, 0);
    }
    path.wait(Duration::from_secs(4));
    assert!(path.passed.is_empty());
}

#[test]
fn a_flow_joined_in_the_middle_goes_by_policy() {
    let joined = || Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 5, 6).client(&hello("good.example")).packets;
    for (policy, passes) in [(Policy::Pass, true), (Policy::Drop, false), (Policy::Reject, false)] {
        let policies = Policies { midstream: policy, ..Policies::default() };
        let settings = InlineSettings { policies, ..InlineSettings::default() };
        let path = Path::with(RULE, settings, Config::default()).send(&joined());
        assert_eq!(!path.reached_server().is_empty(), passes, "{policy:?}");
        assert_eq!(path.injections.len(), if policy == Policy::Reject { 2 } else { 0 }, "{policy:?}");
        let name = format!("exception_policy.midstream.{}", format!("{policy:?}").to_lowercase());
        assert_eq!(path.counter(&name), 1);
        let reasons: Vec<String> = reasons(&path.events()).into_iter().map(str::to_owned).collect();
        assert_eq!(reasons, if passes { vec![] } else { vec!["stream midstream".to_owned()] }, "{policy:?}");
    }
}

#[test]
fn where_there_is_no_room_to_wait_policy_tells() {
    let long = ClientHello::new().extension(21, &vec![0; 20_000]).server_name("good.example").record();
    for (policy, passes) in [(Policy::Pass, true), (Policy::Drop, false)] {
        let settings = InlineSettings {
            policies: Policies { memcap: policy, ..Policies::default() },
            hold_bytes: 9_000,
            ..InlineSettings::default()
        };
        let path = Path::with(RULE, settings, Config::default());
        let path = path.send(&Conversation::new().send_in_segments(Side::Client, &long, 1_400).packets);
        assert_eq!(path.reached_server(), if passes { &long[..] } else { b"" }, "{policy:?}");
        assert_eq!(path.counter("portcullis.inline.memuse"), 0, "{policy:?}");
    }
}

#[test]
fn a_frame_that_cannot_be_decoded_goes_by_policy() {
    let mut broken = Conversation::new().client(b"x").packets.pop().unwrap().frame();
    broken[46] = 0x10; // the TCP header is said to be 4 bytes long
    for (policy, fate) in [(Policy::Pass, Fate::Pass), (Policy::Drop, Fate::Drop)] {
        let settings = InlineSettings { policies: Policies { error: policy, ..Policies::default() }, ..InlineSettings::default() };
        let mut path = Path::with(RULE, settings, Config::default());
        path.frame(&broken, Duration::ZERO, 0);
        assert_eq!(path.fates, [Some(fate)]);
    }
}

/// Sequence number, acknowledgment number and flags of a reset, and the port that it goes to.
fn reset(injection: &Injection) -> (u32, u32, bool, u16) {
    let packet = SlicedPacket::from_ethernet(&injection.frame).unwrap();
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("no TCP") };
    assert!(tcp.rst());
    let sum = match packet.net {
        Some(NetSlice::Ipv4(ip)) => tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination()).unwrap(),
        Some(NetSlice::Ipv6(ip)) => tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination()).unwrap(),
        _ => panic!("no IP"),
    };
    assert_eq!(tcp.checksum(), sum);
    (tcp.sequence_number(), tcp.acknowledgment_number(), tcp.ack(), tcp.destination_port())
}

/// RFC 9293 §3.5.2: a reset is taken whose sequence number is the next one expected. The server expects the first byte of the hello, since
/// nothing of it went on; the client what it acknowledged.
#[test]
fn a_reject_tells_those_whom_the_rule_names() {
    let (client_isn, server_isn) = (1_000_000, 3_000_000_000);
    let evil = hello(EVIL);
    let end = client_isn + 1 + evil.len() as u32;
    let to_client = (Way::Back, server_isn + 1, end, 40_000);
    let to_server = (Way::On, client_isn + 1, server_isn + 1, 443);
    for (action, expected) in [
        ("reject", vec![to_client]),
        ("rejectsrc", vec![to_client]),
        ("rejectdst", vec![to_server]),
        ("rejectboth", vec![to_client, to_server]),
        ("drop", vec![]),
    ] {
        for (client, server) in [("10.0.0.1:40000", "192.0.2.1:443"), ("[2001:db8::1]:40000", "[2001:db8::2]:443")] {
            let conversation = Conversation::between(client, server).send_in_segments(Side::Client, &evil, 60);
            let path = Path::new(&RULE.replace("drop", action)).send(&conversation.packets);
            let told: Vec<_> = path.injections.iter().map(|i| (i.way, reset(i))).map(|(w, (s, a, _, p))| (w, s, a, p)).collect();
            assert_eq!(told, expected, "{action} {client}");
        }
    }
}

#[test]
fn a_reset_has_the_tags_of_its_frame_and_its_addresses_turned_for_the_way_back() {
    let mut path = Path::new(&RULE.replace("drop", "rejectboth"));
    for packet in Conversation::new().client(&hello(EVIL)).packets {
        path.frame(&tagged(&packet.frame(), &[0x88a8, 0x8100]), packet.time, 0);
    }
    let link = |frame: &[u8]| (frame[..6].to_vec(), frame[6..12].to_vec(), frame[12..22].to_vec());
    let (to, from, rest) = link(path.frames.last().unwrap());
    assert_eq!(link(&path.injections[0].frame), (from.clone(), to.clone(), rest.clone()));
    assert_eq!(link(&path.injections[1].frame), (to, from, rest));
}

#[test]
fn a_dry_run_drops_nothing_and_says_what_it_would() {
    let settings = InlineSettings { dry_run: true, ..InlineSettings::default() };
    let conversation = Conversation::new().send_in_segments(Side::Client, &hello(EVIL), 20).server(b"x");
    let rule = RULE.replace("drop", "rejectboth");
    let mut path = Path::with(&rule, settings, Config::default()).send(&conversation.packets);
    path.wait(Duration::from_secs(10));
    assert!(path.fates.iter().all(|fate| *fate == Some(Fate::Pass)));
    assert_eq!(path.reached_server(), hello(EVIL));
    assert!(path.injections.is_empty());
    let events = path.events();
    assert_eq!(events.alerts(), ["evil"]);
    assert!(reasons(&events).contains(&"rules"));
}

#[test]
fn a_flow_that_is_done_is_said_to_be_so_once_all_is_acknowledged() {
    let conversation = Conversation::new().flights(&MUTUAL_TLS13, 1_460).client(&tls::record(23, &[1; 50])).server(b"more");
    let path = Path::new(RULE).send(&conversation.packets);
    assert_eq!(path.fates[3], Some(Fate::Pass), "the hello");
    assert_eq!(path.fates.last(), Some(&Some(Fate::PassDone)));
    let evil = Path::new(RULE).send(&Conversation::new().client(&hello(EVIL)).client(b"x").packets);
    assert!(!evil.fates.contains(&Some(Fate::PassDone)));
}

#[test]
fn what_is_not_ours_goes_on_at_once() {
    let mut path = Path::new(RULE);
    let mut udp = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(53, 53).write(&mut udp, b"x").unwrap();
    let other_port = Conversation::between("10.0.0.1:40000", "10.0.0.2:22").packets[0].frame();
    let arp = [&[0xff; 12][..], &[8, 6, 0, 1], &[0; 40]].concat();
    for frame in [udp, other_port, arp] {
        path.frame(&frame, Duration::ZERO, 0);
    }
    assert_eq!(path.fates, [Some(Fate::Pass); 3]);
}

#[test]
fn what_comes_too_fast_goes_by_policy_and_its_flow_is_not_held_to_its_order() {
    let packets = Conversation::new().send_in_segments(Side::Client, &hello("good.example"), 40).packets;
    for (policy, fate) in [(Policy::Pass, Fate::Pass), (Policy::Drop, Fate::Drop)] {
        let settings =
            InlineSettings { policies: Policies { overload: policy, ..Policies::default() }, ..InlineSettings::default() };
        let mut path = Path::with(RULE, settings, Config::default()).send(&packets[..4]);
        assert_eq!(path.reached_server(), b"", "{policy:?}: the start of the hello waits");
        let data = packets[4].frame();
        path.frames.push(data.clone());
        path.fates.push(None);
        let timestamp = Timestamp::from_parts(START, 0);
        let frame =
            Frame { data: &data, link: LinkType::Ethernet, timestamp, original_len: data.len() as u32, capture: 0, number: 5 };
        let mut out = Answers::default();
        path.inline.overload(&frame, Ticket(4), &mut path.lines, &mut out);
        path.take(out);
        assert_eq!(path.fates[4], Some(fate), "{policy:?}");
        let expected = if policy == Policy::Pass { &hello("good.example")[..80] } else { b"" };
        assert_eq!(path.reached_server(), expected, "{policy:?}");
        let reasons: Vec<String> = reasons(&path.events()).into_iter().map(str::to_owned).collect();
        assert_eq!(reasons.contains(&"overload".to_owned()), policy == Policy::Drop);
    }
}

#[test]
fn a_flow_that_was_dropped_stays_so_when_packets_come_too_fast() {
    let mut path = Path::new(RULE).send(&Conversation::new().client(&hello(EVIL)).packets);
    let again = path.frames[3].clone();
    path.frames.push(again.clone());
    path.fates.push(None);
    let timestamp = Timestamp::from_parts(START, 0);
    let frame =
        Frame { data: &again, link: LinkType::Ethernet, timestamp, original_len: again.len() as u32, capture: 0, number: 5 };
    let mut out = Answers::default();
    path.inline.overload(&frame, Ticket(4), &mut path.lines, &mut out);
    path.take(out);
    assert_eq!(path.reached_server(), b"");
    assert_eq!(reasons(&path.events()), ["rules", "flow drop"]);
}

/// A `pass` for what a flow speaks opens no way for what it turns out to be.
#[test]
fn what_was_let_pass_as_something_else_is_judged_as_tls() {
    let rules = format!("pass tcp any any -> any 443 (app-layer-protocol:!tls; sid:2;)\n{RULE}");
    let before = b"please, start\n";
    for (name, size) in [(EVIL, 7), (EVIL, 1_460), (NAME, 7), (NAME, 1_460)] {
        let talk = Conversation::new().client(before).server(b"ready\n").send_in_segments(Side::Client, &hello(name), size);
        let path = Path::new(&rules).send(&talk.packets);
        let expected = if name == EVIL { before.to_vec() } else { [&before[..], &hello(name)].concat() };
        assert_eq!(path.reached_server(), expected, "{name} in segments of {size}");
    }
}

#[test]
fn quic_that_is_forbidden_does_not_go_on_and_other_datagrams_do() {
    let rules = r#"reject quic any any -> any 443 (msg:"no QUIC"; sid:1;)"#;
    let initial = b"\xc0\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x44\x9e";
    let quic = Conversation::of_datagrams().datagram(Side::Client, initial).datagram(Side::Server, b"\x40x").packets;
    let other = Conversation::unopened("10.0.0.9:5000", "192.0.2.1:443", 0, 0).datagram(Side::Client, b"hello").packets;
    for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100]] {
        let mut path = Path::new(rules);
        for packet in quic.iter().chain(&other) {
            path.frame(&tagged(&packet.frame(), tags), packet.time, 0);
        }
        assert_eq!(path.passed, [2], "{tags:x?}");
        assert_eq!(path.fates, [Some(Fate::Drop), Some(Fate::Drop), Some(Fate::Pass)], "{tags:x?}");
        let told: Vec<_> = path.injections.iter().map(|told| told.frame[12..12 + 4 * tags.len()].to_vec()).collect();
        assert_eq!(told, [tagged(&[0; 12], tags)[12..].to_vec()], "in the same VLANs");
        assert_eq!(path.events().alerts(), ["no QUIC"], "{tags:x?}");
    }
}

/// RFC 792 and RFC 4443 §3.1: the message says that the port cannot be reached, comes from where the datagram went, and has its start.
#[test]
fn the_sender_of_a_rejected_datagram_is_told_so() {
    let payload = [7; 1_400];
    for (client, server, whole, kind) in
        [("10.0.0.1:40000", "192.0.2.1:443", 576, [3, 3]), ("[2001:db8::1]:40000", "[2001:db8::2]:443", 1_280, [1, 4])]
    {
        let sent = Conversation::unopened(client, server, 0, 0).datagram(Side::Client, &payload).packets;
        let path = Path::new(r#"reject udp any any -> any 443 (msg:"UDP"; sid:1;)"#).send(&sent);
        let [Injection { ingress: 0, way: Way::Back, frame }] = &path.injections[..] else { panic!("{:?}", path.injections) };
        let (datagram, ip) = (&path.frames[0], if whole == 576 { 20 } else { 40 });
        assert_eq!((&frame[..6], &frame[6..12], frame.len()), (&datagram[6..12], &datagram[..6], 14 + whole));
        let addresses = |frame: &[u8]| if ip == 20 { frame[26..34].to_vec() } else { frame[22..54].to_vec() };
        let sent = addresses(datagram);
        let (from, to) = sent.split_at(sent.len() / 2);
        assert_eq!(addresses(frame), [to, from].concat());
        let icmp = &frame[14 + ip..];
        assert_eq!(icmp[..2], kind);
        assert_eq!(icmp[8..], datagram[14..][..whole - ip - 8], "the datagram's own headers, and what fits of it");
        let pseudo = if ip == 20 { Vec::new() } else { [addresses(frame), vec![0, 0, 4, 0xd8, 0, 0, 0, 58]].concat() };
        let words = [&pseudo[..], icmp].concat();
        let sum: u32 = words.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "its checksum is right (RFC 1071)");
        assert_eq!(path.counter("portcullis.inline.unreachables"), 1);
    }
}

#[test]
fn nobody_else_is_told_of_a_datagram() {
    let answer = |action: &str, client: &str, server: &str| {
        let sent = Conversation::unopened(client, server, 0, 0).datagram(Side::Client, b"x").packets;
        let path = Path::new(&format!("{action} udp any any -> any 443 (sid:1;)")).send(&sent);
        assert_eq!(path.fates, [Some(Fate::Drop)], "{action} {client} {server}");
        path.injections.len()
    };
    for (action, client, server, expected) in [
        ("reject", "10.0.0.1:4000", "192.0.2.1:443", 1),
        ("rejectboth", "10.0.0.1:4000", "192.0.2.1:443", 1),
        ("rejectdst", "10.0.0.1:4000", "192.0.2.1:443", 0),
        ("drop", "10.0.0.1:4000", "192.0.2.1:443", 0),
        // RFC 1122 §3.2.2 and RFC 4443 §2.4: not about what is for many, nor to who is not one.
        ("reject", "10.0.0.1:4000", "239.1.2.3:443", 0),
        ("reject", "10.0.0.1:4000", "255.255.255.255:443", 0),
        ("reject", "0.0.0.0:4000", "192.0.2.1:443", 0),
        ("reject", "[2001:db8::1]:4000", "[ff02::1]:443", 0),
    ] {
        assert_eq!(answer(action, client, server), expected, "{action} {client} {server}");
    }
}

/// Whoever answers without a bound can be made to flood others.
#[test]
fn no_more_than_a_thousand_messages_go_out_in_a_second() {
    let packets: Vec<Packet> = (0..1_500_u16)
        .flat_map(|n| {
            Conversation::unopened(&format!("10.0.0.1:{}", 10_000 + n), "192.0.2.1:443", 0, 0).datagram(Side::Client, b"x").packets
        })
        .collect();
    let mut path = Path::new("reject udp any any -> any 443 (sid:1;)").send(&packets);
    assert_eq!((path.injections.len(), path.passed.len()), (1_000, 0));
    let later = Conversation::unopened("10.0.0.1:9999", "192.0.2.1:443", 0, 0).datagram(Side::Client, b"x").packets;
    path.frame(&later[0].frame(), Duration::from_secs(2), 0);
    assert_eq!(path.injections.len(), 1_001);
}
