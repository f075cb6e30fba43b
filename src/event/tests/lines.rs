//! What holds for every line: hostile text, the buffer, the documentation.

use serde_json::Value;

use super::fixtures::*;
use super::{event, parse};
use crate::event::*;
use crate::packet::TcpFlags;
use crate::protocol::tls::session::Anomaly;
use crate::protocol::tls::{ClientHello, Session};

#[test]
fn hostile_names_stay_within_their_line() {
    for name in [
        b"\"},\"event_type\":\"alert\",\"x\":{\"".as_slice(),
        b"a\n{\"event_type\":\"alert\"}\n",
        b"\r\x00\x07\x1b]0;pwned\x07\x1b[2J",
        b"<script>alert(1)</script>&#x27;",
        b"\xff\xfe\xc0\x80",
        "\u{202e}moc.elpmaxe\u{2028}\u{85}".as_bytes(),
        &[b'x'; 65_535],
        b"",
    ] {
        let hello = ClientHello { server_names: [name].into(), alpn: [name].into(), ..ClientHello::default() };
        let session = Session { client_hello: Some(hello), ..Session::default() };
        let mut out = Vec::new();
        tls(&mut out, &common(), &session, TlsOptions::default());
        let text = String::from_utf8(out.clone()).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(!text.trim_end().chars().any(text::is_deceptive));
        let got = parse(&out);
        assert_eq!(got["event_type"], "tls");
        assert_eq!(got["tls"]["sni"], got["tls"]["client_alpns"][0]);
        if let Ok(valid) = std::str::from_utf8(name) {
            assert_eq!(got["tls"]["sni"], valid);
        }
    }
}

#[test]
fn lines_are_appended_to_what_the_buffer_holds() {
    let mut out = b"before\n".to_vec();
    stats(&mut out, time(0), &[], &RulesInfo::default());
    stats(&mut out, time(1), &[], &RulesInfo::default());
    assert!(out.starts_with(b"before\n{"));
    assert_eq!(out.iter().filter(|&&b| b == b'\n').count(), 3);
}

/// `docs/events.md` names every key, by its path from the event's root, in backquotes.
#[test]
fn every_key_is_documented() {
    let docs = include_str!("../../../docs/events.md");
    let metadata = [("tag", "a")];
    let references = ["https://example.org/1".to_owned()];
    let info = AlertInfo { references: &references, ..alert_info(&metadata, Verdict::Reject(Reset::Both)) };
    let session = maximal_session();
    let end = FlowEnd {
        end: time(1),
        state: FlowState::New,
        reason: FlowEndReason::Timeout,
        alerted: true,
        action: Some(FlowAction::Drop),
        bypassed: Some(Bypassed::default()),
    };
    let flags = TcpFlags(0x3f);
    let tcp =
        TcpEnd { flags_toserver: flags, flags_toclient: flags, state: TcpState::Closed, gap_toserver: true, gap_toclient: true };
    let events = [
        event(|out| tls(out, &common(), &session, TlsOptions { certificates: true })),
        event(|out| alert(out, &common(), &info, &counters(), Some(&session))),
        event(|out| flow(out, &common(), &counters(), &end, Some(&tcp))),
        event(|out| certificate(out, &common(), &seen(&session))),
        event(|out| anomaly(out, &common(), &AnomalyInfo::of_tls(Anomaly::InvalidAlert))),
        event(|out| drop(out, &common(), &segment(), &DropInfo { rule: Some(&info), ..refused() })),
        event(|out| stats(out, time(0), &[], &RulesInfo::default())),
    ];
    let mut missing = Vec::new();
    for event in &events {
        let mut paths = Vec::new();
        key_paths(event, "", &mut paths);
        missing.extend(paths.into_iter().filter(|path| !docs.contains(&format!("`{path}`"))));
    }
    missing.sort();
    missing.dedup();
    assert!(missing.is_empty(), "not in docs/events.md: {missing:#?}");
}

/// The path of every key; of a list that of its items, and of what only repeats another object's keys that of the object.
fn key_paths(value: &Value, path: &str, paths: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                paths.push(path.clone());
                let repeats = [
                    "tls.client",
                    "portcullis.client_chain",
                    "portcullis.certificate",
                    "portcullis.view.to_client",
                    "alert.metadata",
                ];
                if !repeats.contains(&path.as_str()) {
                    key_paths(value, &path, paths);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| key_paths(item, path, paths)),
        _ => {}
    }
}
