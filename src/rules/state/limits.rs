//! Which alerts are told, where a threshold only says how often a rule may alert.
//!
//! That changes nothing of what rules do, so it need not be known where they are tried: it is applied where alerts of all flows
//! come together in the order of the packets, and is the same however many threads tried the rules.

use std::collections::HashMap;
use std::net::IpAddr;

use super::threshold::{Allowed, Counts, Threshold};
use crate::base::Timestamp;
use crate::rules::RuleSet;

/// The thresholds of a set that are about alerts alone, and what was counted for them.
#[derive(Debug)]
pub struct AlertLimits {
    limits: HashMap<(u32, u32), Threshold>,
    counts: Counts,
}

/// An alert, as far as thresholds look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alerted {
    /// `gid` and `sid` of its rule.
    pub rule: (u32, u32),
    /// Who sent the packet.
    pub source: IpAddr,
    /// Who was to receive it.
    pub destination: IpAddr,
    /// When.
    pub at: Timestamp,
}

impl AlertLimits {
    /// The limits of `rules`; nothing is counted yet.
    pub fn new(rules: &RuleSet) -> Self {
        let limits = rules.alert_thresholds().map(|(rule, threshold)| ((rule.gid, rule.sid), *threshold)).collect();
        Self { limits, counts: Counts::default() }
    }

    /// The limits are those of `rules` from now on. What was counted goes on, by gid and sid.
    pub fn replace(&mut self, rules: &RuleSet) {
        self.limits = Self::new(rules).limits;
    }

    /// Whether no rule has one.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// Whether the alert is to be told. To be asked once for each alert, in the order of the packets.
    pub fn admits(&mut self, alert: &Alerted) -> bool {
        let Some(threshold) = self.limits.get(&alert.rule) else { return true };
        self.counts.count(alert.rule, threshold, alert.source, alert.destination, alert.at) == Allowed::Alert
    }

    /// Counts that went before their time because there were too many.
    pub const fn evicted(&self) -> u64 {
        self.counts.evicted()
    }
}
