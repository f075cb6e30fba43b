//! The collector: puts the workers' lines into one order and hands them to the sink.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::batch::{Dealt, Ending, Mark, Output, Told};
use super::lines::Printer;
use super::{Outcome, RunError, Take};
use crate::base::Timestamp;
use crate::capture::PcapngWriter;
use crate::engine::{Counters, Order, PacketId};
use crate::event::RulesInfo;
use crate::packet::DecoderCounters;
use crate::rules::{AlertLimits, Profile, RuleSet};

pub(super) struct Collector<P> {
    /// Where each worker's outputs come from, and where they go back to.
    workers: Vec<(Receiver<Output>, Sender<Output>)>,
    dealer: Receiver<Dealt>,
    printer: P,
    passed: Option<PcapngWriter>,
    rules: Arc<RuleSet>,
    rules_info: RulesInfo,
    limits: AlertLimits,
    refused: Refused,
    merged: Vec<u8>,
}

/// Alerts that were left out.
#[derive(Debug, Default)]
struct Refused {
    total: u64,
    /// By gid and sid: how many, and how many of them block.
    by_rule: BTreeMap<(u32, u32), (u64, u64)>,
    /// Where those of the block at hand belong.
    recent: Vec<Order>,
}

impl<P: Printer> Collector<P> {
    pub fn new(
        workers: Vec<(Receiver<Output>, Sender<Output>)>,
        dealer: Receiver<Dealt>,
        printer: P,
        passed: Option<PcapngWriter>,
        rules: Arc<RuleSet>,
    ) -> Self {
        let (rules_info, limits) = (info(&rules, None), AlertLimits::new(&rules));
        let (refused, merged) = (Refused::default(), Vec::new());
        Self { workers, dealer, printer, passed, rules, rules_info, limits, refused, merged }
    }

    /// Collects until the last block. Ends early where the sink fails; the others then find their channels closed.
    pub fn collect(mut self, sink: &mut Take<'_>) -> Result<Outcome, RunError> {
        while let Ok(dealt) = self.dealer.recv() {
            let mut outputs = Vec::with_capacity(self.workers.len().saturating_add(2));
            for (worker, _) in &self.workers {
                outputs.push(worker.recv().map_err(|_| RunError::Worker)?);
            }
            self.write_passed(&dealt, &outputs)?;
            let Dealt { rules, output, stats, end, .. } = dealt;
            if let Some((rules, since)) = rules {
                self.limits.replace(&rules);
                self.rules_info = info(&rules, Some(since));
                self.rules = rules;
            }
            self.limit(&mut outputs);
            outputs.push(self.stats(&stats, &outputs));
            outputs.push(output);
            self.write(&outputs, sink)?;
            if let Some(ending) = end {
                return self.finish(outputs, *ending, sink);
            }
            for (mut output, (_, spares)) in outputs.into_iter().zip(&self.workers) {
                output.clear();
                let _ = spares.try_send(output);
            }
        }
        Err(RunError::Worker) // the dealer went away before the end
    }

    /// Decides which alerts of rules with a threshold are told, in the order of the packets.
    fn limit(&mut self, outputs: &mut [Output]) {
        self.refused.recent.clear();
        if self.limits.is_empty() {
            return;
        }
        let mut open: Vec<&mut Mark> =
            outputs.iter_mut().flat_map(|o| &mut o.marks).filter(|m| matches!(m.told, Told::Maybe(..))).collect();
        open.sort_by_key(|m| m.order);
        for mark in open {
            let Told::Maybe(alerted, blocks) = std::mem::replace(&mut mark.told, Told::Yes) else { continue };
            if !self.limits.admits(&alerted) {
                mark.told = Told::No;
                self.refused.add(mark.order, alerted.rule, blocks);
            }
        }
    }

    fn write(&mut self, outputs: &[Output], sink: &mut Take<'_>) -> Result<(), RunError> {
        let mut filled = outputs.iter().filter(|o| !o.bytes.is_empty());
        let lines = match (filled.next(), filled.next()) {
            (None, _) => return Ok(()),
            (Some(only), None) if is_sorted(&only.marks) && self.refused.recent.is_empty() => only.bytes.as_slice(),
            _ => {
                merge(outputs, &mut self.merged);
                self.merged.as_slice()
            }
        };
        sink(lines).map_err(RunError::Sink)
    }

    fn write_passed(&mut self, dealt: &Dealt, outputs: &[Output]) -> Result<(), RunError> {
        let (Some(writer), Some(block)) = (&mut self.passed, &dealt.block) else { return Ok(()) };
        let mut dropped: Vec<u32> = outputs.iter().flat_map(|o| o.dropped.iter().copied()).collect();
        dropped.sort_unstable();
        for (index, frame) in (0_u32..).zip(block.frames()) {
            if dropped.binary_search(&index).is_err() {
                writer.write(&frame).map_err(RunError::Passed)?;
            }
        }
        Ok(())
    }

    /// The `stats` events of a block, from what each worker counted when it came to the packet.
    fn stats(&self, due: &[(PacketId, Timestamp, DecoderCounters)], outputs: &[Output]) -> Output {
        let mut lines = Output::default();
        for (i, (packet, timestamp, decoder)) in due.iter().enumerate() {
            let mut counters = Counters::default();
            outputs.iter().filter_map(|o| o.counted.get(i)).for_each(|c| counters.add(c));
            let order = Order { packet: *packet, by_packet: false, flow: PacketId::END };
            counters.suppress_alerts(self.refused.before(order));
            self.printer.stats(&mut lines.bytes, *timestamp, &named(decoder, &counters), &self.rules_info);
            lines.marks.push(Mark { order, end: lines.bytes.len(), told: Told::Yes });
        }
        lines
    }

    fn finish(mut self, outputs: Vec<Output>, ending: Ending, sink: &mut Take<'_>) -> Result<Outcome, RunError> {
        let Ending { last, decoder, mut summary } = ending;
        let mut counters = Counters::default();
        let mut profile: Option<Profile> = None;
        for done in outputs.into_iter().filter_map(|o| o.end) {
            counters.add(&done.counters);
            summary.merge(&done.summary);
            match (&mut profile, done.profile) {
                (Some(all), Some(theirs)) => all.add(&theirs),
                (none, theirs) => *none = theirs,
            }
        }
        counters.suppress_alerts(self.refused.total);
        for (&(gid, sid), &(alerts, blocked)) in &self.refused.by_rule {
            summary.take_back_alerts(gid, sid, alerts, blocked);
        }
        summary.flows = counters.flows;
        summary.dropped_packets = counters.dropped;
        let mut line = Vec::new();
        self.printer.stats(&mut line, last, &named(&decoder, &counters), &self.rules_info);
        sink(&line).map_err(RunError::Sink)?;
        if let Some(writer) = self.passed.take() {
            writer.finish().map_err(RunError::Passed)?;
        }
        Ok(Outcome { counters, decoder, summary, profile, rules: self.rules })
    }
}

impl Refused {
    fn add(&mut self, order: Order, rule: (u32, u32), blocks: bool) {
        let (alerts, blocked) = self.by_rule.entry(rule).or_default();
        *alerts = alerts.saturating_add(1);
        *blocked = blocked.saturating_add(u64::from(blocks));
        self.total = self.total.saturating_add(1);
        self.recent.push(order);
    }

    /// How many belong before `order`, which is in the block at hand.
    fn before(&self, order: Order) -> u64 {
        let later = self.recent.iter().filter(|&&o| o >= order).count();
        self.total.saturating_sub(u64::try_from(later).unwrap_or(u64::MAX))
    }
}

/// What `stats` events say of `rules`, which took over at `since`, or were in force from the start.
fn info(rules: &RuleSet, since: Option<Timestamp>) -> RulesInfo {
    let count = |n| u64::try_from(n).unwrap_or(u64::MAX);
    RulesInfo { loaded: count(rules.len()), failed: count(rules.failed()), last_reload: since }
}

/// All counters by name.
fn named(decoder: &DecoderCounters, counters: &Counters) -> Vec<(&'static str, u64)> {
    decoder.iter().chain(counters.named()).collect()
}

fn is_sorted(marks: &[Mark]) -> bool {
    marks.is_sorted_by_key(|m| m.order)
}

/// Lays the lines of all outputs into `merged` by their order; equal ones stay as they were.
fn merge(outputs: &[Output], merged: &mut Vec<u8>) {
    let mut lines: Vec<(Order, &[u8])> = Vec::with_capacity(outputs.iter().map(|o| o.marks.len()).sum());
    for output in outputs {
        let mut start = 0;
        for mark in &output.marks {
            if !matches!(mark.told, Told::No) {
                lines.push((mark.order, output.bytes.get(start..mark.end).unwrap_or_default()));
            }
            start = mark.end;
        }
    }
    lines.sort_by_key(|(order, _)| *order);
    merged.clear();
    for (_, line) in lines {
        merged.extend_from_slice(line);
    }
}
