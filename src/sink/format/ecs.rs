//! The Elastic Common Schema, version 8.11 (<https://www.elastic.co/guide/en/ecs/8.11/>).
//!
//! What [`FIELDS`] names goes where the schema has it. All else stays as EVE has it, under `suricata.eve`, and what is ours under `portcullis`:
//! nothing is lost.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{at, text};
use crate::base::visible::is_deceptive;

/// How a value has to be made over.
#[derive(Clone, Copy, Debug)]
enum As {
    /// As it is.
    Is,
    /// A time, in UTC.
    Time,
    /// A date of a certificate.
    Date,
    /// Text in lower case.
    Lower,
    /// Bytes in hexadecimal: upper case, no colons.
    Hex,
    /// A number as text.
    Keyword,
    /// A number of seconds, in nanoseconds.
    Nanoseconds,
    /// `ipv4` or `ipv6`.
    IpVersion,
}

/// Where things go: from EVE, to ECS. What has gone is not at its old place any more, but where it is needed twice.
const FIELDS: &[(&str, &str, As)] = &[
    ("timestamp", "@timestamp", As::Time),
    ("portcullis.id", "event.id", As::Is),
    ("flow.start", "event.start", As::Time),
    ("flow.end", "event.end", As::Time),
    ("flow.age", "event.duration", As::Nanoseconds),
    ("alert.action", "event.action", As::Is),
    ("alert.severity", "event.severity", As::Is),
    ("alert.signature_id", "rule.id", As::Keyword),
    ("alert.rev", "rule.version", As::Keyword),
    ("alert.signature", "rule.name", As::Is),
    ("alert.category", "rule.category", As::Is),
    ("alert.references.0", "rule.reference", As::Is),
    ("drop.reason", "event.reason", As::Is),
    ("anomaly.event", "event.code", As::Is),
    ("src_ip", "source.ip", As::Is),
    ("src_port", "source.port", As::Is),
    ("dest_ip", "destination.ip", As::Is),
    ("dest_port", "destination.port", As::Is),
    ("proto", "network.transport", As::Lower),
    ("ip_v", "network.type", As::IpVersion),
    ("app_proto", "network.protocol", As::Lower),
    ("community_id", "network.community_id", As::Is),
    ("vlan.0", "network.vlan.id", As::Keyword),
    ("vlan.1", "network.inner.vlan.id", As::Keyword),
    ("in_iface", "observer.ingress.interface.name", As::Is),
    ("tls.sni", "tls.client.server_name", As::Is),
    ("tls.ja3.hash", "tls.client.ja3", As::Is),
    ("tls.ja3s.hash", "tls.server.ja3s", As::Is),
    ("tls.server_alpns.0", "tls.next_protocol", As::Lower),
    ("tls.subject", "tls.server.subject", As::Is),
    ("tls.issuerdn", "tls.server.issuer", As::Is),
    ("tls.serial", "tls.server.x509.serial_number", As::Hex),
    ("tls.fingerprint", "tls.server.hash.sha1", As::Hex),
    ("portcullis.fingerprint_sha256", "tls.server.hash.sha256", As::Hex),
    ("tls.notbefore", "tls.server.not_before", As::Date),
    ("tls.notafter", "tls.server.not_after", As::Date),
    ("tls.subjectaltname", "tls.server.x509.alternative_names", As::Is),
    ("tls.certificate", "tls.server.certificate", As::Is),
    ("tls.chain", "tls.server.certificate_chain", As::Is),
    ("portcullis.chain.0.key_type", "tls.server.x509.public_key_algorithm", As::Is),
    ("portcullis.chain.0.key_bits", "tls.server.x509.public_key_size", As::Is),
    ("portcullis.chain.0.key_curve", "tls.server.x509.public_key_curve", As::Is),
    ("portcullis.chain.0.key_exponent", "tls.server.x509.public_key_exponent", As::Is),
    ("portcullis.chain.0.signature_algorithm", "tls.server.x509.signature_algorithm", As::Is),
    ("tls.client.subject", "tls.client.subject", As::Is),
    ("tls.client.issuerdn", "tls.client.issuer", As::Is),
    ("tls.client.serial", "tls.client.x509.serial_number", As::Hex),
    ("tls.client.fingerprint", "tls.client.hash.sha1", As::Hex),
    ("portcullis.client_fingerprint_sha256", "tls.client.hash.sha256", As::Hex),
    ("tls.client.notbefore", "tls.client.not_before", As::Date),
    ("tls.client.notafter", "tls.client.not_after", As::Date),
    ("tls.client.subjectaltname", "tls.client.x509.alternative_names", As::Is),
    ("tls.client.certificate", "tls.client.certificate", As::Is),
    ("tls.client.chain", "tls.client.certificate_chain", As::Is),
    ("portcullis.cipher", "tls.cipher", As::Is),
    ("portcullis.group", "tls.curve", As::Is),
    ("portcullis.resumed", "tls.resumed", As::Is),
];

/// Fields that tell of a certificate's subject and issuer a second time, as `x509` has them.
const TWICE: &[(&str, &str)] = &[
    ("tls.server.subject", "tls.server.x509.subject.distinguished_name"),
    ("tls.server.issuer", "tls.server.x509.issuer.distinguished_name"),
    ("tls.server.not_before", "tls.server.x509.not_before"),
    ("tls.server.not_after", "tls.server.x509.not_after"),
    ("tls.client.subject", "tls.client.x509.subject.distinguished_name"),
    ("tls.client.issuer", "tls.client.x509.issuer.distinguished_name"),
    ("tls.client.not_before", "tls.client.x509.not_before"),
    ("tls.client.not_after", "tls.client.x509.not_after"),
    ("rule.name", "message"),
];

/// What to search by, wherever it stands: of these fields, in these lists.
const RELATED: &[(&str, &[&str])] = &[
    ("related.ip", &["source.ip", "destination.ip"]),
    ("related.hosts", &["tls.client.server_name"]),
    (
        "related.hash",
        &[
            "tls.client.ja3",
            "tls.server.ja3s",
            "tls.server.hash.sha1",
            "tls.server.hash.sha256",
            "tls.client.hash.sha1",
            "tls.client.hash.sha256",
        ],
    ),
];

/// An event of EVE as one of ECS.
pub(super) fn event(mut eve: Value) -> Vec<u8> {
    let mut ecs = Value::Object(Map::new());
    put(&mut ecs, "ecs.version", json!("8.11.0"));
    for (from, to, how) in FIELDS {
        if let Some(value) = at(&eve, from).and_then(|value| made(value, *how)) {
            put(&mut ecs, to, value);
            // Lists stay whole where only one of them has a place.
            if !from.split('.').any(|part| part.parse::<usize>().is_ok()) {
                remove(&mut eve, from);
            }
        }
    }
    for (from, to) in TWICE {
        if let Some(value) = at(&ecs, from).cloned() {
            put(&mut ecs, to, value);
        }
    }
    for (list, fields) in RELATED {
        let mut values: Vec<Value> = Vec::new();
        for value in fields.iter().filter_map(|field| at(&ecs, field)) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        if !values.is_empty() {
            put(&mut ecs, list, Value::Array(values));
        }
    }
    say_what_it_is(&mut ecs, &eve);
    say_version(&mut ecs, &mut eve);
    say_bytes(&mut ecs, &eve);
    let own = eve.as_object_mut().and_then(|rest| rest.remove("portcullis"));
    if let Some(own) = own.filter(|own| *own != json!({})) {
        put(&mut ecs, "portcullis", own);
    }
    prune(&mut eve);
    put(&mut ecs, "suricata.eve", eve);
    written(&ecs)
}

/// JSON in which all is escaped that could deceive who reads it, as in EVE.
fn written(event: &Value) -> Vec<u8> {
    let plain = serde_json::to_string(event).unwrap_or_default();
    if !plain.contains(is_deceptive) {
        return plain.into_bytes();
    }
    let mut out = String::with_capacity(plain.len().saturating_add(64));
    for c in plain.chars() {
        if is_deceptive(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out.into_bytes()
}

/// The fields by which ECS sorts events.
fn say_what_it_is(ecs: &mut Value, eve: &Value) {
    let kind = text(eve, "event_type").unwrap_or_default();
    let is_denied = at(ecs, "event.action").is_some_and(|action| action == "blocked");
    let (event_kind, categories, types) = match kind {
        "alert" => {
            ("alert", json!(["network", "intrusion_detection"]), if is_denied { json!(["denied"]) } else { json!(["allowed"]) })
        }
        "drop" => ("event", json!(["network"]), json!(["connection", "denied"])),
        "flow" => ("event", json!(["network"]), json!(["connection", "end"])),
        "tls" => ("event", json!(["network"]), json!(["connection", "protocol"])),
        "anomaly" => ("event", json!(["network"]), json!(["protocol", "info"])),
        "stats" => ("metric", json!(["network"]), json!(["info"])),
        _ => ("event", json!(["network"]), json!(["info"])),
    };
    put(ecs, "event.kind", json!(event_kind));
    put(ecs, "event.category", categories);
    put(ecs, "event.type", types);
    put(ecs, "event.module", json!("portcullis"));
    put(ecs, "event.dataset", json!(format!("portcullis.{kind}")));
    put(ecs, "observer.vendor", json!("Portcullis"));
    put(ecs, "observer.product", json!("portcullis"));
    put(ecs, "observer.type", json!("ids"));
    put(ecs, "observer.version", json!(env!("CARGO_PKG_VERSION")));
    if kind == "tls" {
        let is_established = text(eve, "portcullis.stage") == Some("dark");
        put(ecs, "tls.established", json!(is_established));
        put(ecs, "event.outcome", json!(if is_established { "success" } else { "unknown" }));
    }
}

/// `TLS 1.2` as a protocol and the number of its version.
fn say_version(ecs: &mut Value, eve: &mut Value) {
    let (protocol, number) = match text(eve, "tls.version") {
        Some("SSLv2") => ("ssl", "2.0"),
        Some("SSLv3") => ("ssl", "3.0"),
        Some("TLSv1") => ("tls", "1.0"),
        Some("TLS 1.1") => ("tls", "1.1"),
        Some("TLS 1.2") => ("tls", "1.2"),
        Some("TLS 1.3") => ("tls", "1.3"),
        _ => return, // a draft, or not known: it stays what it is called
    };
    put(ecs, "tls.version", json!(number));
    put(ecs, "tls.version_protocol", json!(protocol));
    remove(eve, "tls.version");
}

/// Bytes and packets of a flow, of each side and together. What goes to the client has the server for its source.
fn say_bytes(ecs: &mut Value, eve: &Value) {
    let sides = match text(eve, "direction") {
        Some("to_client") => ["destination", "source"],
        _ => ["source", "destination"],
    };
    for (what, [to_server, to_client]) in
        [("bytes", ["flow.bytes_toserver", "flow.bytes_toclient"]), ("packets", ["flow.pkts_toserver", "flow.pkts_toclient"])]
    {
        let counts = [to_server, to_client].map(|path| at(eve, path).and_then(Value::as_u64));
        let [Some(from_client), Some(from_server)] = counts else { continue };
        for (side, count) in sides.iter().zip([from_client, from_server]) {
            put(ecs, &format!("{side}.{what}"), json!(count));
        }
        put(ecs, &format!("network.{what}"), json!(from_client.saturating_add(from_server)));
    }
}

fn made(value: &Value, how: As) -> Option<Value> {
    Some(match how {
        As::Is => value.clone(),
        As::Time => json!(format!("{}Z", value.as_str()?.strip_suffix("+0000")?)),
        As::Date => json!(format!("{}Z", value.as_str()?)),
        As::Lower => json!(value.as_str()?.to_lowercase()),
        As::Hex => json!(value.as_str()?.replace(':', "").to_uppercase()),
        As::Keyword => json!(value.as_u64()?.to_string()),
        As::Nanoseconds => json!(value.as_u64()?.saturating_mul(1_000_000_000)),
        As::IpVersion => json!(format!("ipv{}", value.as_u64()?)),
    })
}

/// Puts a value at a path, where nothing but objects lies on the way.
fn put(root: &mut Value, path: &str, value: Value) {
    let mut place = root;
    for part in path.split('.') {
        let Value::Object(members) = place else { return };
        place = members.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
    *place = value;
}

fn remove(root: &mut Value, path: &str) {
    let (way, last) = path.rsplit_once('.').unwrap_or(("", path));
    let parent = way.split('.').filter(|part| !part.is_empty()).try_fold(root, |value, part| value.get_mut(part));
    if let Some(Value::Object(members)) = parent {
        members.remove(last);
    }
}

/// Takes out objects that have nothing left.
fn prune(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| {
            prune(member);
            *member != json!({})
        });
    }
}
