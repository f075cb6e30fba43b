//! The rules that ship: all load, and each fires on what it is about.

use super::*;

fn shipped() -> RuleSet {
    let (set, report) = RuleSet::compile(SHIPPED, &RuleConfig::default());
    assert_eq!((&report.errors[..], &report.notes[..], report.disabled), (&[][..], &[][..], 0));
    set
}

fn sids(session: &Session) -> Vec<u32> {
    play(&shipped(), &[subject(None), subject(Some(session))]).0
}

#[test]
fn all_have_a_number_of_ours_a_class_and_a_reference() {
    for rule in shipped().rules() {
        assert!((8_443_000..=8_443_999).contains(&rule.sid), "{}", rule.sid);
        assert!(!rule.references.is_empty() && !rule.category.is_empty() && rule.msg.starts_with("PORTCULLIS "), "{}", rule.sid);
    }
}

#[test]
fn an_ordinary_session_is_no_matter() {
    assert!(sids(&session()).is_empty());
}

#[test]
fn bad_certificates() {
    for (subject, issuer, serial, expected) in [
        ("CN=bank.test", "O=Superfish, Inc., L=SF, ST=CA, C=US, CN=Superfish, Inc.", 1, &[8_443_001][..]),
        ("CN=bank.test", "CN=eDellRoot", 1, &[8_443_002]),
        ("CN=bank.test", "CN=DSDTestProvider", 1, &[8_443_003]),
        ("C=Earth, O=cobaltstrike, CN=Major Cobalt Strike", "CN=x", 146_473_198, &[8_443_011]),
        ("C=Earth, O=cobaltstrike, CN=Major Cobalt Strike", "CN=x", 7, &[]),
        ("C=US, ST=Minnesota, L=Minnetonka, O=Pajfds, OU=Jethpro, CN=P18055077", "CN=x", 1, &[8_443_012]),
        ("CN=AsyncRAT Server", "CN=AsyncRAT Server", 1, &[8_443_013]),
        ("CN=AsyncRAT Server Research", "CN=x", 1, &[]),
        ("CN=Quasar Server CA", "CN=Quasar Server CA", 1, &[8_443_014]),
    ] {
        let mut s = session();
        let facts = CertificateFacts {
            subject: subject.into(),
            issuer: issuer.into(),
            serial: u32::to_be_bytes(serial).to_vec(),
            ..CertificateFacts::default()
        };
        s.server_certificates = vec![Arc::new(Certificate { facts: Some(facts), ..Certificate::default() })];
        assert_eq!(sids(&s), expected, "{subject}");
    }
}

#[test]
fn cobalt_strike_by_fingerprint() {
    let mut s = session();
    let sha1 = *b"\x6e\xce\x5e\xce\x41\x92\x68\x3d\x2d\x84\xe2\x5b\x0b\xa7\xe0\x4f\x9c\xb7\xeb\x7c";
    s.server_certificates = vec![Arc::new(Certificate { sha1, ..Certificate::default() })];
    assert_eq!(sids(&s), [8_443_010]);
}

#[test]
fn fingerprints_need_both_sides() {
    for (ja3, ja3s, expected) in [
        ("6734f37431670b3ab4292b8f60f29984", "623de93db17d313345d7ea481e7443cf", &[8_443_101][..]),
        ("4d7a28d6f2263ed61de88ca66eb011e3", "80b3a14bccc8598a1f3bbe83e71f735f", &[8_443_102]),
        ("6734f37431670b3ab4292b8f60f29984", "80b3a14bccc8598a1f3bbe83e71f735f", &[]),
    ] {
        let mut s = session();
        s.client_fingerprints.as_mut().unwrap().ja3 = ja3.into();
        s.server_fingerprints.as_mut().unwrap().ja3s = ja3s.into();
        assert_eq!(sids(&s), expected);
    }
}

#[test]
fn weak_ciphers_and_versions() {
    for (version, cipher, expected) in [
        (0x0303, 0x0002, &[8_443_301][..]), // TLS_RSA_WITH_NULL_SHA
        (0x0303, 0x0034, &[8_443_302]),     // TLS_DH_anon_WITH_AES_128_CBC_SHA
        (0x0303, 0x0003, &[8_443_303]),     // TLS_RSA_EXPORT_WITH_RC4_40_MD5
        (0x0303, 0x0005, &[8_443_304]),     // TLS_RSA_WITH_RC4_128_SHA
        (0x0303, 0x0009, &[8_443_305]),     // TLS_RSA_WITH_DES_CBC_SHA
        (0x0303, 0x000a, &[8_443_306]),     // TLS_RSA_WITH_3DES_EDE_CBC_SHA
        (0x0002, 0xc02f, &[8_443_401]),
        (0x0300, 0xc02f, &[8_443_402]),
        (0x0301, 0xc02f, &[8_443_403]),
        (0x0302, 0xc02f, &[8_443_404]),
        (0x0303, 0x1301, &[]),
    ] {
        let mut s = session();
        s.server_hello = Some(server_hello(version, cipher));
        assert_eq!(sids(&s), expected, "{version:04x} {cipher:04x}");
    }
}

#[test]
fn something_else_on_port_443() {
    let other = Subject { established: true, app_proto: AppProto::NotTls, ..subject(None) };
    let mut elsewhere = other;
    elsewhere.server.port = 8443;
    assert_eq!(play(&shipped(), &[subject(None), other]).0, [8_443_201]);
    assert!(play(&shipped(), &[subject(None), elsewhere]).0.is_empty());
}
