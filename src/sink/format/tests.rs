//! Events of all captures here, judged by the schema of ECS and the specification of CEF.

use std::collections::HashMap;

use super::*;
use crate::base::visible::{is_deceptive, visible};

const TLS: &str = include_str!("testdata/tls.json");
const ALERT: &str = include_str!("testdata/alert.json");
const FLOW: &str = include_str!("testdata/flow.json");

fn ecs(event: &str) -> Value {
    serde_json::from_slice(&Format::Ecs.event(event.trim_end().as_bytes())).unwrap()
}

fn cef(event: &str) -> String {
    String::from_utf8(Format::Cef.event(event.trim_end().as_bytes()).into_owned()).unwrap()
}

fn has(event: &Value, expected: &[(&str, Value)]) {
    for (path, value) in expected {
        assert_eq!(at(event, path), Some(value), "{path} in {event:#}");
    }
}

#[test]
fn a_session_has_its_fields_of_ecs() {
    use serde_json::json;
    let event = ecs(TLS);
    has(
        &event,
        &[
            ("@timestamp", json!("2026-11-24T11:28:16.214820Z")),
            ("ecs.version", json!("8.11.0")),
            ("event.kind", json!("event")),
            ("event.category", json!(["network"])),
            ("event.type", json!(["connection", "protocol"])),
            ("event.outcome", json!("success")),
            ("event.dataset", json!("portcullis.tls")),
            ("source.ip", json!("10.44.0.2")),
            ("source.port", json!(37_380)),
            ("destination.port", json!(443)),
            ("network.transport", json!("tcp")),
            ("network.type", json!("ipv4")),
            ("network.protocol", json!("tls")),
            ("network.community_id", json!("1:14o0dOXW6Do9VvLAZT7OChRM1Sg=")),
            ("tls.version", json!("1.2")),
            ("tls.version_protocol", json!("tls")),
            ("tls.established", json!(true)),
            ("tls.resumed", json!(false)),
            ("tls.cipher", json!("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")),
            ("tls.curve", json!("x25519")),
            ("tls.next_protocol", json!("h2")),
            ("tls.client.server_name", json!("www.shop.example")),
            ("tls.client.ja3", json!("87b9bfc7da97115ed2276737b09f8d74")),
            ("tls.server.subject", json!("CN=www.shop.example")),
            ("tls.server.x509.subject.distinguished_name", json!("CN=www.shop.example")),
            ("tls.server.x509.serial_number", json!("5301B0A7C4E29F1D")),
            ("tls.server.hash.sha1", json!("88593563DC6BDE5858EACD4D7C455A45314CE807")),
            ("tls.server.not_after", json!("2028-01-01T00:00:00Z")),
            ("tls.server.x509.public_key_size", json!(256)),
            ("tls.server.x509.public_key_algorithm", json!("EC")),
            ("related.ip", json!(["10.44.0.2", "10.44.0.1"])),
            ("related.hosts", json!(["www.shop.example"])),
            ("suricata.eve.tls.ja4", json!("t12d2807h2_d943125447b4_a44c6288192a")),
            ("suricata.eve.event_type", json!("tls")),
            ("portcullis.stage", json!("dark")),
        ],
    );
    assert_eq!(at(&event, "suricata.eve.src_ip"), None, "what has gone is not told twice");
}

#[test]
fn an_alert_has_its_fields_of_ecs() {
    use serde_json::json;
    has(
        &ecs(ALERT),
        &[
            ("event.kind", json!("alert")),
            ("event.category", json!(["network", "intrusion_detection"])),
            ("event.type", json!(["allowed"])),
            ("event.action", json!("allowed")),
            ("event.severity", json!(3)),
            ("rule.id", json!("8443403")),
            ("rule.version", json!("1")),
            ("rule.name", json!("PORTCULLIS TLS 1.0 negotiated")),
            ("message", json!("PORTCULLIS TLS 1.0 negotiated")),
            ("rule.reference", json!("https://www.rfc-editor.org/rfc/rfc8996.html")),
            ("tls.version", json!("1.0")),
            // It goes to the client: what the client sent is the destination's.
            ("source.ip", json!("10.44.0.1")),
            ("source.bytes", json!(1_654)),
            ("destination.bytes", json!(338)),
            ("network.bytes", json!(1_992)),
        ],
    );
    let blocked = ecs(&ALERT.replace("\"action\":\"allowed\"", "\"action\":\"blocked\""));
    assert_eq!(at(&blocked, "event.type"), Some(&json!(["denied"])));
}

#[test]
fn a_flow_tells_how_long_it_was() {
    use serde_json::json;
    has(
        &ecs(&FLOW.replace("\"age\":0", "\"age\":7")),
        &[
            ("event.duration", json!(7_000_000_000_u64)),
            ("event.start", json!("2026-11-24T11:27:43.897168Z")),
            ("source.packets", json!(9)),
            ("network.packets", json!(17)),
        ],
    );
}

/// Names of ECS with their type, and whether values are lists.
fn schema() -> HashMap<&'static str, (&'static str, bool)> {
    let lines = include_str!("../../../tests/data/ecs-8.11.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t');
            (fields.next().unwrap(), (fields.next().unwrap(), fields.next() == Some("array")))
        })
        .collect()
}

fn check(path: &str, value: &Value, schema: &HashMap<&str, (&str, bool)>) {
    if ["suricata", "portcullis"].contains(&path) {
        return; // not of ECS, and no names of it
    }
    if let Some(&(kind, is_list)) = schema.get(path)
        && kind != "object"
    {
        let values = if is_list {
            value.as_array().unwrap_or_else(|| panic!("{path} is no list: {value}")).clone()
        } else {
            vec![value.clone()]
        };
        for value in values {
            let text = value.as_str();
            let is_right = match kind {
                "keyword" | "text" | "match_only_text" | "wildcard" => text.is_some(),
                "long" => value.is_u64(),
                "boolean" => value.is_boolean(),
                "ip" => text.is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
                "date" => text.is_some_and(|text| text.ends_with('Z') && text.get(10..11) == Some("T")),
                _ => false,
            };
            assert!(is_right, "{path} is to be {kind}: {value}");
        }
        return;
    }
    let members = value.as_object().unwrap_or_else(|| panic!("ECS has no {path}"));
    assert!(!members.is_empty(), "{path} has nothing");
    for (name, member) in members {
        check(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, member, schema);
    }
}

#[test]
fn fields_are_those_of_the_schema_with_their_types() {
    let schema = schema();
    let drop = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"drop","src_ip":"2001:db8::1","dest_ip":"2001:db8::2","ip_v":6,"proto":"TCP","vlan":[7,8],"in_iface":"eth0","drop":{"len":60,"reason":"rules"},"portcullis":{"id":"a-1"}}"#;
    let stats = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"stats","stats":{"decoder":{"pkts":7}}}"#;
    for event in [TLS, ALERT, FLOW, drop, stats] {
        check("", &ecs(event), &schema);
    }
    let dropped = ecs(drop);
    has(&dropped, &[("network.vlan.id", "7".into()), ("network.inner.vlan.id", "8".into()), ("event.id", "a-1".into())]);
}

/// The types that the schema expects with a category (`expected_event_types` of `event.category`).
#[test]
fn categories_and_types_go_together() {
    for event in [TLS, ALERT, FLOW] {
        let event = ecs(event);
        let list = |path: &str| -> Vec<String> {
            at(&event, path).unwrap().as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
        };
        for category in list("event.category") {
            let expected: &[&str] = match category.as_str() {
                "network" => &["access", "allowed", "connection", "denied", "end", "info", "protocol", "start"],
                "intrusion_detection" => &["allowed", "denied", "info"],
                _ => &[],
            };
            assert!(list("event.type").iter().all(|kind| expected.contains(&kind.as_str())), "{category}");
        }
    }
}

/// A reader of CEF that goes by the specification alone: the header's seven fields, and the extension.
fn read_cef(text: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut fields, mut field, mut rest) = (Vec::new(), String::new(), text.chars());
    while fields.len() < 7 {
        match rest.next().expect("the header is whole") {
            '\\' => match rest.next() {
                Some(c @ ('\\' | '|')) => field.push(c),
                other => panic!("\\{other:?} in the header"),
            },
            '|' => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    // Values may have spaces: a key begins behind a space, and goes up to a = that is not escaped.
    let (mut pairs, mut key, mut value, mut chars) = (Vec::new(), String::new(), String::new(), rest.peekable());
    let mut in_key = true;
    while let Some(c) = chars.next() {
        match c {
            '=' if in_key => in_key = false,
            '=' => {
                // What was the value's last word is the next key.
                let (before, next) = value.rsplit_once(' ').expect("a key behind a space");
                pairs.push((std::mem::replace(&mut key, next.to_owned()), before.to_owned()));
                value.clear();
            }
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some(c @ ('\\' | '=')) => value.push(if c == '=' { '\u{1}' } else { c }),
                other => panic!("\\{other:?} in the extension"),
            },
            c if in_key => key.push(c),
            c => value.push(c),
        }
    }
    pairs.push((key, value));
    (fields, pairs.into_iter().map(|(key, value)| (key, value.replace('\u{1}', "="))).collect())
}

#[test]
fn an_alert_is_an_event_of_cef() {
    let (header, fields) = read_cef(&cef(ALERT));
    assert_eq!(
        header,
        ["CEF:0", "Portcullis", "portcullis", env!("CARGO_PKG_VERSION"), "1:8443403", "PORTCULLIS TLS 1.0 negotiated", "4"]
    );
    let of = |key: &str| fields.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    for (key, value) in [
        ("rt", "1795519661990"),
        ("src", "10.44.0.1"),
        ("spt", "443"),
        ("dst", "10.44.0.2"),
        ("shost", "online.bank.example"),
        ("proto", "TCP"),
        ("app", "tls"),
        ("act", "allowed"),
        ("cat", "alert"),
        ("in", "338"),
        ("out", "1654"),
        ("msg", "Potential Corporate Privacy Violation"),
        ("cs1", "TLSv1"),
        ("cs1Label", "TLS version"),
        ("cs3", "C=CH, O=Example Bank, CN=online.bank.example"),
    ] {
        assert_eq!(of(key), Some(value), "{key} in {fields:?}");
    }
}

#[test]
fn addresses_of_ipv6_have_keys_of_their_own() {
    let (_, fields) = read_cef(&cef(&TLS.replace("10.44.0.2", "2001:db8::1")));
    assert!(fields.contains(&("c6a2".to_owned(), "2001:db8::1".to_owned())));
    assert!(fields.contains(&("c6a2Label".to_owned(), "Source IPv6 Address".to_owned())));
    assert!(!fields.iter().any(|(key, _)| key == "src"));
}

/// `tests/formats.rs` holds all captures to it.
#[test]
fn keys_are_those_of_the_dictionary() {
    let table = include_str!("../../../tests/data/cef-0.25.tsv").lines().filter(|line| !line.starts_with('#'));
    let dictionary: HashMap<&str, usize> = table
        .map(|line| {
            let mut fields = line.split('\t');
            (fields.next().unwrap(), fields.nth(1).unwrap().parse().unwrap())
        })
        .collect();
    for event in [TLS, ALERT, FLOW] {
        for (key, value) in read_cef(&cef(event)).1 {
            let longest = dictionary.get(&*key).unwrap_or_else(|| panic!("no key {key}"));
            assert!(value.chars().count() <= *longest, "{key}={value}");
        }
    }
}

#[test]
fn hostile_text_stays_in_its_place_in_every_format() {
    let long = "a".repeat(65_535);
    for hostile in [
        "x|y|z",
        r"x\|y",
        "a=b act=blocked",
        r"\",
        r"\\=",
        "a\nCEF:0|Evil|evil|1|1|evil|10|",
        "a\r\nb",
        "\0\u{1b}[2J\u{9b}31m",
        "\u{202e}moc.live\u{2028}\u{85}\u{feff}\u{e0041}",
        "<script>alert(1)</script>",
        r#"","event_type":"evil","a":""#,
        &long,
    ] {
        let value = serde_json::to_string(hostile).unwrap();
        let event = ALERT
            .replace("\"PORTCULLIS TLS 1.0 negotiated\"", &value)
            .replace("\"sni\":\"online.bank.example\"", &format!("\"sni\":{value}"))
            .replace("\"subject\":\"C=CH, O=Example Bank, CN=online.bank.example\"", &format!("\"subject\":{value}"));
        assert_eq!(event.matches(&value).count(), 3, "it is there");
        let (header, fields) = read_cef(&cef(&event));
        let shown: String = visible(hostile, 512);
        assert_eq!((header.len(), header[4].as_str(), header[5].as_str()), (7, "1:8443403", shown.as_str()));
        let of = |key: &str| fields.iter().filter(|(known, _)| known == key).map(|(_, value)| value.clone()).collect::<Vec<_>>();
        assert_eq!(
            [of("shost"), of("cs3"), of("act")],
            [vec![visible(hostile, 1_023)], vec![visible(hostile, 4_000)], vec!["allowed".to_owned()]]
        );
        let in_ecs = ecs(&event);
        assert_eq!(text(&in_ecs, "tls.client.server_name"), Some(hostile));
        assert_eq!(text(&in_ecs, "event.dataset"), Some("portcullis.alert"));
        // What is EVE here the engine has escaped in the same way (event/text.rs).
        for format in [Format::Ecs, Format::Cef] {
            let made = format.lines(event.as_bytes()).into_owned();
            assert_eq!(made.iter().filter(|&&b| b < 0x20 || b == 0x7f).count(), 1, "{format:?}: the newline at the end alone");
            let made = String::from_utf8(made).unwrap();
            let deceptive = made.trim_end().chars().find(|c| is_deceptive(*c));
            assert_eq!(deceptive, None, "{format:?}");
        }
    }
}

#[test]
fn what_is_no_event_stays_as_it_is() {
    for (_, format) in Format::WORDS {
        assert_eq!(&*format.event(b"no event"), b"no event");
    }
}
