//! Datagrams in the path: each is judged by itself, and waits for nothing.

use super::answer::Answers;
use super::engine::Inline;
use super::gate::Tickets;
use super::unreachable::unreachable;
use crate::base::{Duration, Timestamp};
use crate::engine::Verdict;
use crate::engine::report::Report;
use crate::event::Reset;
use crate::packet::{Frame, Segment};

/// Messages about datagrams that were sent of late. Who answers without a bound can be made to flood others (RFC 1812 §4.3.2.8, RFC 4443 §2.4).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    since: Timestamp,
    sent: u32,
}

impl Told {
    /// Whether one more may be sent now.
    fn admits(&mut self, now: Timestamp) -> bool {
        if now.since(self.since) >= SECOND || now < self.since {
            *self = Self { since: now, sent: 0 };
        }
        self.sent = self.sent.saturating_add(1);
        self.sent <= MOST_A_SECOND
    }
}

impl Inline {
    /// A datagram came: it goes on, or it does not. Of a reject its sender is told; its receiver has sent nothing that could be answered.
    pub(super) fn datagram(
        &mut self,
        tickets: &Tickets,
        segment: &Segment<'_>,
        frame: &Frame<'_>,
        report: &mut impl Report,
        out: &mut Answers,
    ) {
        let header = segment.header;
        let hash = header.key.hash(self.seed);
        let located = self.inspector.locate(hash, &header.key);
        let verdict = self.inspector.process(hash, located, segment, report);
        let whom = self.inspector.take_reset();
        match verdict {
            Verdict::Drop => self.drop_frames(tickets, out),
            Verdict::Pass => return self.pass(tickets, false, out),
        }
        let from_client = self.inspector.standing(hash, &header.key).is_none_or(|standing| standing.client == header.sender);
        let is_told = match whom {
            Some(Reset::Both) => true,
            Some(Reset::Client) => from_client,
            Some(Reset::Server) => !from_client,
            None => false,
        };
        if is_told && let Some(message) = unreachable(frame, segment).filter(|_| self.told.admits(frame.timestamp)) {
            self.counters.unreachables = self.counters.unreachables.saturating_add(1);
            out.injections.push(message);
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// As many as Linux sends (net.ipv4.icmp_msgs_per_sec).
const MOST_A_SECOND: u32 = 1_000;
