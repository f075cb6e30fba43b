//! From bytes to records, and what there is in those that hold no handshake messages.

use super::{Half, Heartbeat, Item, Phase, Record, SEARCH_LIMIT};
use crate::base::Reader;
use crate::protocol::tls::sealed::{Records, Shown};
use crate::protocol::tls::session::Anomaly;
use crate::protocol::tls::shape::{
    CHANGE_CIPHER_SPEC, HANDSHAKE, HEARTBEAT, LONGEST_RECORD, RECORD_HEADER, begins_with_hello, is_plain_hello,
};

impl Half {
    pub(super) fn record_header<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
        let mut r = Reader::new(bytes);
        let (Some(typ), Some(version), Some(length)) = (r.u8(), r.u16(), r.u16()) else {
            return (0, Item::Wait);
        };
        let odd_version = version >> 8 != 3;
        // Some servers take any version around a hello.
        let is_of_hello = match typ {
            HANDSHAKE if odd_version && self.message.is_empty() => match begins_with_hello(bytes) {
                None => return (0, Item::Wait),
                Some(is_hello) => is_hello,
            },
            _ => typ == HANDSHAKE,
        };
        let anomaly = if !(CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&typ) {
            Anomaly::InvalidRecordType
        } else if odd_version && !is_of_hello {
            Anomaly::InvalidRecordVersion
        } else if usize::from(length) > LONGEST_RECORD {
            Anomaly::InvalidRecordLength
        } else {
            self.record = Record { typ, remaining: usize::from(length), fresh: true, damaged: false };
            return (RECORD_HEADER, if odd_version { Item::Bad(Anomaly::InvalidRecordVersion) } else { Item::Passed });
        };
        self.message.clear();
        self.phase = Phase::Searching;
        (0, Item::Bad(anomaly))
    }

    pub(super) fn record_body<'a>(&'a mut self, bytes: &'a [u8], longest: usize, is_first: bool) -> (usize, Item<'a>) {
        let available = bytes.get(..self.record.remaining).unwrap_or(bytes);
        let whole = available.len() == self.record.remaining;
        if self.record.fresh && self.record.typ != HANDSHAKE {
            return if is_first && matches!(self.record.typ, CHANGE_CIPHER_SPEC | APPLICATION_DATA) {
                self.record_before_hello(available)
            } else {
                self.other_record(available, whole)
            };
        }
        if self.record.fresh && self.changed_cipher && self.message.is_empty() {
            match is_plain_hello(available) {
                None if !whole => return (0, Item::Wait),
                // What is too short to tell is too short to be encrypted.
                None | Some(true) => {}
                Some(false) => return self.dark(available),
            }
        }
        self.record.fresh = false;
        if self.record.typ != HANDSHAKE || self.record.damaged {
            return self.consume(available.len(), Item::Passed);
        }
        if self.skip > 0 {
            let n = self.skip.min(available.len());
            self.skip = self.skip.saturating_sub(n);
            return self.consume(n, Item::Passed);
        }
        self.handshake(available, longest)
    }

    pub(super) fn consume<'a>(&mut self, n: usize, item: Item<'a>) -> (usize, Item<'a>) {
        self.record.remaining = self.record.remaining.saturating_sub(n);
        (n, if n == 0 && item == Item::Passed && self.record.remaining > 0 { Item::Wait } else { item })
    }

    fn other_record<'a>(&mut self, available: &'a [u8], whole: bool) -> (usize, Item<'a>) {
        match (self.record.typ, available) {
            (CHANGE_CIPHER_SPEC, _) if !whole => return (0, Item::Wait),
            (CHANGE_CIPHER_SPEC, _) => {
                self.changed_cipher = true;
                self.record.fresh = false;
                self.record.remaining = self.record.remaining.saturating_sub(available.len());
                return (available.len(), Item::ChangeCipherSpec);
            }
            // No version has an encrypted alert of two bytes: one in the clear behind the ChangeCipherSpec that TLS 1.3 only pretends.
            (ALERT, _) if self.changed_cipher && self.record.remaining != 2 => return self.dark(available),
            (ALERT, _) if self.record.remaining > 2 => {
                self.record.fresh = false; // encrypted without a ChangeCipherSpec that we saw, or nonsense
                return (0, Item::Bad(Anomaly::InvalidAlert));
            }
            (ALERT, [level, description]) => {
                let (level, description) = (*level, *description);
                self.record.fresh = false;
                return self.consume(2, Item::Alert { level, description });
            }
            (ALERT | HEARTBEAT, _) if !whole && available.len() < 3 => return (0, Item::Wait),
            (ALERT, _) => {
                self.record.fresh = false;
                return (0, Item::Bad(Anomaly::InvalidAlert));
            }
            (HEARTBEAT, _) if self.changed_cipher => {
                self.dark_heartbeat = u16::try_from(self.record.remaining).unwrap_or(u16::MAX);
                return self.dark(available);
            }
            (HEARTBEAT, _) => {
                self.record.fresh = false;
                return (0, Item::Heartbeat(heartbeat(available, self.record.remaining)));
            }
            (APPLICATION_DATA, _) => {
                self.record.fresh = false;
                self.sealed = Records::within(self.record.remaining);
                return (0, Item::ApplicationData);
            }
            _ => {}
        }
        self.record.fresh = false;
        self.consume(available.len(), Item::Passed)
    }

    /// Passes over a record that hides the hello from who takes it for the start of what is encrypted; but not for ever.
    fn record_before_hello<'a>(&mut self, available: &'a [u8]) -> (usize, Item<'a>) {
        if self.skipped > SEARCH_LIMIT {
            return self.dark(available);
        }
        self.pass(self.record.remaining.saturating_add(RECORD_HEADER));
        self.record.fresh = false;
        (0, Item::Bad(Anomaly::RecordBeforeHello))
    }

    fn dark<'a>(&mut self, available: &'a [u8]) -> (usize, Item<'a>) {
        self.finish();
        self.sealed = Records::within(self.record.remaining.saturating_sub(available.len()));
        (available.len(), Item::Dark)
    }

    pub(super) fn sealed_record<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
        let length = std::mem::take(&mut self.dark_heartbeat);
        if length > 0 {
            return (0, Item::SealedHeartbeat(length));
        }
        let (taken, shown) = self.sealed.step(bytes);
        let item = match shown {
            Shown::Wait => Item::Wait,
            Shown::Passed => Item::Passed,
            Shown::Heartbeat(length) => Item::SealedHeartbeat(length),
            Shown::Nonsense => {
                self.finish();
                Item::Passed
            }
        };
        (taken, item)
    }
}

fn heartbeat(start: &[u8], record: usize) -> Heartbeat {
    let mut r = Reader::new(start);
    Heartbeat { typ: r.u8().unwrap_or_default(), claimed: r.u16().unwrap_or_default(), record }
}

const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;
