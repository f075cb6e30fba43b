//! What crosses the channels.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::certificates::Offer;
use super::recording::Recorded;
use crate::base::Timestamp;
use crate::capture::Block;
use crate::engine::{Counters, Lanes, Order, PacketId};
use crate::event::Summary;
use crate::findings::{FindingSet, Sighting};
use crate::packet::{DecoderCounters, FragmentKey, PayloadRef, SegmentHeader};
use crate::protocol::x509::Certificate;
use crate::rules::{Alerted, Profile, RuleSet, SavedDataset};

/// A worker's share of a block of frames.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The bytes that payloads lie in.
    pub bytes: Arc<Vec<u8>>,
    pub jobs: Vec<Job>,
    /// The captures are over after this one.
    pub last: bool,
}

/// What a worker is to do, in this order.
#[derive(Debug)]
pub(super) enum Job {
    /// Inspect a segment. `frame` is the offset of its frame in the bytes, `index` the frame's place in the block.
    Segment { hash: u64, frame: u32, index: u32, header: SegmentHeader, payload: PayloadRef },
    /// Time has moved on.
    Tick { now: Timestamp, packet: PacketId },
    /// Answer with the counters as they are.
    Count,
    /// Try these rules from here on.
    Rules(Arc<RuleSet>),
    /// Fill gaps of certificate chains with these from here on.
    Learn(Arc<[Arc<Certificate>]>),
    /// Give the flows of these lanes away: from here on another worker has all.
    GiveAway(Vec<usize>, Sender<Lanes>),
    /// Wait for the flows of so many others, and go on with them. Comes before any segment of its batch.
    TakeOver(Receiver<Lanes>, usize),
}

/// What came of a batch, or a piece of it: nothing in a later piece belongs before anything in an earlier one.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub bytes: Vec<u8>,
    pub marks: Vec<Mark>,
    /// Another piece of the same batch follows.
    pub goes_on: bool,
    /// Places in the block of the frames that are dropped.
    pub dropped: Vec<u32>,
    /// For each `Count`.
    pub counted: Vec<Counters>,
    /// With the last one.
    pub end: Option<Box<WorkDone>>,
}

/// What a worker counted, and what it leaves behind.
#[derive(Debug)]
pub(super) struct WorkDone {
    pub counters: Counters,
    pub summary: Summary,
    pub profile: Option<Profile>,
    pub datasets: Vec<SavedDataset>,
}

impl Output {
    /// Whether it is to be handed out as a piece: it must not grow with what happens at one time.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= PIECE
    }

    /// Empties it, and keeps its memory for the next batch unless a burst made it large.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > KEPT_CAPACITY {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.marks.clear();
        self.goes_on = false;
        self.dropped.clear();
        self.counted.clear();
        self.end = None;
    }
}

/// Bytes of lines beyond which they are handed out in pieces; most batches stay below. What one segment causes stays together.
const PIECE: usize = 1 << 20;
const KEPT_CAPACITY: usize = 4 * PIECE;

/// Where a line lies in the output's bytes, and where it belongs.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub order: Order,
    pub start: usize,
    pub end: usize,
    pub told: Told,
}

/// Whether a line is to be written.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// It is.
    Yes,
    /// It is, with what the collector finds by earlier sessions beside what was found.
    Session(Box<(Sighting, FindingSet)>),
    /// A certificate: the collector tells and keeps the first of each.
    Certificate(Box<Offer>),
    /// It is, with the packet itself, which the collector has.
    Packet,
    /// None: the packets of a flow that a rule alerted on, for the collector to keep.
    Recorded(Box<Recorded>),
    /// An alert of a rule with a threshold: the collector decides. With what it blocks, if anything.
    Maybe(Box<Alerted>, bool),
}

/// What the decoder tells the collector of a block.
#[derive(Debug, Default)]
pub(super) struct Dealt {
    /// Rules that are in force from the block's first frame on, and when that was captured.
    pub rules: Option<(Arc<RuleSet>, Timestamp)>,
    /// Lines about malformed packets.
    pub output: Output,
    /// The frames, where those that pass are to be written.
    pub block: Option<Block>,
    /// Which of the frames hold fragments, and of which datagrams.
    pub fragments: Vec<(u32, FragmentKey)>,
    pub stats: Vec<StatsDue>,
    /// Intermediate certificates that the workers have learned.
    pub learned: usize,
    /// The captures are over.
    pub end: Option<Box<Ending>>,
}

/// Where a `stats` event belongs, its time, and the decoder's counters there.
pub(super) type StatsDue = (PacketId, Timestamp, DecoderCounters);

/// What the dealer knows at the end.
#[derive(Debug)]
pub(super) struct Ending {
    /// When the last frame was captured.
    pub last: Timestamp,
    pub decoder: DecoderCounters,
    pub summary: Summary,
}
