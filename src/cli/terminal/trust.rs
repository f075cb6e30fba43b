//! What the validation of a chain came to, in words.

use crate::protocol::x509::{OcspStatus, Reason, SctStatus, Status};

/// A few words that go on from "the certificate: ". `reason` matters only where there was none to see.
pub(super) const fn words(status: Status, reason: Option<Reason>) -> &'static str {
    match status {
        Status::Unparsable => "unreadable",
        Status::Revoked => "revoked",
        Status::BadSignature => "with a wrong signature",
        Status::NameConstraint => "for a name its issuer may not issue for",
        Status::SelfSigned => "self-signed",
        Status::UntrustedRoot => "of an untrusted root",
        Status::IncompleteChain => "of an issuer not known",
        Status::Unsupported => "of a kind not supported",
        Status::NotForServer => "not issued for this use",
        Status::NameMismatch => "for another name",
        Status::WeakSignature => "signed over MD5 or SHA-1",
        Status::NotYetValid => "not valid yet",
        Status::Expired => "expired",
        Status::Valid => "valid",
        Status::NotSeen => match reason {
            Some(Reason::Tls13) => "not seen: encrypted in TLS 1.3",
            Some(Reason::Resumed) => "not seen: resumed session",
            Some(Reason::Lost) => "not seen: lost bytes",
            Some(Reason::Dropped) => "not seen: dropped before",
            _ => "not seen: none sent",
        },
    }
}

/// A few words that go on from "the OCSP answer: ".
pub(super) const fn ocsp_words(status: OcspStatus) -> &'static str {
    match status {
        OcspStatus::Good => "good",
        OcspStatus::Revoked => "the certificate is revoked",
        OcspStatus::Unknown => "the responder does not know the certificate",
        OcspStatus::NotYetValid => "of a later time",
        OcspStatus::Expired => "out of date",
        OcspStatus::BadSignature => "wrongly signed",
        OcspStatus::OtherCertificate => "about another certificate",
        OcspStatus::NoIssuer => "of an issuer not known",
        OcspStatus::Refused => "the responder could not answer",
        OcspStatus::Unsupported => "of a kind not supported",
        OcspStatus::Unparsable => "unreadable",
    }
}

/// A few words that go on from "the timestamp: ".
pub(super) const fn sct_words(status: SctStatus) -> &'static str {
    match status {
        SctStatus::Valid => "valid",
        SctStatus::BadSignature => "wrongly signed",
        SctStatus::NotYetValid => "of a later time",
        SctStatus::DistrustedLog => "of a log not trusted any more",
        SctStatus::OtherPeriod => "of a log for another period",
        SctStatus::UnknownLog => "of a log not known",
        SctStatus::NoIssuer => "of an issuer not known",
        SctStatus::Unsupported => "of a kind not supported",
        SctStatus::Unparsable => "unreadable",
    }
}
