//! The events of the other types.

use serde_json::json;

use super::fixtures::*;
use super::{assert_same, event, merged};
use crate::event::*;
use crate::flow::{Endpoint, FlowKey};
use crate::packet::{SegmentHeader, TcpFlags};
use crate::protocol::tls::session::Anomaly;

#[test]
fn a_certificate_says_where_it_was_seen_and_what_its_chain_would() {
    let session = maximal_session();
    let got = event(|out| certificate(out, &common(), &seen(&session)));
    let chain = event(|out| tls(out, &common(), &session, TlsOptions::default()))["portcullis"]["client_chain"][0].clone();
    let mut expected = common_json("portcullis_certificate");
    expected["portcullis"] = json!({
        "from": "client", "place": 0, "sni": "www.example.com", "certificate": chain, "subjectaltname": ["client", "192.0.2.1"],
    });
    assert_same(&got, &expected);
}

#[test]
fn an_alert_event_has_eves_shape() {
    let metadata = [("created_at", "2010_07_30"), ("tag", "a"), ("tag", "b")];
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
    let reject = |target| json!({"action": "drop", "reject_target": target, "reject": ["tcp-reset"]});
    for (rule, verdict, action, object) in [
        (Verdict::Pass, Verdict::Pass, "allowed", json!({"action": "pass"})),
        (Verdict::Alert, Verdict::Alert, "allowed", json!({"action": "alert"})),
        (Verdict::Alert, Verdict::Pass, "allowed", json!({"action": "pass"})),
        (Verdict::Alert, Verdict::Drop, "allowed", json!({"action": "drop"})),
        (Verdict::Drop, Verdict::Drop, "blocked", json!({"action": "drop"})),
        (Verdict::Alert, Verdict::Reject(Reset::Server), "allowed", reject("to_server")),
        (Verdict::Reject(Reset::Client), Verdict::Reject(Reset::Client), "blocked", reject("to_client")),
        (Verdict::Reject(Reset::Both), Verdict::Reject(Reset::Both), "blocked", reject("both")),
    ] {
        let info = AlertInfo { verdict, ..alert_info(&[], rule) };
        let got = event(|out| alert(out, &common(), &info, &counters(), None));
        assert_eq!(got["alert"]["action"], action);
        assert_eq!(got["verdict"], object);
        assert_eq!(got["alert"].get("metadata"), None);
        assert_eq!(got.get("tls"), None);
    }
}

#[test]
fn a_flow_event_has_eves_shape() {
    let end = FlowEnd {
        end: time(57),
        state: FlowState::Closed,
        reason: FlowEndReason::Shutdown,
        alerted: false,
        action: Some(FlowAction::Drop),
        bypassed: None,
    };
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

#[test]
fn a_drop_event_has_eves_shape() {
    let by_rule = DropInfo { reason: DropReason::Rules, verdict: Verdict::Drop, rule: None, refusal: None };
    let info = alert_info(&[], Verdict::Drop);
    let got = event(|out| drop(out, &common(), &segment(), &DropInfo { rule: Some(&info), ..by_rule }));
    let own = json!({
        "drop": {
            "len": 152, "tos": 0xb8, "ttl": 64, "ipid": 0x1234, "tcpseq": 4_000_000_000_u32, "tcpack": 17, "tcpwin": 65_535, "syn": false, "ack": true,
            "psh": true, "rst": false, "urg": false, "fin": false, "tcpres": 0, "tcpurgp": 7, "reason": "rules",
        },
        "alert": {
            "action": "blocked", "gid": 1, "signature_id": 2_001_999, "rev": 9, "signature": "ET MALWARE \"quoted\"",
            "category": "A Network Trojan was detected", "severity": 1,
        },
        "verdict": {"action": "drop"},
    });
    assert_same(&got, &merged("drop", own));

    let without = event(|out| drop(out, &common(), &segment(), &by_rule));
    assert_eq!((without.get("alert"), without.get("portcullis")), (None, None));
}

#[test]
fn a_drop_event_of_ipv6_has_the_fields_of_its_header() {
    let end = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: 443 };
    let (key, sender) = FlowKey::new(end("2001:db8::1"), end("2001:db8::2"), 6, [0; 2]);
    let six = SegmentHeader { key, sender, ..segment() };
    let got = event(|out| drop(out, &common(), &six, &refused()));
    let object = got["drop"].as_object().unwrap();
    assert_eq!(
        (&object["len"], &object["tc"], &object["hoplimit"], &object["flowlbl"]),
        (&json!(152), &json!(0xb8), &json!(64), &json!(0x1234))
    );
    assert!(!["tos", "ttl", "ipid"].iter().any(|key| object.contains_key(*key)));
}

#[test]
fn a_drop_event_says_why_no_rule_accepted_the_flow() {
    let got = event(|out| drop(out, &common(), &segment(), &refused()));
    assert_eq!(got["drop"]["reason"], "default app policy");
    assert_same(&got["portcullis"], &json!({"why": "no pass rule matched", "sni": "evil.example"}));
    let refusal = Some(Refusal { why: "not TLS", server_name: None });
    let got = event(|out| drop(out, &common(), &segment(), &DropInfo { refusal, ..refused() }));
    assert_same(&got["portcullis"], &json!({"why": "not TLS"}));
}

#[test]
fn stats_become_a_tree() {
    let counters = [("uptime", 3), ("decoder.pkts", 17), ("app_layer.flow.tls", 5), ("decoder.ipv4.bad", 1), ("app_layer.x", 2)];
    let got = event(|out| stats(out, time(0), &counters, &RulesInfo::default()));
    let expected = json!({
        "timestamp": "2026-11-24T10:48:07.123456+0000",
        "event_type": "stats",
        "stats": {"uptime": 3, "decoder": {"pkts": 17, "ipv4": {"bad": 1}}, "app_layer": {"flow": {"tls": 5}, "x": 2}},
    });
    assert_same(&got, &expected);
}

#[test]
fn stats_of_detection_tell_the_rules_in_force() {
    let engine = |last_reload| {
        let rules = RulesInfo { loaded: 94, failed: 2, last_reload };
        event(|out| stats(out, time(0), &[("detect.alert", 7)], &rules))["stats"]["detect"].clone()
    };
    let expected = json!({"engines": [{"id": 0, "rules_loaded": 94, "rules_failed": 2}], "alert": 7});
    assert_same(&engine(None), &expected);
    assert_eq!(engine(Some(time(0)))["engines"][0]["last_reload"], "2026-11-24T10:48:07.123456+0000");
}

#[test]
fn a_stat_that_is_the_stem_of_another_gives_way() {
    for counters in [[("a.b", 1), ("a", 2)], [("a", 2), ("a.b", 1)]] {
        let mut out = Vec::new();
        stats(&mut out, time(0), &counters, &RulesInfo::default());
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
