//! What was found: ids, and how grave the gravest is.

use memchr::memmem;
use serde::{Serialize, Serializer};

use super::json::{Plain, write_line};
use crate::findings::FindingSet;

/// Has `line`, a session's event of which `before` was found, tell `after` in its place, which has more.
pub fn replace_findings(line: &mut Vec<u8>, before: FindingSet, after: FindingSet) {
    let (old, mut new) = (fields(before), fields(after));
    let at = match old.is_empty() {
        false => memmem::find(line, &old),
        true => memmem::rfind(line, NEXT),
    };
    let Some(at) = at else { return };
    if old.is_empty() && !new.is_empty() {
        new.push(b',');
    }
    line.splice(at..at.saturating_add(old.len()), new);
}

/// The fields as they stand in the object, without its braces. A quote within text is escaped in JSON, so that no text has such.
fn fields(found: FindingSet) -> Vec<u8> {
    let mut object = Vec::new();
    if let Some(findings) = Findings::of(found) {
        write_line(&mut object, &findings);
    }
    object.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}\n")).unwrap_or_default().to_vec()
}

/// What every session's event has somewhere behind its findings.
const NEXT: &[u8] = br#""view":{"to_server":{"#;

/// Fields of the `portcullis` object.
#[derive(Serialize)]
pub(super) struct Findings {
    findings: Ids,
    finding_severity: &'static str,
}

impl Findings {
    /// `None` where nothing was found.
    pub fn of(found: FindingSet) -> Option<Self> {
        let severity = found.severity()?;
        Some(Self { findings: Ids(found), finding_severity: severity.as_str() })
    }
}

/// A list of ids, the gravest first.
struct Ids(FindingSet);

impl Serialize for Ids {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.by_severity().map(|finding| Plain(finding.id.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::event::{Common, TlsOptions, tls};
    use crate::findings::find;
    use crate::protocol::tls::session::Alert;
    use crate::protocol::tls::{ClientHello, Session};

    #[test]
    fn what_is_found_later_is_as_if_it_had_been_there() {
        let of = |ids: &[&str]| ids.iter().filter_map(|id| find(id)).collect::<FindingSet>();
        // A name that looks like what is searched for.
        let hello = ClientHello {
            server_names: [br#"view":{"to_server":{,"findings":["weak.protocol.tls10"]"#].into(),
            ..ClientHello::default()
        };
        let alerts = vec![Alert { from_client: true, level: 2, description: 40 }];
        let session = Session { client_hello: Some(hello), alerts, ..Session::default() };
        let told = |findings| {
            let mut line = Vec::new();
            tls(&mut line, &Common { findings, ..Common::default() }, &session, TlsOptions::default());
            line
        };
        let (old, changed) = (["weak.protocol.tls10"], ["cert.changed.certificate", "cert.changed.issuer"]);
        for (before, more) in [(of(&old), of(&changed)), (of(&[]), of(&changed)), (of(&[]), of(&changed[..1]))] {
            let mut line = told(before);
            replace_findings(&mut line, before, before.or(more));
            assert!(line.ends_with(b"}\n"));
            let value = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap();
            assert_eq!(value(&line), value(&told(before.or(more))));
        }
    }
}
