//! JA4S, after its specification (<https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4S.md>).
//! FoxIO License 1.1: see LICENSE-JA4PLUS.

use super::Transport;
use super::text::{count, push_alpn, push_count, push_hexes, push_sha256_12, transport_letter, version_code};
use crate::base::hex;
use crate::protocol::tls::ServerHello;

/// JA4S and JA4S_r of `hello`: extensions in the order sent.
pub(super) fn ja4s(hello: &ServerHello, transport: Transport) -> (String, String) {
    let extensions = || hello.extensions.iter().map(|e| e.typ);
    let mut raw = String::with_capacity(hello.extensions.len().saturating_mul(5).saturating_add(16));
    raw.push(transport_letter(transport));
    raw.push_str(version_code(hello.version().0));
    push_count(&mut raw, count(extensions()));
    push_alpn(&mut raw, hello.alpn.as_deref().unwrap_or_default());
    raw.push('_');
    hex::push_lower(&mut raw, &hello.cipher_suite.to_be_bytes());
    raw.push('_');
    let mut hashed = raw.clone();
    let list_start = raw.len();
    push_hexes(&mut raw, extensions());
    push_sha256_12(&mut hashed, raw.get(list_start..).unwrap_or_default());
    (hashed, raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tls::Extension;

    #[test]
    fn the_published_example() {
        let hello = ServerHello {
            legacy_version: 0x0303,
            cipher_suite: 0xc030,
            extensions: [0x0005, 0x0017, 0xff01, 0x0000].map(|typ| Extension { typ, len: 0 }).into(),
            ..ServerHello::default()
        };
        let (ja4s, ja4s_r) = ja4s(&hello, Transport::Tcp);
        assert_eq!(ja4s, "t120400_c030_4e8089b08790");
        assert_eq!(ja4s_r, "t120400_c030_0005,0017,ff01,0000");
    }

    #[test]
    fn tls_1_3_is_told_by_the_version_selected() {
        let hello = ServerHello { legacy_version: 0x0303, selected_version: Some(0x0304), ..ServerHello::default() };
        assert_eq!(ja4s(&hello, Transport::Quic).0, "q130000_0000_000000000000");
    }
}
