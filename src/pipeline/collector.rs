//! The collector: puts the workers' lines into one order and hands them to the sink.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::batch::{Dealt, StatsDue};
use super::editor::Editor;
use super::lines::Printer;
use super::strand::{Ends, Strand};
use super::{Outcome, RunError, Settings, Take};
use crate::capture::{Block, PcapngWriter};
use crate::engine::{Counters, Order, PacketId};
use crate::packet::{FallenDatagrams, FragmentKey};
use crate::rules::RuleSet;

pub(super) struct Collector<P> {
    workers: Vec<Ends>,
    dealer: Receiver<Dealt>,
    editor: Editor<P>,
    passed: Option<PcapngWriter>,
    fallen: FallenDatagrams,
}

impl<P: Printer> Collector<P> {
    pub fn new(
        workers: Vec<Ends>,
        dealer: Receiver<Dealt>,
        printer: P,
        settings: &Settings,
        passed: Option<PcapngWriter>,
        rules: Arc<RuleSet>,
    ) -> Self {
        Self { workers, dealer, editor: Editor::new(printer, settings, rules), passed, fallen: FallenDatagrams::default() }
    }

    /// Collects until the last block. Ends early where the sink fails; the others then find their channels closed.
    pub fn collect(mut self, sink: &mut Take<'_>) -> Result<Outcome, RunError> {
        let workers = std::mem::take(&mut self.workers);
        while let Ok(Dealt { rules, output, block, fragments, stats, learned, end }) = self.dealer.recv() {
            self.editor.learned = u64::try_from(learned).unwrap_or(u64::MAX);
            if let Some((rules, since)) = rules {
                self.editor.replace_rules(rules, since);
            }
            let mut strands = workers.iter().map(Strand::begin).collect::<Result<Vec<_>, _>>()?;
            strands.push(Strand::of(output));
            self.merge(&mut strands, &stats, block.as_ref(), sink)?;
            self.editor.flush(sink)?;
            self.write_passed(block.as_ref(), &fragments, &strands)?;
            let done = strands.into_iter().filter_map(Strand::finish).collect();
            if let Some(ending) = end {
                let outcome = self.editor.finish(done, *ending, &[], sink)?;
                self.passed.take().map_or(Ok(()), PcapngWriter::finish).map_err(RunError::Passed)?;
                return Ok(outcome);
            }
        }
        Err(RunError::Worker) // the dealer went away before the end
    }

    /// Writes the lines of all strands by their order, and the `stats` events between them. A piece is waited for only when its
    /// lines are next, so that a worker may be far ahead of another one.
    fn merge(
        &mut self,
        strands: &mut [Strand<'_>],
        stats: &[StatsDue],
        block: Option<&Block>,
        sink: &mut Take<'_>,
    ) -> Result<(), RunError> {
        let mut due = (0_usize..).zip(stats).peekable();
        loop {
            strands.iter_mut().try_for_each(Strand::advance)?;
            let (first, second) = least_two(strands);
            let stats = due.peek().map(|(_, (packet, ..))| Order { packet: *packet, by_packet: false, flow: PacketId::END });
            match (first, stats) {
                (Some((order, index)), stats) if stats.is_none_or(|stats| order < stats) => {
                    let until = [second, stats.map(|order| (order, usize::MAX))].into_iter().flatten().min();
                    if let Some(strand) = strands.get_mut(index) {
                        self.editor.write_run(strand, |order| until.is_none_or(|until| (order, index) < until), block, sink)?;
                    }
                }
                (_, Some(_)) => {
                    if let Some((nth, due)) = due.next() {
                        self.stats(nth, due, strands);
                    }
                }
                (_, None) => return Ok(()),
            }
        }
    }

    fn write_passed(
        &mut self,
        block: Option<&Block>,
        fragments: &[(u32, FragmentKey)],
        strands: &[Strand<'_>],
    ) -> Result<(), RunError> {
        let (Some(writer), Some(block)) = (&mut self.passed, block) else { return Ok(()) };
        let mut dropped: Vec<u32> = strands.iter().flat_map(|s| s.dropped.iter().copied()).collect();
        dropped.sort_unstable();
        let mut fragments = fragments.iter().peekable();
        for (index, frame) in (0_u32..).zip(block.frames()) {
            let is_dropped = dropped.binary_search(&index).is_ok();
            let fragment = fragments.next_if(|(of, _)| *of == index);
            let falls = match fragment {
                // What of a dropped datagram was written before must not be made whole by a fragment that comes again.
                Some((_, key)) => self.fallen.holds_back(*key, frame.timestamp, is_dropped),
                None => is_dropped,
            };
            if !falls {
                writer.write(&frame).map_err(RunError::Passed)?;
            }
        }
        Ok(())
    }

    /// The `nth` `stats` event of a block, from what each worker counted when it came to the packet.
    fn stats(&mut self, nth: usize, (_, timestamp, decoder): &StatsDue, strands: &[Strand<'_>]) {
        let mut counters = Counters::default();
        strands.iter().filter_map(|s| s.counted.get(nth)).for_each(|c| counters.add(c));
        self.editor.stats(*timestamp, decoder, counters, &[]);
    }
}

/// Where a strand's next line belongs, and which strand it is.
type Next = (Order, usize);

/// Which two strands have the next lines, and where these belong. Of equal ones the earlier strand goes first.
fn least_two(strands: &[Strand<'_>]) -> (Option<Next>, Option<Next>) {
    let (mut first, mut second) = (None, None);
    for (index, strand) in strands.iter().enumerate() {
        let Some(next) = strand.next_order().map(|order| (order, index)) else { continue };
        if first.is_none_or(|first| next < first) {
            (first, second) = (Some(next), first);
        } else if second.is_none_or(|second| next < second) {
            second = Some(next);
        }
    }
    (first, second)
}
