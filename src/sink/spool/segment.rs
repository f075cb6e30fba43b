//! The form of a segment: a header, and records one after the other.

use std::fs;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
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

/// The first whole record behind damage at `place`, where that with `number` should have been: its place and number. The events that were between are
/// lost; how many they were its checksum tells, in which the number is.
pub(super) fn find(reader: &mut (impl Read + Seek), place: u64, number: u64) -> io::Result<Option<(u64, u64)>> {
    let mut bytes = Vec::new();
    reader.seek(SeekFrom::Start(place))?;
    reader.take(MOST_SEARCHED).read_to_end(&mut bytes)?;
    for at in 1..bytes.len() {
        let Some(rest) = bytes.get(at..) else { break };
        let Some((head, after)) = rest.split_at_checked(RECORD) else { break };
        let (length, sum) = head.split_at_checked(4).unwrap_or_default();
        let word = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_le_bytes);
        let (Some(length), Some(sum)) = (word(length), word(sum)) else { break };
        let Some(event) = usize::try_from(length).ok().and_then(|length| after.get(..length)) else { continue };
        if !(event.starts_with(b"{") && event.ends_with(b"}")) {
            continue; // no event: the checksum need not be tried
        }
        // A record that was lost took its head at least.
        let most = u64::try_from(at.div_ceil(RECORD)).unwrap_or(u64::MAX).min(MOST_LOST);
        let body = crc32fast::Hasher::new_with_initial_len(crc32fast::hash(event), u64::from(length));
        let is_it = |number: &u64| {
            let mut whole = crc32fast::Hasher::new();
            whole.update(&number.to_le_bytes());
            whole.combine(&body);
            whole.finalize() == sum
        };
        if let Some(there) = (number..=number.saturating_add(most)).find(is_it) {
            return Ok(Some((place.saturating_add(u64::try_from(at).unwrap_or(u64::MAX)), there)));
        }
    }
    Ok(None)
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
/// Bytes behind damage in which a record is looked for: more than a segment has, but for one with a very long event.
const MOST_SEARCHED: u64 = 16 << 20;
/// Records that damage may have cost and still be passed over.
const MOST_LOST: u64 = 4_096;
/// Bytes of an event at most; a length beyond is damage.
pub(super) const LONGEST: u32 = 64 << 20;
