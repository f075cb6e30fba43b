//! Where TLS begins: at the first byte, behind bytes that are missing, or somewhere behind something else.

use memchr::memchr;

use super::{Half, Item, Phase, Record, SEARCH_LIMIT};
use crate::base::Reader;
use crate::protocol::tls::shape::{
    HANDSHAKE, RECORD_HEADER, SSLV2_CLIENT_HELLO, SSLV2_SERVER_HELLO, begins_with_hello, begins_with_message, fills_record,
    has_odd_version, hides_hello, is_message_type, is_record_header, is_record_start, is_sslv2_length, sslv2_length,
};

impl Half {
    pub(super) fn start<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
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
    pub(super) fn resume<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
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
    pub(super) fn search<'a>(&mut self, bytes: &'a [u8]) -> (usize, Item<'a>) {
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

    pub(super) fn pass(&mut self, n: usize) {
        self.skipped = self.skipped.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
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

const SSLV2_SHORTEST: usize = 11;
