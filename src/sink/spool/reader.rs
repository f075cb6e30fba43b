//! The reading side of a spool.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Seek, SeekFrom};
use std::path::PathBuf;

use super::segment::{self, Found, HEADER, RECORD};

/// Reads records in order.
#[derive(Debug)]
pub(super) struct Reader {
    dir: PathBuf,
    current: Option<Segment>,
    /// The number of the record that is wanted next.
    next: u64,
    /// Records that were passed over, since the files are damaged.
    pub damaged: u64,
}

/// A segment that is read.
#[derive(Debug)]
struct Segment {
    reader: BufReader<File>,
    first: u64,
    /// The number of the record that is next in it, and its place.
    number: u64,
    place: u64,
}

impl Reader {
    /// Reads from the record with the number `next` on.
    pub const fn new(dir: PathBuf, next: u64) -> Self {
        Self { dir, current: None, next, damaged: 0 }
    }

    /// The number of the next record.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Goes back, or on, to a record.
    pub fn seek(&mut self, next: u64) {
        (self.current, self.next) = (None, next);
    }

    /// Reads the next record before `until`, up to which all are written, and gives its number. What was removed is passed over.
    pub fn read(&mut self, until: u64, event: &mut Vec<u8>) -> io::Result<Option<u64>> {
        while self.next < until {
            let Some(Segment { reader, first, number, place }) = &mut self.current else {
                self.open(until)?;
                continue;
            };
            let found = segment::read_record(reader, *number, event)?;
            if found == Found::Record {
                let this = *number;
                let length = u64::try_from(RECORD.saturating_add(event.len())).unwrap_or(u64::MAX);
                (*number, *place) = (number.saturating_add(1), place.saturating_add(length));
                if this == self.next {
                    self.next = this.saturating_add(1);
                    return Ok(Some(this));
                }
                continue;
            }
            let first = *first;
            if found == Found::Damage
                && let Some(whole) = segment::find(reader, *place, *number)?.filter(|(_, there)| *there < until)
            {
                reader.seek(SeekFrom::Start(whole.0))?;
                (*place, *number) = whole;
                self.pass(whole.1, true);
                continue;
            }
            self.current = None;
            let after = segment::list(&self.dir)?.into_iter().find(|other| *other >= self.next && *other != first);
            self.pass(after.unwrap_or(until).min(until), found == Found::Damage || after.is_none());
        }
        Ok(None)
    }

    /// Removes segments all of whose records come before `acknowledged`.
    pub fn remove_before(&self, acknowledged: u64) -> io::Result<()> {
        let all = segment::list(&self.dir)?;
        for (first, second) in all.iter().zip(all.iter().skip(1)) {
            if *second <= acknowledged {
                match fs::remove_file(segment::path(&self.dir, *first)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Opens the segment with the next record, or goes on to the first record that there is.
    fn open(&mut self, until: u64) -> io::Result<()> {
        let all = segment::list(&self.dir)?;
        let Some(first) = all.iter().rev().find(|first| **first <= self.next).copied() else {
            self.pass(all.first().copied().unwrap_or(until).min(until), all.is_empty());
            return Ok(());
        };
        let mut reader = match File::open(segment::path(&self.dir, first)) {
            Ok(file) => BufReader::with_capacity(BUFFER, file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()), // removed just now: look again
            Err(error) => return Err(error),
        };
        match segment::read_header(&mut reader, first)? {
            Some(_) => self.current = Some(Segment { reader, first, number: first, place: HEADER as u64 }),
            None => {
                let after = all.into_iter().find(|other| *other > first && *other >= self.next);
                self.pass(after.unwrap_or(until).min(until), true);
            }
        }
        Ok(())
    }

    fn pass(&mut self, to: u64, is_damage: bool) {
        if is_damage {
            self.damaged = self.damaged.saturating_add(to.saturating_sub(self.next));
        }
        self.next = self.next.max(to);
    }
}

const BUFFER: usize = 256 << 10;
