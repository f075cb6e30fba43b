//! Policies: how much of the rules that ship is on.

use memchr::memmem;

use super::rule::Rule;

/// How strict a site is. A rule with one of these words after `policy` in its metadata is on in those that it names, and in no other; any
/// other rule is always on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// All that RFC 9325 and the like advise against is told.
    Strict,
    /// What protects no more, and what looks like an attack.
    Normal,
    /// As normal, but for what old machines cannot do better.
    Legacy,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Strict, Self::Normal, Self::Legacy];

    /// Its name, in metadata and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Normal => "normal",
            Self::Legacy => "legacy",
        }
    }

    /// Whether `rule` is on.
    pub(super) fn takes(self, rule: &Rule) -> bool {
        // Most metadata name none: one search says so.
        if memmem::find(rule.metadata.as_bytes(), b"policy").is_none() {
            return true;
        }
        let named = |value: &str| Self::ALL.into_iter().find(|policy| policy.as_str() == value);
        let mut policies = rule.metadata().filter(|(key, _)| *key == "policy").filter_map(|(_, value)| named(value)).peekable();
        policies.peek().is_none() || policies.any(|policy| policy == self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RuleConfig, RuleSet, Source};
    use super::*;

    #[test]
    fn a_rule_is_on_in_the_policies_that_it_names() {
        let text = "alert tls any any -> any any (metadata:policy strict; sid:1;)\n\
                    alert tls any any -> any any (metadata:policy strict, policy normal; sid:2;)\n\
                    alert tls any any -> any any (metadata:policy balanced-ips drop; sid:3;)\n\
                    alert tls any any -> any any (sid:4;)\n";
        for (policy, expected) in [
            (None, &[1, 2, 3, 4][..]),
            (Some(Policy::Strict), &[1, 2, 3, 4]),
            (Some(Policy::Normal), &[2, 3, 4]),
            (Some(Policy::Legacy), &[3, 4]),
        ] {
            let config = RuleConfig { policy, ..RuleConfig::default() };
            let (set, report) = RuleSet::compile(&[Source { name: "test.rules", text }], &config);
            let mut sids: Vec<u32> = set.rules().map(|rule| rule.sid).collect();
            sids.sort_unstable();
            assert_eq!(sids, expected, "{policy:?}");
            assert_eq!(report.disabled, 4 - expected.len());
        }
    }
}
