//! Names of numbers, as IANA registers them.

use std::borrow::Cow;

use super::ProtocolVersion;

/// A cipher suite's name.
pub const fn cipher_suite(id: u16) -> Option<&'static str> {
    match id {
        0x1301 => Some("TLS_AES_128_GCM_SHA256"),
        0xc02f => Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        _ => None,
    }
}

/// A named group's name.
pub const fn group(id: u16) -> Option<&'static str> {
    match id {
        0x0017 => Some("secp256r1"),
        0x001d => Some("x25519"),
        0x11ec => Some("X25519MLKEM768"),
        _ => None,
    }
}

/// An alert's name.
pub const fn alert_description(id: u8) -> Option<&'static str> {
    match id {
        0 => Some("close_notify"),
        40 => Some("handshake_failure"),
        _ => None,
    }
}

/// A version as Suricata writes it.
pub fn eve_version(version: ProtocolVersion) -> Cow<'static, str> {
    match version.0 {
        0x0301 => "TLSv1".into(),
        0x0303 => "TLS 1.2".into(),
        0x0304 => "TLS 1.3".into(),
        other => format!("0x{other:04x}").into(),
    }
}

/// Whether a group is post-quantum.
pub const fn is_post_quantum(group: u16) -> bool {
    group == 0x11ec
}
