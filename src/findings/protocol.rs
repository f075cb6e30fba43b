//! What the hellos and records say that they may not.

use super::Known::{ClientHello, Dark, ServerHello};
use super::Severity::{Info, Low, Medium};
use super::{Evidence, Finding, Known, finding};
use crate::protocol::tls::session::Anomaly;
use crate::protocol::tls::{ProtocolVersion, extension, is_grease};

#[rustfmt::skip]
pub(super) const FINDINGS: &[Finding] = &[
    finding("protocol.choice.cipher", Medium, Known::Anomaly(Anomaly::UnofferedChoice),
        "the server chose a cipher suite that the client did not offer",
        "find out who changes the hellos; a client that goes on is broken",
        &["RFC 8446"],
        |e| e.has_anomaly(Anomaly::UnofferedChoice)),
    finding("protocol.choice.version", Medium, ServerHello,
        "the server chose a version that the client did not offer",
        "find out who changes the hellos; a client that goes on is broken",
        &["RFC 8446"],
        |e| e.chose_another_version()),
    finding("protocol.choice.group", Medium, ServerHello,
        "the server chose a group that the client did not offer",
        "find out who changes the hellos; a client that goes on is broken",
        &["RFC 8446"],
        |e| e.whole_hello().zip(e.answer()).is_some_and(|(hello, answer)| answer.key_share_group.is_some_and(|group| {
            !hello.groups.is_empty() && !hello.groups.contains(&group)
        }))),
    finding("protocol.choice.compression", Medium, ServerHello,
        "the server chose a compression that the client did not offer",
        "find out who changes the hellos; a client that goes on is broken",
        &["RFC 5246"],
        |e| e.whole_hello().zip(e.answer()).is_some_and(|(hello, answer)| {
            !hello.sslv2_format && !hello.compression_methods.contains(&answer.compression_method)
        })),
    finding("protocol.choice.alpn", Medium, ServerHello,
        "the server chose a protocol (ALPN) that the client did not offer",
        "mend the server; a client that goes on is broken",
        &["RFC 7301"],
        |e| e.whole_hello().zip(e.answer()).is_some_and(|(hello, answer)| {
            answer.alpn.as_deref().is_some_and(|chosen| hello.alpn.iter().all(|offered| offered != chosen))
        })),
    finding("protocol.choice.extension", Medium, ServerHello,
        "the server answers an extension that the client did not send",
        "mend the server; a client that goes on is broken",
        &["RFC 8446", "RFC 5246"],
        |e| e.answers_what_was_not_asked()),
    finding("protocol.hello.malformed", Medium, Known::Anomaly(Anomaly::MalformedExtension),
        "a hello has an extension that cannot be read",
        "see what program sends it: a scanner, a fuzzer, or an attempt to be read wrongly",
        &["RFC 8446"],
        |e| e.has_anomaly(Anomaly::MalformedExtension)),
    finding("protocol.hello.duplicate", Medium, Known::Anomaly(Anomaly::DuplicateExtension),
        "a hello has the same extension twice: two readers may take different ones",
        "see what program sends it",
        &["RFC 8446"],
        |e| e.has_anomaly(Anomaly::DuplicateExtension)),
    finding("protocol.hello.second", Medium, Dark,
        "the second ClientHello changes what it must repeat: the first may have been a decoy",
        "judge the session by both hellos; see what program sends them",
        &["RFC 8446"],
        |e| e.second_hello_differs()),
    finding("protocol.hello.no-compression", Low, ClientHello,
        "the ClientHello does not offer the null compression, which it must",
        "see what program sends it: no usual library does",
        &["RFC 5246"],
        |e| e.whole_hello().is_some_and(|hello| !hello.sslv2_format && !hello.compression_methods.contains(&0))),
    finding("protocol.hello.no-grease", Info, ClientHello,
        "the client offers TLS 1.3 without GREASE values: it is no browser of today",
        "nothing, where a program is expected; a name of a browser elsewhere would be false",
        &["RFC 8701"],
        |e| e.offers_tls13() && e.whole_hello().is_some_and(|hello| {
            !hello.cipher_suites.iter().copied().chain(hello.extensions.iter().map(|e| e.typ)).any(is_grease)
        })),
    finding("protocol.message.malformed", Medium, Known::Anomaly(Anomaly::InvalidHandshakeMessage),
        "a handshake message cannot be read to its end",
        "see what program sends it: a scanner, a fuzzer, or an attempt to be read wrongly",
        &["RFC 8446"],
        |e| e.has_anomaly(Anomaly::InvalidHandshakeMessage)),
    finding("protocol.message.length", Medium, Known::Anomaly(Anomaly::HandshakeInvalidLength),
        "a handshake message is longer than any should be",
        "see what program sends it; raise --handshake-bytes where it is expected",
        &["RFC 8446"],
        |e| e.has_anomaly(Anomaly::HandshakeInvalidLength)),
    finding("protocol.record.before-hello", Medium, Known::Anomaly(Anomaly::RecordBeforeHello),
        "data or a ChangeCipherSpec comes before the hello: what is on the way may look no further",
        "see what program sends it: no usual one does",
        &["RFC 8446", "attack.mitre.org/techniques/T1562/"],
        |e| e.has_anomaly(Anomaly::RecordBeforeHello)),
    finding("protocol.record.type", Medium, Known::Anomaly(Anomaly::InvalidRecordType),
        "a record has a type that does not exist",
        "see what is spoken there: TLS that breaks off, or something that only began like it",
        &["RFC 8446"],
        |e| e.has_anomaly(Anomaly::InvalidRecordType)),
    finding("protocol.record.version", Low, Known::Anomaly(Anomaly::InvalidRecordVersion),
        "a record has a version that does not exist",
        "see what program sends it",
        &["RFC 8446"],
        |e| e.has_anomaly(Anomaly::InvalidRecordVersion)),
    finding("protocol.record.length", Medium, Known::Anomaly(Anomaly::InvalidRecordLength),
        "a record is longer than the standard allows",
        "see what program sends it",
        &["RFC 8446"],
        |e| e.has_anomaly(Anomaly::InvalidRecordLength)),
    finding("protocol.random.constant", Medium, ClientHello,
        "the client's random is one byte over and over",
        "see what program sends it: its random numbers cannot be trusted",
        &["RFC 8446"],
        |e| e.hello().is_some_and(|hello| !hello.sslv2_format && is_constant(&hello.random))),
    finding("protocol.random.server-constant", Medium, ServerHello,
        "the server's random is one byte over and over",
        "see what program answers: its random numbers cannot be trusted",
        &["RFC 8446"],
        |e| e.answer().is_some_and(|hello| e.version() != Some(ProtocolVersion::SSL2) && is_constant(&hello.random))),
    finding("protocol.random.echo", Medium, ServerHello,
        "the server sends the client's random back as its own",
        "see what program answers: it is no usual server",
        &["RFC 8446"],
        |e| e.hello().zip(e.answer()).is_some_and(|(hello, answer)| hello.random == answer.random)),
];

impl Evidence<'_> {
    fn chose_another_version(&self) -> bool {
        let (Some(hello), Some(version)) = (self.whole_hello(), self.version()) else { return false };
        match (version.is_tls13(), hello.supported_versions.is_empty()) {
            (_, false) => !hello.supported_versions.contains(&version.0) && version != ProtocolVersion::TLS1_3_EARLY_DRAFT,
            (true, true) => version == ProtocolVersion::TLS1_3,
            (false, true) => version > hello.max_version(),
        }
    }

    /// Of TLS 1.2 and older only the SCSV stands for an extension (RFC 5746 §3.4).
    fn answers_what_was_not_asked(&self) -> bool {
        let (Some(hello), Some(answer)) = (self.whole_hello(), self.answer()) else { return false };
        answer.extensions.iter().any(|answered| {
            let is_asked = hello.has_extension(answered.typ)
                || answered.typ == extension::RENEGOTIATION_INFO && self.knows_secure_renegotiation();
            !is_asked
        })
    }

    /// What RFC 8446 §4.1.2 does not allow to change.
    fn second_hello_differs(&self) -> bool {
        let (Some(first), Some(second)) = (self.hello(), self.session.second_client_hello.as_deref()) else { return false };
        let is_whole = !first.cut && !second.cut;
        let differs = first.legacy_version != second.legacy_version
            || first.random != second.random
            || first.session_id != second.session_id
            || first.cipher_suites != second.cipher_suites
            || first.server_names != second.server_names
            || first.alpn != second.alpn
            || first.supported_versions != second.supported_versions
            || first.groups != second.groups
            || first.signature_algorithms != second.signature_algorithms;
        is_whole && differs
    }
}

/// Whether a random is one byte over and over, behind the time that its first four bytes may be (RFC 5246 §7.4.1.2).
fn is_constant(random: &[u8; 32]) -> bool {
    random.last_chunk::<28>().is_some_and(|[first, rest @ ..]| rest.iter().all(|byte| byte == first))
}
