//! What a new user does, right or wrong: messages name what is at fault, and the exit status says how it went.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::capture::{CaptureSet, CaptureSettings};
use portcullis::engine::Config;
use portcullis::packet::DecoderConfig;
use portcullis::pipeline::{self, EvePrinter, Keeping, Settings};
use portcullis::rules::RuleSet;
use serde_json::json;

use crate::util::run::{Ran, portcullis, shipped};
use crate::util::tls::{ClientHello, MUTUAL_TLS12, NAME};
use crate::util::{Conversation, Dir, Events, Packet, pcap};

fn replay(args: &[&str]) -> Ran {
    Ran::with([&["replay"][..], args].concat())
}

/// A capture with one session per name.
fn sessions(names: impl IntoIterator<Item = String>) -> Vec<u8> {
    let conversation = |(n, name): (usize, String)| {
        let client = format!("10.{}.{}.1:{}", n >> 14, (n >> 7) & 127, 40_000 + (n & 127));
        let packets = Conversation::between(&client, "192.0.2.1:443").client(&ClientHello::asking_for(&name).record()).packets;
        packets.into_iter().map(move |p| Packet { time: p.time + Duration::from_millis(4 * n as u64), ..p })
    };
    pcap(&names.into_iter().enumerate().flat_map(conversation).collect::<Vec<_>>())
}

fn one_session(name: &str) -> Vec<u8> {
    sessions([name.to_owned()])
}

#[test]
fn help_says_what_each_command_and_flag_does() {
    let help = Ran::with(["--help"]).expect(0);
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("Usage: portcullis [OPTIONS] <COMMAND>") && help.contains("replay"), "{help}");
    let help = String::from_utf8(replay(&["--help"]).expect(0).stdout).unwrap();
    for flag in ["--output", "--rules", "--no-rules", "--ports", "--workers", "--write-passed", "--max-flows", "--timeout-new"] {
        assert!(help.contains(flag), "{flag}");
    }
    assert!(String::from_utf8(Ran::with(["--version"]).expect(0).stdout).unwrap().starts_with("portcullis 0."));
}

#[test]
fn what_is_asked_wrongly_ends_with_status_2_and_no_events() {
    let capture = shipped("tls12.pcap");
    let capture = capture.to_str().unwrap();
    for args in [
        &[][..],
        &["replay"],
        &["reply", capture],
        &["replay", "--no-such-flag", capture],
        &["replay", "--workers", "0", capture],
        &["replay", "--ports", "http", capture],
        &["replay", "--ports", "0", capture],
        &["replay", "--max-flows", "15", capture],
        &["replay", "--stats-interval", "0", capture],
        &["replay", "--stats-interval", "0.5", capture],
        &["replay", "--max-flows", "many", capture],
        &["replay", "--reassembly-memory", "1T", capture],
        &["replay", "--timeout-new", "soon", capture],
        &["replay", "--overlap", "middle", capture],
        &["replay", "--var", "HOME_NET", capture],
        &["replay", "--no-rules", "--var", "HOME_NET=10.0.0.0/99", capture],
        &["replay", "--no-rules", "--var", "=10.0.0.0/8", capture],
        &["replay", "--rules", "x.rules", "--no-rules", capture],
    ] {
        let ran = Ran::with(args.iter().copied()).expect(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn every_line_is_json_and_stats_are_the_last() {
    let ran = replay(&["--flows", "--certificates", "--log-certificates", "pcaps"]).expect(0);
    let events = ran.events();
    assert!(events.0.iter().all(|e| e["timestamp"].is_string() && e["event_type"].is_string()));
    assert_eq!(events.0.last().unwrap()["event_type"], "stats");
}

#[test]
fn a_file_that_is_no_capture_is_named_with_what_it_is() {
    let dir = Dir::new();
    let text = dir.file("notes.txt", "Remember the milk.\n");
    let ran = replay(&[&text]).expect(1);
    assert!(ran.stderr.contains(&text) && ran.stderr.contains("text") && ran.stderr.contains("expected pcap"), "{}", ran.stderr);
}

#[test]
fn an_empty_file_is_named_as_such() {
    let dir = Dir::new();
    let empty = dir.file("empty.pcap", "");
    let ran = replay(&[&empty]).expect(1);
    assert!(ran.stderr.contains(&empty) && ran.stderr.contains("empty"), "{}", ran.stderr);
}

#[test]
fn packets_of_a_link_type_that_is_not_supported_are_told() {
    let dir = Dir::new();
    let mut capture = one_session("a.example");
    capture[20] = 147; // LINKTYPE_USER0
    let ran = replay(&[&dir.file("user.pcap", capture)]).expect(0);
    let skipped = ran.events().counter("decoder.unsupported_link");
    assert!(skipped > 0 && ran.stderr.contains(&format!("{skipped} packets were skipped")), "{}", ran.stderr);
}

#[test]
fn what_was_not_looked_at_is_in_the_summary() {
    let dir = Dir::new();
    let watched = one_session("a.example");
    let other_port = pcap(&Conversation::between("10.0.0.1:40000", "192.0.2.1:80").client(b"GET /").packets);
    let mut no_tcp = pcap(&Conversation::unopened("10.0.0.1:40000", "192.0.2.1:443", 0, 0).client(b"x").packets);
    no_tcp[24 + 16 + 14 + 9] = 1; // the protocol of IPv4: ICMP
    for (name, capture) in [("a.pcap", watched), ("b.pcap", other_port), ("c.pcap", no_tcp)] {
        dir.file(name, capture);
    }
    let (mut captures, _) = CaptureSet::plan(&[dir.path("").into()], CaptureSettings::default());
    let settings = Settings {
        workers: 2,
        decoder: DecoderConfig::default(),
        engine: Config::default(),
        stats_interval: None,
        keeping: Keeping::default(),
        stop: Arc::default(),
        board: None,
        sinks: Arc::default(),
        next_rules: Arc::default(),
    };
    let (rules, printer) = (Arc::new(RuleSet::default()), EvePrinter::default());
    let outcome = pipeline::run(&mut captures, rules, &settings, &printer, &mut |_| Ok(()), None, &mut |e| panic!("{e}")).unwrap();
    // TCP's handshake of three segments and the request are four.
    let expected = [("TCP on ports that are not watched", 4), ("not TCP", 1)];
    assert_eq!(outcome.summary.skipped().clone().into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_capture_without_packets_is_no_failure() {
    let dir = Dir::new();
    let events = replay(&[&dir.file("quiet.pcap", pcap(&[]))]).expect(0).events();
    assert_eq!(events.counter("decoder.pkts"), 0);
}

#[test]
fn a_missing_or_unreadable_file_is_named_with_the_reason() {
    let dir = Dir::new();
    let missing = dir.path("gone.pcap");
    let missing = missing.to_str().unwrap();
    let ran = replay(&[missing]).expect(1);
    assert!(ran.stderr.contains(missing), "{}", ran.stderr);

    let locked = dir.file("locked.pcap", one_session(NAME));
    fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    if fs::read(&locked).is_err() {
        // For root no file is unreadable.
        let ran = replay(&[&locked]).expect(1);
        assert!(ran.stderr.contains(&locked) && ran.stderr.contains("denied"), "{}", ran.stderr);
    }
}

#[test]
fn a_capture_cut_inside_a_packet_gives_all_whole_packets_and_a_warning() {
    let dir = Dir::new();
    let whole = sessions(["first.example".to_owned(), "second.example".to_owned()]);
    let cut = dir.file("cut.pcap", &whole[..whole.len() - 5]);
    let ran = replay(&[&cut]).expect(0);
    assert_eq!(ran.events().names(), ["first.example"]);
    assert!(ran.stderr.contains("warning") && ran.stderr.contains(&cut) && ran.stderr.contains("5 bytes"), "{}", ran.stderr);
}

#[test]
fn of_several_inputs_the_good_ones_run_and_the_status_is_1() {
    let dir = Dir::new();
    let (a, b) = (dir.file("a.pcap", one_session("a.example")), dir.file("b.pcap", one_session("b.example")));
    let text = dir.file("c.pcap", "no capture");
    let ran = replay(&[&a, &text, &b, "/no/such/file"]).expect(1);
    let events = ran.events();
    assert!(events.names().contains(&"a.example"), "{:?}", events.names());
    assert!(ran.stderr.contains(&text) && ran.stderr.contains("/no/such/file"), "{}", ran.stderr);
}

#[test]
fn directories_and_globs_are_searched() {
    let dir = Dir::new();
    let other = |name: &str, client: &str| {
        pcap(&Conversation::between(client, "192.0.2.1:443").client(&ClientHello::asking_for(name).record()).packets)
    };
    dir.file("one.pcap", other("one.example", "10.0.0.1:1111"));
    dir.file("deep/down/two.pcap", other("two.example", "10.0.0.1:2222"));
    dir.file("deep/notes.txt", "these are no packets");
    let root = dir.path("");
    let ran = replay(&[root.to_str().unwrap()]).expect(0);
    let events = ran.events();
    let mut names = events.names();
    names.sort_unstable();
    assert_eq!(names, ["one.example", "two.example"]);
    assert!(ran.stderr.contains("notes.txt"), "what is passed over is told: {}", ran.stderr);

    for n in 0..10 {
        dir.file(&format!("deep/more-{n}.txt"), "nor are these");
    }
    let ran = replay(&[root.to_str().unwrap()]).expect(0);
    assert_eq!((ran.stderr.matches(".txt").count(), ran.stderr.lines().count()), (3, 4), "{}", ran.stderr);
    assert!(ran.stderr.contains("8 more"), "{}", ran.stderr);

    let glob = dir.path("*.pcap");
    assert_eq!(replay(&[glob.to_str().unwrap()]).expect(0).events().names(), ["one.example"]);
    let glob = dir.path("*.pcapng");
    assert!(replay(&[glob.to_str().unwrap()]).expect(1).stderr.contains("pcapng"));
}

#[test]
fn flows_go_on_over_rotated_files_whatever_their_order() {
    let dir = Dir::new();
    let packets = Conversation::new().flights(&MUTUAL_TLS12, 500).close().packets;
    let (first, second) = packets.split_at(packets.len() / 3);
    let (z, a) = (dir.file("z.pcap", pcap(first)), dir.file("a.pcap", pcap(second)));
    let events = replay(&[&a, &z]).expect(0).events();
    let session = events.session();
    assert_eq!((&session["tls"]["sni"], &session["tls"]["subject"]), (&json!(NAME), &json!(format!("CN={NAME}"))));
    assert_eq!(session["portcullis"]["view"]["to_client"]["whole"], true);
}

#[test]
fn standard_input_is_read_plain_or_compressed() {
    let plain = fs::read(shipped("tls13.pcap")).unwrap();
    let gzip = fs::read(shipped("tls13.pcap.gz")).unwrap();
    for (what, bytes) in [("plain", plain), ("gzip", gzip)] {
        let mut child =
            portcullis(["replay", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap()).expect(0);
        assert_eq!(ran.events().names(), [NAME], "{what}");
    }
}

#[test]
fn mistakes_in_a_rules_file_are_told_by_line_and_the_run_goes_on() {
    let dir = Dir::new();
    let rules = dir.file(
        "my.rules",
        r#"alert tls any any -> any any (msg:"good"; tls.sni; content:"shop"; sid:1;)
alert tls any any -> any any (msg:"no end"; sid:2;
alert tls any any -> any any (msg:"unknown"; tls.nonsense; content:"x"; sid:3;)
alert tls any any -> any any (msg:"also good"; tls.sni; content:"example"; endswith; sid:4;)
"#,
    );
    let capture = shipped("tls12.pcap");
    let ran = replay(&["--rules", &rules, capture.to_str().unwrap()]).expect(0);
    let mut alerts: Vec<String> = ran.events().alerts().iter().map(|a| (*a).to_owned()).collect();
    alerts.sort();
    assert_eq!(alerts, ["also good", "good"]);
    for line in [2, 3] {
        assert!(ran.stderr.contains(&format!("{rules}:{line}")), "line {line}: {}", ran.stderr);
    }
    assert!(ran.stderr.contains("tls.nonsense"), "{}", ran.stderr);
}

#[test]
fn with_strict_rules_a_mistake_ends_the_run_before_it_begins() {
    let dir = Dir::new();
    let good = dir.file("good.rules", r#"alert tls any any -> any any (msg:"good"; tls.sni; content:"shop"; sid:1;)"#);
    let bad = dir.file("bad.rules", "alert tls any any -> any any (tls.nonsense; sid:2;)");
    let capture = shipped("tls12.pcap");
    let capture = capture.to_str().unwrap();
    let ran = replay(&["--strict-rules", "--rules", &good, "--rules", &bad, capture]).expect(1);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("error: 1 rule did not load"), "{}", ran.stderr);
    assert_eq!(replay(&["--strict-rules", "--rules", &good, capture]).expect(0).events().alerts(), ["good"]);
}

#[test]
fn with_strict_rules_all_other_files_have_to_be_read_too() {
    let dir = Dir::new();
    let rules =
        dir.file("r.rules", r#"alert tls any any -> any any (tls.sni; dataset:isset,names,type string,load names.lst; sid:1;)"#);
    let (good, capture) = (dir.file("names.lst", "c2hvcA==\n"), shipped("tls12.pcap"));
    let empty = dir.file("empty.txt", "# nothing yet\n");
    let odd = dir.file("odd.txt", "evil.test\n!\n");
    let suppress = dir.file("t.config", "suppress gen_id 1\n");
    let other = dir.file("other.config", "suppress gen_id 1, sig_id 2\n");
    let run = |args: &[&str]| replay(&[&["--strict-rules", "--rules", &rules], args, &[capture.to_str().unwrap()]].concat());
    run(&[]).expect(0);
    run(&["--threshold-config", &other]).expect(0);
    for args in [["--threshold-config", &suppress], ["--block-domains", &empty], ["--block-domains", &odd]] {
        let ran = run(&args).expect(1);
        assert!(ran.stderr.contains("error: 1 line of another file was not read"), "{args:?}: {}", ran.stderr);
    }
    std::fs::write(good, "c2hvcA==\nno Base64!\n").unwrap();
    assert!(run(&[]).expect(1).stderr.contains("names.lst:2:1: "));
}

#[test]
fn alerts_of_lists_are_suppressed_without_rules_too() {
    let (dir, capture) = (Dir::new(), shipped("tls12.pcap"));
    let list = dir.file("phish.txt", "shop.example\n");
    let suppress = dir.file("t.config", "suppress gen_id 8443, sig_id 1\n");
    let args = ["--no-rules", "--block-domains", &list, "--threshold-config", &suppress, capture.to_str().unwrap()];
    let events = replay(&args).expect(0).events();
    assert_eq!((events.alerts(), events.of("drop").len()), (vec![], 1));
}

#[test]
fn alerts_have_the_text_of_their_rule_where_it_is_asked_for() {
    let dir = Dir::new();
    let text = r#"alert tls any any -> any any (msg:"good"; tls.sni; content:"shop"; sid:1;)"#;
    let rules = dir.file("my.rules", text);
    let capture = shipped("tls12.pcap");
    let capture = capture.to_str().unwrap();
    let rule = |args: &[&str]| {
        replay(&[args, &["--rules", &rules, capture]].concat()).expect(0).events().of("alert")[0]["alert"]["rule"].clone()
    };
    assert_eq!(rule(&["--log-rule"]), text);
    assert_eq!(rule(&[]), json!(null));
}

#[test]
fn what_rules_cost_is_told_where_it_is_asked_for() {
    let dir = Dir::new();
    let rules = dir.file(
        "my.rules",
        r#"alert tls any any -> any any (msg:"hit"; tls.sni; content:"shop"; sid:1;)
alert tls any any -> any any (msg:"miss"; tls.sni; content:"shop"; content:!"www"; sid:2;)
alert tls any any -> any any (msg:"idle"; tls.sni; content:"bank"; sid:3;)
"#,
    );
    let names = (0..10).map(|n| format!("www{n}.shop.example"));
    let (capture, file) = (dir.file("shop.pcap", sessions(names)), dir.path("costs.json"));
    let profile = format!("--profile-rules={}", file.display());
    let ran = replay(&[&profile, "--workers", "2", "--rules", &rules, &capture]).expect(0);
    assert!(
        ran.stderr.contains("Rules by cost") && ran.stderr.contains("0 more rules were candidates, 1 never were"),
        "{}",
        ran.stderr
    );
    let nowhere = format!("--profile-rules={}", dir.path("nowhere/costs.json").display());
    let ran = replay(&[&nowhere, "--rules", &rules, &capture]).expect(1);
    assert_eq!((ran.stderr.contains("cannot write") && !ran.stderr.contains("Rules by cost"), ran.stdout.len()), (true, 0));
    let itself = format!("--profile-rules={capture}");
    let before = fs::read(&capture).unwrap();
    assert!(replay(&[&itself, "--rules", &rules, &capture]).expect(2).stderr.contains("is a capture that is to be read"));
    assert_eq!(fs::read(&capture).unwrap(), before);
    let lines = fs::read_to_string(&file).unwrap();
    let mut costs: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    costs.sort_by_key(|c| c["sid"].as_u64());
    let counts: Vec<_> =
        costs.iter().map(|c| ["sid", "candidates", "evaluations", "matches"].map(|k| c[k].as_u64().unwrap())).collect();
    assert_eq!(counts, [[1, 10, 10, 10], [2, 10, 10, 0]]);
    assert_eq!(replay(&["--rules", &rules, &capture]).expect(0).stderr, "");
}

#[test]
fn a_rules_file_that_is_not_there_is_an_error_before_anything_runs() {
    let capture = shipped("tls12.pcap");
    let ran = replay(&["--rules", "/no/such.rules", capture.to_str().unwrap()]).expect(1);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("/no/such.rules"), "{}", ran.stderr);
}

#[test]
fn rules_are_the_shipped_ones_or_none_or_ones_own() {
    let capture = shipped("tls10.pcap");
    let capture = capture.to_str().unwrap();
    assert_eq!(replay(&[capture]).expect(0).events().alerts(), ["PORTCULLIS TLS 1.0 negotiated"]);
    assert_eq!(replay(&["--no-rules", capture]).expect(0).events().alerts(), [""; 0]);
    let dir = Dir::new();
    dir.file("set/a.rules", r#"alert tls $HOME_NET any -> any any (msg:"mine"; tls.sni; content:"bank"; sid:1;)"#);
    let set = dir.path("set");
    let set = set.to_str().unwrap();
    assert_eq!(replay(&["--rules", set, capture]).expect(0).events().alerts(), ["mine"]);
    assert_eq!(replay(&["--rules", set, "--var", "HOME_NET=192.0.2.0/24", capture]).expect(0).events().alerts(), [""; 0]);
}

#[test]
fn a_list_blocks_and_its_alert_names_the_entry() {
    let dir = Dir::new();
    let list = dir.file("phish.txt", "# names\nbank.example # phishing kit\n");
    let capture = shipped("tls10.pcap");
    let events = replay(&["--no-rules", "--block-domains", &list, capture.to_str().unwrap()]).expect(0).events();
    assert_eq!(events.alerts(), ["phish.txt: listed domain (phishing kit)"]);
    let alert = &events.of("alert")[0]["alert"];
    assert_eq!(alert["action"], "blocked");
    let metadata = json!({ "list": [format!("{list}:2")], "entry": ["bank.example"], "reason": ["phishing kit"] });
    assert_eq!(alert["metadata"], metadata);
    assert_eq!(events.of("drop")[0]["alert"]["signature"], alert["signature"]);
}

#[test]
fn a_full_disk_is_an_error() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let capture = shipped("tls12.pcap");
    let capture = capture.to_str().unwrap();
    let ran = replay(&["-o", "/dev/full", capture]).expect(1);
    assert!(ran.stderr.contains("error") && ran.stderr.contains("/dev/full"), "{}", ran.stderr);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = Ran::from(portcullis(["replay", capture]).stdout(full).output().unwrap()).expect(1);
    assert!(ran.stderr.contains("error"), "{}", ran.stderr);
    let ran = replay(&["--write-passed", "/dev/full", capture]).expect(1);
    assert!(ran.stderr.contains("/dev/full"), "{}", ran.stderr);
    let ran = replay(&["-o", "/no/such/dir/eve.json", capture]).expect(1);
    assert!(ran.stderr.contains("/no/such/dir/eve.json"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_has_enough_ends_the_run_in_peace() {
    let dir = Dir::new();
    let capture = dir.file("many.pcap", sessions((0..5_000).map(|n| format!("n{n}.example"))));
    let mut child = portcullis(["replay", capture.as_str()]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap(); // and closes the pipe
    assert!(line.starts_with('{'));
    let ran = Ran::from(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn an_interrupt_writes_what_was_seen_and_ends_as_the_signal_would() {
    use std::os::unix::process::ExitStatusExt;
    let dir = Dir::new();
    let out = dir.path("eve.json");
    let mut child =
        portcullis(["replay", "-o", out.to_str().unwrap(), "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A capture without end: the run is over when somebody says so.
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || {
        let capture = sessions((0..10_000).map(|n| format!("n{n}.example")));
        let mut rest = &capture[..];
        while stdin.write_all(rest).is_ok() {
            rest = &capture[24..];
        }
    });
    let end = Instant::now() + Duration::from_secs(20);
    while fs::metadata(&out).map_or(0, |m| m.len()) == 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > deadline {
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if status.is_none() {
        child.kill().unwrap();
    }
    feeder.join().unwrap();
    let status = status.expect("an interrupt ends the run");
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.signal(), Some(2), "{status:?} {stderr}");
    let events = Events::parse(&fs::read(&out).unwrap());
    assert!(events.sessions().len() > 100);
    assert_eq!(events.0.last().unwrap()["event_type"], "stats");
}

#[test]
fn an_allow_list_lets_only_what_it_names_pass() {
    let dir = Dir::new();
    let rules = dir.file("allow.rules", r#"pass tls any any -> any 443 (tls.sni; content:"www.shop.example"; bsize:16; sid:1;)"#);
    let passed = dir.path("passed.pcapng");
    let captures = ["pcaps/tls12.pcap", "pcaps/client-cert-tls12.pcap", "pcaps/ssh-on-443.pcap"];
    let options = ["--default-verdict", "drop", "--rules", &rules, "--write-passed", passed.to_str().unwrap()];
    let events = replay(&[&options[..], &captures].concat()).expect(0).events();
    let refusals: Vec<_> = events.of("drop").into_iter().map(|d| d["portcullis"].clone()).collect();
    let expected = [json!({"why": "no pass rule matched", "sni": "online.bank.example"}), json!({"why": "not TLS"})];
    assert_eq!(refusals, expected);
    assert_eq!(events.counter("ips.drop_reason.default_app_policy"), 2);
    let bytes = std::fs::read(&passed).unwrap();
    let holds = |name: &[u8]| bytes.windows(name.len()).any(|w| w == name);
    assert!(holds(b"www.shop.example") && !holds(b"online.bank.example") && !holds(b"SSH-2.0"));

    let ran = replay(&["--default-verdict", "reject", "pcaps/tls12.pcap"]).expect(0);
    assert!(ran.stderr.contains("warning: no pass rule is loaded: every flow on the watched ports is dropped"), "{}", ran.stderr);
    replay(&["--default-verdict", "deny", "pcaps/tls12.pcap"]).expect(2);
}

#[test]
fn what_an_inline_portcullis_would_pass_is_written_and_replays() {
    let dir = Dir::new();
    let conversation = |name: &str, client: &str| {
        let hello = ClientHello::asking_for(name).record();
        Conversation::between(client, "192.0.2.1:443").client(&hello).server(&crate::util::tls::server_flight()).client(b"later")
    };
    let good = conversation("good.example", "10.0.0.1:1111").packets;
    let evil = conversation("evil.example", "10.0.0.2:2222").packets;
    let packets: Vec<Packet> = good.into_iter().zip(evil).flat_map(|(a, b)| [a, b]).collect();
    let capture = dir.file("both.pcap", pcap(&packets));
    let rules = dir.file("drop.rules", r#"drop tls any any -> any any (msg:"evil"; tls.sni; content:"evil.example"; sid:1;)"#);
    let passed = dir.path("passed.pcapng");
    let passed = passed.to_str().unwrap();
    let events = replay(&["--rules", &rules, "--write-passed", passed, &capture]).expect(0).events();
    let hello_and_later = 3;
    assert_eq!(events.of("drop").len(), 1);
    assert_eq!(events.of("alert")[0]["alert"]["action"], "blocked");
    assert_eq!(events.counter("ips.blocked"), hello_and_later);

    let again = replay(&["--no-rules", passed]).expect(0).events();
    assert_eq!(again.names(), ["good.example"]);
    assert_eq!(again.counter("decoder.pkts"), packets.len() as u64 - hello_and_later);
}

#[test]
fn events_of_a_capture_that_grows_come_while_it_does() {
    let mut child = portcullis(["replay", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&fs::read("pcaps/tls13.pcap").unwrap()).unwrap();
    let mut line = String::new();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    events.read_line(&mut line).unwrap(); // the input has not ended, and does not until this is there
    assert!(line.contains(r#""event_type":"tls""#), "{line}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_documentation_has_every_option() {
    let text = fs::read_to_string("docs/operations.md").unwrap();
    let help = String::from_utf8(portcullis(["replay", "--help"]).output().unwrap().stdout).unwrap();
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let options = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let long = options.flat_map(|line| line.split(word)).filter(|w| w.starts_with("--"));
    let missing: Vec<&str> = long.filter(|o| !["--help", "--version"].contains(o) && !text.contains(o)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_dash_is_standard_output() {
    let dir = Dir::new();
    let capture = dir.file("c.pcap", one_session(NAME));
    let events = replay(&["-o", "-", &capture]).expect(0).events();
    assert_eq!(events.session()["tls"]["sni"], NAME);
    let out = dir.path("eve.json");
    let ran = portcullis(["replay", "--write-passed", "-", "-o", out.to_str().unwrap(), &capture]).output().unwrap();
    assert_eq!(ran.stdout.first_chunk(), Some(&[0x0a, 0x0d, 0x0d, 0x0a]), "pcapng");
    let said = replay(&["--write-passed", "-", &capture]).expect(2).stderr;
    assert!(said.contains("standard output cannot take both"), "{said}");
}

#[test]
fn what_is_to_be_read_is_not_appended_to() {
    let dir = Dir::new();
    let before = one_session(NAME);
    let capture = dir.file("c.pcap", &before);
    let appending = fs::OpenOptions::new().append(true).open(&capture).unwrap();
    let ran = Ran::from(portcullis(["replay", &capture]).stdout(appending).output().unwrap()).expect(2);
    assert!(ran.stderr.contains(&capture) && ran.stderr.contains("send it elsewhere"), "{}", ran.stderr);
    assert_eq!(fs::read(&capture).unwrap(), before);
}

#[test]
fn what_is_to_be_read_is_never_written_over() {
    let dir = Dir::new();
    let before = one_session(NAME);
    let capture = dir.file("c.pcap", &before);
    let link = dir.path("link.pcap");
    std::os::unix::fs::symlink(&capture, &link).unwrap();
    let (link, both) = (link.to_str().unwrap(), dir.path("both"));
    let both = both.to_str().unwrap();
    for (args, named) in [
        (vec!["-o", &capture, &capture], capture.as_str()),
        (vec!["--write-passed", link, &capture], link),
        (vec!["-o", &capture, dir.path("").to_str().unwrap()], &capture),
        (vec!["-o", both, "--write-passed", both, &capture], both),
    ] {
        let ran = replay(&args).expect(2);
        let said = ran.stderr;
        assert!(said.contains(named) && said.contains("name another file"), "{args:?}: {said}");
        assert_eq!(fs::read(&capture).unwrap(), before, "{args:?}");
        assert!(!Path::new(both).exists(), "{args:?}");
    }
    replay(&["-o", "/dev/null", "--write-passed", "/dev/null", &capture]).expect(0);
}

#[test]
fn every_command_has_a_manual_page_and_completions() {
    let dir = Dir::new();
    let (man, completions) = (dir.path("man"), dir.path("completions"));
    Ran::with(["generate", "man", man.to_str().unwrap()]).expect(0);
    Ran::with(["generate", "completions", completions.to_str().unwrap()]).expect(0);
    let mut pages: Vec<String> =
        std::fs::read_dir(&man).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    let commands = ["config-check", "config-show", "findings", "inline", "replay", "rules-check", "rules-list", "tap"];
    for command in commands {
        assert!(pages.contains(&format!("portcullis-{command}.1")), "{command}: {pages:?}");
    }
    assert!(!pages.iter().any(|page| page.contains("generate")), "{pages:?}");
    let page = std::fs::read_to_string(man.join("portcullis-tap.1")).unwrap();
    assert!(page.contains(".TH PORTCULLIS-TAP 1") && page.contains("\\-\\-listen") && page.contains("\\-\\-sink"), "{page}");
    for (file, has) in [("portcullis.bash", "--listen"), ("_portcullis", "--listen"), ("portcullis.fish", "-l listen")] {
        assert!(std::fs::read_to_string(completions.join(file)).unwrap().contains(has), "{file}");
    }
}

#[test]
fn the_version_tells_what_was_built_in() {
    let long = String::from_utf8(Ran::with(["--version"]).expect(0).stdout).unwrap();
    let lines: Vec<&str> = long.lines().collect();
    assert_eq!(lines.len(), 4, "{long}");
    for (line, start) in lines.iter().zip(["portcullis ", "features: ", "rules: ", "trust store: "]) {
        assert!(line.starts_with(start), "{line}");
    }
    let short = String::from_utf8(Ran::with(["-V"]).expect(0).stdout).unwrap();
    assert_eq!(short.lines().collect::<Vec<_>>(), [lines[0]]);
}
