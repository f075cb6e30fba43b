//! The summary at the end of a run.

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::{Paint, Style, found, grouped, trust, visible};
use crate::event::Summary;
use crate::protocol::tls::names;

/// The summary as text: a block of lines for each subject that has anything to say.
pub fn summary(style: Style, summary: &Summary) -> String {
    let mut page = Page { out: String::new(), style };
    page.totals(summary);
    page.sessions(summary);
    page.versions(summary);
    page.trust(summary);
    page.findings(summary);
    page.server_names(summary);
    page.alerts(summary);
    page.refusals(summary);
    page.counts("Anomalies", summary.anomalies().iter().map(|(&name, &n)| (name.to_owned(), n)).collect());
    page.counts("Skipped", summary.skipped().iter().map(|(&reason, &n)| (reason.to_owned(), n)).collect());
    page.out
}

struct Page {
    out: String,
    style: Style,
}

impl Page {
    fn totals(&mut self, summary: &Summary) {
        let sessions = summary.sessions().total;
        let mut rows = vec![
            ("packets".to_owned(), summary.packets),
            ("bytes".to_owned(), summary.bytes),
            ("flows".to_owned(), summary.flows),
            ("sessions".to_owned(), sessions),
            ("alerts".to_owned(), summary.alerts()),
        ];
        if summary.dropped_packets > 0 {
            rows.push(("packets dropped".to_owned(), summary.dropped_packets));
        }
        self.block("Seen", &rows);
    }

    fn sessions(&mut self, summary: &Summary) {
        let n = summary.sessions();
        let rows: Vec<_> = [
            ("resumed", n.resumed),
            ("with HelloRetryRequest", n.hello_retry),
            ("post-quantum key exchange", n.post_quantum),
            ("with ECH extension", n.ech),
            ("without server name", n.without_sni),
            ("with client certificate", n.client_certificate),
            ("dropped", n.dropped),
            ("not seen whole", n.not_whole),
            ("  one direction only", n.one_sided),
            ("  joined midstream", n.midstream),
            ("  with lost bytes", n.gaps),
            ("  with conflicting copies", n.conflicting),
            ("  over a limit", n.degraded),
        ]
        .into_iter()
        .filter(|&(_, n)| n > 0)
        .map(|(what, n)| (what.to_owned(), n))
        .collect();
        self.block("Sessions", &rows);
    }

    fn versions(&mut self, summary: &Summary) {
        let name =
            |version: &Option<_>| version.map_or("none: refused, or no answer seen".into(), |v| names::eve_version(v).into_owned());
        self.counts("Versions", summary.versions().iter().map(|(version, &n)| (name(version), n)).collect());
    }

    fn trust(&mut self, summary: &Summary) {
        let rows = summary.trust().iter().map(|(&(status, reason), &n)| (trust::words(status, reason).to_owned(), n));
        self.counts("Certificates of servers", rows.collect());
        let answers = summary.ocsp().iter().map(|(&status, &n)| (trust::ocsp_words(status).to_owned(), n));
        self.counts("OCSP answers stapled to them", answers.collect());
        let timestamps = summary.scts().iter().map(|(&status, &n)| (trust::sct_words(status).to_owned(), n));
        self.counts("Their timestamps from logs (SCTs)", timestamps.collect());
    }

    /// With what to do about each.
    fn findings(&mut self, summary: &Summary) {
        let (rows, more) = found::rows(self.style, summary.findings(), ROWS);
        if rows.is_empty() {
            return;
        }
        let title = self.style.paint(Paint::Strong, "Findings").into_owned();
        self.line("");
        self.line(&title);
        self.out.push_str(&rows);
        if more > 0 {
            let text = format!(
                "{:MIN_WIDTH$}  and {more} more: `portcullis.findings` of the events has them, `portcullis findings` tells what they mean",
                ""
            );
            let text = self.style.paint(Paint::Faint, &text).into_owned();
            self.line(&text);
        }
    }

    fn server_names(&mut self, summary: &Summary) {
        let top = summary.server_names();
        let rows: Vec<_> = top.most_frequent(ROWS).into_iter().map(|(name, n)| (visible(name, NAME_WIDTH), n)).collect();
        let title = match top.error() {
            0 => "Server names".to_owned(),
            error => format!("Server names (counts may be too low by {})", grouped(error)),
        };
        self.block(&title, &rows);
        self.more(top.len());
    }

    fn alerts(&mut self, summary: &Summary) {
        let mut rules: Vec<_> = summary.rules().iter().collect();
        rules.sort_by_key(|&(&id, rule)| (rule.severity, Reverse(rule.alerts), id));
        let rows: Vec<_> = rules
            .iter()
            .take(ROWS)
            .map(|&(&(gid, sid), rule)| {
                let blocked = if rule.blocked > 0 { format!(", {} blocked", grouped(rule.blocked)) } else { String::new() };
                let message = visible(rule.signature.as_bytes(), NAME_WIDTH);
                (format!("{message}  [{gid}:{sid}] severity {}{blocked}", rule.severity), rule.alerts)
            })
            .collect();
        self.block("Alerts", &rows);
        self.more(rules.len());
    }

    fn refusals(&mut self, summary: &Summary) {
        self.counts("Flows that no rule accepted", summary.refusals().iter().map(|(&why, &n)| (why.to_owned(), n)).collect());
    }

    /// A block with the most frequent first.
    fn counts(&mut self, title: &str, mut rows: Vec<(String, u64)>) {
        rows.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        let all = rows.len();
        rows.truncate(ROWS);
        self.block(title, &rows);
        self.more(all);
    }

    /// A title and under it the numbers, right-aligned, with what they count.
    fn block(&mut self, title: &str, rows: &[(String, u64)]) {
        if rows.is_empty() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let width = rows.iter().map(|&(_, n)| grouped(n).len()).max().unwrap_or(0).max(MIN_WIDTH);
        let title = self.style.paint(Paint::Strong, title).into_owned();
        self.line(&title);
        for (what, n) in rows {
            self.line(&format!("{:>width$}  {what}", grouped(*n)));
        }
    }

    fn more(&mut self, all: usize) {
        let left = all.saturating_sub(ROWS);
        if left > 0 {
            let text = self.style.paint(Paint::Faint, &format!("{:MIN_WIDTH$}  and {left} more", "")).into_owned();
            self.line(&text);
        }
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}"); // a String takes all text
    }
}

/// Rows of a block.
const ROWS: usize = 10;
/// Characters of a name or message.
const NAME_WIDTH: usize = 70;
/// Columns of the numbers: enough for a million, so that most blocks align with each other.
pub(super) const MIN_WIDTH: usize = 11;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{AlertInfo, Verdict};
    use crate::protocol::tls::session::{Anomaly, Session};
    use crate::protocol::tls::{ClientHello, ServerHello};
    use crate::protocol::x509::{CheckedSct, Evidence, Ocsp, OcspStatus, Reason, SctSource, SctStatus, Validation};

    fn session(name: &str, version: u16) -> Session {
        let mut session = Session {
            client_hello: Some(ClientHello { server_names: [name].into(), ..ClientHello::default() }),
            server_hello: Some(ServerHello { legacy_version: version, ..ServerHello::default() }),
            ..Session::default()
        };
        session.client_view.seen = true;
        session.server_view.seen = true;
        session
    }

    #[test]
    fn the_page_says_what_was_seen_and_what_was_not() {
        let mut numbers = Summary::default();
        (numbers.packets, numbers.bytes, numbers.flows) = (1_234_567, 987_654_321, 4);
        for _ in 0..2 {
            numbers.add_session(&session("www.example", 0x0303));
        }
        let mut odd = session("evil\x1b[2J", 0x0301);
        odd.server_view.gaps = 1;
        odd.anomalies = vec![Anomaly::MultipleSni];
        odd.server_trust = Some(Arc::new(Validation::not_seen(Reason::Tls13)));
        let sct = CheckedSct { source: SctSource::Tls, log_id: None, log: None, timestamp: None, status: SctStatus::UnknownLog };
        let ocsp = Some(Ocsp::of(OcspStatus::Expired));
        odd.server_evidence = Some(Box::new(Evidence { ocsp, scts: vec![sct.clone(), sct], ..Evidence::default() }));
        numbers.add_session(&odd);
        numbers.add_alert(&AlertInfo {
            gid: 1,
            signature_id: 9_000_001,
            rev: 1,
            signature: "Weak version",
            category: "",
            severity: 2,
            metadata: &[],
            references: &[],
            context: &[],
            action: Verdict::Drop,
            verdict: Verdict::Drop,
            target: None,
            rule: None,
            flowbits: &[],
            flowints: &[],
        });
        numbers.add_skipped("not TCP", 12);
        let expected = "\
Seen
  1,234,567  packets
987,654,321  bytes
          4  flows
          3  sessions
          1  alerts

Sessions
          1  not seen whole
          1    with lost bytes

Versions
          2  TLS 1.2
          1  TLSv1

Certificates of servers
          1  not seen: encrypted in TLS 1.3

OCSP answers stapled to them
          1  out of date

Their timestamps from logs (SCTs)
          2  of a log not known

Server names
          2  www.example
          1  evil\\u{1b}[2J

Alerts
          1  Weak version  [1:9000001] severity 2, 1 blocked

Anomalies
          1  MULTIPLE_SNI_EXTENSIONS

Skipped
         12  not TCP
";
        assert_eq!(summary(Style { colour: false }, &numbers), expected);
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let mut numbers = Summary::default();
        for i in 0..25 {
            numbers.add_session(&session(&format!("{i:02}.example"), 0x0303));
        }
        let text = summary(Style { colour: false }, &numbers);
        assert!(text.contains("          1  09.example\n             and 15 more\n"), "{text}");
        assert!(!text.contains("10.example"));
    }
}
