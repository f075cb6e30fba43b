//! From filled buffers to blocks of frames: joins what a buffer's end has cut, and numbers the frames.

use std::ops::Range;
use std::sync::Arc;

use super::block::{Block, FrameRecord};
use super::error::CaptureError;
use super::format::{Format, Next, Recognised, Walked};
use super::found::Found;
use super::read_ahead::{Delivery, Filled, ReadAhead};
use super::set::Capture;

/// The capture that is being played.
#[derive(Default)]
pub(super) struct Play {
    /// Its index: how many have ended.
    capture: u32,
    /// Its format, once its first bytes are there.
    format: Option<Format>,
    /// The piece of a record or block that the last buffer ended with.
    carry: Option<Carry>,
    /// What comes at `offset`.
    next: Next,
    /// How far it has been walked, in bytes of the decompressed capture.
    offset: u64,
    /// How many frames it gave so far.
    frames: u64,
    /// It cannot be walked on: its remaining buffers are passed over.
    broken: bool,
    /// To be told after the block that came before them, in this order.
    problems: [Option<CaptureError>; 2],
    /// How many records the last buffer held: the next will hold about as many.
    expected: usize,
}

/// The end of a buffer.
struct Carry {
    buffer: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Play {
    /// The next block or problem; `None` when the reader has ended.
    pub fn next(&mut self, read_ahead: &ReadAhead, captures: &[Capture]) -> Option<Result<Block, CaptureError>> {
        loop {
            if let Some(problem) = self.problems.iter_mut().find_map(Option::take) {
                return Some(Err(problem));
            }
            match read_ahead.next()? {
                Delivery::Filled(filled) if self.broken => read_ahead.give_back(filled.buffer),
                Delivery::Filled(filled) => {
                    if let Some(block) = self.walk(filled, read_ahead, captures) {
                        return Some(Ok(block));
                    }
                }
                Delivery::End { problem } => {
                    let played = captures.get(self.capture as usize);
                    let problems = [self.unread(played), problem.or_else(|| self.cut(played?))];
                    self.carry.take().into_iter().for_each(|carry| read_ahead.give_back(carry.buffer));
                    let capture = self.capture.saturating_add(1);
                    *self = Self { capture, problems, expected: self.expected, ..Self::default() };
                }
            }
        }
    }

    /// Whether all of so many captures were played to their end.
    pub fn is_complete(&self, captures: usize) -> bool {
        self.capture as usize == captures
    }

    /// Takes the frames out of a buffer.
    fn walk(&mut self, filled: Filled, read_ahead: &ReadAhead, captures: &[Capture]) -> Option<Block> {
        let Filled { buffer, start, end } = self.join(filled, read_ahead);
        let bytes = buffer.get(..end).unwrap_or_default();
        let mut records = Vec::with_capacity(self.expected);
        let walked = self.walk_bytes(bytes, start, &mut records);
        self.offset = self.offset.saturating_add(walked.end.saturating_sub(start) as u64);
        let path = || captures.get(self.capture as usize).map(|capture| capture.path.clone()).unwrap_or_default();
        let problem = match walked.next {
            Next::Corrupt(corruption) => Some(CaptureError::Corrupt { path: path(), offset: self.offset, corruption }),
            Next::NotACapture => {
                let found = Found::by_first_bytes(bytes.get(start..).unwrap_or_default());
                Some(CaptureError::NotACapture { path: path(), found })
            }
            Next::Item(_) | Next::Skip(_) => None,
        };
        if let Some(problem) = problem {
            self.problems = [Some(problem), None];
            self.broken = true;
            read_ahead.abandon(self.capture);
        }
        self.next = walked.next;
        self.carry = Some(Carry { buffer: Arc::clone(&buffer), range: walked.end..end });
        self.block(buffer, records)
    }

    fn walk_bytes(&mut self, bytes: &[u8], start: usize, records: &mut Vec<FrameRecord>) -> Walked {
        if let Some(format) = &mut self.format {
            return format.walk(bytes, start, records);
        }
        match Format::recognise(bytes.get(start..).unwrap_or_default()) {
            Recognised::Capture(format, header_len) => {
                self.format.insert(format).walk(bytes, start.saturating_add(header_len), records)
            }
            Recognised::TooShort(needed) => Walked { end: start, next: Next::Item(needed) },
            // It was one when it was planned: the file has changed since.
            Recognised::Other => Walked { end: start, next: Next::NotACapture },
        }
    }

    fn block(&mut self, buffer: Arc<Vec<u8>>, records: Vec<FrameRecord>) -> Option<Block> {
        if records.is_empty() {
            return None;
        }
        let first_number = self.frames.saturating_add(1);
        self.frames = self.frames.saturating_add(records.len() as u64);
        self.expected = records.len().saturating_add(records.len() / 8);
        Some(Block::new(buffer, records, self.capture, first_number))
    }

    /// Puts the piece that the last buffer ended with in front of the bytes of this one.
    fn join(&mut self, filled: Filled, read_ahead: &ReadAhead) -> Filled {
        let Some(Carry { buffer: before, range }) = self.carry.take() else { return filled };
        let mut filled = filled;
        let piece = before.get(range.clone()).unwrap_or_default();
        if let Some(start) = filled.start.checked_sub(piece.len())
            && let Some(front) = Arc::get_mut(&mut filled.buffer).and_then(|buffer| buffer.get_mut(start..filled.start))
        {
            front.copy_from_slice(piece);
            filled.start = start;
            read_ahead.give_back(before);
            return filled;
        }
        // A record longer than the headroom: it is gathered in a buffer of its own.
        let bytes = filled.buffer.get(filled.start..filled.end).unwrap_or_default();
        let joined = match Arc::try_unwrap(before) {
            Ok(mut own) => {
                own.truncate(range.end);
                own.extend_from_slice(bytes);
                Filled { start: range.start, end: own.len(), buffer: Arc::new(own) }
            }
            Err(shared) => {
                let own = [shared.get(range).unwrap_or_default(), bytes].concat();
                Filled { start: 0, end: own.len(), buffer: Arc::new(own) }
            }
        };
        read_ahead.give_back(filled.buffer);
        joined
    }

    /// What to say of packets that could not be read.
    fn unread(&self, capture: Option<&Capture>) -> Option<CaptureError> {
        Some(CaptureError::Unread { path: capture?.path.clone(), unread: self.format.as_ref()?.unread()? })
    }

    /// What to say if the capture ends here.
    fn cut(&self, capture: &Capture) -> Option<CaptureError> {
        let have = self.carry.as_ref().map_or(0, |carry| carry.range.len()) as u64;
        let missing = match self.next {
            Next::Item(needed) if have > 0 => (needed as u64).saturating_sub(have),
            Next::Skip(missing) => missing,
            _ => return None,
        };
        (missing > 0).then(|| CaptureError::Cut { path: capture.path.clone(), offset: self.offset, missing })
    }
}
