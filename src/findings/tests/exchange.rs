use super::*;
use crate::protocol::tls::DhGroup;

pub(super) fn cases() -> Vec<Case> {
    let dh = |bits: u32, name: Option<&'static str>, degenerate: bool| {
        let mut session = chose(0x009e); // TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
        session.server_key_exchange_group = None;
        session.server_dh = Some(DhGroup { bits, name, degenerate });
        session
    };
    let agreed = |group: u16| with(|session| session.server_key_exchange_group = Some(group));
    let signed = |scheme: u16| with(|session| session.server_signature_scheme = Some(scheme));
    let takes = |scheme: u16| asking(|hello| hello.signature_algorithms.push(scheme));
    let offers = |group: u16| asking(|hello| hello.groups.push(group));
    let retried = |group: u16| {
        let retry = ServerHello { key_share_group: Some(group), ..answer() };
        Session { hello_retry_request: Some(Box::new(retry)), ..modern() }
    };
    let psk = |group: Option<u16>| {
        let mut session = modern();
        let hello = session.server_hello.as_mut().unwrap();
        (hello.selected_psk, hello.key_share_group) = (Some(0), group);
        session
    };
    let took = |group: u16| {
        let mut session = modern();
        session.server_hello.as_mut().unwrap().key_share_group = Some(group);
        session
    };
    let shares = |groups: &[u16]| asking(|hello| hello.key_share_groups = groups.to_vec());
    vec![
        case("weak.exchange.anonymous", chose(0x0034), sound()), // TLS_DH_anon_WITH_AES_128_CBC_SHA
        case("weak.exchange.export", chose(0x0003), chose(0x0004)), // TLS_RSA_EXPORT_WITH_RC4_40_MD5, TLS_RSA_WITH_RC4_128_MD5
        case("weak.exchange.static-rsa", chose(0x009c), sound()), // TLS_RSA_WITH_AES_128_GCM_SHA256
        case("weak.exchange.static-dh", chose(0xc031), chose(0xc02f)), // TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256
        case("weak.exchange.psk", chose(0x00a8), chose(0xc035)), // TLS_PSK_WITH_AES_128_GCM_SHA256, TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA
        case("weak.exchange.psk", psk(None), psk(Some(0x001d))),
        case("weak.exchange.dh-broken", dh(768, Some("modp768"), false), dh(1_024, None, false)),
        case("weak.exchange.dh-short", dh(1_024, None, false), dh(2_048, None, false)),
        case("weak.exchange.dh-short", dh(2_047, None, false), dh(1_023, None, false)),
        case("weak.exchange.dh-common", dh(1_024, Some("modp1024"), false), dh(1_024, None, false)),
        case("weak.exchange.dh-unknown", dh(2_048, None, false), dh(2_048, Some("ffdhe2048"), false)),
        case("weak.exchange.dh-degenerate", dh(2_048, Some("ffdhe2048"), true), dh(2_048, Some("ffdhe2048"), false)),
        case("weak.exchange.curve-explicit", with(|session| session.server_explicit_curve = true), sound()),
        case("weak.exchange.curve-short", agreed(0x0013), agreed(0x0015)), // secp192r1, secp224r1
        case("weak.exchange.curve-deprecated", agreed(0x0016), agreed(0x0017)), // secp256k1, secp256r1
        case("weak.exchange.group-unknown", agreed(0x7777), agreed(0x0018)),
        case("weak.exchange.signature-md5", signed(0x0101), signed(0x0201)),
        case("weak.exchange.signature-sha1", signed(0x0201), signed(0x0401)),
        case("weak.offer.signature-md5", takes(0x0101), takes(0x0201)),
        case("weak.offer.signature-sha1", takes(0x0203), takes(0x0403)),
        case("weak.offer.curve-short", offers(0x0013), offers(0x0018)),
        case("weak.offer.curve-explicit", offers(0xff01), offers(0x0018)),
        case("quantum.not-offered", asking(|hello| hello.groups = vec![0x001d]), sound()),
        case("quantum.declined", sound(), modern()),
        case("quantum.no-share", shares(&[0x001d]), shares(&[0x001d, 0x11ec])),
        case("quantum.draft", took(0x6399), took(0x11ec)), // X25519Kyber768Draft00
        case("quantum.retry", retried(0x11ec), retried(0x0018)),
        case("exchange.retry", retried(0x0018), retried(0x11ec)),
    ]
}
