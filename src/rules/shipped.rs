//! The rules that ship, by subject.

use super::load::Source;

/// All of them: what runs where nothing else is asked for.
pub const SHIPPED: &[Source<'static>] = &[
    Source { name: "rules/bad-certificates.rules", text: include_str!("../../rules/bad-certificates.rules") },
    Source { name: "rules/fingerprints.rules", text: include_str!("../../rules/fingerprints.rules") },
    Source { name: "rules/non-tls.rules", text: include_str!("../../rules/non-tls.rules") },
    Source { name: "rules/weak-ciphers.rules", text: include_str!("../../rules/weak-ciphers.rules") },
    Source { name: "rules/weak-versions.rules", text: include_str!("../../rules/weak-versions.rules") },
];
