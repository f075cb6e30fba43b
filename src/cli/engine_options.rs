//! What is watched, how it is decoded, and within which bounds: the same for all commands that watch traffic.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::units;
use crate::engine::{Config, LANES, Limits, Timeouts};
use crate::findings::Selection;
use crate::packet::{DecoderConfig, OverlapPolicy, PortSet};
use crate::pipeline::{Keeping, Settings};
use crate::rules::{RuleSet, Verdict};
use crate::trust::TrustStore;

#[derive(Debug, Args)]
pub(super) struct Watching {
    /// TCP ports to watch: 443,8443,9000-9100, or any, where TLS is recognised by its first bytes
    #[arg(long, default_value = "443", value_name = "PORTS")]
    pub ports: PortSet,

    /// Worker threads, 1 to 16 [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub workers: Option<u8>,

    /// Write a flow event for every flow, and not only for those that should be looked at and are not TLS
    #[arg(long)]
    pub flows: bool,

    /// Which findings are told, by id or pattern, one after the other: all,-names.* or weak.*,high; a - takes out (`portcullis findings`
    /// lists them)
    #[arg(long, value_name = "PATTERNS", default_value = "all", allow_hyphen_values = true)]
    pub findings: Selection,

    /// Write a stats event every so many seconds (1 or more) of packet time, beside the one at the end
    #[arg(long, value_name = "SECONDS", value_parser = units::interval)]
    pub stats_interval: Option<Duration>,
}

impl Watching {
    /// The settings of a run with these options. Rules that need order take one worker.
    pub fn settings(
        &self,
        decoding: &Decoding,
        bounds: &Bounds,
        rules: &RuleSet,
        default_verdict: Verdict,
        trust: Option<Arc<TrustStore>>,
        stop: &Arc<AtomicUsize>,
    ) -> Settings {
        let overlap = match decoding.overlap {
            Overlap::First => OverlapPolicy::First,
            Overlap::Last => OverlapPolicy::Last,
        };
        let b = bounds;
        Settings {
            workers: if rules.needs_order() > 0 { 1 } else { self.workers.map_or_else(processors, usize::from) },
            decoder: DecoderConfig {
                ports: self.ports.clone(),
                ignore_vlan: decoding.ignore_vlan,
                check_checksums: decoding.check_checksums,
                fragment_memory: b.fragment_memory,
                overlap,
                ..DecoderConfig::default()
            },
            engine: Config {
                overlap,
                server_ports: if self.ports.is_any() { PortSet::default() } else { self.ports.clone() },
                trust,
                limits: Limits {
                    flows: b.max_flows,
                    reassembly_memory: b.reassembly_memory,
                    session_memory: b.session_memory,
                    handshake_bytes: b.handshake_bytes,
                    certificate_memory: b.certificate_memory,
                    verdict_memory: b.verdict_memory,
                    intermediate_memory: b.intermediate_memory,
                    seen_memory: b.seen_memory,
                },
                timeouts: Timeouts { new: b.timeout_new, established: b.timeout_established, closed: b.timeout_closed },
                default_verdict,
                findings: self.findings.0,
                flow_events: self.flows,
                ..Config::default()
            },
            stats_interval: self.stats_interval,
            keeping: Keeping::default(),
            stop: Arc::clone(stop),
            board: None,
            sinks: Arc::default(),
            next_rules: Arc::default(),
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Decoding")]
pub(super) struct Decoding {
    /// Leave VLAN ids out of what tells flows apart
    #[arg(long)]
    ignore_vlan: bool,

    /// Drop packets with wrong IPv4, TCP or UDP checksums
    #[arg(long)]
    check_checksums: bool,

    /// Which copy wins where segments or fragments overlap
    #[arg(long, value_enum, default_value_t = Overlap::First)]
    overlap: Overlap,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Overlap {
    First,
    Last,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits and time-outs")]
pub(super) struct Bounds {
    /// Flows that are followed at a time, 16 or more
    #[arg(long, default_value_t = Limits::default().flows, value_parser = units::flows, value_name = "N")]
    max_flows: usize,

    /// Memory for bytes that wait to be put in order and parsed
    #[arg(long, default_value = "256MiB", value_parser = units::bytes, value_name = "BYTES")]
    reassembly_memory: usize,

    /// Memory for what is known of sessions that are not told yet
    #[arg(long, default_value = "512MiB", value_parser = units::bytes, value_name = "BYTES")]
    session_memory: usize,

    /// Bytes of handshake in one direction, beyond which it is given up
    #[arg(long, default_value = "512KiB", value_parser = units::bytes, value_name = "BYTES")]
    handshake_bytes: usize,

    /// Memory for certificates that were seen before
    #[arg(long, default_value = "64MiB", value_parser = units::bytes, value_name = "BYTES")]
    certificate_memory: usize,

    /// Memory for verdicts on certificate chains that were seen before, for each worker
    #[arg(long, default_value = "8MiB", value_parser = units::bytes, value_name = "BYTES")]
    verdict_memory: usize,

    /// Memory for intermediate certificates that are learned, to fill gaps of certificate chains with; 0 learns none
    #[arg(long, default_value = "4MiB", value_parser = units::bytes, value_name = "BYTES")]
    intermediate_memory: usize,

    /// Memory for the certificates and keys that servers showed, to find what changed and what is shared; 0 compares none
    #[arg(long, default_value = "32MiB", value_parser = units::bytes, value_name = "BYTES")]
    seen_memory: usize,

    /// Memory for IP fragments that wait for others
    #[arg(long, default_value = "32MiB", value_parser = units::bytes, value_name = "BYTES")]
    fragment_memory: usize,

    /// Seconds without a packet after which a flow with packets from one side only ends
    #[arg(long, default_value = "60", value_parser = units::seconds, value_name = "SECONDS")]
    timeout_new: Duration,

    /// Seconds without a packet after which a flow with packets from both sides ends
    #[arg(long, default_value = "600", value_parser = units::seconds, value_name = "SECONDS")]
    timeout_established: Duration,

    /// Seconds after FIN or RST for which a flow is kept
    #[arg(long, default_value = "60", value_parser = units::seconds, value_name = "SECONDS")]
    timeout_closed: Duration,
}

/// A worker for each processor, as far as there are lanes.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(LANES))
}
