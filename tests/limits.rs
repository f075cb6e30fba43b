//! Bounds of memory and time: what is over them is given up, counted and noted, and nothing else suffers.

use std::time::Duration;

use etherparse::{IpNumber, Ipv4Header};
use serde_json::json;

use crate::util::run::Ran;
use crate::util::tcp::{ACK, RST, SYN};
use crate::util::tls::{self, ClientHello, MUTUAL_TLS12, NAME};
use crate::util::{Conversation, Packet, Portcullis, Side, pcap, replay};

/// The `n`th of many clients, and the packet with which it opens a connection that goes no further.
fn lone_syn(n: u32) -> Packet {
    let client = format!("{}:{}", std::net::Ipv4Addr::from(0x0b00_0000 + n), 1_024 + n % 60_000);
    Conversation::with_isns(&client, "192.0.2.1:443", n, 0).packets.swap_remove(0)
}

/// Twenty sessions, and so many SYNs of others between their packets.
fn sessions_in_a_flood(flood: u32) -> Vec<Packet> {
    let sessions: Vec<Vec<Packet>> = (0..20)
        .map(|n| {
            let client = format!("10.0.1.{n}:40000");
            Conversation::between(&client, "192.0.2.1:443").flights(&MUTUAL_TLS12, 300).packets
        })
        .collect();
    let longest = sessions.iter().map(Vec::len).max().unwrap();
    let mut packets = Vec::new();
    for turn in 0..longest {
        packets.extend(sessions.iter().filter_map(|s| s.get(turn).cloned()));
        let share = flood / longest as u32;
        packets.extend((0..share).map(|n| lone_syn(turn as u32 * share + n)));
    }
    Conversation::retime(&mut packets);
    packets.iter_mut().for_each(|p| p.time /= 50); // 20,000 a millisecond: within the time-outs
    packets
}

#[test]
fn a_flood_of_syns_takes_no_session_away() {
    // A rule that looks at the first packet of each flow makes no difference.
    let ignored = r#"alert tcp 198.51.100.1 any -> any any (msg:"by address"; sid:1;)"#;
    for (rules, flood) in [("", 100_000), (ignored, 20_000)] {
        let mut portcullis = Portcullis::default().rules(rules);
        portcullis.config.limits.flows = 2_000;
        let (events, counters) = portcullis.run_and_count(&sessions_in_a_flood(flood));
        assert_eq!(events.names(), vec![NAME; 20]);
        let is_whole = |s: &&serde_json::Value| s["portcullis"]["stage"] == "dark" && s["tls"]["subject"] == format!("CN={NAME}");
        assert!(events.sessions().iter().all(is_whole));
        assert!(counters.flows_evicted > u64::from(flood) * 8 / 10, "{counters:?}");
    }
}

#[test]
fn over_the_limit_of_flows_the_unfinished_session_is_told_before_it_goes() {
    let packets: Vec<Packet> = (0..100)
        .flat_map(|n| {
            let hello = ClientHello::asking_for(&format!("n{n}.example")).record();
            Conversation::between(&format!("10.0.2.{n}:40000"), "192.0.2.1:443").client(&hello).server(&tls::server_hello()).packets
        })
        .collect();
    let mut portcullis = Portcullis::default();
    portcullis.config.limits.flows = 16;
    portcullis.config.flow_events = true;
    let (events, counters) = portcullis.run_and_count(&packets);
    assert_eq!(events.sessions().len(), 100);
    assert!(counters.flows_evicted >= 84, "{counters:?}");
    let forced = events.of("flow").iter().filter(|f| f["flow"]["reason"] == "forced").count();
    assert_eq!(forced as u64, counters.flows_evicted);
}

#[test]
fn over_the_limit_of_memory_the_sessions_that_lose_say_degraded() {
    // Each holds 3,000 bytes of a hello whose first byte never comes.
    let hello = ClientHello::new().extension(21, &[0; 4_000]).server_name(NAME).record();
    let packets: Vec<Packet> = (0..200)
        .flat_map(|n| {
            let opened = Conversation::between(&format!("10.0.3.{n}:40000"), "192.0.2.1:443");
            opened.client(&hello[..10]).at(Side::Client, 1_000, &hello[1_000..]).packets
        })
        .collect();
    let mut portcullis = Portcullis::default();
    portcullis.config.limits.reassembly_memory = 64 << 10;
    let (events, counters) = portcullis.run_and_count(&packets);
    assert!(counters.reassembly_memcap > 100, "{counters:?}");
    assert!(counters.reassembly_memuse <= 64 << 10, "{counters:?}");
    let degraded = events.sessions().iter().filter(|s| s["portcullis"]["view"]["to_server"]["degraded"] == true).count();
    assert_eq!(degraded as u64, counters.reassembly_memcap);
}

#[test]
fn a_handshake_over_its_limit_is_given_up_and_noted() {
    let hello = ClientHello::new().extension(21, &[0; 50_000]).server_name(NAME).record();
    let packets = Conversation::new().send_in_segments(Side::Client, &hello, 1_000).server(&tls::server_flight()).packets;
    let mut portcullis = Portcullis::default();
    portcullis.config.limits.handshake_bytes = 8 << 10;
    let (events, counters) = portcullis.run_and_count(&packets);
    let session = events.session();
    assert_eq!(session["portcullis"]["view"]["to_server"]["degraded"], true);
    assert_eq!(session["tls"]["subject"], format!("CN={NAME}"), "the server's side is not concerned");
    assert!(counters.handshake_limit > 0, "{counters:?}");
    assert_eq!(replay(&packets).names(), [NAME], "within the default limit");
}

#[test]
fn fragments_over_their_memory_are_counted() {
    let mut file = pcap(&[]);
    for n in 0..2_000_u32 {
        let payload = [0xaa; 1_024];
        let mut ip = Ipv4Header::new(payload.len() as u16, 64, IpNumber::TCP, [10, 0, 0, 1], [192, 0, 2, 1]).unwrap();
        ip.identification = n as u16;
        ip.more_fragments = true;
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        ip.write(&mut frame).unwrap();
        frame.extend(payload);
        for field in [1_700_000_000, n, frame.len() as u32, frame.len() as u32] {
            file.extend(field.to_le_bytes());
        }
        file.extend(frame);
    }
    let whole = pcap(&Conversation::new().flights(&MUTUAL_TLS12, 1_460).packets);
    file.extend(&whole[24..]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fragments.pcap");
    std::fs::write(&path, file).unwrap();
    let events = Ran::with(["replay", "--fragment-memory", "64K", path.to_str().unwrap()]).expect(0).events();
    assert_eq!(events.names(), [NAME]);
    assert_eq!(events.counter("defrag.ipv4.fragments"), 2_000);
    assert!(events.counter("defrag.max_trackers_reached") > 1_900);
}

#[test]
fn stats_tell_of_limits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flood.pcap");
    std::fs::write(&path, pcap(&(0..2_000).map(lone_syn).collect::<Vec<_>>())).unwrap();
    let events = Ran::with(["replay", "--max-flows", "160", path.to_str().unwrap()]).expect(0).events();
    assert_eq!(events.counter("flow.total"), 2_000);
    assert_eq!(events.counter("tcp.syn"), 2_000);
    assert!(events.counter("flow.end.forced") >= 1_840);
}

/// The seconds from a flow's last packet to the packet that ended it, and why it ended, with time told by `n` seconds of others.
fn end_of(first: Conversation, until: u64) -> (u64, serde_json::Value) {
    let last = first.packets.last().unwrap().time;
    let others = (1..=until).map(|s| Packet { time: last + Duration::from_secs(s), ..lone_syn(s as u32) });
    let port = first.packets[0].from.port();
    for end in 1..=until {
        let packets: Vec<Packet> = first.packets.iter().cloned().chain(others.clone().take(end as usize)).collect();
        let mut portcullis = Portcullis::default();
        portcullis.config.flow_events = true;
        portcullis.config.timeouts.closed = Duration::from_secs(10); // by default as long as that of one side
        let events = portcullis.run(&packets);
        let of_first = |f: &&&serde_json::Value| f["src_port"] == port && f["flow"]["reason"] == "timeout";
        if let Some(flow) = events.of("flow").iter().find(of_first) {
            return (end, flow["flow"]["state"].clone());
        }
    }
    (u64::MAX, json!(null))
}

#[test]
fn flows_end_by_packet_time() {
    let hello = ClientHello::asking_for(NAME).record();
    let one_sided = Conversation::new().client(&hello).only(Side::Client);
    let reset = Conversation::new().client(&hello).flags_at(Side::Server, RST, 0, b"");
    let closed = Conversation::new().client(&hello).close();
    let mut syn = Conversation::new();
    syn.packets.truncate(1);
    assert!(syn.packets[0].has(SYN));
    for (what, conversation, seconds, state) in [
        ("one SYN", syn, 60, "new"),
        ("one side", one_sided, 60, "new"),
        ("reset", reset, 10, "closed"),
        ("closed", closed, 10, "closed"),
    ] {
        let (after, as_what) = end_of(conversation, 63);
        assert_eq!(as_what, state, "{what}");
        assert!((seconds..=seconds + 1).contains(&after), "{what}: after {after} s"); // it is looked at once a second
    }
}

#[test]
fn a_quiet_session_is_followed_for_ten_minutes() {
    let quiet = |pause| {
        let hello = Conversation::new().client(&ClientHello::asking_for(NAME).record()).server(&tls::server_hello());
        let seconds = (1..pause).map(|s| Packet { time: Duration::from_secs(s), ..lone_syn(s as u32) });
        let rest = hello.clone().wait(Duration::from_secs(pause)).server(&tls::record(22, &tls::certificate(&tls::CHAIN)));
        let rest = rest.packets.into_iter().skip(hello.packets.len());
        let packets: Vec<Packet> = hello.packets.iter().cloned().chain(seconds).chain(rest).collect();
        replay(&packets)
    };
    assert_eq!(quiet(590).session()["tls"]["subject"], format!("CN={NAME}"));
    assert_eq!(quiet(610).sessions()[0]["tls"]["subject"], json!(null));
}

#[test]
fn a_loss_before_a_fast_download_takes_nothing_away_that_was_read() {
    let (hello, flight) = (ClientHello::asking_for(NAME).record(), tls::server_flight());
    let limit = 64 << 10;
    let lossy = Conversation::new().client(&hello).server(&flight).lost(Side::Server, 1_000);
    let packets = lossy.send_in_segments(Side::Server, &vec![0x5a; 2 * limit], 1_460).packets;
    let mut portcullis = Portcullis::default();
    portcullis.config.limits.handshake_bytes = limit;
    let (events, counters) = portcullis.run_and_count(&packets);
    let session = events.session();
    assert_eq!(session["tls"]["subject"], format!("CN={NAME}"));
    let view = &session["portcullis"]["view"]["to_client"];
    assert_eq!((&view["gaps"], &view["gap_bytes"]), (&json!(1), &json!(1_000)));
    assert_eq!(counters.gaps, 1);
}

#[test]
fn many_decoys_that_no_receiver_takes_hold_little_and_hide_nothing() {
    let hello = ClientHello::asking_for(NAME).record();
    let decoy = |c: Conversation, n: u8| c.at(Side::Client, 0, &[n; 200]).but(|p| p.ack = p.ack.wrapping_add(9));
    let packets = (0..200).fold(Conversation::new(), decoy).client(&hello).server(&tls::server_flight()).packets;
    let (events, counters) = Portcullis::default().run_and_count(&packets);
    assert_eq!(events.names(), [NAME]);
    assert_eq!(counters.not_taken, 200 - 64);
    assert_eq!(events.session()["portcullis"]["view"]["to_server"]["degraded"], true);
    assert!(events.session()["portcullis"]["view"]["to_server"]["conflicting_bytes"].as_u64() > Some(0));
}

#[test]
fn what_seems_to_be_of_another_connection_holds_memory_within_the_limit() {
    let hello = ClientHello::asking_for(NAME).record();
    let flow = |n: u32| {
        let told = Conversation::between(&format!("10.0.4.{n}:40000"), "192.0.2.1:443").client(&hello);
        let told = told.server(&tls::server_flight()).client(&tls::finished()).server(&tls::finished());
        let rival = told.flags_at(Side::Client, SYN, 400_000_000, b"");
        (0..50).fold(rival, |c, n| c.at(Side::Client, 400_000_001 + n * 1_000, &[0x16; 1_000])).packets
    };
    let packets: Vec<Packet> = (0..200).flat_map(flow).collect();
    for (limit, names, at_least) in [(256 << 20, 200, 0), (1 << 20, 200, 100)] {
        let mut portcullis = Portcullis::default();
        portcullis.config.limits.reassembly_memory = limit;
        let (events, counters) = portcullis.run_and_count(&packets);
        assert_eq!(events.names(), vec![NAME; names], "{limit}");
        assert!(counters.reassembly_memcap >= at_least, "{limit}: {counters:?}");
        assert_eq!(counters.reassembly_memuse, 0, "{limit}: all is given back at the end");
    }
}

/// The packets of two conversations, the second `pause` after the first.
fn one_after_the_other(first: Conversation, pause: u64, second: Conversation) -> Vec<Packet> {
    let start = first.packets.last().unwrap().time + Duration::from_secs(pause);
    first.packets.into_iter().chain(second.packets.into_iter().map(|p| Packet { time: p.time + start, ..p })).collect()
}

#[test]
fn a_flow_is_over_by_the_time_of_its_own_next_packet() {
    let hello = ClientHello::asking_for(NAME).record();
    let opened = Conversation::new().client(&hello);
    let answer = opened.clone().server(&tls::server_flight()).client(&tls::finished()).server(&tls::finished());
    let answer = |pause| {
        let mut rest = answer.clone();
        rest.packets.drain(..opened.packets.len());
        let mut portcullis = Portcullis::default();
        portcullis.config.flow_events = true;
        portcullis.run(&one_after_the_other(opened.clone(), pause, rest))
    };
    assert_eq!(answer(590).session()["portcullis"]["stage"], "dark");
    let events = answer(610);
    assert_eq!((events.sessions()[0]["tls"]["sni"].as_str(), events.sessions()[0]["tls"].get("subject")), (Some(NAME), None));
    assert_eq!(events.of("flow")[0]["flow"]["reason"], "timeout");
    assert_eq!(events.sessions()[1]["tls"]["subject"], format!("CN={NAME}"));

    let first = Conversation::new().client(&hello).server(&tls::server_hello());
    let second = Conversation::new().client(&ClientHello::asking_for("second.example").record());
    let events = replay(&one_after_the_other(first, 700, second));
    assert_eq!(events.names(), [NAME, "second.example"], "with the same sequence numbers");
}

#[test]
fn a_corrupt_time_within_a_flow_does_not_end_it() {
    let mut packets = Conversation::new().flights(&MUTUAL_TLS12, 1_460).packets;
    for at in 0..packets.len() {
        let right = std::mem::replace(&mut packets[at].time, Duration::from_secs(10 * 365 * 86_400));
        assert_eq!(replay(&packets).session()["portcullis"]["stage"], "dark", "packet {at}");
        packets[at].time = right;
    }
}

#[test]
fn two_sides_whose_clocks_differ_are_one_flow() {
    let mut packets = Conversation::new().flights(&MUTUAL_TLS12, 1_460).packets;
    packets.iter_mut().filter(|p| p.side == Side::Server).for_each(|p| p.time += Duration::from_secs(300));
    assert_eq!(replay(&packets).session()["portcullis"]["stage"], "dark");
}

/// Each second a SYN; `corrupt` gives the time of some of them.
fn seconds(n: u64, corrupt: impl Fn(u64) -> Option<u64>) -> Vec<Packet> {
    (0..n).map(|s| Packet { time: Duration::from_secs(corrupt(s).unwrap_or(s)), ..lone_syn(s as u32) }).collect()
}

#[test]
fn a_corrupt_time_ends_no_flow_and_does_not_stop_the_clock() {
    let session = Conversation::new().client(&ClientHello::asking_for(NAME).record()).server(&tls::server_hello());
    let rest = session.clone().wait(Duration::from_secs(20)).server(&tls::record(22, &tls::certificate(&tls::CHAIN)));
    let years = 10 * 365 * 86_400;
    let others = seconds(100, |s| (s == 10).then_some(years)); // the hello's session is in between
    let mut packets: Vec<Packet> = rest.packets.into_iter().chain(others).collect();
    packets.sort_by_key(|p| if p.time.as_secs() == years { Duration::from_secs(10) } else { p.time });
    let mut portcullis = Portcullis::default();
    portcullis.config.flow_events = true;
    let events = portcullis.run(&packets);
    assert_eq!(events.session()["tls"]["subject"], format!("CN={NAME}"));
    let timed_out = events.of("flow").iter().filter(|f| f["flow"]["reason"] == "timeout").count();
    assert_eq!(timed_out, 39, "SYNs of 100 seconds less those of the last minute and the corrupt one");
}

#[test]
fn a_clock_that_went_wrong_is_set_back_by_those_that_follow() {
    let years = 10 * 365 * 86_400;
    let packets = seconds(1_300, |s| (10..20).contains(&s).then_some(years));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("back.pcap");
    std::fs::write(&path, pcap(&packets)).unwrap();
    let of = |workers| {
        let args = ["replay", "--no-rules", "--flows", "--stats-interval", "60", "--workers", workers, path.to_str().unwrap()];
        Ran::with(args).expect(0)
    };
    let one = of("1");
    assert_eq!(one.stdout, of("3").stdout);
    let events = one.events();
    let (flows, stats) = (events.of("flow"), events.of("stats"));
    let ended = |reason: &str| flows.iter().filter(|f| f["flow"]["reason"] == reason).count();
    assert_eq!(ended("shutdown"), 10 + 60, "those of the wrong time, and those of the last minute");
    assert_eq!(ended("timeout"), 1_300 - 70);
    assert_eq!(stats.len(), 7, "as it goes wrong, as it is set back, at each of four minutes then, at the end");
}

#[test]
fn packets_of_one_side_without_payload_are_all_counted() {
    let syn = lone_syn(1);
    let packets: Vec<Packet> = (0..70_000_u32).map(|n| Packet { flags: if n == 0 { SYN } else { ACK }, ..syn.clone() }).collect();
    let mut portcullis = Portcullis::default();
    portcullis.config.flow_events = true;
    let events = portcullis.run(&packets);
    let flow = &events.of("flow")[0]["flow"];
    assert_eq!((&flow["pkts_toserver"], &flow["bytes_toserver"]), (&json!(70_000), &json!(70_000 * 54)));
}
