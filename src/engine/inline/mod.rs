//! In the path: each frame that is handed in goes on, does not, or waits. Sans-IO, as all of the engine.
//!
//! [`Inline::process`] answers for the frame handed in and for those that waited. What goes on is what was inspected: see `gate.rs`. A
//! handshake message of the client that is cut over several segments waits until it is whole and was judged, so that no part of a
//! forbidden one reaches the server.

mod answer;
mod datagram;
mod fragments;
mod gate;
mod holding;
mod policy;
mod reset;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

pub use answer::{Answers, Fate, Injection, Ticket, Way};
pub use policy::{InlineCounters, InlineSettings, Policies, Policy};

use gate::{Admission, Ahead, Gate, Held, Link, Refused, Tickets};
use holding::Deadlines;
use policy::Exception;

use super::clock::Clock;
use super::config::Config;
use super::counters::Counters;
use super::inspector::{Inspector, Standing, Verdict};
use super::report::{PacketId, Report};
use super::report_malformed;
use crate::base::Timestamp;
use crate::event::{self, DropReason, Reset};
use crate::flow::{Direction, FlowId, Table};
use crate::packet::{Decoded, Decoder, DecoderConfig, FragmentKey, Frame, IpFields, Segment, SegmentHeader, TcpFlags};
use crate::rules::{RuleSet, SavedDataset};
use crate::trust::Gathered;

/// The engine of who stands in the path.
#[derive(Debug)]
pub struct Inline {
    settings: InlineSettings,
    decoder: Decoder,
    inspector: Inspector,
    seed: u64,
    names: Arc<[String]>,
    clock: Clock,
    gathered: Gathered,
    gates: Table<Gate>,
    most_gates: usize,
    fragments: fragments::Waiting,
    deadlines: Deadlines,
    /// Bytes that gates hold.
    held: usize,
    counters: InlineCounters,
    /// Answers that nobody gets.
    unheard: Answers,
}

/// A segment at hand, and where it is.
#[derive(Clone, Copy)]
struct Case<'a> {
    gate: FlowId,
    hash: u64,
    segment: Segment<'a>,
    /// The frame that it came in, or the one that made it its turn.
    frame: Frame<'a>,
    /// Where its receiver stands, where the gate does not know it any more.
    forwarded: Option<u32>,
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
                    self.datagram(&tickets, &segment, report, out);
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

    fn admit(&mut self, case: &Case<'_>, tickets: Tickets, report: &mut impl Report, out: &mut Answers) {
        let header = case.segment.header;
        let Some(gate) = self.gates.get_mut(case.gate) else { return self.pass(&tickets, false, out) };
        let admission = gate.admit(&case.segment);
        let is_cut = case.segment.payload.len() < usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        match (admission, gate.refused) {
            (Admission::Opens, _) => self.pass(&tickets, false, out),
            (Admission::Begins(syn), _) => {
                self.drop_held(case, DropReason::StreamError, report, out);
                if let Some(gate) = self.gates.get_mut(case.gate) {
                    gate.begin(&syn, header);
                }
                self.inspector.end_for_another(case.hash, &header.key, PacketId::of(header), report);
                self.inspector.process_header(case.hash, &syn, report);
                self.inspect(case, tickets, report, out);
            }
            (_, Some(Refused::ByPolicy)) => self.refuse(case, tickets, DropReason::FlowDrop, report, out),
            (_, Some(Refused::ByRules)) => self.inspect(case, tickets, report, out),
            (Admission::Refuse(reason), None) => self.refuse(case, tickets, reason, report, out),
            // What is not all there cannot be judged.
            _ if is_cut && !self.is_settled(case) => match self.policy(Exception::Error) {
                Policy::Pass => self.inspect(case, tickets, report, out),
                policy => self.refuse_flow(case, tickets, DropReason::DecodeError, policy, report, out),
            },
            (Admission::Inspect, None) => self.inspect(case, tickets, report, out),
            (Admission::Wait, None) => self.hold_ahead(case, tickets, report, out),
            (Admission::Midstream, None) => match self.policy(Exception::Midstream) {
                Policy::Pass => {
                    gate_join(&mut self.gates, case);
                    self.inspect(case, tickets, report, out);
                }
                policy => self.refuse_flow(case, tickets, DropReason::StreamMidstream, policy, report, out),
            },
        }
    }

    fn is_settled(&self, case: &Case<'_>) -> bool {
        self.gates.get(case.gate).is_some_and(|(_, gate)| gate.is_settled(case.segment.header.sender))
    }

    /// Looks at what the segment says, and lets it go on, or wait, or not.
    fn inspect(&mut self, case: &Case<'_>, tickets: Tickets, report: &mut impl Report, out: &mut Answers) {
        let header = case.segment.header;
        let located = self.inspector.locate(case.hash, &header.key);
        let was_refused = self.gates.get(case.gate).is_some_and(|(_, gate)| gate.refused.is_some());
        let verdict = self.inspector.process(case.hash, located, &case.segment, report);
        let found = self.inspector.take_found();
        if !found.is_empty() {
            self.inspector.learn(&self.gathered.take_in(found));
        }
        let standing = self.inspector.standing(case.hash, &header.key);
        let (Some(standing), Some(gate)) = (standing, self.gates.get_mut(case.gate)) else {
            return self.pass(&tickets, false, out);
        };
        let forwarded = gate.forwarded(header);
        let with_flow = (DropReason::FlowDrop, event::Verdict::Drop);
        match verdict {
            Verdict::Drop if was_refused => {
                self.inspector.report_drop(case.hash, header, with_flow, report);
                return self.drop_frames(&tickets, out);
            }
            // The inspector has let go of the flow.
            Verdict::Pass if was_refused => {
                self.inspector.tell_drop(case.hash, header, with_flow, report);
                return self.drop_frames(&tickets, out);
            }
            Verdict::Drop | Verdict::Pass => {}
        }
        if verdict == Verdict::Drop {
            gate.refused = standing.dropped.then_some(Refused::ByRules);
            if standing.dropped {
                gate.forget();
            }
            if let Some(whom) = self.inspector.take_reset() {
                self.tell(case, forwarded, standing.client, whom, out);
            }
            self.drop_frames(&tickets, out);
            if standing.dropped {
                self.drop_held(case, DropReason::FlowDrop, report, out);
            }
            return;
        }
        if standing.changed_name {
            return self.refuse_flow(case, tickets, DropReason::AppLayerError, Policy::Drop, report, out);
        }
        let Some(gate) = self.gates.get_mut(case.gate) else { return self.pass(&tickets, false, out) };
        gate.take(&case.segment);
        let gave_up = standing.gave_up && !gate.is_settled(Direction::AToB) && !gate.is_settled(Direction::BToA);
        for direction in [Direction::AToB, Direction::BToA] {
            if !*standing.reads.get(direction) {
                gate.settle(direction);
            }
        }
        if gave_up {
            match self.policy(Exception::Memcap) {
                Policy::Pass => {}
                policy => return self.refuse_flow(case, tickets, DropReason::StreamMemcap, policy, report, out),
            }
        }
        self.release_or_hold(case, tickets, &standing, report, out);
    }

    /// What was inspected and may go on does so, unless it ends within a message that is still to be judged.
    fn release_or_hold(
        &mut self,
        case: &Case<'_>,
        tickets: Tickets,
        standing: &Standing,
        report: &mut impl Report,
        out: &mut Answers,
    ) {
        let header = case.segment.header;
        let Some(gate) = self.gates.get_mut(case.gate) else { return self.pass(&tickets, false, out) };
        let has_payload = header.payload_len > 0 || header.flags.has(TcpFlags::FIN);
        let awaits = header.sender == standing.client && *standing.awaits.get(header.sender) && !gate.unchecked;
        if awaits && !has_payload {
            return self.pass(&tickets, false, out);
        }
        if awaits && !gate.has_lapsed(header.sender) {
            return self.hold(case, tickets, report, out);
        }
        if !awaits {
            gate.set_lapsed(header.sender, false);
        }
        let is_done = gate.is_done() && standing.settled;
        for held in gate.take_held(header.sender) {
            self.pass(&held.tickets, false, out);
        }
        self.pass(&tickets, is_done, out);
    }

    fn hold(&mut self, case: &Case<'_>, tickets: Tickets, report: &mut impl Report, out: &mut Answers) {
        if !self.has_room(case) {
            return match self.policy(Exception::Memcap) {
                Policy::Pass => self.let_go_unchecked(case, tickets, out),
                policy => self.refuse_flow(case, tickets, DropReason::StreamMemcap, policy, report, out),
            };
        }
        self.counters.held = self.counters.held.saturating_add(1);
        if let Some(gate) = self.gates.get_mut(case.gate) {
            gate.hold(Held { tickets, header: *case.segment.header, link: Link::of(&case.frame) });
        }
    }

    /// Has a segment wait for the bytes before it. Where there is no room, it does not go on: it will be sent again.
    fn hold_ahead(&mut self, case: &Case<'_>, tickets: Tickets, report: &mut impl Report, out: &mut Answers) {
        if !self.has_room(case) {
            return self.refuse(case, tickets, DropReason::StreamMemcap, report, out);
        }
        self.counters.held = self.counters.held.saturating_add(1);
        if let Some(gate) = self.gates.get_mut(case.gate) {
            gate.hold_ahead(Ahead::new(tickets, &case.segment));
        }
    }

    fn has_room(&self, case: &Case<'_>) -> bool {
        let header = case.segment.header;
        let Some((_, gate)) = self.gates.get(case.gate) else { return false };
        let (frames, bytes) = gate.waiting(header.sender);
        let new = usize::try_from(header.frame_len).unwrap_or(usize::MAX);
        frames < MOST_FRAMES
            && bytes.saturating_add(new) <= self.settings.hold_bytes
            && self.memory().saturating_add(new) <= self.settings.hold_memory
    }

    /// There is no room to hold it: the flow goes on as it comes, and is still looked at.
    fn let_go_unchecked(&mut self, case: &Case<'_>, tickets: Tickets, out: &mut Answers) {
        let Some(gate) = self.gates.get_mut(case.gate) else { return self.pass(&tickets, false, out) };
        gate.unchecked = true;
        gate.forget();
        for direction in [Direction::AToB, Direction::BToA] {
            for held in self.gates.get_mut(case.gate).map(|g| g.take_held(direction)).unwrap_or_default() {
                self.pass(&held.tickets, false, out);
            }
        }
        self.pass(&tickets, false, out);
    }

    /// One segment does not go on.
    fn refuse(&mut self, case: &Case<'_>, tickets: Tickets, reason: DropReason, report: &mut impl Report, out: &mut Answers) {
        self.inspector.tell_drop(case.hash, case.segment.header, (reason, event::Verdict::Drop), report);
        self.drop_frames(&tickets, out);
    }

    /// Frames of which no flow is known do not go on.
    fn refuse_frames(
        &mut self,
        tickets: Tickets,
        header: &SegmentHeader,
        reason: DropReason,
        report: &mut impl Report,
        out: &mut Answers,
    ) {
        let hash = header.key.hash(self.seed);
        self.inspector.tell_drop(hash, header, (reason, event::Verdict::Drop), report);
        self.drop_frames(&tickets, out);
    }

    /// Nothing of the flow goes on any more, by `policy`.
    fn refuse_flow(
        &mut self,
        case: &Case<'_>,
        tickets: Tickets,
        reason: DropReason,
        policy: Policy,
        report: &mut impl Report,
        out: &mut Answers,
    ) {
        let header = case.segment.header;
        let client = self.inspector.standing(case.hash, &header.key).map_or(header.sender, |s| s.client);
        let verdict = match policy {
            Policy::Reject => event::Verdict::Reject(Reset::Both),
            Policy::Pass | Policy::Drop => event::Verdict::Drop,
        };
        let forwarded = case.forwarded.or_else(|| Some(self.gates.get(case.gate)?.1.forwarded(header))).unwrap_or(header.seq);
        if let Some(gate) = self.gates.get_mut(case.gate) {
            gate.refused = Some(Refused::ByPolicy);
            gate.forget();
        }
        self.inspector.tell_drop(case.hash, header, (reason, verdict), report);
        if policy == Policy::Reject {
            self.tell(case, forwarded, client, Reset::Both, out);
        }
        self.drop_frames(&tickets, out);
        self.drop_held(case, DropReason::FlowDrop, report, out);
    }

    /// What waits of a flow does not go on.
    fn drop_held(&mut self, case: &Case<'_>, reason: DropReason, report: &mut impl Report, out: &mut Answers) {
        for direction in [Direction::AToB, Direction::BToA] {
            let held = self.gates.get_mut(case.gate).map(|g| g.take_held(direction)).unwrap_or_default();
            for Held { tickets, header, .. } in held {
                self.inspector.tell_drop(case.hash, &header, (reason, event::Verdict::Drop), report);
                self.drop_frames(&tickets, out);
            }
            while let Some(ahead) = self.gates.get_mut(case.gate).and_then(|g| g.take_ahead(direction, true)) {
                self.inspector.tell_drop(case.hash, &ahead.header, (reason, event::Verdict::Drop), report);
                self.drop_frames(&ahead.tickets, out);
            }
        }
    }

    /// Has resets sent.
    fn tell(&mut self, case: &Case<'_>, forwarded: u32, client: Direction, whom: Reset, out: &mut Answers) {
        let resets = reset::resets(&case.frame, case.segment.header, forwarded, client, whom);
        self.counters.resets = self.counters.resets.saturating_add(u64::try_from(resets.len()).unwrap_or(u64::MAX));
        out.injections.extend(resets);
    }

    fn policy(&mut self, exception: Exception) -> Policy {
        let policy = self.settings.policies.of(exception);
        self.counters.count(exception, policy);
        policy
    }

    fn pass(&mut self, tickets: &Tickets, is_done: bool, out: &mut Answers) {
        let fate = if is_done { Fate::PassDone } else { Fate::Pass };
        self.counters.accepted = self.counters.accepted.saturating_add(u64::try_from(tickets.len()).unwrap_or(u64::MAX));
        out.fates.extend(tickets.iter().map(|&ticket| (ticket, fate)));
    }

    fn drop_frames(&mut self, tickets: &Tickets, out: &mut Answers) {
        out.fates.extend(tickets.iter().map(|&ticket| (ticket, Fate::Drop)));
    }

    /// Bytes that a connection holds.
    fn gate_memory(&self, id: FlowId) -> usize {
        self.gates.get(id).map_or(0, |(_, gate)| gate.memory())
    }

    /// Bytes of all that waits or is kept.
    const fn memory(&self) -> usize {
        self.held.saturating_add(self.fragments.bytes())
    }
}

fn gate_join(gates: &mut Table<Gate>, case: &Case<'_>) {
    if let Some(gate) = gates.get_mut(case.gate) {
        gate.join(case.segment.header);
    }
}

/// What is told of a frame that cannot be decoded.
fn nameless(frame: &Frame<'_>) -> SegmentHeader {
    let nobody = (IpAddr::V4(Ipv4Addr::UNSPECIFIED).into(), 0);
    let (key, sender) = crate::flow::FlowKey::from_packet(nobody, nobody, 0, [0; 2]);
    bare(frame, key, sender)
}

/// What is told of a fragment.
fn of_fragment(frame: &Frame<'_>, key: &FragmentKey) -> SegmentHeader {
    let (key, sender) = key.flow();
    bare(frame, key, sender)
}

fn bare(frame: &Frame<'_>, key: crate::flow::FlowKey, sender: Direction) -> SegmentHeader {
    SegmentHeader {
        key,
        sender,
        flags: TcpFlags(0),
        seq: 0,
        ack: 0,
        window: 0,
        ttl: 0,
        ip: IpFields { len: frame.original_len, ..IpFields::default() },
        urgent: 0,
        reserved: 0,
        tunnel_depth: 0,
        tcp_len: 0,
        ip_len: 0,
        payload_len: 0,
        frame_len: frame.original_len,
        timestamp: frame.timestamp,
        number: frame.number,
        capture: frame.capture,
    }
}

/// How many connections are looked at to find one that can go.
const SAMPLE: usize = 16;
/// Frames of one direction that may wait.
const MOST_FRAMES: usize = 2_048;
