//! `--write-alerts`: the handshakes of flows that a rule alerted on are kept as captures, and no others.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::util::run::{Events, Ran};
use crate::util::tls::{self, ClientHello, MUTUAL_TLS12};
use crate::util::{Conversation, Dir, Packet, Side, pcap};

const RULES: &str = r#"
    alert tls any any -> any any (msg:"bad name"; tls.sni; content:"bad"; startswith; sid:1; rev:3;)
    alert tls any any -> any any (msg:"certificate"; tls.sni; content:"www.shop.example"; tls.cert_subject; content:"shop.example"; sid:2;)
"#;

fn session(client: u16, name: &str) -> Vec<Packet> {
    let begun = Conversation::between(&format!("10.0.0.1:{client}"), "192.0.2.1:443");
    let hello = ClientHello::asking_for(name).record();
    let begun = begun.client(&hello).server(&tls::server_flight()).client(&tls::finished()).server(&tls::finished());
    (0..200).fold(begun, |c, _| c.client(&tls::record(23, &[7; 40]))).close().packets
}

/// The files of a directory, by name.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| read(entry.unwrap())).collect();
    files.sort();
    files
}

fn replay(dir: &Dir, packets: &[Packet], more: &[&str]) -> (Events, Vec<(String, Vec<u8>)>) {
    let (rules, capture, kept) = (dir.file("x.rules", RULES), dir.file("x.pcap", pcap(packets)), dir.path("kept"));
    let _ = fs::remove_dir_all(&kept);
    let options = ["replay", "--rules", &rules, "--write-alerts", kept.to_str().unwrap(), &capture];
    let events = Ran::with([&options[..], more].concat()).expect(0).events();
    (events, files(&kept))
}

fn of<'e>(events: &'e Events, name: &str) -> &'e Value {
    events.sessions().into_iter().find(|session| session["tls"]["sni"] == name).unwrap()
}

#[test]
fn a_flow_that_a_rule_alerted_on_is_kept_up_to_where_it_is_dark() {
    let dir = Dir::new();
    let packets = [session(1, "good.example"), session(2, "bad.example"), session(3, "other.example")].concat();
    let (events, files) = replay(&dir, &packets, &[]);
    let [(name, capture)] = &files[..] else { panic!("{} files", files.len()) };
    assert_eq!(*name, format!("{}.pcapng", of(&events, "bad.example")["flow_id"]));
    let has = |text: &str| capture.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    assert_eq!((has("rule 1:1:3 bad name"), has("TLS session bad.example")), (1, 1));
    assert_eq!(events.counter("portcullis.recorded.flows"), 1);

    // What is kept tells the same of the session as all did.
    let again = Ran::with(["replay", "--no-rules", "--flows", dir.path("kept").join(name).to_str().unwrap()]).expect(0).events();
    assert_eq!(again.session()["tls"], of(&events, "bad.example")["tls"]);
    assert_eq!(again.session()["community_id"], of(&events, "bad.example")["community_id"]);
    assert!(again.counter("decoder.pkts") < 15, "the 200 packets in the dark are not kept");
}

#[test]
fn any_number_of_workers_keeps_the_same() {
    let dir = Dir::new();
    let packets: Vec<_> = (1..60).flat_map(|n| session(n, if n % 3 == 0 { "bad.example" } else { "fine.example" })).collect();
    let (_, one) = replay(&dir, &packets, &["--workers", "1"]);
    assert_eq!(one.len(), 19);
    for workers in ["2", "8"] {
        assert!(replay(&dir, &packets, &["--workers", workers]).1 == one, "{workers}");
    }
}

#[test]
fn over_the_budget_the_oldest_go() {
    let dir = Dir::new();
    let packets: Vec<_> = (1..=40).flat_map(|n| session(n, "bad.example")).collect();
    let (events, all) = replay(&dir, &packets, &[]);
    let size = all[0].1.len();
    let (few_events, few) = replay(&dir, &packets, &["--write-alerts-size", &(size * 10 + 10).to_string()]);
    let ids = |events: &Events| events.sessions().iter().map(|s| format!("{}.pcapng", s["flow_id"])).collect::<Vec<_>>();
    assert_eq!((all.len(), ids(&events)), (40, ids(&few_events)));
    let mut last = ids(&events)[30..].to_vec();
    last.sort();
    assert_eq!(few.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), last);
    assert_eq!(few_events.counter("portcullis.recorded.removed"), 30);
}

#[test]
fn where_there_is_no_room_flows_are_forgotten_and_counted() {
    let dir = Dir::new();
    // All of them begin before any of them has said whom it wants.
    let sessions: Vec<_> = (1..=400).map(|n| session(n, "bad.example")).collect();
    let mut packets: Vec<_> = sessions.iter().flat_map(|packets| packets[..3].to_vec()).collect();
    packets.extend(sessions.iter().flat_map(|packets| packets[3..8].to_vec()));
    Conversation::retime(&mut packets);
    let (events, files) = replay(&dir, &packets, &["--write-alerts-memory", "64KiB"]);
    assert!(events.counter("portcullis.recorded.forgotten") > 100);
    assert_eq!(events.alerts().len(), 400, "alerts are told all the same");
    assert!(!files.is_empty(), "what comes behind is kept");
}

/// Its IP headers are those of fragments; what is kept has one that fits the whole.
#[test]
fn a_hello_in_fragments_is_kept_whole() {
    let dir = Dir::new();
    let packets = session(1, "bad.example");
    let hello = packets.iter().position(|packet| packet.is_data_of(Side::Client)).unwrap();
    let mut frames: Vec<Vec<u8>> = packets.iter().map(Packet::frame).collect();
    let whole = frames.remove(hello);
    let (link, ip, tcp) = (&whole[..14], &whole[14..34], &whole[34..]);
    let fragment = |part: &[u8], offset: usize, more: bool| {
        let mut header = ip.to_vec();
        header[2..4].copy_from_slice(&u16::try_from(20 + part.len()).unwrap().to_be_bytes());
        header[6..8].copy_from_slice(&(u16::try_from(offset / 8).unwrap() | u16::from(more) << 13).to_be_bytes());
        [link, &header, part].concat()
    };
    frames.insert(hello, fragment(&tcp[..40], 0, true));
    frames.insert(hello + 1, fragment(&tcp[40..], 40, false));
    let (rules, capture) = (dir.file("x.rules", RULES), dir.file("x.pcap", crate::util::bench::pcap_of(&frames)));
    let kept = dir.path("kept");
    Ran::with(["replay", "--rules", &rules, "--write-alerts", kept.to_str().unwrap(), &capture]).expect(0);
    let files = files(&kept);
    let again = Ran::with(["replay", "--no-rules", kept.join(&files[0].0).to_str().unwrap()]).expect(0).events();
    assert_eq!(again.names(), ["bad.example"]);
}

#[test]
fn an_alert_on_the_certificate_has_the_certificate_in_its_capture() {
    let dir = Dir::new();
    let packets = Conversation::new().flights(&MUTUAL_TLS12, 1_460).close().packets;
    let (events, files) = replay(&dir, &packets, &[]);
    assert_eq!((events.alerts(), files.len()), (vec!["certificate"], 1));
    let again = Ran::with(["replay", "--no-rules", dir.path("kept").join(&files[0].0).to_str().unwrap()]).expect(0).events();
    assert_eq!(again.session()["tls"]["fingerprint"], events.session()["tls"]["fingerprint"]);
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_before_anything_runs() {
    let dir = Dir::new();
    let (file, capture) = (dir.file("file", "x"), dir.file("x.pcap", pcap(&session(1, "bad.example"))));
    let ran = Ran::with(["replay", "--no-rules", "--write-alerts", &format!("{file}/below"), &capture]).expect(1);
    assert!(ran.stderr.contains("cannot keep packets in"), "{}", ran.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_tap_keeps_them_too() {
    let Some(bench) = crate::util::bench::Bench::new() else { return };
    let (rules, kept) = (bench.dir.file("x.rules", RULES), bench.dir.path("kept"));
    for (workers, more) in [("1", &[][..]), ("2", &["--user", "nobody"])] {
        let _ = fs::remove_dir_all(&kept);
        fs::create_dir(&kept).unwrap();
        std::os::unix::fs::chown(&kept, Some(65_534), None).unwrap();
        let options = ["-i", "tap", "--rules", &rules, "--workers", workers, "--write-alerts", kept.to_str().unwrap()];
        let tapping = bench.tap(&[&options[..], more].concat());
        bench.send(&[session(1, "good.example"), session(2, "bad.example")].concat());
        let events = tapping.end();
        let files = files(&kept);
        assert_eq!(
            files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
            [format!("{}.pcapng", of(&events, "bad.example")["flow_id"])]
        );
        let again = Ran::with(["replay", "--no-rules", kept.join(&files[0].0).to_str().unwrap()]).expect(0).events();
        assert_eq!(again.names(), ["bad.example"], "{workers}");
    }
}
