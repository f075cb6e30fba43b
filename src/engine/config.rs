//! What can be set about following flows, each with the default that serves.

use std::sync::Arc;

use crate::base::Duration;
use crate::findings::FindingSet;
use crate::packet::{OverlapPolicy, PortSet};
use crate::protocol::x509::WeakKeys;
use crate::rules::Verdict;
use crate::trust::TrustStore;

/// Settings of the flow tracker and of TLS parsing.
#[derive(Clone, Debug)]
pub struct Config {
    /// Keys the hash of the flow table; the same seed gives the same order of eviction.
    pub hash_seed: u64,
    /// Which copy of overlapping bytes wins.
    pub overlap: OverlapPolicy,
    /// Where TLS is spoken. These ports are servers', where neither SYN nor hello tells the roles; and what is not TLS is found on them alone.
    pub server_ports: PortSet,
    /// Whom to trust; without it no chain is validated.
    pub trust: Option<Arc<TrustStore>>,
    /// RSA keys that are known to others: certificates with one of them are found.
    pub weak_keys: Option<Arc<WeakKeys>>,
    /// Limits of memory.
    pub limits: Limits,
    /// Time-outs.
    pub timeouts: Timeouts,
    /// What becomes of a flow that no `pass` rule accepts, and no other rule stops: it goes on, is dropped, or is rejected.
    pub default_verdict: Verdict,
    /// Which findings are told, of those that are made.
    pub findings: FindingSet,
    /// A `flow` event for each flow.
    pub flow_events: bool,
    /// Count what each rule costs, by this clock: it tells nanoseconds since any moment, and never goes back.
    pub profile_clock: Option<fn() -> u64>,
}

/// Limits of memory. Over one of them the oldest and least useful state goes first, and is counted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Flows in the table.
    pub flows: usize,
    /// Bytes that wait to be put in order or parsed, over all flows.
    pub reassembly_memory: usize,
    /// Bytes of what is known of sessions that are not told yet, over all flows.
    pub session_memory: usize,
    /// Bytes that one direction of a handshake may have; also the longest handshake message.
    pub handshake_bytes: usize,
    /// Bytes of certificates that are remembered, so as not to be parsed again, over all flows.
    pub certificate_memory: usize,
    /// Bytes of verdicts on chains that are remembered, so as not to be judged again.
    pub verdict_memory: usize,
    /// Bytes of intermediate certificates that are learned in the run, to fill gaps of chains with.
    pub intermediate_memory: usize,
    /// Bytes of what is remembered of servers from session to session, by whoever holds a [`Memory`](crate::findings::Memory): the engine itself
    /// does not.
    pub seen_memory: usize,
}

/// Time-outs, in packet time since the flow's last packet.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Packets from one side only.
    pub new: Duration,
    /// Packets from both sides.
    pub established: Duration,
    /// Closed by FIN or RST.
    pub closed: Duration,
}

impl Config {
    /// Whether flows that no rule accepts are dropped.
    pub const fn refuses(&self) -> bool {
        matches!(self.default_verdict, Verdict::Drop | Verdict::Reject(_))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hash_seed: 0x706f_7274_6375_6c6c,
            overlap: OverlapPolicy::First,
            server_ports: PortSet::default(),
            trust: None,
            weak_keys: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            default_verdict: Verdict::None,
            findings: FindingSet::ALL,
            flow_events: false,
            profile_clock: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 4_000_000,
            reassembly_memory: 256 << 20,
            session_memory: 512 << 20,
            handshake_bytes: 512 << 10,
            certificate_memory: 64 << 20,
            verdict_memory: 8 << 20,
            intermediate_memory: 4 << 20,
            seen_memory: 32 << 20,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { new: Duration::from_secs(60), established: Duration::from_secs(600), closed: Duration::from_secs(60) }
    }
}
