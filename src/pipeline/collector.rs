//! The collector: puts the workers' lines into one order and hands them to the sink.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::batch::{Dealt, Ending, Mark, StatsDue, Told, WorkDone};
use super::certificates::Seen;
use super::lines::Printer;
use super::strand::{Ends, Strand};
use super::{Outcome, RunError, Settings, Take};
use crate::base::Timestamp;
use crate::capture::{Block, PcapngWriter};
use crate::engine::{Config, Counters, Order, PacketId};
use crate::event::{RulesInfo, Summary};
use crate::findings::{FindingSet, Memory, Sighting, found_by};
use crate::packet::{DecoderCounters, Frame};
use crate::rules::{AlertLimits, Profile, RuleSet};

pub(super) struct Collector<P> {
    workers: Vec<Ends>,
    dealer: Receiver<Dealt>,
    printer: P,
    passed: Option<PcapngWriter>,
    rules: Arc<RuleSet>,
    rules_info: RulesInfo,
    limits: AlertLimits,
    refused: Refused,
    seen: Seen,
    earlier: Earlier,
    /// Intermediate certificates that the workers have learned.
    learned: u64,
    /// Lines that wait to be written together.
    waiting: Vec<u8>,
}

/// Comparing servers with earlier sessions, and what was found by it.
#[derive(Debug)]
struct Earlier {
    memory: Memory,
    /// Which findings are told.
    wanted: FindingSet,
    counters: Counters,
    summary: Summary,
}

/// What becomes of a line.
enum Decision {
    Written,
    LeftOut,
    WrittenSo(Vec<u8>),
}

/// Alerts that were left out.
#[derive(Debug, Default)]
struct Refused {
    total: u64,
    /// By gid and sid: how many, and how many of them block.
    by_rule: BTreeMap<(u32, u32), (u64, u64)>,
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
        let (rules_info, limits) = (info(&rules, None), AlertLimits::new(&rules));
        let (refused, seen, earlier) = (Refused::default(), Seen::new(settings.keeping.clone()), Earlier::new(&settings.engine));
        Self {
            workers,
            dealer,
            printer,
            passed,
            rules,
            rules_info,
            limits,
            refused,
            seen,
            earlier,
            learned: 0,
            waiting: Vec::new(),
        }
    }

    /// Collects until the last block. Ends early where the sink fails; the others then find their channels closed.
    pub fn collect(mut self, sink: &mut Take<'_>) -> Result<Outcome, RunError> {
        let workers = std::mem::take(&mut self.workers);
        while let Ok(Dealt { rules, output, block, stats, learned, end }) = self.dealer.recv() {
            self.learned = u64::try_from(learned).unwrap_or(u64::MAX);
            if let Some((rules, since)) = rules {
                self.limits.replace(&rules);
                self.rules_info = info(&rules, Some(since));
                self.rules = rules;
            }
            let mut strands = workers.iter().map(Strand::begin).collect::<Result<Vec<_>, _>>()?;
            strands.push(Strand::of(output));
            self.merge(&mut strands, &stats, block.as_ref(), sink)?;
            self.flush(sink)?;
            self.write_passed(block.as_ref(), &strands)?;
            let done = strands.into_iter().filter_map(Strand::finish).collect();
            if let Some(ending) = end {
                return self.finish(done, *ending, sink);
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
                        self.write_run(strand, |order| until.is_none_or(|until| (order, index) < until), block, sink)?;
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

    /// Writes the lines of one strand that are next.
    fn write_run(
        &mut self,
        strand: &mut Strand<'_>,
        is_next: impl Fn(Order) -> bool,
        block: Option<&Block>,
        sink: &mut Take<'_>,
    ) -> Result<(), RunError> {
        let mut run = 0..0;
        while strand.next_order().is_some_and(&is_next) {
            let Some(Mark { order, start, end, told }) = strand.take() else { break };
            let frame = || frame_of(block?, order.packet);
            match self.decide(told, frame, strand.bytes(start..end))? {
                Decision::LeftOut => continue,
                Decision::Written if start == run.end => run.end = end,
                Decision::Written => {
                    self.write(strand.bytes(run), sink)?;
                    run = start..end;
                }
                Decision::WrittenSo(line) => {
                    self.write(strand.bytes(run), sink)?;
                    self.write(&line, sink)?;
                    run = end..end;
                }
            }
        }
        self.write(strand.bytes(run), sink)
    }

    /// Decides what becomes of a line: of sessions, certificates and alerts of rules with a threshold, in the order of the packets.
    fn decide<'f>(&mut self, told: Told, frame: impl Fn() -> Option<Frame<'f>>, line: &[u8]) -> Result<Decision, RunError> {
        let is_told = match told {
            Told::Yes => true,
            Told::Session(session) => {
                let (sighting, before) = *session;
                let more = self.earlier.find(&sighting);
                if more.is_empty() {
                    return Ok(Decision::Written);
                }
                let mut line = line.to_vec();
                self.printer.find_more(&mut line, before, before.or(more));
                return Ok(Decision::WrittenSo(line));
            }
            Told::Packet => {
                let Some(frame) = frame() else { return Ok(Decision::Written) };
                let mut line = line.to_vec();
                self.printer.add_frame(&mut line, &frame);
                return Ok(Decision::WrittenSo(line));
            }
            Told::Certificate(offer) => self.seen.take(&offer, line).map_err(RunError::Sink)?,
            Told::Maybe(alerted, blocks) => {
                let is_told = self.limits.admits(&alerted);
                if !is_told {
                    self.refused.add(alerted.rule, blocks);
                }
                is_told
            }
        };
        Ok(if is_told { Decision::Written } else { Decision::LeftOut })
    }

    fn write(&mut self, lines: &[u8], sink: &mut Take<'_>) -> Result<(), RunError> {
        if self.waiting.len().saturating_add(lines.len()) > MOST_WAITING {
            self.flush(sink)?;
        }
        if lines.len() > MOST_WAITING {
            return sink(lines).map_err(RunError::Sink);
        }
        self.waiting.extend_from_slice(lines);
        Ok(())
    }

    fn flush(&mut self, sink: &mut Take<'_>) -> Result<(), RunError> {
        if !self.waiting.is_empty() {
            sink(&self.waiting).map_err(RunError::Sink)?;
            self.waiting.clear();
        }
        Ok(())
    }

    fn write_passed(&mut self, block: Option<&Block>, strands: &[Strand<'_>]) -> Result<(), RunError> {
        let (Some(writer), Some(block)) = (&mut self.passed, block) else { return Ok(()) };
        let mut dropped: Vec<u32> = strands.iter().flat_map(|s| s.dropped.iter().copied()).collect();
        dropped.sort_unstable();
        for (index, frame) in (0_u32..).zip(block.frames()) {
            if dropped.binary_search(&index).is_err() {
                writer.write(&frame).map_err(RunError::Passed)?;
            }
        }
        Ok(())
    }

    /// The `nth` `stats` event of a block, from what each worker counted when it came to the packet: all lines before it were
    /// written, so that has come with them.
    fn stats(&mut self, nth: usize, (_, timestamp, decoder): &StatsDue, strands: &[Strand<'_>]) {
        let mut counters = Counters::default();
        strands.iter().filter_map(|s| s.counted.get(nth)).for_each(|c| counters.add(c));
        counters.add(&self.earlier.counters());
        counters.suppress_alerts(self.refused.total);
        counters.thresholds_evicted = counters.thresholds_evicted.saturating_add(self.limits.evicted());
        let named = self.named(decoder, &counters);
        self.printer.stats(&mut self.waiting, *timestamp, &named, &self.rules_info);
    }

    /// All counters by name.
    fn named(&self, decoder: &DecoderCounters, counters: &Counters) -> Vec<(&'static str, u64)> {
        let learned = [("portcullis.trust.intermediates_learned", self.learned)];
        decoder.iter().chain(counters.named()).chain(learned).chain(self.seen.counters()).collect()
    }

    fn finish(mut self, all_done: Vec<WorkDone>, ending: Ending, sink: &mut Take<'_>) -> Result<Outcome, RunError> {
        let Ending { last, decoder, mut summary } = ending;
        let mut counters = self.earlier.counters();
        summary.merge(&self.earlier.summary);
        let (mut profile, mut datasets) = (None::<Profile>, Vec::new());
        for done in all_done {
            counters.add(&done.counters);
            summary.merge(&done.summary);
            datasets.extend(done.datasets);
            match (&mut profile, done.profile) {
                (Some(all), Some(theirs)) => all.add(&theirs),
                (none, theirs) => *none = theirs,
            }
        }
        counters.suppress_alerts(self.refused.total);
        counters.thresholds_evicted = counters.thresholds_evicted.saturating_add(self.limits.evicted());
        for (&(gid, sid), &(alerts, blocked)) in &self.refused.by_rule {
            summary.take_back_alerts(gid, sid, alerts, blocked);
        }
        summary.flows = counters.flows;
        summary.dropped_packets = counters.dropped;
        let mut line = Vec::new();
        self.printer.stats(&mut line, last, &self.named(&decoder, &counters), &self.rules_info);
        sink(&line).map_err(RunError::Sink)?;
        if let Some(writer) = self.passed.take() {
            writer.finish().map_err(RunError::Passed)?;
        }
        Ok(Outcome { counters, decoder, summary, profile, rules: self.rules, datasets })
    }
}

impl Earlier {
    fn new(config: &Config) -> Self {
        let (memory, wanted) = (Memory::new(config.limits.seen_memory), config.findings);
        Self { memory, wanted, counters: Counters::default(), summary: Summary::default() }
    }

    /// What is found by comparing, as far as it is to be told; it is counted.
    fn find(&mut self, sighting: &Sighting) -> FindingSet {
        let found = found_by(self.memory.compare(sighting)).and(self.wanted);
        self.counters.findings.count(found);
        self.summary.add_findings(found);
        found
    }

    /// What was counted, also of the memory.
    fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters.count_seen(&self.memory);
        counters
    }
}

impl Refused {
    fn add(&mut self, rule: (u32, u32), blocks: bool) {
        let (alerts, blocked) = self.by_rule.entry(rule).or_default();
        *alerts = alerts.saturating_add(1);
        *blocked = blocked.saturating_add(u64::from(blocks));
        self.total = self.total.saturating_add(1);
    }
}

/// The frame of `packet`, where it lies in `block`.
fn frame_of(block: &Block, packet: PacketId) -> Option<Frame<'_>> {
    let index = packet.number().checked_sub(block.first_number()).filter(|_| block.capture() == packet.capture())?;
    block.frame(usize::try_from(index).ok()?)
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

/// What `stats` events say of `rules`, which took over at `since`, or were in force from the start.
fn info(rules: &RuleSet, since: Option<Timestamp>) -> RulesInfo {
    let count = |n| u64::try_from(n).unwrap_or(u64::MAX);
    RulesInfo { loaded: count(rules.len()), failed: count(rules.failed()), last_reload: since }
}

/// Bytes of lines that wait to be written together.
const MOST_WAITING: usize = 256 << 10;
