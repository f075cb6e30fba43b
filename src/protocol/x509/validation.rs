//! What the validation of a certificate chain comes to: plain data, for rules, events and findings to read.

use std::fmt;

use super::{CrlFault, Time};
use crate::base::heap;

/// The outcome of a validation, and each thing that may be wrong with a chain.
///
/// The order is that of precedence: where several apply, the first is the status, and the others stand beside it. It goes from what
/// leaves nothing to say, over what shows that somebody else may be speaking for the server, to what is only neglected:
///
/// | | status | because |
/// | --- | --- | --- |
/// | 1 | `unparsable` | nothing else can be known of it |
/// | 2 | `revoked` | its issuer has taken it back |
/// | 3 | `bad_signature` | it is not what its issuer signed |
/// | 4 | `name_constraint` | its issuer may not issue for this name |
/// | 5 | `self_signed`, `untrusted_root`, `incomplete_chain` | nobody who is trusted vouches for it; at most one of the three applies |
/// | 6 | `unsupported` | it may be good, which could not be found out |
/// | 7 | `not_for_server` | it was issued for something else |
/// | 8 | `name_mismatch` | it was issued for somebody else, as those who forget a name do too |
/// | 9 | `weak_signature` | it may be forged, at a cost |
/// | 10 | `not_yet_valid`, `expired` | it was neglected, or a clock is wrong |
///
/// `valid` and `not_seen` stand alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It is no certificate, or so malformed that it cannot be judged.
    Unparsable,
    /// Its issuer says that it is revoked.
    Revoked,
    /// A signature of the path is wrong.
    BadSignature,
    /// The name constraints of an issuer do not allow one of its names (RFC 5280 §4.2.1.10).
    NameConstraint,
    /// The leaf names itself as its issuer, and is not trusted.
    SelfSigned,
    /// The chain ends in a root that is not trusted.
    UntrustedRoot,
    /// The issuer of one of its certificates was neither sent nor is it known.
    IncompleteChain,
    /// It has something that this program does not know how to judge; [`Validation::reason`] says what.
    Unsupported,
    /// A certificate of the path was not issued for its use here: another extended key usage (RFC 5280 §4.2.1.12), a CA's as leaf,
    /// a leaf's as CA, or more CAs below one than it may have.
    NotForServer,
    /// None of its names is that which the client asked for (RFC 9525).
    NameMismatch,
    /// A certificate of the path, other than the root, is signed over MD5 or SHA-1.
    WeakSignature,
    /// The validity of a certificate of the path had not begun at the time of the packet.
    NotYetValid,
    /// That of one had ended.
    Expired,
    /// Nothing is wrong with it.
    Valid,
    /// There was no certificate to see; [`Validation::reason`] says why.
    NotSeen,
}

/// Why a chain was not seen, or what of it is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Not seen: since TLS 1.3 certificates are encrypted.
    Tls13,
    /// Not seen: the session resumes an earlier one.
    Resumed,
    /// Not seen: bytes of the handshake are missing from the capture.
    Lost,
    /// Not seen: the peer sent none.
    NotSent,
    /// Not seen: a verdict stopped the flow before.
    Dropped,
    /// Not supported: a critical extension that is not known.
    CriticalExtension,
    /// Not supported: it is not of version 3.
    Version,
    /// Not supported: an algorithm, a curve or a size of key that signatures cannot be checked with.
    SignatureAlgorithm,
    /// Not supported: a part of it that is encoded in a rare way.
    Encoding,
    /// Not supported: an issuer constrains directory names (RFC 5280 §4.2.1.10); it allows the names of other kinds.
    NameConstraintsOfDirectory,
    /// Not supported: it takes more signatures, names or certificates to judge than the limit is.
    TooComplex,
}

/// What the validation of one chain came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// The outcome.
    pub status: Status,
    /// All that is wrong, `status` among it; empty where that is [`Status::Valid`] or [`Status::NotSeen`].
    pub problems: Problems,
    /// Why it is not seen or not supported.
    pub reason: Option<Reason>,
    /// Why a revocation list does not count that was given in the name of one of its issuers, where there is such a list.
    pub useless_crl: Option<CrlFault>,
    /// The SHA-256 of the certificates between leaf and root that the verdict rests on, from the leaf up: as sent, or known from
    /// elsewhere. Empty where the leaf is trusted itself, and where no path was found.
    pub issuers: Vec<[u8; 32]>,
    /// The verdict is the same at any moment from here ...
    pub holds_from: Time,
    /// ... to here, both included.
    pub holds_until: Time,
}

/// A set of [`Status`]es.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Problems(u16);

impl Status {
    /// All of them, in the order of precedence.
    pub const ALL: [Self; 15] = [
        Self::Unparsable,
        Self::Revoked,
        Self::BadSignature,
        Self::NameConstraint,
        Self::SelfSigned,
        Self::UntrustedRoot,
        Self::IncompleteChain,
        Self::Unsupported,
        Self::NotForServer,
        Self::NameMismatch,
        Self::WeakSignature,
        Self::NotYetValid,
        Self::Expired,
        Self::Valid,
        Self::NotSeen,
    ];

    /// The name that events and rules have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unparsable => "unparsable",
            Self::Revoked => "revoked",
            Self::BadSignature => "bad_signature",
            Self::NameConstraint => "name_constraint",
            Self::SelfSigned => "self_signed",
            Self::UntrustedRoot => "untrusted_root",
            Self::IncompleteChain => "incomplete_chain",
            Self::Unsupported => "unsupported",
            Self::NotForServer => "not_for_server",
            Self::NameMismatch => "name_mismatch",
            Self::WeakSignature => "weak_signature",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Valid => "valid",
            Self::NotSeen => "not_seen",
        }
    }
}

impl Reason {
    /// The name that events have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls13 => "tls13",
            Self::Resumed => "resumed",
            Self::Lost => "lost",
            Self::NotSent => "not_sent",
            Self::Dropped => "dropped",
            Self::CriticalExtension => "critical_extension",
            Self::Version => "version",
            Self::SignatureAlgorithm => "signature_algorithm",
            Self::Encoding => "encoding",
            Self::NameConstraintsOfDirectory => "name_constraints_of_directory",
            Self::TooComplex => "too_complex",
        }
    }
}

impl Validation {
    /// Bytes of memory that it takes.
    pub(in crate::protocol) const fn footprint(&self) -> usize {
        heap::of_box::<Self>().saturating_add(heap::of::<[u8; 32]>(self.issuers.capacity()))
    }

    /// What `problems` come to, at any time.
    pub fn of(problems: Problems) -> Self {
        Self {
            status: problems.iter().next().unwrap_or(Status::Valid),
            problems,
            reason: None,
            useless_crl: None,
            issuers: Vec::new(),
            holds_from: Time::from_unix(i64::MIN),
            holds_until: Time::from_unix(i64::MAX),
        }
    }

    /// There was nothing to validate, because of `reason`.
    pub fn not_seen(reason: Reason) -> Self {
        Self { status: Status::NotSeen, reason: Some(reason), ..Self::of(Problems::default()) }
    }

    /// The same, and revoked.
    #[must_use]
    pub fn revoked(&self) -> Self {
        let mut problems = self.problems;
        problems.insert(Status::Revoked);
        let Self { status, .. } = Self::of(problems);
        Self { status, problems, ..self.clone() }
    }

    /// Whether the verdict is the same at `time`.
    pub fn holds_at(&self, time: Time) -> bool {
        (self.holds_from..=self.holds_until).contains(&time)
    }
}

impl Problems {
    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `status` is one of them.
    pub const fn contains(self, status: Status) -> bool {
        self.0 & Self::bit(status) != 0
    }

    /// Adds `status`.
    pub const fn insert(&mut self, status: Status) {
        self.0 |= Self::bit(status);
    }

    /// Takes `status` out.
    pub const fn remove(&mut self, status: Status) {
        self.0 &= !Self::bit(status);
    }

    /// Them, in the order of precedence.
    pub fn iter(self) -> impl Iterator<Item = Status> {
        Status::ALL.into_iter().filter(move |&status| self.contains(status))
    }

    const fn bit(status: Status) -> u16 {
        1 << status as u16
    }
}

impl FromIterator<Status> for Problems {
    fn from_iter<I: IntoIterator<Item = Status>>(statuses: I) -> Self {
        let mut problems = Self::default();
        statuses.into_iter().for_each(|status| problems.insert(status));
        problems
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_precedence() {
        assert!(Status::ALL.is_sorted());
        let problems = Problems::from_iter([Status::Expired, Status::NameMismatch, Status::SelfSigned]);
        assert_eq!(Validation::of(problems).status, Status::SelfSigned);
        assert_eq!(Validation::of(Problems::default()).status, Status::Valid);
    }

    #[test]
    fn every_status_has_its_own_bit_and_name() {
        for status in Status::ALL {
            let only = Problems::from_iter([status]);
            assert_eq!(only.iter().collect::<Vec<_>>(), [status]);
            assert_eq!(Status::ALL.iter().filter(|s| s.as_str() == status.as_str()).count(), 1, "{status:?}");
        }
    }
}
