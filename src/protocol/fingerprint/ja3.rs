//! JA3 and JA3S, after their description by Salesforce (<https://github.com/salesforce/ja3>).

use super::text::{md5, push_decimal, push_decimals, push_joined};
use crate::protocol::tls::{ClientHello, ServerHello};

/// JA3's string `version,ciphers,extensions,groups,point formats` and its MD5. The version is `legacy_version`; lists are in
/// the order sent, GREASE left out.
pub(super) fn client(hello: &ClientHello) -> (String, String) {
    let values = [hello.cipher_suites.len(), hello.extensions.len(), hello.groups.len(), hello.point_formats.len(), 2];
    let mut out = with_room_for(values.into_iter().sum());
    push_decimal(&mut out, hello.legacy_version);
    out.push(',');
    push_decimals(&mut out, hello.cipher_suites.iter().copied());
    out.push(',');
    push_decimals(&mut out, hello.extensions.iter().map(|e| e.typ));
    out.push(',');
    push_decimals(&mut out, hello.groups.iter().copied());
    out.push(',');
    push_joined(&mut out, '-', hello.point_formats.iter().copied().map(u16::from), push_decimal);
    let hash = md5(&out);
    (out, hash)
}

/// JA3S's string `version,cipher,extensions` and its MD5.
pub(super) fn server(hello: &ServerHello) -> (String, String) {
    let mut out = with_room_for(hello.extensions.len().saturating_add(3));
    push_decimal(&mut out, hello.legacy_version);
    out.push(',');
    push_decimal(&mut out, hello.cipher_suite);
    out.push(',');
    push_decimals(&mut out, hello.extensions.iter().map(|e| e.typ));
    let hash = md5(&out);
    (out, hash)
}

/// Five digits and a separator each.
fn with_room_for(values: usize) -> String {
    String::with_capacity(values.saturating_mul(6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tls::Extension;

    fn extensions(types: &[u16]) -> Vec<Extension> {
        types.iter().map(|&typ| Extension { typ, len: 0 }).collect()
    }

    /// The examples in JA3's README.
    #[test]
    fn the_published_examples() {
        let hello = ClientHello {
            legacy_version: 769,
            cipher_suites: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: extensions(&[0, 10, 11]),
            groups: vec![23, 24, 25],
            point_formats: vec![0],
            ..ClientHello::default()
        };
        let want = "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0";
        assert_eq!(client(&hello), (want.into(), "ada70206e40642a3e4461f35503241d5".into()));

        let bare = ClientHello {
            legacy_version: 769,
            cipher_suites: vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99],
            ..ClientHello::default()
        };
        let want = "769,4-5-10-9-100-98-3-6-19-18-99,,,";
        assert_eq!(client(&bare), (want.into(), "de350869b8c85de67a350c8d186f11e6".into()));
    }

    /// As tshark computes it.
    #[test]
    fn a_servers_fingerprint_has_one_cipher_and_no_groups() {
        let hello = ServerHello {
            legacy_version: 771,
            cipher_suite: 49200,
            extensions: extensions(&[5, 35, 16, 23, 65281, 0]),
            ..ServerHello::default()
        };
        assert_eq!(server(&hello), ("771,49200,5-35-16-23-65281-0".into(), "0f14538e1c9070becdad7739c67d6363".into()));
    }

    #[test]
    fn grease_is_left_out() {
        let hello = ClientHello {
            legacy_version: 771,
            cipher_suites: vec![0x0a0a, 4865, 0xfafa],
            extensions: extensions(&[0x1a1a, 0, 0xeaea]),
            groups: vec![0x2a2a, 29],
            ..ClientHello::default()
        };
        assert_eq!(client(&hello).0, "771,4865,0,29,");
    }
}
