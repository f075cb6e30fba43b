//! Frames of any link type; and an IP packet is decoded the same in Ethernet (where the common kind is read in one go) as
//! without a link layer (where the loop over the layers reads it).
//!
//! The input is a row of frames: an index into `LINKS`, a length in two bytes, and that many bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::base::{Reader, Timestamp};
use portcullis::packet::{Decoded, Decoder, DecoderConfig, Frame, LinkType, PortSet};

const LINKS: [LinkType; 9] = [
    LinkType::Ethernet,
    LinkType::Raw,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Ppp,
    LinkType::Ipv4,
    LinkType::Ipv6,
];

fuzz_target!(|input: &[u8]| {
    let decoder = || Decoder::new(DecoderConfig { ports: PortSet::any(), fragment_memory: 1 << 20, ..DecoderConfig::default() });
    let (mut any, mut ethernet, mut raw) = (decoder(), decoder(), decoder());
    let mut frames = Reader::new(input);
    while let (Some(link), Some(length)) = (frames.u8(), frames.u16()) {
        let bytes = frames.take_lenient(usize::from(length)).0;
        let link = LINKS[usize::from(link) % LINKS.len()];
        decode(&mut any, link, bytes);
        let ethertype = match (link, bytes.first().map(|byte| byte >> 4)) {
            (LinkType::Raw, Some(4)) => [0x08, 0x00],
            (LinkType::Raw, Some(6)) => [0x86, 0xdd],
            _ => continue,
        };
        let framed = [&[0; 12], &ethertype[..], bytes].concat();
        assert_eq!(decode(&mut ethernet, LinkType::Ethernet, &framed), decode(&mut raw, link, bytes));
    }
});

/// What a frame turned out to be, as text, without its length.
fn decode(decoder: &mut Decoder, link: LinkType, data: &[u8]) -> String {
    let original_len = data.len() as u32;
    let frame = Frame { data, link, timestamp: Timestamp::default(), original_len, capture: 0, number: 1 };
    match decoder.decode(&frame) {
        Decoded::Segment(mut segment) => {
            segment.header.frame_len = 0;
            format!("{:?} {:?} {:?}", segment.header, segment.payload.slice(data), segment.anomaly)
        }
        other => format!("{other:?}"),
    }
}
