//! The engine: frames in, events and verdicts out. Sans-IO: its only clock is that of the frames.
//!
//! [`Engine::process`] is the data path. A program with several threads splits it where it divides by flows: one [`Decoder`]
//! makes segments of frames, and each of several [`Inspector`]s follows the flows of its lanes ([`lane_of`]).

mod acceptance;
mod clock;
mod compare;
mod config;
mod connection;
mod counters;
mod findings;
mod following;
pub mod inline;
mod inspector;
mod judge;
mod lane;
mod open;
mod report;
mod rival;
mod validate;

use std::sync::Arc;

pub use clock::Clock;
pub use compare::compares_servers;
pub use config::{Config, Limits, Timeouts};
pub use connection::Volume;
pub use counters::{Counters, SeverityCounts, StatusCounts};
pub use inspector::{Inspector, Lanes, Leaving, Located, Verdict};
pub use lane::{LANES, lane_of};
pub use report::{Order, PacketId, Report};

use crate::event::{AnomalyInfo, AnomalyType, Common, PacketSource};
use crate::packet::{DecodeAnomaly, Decoded, Decoder, DecoderConfig, FallenDatagrams, Frame};
use crate::rules::{RuleSet, SavedDataset};
use crate::trust::Gathered;

/// The whole of it for one thread.
#[derive(Debug)]
pub struct Engine {
    decoder: Decoder,
    inspector: Inspector,
    seed: u64,
    names: Arc<[String]>,
    clock: Clock,
    gathered: Gathered,
    fallen: FallenDatagrams,
}

impl Engine {
    /// An engine. `names` are the captures' names, by the number that frames carry; it may be empty.
    pub fn new(decoder: DecoderConfig, config: Config, rules: Arc<RuleSet>, names: Arc<[String]>) -> Self {
        let seed = config.hash_seed;
        let gathered = Gathered::new(config.limits.intermediate_memory);
        let mut inspector = Inspector::new(config, rules, Arc::clone(&names));
        inspector.compare_servers();
        let mut decoder = Decoder::new(decoder);
        decoder.want_datagrams(inspector.wants_datagrams());
        Self { decoder, inspector, seed, names, clock: Clock::default(), gathered, fallen: FallenDatagrams::default() }
    }

    /// Takes a frame all the way: decode and defragment it, find its flow, put its bytes in order, parse them, match the rules,
    /// decide, report.
    pub fn process(&mut self, frame: &Frame<'_>, report: &mut impl Report) -> Verdict {
        let packet = PacketId::new(frame.capture, frame.number);
        if let Some(now) = self.clock.tick(frame.timestamp) {
            self.inspector.tick(now, packet, report);
        }
        let decoded = self.decoder.decode(frame);
        let fragment = self.decoder.take_fragment();
        let verdict = self.judge(frame, decoded, report);
        // What of a dropped datagram went on before must not be made whole by a fragment that comes again.
        match fragment {
            Some(key) if self.fallen.holds_back(key, frame.timestamp, verdict == Verdict::Drop) => Verdict::Drop,
            _ => verdict,
        }
    }

    /// What becomes of `frame` by itself.
    fn judge(&mut self, frame: &Frame<'_>, decoded: Decoded, report: &mut impl Report) -> Verdict {
        match decoded {
            Decoded::Segment(decoded) => {
                if let Some(anomaly) = decoded.anomaly {
                    report_malformed(frame, anomaly, &self.names, report);
                }
                let segment = decoded.payload.segment(&decoded.header, frame.data);
                let hash = decoded.header.key.hash(self.seed);
                let located = self.inspector.locate(hash, &decoded.header.key);
                let verdict = self.inspector.process(hash, located, &segment, report);
                let found = self.inspector.take_found();
                if !found.is_empty() {
                    self.inspector.learn(&self.gathered.take_in(found));
                }
                verdict
            }
            Decoded::Malformed(anomaly) => {
                report_malformed(frame, anomaly, &self.names, report);
                Verdict::Pass
            }
            Decoded::NotWatched | Decoded::NotTcp | Decoded::FragmentHeld | Decoded::Unsupported(_) => Verdict::Pass,
        }
    }

    /// `rules` are in force from the next frame on, in place of those so far: see [`Inspector::replace_rules`].
    pub fn replace_rules(&mut self, rules: Arc<RuleSet>) {
        self.inspector.replace_rules(rules);
        self.decoder.want_datagrams(self.inspector.wants_datagrams());
    }

    /// The capture is over: tells what is unfinished.
    pub fn finish(&mut self, report: &mut impl Report) {
        self.inspector.finish(report);
    }

    /// What was counted so far of flows and TLS.
    pub fn counters(&self) -> Counters {
        self.inspector.counters()
    }

    /// The data sets that rules change and that are to be kept, as they are now.
    pub fn saved_datasets(&self) -> Vec<SavedDataset> {
        self.inspector.saved_datasets()
    }

    /// The decoder, for its counters.
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}

/// Reports that `frame` is malformed.
pub fn report_malformed(frame: &Frame<'_>, anomaly: DecodeAnomaly, names: &[String], report: &mut impl Report) {
    let packet = PacketId::new(frame.capture, frame.number);
    let common = Common {
        timestamp: frame.timestamp,
        pcap_cnt: Some(frame.number),
        pcap_filename: usize::try_from(frame.capture).ok().and_then(|i| names.get(i)).map(String::as_str),
        pkt_src: Some(PacketSource::Wire),
        ..Common::default()
    };
    let info = AnomalyInfo { typ: AnomalyType::Decode, event: anomaly.name() };
    report.anomaly(Order { packet, by_packet: true, flow: packet }, &common, &info);
}
