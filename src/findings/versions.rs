//! Versions of the protocol: what was negotiated, what was offered, and who may have turned it down.

use super::Known::{ClientHello, ServerAlert, ServerHello};
use super::Severity::{High, Info, Low, Medium};
use super::{Evidence, Finding, finding};
use crate::protocol::tls::ProtocolVersion;

#[rustfmt::skip]
pub(super) const FINDINGS: &[Finding] = &[
    finding("weak.protocol.sslv2", High, ServerHello,
        "SSL 2.0 was negotiated: whoever is on the way can read and change all of it",
        "turn SSL 2.0 off on the server, and on every other service that uses the same key",
        &["RFC 6176", "CVE-2016-0800"],
        |e| e.version() == Some(ProtocolVersion::SSL2)),
    finding("weak.protocol.sslv3", High, ServerHello,
        "SSL 3.0 was negotiated: cookies can be read out of it byte by byte (POODLE)",
        "turn SSL 3.0 off on the server",
        &["RFC 7568", "CVE-2014-3566"],
        |e| e.version() == Some(ProtocolVersion::SSL3)),
    finding("weak.protocol.tls10", Medium, ServerHello,
        "TLS 1.0 was negotiated, which is deprecated",
        "let the server speak TLS 1.2 and 1.3 only; where the client cannot, replace it",
        &["RFC 8996", "RFC 9325"],
        |e| e.version() == Some(ProtocolVersion::TLS1_0)),
    finding("weak.protocol.tls11", Medium, ServerHello,
        "TLS 1.1 was negotiated, which is deprecated",
        "let the server speak TLS 1.2 and 1.3 only; where the client cannot, replace it",
        &["RFC 8996", "RFC 9325"],
        |e| e.version() == Some(ProtocolVersion::TLS1_1)),
    finding("weak.protocol.draft", Low, ServerHello,
        "a draft of TLS 1.3 was negotiated: software that was not updated since 2018",
        "update client and server",
        &["RFC 8446"],
        |e| e.is_tls13() && e.version() != Some(ProtocolVersion::TLS1_3)),
    finding("weak.protocol.unknown", Medium, ServerHello,
        "the server chose a version that does not exist",
        "find out what the server is: it is no TLS server, or something changes what it says",
        &["RFC 8446"],
        |e| e.version().is_some_and(|v| !v.is_tls13() && !KNOWN.contains(&v))),
    finding("weak.protocol.behind", Info, ServerHello,
        "the client offers TLS 1.3 and the server does not speak it",
        "enable TLS 1.3 on the server",
        &["RFC 9325"],
        |e| e.offers_tls13() && e.is_before_tls13()),
    finding("weak.offer.sslv2", Low, ClientHello,
        "the client's hello has the form of SSL 2.0, which must not be sent",
        "replace or configure the client",
        &["RFC 6176"],
        |e| e.hello().is_some_and(|hello| hello.sslv2_format)),
    finding("weak.offer.sslv3", Medium, ClientHello,
        "the client offers nothing better than SSL 3.0",
        "replace the client",
        &["RFC 7568"],
        |e| e.offered_version().is_some_and(|version| version <= ProtocolVersion::SSL3)),
    finding("weak.offer.old-version", Medium, ClientHello,
        "the client offers nothing better than TLS 1.1",
        "replace the client",
        &["RFC 8996"],
        |e| e.offered_version().is_some_and(|v| (ProtocolVersion::TLS1_0..=ProtocolVersion::TLS1_1).contains(&v))),
    finding("weak.offer.tls10", Low, ClientHello,
        "the client lists SSL 3.0 or TLS 1.0 among the versions it would take",
        "restrict the client to TLS 1.2 and 1.3",
        &["RFC 8996", "RFC 9325"],
        |e| e.hello().is_some_and(|hello| hello.supported_versions.iter().any(|v| (0x0300..=0x0301).contains(v)))),
    finding("weak.offer.no-tls13", Info, ClientHello,
        "the client does not offer TLS 1.3",
        "update the client",
        &["RFC 9325"],
        |e| e.whole_hello().is_some_and(|hello| !hello.sslv2_format) && !e.offers_tls13()),
    finding("downgrade.tls13", High, ServerHello,
        "somebody between took TLS 1.3 out of the client's offer: the server's random says that it was not asked for it",
        "find out who is on the way: an intercepting proxy, or an attacker",
        &["RFC 8446"],
        |e| e.offers_tls13() && e.has_sentinel_against_tls13()),
    finding("downgrade.tls12", High, ServerHello,
        "somebody between took TLS 1.2 and later out of the client's offer: the server's random says that it was not asked for them",
        "find out who is on the way: an intercepting proxy, or an attacker",
        &["RFC 8446"],
        |e| e.version().is_some_and(|v| v < ProtocolVersion::TLS1_2)
            && e.hello().is_some_and(|hello| hello.max_version() >= ProtocolVersion::TLS1_2)
            && e.random_ends_with(*b"DOWNGRD\0")),
    finding("downgrade.fallback", Low, ClientHello,
        "the client tries again with an older version, and says so (TLS_FALLBACK_SCSV)",
        "see why the first try failed: a broken server, or somebody who breaks connections",
        &["RFC 7507", "CVE-2014-3566"],
        |e| e.hello().is_some_and(|hello| hello.cipher_suites.contains(&FALLBACK_SCSV))),
    finding("downgrade.inappropriate", Medium, ServerAlert,
        "the server refuses an older version that the client fell back to without need (inappropriate_fallback)",
        "see who breaks the first tries of this client",
        &["RFC 7507"],
        |e| e.server_alerted(86)),
];

impl Evidence<'_> {
    /// The highest version that the client offers, where that is known.
    fn offered_version(&self) -> Option<ProtocolVersion> {
        self.hello().and_then(|hello| hello.offered_version())
    }

    /// Whether the server says that it was asked for less than TLS 1.3. A client that offers TLS 1.3 has to take the value for TLS 1.1 so as well
    /// (RFC 8446 §4.1.3); below TLS 1.2 that one is `downgrade.tls12`.
    fn has_sentinel_against_tls13(&self) -> bool {
        let is_of_tls12 = || self.version() == Some(ProtocolVersion::TLS1_2) && self.random_ends_with(*b"DOWNGRD\0");
        self.is_before_tls13() && (self.random_ends_with(*b"DOWNGRD\x01") || is_of_tls12())
    }

    /// Whether the server's random ends with the sentinel of RFC 8446 §4.1.3.
    fn random_ends_with(&self, sentinel: [u8; 8]) -> bool {
        self.answer().is_some_and(|hello| hello.random.ends_with(&sentinel))
    }
}

const KNOWN: [ProtocolVersion; 5] =
    [ProtocolVersion::SSL2, ProtocolVersion::SSL3, ProtocolVersion::TLS1_0, ProtocolVersion::TLS1_1, ProtocolVersion::TLS1_2];

/// TLS_FALLBACK_SCSV (RFC 7507 §2).
const FALLBACK_SCSV: u16 = 0x5600;
