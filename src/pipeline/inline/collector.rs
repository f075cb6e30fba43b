//! The collector: writes lines as they come, and tells how it goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::path::Piece;
use super::{Named, PathSettings, PathStatus, now};
use crate::event::Summary;
use crate::pipeline::batch::{Ending, Output, WorkDone};
use crate::pipeline::editor::Editor;
use crate::pipeline::lines::Printer;
use crate::pipeline::strand::Strand;
use crate::pipeline::{Outcome, RunError, Settings, Take};
use crate::rules::RuleSet;

pub(super) struct Collector<P> {
    pieces: Receiver<Piece>,
    give_back: Sender<Output>,
    editor: Editor<P>,
    status: PathStatus,
}

impl<P: Printer> Collector<P> {
    pub fn new(pieces: Receiver<Piece>, give_back: Sender<Output>, printer: P, settings: &Settings, rules: Arc<RuleSet>) -> Self {
        Self { pieces, give_back, editor: Editor::new(printer, settings, rules), status: PathStatus::default() }
    }

    /// Collects until the run is to end, and the path is done.
    pub fn collect(
        mut self,
        settings: &Settings,
        path: &PathSettings,
        tell: &dyn Fn(&PathStatus),
        sink: &mut Take<'_>,
        end: &std::sync::atomic::AtomicBool,
    ) -> Result<Outcome, RunError> {
        let (begun, mut last_stats, mut last_count) = (Instant::now(), Instant::now(), Instant::now());
        loop {
            let is_over = settings.stop.load(Ordering::Relaxed) != 0 || path.duration.is_some_and(|most| begun.elapsed() >= most);
            if is_over {
                end.store(true, Ordering::Relaxed);
            }
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => {
                    if let Some(done) = self.take(piece, sink)? {
                        return self.finish(done, sink);
                    }
                    // With a piece, so that a path from which none comes counts as stuck.
                    if let Some(board) = settings.board.as_ref().filter(|_| last_count.elapsed() >= BETWEEN_COUNTS) {
                        last_count = Instant::now();
                        board.count(self.editor.counted(&self.status.decoder, self.status.counters, &named(&self.status)));
                        sink(&[]).map_err(RunError::Sink)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(RunError::Worker),
            }
            if settings.stats_interval.is_some_and(|interval| last_stats.elapsed() >= interval) {
                last_stats = Instant::now();
                self.editor.stats(now(), &self.status.decoder, self.status.counters, &named(&self.status));
                self.editor.flush(sink)?;
            }
            if path.status.swap(false, Ordering::Relaxed) {
                tell(&self.status);
            }
        }
    }

    fn take(&mut self, piece: Piece, sink: &mut Take<'_>) -> Result<Option<WorkDone>, RunError> {
        let Piece { rules, mut output, status } = piece;
        if let Some((rules, since)) = rules {
            self.editor.replace_rules(rules, since);
        }
        let done = output.end.take();
        let mut strand = Strand::of(output);
        self.editor.write_run(&mut strand, |_| true, None, sink)?;
        self.editor.flush(sink)?;
        let _ = self.give_back.try_send(strand.into_spare()); // where there are enough spare ones, this one is let go
        self.status = *status;
        Ok(done.map(|done| *done))
    }

    fn finish(self, done: WorkDone, sink: &mut Take<'_>) -> Result<Outcome, RunError> {
        let decoder = self.status.decoder.clone();
        let mut summary = Summary::default();
        (summary.packets, summary.bytes) = (decoder.pkts, decoder.bytes);
        summary.add_skipped("TCP on ports that are not watched", decoder.tcp.saturating_sub(decoder.watched));
        let ending = Ending { last: now(), decoder, summary };
        self.editor.finish(vec![done], ending, &named(&self.status), sink)
    }
}

/// What the rim counts, by the names of `stats` events.
fn named(status: &PathStatus) -> Vec<Named> {
    let mut named = status.path.named();
    named.extend(status.passage.iter().copied());
    named.push(("portcullis.inline.lines_lost", status.lines_lost));
    named
}

/// How often it tells the board what was counted.
const BETWEEN_COUNTS: Duration = Duration::from_secs(1);
/// How long it waits for lines before it looks at the rest.
const PATIENCE: Duration = Duration::from_millis(50);
