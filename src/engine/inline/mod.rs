//! In the path: each frame that is handed in goes on, does not, or waits. Sans-IO, as all of the engine.
//!
//! [`Inline::process`] answers for the frame handed in and for those that waited. What goes on is what was inspected: see `gate.rs`. A
//! handshake message of the client that is cut over several segments waits until it is whole and was judged, so that no part of a
//! forbidden one reaches the server.

mod admitting;
mod answer;
mod counters;
mod datagram;
mod deadlines;
mod engine;
mod fragments;
mod gate;
mod policy;
mod refusing;
mod reset;
mod unreachable;

pub use answer::{Answers, Fate, Injection, Ticket, Way};
pub use counters::InlineCounters;
pub use engine::Inline;
pub use policy::{InlineSettings, Policies, Policy};
