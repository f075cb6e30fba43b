//! What can be wrong with a session, by the names that EVE's `anomaly` event and `app-layer-event:tls.*` use.

use crate::protocol::x509::Fault;

/// Something malformed or odd in the TLS of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Anomaly {
    /// A record with a type that does not exist.
    InvalidRecordType,
    /// A record longer than RFC 8446 §5.1 allows.
    InvalidRecordLength,
    /// A record version that is not 3.x.
    InvalidRecordVersion,
    /// A handshake message that could not be read to the end.
    InvalidHandshakeMessage,
    /// A handshake message longer than the limit, or with a length that lies.
    HandshakeInvalidLength,
    /// What is no certificate, or one whose end is missing.
    InvalidCertificate,
    /// A certificate that is cut within the length of a part, or a list of them that is shorter than its length says.
    CertificateInvalidLength,
    /// A certificate with a version that is no number, or none of X.509's.
    CertificateInvalidVersion,
    /// A certificate with a serial number that is no positive integer.
    CertificateInvalidSerial,
    /// A certificate with an algorithm that is malformed.
    CertificateInvalidAlgorithm,
    /// A certificate with a subject or an issuer that is no name.
    CertificateInvalidName,
    /// A certificate with a validity that is no pair of dates.
    CertificateInvalidDate,
    /// A certificate with malformed extensions, or one of them twice.
    CertificateInvalidExtensions,
    /// A certificate that breaks DER in another place.
    CertificateInvalidDer,
    /// An alert record that is no alert.
    InvalidAlert,
    /// An SSL 2.0 header that lies.
    InvalidSslv2Header,
    /// More than one server_name extension, or more than one host name in it.
    MultipleSni,
    /// A server name with a type other than host_name.
    InvalidSniType,
    /// A server name that is empty or longer than 255 bytes.
    InvalidSniLength,
    /// A server name with a byte that no host name has: a blank, a control character such as NUL, or one beyond ASCII (RFC 6066 §3).
    InvalidSniCharacter,
    /// An extension whose body does not fit its type.
    MalformedExtension,
    /// The same extension twice.
    DuplicateExtension,
    /// Bytes before the TLS began that are not TLS.
    JunkBeforeTls,
    /// A record that has no place before the hello: application data, or a ChangeCipherSpec.
    RecordBeforeHello,
    /// A heartbeat before encryption (RFC 6520).
    HeartbeatMessage,
    /// A heartbeat of a type that does not exist, or without its padding.
    InvalidHeartbeat,
    /// A heartbeat that claims more than it carries (CVE-2014-0160).
    OverflowHeartbeat,
    /// A heartbeat's response that is longer than the request: what a server that was overread gives away.
    HeartbeatLeak,
    /// A retransmission that differs from the first copy.
    OverlapDifferentData,
    /// The ServerHello chose what the ClientHello did not offer.
    UnofferedChoice,
    /// Urgent data: a byte of the stream that the receiver, by its settings, may have read out of band, or not at all (RFC 6093).
    UrgentData,
}

impl Anomaly {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 31] = [
        Self::InvalidRecordType,
        Self::InvalidRecordLength,
        Self::InvalidRecordVersion,
        Self::InvalidHandshakeMessage,
        Self::HandshakeInvalidLength,
        Self::InvalidCertificate,
        Self::CertificateInvalidLength,
        Self::CertificateInvalidVersion,
        Self::CertificateInvalidSerial,
        Self::CertificateInvalidAlgorithm,
        Self::CertificateInvalidName,
        Self::CertificateInvalidDate,
        Self::CertificateInvalidExtensions,
        Self::CertificateInvalidDer,
        Self::InvalidAlert,
        Self::InvalidSslv2Header,
        Self::MultipleSni,
        Self::InvalidSniType,
        Self::InvalidSniLength,
        Self::InvalidSniCharacter,
        Self::MalformedExtension,
        Self::DuplicateExtension,
        Self::JunkBeforeTls,
        Self::RecordBeforeHello,
        Self::HeartbeatMessage,
        Self::InvalidHeartbeat,
        Self::OverflowHeartbeat,
        Self::HeartbeatLeak,
        Self::OverlapDifferentData,
        Self::UnofferedChoice,
        Self::UrgentData,
    ];

    /// EVE's name; for those that Suricata does not have, one in the same manner.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRecordType => "INVALID_RECORD_TYPE",
            Self::InvalidRecordLength => "INVALID_RECORD_LENGTH",
            Self::InvalidRecordVersion => "INVALID_RECORD_VERSION",
            Self::InvalidHandshakeMessage => "INVALID_HANDSHAKE_MESSAGE",
            Self::HandshakeInvalidLength => "HANDSHAKE_INVALID_LENGTH",
            Self::InvalidCertificate => "INVALID_CERTIFICATE",
            Self::CertificateInvalidLength => "CERTIFICATE_INVALID_LENGTH",
            Self::CertificateInvalidVersion => "CERTIFICATE_INVALID_VERSION",
            Self::CertificateInvalidSerial => "CERTIFICATE_INVALID_SERIAL",
            Self::CertificateInvalidAlgorithm => "CERTIFICATE_INVALID_ALGORITHMIDENTIFIER",
            Self::CertificateInvalidName => "CERTIFICATE_INVALID_X509NAME",
            Self::CertificateInvalidDate => "CERTIFICATE_INVALID_DATE",
            Self::CertificateInvalidExtensions => "CERTIFICATE_INVALID_EXTENSIONS",
            Self::CertificateInvalidDer => "CERTIFICATE_INVALID_DER",
            Self::InvalidAlert => "INVALID_ALERT_MESSAGE",
            Self::InvalidSslv2Header => "INVALID_SSLV2_HEADER",
            Self::MultipleSni => "MULTIPLE_SNI_EXTENSIONS",
            Self::InvalidSniType => "INVALID_SNI_TYPE",
            Self::InvalidSniLength => "INVALID_SNI_LENGTH",
            Self::InvalidSniCharacter => "INVALID_SNI_CHARACTER",
            Self::MalformedExtension => "MALFORMED_EXTENSION",
            Self::DuplicateExtension => "DUPLICATE_EXTENSION",
            Self::JunkBeforeTls => "JUNK_BEFORE_TLS",
            Self::RecordBeforeHello => "RECORD_BEFORE_HELLO",
            Self::HeartbeatMessage => "HEARTBEAT_MESSAGE",
            Self::InvalidHeartbeat => "INVALID_HEARTBEAT_MESSAGE",
            Self::OverflowHeartbeat => "OVERFLOW_HEARTBEAT_MESSAGE",
            Self::HeartbeatLeak => "DATALEAK_HEARTBEAT_MISMATCH",
            Self::OverlapDifferentData => "stream.reassembly_overlap_different_data",
            Self::UnofferedChoice => "UNOFFERED_CHOICE",
            Self::UrgentData => "URGENT_DATA",
        }
    }

    /// Its number among [`ALL`](Self::ALL).
    pub const fn index(self) -> u8 {
        self as u8
    }
}

impl From<Fault> for Anomaly {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Certificate => Self::InvalidCertificate,
            Fault::Length => Self::CertificateInvalidLength,
            Fault::Version => Self::CertificateInvalidVersion,
            Fault::Serial => Self::CertificateInvalidSerial,
            Fault::Algorithm => Self::CertificateInvalidAlgorithm,
            Fault::Name => Self::CertificateInvalidName,
            Fault::Date => Self::CertificateInvalidDate,
            Fault::Extensions => Self::CertificateInvalidExtensions,
            Fault::Der => Self::CertificateInvalidDer,
        }
    }
}

/// Some of the anomalies that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AnomalySet(u64);

impl AnomalySet {
    /// Adds one.
    pub const fn insert(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly.index();
    }

    /// Whether it is in.
    pub const fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & 1 << anomaly.index() != 0
    }

    /// The set as bits, each at its anomaly's [`index`](Anomaly::index).
    pub const fn bits(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_number_of_its_own_and_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = Anomaly::ALL.iter().map(|a| a.name()).collect();
        assert_eq!(names.len(), Anomaly::ALL.len());
        for (i, anomaly) in Anomaly::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(anomaly.index()), i);
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut set = AnomalySet::default();
        set.insert(Anomaly::UnofferedChoice);
        assert!(set.contains(Anomaly::UnofferedChoice) && !set.contains(Anomaly::InvalidRecordType));
    }
}
