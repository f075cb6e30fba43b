//! Which events a sink wants.

use super::head::{Head, Severity};
use crate::base::pattern::is_like;

/// Which events a sink wants. Each part that is set must be met; of findings and rules, where both are set, one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Events of these types alone.
    pub events: Option<Vec<String>>,
    /// Alerts and events with findings that are as grave as this, or graver.
    pub severity: Option<Severity>,
    /// Events in which one of these was found, by id.
    pub findings: Option<Vec<&'static str>>,
    /// Alerts whose rule is like one of these patterns: its `gid:sid`, or its message.
    pub rules: Option<Vec<String>>,
}

impl Filter {
    /// Whether it wants all there is, so that no line has to be looked at.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// How many of these lines it wants.
    pub fn count(&self, lines: &[u8]) -> u64 {
        let wanted = lines.split_inclusive(|&b| b == b'\n').filter(|line| self.is_open() || self.wants(line));
        u64::try_from(wanted.count()).unwrap_or(u64::MAX)
    }

    /// Whether it wants the event of `line`. A line that cannot be read is wanted: it is no reason to lose it.
    pub fn wants(&self, line: &[u8]) -> bool {
        Head::of(line).is_none_or(|head| self.wants_event(&head))
    }

    fn wants_event(&self, head: &Head<'_>) -> bool {
        let is_of_type = self.events.as_ref().is_none_or(|events| events.iter().any(|event| *event == head.event_type));
        let is_grave = self.severity.is_none_or(|least| head.severity().is_some_and(|severity| severity >= least));
        let is_found = |wanted: &Vec<&str>| head.findings().any(|id| wanted.contains(&id));
        let is_named = |patterns: &Vec<String>| {
            head.alert.as_ref().is_some_and(|alert| {
                let sid = format!("{}:{}", alert.gid, alert.signature_id);
                patterns.iter().any(|pattern| is_like(&sid, pattern) || is_like(&alert.signature, pattern))
            })
        };
        let is_picked = match (&self.findings, &self.rules) {
            (None, None) => true,
            (findings, rules) => findings.as_ref().is_some_and(is_found) || rules.as_ref().is_some_and(is_named),
        };
        is_of_type && is_grave && is_picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS: &str = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"tls","portcullis":{"findings":["weak.cipher.rc4"],"finding_severity":"high"}}"#;
    const QUIET: &str = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"tls","portcullis":{"stage":"dark"}}"#;
    const ALERT: &str = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"alert","alert":{"gid":1,"signature_id":7,"signature":"say \"hi\" to C2","severity":2}}"#;
    const FLOW: &str = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"flow"}"#;

    #[test]
    fn each_part_narrows_down_and_findings_and_rules_are_one() {
        let events = |types: &[&str]| Filter { events: Some(types.iter().map(|&t| t.to_owned()).collect()), ..Filter::default() };
        let severity = |severity| Filter { severity: Some(severity), ..Filter::default() };
        let rules = |pattern: &str| Filter { rules: Some(vec![pattern.to_owned()]), ..Filter::default() };
        let findings = Filter { findings: Some(vec!["weak.cipher.rc4"]), ..Filter::default() };
        for (filter, expected) in [
            (Filter::default(), [true, true, true, true]),
            (events(&["alert", "flow"]), [false, false, true, true]),
            (severity(Severity::High), [true, false, false, false]),
            (severity(Severity::Medium), [true, false, true, false]),
            (rules("1:7"), [false, false, true, false]),
            (rules("1:*"), [false, false, true, false]),
            (rules("say \"hi\"*"), [false, false, true, false]),
            (rules("2:*"), [false; 4]),
            (findings.clone(), [true, false, false, false]),
            (Filter { rules: Some(vec!["*".to_owned()]), ..findings.clone() }, [true, false, true, false]),
            (Filter { events: Some(vec!["alert".to_owned()]), ..findings }, [false; 4]),
        ] {
            assert_eq!([TLS, QUIET, ALERT, FLOW].map(|line| filter.wants(line.as_bytes())), expected, "{filter:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_lost() {
        assert!(Filter { severity: Some(Severity::High), ..Filter::default() }.wants(b"no event\n"));
    }
}
