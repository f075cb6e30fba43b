//! The sending side of a spool, in its thread.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ages::Ages;
use super::reader::Reader;
use super::receiver::{Receiver, Refusal};
use super::{Announce, Shared, SpoolSettings, identity, ledger};
use crate::sink::Error;
use crate::sink::socket::Closed;
use crate::sink::tally::Tally;

/// Sends what is in a spool.
pub(super) struct Sender {
    dir: PathBuf,
    id: u64,
    shared: Arc<Shared>,
    receiver: Receiver,
    announce: Announce,
    tally: Arc<Tally>,
    /// How long the receiver may be away at the end.
    patience: Duration,
    reader: Reader,
    ages: Ages,
    /// How many events were sent when the receiver failed last, until it takes some again.
    failed_at: Option<u64>,
    /// The first number that is not acknowledged.
    acknowledged: u64,
    /// When the ledger was written last, and what was in it.
    noted: (Instant, u64),
    /// What the receiver has refused is to be tried again.
    is_refused: bool,
    /// When the receiver was found to be away last, and how long it was left alone then.
    away: Option<(Instant, Duration)>,
    /// How many events the receiver has let go in this run, and when that became more last, or the end began.
    gone: u64,
    progress: Instant,
    /// It became more since the receiver was left alone last.
    has_progressed: bool,
    is_ending: bool,
}

/// How it goes on.
enum Step {
    On,
    Done,
}

impl Sender {
    pub fn new(
        settings: &SpoolSettings,
        (id, acknowledged): (u64, u64),
        shared: Arc<Shared>,
        mut receiver: Receiver,
        announce: Announce,
        patience: Duration,
        tally: Arc<Tally>,
    ) -> Self {
        receiver.start(acknowledged);
        Self {
            dir: settings.dir.clone(),
            id,
            shared,
            receiver,
            announce,
            tally,
            patience,
            reader: Reader::new(settings.dir.clone(), acknowledged),
            ages: Ages::default(),
            failed_at: None,
            acknowledged,
            noted: (Instant::now(), acknowledged),
            is_refused: false,
            away: None,
            gone: 0,
            progress: Instant::now(),
            has_progressed: false,
            is_ending: false,
        }
    }

    /// Sends until nothing will be written any more and all is acknowledged, or the receiver has been away for long after that.
    pub fn work(mut self) -> Result<(), Error> {
        let mut event = Vec::new();
        loop {
            match self.step(&mut event).and_then(|step| self.settle().map_err(Refusal::from).map(|()| step)) {
                Ok(Step::On) => self.recovered(),
                Ok(Step::Done) => break,
                Err(refusal) => {
                    self.is_refused = true;
                    self.tally.receiver.failed(&refusal.error);
                    self.failed_at = Some(self.tally.sent.get());
                    let _ = self.settle(); // where files are what fails, it is tried again
                    let next = self.receiver.recover(self.reader.next());
                    if next != self.reader.next() {
                        self.reader.seek(next);
                    }
                    if !self.pause(&refusal) {
                        break;
                    }
                }
            }
        }
        self.settle()?;
        self.note(true)
    }

    /// One event, or what is to be done while there is none.
    fn step(&mut self, event: &mut Vec<u8>) -> Result<Step, Refusal> {
        let state = *self.shared.state();
        if state.is_left {
            return Ok(Step::Done);
        }
        if state.is_closing && !self.is_ending {
            (self.is_ending, self.progress) = (true, Instant::now());
        }
        if std::mem::take(&mut self.is_refused) {
            self.receiver.flush(true)?;
        }
        if let Some(number) = self.reader.read(state.written, event).map_err(|source| self.failed(source))? {
            if self.ages.note(number, event) {
                self.tell_oldest();
            }
            self.receiver.offer(number, &identity::of(self.id, number), event)?;
            return Ok(Step::On);
        }
        if state.is_closing {
            return self.end(state.written);
        }
        self.receiver.flush(false)?;
        self.settle()?;
        self.note(false)?;
        let state = self.shared.state();
        if state.written == self.reader.next() && !state.is_closing {
            self.shared.wait(state, self.receiver.due().unwrap_or(IDLE).min(IDLE));
        }
        Ok(Step::On)
    }

    /// All was offered, and nothing more comes.
    fn end(&mut self, written: u64) -> Result<Step, Refusal> {
        self.receiver.flush(true)?;
        match self.receiver.close(self.patience) {
            Closed::Confirmed => self.receiver.start(self.reader.next()), // what was passed over, too
            Closed::Broken if self.receiver.acknowledged() < written => return Err(Error::Unconfirmed.into()),
            Closed::Broken | Closed::Silent => {}
        }
        Ok(Step::Done)
    }

    /// Notices that a receiver that has failed takes events again.
    fn recovered(&mut self) {
        if self.failed_at.is_some_and(|sent| self.tally.sent.get() != sent) {
            self.failed_at = None;
            self.tally.receiver.recovered();
        }
    }

    /// Takes over what the receiver has acknowledged.
    fn settle(&mut self) -> Result<(), Error> {
        let gone = self.receiver.gone();
        if gone != self.gone {
            (self.gone, self.progress, self.has_progressed) = (gone, Instant::now(), true);
        }
        let acknowledged = self.receiver.acknowledged();
        if acknowledged == self.acknowledged {
            return Ok(());
        }
        self.acknowledged = acknowledged;
        self.tell_oldest();
        self.note(false)
    }

    fn tell_oldest(&mut self) {
        self.tally.spool_oldest.set(self.ages.oldest(self.acknowledged).unwrap_or(0));
    }

    /// Leaves the receiver alone for a while; false once it was away for too long, which it is only where the run ends.
    fn pause(&mut self, refusal: &Refusal) -> bool {
        let last = self.away.filter(|(at, pause)| at.elapsed() < pause.saturating_add(SETTLED));
        if last.is_none() {
            (self.announce)(&refusal.error);
        }
        if self.is_ending && self.progress.elapsed() > self.patience {
            return false;
        }
        // Who takes some and refuses some is busy, and not away.
        let last = last.filter(|_| !std::mem::take(&mut self.has_progressed));
        let pause = last.map_or(FIRST_PAUSE, |(_, pause)| pause.saturating_mul(2).min(LONGEST_PAUSE));
        self.away = Some((Instant::now(), pause));
        // Who asks to be left alone is so for that time at least.
        let mut left = refusal.after.unwrap_or_default().min(LONGEST_WISH).saturating_add(jittered(pause));
        if self.is_ending {
            left = left.min(self.patience.saturating_sub(self.progress.elapsed()));
        }
        let since = Instant::now();
        while let Some(rest) = left.checked_sub(since.elapsed()).filter(|rest| !rest.is_zero()) {
            let state = self.shared.state();
            if state.is_left {
                return false;
            }
            if state.is_closing && !self.is_ending {
                break; // how long there is now is another matter
            }
            self.shared.wait(state, rest);
        }
        true
    }

    /// Tells the writer what is acknowledged, and writes it into the ledger, now and then or `now`.
    fn note(&mut self, now: bool) -> Result<(), Error> {
        let (at, before) = self.noted;
        let is_due = self.acknowledged != before && (now || at.elapsed() >= BETWEEN_NOTES);
        if self.shared.state().is_left {
            return Ok(()); // what was acknowledged meanwhile is sent once more
        }
        if is_due {
            let written = ledger::write(&self.dir, self.id, self.acknowledged);
            // Also where there was no room for the ledger: that makes some.
            self.reader.remove_before(self.acknowledged).map_err(|source| self.failed(source))?;
            match written {
                Ok(()) => self.noted = (Instant::now(), self.acknowledged),
                Err(error) if !now && is_full(&error) => self.noted.0 = Instant::now(), // later, then
                Err(error) => return Err(self.failed(error)),
            }
        }
        if is_due || now {
            let (acknowledged, damaged) = (self.acknowledged, self.reader.damaged);
            let mut written = 0;
            self.shared.update(|state| {
                (state.acknowledged, state.damaged) = (acknowledged, damaged);
                written = state.written;
            });
            self.tally.dropped_damaged.set(damaged);
            self.tally.spool_events.set(written.saturating_sub(acknowledged));
        }
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Spool { path: self.dir.clone(), source }
    }
}

/// Whether there is no room on the disk.
pub(super) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Half of it to all of it, so that many who were refused at once do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    let half = pause.checked_div(2).unwrap_or_default();
    let part = u32::try_from(random & 0xff).unwrap_or_default();
    half.saturating_add(half.saturating_mul(part).checked_div(0xff).unwrap_or_default())
}

const BETWEEN_NOTES: Duration = Duration::from_millis(200);
/// How long nothing is looked at where nothing happens.
const IDLE: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// What a receiver may ask for at most.
const LONGEST_WISH: Duration = Duration::from_secs(300);
/// A receiver that was there for so long after a pause begins with short ones again.
const SETTLED: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_half_as_long_to_as_long_as_it_is_said_to_be() {
        let pause = Duration::from_secs(8);
        let all: Vec<Duration> = (0..200).map(|_| jittered(pause)).collect();
        assert!(all.iter().all(|one| *one >= pause / 2 && *one <= pause));
        assert!(all.iter().any(|one| *one < pause * 5 / 8) && all.iter().any(|one| *one > pause * 7 / 8));
    }
}
