//! The rules that ship, by subject.

use super::load::Source;

/// All of them: what runs where nothing else is asked for.
pub const SHIPPED: &[Source<'static>] = &[
    Source { name: "rules/certificates.rules", text: include_str!("../../rules/certificates.rules") },
    Source { name: "rules/command-and-control.rules", text: include_str!("../../rules/command-and-control.rules") },
    Source { name: "rules/findings.rules", text: include_str!("../../rules/findings.rules") },
    Source { name: "rules/policy.rules", text: include_str!("../../rules/policy.rules") },
    Source { name: "rules/tunnels.rules", text: include_str!("../../rules/tunnels.rules") },
    Source { name: "rules/vulnerabilities.rules", text: include_str!("../../rules/vulnerabilities.rules") },
    Source { name: "rules/weak-cryptography.rules", text: include_str!("../../rules/weak-cryptography.rules") },
];
