//! The threads of a run in the path, and the channel between them:
//!
//! ```text
//! passage ◀──frames, answers──▶ path (own thread) ──lines──▶ collector (the caller's thread) ──▶ sink
//! ```
//!
//! One thread takes frames, judges them and lets them go, so that all of a run is judged in one order and by one memory, whichever queue or
//! side it comes by. It never waits for the sink: lines that the collector does not take in time are let go, and counted.

mod bridge;
mod collector;
mod path;
mod queues;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::bounded;

pub use bridge::BridgePassage;
pub use queues::QueuePassage;

use super::editor::Named;
use super::live::now;
use super::{Outcome, Printer, RunError, Settings, Take};
use crate::base::Duration;
use crate::engine::Counters;
use crate::engine::inline::{Answers, InlineCounters, InlineSettings, Ticket};
use crate::packet::{DecoderCounters, Frame};
use crate::rules::RuleSet;

use collector::Collector;
use path::Path;

/// Where frames come from in the path, and where they go on. There are two: netfilter queues, and a bridge of two interfaces.
pub trait Passage: Send {
    /// Waits until frames are there, or for `patience`.
    fn wait(&mut self, patience: Duration) -> io::Result<()>;

    /// Hands each frame that is there to `each`, with the ticket that answers name it by. It does not wait. Answers how many there were.
    fn take(&mut self, each: &mut dyn FnMut(&Frame<'_>, Ticket)) -> usize;

    /// Lets frames go as `answers` say. Those handed out that were never named stay.
    fn carry_out(&mut self, answers: &Answers);

    /// What was counted, by name.
    fn counted(&self) -> Vec<Named>;

    /// Looks after what it needs; to be called once a second. Answers what is to be said about it.
    fn look(&mut self) -> Vec<String>;
}

/// What a run in the path needs beside a passage, rules and a sink, and a replay does not.
#[derive(Debug)]
pub struct PathSettings {
    /// How it is judged.
    pub inline: InlineSettings,
    /// The interfaces' names, by the number that frames carry; none where frames come from queues.
    pub names: Arc<[String]>,
    /// A frame that is judged later than this after it came is too late: it goes by the policy for overload.
    pub latest: Duration,
    /// Ends the run after this time.
    pub duration: Option<Duration>,
    /// Ends the run after so many frames, and those that came with the last of them.
    pub packets: Option<u64>,
    /// Asks for a status, once, when it is set.
    pub status: Arc<AtomicBool>,
}

/// How a run in the path goes.
#[derive(Clone, Debug, Default)]
pub struct PathStatus {
    /// What the decoder has counted.
    pub decoder: DecoderCounters,
    /// What was counted of flows and TLS.
    pub counters: Counters,
    /// What was counted of frames.
    pub path: InlineCounters,
    /// What the passage has counted, by name.
    pub passage: Vec<Named>,
    /// Lines that nobody took in time.
    pub lines_lost: u64,
}

/// Judges what comes through `passage` until it is to end, and writes lines to `sink` through `printer`. Once a second, while the
/// path goes round, it calls `look`; where a status is asked for, `tell`; with what is to be said of the passage, `say`.
#[allow(clippy::too_many_arguments)]
pub fn run_inline<P: Printer>(
    passage: Box<dyn Passage>,
    rules: Arc<RuleSet>,
    settings: &Settings,
    path: &PathSettings,
    printer: &P,
    sink: &mut Take<'_>,
    look: &mut (dyn FnMut() + Send),
    tell: &(dyn Fn(&PathStatus) + Sync),
    say: &(dyn Fn(&str) + Sync),
) -> Result<Outcome, RunError> {
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let (lines, pieces) = bounded(PIECES_AHEAD);
        let (give_back, spares) = bounded(PIECES_AHEAD);
        let worker = Path::new(passage, settings, path, printer.clone(), Arc::clone(&rules), (lines, spares));
        let working = thread::Builder::new()
            .name("path".to_owned())
            .spawn_scoped(scope, || worker.work(&end, look, say))
            .map_err(RunError::Thread)?;
        let collected =
            Collector::new(pieces, give_back, printer.clone(), settings, rules).collect(settings, path, tell, sink, &end);
        end.store(true, Ordering::Relaxed);
        working.join().map_err(|_| RunError::Worker)?;
        collected
    })
}

/// Pieces of lines on their way to the collector: some seconds of them.
const PIECES_AHEAD: usize = 64;
