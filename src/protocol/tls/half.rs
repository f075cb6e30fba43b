//! One direction of a TLS conversation: from bytes in order to records, and from records to handshake messages.
//!
//! A [`Half`] is given all bytes that it has not consumed yet, and answers with one [`Item`] at a time. A message that lies within
//! one record is read where it lies; only one that is cut over records is copied. It knows lengths and boundaries; what a
//! message means is the [`Conversation`](super::Conversation)'s business.

use memchr::memchr;

use super::sealed::{Records, Shown};
use super::session::Anomaly;
use super::shape::{
    CHANGE_CIPHER_SPEC, CLIENT_HELLO, HANDSHAKE, HEARTBEAT, LONGEST_RECORD, MESSAGE_HEADER, RECORD_HEADER, SERVER_HELLO,
    SSLV2_CLIENT_HELLO, SSLV2_SERVER_HELLO, begins_with_hello, begins_with_message, fills_record, has_odd_version, hides_hello,
    is_message_type, is_plain_hello, is_record_header, is_record_start, is_sslv2_length, message_header, sslv2_length,
};
use crate::base::{Reader, heap};

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

/// What a direction shows next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// Nothing until more bytes come.
    Wait,
    /// Something was passed over.
    Passed,
    /// TLS begins here.
    Begins,
    /// A handshake message; `whole` is false where its end is missing.
    Message { typ: u8, body: &'a [u8], whole: bool },
    /// An SSL 2.0 ClientHello from the byte after its type.
    Sslv2ClientHello(&'a [u8]),
    /// An SSL 2.0 ServerHello from the byte after its type.
    Sslv2ServerHello(&'a [u8]),
    /// An alert.
    Alert { level: u8, description: u8 },
    /// A heartbeat in the clear.
    Heartbeat(Heartbeat),
    /// An encrypted heartbeat, in a record of this many bytes.
    SealedHeartbeat(u16),
    /// A ChangeCipherSpec.
    ChangeCipherSpec,
    /// A record of application data begins.
    ApplicationData,
    /// From here on everything is encrypted.
    Dark,
    /// Something malformed; parsing goes on.
    Bad(Anomaly),
    /// It is not TLS, and the search for it is over.
    NotTls,
}

impl Item<'_> {
    /// Whether it is a hello, of whichever side.
    pub const fn is_hello(&self) -> bool {
        match self {
            Self::Message { typ, .. } => matches!(*typ, CLIENT_HELLO | SERVER_HELLO | HELLO_RETRY_REQUEST),
            Self::Sslv2ClientHello(_) | Self::Sslv2ServerHello(_) => true,
            _ => false,
        }
    }
}

/// What a heartbeat record says of itself (RFC 6520 §4: type, payload length, payload, padding). What is not there is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heartbeat {
    /// 1 for a request, 2 for a response.
    pub typ: u8,
    /// How long the payload is said to be, in bytes.
    pub claimed: u16,
    /// How long the record is, in bytes.
    pub record: usize,
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

    /// What was handed out last was read: it goes, and with it the memory of one that was long.
    fn forget_message(&mut self) {
        if std::mem::take(&mut self.handed_out) {
            self.message.clear();
            self.message.shrink_to(KEPT_ROOM);
        }
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

    /// Accounts for `lost` bytes after `tail` within the record at hand.
    fn lose_part_of_message<'a>(&'a mut self, tail: &'a [u8], lost: usize) -> Option<Item<'a>> {
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
    fn hand_out_partial<'a>(&'a mut self, tail: &'a [u8]) -> Option<Item<'a>> {
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

    fn start<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
        if has_odd_version(bytes) {
            match begins_with_hello(bytes) {
                None => return (0, Item::Wait),
                Some(true) => return self.begin(0),
                Some(false) => {}
            }
        }
        let (Some(&first), true) = (bytes.first(), bytes.len() >= RECORD_HEADER) else {
            if bytes.iter().zip([HANDSHAKE, 3]).any(|(got, want)| *got != want)
                && !is_sslv2_length(bytes)
                && !is_record_start(bytes)
            {
                self.not_at_once();
                return (0, Item::Passed);
            }
            return (0, Item::Wait);
        };
        if is_record_header(bytes) {
            match bytes.get(RECORD_HEADER) {
                None if first == HANDSHAKE => return (0, Item::Wait),
                // Noise may have the five bytes of a header; a message that exists behind them makes it TLS, or a hello behind others.
                Some(&typ) if first == HANDSHAKE && !is_message_type(typ) => match hides_hello(bytes) {
                    None => return (0, Item::Wait),
                    Some(true) => {}
                    Some(false) => {
                        self.not_at_once();
                        return (0, Item::Passed);
                    }
                },
                _ => {}
            }
            self.phase = Phase::Records;
            return (0, Item::Begins);
        }
        if first & 0x80 != 0
            && let Some(item) = sslv2_hello(bytes)
        {
            let consumed = match item {
                Item::Wait => return (0, Item::Wait),
                _ => sslv2_length(bytes),
            };
            self.phase = Phase::Records;
            return (consumed, item);
        }
        self.not_at_once();
        (0, Item::Passed)
    }

    fn not_at_once(&mut self) {
        self.began_otherwise = true;
        self.phase = Phase::Searching;
    }

    /// Goes on behind bytes that are missing, where a record begins.
    fn resume<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
        let begins = match *bytes {
            [HANDSHAKE, ..] => begins_with_message(bytes),
            _ if bytes.len() < RECORD_HEADER && is_record_start(bytes) => None,
            _ => Some(is_record_header(bytes)),
        };
        match begins {
            None => (0, Item::Wait),
            Some(false) => {
                self.phase = Phase::Searching;
                (0, Item::Passed)
            }
            Some(true) => self.begin(0),
        }
    }

    fn begin<'a>(&mut self, at: usize) -> (usize, Item<'a>) {
        (self.phase, self.record, self.lossy) = (Phase::Records, Record::default(), false);
        self.skipped_before.get_or_insert(self.skipped);
        (at, Item::Begins)
    }

    /// Looks for a record that begins with a hello; its eleven bytes leave no room for chance. Behind bytes that are missing the hello
    /// may be among them: there any message that fills a record will do.
    fn search<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
        let mut at = 0_usize;
        while let Some(rest) = bytes.get(at..) {
            let Some(hit) = memchr(HANDSHAKE, rest) else {
                at = bytes.len();
                break;
            };
            at = at.saturating_add(hit);
            let rest = bytes.get(at..).unwrap_or_default();
            match (begins_with_hello(rest), if self.lossy { fills_record(rest) } else { Some(false) }) {
                (Some(true), _) | (_, Some(true)) => {
                    self.pass(at);
                    return self.begin(at);
                }
                (Some(false), Some(false)) => at = at.saturating_add(1),
                _ => break,
            }
        }
        self.pass(at);
        if self.skipped > SEARCH_LIMIT {
            self.finish();
            return (bytes.len(), Item::NotTls);
        }
        (at, Item::Wait)
    }

    fn pass(&mut self, n: usize) {
        self.skipped = self.skipped.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
    }

    fn record_header<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
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

    fn record_body<'a>(&'a mut self, bytes: &'a [u8], longest: usize, is_first: bool) -> (usize, Item<'a>) {
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

    fn consume<'a>(&mut self, n: usize, item: Item<'a>) -> (usize, Item<'a>) {
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

    fn sealed_record<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
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

    fn handshake<'a>(&'a mut self, available: &'a [u8], longest: usize) -> (usize, Item<'a>) {
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
}

/// An SSL 2.0 hello at the front of `bytes`; `None` where it is none.
fn sslv2_hello(bytes: &[u8]) -> Option<Item<'_>> {
    let mut r = Reader::new(bytes.get(2..)?);
    let typ = r.u8()?;
    let sane = match typ {
        SSLV2_CLIENT_HELLO => matches!(r.u16()?, 0x0002 | 0x0300..=0x0304),
        SSLV2_SERVER_HELLO => r.u16()? >> 8 <= 1 && bytes.get(5..7).is_none_or(|v| v == [0, 2]),
        _ => false,
    };
    let length = sslv2_length(bytes);
    if !sane || length < SSLV2_SHORTEST {
        return None;
    }
    Some(match bytes.get(3..length) {
        None => Item::Wait,
        Some(body) if typ == SSLV2_CLIENT_HELLO => Item::Sslv2ClientHello(body),
        Some(body) => Item::Sslv2ServerHello(body),
    })
}

fn heartbeat(start: &[u8], record: usize) -> Heartbeat {
    let mut r = Reader::new(start);
    Heartbeat { typ: r.u8().unwrap_or_default(), claimed: r.u16().unwrap_or_default(), record }
}

const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;
/// As the drafts of TLS 1.3 had it before the 22nd.
const HELLO_RETRY_REQUEST: u8 = 6;
const SSLV2_SHORTEST: usize = 11;
/// Room in bytes that is kept for the next message cut over records.
const KEPT_ROOM: usize = 2_048;
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
