//! Which capture format a file has, and what the formats have in common: a walk over the records in a buffer.

use super::block::FrameRecord;
use super::error::{Corruption, Unread};
use super::pcap::Pcap;
use super::pcapng::Pcapng;

/// The walker of one capture. It keeps what the file has said so far: byte order, interfaces.
#[derive(Debug)]
pub(super) enum Format {
    /// Classic pcap.
    Pcap(Pcap),
    /// pcapng.
    Pcapng(Pcapng),
}

/// What the first bytes of a file are.
#[derive(Debug)]
pub(super) enum Recognised {
    /// A capture, whose records start after so many bytes.
    Capture(Format, usize),
    /// It could be a capture; so many first bytes are needed to tell.
    TooShort(usize),
    /// No capture.
    Other,
}

/// How far a walk came.
#[derive(Debug)]
pub(super) struct Walked {
    /// Where in the bytes the first item begins that was not taken.
    pub end: usize,
    /// What comes there.
    pub next: Next,
}

/// What comes after the items that a walk took.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// An item that needs so many bytes in all to be taken, or to learn how many it needs.
    Item(usize),
    /// Something to be passed over: so many bytes beyond those that were there.
    Skip(u64),
    /// An item that cannot be right.
    Corrupt(Corruption),
    /// The bytes are not those of a capture.
    NotACapture,
}

impl Default for Next {
    /// Of a capture nothing of which has been seen.
    fn default() -> Self {
        Self::Item(0)
    }
}

impl Format {
    /// By the first bytes of a (decompressed) file.
    pub fn recognise(bytes: &[u8]) -> Recognised {
        match Pcap::recognise(bytes) {
            Recognised::Other => Pcapng::recognise(bytes),
            recognised => recognised,
        }
    }

    /// Appends all whole frames in `bytes`, from `start` on, to `records`.
    pub fn walk(&mut self, bytes: &[u8], start: usize, records: &mut Vec<FrameRecord>) -> Walked {
        match self {
            Self::Pcap(pcap) => pcap.walk(bytes, start, records),
            Self::Pcapng(pcapng) => pcapng.walk(bytes, start, records),
        }
    }

    /// What of it was passed over so far since nothing can be made of it.
    pub const fn unread(&self) -> Option<Unread> {
        match self {
            Self::Pcap(_) => None,
            Self::Pcapng(pcapng) => pcapng.unread(),
        }
    }
}

/// The byte order of the machine that wrote the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// The two bytes at `at`.
    #[inline]
    pub fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(field),
            Self::Big => u16::from_be_bytes(field),
        })
    }

    /// The four bytes at `at`.
    #[inline]
    pub fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(field),
            Self::Big => u32::from_be_bytes(field),
        })
    }
}

/// How many captured bytes a frame may have where the file gives `snaplen` as its own limit.
///
/// libpcap takes up to 262,144 bytes whatever a file says, because files exist that exceed their snap length; a larger snap
/// length counts, but no more than [`MAX_ITEM`]: it bounds the buffer that a damaged length field can make us grow.
pub(super) const fn captured_limit(snaplen: u32) -> u32 {
    if snaplen <= LIBPCAP_MAX_SNAPLEN {
        LIBPCAP_MAX_SNAPLEN
    } else if snaplen > MAX_ITEM {
        MAX_ITEM
    } else {
        snaplen
    }
}

/// libpcap's MAXIMUM_SNAPLEN.
const LIBPCAP_MAX_SNAPLEN: u32 = 262_144;

/// The most bytes that one frame, or one block that has to be read whole, may have: 16 MiB.
pub(super) const MAX_ITEM: u32 = 16 << 20;
