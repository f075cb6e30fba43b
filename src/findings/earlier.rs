//! Against earlier sessions: another certificate than before, a key under other names. A [`Memory`](super::Memory) compares, and whoever asks it
//! notes in the session what came of it.

use super::Severity::{Low, Medium};
use super::{Evidence, Finding, FindingSet, Known, finding};
use crate::protocol::tls::session::Compared;

#[rustfmt::skip]
pub(super) const FINDINGS: &[Finding] = &[
    finding("cert.changed.certificate", Low, Known::Earlier,
        "the server shows another certificate than before, at the same address and under the same name",
        "nothing where it was renewed; else see who changed it",
        &["attack.mitre.org/techniques/T1557/"],
        |e| e.compared(|c| c.other_certificate)),
    finding("cert.changed.issuer", Medium, Known::Earlier,
        "the server shows a certificate of another issuer than before, at the same address and under the same name",
        "nothing where the server moved to another authority; else somebody may stand between: compare the fingerprints",
        &["attack.mitre.org/techniques/T1557/", "RFC 6962"],
        |e| e.compared(|c| c.other_issuer)),
    finding("cert.key.shared", Low, Known::Earlier,
        "certificates for other names have the same key: who holds it for one of them holds it for all",
        "give each service a key of its own; where a product came with the key, replace it",
        &["cwe.mitre.org/data/definitions/321.html", "factorable.net"],
        |e| e.compared(|c| c.shared_key)),
];

/// What is found by comparing with earlier sessions, for whoever has no session at hand.
pub fn found_by(compared: Compared) -> FindingSet {
    let Compared { other_certificate, other_issuer, shared_key } = compared;
    let held = FINDINGS.iter().zip([other_certificate, other_issuer, shared_key]).filter(|(_, held)| *held);
    held.filter_map(|(finding, _)| super::find(finding.id)).collect()
}

impl Evidence<'_> {
    fn compared(&self, ask: impl FnOnce(Compared) -> bool) -> bool {
        self.session.compared.is_some_and(ask)
    }
}
