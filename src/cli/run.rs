//! A run, whatever its packets come from: threads, lines to sinks, other rules, and what is said in the end.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::printer::{BothPrinter, TerminalPrinter, parted};
use super::reload::{Reloader, Reloads};
use super::run_options::{Prepared, RunOptions};
use super::terminal::{self, Progress, Style};
use super::{datasets, profile, say, sink_options};
use crate::monitor::{SinkLevel, SpoolLevel};
use crate::pipeline::{EvePrinter, Outcome, Printer, RunError, Settings, Take};
use crate::rules::RuleSet;
use crate::sink::{Pace, Sink, SinkState, SpoolState, Trouble};

/// What a command does with packets: those of captures, of interfaces, or in the path.
pub(super) trait Job {
    /// What sinks do where they cannot keep up.
    const PACE: Pace;
    /// Whether one of its workers goes on with all flows where rules come that need order.
    const GATHERS: bool = false;
    /// What there is to say of it in the end, beside what is common to all.
    type More;

    /// Works until there is no more to do, or it is to end.
    fn work<P: Printer>(self, work: Work<'_, P>) -> Result<(Outcome, Self::More), RunError>;

    /// Says it.
    fn tell(outcome: &Outcome, more: &Self::More);
}

/// What a job works with.
pub(super) struct Work<'w, P> {
    pub rules: Arc<RuleSet>,
    pub settings: &'w Settings,
    pub printer: &'w P,
    pub take: &'w mut Take<'w>,
    pub progress: &'w Progress,
}

/// Does `job`, and says what came of it. `progress` is kept out of the way of lines. Answers whether all went well.
pub(super) fn play<J: Job>(options: &RunOptions, prepared: Prepared<'_>, progress: Progress, job: J) -> Result<bool, RunError> {
    let to_terminal = options.is_for_people();
    let style = Style { colour: to_terminal && Style::is_wanted() };
    let Prepared { reloads, rules, settings, sink, reopen, profile_to } = prepared;
    let pump = Pump { options, settings: &settings, progress: &progress, reopen: &reopen };
    let (people, eve) = (TerminalPrinter { style }, EvePrinter { certificates: options.certificates.log_certificates });
    let (outcome, more) = match (to_terminal, settings.board.is_some()) {
        (true, false) => pump.work(job, rules, reloads, sink, &people)?,
        (true, true) => pump.work(job, rules, reloads, sink, &BothPrinter { people, eve })?,
        (false, _) => pump.work(job, rules, reloads, sink, &eve)?,
    };
    progress.finish();
    let mut went_well = true;
    if let Some(profile) = &outcome.profile {
        went_well &= profile::tell(profile, &outcome.rules, profile_to);
    }
    went_well &= datasets::write(&outcome.datasets);
    J::tell(&outcome, &more);
    let summary = terminal::summary(style, &outcome.summary);
    if to_terminal {
        println!("{summary}");
    } else if io::stderr().is_terminal() {
        eprintln!("{summary}");
    }
    // The process ends: to free a hundred thousand rules one by one would be time for nothing.
    std::mem::forget(outcome.rules);
    Ok(went_well)
}

/// What is the same for either printer.
struct Pump<'p> {
    options: &'p RunOptions,
    settings: &'p Settings,
    progress: &'p Progress,
    /// The output is to be opened anew.
    reopen: &'p AtomicBool,
}

impl Pump<'_> {
    /// Begins the sinks and the thread that loads rules, and has the job done.
    fn work<J: Job, P: Printer>(
        &self,
        job: J,
        rules: Arc<RuleSet>,
        reloads: Reloads,
        mut sink: Option<Sink>,
        printer: &P,
    ) -> Result<(Outcome, J::More), RunError> {
        let Self { options, settings, progress, reopen } = *self;
        let mut sinks = options.sinks.begin(J::PACE).map_err(RunError::Sink)?;
        if J::PACE == Pace::Live {
            let _ = settings.sinks.set(sinks.counters()); // a run begins them once
        }
        let lines_share_the_terminal = matches!(sink, Some(Sink::Stdout(_))) && io::stdout().is_terminal();
        // Lines come in by the block, and go on at once: who follows a capture as it grows, or an interface, waits for them.
        let is_for_people = options.is_for_people();
        let mut take = |lines: &[u8]| {
            if let Some(board) = settings.board.as_ref().filter(|_| lines.is_empty()) {
                board.sinks(sinks.states().map(level).collect());
                return Ok(());
            }
            let mut for_people = Vec::new();
            let lines = match &settings.board {
                None => lines,
                Some(board) if is_for_people => {
                    let events = parted(lines, &mut for_people);
                    board.lines(&events);
                    &for_people
                }
                Some(board) => {
                    board.lines(lines);
                    lines
                }
            };
            if reopen.swap(false, Ordering::Relaxed)
                && let Some(Err(error)) = sink.as_mut().map(Sink::reopen)
            {
                say("warning", format_args!("{error}; events go on to the file that is open"));
            }
            let mut write = || {
                sink.as_mut().map_or(Ok(()), |sink| sink.write(lines).and_then(|()| sink.flush()))?;
                sinks.take(lines)
            };
            if lines_share_the_terminal { progress.suspend(write) } else { write() }
        };
        let done = thread::scope(|scope| {
            let reloader = Reloader {
                options: &options.rules,
                workers: settings.workers,
                gathers: J::GATHERS,
                next: &settings.next_rules,
                rules: Arc::clone(&rules),
                progress,
            };
            let (_run, running) = crossbeam_channel::bounded(0); // its end is that of the run
            thread::Builder::new()
                .name("rules".to_owned())
                .spawn_scoped(scope, move || reloader.work(reloads, &running))
                .map_err(RunError::Thread)?;
            job.work(Work { rules, settings, printer, take: &mut take, progress })
        });
        let shipped = sinks.finish(); // whatever has become of the run: what was taken is to arrive
        let done = done?;
        sink.as_mut().map_or(Ok(()), Sink::flush).map_err(RunError::Sink)?;
        sink_options::tell(&shipped.map_err(RunError::Sink)?);
        Ok(done)
    }
}

/// How it is with a sink, as the monitor has it.
fn level(state: SinkState) -> SinkLevel {
    let SinkState { name, queued, counters, spool, trouble } = state;
    SinkLevel {
        name,
        queued,
        counters: counters.to_vec(),
        spool: spool.map(|SpoolState { events, bytes, segments, oldest }| SpoolLevel { events, bytes, segments, oldest }),
        trouble: trouble.map(|Trouble { since, why }| (since, why)),
    }
}

/// How a live run ended, as an exit status.
#[cfg(target_os = "linux")]
pub(super) fn status(played: Result<bool, RunError>) -> std::process::ExitCode {
    use std::process::ExitCode;
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(RunError::Sink(error)) if error.is_closed() => ExitCode::SUCCESS,
        Err(error) => {
            say("error", error);
            ExitCode::FAILURE
        }
    }
}
