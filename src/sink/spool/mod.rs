//! A spool on disk: what a receiver has not taken waits here, and outlives this program.
//!
//! **Files.** A directory for each sink: segments, named by the number of their first record, a ledger, and a lock. A segment is a header (magic,
//! the spool's id, the first number) and records (length, CRC-32, an event). A segment is only appended to; it goes as a whole once all of it is
//! acknowledged. The ledger says up to which number that is; it is replaced whole.
//!
//! **At least once.** An event is accepted once its record is written: from then on it outlives `kill -9`; and a loss of power, too, once it was
//! brought to the disk, which is done by time and by bytes. A record that is torn, since the end came within a write, is cut off when the spool is
//! opened; damage in the middle costs the records that it hit (see [`segment::find`]). Without a ledger all segments are sent again. Events carry the spool's id and their number, which never change: the receiver can tell doubles.
//!
//! **What is acknowledged.** What its receiver answers for, or, on a stream, what lies far enough behind (see [`Stream`]). After each break what is
//! not acknowledged is sent again.
//!
//! **Bounds.** Segments have so many bytes in all as is set; over it, or where the disk is full, it is as set: wait, or the oldest segment goes, or
//! what is new; that is counted.

mod ages;
mod identity;
mod ledger;
mod reader;
mod receiver;
mod segment;
mod sender;
mod stream;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(super) use identity::with_id;
pub(super) use receiver::{Receiver, Refusal};
use sender::Sender;
pub(super) use stream::{Form, Stream};

use super::Error;
use super::tally::Tally;
use writer::{Full, Writer};

/// How a spool is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    /// The directory, of this sink alone.
    pub dir: PathBuf,
    /// Bytes of all segments.
    pub size: u64,
    /// What goes where there is no room.
    pub when_full: WhenFull,
    /// Bytes that a stream has to take after an event before it counts as acknowledged.
    pub resend: usize,
    /// What is written is brought to the disk after so many bytes,
    pub sync_bytes: u64,
    /// and after this time. `None` leaves both to the system.
    pub sync_time: Option<Duration>,
}

impl SpoolSettings {
    /// With defaults for the rest.
    pub const fn new(dir: PathBuf, size: u64, when_full: WhenFull) -> Self {
        Self { dir, size, when_full, resend: RESEND, sync_bytes: SYNC_BYTES, sync_time: Some(SYNC_TIME) }
    }
}

/// What goes where there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Nothing: new events wait.
    Wait,
    /// The oldest events.
    Oldest,
    /// New events.
    Newest,
}

/// Told when a receiver begins to fail.
pub(super) type Announce = Arc<dyn Fn(&Error) + Send + Sync>;

/// A spool that is at work: it is written to here, and sent from in a thread.
#[derive(Debug)]
pub(super) struct Spool {
    settings: SpoolSettings,
    writer: Writer,
    shared: Arc<Shared>,
    sender: JoinHandle<Result<(), Error>>,
    patience: Duration,
    tally: Arc<Tally>,
    dropped: u64,
}

/// What has become of events in a spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spooled {
    /// Given up to keep to the bound.
    pub dropped: u64,
    /// Not acknowledged yet; they are sent again in the next run.
    pub waiting: u64,
    /// Lost to damage of the files.
    pub damaged: u64,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// Numbers of records, by which writer and sender agree.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The next one that will be written.
    written: u64,
    /// The first one that is not acknowledged.
    acknowledged: u64,
    /// Nothing will be written any more.
    is_closing: bool,
    /// The files are no longer the sender's, and may be somebody else's.
    is_left: bool,
    damaged: u64,
}

impl State {
    fn spooled(&self, dropped: u64) -> Spooled {
        Spooled { dropped, waiting: self.written.saturating_sub(self.acknowledged), damaged: self.damaged }
    }
}

impl Shared {
    /// The state. A thread that panicked has left numbers that hold: each is set by itself.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits until something changes, or for that long.
    fn wait(&self, state: MutexGuard<'_, State>, time: Duration) {
        drop(self.changed.wait_timeout(state, time));
    }
}

impl Spool {
    /// Opens the spool, and begins to send what is in it to `receiver`. `patience`: how long its receiver is waited for where the run is to end, or cannot go
    /// on as the spool is full.
    pub fn begin(
        settings: SpoolSettings,
        receiver: Receiver,
        announce: Announce,
        patience: Duration,
        tally: Arc<Tally>,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Spool { path: settings.dir.clone(), source };
        let (writer, acknowledged) = Writer::open(&settings, segment_size(&settings)).map_err(failed)?;
        count_files(&tally, &writer);
        tally.spool_events.set(writer.next().saturating_sub(acknowledged));
        let shared = Arc::new(Shared::default());
        shared.update(|state| (state.written, state.acknowledged) = (writer.next(), acknowledged));
        let sender = Sender::new(
            &settings,
            (writer.id(), acknowledged),
            Arc::clone(&shared),
            receiver,
            announce,
            patience,
            Arc::clone(&tally),
        );
        let sender = thread::Builder::new().name("spool".to_owned()).spawn(move || sender.work()).map_err(Error::Thread)?;
        Ok(Self { settings, writer, shared, sender, patience, tally, dropped: 0 })
    }

    /// Takes whole lines.
    pub fn write(&mut self, lines: &[u8]) -> Result<(), Error> {
        for part in parts(lines) {
            self.append(part)?;
        }
        Ok(())
    }

    /// Brings what is written to the disk, once its time has come.
    pub fn tick(&mut self) -> Result<(), Error> {
        self.writer.sync_if_due().map_err(|source| Error::Spool { path: self.settings.dir.clone(), source })?;
        self.writer.forget_removed();
        count_files(&self.tally, &self.writer);
        Ok(())
    }

    /// Waits until all is acknowledged, or the receiver has been away for long; what is left stays.
    pub fn finish(mut self) -> Result<Spooled, Error> {
        self.close()?;
        let Self { sender, mut writer, tally, shared, dropped, .. } = self;
        sender.join().unwrap_or(Err(Error::Broken))?;
        writer.forget_removed();
        count_files(&tally, &writer);
        Ok(shared.state().spooled(dropped))
    }

    /// The same, but no longer than `longest`, whatever the receiver does: a request may wait long for its answer, and there may be much to send.
    /// What is not acknowledged by then stays and is sent again in the next run, so that nothing is lost by leaving the sender alone.
    pub fn finish_within(mut self, longest: Duration) -> Result<Spooled, Error> {
        let since = Instant::now();
        self.close()?;
        while !self.sender.is_finished() {
            let Some(rest) = longest.checked_sub(since.elapsed()).filter(|rest| !rest.is_zero()) else {
                let mut state = self.shared.state();
                state.is_left = true;
                return Ok(state.spooled(self.dropped));
            };
            thread::sleep(rest.min(LOOK));
        }
        self.finish()
    }

    /// Nothing more will be written.
    fn close(&mut self) -> Result<(), Error> {
        self.writer.sync().map_err(|source| Error::Spool { path: self.settings.dir.clone(), source })?;
        self.shared.update(|state| state.is_closing = true);
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), Error> {
        let mut progress = (self.shared.state().acknowledged, Instant::now());
        loop {
            match self.writer.append(lines, self.settings.size) {
                Ok(too_long) => {
                    self.dropped = self.dropped.saturating_add(too_long);
                    let written = self.writer.next();
                    let acknowledged = {
                        let mut state = self.shared.state();
                        state.written = written;
                        state.acknowledged
                    };
                    self.shared.changed.notify_all();
                    self.tally.dropped_too_long.add(too_long);
                    self.tally.spool_events.set(written.saturating_sub(acknowledged));
                    count_files(&self.tally, &self.writer);
                    return Ok(());
                }
                Err(Full::NoRoom) => {}
                Err(Full::Failed(source)) => return Err(Error::Spool { path: self.settings.dir.clone(), source }),
            }
            if self.sender.is_finished() {
                return Err(Error::Broken);
            }
            let acknowledged = self.shared.state().acknowledged;
            match self.settings.when_full {
                WhenFull::Wait => {
                    if acknowledged != progress.0 {
                        progress = (acknowledged, Instant::now());
                    }
                    if progress.1.elapsed() > self.patience {
                        let source = std::io::Error::other("it is full, and its receiver takes nothing");
                        return Err(Error::Spool { path: self.settings.dir.clone(), source });
                    }
                    self.shared.wait(self.shared.state(), Duration::from_millis(500));
                    self.writer.forget_removed();
                }
                WhenFull::Oldest => match self.writer.remove_oldest(acknowledged) {
                    Ok(Some(lost)) => self.lose(lost),
                    _ => return self.drop_lines(lines), // there is nothing older
                },
                WhenFull::Newest => {
                    self.writer.forget_removed();
                    if !self.writer.has_room(lines, self.settings.size) {
                        return self.drop_lines(lines);
                    }
                }
            }
        }
    }

    fn drop_lines(&mut self, lines: &[u8]) -> Result<(), Error> {
        let count = lines.iter().filter(|&&b| b == b'\n').count();
        self.lose(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(())
    }

    fn lose(&mut self, count: u64) {
        self.dropped = self.dropped.saturating_add(count);
        self.tally.dropped_spool.add(count);
    }
}

fn count_files(tally: &Tally, writer: &Writer) {
    tally.spool_bytes.set(writer.bytes());
    tally.spool_segments.set(writer.segments());
}

/// Lines in parts that are written at once.
fn parts(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let start = lines.get(..PART).unwrap_or(lines);
        let end = start.iter().rposition(|&b| b == b'\n').or_else(|| lines.iter().position(|&b| b == b'\n'));
        let (part, rest) = lines.split_at_checked(end?.saturating_add(1))?;
        lines = rest;
        Some(part)
    })
}

/// A spool has eight segments or more, so that one of them can go.
fn segment_size(settings: &SpoolSettings) -> u64 {
    settings.size.checked_div(8).unwrap_or(0).clamp(1, LARGEST)
}

/// Bytes of lines that are written at once, unless a line is longer.
const PART: usize = 64 << 10;
/// More than the buffers of both sides of a TCP connection hold by default (6 and 4 MiB in Linux).
const RESEND: usize = 16 << 20;
/// What is lost with the power, if nothing else is said.
const SYNC_BYTES: u64 = 1 << 20;
const SYNC_TIME: Duration = Duration::from_secs(1);
/// Bytes of a segment at most.
const LARGEST: u64 = 8 << 20;
/// How often it is looked whether the sender has ended.
const LOOK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests;
