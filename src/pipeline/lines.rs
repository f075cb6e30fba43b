//! From reports to lines: a printer makes the bytes, [`Lines`] keeps where each belongs.

use std::sync::Arc;

use super::batch::{Mark, Output, Told};
use super::certificates::{Keeping, Offers};
use super::recording::Recorder;
use crate::base::Timestamp;
use crate::engine::{Order, PacketId, Report};
use crate::event::{self, AlertInfo, AnomalyInfo, Common, DropInfo, FlowCounters, FlowEnd, RulesInfo, Summary, TcpEnd, TlsOptions};
use crate::findings::{FindingSet, Sighting};
use crate::packet::{Frame, Segment, SegmentHeader};
use crate::protocol::tls::Session;
use crate::rules::{Alerted, RuleSet};

/// Makes lines of events; one that is not wanted makes none. There are two: EVE JSON, and short lines for a terminal.
pub trait Printer: Clone + Send {
    /// A session.
    fn session(&self, out: &mut Vec<u8>, common: &Common<'_>, session: &Session);
    /// The line of a session, which tells that `before` was found, is to tell `after` in its place.
    fn find_more(&self, line: &mut Vec<u8>, before: FindingSet, after: FindingSet);
    /// A flow that is not TLS, of which something was found.
    fn other(&self, out: &mut Vec<u8>, common: &Common<'_>);
    /// An alert.
    fn alert(&self, out: &mut Vec<u8>, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>);
    /// A dropped segment.
    fn drop(&self, out: &mut Vec<u8>, common: &Common<'_>, segment: &SegmentHeader, info: &DropInfo<'_>);
    /// A packet that a rule tagged, without its bytes.
    fn packet(&self, out: &mut Vec<u8>, common: &Common<'_>);
    /// The line of a packet is to tell `frame`, which it is.
    fn add_frame(&self, line: &mut Vec<u8>, frame: &Frame<'_>);
    /// The end of a flow.
    fn flow(&self, out: &mut Vec<u8>, common: &Common<'_>, counters: &FlowCounters, end: &FlowEnd, tcp: Option<&TcpEnd>);
    /// An anomaly.
    fn anomaly(&self, out: &mut Vec<u8>, common: &Common<'_>, info: &AnomalyInfo<'_>);
    /// Counters, and the rules in force.
    fn stats(&self, out: &mut Vec<u8>, timestamp: Timestamp, counters: &[(&str, u64)], rules: &RulesInfo);
}

/// Lines of EVE JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct EvePrinter {
    /// Put the certificates themselves into `tls` events.
    pub certificates: bool,
}

impl Printer for EvePrinter {
    fn session(&self, out: &mut Vec<u8>, common: &Common<'_>, session: &Session) {
        event::tls(out, common, session, TlsOptions { certificates: self.certificates });
    }

    fn find_more(&self, line: &mut Vec<u8>, before: FindingSet, after: FindingSet) {
        event::replace_findings(line, before, after);
    }

    /// What was found stands in the flow's own event, and in alerts.
    fn other(&self, _: &mut Vec<u8>, _: &Common<'_>) {}

    fn alert(&self, out: &mut Vec<u8>, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>) {
        event::alert(out, common, info, flow, session);
    }

    fn drop(&self, out: &mut Vec<u8>, common: &Common<'_>, segment: &SegmentHeader, info: &DropInfo<'_>) {
        event::drop(out, common, segment, info);
    }

    fn packet(&self, out: &mut Vec<u8>, common: &Common<'_>) {
        event::packet(out, common);
    }

    fn add_frame(&self, line: &mut Vec<u8>, frame: &Frame<'_>) {
        event::add_frame(line, frame);
    }

    fn flow(&self, out: &mut Vec<u8>, common: &Common<'_>, counters: &FlowCounters, end: &FlowEnd, tcp: Option<&TcpEnd>) {
        event::flow(out, common, counters, end, tcp);
    }

    fn anomaly(&self, out: &mut Vec<u8>, common: &Common<'_>, info: &AnomalyInfo<'_>) {
        event::anomaly(out, common, info);
    }

    fn stats(&self, out: &mut Vec<u8>, timestamp: Timestamp, counters: &[(&str, u64)], rules: &RulesInfo) {
        event::stats(out, timestamp, counters, rules);
    }
}

/// Collects the lines of one batch and the numbers of the run.
#[derive(Debug)]
pub(super) struct Lines<P> {
    printer: P,
    /// To know the rules whose alerts the collector may leave out.
    rules: Arc<RuleSet>,
    /// Where certificates are told or kept.
    offers: Option<Offers>,
    /// Where packets of flows are kept that a rule alerts on.
    recorder: Option<Recorder>,
    /// Servers are compared with earlier sessions.
    compares: bool,
    pub output: Output,
    pub summary: Summary,
}

impl<P: Printer> Lines<P> {
    /// `compares`: servers are compared with earlier sessions.
    pub fn new(printer: P, rules: Arc<RuleSet>, keeping: &Keeping, compares: bool) -> Self {
        let offers = Offers::new(keeping);
        Self { printer, rules, offers, recorder: None, compares, output: Output::default(), summary: Summary::default() }
    }

    /// Keeps packets of flows that a rule alerts on, as many bytes of each lane as that at a time; hashes of keys are made with `seed`.
    pub fn record_alerts(&mut self, most: usize, seed: u64) {
        self.recorder = Some(Recorder::new(most, seed));
    }

    /// A segment is about to be inspected, of a flow of which not all is told.
    pub fn record(&mut self, hash: u64, segment: &Segment<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.record(hash, segment, &mut self.output);
        }
    }

    /// It is `now`, with `packet`.
    pub fn tick(&mut self, now: Timestamp, packet: PacketId) {
        if let Some(recorder) = &mut self.recorder {
            recorder.tick(now, packet, &mut self.output);
        }
    }

    /// No more packets come.
    pub fn finish(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.finish(&mut self.output);
        }
    }

    /// Alerts are of `rules` from now on.
    pub fn replace_rules(&mut self, rules: Arc<RuleSet>) {
        self.rules = rules;
    }

    /// A packet that a rule tagged, which is `frame`.
    pub fn packet_of(&mut self, at: Order, common: &Common<'_>, frame: &Frame<'_>) {
        self.line(at, Told::Yes, |printer, out| {
            let start = out.len();
            printer.packet(out, common);
            if out.len() > start {
                printer.add_frame(out, frame);
            }
        });
    }

    fn line(&mut self, order: Order, told: Told, print: impl FnOnce(&P, &mut Vec<u8>)) {
        let start = self.output.bytes.len();
        print(&self.printer, &mut self.output.bytes);
        let end = self.output.bytes.len();
        if end > start {
            self.output.marks.push(Mark { order, start, end, told });
        }
    }

    /// Whether the collector decides if an alert is told.
    fn told(&self, common: &Common<'_>, info: &AlertInfo<'_>) -> Told {
        let rule = (info.gid, info.signature_id);
        match (common.source, common.destination) {
            (Some(source), Some(destination)) if self.rules.limits_alerts(rule) => {
                let alerted = Alerted { rule, source: source.ip, destination: destination.ip, at: common.timestamp };
                Told::Maybe(Box::new(alerted), info.action.blocks())
            }
            _ => Told::Yes,
        }
    }
}

impl<P: Printer> Report for Lines<P> {
    fn session(&mut self, at: Order, common: &Common<'_>, session: &Session) {
        self.summary.add_session(session);
        self.summary.add_findings(common.findings);
        let sighting = match common.destination {
            Some(server) if self.compares => Sighting::of(session, server.ip, server.port, common.vlan),
            _ => None,
        };
        let told = sighting.map_or(Told::Yes, |sighting| Told::Session(Box::new((sighting, common.findings))));
        self.line(at, told, |p, out| p.session(out, common, session));
        if let Some(recorder) = &mut self.recorder {
            recorder.told(at, common, session, &mut self.output);
        }
        if let Some(offers) = &mut self.offers {
            offers.session(at, common, session, &mut self.output);
        }
    }

    fn other(&mut self, at: Order, common: &Common<'_>) {
        self.summary.add_findings(common.findings);
        self.line(at, Told::Yes, |p, out| p.other(out, common));
    }

    fn alert(&mut self, at: Order, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>) {
        self.summary.add_alert(info);
        if let Some(recorder) = &mut self.recorder {
            recorder.alerted(common, info);
        }
        let told = self.told(common, info);
        self.line(at, told, |p, out| p.alert(out, common, info, flow, session));
    }

    fn drop(&mut self, at: Order, common: &Common<'_>, segment: &SegmentHeader, info: &DropInfo<'_>) {
        info.refusal.iter().for_each(|refusal| self.summary.add_refusal(refusal));
        self.line(at, Told::Yes, |p, out| p.drop(out, common, segment, info));
    }

    fn packet(&mut self, at: Order, common: &Common<'_>) {
        self.line(at, Told::Packet, |p, out| p.packet(out, common));
    }

    fn flow(&mut self, at: Order, common: &Common<'_>, counters: &FlowCounters, end: &FlowEnd, tcp: Option<&TcpEnd>) {
        self.line(at, Told::Yes, |p, out| p.flow(out, common, counters, end, tcp));
    }

    fn anomaly(&mut self, at: Order, common: &Common<'_>, info: &AnomalyInfo<'_>) {
        self.line(at, Told::Yes, |p, out| p.anomaly(out, common, info));
    }
}
