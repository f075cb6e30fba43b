//! rules/vulnerabilities.rules

use FlowDirection::{ToClient, ToServer};

use super::*;

pub fn pairs() -> Vec<Pair> {
    let with_der =
        |ders: &[&[u8]]| sending(ders.iter().map(|der| Certificate { der: der.to_vec(), ..Certificate::default() }).collect());
    vec![
        pair(8_443_601, odd(Anomaly::OverflowHeartbeat, ToServer), odd(Anomaly::HeartbeatMessage, ToServer)),
        pair(8_443_602, odd(Anomaly::OverflowHeartbeat, ToClient), odd(Anomaly::HeartbeatMessage, ToClient)),
        pair(8_443_602, odd(Anomaly::OverflowHeartbeat, ToClient), odd(Anomaly::OverflowHeartbeat, ToServer)),
        pair(8_443_603, odd(Anomaly::HeartbeatLeak, ToClient), odd(Anomaly::HeartbeatLeak, ToServer)),
        pair(8_443_604, odd(Anomaly::InvalidHeartbeat, ToServer), odd(Anomaly::HeartbeatMessage, ToServer)),
        pair(8_443_610, with_der(&[OWN_CURVE]), with_der(&[NAMED_CURVE])),
        pair(8_443_611, with_der(&[MAILBOX, PUNYCODE_CONSTRAINT]), with_der(&[MAILBOX, CONSTRAINT])),
        pair(8_443_611, with_der(&[MAILBOX, PUNYCODE_CONSTRAINT]), with_der(&[PUNYCODE_CONSTRAINT])),
        pair(
            8_443_612,
            serving(|f| f.subject = "CN=www.bank.test\0.evil.test".into()),
            serving(|f| f.subject = "CN=www.bank.test.evil.test".into()),
        ),
        pair(
            8_443_613,
            serving(|f| f.subject_alt_names = vec!["evil.test".into(), "www.bank.test\0.evil.test".into()]),
            serving(|f| f.subject_alt_names = vec!["evil.test".into(), "www.bank.test".into()]),
        ),
        pair(8_443_620, odd(Anomaly::UnofferedChoice, ToClient), session()),
        pair(8_443_621, odd(Anomaly::MultipleSni, ToServer), odd(Anomaly::InvalidSniType, ToServer)),
        pair(8_443_622, odd(Anomaly::DuplicateExtension, ToServer), odd(Anomaly::MalformedExtension, ToServer)),
    ]
}

/// AlgorithmIdentifiers of public keys (RFC 5480 §2.1.1): id-ecPublicKey with specifiedCurve, and with namedCurve secp256r1.
const OWN_CURVE: &[u8] = b"\x30\x0d\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x30\x03\x02\x01\x01";
const NAMED_CURVE: &[u8] = b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

/// The OID of SmtpUTF8Mailbox (RFC 9598 §3), as in an otherName, and a value.
const MAILBOX: &[u8] = b"\xa0\x11\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09\xa0\x05\x0c\x03a@b";
/// nameConstraints (RFC 5280 §4.2.1.10) that permit the mail of a host, in Punycode and not.
const PUNYCODE_CONSTRAINT: &[u8] = b"\x06\x03\x55\x1d\x1e\x04\x0f\x30\x0d\xa0\x0b\x30\x09\x81\x07xn--a-b";
const CONSTRAINT: &[u8] = b"\x06\x03\x55\x1d\x1e\x04\x0f\x30\x0d\xa0\x0b\x30\x09\x81\x07example";
