//! Other rules while traffic runs: at a signal, where files change, and what of it goes wrong.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use portcullis::capture::{CaptureSet, CaptureSettings};
use portcullis::engine::Config;
use portcullis::packet::DecoderConfig;
use portcullis::pipeline::{self, EvePrinter, Keeping, NextRules, Settings};
use portcullis::rules::{RuleConfig, RuleSet, Source};

use crate::util::run::{Events, pcap, portcullis};
use crate::util::tls::{ClientHello, MUTUAL_TLS13, server_flight};
use crate::util::{Conversation, Packet, Portcullis};

/// `portcullis replay -`, fed by hand.
struct Live {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Its standard error, line by line.
    said: std::sync::mpsc::Receiver<String>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    begun: bool,
}

impl Live {
    fn start(args: &[&str]) -> Self {
        let mut command = portcullis([&["replay", "-"], args].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (say, said) = std::sync::mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let mut stdout = child.stdout.take().unwrap();
        let stdout = thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).unwrap();
            bytes
        });
        Self { stdin: child.stdin.take(), child, said, stdout: Some(stdout), begun: false }
    }

    /// Feeds it `packets`.
    fn feed(&mut self, packets: &[Packet]) {
        let file = pcap(packets);
        let records = if self.begun { &file[PCAP_HEADER..] } else { &file };
        self.stdin.as_mut().unwrap().write_all(records).unwrap();
        if !std::mem::replace(&mut self.begun, true) {
            self.wait_until_it_runs();
        }
    }

    /// Waits until it has loaded its rules, and then for what it was fed to be played.
    fn wait_until_it_runs(&self) {
        let tasks = format!("/proc/{}/task", self.child.id());
        let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !fs::read_dir(&tasks).unwrap().any(|task| name(task.unwrap()) == "rules\n") {
            assert!(Instant::now() < deadline, "it does not begin");
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(200));
    }

    /// Sends it a signal, and waits for the line about rules.
    fn signal(&self, name: &str) -> String {
        self.signal_only(name);
        self.line()
    }

    fn signal_only(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// The next line that says whether rules were reloaded; those before it are let go.
    fn line(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let line =
                self.said.recv_timeout(deadline.saturating_duration_since(Instant::now())).expect("nothing is said of rules");
            if let Some(said) = line.strip_prefix("portcullis: rules ").filter(|l| l.contains("reloaded")) {
                return said.to_owned();
            }
        }
    }

    /// The events, once all is played.
    fn finish(mut self) -> Events {
        drop(self.stdin.take());
        let stdout = self.stdout.take().unwrap().join().unwrap();
        assert!(self.child.wait().unwrap().success());
        Events::parse(&stdout)
    }

    /// Bytes of memory that it has now.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

/// Bytes before the first record.
const PCAP_HEADER: usize = 24;

/// A directory with a file of rules.
struct Rules {
    dir: tempfile::TempDir,
}

impl Rules {
    fn new(text: &str) -> Self {
        let rules = Self { dir: tempfile::tempdir().unwrap() };
        rules.write(text);
        rules
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("some.rules")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn sni(action: &str, name: &str, sid: u32) -> String {
    format!("{action} tls any any -> any any (msg:\"{name} {sid}\"; tls.sni; content:\"{name}\"; sid:{sid};)\n")
}

/// Where time is of the essence, packets come at this second.
fn at(second: u64, packets: Vec<Packet>) -> Vec<Packet> {
    packets.into_iter().map(|p| Packet { time: Duration::from_secs(second), ..p }).collect()
}

/// A flow that asks for `name`; its first packets, those with the server's answer, and one after the dark.
fn flow(port: u16, name: &str) -> [Vec<Packet>; 3] {
    let opened = Conversation::between(&format!("10.0.0.1:{port}"), "192.0.2.1:443");
    let asked = opened.client(&ClientHello::asking_for(name).record());
    let before = asked.packets.len();
    let answered = asked.server(&server_flight());
    let between = answered.packets.len();
    let mut all = answered.client(b"\x14\x03\x03\0\x01\x01").packets;
    let last = all.split_off(between);
    let middle = all.split_off(before);
    [all, middle, last]
}

#[test]
fn the_engine_takes_other_rules_between_any_two_packets() {
    let packets = flow(1_000, "one.example").concat();
    let rules = sni("alert", "one", 1) + &sni("alert", "example", 2) + "alert ip any any -> any any (msg:\"any\"; sid:3;)\n";
    let all = Portcullis::default().rules(&rules).run(&packets);
    for number in 1..=packets.len() as u64 {
        let same = Portcullis::default().rules(&rules).then(number, &rules).run(&packets);
        assert_eq!(same.0, all.0, "the same rules again, before packet {number}");
        let late = Portcullis::default().then(number, &sni("alert", "one", 1)).run(&packets);
        assert_eq!(late.alerts(), ["one 1"], "a new rule, before packet {number}: the server is not dark yet");
    }
}

#[test]
fn at_sighup_rules_come_and_go_and_flows_go_on() {
    for workers in ["1", "4"] {
        let rules = Rules::new(&(sni("alert", "one", 1) + &sni("alert", "example", 2)));
        let mut live = Live::start(&["--rules", text(&rules.path()), "--workers", workers, "--flows"]);
        let [first, second, third] = flow(1_000, "one.example");
        live.feed(&at(1, first));
        rules.write(&(sni("alert", "one", 1) + &sni("alert", "example", 3) + &sni("alert", "ex", 4)));
        assert_eq!(live.signal("HUP"), "reloaded: 3 rules (+2 -1)");
        live.feed(&at(2, second));
        live.feed(&at(3, flow(1_001, "two.example")[0].clone()));
        live.feed(&at(4, third));
        let events = live.finish();
        // The old flow: what fired does not do so again, and new rules see the hello that is there.
        let told = ["one 1", "example 2", "example 3", "ex 4", "example 3", "ex 4"];
        assert_eq!(events.alerts(), told, "{workers} workers");
        assert_eq!(events.of("flow").len(), 2);
        let engine = &events.of("stats")[0]["stats"]["detect"]["engines"][0];
        let since = "2023-11-14T22:13:22.000000+0000";
        assert_eq!(
            (&engine["rules_loaded"], &engine["rules_failed"], &engine["last_reload"]),
            (&3.into(), &0.into(), &since.into())
        );
    }
}

#[test]
fn a_flow_that_went_dark_is_known_by_its_addresses() {
    let rules = Rules::new("");
    let mut live = Live::start(&["--rules", text(&rules.path()), "--flows"]);
    let mut packets = Conversation::new().flights(&MUTUAL_TLS13, 1_400).client(b"dark").packets;
    let last = packets.split_off(packets.len() - 1);
    live.feed(&at(1, packets));
    rules.write(
        "drop tls any any -> any any (tls.sni; content:\"e\"; sid:2;)\n\
                 drop ip any any -> 192.0.2.1 any (msg:\"address\"; sid:3;)\n",
    );
    assert_eq!(live.signal("USR2"), "reloaded: 2 rules (+2 -0)");
    live.feed(&at(2, last));
    let events = live.finish();
    assert_eq!((events.sessions().len(), events.alerts(), events.of("drop").len()), (1, vec!["address"], 1));
}

#[test]
fn a_dropped_flow_stays_dropped() {
    let rules = Rules::new(&sni("drop", "one", 1));
    let mut live = Live::start(&["--rules", text(&rules.path())]);
    let [first, second, _] = flow(1_000, "one.example");
    live.feed(&at(1, first));
    rules.write(&sni("alert", "nobody", 2));
    assert_eq!(live.signal("HUP"), "reloaded: 1 rule (+1 -1)");
    let count = second.len() as u64;
    live.feed(&at(2, second));
    let events = live.finish();
    assert_eq!((events.alerts(), events.counter("ips.blocked")), (vec!["one 1"], 1 + count));
}

#[test]
fn what_does_not_load_leaves_the_old_rules() {
    let good = sni("alert", "example", 1);
    let broken = "alert tls any any -> any any (tls.sny; content:\"x\"; sid:9;)\n";
    let ordered = "alert tls any any -> any any (tls.sni; content:\"nobody\"; xbits:set,x,track ip_src; sid:9;)\n";
    let comparing = "alert tls any any -> any any (tls.sni; content:\"nobody\"; finding:cert.changed.issuer; sid:9;)\n";
    for (options, then, said) in [
        (&[][..], Some(broken.to_owned()), "not reloaded: none of 1 rule loads; those in force stay"),
        (
            &["--strict-rules"],
            Some(good.clone() + broken),
            "not reloaded: 1 rule did not load, and --strict-rules lets none fail; those in force stay",
        ),
        (
            &[],
            Some(String::new()),
            "not reloaded: RULES had 1 rule, and has none now; if that is meant, start it again; those in force stay",
        ),
        (
            &["--block-domains", "/dev/null"],
            Some(format!("#{good}")),
            "not reloaded: RULES had 1 rule, and has none now; if that is meant, start it again; those in force stay",
        ),
        (&[], None, "not reloaded: cannot read RULES: No such file or directory (os error 2); those in force stay"),
        (
            &["--workers", "2"],
            Some(good.clone() + comparing),
            "not reloaded: they keep state across flows (1 rule), which takes one worker, and this run has 2: start it again with them; \
             those in force stay",
        ),
        (&["--workers", "1"], Some(good.clone() + comparing), "reloaded: 2 rules (+1 -0)"),
        (&["--workers", "1"], Some(good.clone() + ordered), "reloaded: 2 rules (+1 -0)"),
        (&["--workers", "2"], Some(good.clone() + ordered), "reloaded: 2 rules (+1 -0); one worker has all flows from now on"),
        (&[], Some(good.clone() + broken), "reloaded: 1 rule (+0 -0), 1 did not load"),
    ] {
        let rules = Rules::new(&good);
        let mut live = Live::start(&[&["--rules", text(&rules.path())], options].concat());
        live.feed(&at(1, flow(1_000, "one.example")[0].clone()));
        match &then {
            Some(text) => rules.write(text),
            None => fs::remove_file(rules.path()).unwrap(),
        }
        assert_eq!(live.signal("HUP").replace(text(&rules.path()), "RULES"), said);
        live.feed(&at(2, flow(1_001, "two.example")[0].clone()));
        assert_eq!(live.finish().alerts(), ["example 1"; 2], "{said}");
    }
}

#[test]
fn with_watch_rules_a_change_is_enough() {
    let rules = Rules::new(&sni("alert", "one", 1));
    let names = rules.dir.path().join("names.txt");
    fs::write(&names, "").unwrap();
    let dir = text(rules.dir.path()).to_owned();
    let mut live = Live::start(&["--rules", &dir, "--block-domains", text(&names), "--watch-rules"]);
    live.feed(&at(1, flow(1_000, "one.example")[0].clone()));
    fs::write(&names, "two.example\n").unwrap();
    assert_eq!(live.line(), "reloaded: 2 rules (+1 -0); 1 entry in lists and data sets (+1 -0)");
    live.feed(&at(2, flow(1_001, "two.example")[0].clone()));
    // A further file in the directory, written in two halves.
    let third = sni("alert", "three", 3);
    let mut file = fs::File::create(rules.dir.path().join("more.rules")).unwrap();
    file.write_all(&third.as_bytes()[..40]).unwrap();
    thread::sleep(Duration::from_millis(300));
    file.write_all(&third.as_bytes()[40..]).unwrap();
    assert_eq!(live.line(), "reloaded: 3 rules (+1 -0); 1 entry in lists and data sets (+0 -0)");
    live.feed(&at(3, flow(1_002, "three.example")[0].clone()));
    fs::remove_file(rules.path()).unwrap();
    assert_eq!(live.line(), "reloaded: 2 rules (+0 -1); 1 entry in lists and data sets (+0 -0)");
    live.feed(&at(4, flow(1_003, "one.example")[0].clone()));
    assert_eq!(live.finish().alerts(), ["one 1", "names.txt: listed domain", "three 3"]);
}

/// A download that failed leaves an empty file, or a page that says so: neither must open the gate.
#[test]
fn a_list_or_data_set_that_is_gone_leaves_the_old_rules() {
    const PAGE: &str = "<!DOCTYPE html>\n<html>\n<body>\n503 Service Unavailable\n</body></html>\n";
    let page = |what: &str| {
        format!(
            "not reloaded: {what} has 0 entries, and 5 lines that can be read no more; if that is meant, start it again; those in force stay"
        )
    };
    let set = "drop tls any any -> any any (msg:\"set\"; tls.sni; dataset:isset,bad,type string,load set.lst; sid:1;)\n";
    let of_list = |dir: &Path| vec!["--no-rules".to_owned(), "--block-domains".to_owned(), text(&dir.join("names.txt")).to_owned()];
    let of_set = |dir: &Path| vec!["--rules".to_owned(), text(&dir.join("some.rules")).to_owned()];
    let list = "list DIR/names.txt";
    let unread =
        "not reloaded: data set `bad` had 1 entry, and cannot be had now; if that is meant, start it again; those in force stay";
    let emptied = |what: &str| {
        format!("not reloaded: {what} had 1 entry, and has none now; if that is meant, start it again; those in force stay")
    };
    for (options, file, then, said) in [
        (of_list as fn(&Path) -> Vec<String>, "names.txt", Some("# none\n"), emptied(list)),
        (of_list, "names.txt", Some(PAGE), page(list)),
        (of_set, "set.lst", Some(""), emptied("data set `bad`")),
        (of_set, "set.lst", Some(PAGE), page("data set `bad`")),
        (of_set, "set.lst", None, unread.to_owned()),
    ] {
        for watches in [false, true] {
            let rules = Rules::new(set);
            let dir = rules.dir.path();
            fs::write(dir.join("names.txt"), "one.example\n").unwrap();
            fs::write(dir.join("set.lst"), "b25lLmV4YW1wbGU=\n").unwrap();
            let mut options = options(dir);
            options.extend(watches.then(|| "--watch-rules".to_owned()));
            let mut live = Live::start(&options.iter().map(String::as_str).collect::<Vec<_>>());
            live.feed(&at(1, flow(1_000, "one.example")[0].clone()));
            match then {
                Some(text) => fs::write(dir.join(file), text).unwrap(),
                None => fs::remove_file(dir.join(file)).unwrap(),
            }
            let line = if watches { live.line() } else { live.signal("HUP") };
            assert_eq!(line.replace(text(dir), "DIR"), said);
            live.feed(&at(2, flow(1_001, "one.example")[0].clone()));
            assert_eq!(live.finish().of("drop").len(), 2, "{said}");
        }
    }
}

/// What was learned is written after the run also where the rule that learned it has gone, and comes back or not.
#[test]
fn what_a_rule_learned_is_kept_when_the_rule_goes() {
    let learns = "alert tls any any -> any any (msg:\"new\"; tls.sni; dataset:set,seen,type string,state seen.lst; sid:1;)\n";
    let other = sni("alert", "example", 2);
    for comes_back in [false, true] {
        let rules = Rules::new(&(learns.to_owned() + &other));
        let mut live = Live::start(&["--rules", text(&rules.path()), "--workers", "1"]);
        live.feed(&at(1, flow(1_000, "one.example")[0].clone()));
        let broken = learns.replace("tls.sni", "tls.sny");
        rules.write(&(broken + &other));
        assert_eq!(live.signal("HUP"), "reloaded: 1 rule (+0 -1), 1 did not load");
        live.feed(&at(2, flow(1_001, "two.example")[0].clone()));
        if comes_back {
            rules.write(&(learns.to_owned() + &other));
            assert_eq!(live.signal("HUP"), "reloaded: 2 rules (+1 -0)");
        }
        live.feed(&at(3, flow(1_002, "three.example")[0].clone()));
        let seen = rules.dir.path().join("seen.lst");
        live.finish();
        // In Base64 (RFC 4648 §4): one.example, three.example, and two.example, whose flow is there still when the rule comes back.
        let expected = if comes_back { "b25lLmV4YW1wbGU=\ndGhyZWUuZXhhbXBsZQ==\ndHdvLmV4YW1wbGU=\n" } else { "b25lLmV4YW1wbGU=\n" };
        assert_eq!(fs::read_to_string(seen).unwrap(), expected, "comes back: {comes_back}");
    }
}

#[test]
fn entries_that_come_and_go_are_counted() {
    let rules = Rules::new("");
    let names = rules.dir.path().join("names.txt");
    fs::write(&names, "one.example\ntwo.example\n").unwrap();
    let mut live = Live::start(&["--no-rules", "--block-domains", text(&names)]);
    live.feed(&at(1, flow(1_000, "two.example")[0].clone()));
    fs::write(&names, "one.example\nthree.example\nfour.example\nno domain/\n").unwrap();
    assert_eq!(live.signal("HUP"), "reloaded: 1 rule (+0 -0); 4 entries in lists and data sets (+3 -1)");
    live.feed(&at(2, flow(1_001, "two.example")[0].clone()));
    assert_eq!(live.finish().of("drop").len(), 1);
}

#[test]
fn at_one_frame_for_any_number_of_workers() {
    // The capture in the middle ends inside a packet: that is told between two blocks, and then the rules change.
    let dir = tempfile::tempdir().unwrap();
    let flows: Vec<_> = (0..60).map(|i| flow(2_000 + i, &format!("f{i}.example"))).collect();
    let part = |n: usize| flows.iter().flat_map(|flow| flow[n].clone()).collect::<Vec<_>>();
    for (n, name) in ["a.pcap", "b.pcap", "c.pcap"].into_iter().enumerate() {
        let mut file = pcap(&at(n as u64, part(n)));
        file.truncate(file.len() - usize::from(n == 1));
        fs::write(dir.path().join(name), file).unwrap();
    }
    let set = |text: &str| {
        let limit = "threshold:type limit, track by_dst, count 7, seconds 60;";
        let text = format!("{text}alert tls any any -> any any (msg:\"few\"; tls.sni; content:\"example\"; {limit} sid:3;)");
        Arc::new(RuleSet::compile(&[Source { name: "x", text: &text }], &RuleConfig::default()).0)
    };
    let play = |workers, then: &str| {
        let (mut captures, problems) = CaptureSet::plan(&[dir.path().into()], CaptureSettings::default());
        assert!(problems.is_empty());
        let next_rules = Arc::<NextRules>::default();
        let (decoder, engine) = (DecoderConfig::default(), Config { flow_events: true, ..Config::default() });
        let settings = Settings {
            workers,
            decoder,
            engine,
            stats_interval: None,
            keeping: Keeping::default(),
            stop: Arc::default(),
            board: None,
            sinks: Arc::default(),
            next_rules: Arc::clone(&next_rules),
        };
        let mut lines = Vec::new();
        let mut sink = |more: &[u8]| {
            lines.extend_from_slice(more);
            Ok(())
        };
        let mut changed = 0;
        let mut change = |_| {
            next_rules.offer(set(then));
            changed += 1;
        };
        let printer = EvePrinter::default();
        pipeline::run(&mut captures, set(&sni("alert", "f1", 1)), &settings, &printer, &mut sink, None, &mut change).unwrap();
        assert_eq!(changed, 1);
        lines
    };
    // What keeps state across flows has one worker go on with all of them.
    let others = sni("alert", "f1", 2) + &sni("drop", "f2", 1);
    let across = r#"
        alert tls any any -> any any (msg:"first"; tls.sni; content:"f"; xbits:isnotset,met,track ip_src; xbits:set,met,track ip_src; sid:11;)
        alert tls any any -> any any (msg:"new"; tls.sni; content:"f3"; dataset:set,names,type string; sid:12;)
        drop tls any any -> any any (msg:"many"; tls.sni; content:"f"; detection_filter:track by_src, count 50, seconds 600; sid:13;)
    "#;
    let ordered = others.clone() + across;
    for (then, workers) in [(&others, 2), (&others, 3), (&others, 8), (&ordered, 2), (&ordered, 3), (&ordered, 8)] {
        assert!(play(workers, then) == play(1, then), "{workers} workers, {then}");
    }
    let events = Events::parse(&play(3, &ordered));
    let of = |name: &str| events.alerts().iter().filter(|a| **a == name).count();
    // One client; f3 and f30 to f39; of sixty those after the fiftieth.
    assert_eq!((of("first"), of("new"), of("many")), (1, 11, 10));
    let events = Events::parse(&play(1, &others));
    let of = |name: &str| events.alerts().iter().filter(|a| a.starts_with(name)).count();
    // f1 and f10 to f19: by the first rule, and by the second once it is there. f2 and f20 to f29: by what is 1 then.
    assert_eq!((of("f1 1"), of("f1 2"), of("f2 1"), of("few")), (11, 11, 11, 7));
}

#[test]
fn fifty_reloads_under_load_lose_nothing_and_leak_nothing() {
    // Few, but large: a set takes more than five megabytes.
    let expression =
        |sid| format!("alert tls any any -> any any (tls.sni; pcre:\"/^[a-z0-9]{{1,900}}\\.n{sid}\\.test$/i\"; sid:{sid};)\n");
    let some: String = (10..50).map(expression).collect();
    let rules = Rules::new(&(some.clone() + &sni("alert", "example", 1)));
    let mut live = Live::start(&["--rules", text(&rules.path()), "--workers", "2", "--flows"]);
    live.feed(&at(1, flow(999, "f.example").concat()));
    let (mut flows, mut early) = (0_u16, 0);
    for round in 0..50_u32 {
        // The rule that is looked for stands elsewhere each time, and there is another one beside it.
        let other = sni("alert", "nobody", 3_000 + round);
        rules.write(&match round % 2 {
            0 => sni("alert", "example", 1) + &other + &some,
            _ => some.clone() + &other + &sni("alert", "example", 1),
        });
        live.signal_only("HUP");
        let said = loop {
            for _ in 0..5 {
                live.feed(&at(1, flow(1_000 + flows, &format!("f{flows}.example")).concat()));
                flows += 1;
            }
            if let Ok(line) = live.said.try_recv() {
                break line;
            }
            thread::sleep(Duration::from_millis(20));
        };
        assert!(said.starts_with("portcullis: rules reloaded: 42 rules (+1 -"), "{said}");
        if round == 10 {
            early = live.memory();
        }
    }
    let late = live.memory();
    let events = live.finish();
    let all = usize::from(flows) + 1;
    assert_eq!((events.sessions().len(), events.alerts().len(), events.of("flow").len()), (all, all, all));
    assert!(late < early + (64 << 20), "{early} bytes became {late}, with {flows} flows");
}
