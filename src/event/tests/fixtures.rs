//! Sessions, rules and flows made by hand.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::base::{Duration, Timestamp};
use crate::event::*;
use crate::findings::FindingSet;
use crate::flow::{Endpoint, FlowKey};
use crate::packet::{IpFields, SegmentHeader, TcpFlags};
use crate::protocol::fingerprint::{ClientFingerprints, ServerFingerprints};
use crate::protocol::tls::session::{self, Anomaly, AnomalySet, Stage, View};
use crate::protocol::tls::{ClientHello, Ech, Extension, ServerHello, Session};
use crate::protocol::x509::{
    self, Certificate, CheckedSct, Evidence, ExtendedKeyUsage, Facts, IssuerOcsp, KeyUsage, Ocsp, OcspStatus, PolicyClass,
    Problems, Reason, SctSource, SctStatus, Status, Validation,
};

pub(super) fn client() -> Endpoint {
    Endpoint { ip: "192.0.2.10".parse().unwrap(), port: 50_123 }
}

pub(super) fn server() -> Endpoint {
    Endpoint { ip: "198.51.100.7".parse().unwrap(), port: 443 }
}

pub(super) fn time(seconds: u64) -> Timestamp {
    Timestamp::from_parts(1_795_517_287 + seconds, 123_456_000)
}

pub(super) fn common() -> Common<'static> {
    Common {
        timestamp: time(0),
        flow_id: Some(1_234_567_890_123),
        pcap_cnt: Some(12),
        pcap_filename: Some("captures/a.pcap"),
        in_iface: None,
        vlan: [7, 0],
        source: Some(client()),
        destination: Some(server()),
        protocol: Some(6),
        tunnel_depth: 1,
        pkt_src: Some(PacketSource::Wire),
        community_id: Some(CommunityId::new(client(), server(), 6)),
        app_proto: Some("tls"),
        direction: Some(Toward::ToClient),
        findings: FindingSet::default(),
    }
}

/// The keys that every event of [`common`] has.
pub(super) fn common_json(event_type: &str) -> Value {
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

pub(super) fn extensions(types: &[u16]) -> Vec<Extension> {
    types.iter().map(|&typ| Extension { typ, len: 0 }).collect()
}

pub(super) fn certificate_of(seed: u8, name: &str, is_ca: bool) -> Arc<Certificate> {
    Arc::new(Certificate {
        der: vec![0x30, 0x03, 0x01, 0x01, seed],
        sha1: [seed; 20],
        sha256: [seed; 32],
        facts: Some(Facts {
            subject: format!("C=US, O=Example, CN={name}").into(),
            issuer: "C=US, O=Example, CN=Root".into(),
            serial: vec![0x08, 0x3a, seed],
            not_before: Some(x509::Time::from_unix(1_577_836_800)),
            not_after: Some(x509::Time::from_unix(1_609_459_199)),
            subject_alt_names: if is_ca { vec!["*.example".to_owned()] } else { vec![name.to_owned(), "192.0.2.1".to_owned()] },
            key_type: "RSA".to_owned(),
            key_bits: Some(2_048),
            key_curve: is_ca.then(|| "secp384r1".to_owned()),
            key_exponent: Some(65_537),
            spki_sha256: [!seed; 32],
            signature_algorithm: "sha256WithRSAEncryption".to_owned(),
            is_ca: Some(is_ca),
            path_len: is_ca.then_some(1),
            key_usage: Some(KeyUsage::CERT_SIGN),
            extended_key_usage: Some(ExtendedKeyUsage { server_auth: true, client_auth: true, any: false, others: 2 }),
            policy_class: Some(PolicyClass::Ov),
            embedded_scts: 3,
            self_issued: is_ca,
            #[cfg(feature = "ja4plus")]
            ja4x: "a_b_c".to_owned(),
            ..Facts::default()
        }),
        fault: None,
    })
}

/// A session in which everything that an event can tell is there at once; no real one has it all.
pub(super) fn maximal_session() -> Session {
    let hello = ClientHello {
        legacy_version: 0x0303,
        random: [0xab; 32],
        session_id: vec![9; 32],
        cipher_suites: vec![0x1a1a, 0x1301, 0xc02f],
        compression_methods: vec![0],
        extensions: extensions(&[0x2a2a, 0, 10, 13, 0xfe0d]),
        server_names: ["www.example.com", "second.example"].into(),
        alpn: ["h2", "http/1.1"].into(),
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
        server_names: ["other.example"].into(),
        alpn: ["h2"].into(),
        key_share_groups: vec![0x0017],
        length: 497,
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
        over: true,
        anomalies: AnomalySet::default(),
    };
    Session {
        client_hello: Some(hello),
        client_fingerprints: Some(ClientFingerprints {
            ja3_string: "771,4865-49199,0-10-13,4588-29,0".to_owned(),
            ja3: "d00857e0c8e7a7f35e446508c6233460".to_owned(),
            ja4: "t13d0204h2_002c00000000_06a4338d0495".to_owned(),
            ja4_r: "t13d0204h2_1301,c02f_000a,000d_0403,0804".to_owned(),
        }),
        second_client_hello: Some(Box::new(second)),
        hello_retry_delay: Duration::from_nanos(12_345_678),
        hello_retry_request: Some(Box::new(ServerHello {
            key_share_group: Some(0x0017),
            cipher_suite: 0x1301,
            ..ServerHello::default()
        })),
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
        server_certificates: vec![certificate_of(0x3a, "www.example.com", false), certificate_of(0x0b, "Root", true)],
        client_certificates: vec![certificate_of(0x77, "client", false)],
        server_trust: Some(Arc::new(Validation::of(Problems::from_iter([
            Status::Expired,
            Status::SelfSigned,
            Status::NameMismatch,
        ])))),
        client_trust: Some(Arc::new(Validation {
            reason: Some(Reason::Version),
            ..Validation::of(Problems::from_iter([Status::Unsupported]))
        })),
        server_evidence: Some(Box::new(Evidence {
            ocsp: Some(Ocsp {
                status: OcspStatus::Revoked,
                this_update: Some(x509::Time::from_unix(1_577_836_800)),
                next_update: Some(x509::Time::from_unix(1_609_459_199)),
                revoked_at: Some(x509::Time::from_unix(1_577_836_800)),
                reason: Some(1),
            }),
            issuer_ocsp: vec![IssuerOcsp { place: 1, sha256: [0x0b; 32], ocsp: Ocsp::of(OcspStatus::Unknown) }],
            tls_scts: 1,
            ocsp_scts: 20,
            scts: vec![CheckedSct {
                source: SctSource::Tls,
                log_id: Some([0x1d; 32]),
                log: Some("Log \"26\"".into()),
                timestamp: Some(1_577_836_800_999),
                status: SctStatus::Valid,
            }],
        })),
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

/// The client's certificate of a session.
pub(super) fn seen(session: &Session) -> CertificateInfo<'_> {
    let server_name = Some(&b"www.example.com"[..]);
    CertificateInfo { certificate: &session.client_certificates[0], from_client: true, place: 0, server_name }
}

pub(super) fn alert_info<'a>(metadata: &'a [(&'a str, &'a str)], action: Verdict) -> AlertInfo<'a> {
    AlertInfo {
        gid: 1,
        signature_id: 2_001_999,
        rev: 9,
        signature: "ET MALWARE \"quoted\"",
        category: "A Network Trojan was detected",
        severity: 1,
        metadata,
        references: &[],
        context: &[],
        action,
        verdict: action,
        target: None,
        rule: None,
        flowbits: &[],
        flowints: &[],
    }
}

/// Of a segment of a flow that no rule accepted.
pub(super) fn refused() -> DropInfo<'static> {
    let refusal = Refusal { why: "no pass rule matched", server_name: Some(b"evil.example") };
    DropInfo { reason: DropReason::DefaultAppPolicy, verdict: Verdict::Drop, rule: None, refusal: Some(refusal) }
}

pub(super) fn counters() -> FlowCounters {
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

pub(super) fn segment() -> SegmentHeader {
    let (key, sender) = FlowKey::new(client(), server(), 6, [7, 8]);
    SegmentHeader {
        key,
        sender,
        flags: TcpFlags(TcpFlags::PSH | TcpFlags::ACK),
        seq: 4_000_000_000,
        ack: 17,
        window: 65_535,
        ttl: 64,
        ip: IpFields { len: 152, id: 0x1234, tos: 0xb8 },
        urgent: 7,
        reserved: 0,
        tunnel_depth: 0,
        tcp_len: 20,
        ip_len: 20,
        payload_len: 100,
        frame_len: 166,
        timestamp: time(0),
        number: 12,
        capture: 0,
    }
}
