//! From records to handshake messages: read where they lie, or copied where they are cut; and what is left of one that has lost a part.

use super::{Half, Item};
use crate::base::heap;
use crate::protocol::tls::session::Anomaly;
use crate::protocol::tls::shape::{HANDSHAKE, MESSAGE_HEADER, message_header};

impl Half {
    /// What was handed out last was read: it goes, and with it the memory of one that was long.
    pub(super) fn forget_message(&mut self) {
        if std::mem::take(&mut self.handed_out) {
            self.message.clear();
            self.message.shrink_to(KEPT_ROOM);
        }
    }

    pub(super) fn handshake<'a>(&'a mut self, available: &'a [u8], longest: usize) -> (usize, Item<'a>) {
        if available.is_empty() {
            return (0, if self.record.remaining == 0 { Item::Passed } else { Item::Wait });
        }
        if !self.message.is_empty() {
            return self.go_on_with_message(available, longest);
        }
        let Some((typ, total)) = message_header(available) else {
            return if self.record.remaining < MESSAGE_HEADER { self.gather(available) } else { (0, Item::Wait) };
        };
        if total > longest {
            self.skip = total;
            return (0, Item::Bad(Anomaly::HandshakeInvalidLength));
        }
        if total > self.record.remaining {
            return self.gather(available);
        }
        match available.get(MESSAGE_HEADER..total) {
            Some(body) => self.consume(total, Item::Message { typ, body, whole: true }),
            None => (0, Item::Wait),
        }
    }

    /// Copies what belongs to a message that is cut over records.
    fn gather<'a>(&mut self, piece: &'a [u8]) -> (usize, Item<'a>) {
        heap::extend(&mut self.message, piece);
        self.consume(piece.len(), Item::Passed)
    }

    fn go_on_with_message<'a>(&'a mut self, available: &'a [u8], longest: usize) -> (usize, Item<'a>) {
        let wanted = message_header(&self.message).map_or(MESSAGE_HEADER, |(_, total)| total);
        if wanted > longest {
            self.skip = wanted.saturating_sub(self.message.len());
            self.message.clear();
            return (0, Item::Bad(Anomaly::HandshakeInvalidLength));
        }
        let n = wanted.saturating_sub(self.message.len()).min(available.len());
        heap::extend(&mut self.message, available.get(..n).unwrap_or_default());
        self.record.remaining = self.record.remaining.saturating_sub(n);
        match message_header(&self.message) {
            Some((typ, total)) if self.message.len() >= total => {
                self.handed_out = true;
                (n, Item::Message { typ, body: self.message.get(MESSAGE_HEADER..).unwrap_or_default(), whole: true })
            }
            _ => (n, Item::Passed),
        }
    }

    /// Accounts for `lost` bytes after `tail` within the record at hand.
    pub(super) fn lose_part_of_message<'a>(&'a mut self, tail: &'a [u8], lost: usize) -> Option<Item<'a>> {
        if self.record.typ != HANDSHAKE {
            return None;
        }
        if let Some(rest) = self.skip.checked_sub(tail.len()).filter(|_| self.skip > 0) {
            self.skip_after_loss(rest, lost);
            return None;
        }
        let so_far = if self.message.is_empty() { tail } else { &self.message };
        let length = self.message.len().saturating_add(tail.len());
        match message_header(so_far) {
            Some((_, total)) => self.skip_after_loss(total.saturating_sub(length), lost),
            None => self.record.damaged = true,
        }
        self.hand_out_partial(tail)
    }

    /// The message that was begun, with what is there of it.
    pub(super) fn hand_out_partial<'a>(&'a mut self, tail: &'a [u8]) -> Option<Item<'a>> {
        let partial = if self.message.is_empty() {
            tail
        } else {
            heap::extend(&mut self.message, tail);
            self.handed_out = true;
            &self.message
        };
        let (typ, body) = (partial.first().copied()?, partial.get(MESSAGE_HEADER..)?);
        Some(Item::Message { typ, body, whole: false })
    }

    fn skip_after_loss(&mut self, rest: usize, lost: usize) {
        self.skip = rest.saturating_sub(lost);
        self.record.damaged |= lost > rest;
    }
}

/// Room in bytes that is kept for the next message cut over records.
const KEPT_ROOM: usize = 2_048;
