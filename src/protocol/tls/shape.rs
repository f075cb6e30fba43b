//! What bytes look like that may be the beginning of TLS, or of more TLS behind a loss.

use crate::base::Reader;

pub(super) fn message_header(bytes: &[u8]) -> Option<(u8, usize)> {
    let mut r = Reader::new(bytes);
    let (typ, length) = (r.u8()?, r.u24()?);
    Some((typ, usize::try_from(length).ok()?.saturating_add(MESSAGE_HEADER)))
}

/// Whether a handshake message of type `typ` exists (IANA's TLS HandshakeType registry).
pub(super) const fn is_message_type(typ: u8) -> bool {
    matches!(typ, 0..=6 | 8 | 11..=16 | 20..=25 | 67)
}

/// Whether five bytes can be the header of a record (RFC 8446 §5.1).
pub(super) fn is_record_header(bytes: &[u8]) -> bool {
    let mut r = Reader::new(bytes);
    match (r.u8(), r.u8(), r.u8(), r.u16()) {
        (Some(typ), Some(3), Some(0..=4), Some(length)) => {
            (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&typ) && length > 0 && usize::from(length) <= LONGEST_RECORD
        }
        _ => false,
    }
}

/// Whether fewer than five bytes can be the start of a record.
pub(super) fn is_record_start(bytes: &[u8]) -> bool {
    match *bytes {
        [] => true,
        [typ] => (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&typ),
        [typ, major, ..] => (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&typ) && major == 3,
    }
}

/// Whether `bytes` begin with a handshake record of a version that does not exist. Nobody is to look at it (RFC 8446 §5.1), and servers
/// that do not are out there.
pub(super) fn has_odd_version(bytes: &[u8]) -> bool {
    match *bytes {
        [HANDSHAKE, major] => major != 3,
        [HANDSHAKE, major, minor, ..] => major != 3 || minor > 4,
        _ => false,
    }
}

/// Whether `bytes` begin with a handshake record that holds a hello, whatever version it says; `None` where they are too few to tell.
pub(super) fn begins_with_hello(bytes: &[u8]) -> Option<bool> {
    let plausible = |at: usize, ok: &dyn Fn(u8) -> bool| bytes.get(at).is_none_or(|&b| ok(b));
    let ok = plausible(1, &|b| b < 0x10)
        && plausible(3, &|b| b <= 0x48)
        && plausible(5, &|b| b == CLIENT_HELLO || b == SERVER_HELLO)
        && plausible(6, &|b| b == 0)
        && plausible(9, &|b| b == 3 || b == 0x7f)
        && plausible(10, &|b| b <= 0x1f);
    match (ok, bytes.len() >= 11) {
        (false, _) => Some(false),
        (true, true) => Some(true),
        (true, false) => None,
    }
}

/// Whether `bytes` begin with a handshake record that has a hello in it behind other messages; `None` where they are too few to tell.
pub(super) fn hides_hello(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.get(RECORD_HEADER..)?;
    let mut left = bytes.get(3..RECORD_HEADER).map_or(0, |length| Reader::new(length).u16().map_or(0, usize::from));
    for _ in 0..MOST_BEFORE_HELLO {
        if left < MESSAGE_HEADER {
            return Some(false);
        }
        let at_least = rest.get(1).map_or(0, |&high| usize::from(high) << 16);
        if at_least > left {
            return Some(false);
        }
        let (typ, total) = message_header(rest)?;
        if total > left {
            return Some(false);
        }
        if typ == CLIENT_HELLO || typ == SERVER_HELLO {
            return is_plain_hello(rest);
        }
        left = left.saturating_sub(total);
        rest = rest.get(total..).unwrap_or_default();
    }
    Some(false)
}

/// Whether `bytes` begin with a handshake record whose first message fits; `None` where they are too few to tell. A certificate may be
/// longer than its record.
pub(super) fn begins_with_message(bytes: &[u8]) -> Option<bool> {
    let Some((header, message)) = bytes.split_at_checked(RECORD_HEADER) else {
        return if is_record_start(bytes) { None } else { Some(false) };
    };
    let Some(&typ) = message.first().filter(|_| is_record_header(header)) else {
        return if message.is_empty() && is_record_header(header) { None } else { Some(false) };
    };
    let record = Reader::new(header.get(3..).unwrap_or_default()).u16().map_or(0, usize::from);
    let Some((_, total)) = message_header(message) else {
        return if is_message_type(typ) { None } else { Some(false) };
    };
    let longest = if typ == CERTIFICATE { LONGEST_CERTIFICATE } else { record };
    Some(is_message_type(typ) && total <= longest)
}

/// Whether `bytes` begin with a handshake record that one message fills; `None` where they are too few to tell.
pub(super) fn fills_record(bytes: &[u8]) -> Option<bool> {
    match begins_with_message(bytes)? {
        false => Some(false),
        true => {
            let mut r = Reader::new(bytes.get(3..)?);
            let (record, (_, total)) = (usize::from(r.u16()?), message_header(bytes.get(RECORD_HEADER..)?)?);
            Some(total == record)
        }
    }
}

/// Whether a handshake record after a ChangeCipherSpec is yet a hello in the clear, as TLS 1.3's compatibility mode has it around a
/// HelloRetryRequest (RFC 8446 appendix D.4); an encrypted Finished cannot look so but by chance.
pub(super) fn is_plain_hello(bytes: &[u8]) -> Option<bool> {
    let mut r = Reader::new(bytes);
    let (typ, length, version) = (r.u8()?, r.u24()?, r.u8()?);
    Some((typ == CLIENT_HELLO || typ == SERVER_HELLO) && length < 0x1_0000 && (version == 3 || version == 0x7f))
}

pub(super) fn is_sslv2_length(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|b| b & 0x80 != 0) && bytes.get(2).is_none_or(|&t| t == SSLV2_CLIENT_HELLO || t == SSLV2_SERVER_HELLO)
}

pub(super) fn sslv2_length(bytes: &[u8]) -> usize {
    Reader::new(bytes).u16().map_or(0, |n| usize::from(n & 0x7fff).saturating_add(2))
}

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const HEARTBEAT: u8 = 24;
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
pub(super) const SSLV2_CLIENT_HELLO: u8 = 1;
pub(super) const SSLV2_SERVER_HELLO: u8 = 4;
pub(super) const RECORD_HEADER: usize = 5;
pub(super) const MESSAGE_HEADER: usize = 4;
/// 2^14 and what the oldest versions allow for compression and encryption on top (RFC 5246 §6.2.3).
pub(super) const LONGEST_RECORD: usize = 16_384 + 2_048;
/// So many messages before a hello in one record are looked behind.
const MOST_BEFORE_HELLO: usize = 16;
/// A chain of certificates longer than this is none that is gone on with behind missing bytes.
const LONGEST_CERTIFICATE: usize = 64 << 10;
