//! Portcullis watches port 443: it reads packets, follows every TLS conversation up to the point where it goes dark, and says
//! what it saw and what the rules make of it, as EVE JSON.
//!
//! The middle is sans-IO: [`engine::Engine`] is given frames and answers with events and verdicts; it knows no clock, thread,
//! file or socket. It joins, from the ground up:
//!
//! | room | what it is |
//! | --- | --- |
//! | [`base`] | time, a bounds-checked reader, hex |
//! | [`packet`] | from a frame to a TCP segment: link layers, tunnels, IP, fragments |
//! | [`flow`] | five-tuples, the flow table, time-outs, streams put back in order |
//! | [`protocol`] | TLS, certificates, fingerprints |
//! | [`trust`] | whether a certificate chain may be trusted |
//! | [`findings`] | what is weak, wrong or odd about a session, by name |
//! | [`rules`] | rules in Suricata's language |
//! | [`event`] | EVE JSON |
//! | [`engine`] | the data path |
//!
//! Around it the rim does the I/O: [`capture`] brings frames, [`sink`] takes lines, [`monitor`] tells how a run goes, [`pipeline`] owns the threads, and [`cli`]
//! starts it all.

#![warn(missing_docs)]
// No input may panic: tests are free to.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod base;
pub mod capture;
pub mod cli;
pub mod engine;
pub mod event;
pub mod findings;
pub mod flow;
pub mod monitor;
pub mod packet;
pub mod pipeline;
pub mod protocol;
pub mod rules;
pub mod sink;
pub mod trust;

pub use engine::Engine;
pub use rules::RuleSet;
