//! rules/weak-cryptography.rules; cipher suites and groups by IANA's numbers.

use super::*;

pub fn pairs() -> Vec<Pair> {
    vec![
        pair(8_443_301, chose(0x0002), sound()),       // TLS_RSA_WITH_NULL_SHA
        pair(8_443_302, chose(0x0034), sound()),       // TLS_DH_anon_WITH_AES_128_CBC_SHA
        pair(8_443_303, chose(0x0003), sound()),       // TLS_RSA_EXPORT_WITH_RC4_40_MD5
        pair(8_443_304, chose(0x0005), sound()),       // TLS_RSA_WITH_RC4_128_SHA
        pair(8_443_305, chose(0x0009), chose(0x000a)), // TLS_RSA_WITH_DES_CBC_SHA
        pair(8_443_306, chose(0x000a), chose(0x0009)), // TLS_RSA_WITH_3DES_EDE_CBC_SHA
        pair(8_443_307, chose(0x0007), sound()),       // TLS_RSA_WITH_IDEA_CBC_SHA
        pair(8_443_308, chose(0x002f), sound()),       // TLS_RSA_WITH_AES_128_CBC_SHA
        pair(8_443_308, chose(0x002f), speaks(0x0301, 0x002f)),
        pair(8_443_308, chose(0x009c), chose(0x000a)), // TLS_RSA_WITH_AES_128_GCM_SHA256, and one that is told otherwise
        pair(8_443_309, chose(0xc0b4), chose(0x1301)), // TLS_SHA256_SHA256, TLS_AES_128_GCM_SHA256
        pair(8_443_320, agreed(0x0013), agreed(0x0015)), // secp192r1, secp224r1
        pair(8_443_320, agreed(0x0001), agreed(0x0017)), // sect163k1, secp256r1
        pair(8_443_401, speaks(0x0002, 0xc02f), speaks(0x0303, 0xc02f)),
        pair(8_443_402, speaks(0x0300, 0xc02f), speaks(0x0301, 0xc02f)),
        pair(8_443_403, speaks(0x0301, 0xc02f), speaks(0x0302, 0xc02f)),
        pair(8_443_404, speaks(0x0302, 0xc02f), speaks(0x0303, 0xc02f)),
        pair(8_443_410, downgraded("13", *b"DOWNGRD\x01"), downgraded("12", *b"DOWNGRD\x01")),
        pair(8_443_410, downgraded("13", *b"DOWNGRD\x00"), downgraded("13", *b"UPGRADE\x01")),
        pair(8_443_411, offers(0x5600), offers(0x00ff)), // TLS_FALLBACK_SCSV, TLS_EMPTY_RENEGOTIATION_INFO_SCSV
        pair(8_443_412, alert(false, 86), alert(true, 86)),
        pair(8_443_412, alert(false, 86), alert(false, 70)), // protocol_version
    ]
}

/// A session with nothing wrong: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
fn sound() -> Session {
    chose(0xc02f)
}

fn chose(cipher_suite: u16) -> Session {
    speaks(0x0303, cipher_suite)
}

fn offers(cipher_suite: u16) -> Session {
    let client_hello = ClientHello { cipher_suites: vec![0xc02f, cipher_suite], ..hello("www.example.test") };
    Session { client_hello: Some(client_hello), ..session() }
}

fn agreed(group: u16) -> Session {
    Session { server_key_exchange: true, server_key_exchange_group: Some(group), ..session() }
}

fn speaks(version: u16, cipher_suite: u16) -> Session {
    Session { server_hello: Some(server_hello(version, cipher_suite)), ..session() }
}

/// A TLS 1.2 session whose client offers `version` at the highest, by JA4's number, and whose server's random ends in `end`.
fn downgraded(version: &str, end: [u8; 8]) -> Session {
    let mut session = session();
    session.client_fingerprints.as_mut().unwrap().ja4 = format!("t{version}d1516h2_8daaf6152771_02713d6af862");
    session.server_hello.as_mut().unwrap().random[24..].copy_from_slice(&end);
    session
}
