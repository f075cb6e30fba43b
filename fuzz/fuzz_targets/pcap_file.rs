//! Any bytes as a capture on standard input: its frames, and whether something is wrong with it, are the same however large
//! the buffers are. (What is wrong need not be the same: a small buffer stops at a bad record before it meets the bad
//! checksum of the compression around it.)

#![no_main]

use std::ffi::OsString;
use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use portcullis::capture::{CaptureSet, CaptureSettings};

/// A few bytes can unpack to gigabytes: enough is enough.
const MOST_FRAMES: usize = 2_000;

fuzz_target!(|input: &[u8]| {
    assert_eq!(read(input, 2 << 20), read(input, 1 << 10));
});

fn read(input: &[u8], buffer_len: usize) -> (Vec<String>, bool) {
    let settings = CaptureSettings { buffer_len, buffers_ahead: 1, ..CaptureSettings::default() };
    let (mut captures, problems) = CaptureSet::plan_with(&[OsString::from("-")], settings, Cursor::new(input.to_vec()));
    let mut wrong = !problems.is_empty();
    let mut frames = Vec::new();
    while let Some(answer) = captures.next_block() {
        match answer {
            Ok(block) => frames.extend(block.frames().map(|frame| format!("{frame:?}"))),
            Err(_) => wrong = true,
        }
        if frames.len() >= MOST_FRAMES {
            frames.truncate(MOST_FRAMES);
            return (frames, false);
        }
    }
    (frames, wrong)
}
