//! A worker: inspects its share of the flows.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::batch::{Batch, Job, Output};
use super::lines::{Lines, Printer};
use crate::engine::{Config, Inspector, Verdict};
use crate::packet::Segment;
use crate::rules::RuleSet;

/// Works off batches until the last one, or until nobody takes its answers any more.
pub(super) fn work<P: Printer>(
    config: Config,
    rules: Arc<RuleSet>,
    names: Arc<[String]>,
    printer: P,
    batches: &Receiver<Batch>,
    answers: &Sender<Output>,
    recycle: &Sender<Vec<Job>>,
    spares: &Receiver<Output>,
) {
    let mut inspector = Inspector::new(config, rules, names);
    let mut lines = Lines::new(printer);
    for Batch { bytes, mut jobs, last } in batches {
        for job in jobs.drain(..) {
            do_job(job, &bytes, &mut inspector, &mut lines);
        }
        drop(bytes);
        let _ = recycle.try_send(jobs); // where there are enough spare ones, this one is let go
        if last {
            inspector.finish(&mut lines);
            lines.output.end = Some(Box::new((inspector.counters(), std::mem::take(&mut lines.summary))));
        }
        let output = std::mem::replace(&mut lines.output, spares.try_recv().unwrap_or_default());
        if answers.send(output).is_err() || last {
            return;
        }
    }
}

fn do_job<P: Printer>(job: Job, bytes: &[u8], inspector: &mut Inspector, lines: &mut Lines<P>) {
    match job {
        Job::Segment { hash, frame, index, header, payload } => {
            let frame = bytes.get(frame as usize..).unwrap_or_default();
            let segment = Segment { header: &header, payload: payload.slice(frame) };
            if inspector.process(hash, &segment, lines) == Verdict::Drop {
                lines.output.dropped.push(index);
            }
        }
        Job::Tick { now, packet } => inspector.tick(now, packet, lines),
        Job::Count => lines.output.counted.push(inspector.counters()),
    }
}
