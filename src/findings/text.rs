//! Findings as text: the page of documentation.

use std::fmt::Write as _;

use super::{FAMILIES, Severity, all};

/// `docs/findings.md`, all of it.
pub fn page() -> String {
    let mut out = String::from(OPENING);
    let count = |severity| all().filter(|finding| finding.severity == severity).count();
    let counts: Vec<String> = Severity::ALL.iter().map(|severity| format!("{} {severity}", count(*severity))).collect();
    line(&mut out, format_args!("{} findings: {}.", all().count(), counts.join(", ")));
    for family in &FAMILIES {
        line(
            &mut out,
            format_args!(
                "\n## {}\n\n| id | severity | what is wrong, and what to do | see |\n| --- | --- | --- | --- |",
                family.title
            ),
        );
        for finding in family.findings {
            let links: Vec<String> = finding.references.iter().map(|reference| markdown(reference)).collect();
            let (id, severity, reason, advice) = (finding.id, finding.severity, finding.reason, finding.advice);
            line(
                &mut out,
                format_args!(
                    "| `{id}` | {severity} | {}.<br>*{}.* | {} |",
                    escaped(&sentence(reason)),
                    escaped(&sentence(advice)),
                    links.join(", ")
                ),
            );
        }
    }
    out
}

/// The address of a reference: of an RFC or CVE where it is published.
pub fn link(reference: &str) -> String {
    match reference.split_once(' ') {
        Some(("RFC", number)) => format!("https://www.rfc-editor.org/rfc/rfc{number}.html"),
        _ if reference.starts_with("CVE-") => format!("https://www.cve.org/CVERecord?id={reference}"),
        _ => format!("https://{reference}"),
    }
}

fn markdown(reference: &str) -> String {
    let name = match reference.split_once('/') {
        Some((host, _)) => host.trim_start_matches("www."),
        None => reference,
    };
    format!("[{name}]({})", link(reference))
}

/// With a capital letter, unless it begins with the name of something.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// What a table's cell takes for marks of its own.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace("*.", "\\*.")
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{text}"); // a String takes all text
}

const OPENING: &str = "\
# Findings

<!-- Written by `cargo test --lib findings::text -- --ignored`, from the tables in src/findings/. -->

Each weakness has a name that does not change. It stands in the session's [`tls` event](events.md#portcullis) as `portcullis.findings` (of a flow that is
not TLS in its `flow` event, which is written for those of severity medium or high without `--flows` too, and in alerts on it), is counted in the summary, and can be asked for in a rule:

```text
drop tls any any -> any any (msg:\"LOCAL old protocol\"; finding:weak.protocol.*; sid:1000020; rev:1;)
```

`portcullis findings` prints them; `--findings` says which of them are told: [operations.md](operations.md#--findings). They are judged by what is in the
clear, once for each session, when it is told.

Those [against earlier sessions](#against-earlier-sessions) compare with what servers showed before in the run, as far as `--seen-memory` reaches: up to 16
certificates for an address, port, VLAN and server name, so that a service with several is not told of each time, and up to 8 certificates for a key, each with
32 of its names. An issuer is the O of its name, where it has one: authorities change their intermediates. Sessions are compared in the order in which they are told,
each once all of it is said in the clear. [Rules](rules.md#our-own-keywords) can ask for them, and drop what follows the handshake.

- **high**: it breaks the protection of the session, or is an attack. Each has a [rule that ships](rules.md#the-rules-that-ship)
- **medium**: it weakens the session, or speaks of something that should be looked at
- **low**: not as it should be, and of no use to an attacker by itself
- **info**: good to know, and nothing wrong

Not judged, since it cannot be seen: renegotiation within the encryption, certificates of TLS 1.3. Heartbeats after encryption began are judged by the lengths of
their records: an answer that is more than 200 bytes longer than its request is `behaviour.heartbeat.leak`. Where client and server agree on heartbeats, the first
64 KiB in the dark are looked through for that, and the session is told after them.

";

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/findings.md");

    #[test]
    fn the_page_is_that_of_the_tables() {
        let there = std::fs::read_to_string(PAGE).unwrap();
        assert!(there == page(), "docs/findings.md is not up to date: cargo test --lib findings::text -- --ignored");
    }

    #[test]
    #[ignore = "it writes docs/findings.md"]
    fn write_the_page() {
        std::fs::write(PAGE, page()).unwrap();
    }

    #[test]
    fn references_lead_to_where_they_are_published() {
        for (reference, address) in [
            ("RFC 8996", "https://www.rfc-editor.org/rfc/rfc8996.html"),
            ("CVE-2014-0160", "https://www.cve.org/CVERecord?id=CVE-2014-0160"),
            ("heartbleed.com", "https://heartbleed.com"),
        ] {
            assert_eq!(link(reference), address);
        }
    }
}
