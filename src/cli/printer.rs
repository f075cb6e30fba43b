//! Events as short lines for a terminal.

use super::terminal::{Style, alert_line, other_line, session_line, session_line_with};
use crate::base::Timestamp;
use crate::event::{AlertInfo, AnomalyInfo, Common, DropInfo, FlowCounters, FlowEnd, RulesInfo, TcpEnd};
use crate::findings::FindingSet;
use crate::packet::{Frame, SegmentHeader};
use crate::pipeline::{EvePrinter, Printer};
use crate::protocol::tls::Session;

/// A line for each session and alert; what else there is comes in the summary.
#[derive(Clone, Copy, Debug)]
pub(super) struct TerminalPrinter {
    pub style: Style,
}

impl Printer for TerminalPrinter {
    fn session(&self, out: &mut Vec<u8>, common: &Common<'_>, session: &Session) {
        line(out, |text| session_line(text, self.style, common, session));
    }

    fn find_more(&self, line: &mut Vec<u8>, before: FindingSet, after: FindingSet) {
        session_line_with(line, self.style, before, after);
    }

    fn other(&self, out: &mut Vec<u8>, common: &Common<'_>) {
        line(out, |text| other_line(text, self.style, common));
    }

    fn alert(&self, out: &mut Vec<u8>, common: &Common<'_>, info: &AlertInfo<'_>, _: &FlowCounters, session: Option<&Session>) {
        line(out, |text| alert_line(text, self.style, common, info, session));
    }

    fn drop(&self, _: &mut Vec<u8>, _: &Common<'_>, _: &SegmentHeader, _: &DropInfo<'_>) {}

    fn packet(&self, _: &mut Vec<u8>, _: &Common<'_>) {}

    fn add_frame(&self, _: &mut Vec<u8>, _: &Frame<'_>) {}

    fn flow(&self, _: &mut Vec<u8>, _: &Common<'_>, _: &FlowCounters, _: &FlowEnd, _: Option<&TcpEnd>) {}

    fn anomaly(&self, _: &mut Vec<u8>, _: &Common<'_>, _: &AnomalyInfo<'_>) {}

    fn stats(&self, _: &mut Vec<u8>, _: Timestamp, _: &[(&str, u64)], _: &RulesInfo) {}
}

/// Both: for people, and the event behind it for who watches the run. [`parted`] takes them apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct BothPrinter {
    pub people: TerminalPrinter,
    pub eve: EvePrinter,
}

impl Printer for BothPrinter {
    fn session(&self, out: &mut Vec<u8>, common: &Common<'_>, session: &Session) {
        self.people.session(out, common, session);
        self.eve.session(out, common, session);
    }

    fn find_more(&self, line: &mut Vec<u8>, before: FindingSet, after: FindingSet) {
        let mut for_people = Vec::new();
        let mut event = parted(line, &mut for_people);
        self.people.find_more(&mut for_people, before, after);
        self.eve.find_more(&mut event, before, after);
        for_people.append(&mut event);
        *line = for_people;
    }

    fn other(&self, out: &mut Vec<u8>, common: &Common<'_>) {
        self.people.other(out, common);
    }

    fn alert(&self, out: &mut Vec<u8>, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>) {
        self.people.alert(out, common, info, flow, session);
        self.eve.alert(out, common, info, flow, session);
    }

    fn drop(&self, _: &mut Vec<u8>, _: &Common<'_>, _: &SegmentHeader, _: &DropInfo<'_>) {}

    fn packet(&self, _: &mut Vec<u8>, _: &Common<'_>) {}

    fn add_frame(&self, _: &mut Vec<u8>, _: &Frame<'_>) {}

    fn flow(&self, _: &mut Vec<u8>, _: &Common<'_>, _: &FlowCounters, _: &FlowEnd, _: Option<&TcpEnd>) {}

    fn anomaly(&self, _: &mut Vec<u8>, _: &Common<'_>, _: &AnomalyInfo<'_>) {}

    fn stats(&self, _: &mut Vec<u8>, _: Timestamp, _: &[(&str, u64)], _: &RulesInfo) {}
}

/// The events among `lines`; the others are added to `for_people`. No line for people begins as an event does.
pub(super) fn parted(lines: &[u8], for_people: &mut Vec<u8>) -> Vec<u8> {
    let mut events = Vec::new();
    for line in lines.split_inclusive(|&b| b == b'\n') {
        if line.starts_with(b"{\"") { &mut events } else { &mut *for_people }.extend_from_slice(line);
    }
    events
}

fn line(out: &mut Vec<u8>, print: impl FnOnce(&mut String)) {
    let mut text = String::new();
    print(&mut text);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Selection;

    /// The line for people and the event of a session in which this was found.
    fn both(found: FindingSet) -> (String, String) {
        let people = TerminalPrinter { style: Style { colour: false } };
        let (common, session) = (Common { findings: found, ..Common::default() }, Session::default());
        let (mut line, mut event) = (Vec::new(), Vec::new());
        people.session(&mut line, &common, &session);
        EvePrinter::default().session(&mut event, &common, &session);
        (String::from_utf8(line).unwrap(), String::from_utf8(event).unwrap())
    }

    #[test]
    fn lines_for_people_and_events_part_again_also_where_more_was_found_later() {
        let found = |id: &str| id.parse::<Selection>().unwrap().0;
        let (before, after) = (found("weak.cipher.rc4"), found("weak.cipher.rc4,nottls.http"));
        let printer = BothPrinter { people: TerminalPrinter { style: Style { colour: false } }, eve: EvePrinter::default() };
        let mut lines = Vec::new();
        printer.session(&mut lines, &Common { findings: before, ..Common::default() }, &Session::default());
        for found in [before, after] {
            let mut for_people = Vec::new();
            let events = parted(&lines, &mut for_people);
            let (line, event) = both(found);
            assert_eq!([String::from_utf8(for_people).unwrap(), String::from_utf8(events).unwrap()], [line, event]);
            printer.find_more(&mut lines, before, after);
        }
    }
}
