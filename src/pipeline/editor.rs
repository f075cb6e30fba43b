//! The editor: decides which lines are told, and what is added to them, in the order in which they are handed to it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::batch::{Ending, Mark, Told, WorkDone};
use super::certificates::Seen;
use super::lines::Printer;
use super::recording::RecordingDir;
use super::strand::Strand;
use super::{Outcome, RunError, Settings, Take};
use crate::base::Timestamp;
use crate::capture::Block;
use crate::engine::{Config, Counters, Order, PacketId};
use crate::event::{RulesInfo, Summary};
use crate::findings::{FindingSet, Memory, Sighting, found_by};
use crate::monitor::Counted;
use crate::packet::{DecoderCounters, Frame};
use crate::rules::{AlertLimits, Profile, RuleSet};
use crate::sink::SinkCounters;

/// Knows what was told before: sessions of servers, certificates, alerts of rules with a threshold.
pub(super) struct Editor<P> {
    printer: P,
    rules: Arc<RuleSet>,
    rules_info: RulesInfo,
    limits: AlertLimits,
    refused: Refused,
    seen: Seen,
    recordings: Option<RecordingDir>,
    earlier: Earlier,
    /// Intermediate certificates that the workers have learned.
    pub learned: u64,
    /// Counted by the sinks, once these are at work.
    sinks: Arc<OnceLock<SinkCounters>>,
    /// Lines that wait to be written together.
    waiting: Vec<u8>,
}

/// A counter and its name.
pub(super) type Named = (&'static str, u64);

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

impl<P: Printer> Editor<P> {
    pub fn new(printer: P, settings: &Settings, rules: Arc<RuleSet>) -> Self {
        Self {
            printer,
            rules_info: info(&rules, None),
            limits: AlertLimits::new(&rules),
            rules,
            refused: Refused::default(),
            seen: Seen::new(settings.keeping.clone()),
            // It was opened before, to see that it can be.
            recordings: settings.keeping.recording.as_ref().and_then(|recording| RecordingDir::open(recording).ok()),
            earlier: Earlier::new(&settings.engine),
            learned: 0,
            sinks: Arc::clone(&settings.sinks),
            waiting: Vec::new(),
        }
    }

    /// Lines are of `rules` from now on, which have been in force since a packet captured then.
    pub fn replace_rules(&mut self, rules: Arc<RuleSet>, since: Timestamp) {
        self.limits.replace(&rules);
        self.rules_info = info(&rules, Some(since));
        self.rules = rules;
    }

    /// Writes the lines of one strand that are next; the frames that they are about lie in `block`, where there is one.
    pub fn write_run(
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
                let Some(frame) = frame() else { return Ok(Decision::LeftOut) };
                let mut line = line.to_vec();
                self.printer.add_frame(&mut line, &frame);
                return Ok(Decision::WrittenSo(line));
            }
            Told::Certificate(offer) => self.seen.take(&offer, line).map_err(RunError::Sink)?,
            Told::Recorded(recorded) => {
                self.recordings.iter_mut().for_each(|dir| dir.take(&recorded));
                false
            }
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

    /// Hands on the lines that wait.
    pub fn flush(&mut self, sink: &mut Take<'_>) -> Result<(), RunError> {
        if !self.waiting.is_empty() {
            sink(&self.waiting).map_err(RunError::Sink)?;
            self.waiting.clear();
        }
        Ok(())
    }

    /// A `stats` event of what the decoders, the workers and the rim have counted. All lines before it were written, so that what was
    /// found on the way has come with them.
    pub fn stats(&mut self, timestamp: Timestamp, decoder: &DecoderCounters, counters: Counters, rim: &[Named]) {
        let named = self.so_far(decoder, counters, rim);
        self.write_stats(timestamp, &named);
    }

    fn write_stats(&mut self, timestamp: Timestamp, named: &[Named]) {
        let of_sinks = self.sinks.get().map(SinkCounters::named).unwrap_or_default();
        let of_sinks = of_sinks.iter().map(|(name, value)| (name.as_str(), *value));
        let all: Vec<(&str, u64)> = named.iter().copied().chain(of_sinks).collect();
        self.printer.stats(&mut self.waiting, timestamp, &all, &self.rules_info);
    }

    /// The same, for who asks how it goes.
    pub fn counted(&self, decoder: &DecoderCounters, counters: Counters, rim: &[Named]) -> Counted {
        let RulesInfo { loaded, failed, last_reload } = self.rules_info;
        Counted { counters: self.so_far(decoder, counters, rim), rules_loaded: loaded, rules_failed: failed, last_reload }
    }

    fn so_far(&self, decoder: &DecoderCounters, mut counters: Counters, rim: &[Named]) -> Vec<Named> {
        counters.add(&self.earlier.counters());
        counters.suppress_alerts(self.refused.total);
        counters.thresholds_evicted = counters.thresholds_evicted.saturating_add(self.limits.evicted());
        self.named(decoder, &counters).into_iter().chain(rim.iter().copied()).collect()
    }

    /// The run is over: writes the `stats` event at its end, with counters of the rim beside the others. What came of it all.
    pub fn finish(
        mut self,
        all_done: Vec<WorkDone>,
        ending: Ending,
        rim: &[Named],
        sink: &mut Take<'_>,
    ) -> Result<Outcome, RunError> {
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
        let named: Vec<_> = self.named(&decoder, &counters).into_iter().chain(rim.iter().copied()).collect();
        self.write_stats(last, &named);
        self.flush(sink)?;
        Ok(Outcome { counters, decoder, summary, profile, rules: self.rules, datasets })
    }

    /// All counters by name.
    fn named(&self, decoder: &DecoderCounters, counters: &Counters) -> Vec<(&'static str, u64)> {
        let recorded = self.recordings.iter().flat_map(RecordingDir::counters);
        let learned = [("portcullis.trust.intermediates_learned", self.learned)];
        decoder.iter().chain(counters.named()).chain(learned).chain(self.seen.counters()).chain(recorded).collect()
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

/// What `stats` events say of `rules`, which took over at `since`, or were in force from the start.
fn info(rules: &RuleSet, since: Option<Timestamp>) -> RulesInfo {
    let count = |n| u64::try_from(n).unwrap_or(u64::MAX);
    RulesInfo { loaded: count(rules.len()), failed: count(rules.failed()), last_reload: since }
}

/// The frame of `packet`, where it lies in `block`.
fn frame_of(block: &Block, packet: PacketId) -> Option<Frame<'_>> {
    let index = packet.number().checked_sub(block.first_number()).filter(|_| block.capture() == packet.capture())?;
    block.frame(usize::try_from(index).ok()?)
}

/// Bytes of lines that wait to be written together.
const MOST_WAITING: usize = 256 << 10;
