//! For tests: builds captures byte by byte, as the formats' drafts say, and plays them.

use std::ffi::OsString;
use std::io::{Cursor, Write};
use std::path::Path;

use super::format::ByteOrder;
use super::{CaptureSet, CaptureSettings, Compression};
use crate::packet::LinkType;

/// What a played frame was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub capture: u32,
    pub number: u64,
    pub link: LinkType,
    pub nanos: u64,
    pub original_len: u32,
    pub data: Vec<u8>,
}

/// Plays `bytes` as standard input. Answers the frames, and what was wrong, in words.
pub(super) fn play(bytes: Vec<u8>) -> (Vec<Seen>, Vec<String>) {
    play_in(bytes, 2 << 20)
}

/// The same, with buffers of another length.
pub(super) fn play_in(bytes: Vec<u8>, buffer_len: usize) -> (Vec<Seen>, Vec<String>) {
    let settings = CaptureSettings { buffer_len, buffers_ahead: 2, ..CaptureSettings::default() };
    let (set, problems) = CaptureSet::plan_with(&["-".into()], settings, Cursor::new(bytes));
    let mut messages: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let (seen, more) = play_set(set);
    messages.extend(more);
    (seen, messages)
}

/// Plays the captures that `inputs` name.
pub(super) fn play_inputs(inputs: &[&Path]) -> (Vec<Seen>, Vec<String>) {
    let inputs: Vec<OsString> = inputs.iter().map(|path| path.as_os_str().to_owned()).collect();
    let (set, problems) = CaptureSet::plan(&inputs, CaptureSettings::default());
    let mut messages: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let (seen, more) = play_set(set);
    messages.extend(more);
    (seen, messages)
}

/// Plays a set to its end.
pub(super) fn play_set(mut set: CaptureSet) -> (Vec<Seen>, Vec<String>) {
    let (mut seen, mut messages) = (Vec::new(), Vec::new());
    while let Some(answer) = set.next_block() {
        match answer {
            Ok(block) => seen.extend(block.frames().map(|frame| Seen {
                capture: frame.capture,
                number: frame.number,
                link: frame.link,
                nanos: frame.timestamp.as_nanos(),
                original_len: frame.original_len,
                data: frame.data.to_vec(),
            })),
            Err(problem) => messages.push(problem.to_string()),
        }
    }
    (seen, messages)
}

/// The data of the frames.
pub(super) fn data(seen: &[Seen]) -> Vec<Vec<u8>> {
    seen.iter().map(|frame| frame.data.clone()).collect()
}

/// `bytes` compressed as one member, frame or stream.
pub(super) fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        Compression::Xz => liblzma::encode_all(bytes, 1).unwrap(),
        Compression::Lz4 => {
            // In small blocks, so that a cut leaves something.
            let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB).content_checksum(true);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
    }
}

/// Every compression.
pub(super) const COMPRESSIONS: [Compression; 4] = [Compression::Gzip, Compression::Zstd, Compression::Xz, Compression::Lz4];

/// Fields in a byte order.
#[derive(Clone)]
struct Fields {
    order: ByteOrder,
    bytes: Vec<u8>,
}

impl Fields {
    fn u16(mut self, value: u16) -> Self {
        self.bytes.extend(match self.order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        });
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.bytes.extend(match self.order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        });
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    fn padded(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }
}

/// A classic pcap file.
#[derive(Clone)]
pub(super) struct PcapFile {
    fields: Fields,
    modified: bool,
}

impl PcapFile {
    /// Little-endian, microseconds, Ethernet.
    pub fn usual() -> Self {
        Self::new(ByteOrder::Little, 0xa1b2_c3d4, 65_535, 1)
    }

    pub fn new(order: ByteOrder, magic: u32, snaplen: u32, network: u32) -> Self {
        let fields = Fields { order, bytes: Vec::new() };
        let fields = fields.u32(magic).u16(2).u16(4).u32(0).u32(0).u32(snaplen).u32(network);
        Self { fields, modified: magic == 0xa1b2_cd34 }
    }

    pub fn record(self, seconds: u32, fraction: u32, data: &[u8]) -> Self {
        self.record_of(seconds, fraction, data.len() as u32, data.len() as u32, data)
    }

    /// A record whose lengths are as said.
    pub fn record_of(mut self, seconds: u32, fraction: u32, captured_len: u32, original_len: u32, data: &[u8]) -> Self {
        self.fields = self.fields.u32(seconds).u32(fraction).u32(captured_len).u32(original_len);
        if self.modified {
            self.fields = self.fields.u32(3).u16(0x0008).raw(&[4, 0]); // interface, protocol, packet type
        }
        self.fields = self.fields.raw(data);
        self
    }

    pub fn bytes(self) -> Vec<u8> {
        self.fields.bytes
    }
}

/// A pcapng file.
#[derive(Clone)]
pub(super) struct PcapngFile {
    fields: Fields,
}

impl PcapngFile {
    /// With the header of a first section.
    pub fn new(order: ByteOrder) -> Self {
        Self { fields: Fields { order, bytes: Vec::new() } }.section(order)
    }

    /// A new section, with a comment as long as it is odd.
    pub fn section(mut self, order: ByteOrder) -> Self {
        self.fields.order = order;
        let options = self.body().u16(1).u16(5).padded(b"hello").u16(0).u16(0).bytes;
        let body = self.body().u32(0x1a2b_3c4d).u16(1).u16(0).raw(&[0xff; 8]).raw(&options);
        self.block(0x0a0d_0d0a, &body.bytes)
    }

    /// An interface in microseconds.
    pub fn interface(self, link: u16, snaplen: u32) -> Self {
        let body = self.body().u16(link).u16(0).u32(snaplen);
        self.block(1, &body.bytes)
    }

    /// An interface with if_name, if_tsresol and if_tsoffset.
    pub fn interface_of(self, link: u16, resolution: u8, offset: i64) -> Self {
        let offset = match self.fields.order {
            ByteOrder::Little => offset.to_le_bytes(),
            ByteOrder::Big => offset.to_be_bytes(),
        };
        let body = self.body().u16(link).u16(0).u32(0);
        let body = body.u16(2).u16(3).padded(b"en0").u16(9).u16(1).padded(&[resolution]);
        let body = body.u16(14).u16(8).padded(&offset).u16(0).u16(0);
        self.block(1, &body.bytes)
    }

    pub fn enhanced(self, interface: u32, units: u64, data: &[u8]) -> Self {
        self.enhanced_of(interface, units, data.len() as u32, data.len() as u32, data)
    }

    /// An enhanced packet block whose lengths are as said.
    pub fn enhanced_of(self, interface: u32, units: u64, captured_len: u32, original_len: u32, data: &[u8]) -> Self {
        let body = self.body().u32(interface).u32((units >> 32) as u32).u32(units as u32);
        let body = body.u32(captured_len).u32(original_len).padded(data);
        let body = body.u16(2).u16(4).u32(1).u16(0).u16(0); // epb_flags: inbound
        self.block(6, &body.bytes)
    }

    pub fn simple(self, original_len: u32, data: &[u8]) -> Self {
        let body = self.body().u32(original_len).padded(data);
        self.block(3, &body.bytes)
    }

    pub fn obsolete(self, interface: u16, units: u64, data: &[u8]) -> Self {
        let body = self.body().u16(interface).u16(0xffff).u32((units >> 32) as u32).u32(units as u32);
        let body = body.u32(data.len() as u32).u32(data.len() as u32).padded(data);
        self.block(2, &body.bytes)
    }

    /// A block of any type.
    pub fn block(mut self, block_type: u32, body: &[u8]) -> Self {
        let len = body.len() as u32 + 12;
        self.fields = self.fields.u32(block_type).u32(len).raw(body).u32(len);
        self
    }

    /// Any bytes.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.fields = self.fields.raw(bytes);
        self
    }

    pub fn bytes(self) -> Vec<u8> {
        self.fields.bytes
    }

    fn body(&self) -> Fields {
        Fields { order: self.fields.order, bytes: Vec::new() }
    }
}
