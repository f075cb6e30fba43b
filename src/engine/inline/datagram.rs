//! Datagrams in the path: each is judged by itself, and waits for nothing.

use super::answer::Answers;
use super::engine::Inline;
use super::gate::Tickets;
use crate::engine::Verdict;
use crate::engine::report::Report;
use crate::packet::Segment;

impl Inline {
    /// A datagram came: it goes on, or it does not. A reject has nobody told, as UDP has no reset.
    pub(super) fn datagram(&mut self, tickets: &Tickets, segment: &Segment<'_>, report: &mut impl Report, out: &mut Answers) {
        let hash = segment.header.key.hash(self.seed);
        let located = self.inspector.locate(hash, &segment.header.key);
        let verdict = self.inspector.process(hash, located, segment, report);
        self.inspector.take_reset();
        match verdict {
            Verdict::Drop => self.drop_frames(tickets, out),
            Verdict::Pass => self.pass(tickets, false, out),
        }
    }
}
