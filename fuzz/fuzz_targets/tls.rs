//! Two directions of any bytes: the session read from them, and what is found about it, is the same however the bytes are cut.
//!
//! The input is a row of events: a byte of flags (1: from the second end, 2: bytes are lost before), a length in two bytes,
//! and that many bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::base::Reader;
use portcullis::findings::{Evidence, judge};
use portcullis::flow::Direction;
use portcullis::protocol::tls::Conversation;
use portcullis::protocol::x509::{CertificateCache, Time};

const LONGEST_MESSAGE: usize = 16 << 10;

fuzz_target!(|input: &[u8]| {
    let whole = play(input, usize::MAX);
    assert_eq!(whole, play(input, 1), "cut into single bytes");
    assert_eq!(whole, play(input, 7), "cut into sevens");
});

fn play(input: &[u8], step: usize) -> String {
    let mut conversation = Conversation::new(Direction::AToB, LONGEST_MESSAGE);
    let mut certificates = CertificateCache::new(1 << 20, 0);
    let mut pending = [Vec::new(), Vec::new()];
    let mut events = Reader::new(input);
    while let (Some(flags), Some(length)) = (events.u8(), events.u16()) {
        let direction = if flags & 1 == 0 { Direction::AToB } else { Direction::BToA };
        let pending = &mut pending[usize::from(flags & 1)];
        if flags & 2 != 0 {
            conversation.gap(direction, pending, 100, &mut certificates);
            pending.clear();
        }
        for piece in events.take_lenient(usize::from(length)).0.chunks(step) {
            pending.extend_from_slice(piece);
            let consumed = conversation.data(direction, pending, &mut certificates);
            pending.drain(..consumed);
        }
    }
    conversation.end(Direction::AToB, &pending[0], &mut certificates);
    conversation.end(Direction::BToA, &pending[1], &mut certificates);
    let session = conversation.session(Direction::AToB);
    let found: Vec<_> = judge(&Evidence::new(session, Time::from_unix(1_700_000_000), true)).iter().map(|f| f.id).collect();
    format!("{session:?} {found:?}")
}
