//! Memory for sessions that are not told yet: over its limit those go first that cost most, in bytes times idle time, and nothing that
//! was read is lost.

use serde_json::{Value, json};

use crate::util::run::Ran;
use crate::util::tls::{self, ClientHello, MUTUAL_TLS12, NAME};
use crate::util::{Conversation, Dir, Packet, Portcullis, Side, pcap};

const LIMIT: usize = 256 << 10;

fn limited(session_memory: usize) -> Portcullis {
    let mut portcullis = Portcullis::default();
    portcullis.config.limits.session_memory = session_memory;
    portcullis
}

fn opened(n: u32) -> Conversation {
    Conversation::between(&format!("10.3.{}.{}:40000", n / 250, n % 250), "192.0.2.1:443")
}

fn name(n: u32) -> String {
    format!("n{n}.example")
}

fn hello(n: u32) -> Vec<u8> {
    ClientHello::asking_for(&name(n)).record()
}

/// The packets of all in turn: one of each, then the next of each.
fn in_turn(conversations: Vec<Conversation>) -> Vec<Packet> {
    let longest = conversations.iter().map(|c| c.packets.len()).max().unwrap();
    let mut packets: Vec<Packet> =
        (0..longest).flat_map(|turn| conversations.iter().filter_map(move |c| c.packets.get(turn).cloned())).collect();
    Conversation::retime(&mut packets);
    packets
}

fn is_degraded(session: &Value) -> bool {
    ["to_server", "to_client"].iter().any(|way| session["portcullis"]["view"][way]["degraded"] == true)
}

#[test]
fn over_the_limit_sessions_are_told_early_with_all_that_was_read() {
    let packets: Vec<Packet> = (0..300).flat_map(|n| opened(n).client(&hello(n)).packets).collect();
    let (events, counters) = limited(LIMIT).run_and_count(&packets);
    let mut names = events.names();
    names.sort_unstable();
    let mut all: Vec<String> = (0..300).map(name).collect();
    all.sort_unstable();
    assert_eq!(names, all);
    let early: Vec<_> = events.sessions().into_iter().filter(|s| is_degraded(s)).collect();
    assert_eq!(early.len() as u64, counters.session_memcap);
    assert!(counters.session_memcap > 100, "{counters:?}");
    assert!(early.iter().all(|s| s["tls"]["ja4"].is_string() && s["portcullis"]["stage"] == "client_hello"), "how far it came");
    let one = 8 << 10; // with which each of 16 lanes may go over before another goes
    assert!((LIMIT as u64 / 2..(LIMIT + 16 * one) as u64).contains(&counters.session_memuse_max), "{counters:?}");
    assert_eq!(counters.session_memuse, 0, "all are told");
}

#[test]
fn a_connection_that_was_silent_for_long_is_no_easier_to_deceive() {
    let decoy = ClientHello::asking_for("decoy.example").record();
    let said = |c: Conversation| c.at(Side::Client, 0, &decoy).but(|p| p.ack = p.ack.wrapping_add(9)).client(&hello(7));
    let silent = opened(7).packets;
    let whole = said(opened(7)).server(&tls::server_flight()).packets;
    let others = (1_000..1_500).flat_map(|n| opened(n).packets);
    let mut packets: Vec<Packet> = silent.iter().cloned().chain(others).chain(whole[silent.len()..].iter().cloned()).collect();
    Conversation::retime(&mut packets);
    let events = limited(LIMIT).run(&packets);
    assert_eq!(events.names(), [name(7)]);
    assert_eq!(events.session()["tls"]["version"], "TLS 1.2");
}

#[test]
fn a_session_that_goes_on_outlives_those_that_are_idle() {
    let pieces = hello(1_000);
    let mut active = opened(1_000);
    for byte in &pieces {
        active = active.client(&[*byte]);
    }
    let active = active.server(&tls::server_flight()).packets;
    let mut idle = 0..;
    let mut packets = Vec::new();
    for packet in active {
        packets.push(packet);
        for n in idle.by_ref().take(20) {
            packets.extend(opened(n).client(&hello(n)).packets);
        }
    }
    Conversation::retime(&mut packets);
    // So much that each lane has room for a dozen of others, of which some are idle for many times as long.
    let (events, counters) = limited(4 * LIMIT).run_and_count(&packets);
    assert!(counters.session_memcap > 100, "{counters:?}");
    let session = events.sessions().into_iter().find(|s| s["tls"]["sni"] == name(1_000)).unwrap();
    assert!(!is_degraded(session));
    assert_eq!(session["tls"]["subject"], format!("CN={NAME}"));
}

#[test]
fn connections_that_have_said_nothing_yet_lose_nothing() {
    let packets = in_turn((0..500).map(|n| opened(n).flights(&MUTUAL_TLS12, 1_460)).collect());
    let first_data = packets.iter().position(|p| !p.payload.is_empty()).unwrap();
    assert_eq!(first_data, 1_500, "all are open before one says anything");
    let opened_only = limited(LIMIT).run_and_count(&packets[..first_data]).1;
    assert_eq!((opened_only.session_memcap, opened_only.flows), (0, 500));
    assert!(opened_only.session_memuse_max < (LIMIT + LIMIT / 4) as u64, "{opened_only:?}");

    // One goes on after the other.
    let (opening, mut rest) = (packets[..first_data].to_vec(), packets[first_data..].to_vec());
    rest.sort_by_key(|p| if p.from.port() == 443 { p.to.ip() } else { p.from.ip() });
    let mut packets = [opening, rest].concat();
    Conversation::retime(&mut packets);
    let mut portcullis = limited(LIMIT).rules(r#"alert tcp any any -> any any (msg:"not TLS"; app-layer-protocol:!tls; sid:1;)"#);
    portcullis.config.flow_events = true;
    let (events, counters) = portcullis.run_and_count(&packets);
    assert!(events.names() == vec![NAME; 500] && counters.session_memcap == 0, "{counters:?}");
    assert!(events.sessions().iter().all(|s| s["portcullis"]["stage"] == "dark" && !is_degraded(s)));
    assert!(events.alerts().is_empty());
}

/// Flows whose first bytes never come: 200 of which it cannot be known what they speak.
fn unknown() -> Vec<Packet> {
    (0..200).flat_map(|n| opened(n).at(Side::Client, 10, &[0x17; 900]).packets).collect()
}

#[test]
fn a_flow_that_is_given_up_before_it_is_known_what_it_speaks_is_told_as_an_anomaly() {
    let streams = |limit: usize| {
        let mut portcullis = Portcullis::default();
        portcullis.config.limits.reassembly_memory = limit;
        portcullis
    };
    for (portcullis, event, counter) in [
        (streams(32 << 10), "stream.reassembly_insert_memcap", "streams"),
        (limited(LIMIT / 8), "stream.session_memcap", "sessions"),
    ] {
        let not_tls = r#"alert tcp any any -> any any (msg:"not TLS"; app-layer-protocol:!tls; sid:1;)"#;
        let (events, counters) = portcullis.rules(not_tls).run_and_count(&unknown());
        let given_up = if counter == "streams" { counters.reassembly_memcap } else { counters.session_memcap };
        let told: Vec<_> = events.of("anomaly").into_iter().filter(|a| a["anomaly"]["event"] == event).collect();
        assert!(given_up > 100, "{counters:?}");
        assert_eq!(told.len() as u64, given_up, "{event}");
        assert!(told.iter().all(|a| a["anomaly"]["type"] == "stream" && a["app_proto"].is_null() && a["src_ip"].is_string()));
        assert_eq!(events.names().len(), 0);
        assert!(events.alerts().len() as u64 <= 200 - given_up, "what is not known is not called something else");
    }
    let (events, _) = Portcullis::default().run_and_count(&unknown());
    assert!(events.of("anomaly").iter().all(|a| !a["anomaly"]["event"].as_str().unwrap().contains("memcap")), "within the limits");
}

#[test]
fn what_no_rule_accepted_before_it_was_told_early_is_refused_when_it_goes_on() {
    let undecided = |n: u32| opened(n).client(&hello(n)[..60]);
    let last = undecided(0).client(&hello(0)[60..]).packets.pop().unwrap();
    let mut packets: Vec<Packet> = undecided(0).packets;
    packets.extend((1..300).flat_map(|n| undecided(n).packets));
    packets.push(last);
    Conversation::retime(&mut packets);
    let mut portcullis = limited(LIMIT).rules(r#"pass tls any any -> any any (tls.sni; content:".example"; sid:1;)"#);
    portcullis.config.default_verdict = portcullis::rules::Verdict::Drop;
    let (events, counters) = portcullis.run_and_count(&packets);
    assert!(counters.session_memcap > 100, "{counters:?}");
    let drops = events.of("drop");
    let [drop] = drops[..] else { panic!("{drops:?}") };
    assert_eq!(drop["portcullis"]["why"], "session could not be read");
}

#[test]
fn the_output_is_the_same_for_any_number_of_workers() {
    let mut conversations: Vec<Conversation> =
        (0..200).map(|n| opened(n).client(&hello(n)).server(&tls::server_flight())).collect();
    conversations.extend((200..300).map(|n| opened(n).at(Side::Client, 10, &[0x17; 900])));
    conversations.extend((300..400).map(|n| opened(n).flights(&MUTUAL_TLS12, 300)));
    let dir = Dir::new();
    let path = dir.file("sessions.pcap", pcap(&in_turn(conversations)));
    let run = |workers: &str| {
        let limits = ["--session-memory", "512K", "--reassembly-memory", "64K", "--certificate-memory", "32K"];
        let args = ["replay", "--no-rules", "--flows", "--stats-interval", "1", "--workers", workers, &path];
        Ran::with([&args[..], &limits].concat()).expect(0)
    };
    let one = run("1");
    for workers in ["2", "8"] {
        assert!(one.stdout == run(workers).stdout, "{workers} workers");
    }
    let events = one.events();
    assert_eq!(events.sessions().len(), 300);
    for counter in ["tcp.ssn_memcap_drop", "tcp.segment_memcap_drop", "portcullis.session_memuse_max"] {
        assert!(events.counter(counter) > 0, "{counter}");
    }
    let unfinished = events.sessions().into_iter().filter(|s| is_degraded(s)).count() as u64;
    let unknown = events.anomalies().iter().filter(|a| a.ends_with("memcap")).count() as u64;
    let (sessions, streams) = (events.counter("tcp.ssn_memcap_drop"), events.counter("tcp.segment_memcap_drop"));
    assert!((sessions.max(streams)..=sessions + streams).contains(&(unfinished + unknown)), "a flow may meet both limits");
}

#[test]
fn certificates_that_are_not_remembered_for_their_limit_are_counted() {
    let dir = Dir::new();
    let conversations = (0..400).map(|n| opened(n).flights(&MUTUAL_TLS12, 1_460)).collect();
    let path = dir.file("sessions.pcap", pcap(&in_turn(conversations)));
    let dropped = |limit: &str| {
        let ran = Ran::with(["replay", "--no-rules", "--certificate-memory", limit, &path]).expect(0);
        let events = ran.events();
        assert_eq!(events.names(), vec![NAME; 400]);
        events.counter("portcullis.certificate_memcap_drop")
    };
    assert_eq!(dropped("64M"), 0);
    assert!(dropped("1K") > 100, "each that comes again is too large");
    assert!(json!(dropped("0")).as_u64() > Some(100));
}

#[test]
fn hellos_that_are_being_read_are_held_once_where_memory_is_short() {
    // A hello of 40 kB over records, of which all but its end has come: once to compare copies with, once as a message.
    let hello = |n: u32| ClientHello::new().extension(21, &[0; 40_000]).server_name(&name(n)).message();
    let conversations: Vec<Conversation> =
        (0..64).map(|n| opened(n).send_in_segments(Side::Client, &tls::records(&hello(n), 10_000), 1_400)).collect();
    let packets = in_turn(conversations);
    let mut portcullis = Portcullis::default();
    portcullis.config.limits.reassembly_memory = 16 * 600_000; // some lanes have nine of them
    let (events, counters) = portcullis.run_and_count(&packets);
    assert_eq!(counters.reassembly_memcap, 0, "{counters:?}");
    assert!(counters.reassembly_forgotten > 0, "{counters:?}");
    assert_eq!(events.names().len(), 64);
}

#[test]
fn long_hellos_do_not_drive_out_short_ones() {
    // Of 200 sessions every fourth has a hello of 50 kB, most of it protocols; all say hello before any server answers.
    let long = |n: u32| {
        let protocols = [&60_000_u16.to_be_bytes()[..], &[1, b'x'].repeat(30_000)].concat();
        tls::records(&ClientHello::new().extension(16, &protocols).server_name(&name(n)).message(), 16_000)
    };
    let is_long = |n: u32| n.is_multiple_of(4);
    let conversations = (0..200).map(|n| {
        let hello = if is_long(n) { long(n) } else { hello(n) };
        opened(n).send_in_segments(Side::Client, &hello, 20_000).server(&tls::server_flight())
    });
    let mut packets: Vec<Packet> = conversations.flat_map(|c| c.packets).collect();
    packets.sort_by_key(|p| p.side == Side::Server && p.payload.len() > 100);
    Conversation::retime(&mut packets);
    let (events, counters) = limited(16 * 100_000).run_and_count(&packets);
    assert!(counters.session_memcap > 20, "{counters:?}");
    assert_eq!(events.names().len(), 200, "each hello was read");
    for n in (0..200).filter(|&n| !is_long(n)) {
        let session = events.sessions().into_iter().find(|s| s["tls"]["sni"] == name(n)).unwrap();
        assert!(!is_degraded(session), "{n}");
    }
}
