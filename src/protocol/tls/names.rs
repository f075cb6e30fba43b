//! Names of numbers, as IANA registers them (<https://www.iana.org/assignments/tls-parameters>,
//! <https://www.iana.org/assignments/tls-extensiontype-values>); where IANA has none, those of the drafts and libraries that
//! use the number.

use std::borrow::Cow;
use std::sync::LazyLock;

use hashbrown::HashMap;
use tls_parser::CIPHERS;

use super::{ProtocolVersion, is_grease};

/// The version in EVE's words: `TLS 1.2`, `TLSv1`, `TLS 1.3 draft-28`; an unknown one in hex, `0x0305`. Where no version is
/// known at all, EVE says [`UNDETERMINED`].
pub fn eve_version(version: ProtocolVersion) -> Cow<'static, str> {
    match version.0 {
        0x0002 => "SSLv2".into(),
        0x0300 => "SSLv3".into(),
        0x0301 => "TLSv1".into(),
        0x0302 => "TLS 1.1".into(),
        0x0303 => "TLS 1.2".into(),
        0x0304 => "TLS 1.3".into(),
        // Suricata does not tell the drafts before 16 apart.
        0x7f00..=0x7f0f => "TLS 1.3 draft-<16".into(),
        draft @ 0x7f10..=0x7fff => format!("TLS 1.3 draft-{}", draft & 0xff).into(),
        draft @ 0xfb00..=0xfbff => format!("TLS 1.3 draft-{}-fb", draft & 0xff).into(),
        0xfeff => "DTLS 1.0".into(),
        0xfefd => "DTLS 1.2".into(),
        0xfefc => "DTLS 1.3".into(),
        unknown => hex(unknown).into(),
    }
}

/// EVE's version of a session whose version was never seen.
pub const UNDETERMINED: &str = "UNDETERMINED";

/// A cipher suite's name.
pub fn cipher_suite(id: u16) -> Option<&'static str> {
    ALL_CIPHER_SUITES.get(&id).copied()
}

/// All cipher suites that have a name, in no order.
pub fn cipher_suites() -> impl Iterator<Item = (u16, &'static str)> {
    ALL_CIPHER_SUITES.iter().map(|(&id, &name)| (id, name))
}

/// A named group's name (RFC 8446 §4.2.7).
pub fn group(id: u16) -> Option<&'static str> {
    find(GROUPS, id).or_else(|| grease(id))
}

/// Whether a group withstands quantum computers, alone or in a hybrid: those that IANA registers, those that browsers tried
/// before, and the blocks from which the Open Quantum Safe project takes its numbers.
pub const fn is_post_quantum(group: u16) -> bool {
    matches!(group, 0x0200..=0x02ff | 0x11eb..=0x11ee | 0x2f00..=0x2fff | 0x4138 | 0x6399 | 0x639a | 0xfe30..=0xfe32)
}

/// A signature scheme's name (RFC 8446 §4.2.3).
pub fn signature_scheme(id: u16) -> Option<&'static str> {
    find(SIGNATURE_SCHEMES, id).or_else(|| grease(id))
}

/// An extension's name.
pub fn extension(typ: u16) -> Option<&'static str> {
    find(EXTENSIONS, typ).or_else(|| grease(typ))
}

/// An alert's name (RFC 8446 §6).
pub fn alert(description: u8) -> Option<&'static str> {
    find(ALERTS, u16::from(description))
}

/// `name`, or where there is none the number in hex: `0x1a2b`.
pub fn or_hex(name: Option<&'static str>, number: u16) -> Cow<'static, str> {
    name.map_or_else(|| hex(number).into(), Cow::Borrowed)
}

fn hex(number: u16) -> String {
    format!("0x{number:04x}")
}

fn grease(number: u16) -> Option<&'static str> {
    is_grease(number).then_some("GREASE")
}

/// Numbers and their names, by number.
type Names = &'static [(u16, &'static str)];

fn find(names: Names, number: u16) -> Option<&'static str> {
    let at = names.binary_search_by_key(&number, |&(n, _)| n).ok()?;
    names.get(at).map(|&(_, name)| name)
}

/// All that have a name. Rules about what a client offers ask for dozens a session, and tls-parser's own table is slow to ask.
static ALL_CIPHER_SUITES: LazyLock<HashMap<u16, &'static str>> = LazyLock::new(|| {
    let grease = (0..=u16::MAX).filter_map(|id| Some((id, grease(id)?)));
    let known = CIPHERS.entries().map(|(&id, suite)| (id, suite.name));
    grease.chain(CIPHER_SUITES.iter().copied()).chain(known).collect()
});

/// Cipher suites that tls-parser does not know.
const CIPHER_SUITES: Names = &[
    // SSL 3.0 (RFC 6101 appendix A.6)
    (0x001c, "SSL_FORTEZZA_KEA_WITH_NULL_SHA"),
    (0x001d, "SSL_FORTEZZA_KEA_WITH_FORTEZZA_CBC_SHA"),
    // draft-chudov-cryptopro-cptls
    (0x0080, "TLS_GOSTR341094_WITH_28147_CNT_IMIT"),
    (0x0081, "TLS_GOSTR341001_WITH_28147_CNT_IMIT"),
    (0x0082, "TLS_GOSTR341094_WITH_NULL_GOSTR3411"),
    (0x0083, "TLS_GOSTR341001_WITH_NULL_GOSTR3411"),
    // CECPQ1, Chrome's experiment of 2016
    (0x16b7, "TLS_CECPQ1_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x16b8, "TLS_CECPQ1_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x16b9, "TLS_CECPQ1_RSA_WITH_AES_256_GCM_SHA384"),
    (0x16ba, "TLS_CECPQ1_ECDSA_WITH_AES_256_GCM_SHA384"),
    // RFC 9189, RFC 9367
    (0xc100, "TLS_GOSTR341112_256_WITH_KUZNYECHIK_CTR_OMAC"),
    (0xc101, "TLS_GOSTR341112_256_WITH_MAGMA_CTR_OMAC"),
    (0xc102, "TLS_GOSTR341112_256_WITH_28147_CNT_IMIT"),
    (0xc103, "TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_L"),
    (0xc104, "TLS_GOSTR341112_256_WITH_MAGMA_MGM_L"),
    (0xc105, "TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_S"),
    (0xc106, "TLS_GOSTR341112_256_WITH_MAGMA_MGM_S"),
    // draft-agl-tls-chacha20poly1305: the numbers before RFC 7905
    (0xcc13, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcc14, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcc15, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    // TLCP (GB/T 38636)
    (0xe011, "ECDHE_SM4_CBC_SM3"),
    (0xe013, "ECC_SM4_CBC_SM3"),
    (0xe015, "IBSDH_SM4_CBC_SM3"),
    (0xe017, "IBC_SM4_CBC_SM3"),
    (0xe019, "RSA_SM4_CBC_SM3"),
    (0xe01c, "RSA_SM4_CBC_SHA256"),
    (0xe051, "ECDHE_SM4_GCM_SM3"),
    (0xe053, "ECC_SM4_GCM_SM3"),
    (0xe055, "IBSDH_SM4_GCM_SM3"),
    (0xe057, "IBC_SM4_GCM_SM3"),
    (0xe059, "RSA_SM4_GCM_SM3"),
    (0xe05a, "RSA_SM4_GCM_SHA256"),
    // Netscape's and Mozilla's
    (0xfefe, "SSL_RSA_FIPS_WITH_DES_CBC_SHA"),
    (0xfeff, "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA"),
    (0xff85, "TLS_GOSTR341112_256_WITH_28147_CNT_IMIT"),
    (0xff87, "TLS_GOSTR341112_256_WITH_NULL_GOSTR3411"),
    (0xffe0, "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA"),
    (0xffe1, "SSL_RSA_FIPS_WITH_DES_CBC_SHA"),
];

const GROUPS: Names = &[
    (0x0001, "sect163k1"),
    (0x0002, "sect163r1"),
    (0x0003, "sect163r2"),
    (0x0004, "sect193r1"),
    (0x0005, "sect193r2"),
    (0x0006, "sect233k1"),
    (0x0007, "sect233r1"),
    (0x0008, "sect239k1"),
    (0x0009, "sect283k1"),
    (0x000a, "sect283r1"),
    (0x000b, "sect409k1"),
    (0x000c, "sect409r1"),
    (0x000d, "sect571k1"),
    (0x000e, "sect571r1"),
    (0x000f, "secp160k1"),
    (0x0010, "secp160r1"),
    (0x0011, "secp160r2"),
    (0x0012, "secp192k1"),
    (0x0013, "secp192r1"),
    (0x0014, "secp224k1"),
    (0x0015, "secp224r1"),
    (0x0016, "secp256k1"),
    (0x0017, "secp256r1"),
    (0x0018, "secp384r1"),
    (0x0019, "secp521r1"),
    (0x001a, "brainpoolP256r1"),
    (0x001b, "brainpoolP384r1"),
    (0x001c, "brainpoolP512r1"),
    (0x001d, "x25519"),
    (0x001e, "x448"),
    (0x001f, "brainpoolP256r1tls13"),
    (0x0020, "brainpoolP384r1tls13"),
    (0x0021, "brainpoolP512r1tls13"),
    (0x0022, "GC256A"),
    (0x0023, "GC256B"),
    (0x0024, "GC256C"),
    (0x0025, "GC256D"),
    (0x0026, "GC512A"),
    (0x0027, "GC512B"),
    (0x0028, "GC512C"),
    (0x0029, "curveSM2"),
    (0x0100, "ffdhe2048"),
    (0x0101, "ffdhe3072"),
    (0x0102, "ffdhe4096"),
    (0x0103, "ffdhe6144"),
    (0x0104, "ffdhe8192"),
    (0x0200, "MLKEM512"),
    (0x0201, "MLKEM768"),
    (0x0202, "MLKEM1024"),
    // Open Quantum Safe's, of before the standard
    (0x023a, "kyber512"),
    (0x023c, "kyber768"),
    (0x023d, "kyber1024"),
    (0x11eb, "SecP256r1MLKEM768"),
    (0x11ec, "X25519MLKEM768"),
    (0x11ed, "SecP384r1MLKEM1024"),
    (0x11ee, "curveSM2MLKEM768"),
    // Open Quantum Safe's hybrids
    (0x2f3a, "p256_kyber512"),
    (0x2f3c, "p384_kyber768"),
    (0x2f3d, "p521_kyber1024"),
    (0x2f4b, "p256_mlkem512"),
    (0x2f4c, "p384_mlkem768"),
    (0x2f4d, "p521_mlkem1024"),
    (0x2fb6, "x25519_mlkem512"),
    (0x2fb7, "x448_mlkem768"),
    // Chrome's experiment of 2019
    (0x4138, "CECPQ2"),
    // draft-tls-westerbaan-xyber768d00, draft-kwiatkowski-tls-ecdhe-kyber
    (0x6399, "X25519Kyber768Draft00"),
    (0x639a, "SecP256r1Kyber768Draft00"),
    // Cloudflare's, before the numbers above were given
    (0xfe30, "X25519Kyber512Draft00"),
    (0xfe31, "X25519Kyber768Draft00Old"),
    (0xfe32, "P256Kyber768Draft00"),
    (0xff01, "arbitrary_explicit_prime_curves"),
    (0xff02, "arbitrary_explicit_char2_curves"),
];

/// Pairs of hash and signature of TLS 1.2 (RFC 5246 §7.4.1.4.1) have names as far as they became schemes, and the others
/// that are still offered.
const SIGNATURE_SCHEMES: Names = &[
    (0x0101, "rsa_pkcs1_md5"),
    (0x0201, "rsa_pkcs1_sha1"),
    (0x0202, "dsa_sha1"),
    (0x0203, "ecdsa_sha1"),
    (0x0301, "rsa_pkcs1_sha224"),
    (0x0302, "dsa_sha224"),
    (0x0303, "ecdsa_sha224"),
    (0x0401, "rsa_pkcs1_sha256"),
    (0x0402, "dsa_sha256"),
    (0x0403, "ecdsa_secp256r1_sha256"),
    (0x0420, "rsa_pkcs1_sha256_legacy"),
    (0x0501, "rsa_pkcs1_sha384"),
    (0x0502, "dsa_sha384"),
    (0x0503, "ecdsa_secp384r1_sha384"),
    (0x0520, "rsa_pkcs1_sha384_legacy"),
    (0x0601, "rsa_pkcs1_sha512"),
    (0x0602, "dsa_sha512"),
    (0x0603, "ecdsa_secp521r1_sha512"),
    (0x0620, "rsa_pkcs1_sha512_legacy"),
    (0x0704, "eccsi_sha256"),
    (0x0705, "iso_ibs1"),
    (0x0706, "iso_ibs2"),
    (0x0707, "iso_chinese_ibs"),
    (0x0708, "sm2sig_sm3"),
    (0x0709, "gostr34102012_256a"),
    (0x070a, "gostr34102012_256b"),
    (0x070b, "gostr34102012_256c"),
    (0x070c, "gostr34102012_256d"),
    (0x070d, "gostr34102012_512a"),
    (0x070e, "gostr34102012_512b"),
    (0x070f, "gostr34102012_512c"),
    (0x0804, "rsa_pss_rsae_sha256"),
    (0x0805, "rsa_pss_rsae_sha384"),
    (0x0806, "rsa_pss_rsae_sha512"),
    (0x0807, "ed25519"),
    (0x0808, "ed448"),
    (0x0809, "rsa_pss_pss_sha256"),
    (0x080a, "rsa_pss_pss_sha384"),
    (0x080b, "rsa_pss_pss_sha512"),
    (0x081a, "ecdsa_brainpoolP256r1tls13_sha256"),
    (0x081b, "ecdsa_brainpoolP384r1tls13_sha384"),
    (0x081c, "ecdsa_brainpoolP512r1tls13_sha512"),
    (0x0904, "mldsa44"),
    (0x0905, "mldsa65"),
    (0x0906, "mldsa87"),
    (0x0911, "slhdsa_sha2_128s"),
    (0x0912, "slhdsa_sha2_128f"),
    (0x0913, "slhdsa_sha2_192s"),
    (0x0914, "slhdsa_sha2_192f"),
    (0x0915, "slhdsa_sha2_256s"),
    (0x0916, "slhdsa_sha2_256f"),
    (0x0917, "slhdsa_shake_128s"),
    (0x0918, "slhdsa_shake_128f"),
    (0x0919, "slhdsa_shake_192s"),
    (0x091a, "slhdsa_shake_192f"),
    (0x091b, "slhdsa_shake_256s"),
    (0x091c, "slhdsa_shake_256f"),
];

const EXTENSIONS: Names = &[
    (0, "server_name"),
    (1, "max_fragment_length"),
    (2, "client_certificate_url"),
    (3, "trusted_ca_keys"),
    (4, "truncated_hmac"),
    (5, "status_request"),
    (6, "user_mapping"),
    (7, "client_authz"),
    (8, "server_authz"),
    (9, "cert_type"),
    (10, "supported_groups"),
    (11, "ec_point_formats"),
    (12, "srp"),
    (13, "signature_algorithms"),
    (14, "use_srtp"),
    (15, "heartbeat"),
    (16, "application_layer_protocol_negotiation"),
    (17, "status_request_v2"),
    (18, "signed_certificate_timestamp"),
    (19, "client_certificate_type"),
    (20, "server_certificate_type"),
    (21, "padding"),
    (22, "encrypt_then_mac"),
    (23, "extended_master_secret"),
    (24, "token_binding"),
    (25, "cached_info"),
    (26, "tls_lts"),
    (27, "compress_certificate"),
    (28, "record_size_limit"),
    (29, "pwd_protect"),
    (30, "pwd_clear"),
    (31, "password_salt"),
    (32, "ticket_pinning"),
    (33, "tls_cert_with_extern_psk"),
    (34, "delegated_credential"),
    (35, "session_ticket"),
    (36, "TLMSP"),
    (37, "TLMSP_proxying"),
    (38, "TLMSP_delegate"),
    (39, "supported_ekt_ciphers"),
    // key_share until draft 22 of TLS 1.3, when middleboxes were found to mistake it
    (40, "key_share_draft"),
    (41, "pre_shared_key"),
    (42, "early_data"),
    (43, "supported_versions"),
    (44, "cookie"),
    (45, "psk_key_exchange_modes"),
    (47, "certificate_authorities"),
    (48, "oid_filters"),
    (49, "post_handshake_auth"),
    (50, "signature_algorithms_cert"),
    (51, "key_share"),
    (52, "transparency_info"),
    (53, "connection_id_deprecated"),
    (54, "connection_id"),
    (55, "external_id_hash"),
    (56, "external_session_id"),
    (57, "quic_transport_parameters"),
    (58, "ticket_request"),
    (59, "dnssec_chain"),
    (60, "sequence_number_encryption_algorithms"),
    (61, "rrc"),
    (62, "tls_flags"),
    (13172, "next_protocol_negotiation"),
    (17513, "application_settings"),
    (17613, "application_settings_new"),
    (30031, "channel_id_old"),
    (30032, "channel_id"),
    (0xca34, "trust_anchors"),
    (0xfd00, "ech_outer_extensions"),
    (0xfe0d, "encrypted_client_hello"),
    (0xff01, "renegotiation_info"),
    (0xffa5, "quic_transport_parameters_draft"),
    (0xffce, "encrypted_server_name"),
];

const ALERTS: Names = &[
    (0, "close_notify"),
    (1, "end_of_early_data"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (52, "too_many_cids_requested"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (117, "general_error"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_have_no_number_twice() {
        for table in [CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES, EXTENSIONS, ALERTS] {
            for pair in table.windows(2) {
                assert!(pair[0].0 < pair[1].0, "{pair:x?}");
            }
        }
    }

    #[test]
    fn no_cipher_suite_of_ours_hides_behind_tls_parsers() {
        for (id, name) in CIPHER_SUITES {
            assert!(tls_parser::TlsCipherSuite::from_id(*id).is_none(), "{name}");
        }
    }

    #[test]
    fn versions_are_in_eves_words() {
        for (version, want) in [
            (0x0002, "SSLv2"),
            (0x0300, "SSLv3"),
            (0x0301, "TLSv1"),
            (0x0302, "TLS 1.1"),
            (0x0303, "TLS 1.2"),
            (0x0304, "TLS 1.3"),
            (0x7f0e, "TLS 1.3 draft-<16"),
            (0x7f12, "TLS 1.3 draft-18"),
            (0x7f1c, "TLS 1.3 draft-28"),
            (0xfb1a, "TLS 1.3 draft-26-fb"),
            (0x0305, "0x0305"),
            (0x0000, "0x0000"),
        ] {
            assert_eq!(eve_version(ProtocolVersion(version)), want);
        }
    }

    #[test]
    fn names_are_those_of_the_registries() {
        for (id, want) in [
            (0x002f, Some("TLS_RSA_WITH_AES_128_CBC_SHA")),
            (0x1301, Some("TLS_AES_128_GCM_SHA256")),
            (0xc02f, Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")),
            (0xc0b0, Some("TLS_ECCPWD_WITH_AES_128_GCM_SHA256")),
            (0xcca8, Some("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")),
            (0x00ff, Some("TLS_EMPTY_RENEGOTIATION_INFO_SCSV")),
            (0x5600, Some("TLS_FALLBACK_SCSV")),
            (0xc102, Some("TLS_GOSTR341112_256_WITH_28147_CNT_IMIT")),
            (0xcc14, Some("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")),
            (0x3a3a, Some("GREASE")),
            (0xdead, None),
        ] {
            assert_eq!(cipher_suite(id), want, "{id:#06x}");
        }
        assert_eq!(group(0x11ec), Some("X25519MLKEM768"));
        assert_eq!(group(0x6399), Some("X25519Kyber768Draft00"));
        assert_eq!(signature_scheme(0x0804), Some("rsa_pss_rsae_sha256"));
        assert_eq!(extension(0xfe0d), Some("encrypted_client_hello"));
        assert_eq!(alert(48), Some("unknown_ca"));
        assert_eq!(or_hex(cipher_suite(0xdead), 0xdead), "0xdead");
    }

    #[test]
    fn post_quantum_groups_are_told_from_classical_ones() {
        for id in [0x0200, 0x0202, 0x11eb, 0x11ec, 0x11ed, 0x11ee, 0x6399, 0x639a, 0x4138, 0x2f3a] {
            assert!(is_post_quantum(id), "{id:#06x}");
        }
        for id in [0x0017, 0x001d, 0x0100, 0x0104, 0x11ea, 0xff01, 0x2a2a] {
            assert!(!is_post_quantum(id), "{id:#06x}");
        }
    }
}
