//! Every format, byte order, block and clock.

use crate::capture::format::ByteOrder::{Big, Little};
use crate::capture::testkit::{PcapFile, PcapngFile, Seen, data, play};
use crate::packet::LinkType;

fn seen(number: u64, link: LinkType, nanos: u64, original_len: u32, data: &[u8]) -> Seen {
    Seen { capture: 0, number, link, nanos, original_len, data: data.to_vec() }
}

#[test]
fn classic_pcap_in_every_variant() {
    for order in [Little, Big] {
        for (magic, nanos) in [(0xa1b2_c3d4, 5_000), (0xa1b2_3c4d, 5), (0xa1b2_cd34, 5_000)] {
            let file = PcapFile::new(order, magic, 65_535, 113).record(7, 5, b"first").record_of(8, 0, 3, 1_500, b"cut");
            let expected = vec![
                seen(1, LinkType::LinuxSll, 7_000_000_000 + nanos, 5, b"first"),
                seen(2, LinkType::LinuxSll, 8_000_000_000, 1_500, b"cut"),
            ];
            assert_eq!(play(file.bytes()), (expected, vec![]), "{order:?} {magic:#x}");
        }
    }
}

#[test]
fn the_length_of_a_frame_check_sequence_is_no_part_of_the_link_type() {
    let file = PcapFile::new(Little, 0xa1b2_c3d4, 65_535, 0x4400_0001).record(1, 0, b"x");
    assert_eq!(play(file.bytes()).0, [seen(1, LinkType::Ethernet, 1_000_000_000, 1, b"x")]);
}

#[test]
fn a_frame_is_never_longer_than_on_the_wire() {
    let file = PcapFile::usual().record_of(1, 0, 4, 2, b"four");
    assert_eq!(play(file.bytes()).0, [seen(1, LinkType::Ethernet, 1_000_000_000, 4, b"four")]);
}

#[test]
fn a_capture_without_packets_is_a_capture() {
    assert_eq!(play(PcapFile::usual().bytes()), (vec![], vec![]));
    assert_eq!(play(PcapngFile::new(Big).interface(1, 0).bytes()), (vec![], vec![]));
}

#[test]
fn every_packet_block_of_pcapng() {
    for order in [Little, Big] {
        let file = PcapngFile::new(order)
            .interface(1, 0)
            .interface(101, 0)
            .enhanced(1, 3, b"enhanced")
            .simple(6, b"simple")
            .obsolete(1, 9, b"obsolete")
            .enhanced_of(0, 1 << 32, 3, 900, b"cut");
        let expected = vec![
            seen(1, LinkType::Raw, 3_000, 8, b"enhanced"),
            seen(2, LinkType::Ethernet, 3_000, 6, b"simple"), // it has no time: that of the packet before it
            seen(3, LinkType::Raw, 9_000, 8, b"obsolete"),
            seen(4, LinkType::Ethernet, 1_000 << 32, 900, b"cut"),
        ];
        assert_eq!(play(file.bytes()), (expected, vec![]), "{order:?}");
    }
}

#[test]
fn a_simple_packet_is_as_long_as_the_snap_length_lets_it_be() {
    let file = PcapngFile::new(Little).interface(1, 5).simple(1_500, b"five!").simple(3, b"abc");
    let expected = vec![seen(1, LinkType::Ethernet, 0, 1_500, b"five!"), seen(2, LinkType::Ethernet, 0, 3, b"abc")];
    assert_eq!(play(file.bytes()), (expected, vec![]));
}

#[test]
fn every_section_has_its_own_byte_order_and_interfaces() {
    let file = PcapngFile::new(Little)
        .interface(1, 0)
        .enhanced(0, 1, b"one")
        .section(Big)
        .interface(276, 0)
        .enhanced(0, 2, b"two")
        .section(Little)
        .interface(228, 0)
        .enhanced(0, 3, b"three");
    let expected = vec![
        seen(1, LinkType::Ethernet, 1_000, 3, b"one"),
        seen(2, LinkType::LinuxSll2, 2_000, 3, b"two"),
        seen(3, LinkType::Ipv4, 3_000, 5, b"three"),
    ];
    assert_eq!(play(file.bytes()), (expected, vec![]));
}

#[test]
fn every_interface_has_its_own_clock() {
    for order in [Little, Big] {
        let file = PcapngFile::new(order)
            .interface_of(1, 9, 0)
            .interface_of(1, 0x80 | 20, 0)
            .interface_of(1, 3, 100)
            .enhanced(0, 1_000_000_007, b"nanoseconds")
            .enhanced(1, 3 << 19, b"2^-20 seconds")
            .enhanced(2, 1_002, b"milliseconds, 100 s later");
        let times: Vec<_> = play(file.bytes()).0.iter().map(|frame| frame.nanos).collect();
        assert_eq!(times, [1_000_000_007, 1_500_000_000, 101_002_000_000], "{order:?}");
    }
}

#[test]
fn unknown_blocks_are_skipped_however_long() {
    let file = PcapngFile::new(Little)
        .block(0x0bad, &[0; 4])
        .interface(1, 0)
        .block(4, &[])
        .enhanced(0, 0, b"before")
        .block(0x7777_7777, &vec![6; 5 << 20])
        .enhanced(0, 0, b"after");
    let (frames, problems) = play(file.bytes());
    assert_eq!((data(&frames), problems), (vec![b"before".to_vec(), b"after".to_vec()], vec![]));
}

#[test]
fn a_first_packet_far_into_the_file_still_tells_when_the_capture_began() {
    let file = PcapngFile::new(Little).interface(1, 0).block(10, &vec![0; 1 << 20]).enhanced(0, 5, b"x");
    let (set, _) = crate::capture::CaptureSet::plan_with(&["-".into()], Default::default(), std::io::Cursor::new(file.bytes()));
    assert_eq!(set.captures()[0].first_packet.map(|time| time.as_nanos()), Some(5_000));
}
