use super::*;
use crate::protocol::tls::Ech;

pub(super) fn cases() -> Vec<Case> {
    let offers = |typ: u16| asking(|hello| hello.extensions.push(Extension { typ, len: 0 }));
    let heartbeats = || {
        let mut session = offers(15);
        session.server_hello.as_mut().unwrap().extensions.push(Extension { typ: 15, len: 1 });
        session
    };
    let changed_cipher = |change: fn(&mut Session)| {
        with(|session| {
            session.client_changed_cipher_first = true;
            change(session);
        })
    };
    let lifetime = |seconds: u32| with(|session| session.ticket_lifetime = Some(seconds));
    let left = |change: fn(&mut Session)| {
        with(|session| {
            (session.stage, session.client_key_exchange, session.client_view.dark) = (Stage::Closed, false, false);
            change(session);
        })
    };
    let speaks = |protocol: &[u8]| asking(|hello| hello.alpn = [protocol].into());
    let h2 = |version: u16, suite: u16| {
        answering(|hello| {
            (hello.legacy_version, hello.cipher_suite, hello.alpn) = (version, suite, Some(b"h2".to_vec()));
        })
    };
    let ech = |name: &[u8], ech: Option<Ech>| {
        asking(|hello| {
            (hello.server_names, hello.ech) = ([name].into(), ech);
        })
    };
    let outer = || Some(Ech::Outer { kdf_id: 1, aead_id: 1, config_id: 7, enc_len: 32, payload_len: 208 });
    let without_certificate = |suite: u16| {
        let mut session = chose(suite);
        session.server_certificates.clear();
        session
    };
    vec![
        case("behaviour.heartbeat.offered", offers(15), offers(14)),
        case("behaviour.heartbeat.negotiated", heartbeats(), offers(15)),
        case("behaviour.heartbeat.plain", odd(Anomaly::HeartbeatMessage), odd(Anomaly::InvalidHeartbeat)),
        case("behaviour.heartbeat.overflow", odd(Anomaly::OverflowHeartbeat), odd(Anomaly::HeartbeatMessage)),
        case("behaviour.heartbeat.leak", odd(Anomaly::HeartbeatLeak), odd(Anomaly::HeartbeatMessage)),
        case("behaviour.heartbeat.malformed", odd(Anomaly::InvalidHeartbeat), odd(Anomaly::HeartbeatMessage)),
        case("behaviour.early-ccs", changed_cipher(|_| {}), sound()),
        case(
            "behaviour.early-ccs",
            changed_cipher(|_| {}),
            changed_cipher(|session| session.server_hello = modern().server_hello), // TLS 1.3's compatibility mode
        ),
        case("behaviour.early-ccs", changed_cipher(|_| {}), changed_cipher(|session| session.client_view.gaps = 1)),
        case("behaviour.renegotiation", with(|session| session.renegotiations = 1), sound()),
        case(
            "behaviour.renegotiation-flood",
            with(|session| session.renegotiations = 10),
            with(|session| session.renegotiations = 9),
        ),
        case("behaviour.ticket-lifetime", lifetime(604_801), lifetime(604_800)),
        case("behaviour.early-data", asking(|hello| hello.early_data = true), sound()),
        case("behaviour.gone-after-certificate", left(|_| {}), left(|session| session.client_key_exchange = true)),
        case("behaviour.gone-after-certificate", left(|_| {}), left(|session| session.alerts = alerting(true, 48).alerts)),
        case("behaviour.gone-after-certificate", left(|_| {}), left(|session| session.client_view.gaps = 1)),
        case("behaviour.gone-after-certificate", left(|_| {}), left(|session| session.dropped = true)),
        case("behaviour.gone-after-certificate", left(|_| {}), left(|session| session.stage = Stage::Certificates)),
        // TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA asks for none.
        case("behaviour.certificate-missing", without_certificate(0xc02f), without_certificate(0xc035)),
        case("behaviour.alpn.unregistered", speaks(b"my-tunnel"), speaks(b"mqtt")),
        case("behaviour.alpn.unregistered", speaks(b"my-tunnel"), speaks(&[0x4a, 0x4a])),
        case("behaviour.alpn.not-web", speaks(b"irc"), speaks(b"http/1.1")),
        case("behaviour.alpn.unprintable", speaks(&[1, 2, 3]), speaks(b"123")),
        case("behaviour.alpn.acme", speaks(b"acme-tls/1"), speaks(b"acme-tls/2")),
        case("behaviour.alpn.h2-weak", h2(0x0303, 0x002f), h2(0x0303, 0xc02f)),
        case("behaviour.alpn.h2-weak", h2(0x0302, 0xc02f), chose(0x002f)),
        case("behaviour.ech.offered", ech(b"www.shop.example", outer()), ech(b"www.shop.example", None)),
        case("behaviour.ech.cover-name", ech(b"cloudflare-ech.com", outer()), ech(b"www.shop.example", outer())),
        case("behaviour.ech.cover-name", ech(b"cloudflare-ech.com", outer()), ech(b"cloudflare-ech.com", None)),
        case("behaviour.ech.malformed", ech(b"www.shop.example", Some(Ech::Inner)), ech(b"www.shop.example", outer())),
        case("behaviour.junk-before-tls", odd(Anomaly::JunkBeforeTls), sound()),
        case("behaviour.evasion.overlap", odd(Anomaly::OverlapDifferentData), sound()),
        case("behaviour.evasion.urgent", odd(Anomaly::UrgentData), sound()),
    ]
}
