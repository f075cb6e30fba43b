//! The options that say where the packets of flows are kept that a rule alerted on.

use std::path::{Path, PathBuf};

use clap::Args;

use super::refused::{Refused, failed};
use super::units;
use crate::pipeline::{Recording, RecordingDir};

#[derive(Debug, Args)]
#[command(next_help_heading = "Packets of alerts")]
pub(super) struct RecordingOptions {
    /// Keep the handshake of each flow that a rule alerts on in a directory: a capture for each, named by the flow's id, with comments that name
    /// rules and session
    #[arg(long, value_name = "DIR")]
    write_alerts: Option<PathBuf>,

    /// Bytes of all captures in that directory; over that the oldest go
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = units::bytes)]
    write_alerts_size: usize,

    /// Memory for packets of flows whose sessions are not told yet
    #[arg(long, value_name = "BYTES", default_value = "64MiB", value_parser = units::bytes)]
    write_alerts_memory: usize,
}

impl RecordingOptions {
    /// What is to be kept; the directory is made.
    pub fn recording(&self) -> Result<Option<Recording>, Refused> {
        let Some(path) = &self.write_alerts else { return Ok(None) };
        let most_bytes = u64::try_from(self.write_alerts_size).unwrap_or(u64::MAX);
        let recording = Recording { path: path.clone(), most_bytes, memory: self.write_alerts_memory };
        RecordingDir::open(&recording).map_err(failed)?;
        Ok(Some(recording))
    }

    /// The directory that is written to.
    #[cfg(target_os = "linux")]
    pub fn directory(&self) -> Option<&Path> {
        self.write_alerts.as_deref()
    }
}
