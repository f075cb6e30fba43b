//! The output is the same, byte for byte, for any number of workers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::util::run::Ran;
use crate::util::tcp::{ACK, SYN};
use crate::util::tls::{ClientHello, MUTUAL_TLS12, MUTUAL_TLS13};
use crate::util::{Conversation, Packet, Side, pcap};

/// Runs `portcullis replay` with 1, 2, 3, 8 and 16 workers, and panics where the output differs; gives the output.
#[track_caller]
fn same_for_any_number(args: &[&str]) -> Ran {
    let run = |workers: &str| Ran::with([&["replay", "--workers", workers][..], args].concat()).expect(0);
    let one = run("1");
    for workers in ["2", "3", "8", "16"] {
        let more = run(workers);
        let differs = one.stdout.split(|b| *b == b'\n').zip(more.stdout.split(|b| *b == b'\n')).find(|(a, b)| a != b);
        if let Some((a, b)) = differs {
            panic!("{workers} workers say\n{}\nand one says\n{}", String::from_utf8_lossy(b), String::from_utf8_lossy(a));
        }
        assert_eq!(one.stdout.len(), more.stdout.len(), "{workers} workers");
    }
    one
}

#[test]
fn on_all_captures_together() {
    let ran = same_for_any_number(&["--flows", "--certificates", "--log-certificates", "pcaps"]);
    let events = ran.events();
    assert!(events.sessions().len() > 30);
    assert!(!events.alerts().is_empty());
}

#[test]
fn on_many_flows_with_everything_that_can_happen_to_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mixed.pcap");
    fs::write(&path, pcap(&mixed())).unwrap();
    let rules = dir.path().join("some.rules");
    fs::write(&rules, RULES).unwrap();
    let (path, rules) = (text(&path), text(&rules));

    let plain = same_for_any_number(&["--flows", "--stats-interval", "5", "--rules", rules, path]).events();
    assert!(plain.sessions().len() > 300);
    for kind in ["alert", "drop", "flow", "anomaly", "stats"] {
        assert!(plain.of(kind).len() > 2, "{kind}: {}", plain.of(kind).len());
    }
    for reason in ["timeout", "tcp_reuse", "shutdown"] {
        assert!(plain.of("flow").iter().any(|f| f["flow"]["reason"] == reason), "{reason}");
    }

    let small = ["--max-flows", "64", "--reassembly-memory", "32K", "--handshake-bytes", "2K", "--certificate-memory", "4K"];
    let counters = ["flow.end.forced", "tcp.stream_depth_reached", "tcp.segment_memcap_drop", "portcullis.certificate_memcap_drop"];
    let sessions = ["--session-memory", "96K"];
    for (limits, counters) in [(&small[..], &counters[..]), (&sessions, &["tcp.ssn_memcap_drop"])] {
        let args = [limits, &["--flows", "--stats-interval", "1", "--rules", rules, path]].concat();
        let events = same_for_any_number(&args).events();
        for counter in counters {
            assert!(events.counter(counter) > 0, "{counter}");
        }
    }
}

#[test]
fn where_more_is_told_at_one_time_than_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.pcap");
    fs::write(&path, pcap(&large())).unwrap();
    let rules = dir.path().join("some.rules");
    fs::write(&rules, "alert tls any any -> any any (threshold:type limit, track by_dst, count 9, seconds 900; sid:1;)\n").unwrap();
    let ran = same_for_any_number(&["--flows", "--stats-interval", "100", "--rules", text(&rules), text(&path)]);
    assert!(ran.stdout.len() > 5 << 20, "{} bytes", ran.stdout.len());
    let events = ran.events();
    assert_eq!((events.sessions().len(), events.of("flow").len(), events.of("stats").len()), (61, 61, 3));
    assert_eq!((events.alerts().len(), events.counter("detect.alert")), (18, 18), "nine in each of two spans");
}

/// Sessions of 16 kB hellos whose time is over at the same packet, and as many that are unfinished at the end.
fn large() -> Vec<Packet> {
    let client = |n: u32| format!("10.2.0.{}:{}", n % 200, 30_000 + n);
    let hello = |n| ClientHello::asking_for(&format!("n{n}.example")).ciphers(&[0xc02f; 8_000]).record();
    let begun = |n| Conversation::between(&client(n), "192.0.2.1:443").client(&hello(n));
    let at = |n, seconds| begun(n).packets.into_iter().map(move |p| Packet { time: Duration::from_secs(seconds), ..p });
    let tick = begun(30).packets.into_iter().map(|p| Packet { time: Duration::from_secs(5_000), ..p });
    (0..30).flat_map(|n| at(n, 1)).chain(tick).chain((31..61).flat_map(|n| at(n, 5_150))).collect()
}

#[test]
fn what_is_passed_is_the_same_too() {
    let dir = tempfile::tempdir().unwrap();
    let (path, rules) = (dir.path().join("mixed.pcap"), dir.path().join("some.rules"));
    fs::write(&path, pcap(&mixed())).unwrap();
    fs::write(&rules, RULES).unwrap();
    let passed = |workers: &str, default_verdict: &str| {
        let out = dir.path().join(format!("passed-{workers}.pcapng"));
        let options = ["--default-verdict", default_verdict, "--rules", text(&rules), "--write-passed", text(&out)];
        Ran::with([&["replay", "--workers", workers, text(&path)][..], &options].concat()).expect(0);
        fs::read(out).unwrap()
    };
    for default_verdict in ["pass", "drop"] {
        let one = passed("1", default_verdict);
        assert!(one == passed("2", default_verdict) && one == passed("8", default_verdict), "{default_verdict}");
    }
}

#[test]
fn what_no_rule_accepts_is_the_same_too() {
    let dir = tempfile::tempdir().unwrap();
    let (path, rules) = (dir.path().join("mixed.pcap"), dir.path().join("some.rules"));
    fs::write(&path, pcap(&mixed())).unwrap();
    fs::write(&rules, RULES).unwrap();
    let ran = same_for_any_number(&["--flows", "--default-verdict", "drop", "--rules", text(&rules), text(&path)]);
    let events = ran.events();
    let reasons: BTreeSet<&str> = events.of("drop").iter().filter_map(|d| d["portcullis"]["why"].as_str()).collect();
    assert!(reasons.len() > 1, "{reasons:?}");
}

#[test]
fn what_rules_remember_is_the_same_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mixed.pcap");
    fs::write(&path, pcap(&mixed())).unwrap();
    for rules_text in [LIMITS, BITS] {
        let rules = dir.path().join("some.rules");
        fs::write(&rules, rules_text).unwrap();
        let events = same_for_any_number(&["--stats-interval", "5", "--rules", text(&rules), text(&path)]).events();
        let alerts = u64::try_from(events.alerts().len()).unwrap();
        assert!(alerts > 5);
        assert_eq!(events.counter("detect.alert"), alerts);
        assert!(events.counter("detect.alerts_suppressed") > 0);
    }
}

#[test]
fn what_rules_put_into_data_sets_is_the_same_too() {
    let dir = tempfile::tempdir().unwrap();
    let (path, rules) = (dir.path().join("mixed.pcap"), dir.path().join("some.rules"));
    fs::write(&path, pcap(&mixed())).unwrap();
    fs::write(&rules, SETS).unwrap();
    let events = same_for_any_number(&["--stats-interval", "5", "--rules", text(&rules), text(&path)]).events();
    for name in ["new server", "seen", "again", "gone"] {
        assert!(events.alerts().contains(&name), "{name}: {:?}", events.alerts());
    }
    assert!(events.counter("detect.dataset_memcap_drop") > 0);
}

/// Rules that change data sets, one of them too small.
const SETS: &str = r#"
alert tcp any any -> any any (msg:"new server"; flow:to_server; ip.dst; dataset:set,servers,type ip; sid:1;)
alert tls any any -> any any (msg:"seen"; tls.sni; pcrexform:"^([a-z]+.)"; dataset:set,seen,type string; sid:2;)
alert tls any any -> any any (msg:"again"; tls.sni; pcrexform:"^([a-z]+.)"; dataset:isset,seen; content:"odd"; sid:3;)
alert tls any any -> any any (msg:"gone"; tls.sni; pcrexform:"^([a-z]+.)"; dataset:unset,seen; content:"evil"; sid:4;)
alert tls any any -> any any (msg:"full"; tls.sni; dataset:set,small,type string,memcap 1kb; sid:5;)
"#;

/// Rules whose alerts are counted across flows.
const LIMITS: &str = r#"
alert tls any any -> any any (msg:"odd"; tls.sni; content:"odd"; threshold:type limit, track by_dst, count 2, seconds 3; sid:1;)
alert tcp any any -> any any (msg:"SYN"; flags:S; threshold:type both, track by_src, count 3, seconds 20; sid:2;)
alert tls any any -> any any (msg:"evil"; tls.sni; content:"evil"; threshold:type threshold, track by_rule, count 5, seconds 9; sid:3;)
alert tls any any -> any any (msg:"plain"; tls.sni; content:"plain"; detection_filter:track by_both, count 3, seconds 60; sid:4;)
"#;

/// Rules that keep state across flows.
const BITS: &str = r#"
alert tls any any -> any any (msg:"odd"; tls.sni; content:"odd"; xbits:set,odd,track ip_dst,expire 1; noalert; sid:1;)
alert tls any any -> any any (msg:"evil after odd"; tls.sni; content:"evil"; xbits:isset,odd,track ip_dst; sid:2;)
drop tls any any -> any any (msg:"plain"; tls.sni; content:"plain"; detection_filter:track by_dst, count 20, seconds 9; sid:3;)
"#;

const RULES: &str = r#"
alert tls any any -> any any (msg:"odd"; tls.sni; content:"odd"; sid:1;)
drop tls any any -> any any (msg:"evil"; tls.sni; content:"evil"; sid:2;)
alert tcp any any -> any 443 (msg:"not TLS"; flow:established,to_server; app-layer-protocol:!tls; sid:3;)
pass tls any any -> any any (tls.sni; content:"plain"; sid:4;)
"#;

/// Hundreds of flows over half a minute: sessions whole, cut short, out of order and rewritten, lone SYNs, no TLS, reused ports.
fn mixed() -> Vec<Packet> {
    let mut packets = Vec::new();
    for n in 0..500_u32 {
        let client = format!("10.1.{}.{}:{}", n % 7, n % 250, 30_000 + n);
        let opened = Conversation::with_isns(&client, "192.0.2.1:443", n.wrapping_mul(0x9e37_79b9), n.wrapping_mul(0x85eb_ca6b));
        let name = format!("{}{n}.example", ["plain", "odd", "evil"][n as usize % 3]);
        let hello = ClientHello::asking_for(&name).record();
        let conversation = match n % 10 {
            0 => opened.flights(&MUTUAL_TLS12, 700).close(),
            1 => opened.flights(&MUTUAL_TLS13, 1_400),
            2 => opened.client(&hello).server(&crate::util::tls::server_flight()).client(b"more").client(b"still more"),
            3 => opened.at(Side::Client, 9, &hello[9..]).at(Side::Client, 20, &[0; 9]).at(Side::Client, 0, &hello[..9]),
            4 => opened.client(b"GET / HTTP/1.1\r\n\r\n").server(b"HTTP/1.1 200 OK\r\n\r\n"),
            5 => opened.at(Side::Client, 500, &[7; 900]).at(Side::Server, 500, &[7; 900]),
            6 => opened.client(&hello).close(),
            7 => {
                // Another connection that nobody is seen to take up: told when time, or the end, ends the flow.
                let told = opened.flights(&MUTUAL_TLS12, 700);
                let closed = if n % 20 == 7 { told.close() } else { told };
                let far = closed.flags_at(Side::Client, SYN, 800_000_000, b"");
                far.at(Side::Client, 800_000_001, &hello).at(Side::Client, 1, b"").flags_at(Side::Server, ACK, 1, b"")
            }
            8 => {
                let again = Conversation::with_isns(&client, "192.0.2.1:443", 0x7000_0000 ^ n, 0x7000_0000 ^ n);
                let again = again.client(&hello).server(&crate::util::tls::server_flight()).packets;
                let mut both = opened.at(Side::Client, 0, &[9; 90]).but(|p| p.ack ^= 0x4000_0000).client(&hello);
                both.packets.extend(again.into_iter().skip(n as usize / 10 % 4));
                both
            }
            _ => {
                let again = Conversation::with_isns(&client, "192.0.2.1:443", n + 77, n + 99).client(&hello).packets;
                let mut both = opened.client(&hello).close();
                both.packets.extend(again);
                both
            }
        };
        let start = Duration::from_millis(u64::from(n) * 70);
        let pause = Duration::from_millis(3 + u64::from(n % 11) * 40);
        let timed = conversation.packets.into_iter().zip(0..).map(|(p, i)| Packet { time: start + pause * i, ..p });
        packets.extend(timed);
    }
    packets.sort_by_key(|p| p.time);
    let end = packets.last().unwrap().time + Duration::from_secs(100);
    let mut last =
        Conversation::between("10.9.9.9:9999", "192.0.2.1:443").client(&ClientHello::asking_for("last.example").record());
    last.packets.iter_mut().for_each(|p| p.time += end);
    packets.extend(last.packets);
    packets
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
