//! The engine of the path: a frame comes, and is decoded and brought to its connection; what is counted.

use std::sync::Arc;

use super::answer::{Answers, Fate, Ticket};
use super::counters::InlineCounters;
use super::datagram::Told;
use super::deadlines::Deadlines;
use super::fragments;
use super::gate::{Gate, Tickets};
use super::policy::{Exception, InlineSettings, Policy};
use super::refusing::{nameless, of_fragment};
use crate::base::Timestamp;
use crate::engine::clock::Clock;
use crate::engine::config::Config;
use crate::engine::counters::Counters;
use crate::engine::inspector::Inspector;
use crate::engine::report::{PacketId, Report};
use crate::engine::report_malformed;
use crate::event::DropReason;
use crate::flow::{FlowId, Table};
use crate::packet::{Decoded, Decoder, DecoderConfig, FragmentKey, Frame, Segment, SegmentHeader};
use crate::rules::{Profile, RuleSet, SavedDataset};
use crate::trust::Gathered;

/// The engine of who stands in the path.
#[derive(Debug)]
pub struct Inline {
    pub(super) settings: InlineSettings,
    pub(super) decoder: Decoder,
    pub(super) inspector: Inspector,
    pub(super) seed: u64,
    pub(super) names: Arc<[String]>,
    pub(super) clock: Clock,
    pub(super) gathered: Gathered,
    pub(super) gates: Table<Gate>,
    pub(super) most_gates: usize,
    pub(super) fragments: fragments::Waiting,
    pub(super) deadlines: Deadlines,
    /// Bytes that gates hold.
    pub(super) held: usize,
    pub(super) told: Told,
    pub(super) counters: InlineCounters,
    /// Answers that nobody gets.
    pub(super) unheard: Answers,
}

/// A segment at hand, and where it is.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub gate: FlowId,
    pub hash: u64,
    pub segment: Segment<'a>,
    /// The frame that it came in, or the one that made it its turn.
    pub frame: Frame<'a>,
    /// Where its receiver stands, where the gate does not know it any more.
    pub forwarded: Option<u32>,
}

impl Inline {
    /// `names` are those of the interfaces, by the number that frames carry as [`Frame::capture`]; it may be empty.
    pub fn new(
        settings: InlineSettings,
        decoder: DecoderConfig,
        config: Config,
        rules: Arc<RuleSet>,
        names: Arc<[String]>,
    ) -> Self {
        let (seed, timeouts, most_gates) = (config.hash_seed, config.timeouts, config.limits.flows.max(1));
        let gathered = Gathered::new(config.limits.intermediate_memory);
        let mut inspector = Inspector::new(config, rules, Arc::clone(&names));
        inspector.compare_servers();
        let mut decoder = Decoder::new(decoder);
        decoder.want_datagrams(inspector.wants_datagrams());
        Self {
            settings,
            decoder,
            gathered,
            inspector,
            seed,
            names,
            clock: Clock::default(),
            gates: Table::default(),
            most_gates,
            fragments: fragments::Waiting::default(),
            deadlines: Deadlines::new(settings.hold_time, timeouts),
            held: 0,
            told: Told::default(),
            counters: InlineCounters::default(),
            unheard: Answers::default(),
        }
    }

    /// Takes in a frame that the caller names `ticket`, and appends to `out` what becomes of it and of others. A frame that is not named
    /// there waits.
    pub fn process(&mut self, frame: &Frame<'_>, ticket: Ticket, report: &mut impl Report, out: &mut Answers) {
        if self.settings.dry_run {
            out.fates.push((ticket, Fate::Pass));
        }
        self.answering(out, |inline, out| {
            inline.advance(frame.timestamp, PacketId::new(frame.capture, frame.number), report, out);
            inline.judge(frame, ticket, report, out);
        });
    }

    /// It is `now`, though no frame came: ends what has waited for long enough, and flows whose time is over.
    pub fn tick(&mut self, now: Timestamp, report: &mut impl Report, out: &mut Answers) {
        self.answering(out, |inline, out| inline.advance(now, PacketId::default(), report, out));
    }

    /// A frame came faster than it can be judged: it goes by policy. Its flow is not held to its order any more.
    pub fn overload(&mut self, frame: &Frame<'_>, ticket: Ticket, report: &mut impl Report, out: &mut Answers) {
        if self.settings.dry_run {
            return out.fates.push((ticket, Fate::Pass));
        }
        let decoded = self.decoder.decode(frame);
        let mut tickets: Tickets = self.decoder.take_fragment().map(|key| self.fragments.take(&key)).unwrap_or_default();
        tickets.push(ticket);
        let Decoded::Segment(decoded) = decoded else { return self.pass(&tickets, false, out) };
        let header = &decoded.header;
        let hash = header.key.hash(self.seed);
        let found = self.gates.find(hash, &header.key);
        // What was judged stands.
        if found.and_then(|id| self.gates.get(id)).is_some_and(|(_, gate)| gate.refused.is_some()) {
            return self.refuse_frames(tickets, header, DropReason::FlowDrop, report, out);
        }
        match self.policy(Exception::Overload) {
            Policy::Pass => {
                if let Some(gate) = found {
                    let (before, segment) = (self.gate_memory(gate), decoded.payload.segment(header, frame.data));
                    self.let_go_unchecked(&Case { gate, hash, segment, frame: *frame, forwarded: None }, tickets, out);
                    self.settle_memory(gate, before, frame.timestamp);
                } else {
                    self.pass(&tickets, false, out);
                }
            }
            Policy::Drop | Policy::Reject => self.refuse_frames(tickets, header, DropReason::Overload, report, out),
        }
    }

    /// `rules` are in force from the next frame on: see [`Inspector::replace_rules`].
    pub fn replace_rules(&mut self, rules: Arc<RuleSet>) {
        self.inspector.replace_rules(rules);
        self.decoder.want_datagrams(self.inspector.wants_datagrams());
    }

    /// No more frames come: what waits is let go by policy, and what is unfinished is told.
    pub fn finish(&mut self, report: &mut impl Report, out: &mut Answers) {
        let end = self.clock.now().saturating_add(self.settings.hold_time).saturating_add(self.settings.hold_time);
        self.answering(out, |inline, out| inline.lapse(end, report, out));
        self.inspector.finish(report);
    }

    /// What was counted of flows and TLS.
    pub fn counters(&self) -> Counters {
        self.inspector.counters()
    }

    /// What was counted of frames in the path.
    pub fn path_counters(&self) -> InlineCounters {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let memuse = count(self.held.saturating_add(self.fragments.bytes()));
        let mut counters = self.counters;
        (counters.memuse, counters.connections) = (memuse, count(self.gates.len()));
        counters
    }

    /// The data sets that rules change and that are to be kept, as they are now.
    pub fn saved_datasets(&self) -> Vec<SavedDataset> {
        self.inspector.saved_datasets()
    }

    /// What each rule has cost so far, where [`Config::profile_clock`] asks for it.
    pub fn profile(&self) -> Option<&Profile> {
        self.inspector.profile()
    }

    /// The decoder, for its counters.
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Where everything goes on, nobody is answered.
    fn answering(&mut self, out: &mut Answers, work: impl FnOnce(&mut Self, &mut Answers)) {
        if !self.settings.dry_run {
            return work(self, out);
        }
        let mut unheard = std::mem::take(&mut self.unheard);
        work(self, &mut unheard);
        unheard.clear();
        self.unheard = unheard;
    }

    fn judge(&mut self, frame: &Frame<'_>, ticket: Ticket, report: &mut impl Report, out: &mut Answers) {
        let decoded = self.decoder.decode(frame);
        let fragment = self.decoder.take_fragment();
        let mut tickets: Tickets = fragment.map(|key| self.fragments.take(&key)).unwrap_or_default();
        tickets.push(ticket);
        match decoded {
            Decoded::Segment(decoded) => {
                let segment = decoded.payload.segment(&decoded.header, frame.data);
                if let Some(anomaly) = decoded.anomaly {
                    report_malformed(frame, anomaly, &self.names, report);
                    self.refuse_frames(tickets, &decoded.header, DropReason::DefragError, report, out);
                } else if segment.header.is_datagram() {
                    self.datagram(&tickets, &segment, frame, report, out);
                } else {
                    self.segment(tickets, segment, *frame, report, out);
                }
            }
            Decoded::Malformed(anomaly) => {
                report_malformed(frame, anomaly, &self.names, report);
                let header = fragment.map_or_else(|| nameless(frame), |key| of_fragment(frame, &key));
                match self.policy(Exception::Error) {
                    // What was given up of a datagram is never let through in part.
                    Policy::Pass if fragment.is_none() => self.pass(&tickets, false, out),
                    Policy::Pass => self.refuse_frames(tickets, &header, DropReason::DefragError, report, out),
                    Policy::Drop | Policy::Reject => self.refuse_frames(tickets, &header, DropReason::DecodeError, report, out),
                }
            }
            Decoded::FragmentHeld => self.hold_fragment(fragment, tickets, frame, report, out),
            Decoded::NotWatched | Decoded::NotTcp | Decoded::Unsupported(_) => self.pass(&tickets, false, out),
        }
    }

    fn hold_fragment(
        &mut self,
        key: Option<FragmentKey>,
        tickets: Tickets,
        frame: &Frame<'_>,
        report: &mut impl Report,
        out: &mut Answers,
    ) {
        let Some(key) = key else { return self.pass(&tickets, false, out) };
        if self.memory().saturating_add(frame.data.len()) > self.settings.hold_memory {
            return match self.policy(Exception::Memcap) {
                Policy::Pass => self.pass(&tickets, false, out),
                _ => self.refuse_frames(tickets, &of_fragment(frame, &key), DropReason::DefragMemcap, report, out),
            };
        }
        self.counters.held = self.counters.held.saturating_add(1);
        for ticket in tickets {
            self.fragments.hold(key, ticket, frame.data.len(), frame.timestamp);
        }
    }

    /// A segment came.
    fn segment(&mut self, tickets: Tickets, segment: Segment<'_>, frame: Frame<'_>, report: &mut impl Report, out: &mut Answers) {
        let header = segment.header;
        let hash = header.key.hash(self.seed);
        let Some(gate) = self.find_or_add(hash, header, report, out) else { return self.pass(&tickets, false, out) };
        let case = Case { gate, hash, segment, frame, forwarded: None };
        let before = self.gate_memory(gate);
        self.admit(&case, tickets, report, out);
        for direction in [header.sender, header.sender.reverse()] {
            while let Some(ahead) = self.gates.get_mut(gate).and_then(|g| g.take_ahead(direction, false)) {
                let case = Case { segment: ahead.segment(), ..case };
                self.admit(&case, ahead.tickets.clone(), report, out);
            }
        }
        self.settle_memory(gate, before, frame.timestamp);
    }

    /// The segment's connection in the path; a new one where there is none.
    fn find_or_add(&mut self, hash: u64, header: &SegmentHeader, report: &mut impl Report, out: &mut Answers) -> Option<FlowId> {
        if let Some(id) = self.gates.find(hash, &header.key) {
            if let Some(gate) = self.gates.get_mut(id) {
                gate.last = gate.last.max(header.timestamp);
            }
            return Some(id);
        }
        if self.gates.len() >= self.most_gates {
            let sample = self.gates.sample(SAMPLE);
            let victim = sample.into_iter().min_by_key(|&id| self.gates.get(id).map(|(_, gate)| gate.last))?;
            self.counters.evicted = self.counters.evicted.saturating_add(1);
            self.end_gate(victim, report, out);
        }
        let mut gate = Gate::new(header.timestamp);
        // The connection is known, but what was kept of it in the path is gone.
        if self.inspector.standing(hash, &header.key).is_some() {
            gate.join(header);
        }
        let id = self.gates.insert(hash, header.key, gate)?;
        self.deadlines.watch(id, header.timestamp);
        Some(id)
    }

    /// Bytes that a connection holds.
    pub(super) fn gate_memory(&self, id: FlowId) -> usize {
        self.gates.get(id).map_or(0, |(_, gate)| gate.memory())
    }

    /// Bytes of all that waits or is kept.
    pub(super) const fn memory(&self) -> usize {
        self.held.saturating_add(self.fragments.bytes())
    }
}

/// How many connections are looked at to find one that can go.
const SAMPLE: usize = 16;
