//! rules/command-and-control.rules

use super::*;

pub fn pairs() -> Vec<Pair> {
    let named = |subject: &str| serving(|f| f.subject = subject.into());
    let self_named = |name: &str| {
        serving(|f| {
            f.subject = name.into();
            f.issuer = name.into();
        })
    };
    let empire = |days: i64| {
        at_home(serving(|f| {
            f.subject = "C=US".into();
            f.issuer = "C=US".into();
            f.self_issued = true;
            f.not_before = day(2026, 1, 1);
            f.not_after = f.not_before.map(|from| Time::from_unix(from.as_unix() + days * 86_400));
        }))
    };
    let major = |organization: &str| {
        named(&format!("C=Earth, ST=Cyberspace, L=Somewhere, O={organization}, OU=AdvancedPenTesting, CN=Major Cobalt Strike"))
    };
    let sha1 = *b"\x6e\xce\x5e\xce\x41\x92\x68\x3d\x2d\x84\xe2\x5b\x0b\xa7\xe0\x4f\x9c\xb7\xeb\x7c";
    let mut other = sha1;
    other[19] ^= 1;
    let hashed = |sha1| sending(vec![Certificate { sha1, ..Certificate::default() }]);
    vec![
        pair(8_443_101, ja(TRICKBOT), ja((TRICKBOT.0, EMOTET.1))),
        pair(8_443_102, ja(EMOTET), ja((EMOTET.0, TRICKBOT.1))),
        pair(8_443_110, hashed(sha1), hashed(other)),
        pair(8_443_111, major("cobaltstrike"), major("cobalt")),
        pair(
            8_443_112,
            named("C=US, ST=Minnesota, L=Minnetonka, O=Pajfds, OU=Jethpro, CN=P18055077"),
            named("C=US, ST=Minnesota, L=Minnetonka, O=Pajfds, OU=Jethpro, CN=P18055078"),
        ),
        pair(8_443_113, named("CN=AsyncRAT Server"), named("CN=AsyncRAT Server Research")),
        pair(8_443_114, named("CN=Quasar Server CA"), named("CN=Quasar Server CA 2")),
        pair(
            8_443_115,
            serving(|f| f.issuer = "CN=DcRat Server, OU=qwqdanchun, O=DcRat By qwqdanchun, L=SH, C=CN".into()),
            serving(|f| f.issuer = "CN=DcRat Server, O=DcRat Analysis".into()),
        ),
        pair(8_443_116, self_named("CN=Covenant"), named("CN=Covenant")),
        pair(8_443_116, self_named("CN=Covenant"), self_named("CN=Covenant House")),
        pair(8_443_117, named("CN=Orcus Server"), named("CN=Orcus Servers")),
        pair(8_443_118, empire(365), empire(366)),
    ]
}

/// A session with these fingerprints of client and server.
fn ja((client, server): (&str, &str)) -> Session {
    let mut session = session();
    session.client_fingerprints.as_mut().unwrap().ja3 = client.into();
    session.server_fingerprints.as_mut().unwrap().ja3s = server.into();
    session
}

/// As JA3's README has them.
const TRICKBOT: (&str, &str) = ("6734f37431670b3ab4292b8f60f29984", "623de93db17d313345d7ea481e7443cf");
const EMOTET: (&str, &str) = ("4d7a28d6f2263ed61de88ca66eb011e3", "80b3a14bccc8598a1f3bbe83e71f735f");
