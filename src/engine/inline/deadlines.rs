//! For how long frames wait, and connections are kept.

use std::collections::VecDeque;

use super::answer::Answers;
use super::engine::{Case, Inline};
use super::gate::{Ahead, Gate, Held};
use super::policy::{Exception, Policy};
use super::refusing::of_fragment;
use crate::base::{Duration, Timestamp};
use crate::engine::config::Timeouts;
use crate::engine::report::{PacketId, Report};
use crate::event::{self, DropReason};
use crate::flow::timers::Wheel;
use crate::flow::{Direction, FlowId};
use crate::packet::{Frame, LinkType, Segment};

/// When to look again at what.
#[derive(Debug)]
pub(super) struct Deadlines {
    hold_time: Duration,
    timeouts: Timeouts,
    /// Since when connections hold frames, in the order of time; some do not any more.
    holding: VecDeque<(Timestamp, FlowId)>,
    connections: Wheel<FlowId>,
}

impl Deadlines {
    pub fn new(hold_time: Duration, timeouts: Timeouts) -> Self {
        Self { hold_time, timeouts, holding: VecDeque::new(), connections: Wheel::default() }
    }

    /// A connection is new.
    pub fn watch(&mut self, id: FlowId, now: Timestamp) {
        self.connections.insert(now.saturating_add(self.timeouts.new), id);
    }

    /// A connection that may have waited for long enough.
    fn next_lapsed(&mut self, now: Timestamp) -> Option<(Timestamp, FlowId)> {
        // A clock that was set back must not have frames wait for it.
        let (since, _) = *self.holding.front()?;
        let is_due = since.saturating_add(self.hold_time) <= now || since > now.saturating_add(self.hold_time);
        if is_due { self.holding.pop_front() } else { None }
    }
}

impl Inline {
    /// Time goes on.
    pub(super) fn advance(&mut self, now: Timestamp, packet: PacketId, report: &mut impl Report, out: &mut Answers) {
        self.lapse(now, report, out);
        let Some(second) = self.clock.tick(now) else { return };
        self.inspector.tick(second, packet, report);
        let mut due = Vec::new();
        self.deadlines.connections.advance(second, &mut due);
        for id in due {
            let Some((_, gate)) = self.gates.get(id) else { continue };
            let deadline = gate.last.saturating_add(self.timeout(gate));
            if deadline > second && gate.last <= second.saturating_add(self.deadlines.timeouts.established) {
                self.deadlines.connections.insert(deadline, id);
            } else {
                self.end_gate(id, report, out);
            }
        }
    }

    /// As long as the inspector keeps its flow, at least.
    fn timeout(&self, gate: &Gate) -> Duration {
        let timeouts = &self.deadlines.timeouts;
        if gate.is_two_sided() { timeouts.established.max(timeouts.closed) } else { timeouts.new }
    }

    /// Ends the waiting of what has waited for long enough.
    pub(super) fn lapse(&mut self, now: Timestamp, report: &mut impl Report, out: &mut Answers) {
        while let Some((since, id)) = self.deadlines.next_lapsed(now) {
            if self.gates.get(id).is_some_and(|(_, gate)| gate.held_since == Some(since)) {
                let before = self.gate_memory(id);
                self.lapse_gate(id, report, out);
                self.settle_memory(id, before, now);
            }
        }
        while let Some((key, tickets)) = self.fragments.take_overdue(now, self.settings.hold_time) {
            // Let through in part, it could be made whole with what nobody saw.
            self.counters.lapsed = self.counters.lapsed.saturating_add(u64::try_from(tickets.len()).unwrap_or(u64::MAX));
            let frame = Frame { data: &[], link: LinkType::Raw, timestamp: now, original_len: 0, capture: 0, number: 0 };
            self.refuse_frames(tickets, &of_fragment(&frame, &key), DropReason::DefragError, report, out);
        }
    }

    /// What waits for the rest of a message goes by policy. What waits for bytes before it is dropped: its receiver could do nothing with it,
    /// and gets it again.
    fn lapse_gate(&mut self, id: FlowId, report: &mut impl Report, out: &mut Answers) {
        let Some((&key, _)) = self.gates.get(id) else { return };
        let hash = key.hash(self.seed);
        for direction in [Direction::AToB, Direction::BToA] {
            while let Some(ahead) = self.gates.get_mut(id).and_then(|g| g.take_ahead(direction, true)) {
                self.counters.lapsed = self.counters.lapsed.saturating_add(1);
                let Ahead { tickets, header, .. } = ahead;
                self.inspector.tell_drop(hash, &header, (DropReason::StreamReassembly, event::Verdict::Drop), report);
                self.drop_frames(&tickets, out);
            }
            let held = self.gates.get_mut(id).map(|g| g.take_held(direction)).unwrap_or_default();
            self.lapse_held(id, hash, direction, held, report, out);
        }
    }

    fn lapse_held(
        &mut self,
        id: FlowId,
        hash: u64,
        direction: Direction,
        held: Vec<Held>,
        report: &mut impl Report,
        out: &mut Answers,
    ) {
        let count = u64::try_from(held.len()).unwrap_or(u64::MAX);
        self.counters.lapsed = self.counters.lapsed.saturating_add(count);
        let mut held = held.into_iter();
        let Some(Held { tickets, header, link }) = held.next() else { return };
        let policy = self.policy(Exception::Gap);
        let Some(gate) = self.gates.get_mut(id) else { return };
        if policy == Policy::Pass {
            gate.set_lapsed(direction, true);
            self.pass(&tickets, false, out);
            return held.for_each(|held| self.pass(&held.tickets, false, out));
        }
        held.for_each(|held| gate.hold(held)); // they go with the flow
        let segment = Segment { header: &header, headers: &[], payload: &[] };
        let case = Case { gate: id, hash, segment, frame: link.frame(&header), forwarded: Some(header.seq) };
        self.refuse_flow(&case, tickets, DropReason::StreamReassembly, policy, report, out);
    }

    /// Nothing more is known of a connection in the path.
    pub(super) fn end_gate(&mut self, id: FlowId, report: &mut impl Report, out: &mut Answers) {
        let before = self.gate_memory(id);
        if self.gates.get(id).is_some_and(|(_, gate)| gate.holds()) {
            self.lapse_gate(id, report, out);
        }
        self.gates.remove(id);
        self.held = self.held.saturating_sub(before);
    }

    /// Brings the account up to date with what a connection holds, which was `before`.
    pub(super) fn settle_memory(&mut self, id: FlowId, before: usize, now: Timestamp) {
        let Some(gate) = self.gates.get_mut(id) else { return };
        self.held = self.held.saturating_add(gate.memory()).saturating_sub(before);
        match (gate.holds(), gate.held_since) {
            (true, None) => {
                gate.held_since = Some(now);
                self.deadlines.holding.push_back((now, id));
            }
            (false, Some(_)) => gate.held_since = None,
            _ => {}
        }
    }
}
