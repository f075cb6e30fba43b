//! `dataset` and `datarep`: whether a buffer's whole value is in a set, what rules make of the set, and reputations.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::rules::dataset::entry_memory;

/// `www.example.test` and `a`, in Base64.
const NAMES: &str = "d3d3LmV4YW1wbGUudGVzdA==\nYQ==\n";

fn compile(options: &str, config: &RuleConfig) -> (RuleSet, LoadReport) {
    let text = format!("alert tls any any -> any any (tls.sni; {options} sid:1;)");
    RuleSet::compile(&[Source { name: "test.rules", text: &text }], config)
}

fn config(kind: DatasetKind, text: &str) -> RuleConfig {
    let mut config = RuleConfig::default();
    assert_eq!(config.add_dataset("x", kind, &Source { name: "x.lst", text }), []);
    config
}

/// A rule for each of `options`, its number the sid.
fn numbered(options: &[&str]) -> String {
    let rule = |(options, sid)| format!("alert tls any any -> any any ({options} sid:{sid};)\n");
    options.iter().zip(1..).map(rule).collect()
}

/// What remembers, and what fired at each of some flows.
#[derive(Default)]
struct Run {
    hosts: HostState,
    scratch: Scratch,
    fired: Vec<Vec<u32>>,
}

impl Run {
    fn flow(&mut self, set: &RuleSet, subject: &Subject<'_>) {
        let mut out = Vec::new();
        set.evaluate(subject, &mut FlowRules::default(), &mut self.hosts, &mut self.scratch, &mut out);
        self.fired.push(out.iter().map(|m| set.rule(m.rule).unwrap().sid).collect());
    }

    /// A flow for each of `names`, which its client asks for.
    fn names(set: &RuleSet, names: &[&str]) -> Self {
        let mut run = Self::default();
        names.iter().for_each(|name| run.flow(set, &subject(Some(&asking(name)))));
        run
    }

    /// A client's packet from each of `addresses`.
    fn clients(set: &RuleSet, addresses: &[&str]) -> Self {
        let (mut run, header) = (Self::default(), header(FlowDirection::ToServer, TcpFlags::SYN));
        for address in addresses {
            let mut subject = subject(None);
            subject.client.ip = address.parse().unwrap();
            run.flow(set, &at(&header, subject));
        }
        run
    }

    /// Whether rule 1 fired, flow by flow.
    fn first(&self) -> Vec<bool> {
        self.fired.iter().map(|sids| sids.contains(&1)).collect()
    }
}

#[test]
fn the_whole_value_after_transforms_is_looked_up() {
    // printf a | md5sum; printf a | sha256sum
    let md5 = "0CC175B9C0F1B6A831C399E269772661";
    let sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    for (kind, text, options, value, expected) in [
        (DatasetKind::Text, NAMES, "dataset:isset,x;", "www.example.test", true),
        (DatasetKind::Text, NAMES, "dataset:isset,x,type string,load x.lst;", "a", true),
        (DatasetKind::Text, NAMES, "dataset:isset,x;", "www.example.tes", false),
        (DatasetKind::Text, NAMES, "dataset:isset,x;", "A", false),
        (DatasetKind::Text, NAMES, "to_lowercase; dataset:isset,x;", "A", true),
        (DatasetKind::Text, NAMES, "dataset:isnotset,x;", "A", true),
        (DatasetKind::Text, NAMES, "dataset:isnotset, x;", "a", false),
        (DatasetKind::Text, NAMES, "dataset:isset,x; content:\"www\";", "a", false),
        (DatasetKind::Md5, md5, "to_md5; dataset:isset,x,type md5;", "a", true),
        (DatasetKind::Md5, md5, "to_md5; dataset:isset,x;", "b", false),
        (DatasetKind::Sha256, sha256, "to_sha256; dataset:isset,x;", "a", true),
        (DatasetKind::Sha256, sha256, "dataset:isnotset,x;", "a", false),
    ] {
        let (set, report) = compile(options, &config(kind, text));
        assert_eq!(report.errors, [], "{options}");
        assert_eq!(Run::names(&set, &[value]).first(), [expected], "{options} on {value}");
    }
}

/// As Suricata's guide has it for `set`: unique values are told once.
#[test]
fn set_tells_a_value_once_and_unset_takes_it_out() {
    for (rules, names, expected) in [
        (&["tls.sni; dataset:set,x,type string;"][..], "abab", vec![vec![1], vec![1], vec![], vec![]]),
        (&["tls.sni; dataset:set,x,type string; noalert;", "tls.sni; dataset:isset,x;"], "ab", vec![vec![2], vec![2]]),
        (&["tls.sni; dataset:isset,x; priority:1;", "tls.sni; dataset:set,x,type string;"], "aa", vec![vec![2], vec![1]]),
        (&["tls.sni; dataset:isnotset,x; priority:1;", "tls.sni; dataset:set,x,type string;"], "aa", vec![vec![1, 2], vec![]]),
        (
            &["tls.sni; dataset:unset,x,type string; priority:1;", "tls.sni; dataset:set,x;"],
            "aaab",
            vec![vec![2], vec![1, 2], vec![1, 2], vec![2]],
        ),
        // All else has to hold for a change.
        (&["tls.sni; dataset:set,x,type string; content:\"b\";"], "aabb", vec![vec![], vec![], vec![1], vec![]]),
        (&["tls.sni; dataset:set,x,type string; ssl_version:tls1.3; ", "tls.sni; dataset:isset,x;"], "aa", vec![vec![], vec![]]),
        // What is put in is what the transforms made.
        (&["tls.sni; to_uppercase; dataset:set,x,type string;"], "aAb", vec![vec![1], vec![], vec![1]]),
        (&["tls.sni; to_sha256; dataset:set,x,type sha256;", "tls.sni; dataset:isset,x;"], "aa", vec![vec![1], vec![]]),
    ] {
        let set = super::rules(&numbered(rules));
        let names: Vec<_> = names.split("").filter(|n| !n.is_empty()).collect();
        assert_eq!(Run::names(&set, &names).fired, expected, "{rules:?}");
        assert!(set.needs_order() > 0);
    }
}

#[test]
fn what_was_loaded_can_be_taken_out_and_put_back() {
    let rules = numbered(&["tls.sni; dataset:unset,x; content:\"a\"; priority:1;", "tls.sni; dataset:set,x; priority:2;"]);
    let (set, _) = RuleSet::compile(&[Source { name: "r", text: &rules }], &config(DatasetKind::Text, NAMES));
    assert_eq!(Run::names(&set, &["a", "b", "b", "a"]).fired, [vec![1, 2], vec![2], vec![], vec![1, 2]]);
}

#[test]
fn a_set_that_only_is_asked_needs_no_order() {
    let (set, _) = compile("dataset:isset,x;", &config(DatasetKind::Text, NAMES));
    assert_eq!(set.needs_order(), 0);
}

#[test]
fn addresses_lie_in_networks() {
    let lines = "192.168.0.0/16\n10.0.0.50\nfc00::/7\n";
    for (kind, lines, options, clients, expected) in [
        (DatasetKind::Ip, lines, "ip.src; dataset:isset,x;", "192.168.1.5 10.0.0.50 10.0.0.51 fd12:3456::1 fe80::1", "11010"),
        (
            DatasetKind::Ip,
            lines,
            "ip.src; dataset:isset,x,type ip;",
            "192.168.0.0 192.168.255.255 192.169.0.1 ::ffff:10.0.0.50",
            "1101",
        ),
        (DatasetKind::Cidr, lines, "ip.src; dataset:isnotset,x,type cidr;", "192.168.1.5 1.2.3.4 fc00::1 2001:db8::1", "0101"),
        (DatasetKind::Ipv4, "10.0.0.50", "ip.src; dataset:isset,x;", "10.0.0.50 10.0.0.51 2001:db8::1", "100"),
        (DatasetKind::Ipv4, "10.0.0.50", "ip.src; dataset:isnotset,x;", "10.0.0.50 10.0.0.51 2001:db8::1", "010"),
        (DatasetKind::Ip, "198.18.0.1", "ip.dst; dataset:isset,x;", "10.0.0.50 10.0.0.51", "11"),
        (DatasetKind::Ip, "198.18.0.1", "ip.src; dataset:isset,x;", "198.18.0.1 10.0.0.51", "10"),
        (DatasetKind::Ip, "::/0", "ip.src; dataset:isset,x;", "10.0.0.1 2001:db8::1", "01"),
        (DatasetKind::Text, "CgAAMg==", "ip.src; dataset:isset,x;", "10.0.0.50 10.0.0.51", "10"),
        (DatasetKind::Text, "", "ip.src; content:\"|0a 00 00|\"; startswith; bsize:4;", "10.0.0.50 10.0.1.50", "10"),
    ] {
        assert_clients(&config(kind, lines), options, clients, expected);
    }
}

/// A rule with `options` fires on those flows of `clients`, in this order, whose place in `expected` has a 1.
#[track_caller]
fn assert_clients(config: &RuleConfig, options: &str, clients: &str, expected: &str) {
    let text = format!("alert ip any any -> any any ({options} sid:1;)");
    let (set, report) = RuleSet::compile(&[Source { name: "r", text: &text }], config);
    assert_eq!(report.errors, [], "{options}");
    let expected: Vec<_> = expected.chars().map(|c| c == '1').collect();
    let clients: Vec<_> = clients.split(' ').collect();
    assert_eq!(Run::clients(&set, &clients).first(), expected, "{options} of {clients:?}");
}

/// What the suite of Suricata says of type `cidr`: `set` tells each host, or with a mask each network, once; `unset` likewise.
#[test]
fn addresses_are_put_in_and_taken_out_by_network() {
    for (lines, options, clients, expected) in [
        ("", "set,x,type cidr", "1.2.3.4 1.2.3.4 5.6.7.8 5.6.7.8", "1010"),
        ("", "set,x,type ip", "fc00::1 fc00::1 2001:db8::1 ::ffff:1.2.3.4 1.2.3.4", "10110"),
        ("", "set,x,type cidr,mask 24", "192.168.1.5 192.168.1.6 192.168.2.1 192.168.2.5", "1010"),
        ("", "set,x,type cidr,mask 0xffffff00", "192.168.1.5 192.168.1.6 192.168.2.1", "101"),
        ("192.168.1.0/24\n192.168.2.0/24", "unset,x,type cidr,mask 24", "192.168.1.5 192.168.1.6 192.168.2.1 192.168.2.1", "1010"),
        ("1.2.3.4\n5.6.7.8", "unset,x,type cidr", "1.2.3.4 1.2.3.4 5.6.7.8 9.9.9.9", "1010"),
        ("1.2.3.0/24", "unset,x,type ip", "1.2.3.4", "0"),
        ("1.2.3.0/24", "set,x,type ip", "1.2.3.4 1.2.4.4", "01"),
    ] {
        let kind = if options.contains("cidr") { DatasetKind::Cidr } else { DatasetKind::Ip };
        assert_clients(&config(kind, lines), &format!("flow:to_server; ip.src; dataset:{options};"), clients, expected);
    }
}

#[test]
fn an_address_is_that_of_the_rules_direction() {
    let set = rules(
        r#"
        alert tls any any -> any any (tls.cert_subject; content:"www"; ip.src; content:"|c6 12 00 01|"; sid:1;)
        alert tls any any -> any any (tls.sni; content:"www"; ip.src; content:"|0a 00 00 01|"; ip.dst; content:"|c6 12 00 01|"; sid:2;)
        alert tls any any => any any (tls.cert_subject; content:"www"; ip.src; content:"|0a 00 00 01|"; sid:3;)
        "#,
    );
    assert_eq!(play(&set, &[subject(Some(&session()))]).0, [1, 2, 3]);
    let on_packets = rules("alert tcp any any -> any any (ip.src; content:\"|c6 12 00 01|\"; sid:1;)");
    let fired = headers().map(|h| !play(&on_packets, &[at(&h, Subject { one_way: None, ..subject(None) })]).0.is_empty());
    assert_eq!(fired, [false, true, false, true]);
}

#[test]
fn nothing_is_put_into_a_full_set() {
    let room = 2 * entry_memory(b"a");
    let set = rules(&numbered(&[&format!("tls.sni; dataset:set,x,type string,memcap {room};")]));
    let run = Run::names(&set, &["a", "b", "c", "a", "c"]);
    assert_eq!(run.first(), [true, true, false, false, false]);
    assert_eq!(run.scratch.counters().dataset_full, 2);
}

#[test]
fn reputations_are_compared() {
    let mut config = RuleConfig::default();
    let names = "YQ==,200\nYg==, 201\n";
    assert_eq!(config.add_datarep("x", DatasetKind::Text, &Source { name: "x.rep", text: names }), []);
    for (options, expected) in [
        ("datarep:x,>,200;", [false, true, false]),
        ("datarep:x, >, 199, load x.rep, type string;", [true, true, false]),
        ("datarep:x,<,201,type string,memcap 10mb,hashsize 1000;", [true, false, false]),
        ("datarep:x,==,201;", [false, true, false]),
        ("to_md5; datarep:x,>,0;", [false, false, false]),
    ] {
        let (set, report) = compile(options, &config);
        assert_eq!(report.errors, [], "{options}");
        assert_eq!(Run::names(&set, &["a", "b", "c"]).first(), expected, "{options}");
    }
    let addresses = Source { name: "y.rep", text: "10.0.0.0/8,10\n10.1.0.0/16,20" };
    assert_eq!(config.add_datarep("y", DatasetKind::Ip, &addresses), []);
    let text = "alert ip any any -> any any (ip.src; datarep:y,>,15; sid:1;)";
    let (set, _) = RuleSet::compile(&[Source { name: "r", text }], &config);
    assert_eq!(Run::clients(&set, &["10.0.0.1", "10.1.0.1", "11.0.0.1"]).first(), [false, true, false]);
}

#[test]
fn a_set_in_json_tells_what_it_knows_of_the_value() {
    let bad = JsonFormat { lines: true, value_key: "host".into(), array_key: None, remove_key: true };
    let nets = JsonFormat { lines: false, value_key: "net".into(), array_key: None, remove_key: false };
    let mut config = RuleConfig::default();
    let hosts = "{\"host\":\"a.test\",\"actor\":\"X\"}\n{\"host\":\"b.test\"}\n";
    assert_eq!(config.add_json_dataset("bad", DatasetKind::Text, &bad, &Source { name: "h", text: hosts }), []);
    let text = r#"[{"net":"10.0.0.0/8","site":1},{"net":"10.0.0.0/24","site":2}]"#;
    assert_eq!(config.add_json_dataset("nets", DatasetKind::Ip, &nets, &Source { name: "n", text }), []);
    let rule = |options: &str, sid| format!("alert tls any any -> any any ({options} sid:{sid};)\n");
    let text = [
        rule("tls.sni; dataset:isset,bad,type string,load h,format ndjson,value_key host,enrichment_key who,remove_key;", 1),
        rule(
            "tls.sni; dataset:isset,bad,enrichment_key w,format json,value_key host,load h,type string; \
             ip.src; dataset:isset,nets,type ip,load n,format json,value_key net,enrichment_key where;",
            2,
        ),
        rule("tls.sni; dataset:isset,bad;", 3),
        rule("tls.sni; dataset:isnotset,bad,type string,load h,format ndjson,value_key host,enrichment_key who;", 4),
    ]
    .concat();
    let (set, report) = RuleSet::compile(&[Source { name: "r", text: &text }], &config);
    assert_eq!(report.errors, []);
    let told = |name: &str| {
        let (mut flow, mut hosts, mut scratch, mut out) = Default::default();
        set.evaluate(&subject(Some(&asking(name))), &mut flow, &mut hosts, &mut scratch, &mut out);
        let of = |m: &Match| (set.rule(m.rule).unwrap().sid, m.context().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>());
        out.iter().map(of).collect::<Vec<_>>()
    };
    let site = r#"where={"net":"10.0.0.0/24","site":2}"#.to_owned();
    let actor = |key: &str| format!(r#"{key}={{"actor":"X"}}"#);
    assert_eq!(told("a.test"), [(1, vec![actor("who")]), (2, vec![actor("w"), site.clone()]), (3, vec![])]);
    assert_eq!(told("b.test"), [(1, vec!["who={}".to_owned()]), (2, vec!["w={}".to_owned(), site]), (3, vec![])]);
    assert_eq!(told("c.test"), [(4, vec![])]);
}

#[test]
fn what_rules_made_of_a_set_is_kept_sorted_and_loads_again() {
    let mut config = config(DatasetKind::Text, "Yg==\nYw==\n");
    config.keep_dataset("x", "data/x.lst");
    config.keep_dataset("y", "data/y.lst");
    let text = numbered(&[
        "tls.sni; dataset:set,x,type string,state x.lst;",
        "tls.sni; content:\"c\"; dataset:unset,x; priority:1;",
        "tls.sni; dataset:isset,y,type string,save y.lst;",
    ]);
    let (set, report) = RuleSet::compile(&[Source { name: "r", text: &text }], &config);
    assert_eq!(report.errors, []);
    assert_eq!(set.dataset_places().collect::<Vec<_>>(), ["data/x.lst"], "nothing changes y");
    let run = Run::names(&set, &["d", "a", "bc", "d"]);
    let saved = set.saved_datasets(&run.hosts);
    // a, b, bc, c, d
    let text = "YQ==\nYg==\nYmM=\nYw==\nZA==\n".to_owned();
    assert_eq!(saved, [SavedDataset { name: "x".into(), place: "data/x.lst".into(), text }]);
}

#[test]
fn what_does_not_load_says_why() {
    let form =
        "bad value: expected set, unset, isset or isnotset, a name, and type string|md5|sha256|ipv4|ip|cidr, load FILE, state FILE";
    let rep = "bad value: expected a name, one of > < ==, a number, and load FILE, type string|md5|sha256|ipv4|ip|cidr";
    let leads_away = "not supported: a rule may only have files written in or below its directory";
    let json =
        "bad value: expected load FILE, format json|ndjson, value_key KEY, enrichment_key KEY[, array_key KEY][, remove_key]";
    let mask = "bad value: expected a mask of 1 to 128 bits, or a netmask as in 0xffffff00";
    for (options, said) in [
        ("dataset:isset,y;", "no rule gives data set `y` a type"),
        ("dataset:isset,y,type string,load y.lst;", "data set `y` lacks its file"),
        ("dataset:set,y,type string,state y.lst;", "data set `y` lacks its file"),
        ("dataset:isset,x,type md5;", "data set `x` has another type elsewhere"),
        ("dataset:isset,z,type string,load a; dataset:isset,z,type string,load b;", "data set `z` lacks its file"),
        ("dataset:set,w,type string; dataset:set,w,type md5;", "data set `w` has another type elsewhere"),
        ("dataset:isset,x,load x.lst;", "bad value: expected a type beside the file"),
        ("dataset:set,x,type string,state a,save b;", "bad value: expected state, or load and save, not both"),
        ("dataset:set,x,type string,state /etc/passwd;", leads_away),
        ("dataset:set,x,type string,save a/../../b;", leads_away),
        ("dataset:set,x,type string,save a/;", "bad value: expected the name of a file"),
        ("dataset:set,x,type string,save a\0b;", "bad value: expected the name of a file"),
        ("dataset:isset,x,type string,load a.json,format json;", json),
        ("dataset:isset,x,type string,load a.json,format xml,value_key a,enrichment_key b;", json),
        ("dataset:isset,x,type string,load a.json,enrichment_key b;", json),
        ("dataset:isset,x,type string,load a.json,format json,value_key a;", json),
        ("dataset:isset,x,type string,state a.json,format json,value_key a,enrichment_key b;", json),
        (
            "dataset:set,x,type string,load a.json,format json,value_key a,enrichment_key b;",
            "bad value: expected isset or isnotset of a set in JSON",
        ),
        ("dataset:isset,x,type string,type string;", "it is given twice"),
        ("dataset:isset,x,memcap 10 apples;", "bad value: expected memcap as in 10mb"),
        ("dataset:set,w,type cidr,mask 0;", mask),
        ("dataset:set,w,type cidr,mask 0x00ff00ff;", mask),
        ("dataset:isset,w,type cidr,mask 24;", "bad value: expected a mask with set or unset of type cidr only"),
        ("dataset:set,w,type ipv4,mask 24;", "bad value: expected a mask with set or unset of type cidr only"),
        ("dataset:set,w,type ip;", "bad value: expected ip.src or ip.dst before a data set of addresses"),
        ("dataset:isset;", form),
        ("dataset:isset,x,type ipv6;", form),
        ("dataset:has,x;", form),
        ("datarep:y,>,1;", "no rule gives data set `y` a type"),
        ("datarep:y,>,1,load y.rep,type string;", "data set `y` lacks its file"),
        ("datarep:y,>,65536;", "bad value: expected a reputation from 0 to 65535"),
        ("datarep:y,>=,1;", rep),
        ("datarep:y,>,1,state y.rep,type string;", rep),
    ] {
        let (_, report) = compile(options, &config(DatasetKind::Text, NAMES));
        assert_eq!(report.errors[0].reason.to_string(), said, "{options}");
    }
}

#[test]
fn one_name_is_one_set_with_one_file() {
    let text = numbered(&[
        "tls.sni; dataset:isset,z;",
        "tls.sni; dataset:isset,z,type string,load a.lst;",
        "tls.sni; dataset:isset,z,type string,load b.lst;",
        "tls.sni; dataset:isset,z,type string;",
    ]);
    let mut config = RuleConfig::default();
    config.add_dataset("z", DatasetKind::Text, &Source { name: "a.lst", text: NAMES });
    let (set, report) = RuleSet::compile(&[Source { name: "r", text: &text }], &config);
    let said: Vec<_> = report.errors.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["r:3:48: dataset: data set `z` has another file elsewhere"]);
    assert_eq!(Run::names(&set, &["a"]).fired, [[1, 2, 4]]);
}

#[test]
fn a_set_that_stays_empty_is_found_by_a_review() {
    let text = numbered(&[
        "tls.sni; dataset:isset,a,type string;",
        "tls.sni; dataset:isset,b,type string;",
        "tls.sni; dataset:set,b;",
        "tls.sni; dataset:isnotset,c,type string;",
    ]);
    let config = RuleConfig { review: true, ..RuleConfig::default() };
    let (_, report) = RuleSet::compile(&[Source { name: "r", text: &text }], &config);
    let never: Vec<_> = report.findings.iter().filter(|f| f.reason.weight() == Weight::Never).map(ToString::to_string).collect();
    assert_eq!(never, ["r:1:1: dataset: it can never match: no rule here sets `a`"]);
}

#[test]
fn the_files_that_rules_load_are_named() {
    let text = "alert tls any any -> any any (tls.sni; dataset:isset,a,type string,load d/a.lst,save s.lst; sid:1;)\n\
                # alert tls any any -> any any (tls.sni; dataset:isset,b,type string,load b.lst; sid:2;)\n\
                alert tls any any -> any any (tls.sni; dataset:isset,c; sid:3;)\n\
                alert tls any any -> any any (tls.sni; dataset:set,e,type md5,state e.lst; sid:4;)\n\
                alert tls any any -> any any (tls.sni; dataset:isset,a,type string,load other.lst; sid:5;)\n\
                alert tls any any -> any any (tls.sni; datarep:a,>,1,type sha256,load a.rep; sid:6;)\n";
    let file = |name: &str, kind, role, path: &str| {
        let (name, path, source) = (name.to_owned(), path.to_owned(), "r/x.rules".to_owned());
        DatasetFile { name, kind, role, path, source, json: None }
    };
    let expected = [
        file("a", DatasetKind::Text, DatasetRole::Load, "d/a.lst"),
        file("a", DatasetKind::Text, DatasetRole::Save, "s.lst"),
        file("e", DatasetKind::Md5, DatasetRole::State, "e.lst"),
        file("a", DatasetKind::Sha256, DatasetRole::Reputation, "a.rep"),
    ];
    assert_eq!(DatasetFile::named_in(&[Source { name: "r/x.rules", text }]), expected);
}

#[test]
fn lines_that_are_no_values_are_told() {
    for (kind, line) in [
        (DatasetKind::Text, "www.example"),
        (DatasetKind::Md5, "0cc1"),
        (DatasetKind::Sha256, "zz"),
        (DatasetKind::Ip, "host"),
        (DatasetKind::Ipv4, "::1"),
    ] {
        let mistakes = RuleConfig::default().add_dataset("x", kind, &Source { name: "x.lst", text: line });
        assert_eq!(mistakes.len(), 1, "{line}");
        let line = format!("{line},1");
        let mistakes = RuleConfig::default().add_datarep("x", kind, &Source { name: "x.rep", text: &line });
        assert_eq!(mistakes.len(), 1, "{line}");
    }
}

const COMMANDS: [&str; 4] = ["set", "unset", "isset", "isnotset"];

/// Each rule in order, with sets as anybody would write them down: a rule that asks of two sets has to have both.
fn model(rules: &[Vec<(usize, usize)>], names: &[&'static str]) -> Vec<Vec<u32>> {
    let mut sets = BTreeMap::from([(0, BTreeSet::from(["a"])), (1, BTreeSet::new())]);
    let at_a_flow = |name: &&'static str| {
        let mut fired = Vec::new();
        for (rule, sid) in rules.iter().zip(1..) {
            let holds =
                |&(command, set): &(usize, usize)| matches!(COMMANDS[command], "unset" | "isset") == sets[&set].contains(name);
            if !rule.iter().all(holds) {
                continue;
            }
            fired.push(sid);
            for &(command, set) in rule {
                match COMMANDS[command] {
                    "set" => _ = sets.get_mut(&set).unwrap().insert(name),
                    "unset" => _ = sets.get_mut(&set).unwrap().remove(name),
                    _ => {}
                }
            }
        }
        fired
    };
    names.iter().map(at_a_flow).collect()
}

proptest! {
    #[test]
    fn sets_are_as_the_model_has_them(
        rules in prop::collection::vec(prop::collection::vec((0_usize..4, 0_usize..2), 1..3), 1..6),
        names in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..20),
    ) {
        let ask = |&(command, set): &(usize, usize)| format!("dataset:{},{};", COMMANDS[command], ["x", "y"][set]);
        let options: Vec<String> = rules.iter().map(|r| format!("tls.sni; {}", r.iter().map(ask).collect::<String>())).collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let mut config = config(DatasetKind::Text, "YQ==");
        config.add_dataset("y", DatasetKind::Text, &Source { name: "y.lst", text: "" });
        let text = numbered(&options);
        let (set, report) = RuleSet::compile(&[Source { name: "r", text: &text }], &config);
        prop_assert_eq!(report.errors, []);
        prop_assert_eq!(Run::names(&set, &names).fired, model(&rules, &names), "{}", text);
    }
}
