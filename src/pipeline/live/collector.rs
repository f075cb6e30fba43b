//! The collector: writes lines as they come from the workers, and adds up what they have counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::worker::{Counted, Piece};
use super::{Command, Commands, Status, now};
use crate::base::Timestamp;
use crate::engine::LANES;
use crate::event::Summary;
use crate::packet::DecoderCounters;
use crate::pipeline::batch::{Ending, Output, WorkDone};
use crate::pipeline::editor::{Editor, Named};
use crate::pipeline::lines::Printer;
use crate::pipeline::strand::Strand;
use crate::pipeline::{Outcome, RunError, Settings, Take};
use crate::protocol::x509::Certificate;
use crate::rules::RuleSet;
use crate::trust::Gathered;

pub(super) struct Collector<P> {
    pieces: Receiver<Piece>,
    give_back: Sender<Output>,
    /// Rules that take the place of others.
    changed: Receiver<(Arc<RuleSet>, Timestamp)>,
    workers: Vec<Worker>,
    editor: Editor<P>,
    gathered: Gathered,
}

/// What the collector knows of a worker.
struct Worker {
    commands: Commands,
    /// Intermediate certificates that it is to learn.
    to_learn: Vec<Arc<Certificate>>,
    /// What it has counted, and when that came.
    counted: (Counted, Instant),
    /// How busy it was between the last two of these, in thousandths.
    load: u64,
    done: Option<WorkDone>,
}

impl<P: Printer> Collector<P> {
    pub fn new(
        pieces: Receiver<Piece>,
        give_back: Sender<Output>,
        changed: Receiver<(Arc<RuleSet>, Timestamp)>,
        commands: Vec<Commands>,
        printer: P,
        settings: &Settings,
        rules: Arc<RuleSet>,
    ) -> Self {
        let worker = |commands| Worker {
            commands,
            to_learn: Vec::new(),
            counted: (Counted::default(), Instant::now()),
            load: 0,
            done: None,
        };
        Self {
            pieces,
            give_back,
            changed,
            workers: commands.into_iter().map(worker).collect(),
            editor: Editor::new(printer, settings, rules),
            gathered: Gathered::new(settings.engine.limits.intermediate_memory),
        }
    }

    /// Collects until all workers are done. Ends early where the sink fails; they then find their channel closed.
    pub fn collect(
        mut self,
        settings: &Settings,
        asked: &AtomicBool,
        tell: &(dyn Fn(&Status) + Sync),
        sink: &mut Take<'_>,
    ) -> Result<(Outcome, Status), RunError> {
        let (interval, mut last_stats, mut last_count) = (settings.stats_interval, Instant::now(), Instant::now());
        loop {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.take(piece, sink)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if interval.is_some_and(|interval| last_stats.elapsed() >= interval) {
                last_stats = Instant::now();
                let status = self.status();
                self.editor.stats(now(), &status.decoder, status.counters, &named(&status));
                self.editor.flush(sink)?;
            }
            if let Some(board) = settings.board.as_ref().filter(|_| last_count.elapsed() >= BETWEEN_COUNTS) {
                last_count = Instant::now();
                let status = self.status();
                board.count(self.editor.counted(&status.decoder, status.counters, &named(&status)));
                sink(&[]).map_err(RunError::Sink)?;
            }
            if asked.swap(false, Ordering::Relaxed) {
                tell(&self.status());
            }
            self.teach();
        }
        self.finish(sink)
    }

    fn take(&mut self, piece: Piece, sink: &mut Take<'_>) -> Result<(), RunError> {
        while let Ok((rules, since)) = self.changed.try_recv() {
            self.editor.replace_rules(rules, since);
        }
        let Piece { worker, mut output, found, counted } = piece;
        let end = output.end.take();
        let mut strand = Strand::of(output);
        self.editor.write_run(&mut strand, |_| true, None, sink)?;
        self.editor.flush(sink)?;
        let _ = self.give_back.try_send(strand.into_spare()); // where there are enough spare ones, this one is let go
        if let Some(worker) = self.workers.get_mut(worker) {
            worker.done = end.map(|end| *end).or(worker.done.take());
            counted.into_iter().for_each(|counted| worker.note(*counted));
        }
        if !found.is_empty() {
            let new = self.gathered.take_in(found);
            self.workers.iter_mut().for_each(|worker| worker.to_learn.extend(new.iter().cloned()));
            self.editor.learned = u64::try_from(self.gathered.len()).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// Has the workers learn what others have found; who has no room for it learns it later.
    fn teach(&mut self) {
        for worker in self.workers.iter_mut().filter(|worker| !worker.to_learn.is_empty()) {
            let lesson: Arc<[_]> = worker.to_learn.as_slice().into();
            if worker.commands.try_send(Command::Learn(lesson)).is_ok() {
                worker.to_learn.clear();
            }
        }
    }

    fn status(&self) -> Status {
        let mut status = Status::default();
        for worker in &self.workers {
            let (counted, _) = &worker.counted;
            status.counters.add(&counted.counters);
            status.decoder.merge(&counted.decoder);
            let sum = |sum: &mut u64, n: u64| *sum = sum.saturating_add(n);
            sum(&mut status.tap.packets, counted.tap.packets);
            sum(&mut status.tap.drops, counted.tap.drops);
            sum(&mut status.tap.freezes, counted.tap.freezes);
            sum(&mut status.lines_lost, counted.lines_lost);
            sum(&mut status.handed_over, counted.handed_over);
            sum(&mut status.segments_lost, counted.segments_lost);
            sum(&mut status.unread, counted.unread);
            let (all, one) = (&mut status.bypassed, &counted.bypassed);
            sum(&mut all.flows, one.flows);
            sum(&mut all.active, one.active);
            sum(&mut all.full, one.full);
            sum(&mut all.packets, one.packets);
            sum(&mut all.bytes, one.bytes);
            status.load.push(worker.load);
        }
        status
    }

    fn finish(self, sink: &mut Take<'_>) -> Result<(Outcome, Status), RunError> {
        let status = self.status();
        let not_tcp = self.workers.iter().fold(0_u64, |sum, worker| sum.saturating_add(worker.counted.0.not_tcp));
        let ending = Ending { last: now(), summary: summary(&status.decoder, not_tcp), decoder: status.decoder.clone() };
        let done: Vec<_> = self.workers.into_iter().map(|worker| worker.done).collect::<Option<_>>().ok_or(RunError::Worker)?;
        let outcome = self.editor.finish(done, ending, &named(&status), sink)?;
        Ok((outcome, status))
    }
}

impl Worker {
    fn note(&mut self, counted: Counted) {
        let (before, since) = &self.counted;
        let (busy, all) = (counted.busy.saturating_sub(before.busy).as_micros(), since.elapsed().as_micros());
        let load = busy.saturating_mul(1000).checked_div(all).unwrap_or(0).min(1000);
        self.load = u64::try_from(load).unwrap_or(0);
        self.counted = (counted, Instant::now());
    }
}

/// What of the summary the decoders know.
fn summary(decoder: &DecoderCounters, not_tcp: u64) -> Summary {
    let mut summary = Summary::default();
    (summary.packets, summary.bytes) = (decoder.pkts, decoder.bytes);
    summary.add_skipped("TCP on ports that are not watched", decoder.tcp.saturating_sub(decoder.watched));
    summary.add_skipped("not TCP", not_tcp);
    summary
}

/// What the rim counts, by the names of `stats` events: Suricata's where it has them.
fn named(status: &Status) -> Vec<Named> {
    let mut named = vec![
        ("capture.kernel_packets", status.tap.packets),
        ("capture.kernel_drops", status.tap.drops),
        ("portcullis.live.ring_freezes", status.tap.freezes),
        ("portcullis.live.handed_over", status.handed_over),
        ("portcullis.live.segments_lost", status.segments_lost),
        ("portcullis.live.lines_lost", status.lines_lost),
        ("portcullis.live.unread", status.unread),
        ("flow_bypassed.pkts", status.bypassed.packets),
        ("flow_bypassed.bytes", status.bypassed.bytes),
        ("portcullis.live.bypassed_flows", status.bypassed.flows),
        ("portcullis.live.bypass_active", status.bypassed.active),
        ("portcullis.live.bypass_full", status.bypassed.full),
    ];
    named.extend(LOADS.into_iter().zip(status.load.iter().copied()));
    named
}

/// How busy each worker is, in thousandths of the time.
const LOADS: [&str; LANES] = [
    "portcullis.live.load.worker_0",
    "portcullis.live.load.worker_1",
    "portcullis.live.load.worker_2",
    "portcullis.live.load.worker_3",
    "portcullis.live.load.worker_4",
    "portcullis.live.load.worker_5",
    "portcullis.live.load.worker_6",
    "portcullis.live.load.worker_7",
    "portcullis.live.load.worker_8",
    "portcullis.live.load.worker_9",
    "portcullis.live.load.worker_10",
    "portcullis.live.load.worker_11",
    "portcullis.live.load.worker_12",
    "portcullis.live.load.worker_13",
    "portcullis.live.load.worker_14",
    "portcullis.live.load.worker_15",
];
/// How often it tells the board what was counted.
const BETWEEN_COUNTS: Duration = Duration::from_secs(1);
/// How long it waits for lines before it looks at the rest.
const PATIENCE: Duration = Duration::from_millis(50);
