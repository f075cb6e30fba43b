//! `portcullis tap --bypass`: the kernel passes over flows that need no more looks, counts them, and nothing else changes.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::util::bench::{Bench, Tapping, pcap_of};
use crate::util::run::Ran;
use crate::util::tls::{self, ClientHello, MUTUAL_TLS13};
use crate::util::{Conversation, Packet, Side};

/// A session up to where it is dark, with the one packet more that has it passed over, and how many these are: what comes late is counted in the kernel.
fn session(client: &str, server: &str) -> (Conversation, usize) {
    let dark = Conversation::between(client, server).flights(&MUTUAL_TLS13, 1_460);
    let dark = dark.client(&tls::record(23, &[1; 50]));
    let len = dark.packets.len();
    (dark, len)
}

/// So many packets of each side, and a proper end.
fn bulk(conversation: Conversation, packets: usize) -> Conversation {
    let more = (0..packets).fold(conversation, |c, _| c.client(&[3; 70]).server(&[4; 1_300]));
    more.close()
}

fn frames(packets: &[Packet], tag: Option<u8>) -> Vec<Vec<u8>> {
    let tagged = |frame: Vec<u8>| match tag {
        Some(id) => [&frame[..12], &[0x81, 0, 0, id], &frame[12..]].concat(),
        None => frame,
    };
    packets.iter().map(Packet::frame).map(tagged).collect()
}

/// Waits until so many flows are passed over.
fn wait_for_bypass(tapping: &Tapping, flows: u64) {
    tapping.wait_until(|events| {
        let now = |event: &&serde_json::Value| event["stats"]["portcullis"]["live"]["bypass_active"] == json!(flows);
        events.of("stats").iter().any(now)
    });
}

#[test]
fn what_comes_behind_the_handshake_is_counted_and_not_handed_over() {
    let Some(bench) = Bench::new() else { return };
    for (capture, workers) in [("ring", "1"), ("ring", "2"), ("datalink", "2")] {
        let flows = [
            (session("10.9.0.1:1001", "10.9.0.2:443"), None),
            (session("10.9.0.1:1002", "10.9.0.2:443"), None),
            (session("[fd09::1]:1003", "[fd09::2]:443"), None),
            (session("10.9.0.1:1004", "10.9.0.2:443"), Some(9)),
        ];
        // A tag that the kernel has taken out is nothing that datalink knows of.
        let flows = if capture == "ring" { &flows[..] } else { &flows[..3] };
        let count = flows.len() as u64;
        let options = ["--capture", capture, "--workers", workers, "--no-rules", "--flows", "--stats-interval", "1", "--bypass"];
        let tapping = bench.tap(&[&["-i", "tap"][..], &options].concat());
        let mut all = Vec::new();
        for ((begun, _), tag) in flows {
            all.extend(frames(&begun.packets, *tag));
        }
        bench.send_frames("send", &all);
        wait_for_bypass(&tapping, count);
        for ((begun, len), tag) in flows {
            let rest = frames(&bulk(begun.clone(), 100).packets[*len..], *tag);
            bench.send_frames("send", &rest);
            all.extend(rest);
        }
        let events = tapping.end();
        assert_eq!(events.sessions().len() as u64, count, "{capture} {workers}");
        assert_eq!(events.counter("flow_bypassed.pkts"), 200 * count, "{capture} {workers}");
        assert_eq!(events.counter("decoder.pkts") + 200 * count, all.len() as u64, "{capture} {workers}");
        assert_eq!(events.counter("portcullis.live.bypass_active"), 0);
        let file = bench.dir.file("all.pcap", pcap_of(&all));
        let replayed = Ran::with(["replay", "--no-rules", "--flows", &file]).expect(0).events();
        let told = |events: &crate::util::run::Events| {
            let of = |flow: &&serde_json::Value| {
                let counted =
                    ["pkts_toserver", "pkts_toclient", "bytes_toserver", "bytes_toclient", "state"].map(|f| &flow["flow"][f]);
                format!("{} {counted:?} {}", flow["src_port"], flow["tcp"])
            };
            let mut told: Vec<_> = events.of("flow").iter().map(of).collect();
            told.sort();
            told
        };
        assert_eq!(told(&events), told(&replayed), "{capture} {workers}: flows are told as in a replay of all packets");
        let bytes = |flow: &serde_json::Value| {
            let of = |field| flow["flow"]["bypassed"][field].as_u64().unwrap();
            of("bytes_toserver") + of("bytes_toclient")
        };
        assert_eq!(events.counter("flow_bypassed.bytes"), events.of("flow").iter().map(|flow| bytes(flow)).sum::<u64>());
        for flow in events.of("flow") {
            assert_eq!(flow["flow"]["bypass"], "capture");
            assert_eq!(
                (&flow["flow"]["bypassed"]["pkts_toserver"], &flow["flow"]["bypassed"]["pkts_toclient"]),
                (&json!(100), &json!(100))
            );
        }
    }
}

#[test]
fn a_flow_that_is_passed_over_does_not_time_out_while_packets_come() {
    let Some(bench) = Bench::new() else { return };
    let options = ["--no-rules", "--flows", "--stats-interval", "1", "--timeout-established", "2", "--bypass"];
    let tapping = bench.tap(&[&["-i", "tap"][..], &options].concat());
    let (begun, len) = session("10.9.0.1:1001", "10.9.0.2:443");
    bench.send(&begun.packets);
    wait_for_bypass(&tapping, 1);
    for packet in bulk(begun, 4).packets[len..][..8].iter() {
        bench.send(std::slice::from_ref(packet));
        thread::sleep(Duration::from_millis(700));
    }
    assert_eq!(tapping.events().of("flow").len(), 0, "packets came for more than five seconds");
    let events = tapping.wait_until(|events| !events.of("flow").is_empty());
    let flow = &events.of("flow")[0]["flow"];
    assert_eq!((&flow["reason"], &flow["bypassed"]["pkts_toserver"]), (&json!("timeout"), &json!(4)));
}

#[test]
fn other_rules_are_tried_on_flows_that_were_passed_over() {
    let Some(bench) = Bench::new() else { return };
    let rules = bench.dir.file("x.rules", "alert tls any any -> any any (msg:\"first\"; tls.sni; content:\"nobody\"; sid:1;)\n");
    let tapping = bench.tap(&["-i", "tap", "--rules", &rules, "--stats-interval", "1", "--bypass"]);
    let (begun, len) = session("10.9.0.1:1001", "10.9.0.2:443");
    bench.send(&begun.packets);
    wait_for_bypass(&tapping, 1);
    fs::write(&rules, "alert ip any any -> any 443 (msg:\"later\"; sid:2;)\n").unwrap();
    tapping.signal("HUP");
    tapping.wait_for("portcullis: rules reloaded: 1 rule (+1 -1)");
    thread::sleep(Duration::from_millis(300));
    bench.send(&bulk(begun, 3).packets[len..]);
    assert_eq!(tapping.end().alerts(), ["later"]);
}

/// A SYN gets in, and ends what was there.
#[test]
fn a_new_connection_on_the_same_ports_is_read_from_its_start() {
    let Some(bench) = Bench::new() else { return };
    let tapping = bench.tap(&["-i", "tap", "--no-rules", "--flows", "--stats-interval", "1", "--bypass"]);
    let (begun, len) = session("10.9.0.1:1001", "10.9.0.2:443");
    bench.send(&begun.packets);
    wait_for_bypass(&tapping, 1);
    bench.send(&bulk(begun, 5).packets[len..][..10]); // and no end
    let again =
        Conversation::with_isns("10.9.0.1:1001", "10.9.0.2:443", 77, 88).client(&ClientHello::asking_for("again.example").record());
    bench.send(&again.packets);
    let events = tapping.end();
    assert_eq!(events.names().last(), Some(&"again.example"));
    let flows = events.of("flow");
    assert_eq!(flows.iter().map(|f| &f["flow"]["reason"]).collect::<Vec<_>>(), ["tcp_reuse", "shutdown"]);
    assert_eq!((&flows[0]["flow"]["bypassed"]["pkts_toserver"], flows[1]["flow"].get("bypassed")), (&json!(5), None));
}

#[test]
fn a_rule_about_each_packet_keeps_all_flows_in_sight() {
    let Some(bench) = Bench::new() else { return };
    let rules = bench.dir.file("x.rules", "alert tcp any any -> any 443 (msg:\"large\"; flow.bytes_toserver:>5000; sid:1;)\n");
    let tapping = bench.tap(&["-i", "tap", "--rules", &rules, "--stats-interval", "1", "--bypass"]);
    let (begun, _) = session("10.9.0.1:1001", "10.9.0.2:443");
    bench.send(&bulk(begun, 100).packets);
    let events = tapping.end();
    assert!(events.alerts().contains(&"large"));
    assert_eq!(events.counter("flow_bypassed.pkts"), 0);
}

#[test]
fn where_the_kernel_takes_no_program_it_says_so_and_goes_on() {
    let Some(bench) = Bench::new() else { return };
    if fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled").is_ok_and(|value| value.trim() == "0") {
        return eprintln!("SKIPPED: this kernel lets everybody load programs");
    }
    let mut command = bench.command("setpriv");
    command.args(["--bounding-set", "-bpf,-sys_admin", env!("CARGO_BIN_EXE_portcullis")]);
    let tapping = bench.start_saying(command, &["-i", "tap", "--no-rules", "--bypass"], "going on without --bypass");
    tapping.wait_for("portcullis: listening: ");
    let (begun, _) = session("10.9.0.1:1001", "10.9.0.2:443");
    bench.send(&bulk(begun, 5).packets);
    assert_eq!(tapping.end().sessions().len(), 1);
}

#[test]
fn each_direction_is_counted_by_itself() {
    let Some(bench) = Bench::new() else { return };
    let tapping = bench.tap(&["-i", "tap", "--no-rules", "--flows", "--stats-interval", "1", "--bypass"]);
    let (begun, len) = session("10.9.0.1:1001", "10.9.0.2:443");
    bench.send(&begun.packets);
    wait_for_bypass(&tapping, 1);
    let rest: Vec<_> = bulk(begun, 50).packets[len..].iter().filter(|packet| packet.side == Side::Server).cloned().collect();
    bench.send(&rest);
    let events = tapping.end();
    let bypassed = &events.of("flow")[0]["flow"]["bypassed"];
    assert_eq!((&bypassed["pkts_toserver"], &bypassed["pkts_toclient"]), (&json!(0), &json!(50)));
}
