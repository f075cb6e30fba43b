//! The Common Event Format, version 0 (Micro Focus, "ArcSight Common Event Format Implementation Standard", version 25).
//!
//! `CEF:0|Vendor|Product|Version|Class|Name|Severity|Extension`. In the header `|` and `\` have a `\` before them; in values of the extension
//! `=` and `\` have, and a line ends with `\n`. What has no key there has one of the custom ones, with a label, or no place.

use std::fmt::Write as _;

use serde_json::Value;

use super::{at, text};
use crate::base::visible::visible;

/// Keys of the dictionary: where EVE has the value, the key, and the most characters it may have.
const KEYS: &[(&str, &str, usize)] = &[
    ("event_type", "cat", 1_023),
    ("alert.action", "act", 63),
    ("src_port", "spt", 5),
    ("dest_port", "dpt", 5),
    ("proto", "proto", 31),
    ("app_proto", "app", 31),
    ("portcullis.id", "externalId", 40),
    ("in_iface", "deviceInboundInterface", 128),
    ("flow.bytes_toserver", "in", 20),
    ("flow.bytes_toclient", "out", 20),
    ("drop.reason", "reason", 1_023),
    ("anomaly.event", "reason", 1_023),
    ("alert.category", "msg", 1_023),
];

/// Custom keys: where EVE has the value, the key, its label.
const CUSTOM: &[(&str, &str, &str)] = &[
    ("tls.version", "cs1", "TLS version"),
    ("portcullis.cipher", "cs2", "Cipher suite"),
    ("tls.subject", "cs3", "Certificate subject"),
    ("tls.issuerdn", "cs4", "Certificate issuer"),
    ("tls.ja3.hash", "cs5", "JA3"),
    ("portcullis.findings", "cs6", "Findings"),
    ("tls.ja4", "flexString1", "JA4"),
    ("portcullis.fingerprint_sha256", "flexString2", "Certificate SHA-256"),
    ("flow_id", "cn1", "Flow"),
    ("alert.rev", "cn2", "Rule revision"),
];

/// An event of EVE as one of CEF.
pub(super) fn event(eve: &Value) -> String {
    let kind = text(eve, "event_type").unwrap_or_default();
    let rule = match (at(eve, "alert.gid"), at(eve, "alert.signature_id")) {
        (Some(gid), Some(sid)) => format!("{gid}:{sid}"),
        _ => kind.to_owned(),
    };
    let name = text(eve, "alert.signature").unwrap_or_else(|| title(kind));
    let mut out = format!("CEF:0|Portcullis|portcullis|{}|", env!("CARGO_PKG_VERSION"));
    for (part, longest) in [(rule.as_str(), 1_023), (name, 512)] {
        out.push_str(&visible(part, longest).replace('\\', "\\\\").replace('|', "\\|"));
        out.push('|');
    }
    let _ = write!(out, "{}|", severity(eve));
    let mut fields = Vec::new();
    for (path, key) in [("timestamp", "rt"), ("flow.start", "start"), ("flow.end", "end")] {
        fields.extend(text(eve, path).and_then(milliseconds).map(|time| (key, time.to_string())));
    }
    for (path, v4, v6, label, what) in [
        ("src_ip", "src", "c6a2", "c6a2Label", "Source IPv6 Address"),
        ("dest_ip", "dst", "c6a3", "c6a3Label", "Destination IPv6 Address"),
    ] {
        match text(eve, path) {
            Some(ip) if ip.contains(':') => fields.extend([(v6, visible(ip, 39)), (label, what.to_owned())]),
            Some(ip) => fields.push((v4, visible(ip, 15))),
            None => {}
        }
    }
    // The name that was asked for is the server's, which is the source of what goes to the client.
    let host = if text(eve, "direction") == Some("to_client") { "shost" } else { "dhost" };
    fields.extend(text(eve, "tls.sni").map(|name| (host, visible(name, 1_023))));
    fields.extend(KEYS.iter().filter_map(|(path, key, longest)| Some((*key, visible(&plain(at(eve, path)?)?, *longest)))));
    let mut extension: Vec<String> = fields.iter().map(|(key, value)| pair(key, value)).collect();
    for (path, key, label) in CUSTOM {
        if let Some(value) = at(eve, path).and_then(plain) {
            extension.extend([pair(key, &visible(&value, longest_of(key))), pair(&format!("{key}Label"), label)]);
        }
    }
    out.push_str(&extension.join(" "));
    out
}

/// What would end a line was made visible before.
fn pair(key: &str, value: &str) -> String {
    format!("{key}={}", value.replace('\\', "\\\\").replace('=', "\\="))
}

/// A value as text: lists with commas.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(list) => {
            let texts: Vec<String> = list.iter().filter_map(plain).collect();
            Some(texts.join(",")).filter(|text| !text.is_empty())
        }
        _ => None,
    }
}

/// From 0 to 10.
fn severity(eve: &Value) -> u8 {
    let of_alert = at(eve, "alert.severity").and_then(Value::as_u64).map(|severity| match severity {
        0 | 1 => 9,
        2 => 6,
        3 => 4,
        _ => 2,
    });
    let of_findings = text(eve, "portcullis.finding_severity").map(|severity| match severity {
        "high" => 8,
        "medium" => 5,
        "low" => 3,
        _ => 1,
    });
    of_alert.or(of_findings).unwrap_or(0)
}

/// What an event of this type is called.
fn title(kind: &str) -> &str {
    match kind {
        "tls" => "TLS session",
        "drop" => "Packet dropped",
        "flow" => "Flow ended",
        "anomaly" => "Protocol anomaly",
        "packet" => "Tagged packet",
        "portcullis_certificate" => "Certificate seen",
        other => other,
    }
}

/// EVE's time as milliseconds since 1970.
fn milliseconds(time: &str) -> Option<i64> {
    // 2026-11-24T11:28:11.793478+0000
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, millis) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
    // Days from 1970, by Howard Hinnant's days_from_civil: years begin in March, so that the leap day is the last.
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month_from_march = month.checked_add(9)?.rem_euclid(12);
    let of_year = month_from_march.checked_mul(153)?.checked_add(2)?.checked_div(5)?.checked_add(day)?.checked_sub(1)?;
    let leaps = of_era.div_euclid(4).checked_sub(of_era.div_euclid(100))?;
    let of_days = of_era.checked_mul(365)?.checked_add(leaps)?.checked_add(of_year)?;
    let days = era.checked_mul(146_097)?.checked_add(of_days)?.checked_sub(719_468)?;
    let seconds = days
        .checked_mul(86_400)?
        .checked_add(hour.checked_mul(3_600)?)?
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)?;
    seconds.checked_mul(1_000)?.checked_add(millis)
}

/// Characters of a custom text, by its key.
fn longest_of(key: &str) -> usize {
    if key.starts_with("cs") { 4_000 } else { 1_023 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_milliseconds_since_1970() {
        // By `date -u -d @SECONDS`.
        for (time, expected) in [
            ("1970-01-01T00:00:00.000000+0000", Some(0)),
            ("2026-11-24T11:28:11.793478+0000", Some(1_795_519_691_793)),
            ("2024-02-29T23:59:59.999999+0000", Some(1_709_251_199_999)),
            ("2000-03-01T00:00:00.000000+0000", Some(951_868_800_000)),
            ("not a time", None),
        ] {
            assert_eq!(milliseconds(time), expected, "{time}");
        }
    }
}
