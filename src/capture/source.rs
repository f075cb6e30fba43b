//! An opened input: its bytes, decompressed where need be, and a look at the first of them.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Timestamp;

use super::compression::Compression;
use super::format::{Format, Next, Recognised};
use super::found::Found;

/// A reader of one capture's bytes, decompressed.
pub(super) struct Source {
    reader: Box<dyn Read + Send>,
    /// How the file is compressed.
    pub compression: Option<Compression>,
}

impl Source {
    /// Opens a file. Bytes read from disk are added to `consumed`.
    pub fn open(path: &Path, consumed: &Arc<AtomicU64>) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let compression = Compression::by_first_bytes(&read_at_most(&mut file, Compression::MAGIC_LEN)?);
        file.rewind()?;
        Self::new(Counted { inner: file, count: Arc::clone(consumed) }, compression)
    }

    /// Takes a stream that can be read only once. Bytes read from it are added to `consumed`.
    pub fn stream(stream: impl Read + Send + 'static, consumed: &Arc<AtomicU64>) -> io::Result<Self> {
        let mut stream = Counted { inner: stream, count: Arc::clone(consumed) };
        let magic = read_at_most(&mut stream, Compression::MAGIC_LEN)?;
        let compression = Compression::by_first_bytes(&magic);
        Self::new(Cursor::new(magic).chain(stream), compression)
    }

    fn new(raw: impl Read + Send + 'static, compression: Option<Compression>) -> io::Result<Self> {
        let reader = match compression {
            Some(compression) => compression.decoder(raw)?,
            None => Box::new(raw),
        };
        Ok(Self { reader, compression })
    }

    /// The same source, with `prefix`, which was read from it, put back in front.
    pub fn put_back(self, prefix: Vec<u8>) -> Self {
        Self { reader: Box::new(Cursor::new(prefix).chain(self.reader)), ..self }
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader.read(out)
    }
}

/// What a look at the start of a capture tells.
#[derive(Debug)]
pub(super) struct Peeked {
    /// The time of its first packet; `None` if it has none in its first [`PEEK_MAX`] bytes.
    pub first_packet: Option<Timestamp>,
    /// The bytes that were read for it.
    pub prefix: Vec<u8>,
}

/// Why a look failed.
#[derive(Debug)]
pub(super) enum PeekError {
    /// It could not be read.
    Io(io::Error),
    /// It is no capture.
    NotACapture(Found),
}

/// Reads on until the first packet is there.
pub(super) fn peek(source: &mut Source) -> Result<Peeked, PeekError> {
    let mut prefix = Vec::new();
    let mut more = read_more(source, &mut prefix);
    let (mut format, mut at) = loop {
        if let (Err(error), true) = (&more, prefix.is_empty()) {
            return Err(cannot_read(source, error));
        }
        match Format::recognise(&prefix) {
            Recognised::Capture(format, header_len) => break (format, header_len),
            Recognised::TooShort(_) if matches!(more, Ok(true)) => more = read_more(source, &mut prefix),
            Recognised::TooShort(_) if !prefix.is_empty() => {
                return Err(PeekError::NotACapture(Found::CutHeader { len: prefix.len() }.inside(source.compression)));
            }
            Recognised::TooShort(_) | Recognised::Other => {
                return Err(PeekError::NotACapture(Found::by_first_bytes(&prefix).inside(source.compression)));
            }
        }
    };
    let mut records = Vec::new();
    loop {
        let walked = format.walk(&prefix, at, &mut records);
        at = walked.end;
        let whole = !records.is_empty() || matches!(walked.next, Next::Corrupt(_)) || prefix.len() >= PEEK_MAX;
        // What is wrong further on is told when the capture is played.
        if whole || !matches!(more, Ok(true)) {
            return Ok(Peeked { first_packet: records.first().map(|record| record.timestamp), prefix });
        }
        more = read_more(source, &mut prefix);
    }
}

fn cannot_read(source: &Source, error: &io::Error) -> PeekError {
    match source.compression {
        Some(_) if !is_from_system(error) => {
            PeekError::NotACapture(Found::Undecompressable(error.to_string()).inside(source.compression))
        }
        _ => PeekError::Io(io::Error::new(error.kind(), error.to_string())),
    }
}

/// Whether the system failed to read, rather than the decompressor to understand.
pub(super) fn is_from_system(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}

/// Appends what one read gives; `false` at the end.
fn read_more(source: &mut Source, prefix: &mut Vec<u8>) -> io::Result<bool> {
    let start = prefix.len();
    let step = if start == 0 { PEEK_FIRST } else { PEEK_STEP };
    prefix.resize(start.saturating_add(step), 0);
    let n = loop {
        match source.read(prefix.get_mut(start..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => break answer,
        }
    };
    prefix.truncate(start.saturating_add(n.as_ref().copied().unwrap_or_default()));
    Ok(n? > 0)
}

/// The first `len` bytes, or all if there are fewer.
fn read_at_most(reader: &mut impl Read, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len);
    reader.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Counts what passes.
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// The first look: enough for the headers and the first packet of nearly all captures.
const PEEK_FIRST: usize = 4 << 10;

/// Every further look.
const PEEK_STEP: usize = 64 << 10;

/// How far into a capture its first packet is searched. Only name resolution and decryption secrets come before it.
const PEEK_MAX: usize = 16 << 20;
