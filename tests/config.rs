//! What a user writes into `portcullis.toml`, and is told about it.

use std::process::Output;

use crate::util::Dir;
use crate::util::run::{Ran, portcullis, shipped};

fn with_config(config: &str, args: &[&str]) -> Ran {
    Ran::with([&["--config", config][..], args].concat())
}

fn tls12() -> String {
    shipped("tls12.pcap").into_os_string().into_string().unwrap()
}

/// The line of `config show` about a key, with single spaces.
fn line_of(shown: &Ran, key: &str) -> String {
    let text = std::str::from_utf8(&shown.stdout).unwrap();
    let is_it = |line: &&str| line.starts_with(&format!("{key} = ")) || line.starts_with(&format!("# {key} "));
    let line = text.lines().find(is_it).unwrap_or_else(|| panic!("no {key}: {text}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_file_does_what_the_flags_do() {
    let dir = Dir::new();
    let config =
        dir.file("portcullis.toml", "flows = true\nno-rules = true\n[command.replay]\nworkers = 2\nlog-certificates = true\n");
    let by_file = with_config(&config, &["replay", &tls12()]).expect(0);
    let by_flags = Ran::with(["replay", "--flows", "--no-rules", "--workers", "2", "--log-certificates", &tls12()]).expect(0);
    assert_eq!(String::from_utf8(by_file.stdout).unwrap(), String::from_utf8(by_flags.stdout).unwrap());
    assert!(Ran::with(["replay", &tls12()]).expect(0).events().of("flow").is_empty());
}

#[test]
fn the_command_line_goes_before_the_file() {
    let dir = Dir::new();
    let config = dir.file("portcullis.toml", "flows = true\nports = 8443\nno-rules = true\n");
    assert!(with_config(&config, &["replay", &tls12()]).expect(0).events().sessions().is_empty());
    let ran = with_config(&config, &["replay", "--ports", "443", "--flows=false", &tls12()]).expect(0);
    assert!(!ran.events().sessions().is_empty() && ran.events().of("flow").is_empty());
}

#[test]
fn a_switch_that_is_turned_off_excludes_nothing() {
    let dir = Dir::new();
    dir.file("own.rules", "alert tls any any -> any any (msg:\"own\"; sid:1;)\n");
    let config = dir.file("portcullis.toml", "rules = \"own.rules\"\n[command.findings]\njson = true\n");
    let ran = with_config(&config, &["replay", "--no-rules=false", &tls12()]).expect(0);
    assert_eq!(ran.events().alerts()[0], "own");
    let by_file = with_config(&config, &["findings", "weak.cipher.null"]).expect(0);
    let off = with_config(&config, &["findings", "--json=false", "weak.cipher.null"]).expect(0);
    assert!(by_file.stdout.starts_with(b"{") && !off.stdout.starts_with(b"{"));
}

#[test]
fn variables_of_rules_come_from_the_file_and_each_from_the_command_line() {
    let dir = Dir::new();
    let rule = "alert tls $HOME_NET any -> $THERE any (msg:\"out\"; sid:1;)\n";
    dir.file("rules/own.rules", rule);
    let config = dir
        .file("portcullis.toml", "rules = \"rules\"\n[vars]\nHOME_NET = [\"203.0.113.0/24\", \"10.0.0.0/8\"]\nTHERE = \"any\"\n");
    assert!(!with_config(&config, &["replay", &tls12()]).expect(0).events().alerts().is_empty());
    let elsewhere = with_config(&config, &["replay", "--var", "THERE=192.0.2.1", &tls12()]).expect(0);
    assert!(elsewhere.events().alerts().is_empty() && elsewhere.stderr.is_empty(), "{}", elsewhere.stderr);
}

#[test]
fn a_file_with_mistakes_runs_nothing_and_shows_each_of_them() {
    let dir = Dir::new();
    let config = dir.file("portcullis.toml", "# ours\nflows = true\nmax-flow = 100000\nworkers = 99\n");
    let ran = with_config(&config, &["replay", &tls12()]).expect(2);
    let expected = format!(
        "{config}:3:1: error: there is no key max-flow\n    max-flow = 100000\n    ^\n    hint: is max-flows meant?\n\
         {config}:4:11: error: workers: 99 is not in 1..=16\n    workers = 99\n              ^\n"
    );
    assert_eq!(ran.stderr, expected);
    assert!(ran.stdout.is_empty());
    let checked = Ran::with(["config", "check", &config]).expect(1);
    assert_eq!(String::from_utf8(checked.stdout).unwrap(), format!("{expected}{config}: 2 errors\n"));
}

#[test]
fn a_good_file_is_called_so() {
    let dir = Dir::new();
    let config = dir.file("portcullis.toml", "\u{feff}flows = true\r\n[vars]\r\nA = \"any\"\r\n");
    for args in
        [&["config", "check", &config][..], &["config", "check", "--config", &config], &["--config", &config, "config", "check"]]
    {
        let ran = Ran::with(args).expect(0);
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), format!("{config}: 2 keys, nothing wrong\n"), "{args:?}");
    }
    let ran = Ran::with(["config", "check"]).expect(1);
    assert!(ran.stderr.contains("no configuration file is in force"), "{}", ran.stderr);
}

/// The rules that have them would not load.
#[test]
fn variables_that_no_rule_could_use_are_mistakes() {
    let dir = Dir::new();
    let text = "[vars]\nHOME_NET = 3\nWEB_PORTS = \"10.0.0.0/8\"\nLAB = [\"$HOME_NTE\"]\nB = \"$X_Y_Z\"\nGOOD = [\"$WEB\", 1]\nWEB = 443\n";
    let config = dir.file("portcullis.toml", text);
    let checked = Ran::with(["config", "check", &config]).expect(1);
    let lines: Vec<String> = String::from_utf8(checked.stdout).unwrap().lines().map(|line| line.trim().to_owned()).collect();
    let told: Vec<&str> =
        lines.iter().filter_map(|line| line.split("error: ").nth(1).or_else(|| line.strip_prefix("hint: "))).collect();
    let expected = [
        "HOME_NET: `3` is no address, network or range of addresses",
        "HOME_NET takes addresses: \"10.0.0.0/8\", or a list of them",
        "WEB_PORTS: `10.0.0.0/8` is no port or range of ports",
        "WEB_PORTS takes ports: 443, \"8000:8100\", or a list of them",
        "LAB: variable `$HOME_NTE` is not defined",
        "is $HOME_NET meant?",
        "B: variable `$X_Y_Z` is not defined",
        "give it a value here, too",
    ];
    assert_eq!(told, expected);
    assert!(lines.iter().any(|line| line.starts_with(&format!("{config}:2:12: "))), "{lines:?}");
}

#[test]
fn what_cannot_be_read_is_no_configuration() {
    let dir = Dir::new();
    let binary = dir.file("binary.toml", b"a = \"\xff\"\n");
    let large = dir.file("large.toml", "#".repeat((1 << 20) + 1));
    for (config, why) in [
        ("nosuch.toml", "No such file"),
        (&*binary, "it is not UTF-8, from byte 5 on"),
        (&*large, "it has more than 1 MiB"),
        (env!("CARGO_MANIFEST_DIR"), "Is a directory"),
    ] {
        for ran in [with_config(config, &["replay", &tls12()]), Ran::with(["config", "check", config])] {
            let ran = ran.expect(1);
            assert!(
                ran.stderr.starts_with(&format!("portcullis: error: cannot read the configuration {config}: ")),
                "{}",
                ran.stderr
            );
            assert!(ran.stderr.contains(why) && ran.stdout.is_empty(), "{}", ran.stderr);
        }
    }
}

#[test]
fn the_environment_names_a_file_and_the_working_directory_none() {
    let dir = Dir::new();
    dir.file("portcullis.toml", "ports = 8443\n");
    let shown = |variable: &str, more: &[&str]| -> Ran {
        let mut command = portcullis([&["config", "show", "replay"][..], more].concat());
        let output: Output = command.current_dir(dir.path("")).env("PORTCULLIS_CONFIG", variable).output().unwrap();
        Ran::from(output).expect(0)
    };
    assert_eq!(line_of(&shown("", &[]), "ports"), "ports = 443 # default");
    assert_eq!(line_of(&shown("portcullis.toml", &[]), "ports"), "ports = 8443 # portcullis.toml:1");
    assert_eq!(line_of(&shown("portcullis.toml", &["--no-config"]), "ports"), "ports = 443 # default");
    let other = dir.file("other.toml", "ports = 9443\n");
    assert_eq!(line_of(&shown("portcullis.toml", &["--config", &other]), "ports"), format!("ports = 9443 # {other}:1"));
}

#[test]
fn show_says_where_each_value_comes_from() {
    let dir = Dir::new();
    let text = "ports = [443, 8443]\nworkers = 2\ntrust-store = [\"mozilla\", \"ca.pem\"]\nprofile-rules = true\n[vars]\nHOME_NET = \"any\"\n";
    let config = dir.file("portcullis.toml", text);
    let ran = with_config(&config, &["config", "show", "replay", "--workers=3", "--flows", "--var", "A=[10.0.0.1]"]).expect(0);
    let ca = dir.path("ca.pem");
    for (key, expected) in [
        ("ports", format!("ports = \"443,8443\" # {config}:1")),
        ("workers", "workers = 3 # command line".to_owned()),
        ("flows", "flows = true # command line".to_owned()),
        ("trust-store", format!("trust-store = [\"mozilla\", \"{}\"] # {config}:3", ca.display())),
        ("profile-rules", format!("profile-rules = true # {config}:4")),
        ("max-flows", "max-flows = 4000000 # default".to_owned()),
        ("read-buffer", "read-buffer = \"512KiB\" # default".to_owned()),
        ("output", "# output # not set".to_owned()),
        ("HOME_NET", format!("HOME_NET = \"any\" # {config}:6")),
        ("A", "A = \"[10.0.0.1]\" # command line".to_owned()),
    ] {
        assert_eq!(line_of(&ran, key), expected);
    }
}

#[test]
fn what_show_prints_is_a_file_that_says_the_same() {
    let dir = Dir::new();
    let text = "flows = true\noutput = \"a \\\"b\\\".json\"\n[vars]\nHOME_NET = \"any\"\n[command.replay]\nports = \"any\"\n[command.rules.check]\nports = 1\n";
    let first = with_config(&dir.file("first.toml", text), &["config", "show"]).expect(0);
    let again = with_config(&dir.file("again.toml", &first.stdout), &["config", "show"]).expect(0);
    let values = |ran: &Ran| -> Vec<String> {
        let text = String::from_utf8(ran.stdout.clone()).unwrap();
        text.lines().skip(1).map(|line| line.split(" # ").next().unwrap_or_default().trim_end().to_owned()).collect()
    };
    assert_eq!(values(&first), values(&again));
    assert!(values(&first).contains(&"[command.rules.check]".to_owned()), "{:?}", values(&first));
    assert_eq!(line_of(&first, "ports"), format!("ports = \"any\" # {}:6", dir.path("first.toml").display()));
}

#[test]
fn show_takes_no_words_that_the_command_does_not() {
    for (args, said) in [
        (&["replay", "--workrs", "3"][..], "unexpected argument '--workrs'"),
        (&["replay", "--workers", "99"], "99 is not in 1..=16"),
        (&["rules"], "name one of these commands: replay, tap, inline, doctor, rules check"),
        (&["play"], "name one of these commands: replay, tap, inline, doctor, rules check"),
    ] {
        let ran = Ran::with([&["config", "show"][..], args].concat()).expect(2);
        assert!(ran.stderr.contains(said) && ran.stdout.is_empty(), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn an_error_that_the_file_has_a_part_in_says_so() {
    let dir = Dir::new();
    let config = dir.file("portcullis.toml", "iprep = \"reputation.csv\"\n");
    let ran = with_config(&config, &["replay", &tls12()]).expect(2);
    assert!(
        ran.stderr.contains("--iprep-categories") && ran.stderr.contains(&format!("together with what {config} says")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_with_the_terminals_codes_in_it_does_not_reach_the_terminal() {
    let dir = Dir::new();
    for text in [
        "\"\\u001b[2J\" = 1\n",
        "output = \"\\u001b[2J\"\nflow = 1\n",
        "policy = \"\\u001b[2J\"\n",
        "a = \u{1b}[2J\n",
        "[command.\"\\u001b[2J\"]\n",
    ] {
        let config = dir.file("portcullis.toml", text);
        let checked = Ran::with(["config", "check", &config]).expect(1);
        assert!(!checked.stdout.contains(&0x1b), "{text}");
    }
    let config = dir.file("portcullis.toml", "output = \"\\u001b[2J\"\n");
    assert!(!with_config(&config, &["config", "show"]).expect(0).stdout.contains(&0x1b));
}

#[test]
fn help_shows_switches_without_values() {
    let help = String::from_utf8(Ran::with(["replay", "--help"]).expect(0).stdout).unwrap();
    assert!(help.contains("--flows\n") && help.contains("--config <FILE>") && help.contains("--no-config\n"), "{help}");
    let ran = Ran::with(["replay", "--flows=maybe", &tls12()]).expect(2);
    assert!(ran.stderr.contains("--flows"), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_named_twice_or_refused_and_named_is_a_mistake() {
    let dir = Dir::new();
    let config = dir.file("portcullis.toml", "");
    with_config(&config, &["--no-config", "replay", &tls12()]).expect(2);
    with_config(&config, &["--config", &config, "replay", &tls12()]).expect(2);
}

#[test]
fn what_the_package_installs_is_right_also_with_all_that_it_suggests() {
    let dir = Dir::new();
    let installed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/portcullis.toml")).unwrap();
    let suggested = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let with_all: String = installed.lines().map(|line| format!("{}\n", if suggested(line) { &line[1..] } else { line })).collect();
    let keys = |text: &str, name: &str| {
        let checked = Ran::with(["--config", &dir.file(name, text), "config", "check"]).expect(0);
        let said = String::from_utf8(checked.stdout).unwrap();
        assert!(said.contains("nothing wrong"), "{said}");
        said.rsplit(": ").next().unwrap().split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    // Either a queue or a bridge.
    let with_queue = with_all.replace("bridge = ", "# ");
    assert_eq!((keys(&installed, "installed.toml"), keys(&with_queue, "all.toml") > 5), (0, true), "{with_queue}");
}
