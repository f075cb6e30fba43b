//! Any bytes as a capture on standard input: the frames in it are the same however large the buffers are.

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

fn read(input: &[u8], buffer_len: usize) -> Vec<String> {
    let settings = CaptureSettings { buffer_len, buffers_ahead: 1 };
    let (mut captures, problems) = CaptureSet::plan_with(&[OsString::from("-")], settings, Cursor::new(input.to_vec()));
    let mut seen: Vec<String> = problems.iter().map(|problem| format!("{problem:?}")).collect();
    while let Some(answer) = captures.next_block() {
        match answer {
            Ok(block) => seen.extend(block.frames().map(|frame| format!("{frame:?}"))),
            Err(error) => seen.push(format!("{error:?}")),
        }
        if seen.len() > MOST_FRAMES {
            break;
        }
    }
    seen.truncate(MOST_FRAMES);
    seen
}
