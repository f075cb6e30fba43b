//! One direction of a TLS conversation: from bytes in order to records, and from records to handshake messages.
//!
//! A [`Half`] is given all bytes that it has not consumed yet, and answers with one [`Item`] at a time. A message that lies within
//! one record is read where it lies; only one that is cut over records is copied. It knows lengths and boundaries; what a
//! message means is the [`Conversation`](super::Conversation)'s business.

mod beginning;
mod item;
mod messages;
mod records;

pub(super) use item::{Heartbeat, Item};

use super::sealed::Records;
use super::shape::HANDSHAKE;

/// The state of one direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    phase: Phase,
    record: Record,
    /// A message cut over records, as far as it has come, with its header.
    message: Vec<u8>,
    /// `message` was handed out and is to be emptied.
    handed_out: bool,
    /// Bytes of a handshake message that are to be passed over: it is too long, or part of it was lost.
    skip: usize,
    /// A ChangeCipherSpec was seen.
    changed_cipher: bool,
    /// Its encrypted records, while these are watched.
    sealed: Records,
    /// The length of the encrypted heartbeat with which it went dark; 0 for none.
    dark_heartbeat: u16,
    /// Bytes are missing before those that are searched.
    lossy: bool,
    /// Bytes passed over before TLS began, in records before the hello, or between a loss and the next hello.
    pub skipped: u64,
    /// How many of these there were when TLS was first found.
    skipped_before: Option<u64>,
    /// The first bytes were there and were not TLS.
    pub began_otherwise: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// At the first byte.
    #[default]
    Start,
    /// Right behind bytes that are missing: a segment, and maybe a record, begins here.
    Resuming,
    /// Looking for a hello.
    Searching,
    /// Inside TLS records.
    Records,
    /// Encrypted, and watched for heartbeats.
    Watching,
    /// Encrypted, or not TLS: nothing more is read.
    Over,
}

/// The record that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    typ: u8,
    /// Bytes of it to come.
    remaining: usize,
    /// Its first byte is still to come.
    fresh: bool,
    /// Message boundaries in it are lost.
    damaged: bool,
}

impl Half {
    /// Whether nothing more is to be read from this direction.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether what was seen so far is from the first byte on, and was not TLS.
    pub const fn is_opening(&self) -> bool {
        self.began_otherwise && !self.lossy
    }

    /// How many bytes came before TLS was first found. `None`: it was not.
    pub const fn skipped_before(&self) -> Option<u64> {
        self.skipped_before
    }

    /// Whether TLS was found.
    pub fn has_begun(&self) -> bool {
        matches!(self.phase, Phase::Records | Phase::Watching | Phase::Over)
    }

    /// Reads no more.
    pub fn finish(&mut self) {
        self.phase = Phase::Over;
        self.message = Vec::new();
    }

    /// It is dark: of what follows only the headers of records are read, to find heartbeats.
    pub fn watch(&mut self) {
        self.finish();
        self.phase = Phase::Watching;
    }

    /// Whether it is dark and watched.
    pub fn is_watching(&self) -> bool {
        self.phase == Phase::Watching
    }

    /// Bytes of memory that a message takes which is cut over records, as far as it has come.
    pub const fn buffered(&self) -> usize {
        self.message.capacity()
    }

    /// Whether what it got ends within a record header or a handshake message, so that more has to come before it means anything;
    /// `unread` bytes were not consumed. `is_whole`: its start was seen.
    pub fn awaits_more(&self, unread: usize, is_whole: bool) -> bool {
        match self.phase {
            Phase::Start => unread > 0,
            Phase::Records => {
                let is_in_message = self.record.typ == HANDSHAKE && self.record.remaining > 0;
                unread > 0 || is_in_message || self.skip > 0 || (!self.message.is_empty() && !self.handed_out)
            }
            Phase::Searching => unread > 0 && is_whole,
            Phase::Resuming | Phase::Watching | Phase::Over => false,
        }
    }

    /// Takes the next item off the front of `bytes`; answers how many bytes it consumed. `longest` bounds a message in bytes.
    /// `is_first`: nothing is missing since the start, and there was no hello yet, so that nothing can be encrypted.
    pub fn step<'a>(&'a mut self, bytes: &'a [u8], longest: usize, is_first: bool) -> (usize, Item<'a>) {
        self.forget_message();
        match self.phase {
            Phase::Start => self.start(bytes),
            Phase::Resuming => self.resume(bytes),
            Phase::Searching => self.search(bytes),
            Phase::Records if self.record.remaining == 0 && !self.record.fresh => self.record_header(bytes),
            Phase::Records => self.record_body(bytes, longest, is_first),
            Phase::Watching => self.sealed_record(bytes),
            Phase::Over => (bytes.len(), Item::Wait),
        }
    }

    /// `lost` bytes are missing after `tail`, which is what was not consumed. Answers the message that they were part of.
    pub fn gap<'a>(&'a mut self, tail: &'a [u8], lost: u64) -> Option<Item<'a>> {
        self.forget_message();
        let lost = usize::try_from(lost).unwrap_or(usize::MAX);
        let beyond_tail = self.record.remaining.checked_sub(tail.len());
        match (self.phase, beyond_tail) {
            (Phase::Over | Phase::Watching, _) => {
                self.finish();
                None
            }
            (Phase::Records, Some(rest)) if rest >= lost && self.record.remaining > 0 => {
                self.record.remaining = rest.saturating_sub(lost);
                self.record.fresh = false;
                self.lose_part_of_message(tail, lost)
            }
            (phase, _) => {
                self.phase = Phase::Resuming;
                self.lossy = true;
                let record = std::mem::take(&mut self.record);
                let skip = std::mem::take(&mut self.skip);
                if phase == Phase::Records && record.typ == HANDSHAKE && skip == 0 { self.hand_out_partial(tail) } else { None }
            }
        }
    }

    /// The flow ended; `tail` was not consumed. Answers the message whose end is missing.
    pub fn end<'a>(&'a mut self, tail: &'a [u8]) -> Option<Item<'a>> {
        self.forget_message();
        if self.phase != Phase::Records { None } else { self.lose_part_of_message(tail, usize::MAX) }
    }
}

/// How many bytes a hello may come late (STARTTLS, CONNECT, junk) before the search for it ends.
const SEARCH_LIMIT: u64 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_behind_a_record_header_is_not_tls() {
        for (bytes, begins) in [
            (&[22, 3, 1, 0x15, 0x16, 0x94, 0x3a, 0xd4][..], false),
            (&[22, 3, 1, 0, 80, 1, 0, 0], true),
            (&[23, 3, 3, 0, 80, 0x94, 0x3a, 0xd4], true),
            (b"GET / HTTP/1.1", false),
        ] {
            let mut half = Half::default();
            assert_eq!(half.step(bytes, 1 << 14, true).1 == Item::Begins, begins, "{bytes:x?}");
            assert_eq!(half.began_otherwise, !begins);
        }
    }
}
