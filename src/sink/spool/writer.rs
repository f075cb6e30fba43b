//! The writing side of a spool.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::segment::{self, Found, HEADER, LONGEST, RECORD};
use super::sender::is_full;
use super::{SpoolSettings, ledger};

/// Writes records.
#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    id: u64,
    segment_size: u64,
    /// The segment that is written to, with its size; none before the first record.
    current: Option<(File, u64)>,
    /// First number and size of all segments, the current one at the end.
    segments: VecDeque<(u64, u64)>,
    next: u64,
    sync_bytes: u64,
    sync_time: Option<Duration>,
    /// Bytes that were written and not brought to the disk, and since when there are some.
    unsynced: u64,
    unsynced_since: Option<Instant>,
    /// Holds off others while it is open.
    _lock: File,
}

/// Why events were not written.
#[derive(Debug)]
pub(super) enum Full {
    /// The bound is reached, or the disk is full.
    NoRoom,
    /// Something else is wrong.
    Failed(io::Error),
}

impl Writer {
    /// Opens the spool in `dir`, or makes it; and the first number that is not acknowledged. A torn record at the end is cut off.
    pub fn open(settings: &SpoolSettings, segment_size: u64) -> io::Result<(Self, u64)> {
        let dir = &*settings.dir;
        fs::create_dir_all(dir)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("lock"))?;
        lock.try_lock().map_err(|_| io::Error::new(ErrorKind::WouldBlock, "another program uses this spool"))?;
        let known = ledger::read(dir);
        let all = segment::list(dir)?;
        let mut segments = VecDeque::new();
        let mut id = known.map(|(id, _)| id);
        let mut next = known.map_or(1, |(_, acknowledged)| acknowledged);
        for (index, first) in all.iter().copied().enumerate() {
            let path = segment::path(dir, first);
            let is_last = index.saturating_add(1) == all.len();
            let mut reader = BufReader::new(File::open(&path)?);
            match segment::read_header(&mut reader, first)? {
                Some(theirs) => id = id.or(Some(theirs)),
                None if is_last => {
                    fs::remove_file(&path)?; // the end came before its first record
                    next = next.max(first);
                    continue;
                }
                None => {} // the reader passes over it, and counts that
            }
            if is_last {
                let (end, after) = whole_part(&mut reader, first)?;
                OpenOptions::new().write(true).open(&path)?.set_len(end)?;
                next = next.max(after);
            }
            segments.push_back((first, fs::metadata(&path)?.len()));
        }
        let id = id.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let oldest = segments.front().map_or(next, |(first, _)| *first);
        let acknowledged = known.map_or(oldest, |(_, acknowledged)| acknowledged).min(next).max(oldest);
        ledger::write(dir, id, acknowledged)?;
        let (dir, sync_bytes, sync_time) = (dir.to_owned(), settings.sync_bytes, settings.sync_time);
        let (unsynced, unsynced_since) = (0, None);
        let current = None;
        let writer =
            Self { dir, id, segment_size, current, segments, next, sync_bytes, sync_time, unsynced, unsynced_since, _lock: lock };
        Ok((writer, acknowledged))
    }

    /// What the spool is known by.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The number of the next record.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().fold(0_u64, |sum, (_, size)| sum.saturating_add(*size))
    }

    /// How many segments there are.
    pub fn segments(&self) -> u64 {
        u64::try_from(self.segments.len()).unwrap_or(u64::MAX)
    }

    /// Whether `lines` keep to `limit` bytes in all.
    pub fn has_room(&self, lines: &[u8], limit: u64) -> bool {
        self.bytes().saturating_add(cost(lines)) <= limit
    }

    /// Bytes that were written and not brought to the disk.
    #[cfg(test)]
    pub const fn unsynced(&self) -> u64 {
        self.unsynced
    }

    /// Brings what was written to the disk, if it is time.
    pub fn sync_if_due(&mut self) -> io::Result<()> {
        let Some(time) = self.sync_time else { return Ok(()) };
        let is_due = self.unsynced >= self.sync_bytes || self.unsynced_since.is_some_and(|since| since.elapsed() >= time);
        if is_due { self.sync() } else { Ok(()) }
    }

    /// Brings what was written to the disk, unless that is left to the system.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.sync_time.is_some()
            && self.unsynced > 0
            && let Some((file, _)) = &self.current
        {
            file.sync_data()?;
        }
        (self.unsynced, self.unsynced_since) = (0, None);
        Ok(())
    }

    /// Writes a record for each line, all or none, and tells how many are too long for one.
    pub fn append(&mut self, lines: &[u8], limit: u64) -> Result<u64, Full> {
        if !self.has_room(lines, limit) {
            return Err(Full::NoRoom);
        }
        let mut records = Vec::with_capacity(lines.len());
        let (mut number, mut too_long) = (self.next, 0_u64);
        for line in lines.split_inclusive(|&b| b == b'\n') {
            let event = line.strip_suffix(b"\n").unwrap_or(line);
            if u32::try_from(event.len()).is_ok_and(|length| length <= LONGEST) {
                segment::encode(&mut records, number, event);
                number = number.saturating_add(1);
            } else {
                too_long = too_long.saturating_add(1);
            }
        }
        match self.write(&records) {
            Ok(()) => {
                self.next = number;
                self.sync_if_due().map_err(Full::Failed)?;
                Ok(too_long)
            }
            Err(error) if is_full(&error) => Err(Full::NoRoom),
            Err(error) => Err(Full::Failed(error)),
        }
    }

    /// Removes the oldest segment, and tells how many of its events were not acknowledged. `None` where it is the one that is written to.
    pub fn remove_oldest(&mut self, acknowledged: u64) -> io::Result<Option<u64>> {
        let (Some((first, _)), Some((second, _))) = (self.segments.front().copied(), self.segments.get(1).copied()) else {
            return Ok(None);
        };
        match fs::remove_file(segment::path(&self.dir, first)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            removed => {
                self.segments.pop_front();
                Ok(Some(if removed.is_ok() { second.saturating_sub(first.max(acknowledged)) } else { 0 }))
            }
        }
    }

    /// Leaves out segments that the sender has removed.
    pub fn forget_removed(&mut self) {
        while let Some((first, _)) = self.segments.front()
            && self.segments.len() > 1
            && !segment::path(&self.dir, *first).exists()
        {
            self.segments.pop_front();
        }
    }

    fn write(&mut self, records: &[u8]) -> io::Result<()> {
        if self.current.as_ref().is_none_or(|(_, size)| *size >= self.segment_size) {
            self.forget_removed();
            self.sync()?;
            let mut file = File::create(segment::path(&self.dir, self.next))?;
            if let Err(error) = file.write_all(&segment::header(self.id, self.next)) {
                let _ = fs::remove_file(segment::path(&self.dir, self.next)); // it is empty or half a header: opening removes it, too
                return Err(error);
            }
            if self.sync_time.is_some() {
                File::open(&self.dir)?.sync_all()?; // the new name
            }
            // An earlier run may have left an empty one of that name at the end.
            self.segments.retain(|(first, _)| *first != self.next);
            self.current = Some((file, HEADER as u64));
            self.segments.push_back((self.next, HEADER as u64));
        }
        let Some((file, size)) = &mut self.current else { return Ok(()) };
        if let Err(error) = file.write_all(records) {
            // What is there of it would be damage in the middle.
            file.set_len(*size)?;
            file.seek(SeekFrom::Start(*size))?;
            return Err(error);
        }
        let length = u64::try_from(records.len()).unwrap_or(u64::MAX);
        *size = size.saturating_add(length);
        if let Some(last) = self.segments.back_mut() {
            last.1 = *size;
        }
        self.unsynced = self.unsynced.saturating_add(length);
        self.unsynced_since.get_or_insert_with(Instant::now);
        Ok(())
    }
}

/// Where the whole records of a segment end, from its beginning, and the number after them. Damage before the last of them stays where it is.
fn whole_part(reader: &mut BufReader<File>, first: u64) -> io::Result<(u64, u64)> {
    let (mut end, mut number, mut event) = (HEADER as u64, first, Vec::new());
    loop {
        while segment::read_record(reader, number, &mut event)? == Found::Record {
            let length = u64::try_from(RECORD.saturating_add(event.len())).unwrap_or(u64::MAX);
            (end, number) = (end.saturating_add(length), number.saturating_add(1));
        }
        match segment::find(reader, end, number)? {
            Some((place, there)) => (end, number) = (place, there),
            None => return Ok((end, number)),
        }
        reader.seek(SeekFrom::Start(end))?;
    }
}

/// Bytes that `lines` take.
fn cost(lines: &[u8]) -> u64 {
    let count = lines.iter().filter(|&&b| b == b'\n').count();
    u64::try_from(lines.len().saturating_add(count.saturating_mul(RECORD)).saturating_add(HEADER)).unwrap_or(u64::MAX)
}
