//! What a run tells of itself over HTTP: its counters for Prometheus, whether it is well, and one live page.
//!
//! ```text
//! the run ──counters, lines──▶ clerk ──rendered each second──▶ connections (a thread each)
//! ```
//!
//! Nobody waits here. The run leaves its news on a [`Board`]; where the clerk is behind they are passed over and counted. A request is answered
//! with what the clerk rendered last, so that any number of them costs the run nothing but processor time that it does not use itself.

mod access;
mod board;
mod channel;
mod clerk;
mod error;
mod head;
mod live;
mod metrics;
mod recent;
mod response;
mod server;
mod sinks;
mod top;

use std::net::SocketAddr;

pub use access::Token;
pub use board::{Board, Counted};
pub use channel::Encryption;
pub use error::Error;
pub use server::Monitor;
pub use sinks::{SinkLevel, SpoolLevel};

/// Where and to whom it is told.
#[derive(Debug)]
pub struct MonitorSettings {
    /// Where it listens. Any but a loopback address takes a token.
    pub address: SocketAddr,
    /// Names by which it may be asked, beside addresses and `localhost`.
    pub names: Vec<String>,
    /// What a client has to know.
    pub token: Option<Token>,
    /// Its certificate and key.
    pub encryption: Option<Encryption>,
}

/// What is said of the run itself.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its version.
    pub version: &'static str,
    /// The command: `tap`, `inline`.
    pub command: &'static str,
    /// Where frames come from.
    pub place: String,
}
