//! rules/tunnels.rules

use super::*;

pub fn pairs() -> Vec<Pair> {
    let relay = |subject: &str, issuer: &str| {
        serving(|f| {
            f.subject = subject.into();
            f.issuer = issuer.into();
        })
    };
    let tor = || relay("CN=www.gfu7hbxpfp.net", "CN=www.ct7ctrgb6cr7.com");
    vec![
        pair(8_443_201, not_tls(443), not_tls(8_443)),
        pair(8_443_201, not_tls(443), session()),
        pair(
            8_443_202,
            odd(Anomaly::JunkBeforeTls, FlowDirection::ToServer),
            odd(Anomaly::InvalidRecordVersion, FlowDirection::ToServer),
        ),
        pair(8_443_210, alpn("irc"), alpn("ircd")),
        pair(8_443_211, alpn("xmpp-client"), alpn("xmpp-server")),
        pair(8_443_212, alpn("stun.turn"), alpn("stun.nat-discovery")),
        // 0 and 1 are not in Base32's alphabet.
        pair(8_443_220, tor(), relay("CN=www.gfu0hbxpfp.net", "CN=www.ct7ctrgb6cr7.com")),
        pair(8_443_220, tor(), relay("CN=www.gfu7hbx.net", "CN=www.ct7ctrgb6cr7.com")),
        pair(8_443_220, tor(), relay("CN=www.gfu7hbxpfp.net", "CN=www.ct7ctrgb6cr7.com, O=Example")),
        pair(
            8_443_221,
            to("duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion"),
            to("duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion.example.test"),
        ),
        pair(8_443_230, to("connect.ngrok-agent.com"), to("ngrok.com")),
        pair(8_443_231, to("global.rel.tunnels.api.visualstudio.com"), to("marketplace.visualstudio.com")),
        pair(8_443_232, to("controlplane.tailscale.com"), to("login.tailscale.com")),
        pair(8_443_232, to("derp12c.tailscale.com"), to("derp12c.tailscale.com.example.test")),
        pair(8_443_235, to("a1b2c3.ngrok-free.app"), to("a1b2c3.ngrok.example.test")),
        pair(8_443_235, to("a1b2c3.ngrok.io"), to("dashboard.ngrok.com")),
        pair(8_443_236, to("four-random-english-words.trycloudflare.com"), to("www.cloudflare.com")),
        pair(8_443_237, to("abc123-8080.euw.devtunnels.ms"), to("devtunnels.ms.example.test")),
        pair(8_443_238, to("gentle-owl-7.loca.lt"), to("notloca.lt")),
        pair(8_443_239, to("abc.serveo.net"), to("abc.serveo.example.test")),
        pair(8_443_240, to("0123456789abcd.lhr.life"), to("localhost.run")),
    ]
}
