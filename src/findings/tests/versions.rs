use super::*;

pub(super) fn cases() -> Vec<Case> {
    let highest = |versions: &[u16], legacy: u16| {
        asking(|hello| {
            hello.supported_versions = versions.to_vec();
            hello.legacy_version = legacy;
        })
    };
    let random = |version: u16, offered: u16, end: [u8; 8]| {
        let mut session = speaking(version);
        session.server_hello.as_mut().unwrap().random[24..].copy_from_slice(&end);
        let hello = session.client_hello.as_mut().unwrap();
        hello.supported_versions = vec![offered];
        session.client_fingerprints = Some(fingerprint::client(hello, Transport::Tcp));
        session
    };
    let draft = |version: u16| answering(|hello| hello.selected_version = Some(version));
    let suites = |suite: u16| asking(|hello| hello.cipher_suites.push(suite));
    vec![
        case("weak.protocol.sslv2", speaking(0x0002), speaking(0x0300)),
        case("weak.protocol.sslv3", speaking(0x0300), speaking(0x0301)),
        case("weak.protocol.tls10", speaking(0x0301), speaking(0x0302)),
        case("weak.protocol.tls11", speaking(0x0302), speaking(0x0303)),
        case("weak.protocol.draft", draft(0x7f1c), draft(0x0304)),
        case("weak.protocol.unknown", speaking(0x0305), speaking(0x0303)),
        case("weak.protocol.unknown", speaking(0x1234), draft(0x7f1c)),
        case("weak.protocol.behind", sound(), modern()),
        case("weak.offer.sslv2", asking(|hello| hello.sslv2_format = true), sound()),
        case("weak.offer.sslv3", highest(&[], 0x0300), highest(&[], 0x0301)),
        case("weak.offer.old-version", highest(&[], 0x0302), highest(&[], 0x0303)),
        case("weak.offer.old-version", highest(&[0x0301], 0x0303), highest(&[], 0x0300)),
        case("weak.offer.tls10", highest(&[0x0304, 0x0303, 0x0301], 0x0303), highest(&[0x0304, 0x0303, 0x0302], 0x0303)),
        case("weak.offer.no-tls13", highest(&[], 0x0303), sound()),
        case("downgrade.tls13", random(0x0303, 0x0304, *b"DOWNGRD\x01"), random(0x0303, 0x0303, *b"DOWNGRD\x01")),
        case("downgrade.tls13", random(0x0303, 0x0304, *b"DOWNGRD\x01"), random(0x0303, 0x0304, *b"DOWNGRE\x01")),
        case("downgrade.tls13", random(0x0303, 0x0304, *b"DOWNGRD\x00"), random(0x0303, 0x0303, *b"DOWNGRD\x00")),
        case("downgrade.tls13", random(0x0302, 0x0304, *b"DOWNGRD\x01"), random(0x0302, 0x0304, *b"DOWNGRD\x00")),
        case("downgrade.tls12", random(0x0302, 0x0303, *b"DOWNGRD\x00"), random(0x0302, 0x0302, *b"DOWNGRD\x00")),
        case("downgrade.tls12", random(0x0301, 0x0303, *b"DOWNGRD\x00"), random(0x0303, 0x0304, *b"DOWNGRD\x00")),
        case("downgrade.fallback", suites(0x5600), suites(0x00ff)),
        case("downgrade.inappropriate", alerting(false, 86), alerting(true, 86)),
    ]
}
