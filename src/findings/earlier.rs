//! Against earlier sessions: another certificate than before, a key under other names. [`Memory`](super::Memory) tells them.

use super::Severity::{Low, Medium};
use super::{Finding, of_earlier};

#[rustfmt::skip]
pub(super) const FINDINGS: &[Finding] = &[
    of_earlier("cert.changed.certificate", Low,
        "the server shows another certificate than before, at the same address and under the same name",
        "nothing where it was renewed; else see who changed it",
        &["attack.mitre.org/techniques/T1557/"]),
    of_earlier("cert.changed.issuer", Medium,
        "the server shows a certificate of another issuer than before, at the same address and under the same name",
        "nothing where the server moved to another authority; else somebody may stand between: compare the fingerprints",
        &["attack.mitre.org/techniques/T1557/", "RFC 6962"]),
    of_earlier("cert.key.shared", Low,
        "certificates for other names have the same key: who holds it for one of them holds it for all",
        "give each service a key of its own; where a product came with the key, replace it",
        &["cwe.mitre.org/data/definitions/321.html", "factorable.net"]),
];
