//! Whether a certificate chain may be trusted, at the time of the packet.
//!
//! [`Trust::judge`] answers with a [`Validation`](crate::protocol::x509::Validation). It goes from what costs little to what costs much:
//!
//! 1. a verdict on the same chain and name that holds at this time is taken from memory (`verdicts`);
//! 2. `path` walks from the leaf by the names of issuers, through what was sent and what is known, in any order: where that reaches
//!    no trusted root, the outcome is known without looking at a signature, but for that of a leaf on itself and those that tell whose
//!    revocation lists count;
//! 3. `verify` has rustls-webpki build and verify the path, and asks again with what was wrong left out, so that all that is wrong
//!    gets known and not only the first; what it does not come to is asked by us: `signatures` whether each signature is right, `revocation`
//!    whether one of the path is revoked.
//!
//! [`Trust::weigh`] says what comes of what the server handed over with its chain: a stapled OCSP answer (`ocsp`) and Signed Certificate
//! Timestamps (`ct`).
//!
//! What it takes from the certificates themselves (dates, usages, digests of signatures) are the facts that
//! [`x509`](crate::protocol::x509) has read of them.

mod algorithms;
mod anchor;
mod ct;
mod issuer;
mod judge;
mod learned;
mod ocsp;
mod path;
mod pure;
mod revocation;
mod signatures;
mod store;
mod verdicts;
mod verify;

#[cfg(test)]
mod tests;

pub use ct::{CtLogs, CtLogsError};
pub use judge::{Peer, Stapled, Trust};
pub use learned::Gathered;
pub use store::{Added, TrustStore};
pub use verdicts::VerdictCounters;
