//! The thread that reads: it fills buffers, one capture after the other, while the records in earlier ones are walked.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::CaptureSettings;
use super::error::CaptureError;
use super::source::{Source, is_from_system};

/// The near end of the thread. Dropping it lets the thread end: at its next buffer, or when a read that it waits in returns.
pub(super) struct ReadAhead {
    delivered: Receiver<Delivery>,
    returned: Sender<Arc<Vec<u8>>>,
    abandoned: Arc<AtomicU32>,
    stop: Arc<AtomicUsize>,
}

/// One capture to be read.
pub(super) enum Opening {
    /// A file, opened when its turn comes, so that never more than one is open.
    File {
        /// Its path.
        path: PathBuf,
        /// Its length on disk when it was planned.
        len: u64,
    },
    /// A stream, open since it was planned.
    Stream {
        /// What the user calls it.
        path: PathBuf,
        /// Its bytes.
        source: Source,
    },
}

/// What the thread delivers, capture by capture in the order of play.
pub(super) enum Delivery {
    /// Bytes.
    Filled(Filled),
    /// All bytes of the capture have been delivered, or as many as could be.
    End {
        /// Why there are no more, unless it is the capture's end.
        problem: Option<CaptureError>,
    },
}

/// A buffer with bytes.
pub(super) struct Filled {
    /// The buffer; nobody else has it.
    pub buffer: Arc<Vec<u8>>,
    /// Where they start: before it is headroom for the piece of a record that the buffer before ended with.
    pub start: usize,
    /// Where they end.
    pub end: usize,
}

impl ReadAhead {
    /// Starts the thread.
    pub fn start(openings: Vec<Opening>, settings: &CaptureSettings, consumed: Arc<AtomicU64>) -> io::Result<Self> {
        let (deliver, delivered) = bounded(settings.buffers_ahead.max(1));
        let (returned, take_back) = unbounded(); // holds buffers only, and there are few
        let abandoned = Arc::new(AtomicU32::new(u32::MAX));
        let pool = Pool::new(settings, take_back);
        let reader = Reader { deliver, pool, consumed, abandoned: Arc::clone(&abandoned) };
        thread::Builder::new().name("read-ahead".to_owned()).spawn(move || reader.run(openings))?;
        Ok(Self { delivered, returned, abandoned, stop: Arc::clone(&settings.stop) })
    }

    /// The next delivery; `None` when all captures have ended, the thread died, or nothing came and the run is to stop.
    pub fn next(&self) -> Option<Delivery> {
        loop {
            match self.delivered.recv_timeout(LOOK_UP) {
                Ok(delivery) => return Some(delivery),
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) == 0 => {}
                Err(_) => return None,
            }
        }
    }

    /// Gives a buffer back, to be filled again as soon as its other holders have let go of it.
    pub fn give_back(&self, buffer: Arc<Vec<u8>>) {
        let _ = self.returned.send(buffer); // once the thread has ended, buffers are of no use
    }

    /// Lets the thread go on with the next capture: the rest of this one is of no use.
    pub fn abandon(&self, capture: u32) {
        self.abandoned.store(capture, Ordering::Relaxed);
    }
}

/// The far end.
struct Reader {
    deliver: Sender<Delivery>,
    pool: Pool,
    consumed: Arc<AtomicU64>,
    abandoned: Arc<AtomicU32>,
}

/// The near end is gone.
struct Gone;

impl Reader {
    fn run(mut self, openings: Vec<Opening>) {
        for (capture, opening) in (0_u32..).zip(openings) {
            let before = self.consumed.load(Ordering::Relaxed);
            let (ended, len) = match opening {
                Opening::File { path, len } => match Source::open(&path, &self.consumed) {
                    Ok(source) => (self.read(capture, path, source, false), len),
                    Err(source) => (Ok(Some(CaptureError::Open { path, source })), len),
                },
                Opening::Stream { path, source } => (self.read(capture, path, source, true), 0),
            };
            // What was not read counts as consumed too, so that progress ends at its total.
            let read = self.consumed.load(Ordering::Relaxed).saturating_sub(before);
            self.consumed.fetch_add(len.saturating_sub(read), Ordering::Relaxed);
            let sent = ended.and_then(|problem| self.send(Delivery::End { problem }));
            if sent.is_err() {
                return;
            }
        }
    }

    /// Reads a capture to its end. `live`: the bytes may come slowly, so those that are there go on as soon as they are wanted.
    fn read(&mut self, capture: u32, path: PathBuf, mut source: Source, live: bool) -> Result<Option<CaptureError>, Gone> {
        let mut offset = 0_u64;
        loop {
            let mut buffer = self.pool.take();
            let start = self.pool.headroom;
            let space = Arc::get_mut(&mut buffer).and_then(|buffer| buffer.get_mut(start..)).unwrap_or_default();
            let (n, ended) = fill(&mut source, space, || live && self.deliver.is_empty());
            if n > 0 {
                let end = start.saturating_add(n);
                self.send(Delivery::Filled(Filled { buffer, start, end }))?;
            }
            offset = offset.saturating_add(n as u64);
            match (ended, source.compression) {
                (None, _) if self.abandoned.load(Ordering::Relaxed) == capture => return Ok(None),
                (None, _) => {}
                (Some(Ok(())), _) => return Ok(None),
                (Some(Err(source)), Some(compression)) if !is_from_system(&source) => {
                    return Ok(Some(CaptureError::Decompress { path, compression, offset, source }));
                }
                (Some(Err(source)), _) => return Ok(Some(CaptureError::Read { path, offset, source })),
            }
        }
    }

    fn send(&self, delivery: Delivery) -> Result<(), Gone> {
        self.deliver.send(delivery).map_err(|_| Gone)
    }
}

/// Reads until `space` is full, `enough` says so after a read, or the source ends: then with its reason. Answers how many bytes.
fn fill(source: &mut Source, space: &mut [u8], enough: impl Fn() -> bool) -> (usize, Option<io::Result<()>>) {
    let mut n = 0_usize;
    loop {
        match source.read(space.get_mut(n..).unwrap_or_default()) {
            Ok(0) => return (n, Some(Ok(()))),
            Ok(more) => n = n.saturating_add(more),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return (n, Some(Err(error))),
        }
        if n >= space.len() || enough() {
            return (n, None);
        }
    }
}

/// Buffers to be filled again. A buffer is free when its handle here is the only one left.
///
/// Bound: [`POOL_MAX`] buffers; if more are held by workers at a time, the surplus is freed instead of filled again. How many
/// are held is bounded by the channels through which they go.
struct Pool {
    take_back: Receiver<Arc<Vec<u8>>>,
    known: Vec<Arc<Vec<u8>>>,
    headroom: usize,
    buffer_len: usize,
}

impl Pool {
    fn new(settings: &CaptureSettings, take_back: Receiver<Arc<Vec<u8>>>) -> Self {
        let space = settings.buffer_len.clamp(1, BUFFER_MAX);
        let headroom = space / HEADROOM_SHARE;
        Self { take_back, known: Vec::new(), headroom, buffer_len: headroom.saturating_add(space) }
    }

    /// A buffer that nobody else has.
    fn take(&mut self) -> Arc<Vec<u8>> {
        for buffer in self.take_back.try_iter() {
            // One that grew for a long record is not kept.
            if buffer.len() == self.buffer_len && self.known.len() < POOL_MAX {
                self.known.push(buffer);
            }
        }
        // The latest first: it may still be in the cache.
        for index in (0..self.known.len()).rev() {
            if self.known.get_mut(index).is_some_and(|buffer| Arc::get_mut(buffer).is_some()) {
                return self.known.remove(index);
            }
        }
        Arc::new(vec![0; self.buffer_len])
    }
}

/// Headroom is buffer length divided by this: 128 KiB before 2 MiB. A longer piece of a record costs a copy of the buffer.
const HEADROOM_SHARE: usize = 16;

/// While nothing comes, it is looked this often whether the run is to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// So many buffers are kept at most.
const POOL_MAX: usize = 64;

/// A buffer has so many bytes at most: offsets of frames in it have 32 bits.
const BUFFER_MAX: usize = 1 << 30;
