//! Packets of flows that a rule alerted on, kept as captures: a worker keeps what comes of each flow that is still read, and hands it to the collector once
//! its session is told, where there was an alert; the collector writes it to a file.

mod directory;
mod recorder;

use std::path::PathBuf;

pub use directory::{RecordingDir, RecordingError};
pub(super) use recorder::Recorder;

use crate::base::Timestamp;

/// Where recordings go, and how much of them there may be.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The directory that they are written to.
    pub path: PathBuf,
    /// Bytes of all files in it; over that the oldest go.
    pub most_bytes: u64,
    /// Bytes of packets that wait for what becomes of their flows.
    pub memory: usize,
}

/// What a worker hands to the collector.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// The packets of a flow that a rule alerted on.
    Flow(RecordedFlow),
    /// So many flows were forgotten, or not kept whole, since there was no room.
    Forgotten(u64),
}

/// The packets of a flow that a rule alerted on.
#[derive(Clone, Debug, Default)]
pub struct RecordedFlow {
    /// As events have it.
    pub flow_id: u64,
    /// What is known of it, for people.
    pub about: String,
    packets: Vec<Kept>,
}

/// A packet, from its innermost IP header on.
#[derive(Clone, Debug)]
struct Kept {
    timestamp: Timestamp,
    original_len: u32,
    data: Box<[u8]>,
    /// The rules that alerted with it.
    alerts: Vec<String>,
}

/// The address and so on of what a packet costs beside its bytes.
const OVERHEAD: usize = size_of::<Kept>();

#[cfg(test)]
mod tests;
