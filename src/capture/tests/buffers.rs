//! However the bytes fall into buffers, the frames are the same.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use proptest::prelude::*;

use crate::capture::format::ByteOrder::{Big, Little};
use crate::capture::testkit::{PcapFile, PcapngFile, data, play, play_in};
use crate::capture::{CaptureSet, CaptureSettings};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_buffer_length_gives_the_same_frames(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..25),
        buffer_len in 1..900_usize,
        big in any::<bool>(),
    ) {
        let order = if big { Big } else { Little };
        let pcap = frames.iter().fold(PcapFile::new(order, 0xa1b2_c3d4, 0, 1), |file, frame| file.record(1, 2, frame));
        let pcapng = frames.iter().fold(PcapngFile::new(order).interface(1, 0), |file, frame| {
            file.block(0x7777, frame.get(..frame.len() / 4 * 4).unwrap()).enhanced(0, 2, frame)
        });
        for bytes in [pcap.bytes(), pcapng.bytes()] {
            let (seen, problems) = play_in(bytes, buffer_len);
            prop_assert_eq!(problems, Vec::<String>::new());
            prop_assert!(seen.iter().map(|frame| frame.number).eq(1..=frames.len() as u64));
            prop_assert_eq!(&data(&seen), &frames);
        }
    }

    #[test]
    fn any_bytes_after_a_header_are_played_or_refused(
        tail in prop::collection::vec(prop_oneof![Just(0_u8), Just(6), Just(32), any::<u8>()], 0..600),
        buffer_len in 1..700_usize,
    ) {
        for start in [PcapFile::usual().bytes(), PcapngFile::new(Big).interface(1, 0).bytes()] {
            let bytes = [start, tail.clone()].concat();
            prop_assert_eq!(play_in(bytes.clone(), buffer_len), play(bytes));
        }
    }
}

#[test]
fn a_frame_larger_than_many_buffers_is_whole() {
    let large: Vec<u8> = (0..250_000_u32).map(|i| (i % 251) as u8).collect();
    for buffer_len in [1_000, 65_536, 249_999] {
        let file = PcapFile::usual().record(1, 0, b"before").record(2, 0, &large).record(3, 0, b"after");
        let (seen, problems) = play_in(file.bytes(), buffer_len);
        assert_eq!((data(&seen), problems), (vec![b"before".to_vec(), large.clone(), b"after".to_vec()], vec![]));
    }
}

#[test]
fn frames_that_are_held_keep_their_bytes() {
    let file = (0..200_u8).fold(PcapFile::usual(), |file, i| file.record(1, 0, &[i; 100]));
    let settings = CaptureSettings { buffer_len: 1_000, buffers_ahead: 1, ..CaptureSettings::default() };
    let (mut set, _) = CaptureSet::plan_with(&["-".into()], settings, Cursor::new(file.bytes()));
    let blocks: Vec<_> = std::iter::from_fn(|| set.next_block()).map(Result::unwrap).collect();
    let frames: Vec<_> = blocks.iter().flat_map(|block| block.frames()).map(|frame| frame.data.to_vec()).collect();
    assert_eq!(frames, (0..200_u8).map(|i| vec![i; 100]).collect::<Vec<_>>());
}

#[test]
fn buffers_that_are_let_go_are_filled_again() {
    let file = (0..2_000_u32).fold(PcapFile::usual(), |file, _| file.record(1, 0, &[1; 100]));
    let settings = CaptureSettings { buffer_len: 1_000, buffers_ahead: 2, ..CaptureSettings::default() };
    let (mut set, _) = CaptureSet::plan_with(&["-".into()], settings, Cursor::new(file.bytes()));
    let mut buffers = std::collections::HashSet::new();
    while let Some(block) = set.next_block() {
        buffers.insert(Arc::as_ptr(block.unwrap().bytes()) as usize);
    }
    assert!(buffers.len() < 10, "{} buffers for 230", buffers.len());
}

#[test]
fn any_frame_of_a_block_can_be_asked_for() {
    let file = PcapFile::usual().record(1, 0, b"a").record(2, 0, b"b");
    let (mut set, _) = CaptureSet::plan_with(&["-".into()], CaptureSettings::default(), Cursor::new(file.bytes()));
    let block = set.next_block().unwrap().unwrap();
    assert_eq!((block.len(), block.capture(), block.first_number()), (2, 0, 1));
    let second = block.frame(1).unwrap();
    assert_eq!((second.data, second.number), (&b"b"[..], 2));
    assert!(block.frame(2).is_none());
    let record = block.records()[1];
    assert_eq!(record.frame(block.bytes(), 0, 2).unwrap().data, b"b");
}

/// A pipe whose writer the test is.
struct Pipe(Receiver<Vec<u8>>);

impl Pipe {
    fn new() -> (Sender<Vec<u8>>, Self) {
        let (sender, receiver) = channel();
        (sender, Self(receiver))
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let piece = self.0.recv().unwrap_or_default();
        out[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

#[test]
fn frames_of_a_slow_pipe_are_not_held_back_until_a_buffer_is_full() {
    let (sender, pipe) = Pipe::new();
    let bytes = PcapFile::usual().record(1, 0, b"a").record(2, 0, b"b").bytes();
    let (first, second) = bytes.split_at(24 + 16 + 1);
    sender.send(first[..6].to_vec()).unwrap(); // as long as the magic that is looked for
    sender.send(first[6..].to_vec()).unwrap();
    let (mut set, _) = CaptureSet::plan_with(&["-".into()], CaptureSettings::default(), pipe);
    assert_eq!(set.next_block().unwrap().unwrap().frame(0).unwrap().data, b"a");
    sender.send(second.to_vec()).unwrap();
    assert_eq!(set.next_block().unwrap().unwrap().frame(0).unwrap().data, b"b");
    drop(sender);
    assert!(set.next_block().is_none());
}

#[test]
fn dropping_a_set_in_the_middle_ends_its_thread() {
    /// It owns a sender only to let go of it when it is dropped.
    struct Endless(Vec<u8>, #[expect(dead_code)] Sender<()>);
    impl Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let n = out.len().min(self.0.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0.drain(..n);
            if self.0.is_empty() {
                self.0 = PcapFile::usual().record(1, 0, &[0; 1_000]).bytes().split_off(24);
            }
            Ok(n)
        }
    }
    let (alive, ended) = channel();
    let endless = Endless(PcapFile::usual().bytes(), alive);
    let settings = CaptureSettings { buffer_len: 10_000, buffers_ahead: 2, ..CaptureSettings::default() };
    let (mut set, _) = CaptureSet::plan_with(&["-".into()], settings, endless);
    assert!(set.next_block().unwrap().is_ok());
    drop(set);
    // The thread owns the sender, and lets go of it as it ends.
    assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_set_that_waits_for_a_pipe_can_be_dropped() {
    let (sender, pipe) = Pipe::new();
    let bytes = PcapFile::usual().record(1, 0, b"a").bytes();
    sender.send(bytes[..6].to_vec()).unwrap();
    sender.send(bytes[6..].to_vec()).unwrap();
    let (mut set, _) = CaptureSet::plan_with(&["-".into()], CaptureSettings::default(), pipe);
    assert!(set.next_block().unwrap().is_ok());
    drop(set); // must come back, though the thread waits in a read
    drop(sender);
}
