//! Compressed captures, by content.

use std::io::Write;

use crate::capture::testkit::{COMPRESSIONS, PcapFile, compress, data, play};

/// A capture whose content does not compress much, so that a cut stream holds whole packets.
fn capture(packets: u32) -> Vec<u8> {
    let mut noise = 1_u32;
    (0..packets)
        .fold(PcapFile::usual(), |file, i| {
            let bytes: Vec<u8> = (0..1_000)
                .map(|_| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 24) as u8
                })
                .collect();
            file.record(i, 0, &bytes)
        })
        .bytes()
}

#[test]
fn every_compression_gives_the_same_frames() {
    let plain = capture(50);
    let expected = play(plain.clone());
    assert_eq!(expected.0.len(), 50);
    for compression in COMPRESSIONS {
        assert_eq!(play(compress(compression, &plain)), expected, "{compression}");
    }
}

#[test]
fn members_frames_and_streams_one_after_the_other_are_one_capture() {
    let plain = capture(50);
    let expected = play(plain.clone());
    for compression in COMPRESSIONS {
        let (first, second) = plain.split_at(20_345);
        let joined = [compress(compression, first), compress(compression, &[]), compress(compression, second)].concat();
        assert_eq!(play(joined), expected, "{compression}");
    }
}

#[test]
fn lz4_frames_may_have_blocks_of_different_sizes() {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    let plain = capture(500);
    let packed: Vec<u8> = plain
        .chunks(130_000) // four pieces of 508,024 bytes
        .zip([BlockSize::Max4MB, BlockSize::Max64KB, BlockSize::Max1MB, BlockSize::Max256KB])
        .flat_map(|(piece, size)| {
            let info = FrameInfo::new().block_size(size).block_mode(BlockMode::Linked);
            let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(piece).unwrap();
            encoder.finish().unwrap()
        })
        .collect();
    assert_eq!(play(packed), play(plain));
}

#[test]
fn a_cut_stream_gives_what_can_be_decompressed_and_a_warning() {
    let plain = capture(1_000); // several blocks in every compression
    let expected = data(&play(plain.clone()).0);
    for compression in COMPRESSIONS {
        let whole = compress(compression, &plain);
        for len in [whole.len() - 1, whole.len() * 3 / 4] {
            let (frames, problems) = play(whole[..len].to_vec());
            assert!(frames.len() > 300, "{compression}: {} frames of the first {len} bytes", frames.len());
            assert!(expected.starts_with(&data(&frames)), "{compression}");
            let message = format!("standard input is cut or damaged: its {compression} stream ends after ");
            assert!(matches!(&problems[..], [one] if one.starts_with(&message)), "{compression} {len}: {problems:?}");
        }
    }
}

#[test]
fn a_damaged_stream_gives_what_comes_before_the_damage_and_a_warning() {
    let plain = capture(1_000);
    let expected = data(&play(plain.clone()).0);
    for compression in COMPRESSIONS {
        let mut damaged = compress(compression, &plain);
        let middle = damaged.len() * 3 / 4;
        damaged[middle..middle + 9_000].fill(0xff);
        let (frames, problems) = play(damaged);
        let intact = expected.iter().zip(data(&frames)).filter(|(a, b)| *a == b).count();
        assert!(intact > 300 && !problems.is_empty(), "{compression}: {intact} {problems:?}");
    }
}

#[test]
fn a_compressed_file_that_holds_no_capture_is_named_so() {
    for compression in COMPRESSIONS {
        for (content, words) in [
            (&b"some notes\n"[..], format!("it looks like {compression}-compressed text")),
            (b"\x7fELF\x02\x01", format!("it looks like an ELF program or library, compressed with {compression}")),
            (b"", format!("it is an empty file, compressed with {compression}")),
            (&capture(0)[..10], format!("it is {compression}-compressed and ends inside the file header, after 10 bytes")),
        ] {
            let (frames, problems) = play(compress(compression, content));
            assert!(frames.is_empty());
            assert!(matches!(&problems[..], [one] if one.contains(&words)), "{problems:?} for {words}");
        }
    }
}

#[test]
fn a_stream_cut_before_anything_can_be_decompressed_is_named_so() {
    for compression in COMPRESSIONS {
        let (_, problems) = play(compress(compression, &capture(3))[..7].to_vec());
        let words = format!("it looks like {compression}, but nothing can be decompressed");
        assert!(matches!(&problems[..], [one] if one.contains(&words)), "{problems:?}");
    }
}
