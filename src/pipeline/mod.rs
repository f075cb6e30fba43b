//! The threads of a run, and the channels between them:
//!
//! ```text
//! read-ahead ──buffers──▶ decoder (the caller's thread) ──batches──▶ N workers ──lines──▶ collector ──▶ sink
//! ```
//!
//! The decoder makes segments of frames and deals them out by flow; each worker owns its flows outright; the collector puts the
//! workers' lines into the order of the packets that caused them. All channels are bounded, so the slowest stage sets the pace.
//! For every block of frames each worker gets one batch and answers with one output, which is what makes the order exact. Where a
//! block makes many lines (time jumps, or the captures end, and a million flows end with it) the output comes in pieces: a worker
//! goes on when the collector has taken them, and the collector takes them in the order of their lines.
//!
//! Other rules ([`NextRules`]) take over between two blocks: the decoder puts them in front of a block for each worker and for the
//! collector, so that all change at the same frame.

mod batch;
mod certificates;
mod collector;
mod deal;
mod editor;
#[cfg(target_os = "linux")]
mod inline;
mod lessons;
mod lines;
#[cfg(target_os = "linux")]
mod live;
mod load;
mod next_rules;
mod recording;
#[cfg(target_os = "linux")]
pub mod sandbox;
mod strand;
mod worker;

use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::thread;

use crossbeam_channel::bounded;

pub use certificates::Keeping;
#[cfg(target_os = "linux")]
pub use inline::{BridgePassage, Passage, PathSettings, PathStatus, QueuePassage, run_inline};
pub use lines::{EvePrinter, Printer};
#[cfg(target_os = "linux")]
pub use live::{Bypassed, LiveSettings, Status, run_live};
pub use load::{load_rules, read_rules};
pub use next_rules::NextRules;
pub use recording::{Recording, RecordingDir, RecordingError};

use crate::base::Duration;
use crate::capture::{CaptureError, CaptureSet, PcapngWriter};
use crate::engine::{Config, Counters, LANES};
use crate::event::Summary;
use crate::monitor::Board;
use crate::packet::{DecoderConfig, DecoderCounters};
use crate::rules::{Profile, RuleSet, SavedDataset};
use crate::sink::{self, SinkCounters};

use collector::Collector;
use deal::Dealer;
use lessons::Lessons;

/// What a run needs beside captures, rules and a sink.
#[derive(Debug)]
pub struct Settings {
    /// Worker threads: 1 to [`LANES`]; more are of no use.
    pub workers: usize,
    /// How frames are decoded.
    pub decoder: DecoderConfig,
    /// How flows are followed.
    pub engine: Config,
    /// A `stats` event as often as this in packet time, beside the one at the end.
    pub stats_interval: Option<Duration>,
    /// What is done with certificates when they are first seen.
    pub keeping: Keeping,
    /// Ends the run early, as if the captures ended here, once it is not 0.
    pub stop: Arc<AtomicUsize>,
    /// Rules that are to take the place of those in force.
    pub next_rules: Arc<NextRules>,
    /// Where a live run leaves what it counts, once a second.
    pub board: Option<Board>,
    /// What becomes of events in sinks, once these are at work: for `stats` of live runs, in which it is no matter that it depends on the clock.
    pub sinks: Arc<OnceLock<SinkCounters>>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Counted by the workers.
    pub counters: Counters,
    /// Counted by the decoder.
    pub decoder: DecoderCounters,
    /// The numbers for people.
    pub summary: Summary,
    /// What each rule cost, where the engine's settings ask for it.
    pub profile: Option<Profile>,
    /// The rules that were in force at the end.
    pub rules: Arc<RuleSet>,
    /// The data sets that rules change and that are to be kept. Rules that change some are for one worker
    /// ([`RuleSet::needs_order`]).
    pub datasets: Vec<SavedDataset>,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The sink took no more.
    #[error(transparent)]
    Sink(sink::Error),
    /// The file of passed frames could not be written.
    #[error(transparent)]
    Passed(CaptureError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// A thread ended with a panic: a mistake in this program.
    #[error("a worker thread failed; this is a bug, please report it with the capture if you can")]
    Worker,
}

/// Takes the lines of a block, in order. With no lines it is told that another second of a run has gone that leaves news on a board.
pub type Take<'a> = dyn FnMut(&[u8]) -> Result<(), sink::Error> + Send + 'a;

/// Plays `captures` and writes lines to `sink` through `printer`. What is wrong with a capture goes to `problem`, and the run
/// goes on.
pub fn run<P: Printer>(
    captures: &mut CaptureSet,
    rules: Arc<RuleSet>,
    settings: &Settings,
    printer: &P,
    sink: &mut Take<'_>,
    passed: Option<PcapngWriter>,
    problem: &mut dyn FnMut(CaptureError),
) -> Result<Outcome, RunError> {
    let initial = Arc::clone(&rules);
    let names: Arc<[String]> = captures.captures().iter().map(|c| c.name.clone()).collect();
    let workers = settings.workers.clamp(1, LANES);
    thread::scope(|scope| {
        let mut to_workers = Vec::with_capacity(workers);
        let mut from_workers = Vec::with_capacity(workers);
        let mut finds = Vec::with_capacity(workers);
        let (recycle, recycled) = bounded(workers.saturating_mul(BATCHES_AHEAD.saturating_add(2)));
        for index in 0..workers {
            let (send, batches) = bounded(BATCHES_AHEAD);
            let (answers, collected) = bounded(BATCHES_AHEAD);
            let (give_back, spares) = bounded(BATCHES_AHEAD.saturating_add(2));
            let (found, lessons) = bounded(lessons::DELAY.saturating_add(1));
            let ends = worker::Ends { batches, answers, found, recycle: recycle.clone(), spares };
            let (rules, names) = (Arc::clone(&rules), Arc::clone(&names));
            let (config, printer) = (settings.engine.clone(), printer.clone());
            let keeping = settings.keeping.clone();
            thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn_scoped(scope, move || worker::work(workers == 1, config, rules, names, printer, &keeping, &ends))
                .map_err(RunError::Thread)?;
            to_workers.push(send);
            from_workers.push((collected, give_back));
            finds.push(lessons);
        }
        let (to_collector, from_dealer) = bounded(BATCHES_AHEAD);
        let collector = Collector::new(from_workers, from_dealer, printer.clone(), settings, passed, rules);
        let collecting = thread::Builder::new()
            .name("collector".to_owned())
            .spawn_scoped(scope, move || collector.collect(sink))
            .map_err(RunError::Thread)?;

        let lessons = Lessons::new(finds, settings.engine.limits.intermediate_memory);
        let mut dealer = Dealer::new(settings, printer.clone(), names, to_workers, to_collector, recycled, lessons);
        dealer.want_datagrams(&initial);
        dealer.play(captures, problem);
        drop(dealer); // its channels close, so that the others end too
        collecting.join().map_err(|_| RunError::Worker)?
    })
}

/// Batches on their way to a worker. Each holds on to a buffer of frames.
const BATCHES_AHEAD: usize = 2;
