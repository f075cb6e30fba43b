//! What is counted beside the events, by the names of Suricata's `stats` where it has them.

use crate::event::{DropReason, Verdict};
use crate::findings::{FindingSet, Memory, Severity};
use crate::protocol::x509::{CrlFault, Status};

/// Counters of flow tracking and TLS. Those of several workers are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Flows begun.
    pub flows: u64,
    /// Flows in the tables now.
    pub flows_active: u64,
    /// Flows ended by a time-out.
    pub flows_timed_out: u64,
    /// Flows given up because the table was full.
    pub flows_evicted: u64,
    /// Flows ended by a new SYN on their five-tuple.
    pub flows_reused: u64,
    /// SYN segments without ACK.
    pub syn: u64,
    /// SYN segments with ACK.
    pub syn_ack: u64,
    /// RST segments.
    pub rst: u64,
    /// Flows joined in the middle.
    pub midstream: u64,
    /// Segments with bytes that were there before.
    pub overlap: u64,
    /// Segments with bytes that differ from those that were there before.
    pub overlap_diff_data: u64,
    /// Segments too far off their stream.
    pub out_of_window: u64,
    /// Segments whose payload no receiver takes: with RST, or without ACK. Also doubtful ones for which there was no room.
    pub not_taken: u64,
    /// Gaps that were given up.
    pub gaps: u64,
    /// Directions of which no more was read: too many bytes of handshake.
    pub handshake_limit: u64,
    /// Flows of which no more was read: too many bytes over all.
    pub reassembly_memcap: u64,
    /// How often a flow let go of what it had read: too many bytes over all.
    pub reassembly_forgotten: u64,
    /// Bytes that streams hold now.
    pub reassembly_memuse: u64,
    /// Sessions told early: too many bytes are known of all.
    pub session_memcap: u64,
    /// Bytes of what is known of sessions that are not told yet.
    pub session_memuse: u64,
    /// The most that this came to, lane by lane.
    pub session_memuse_max: u64,
    /// Certificates that were not remembered, or not for longer, because of their limit.
    pub certificate_memcap: u64,
    /// Sessions told.
    pub sessions: u64,
    /// Alerts.
    pub alerts: u64,
    /// Alerts that thresholds or suppressions left out.
    pub suppressed: u64,
    /// Bits of hosts that went before their time because there were too many.
    pub bits_evicted: u64,
    /// Hosts whose tags went before their time, since there were too many.
    pub tags_evicted: u64,
    /// Packets told as they are, since a rule tagged them.
    pub tagged: u64,
    /// Counts of thresholds that went before their time because there were too many.
    pub thresholds_evicted: u64,
    /// Values that rules gave up on, as not matching, because they took too much work.
    pub budget_spent: u64,
    /// Matches that did not count, since a data set had no room for the value.
    pub dataset_full: u64,
    /// Segments dropped by a verdict.
    pub dropped: u64,
    /// Those of them that were rejected: a reset is to tell of it.
    pub rejected: u64,
    /// Those of them by why they were dropped.
    pub dropped_by: DropCounts,
    /// Sessions told, by what the validation of the server's chain came to.
    pub trust: StatusCounts,
    /// Sessions told in which a revocation list did not count, by why: the issuer of its name has not signed it ...
    pub unsigned_crls: u64,
    /// ... its signature cannot be verified here ...
    pub unverifiable_crls: u64,
    /// ... or who has signed it may not.
    pub crls_not_allowed: u64,
    /// Servers, told apart by name too, and keys that are remembered, to compare later sessions with.
    pub seen: u64,
    /// Those of them that went because there was no more room.
    pub seen_evicted: u64,
    /// Findings made, by severity.
    pub findings: SeverityCounts,
}

/// How many findings of each [`Severity`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeverityCounts([u64; Severity::ALL.len()]);

impl SeverityCounts {
    /// Counts those of `found`.
    pub fn count(&mut self, found: FindingSet) {
        for finding in found.iter() {
            if let Some(count) = self.0.get_mut(finding.severity as usize) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Each with its number, the gravest first.
    pub fn iter(&self) -> impl Iterator<Item = (Severity, u64)> {
        let counts = self.0;
        Severity::ALL.into_iter().map(move |severity| (severity, counts.get(severity as usize).copied().unwrap_or(0)))
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

/// How many segments were dropped for each [`DropReason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropCounts([u64; DropReason::ALL.len()]);

impl DropCounts {
    /// Counts one.
    pub fn count(&mut self, reason: DropReason) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// How many were dropped for `reason`.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().zip(self.0)
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

/// How many of each [`Status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts([u64; Status::ALL.len()]);

impl StatusCounts {
    /// Counts one.
    pub fn count(&mut self, status: Status) {
        if let Some(count) = self.0.get_mut(status as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// Each with its number, in the order of precedence.
    pub fn iter(&self) -> impl Iterator<Item = (Status, u64)> {
        Status::ALL.into_iter().zip(self.0)
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

impl Counters {
    /// Adds those of another worker.
    pub fn add(&mut self, other: &Self) {
        for ((_, mine), (_, theirs)) in self.fields().into_iter().zip(other.clone().fields()) {
            *mine = mine.saturating_add(*theirs);
        }
        self.trust.add(&other.trust);
        self.findings.add(&other.findings);
        self.dropped_by.add(&other.dropped_by);
    }

    /// Counts a dropped segment.
    pub fn count_drop(&mut self, reason: DropReason, verdict: Verdict) {
        self.dropped_by.count(reason);
        self.dropped = self.dropped.saturating_add(1);
        self.rejected = self.rejected.saturating_add(matches!(verdict, Verdict::Reject(_)) as u64);
    }

    /// Counts a session by why a revocation list does not count that is in the name of one of its issuers.
    pub fn count_useless_crl(&mut self, fault: Option<CrlFault>) {
        let counter = match fault {
            Some(CrlFault::Unsigned) => &mut self.unsigned_crls,
            Some(CrlFault::Unverifiable) => &mut self.unverifiable_crls,
            Some(CrlFault::NotForCrls) => &mut self.crls_not_allowed,
            _ => return,
        };
        *counter = counter.saturating_add(1);
    }

    /// Counts what `memory` remembers.
    pub fn count_seen(&mut self, memory: &Memory) {
        self.seen = self.seen.saturating_add(u64::try_from(memory.len()).unwrap_or(u64::MAX));
        self.seen_evicted = self.seen_evicted.saturating_add(memory.evicted());
    }

    /// Of the alerts counted, `n` were not told after all.
    pub const fn suppress_alerts(&mut self, n: u64) {
        self.alerts = self.alerts.saturating_sub(n);
        self.suppressed = self.suppressed.saturating_add(n);
    }

    /// Names and values for a `stats` event.
    pub fn named(&self) -> Vec<(&'static str, u64)> {
        let mut copy = *self;
        let trust = self.trust.iter().map(|(status, n)| (trust_counter(status), n));
        let findings = self.findings.iter().map(|(severity, n)| (finding_counter(severity), n));
        let dropped = self.dropped_by.iter().map(|(reason, n)| (reason.counter(), n));
        copy.fields().into_iter().map(|(name, value)| (name, *value)).chain(dropped).chain(trust).chain(findings).collect()
    }

    fn fields(&mut self) -> [(&'static str, &mut u64); 38] {
        [
            ("flow.total", &mut self.flows),
            ("flow.active", &mut self.flows_active),
            ("flow.end.timeout", &mut self.flows_timed_out),
            ("flow.end.forced", &mut self.flows_evicted),
            ("flow.end.tcp_reuse", &mut self.flows_reused),
            ("tcp.syn", &mut self.syn),
            ("tcp.synack", &mut self.syn_ack),
            ("tcp.rst", &mut self.rst),
            ("tcp.midstream_pickups", &mut self.midstream),
            ("tcp.overlap", &mut self.overlap),
            ("tcp.overlap_diff_data", &mut self.overlap_diff_data),
            ("tcp.out_of_window", &mut self.out_of_window),
            ("tcp.payload_not_taken", &mut self.not_taken),
            ("tcp.reassembly_gap", &mut self.gaps),
            ("tcp.stream_depth_reached", &mut self.handshake_limit),
            ("tcp.segment_memcap_drop", &mut self.reassembly_memcap),
            ("portcullis.reassembly_forgotten", &mut self.reassembly_forgotten),
            ("tcp.reassembly_memuse", &mut self.reassembly_memuse),
            ("tcp.ssn_memcap_drop", &mut self.session_memcap),
            ("tcp.memuse", &mut self.session_memuse),
            ("portcullis.session_memuse_max", &mut self.session_memuse_max),
            ("portcullis.certificate_memcap_drop", &mut self.certificate_memcap),
            ("portcullis.trust.crl_unsigned", &mut self.unsigned_crls),
            ("portcullis.trust.crl_unverifiable", &mut self.unverifiable_crls),
            ("portcullis.trust.crl_not_allowed", &mut self.crls_not_allowed),
            ("portcullis.seen.held", &mut self.seen),
            ("portcullis.seen.evicted", &mut self.seen_evicted),
            ("app_layer.flow.tls", &mut self.sessions),
            ("detect.alert", &mut self.alerts),
            ("detect.alerts_suppressed", &mut self.suppressed),
            ("detect.bits_evicted", &mut self.bits_evicted),
            ("detect.tags_evicted", &mut self.tags_evicted),
            ("detect.tagged_packets", &mut self.tagged),
            ("detect.thresholds_evicted", &mut self.thresholds_evicted),
            ("detect.budget_spent", &mut self.budget_spent),
            ("detect.dataset_memcap_drop", &mut self.dataset_full),
            ("ips.blocked", &mut self.dropped),
            ("ips.rejected", &mut self.rejected),
        ]
    }
}

const fn finding_counter(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "portcullis.findings.high",
        Severity::Medium => "portcullis.findings.medium",
        Severity::Low => "portcullis.findings.low",
        Severity::Info => "portcullis.findings.info",
    }
}

const fn trust_counter(status: Status) -> &'static str {
    match status {
        Status::Unparsable => "portcullis.trust.unparsable",
        Status::Revoked => "portcullis.trust.revoked",
        Status::BadSignature => "portcullis.trust.bad_signature",
        Status::NameConstraint => "portcullis.trust.name_constraint",
        Status::SelfSigned => "portcullis.trust.self_signed",
        Status::UntrustedRoot => "portcullis.trust.untrusted_root",
        Status::IncompleteChain => "portcullis.trust.incomplete_chain",
        Status::Unsupported => "portcullis.trust.unsupported",
        Status::NotForServer => "portcullis.trust.not_for_server",
        Status::NameMismatch => "portcullis.trust.name_mismatch",
        Status::WeakSignature => "portcullis.trust.weak_signature",
        Status::NotYetValid => "portcullis.trust.not_yet_valid",
        Status::Expired => "portcullis.trust.expired",
        Status::Valid => "portcullis.trust.valid",
        Status::NotSeen => "portcullis.trust.not_seen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_every_counter() {
        let mut one = Counters::default();
        let fields = one.fields().len() as u64;
        DropReason::ALL.into_iter().zip(1..).for_each(|(reason, i)| one.dropped_by.0[reason as usize] = fields + i);
        let before = fields + DropReason::ALL.len() as u64;
        Status::ALL.into_iter().zip(1..).for_each(|(status, i)| one.trust.0[status as usize] = before + i);
        let before = before + Status::ALL.len() as u64;
        Severity::ALL.into_iter().zip(1..).for_each(|(severity, i)| one.findings.0[severity as usize] = before + i);
        for (i, (_, value)) in one.fields().into_iter().enumerate() {
            *value = i as u64 + 1;
        }
        let mut sum = one;
        sum.add(&one);
        for (i, (name, value)) in sum.named().into_iter().enumerate() {
            assert_eq!(value, 2 * (i as u64 + 1), "{name}");
        }
    }
}
