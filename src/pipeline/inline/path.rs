//! The thread in the path: frames in, answers out, lines to the collector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError};

use super::{Passage, PathSettings, PathStatus, now};
use crate::base::{Duration, Timestamp};
use crate::engine::inline::{Answers, Inline};
use crate::pipeline::batch::{Output, WorkDone};
use crate::pipeline::lines::{Lines, Printer};
use crate::pipeline::live::AtInterfaces;
use crate::pipeline::{NextRules, Settings};
use crate::rules::RuleSet;

pub(super) struct Path<P> {
    passage: Box<dyn Passage>,
    inline: Inline,
    lines: Lines<P>,
    answers: Answers,
    next_rules: Arc<NextRules>,
    /// Rules that took over, and when, until the collector has been told.
    new_rules: Option<(Arc<RuleSet>, Timestamp)>,
    pieces: Sender<Piece>,
    spares: Receiver<Output>,
    lines_lost: u64,
    /// How late a frame may be judged.
    latest: Duration,
    /// How many frames it may still take, where that is limited.
    left: Option<u64>,
}

/// What the collector gets.
pub(super) struct Piece {
    pub rules: Option<(Arc<RuleSet>, Timestamp)>,
    pub output: Output,
    pub status: Box<PathStatus>,
}

impl<P: Printer> Path<P> {
    pub fn new(
        passage: Box<dyn Passage>,
        settings: &Settings,
        path: &PathSettings,
        printer: P,
        rules: Arc<RuleSet>,
        (pieces, spares): (Sender<Piece>, Receiver<Output>),
    ) -> Self {
        let lines = Lines::new(printer, Arc::clone(&rules), &settings.keeping, false); // it compares servers itself
        let (decoder, engine) = (settings.decoder.clone(), settings.engine.clone());
        let inline = Inline::new(path.inline, decoder, engine, rules, Arc::clone(&path.names));
        Self {
            passage,
            inline,
            lines,
            answers: Answers::default(),
            next_rules: Arc::clone(&settings.next_rules),
            new_rules: None,
            pieces,
            spares,
            lines_lost: 0,
            latest: path.latest,
            left: path.packets,
        }
    }

    /// Works until `end` is set, or it has taken as many frames as it may. Calls `look` once a second.
    pub fn work(mut self, end: &AtomicBool, look: &mut dyn FnMut(), say: &dyn Fn(&str)) {
        let (mut last_look, mut last_piece) = (Instant::now(), Instant::now());
        while !end.load(Ordering::Relaxed) && self.left != Some(0) {
            if let Err(error) = self.passage.wait(PATIENCE) {
                say(&format!("cannot wait for packets: {error}"));
                std::thread::sleep(PATIENCE);
            }
            self.take_rules();
            self.frames();
            if last_piece.elapsed() >= BETWEEN_PIECES || self.lines.output.is_full() {
                last_piece = Instant::now();
                self.hand_out(None);
            }
            if last_look.elapsed() >= BETWEEN_LOOKS {
                last_look = Instant::now();
                self.passage.look().iter().for_each(|line| say(line));
                look();
            }
        }
        self.inline.finish(&mut AtInterfaces::new(&mut self.lines), &mut self.answers);
        self.passage.carry_out(&self.answers);
        let summary = std::mem::take(&mut self.lines.summary);
        let (counters, datasets) = (self.inline.counters(), self.inline.saved_datasets());
        let profile = self.inline.profile().cloned();
        self.hand_out(Some(WorkDone { counters, summary, profile, datasets }));
    }

    fn take_rules(&mut self) {
        if let Some(rules) = self.next_rules.take() {
            self.inline.replace_rules(Arc::clone(&rules));
            self.lines.replace_rules(Arc::clone(&rules));
            self.new_rules = Some((rules, now()));
        }
    }

    /// Judges the frames that are there, and lets go of those that need not wait.
    fn frames(&mut self) {
        let Self { passage, inline, lines, answers, left, .. } = self;
        let (began, latest) = (now(), self.latest);
        let taken = passage.take(&mut |frame, ticket| {
            let mut report = AtInterfaces::of(lines, *frame);
            if began.since(frame.timestamp) > latest {
                inline.overload(frame, ticket, &mut report, answers);
            } else {
                inline.process(frame, ticket, &mut report, answers);
            }
        });
        *left = left.map(|left| left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX)));
        inline.tick(now(), &mut AtInterfaces::new(lines), answers);
        passage.carry_out(answers);
        answers.clear();
    }

    /// Hands out the lines so far. Where the collector is behind, they are let go; all but the last.
    fn hand_out(&mut self, done: Option<WorkDone>) {
        let spare = self.spares.try_recv().unwrap_or_default();
        let output = Output { end: done.map(Box::new), ..std::mem::replace(&mut self.lines.output, spare) };
        let status = PathStatus {
            decoder: self.inline.decoder().counters().clone(),
            counters: self.inline.counters(),
            path: self.inline.path_counters(),
            passage: self.passage.counted(),
            lines_lost: self.lines_lost,
        };
        let piece = Piece { rules: self.new_rules.take(), output, status: Box::new(status) };
        if piece.output.end.is_some() || piece.rules.is_some() {
            // To be known in any case. Where the collector is gone, nobody wants to.
            let _ = self.pieces.send_timeout(piece, LAST_PATIENCE);
            return;
        }
        if let Err(TrySendError::Full(piece) | TrySendError::Disconnected(piece)) = self.pieces.try_send(piece) {
            let lost = u64::try_from(piece.output.marks.len()).unwrap_or(u64::MAX);
            self.lines_lost = self.lines_lost.saturating_add(lost);
        }
    }
}

/// How long it waits for frames before it looks at the time: less than anything that waits may take.
const PATIENCE: Duration = Duration::from_millis(20);
const BETWEEN_PIECES: Duration = Duration::from_millis(50);
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How long it waits for a collector that is behind where it must know.
const LAST_PATIENCE: Duration = Duration::from_millis(500);
