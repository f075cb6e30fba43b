//! What the validation of a chain came to, in words.

use crate::protocol::x509::{Reason, Status};

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
