//! What a run has seen, in numbers: each worker keeps one, and they are added at the end.

use std::collections::BTreeMap;

use super::top::Top;
use super::{AlertInfo, Refusal, is_whole};
use crate::findings::{FindingCounts, FindingSet};
use crate::protocol::tls::{ProtocolVersion, Session, names};
use crate::protocol::x509::{OcspStatus, Reason, SctStatus, Status};

/// The numbers of a run. Memory is bounded: by the number of versions that exist, of rules loaded, of kinds of anomalies, and
/// of server names by [`Top`]. Adding the summaries of several workers gives what one would have counted.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Packets read.
    pub packets: u64,
    /// Bytes of the captures read.
    pub bytes: u64,
    /// Flows followed.
    pub flows: u64,
    /// Packets that a verdict dropped.
    pub dropped_packets: u64,
    sessions: SessionCounts,
    versions: BTreeMap<Option<ProtocolVersion>, u64>,
    trust: BTreeMap<(Status, Option<Reason>), u64>,
    ocsp: BTreeMap<OcspStatus, u64>,
    scts: BTreeMap<SctStatus, u64>,
    findings: FindingCounts,
    server_names: Top,
    rules: BTreeMap<(u32, u32), RuleCount>,
    refusals: BTreeMap<&'static str, u64>,
    anomalies: BTreeMap<&'static str, u64>,
    skipped: BTreeMap<&'static str, u64>,
}

/// How many sessions have what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// All of them.
    pub total: u64,
    /// Resumed ones.
    pub resumed: u64,
    /// With a HelloRetryRequest.
    pub hello_retry: u64,
    /// With a post-quantum key exchange.
    pub post_quantum: u64,
    /// With an encrypted_client_hello extension, real or GREASE.
    pub ech: u64,
    /// Without a server name.
    pub without_sni: u64,
    /// With a client's certificate in the clear.
    pub client_certificate: u64,
    /// Of which one direction was not in the capture, though nothing was dropped.
    pub one_sided: u64,
    /// Joined in the middle.
    pub midstream: u64,
    /// With bytes missing during the handshake.
    pub gaps: u64,
    /// With retransmissions that differ.
    pub conflicting: u64,
    /// Of which some was given up because a limit was reached.
    pub degraded: u64,
    /// Dropped before they were over.
    pub dropped: u64,
    /// Whose view was not whole, for any of these reasons. What was dropped is not missing.
    pub not_whole: u64,
}

/// How often a rule alerted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// The rule's `msg`.
    pub signature: String,
    /// Its severity: 1 is the gravest.
    pub severity: u8,
    /// Alerts.
    pub alerts: u64,
    /// Those of them that dropped or rejected.
    pub blocked: u64,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            packets: 0,
            bytes: 0,
            flows: 0,
            dropped_packets: 0,
            sessions: SessionCounts::default(),
            versions: BTreeMap::new(),
            trust: BTreeMap::new(),
            ocsp: BTreeMap::new(),
            scts: BTreeMap::new(),
            findings: FindingCounts::default(),
            server_names: Top::new(SERVER_NAMES),
            rules: BTreeMap::new(),
            refusals: BTreeMap::new(),
            anomalies: BTreeMap::new(),
            skipped: BTreeMap::new(),
        }
    }
}

impl Summary {
    /// Counts a session, with the anomalies noted on it.
    pub fn add_session(&mut self, session: &Session) {
        let count = |counter: &mut u64, holds: bool| *counter = counter.saturating_add(u64::from(holds));
        let (client, server) = (&session.client_view, &session.server_view);
        let hello = session.client_hello.as_ref();
        let sni = hello.and_then(|ch| ch.server_name());

        let sessions = &mut self.sessions;
        count(&mut sessions.total, true);
        count(&mut sessions.resumed, session.resumption().is_some());
        count(&mut sessions.hello_retry, session.hello_retried() == Some(true));
        count(&mut sessions.post_quantum, session.group().is_some_and(names::is_post_quantum));
        count(&mut sessions.ech, hello.is_some_and(|ch| ch.ech.is_some()));
        count(&mut sessions.without_sni, sni.is_none());
        count(&mut sessions.client_certificate, !session.client_certificates.is_empty());
        count(&mut sessions.one_sided, client.seen != server.seen && !session.dropped);
        count(&mut sessions.midstream, client.midstream || server.midstream);
        count(&mut sessions.gaps, client.gaps > 0 || server.gaps > 0);
        count(&mut sessions.conflicting, client.conflicting_bytes > 0 || server.conflicting_bytes > 0);
        count(&mut sessions.degraded, client.degraded || server.degraded);
        count(&mut sessions.dropped, session.dropped);
        count(&mut sessions.not_whole, (!is_whole(client) || !is_whole(server)) && !session.dropped);

        if session.version().is_some() || !session.dropped {
            count(self.versions.entry(session.version()).or_default(), true);
        }
        if let Some(trust) = &session.server_trust {
            let reason = trust.reason.filter(|_| trust.status == Status::NotSeen);
            add(&mut self.trust, (trust.status, reason), 1);
        }
        if let Some(evidence) = &session.server_evidence {
            evidence.ocsp_answers().for_each(|ocsp| add(&mut self.ocsp, ocsp.status, 1));
            evidence.scts.iter().for_each(|sct| add(&mut self.scts, sct.status, 1));
        }
        if let Some(name) = sni {
            self.server_names.add(name);
        }
        for &anomaly in &session.anomalies {
            self.add_anomaly(anomaly.name());
        }
    }

    /// Counts what was found about a session, or about a flow that is not TLS.
    pub fn add_findings(&mut self, found: FindingSet) {
        self.findings.count(found);
    }

    /// Counts an alert.
    pub fn add_alert(&mut self, info: &AlertInfo<'_>) {
        let rule = self.rules.entry((info.gid, info.signature_id)).or_insert_with(|| RuleCount {
            signature: info.signature.to_owned(),
            severity: info.severity,
            alerts: 0,
            blocked: 0,
        });
        rule.alerts = rule.alerts.saturating_add(1);
        rule.blocked = rule.blocked.saturating_add(u64::from(info.action.blocks()));
    }

    /// Takes back `alerts` of a rule that were counted and then not told, `blocked` of them of a rule that blocks.
    pub fn take_back_alerts(&mut self, gid: u32, sid: u32, alerts: u64, blocked: u64) {
        if let Some(rule) = self.rules.get_mut(&(gid, sid)) {
            rule.alerts = rule.alerts.saturating_sub(alerts);
            rule.blocked = rule.blocked.saturating_sub(blocked);
            if rule.alerts == 0 {
                self.rules.remove(&(gid, sid));
            }
        }
    }

    /// Counts a flow that no rule accepted.
    pub fn add_refusal(&mut self, refusal: &Refusal<'_>) {
        add(&mut self.refusals, refusal.why, 1);
    }

    /// Counts an anomaly outside of the sessions.
    pub fn add_anomaly(&mut self, event: &'static str) {
        add(&mut self.anomalies, event, 1);
    }

    /// Counts `n` of what was not looked at, and why: `link type not known`, `not TCP`.
    pub fn add_skipped(&mut self, reason: &'static str, n: u64) {
        if n > 0 {
            add(&mut self.skipped, reason, n);
        }
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.packets, other.packets),
            (&mut self.bytes, other.bytes),
            (&mut self.flows, other.flows),
            (&mut self.dropped_packets, other.dropped_packets),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        self.sessions.merge(&other.sessions);
        for (&version, &n) in &other.versions {
            add(&mut self.versions, version, n);
        }
        for (&trust, &n) in &other.trust {
            add(&mut self.trust, trust, n);
        }
        for (&status, &n) in &other.ocsp {
            add(&mut self.ocsp, status, n);
        }
        for (&status, &n) in &other.scts {
            add(&mut self.scts, status, n);
        }
        self.findings.add(&other.findings);
        for (&why, &n) in &other.refusals {
            add(&mut self.refusals, why, n);
        }
        for (&event, &n) in &other.anomalies {
            add(&mut self.anomalies, event, n);
        }
        for (&reason, &n) in &other.skipped {
            add(&mut self.skipped, reason, n);
        }
        self.server_names.merge(&other.server_names);
        for (&id, theirs) in &other.rules {
            self.rules
                .entry(id)
                .and_modify(|mine| {
                    mine.alerts = mine.alerts.saturating_add(theirs.alerts);
                    mine.blocked = mine.blocked.saturating_add(theirs.blocked);
                })
                .or_insert_with(|| theirs.clone());
        }
    }

    /// How many sessions have what.
    pub const fn sessions(&self) -> &SessionCounts {
        &self.sessions
    }

    /// Sessions by version; `None` is that of those whose ServerHello was not seen, unless they were dropped.
    pub const fn versions(&self) -> &BTreeMap<Option<ProtocolVersion>, u64> {
        &self.versions
    }

    /// Sessions by what the validation of the server's chain came to; where that was not seen, also by why.
    pub const fn trust(&self) -> &BTreeMap<(Status, Option<Reason>), u64> {
        &self.trust
    }

    /// Stapled OCSP answers by what they come to.
    pub const fn ocsp(&self) -> &BTreeMap<OcspStatus, u64> {
        &self.ocsp
    }

    /// Signed Certificate Timestamps that were checked, by what they come to.
    pub const fn scts(&self) -> &BTreeMap<SctStatus, u64> {
        &self.scts
    }

    /// How often each finding was made.
    pub const fn findings(&self) -> &FindingCounts {
        &self.findings
    }

    /// Server names by how often they were asked for.
    pub const fn server_names(&self) -> &Top {
        &self.server_names
    }

    /// Alerts by the rule's gid and sid.
    pub const fn rules(&self) -> &BTreeMap<(u32, u32), RuleCount> {
        &self.rules
    }

    /// All alerts.
    pub fn alerts(&self) -> u64 {
        self.rules.values().fold(0, |sum, rule| sum.saturating_add(rule.alerts))
    }

    /// Flows that were dropped since no rule accepted them, by why.
    pub const fn refusals(&self) -> &BTreeMap<&'static str, u64> {
        &self.refusals
    }

    /// Anomalies by name.
    pub const fn anomalies(&self) -> &BTreeMap<&'static str, u64> {
        &self.anomalies
    }

    /// What was not looked at, by reason.
    pub const fn skipped(&self) -> &BTreeMap<&'static str, u64> {
        &self.skipped
    }
}

impl SessionCounts {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.total, other.total),
            (&mut self.resumed, other.resumed),
            (&mut self.hello_retry, other.hello_retry),
            (&mut self.post_quantum, other.post_quantum),
            (&mut self.ech, other.ech),
            (&mut self.without_sni, other.without_sni),
            (&mut self.client_certificate, other.client_certificate),
            (&mut self.one_sided, other.one_sided),
            (&mut self.midstream, other.midstream),
            (&mut self.gaps, other.gaps),
            (&mut self.conflicting, other.conflicting),
            (&mut self.degraded, other.degraded),
            (&mut self.dropped, other.dropped),
            (&mut self.not_whole, other.not_whole),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }
}

fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, n: u64) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(n);
}

/// How many different server names are counted exactly: at most about 3 MB with the longest names, twice over.
const SERVER_NAMES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::protocol::tls::session::{Anomaly, View};
    use crate::protocol::tls::{ClientHello, ServerHello};

    fn session(i: u16) -> Session {
        let name = format!("host{}.example", i % 7).into_bytes();
        let view = View { seen: true, gaps: u32::from(i.is_multiple_of(5)), midstream: i.is_multiple_of(3), ..View::default() };
        Session {
            client_hello: Some(ClientHello { server_names: [name].into(), ..ClientHello::default() }),
            server_hello: (!i.is_multiple_of(4))
                .then(|| ServerHello { legacy_version: 0x0300 | (i % 4), ..ServerHello::default() }),
            client_view: view,
            server_view: View { seen: i.is_multiple_of(2), ..View::default() },
            anomalies: if i.is_multiple_of(6) { vec![Anomaly::MultipleSni] } else { vec![] },
            ..Session::default()
        }
    }

    fn alert(i: u16) -> AlertInfo<'static> {
        AlertInfo {
            gid: 1,
            signature_id: 100 + u32::from(i % 3),
            rev: 1,
            signature: "Weak version",
            category: "",
            severity: 2,
            metadata: &[],
            references: &[],
            context: &[],
            action: if i.is_multiple_of(2) { Verdict::Alert } else { Verdict::Drop },
            verdict: Verdict::Drop,
            target: None,
            rule: None,
            flowbits: &[],
            flowints: &[],
        }
    }

    #[test]
    fn sessions_are_counted_by_what_they_have() {
        let mut summary = Summary::default();
        summary.add_session(&session(0)); // gap, midstream, both sides, no ServerHello, two names
        summary.add_session(&session(1)); // one side, TLS 1.0
        let expected = SessionCounts { total: 2, one_sided: 1, midstream: 1, gaps: 1, not_whole: 2, ..SessionCounts::default() };
        assert_eq!(*summary.sessions(), expected);
        assert_eq!(summary.versions().get(&None), Some(&1));
        assert_eq!(summary.versions().get(&Some(ProtocolVersion::TLS1_0)), Some(&1));
        assert_eq!(summary.anomalies().get("MULTIPLE_SNI_EXTENSIONS"), Some(&1));
        assert_eq!(summary.server_names().most_frequent(9).len(), 2);
    }

    #[test]
    fn what_a_verdict_stopped_is_not_counted_as_missing() {
        let mut summary = Summary::default();
        let no_answer = Session { server_hello: None, ..session(1) }; // one side
        summary.add_session(&Session { dropped: true, ..no_answer });
        assert_eq!(*summary.sessions(), SessionCounts { total: 1, dropped: 1, ..SessionCounts::default() });
        assert!(summary.versions().is_empty());
    }

    #[test]
    fn many_workers_count_what_one_would() {
        let mut one = Summary::default();
        let mut workers = vec![Summary::default(); 4];
        for i in 0..500_u16 {
            for summary in [&mut one, &mut workers[usize::from(i) % 4]] {
                summary.packets += 10;
                summary.add_session(&session(i));
                summary.add_alert(&alert(i));
                summary.add_skipped("not TCP", 2);
            }
        }
        let mut all = Summary::default();
        for worker in workers.iter().rev() {
            all.merge(worker);
        }
        assert_eq!(all.packets, 5_000);
        assert_eq!(all.sessions(), one.sessions());
        assert_eq!(all.versions(), one.versions());
        assert_eq!(all.rules(), one.rules());
        assert_eq!(all.anomalies(), one.anomalies());
        assert_eq!(all.skipped(), one.skipped());
        assert_eq!(all.server_names().most_frequent(50), one.server_names().most_frequent(50));
        assert_eq!(one.alerts(), 500);
        assert_eq!(one.rules().values().map(|rule| rule.blocked).sum::<u64>(), 250);
    }
}
