//! Classic pcap: a 24-byte file header, then records of a 16-byte header and the captured bytes
//! (draft-ietf-opsawg-pcap).

use crate::base::Timestamp;
use crate::packet::LinkType;

use super::block::FrameRecord;
use super::error::Corruption;
use super::format::{ByteOrder, Format, Next, Recognised, Walked, captured_limit};

/// What the file header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pcap {
    order: ByteOrder,
    /// Nanoseconds per unit of a record's second time field: 1,000 or 1.
    unit_nanos: u64,
    /// Bytes of a record's header: 16, or 24 in the "modified" format.
    header_len: usize,
    /// The most captured bytes that a record may have.
    limit: u32,
    link: LinkType,
}

impl Pcap {
    /// By the first bytes of a file.
    pub fn recognise(bytes: &[u8]) -> Recognised {
        let Some(magic) = bytes.first_chunk::<4>() else {
            let may_be =
                MAGICS.iter().any(|m| m.magic.to_le_bytes().starts_with(bytes) || m.magic.to_be_bytes().starts_with(bytes));
            return if may_be { Recognised::TooShort(FILE_HEADER) } else { Recognised::Other };
        };
        let (little, big) = (u32::from_le_bytes(*magic), u32::from_be_bytes(*magic));
        let Some((order, variant)) = MAGICS.iter().find_map(|m| match m.magic {
            magic if magic == little => Some((ByteOrder::Little, m)),
            magic if magic == big => Some((ByteOrder::Big, m)),
            _ => None,
        }) else {
            return Recognised::Other;
        };
        let (Some(snaplen), Some(network)) = (order.u32_at(bytes, 16), order.u32_at(bytes, 20)) else {
            return Recognised::TooShort(FILE_HEADER);
        };
        let pcap = Self {
            order,
            unit_nanos: variant.unit_nanos,
            header_len: variant.header_len,
            limit: captured_limit(snaplen),
            // The link type is the lower half; the upper tells whether and how long a frame check sequence is there.
            link: LinkType::from_number((network & 0xffff) as u16),
        };
        Recognised::Capture(Format::Pcap(pcap), FILE_HEADER)
    }

    /// Appends all whole frames in `bytes`, from `start` on, to `records`.
    pub fn walk(&self, bytes: &[u8], start: usize, records: &mut Vec<FrameRecord>) -> Walked {
        // One walk for each byte order: this is the innermost loop of the whole program.
        match self.order {
            ByteOrder::Little => self.walk_in::<false>(bytes, start, records),
            ByteOrder::Big => self.walk_in::<true>(bytes, start, records),
        }
    }

    fn walk_in<const BIG: bool>(&self, bytes: &[u8], start: usize, records: &mut Vec<FrameRecord>) -> Walked {
        let mut at = start;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some((header, body)) = rest.split_at_checked(self.header_len) else {
                return Walked { end: at, next: Next::Item(self.header_len) };
            };
            let Some(record) = Record::read::<BIG>(header) else {
                return Walked { end: at, next: Next::Item(self.header_len) };
            };
            let captured_len = record.captured_len as usize;
            if captured_len > body.len() || record.captured_len > self.limit || record.is_zero() {
                return Walked { end: at, next: self.beyond(&record) };
            }
            let offset = at.wrapping_add(self.header_len); // within `bytes`
            records.push(FrameRecord {
                offset: offset as u32,
                captured_len: record.captured_len,
                original_len: record.original_len.max(record.captured_len),
                link: self.link,
                timestamp: record.timestamp(self.unit_nanos),
            });
            at = offset.wrapping_add(captured_len); // within `bytes`
        }
    }

    /// What a record is that does not fit into the bytes at hand, or is too long to be one.
    #[cold]
    fn beyond(&self, record: &Record) -> Next {
        match record.captured_len {
            _ if record.is_zero() => Next::Corrupt(Corruption::Zeros),
            captured_len if captured_len > self.limit => {
                Next::Corrupt(Corruption::RecordTooLong { captured_len, limit: self.limit })
            }
            captured_len => Next::Item(self.header_len.saturating_add(captured_len as usize)),
        }
    }
}

/// A record's header.
struct Record {
    seconds: u32,
    fraction: u32,
    captured_len: u32,
    original_len: u32,
}

impl Record {
    #[inline]
    fn read<const BIG: bool>(header: &[u8]) -> Option<Self> {
        let order = if BIG { ByteOrder::Big } else { ByteOrder::Little };
        let header = header.first_chunk::<16>()?;
        Some(Self {
            seconds: order.u32_at(header, 0)?,
            fraction: order.u32_at(header, 4)?,
            captured_len: order.u32_at(header, 8)?,
            original_len: order.u32_at(header, 12)?,
        })
    }

    /// Whether it is no record, but what a file has that was made longer than what was written to it.
    #[inline]
    const fn is_zero(&self) -> bool {
        self.captured_len == 0 && self.original_len == 0 && self.seconds == 0 && self.fraction == 0
    }

    #[inline]
    fn timestamp(&self, unit_nanos: u64) -> Timestamp {
        Timestamp::from_parts(u64::from(self.seconds), u64::from(self.fraction).wrapping_mul(unit_nanos)) // < 2^32 * 1,000
    }
}

/// One kind of classic pcap.
struct Variant {
    magic: u32,
    unit_nanos: u64,
    header_len: usize,
}

/// The kinds of classic pcap by magic number, in the writer's byte order.
const MAGICS: [Variant; 3] = [
    Variant { magic: 0xa1b2_c3d4, unit_nanos: 1_000, header_len: 16 },
    Variant { magic: 0xa1b2_3c4d, unit_nanos: 1, header_len: 16 },
    // The "modified" format of Alexey Kuznetzov's libpcap: interface, protocol and packet type follow the lengths.
    Variant { magic: 0xa1b2_cd34, unit_nanos: 1_000, header_len: 24 },
];

/// Length of the file header.
const FILE_HEADER: usize = 24;
