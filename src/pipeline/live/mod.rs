//! The threads of a live run, and the channels between them:
//!
//! ```text
//! tap ──frames──▶ worker ──lines──┐
//!                  ▲ │ segments   ├──▶ collector ──▶ sink
//! tap ──frames──▶ worker ──lines──┘
//! ```
//!
//! Each worker takes the frames of its tap all the way: it decodes them, follows their flows and makes lines. Which worker has a flow is
//! found before, by who fills the taps ([`steering`](crate::capture::steering)); where that could not be seen, in a tunnel or in
//! fragments, the worker that decoded the segment hands it over. The collector writes lines as they come, and decides on those that need
//! to know what was told before. The caller's thread waits for the end, and looks after interfaces and rules.
//!
//! Nobody waits for ever. A worker whose lines the collector does not take waits for a while, in which the kernel keeps and then drops
//! frames, and then lets lines go; segments that their worker does not take are let go at once. All of it is counted.

mod bypassing;
mod collector;
mod report;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Sender, bounded};

use super::{Outcome, Printer, RunError, Settings, Take};
use crate::base::Timestamp;
use crate::capture::bypass::Bypass;
use crate::capture::sys::socket::Statistics;
use crate::capture::tap::Tap;
use crate::engine::{Counters, LANES};
use crate::packet::DecoderCounters;
use crate::protocol::x509::Certificate;
use crate::rules::RuleSet;

pub use bypassing::Bypassed;
use bypassing::Bypassing;
use collector::Collector;
pub(super) use report::AtInterfaces;

/// What a live run needs beside taps, rules and a sink, and a replay does not.
#[derive(Debug, Default)]
pub struct LiveSettings {
    /// The interfaces' names, by the number that frames carry.
    pub names: Arc<[String]>,
    /// Ends the run after this time.
    pub duration: Option<Duration>,
    /// Ends the run after so many frames.
    pub packets: Option<u64>,
    /// Asks for a status, once, when it is set.
    pub status: Arc<AtomicBool>,
    /// Where flows that need no more looks are passed over; none, and all are looked at.
    pub bypass: Option<Arc<Bypass>>,
    /// The processors that workers stay on, in turn; none, and they go where they like.
    pub processors: Vec<usize>,
}

/// How a live run goes.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// What the kernel has counted.
    pub tap: Statistics,
    /// What the decoders have counted.
    pub decoder: DecoderCounters,
    /// What the workers have counted.
    pub counters: Counters,
    /// Lines that nobody took in time.
    pub lines_lost: u64,
    /// Segments that were handed over to the worker that has their flow.
    pub handed_over: u64,
    /// Segments that their worker did not take in time.
    pub segments_lost: u64,
    /// Frames that were there when the run ended, and for which there was no time.
    pub unread: u64,
    /// What the kernel has passed over.
    pub bypassed: Bypassed,
    /// How much of the time since the last look each worker was busy, in thousandths.
    pub load: Vec<u64>,
}

/// Takes frames from `taps`, one for each worker, until it is to end, and writes lines to `sink` through `printer`. Some times a second it
/// calls `look`, with whether all workers are alive; where a status is asked for, `tell`. Answers what came of it, and the last status.
#[allow(clippy::too_many_arguments)]
pub fn run_live<P: Printer>(
    taps: Vec<Box<dyn Tap>>,
    rules: Arc<RuleSet>,
    settings: &Settings,
    live: &LiveSettings,
    printer: &P,
    sink: &mut Take<'_>,
    look: &mut dyn FnMut(bool),
    tell: &(dyn Fn(&Status) + Sync),
) -> Result<(Outcome, Status), RunError> {
    let workers = taps.len().clamp(1, LANES);
    let shared = Shared {
        end: AtomicBool::new(false),
        alive: (0..workers).map(|_| AtomicBool::new(true)).collect(),
        packets: AtomicU64::new(0),
        most_packets: live.packets,
    };
    thread::scope(|scope| {
        let (lines, pieces) = bounded(PIECES_AHEAD.saturating_mul(workers));
        let (give_back, spares) = bounded(PIECES_AHEAD.saturating_mul(workers));
        let (hands, handed): (Vec<_>, Vec<_>) = (0..workers).map(|_| bounded(HANDS_AHEAD)).unzip();
        let mut commands = Vec::with_capacity(workers);
        for (index, (tap, handed)) in taps.into_iter().zip(handed).enumerate() {
            let (command, commanded) = bounded(COMMANDS_AHEAD);
            let ends = worker::Ends {
                lines: lines.clone(),
                spares: spares.clone(),
                hands: hands.iter().enumerate().map(|(other, hand)| (other != index).then(|| hand.clone())).collect(),
                handed,
                commands: commanded,
            };
            let processor = live.processors.get(index.checked_rem(live.processors.len()).unwrap_or(0)).copied();
            let (rules, names, printer, shared) = (Arc::clone(&rules), Arc::clone(&live.names), printer.clone(), &shared);
            let bypassing = live.bypass.clone().map(Bypassing::new);
            thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn_scoped(scope, move || {
                    worker::work(index, tap, processor, settings, rules, names, printer, bypassing, ends, shared)
                })
                .map_err(|error| shared.fail(RunError::Thread(error)))?;
            commands.push(command);
        }
        drop((hands, lines)); // the workers have theirs; with the last one a channel ends
        let (change, changed) = bounded(1);
        let collector = Collector::new(pieces, give_back, changed, commands.clone(), printer.clone(), settings, rules);
        let asked = &live.status;
        let collecting = thread::Builder::new()
            .name("collector".to_owned())
            .spawn_scoped(scope, move || collector.collect(settings, asked, tell, sink))
            .map_err(|error| shared.fail(RunError::Thread(error)))?;

        let (begun, mut last_check, mut are_alive) = (Instant::now(), Instant::now(), true);
        let is_over = || live.duration.is_some_and(|most| begun.elapsed() >= most) || settings.stop.load(Ordering::Relaxed) != 0;
        while !is_over() && !shared.end.load(Ordering::Relaxed) && !collecting.is_finished() {
            thread::sleep(LOOK_UP);
            if last_check.elapsed() >= CHECK {
                last_check = Instant::now();
                are_alive = shared.alive.iter().filter(|alive| !alive.swap(false, Ordering::Relaxed)).count() == 0;
                settings.board.iter().for_each(|board| board.all_go_round(are_alive));
            }
            look(are_alive);
            if let Some(rules) = settings.next_rules.take() {
                // The collector first: it is to know of thresholds before there are alerts.
                let _ = change.send((Arc::clone(&rules), now()));
                commands.iter().for_each(|worker| drop(worker.send(Command::Rules(Arc::clone(&rules)))));
            }
        }
        shared.end.store(true, Ordering::Relaxed);
        drop(commands);
        collecting.join().map_err(|_| RunError::Worker)?
    })
}

/// What the workers and the caller's thread share.
struct Shared {
    /// The run is to end.
    end: AtomicBool,
    /// Each worker has gone round since the last look.
    alive: Vec<AtomicBool>,
    /// Frames taken by all, counted where there is a limit.
    packets: AtomicU64,
    most_packets: Option<u64>,
}

impl Shared {
    /// The threads that were started are to end.
    fn fail(&self, error: RunError) -> RunError {
        self.end.store(true, Ordering::Relaxed);
        error
    }

    /// Whether one more frame may be taken. With the last one the run ends.
    fn admits(&self) -> bool {
        let Some(most) = self.most_packets else { return true };
        let before = self.packets.fetch_add(1, Ordering::Relaxed);
        if before.saturating_add(1) >= most {
            self.end.store(true, Ordering::Relaxed);
        }
        before < most
    }
}

/// What a worker is told.
enum Command {
    /// Try these rules from now on.
    Rules(Arc<RuleSet>),
    /// Fill gaps of certificate chains with these from now on.
    Learn(Arc<[Arc<Certificate>]>),
}

/// Where a worker's commands go.
type Commands = Sender<Command>;

/// The time on the wall, which is that of the kernel's time stamps.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs(), since.subsec_nanos().into())
}

/// A worker that does not go round in this time is stuck: it waits for the collector for less.
const CHECK: Duration = Duration::from_secs(5);
/// How often the caller's thread looks up.
const LOOK_UP: Duration = Duration::from_millis(50);
/// Pieces of lines on their way to the collector, for each worker.
const PIECES_AHEAD: usize = 4;
/// Lists of segments that wait for a worker.
const HANDS_AHEAD: usize = 64;
/// Commands that wait for a worker, which looks for them many times a second.
const COMMANDS_AHEAD: usize = 8;
