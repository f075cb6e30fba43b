//! The form of a segment: a header, and records one after the other.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What is at a place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole record; its event is in the buffer.
    Record,
    /// The end.
    End,
    /// Something that is no whole record.
    Damage,
}

/// The header of a segment of the spool `id` whose first record has the number `first`.
pub(super) fn header(id: u64, first: u64) -> Vec<u8> {
    [&MAGIC[..], &id.to_le_bytes(), &first.to_le_bytes()].concat()
}

/// The spool's id, if `reader` begins with the header of a segment that begins with `first`.
pub(super) fn read_header(reader: &mut impl Read, first: u64) -> io::Result<Option<u64>> {
    let mut header = [0; HEADER];
    match reader.read_exact(&mut header) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let (magic, rest) = header.split_at_checked(MAGIC.len()).unwrap_or_default();
    let (id, number) = rest.split_at_checked(8).unwrap_or_default();
    let is_ours = magic == MAGIC && number == first.to_le_bytes();
    Ok(id.try_into().ok().filter(|_| is_ours).map(u64::from_le_bytes))
}

/// Appends the record of an event with the number `number`, by which a record that stands at another place is known as damage.
pub(super) fn encode(out: &mut Vec<u8>, number: u64, event: &[u8]) {
    let length = u32::try_from(event.len()).unwrap_or(u32::MAX);
    out.extend(length.to_le_bytes());
    out.extend(checksum(number, event).to_le_bytes());
    out.extend_from_slice(event);
}

/// Reads the record with the number `number`.
pub(super) fn read_record(reader: &mut impl Read, number: u64, event: &mut Vec<u8>) -> io::Result<Found> {
    let mut head = Vec::with_capacity(RECORD);
    reader.by_ref().take(8).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(Found::End);
    }
    let field = |at: usize| head.get(at..at.saturating_add(4)).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let (Some(length), Some(expected)) = (field(0), field(4)) else { return Ok(Found::Damage) };
    if length > LONGEST {
        return Ok(Found::Damage);
    }
    event.clear();
    reader.by_ref().take(u64::from(length)).read_to_end(event)?;
    let is_whole = u32::try_from(event.len()) == Ok(length) && checksum(number, event) == expected;
    Ok(if is_whole { Found::Record } else { Found::Damage })
}

/// The file of the segment that begins with `first`.
pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.seg"))
}

/// The first numbers of all segments, in order.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".seg")).filter(|stem| stem.len() == 20);
        all.extend(number.and_then(|stem| stem.parse::<u64>().ok()));
    }
    all.sort_unstable();
    Ok(all)
}

fn checksum(number: u64, event: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(event);
    hasher.finalize()
}

const MAGIC: [u8; 8] = *b"PCSPOOL1";
/// Bytes of a header.
pub(super) const HEADER: usize = 24;
/// Bytes of a record before its event.
pub(super) const RECORD: usize = 8;
/// Bytes of an event at most; a length beyond is damage.
pub(super) const LONGEST: u32 = 64 << 20;
