//! Findings for people: a few ids behind a session, and the list of all with what to do.

use std::fmt::Write as _;

use super::{Paint, Style, grouped};
use crate::findings::{FAMILIES, Finding, FindingCounts, FindingSet, Severity, text};

/// The ids of the gravest findings that a session's line does not tell already: medium ones and above.
pub(super) fn ids(style: Style, found: FindingSet) -> String {
    let worth: Vec<&Finding> = found.by_severity().filter(|f| f.severity >= Severity::Medium && !is_told(f.id)).collect();
    let Some(worst) = worth.first() else { return String::new() };
    let mut out = worth.iter().take(MOST_IDS).map(|finding| finding.id).collect::<Vec<_>>().join(" ");
    if let Some(more) = worth.len().checked_sub(MOST_IDS).filter(|more| *more > 0) {
        let _ = write!(out, " +{more}"); // a String takes all text
    }
    style.paint(paint(worst.severity), &format!("[{out}]")).into_owned()
}

/// The rows of the summary: how often, how grave, which, what it is and what to do. And how many there are beyond them.
pub(super) fn rows(style: Style, counts: &FindingCounts, most: usize) -> (String, usize) {
    let mut found: Vec<(&Finding, u64)> = counts.iter().collect();
    found.sort_by_key(|(finding, n)| (std::cmp::Reverse((finding.severity, *n)), finding.id));
    let width = found.iter().map(|(_, n)| grouped(*n).len()).max().unwrap_or(0).max(super::summary::MIN_WIDTH);
    let mut out = String::new();
    for (finding, n) in found.iter().take(most) {
        let severity = style.paint(paint(finding.severity), finding.severity.as_str()).into_owned();
        let _ = writeln!(out, "{:>width$}  {severity}  {}: {}", grouped(*n), finding.id, finding.reason);
        let _ = writeln!(out, "{:width$}  {}", "", style.paint(Paint::Faint, &format!("to do: {}", finding.advice)));
    }
    (out, found.len().saturating_sub(most))
}

/// All that are in `set`, by subject, in lines of at most `width` characters.
pub fn list(style: Style, set: FindingSet, width: usize) -> String {
    let mut out = String::new();
    for family in &FAMILIES {
        let mut findings = family.findings.iter().filter(|finding| set.contains(finding)).peekable();
        if findings.peek().is_none() {
            continue;
        }
        let separator = if out.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{separator}{}", style.paint(Paint::Strong, family.title));
        for finding in findings {
            let severity = style.paint(paint(finding.severity), finding.severity.as_str()).into_owned();
            let _ = writeln!(out, "\n  {}  {severity}", finding.id);
            wrap(&mut out, finding.reason, width);
            wrap(&mut out, &format!("to do: {}", finding.advice), width);
            for reference in finding.references {
                let _ = writeln!(out, "      {}", style.paint(Paint::Faint, &text::link(reference)));
            }
        }
    }
    out
}

/// Appends `text` in lines that begin with six blanks.
fn wrap(out: &mut String, text: &str, width: usize) {
    let mut length = 0_usize;
    for word in text.split(' ') {
        let needed = word.chars().count().saturating_add(1);
        if length == 0 || length.saturating_add(needed) > width {
            out.push_str(if length == 0 { "      " } else { "\n      " });
            length = 5;
        } else {
            out.push(' ');
        }
        out.push_str(word);
        length = length.saturating_add(needed);
    }
    out.push('\n');
}

const fn paint(severity: Severity) -> Paint {
    match severity {
        Severity::High => Paint::Grave,
        Severity::Medium => Paint::Warning,
        Severity::Low => Paint::Notice,
        Severity::Info => Paint::Faint,
    }
}

/// Whether the line has it in words: alerts, and what the validation of the chain came to.
fn is_told(id: &str) -> bool {
    id.starts_with("alert.") || TOLD.contains(&id)
}

const TOLD: [&str; 15] = [
    "cert.revoked",
    "cert.bad-signature",
    "cert.name-constraint",
    "cert.self-signed",
    "cert.untrusted-root",
    "cert.incomplete-chain",
    "cert.not-for-server",
    "cert.name-mismatch",
    "cert.weak-signature",
    "cert.not-yet-valid",
    "cert.expired",
    "cert.unsupported",
    "cert.unparsable",
    "cert.client.rejected",
    "cert.client.expired",
];

/// Ids behind a session.
const MOST_IDS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{find, matching};

    const PLAIN: Style = Style { colour: false };

    fn set(ids: &[&str]) -> FindingSet {
        ids.iter().fold(FindingSet::default(), |set, id| set.or(matching(id).unwrap()))
    }

    #[test]
    fn what_the_line_tells_already_is_left_out() {
        assert!(TOLD.iter().all(|id| find(id).is_some()));
        for (found, expected) in [
            (set(&["cert.expired", "alert.client.unknown-ca", "names.missing"]), ""),
            (set(&["weak.protocol.tls10", "cert.expired"]), "[weak.protocol.tls10]"),
            (set(&["weak.protocol.tls10", "weak.cipher.rc4"]), "[weak.cipher.rc4 weak.protocol.tls10]"),
            (set(&["weak.protocol.*"]), "[weak.protocol.sslv2 weak.protocol.sslv3 weak.protocol.tls10 +2]"),
        ] {
            assert_eq!(ids(PLAIN, found), expected);
        }
    }

    #[test]
    fn the_gravest_and_most_frequent_come_first() {
        let mut counts = FindingCounts::default();
        counts.count(set(&["nottls.http", "names.missing"]));
        counts.count(set(&["nottls.http", "weak.protocol.sslv3"]));
        let (text, more) = rows(PLAIN, &counts, 2);
        let expected = "          1  high  weak.protocol.sslv3: SSL 3.0 was negotiated: cookies can be read out of it byte by byte (POODLE)\n             \
                        to do: turn SSL 3.0 off on the server\n          2  medium  nottls.http: HTTP without TLS: all of it can be read and \
                        changed on the way\n             to do: use https; see which program was told otherwise\n";
        assert_eq!((text.as_str(), more), (expected, 1));
    }

    #[test]
    fn a_list_keeps_to_its_width() {
        let text = list(PLAIN, FindingSet::ALL, 72);
        let long = text.lines().find(|line| line.chars().count() > 72 && !line.contains("https://"));
        assert_eq!(long, None);
        assert!(
            text.starts_with(
                "Protocol versions\n\n  weak.protocol.sslv2  high\n      SSL 2.0 was negotiated: whoever is on the way can read and"
            ),
            "{text}"
        );
        assert_eq!(list(PLAIN, set(&["nottls.ssh"]), 72).lines().next(), Some("Not TLS"));
    }
}
