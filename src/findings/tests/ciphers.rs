use super::*;

pub(super) fn cases() -> Vec<Case> {
    let offers = |suite: u16| asking(|hello| hello.cipher_suites.push(suite));
    let only = |suites: &[u16]| asking(|hello| hello.cipher_suites = suites.to_vec());
    let both = |typ: u16| {
        let mut session = sound();
        for list in [&mut session.client_hello.as_mut().unwrap().extensions, &mut session.server_hello.as_mut().unwrap().extensions]
        {
            list.push(Extension { typ, len: 0 });
        }
        session
    };
    let without = |typ: u16| answering(|hello| hello.extensions.retain(|e| e.typ != typ));
    let old = |version: u16, suite: u16| {
        answering(|hello| {
            hello.legacy_version = version;
            hello.cipher_suite = suite;
        })
    };
    let encrypt_then_mac = |suite: u16| {
        let mut session = chose(suite);
        session.server_hello.as_mut().unwrap().extensions.push(Extension { typ: 22, len: 0 });
        session
    };
    let ignorant = |change: fn(&mut ClientHello)| {
        asking(|hello| {
            hello.extensions.retain(|e| e.typ != 0xff01);
            hello.supported_versions = vec![];
            change(hello);
        })
    };
    vec![
        case("weak.cipher.null", chose(0x003b), sound()), // TLS_RSA_WITH_NULL_SHA256
        case("weak.cipher.integrity-only", chose(0xc0b4), chose(0x1301)), // TLS_SHA256_SHA256
        case("weak.cipher.null", chose(0x0002), chose(0xc0b4)),
        case("weak.cipher.rc4", chose(0x0005), chose(0x000a)),
        case("weak.cipher.des", chose(0x0009), chose(0x000a)),
        case("weak.cipher.3des", chose(0x000a), chose(0x0009)),
        case("weak.cipher.idea", chose(0x0007), chose(0x000a)),
        case("weak.cipher.gost28147", chose(0xc102), chose(0xc100)),
        case("weak.cipher.md5", chose(0x0004), chose(0x0005)), // TLS_RSA_WITH_RC4_128_MD5, _SHA
        case("weak.cipher.cbc-sha1", chose(0xc013), chose(0xc027)), // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, _SHA256
        case("weak.cipher.beast", old(0x0301, 0xc013), old(0x0302, 0xc013)),
        case("weak.cipher.beast", old(0x0301, 0xc013), old(0x0301, 0x0005)),
        case("weak.cipher.mac-then-encrypt", chose(0xc027), encrypt_then_mac(0xc027)),
        case("weak.cipher.ccm8", chose(0xc0a0), chose(0xc09c)), // TLS_RSA_WITH_AES_128_CCM_8, TLS_RSA_WITH_AES_128_CCM
        case("weak.cipher.unknown", chose(0xdead), sound()),
        case("weak.compression.chosen", answering(|hello| hello.compression_method = 1), sound()),
        case("weak.compression.offered", asking(|hello| hello.compression_methods = vec![1, 0]), sound()),
        case("weak.extension.truncated-hmac", both(4), asking(|hello| hello.extensions.push(Extension { typ: 4, len: 0 }))),
        case("weak.extension.no-extended-master-secret", without(23), sound()),
        case("weak.extension.no-extended-master-secret", without(23), modern()),
        case("weak.extension.no-secure-renegotiation", without(0xff01), sound()),
        case("weak.offer.no-secure-renegotiation", ignorant(|_| {}), ignorant(|hello| hello.cipher_suites.push(0x00ff))),
        case("weak.offer.null", offers(0x003b), offers(0x003c)),
        case("weak.offer.anonymous", offers(0x0034), offers(0x0033)),
        case("weak.offer.export", offers(0x0003), offers(0x0004)),
        case("weak.offer.rc4", offers(0x0005), offers(0x000a)),
        case("weak.offer.des", offers(0x0009), offers(0x000a)),
        case("weak.offer.3des", offers(0x000a), offers(0x002f)),
        case("weak.offer.md5", offers(0x0004), offers(0x0005)),
        case("weak.offer.no-forward-secrecy", only(&[0x009c, 0x00ff]), only(&[0x009c, 0xc02f])),
        case("weak.offer.no-forward-secrecy", only(&[0x002f]), only(&[0x0034])), // TLS_DH_anon_WITH_AES_128_CBC_SHA
        case("weak.offer.no-aead", only(&[0xc013, 0x002f]), only(&[0xc013, 0xc02f])),
        case("weak.offer.static-rsa", offers(0x009c), offers(0xc030)),
        case(
            "weak.offer.many",
            asking(|h| h.cipher_suites = (1..=101).collect()),
            asking(|h| h.cipher_suites = (1..=100).collect()),
        ),
    ]
}
