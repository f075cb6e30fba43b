//! Data sets from run to run: what rules put in is kept, and nothing else is ever written over.

use std::fs;

use crate::util::run::Ran;
use crate::util::tls::ClientHello;
use crate::util::{Conversation, Dir, pcap};

const SEEN: &str = "alert tls any any -> any any (msg:\"new\"; tls.sni; dataset:set,seen,type string,state seen.lst; sid:1;)\n";

/// A capture with one session for each of `names`, from addresses that count up.
fn asking_for(names: &[&str]) -> Vec<u8> {
    let conversation = |(n, name): (usize, &&str)| {
        let client = format!("10.0.0.{}:40000", n + 1);
        Conversation::between(&client, "192.0.2.1:443").client(&ClientHello::asking_for(name).record()).packets
    };
    pcap(&names.iter().enumerate().flat_map(conversation).collect::<Vec<_>>())
}

fn replay(args: &[&str]) -> Ran {
    Ran::with([&["replay"], args].concat())
}

#[test]
fn what_was_seen_in_one_run_is_known_in_the_next() {
    let dir = Dir::new();
    let rules = dir.file("rules/my.rules", SEEN);
    let run = |names: &[&str]| {
        let capture = dir.file("x.pcap", asking_for(names));
        replay(&["--rules", &rules, &capture]).expect(0).events().alerts().len()
    };
    assert_eq!(run(&["b.test", "a.test", "b.test"]), 2);
    // printf a.test | base64; printf b.test | base64
    assert_eq!(fs::read_to_string(dir.path("rules/seen.lst")).unwrap(), "YS50ZXN0\nYi50ZXN0\n");
    assert_eq!(run(&["b.test", "a.test", "c.test"]), 1);
    assert_eq!(run(&["b.test", "a.test", "c.test"]), 0);
    assert_eq!(fs::read_dir(dir.path("rules")).unwrap().count(), 2, "nothing else is left");
}

#[test]
fn alerts_show_what_a_set_in_json_knows() {
    let dir = Dir::new();
    dir.file(
        "bad.json",
        r#"{"response":{"threats":[{"host":"a.test","actor":"\u0022X\u202e\u0022","score":0.5,"seen":null,"ports":[443,-1]}]}}"#,
    );
    let rules = dir.file(
        "my.rules",
        "drop tls any any -> any any (msg:\"bad\"; tls.sni; dataset:isset,bad,type string,load bad.json,format json,\
         array_key response.threats,value_key host,enrichment_key threat; sid:1;)\n",
    );
    let capture = dir.file("x.pcap", asking_for(&["a.test", "b.test"]));
    let ran = replay(&["--rules", &rules, &capture]).expect(0);
    let expected = serde_json::json!({
        "threat": {"host": "a.test", "actor": "\"X\u{202e}\"", "score": 0.5, "seen": null, "ports": [443, -1]}
    });
    let events = ran.events();
    assert_eq!((events.of("alert").len(), &events.of("alert")[0]["alert"]["context"]), (1, &expected));
    assert_eq!(events.of("drop")[0]["alert"]["context"], expected);
    assert!(!String::from_utf8_lossy(&ran.stdout).contains('\u{202e}'), "what turns text round is escaped");
    dir.file("bad.json", "{\"response\":{}}");
    let ran = replay(&["--rules", &rules, &capture]).expect(0);
    assert!(ran.stderr.contains("bad.json:1:1: it cannot be read as JSON: there is no list"), "{}", ran.stderr);
}

#[test]
fn sets_are_kept_where_the_user_says() {
    let dir = Dir::new();
    let (rules, capture) = (dir.file("rules/my.rules", SEEN), dir.file("x.pcap", asking_for(&["a.test"])));
    dir.file("data/other", "");
    let data = dir.path("data").display().to_string();
    replay(&["--rules", &rules, "--data-dir", &data, &capture]).expect(0);
    assert_eq!(fs::read_to_string(dir.path("data/seen.lst")).unwrap(), "YS50ZXN0\n");
    assert!(!dir.path("rules/seen.lst").exists());
    let ran = replay(&["--rules", &rules, "--data-dir", &format!("{data}/missing"), &capture]).expect(0);
    assert!(ran.stderr.contains("data/missing: it is no directory; name one with --data-dir"), "{}", ran.stderr);
    assert_eq!(ran.events().alerts().len(), 0);
}

#[test]
fn a_rule_cannot_have_anything_else_written_over() {
    let dir = Dir::new();
    let capture = dir.file("x.pcap", asking_for(&["a.test"]));
    dir.file("notes.txt", "# mine\n");
    for (file, said) in [
        ("x.pcap", "data set `seen` is not kept in "),
        ("notes.txt", "line 1 of that file is no value, and would be lost"),
        ("../notes.txt", "not supported: a rule may only have files written in or below its directory"),
        ("/notes.txt", "not supported: a rule may only have files written in or below its directory"),
    ] {
        let rules = dir.file("my.rules", SEEN.replace("seen.lst", file));
        let before = [fs::read(&capture).unwrap(), fs::read(dir.path("notes.txt")).unwrap()];
        let ran = replay(&["--rules", &rules, &capture]).expect(0);
        assert!(ran.stderr.contains(said) && ran.stderr.contains("rule not loaded: "), "{file}: {}", ran.stderr);
        assert!(before == [fs::read(&capture).unwrap(), fs::read(dir.path("notes.txt")).unwrap()], "{file}");
    }
}

#[test]
fn events_and_a_set_cannot_go_to_one_file() {
    let dir = Dir::new();
    let (rules, capture) = (dir.file("my.rules", SEEN), dir.file("x.pcap", asking_for(&["a.test"])));
    let output = dir.path("seen.lst").display().to_string();
    let ran = replay(&["--rules", &rules, "-o", &output, &capture]).expect(2);
    assert!(ran.stderr.contains("seen.lst is where a rule keeps a data set: name another file to write to"), "{}", ran.stderr);
    assert!(!dir.path("seen.lst").exists());
}

#[test]
fn addresses_and_reputations_are_read_from_files() {
    let dir = Dir::new();
    dir.file("bad.lst", "10.0.0.2/31\n2001:db8::/32\n");
    let rules = dir.file(
        "my.rules",
        "alert ip any any -> any any (msg:\"address\"; flow:to_server; flags:S; ip.src; dataset:isset,bad,type ip,load bad.lst; sid:1;)\n\
         alert tls any any -> any any (msg:\"name\"; tls.sni; datarep:names,<,11,load names.rep,type string; sid:2;)\n",
    );
    dir.file("names.rep", "Yi50ZXN0,10\nYy50ZXN0,11\n");
    let capture = dir.file("x.pcap", asking_for(&["a.test", "b.test", "c.test", "d.test"]));
    let events = replay(&["--rules", &rules, &capture]).expect(0).events();
    assert_eq!(events.alerts(), ["address", "name", "address"]);
}

/// As where Suricata's own configuration says what is in a set.
#[test]
fn a_set_may_be_named_beside_the_rules() {
    let dir = Dir::new();
    let rules = dir.file("my.rules", "alert tls any any -> any any (msg:\"listed\"; tls.sni; dataset:isset,names; sid:1;)\n");
    let names = format!("names:string={}", dir.file("names.lst", "YS50ZXN0\n"));
    let capture = dir.file("x.pcap", asking_for(&["a.test", "b.test"]));
    let ran = replay(&["--rules", &rules, "--dataset", &names, &capture]).expect(0);
    assert_eq!(ran.events().alerts(), ["listed"]);
    let ran = replay(&["--rules", &rules, &capture]).expect(0);
    assert!(ran.stderr.contains("no rule gives data set `names` a type"), "{}", ran.stderr);
    replay(&["--rules", &rules, "--dataset", "names:string=/no/such.lst", &capture]).expect(1);
    replay(&["--rules", &rules, "--dataset", "names=x", &capture]).expect(2);
    let rules = dir.file("state.rules", SEEN);
    let state = dir.file("seen.lst", "Yi50ZXN0\n");
    let ran = replay(&["--rules", &rules, "--dataset", &names.replace("names:", "seen:"), &capture]).expect(0);
    assert!(ran.stderr.contains("data set `seen` is loaded by --dataset"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(state).unwrap(), "Yi50ZXN0\n");
}
