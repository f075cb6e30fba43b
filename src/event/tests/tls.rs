//! The `tls` event.

use std::sync::Arc;

use serde_json::json;

use super::fixtures::*;
use super::{assert_same, event};
use crate::event::*;
use crate::protocol::tls::Session;
use crate::protocol::x509::Certificate;

#[test]
fn certificates_are_there_where_a_rule_asked_for_them() {
    for (asked, expected) in [(true, json!("MAMBATo=")), (false, json!(null))] {
        let session = Session { store_certificates: asked, ..maximal_session() };
        let got = event(|out| tls(out, &common(), &session, TlsOptions::default()));
        assert_eq!(got["tls"]["certificate"], expected);
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
        let mut link = json!({
            "subject": format!("C=US, O=Example, CN={name}"), "issuer": "C=US, O=Example, CN=Root",
            "serial": format!("08:3A:{}", byte.to_uppercase()), "sha256": sha256(byte),
            "spki_sha256": sha256(&format!("{:02x}", !u8::from_str_radix(byte, 16).unwrap())),
            "size": 5, "not_before": "2020-01-01T00:00:00", "not_after": "2020-12-31T23:59:59",
            "validity_days": 366, "days_left": -2154, "key_type": "RSA", "key_bits": 2048, "key_exponent": 65537,
            "signature_algorithm": "sha256WithRSAEncryption", "is_ca": is_ca, "key_usage": ["keyCertSign"],
            "extended_key_usage": ["serverAuth", "clientAuth"], "other_key_usages": 2, "policy": "OV",
            "alt_names": 2 - u8::from(is_ca), "scts": 3, "self_issued": is_ca,
        });
        if is_ca {
            let more = json!({"key_curve": "secp384r1", "path_len": 1, "wildcard": true});
            link.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        link
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
            "sni": "other.example", "client_alpns": ["h2"], "key_shares": ["secp256r1"], "length": 497, "delay_us": 12_345,
            "differs": ["sni", "client_alpns"],
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
        "trust": {
            "status": "self_signed", "problems": ["name_mismatch", "expired"],
            "ocsp": {
                "status": "revoked", "this_update": "2020-01-01T00:00:00", "next_update": "2020-12-31T23:59:59",
                "revoked_at": "2020-01-01T00:00:00", "reason": "keyCompromise",
            },
            "issuer_ocsp": [{"place": 1, "status": "unknown"}],
            "tls_scts": 1, "ocsp_scts": 20,
            "scts": [{
                "source": "tls", "status": "valid", "log": "Log \"26\"", "log_id": sha256("1d"), "timestamp": "2020-01-01T00:00:00",
            }],
        },
        "client_trust": {"status": "unsupported", "reason": "version"},
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
    let broken = Certificate { sha1: [1; 20], sha256: [2; 32], der: vec![0xff], facts: None, fault: None };
    let session = Session { server_certificates: vec![Arc::new(broken)], ..Session::default() };
    let got = event(|out| tls(out, &common(), &session, TlsOptions::default()));
    assert_same(&got["tls"], &json!({"fingerprint": vec!["01"; 20].join(":"), "version": "UNDETERMINED"}));
    assert_same(&got["portcullis"]["chain"][0], &json!({"sha256": "02".repeat(32), "size": 1}));
}
