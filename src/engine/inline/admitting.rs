//! What becomes of a segment: it is inspected, and goes on; or it waits for bytes before it, or for the rest of its message.

use super::answer::Answers;
use super::engine::{Case, Inline};
use super::gate::{Admission, Ahead, Gate, Held, Link, Refused, Tickets};
use super::policy::{Exception, Policy};
use crate::engine::inspector::{Standing, Verdict};
use crate::engine::report::{PacketId, Report};
use crate::event::{self, DropReason};
use crate::flow::{Direction, Table};
use crate::packet::TcpFlags;

impl Inline {
    pub(super) fn admit(&mut self, case: &Case<'_>, tickets: Tickets, report: &mut impl Report, out: &mut Answers) {
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
    pub(super) fn let_go_unchecked(&mut self, case: &Case<'_>, tickets: Tickets, out: &mut Answers) {
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
}

fn gate_join(gates: &mut Table<Gate>, case: &Case<'_>) {
    if let Some(gate) = gates.get_mut(case.gate) {
        gate.join(case.segment.header);
    }
}

/// Frames of one direction that may wait.
const MOST_FRAMES: usize = 2_048;
