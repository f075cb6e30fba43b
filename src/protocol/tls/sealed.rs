//! Heartbeats after encryption began: their content type and length are in the clear (RFC 5246 §6.2.1), and an answer is as long as its request
//! (RFC 6520 §4) but for the padding.

use super::shape::{CHANGE_CIPHER_SPEC, HEARTBEAT, LONGEST_RECORD, RECORD_HEADER};
use crate::base::Reader;
use crate::flow::{Direction, Pair};

/// Where the encrypted records of one direction stand. Of a record nothing is read but its header.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Bytes of the record at hand that are to come.
    remaining: u16,
}

/// What encrypted bytes show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Nothing until more bytes come.
    Wait,
    /// A record, or part of one.
    Passed,
    /// A heartbeat in a record of this many bytes begins.
    Heartbeat(u16),
    /// These are no records.
    Nonsense,
}

impl Records {
    /// Within a record of which `remaining` bytes are to come.
    pub fn within(remaining: usize) -> Self {
        Self { remaining: u16::try_from(remaining).unwrap_or(u16::MAX) }
    }

    /// Takes a header, or what is there of a record, off the front of `bytes`; answers how many bytes that was.
    pub fn step(&mut self, bytes: &[u8]) -> (usize, Shown) {
        if self.remaining > 0 {
            let taken = self.remaining.min(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
            self.remaining = self.remaining.saturating_sub(taken);
            return (taken.into(), if taken == 0 { Shown::Wait } else { Shown::Passed });
        }
        let mut r = Reader::new(bytes);
        let (Some(typ), Some(version), Some(length)) = (r.u8(), r.u16(), r.u16()) else { return (0, Shown::Wait) };
        if !(CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&typ) || version >> 8 != 3 || usize::from(length) > LONGEST_RECORD {
            return (bytes.len(), Shown::Nonsense);
        }
        self.remaining = length;
        (RECORD_HEADER, if typ == HEARTBEAT { Shown::Heartbeat(length) } else { Shown::Passed })
    }
}

/// Requests that wait for their answer: of each direction the length in bytes of the longest record, 0 for none.
#[derive(Debug, Default)]
pub(super) struct Requests(Pair<u16>);

impl Requests {
    /// `direction` sends a heartbeat in a record of `length` bytes: whether it answers one with so much more that no padding explains it. One
    /// that comes while the peer's waits is the answer.
    pub fn take(&mut self, direction: Direction, length: u16) -> bool {
        match std::mem::take(self.0.get_mut(direction.reverse())) {
            0 => {
                let waiting = self.0.get_mut(direction);
                *waiting = length.max(*waiting);
                false
            }
            asked => length > asked.saturating_add(SLACK),
        }
    }
}

/// By how many bytes an answer may be longer. Padding is 16 bytes as OpenSSL has it; the rules that were published for Heartbleed have this number.
const SLACK: u16 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Direction = Direction::AToB;
    const SERVER: Direction = Direction::BToA;

    #[test]
    fn an_answer_is_told_from_a_request_by_who_waits() {
        for (sent, expected) in [
            (&[(CLIENT, 51), (SERVER, 252)][..], true),
            (&[(CLIENT, 51), (SERVER, 251)], false),
            (&[(SERVER, 51), (CLIENT, 16_384)], true),
            (&[(SERVER, 16_384)], false),
            (&[(CLIENT, 51), (CLIENT, 300), (SERVER, 400)], false),
            (&[(CLIENT, 51), (SERVER, 51), (SERVER, 16_384)], false),
            (&[(SERVER, 51), (CLIENT, 51), (CLIENT, 600), (SERVER, 600)], false),
        ] {
            let mut requests = Requests::default();
            let leaks = sent.iter().filter(|&&(direction, length)| requests.take(direction, length)).count();
            assert_eq!(leaks > 0, expected, "{sent:?}");
        }
    }

    #[test]
    fn records_are_found_however_they_are_cut() {
        let bytes = [&[23, 3, 3, 0, 4, 24, 3, 3, 9][..], &[24, 3, 1, 1, 0], &[0; 256], &[21, 3, 3, 0, 2, 7, 7]].concat();
        for size in [1, 3, 7, bytes.len()] {
            let (mut records, mut shown, mut at) = (Records::default(), Vec::new(), 0);
            for end in (0..=bytes.len()).step_by(size).chain([bytes.len()]) {
                loop {
                    let (taken, what) = records.step(&bytes[at..end]);
                    at += taken;
                    match what {
                        Shown::Wait => break,
                        Shown::Passed => {}
                        other => shown.push(other),
                    }
                }
            }
            assert_eq!((shown, at), (vec![Shown::Heartbeat(256)], bytes.len()), "{size}");
        }
    }

    #[test]
    fn what_are_no_records_is_not_read() {
        for bytes in [&[19, 3, 3, 0, 1][..], &[25, 3, 3, 0, 1], &[24, 2, 3, 0, 1], &[24, 3, 3, 0xff, 0xff]] {
            assert_eq!(Records::default().step(bytes), (5, Shown::Nonsense), "{bytes:?}");
        }
        assert_eq!(Records::within(3).step(&[19, 3, 3, 0, 1]), (3, Shown::Passed));
    }
}
