//! How the peers behave: heartbeats, renegotiation, tickets, protocols by ALPN, encrypted hellos, and what looks like evasion.

use super::Known::{Anomaly as Odd, ClientHello, Dark, ServerHello};
use super::Severity::{High, Info, Low, Medium};
use super::suites::Traits;
use super::{Evidence, Finding, finding};
use crate::protocol::tls::session::{Anomaly, Stage};
use crate::protocol::tls::{Ech, ProtocolVersion, extension};

#[rustfmt::skip]
pub(super) const FINDINGS: &[Finding] = &[
    finding("behaviour.heartbeat.offered", Info, ClientHello,
        "the client offers heartbeats, which nobody needs over TCP",
        "turn the extension off in the client",
        &["RFC 6520"],
        |e| e.hello().is_some_and(|hello| hello.has_extension(extension::HEARTBEAT))),
    finding("behaviour.heartbeat.negotiated", Low, ServerHello,
        "client and server agreed on heartbeats: make sure that neither has Heartbleed",
        "turn the extension off on the server, and see that its OpenSSL is not of before April 2014",
        &["RFC 6520", "CVE-2014-0160"],
        |e| e.agreed(extension::HEARTBEAT)),
    finding("behaviour.heartbeat.plain", Medium, Odd(Anomaly::HeartbeatMessage),
        "a heartbeat came before encryption began, as tools for Heartbleed send it",
        "see what program sends it",
        &["RFC 6520", "CVE-2014-0160"],
        |e| e.has_anomaly(Anomaly::HeartbeatMessage)),
    finding("behaviour.heartbeat.overflow", High, Odd(Anomaly::OverflowHeartbeat),
        "a heartbeat asks for more than it carries: an attempt of Heartbleed",
        "stop the sender; see whether it was answered (behaviour.heartbeat.leak)",
        &["CVE-2014-0160", "heartbleed.com"],
        |e| e.has_anomaly(Anomaly::OverflowHeartbeat)),
    finding("behaviour.heartbeat.leak", High, Odd(Anomaly::HeartbeatLeak),
        "a heartbeat was answered with more than it asked for: memory was given away (Heartbleed)",
        "update the server, replace its key and certificate, and all passwords that it saw",
        &["CVE-2014-0160", "heartbleed.com"],
        |e| e.has_anomaly(Anomaly::HeartbeatLeak)),
    finding("behaviour.heartbeat.malformed", Low, Odd(Anomaly::InvalidHeartbeat),
        "a heartbeat has no such type, or lacks its padding",
        "see what program sends it",
        &["RFC 6520"],
        |e| e.has_anomaly(Anomaly::InvalidHeartbeat)),
    finding("behaviour.early-ccs", High, Dark,
        "the encryption was switched on before there was a key: an attempt of CVE-2014-0224, or a broken client",
        "update OpenSSL on both sides; find out who is on the way",
        &["CVE-2014-0224"],
        |e| e.has_early_ccs()),
    finding("behaviour.renegotiation", Low, Dark,
        "a handshake was begun again in the clear",
        "turn renegotiation off on the server, unless it is needed for client certificates",
        &["RFC 5746"],
        |e| e.session.renegotiations > 0),
    finding("behaviour.renegotiation-flood", High, Dark,
        "the handshake is begun again and again: each costs the server far more than the client",
        "turn renegotiation by clients off on the server; stop the client",
        &["CVE-2011-1473"],
        |e| e.session.renegotiations >= FLOOD),
    finding("behaviour.ticket-lifetime", Low, Dark,
        "the server gives a ticket for more than a week: whoever gets the ticket's key can read that long",
        "let tickets live for a day, and change their keys as often",
        &["RFC 8446", "RFC 9325"],
        |e| e.session.ticket_lifetime.is_some_and(|seconds| seconds > 7 * 86_400)),
    finding("behaviour.early-data", Info, ClientHello,
        "the client sends data before the handshake is done, which can be sent again by others",
        "let the server take early data for harmless requests only",
        &["RFC 8446", "RFC 8470"],
        |e| e.hello().is_some_and(|hello| hello.early_data)),
    finding("behaviour.gone-after-certificate", Low, Dark,
        "the client went away when it saw the server's certificate, and did not say why",
        "see whether it pins another certificate, or only collects certificates",
        &["RFC 8446"],
        |e| e.is_gone_after_certificate()),
    finding("behaviour.certificate-missing", Low, Dark,
        "the server sent no certificate though the cipher suite asks for one",
        "see what program answers there",
        &["RFC 5246"],
        |e| e.lacks_certificate()),
    finding("behaviour.alpn.unregistered", Low, ClientHello,
        "the client offers a protocol by ALPN that nobody registered",
        "see what program it is: private software, a tunnel",
        &["RFC 7301", "www.iana.org/assignments/tls-extensiontype-values"],
        |e| e.any_alpn(|protocol| !REGISTERED.contains(&protocol) && !WEB.contains(&protocol) && !is_grease(protocol))),
    finding("behaviour.alpn.not-web", Low, ClientHello,
        "the client offers another service than the web's by ALPN, on the web's port",
        "see whether that service is allowed to go out there",
        &["RFC 7301"],
        |e| e.any_alpn(|protocol| REGISTERED.contains(&protocol))),
    finding("behaviour.alpn.unprintable", Medium, ClientHello,
        "the client offers a protocol by ALPN whose name is no text",
        "see what program it is: data may leave in the name",
        &["RFC 7301"],
        |e| e.any_alpn(|protocol| !is_grease(protocol) && !protocol.iter().all(|byte| (0x20..=0x7e).contains(byte)))),
    finding("behaviour.alpn.acme", Info, ClientHello,
        "an authority checks by ALPN who owns the name: somebody asked for a certificate",
        "see that it was you",
        &["RFC 8737"],
        |e| e.any_alpn(|protocol| protocol == b"acme-tls/1")),
    finding("behaviour.alpn.h2-weak", Low, ServerHello,
        "HTTP/2 with a version or a cipher suite that it prohibits",
        "let the server speak TLS 1.2 or later with ECDHE and AES-GCM or ChaCha20-Poly1305",
        &["RFC 9113"],
        |e| e.is_weak_h2()),
    finding("behaviour.ech.offered", Info, ClientHello,
        "the client sends an encrypted hello, real or pretended (GREASE): the server name may be a cover",
        "nothing: browsers always do",
        &["RFC 9849"],
        |e| e.hello().is_some_and(|hello| hello.ech.is_some())),
    finding("behaviour.ech.cover-name", Low, ClientHello,
        "the server name is the cover that a provider puts over names in encrypted hellos: the true one is hidden",
        "block the provider's ECH records in your resolver where names have to be seen",
        &["RFC 9849", "developers.cloudflare.com/ssl/edge-certificates/ech/"],
        |e| e.hello().is_some_and(|hello| hello.ech.is_some()) && e.server_name() == Some(b"cloudflare-ech.com")),
    finding("behaviour.ech.malformed", Medium, ClientHello,
        "the encrypted hello has a form that no client sends in the clear",
        "see what program it is",
        &["RFC 9849"],
        |e| e.hello().is_some_and(|hello| matches!(hello.ech, Some(Ech::Malformed | Ech::Inner)))),
    finding("behaviour.junk-before-tls", Low, Odd(Anomaly::JunkBeforeTls),
        "other bytes came before TLS began: a proxy's tunnel, an upgrade, or an attempt to be overlooked",
        "see what the bytes are (`portcullis.view`)",
        &["attack.mitre.org/techniques/T1571"],
        |e| e.has_anomaly(Anomaly::JunkBeforeTls)),
    finding("behaviour.evasion.overlap", Medium, Odd(Anomaly::OverlapDifferentData),
        "bytes were sent twice, differently: what is on the way may read other ones than the server",
        "find out who sends the second copy; see --overlap",
        &["RFC 9293", "attack.mitre.org/techniques/T1562/"],
        |e| e.has_anomaly(Anomaly::OverlapDifferentData)),
    finding("behaviour.evasion.urgent", Medium, Odd(Anomaly::UrgentData),
        "a handshake has urgent data: what is on the way may read other bytes than the server",
        "find out what sends it: no usual program does",
        &["RFC 6093"],
        |e| e.has_anomaly(Anomaly::UrgentData)),
];

impl Evidence<'_> {
    /// In a whole handshake the client's key exchange comes before its ChangeCipherSpec (RFC 5246 §7.3).
    fn has_early_ccs(&self) -> bool {
        let session = self.session;
        let full = !session.server_certificates.is_empty() || session.server_key_exchange;
        self.is_before_tls13()
            && session.client_changed_cipher_first
            && full
            && session.client_view.is_complete()
            && session.resumption().is_none()
    }

    fn is_gone_after_certificate(&self) -> bool {
        let session = self.session;
        session.stage == Stage::Closed
            && !session.dropped
            && !session.server_certificates.is_empty()
            && session.client_view.is_complete()
            && !session.client_view.dark
            && !session.client_key_exchange
            && !session.alerts.iter().any(|alert| alert.from_client)
    }

    fn lacks_certificate(&self) -> bool {
        let session = self.session;
        let needs = Traits::FORWARD_SECRET.and(Traits::STATIC_RSA).and(Traits::STATIC_DH);
        let is_psk = self
            .answer()
            .and_then(|hello| crate::protocol::tls::names::cipher_suite(hello.cipher_suite))
            .is_some_and(|name| name.contains("PSK") || name.contains("_SRP_") || name.contains("ECCPWD"));
        self.is_full_handshake()
            && session.server_certificates.is_empty()
            && session.server_key_exchange
            && session.server_view.is_complete()
            && session.server_view.dark
            && self.chosen().has(needs)
            && !is_psk
    }

    fn any_alpn(&self, ask: impl Fn(&[u8]) -> bool) -> bool {
        self.hello().is_some_and(|hello| hello.alpn.iter().any(ask))
    }

    /// RFC 9113 §9.2: TLS 1.2 at least, and there neither CBC nor a key exchange without forward secrecy.
    fn is_weak_h2(&self) -> bool {
        let is_h2 = self.answer().is_some_and(|hello| hello.alpn.as_deref() == Some(b"h2"));
        let weak = Traits::CBC.and(Traits::RC4).and(Traits::NULL).and(Traits::STATIC_RSA).and(Traits::STATIC_DH);
        is_h2 && (self.version().is_some_and(|v| v < ProtocolVersion::TLS1_2) || self.chosen().has(weak))
    }
}

/// RFC 8701 §2: two bytes, both equal and of the form 0x?a.
fn is_grease(protocol: &[u8]) -> bool {
    matches!(protocol, [a, b] if a == b && a & 0x0f == 0x0a)
}

/// Handshakes that are begun again beyond what a client has use for.
const FLOOD: u32 = 10;

/// Those of the web with the drafts that browsers spoke, and what proves a name for it.
const WEB: &[&[u8]] = &[
    b"http/0.9",
    b"http/1.0",
    b"http/1.1",
    b"h2",
    b"h2c",
    b"h3",
    b"spdy/1",
    b"spdy/2",
    b"spdy/3",
    b"spdy/3.1",
    b"webrtc",
    b"c-webrtc",
    b"acme-tls/1",
];

/// The other ones of IANA's registry of ALPN protocol ids.
const REGISTERED: &[&[u8]] = &[
    b"stun.turn",
    b"stun.nat-discovery",
    b"ftp",
    b"imap",
    b"pop3",
    b"managesieve",
    b"coap",
    b"co",
    b"xmpp-client",
    b"xmpp-server",
    b"mqtt",
    b"dot",
    b"doq",
    b"ntske/1",
    b"sunrpc",
    b"smb",
    b"irc",
    b"nntp",
    b"nnsp",
    b"sip/2",
    b"tds/8.0",
    b"dicom",
    b"postgresql",
    b"radius/1.0",
    b"radius/1.1",
];
