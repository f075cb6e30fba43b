//! A run of frames over one shared buffer.

use std::sync::Arc;

use crate::base::Timestamp;
use crate::packet::{Frame, LinkType};

/// What a capture says of one frame, and where in the block's bytes the frame lies: small, so that it can cross a channel
/// in batches while the bytes stay where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRecord {
    /// Where the frame starts in the block's bytes.
    pub offset: u32,
    /// Captured bytes.
    pub captured_len: u32,
    /// Bytes on the wire; `captured_len` or more.
    pub original_len: u32,
    /// What the first byte is.
    pub link: LinkType,
    /// When it was captured.
    pub timestamp: Timestamp,
}

impl FrameRecord {
    /// The frame in `bytes`, the bytes of the block that the record is from; `None` if they are others and too short.
    pub fn frame<'a>(&self, bytes: &'a [u8], capture: u32, number: u64) -> Option<Frame<'a>> {
        let (start, len) = (usize::try_from(self.offset).ok()?, usize::try_from(self.captured_len).ok()?);
        Some(Frame {
            data: bytes.get(start..start.checked_add(len)?)?,
            link: self.link,
            timestamp: self.timestamp,
            original_len: self.original_len,
            capture,
            number,
        })
    }
}

/// A run of frames of one capture, in its order, over one buffer.
///
/// The buffer is shared: whoever clones [`bytes`](Self::bytes) may hold on to them as long as need be, and nothing is
/// copied. It goes back to the reader's pool when the last holder lets go.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Arc<Vec<u8>>,
    records: Vec<FrameRecord>,
    capture: u32,
    first_number: u64,
}

impl Block {
    pub(super) fn new(bytes: Arc<Vec<u8>>, records: Vec<FrameRecord>, capture: u32, first_number: u64) -> Self {
        Self { bytes, records, capture, first_number }
    }

    /// The buffer that all of the frames lie in.
    pub fn bytes(&self) -> &Arc<Vec<u8>> {
        &self.bytes
    }

    /// What the capture says of each frame, in order.
    pub fn records(&self) -> &[FrameRecord] {
        &self.records
    }

    /// Which capture of the run, counted from 0 in the order of play: an index into
    /// [`CaptureSet::captures`](super::CaptureSet::captures).
    pub fn capture(&self) -> u32 {
        self.capture
    }

    /// The number of the first frame in its capture, counted from 1; the others follow.
    pub fn first_number(&self) -> u64 {
        self.first_number
    }

    /// How many frames there are: at least one.
    #[allow(clippy::len_without_is_empty)] // a block without frames is never handed out
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The frames, in order.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        (self.first_number..).zip(&self.records).filter_map(|(number, record)| record.frame(&self.bytes, self.capture, number))
    }

    /// The `index`-th frame, from 0.
    pub fn frame(&self, index: usize) -> Option<Frame<'_>> {
        let number = self.first_number.saturating_add(u64::try_from(index).ok()?);
        self.records.get(index)?.frame(&self.bytes, self.capture, number)
    }
}
