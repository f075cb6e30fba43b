//! Certificates are told and kept once each, whoever sees them first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::util::run::Ran;

/// The SHA-256 of all certificates in the sessions of these events.
fn in_sessions(sessions: &[&Value]) -> BTreeSet<String> {
    let chains = sessions.iter().flat_map(|s| ["chain", "client_chain"].map(|key| &s["portcullis"][key]));
    let certificates = chains.filter_map(Value::as_array).flatten();
    certificates.map(|certificate| certificate["sha256"].as_str().unwrap().to_owned()).collect()
}

fn sha256(event: &Value) -> String {
    event["portcullis"]["certificate"]["sha256"].as_str().unwrap().to_owned()
}

/// What is kept in a directory, by name.
fn kept(dir: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn each_is_told_once_before_any_later_session_that_shows_it() {
    let events = Ran::with(["replay", "--certificates", "pcaps"]).expect(0).events();
    let told: Vec<String> = events.of("portcullis_certificate").into_iter().map(sha256).collect();
    let all: BTreeSet<String> = told.iter().cloned().collect();
    assert!(told.len() > 5, "{told:?}");
    assert_eq!(told.len(), all.len(), "once");
    assert_eq!(all, in_sessions(&events.sessions()));
    assert_eq!(events.counter("portcullis.certificates.seen"), told.len() as u64);
    let (mut before, mut shown) = (BTreeSet::new(), BTreeSet::new());
    for event in &events.0 {
        match event["event_type"].as_str().unwrap() {
            "tls" => {
                assert!(shown.is_subset(&before), "those of the session before are told");
                shown.extend(in_sessions(&[event]));
            }
            "portcullis_certificate" => {
                assert!(shown.contains(&sha256(event)), "it follows the session that shows it");
                before.insert(sha256(event));
            }
            _ => {}
        }
    }
}

#[test]
fn what_is_told_and_kept_is_the_same_for_any_number_of_workers() {
    let dir = tempfile::tempdir().unwrap();
    let run = |workers: &str, limit: &str| {
        let (all, picked) =
            (dir.path().join(format!("all-{workers}-{limit}")), dir.path().join(format!("picked-{workers}-{limit}")));
        let rules = dir.path().join("store.rules");
        fs::write(&rules, "alert tls any any -> any any (tls.version:1.2; tls.sni; content:\"shop\"; tls.store; sid:1;)\n")
            .unwrap();
        let paths = [&all, &picked, &rules].map(|path| path.to_str().unwrap().to_owned());
        let [all_path, picked_path, rules_path] = &paths;
        let stores = ["--store-certs", all_path, "--tls-store", picked_path, "--rules", rules_path];
        let options = ["replay", "--certificates", "--workers", workers, "--max-certificates", limit, "pcaps"];
        let ran = Ran::with(options.iter().chain(&stores).copied()).expect(0);
        (ran, kept(&all), kept(&picked))
    };
    for (limit, most) in [("1000", 1_000), ("3", 3)] {
        let (one, all, picked) = run("1", limit);
        for workers in ["2", "3", "16"] {
            let (more, more_all, more_picked) = run(workers, limit);
            assert!(one.stdout == more.stdout && all == more_all && picked == more_picked, "{workers} workers");
        }
        let events = one.events();
        let told = events.of("portcullis_certificate");
        assert!(told.len() <= most);
        assert_eq!(events.counter("portcullis.certificates.refused") > 0, most == 3);
        assert_eq!(all.len(), 2 * told.len());
        for event in told {
            let name = sha256(event);
            assert_eq!(&serde_json::from_str::<Value>(&all[&format!("{name}.json")]).unwrap(), event);
            assert!(all[&format!("{name}.pem")].starts_with("-----BEGIN CERTIFICATE-----\n"));
        }
        assert!(!picked.is_empty() && picked.len() < all.len() || most == 3, "{picked:?}");
    }
}

#[test]
fn a_rule_picks_whose_certificates_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (rules, store) = (dir.path().join("store.rules"), dir.path().join("store"));
    fs::write(&rules, "alert tls any any -> any any (tls.sni; content:\"shop\"; tls.store; sid:1;)\n").unwrap();
    let paths = [rules.to_str().unwrap(), store.to_str().unwrap()];
    let events = Ran::with(["replay", "--rules", paths[0], "--tls-store", paths[1], "pcaps"]).expect(0).events();
    assert!(events.of("portcullis_certificate").is_empty(), "no events were asked for");
    let sessions = events.sessions();
    let picked: Vec<&Value> = sessions.iter().copied().filter(|s| s["tls"]["certificate"].is_string()).collect();
    let names = in_sessions(&picked);
    assert!(!names.is_empty() && names.len() < in_sessions(&sessions).len());
    assert_eq!(
        kept(&store).into_keys().filter_map(|name| Some(name.strip_suffix(".pem")?.to_owned())).collect::<BTreeSet<_>>(),
        names
    );
}

#[test]
fn a_directory_that_cannot_be_made_ends_the_run_before_it_begins() {
    let ran = Ran::with(["replay", "--store-certs", "/dev/null/certs", "pcaps/tls12.pcap"]).expect(1);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("/dev/null/certs"), "{}", ran.stderr);
}
