//! The same bytes give the same session, however they travel: cut into segments and records anywhere, out of order, more than
//! once, with sequence numbers that wrap.

use std::sync::LazyLock;

use portcullis::packet::OverlapPolicy;
use proptest::prelude::*;
use serde_json::Value;

use crate::util::tls::{Flights, MUTUAL_TLS12, MUTUAL_TLS13, recut};
use crate::util::{Conversation, Events, Packet, Portcullis, Side, replay};

/// What must not change: the whole `tls` and `portcullis` objects, the anomalies, and whose session it is. Left out is what tells
/// of the packets themselves: the time and number of the packet that completed the session, and the `flow_id` made of the first.
fn content(events: &Events) -> (Value, Value, Vec<Value>, Vec<String>) {
    let session = events.session();
    let whose = ["src_ip", "src_port", "dest_ip", "dest_port", "community_id", "app_proto"];
    (
        session["tls"].clone(),
        session["portcullis"].clone(),
        whose.iter().map(|key| session[key].clone()).collect(),
        events.anomalies().iter().map(|a| (*a).to_owned()).collect(),
    )
}

/// A real handshake, and the content of its events when nothing is odd about how it travels.
struct Sample {
    flights: &'static Flights,
    expected: (Value, Value, Vec<Value>, Vec<String>),
}

impl Sample {
    fn of(flights: &'static Flights) -> Self {
        let events = replay(&Conversation::new().flights(flights, 1_460).close().packets);
        Self { flights, expected: content(&events) }
    }
}

static TLS12: LazyLock<Sample> = LazyLock::new(|| Sample::of(&MUTUAL_TLS12));
static TLS13: LazyLock<Sample> = LazyLock::new(|| Sample::of(&MUTUAL_TLS13));

/// Both samples, so that each property is held against each.
fn samples() -> [&'static Sample; 2] {
    [&TLS12, &TLS13]
}

#[test]
fn the_samples_show_all_that_the_properties_are_about() {
    let (tls, more, _, anomalies) = &TLS12.expected;
    assert_eq!((&tls["version"], &tls["sni"]), (&"TLS 1.2".into(), &"www.shop.example".into()));
    assert_eq!(more["chain"].as_array().unwrap().len(), 2);
    assert_eq!(more["client_chain"].as_array().unwrap().len(), 2);
    assert_eq!((&more["stage"], anomalies.len()), (&"dark".into(), 0));
    let (tls, more, _, anomalies) = &TLS13.expected;
    assert_eq!((&tls["version"], &tls["sni"]), (&"TLS 1.3".into(), &"www.shop.example".into()));
    assert_eq!((&more["stage"], anomalies.len()), (&"dark".into(), 0));
}

#[test]
fn segments_of_one_byte() {
    for sample in samples() {
        let events = replay(&Conversation::new().flights(sample.flights, 1).close().packets);
        assert_eq!(content(&events), sample.expected);
    }
}

#[test]
fn records_of_one_byte_in_segments_of_one_byte() {
    for sample in samples() {
        for segment in [1, 1_460] {
            let flights = recut(sample.flights, &[1]);
            let events = replay(&Conversation::new().flights(&flights, segment).close().packets);
            assert_eq!(content(&events), sample.expected, "segments of {segment}");
        }
    }
}

#[test]
fn sequence_numbers_that_wrap_anywhere() {
    for sample in samples() {
        for before in [0, 1, 2, 5, 100, 517, 1_000, 2_000] {
            let isn = u32::MAX - before;
            let opened = Conversation::with_isns("10.0.0.1:40000", "192.0.2.1:443", isn, isn);
            let events = replay(&opened.flights(sample.flights, 100).close().packets);
            assert_eq!(content(&events), sample.expected, "{before} bytes before the wrap");
        }
    }
}

#[test]
fn each_flight_backwards() {
    for sample in samples() {
        for size in [60, 500] {
            let mut packets = Conversation::new().flights(sample.flights, size).close().packets;
            packets[3..].chunk_by_mut(|a, b| a.side == b.side).for_each(|flight| flight.reverse());
            Conversation::retime(&mut packets);
            assert_eq!(content(&replay(&packets)), sample.expected, "segments of {size}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_into_segments(sizes in lengths(1_460), tls13: bool) {
        let sample = samples()[usize::from(tls13)];
        prop_assert_eq!(content(&replay(&cut(sample.flights, &sizes))), sample.expected.clone());
    }

    #[test]
    fn any_cut_into_records(records in lengths(600), segments in lengths(1_460), tls13: bool) {
        let sample = samples()[usize::from(tls13)];
        let flights = recut(sample.flights, &records);
        prop_assert_eq!(content(&replay(&cut(&flights, &segments))), sample.expected.clone());
    }

    #[test]
    fn any_order_within_the_window(sizes in lengths(700), keys in prop::collection::vec(0_usize..16, 1..200), tls13: bool) {
        let sample = samples()[usize::from(tls13)];
        let packets = shuffled(cut(sample.flights, &sizes), &keys);
        prop_assert_eq!(content(&replay(&packets)), sample.expected.clone());
    }

    #[test]
    fn any_repetition(sizes in lengths(700), copies in copies(), last: bool, tls13: bool) {
        let sample = samples()[usize::from(tls13)];
        let packets = repeated(cut(sample.flights, &sizes), &copies);
        prop_assert_eq!(content(&by_policy(last).run(&packets)), sample.expected.clone());
    }

    #[test]
    fn all_at_once(
        records in lengths(600),
        segments in lengths(700),
        keys in prop::collection::vec(0_usize..16, 1..200),
        copies in copies(),
        last: bool,
        tls13: bool,
    ) {
        let sample = samples()[usize::from(tls13)];
        let packets = cut(&recut(sample.flights, &records), &segments);
        let packets = shuffled(repeated(packets, &copies), &keys);
        prop_assert_eq!(content(&by_policy(last).run(&packets)), sample.expected.clone());
    }
}

/// Lengths of pieces: mostly any, often tiny.
fn lengths(longest: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1 => 1_usize..8, 3 => 8..longest], 1..40)
}

/// Which packets are repeated, how much later in packets, and how many bytes each copy reaches back before its packet.
fn copies() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, usize)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20, 0_usize..300), 0..20)
}

fn by_policy(last: bool) -> Portcullis {
    let mut portcullis = Portcullis::default();
    portcullis.config.overlap = if last { OverlapPolicy::Last } else { OverlapPolicy::First };
    portcullis
}

/// The flights in segments of these sizes, which are repeated as often as needed.
fn cut(flights: &[(Side, Vec<u8>)], sizes: &[usize]) -> Vec<Packet> {
    let mut sizes = sizes.iter().copied().cycle();
    let mut conversation = Conversation::new();
    for (side, bytes) in flights {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (segment, after) = rest.split_at(sizes.next().unwrap().min(rest.len()));
            conversation = conversation.send(*side, segment);
            rest = after;
        }
        conversation = conversation.acknowledge(side.other());
    }
    conversation.close().packets
}

/// The packets after TCP's handshake, each up to 16 places late.
fn shuffled(mut packets: Vec<Packet>, delays: &[usize]) -> Vec<Packet> {
    let opening = packets.drain(..3).collect::<Vec<_>>();
    let mut keyed: Vec<(usize, Packet)> =
        packets.into_iter().enumerate().map(|(i, packet)| (i + delays[i % delays.len()], packet)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    let mut packets: Vec<Packet> = opening.into_iter().chain(keyed.into_iter().map(|(_, packet)| packet)).collect();
    Conversation::retime(&mut packets);
    packets
}

/// The packets with copies of some behind them, each with bytes that its side sent right before in front: identical ones.
fn repeated(mut packets: Vec<Packet>, copies: &[(prop::sample::Index, usize, usize)]) -> Vec<Packet> {
    let streams = [stream(&packets, Side::Client), stream(&packets, Side::Server)];
    for (which, later, reach) in copies {
        let at = which.index(packets.len() - 3) + 3;
        let mut copy = packets[at].clone();
        let (first, bytes) = &streams[copy.side as usize];
        let offset = copy.seq.wrapping_sub(*first) as usize;
        let from = offset.saturating_sub(*reach);
        if copy.payload.is_empty() {
            continue;
        }
        copy.payload = bytes[from..offset + copy.payload.len()].to_vec();
        copy.seq = first.wrapping_add(from as u32);
        packets.insert((at + 1 + later).min(packets.len()), copy);
    }
    Conversation::retime(&mut packets);
    packets
}

/// The bytes that `side` sends, and the sequence number of the first.
fn stream(packets: &[Packet], side: Side) -> (u32, Vec<u8>) {
    let data = || packets.iter().filter(|p| p.is_data_of(side));
    (data().next().unwrap().seq, data().flat_map(|p| p.payload.clone()).collect())
}
