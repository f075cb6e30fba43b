//! pcapng: sections, each with its own byte order, of blocks; interfaces, each with its own link type and clock
//! (draft-ietf-opsawg-pcapng).
//!
//! Packet blocks are walked by hand, since there are millions of them; pcap-parser reads the interface descriptions with
//! their options.

use pcap_parser::pcapng::{parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le};
use pcap_parser::{BOM_MAGIC, EPB_MAGIC, IDB_MAGIC, OptionCode, SHB_MAGIC, SPB_MAGIC};

use crate::base::Timestamp;
use crate::packet::LinkType;

use super::block::FrameRecord;
use super::error::{Corruption, Unread};
use super::format::{ByteOrder, Format, MAX_ITEM, Next, Recognised, Walked};

/// What the section at hand has said so far.
#[derive(Clone, Debug)]
pub(super) struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    /// Bytes still to be passed over at the start of the next walk.
    skip: u64,
    /// The time of the last packet that had one: simple packet blocks have none, and take this.
    last: Timestamp,
    /// Packet blocks that were passed over since nothing can be made of them.
    unread: Option<Unread>,
}

/// What an interface description says.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snaplen: u32,
    clock: Clock,
}

/// What ends a walk early.
enum Stop {
    /// The block needs so many bytes in all.
    Needs(usize),
    /// The block cannot be right.
    Corrupt(Corruption),
}

impl From<Corruption> for Stop {
    fn from(corruption: Corruption) -> Self {
        Self::Corrupt(corruption)
    }
}

impl Pcapng {
    /// By the first bytes of a file.
    pub fn recognise(bytes: &[u8]) -> Recognised {
        let magic = SHB_MAGIC.to_le_bytes(); // a palindrome
        match bytes.get(8..12) {
            _ if !bytes.starts_with(&magic) && !magic.starts_with(bytes) => Recognised::Other,
            None => Recognised::TooShort(SECTION_HEADER),
            Some(bom) if bom == BOM_MAGIC.to_le_bytes() || bom == BOM_MAGIC.to_be_bytes() => Recognised::Capture(
                // The first block is a section header, and sets the byte order.
                Format::Pcapng(Self {
                    order: ByteOrder::Little,
                    interfaces: Vec::new(),
                    skip: 0,
                    last: Timestamp::ZERO,
                    unread: None,
                }),
                0,
            ),
            Some(_) => Recognised::Other,
        }
    }

    /// Appends all whole frames in `bytes`, from `start` on, to `records`.
    pub fn walk(&mut self, bytes: &[u8], start: usize, records: &mut Vec<FrameRecord>) -> Walked {
        let mut at = start;
        loop {
            let left = bytes.len().saturating_sub(at);
            match usize::try_from(self.skip) {
                Ok(skip) if skip <= left => at = at.saturating_add(skip),
                _ => {
                    self.skip = self.skip.saturating_sub(left as u64);
                    return Walked { end: bytes.len(), next: Next::Skip(self.skip) };
                }
            }
            self.skip = 0;
            match self.block(bytes, at, records) {
                // Passed over at the turn of the loop, where a part that is not there yet is accounted for.
                Ok(block_len) => self.skip = u64::from(block_len),
                Err(Stop::Needs(needed)) => return Walked { end: at, next: Next::Item(needed) },
                Err(Stop::Corrupt(corruption)) => return Walked { end: at, next: Next::Corrupt(corruption) },
            }
        }
    }

    /// Takes in the block at `at`, and answers its length.
    fn block(&mut self, bytes: &[u8], at: usize, records: &mut Vec<FrameRecord>) -> Result<u32, Stop> {
        let rest = bytes.get(at..).unwrap_or_default();
        let block_type = self.order.u32_at(rest, 0).ok_or(Stop::Needs(SMALLEST_BLOCK))?;
        if block_type == SHB_MAGIC {
            return self.section_header(rest);
        }
        let block_len = self.order.u32_at(rest, 4).ok_or(Stop::Needs(SMALLEST_BLOCK))?;
        if block_type == 0 && block_len == 0 {
            return Err(Corruption::Zeros.into());
        }
        let fixed_len = match block_type {
            EPB_MAGIC | OBSOLETE_PACKET_BLOCK => 32,
            IDB_MAGIC => 20,
            SPB_MAGIC => 16,
            _ => 12,
        };
        if block_len < fixed_len || !block_len.is_multiple_of(4) {
            return Err(Corruption::BlockLength { block_type, len: block_len }.into());
        }
        if fixed_len == 12 {
            return Ok(block_len);
        }
        let max_len = if block_type == IDB_MAGIC { MAX_INTERFACE_BLOCK } else { MAX_ITEM };
        if block_len > max_len {
            return Err(Corruption::BlockLength { block_type, len: block_len }.into());
        }
        let block = rest.get(..block_len as usize).ok_or(Stop::Needs(block_len as usize))?;
        let trailing = self.order.u32_at(block, block.len().saturating_sub(4)).unwrap_or_default();
        if trailing != block_len {
            return Err(Corruption::LengthsDiffer { leading: block_len, trailing }.into());
        }
        match block_type {
            IDB_MAGIC => self.interface_description(block)?,
            _ => match self.packet(block_type, block, at) {
                Ok(record) => records.push(record),
                // Where the next block begins is known all the same.
                Err(corruption) => match &mut self.unread {
                    Some(unread) => unread.blocks = unread.blocks.saturating_add(1),
                    none => *none = Some(Unread { blocks: 1, first: corruption }),
                },
            },
        }
        Ok(block_len)
    }

    /// What was passed over since nothing can be made of it.
    pub const fn unread(&self) -> Option<Unread> {
        self.unread
    }

    /// A new section: byte order and interfaces start afresh. Its options say nothing that we need.
    fn section_header(&mut self, rest: &[u8]) -> Result<u32, Stop> {
        let needs = Stop::Needs(SECTION_HEADER);
        let magic = ByteOrder::Little.u32_at(rest, 8);
        let order = match magic {
            Some(BOM_MAGIC) => ByteOrder::Little,
            Some(magic) if magic.swap_bytes() == BOM_MAGIC => ByteOrder::Big,
            Some(magic) => return Err(Corruption::ByteOrderMagic(magic).into()),
            None => return Err(needs),
        };
        let (Some(block_len), Some(major)) = (order.u32_at(rest, 4), order.u16_at(rest, 12)) else { return Err(needs) };
        if block_len < SECTION_HEADER as u32 || !block_len.is_multiple_of(4) {
            return Err(Corruption::BlockLength { block_type: SHB_MAGIC, len: block_len }.into());
        }
        if major != 1 {
            return Err(Corruption::Version(major).into());
        }
        self.order = order;
        self.interfaces.clear();
        Ok(block_len)
    }

    fn interface_description(&mut self, block: &[u8]) -> Result<(), Corruption> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Corruption::TooManyInterfaces);
        }
        let parsed = match self.order {
            ByteOrder::Little => parse_interfacedescriptionblock_le(block),
            ByteOrder::Big => parse_interfacedescriptionblock_be(block),
        };
        let (_, description) = parsed.map_err(|_| Corruption::InterfaceDescription)?;
        // pcap-parser gives the offset always as if it were little-endian, so it is read from the option itself.
        let offset = description.options.iter().find(|option| option.code == OptionCode::IfTsoffset);
        let offset =
            offset.and_then(|option| option.as_bytes().ok()?.first_chunk::<8>().copied()).map_or(0, |field| match self.order {
                ByteOrder::Little => i64::from_le_bytes(field),
                ByteOrder::Big => i64::from_be_bytes(field),
            });
        self.interfaces.push(Interface {
            link: LinkType::from_number((description.linktype.0 & 0xffff) as u16),
            snaplen: description.snaplen,
            clock: Clock::new(description.if_tsresol, offset),
        });
        Ok(())
    }

    /// A packet block of any of the three types, which begins at `at` in the buffer.
    fn packet(&mut self, block_type: u32, block: &[u8], at: usize) -> Result<FrameRecord, Corruption> {
        let word = |at| self.order.u32_at(block, at).unwrap_or_default(); // the block has its fixed length at least
        let block_len = block.len() as u32;
        let interface_number = match block_type {
            EPB_MAGIC => word(8),
            OBSOLETE_PACKET_BLOCK => u32::from(self.order.u16_at(block, 8).unwrap_or_default()),
            _ => 0,
        };
        let interface = *usize::try_from(interface_number)
            .ok()
            .and_then(|i| self.interfaces.get(i))
            .ok_or(Corruption::UnknownInterface { interface: interface_number, described: self.interfaces.len() })?;
        let (header_len, captured_len, original_len, timestamp) = if block_type == SPB_MAGIC {
            // Its captured length is not written: the original length, or less by snap length (0: none) and block.
            let snaplen = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
            (12, word(8).min(snaplen).min(block_len.saturating_sub(16)), word(8), self.last)
        } else {
            let units = u64::from(word(12)) << 32 | u64::from(word(16));
            (28, word(20), word(24), interface.clock.timestamp(units))
        };
        if captured_len > block_len.saturating_sub(header_len).saturating_sub(4) {
            return Err(Corruption::PacketBeyondBlock { captured_len, block_len });
        }
        self.last = timestamp;
        Ok(FrameRecord {
            offset: at.saturating_add(header_len as usize) as u32,
            captured_len,
            original_len: original_len.max(captured_len),
            link: interface.link,
            timestamp,
        })
    }
}

/// What an interface's time stamps count: units of `if_tsresol` since the epoch, moved by `if_tsoffset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    unit: Unit,
    /// To be added, in nanoseconds.
    offset_nanos: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds.
    Nanos(u64),
    /// A nanosecond is so many of them; 0 stands for more than 64 bits can count.
    PerNano(u64),
    /// Two to the minus so many seconds.
    Binary(u32),
}

impl Clock {
    /// From the option values `if_tsresol` and `if_tsoffset` (seconds).
    fn new(resolution: u8, offset_seconds: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let power = |n: u32| 10_u64.checked_pow(n).unwrap_or_default();
        let unit = match exponent {
            _ if resolution & 0x80 != 0 => Unit::Binary(exponent),
            0..=9 => Unit::Nanos(power(9_u32.saturating_sub(exponent))),
            _ => Unit::PerNano(power(exponent.saturating_sub(9))),
        };
        Self { unit, offset_nanos: i128::from(offset_seconds).saturating_mul(1_000_000_000) }
    }

    #[inline]
    fn timestamp(self, units: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Nanos(each) => units.saturating_mul(each),
            Unit::PerNano(many) => units.checked_div(many).unwrap_or_default(),
            // Below 2^94, and at most 64 bits are left of it after the shift, unless the unit is longer than a nanosecond.
            Unit::Binary(exponent) => {
                let nanos = u128::from(units).saturating_mul(1_000_000_000).checked_shr(exponent).unwrap_or_default();
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        if self.offset_nanos == 0 {
            return Timestamp::from_nanos(nanos);
        }
        let moved = i128::from(nanos).saturating_add(self.offset_nanos).max(0);
        Timestamp::from_nanos(u64::try_from(moved).unwrap_or(u64::MAX))
    }
}

/// Packet Block, obsolete since 2009 but still found (draft-ietf-opsawg-pcapng, appendix A).
const OBSOLETE_PACKET_BLOCK: u32 = 0x0000_0002;

/// Type and twice the total length.
const SMALLEST_BLOCK: usize = 12;

/// A section header without options.
const SECTION_HEADER: usize = 28;

/// A section may describe so many interfaces: what the 16-bit number of an obsolete packet block can name.
const MAX_INTERFACES: usize = 65_536;

/// An interface description with its options may have so many bytes.
const MAX_INTERFACE_BLOCK: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_counts_in_powers_of_ten_and_two() {
        const SECOND: u64 = 1_000_000_000;
        for (resolution, offset, units, nanos) in [
            (6, 0, 1_500_000, SECOND + SECOND / 2),
            (9, 0, 7, 7),
            (0, 0, 3, 3 * SECOND),
            (3, 0, 2_001, 2 * SECOND + SECOND / 1_000),
            (12, 0, 5_999, 5),
            (0x80, 0, 9, 9 * SECOND),
            (0x81, 0, 3, SECOND + SECOND / 2),
            (0x80 | 32, 0, 1 << 31, SECOND / 2),
            (6, 10, 1, 10 * SECOND + 1_000),
            (6, -1, 2_000_000, SECOND),
        ] {
            let stamp = Clock::new(resolution, offset).timestamp(units);
            assert_eq!(stamp, Timestamp::from_nanos(nanos), "if_tsresol {resolution:#x}, if_tsoffset {offset}, {units} units");
        }
    }

    #[test]
    fn a_clock_saturates() {
        for (resolution, offset, units, nanos) in [
            (0, 0, u64::MAX, u64::MAX),
            (127, 0, u64::MAX, 0),
            (0xff, 0, u64::MAX, 0),
            (0x80, 0, u64::MAX, u64::MAX),
            (6, i64::MIN, 5, 0),
            (6, i64::MAX, 5, u64::MAX),
        ] {
            assert_eq!(Clock::new(resolution, offset).timestamp(units), Timestamp::from_nanos(nanos), "{resolution:#x} {offset}");
        }
    }
}
