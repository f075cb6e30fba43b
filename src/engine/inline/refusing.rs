//! What does not go on: a segment, frames of no known flow, or a flow by policy; and what was told of whom. And what does.

use std::net::{IpAddr, Ipv4Addr};

use super::answer::{Answers, Fate};
use super::engine::{Case, Inline};
use super::gate::{Held, Refused, Tickets};
use super::policy::{Exception, Policy};
use super::reset;
use crate::engine::report::Report;
use crate::event::{self, DropReason, Reset};
use crate::flow::{Direction, FlowKey};
use crate::packet::{FragmentKey, Frame, IpFields, SegmentHeader, TcpFlags};

impl Inline {
    /// One segment does not go on.
    pub(super) fn refuse(
        &mut self,
        case: &Case<'_>,
        tickets: Tickets,
        reason: DropReason,
        report: &mut impl Report,
        out: &mut Answers,
    ) {
        self.inspector.tell_drop(case.hash, case.segment.header, (reason, event::Verdict::Drop), report);
        self.drop_frames(&tickets, out);
    }

    /// Frames of which no flow is known do not go on.
    pub(super) fn refuse_frames(
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
    pub(super) fn refuse_flow(
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
    pub(super) fn drop_held(&mut self, case: &Case<'_>, reason: DropReason, report: &mut impl Report, out: &mut Answers) {
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
    pub(super) fn tell(&mut self, case: &Case<'_>, forwarded: u32, client: Direction, whom: Reset, out: &mut Answers) {
        let resets = reset::resets(&case.frame, case.segment.header, forwarded, client, whom);
        self.counters.resets = self.counters.resets.saturating_add(u64::try_from(resets.len()).unwrap_or(u64::MAX));
        out.injections.extend(resets);
    }

    pub(super) fn policy(&mut self, exception: Exception) -> Policy {
        let policy = self.settings.policies.of(exception);
        self.counters.count(exception, policy);
        policy
    }

    pub(super) fn pass(&mut self, tickets: &Tickets, is_done: bool, out: &mut Answers) {
        let fate = if is_done { Fate::PassDone } else { Fate::Pass };
        self.counters.accepted = self.counters.accepted.saturating_add(u64::try_from(tickets.len()).unwrap_or(u64::MAX));
        out.fates.extend(tickets.iter().map(|&ticket| (ticket, fate)));
    }

    pub(super) fn drop_frames(&mut self, tickets: &Tickets, out: &mut Answers) {
        out.fates.extend(tickets.iter().map(|&ticket| (ticket, Fate::Drop)));
    }
}

/// What is told of a frame that cannot be decoded.
pub(super) fn nameless(frame: &Frame<'_>) -> SegmentHeader {
    let nobody = (IpAddr::V4(Ipv4Addr::UNSPECIFIED).into(), 0);
    let (key, sender) = FlowKey::from_packet(nobody, nobody, 0, [0; 2]);
    bare(frame, key, sender)
}

/// What is told of a fragment.
pub(super) fn of_fragment(frame: &Frame<'_>, key: &FragmentKey) -> SegmentHeader {
    let (key, sender) = key.flow();
    bare(frame, key, sender)
}

fn bare(frame: &Frame<'_>, key: FlowKey, sender: Direction) -> SegmentHeader {
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
