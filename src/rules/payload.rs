//! What no buffer names: the payload of the packet at hand, and the stream that it is a part of, as far as that is read.

use aho_corasick::AhoCorasick;

use super::ast::Protocol;
use super::builder::{FlowOption, Over};
use super::inspect::{Inspection, Step};
use super::matcher::Budget;
use super::parse::number::Comparison;
use super::rule::Known;
use super::subject::{Chunk, FlowDirection, Packet, Raw};

/// What a rule asks of payload.
#[derive(Debug)]
pub(super) struct Payload {
    /// What has to be in it.
    pub inspection: Inspection,
    source: Source,
}

/// Where payload is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Each packet's.
    Packets,
    /// The stream.
    Stream,
    /// The stream, and where none is kept each packet's.
    StreamElsePackets,
    /// Each packet's and the stream.
    Both,
}

/// Where payload was found to be as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// In the packet.
    Packet,
    /// In the stream.
    Stream,
}

/// How far the streams of a flow were looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// By direction: where the bytes not looked at begin.
    inspected: [u64; 2],
    /// By rule: where those begin that it did not match on yet. One entry for each rule and direction at most.
    matched: Vec<(Known, u64)>,
}

impl Payload {
    /// What `inspection` asks, of a rule of `protocol` with `flow`; `of_packets` where it also has a keyword about the packet.
    pub fn new(inspection: Inspection, protocol: Protocol, flow: &FlowOption, of_packets: bool) -> Self {
        let source = match flow.over {
            Some(Over::Stream) => Source::Stream,
            Some(Over::Packets) => Source::Packets,
            None => match protocol {
                Protocol::TcpReassembled => Source::Stream,
                Protocol::TcpPacket => Source::Packets,
                _ if of_packets => Source::Packets,
                _ if inspection.steps.iter().any(has_place) => Source::Both,
                _ => Source::StreamElsePackets,
            },
        };
        Self { inspection, source }
    }

    /// Where the content is that no packet with a payload of `lengths` has, if there is one: what is looked for in the stream may be longer.
    pub fn beyond(&self, lengths: &[Comparison]) -> Option<usize> {
        let longest = lengths.iter().filter_map(|l| l.at_most()).min().and_then(|n| usize::try_from(n).ok())?;
        (self.source == Source::Packets).then(|| Some(self.inspection.longer_than(longest)?.at as usize)).flatten()
    }

    /// Where it is as asked. `rule` tells what it matched on before; `spent` counts what was given up on.
    pub fn seen(&self, packet: &Packet<'_>, rule: Known, progress: &Progress, spent: &mut u64) -> Option<Seen> {
        let mut holds = |bytes: &[u8], start: u64| {
            let mut budget = Budget::new();
            let holds = self.inspection.holds_at(bytes, start, &mut budget);
            *spent = spent.saturating_add(u64::from(budget.is_spent()));
            holds
        };
        let Raw { payload, stream } = packet.raw;
        if let Some((bytes, start)) =
            stream.filter(|_| self.source != Source::Packets).and_then(|s| progress.window(s, packet.direction, rule))
            && holds(bytes, start)
        {
            return Some(Seen::Stream);
        }
        let on_packet = match self.source {
            Source::Packets | Source::Both => true,
            Source::StreamElsePackets => stream.is_none(),
            Source::Stream => false,
        };
        (on_packet && !payload.is_empty() && holds(payload, 0)).then_some(Seen::Packet)
    }
}

impl Progress {
    /// What `rule` is to look at of `stream`, and how many bytes of the stream are before that. `None` without new bytes.
    fn window<'s>(&self, stream: Chunk<'s>, direction: FlowDirection, rule: Known) -> Option<(&'s [u8], u64)> {
        let matched = self.matched.iter().find(|(r, _)| *r == rule).map_or(0, |(_, end)| *end);
        self.unseen(stream, direction, matched)
    }

    fn unseen<'s>(&self, stream: Chunk<'s>, direction: FlowDirection, matched: u64) -> Option<(&'s [u8], u64)> {
        let [to_server, to_client] = self.inspected;
        let inspected = if direction == FlowDirection::ToServer { to_server } else { to_client };
        if stream.end() <= inspected {
            return None;
        }
        let start = inspected.saturating_sub(LOOK_BACK).max(matched).max(stream.start);
        let cut = usize::try_from(start.saturating_sub(stream.start)).ok()?;
        stream.bytes.get(cut..).filter(|b| !b.is_empty()).map(|bytes| (bytes, start))
    }

    /// `rule` matched: it does so again on later bytes of the stream alone.
    pub fn note_match(&mut self, rule: Known, packet: &Packet<'_>) {
        let Some(stream) = packet.raw.stream else { return };
        match self.matched.iter_mut().find(|(r, _)| *r == rule) {
            Some((_, end)) => *end = stream.end(),
            None => self.matched.push((rule, stream.end())),
        }
    }

    /// All rules have looked at what came with `packet`.
    pub fn advance(&mut self, packet: &Packet<'_>) {
        let Some(stream) = packet.raw.stream else { return };
        let [to_server, to_client] = &mut self.inspected;
        *(if packet.direction == FlowDirection::ToServer { to_server } else { to_client }) = stream.end();
    }
}

/// Plans by a literal that payload has to have, of one direction.
#[derive(Debug)]
pub(super) struct PayloadTable {
    direction: FlowDirection,
    automaton: AhoCorasick,
    /// By pattern.
    plans: Vec<u32>,
}

impl PayloadTable {
    /// A table of what goes in `direction`, of plans and their literals. `None` where there are none, or too many.
    pub fn new(direction: FlowDirection, keys: &[(u32, &[u8])]) -> Option<Self> {
        if keys.is_empty() {
            return None;
        }
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(keys.iter().map(|(_, key)| key)).ok()?;
        Some(Self { direction, automaton, plans: keys.iter().map(|(plan, _)| *plan).collect() })
    }

    /// Calls `found` with each plan that `packet` or the stream behind it speaks for, some of them more than once.
    pub fn look_up(&self, packet: &Packet<'_>, progress: &Progress, mut found: impl FnMut(u32)) {
        if packet.direction != self.direction {
            return;
        }
        let stream = packet.raw.stream.and_then(|s| progress.unseen(s, packet.direction, 0)).map(|(bytes, _)| bytes);
        for bytes in stream.into_iter().chain([packet.raw.payload]) {
            for hit in self.automaton.find_overlapping_iter(bytes) {
                self.plans.get(hit.pattern().as_usize()).into_iter().for_each(|&plan| found(plan));
            }
        }
    }
}

/// The literal that payload has to have for `inspection` to hold: the author's choice, else the longest.
pub(super) fn literal(inspection: &Inspection) -> Option<&[u8]> {
    inspection.wanted().max_by_key(|c| (c.fast.is_some(), c.fast_bytes().len())).map(|c| c.fast_bytes())
}

/// Whether where a content is counts from the start of what is looked at. As in Suricata, packets are looked at for such a one, too.
fn has_place(step: &Step) -> bool {
    matches!(step, Step::Content(c) if c.offset.is_some() || c.depth.is_some() || c.startswith)
}

/// How many bytes before the new ones of a stream are looked at with them.
const LOOK_BACK: u64 = 8 << 10;
