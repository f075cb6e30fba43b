//! What is written can be read again.

use crate::base::Timestamp;
use crate::capture::testkit::{Seen, play_inputs};
use crate::capture::{CaptureError, PcapngWriter};
use crate::packet::{Frame, LinkType};

fn frame(data: &[u8], link: LinkType, nanos: u64, original_len: u32) -> Frame<'_> {
    Frame { data, link, timestamp: Timestamp::from_nanos(nanos), original_len, capture: 0, number: 1 }
}

#[test]
fn frames_of_several_link_types_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.pcapng");
    let frames = [
        frame(b"one", LinkType::Ethernet, 1_700_000_000_123_456_789, 1_500),
        frame(b"two!", LinkType::Raw, 1_700_000_000_123_456_790, 4),
        frame(b"", LinkType::Ethernet, 0, 0),
        frame(b"three", LinkType::Unsupported(105), u64::MAX, 5),
    ];
    let mut writer = PcapngWriter::create(&path).unwrap();
    frames.iter().for_each(|frame| writer.write(frame).unwrap());
    writer.finish().unwrap();
    let expected: Vec<_> = (1..)
        .zip(frames)
        .map(|(number, f)| Seen {
            capture: 0,
            number,
            link: f.link,
            nanos: f.timestamp.as_nanos(),
            original_len: f.original_len,
            data: f.data.to_vec(),
        })
        .collect();
    assert_eq!(play_inputs(&[&path]), (expected, vec![]));
}

#[test]
fn the_file_is_laid_out_as_the_draft_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.pcapng");
    let mut writer = PcapngWriter::create(&path).unwrap();
    writer.write(&frame(b"\xaa\xbb", LinkType::Ipv4, 0x0000_0001_0000_0002, 9)).unwrap();
    writer.finish().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let section_len = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    assert_eq!(bytes[8..24], *b"\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
    let interface = b"\x01\0\0\0\x20\0\0\0\xe4\0\0\0\0\0\0\0\x09\0\x01\0\x09\0\0\0\0\0\0\0\x20\0\0\0";
    let packet = b"\x06\0\0\0\x24\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x02\0\0\0\x09\0\0\0\xaa\xbb\0\0\x24\0\0\0";
    assert_eq!(bytes[section_len..], [&interface[..], packet].concat());
}

#[test]
fn a_link_type_goes_back_to_its_number() {
    for number in [0, 1, 9, 101, 108, 113, 228, 229, 276, 105, 65_535] {
        assert_eq!(LinkType::from_number(number).number(), number);
    }
}

#[test]
fn what_cannot_be_written_is_an_error_that_names_the_file() {
    let error = PcapngWriter::create("/nowhere/out.pcapng").map(|_| ()).unwrap_err();
    assert!(matches!(&error, CaptureError::Write { .. }));
    assert_eq!(error.to_string(), "cannot write /nowhere/out.pcapng: No such file or directory (os error 2)");
    let Ok(mut writer) = PcapngWriter::create("/dev/full") else { return };
    let packet = [0; 60_000];
    let written = (0..50).try_for_each(|_| writer.write(&frame(&packet, LinkType::Ethernet, 0, 60_000)));
    assert!(written.and_then(|()| writer.finish()).is_err());
}
