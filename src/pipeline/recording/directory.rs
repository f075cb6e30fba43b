//! The collector's part: a directory of captures, one for each flow, of which the oldest go.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Recorded, RecordedFlow, Recording};
use crate::capture::{CaptureError, PcapngWriter};
use crate::packet::{Frame, LinkType};

/// Why there is no directory to write to.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep packets in {}: {source}", .path.display())]
pub struct RecordingError {
    path: PathBuf,
    source: io::Error,
}

/// A directory of captures.
#[derive(Debug)]
pub struct RecordingDir {
    path: PathBuf,
    most_bytes: u64,
    /// Those that are there, oldest first, and their bytes.
    files: VecDeque<(PathBuf, u64)>,
    bytes: u64,
    written: u64,
    removed: u64,
    failed: u64,
    forgotten: u64,
}

impl RecordingDir {
    /// The directory, which is made where it is not there. What earlier runs have left there counts.
    pub fn open(recording: &Recording) -> Result<Self, RecordingError> {
        let path = recording.path.clone();
        let files = fs::create_dir_all(&path).and_then(|()| captures(&path));
        let files = files.map_err(|source| RecordingError { path: path.clone(), source })?;
        let bytes = files.iter().fold(0_u64, |sum, (_, len)| sum.saturating_add(*len));
        let most_bytes = recording.most_bytes;
        Ok(Self { path, most_bytes, files, bytes, written: 0, removed: 0, failed: 0, forgotten: 0 })
    }

    /// Writes a flow's packets to a file of their own, and removes old ones where all together are too large. That it cannot is counted.
    pub fn take(&mut self, recorded: &Recorded) {
        match recorded {
            Recorded::Forgotten(flows) => self.forgotten = self.forgotten.saturating_add(*flows),
            Recorded::Flow(flow) => match self.write(flow) {
                Ok(()) => self.written = self.written.saturating_add(1),
                Err(_) => self.failed = self.failed.saturating_add(1),
            },
        }
    }

    /// What was counted, by the names that `stats` events have for it.
    pub fn counters(&self) -> [(&'static str, u64); 5] {
        [
            ("portcullis.recorded.flows", self.written),
            ("portcullis.recorded.bytes", self.bytes),
            ("portcullis.recorded.removed", self.removed),
            ("portcullis.recorded.failed", self.failed),
            ("portcullis.recorded.forgotten", self.forgotten),
        ]
    }

    fn write(&mut self, flow: &RecordedFlow) -> Result<(), CaptureError> {
        let path = self.path.join(flow.flow_id.to_string()).with_extension(EXTENSION);
        // Under another name first, so that nobody finds half a file.
        let unfinished = path.with_added_extension("part");
        let mut writer = PcapngWriter::create_about(&unfinished, &flow.about)?;
        for (number, packet) in (1..).zip(&flow.packets) {
            let (timestamp, original_len) = (packet.timestamp, packet.original_len);
            let frame = Frame { data: &packet.data, link: LinkType::Raw, timestamp, original_len, capture: 0, number };
            writer.write_about(&frame, &packet.alerts)?;
        }
        writer.finish()?;
        let failed = |source| CaptureError::Write { path: path.clone(), source };
        let is_there = path.exists();
        let len = fs::metadata(&unfinished).map_err(failed)?.len();
        fs::rename(&unfinished, &path).map_err(failed)?;
        if is_there
            && let Some(place) = self.files.iter().position(|(known, _)| *known == path)
            && let Some((_, before)) = self.files.remove(place)
        {
            self.bytes = self.bytes.saturating_sub(before);
        }
        self.bytes = self.bytes.saturating_add(len);
        self.files.push_back((path, len));
        self.keep_within();
        Ok(())
    }

    fn keep_within(&mut self) {
        while self.bytes > self.most_bytes {
            let Some((oldest, len)) = self.files.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(len);
            if fs::remove_file(oldest).is_ok() {
                self.removed = self.removed.saturating_add(1);
            }
        }
    }
}

/// The captures of earlier runs: files that are named by a flow's number. Others are left alone.
fn captures(path: &Path) -> io::Result<VecDeque<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|extension| extension == EXTENSION)
            && path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.parse::<u64>().is_ok());
        if is_ours && let Ok(meta) = fs::metadata(&path) {
            found.push((meta.modified()?, path, meta.len()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path, len)| (path, len)).collect())
}

const EXTENSION: &str = "pcapng";
