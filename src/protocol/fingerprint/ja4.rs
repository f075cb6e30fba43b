//! JA4, after its specification (<https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md>).

use smallvec::SmallVec;

use super::Transport;
use super::text::{count, push_alpn, push_count, push_hexes, push_sha256_12, transport_letter, version_code};
use crate::protocol::tls::{ClientHello, is_grease};

/// JA4 with the lists in the order sent, server_name and application_layer_protocol_negotiation included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ja4Original {
    /// JA4_o.
    pub ja4_o: String,
    /// JA4_ro: the same with the lists in place of their hashes.
    pub ja4_ro: String,
}

/// JA4_o and JA4_ro of `hello`. Apart from the other fingerprints, so that only those who want them pay for them.
pub fn original(hello: &ClientHello, transport: Transport) -> Ja4Original {
    let extensions: Values = hello.extensions.iter().map(|e| e.typ).collect();
    let (ja4_o, ja4_ro) = write(hello, transport, cipher_suites(hello), &extensions);
    Ja4Original { ja4_o, ja4_ro }
}

/// JA4 and JA4_r of `hello`.
pub(super) fn sorted(hello: &ClientHello, transport: Transport) -> (String, String) {
    let mut ciphers = Values::from_slice(cipher_suites(hello));
    ciphers.sort_unstable();
    let types = hello.extensions.iter().map(|e| e.typ);
    let mut extensions: Values = types.filter(|&typ| typ != SERVER_NAME && typ != ALPN).collect();
    extensions.sort_unstable();
    write(hello, transport, &ciphers, &extensions)
}

type Values = SmallVec<[u16; 64]>;

/// server_name (RFC 6066 §3).
const SERVER_NAME: u16 = 0x0000;
/// application_layer_protocol_negotiation (RFC 7301).
const ALPN: u16 = 0x0010;

/// The specification does not speak of SSL 2.0 compatible hellos. Their cipher specs are of three bytes and not the list that
/// it means; FoxIO's own tools do not count them, and neither do we.
fn cipher_suites(hello: &ClientHello) -> &[u16] {
    if hello.sslv2_format { &[] } else { &hello.cipher_suites }
}

/// The fingerprint and its raw form: the raw one is written first, and the hashes are those of its parts.
fn write(hello: &ClientHello, transport: Transport, ciphers: &[u16], extensions: &[u16]) -> (String, String) {
    let values = [ciphers.len(), extensions.len(), hello.signature_algorithms.len()];
    let mut raw = String::with_capacity(values.into_iter().sum::<usize>().saturating_mul(5).saturating_add(16));
    push_a(&mut raw, hello, transport);
    let a_end = raw.len();
    raw.push('_');
    let b_start = raw.len();
    push_hexes(&mut raw, ciphers.iter().copied());
    let b_end = raw.len();
    raw.push('_');
    let c_start = raw.len();
    push_hexes(&mut raw, extensions.iter().copied());
    if hello.signature_algorithms.iter().any(|&v| !is_grease(v)) {
        raw.push('_');
        push_hexes(&mut raw, hello.signature_algorithms.iter().copied());
    }

    let mut hashed = String::with_capacity(36);
    hashed.push_str(raw.get(..a_end).unwrap_or_default());
    hashed.push('_');
    push_sha256_12(&mut hashed, raw.get(b_start..b_end).unwrap_or_default());
    hashed.push('_');
    push_sha256_12(&mut hashed, raw.get(c_start..).unwrap_or_default());
    (hashed, raw)
}

/// The first part: `t13d1516h2`.
fn push_a(out: &mut String, hello: &ClientHello, transport: Transport) {
    out.push(transport_letter(transport));
    out.push_str(version_code(version(hello, transport)));
    out.push(if hello.has_extension(SERVER_NAME) { 'd' } else { 'i' });
    push_count(out, count(cipher_suites(hello).iter().copied()));
    push_count(out, count(hello.extensions.iter().map(|e| e.typ)));
    push_alpn(out, hello.alpn.first().unwrap_or_default());
}

/// The highest version offered. DTLS counts downwards (RFC 6347 §4.1), so there it is the lowest number.
fn version(hello: &ClientHello, transport: Transport) -> u16 {
    if transport == Transport::Dtls {
        let offered = hello.supported_versions.iter().copied().filter(|&v| !is_grease(v));
        offered.min().unwrap_or(hello.legacy_version)
    } else {
        hello.max_version().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tls::Extension;

    /// The hello of the example in JA4.md.
    fn example() -> ClientHello {
        let extensions = [
            0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a,
            0x0015,
        ];
        ClientHello {
            legacy_version: 0x0303,
            cipher_suites: vec![
                0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
                0x0035,
            ],
            extensions: extensions.map(|typ| Extension { typ, len: 0 }).into(),
            alpn: [&b"h2"[..], b"http/1.1"].into(),
            supported_versions: vec![0x0304, 0x0303],
            signature_algorithms: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            ..ClientHello::default()
        }
    }

    #[test]
    fn the_published_example() {
        let (ja4, ja4_r) = sorted(&example(), Transport::Tcp);
        assert_eq!(ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(
            ja4_r,
            "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9\
             _0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601"
        );
    }

    #[test]
    fn the_published_example_in_original_order() {
        let original = original(&example(), Transport::Tcp);
        assert_eq!(original.ja4_o, "t13d1516h2_acb858a92679_18f69afefd3d");
        assert_eq!(
            original.ja4_ro,
            "t13d1516h2_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035\
             _001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015_0403,0804,0401,0503,0805,0501,0806,0601"
        );
    }

    #[test]
    fn without_signature_algorithms_there_is_no_last_underscore() {
        let hello = ClientHello { signature_algorithms: vec![], ..example() };
        assert!(sorted(&hello, Transport::Tcp).0.ends_with("_6d807ffa2a79"), "published in JA4.md");
    }

    #[test]
    fn grease_neither_counts_nor_shows() {
        let mut hello = example();
        hello.cipher_suites.insert(0, 0x0a0a);
        hello.extensions.insert(0, Extension { typ: 0xfafa, len: 0 });
        hello.supported_versions.insert(0, 0xeaea);
        hello.signature_algorithms.push(0x1a1a);
        assert_eq!(sorted(&hello, Transport::Tcp), sorted(&example(), Transport::Tcp));
    }

    #[test]
    fn empty_lists_are_zeros() {
        let hello = ClientHello { legacy_version: 0x0301, ..ClientHello::default() };
        assert_eq!(sorted(&hello, Transport::Tcp), ("t10i000000_000000000000_000000000000".into(), "t10i000000__".into()));
        let only_sni = ClientHello { extensions: vec![Extension { typ: 0, len: 0 }], ..hello };
        assert_eq!(sorted(&only_sni, Transport::Tcp).0, "t10d000100_000000000000_000000000000");
    }

    #[test]
    fn the_version_is_the_highest_offered() {
        for (supported, transport, want) in [
            (&[0x0303, 0x0304][..], Transport::Tcp, "t13"),
            (&[], Transport::Tcp, "t12"),
            (&[0x0304], Transport::Quic, "q13"),
            (&[0x0a0a], Transport::Tcp, "t12"),
            (&[0x7f1c, 0x0303], Transport::Tcp, "t00"),
            (&[0xfefd, 0xfefc], Transport::Dtls, "dd3"),
        ] {
            let hello = ClientHello { supported_versions: supported.into(), ..example() };
            assert_eq!(sorted(&hello, transport).0.get(..3), Some(want), "{supported:x?}");
        }
    }

    #[test]
    fn an_ssl_2_compatible_hello_has_no_lists() {
        let hello =
            ClientHello { legacy_version: 0x0301, sslv2_format: true, cipher_suites: vec![5, 10], ..ClientHello::default() };
        assert_eq!(sorted(&hello, Transport::Tcp).0, "t10i000000_000000000000_000000000000");
    }
}
