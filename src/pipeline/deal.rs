//! The dealer: makes segments of frames and deals them out to the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Settings;
use super::batch::{Batch, Dealt, Ending, Job, StatsDue};
use super::certificates::Keeping;
use super::lessons::Lessons;
use super::lines::{Lines, Printer};
use super::next_rules::NextRules;
use crate::base::{Duration, Timestamp};
use crate::capture::{Block, CaptureError, CaptureSet};
use crate::engine::{Clock, LANES, PacketId, lane_of, report_malformed};
use crate::packet::{Decoded, Decoder, FragmentKey, Frame};
use crate::rules::RuleSet;

pub(super) struct Dealer<P> {
    decoder: Decoder,
    /// What no rule accepts is dropped.
    refuses: bool,
    seed: u64,
    clock: Clock,
    stats_interval: Option<Duration>,
    next_stats: Option<Timestamp>,
    lines: Lines<P>,
    names: Arc<[String]>,
    hands: Vec<Vec<Job>>,
    /// So many of the workers have flows: all, or the first alone once rules came that need order.
    dealt_to: usize,
    stats: Vec<StatsDue>,
    fragments: Vec<(u32, FragmentKey)>,
    next_rules: Arc<NextRules>,
    /// Those that took over before the block at hand.
    new_rules: Option<(Arc<RuleSet>, Timestamp)>,
    to_workers: Vec<Sender<Batch>>,
    to_collector: Sender<Dealt>,
    recycled: Receiver<Vec<Job>>,
    lessons: Lessons,
    /// Packets that are not TCP.
    not_tcp: u64,
    stop: Arc<AtomicUsize>,
}

impl<P: Printer> Dealer<P> {
    pub fn new(
        settings: &Settings,
        printer: P,
        names: Arc<[String]>,
        to_workers: Vec<Sender<Batch>>,
        to_collector: Sender<Dealt>,
        recycled: Receiver<Vec<Job>>,
        lessons: Lessons,
    ) -> Self {
        Self {
            decoder: Decoder::new(settings.decoder.clone()),
            refuses: settings.engine.refuses(),
            seed: settings.engine.hash_seed,
            clock: Clock::default(),
            stats_interval: settings.stats_interval,
            next_stats: None,
            lines: Lines::new(printer, Arc::default(), &Keeping::default(), false), // it tells no alerts and no sessions
            names,
            hands: to_workers.iter().map(|_| Vec::new()).collect(),
            dealt_to: to_workers.len(),
            stats: Vec::new(),
            fragments: Vec::new(),
            next_rules: Arc::clone(&settings.next_rules),
            new_rules: None,
            to_workers,
            to_collector,
            recycled,
            lessons,
            not_tcp: 0,
            stop: Arc::clone(&settings.stop),
        }
    }

    /// Deals UDP datagrams from the next frame on, where `rules` may match some or what no rule accepts is dropped.
    pub fn want_datagrams(&mut self, rules: &RuleSet) {
        self.decoder.want_datagrams(self.refuses || rules.wants_datagrams());
    }

    /// Plays all captures, or until it is told to stop, or until a thread at the other end is gone.
    pub fn play(&mut self, captures: &mut CaptureSet, problem: &mut dyn FnMut(CaptureError)) {
        while self.stop.load(Ordering::Relaxed) == 0 {
            match captures.next_block() {
                Some(Ok(block)) => {
                    self.take_rules(&block);
                    if !self.teach() {
                        return;
                    }
                    self.block(&block);
                    if !self.hand_out(Some(block), false) {
                        return;
                    }
                }
                Some(Err(error)) => problem(error),
                None => break,
            }
        }
        self.hand_out(None, true);
    }

    fn ending(&mut self) -> Ending {
        let decoder = self.decoder.counters().clone();
        let mut summary = std::mem::take(&mut self.lines.summary);
        summary.packets = decoder.pkts;
        summary.bytes = decoder.bytes;
        summary.add_skipped("TCP on ports that are not watched", decoder.tcp.saturating_sub(decoder.watched));
        summary.add_skipped("not TCP", self.not_tcp);
        summary.add_skipped("link type not supported", decoder.unsupported_link);
        Ending { last: self.clock.now(), decoder, summary }
    }

    /// Has rules take over before `block`, where some are to.
    fn take_rules(&mut self, block: &Block) {
        let (Some(first), Some(rules)) = (block.frame(0), self.next_rules.take()) else { return };
        self.want_datagrams(&rules);
        if rules.needs_order() > 0 {
            self.gather();
        }
        for hand in &mut self.hands {
            hand.push(Job::Rules(Arc::clone(&rules)));
        }
        self.new_rules = Some((rules, first.timestamp));
    }

    /// Has the first worker go on with all flows. It stays so: what rules remember across flows is with it.
    fn gather(&mut self) {
        let workers = std::mem::replace(&mut self.dealt_to, 1);
        let others = workers.saturating_sub(1);
        if others == 0 {
            return;
        }
        let (give, take) = bounded(others);
        let mut hands = self.hands.iter_mut();
        hands.next().into_iter().for_each(|hand| hand.push(Job::TakeOver(take.clone(), others)));
        for (worker, hand) in (1..workers).zip(hands) {
            let lanes = (0..LANES).filter(|lane| lane.checked_rem(workers) == Some(worker)).collect();
            hand.push(Job::GiveAway(lanes, give.clone()));
        }
    }

    /// Has the workers learn before the block at hand what was found some blocks ago. False where a thread at the other end is gone.
    fn teach(&mut self) -> bool {
        let Some(lesson) = self.lessons.next() else { return false };
        if !lesson.is_empty() {
            let lesson: Arc<[_]> = lesson.into();
            self.hands.iter_mut().for_each(|hand| hand.push(Job::Learn(Arc::clone(&lesson))));
        }
        true
    }

    fn block(&mut self, block: &Block) {
        let base = block.bytes().as_ptr() as usize;
        for (index, frame) in (0_u32..).zip(block.frames()) {
            if let Some(now) = self.clock.tick(frame.timestamp) {
                self.tick(now, &frame);
            }
            let offset = (frame.data.as_ptr() as usize).saturating_sub(base);
            let decoded = self.decoder.decode(&frame);
            self.fragments.extend(self.decoder.take_fragment().map(|key| (index, key)));
            match decoded {
                Decoded::Segment(decoded) => {
                    if let Some(anomaly) = decoded.anomaly {
                        self.lines.summary.add_anomaly(anomaly.name());
                        report_malformed(&frame, anomaly, &self.names, &mut self.lines);
                    }
                    let hash = decoded.header.key.hash(self.seed);
                    let frame = u32::try_from(offset).unwrap_or(u32::MAX);
                    let worker = lane_of(hash).checked_rem(self.dealt_to).unwrap_or(0);
                    if let Some(hand) = self.hands.get_mut(worker) {
                        hand.push(Job::Segment { hash, frame, index, header: decoded.header, payload: decoded.payload });
                    }
                }
                Decoded::Malformed(anomaly) => {
                    self.lines.summary.add_anomaly(anomaly.name());
                    report_malformed(&frame, anomaly, &self.names, &mut self.lines);
                }
                Decoded::NotTcp => self.not_tcp = self.not_tcp.saturating_add(1),
                Decoded::NotWatched | Decoded::FragmentHeld | Decoded::Unsupported(_) => {}
            }
        }
    }

    /// A new second of packet time has begun, or the clock was set.
    fn tick(&mut self, now: Timestamp, frame: &Frame<'_>) {
        let packet = PacketId::new(frame.capture, frame.number);
        let stats_are_due = self.stats_interval.is_some_and(|interval| match self.next_stats {
            // Where the clock was set back, it starts anew.
            Some(due) if now < due && due <= now.saturating_add(interval) => false,
            first_or_due => {
                self.next_stats = Some(now.saturating_add(interval));
                first_or_due.is_some()
            }
        });
        for hand in &mut self.hands {
            hand.push(Job::Tick { now, packet });
            if stats_are_due {
                hand.push(Job::Count);
            }
        }
        if stats_are_due {
            self.stats.push((packet, now, self.decoder.counters().clone()));
        }
    }

    /// Hands out what was dealt. False where a thread at the other end is gone.
    fn hand_out(&mut self, block: Option<Block>, last: bool) -> bool {
        let bytes = block.as_ref().map(|b| Arc::clone(b.bytes())).unwrap_or_default();
        let dealt = Dealt {
            rules: self.new_rules.take(),
            output: std::mem::take(&mut self.lines.output),
            block,
            fragments: std::mem::take(&mut self.fragments),
            stats: std::mem::take(&mut self.stats),
            learned: self.lessons.learned(),
            end: last.then(|| Box::new(self.ending())),
        };
        if self.to_collector.send(dealt).is_err() {
            return false;
        }
        for (hand, worker) in self.hands.iter_mut().zip(&self.to_workers) {
            let spare = self.recycled.try_recv().unwrap_or_default();
            let jobs = std::mem::replace(hand, spare);
            if worker.send(Batch { bytes: Arc::clone(&bytes), jobs, last }).is_err() {
                return false;
            }
        }
        true
    }
}
