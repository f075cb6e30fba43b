//! Captures that are cut or damaged: all that is whole is played, and the rest is told.

use crate::capture::format::ByteOrder::Little;
use crate::capture::testkit::{PcapFile, PcapngFile, data, play, play_in, play_inputs};
use crate::capture::{CaptureError, Corruption, Severity};

#[test]
fn a_pcap_that_ends_inside_a_packet_gives_all_whole_packets() {
    let whole = PcapFile::usual().record(1, 0, b"whole").record(2, 0, b"cut").bytes();
    for (len, missing) in [(whole.len() - 1, 1), (whole.len() - 3, 3), (whole.len() - 4, 1), (whole.len() - 18, 15)] {
        let (frames, problems) = play(whole[..len].to_vec());
        assert_eq!(data(&frames), [b"whole"]);
        let message =
            format!("standard input ends inside a packet: at least {missing} bytes are missing from the one at offset 45");
        assert_eq!(problems, [message], "{len}");
    }
    assert_eq!(play(whole[..45].to_vec()).1, [""; 0], "a cut between packets cannot be seen");
}

#[test]
fn a_pcapng_that_ends_inside_a_block_gives_all_whole_packets() {
    let start = PcapngFile::new(Little).interface(1, 0).enhanced(0, 0, b"whole");
    let offset = start.clone().bytes().len();
    for next in [start.clone().enhanced(0, 0, b"cut"), start.clone().block(0x7777, &[0; 64])] {
        let whole = next.bytes();
        let (frames, problems) = play(whole[..whole.len() - 2].to_vec());
        assert_eq!(data(&frames), [b"whole"]);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("at least 2 bytes are missing"), "{problems:?}");
        let (frames, problems) = play(whole[..offset + 7].to_vec());
        assert_eq!(data(&frames), [b"whole"]);
        assert!(problems[0].ends_with(&format!("at least 5 bytes are missing from the one at offset {offset}")), "{problems:?}");
    }
}

#[test]
fn a_record_that_is_too_long_ends_its_capture_with_a_warning_that_names_the_offset() {
    for (snaplen, captured_len, limit) in
        [(96, 262_145, 262_144), (500_000, 500_001, 500_000), (u32::MAX, (16 << 20) + 1, 16 << 20), (65_535, u32::MAX, 262_144)]
    {
        let file = PcapFile::new(Little, 0xa1b2_c3d4, snaplen, 1).record(1, 0, b"good");
        let file = file.record_of(2, 0, captured_len, captured_len, b"bad").record(3, 0, b"never seen");
        let (frames, problems) = play(file.bytes());
        assert_eq!(data(&frames), [b"good"]);
        let reason = format!("a record of {captured_len} captured bytes, where at most {limit} can be");
        assert_eq!(problems, [format!("standard input is damaged at offset 44: {reason}; the rest of it is skipped")]);
    }
}

#[test]
fn a_record_may_be_longer_than_the_snap_length_says() {
    let long = vec![7; 200_000];
    let file = PcapFile::new(Little, 0xa1b2_c3d4, 96, 1).record(1, 0, &long);
    assert_eq!(data(&play(file.bytes()).0), [long]);
}

#[test]
fn a_block_that_cannot_be_right_ends_its_capture_with_a_reason() {
    let start = || PcapngFile::new(Little).interface(1, 0).enhanced(0, 0, b"good");
    let le = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    for (bad, reason) in [
        (start().raw(&le(&[6, 28, 0])), Corruption::BlockLength { block_type: 6, len: 28 }),
        (start().raw(&le(&[99, 8, 0])), Corruption::BlockLength { block_type: 99, len: 8 }),
        (start().raw(&le(&[99, 14, 0])), Corruption::BlockLength { block_type: 99, len: 14 }),
        (start().raw(&le(&[6, 0x7000_0000, 0])), Corruption::BlockLength { block_type: 6, len: 0x7000_0000 }),
        (start().raw(&le(&[3, 16, 0, 20])), Corruption::LengthsDiffer { leading: 16, trailing: 20 }),
        (start().raw(&[0; 64]), Corruption::Zeros),
        (start().raw(&le(&[0x0a0d_0d0a, 28, 0xabcd, 1, 0, 0, 28])), Corruption::ByteOrderMagic(0xabcd)),
        (start().raw(&le(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 2, 0, 0, 28])), Corruption::Version(2)),
    ] {
        let (frames, problems) = play(bad.enhanced(0, 0, b"never seen").bytes());
        assert_eq!(data(&frames), [b"good"], "{reason}");
        assert!(matches!(&problems[..], [one] if one.contains(&format!(": {reason};"))), "{problems:?} for {reason}");
    }
}

#[test]
fn a_packet_that_nothing_can_be_made_of_is_passed_over_and_told_at_the_end() {
    let start = || PcapngFile::new(Little).interface(1, 0).enhanced(0, 0, b"before");
    for (bad, count, reason) in [
        (start().enhanced(1, 0, b"x"), "a packet", Corruption::UnknownInterface { interface: 1, described: 1 }),
        (
            start().enhanced(7, 0, b"x").enhanced(1, 0, b"x"),
            "2 packets",
            Corruption::UnknownInterface { interface: 7, described: 1 },
        ),
        (start().enhanced_of(0, 0, 400, 400, b"x"), "a packet", Corruption::PacketBeyondBlock { captured_len: 400, block_len: 48 }),
    ] {
        let (frames, problems) = play(bad.enhanced(0, 0, b"after").bytes());
        assert_eq!(data(&frames), [&b"before"[..], b"after"], "{reason}");
        assert_eq!(problems, [format!("standard input has {count} that cannot be read: {reason}")]);
    }
}

#[test]
fn zeros_at_the_end_of_a_pcap_are_no_packets() {
    for zeros in [16, 24, 4096] {
        let file = PcapFile::usual().record(1, 0, b"good").bytes();
        let (frames, problems) = play([file, vec![0; zeros]].concat());
        assert_eq!(data(&frames), [b"good"]);
        assert!(matches!(&problems[..], [one] if one.contains("damaged at offset 44: zeros where")), "{problems:?}");
    }
    let empty = PcapFile::usual().record(1, 0, b"").record(2, 0, b"good").bytes();
    assert_eq!(play(empty).1, [""; 0], "a record without bytes may be");
}

#[test]
fn after_a_damaged_capture_the_others_still_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let mut bad = PcapFile::usual().record(1, 0, b"a").record_of(1, 0, 1 << 30, 0, b"").bytes();
    bad.resize(10 << 20, 0); // more than is read ahead
    std::fs::write(path("1"), bad).unwrap();
    std::fs::write(path("2"), PcapFile::usual().record(2, 0, b"b").bytes()).unwrap();
    let (frames, problems) = play_inputs(&[&path("2"), &path("1")]);
    assert_eq!(data(&frames), [b"a", b"b"]);
    assert_eq!(frames.iter().map(|frame| (frame.capture, frame.number)).collect::<Vec<_>>(), [(0, 1), (1, 1)]);
    assert!(matches!(&problems[..], [one] if one.contains("1 is damaged at offset 41")), "{problems:?}");
}

#[test]
fn a_file_that_changed_after_it_was_planned_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for (content, message) in [(Some(&[9; 64][..]), "is no capture file"), (None, "cannot open")] {
        let path = dir.path().join("x");
        std::fs::write(&path, PcapFile::usual().record(1, 0, b"a").bytes()).unwrap();
        let (mut set, _) = crate::capture::CaptureSet::plan(&[path.clone().into()], Default::default());
        match content {
            Some(content) => std::fs::write(&path, content).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let answer = set.next_block().unwrap().unwrap_err().to_string();
        assert!(answer.contains(message), "{answer}");
        assert!(set.next_block().is_none());
    }
}

#[test]
fn damage_is_a_warning_and_a_wrong_file_an_error() {
    let path = std::path::PathBuf::from("x");
    let cut = CaptureError::Cut { path: path.clone(), offset: 0, missing: 1 };
    let wrong = CaptureError::NotACapture { path, found: crate::capture::Found::Empty };
    assert_eq!((cut.severity(), wrong.severity()), (Severity::Warning, Severity::Error));
}

#[test]
fn damage_is_the_same_whatever_the_buffers() {
    let pcap = PcapFile::usual().record(1, 0, &[1; 90]).record(2, 0, &[2; 70]).record_of(3, 0, 1 << 30, 0, &[3; 40]);
    let pcapng = PcapngFile::new(Little).interface(1, 0).enhanced(0, 0, &[1; 90]).raw(&[0; 40]);
    for bytes in [pcap.bytes(), pcapng.bytes()] {
        for len in [bytes.len(), bytes.len() - 30, bytes.len() - 41, bytes.len() - 60] {
            let expected = play(bytes[..len].to_vec());
            for buffer_len in [1, 7, 64, 100, 333] {
                assert_eq!(play_in(bytes[..len].to_vec(), buffer_len), expected, "{len} bytes by {buffer_len}");
            }
        }
    }
}
