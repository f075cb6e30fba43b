//! A worker: inspects its share of the flows.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::batch::{Batch, Job, Output, WorkDone};
use super::lines::{Lines, Printer};
use crate::engine::{Config, Inspector, Located, Verdict};
use crate::packet::Segment;
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

/// Works off batches until the last one, or until nobody takes its answers any more.
pub(super) fn work<P: Printer>(config: Config, rules: Arc<RuleSet>, names: Arc<[String]>, printer: P, ends: &Ends) {
    let Ends { batches, answers, found, recycle, spares } = ends;
    let mut inspector = Inspector::new(config, Arc::clone(&rules), names);
    let mut lines = Lines::new(printer, rules);
    for Batch { bytes, mut jobs, last } in batches {
        for group in jobs.chunks(GROUP) {
            do_group(group, &bytes, &mut inspector, &mut lines);
        }
        jobs.clear();
        drop(bytes);
        let _ = recycle.try_send(jobs); // where there are enough spare ones, this one is let go
        if last {
            inspector.finish(&mut lines);
            let summary = std::mem::take(&mut lines.summary);
            let profile = inspector.profile().cloned();
            lines.output.end = Some(Box::new(WorkDone { counters: inspector.counters(), summary, profile }));
        }
        let _ = found.send(inspector.take_found()); // at the end nobody asks for it any more
        let output = std::mem::replace(&mut lines.output, spares.try_recv().unwrap_or_default());
        if answers.send(output).is_err() || last {
            return;
        }
    }
}

/// Looks up the flows of all jobs, then does them.
fn do_group<P: Printer>(group: &[Job], bytes: &[u8], inspector: &mut Inspector, lines: &mut Lines<P>) {
    let mut located = [Located::default(); GROUP];
    for (job, place) in group.iter().zip(&mut located) {
        if let Job::Segment { hash, header, .. } = job {
            *place = inspector.locate(*hash, &header.key);
        }
    }
    for (job, place) in group.iter().zip(located) {
        do_job(job, place, bytes, inspector, lines);
    }
}

fn do_job<P: Printer>(job: &Job, located: Located, bytes: &[u8], inspector: &mut Inspector, lines: &mut Lines<P>) {
    match job {
        Job::Segment { hash, frame, index, header, payload } => {
            let frame = bytes.get(*frame as usize..).unwrap_or_default();
            let segment = Segment { header, payload: payload.slice(frame) };
            if inspector.process(*hash, located, &segment, lines) == Verdict::Drop {
                lines.output.dropped.push(*index);
            }
        }
        Job::Tick { now, packet } => inspector.tick(*now, *packet, lines),
        Job::Rules(rules) => {
            inspector.replace_rules(Arc::clone(rules));
            lines.replace_rules(Arc::clone(rules));
        }
        Job::Learn(intermediates) => inspector.learn(intermediates),
        Job::Count => lines.output.counted.push(inspector.counters()),
    }
}

/// Jobs whose flows are looked up together.
const GROUP: usize = 16;
