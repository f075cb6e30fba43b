//! What the file may say, and what becomes of it.

use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};

use super::fault::Fault;
use super::keys::{self, Keys, Leaf};
use super::read::Entries;
use super::*;
use crate::cli::Cli;

fn read(text: &str) -> (Entries, Vec<Fault>) {
    Entries::read(text, Path::new("/etc/portcullis"), &Keys::of(&Cli::command()))
}

/// What is said to `portcullis replay` with these flags on the command line.
fn replay(text: &str, flags: &[&str]) -> Vec<String> {
    let (entries, faults) = read(text);
    assert_eq!(faults, [], "{text}");
    let keys = Keys::of(&Cli::command());
    let args: Vec<OsString> = ["portcullis", "replay"].iter().chain(flags).map(OsString::from).collect();
    let given = leniently(&Cli::command(), &args).unwrap();
    let said = entries.beside(keys.leaf(&["replay"]).unwrap(), leaf_of(&given));
    said.into_iter().flat_map(words_of).map(|word| word.into_string().unwrap()).collect()
}

/// Flags of all commands, found without regard to what has keys.
fn flags(command: &Command, path: &[&str]) -> Vec<(Vec<String>, Arg)> {
    let mut all = Vec::new();
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "config") {
        let path = [path, &[sub.get_name()]].concat();
        let own = sub.get_arguments().filter(|arg| arg.get_long().is_some());
        all.extend(own.map(|arg| (path.iter().map(|&word| word.to_owned()).collect(), arg.clone())));
        all.extend(flags(sub, &path));
    }
    all
}

/// A value that the flag takes, in a table of its command.
fn sample(leaf: &Leaf, arg: &Arg) -> Option<String> {
    let header = format!("[command.{}]", leaf.path.join("."));
    let key = arg.get_long().unwrap();
    if key == "var" {
        return Some("[vars]\nHOME_NET = \"10.0.0.0/8\"".to_owned());
    }
    let words = arg.get_possible_values().into_iter().map(|word| format!("\"{}\"", word.get_name()));
    let values = words.chain(SAMPLES.iter().map(|&value| value.to_owned()));
    values.map(|value| format!("{header}\n{key} = {value}")).find(|text| read(text).1.is_empty())
}

const SAMPLES: &[&str] = &[
    "true",
    "2",
    "60",
    "1024",
    "1048576",
    "\"a.txt\"",
    "\"domains=a.txt\"",
    "\"NAME:ip=a.txt\"",
    "\"all\"",
    "\"443\"",
    "\"eth0\"",
    "\"a:b\"",
    "\"1:2\"",
    "\"127.0.0.1:9443\"",
    "\"file:a.json\"",
    "\"pass,drop,reject,alert\"",
];

#[test]
fn every_flag_of_every_command_has_a_key() {
    let (root, keys) = (Cli::command(), Keys::of(&Cli::command()));
    let flags = flags(&root, &[]);
    assert!(flags.len() > 50);
    for (path, arg) in flags {
        let leaf = keys.leaf(&path).unwrap_or_else(|| panic!("no table for {path:?}"));
        let text = sample(leaf, &arg)
            .unwrap_or_else(|| panic!("{path:?}: no key for --{}, or no value in SAMPLES that it takes", arg.get_long().unwrap()));
        let (entries, _) = read(&text);
        let words = entries.of(leaf).into_iter().flat_map(words_of);
        let args = [OsString::from("portcullis")].into_iter().chain(path.iter().map(OsString::from)).chain(words);
        let parsed = keys::with_nothing_required(keys::with_values_for_switches(root.clone())).try_get_matches_from(args);
        let reached =
            |m: &ArgMatches| leaf_of(m).value_source(arg.get_id().as_str()) == Some(clap::parser::ValueSource::CommandLine);
        let lacks_another = |e: &clap::Error| e.kind() == ErrorKind::MissingRequiredArgument;
        assert!(parsed.as_ref().map_or_else(lacks_another, reached), "{path:?}: {text}");
    }
}

#[test]
fn no_flag_is_called_as_a_table_of_the_file_is() {
    for (path, arg) in flags(&Cli::command(), &[]) {
        assert!(![keys::VARS, keys::COMMAND].contains(&arg.get_long().unwrap()), "{path:?}");
        assert!(!matches!(arg.get_action(), ArgAction::Count), "{path:?}: counted flags have no form in the file");
    }
}

#[test]
fn every_flag_is_in_the_manual() {
    let manual = [include_str!("../../../docs/operations.md"), include_str!("../../../docs/rules.md")].concat();
    for (path, arg) in flags(&Cli::command(), &[]) {
        assert!(manual.contains(&format!("--{}", arg.get_long().unwrap())), "{path:?} --{}", arg.get_long().unwrap());
    }
}

#[test]
fn values_become_options() {
    for (text, expected) in [
        ("flows = true", &["--flows"][..]),
        ("flows = false", &[]),
        ("workers = 0x4", &["--workers=4"]),
        ("max-flows = 1_000_000", &["--max-flows=1000000"]),
        ("timeout-new = 0.5", &["--timeout-new=0.5"]),
        ("timeout-new = \"30s\"", &["--timeout-new=30s"]),
        ("read-buffer = \"1MiB\"", &["--read-buffer=1MiB"]),
        ("ports = 443", &["--ports=443"]),
        ("ports = [443, \"9000-9100\"]", &["--ports=443,9000-9100"]),
        ("findings = [\"-all\", \"weak.*\"]", &["--findings=-all,weak.*"]),
        ("profile-rules = true", &["--profile-rules"]),
        (
            "[vars]\nHOME_NET = \"any\"\nA = [\"10.0.0.0/8\", \"!10.1.0.0/16\"]\nP = 8443",
            &["--var=HOME_NET=any", "--var=A=[10.0.0.0/8,!10.1.0.0/16]", "--var=P=8443"],
        ),
    ] {
        assert_eq!(replay(text, &[]), expected, "{text}");
    }
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    for (text, expected) in [
        ("rules = \"a.rules\"", "--rules=/etc/portcullis/a.rules"),
        ("rules = [\"rules/*.rules\"]", "--rules=/etc/portcullis/rules/*.rules"),
        ("rules = \"/srv/a.rules\"", "--rules=/srv/a.rules"),
        ("list = \"domains=b/c.txt\"", "--list=domains=/etc/portcullis/b/c.txt"),
        ("dataset = \"N:ip=d.lst\"", "--dataset=N:ip=/etc/portcullis/d.lst"),
        ("trust-store = \"system\"", "--trust-store=system"),
        ("trust-store = \"ca.pem\"", "--trust-store=/etc/portcullis/ca.pem"),
        ("output = \"-\"", "--output=-"),
        ("sink = \"file:a.json?keep=7\"", "--sink=file:/etc/portcullis/a.json?keep=7"),
        ("sink = \"syslog-udp:a:514\"", "--sink=syslog-udp:a:514"),
        (
            "[[sink]]\ntype = \"file\"\npath = \"a?.json\"\nkeep = 7\nevents = [\"tls\", \"alert\"]",
            "--sink=file:/etc/portcullis/a%3F.json?keep=7&events=tls,alert",
        ),
        (
            "[[command.replay.sink]]\ntype = \"syslog-tcp\"\naddress = \"a:601\"\nname = \"a&b\"",
            "--sink=syslog-tcp:a:601?name=a%26b",
        ),
        ("profile-rules = \"p.json\"", "--profile-rules=/etc/portcullis/p.json"),
    ] {
        assert_eq!(replay(text, &[]), [expected], "{text}");
    }
}

#[test]
fn the_command_line_replaces_what_the_file_says() {
    for (text, flags, expected) in [
        ("workers = 2\nflows = true", &["--workers", "3"][..], &["--flows"][..]),
        ("flows = true", &["--flows=false"], &[]),
        ("rules = [\"/a\", \"/b\"]", &["--rules", "/c"], &[]),
        ("rules = \"/a\"", &["--no-rules"], &[]),
        ("no-rules = true", &["--rules=/c"], &[]),
        ("rules = \"/a\"", &["--no-rules=false"], &["--rules=/a"]),
        ("output = \"/e\"", &["-o", "/f"], &[]),
        ("[vars]\nHOME_NET = \"any\"", &["--var", "A=any"], &["--var=HOME_NET=any"]),
    ] {
        assert_eq!(replay(text, flags), expected, "{text} {flags:?}");
    }
}

#[test]
fn the_table_of_a_command_replaces_what_is_said_to_all() {
    for (text, expected) in [
        ("workers = 2\n[command.replay]\nworkers = 3", &["--workers=3"][..]),
        ("flows = true\n[command.replay]\nflows = false", &[]),
        ("rules = \"/a\"\n[command.replay]\nno-rules = true", &["--no-rules"]),
        ("[command.rules.check]\nstrict = true\n[command.findings]\njson = true", &[]),
        ("strict = true\njson = true\nsid = 1", &[]),
    ] {
        assert_eq!(replay(text, &[]), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_with_place_and_hint() {
    for (text, line, column, reason, hint) in [
        ("\nworkrs = 2", 2, 1, "there is no key workrs", Some("is workers meant?")),
        ("max_flows = 20", 1, 1, "there is no key max_flows", Some("is max-flows meant?")),
        ("xyzzy = 2", 1, 1, "there is no key xyzzy", Some("keys are the flags of `portcullis COMMAND --help`, without --")),
        (
            "var = \"A=any\"",
            1,
            1,
            "there is no key var",
            Some("variables have a table: [vars] with HOME_NET = \"10.0.0.0/8\" and the like below it"),
        ),
        ("[command.replay]\n strict = true", 2, 2, "replay has no key strict", Some("it is a flag of `portcullis rules check`")),
        ("[command.replay]\nflow = true", 2, 1, "replay has no key flow", Some("is flows meant?")),
        ("[command.rules.chek]", 1, 16, "there is no command rules chek", Some("is check meant?")),
        ("[command.play]", 1, 10, "there is no command play", Some("is replay meant?")),
        ("command = 1", 1, 11, "command takes a table, not a number", Some("write [command], and its keys in the lines below")),
        ("workers = 17", 1, 11, "workers: 17 is not in 1..=16", None),
        ("workers = -1", 1, 11, "workers: -1 is not in 1..=16", None),
        ("workers = true", 1, 11, "workers takes a number or a string, not true or false", None),
        ("flows = \"true\"", 1, 9, "flows takes true or false, not a string", Some("without quotes: true")),
        ("flows = 1", 1, 9, "flows takes true or false, not a number", None),
        ("output = 3", 1, 10, "output takes a string, not a number", Some("with quotes: \"3\"")),
        ("output = [\"a\"]", 1, 10, "output takes a string, not a list", None),
        ("rules = [\"a\", 7]", 1, 15, "rules takes a string, or a list of them, not a number", Some("with quotes: \"7\"")),
        ("read-buffer = 2020-01-01", 1, 15, "read-buffer takes a number or a string, not a date", None),
        (
            "replay = { flows = true }",
            1,
            1,
            "there is no key replay",
            Some("keys are the flags of `portcullis COMMAND --help`, without --"),
        ),
        ("policy = \"strct\"", 1, 10, "policy: strct is none of strict, normal, legacy", Some("is strict meant?")),
        (
            "ports = \"http\"",
            1,
            9,
            "ports: 'http' is not a port: expected numbers from 1 to 65535 and ranges, such as 443,8443,9000-9100, or any",
            None,
        ),
        ("reassembly-memory = \"1T\"", 1, 21, "reassembly-memory: 1T: unknown unit 'T': use K, M or G", None),
        ("rules = \"a\"\nno-rules = true", 2, 12, "no-rules and rules exclude each other", None),
        ("crl = \"\"", 1, 7, "crl: the path is empty", Some("leave the key out where nothing is to be named")),
        ("findings = []", 1, 12, "findings: the list has no entries", Some("for none of them write findings = \"-all\"")),
        ("trust-store = []", 1, 15, "trust-store: the list has no entries", Some("to judge no chain write trust-store = \"none\"")),
        ("ports = []", 1, 9, "ports: the list has no entries", Some("leave the key out where nothing is to be named")),
        ("[vars]\nA = \"10.0.0.0/99\"", 2, 5, "A: `10.0.0.0/99` is no address, network or range of addresses", None),
        ("[vars]\nA = true", 2, 5, "A takes a string, a number, or a list of them, not true or false", Some("A = \"10.0.0.0/8\"")),
        ("[[sink]]\npath = \"a\"", 1, 1, "a sink has no type", Some("type = \"file\", for one")),
        (
            "[[sink]]\ntype = \"flie\"",
            2,
            8,
            if cfg!(feature = "kafka") {
                "'flie' is no kind of sink: use stdout, file, unix, unix-datagram, syslog-udp, syslog-tcp, syslog-tls, http, kafka"
            } else {
                "'flie' is no kind of sink: use stdout, file, unix, unix-datagram, syslog-udp, syslog-tcp, syslog-tls, http"
            },
            Some("is file meant?"),
        ),
        ("[[sink]]\ntype = \"file\"", 1, 1, "a sink of type file needs a path", None),
        (
            "[[sink]]\ntype = \"file\"\npath = \"a\"\nevent = \"tls\"",
            4,
            1,
            "a sink of type file has no key event",
            Some("is events meant?"),
        ),
        (
            "[[sink]]\ntype = \"file\"\npath = \"a\"\nevents = \"dns\"",
            4,
            10,
            "events: there are no events called 'dns': use alert, anomaly, drop, flow, packet, portcullis_certificate, stats, tls",
            None,
        ),
        (
            "[[sink]]\ntype = \"file\"\npath = true",
            3,
            8,
            "path takes a string, a number, or a list of them, not true or false",
            None,
        ),
        (
            "[sink]\ntype = \"file\"",
            1,
            1,
            "sink takes a string, or a list of them, not a table",
            Some("each sink has a table: [[sink]]"),
        ),
        ("flows = true\nflows = true", 2, 1, "duplicate key", None),
        ("a = \u{1b}[2J", 1, 6, "", None),
    ] {
        let (_, faults) = read(text);
        let fault = faults.first().unwrap_or_else(|| panic!("nothing wrong: {text}"));
        assert_eq!(fault.place(text), (line, column), "{text}: {}", fault.reason);
        assert!(reason.is_empty() || fault.reason.to_string() == reason, "{text}: {}", fault.reason);
        assert_eq!(fault.reason.hint().as_deref(), hint, "{text}");
        let mut shown = String::new();
        fault.show(&mut shown, "portcullis.toml", text);
        assert!(!shown.contains('\u{1b}') && shown.contains("\n    "), "{shown}");
    }
}

#[test]
fn all_that_is_wrong_is_told_in_the_order_of_the_file() {
    let (_, faults) = read("workrs = 1\nmax-flows = 1\n[vars]\nA = 1.5\n[command.replay]\nflows = 1");
    let lines: Vec<u32> = faults
        .iter()
        .map(|fault| fault.place("workrs = 1\nmax-flows = 1\n[vars]\nA = 1.5\n[command.replay]\nflows = 1").0)
        .collect();
    assert_eq!(lines, [1, 2, 4, 6]);
}

#[test]
fn words_of_the_file_come_before_those_that_were_given() {
    let root = Cli::command();
    for (args, path, expected) in [
        (&["p", "replay", "a.pcap"][..], &["replay"][..], 2),
        (&["p", "--config", "replay", "replay", "replay"], &["replay"], 4),
        (&["p", "--config=replay", "replay", "replay"], &["replay"], 3),
        (&["p", "--no-config", "rules", "check", "check"], &["rules", "check"], 4),
        (&["p", "rules", "--config", "check", "check", "x"], &["rules", "check"], 5),
    ] {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let path: Vec<String> = path.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(behind(&root, &args, &path), expected, "{args:?}");
    }
}
