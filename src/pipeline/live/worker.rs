//! A worker: takes frames all the way, from its tap to lines.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

use super::bypassing::{Bypassed, Bypassing};
use super::report::AtInterfaces;
use super::{Command, Shared, now};
use crate::base::Timestamp;
use crate::capture::steering;
use crate::capture::sys::affinity;
use crate::capture::sys::socket::Statistics;
use crate::capture::tap::Tap;
use crate::engine::{Clock, Config, Counters, Inspector, LANES, Leaving, Limits, PacketId, compares_servers, report_malformed};
use crate::packet::{
    Decoded, DecodedSegment, Decoder, DecoderConfig, DecoderCounters, Frame, LinkType, Segment, SegmentHeader, TcpFlags,
};
use crate::pipeline::Settings;
use crate::pipeline::batch::{Output, WorkDone};
use crate::pipeline::lines::{Lines, Printer};
use crate::protocol::x509::Certificate;
use crate::rules::RuleSet;

/// A worker's ends of the channels.
pub(super) struct Ends {
    pub lines: Sender<Piece>,
    /// Where emptied outputs come back from.
    pub spares: Receiver<Output>,
    /// To the other workers; `None` at its own place.
    pub hands: Vec<Option<Sender<Vec<Handed>>>>,
    /// From the other workers.
    pub handed: Receiver<Vec<Handed>>,
    pub commands: Receiver<Command>,
}

/// What a worker hands to the collector.
pub(super) struct Piece {
    pub worker: usize,
    pub output: Output,
    /// Intermediate certificates that it has found.
    pub found: Vec<Arc<Certificate>>,
    /// What it has counted so far; now and then, and in the end.
    pub counted: Option<Box<Counted>>,
}

/// What a worker has counted so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub counters: Counters,
    pub decoder: DecoderCounters,
    pub tap: Statistics,
    pub not_tcp: u64,
    pub lines_lost: u64,
    pub handed_over: u64,
    pub segments_lost: u64,
    /// Frames that were there when the run ended, and for which there was no time.
    pub unread: u64,
    pub bypassed: Bypassed,
    /// How long it was busy.
    pub busy: Duration,
}

/// A segment that another worker has decoded.
pub(super) struct Handed {
    header: SegmentHeader,
    headers: Vec<u8>,
    payload: Vec<u8>,
    /// Its frame, where rules tag packets.
    frame: Option<(LinkType, Vec<u8>)>,
}

/// Works until the run is to end, or until nobody takes its lines any more.
#[allow(clippy::too_many_arguments)]
pub(super) fn work<P: Printer>(
    index: usize,
    mut tap: Box<dyn Tap>,
    processor: Option<usize>,
    settings: &Settings,
    rules: Arc<RuleSet>,
    names: Arc<[String]>,
    printer: P,
    bypassing: Option<Bypassing>,
    ends: Ends,
    shared: &Shared,
) {
    if let Some(processor) = processor {
        let _ = affinity::stay_on(processor); // it was checked when the options were
    }
    let workers = ends.hands.len();
    let config = Config { limits: share_of(&settings.engine.limits, workers), ..settings.engine.clone() };
    let fragment_memory = settings.decoder.fragment_memory.checked_div(workers).unwrap_or(0);
    let decoder = DecoderConfig { fragment_memory, ..settings.decoder.clone() };
    // As in a replay: one worker alone compares servers with earlier sessions by itself, for rules to see.
    let is_sole = workers < 2;
    let compares = !is_sole && compares_servers(&config);
    let seed = config.hash_seed;
    let mut inspector = Inspector::new(config, Arc::clone(&rules), Arc::clone(&names));
    if is_sole {
        inspector.compare_servers();
    }
    let mut decoder = Decoder::new(decoder);
    decoder.want_datagrams(inspector.wants_datagrams());
    let mut lines = Lines::new(printer, rules, &settings.keeping, compares);
    if let Some(recording) = &settings.keeping.recording {
        // Each worker has lanes of its own.
        lines.record_alerts(recording.memory.checked_div(LANES.saturating_mul(workers)).unwrap_or(0), seed);
    }
    let mut worker = Worker {
        index,
        workers,
        seed,
        inspector,
        bypassing,
        decoder,
        clock: Clock::default(),
        last: PacketId::default(),
        names,
        lines,
        to_hand: ends.hands.iter().map(|_| Vec::new()).collect(),
        counted: Counted::default(),
        told: Instant::now(),
        ends,
        is_abandoned: false,
    };
    worker.run(&mut *tap, shared);
}

/// Limits for one of several workers: each has its own tables.
fn share_of(limits: &Limits, workers: usize) -> Limits {
    let share = |limit: usize| limit.checked_div(workers).unwrap_or(limit);
    Limits {
        flows: share(limits.flows),
        reassembly_memory: share(limits.reassembly_memory),
        session_memory: share(limits.session_memory),
        certificate_memory: share(limits.certificate_memory),
        ..*limits
    }
}

struct Worker<P> {
    index: usize,
    workers: usize,
    seed: u64,
    inspector: Inspector,
    bypassing: Option<Bypassing>,
    decoder: Decoder,
    clock: Clock,
    /// The last packet.
    last: PacketId,
    names: Arc<[String]>,
    lines: Lines<P>,
    /// Segments for each of the other workers.
    to_hand: Vec<Vec<Handed>>,
    counted: Counted,
    /// When it last told what it has counted.
    told: Instant,
    ends: Ends,
    /// The collector is gone: nobody takes lines any more.
    is_abandoned: bool,
}

impl<P: Printer> Worker<P> {
    fn run(&mut self, tap: &mut dyn Tap, shared: &Shared) {
        while !shared.end.load(Ordering::Relaxed) && !self.is_abandoned {
            if let Some(alive) = shared.alive.get(self.index) {
                alive.store(true, Ordering::Relaxed);
            }
            self.obey(tap);
            self.take_in_handed();
            if self.take(tap, shared) == 0 {
                let _ = tap.wait(PATIENCE); // where waiting fails, the next look will too, and the keeper tells why
            }
            self.look_at_the_clock();
            self.hand_out(tap);
        }
        self.finish(tap, shared);
    }

    /// Takes the frames that lie together; answers how many.
    fn take(&mut self, tap: &mut dyn Tap, shared: &Shared) -> usize {
        let started = Instant::now();
        let taken = tap.take(&mut |frame| {
            if shared.admits() {
                self.frame(frame);
            }
        });
        self.hand_over();
        if taken > 0 {
            self.counted.busy = self.counted.busy.saturating_add(started.elapsed());
        }
        taken
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        self.last = PacketId::new(frame.capture, frame.number);
        self.tick(frame.timestamp);
        match self.decoder.decode(frame) {
            Decoded::Segment(decoded) => {
                if let Some(anomaly) = decoded.anomaly {
                    self.lines.summary.add_anomaly(anomaly.name());
                    report_malformed(frame, anomaly, &self.names, &mut AtInterfaces::new(&mut self.lines));
                }
                self.segment(&decoded, frame);
            }
            Decoded::Malformed(anomaly) => {
                self.lines.summary.add_anomaly(anomaly.name());
                report_malformed(frame, anomaly, &self.names, &mut AtInterfaces::new(&mut self.lines));
            }
            Decoded::NotTcp => self.counted.not_tcp = self.counted.not_tcp.saturating_add(1),
            Decoded::NotWatched | Decoded::FragmentHeld | Decoded::Unsupported(_) => {}
        }
        self.hand_out_if_full();
    }

    /// Inspects a segment, or puts it aside for the worker that has its flow.
    fn segment(&mut self, decoded: &DecodedSegment, frame: &Frame<'_>) {
        let segment = decoded.payload.segment(&decoded.header, frame.data);
        match steering::worker_of(&segment.header.key, self.workers) {
            own if own == self.index => self.inspect(&segment, Some(*frame)),
            other => {
                if let Some(hand) = self.to_hand.get_mut(other) {
                    let (headers, payload) = (segment.headers.to_vec(), segment.payload.to_vec());
                    let frame = self.inspector.tags().then(|| (frame.link, frame.data.to_vec()));
                    hand.push(Handed { header: decoded.header, headers, payload, frame });
                    self.counted.handed_over = self.counted.handed_over.saturating_add(1);
                }
            }
        }
    }

    fn inspect(&mut self, segment: &Segment<'_>, frame: Option<Frame<'_>>) {
        let header = segment.header;
        let (hash, key) = (header.key.hash(self.seed), &header.key);
        let opens_or_closes = header.flags.has(TcpFlags::SYN) || header.flags.closes();
        if opens_or_closes && let Some(bypassing) = &mut self.bypassing {
            bypassing.leave(hash, key, &mut self.inspector, header.timestamp);
        }
        let located = self.inspector.locate(hash, key);
        if !located.is_told() {
            self.lines.record(hash, segment);
        }
        // What a verdict would have dropped has gone on: this is a copy.
        let mut report = match frame {
            Some(frame) => AtInterfaces::of(&mut self.lines, frame),
            None => AtInterfaces::new(&mut self.lines),
        };
        let _ = self.inspector.process(hash, located, segment, &mut report);
        if let Some(bypassing) = &mut self.bypassing
            && !opens_or_closes
            && located.is_told()
            && is_plain(segment)
            && self.inspector.needs_no_looks(hash, key)
        {
            bypassing.enter(hash, key);
        }
    }

    /// Hands segments over to the workers that have their flows. Where one has no room, they are lost.
    fn hand_over(&mut self) {
        for (hand, to) in self.to_hand.iter_mut().zip(&self.ends.hands) {
            if let (false, Some(to)) = (hand.is_empty(), to)
                && let Err(lost) = to.try_send(std::mem::take(hand))
            {
                let lost = u64::try_from(lost.into_inner().len()).unwrap_or(u64::MAX);
                self.counted.segments_lost = self.counted.segments_lost.saturating_add(lost);
            }
        }
    }

    fn take_in_handed(&mut self) {
        while let Ok(segments) = self.ends.handed.try_recv() {
            self.take_in(&segments);
        }
    }

    fn take_in(&mut self, segments: &[Handed]) {
        for Handed { header, headers, payload, frame } in segments {
            self.tick(header.timestamp);
            let frame = frame.as_ref().map(|(link, data)| Frame {
                data,
                link: *link,
                timestamp: header.timestamp,
                original_len: header.frame_len,
                capture: header.capture,
                number: header.number,
            });
            self.inspect(&Segment { header, headers, payload }, frame);
            self.hand_out_if_full();
        }
    }

    /// Where no frame comes, time goes on all the same.
    fn look_at_the_clock(&mut self) {
        let now = now();
        // Frames that lie in a block that is not handed over yet are older than this.
        if self.clock.now() > Timestamp::ZERO && now.since(self.clock.now()) > FRAMES_ARE_LATE {
            self.tick(Timestamp::from_nanos(now.as_nanos().saturating_sub(nanos(FRAMES_ARE_LATE))));
        }
    }

    /// Ends the flows whose time is over, where a new second begins.
    fn tick(&mut self, at: Timestamp) {
        if let Some(now) = self.clock.tick(at) {
            if let Some(bypassing) = &mut self.bypassing {
                bypassing.settle(&mut self.inspector, now);
            }
            let expired = self.inspector.expired(now, self.last);
            self.see_off(expired);
            self.lines.tick(now, self.last);
        }
    }

    /// Ends flows one after the other: what all of them have to tell may be more than should be held at a time.
    fn see_off(&mut self, mut leaving: Leaving) {
        while self.inspector.end_next(&mut leaving, &mut AtInterfaces::new(&mut self.lines)) {
            self.hand_out_if_full();
        }
    }

    fn obey(&mut self, tap: &mut dyn Tap) {
        while let Ok(command) = self.ends.commands.try_recv() {
            match command {
                Command::Rules(rules) => {
                    // They are to be tried on all flows.
                    if let Some(bypassing) = &mut self.bypassing {
                        bypassing.leave_all(&mut self.inspector, self.clock.now());
                    }
                    self.inspector.replace_rules(Arc::clone(&rules));
                    self.decoder.want_datagrams(self.inspector.wants_datagrams());
                    tap.want_datagrams(self.inspector.wants_datagrams());
                    self.lines.replace_rules(rules);
                }
                Command::Learn(intermediates) => self.inspector.learn(&intermediates),
            }
        }
    }

    fn hand_out_if_full(&mut self) {
        if self.lines.output.is_full() {
            self.send(None);
        }
    }

    /// Hands out what there is to tell; once in a while, what was counted.
    fn hand_out(&mut self, tap: &mut dyn Tap) {
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            let counted = self.count(tap);
            self.send(Some(counted));
        } else if !self.lines.output.marks.is_empty() {
            self.send(None);
        }
    }

    fn count(&mut self, tap: &mut dyn Tap) -> Box<Counted> {
        let (counters, decoder) = (self.inspector.counters(), self.decoder.counters().clone());
        let bypassed = self.bypassing.as_ref().map(Bypassing::counted).unwrap_or_default();
        self.counted = Counted { counters, decoder, bypassed, tap: tap.statistics(), ..std::mem::take(&mut self.counted) };
        Box::new(self.counted.clone())
    }

    /// Waits for the collector for a while, and then lets the lines go.
    fn send(&mut self, counted: Option<Box<Counted>>) {
        let spare = self.ends.spares.try_recv().unwrap_or_default();
        let output = std::mem::replace(&mut self.lines.output, spare);
        let lines = u64::try_from(output.marks.len()).unwrap_or(u64::MAX);
        let piece = Piece { worker: self.index, output, found: self.inspector.take_found(), counted };
        match self.ends.lines.send_timeout(piece, COLLECTOR_PATIENCE) {
            Ok(()) => {}
            Err(SendTimeoutError::Timeout(_)) => self.counted.lines_lost = self.counted.lines_lost.saturating_add(lines),
            Err(SendTimeoutError::Disconnected(_)) => self.is_abandoned = true,
        }
    }

    /// Takes what has come, from the tap and from the others, and tells what is unfinished.
    fn finish(&mut self, tap: &mut dyn Tap, shared: &Shared) {
        let begun = Instant::now();
        let in_time = || begun.elapsed() < LAST_FRAMES;
        while in_time() && self.take(tap, shared) > 0 {}
        let mut unread = 0_u64;
        while begun.elapsed() < LAST_COUNT && tap.take(&mut |_| unread = unread.saturating_add(1)) > 0 {}
        self.counted.unread = unread;
        self.obey(tap);
        self.ends.hands.clear(); // the others do the same, and with the last of them the channel is empty for good
        while !self.has_all(in_time()) {}
        if let Some(bypassing) = &mut self.bypassing {
            bypassing.leave_all(&mut self.inspector, now());
        }
        let rest = self.inspector.rest();
        self.see_off(rest);
        self.lines.finish();
        let counted = self.count(tap);
        let (summary, profile) = (std::mem::take(&mut self.lines.summary), self.inspector.profile().cloned());
        let (counters, datasets) = (counted.counters, self.inspector.saved_datasets());
        self.lines.output.end = Some(Box::new(WorkDone { counters, summary, profile, datasets }));
        self.send(Some(counted));
    }

    /// Takes in what comes from other workers at the end. Answers whether no more will.
    fn has_all(&mut self, in_time: bool) -> bool {
        match self.ends.handed.recv_timeout(PATIENCE) {
            Ok(segments) => {
                self.take_in(&segments);
                !in_time
            }
            Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => self.workers < 2 || !in_time,
        }
    }
}

/// Whether the kernel sees of it what we see: nothing was unpacked, nor put together.
const fn is_plain(segment: &Segment<'_>) -> bool {
    segment.header.tunnel_depth == 0 && segment.header.ip_len > 0
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How long it waits for frames before it looks at the rest.
const PATIENCE: Duration = Duration::from_millis(20);
/// How old a frame may be that comes: longer than rings and readers keep one that waits for others.
const FRAMES_ARE_LATE: Duration = Duration::from_millis(500);
/// How often it tells what it has counted.
const TELL: Duration = Duration::from_secs(1);
/// How long it waits for the collector.
const COLLECTOR_PATIENCE: Duration = Duration::from_secs(2);
/// How long it takes frames that have come when the run is to end.
const LAST_FRAMES: Duration = Duration::from_millis(400);
/// For how long it counts those that it had no time for.
const LAST_COUNT: Duration = Duration::from_millis(600);
