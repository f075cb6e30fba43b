//! Events of all captures here in the formats of others, judged by the schema and the dictionary that these have published.

use std::collections::HashMap;
use std::fs;

use regex::Regex;
use serde_json::Value;

use crate::util::Dir;
use crate::util::run::Ran;

/// What all captures here come to in a format, a line each.
fn lines(format: &str) -> Vec<String> {
    let dir = Dir::new();
    let out = dir.path("out");
    let sink = format!("file:{}?format={format}", out.display());
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/pcaps");
    Ran::with(["replay", captures, "--findings", "all", "--certificates", "--log-certificates", "--sink", &sink]).expect(0);
    let lines: Vec<String> = fs::read_to_string(&out).unwrap().lines().map(str::to_owned).collect();
    assert!(lines.len() > 40, "{}", lines.len());
    lines
}

/// The rows of a table.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

/// Names and types of ECS, and whether values are lists.
type Schema = HashMap<&'static str, (&'static str, bool)>;

fn check(path: &str, value: &Value, schema: &Schema, wrong: &mut Vec<String>) {
    if ["suricata", "portcullis"].contains(&path) {
        return; // not of ECS, and no names of it
    }
    let Some((kind, is_list)) = schema.get(path).filter(|(kind, _)| *kind != "object") else {
        let Some(members) = value.as_object().filter(|members| !members.is_empty()) else {
            return wrong.push(format!("there is no {path}: {value}"));
        };
        for (name, member) in members {
            check(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, member, schema, wrong);
        }
        return;
    };
    let fits = |value: &Value| match *kind {
        "keyword" | "wildcard" | "match_only_text" => value.is_string(),
        "long" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "ip" => value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
        "date" => value.as_str().is_some_and(|text| text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z')),
        _ => false,
    };
    let is_right = match value {
        Value::Array(values) => *is_list && values.iter().all(fits),
        value => !is_list && fits(value),
    };
    if !is_right {
        wrong.push(format!("{path} is to be {kind}: {value}"));
    }
}

#[test]
fn every_field_of_ecs_is_one_of_the_schema_and_of_its_type() {
    let schema: Schema =
        rows(include_str!("data/ecs-8.11.tsv")).map(|row| (row[0], (row[1], row.get(2) == Some(&"array")))).collect();
    let mut wrong = Vec::new();
    for line in lines("ecs") {
        check("", &serde_json::from_str(&line).unwrap(), &schema, &mut wrong);
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_key_of_cef_is_one_of_the_dictionary_and_of_its_type_and_length() {
    let dictionary: HashMap<&str, (&str, usize)> =
        rows(include_str!("data/cef-0.25.tsv")).map(|row| (row[0], (row[1], row[2].parse().unwrap()))).collect();
    // In the header | and \ are escaped, in values = and \.
    let record = Regex::new(r"^CEF:0((?:\|(?:[^|\\]|\\[|\\])*){5})\|(?:10|[0-9])\|(.*)$").unwrap();
    let key = Regex::new(r"(?:^| )([A-Za-z0-9]+)=").unwrap();
    let value_form = Regex::new(r"^(?:[^=\\]|\\[=\\nr])*$").unwrap();
    for line in lines("cef") {
        let parts = record.captures(&line).unwrap_or_else(|| panic!("no record: {line}"));
        let extension = &parts[2];
        let found: Vec<_> =
            key.captures_iter(extension).map(|found| (found.get(0).unwrap(), found.get(1).unwrap().as_str())).collect();
        assert!(found.len() > 5 && found[0].0.start() == 0, "{line}");
        for (index, (place, name)) in found.iter().enumerate() {
            let end = found.get(index + 1).map_or(extension.len(), |(next, _)| next.start());
            let value = &extension[place.end()..end];
            let (kind, longest) = dictionary.get(name).unwrap_or_else(|| panic!("no key {name} in {line}"));
            let is_right = match *kind {
                "ipv4" => value.parse::<std::net::Ipv4Addr>().is_ok(),
                "ipv6" => value.parse::<std::net::Ipv6Addr>().is_ok(),
                "integer" | "long" | "time" => value.parse::<u64>().is_ok(),
                "port" => value.parse::<u16>().is_ok(),
                _ => value_form.is_match(value),
            };
            assert!(is_right && value.chars().count() <= *longest, "{name} is to be {kind} of {longest}: {line}");
            if name.starts_with("cs") || name.starts_with("cn") || name.starts_with("c6") || name.starts_with("flexString") {
                let label = format!("{name}Label");
                assert!(name.ends_with("Label") || found.iter().any(|(_, other)| *other == label), "{name} has no label: {line}");
            }
        }
        assert!(
            found.iter().enumerate().all(|(at, (_, name))| found[..at].iter().all(|(_, other)| other != name)),
            "twice: {line}"
        );
    }
}
