//! A worker: inspects its share of the flows.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::batch::{Batch, Job, Output, WorkDone};
use super::certificates::Keeping;
use super::lines::{Lines, Printer};
use crate::engine::{Config, Inspector, LANES, Leaving, Located, Verdict, compares_servers};
use crate::protocol::x509::Certificate;
use crate::rules::RuleSet;

/// A worker's ends of the channels.
pub(super) struct Ends {
    pub batches: Receiver<Batch>,
    pub answers: Sender<Output>,
    /// Where the intermediate certificates go that were found in a batch.
    pub found: Sender<Vec<Arc<Certificate>>>,
    /// Where emptied lists of jobs go back to.
    pub recycle: Sender<Vec<Job>>,
    /// Where emptied outputs come back from.
    pub spares: Receiver<Output>,
}

/// Works off batches until the last one, or until nobody takes its answers any more. `is_sole`: there is no other worker.
pub(super) fn work<P: Printer>(
    is_sole: bool,
    config: Config,
    rules: Arc<RuleSet>,
    names: Arc<[String]>,
    printer: P,
    keeping: &Keeping,
    ends: &Ends,
) {
    let compares = !is_sole && compares_servers(&config);
    let seed = config.hash_seed;
    let mut inspector = Inspector::new(config, Arc::clone(&rules), names);
    if is_sole {
        inspector.compare_servers();
    }
    let mut lines = Lines::new(printer, rules, keeping, compares);
    if let Some(recording) = &keeping.recording {
        lines.record_alerts(recording.memory.checked_div(LANES).unwrap_or(0), seed);
    }
    let mut worker = Worker { inspector, lines, ends, is_relieved: false };
    for batch in &ends.batches {
        let is_last = batch.last;
        if worker.batch(batch).is_err() || is_last {
            return;
        }
    }
}

struct Worker<'a, P> {
    inspector: Inspector,
    lines: Lines<P>,
    ends: &'a Ends,
    /// Another worker has its flows, and what rules remember across flows.
    is_relieved: bool,
}

/// The collector is gone: nobody takes answers any more.
struct Abandoned;

impl<P: Printer> Worker<'_, P> {
    fn batch(&mut self, Batch { bytes, mut jobs, last }: Batch) -> Result<(), Abandoned> {
        for group in jobs.chunks(GROUP) {
            self.group(group, &bytes)?;
        }
        jobs.clear();
        drop(bytes);
        let _ = self.ends.recycle.try_send(jobs); // where there are enough spare ones, this one is let go
        if last {
            let rest = self.inspector.rest();
            self.see_off(rest)?;
            self.lines.finish();
            let summary = std::mem::take(&mut self.lines.summary);
            let profile = self.inspector.profile().cloned();
            let counters = self.inspector.counters();
            let datasets = if self.is_relieved { Vec::new() } else { self.inspector.saved_datasets() };
            self.lines.output.end = Some(Box::new(WorkDone { counters, summary, profile, datasets }));
        }
        let _ = self.ends.found.send(self.inspector.take_found()); // at the end nobody asks for it any more
        self.hand_out(false)
    }

    /// Looks up the flows of all jobs, then does them.
    fn group(&mut self, group: &[Job], bytes: &[u8]) -> Result<(), Abandoned> {
        for job in group {
            if let Job::TakeOver(lanes, others) = job {
                lanes.iter().take(*others).for_each(|lanes| self.inspector.adopt(lanes));
            }
        }
        let mut located = [Located::default(); GROUP];
        for (job, place) in group.iter().zip(&mut located) {
            if let Job::Segment { hash, header, .. } = job {
                *place = self.inspector.locate(*hash, &header.key);
            }
        }
        for (job, place) in group.iter().zip(located) {
            self.job(job, place, bytes)?;
            self.hand_out_if_full()?;
        }
        Ok(())
    }

    fn job(&mut self, job: &Job, located: Located, bytes: &[u8]) -> Result<(), Abandoned> {
        match job {
            Job::Segment { hash, frame, index, header, payload } => {
                let frame = bytes.get(*frame as usize..).unwrap_or_default();
                let segment = payload.segment(header, frame);
                if !located.is_told() {
                    self.lines.record(*hash, &segment);
                }
                if self.inspector.process(*hash, located, &segment, &mut self.lines) == Verdict::Drop {
                    self.lines.output.dropped.push(*index);
                }
            }
            Job::Tick { now, packet } => {
                let expired = self.inspector.expired(*now, *packet);
                self.see_off(expired)?;
                self.lines.tick(*now, *packet);
            }
            Job::Rules(rules) => {
                self.inspector.replace_rules(Arc::clone(rules));
                self.lines.replace_rules(Arc::clone(rules));
            }
            Job::TakeOver(..) => {} // before the group's flows were looked up
            Job::GiveAway(lanes, to) => {
                let _ = to.send(self.inspector.give_away(|lane| lanes.contains(&lane))); // there is room for those of all
                self.is_relieved = true;
            }
            Job::Learn(intermediates) => self.inspector.learn(intermediates),
            Job::Count => self.lines.output.counted.push(self.inspector.counters()),
        }
        Ok(())
    }

    /// Ends flows one after the other: what all of them have to tell may be more than should be held at a time.
    fn see_off(&mut self, mut leaving: Leaving) -> Result<(), Abandoned> {
        while self.inspector.end_next(&mut leaving, &mut self.lines) {
            self.hand_out_if_full()?;
        }
        Ok(())
    }

    fn hand_out_if_full(&mut self) -> Result<(), Abandoned> {
        if self.lines.output.is_full() { self.hand_out(true) } else { Ok(()) }
    }

    /// Hands out what came of the batch so far; it waits where the collector is behind.
    fn hand_out(&mut self, goes_on: bool) -> Result<(), Abandoned> {
        let spare = self.ends.spares.try_recv().unwrap_or_default();
        let output = Output { goes_on, ..std::mem::replace(&mut self.lines.output, spare) };
        self.ends.answers.send(output).map_err(|_| Abandoned)
    }
}

/// Jobs whose flows are looked up together.
const GROUP: usize = 16;
