//! What the workers find in one part of the capture and all of them know in another.
//!
//! An intermediate certificate that one flow shows fills the gap of another flow's chain, which may be another worker's. For the same
//! output with any number of workers, all of them learn it at the same place: before the block of frames that comes [`DELAY`]
//! blocks after the one in which it was found. By then every worker is done with that block, so that nobody waits.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::BATCHES_AHEAD;
use crate::protocol::x509::Certificate;
use crate::trust::Gathered;

pub(super) struct Lessons {
    /// From each worker, what it found in a batch: one for each.
    finds: Vec<Receiver<Vec<Arc<Certificate>>>>,
    gathered: Gathered,
    /// Blocks that were begun.
    blocks: usize,
}

impl Lessons {
    /// `limit` bounds what is learned, in bytes.
    pub fn new(finds: Vec<Receiver<Vec<Arc<Certificate>>>>, limit: usize) -> Self {
        Self { finds, gathered: Gathered::new(limit), blocks: 0 }
    }

    /// How many certificates that was so far.
    pub fn learned(&self) -> usize {
        self.gathered.len()
    }

    /// What is new to learn before the next block. `None` where a worker is gone.
    pub fn next(&mut self) -> Option<Vec<Arc<Certificate>>> {
        self.blocks = self.blocks.saturating_add(1);
        if self.blocks <= DELAY {
            return Some(Vec::new());
        }
        let mut found = Vec::new();
        for worker in &self.finds {
            found.append(&mut worker.recv().ok()?);
        }
        Some(self.gathered.take_in(found))
    }
}

/// Blocks between finding and knowing. A worker that was handed the block before this one has at most `BATCHES_AHEAD` waiting
/// and one in work: the one before these is done.
pub(super) const DELAY: usize = BATCHES_AHEAD + 2;
