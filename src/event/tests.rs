//! Golden events: sessions made by hand, and the JSON that EVE has for them, written by hand from Suricata's documentation.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::base::Timestamp;
use crate::flow::{Endpoint, FlowKey};
use crate::packet::{SegmentHeader, TcpFlags};
use crate::protocol::fingerprint::{ClientFingerprints, ServerFingerprints};
use crate::protocol::tls::session::{self, Anomaly, Stage, View};
use crate::protocol::tls::{ClientHello, Ech, Extension, ServerHello, Session};
use crate::protocol::x509::{self, Certificate, Facts};

fn client() -> Endpoint {
    Endpoint { ip: "192.0.2.10".parse().unwrap(), port: 50_123 }
}

fn server() -> Endpoint {
    Endpoint { ip: "198.51.100.7".parse().unwrap(), port: 443 }
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_parts(1_795_517_287 + seconds, 123_456_000)
}

fn common() -> Common<'static> {
    Common {
        timestamp: time(0),
        flow_id: Some(1_234_567_890_123),
        pcap_cnt: Some(12),
        pcap_filename: Some("captures/a.pcap"),
        vlan: [7, 0],
        source: Some(client()),
        destination: Some(server()),
        protocol: Some(6),
        tunnel_depth: 1,
        pkt_src: Some(PacketSource::Wire),
        community_id: Some(CommunityId::new(client(), server(), 6)),
        app_proto: Some("tls"),
        direction: Some(Toward::ToClient),
    }
}

/// The keys that every event of [`common`] has.
fn common_json(event_type: &str) -> Value {
    json!({
        "timestamp": "2026-11-24T10:48:07.123456+0000",
        "flow_id": 1_234_567_890_123_u64,
        "pcap_cnt": 12,
        "event_type": event_type,
        "vlan": [7],
        "src_ip": "192.0.2.10",
        "src_port": 50_123,
        "dest_ip": "198.51.100.7",
        "dest_port": 443,
        "proto": "TCP",
        "ip_v": 4,
        "pkt_src": "wire/pcap",
        "tunnel": {"depth": 1},
        "community_id": CommunityId::new(client(), server(), 6).as_str(),
        "app_proto": "tls",
        "direction": "to_client",
        "pcap_filename": "captures/a.pcap",
    })
}

fn extensions(types: &[u16]) -> Vec<Extension> {
    types.iter().map(|&typ| Extension { typ, len: 0 }).collect()
}

fn certificate(seed: u8, name: &str, is_ca: bool) -> Arc<Certificate> {
    Arc::new(Certificate {
        der: vec![0x30, 0x03, 0x01, 0x01, seed],
        sha1: [seed; 20],
        sha256: [seed; 32],
        facts: Some(Facts {
            subject: format!("C=US, O=Example, CN={name}"),
            issuer: "C=US, O=Example, CN=Root".to_owned(),
            serial: vec![0x08, 0x3a, seed],
            not_before: Some(x509::Time::from_unix(1_577_836_800)),
            not_after: Some(x509::Time::from_unix(1_609_459_199)),
            subject_alt_names: if is_ca { vec![] } else { vec![name.to_owned(), "192.0.2.1".to_owned()] },
            key_type: "RSA".to_owned(),
            key_bits: Some(2_048),
            signature_algorithm: "sha256WithRSAEncryption".to_owned(),
            is_ca: Some(is_ca),
            self_issued: is_ca,
            #[cfg(feature = "ja4plus")]
            ja4x: "a_b_c".to_owned(),
            ..Facts::default()
        }),
    })
}

/// A session in which everything that an event can tell is there at once; no real one has it all.
fn maximal_session() -> Session {
    let hello = ClientHello {
        legacy_version: 0x0303,
        random: [0xab; 32],
        session_id: vec![9; 32],
        cipher_suites: vec![0x1a1a, 0x1301, 0xc02f],
        compression_methods: vec![0],
        extensions: extensions(&[0x2a2a, 0, 10, 13, 0xfe0d]),
        server_names: vec![b"www.example.com".to_vec(), b"second.example".to_vec()],
        alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        supported_versions: vec![0x3a3a, 0x0304, 0x0303],
        groups: vec![0x4a4a, 0x11ec, 0x001d],
        key_share_groups: vec![0x4a4a, 0x11ec],
        signature_algorithms: vec![0x0403, 0x0804],
        psk_modes: vec![1, 0x0b],
        psk_identities: 2,
        session_ticket: Some(160),
        early_data: true,
        ech: Some(Ech::Outer { kdf_id: 1, aead_id: 3, config_id: 42, enc_len: 32, payload_len: 239 }),
        sslv2_format: true,
        complete: true,
        ..ClientHello::default()
    };
    let second = ClientHello {
        server_names: vec![b"other.example".to_vec()],
        alpn: vec![b"h2".to_vec()],
        key_share_groups: vec![0x0017],
        ..hello.clone()
    };
    let view = View {
        seen: true,
        midstream: true,
        skipped_bytes: 5,
        gap_bytes: 1_460,
        gaps: 1,
        conflicting_bytes: 3,
        truncated_messages: 1,
        degraded: true,
        dark: true,
    };
    Session {
        client_hello: Some(hello),
        client_fingerprints: Some(ClientFingerprints {
            ja3_string: "771,4865-49199,0-10-13,4588-29,0".to_owned(),
            ja3: "d00857e0c8e7a7f35e446508c6233460".to_owned(),
            ja4: "t13d0204h2_002c00000000_06a4338d0495".to_owned(),
            ja4_r: "t13d0204h2_1301,c02f_000a,000d_0403,0804".to_owned(),
        }),
        second_client_hello: Some(second),
        hello_retry_request: Some(ServerHello { key_share_group: Some(0x0017), cipher_suite: 0x1301, ..ServerHello::default() }),
        server_hello: Some(ServerHello {
            legacy_version: 0x0303,
            random: [0xcd; 32],
            session_id: vec![9; 32],
            cipher_suite: 0x1301,
            compression_method: 1,
            extensions: extensions(&[43, 51]),
            selected_version: Some(0x0304),
            alpn: Some(b"h2".to_vec()),
            key_share_group: Some(0x11ec),
            selected_psk: Some(0),
            ..ServerHello::default()
        }),
        server_fingerprints: Some(ServerFingerprints {
            ja3s_string: "771,4865,43-51".to_owned(),
            ja3s: "f4febc55ea12b31ae17cfb7e614afda8".to_owned(),
            #[cfg(feature = "ja4plus")]
            ja4s: "t130200_1301_a56c5b993250".to_owned(),
            #[cfg(feature = "ja4plus")]
            ja4s_r: "t130200_1301_002b,0033".to_owned(),
        }),
        server_certificates: vec![certificate(0x3a, "www.example.com", false), certificate(0x0b, "Root", true)],
        client_certificates: vec![certificate(0x77, "client", false)],
        certificate_requested: true,
        new_session_ticket: true,
        alerts: vec![
            session::Alert { from_client: true, level: 2, description: 40 },
            session::Alert { from_client: false, level: 9, description: 200 },
        ],
        renegotiations: 1,
        client_view: view,
        server_view: View { seen: true, dark: true, ..View::default() },
        anomalies: vec![Anomaly::MultipleSni, Anomaly::OverlapDifferentData],
        stage: Stage::Dark,
        ..Session::default()
    }
}

fn alert_info(metadata: &[(String, String)], verdict: Verdict) -> AlertInfo<'_> {
    AlertInfo {
        gid: 1,
        signature_id: 2_001_999,
        rev: 9,
        signature: "ET MALWARE \"quoted\"",
        category: "A Network Trojan was detected",
        severity: 1,
        metadata,
        references: &[],
        verdict,
    }
}

fn counters() -> FlowCounters {
    FlowCounters {
        client: client(),
        server: server(),
        pkts_toserver: 10,
        pkts_toclient: 19,
        bytes_toserver: 1_584,
        bytes_toclient: 6_151,
        start: time(0),
    }
}

fn parse(line: &[u8]) -> Value {
    assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1, "one line");
    assert_eq!(line.last(), Some(&b'\n'));
    serde_json::from_slice(line).unwrap()
}

fn event(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    write(&mut out);
    parse(&out)
}

/// `common` and `own` in one object.
fn merged(event_type: &str, own: Value) -> Value {
    let mut all = common_json(event_type);
    all.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    all
}

/// Compares leaf by leaf, so that a failure names the key.
#[track_caller]
fn assert_same(got: &Value, expected: &Value) {
    let flat = |value: &Value| {
        let mut leaves = Vec::new();
        flatten(value, String::new(), &mut leaves);
        leaves
    };
    let (got, expected) = (flat(got), flat(expected));
    for leaf in &expected {
        assert!(got.contains(leaf), "expected {leaf:?}, got {:?}", got.iter().find(|(path, _)| *path == leaf.0));
    }
    for leaf in &got {
        assert!(expected.contains(leaf), "not expected: {leaf:?}");
    }
}

fn flatten(value: &Value, path: String, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| flatten(value, format!("{path}.{key}"), leaves));
        }
        other => leaves.push((path, other.clone())),
    }
}

#[test]
fn a_tls_event_has_eves_shape() {
    let session = maximal_session();
    let got = event(|out| tls(out, &common(), &session, TlsOptions { certificates: true }));
    let fingerprint = |byte: &str| vec![byte; 20].join(":");
    let expected = json!({
        "subject": "C=US, O=Example, CN=www.example.com",
        "issuerdn": "C=US, O=Example, CN=Root",
        "serial": "08:3A:3A",
        "fingerprint": fingerprint("3a"),
        "notbefore": "2020-01-01T00:00:00",
        "notafter": "2020-12-31T23:59:59",
        "subjectaltname": ["www.example.com", "192.0.2.1"],
        "certificate": "MAMBATo=",
        "chain": ["MAMBATo=", "MAMBAQs="],
        "session_resumed": true,
        "sni": "www.example.com",
        "version": "TLS 1.3",
        "ja3": {"hash": "d00857e0c8e7a7f35e446508c6233460", "string": "771,4865-49199,0-10-13,4588-29,0"},
        "ja3s": {"hash": "f4febc55ea12b31ae17cfb7e614afda8", "string": "771,4865,43-51"},
        "ja4": "t13d0204h2_002c00000000_06a4338d0495",
        "client": {
            "subject": "C=US, O=Example, CN=client",
            "issuerdn": "C=US, O=Example, CN=Root",
            "serial": "08:3A:77",
            "fingerprint": fingerprint("77"),
            "notbefore": "2020-01-01T00:00:00",
            "notafter": "2020-12-31T23:59:59",
            "subjectaltname": ["client", "192.0.2.1"],
            "certificate": "MAMBAXc=",
            "chain": ["MAMBAXc="],
        },
        "client_alpns": ["h2", "http/1.1"],
        "server_alpns": ["h2"],
        "client_handshake": {
            "version": "TLS 1.3", "ciphers": [0x1301, 0xc02f], "exts": [0, 10, 13, 0xfe0d], "sig_algs": [0x0403, 0x0804],
        },
        "server_handshake": {"version": "TLS 1.3", "cipher": 0x1301, "exts": [43, 51]},
    });
    assert_same(&got["tls"], &expected);
    let mut rest = got;
    rest.as_object_mut().unwrap().retain(|key, _| key != "tls" && key != "portcullis");
    assert_same(&rest, &common_json("tls"));
}

#[test]
fn what_eve_has_no_name_for_stands_under_portcullis() {
    let session = maximal_session();
    let mut got = event(|out| tls(out, &common(), &session, TlsOptions::default()));
    let sha256 = |byte: &str| byte.repeat(32);
    let link = |name: &str, byte: &str, is_ca: bool| {
        json!({
            "subject": format!("C=US, O=Example, CN={name}"), "issuer": "C=US, O=Example, CN=Root", "sha256": sha256(byte),
            "size": 5, "not_before": "2020-01-01T00:00:00", "not_after": "2020-12-31T23:59:59", "key_type": "RSA",
            "key_bits": 2048, "signature_algorithm": "sha256WithRSAEncryption", "is_ca": is_ca, "self_issued": is_ca,
        })
    };
    let mut expected = json!({
        "stage": "dark",
        "cipher": "TLS_AES_128_GCM_SHA256",
        "cipher_id": 0x1301,
        "group": "X25519MLKEM768",
        "group_id": 0x11ec,
        "post_quantum": true,
        "resumed": true,
        "resumption": "psk",
        "hello_retry": true,
        "hello_retry_group": "secp256r1",
        "second_client_hello": {
            "sni": "other.example", "client_alpns": ["h2"], "key_shares": ["secp256r1"], "differs": ["sni", "client_alpns"],
        },
        "ech": {
            "type": "outer", "config_id": 42, "kdf": "HKDF-SHA256", "kdf_id": 1, "aead": "ChaCha20Poly1305", "aead_id": 3,
            "enc_len": 32, "payload_len": 239,
        },
        "early_data": true,
        "sslv2_format": true,
        "certificate_requested": true,
        "new_session_ticket": true,
        "renegotiations": 1,
        "compression_method": 1,
        "server_names": ["www.example.com", "second.example"],
        "offered": {
            "versions": ["GREASE(0x3a3a)", "TLS 1.3", "TLS 1.2"],
            "groups": ["GREASE(0x4a4a)", "X25519MLKEM768", "x25519"],
            "key_shares": ["GREASE(0x4a4a)", "X25519MLKEM768"],
            "psk_modes": ["psk_dhe_ke", "GREASE(0x0b)"],
            "psk_identities": 2,
            "session_ticket": 160,
            "post_quantum": true,
            "grease": true,
        },
    });
    let more = json!({
        "client_random": sha256("ab"),
        "server_random": sha256("cd"),
        "ja4_r": "t13d0204h2_1301,c02f_000a,000d_0403,0804",
        "fingerprint_sha256": sha256("3a"),
        "chain_sha256": [sha256("3a"), sha256("0b")],
        "chain": [link("www.example.com", "3a", false), link("Root", "0b", true)],
        "client_fingerprint_sha256": sha256("77"),
        "client_chain_sha256": [sha256("77")],
        "client_chain": [link("client", "77", false)],
        "alerts": [
            {"from": "client", "level": "fatal", "description": "handshake_failure", "code": 40},
            {"from": "server", "level": "0x09", "description": "0xc8", "code": 200},
        ],
        "anomalies": ["MULTIPLE_SNI_EXTENSIONS", "stream.reassembly_overlap_different_data"],
        "view": {
            "to_server": {
                "seen": true, "whole": false, "dark": true, "midstream": true, "skipped_bytes": 5, "gaps": 1,
                "gap_bytes": 1460, "conflicting_bytes": 3, "truncated_messages": 1, "degraded": true,
            },
            "to_client": {"seen": true, "whole": true, "dark": true},
        },
    });
    expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let extra = got["portcullis"].as_object_mut().unwrap();
    for (key, value) in [
        ("ja4s", json!("t130200_1301_a56c5b993250")),
        ("ja4s_r", json!("t130200_1301_002b,0033")),
        ("ja4x", json!(["a_b_c", "a_b_c"])),
    ] {
        assert_eq!(extra.remove(key), cfg!(feature = "ja4plus").then_some(value));
    }
    assert_same(&got["portcullis"], &expected);
    assert_eq!(got["tls"].get("certificate"), None, "only where asked for");
}

#[test]
fn a_session_of_which_nothing_was_seen_is_still_an_event() {
    let got = event(|out| tls(out, &Common::default(), &Session::default(), TlsOptions::default()));
    let unseen = json!({"seen": false, "whole": false, "dark": false});
    assert_same(
        &got,
        &json!({
            "timestamp": "1970-01-01T00:00:00.000000+0000",
            "event_type": "tls",
            "tls": {"version": "UNDETERMINED"},
            "portcullis": {"stage": "start", "view": {"to_server": unseen, "to_client": unseen}},
        }),
    );
}

#[test]
fn a_certificate_that_is_none_has_fingerprints_only() {
    let broken = Certificate { sha1: [1; 20], sha256: [2; 32], der: vec![0xff], facts: None };
    let session = Session { server_certificates: vec![Arc::new(broken)], ..Session::default() };
    let got = event(|out| tls(out, &common(), &session, TlsOptions::default()));
    assert_same(&got["tls"], &json!({"fingerprint": vec!["01"; 20].join(":"), "version": "UNDETERMINED"}));
    assert_same(&got["portcullis"]["chain"][0], &json!({"sha256": "02".repeat(32), "size": 1}));
}

#[test]
fn an_alert_event_has_eves_shape() {
    let metadata = [("created_at", "2010_07_30"), ("tag", "a"), ("tag", "b")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let references = ["https://example.org/1".to_owned()];
    let info = AlertInfo { references: &references, ..alert_info(&metadata, Verdict::Alert) };
    let session = maximal_session();
    let mut got = event(|out| alert(out, &common(), &info, &counters(), Some(&session)));
    assert_eq!(got["tls"]["sni"], "www.example.com");
    got.as_object_mut().unwrap().remove("tls");
    let own = json!({
        "alert": {
            "action": "allowed", "gid": 1, "signature_id": 2_001_999, "rev": 9, "signature": "ET MALWARE \"quoted\"",
            "category": "A Network Trojan was detected", "severity": 1,
            "metadata": {"created_at": ["2010_07_30"], "tag": ["a", "b"]},
            "references": ["https://example.org/1"],
        },
        "flow": {
            "pkts_toserver": 10, "pkts_toclient": 19, "bytes_toserver": 1584, "bytes_toclient": 6151,
            "start": "2026-11-24T10:48:07.123456+0000",
            "src_ip": "192.0.2.10", "src_port": 50_123, "dest_ip": "198.51.100.7", "dest_port": 443,
        },
        "verdict": {"action": "alert"},
    });
    assert_same(&got, &merged("alert", own));
}

#[test]
fn an_alert_says_what_became_of_the_packet() {
    for (verdict, action, object) in [
        (Verdict::Pass, "allowed", json!({"action": "pass"})),
        (Verdict::Alert, "allowed", json!({"action": "alert"})),
        (Verdict::Drop, "blocked", json!({"action": "drop"})),
        (Verdict::Reject, "blocked", json!({"action": "drop", "reject": ["tcp-reset"]})),
    ] {
        let got = event(|out| alert(out, &common(), &alert_info(&[], verdict), &counters(), None));
        assert_eq!(got["alert"]["action"], action);
        assert_eq!(got["verdict"], object);
        assert_eq!(got["alert"].get("metadata"), None);
        assert_eq!(got.get("tls"), None);
    }
}

#[test]
fn a_flow_event_has_eves_shape() {
    let end = FlowEnd { end: time(57), state: FlowState::Closed, reason: FlowEndReason::Shutdown, alerted: false, dropped: true };
    let tcp = TcpEnd {
        flags_toserver: TcpFlags(0x1b),
        flags_toclient: TcpFlags(0x02),
        state: TcpState::LastAck,
        gap_toserver: true,
        gap_toclient: false,
    };
    let got = event(|out| flow(out, &common(), &counters(), &end, Some(&tcp)));
    let own = json!({
        "flow": {
            "pkts_toserver": 10, "pkts_toclient": 19, "bytes_toserver": 1584, "bytes_toclient": 6151,
            "start": "2026-11-24T10:48:07.123456+0000", "end": "2026-11-24T10:49:04.123456+0000", "age": 57,
            "state": "closed", "reason": "shutdown", "alerted": false, "action": "drop",
        },
        "tcp": {
            "tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "02", "syn": true, "fin": true, "psh": true, "ack": true,
            "state": "last_ack", "ts_gap": true,
        },
    });
    assert_same(&got, &merged("flow", own));
}

#[test]
fn tcp_states_have_suricatas_names() {
    for (state, name) in [
        (TcpState::None, "none"),
        (TcpState::SynSent, "syn_sent"),
        (TcpState::SynRecv, "syn_recv"),
        (TcpState::FinWait1, "fin_wait1"),
        (TcpState::FinWait2, "fin_wait2"),
        (TcpState::TimeWait, "time_wait"),
        (TcpState::CloseWait, "close_wait"),
    ] {
        assert_eq!(serde_json::to_value(state).unwrap(), name);
    }
    assert_eq!(serde_json::to_value(FlowEndReason::TcpReuse).unwrap(), "tcp_reuse");
}

#[test]
fn an_anomaly_event_has_eves_shape() {
    let got = event(|out| anomaly(out, &common(), &AnomalyInfo::of_tls(Anomaly::InvalidRecordType)));
    let own = json!({"anomaly": {
        "app_proto": "tls", "type": "applayer", "event": "INVALID_RECORD_TYPE", "layer": "proto_parser",
    }});
    assert_same(&got, &merged("anomaly", own));

    let of_stream = event(|out| anomaly(out, &common(), &AnomalyInfo::of_tls(Anomaly::OverlapDifferentData)));
    assert_same(&of_stream["anomaly"], &json!({"type": "stream", "event": "stream.reassembly_overlap_different_data"}));

    let info = AnomalyInfo { typ: AnomalyType::Decode, event: "decoder.ipv4.trunc_pkt" };
    let of_packet = event(|out| anomaly(out, &common(), &info));
    assert_same(&of_packet["anomaly"], &json!({"type": "decode", "event": "decoder.ipv4.trunc_pkt"}));
}

fn segment() -> SegmentHeader {
    let (key, sender) = FlowKey::new(client(), server(), 6, [7, 8]);
    SegmentHeader {
        key,
        sender,
        flags: TcpFlags(TcpFlags::PSH | TcpFlags::ACK),
        seq: 4_000_000_000,
        ack: 17,
        window: 65_535,
        ttl: 64,
        tunnel_depth: 0,
        payload_len: 100,
        frame_len: 166,
        timestamp: time(0),
        number: 12,
        capture: 0,
    }
}

#[test]
fn a_drop_event_has_eves_shape() {
    let info = alert_info(&[], Verdict::Drop);
    let got = event(|out| drop(out, &common(), &segment(), DropReason::Rules, Some(&info)));
    let own = json!({
        "drop": {
            "len": 166, "ttl": 64, "tcpseq": 4_000_000_000_u32, "tcpack": 17, "tcpwin": 65_535, "syn": false, "ack": true,
            "psh": true, "rst": false, "urg": false, "fin": false, "reason": "rules",
        },
        "alert": {
            "action": "blocked", "gid": 1, "signature_id": 2_001_999, "rev": 9, "signature": "ET MALWARE \"quoted\"",
            "category": "A Network Trojan was detected", "severity": 1,
        },
        "verdict": {"action": "drop"},
    });
    assert_same(&got, &merged("drop", own));

    let later = event(|out| drop(out, &common(), &segment(), DropReason::FlowDrop, None));
    assert_eq!(later["drop"]["reason"], "flow drop");
    assert_eq!(later.get("alert"), None);
}

#[test]
fn stats_become_a_tree() {
    let counters = [("uptime", 3), ("decoder.pkts", 17), ("app_layer.flow.tls", 5), ("decoder.ipv4.bad", 1), ("app_layer.x", 2)];
    let got = event(|out| stats(out, time(0), &counters));
    let expected = json!({
        "timestamp": "2026-11-24T10:48:07.123456+0000",
        "event_type": "stats",
        "stats": {"uptime": 3, "decoder": {"pkts": 17, "ipv4": {"bad": 1}}, "app_layer": {"flow": {"tls": 5}, "x": 2}},
    });
    assert_same(&got, &expected);
}

#[test]
fn a_stat_that_is_the_stem_of_another_gives_way() {
    for counters in [[("a.b", 1), ("a", 2)], [("a", 2), ("a.b", 1)]] {
        let mut out = Vec::new();
        stats(&mut out, time(0), &counters);
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with("\"stats\":{\"a\":{\"b\":1}}}\n"), "{text}");
    }
}

#[test]
fn a_segments_header_gives_the_common_keys() {
    let mut segment = segment();
    segment.sender = segment.sender.reverse();
    let common = Common::of_segment(&segment);
    assert_eq!((common.source, common.destination), (Some(server()), Some(client())));
    assert_eq!((common.pcap_cnt, common.vlan, common.protocol), (Some(12), [7, 8], Some(6)));
    assert_eq!(common.between(client(), server()).source, Some(client()));
}

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
        let hello = ClientHello { server_names: vec![name.to_vec()], alpn: vec![name.to_vec()], ..ClientHello::default() };
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
    stats(&mut out, time(0), &[]);
    stats(&mut out, time(1), &[]);
    assert!(out.starts_with(b"before\n{"));
    assert_eq!(out.iter().filter(|&&b| b == b'\n').count(), 3);
}

/// `docs/events.md` names every key, by its path from the event's root, in backquotes.
#[test]
fn every_key_is_documented() {
    let docs = include_str!("../../docs/events.md");
    let metadata = [("tag".to_owned(), "a".to_owned())];
    let references = ["https://example.org/1".to_owned()];
    let info = AlertInfo { references: &references, ..alert_info(&metadata, Verdict::Reject) };
    let session = maximal_session();
    let end = FlowEnd { end: time(1), state: FlowState::New, reason: FlowEndReason::Timeout, alerted: true, dropped: true };
    let flags = TcpFlags(0x3f);
    let tcp =
        TcpEnd { flags_toserver: flags, flags_toclient: flags, state: TcpState::Closed, gap_toserver: true, gap_toclient: true };
    let events = [
        event(|out| tls(out, &common(), &session, TlsOptions { certificates: true })),
        event(|out| alert(out, &common(), &info, &counters(), Some(&session))),
        event(|out| flow(out, &common(), &counters(), &end, Some(&tcp))),
        event(|out| anomaly(out, &common(), &AnomalyInfo::of_tls(Anomaly::InvalidAlert))),
        event(|out| drop(out, &common(), &segment(), DropReason::Rules, Some(&info))),
        event(|out| stats(out, time(0), &[])),
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
                let repeats = ["tls.client", "portcullis.client_chain", "portcullis.view.to_client", "alert.metadata"];
                if !repeats.contains(&path.as_str()) {
                    key_paths(value, &path, paths);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| key_paths(item, path, paths)),
        _ => {}
    }
}
