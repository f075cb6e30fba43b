//! rules/policy.rules

use super::*;

pub fn pairs() -> Vec<Pair> {
    let ech = |name: &str, ech| Session { client_hello: Some(ClientHello { ech, ..hello(name) }), ..session() };
    vec![
        pair(8_443_501, to("mozilla.cloudflare-dns.com"), to("cloudflare-dns.com.example.test")),
        pair(8_443_501, to("cloudflare-dns.com"), to("notcloudflare-dns.com")),
        pair(8_443_502, to("dns.google"), to("dns.google.com")),
        pair(8_443_503, to("dns.quad9.net"), to("www.quad9.net")),
        pair(8_443_503, to("dns11.quad9.net"), to("quad9.net")),
        pair(8_443_504, to("doh.opendns.com"), to("login.opendns.com")),
        pair(8_443_504, to("doh.familyshield.opendns.com"), to("opendns.com")),
        pair(8_443_505, to("dns.nextdns.io"), to("my.nextdns.io")),
        pair(8_443_506, to("family.adguard-dns.com"), to("adguard.com")),
        pair(8_443_507, to("base.dns.mullvad.net"), to("mullvad.net")),
        pair(8_443_508, alpn("dot"), alpn("doq")),
        pair(8_443_520, to("relay-9b6827f2.net.anydesk.com"), to("download.anydesk.com")),
        pair(
            8_443_521,
            serving(|f| f.subject = "CN=AnyNet Relay, O=philandro Software GmbH, C=DE".into()),
            serving(|f| f.subject = "O=philandro Software GmbH, C=DE".into()),
        ),
        pair(8_443_522, to("router3.teamviewer.com"), to("www.teamviewer.com")),
        pair(8_443_522, to("DE-FRA-ANX-R001.router.teamviewer.com"), to("router.example.test")),
        pair(8_443_523, to("instance-a1b2c3-relay.screenconnect.com"), to("screenconnect.com.example.test")),
        pair(8_443_524, to("st-v3-univ-srs-win.relay.splashtop.com"), to("www.splashtop.com")),
        pair(8_443_525, to("remotedesktop-pa.googleapis.com"), to("storage.googleapis.com")),
        pair(8_443_530, ech("cloudflare-ech.com", OUTER), ech("www.example.test", OUTER)),
        pair(8_443_530, ech("cloudflare-ech.com", OUTER), ech("cloudflare-ech.com", None)),
        pair(8_443_531, to("192.0.2.1"), to("192.0.2.1.example.test")),
        pair(8_443_531, to("192.0.2.1"), to("1.2.3")),
        pair(8_443_540, at_home(alpn("acme-tls/1")), alpn("acme-tls/1")),
        pair(8_443_540, at_home(alpn("acme-tls/1")), at_home(alpn("http/1.1"))),
        pair(8_443_541, at_home(key_exchange(X25519)), at_home(key_exchange(X25519MLKEM768))),
        pair(8_443_541, at_home(key_exchange(X25519)), key_exchange(X25519)),
    ]
}

/// A TLS 1.3 session whose client offers both groups and whose server takes `group`.
fn key_exchange(group: u16) -> Session {
    let client_hello = ClientHello { groups: vec![X25519MLKEM768, X25519], ..hello("www.example.test") };
    let server_hello = ServerHello { selected_version: Some(0x0304), key_share_group: Some(group), ..server_hello(0x0303, 0x1301) };
    dark(Session { client_hello: Some(client_hello), server_hello: Some(server_hello), ..session() })
}

const OUTER: Option<Ech> = Some(Ech::Outer { kdf_id: 1, aead_id: 1, config_id: 7, enc_len: 32, payload_len: 208 });
const X25519: u16 = 0x001d;
const X25519MLKEM768: u16 = 0x11ec;
