//! What was counted in the path.

use super::policy::{Exception, Policy};

/// What was counted in the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InlineCounters {
    /// Frames that went on.
    pub accepted: u64,
    /// Frames that had to wait.
    pub held: u64,
    /// Frames that waited as long as they may.
    pub lapsed: u64,
    /// Bytes that wait, or are kept to compare copies with.
    pub memuse: u64,
    /// Connections in the path.
    pub connections: u64,
    /// Connections given up because there were too many.
    pub evicted: u64,
    /// Frames sent to tell a side that its flow was rejected.
    pub resets: u64,
    /// Messages sent to tell the sender of a datagram that it was rejected.
    pub unreachables: u64,
    /// How often each policy was asked, by [`Exception`], and what it said: pass, drop, reject.
    exceptions: [[u64; 3]; 5],
}

impl InlineCounters {
    pub(super) fn count(&mut self, exception: Exception, policy: Policy) {
        if let Some(count) = self.exceptions.get_mut(exception as usize).and_then(|c| c.get_mut(policy as usize)) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        let mut theirs = *other;
        for (mine, theirs) in self.fields().into_iter().zip(theirs.fields()) {
            *mine.1 = mine.1.saturating_add(*theirs.1);
        }
    }

    /// Names and values for a `stats` event.
    pub fn named(&self) -> Vec<(&'static str, u64)> {
        let mut copy = *self;
        copy.fields().into_iter().map(|(name, value)| (name, *value)).collect()
    }

    fn fields(&mut self) -> [(&'static str, &mut u64); 23] {
        let [[mp, md, mr], [sp, sd, sr], [gp, gd, gr], [ep, ed, er], [op, od, or]] = &mut self.exceptions;
        [
            ("ips.accepted", &mut self.accepted),
            ("portcullis.inline.held", &mut self.held),
            ("portcullis.inline.lapsed", &mut self.lapsed),
            ("portcullis.inline.memuse", &mut self.memuse),
            ("portcullis.inline.connections", &mut self.connections),
            ("portcullis.inline.evicted", &mut self.evicted),
            ("portcullis.inline.resets", &mut self.resets),
            ("portcullis.inline.unreachables", &mut self.unreachables),
            ("exception_policy.memcap.pass", mp),
            ("exception_policy.memcap.drop", md),
            ("exception_policy.memcap.reject", mr),
            ("exception_policy.midstream.pass", sp),
            ("exception_policy.midstream.drop", sd),
            ("exception_policy.midstream.reject", sr),
            ("exception_policy.gap.pass", gp),
            ("exception_policy.gap.drop", gd),
            ("exception_policy.gap.reject", gr),
            ("exception_policy.error.pass", ep),
            ("exception_policy.error.drop", ed),
            ("exception_policy.error.reject", er),
            ("exception_policy.overload.pass", op),
            ("exception_policy.overload.drop", od),
            ("exception_policy.overload.reject", or),
        ]
    }
}
