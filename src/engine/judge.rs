//! Tries the rules on a flow, and tells what they said.

use std::sync::Arc;

use super::connection::{Connection, Flow};
use super::report::{Order, Report};
use crate::event::{AlertInfo, Common, DropReason, Toward, Verdict};
use crate::flow::FlowKey;
use crate::packet::{SegmentHeader, TcpFlags};
use crate::rules::{self, Action, AppProto, FlowDirection, Listed, Match, Reference, Rule, RuleSet, Scratch, Subject};

/// The rules, and what trying them needs.
#[derive(Debug)]
pub(super) struct Judge {
    rules: Arc<RuleSet>,
    scratch: Scratch,
    matches: Vec<Match>,
}

/// What the rules said of a packet or of a flow's end.
#[derive(Debug, Default)]
pub(super) struct Judged {
    matches: Vec<Match>,
    blocked: bool,
}

impl Judged {
    /// Whether they said nothing new.
    pub fn is_empty(&self) -> bool {
        self.matches.is_empty() && !self.blocked
    }

    /// Whether the flow is to be dropped from here on.
    pub const fn blocks(&self) -> bool {
        self.blocked
    }
}

impl Judge {
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self { rules, scratch: Scratch::default(), matches: Vec::new() }
    }

    /// Whether a rule wants to be tried before there is any payload.
    pub fn wants_opening(&self) -> bool {
        self.rules.wants_first_packet()
    }

    /// Tries the rules that `flow` has become ripe for.
    pub fn judge(&mut self, flow: &mut Flow, key: &FlowKey) -> Judged {
        if self.rules.is_empty() {
            return Judged::default();
        }
        let (client, now) = (flow.client(), flow.last);
        let Some(Connection { following, rules, established, dropped, .. }) = flow.connection.as_deref_mut() else {
            return Judged::default();
        };
        let app_proto = match following.as_ref().map(|f| &f.conversation) {
            Some(c) if c.is_tls() => AppProto::Tls,
            Some(c) if c.began_otherwise() => AppProto::NotTls,
            _ => AppProto::Unknown,
        };
        let subject = Subject {
            client: key.sender(client),
            server: key.receiver(client),
            established: *established,
            app_proto,
            session: following.as_mut().map(|f| f.conversation.session(client)),
            now,
        };
        self.matches.clear();
        let verdict = self.rules.evaluate(&subject, rules, &mut self.scratch, &mut self.matches);
        if self.matches.iter().filter_map(|m| self.rules.rule(m.rule)).any(|r| r.stores_certificates)
            && let Some(following) = following
        {
            following.conversation.store_certificates();
        }
        let blocked = matches!(verdict, rules::Verdict::Drop | rules::Verdict::Reject(_)) && !*dropped;
        if self.matches.is_empty() && !blocked {
            return Judged::default();
        }
        Judged { matches: std::mem::take(&mut self.matches), blocked }
    }

    /// Reports what rules said at a segment, and marks the flow if it is to be dropped. Answers how many alerts that were.
    pub fn tell(
        &self,
        judged: &Judged,
        flow: &mut Flow,
        header: &SegmentHeader,
        at: Order,
        common: &Common<'_>,
        report: &mut impl Report,
    ) -> u64 {
        let alerts = self.alerts(judged, flow, &header.key, at, common, report);
        if judged.blocked {
            if let Some(connection) = &mut flow.connection {
                connection.dropped = true;
            }
            let rule = judged.matches.iter().find_map(|m| Some((m, self.rules.rule(m.rule).filter(|r| blocks(r))?)));
            let direction = if header.sender == flow.client() { Toward::ToServer } else { Toward::ToClient };
            let common = Common { direction: Some(direction), ..*common };
            match rule {
                Some((found, rule)) => {
                    let (references, listed) = (links(rule), self.rules.listed(found));
                    report.drop(at, &common, header, DropReason::Rules, Some(&info(rule, &references, listed.as_ref())));
                }
                None => report.drop(at, &common, header, DropReason::Rules, None),
            }
        }
        alerts
    }

    /// Reports the alerts alone.
    pub fn alerts(
        &self,
        judged: &Judged,
        flow: &mut Flow,
        key: &FlowKey,
        at: Order,
        common: &Common<'_>,
        report: &mut impl Report,
    ) -> u64 {
        let mut alerts = 0_u64;
        let counters = flow.counters(key);
        let client = flow.client();
        for found in &judged.matches {
            let Some(rule) = self.rules.rule(found.rule).filter(|r| r.alerts) else { continue };
            let (direction, sender) = match found.direction {
                FlowDirection::ToServer => (Toward::ToServer, client),
                FlowDirection::ToClient => (Toward::ToClient, client.reverse()),
            };
            let common = Common { direction: Some(direction), ..common.between(key.sender(sender), key.receiver(sender)) };
            let (references, listed) = (links(rule), self.rules.listed(found));
            let Some(connection) = flow.connection.as_deref_mut() else { continue };
            connection.alerted = true;
            let session = connection.following.as_mut().filter(|f| f.conversation.is_tls()).map(|f| f.conversation.session(client));
            report.alert(at, &common, &info(rule, &references, listed.as_ref()), &counters, session);
            alerts = alerts.saturating_add(1);
        }
        alerts
    }
}

impl Connection {
    /// Brings up to date whether the handshake of TCP is done, for the packets to come.
    pub fn note_established(&mut self, flow_client: crate::flow::Direction) {
        let client = *self.flags.get(flow_client);
        let server = *self.flags.get(flow_client.reverse());
        let handshake = client.has(TcpFlags::SYN | TcpFlags::ACK) && server.has(TcpFlags::SYN | TcpFlags::ACK);
        let midstream = !client.has(TcpFlags::SYN) && !server.has(TcpFlags::SYN);
        self.established |= handshake || midstream || (client.has(TcpFlags::ACK) && !server.has(TcpFlags::SYN));
    }
}

fn blocks(rule: &Rule) -> bool {
    matches!(rule.action, Action::Drop | Action::Reject(_))
}

fn links(rule: &Rule) -> Vec<String> {
    rule.references.iter().map(Reference::link).collect()
}

fn info<'a>(rule: &'a Rule, references: &'a [String], listed: Option<&'a Listed>) -> AlertInfo<'a> {
    AlertInfo {
        gid: rule.gid,
        signature_id: rule.sid,
        rev: rule.rev,
        signature: listed.map_or(&rule.msg, |l| &l.signature),
        category: &rule.category,
        severity: u8::try_from(rule.severity).unwrap_or(u8::MAX),
        metadata: listed.map_or(&rule.metadata, |l| &l.metadata),
        references,
        verdict: match rule.action {
            Action::Pass => Verdict::Pass,
            Action::Drop => Verdict::Drop,
            Action::Reject(_) => Verdict::Reject,
            Action::Alert => Verdict::Alert,
        },
    }
}
