//! How often a rule may speak: `threshold` and `detection_filter`.

use std::net::IpAddr;

use super::expiring::Expiring;
use crate::base::{Duration, Timestamp};
use crate::rules::ast::Action;

/// How often a rule has to match before it counts, or how often it may alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    pub kind: ThresholdKind,
    pub track: TrackBy,
    /// How often.
    pub count: u32,
    /// In which time.
    pub seconds: u32,
}

/// What the count is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdKind {
    /// `limit`: at most so many alerts in the time.
    Limit,
    /// `threshold`: one match of so many counts.
    Threshold,
    /// `both`: one alert in the time, once there were so many matches.
    Both,
    /// `backoff`: an alert at the count, and then each time the number of matches has grown by this factor.
    Backoff(u32),
    /// `detection_filter`: the matches after so many.
    Filter,
}

/// What matches are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackBy {
    Source,
    Destination,
    /// Both together, in either direction.
    Both,
    Rule,
    Flow,
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// When the time began.
    start: Timestamp,
    matches: u32,
    /// With `backoff`: at which number the next alert is due.
    due: u32,
}

/// What a match comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// All of it.
    Alert,
    /// The rule's action, without an alert.
    Action,
    /// Nothing.
    Nothing,
}

impl Threshold {
    /// Counts a match at `now`, on top of what was counted before: what then is counted, and what the match comes to.
    pub fn count(&self, before: Option<Count>, now: Timestamp) -> (Count, Allowed) {
        let timed = !matches!(self.kind, ThresholdKind::Backoff(_));
        let current = before.filter(|count| !timed || now <= self.end(count));
        let mut count = current.unwrap_or(Count { start: now, matches: 0, due: self.count });
        count.matches = count.matches.saturating_add(1);
        let (n, enough) = (count.matches, self.count);
        let allowed = match self.kind {
            ThresholdKind::Limit if n <= enough => Allowed::Alert,
            ThresholdKind::Limit => Allowed::Action,
            ThresholdKind::Threshold if n >= enough => {
                count.matches = 0;
                Allowed::Alert
            }
            ThresholdKind::Both if n == enough => Allowed::Alert,
            ThresholdKind::Both if n > enough => Allowed::Action,
            ThresholdKind::Filter if n > enough => Allowed::Alert,
            ThresholdKind::Backoff(factor) if n == count.due => {
                count.due = count.due.saturating_mul(factor);
                Allowed::Alert
            }
            ThresholdKind::Backoff(_) if n > enough => Allowed::Action,
            _ => Allowed::Nothing,
        };
        (count, allowed)
    }

    /// When the time that `count` counts in is over.
    pub fn end(&self, count: &Count) -> Timestamp {
        count.start.saturating_add(Duration::from_secs(self.seconds.into()))
    }

    /// Whether it decides about more than alerts: how often a rule has to match, and not how often it may alert.
    pub const fn decides(&self) -> bool {
        matches!(self.kind, ThresholdKind::Threshold | ThresholdKind::Both | ThresholdKind::Filter)
    }
}

impl TrackBy {
    /// The addresses to count by, of a packet from `source` to `destination`.
    pub fn ends(self, source: IpAddr, destination: IpAddr) -> (Option<IpAddr>, Option<IpAddr>) {
        match self {
            Self::Source => (Some(source), None),
            Self::Destination => (Some(destination), None),
            Self::Both => (Some(source.min(destination)), Some(source.max(destination))),
            Self::Rule | Self::Flow => (None, None),
        }
    }
}

/// `rate_filter`: another action for a while, once a rule has matched too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateFilter {
    /// How often is too often: a [`ThresholdKind::Filter`].
    pub rate: Threshold,
    /// The action then.
    pub action: Action,
    /// For how many seconds.
    pub timeout: u32,
}

/// Counts of matches by rule and addresses.
#[derive(Debug)]
pub struct Counts {
    counts: Expiring<Key, Count>,
    /// Rate filters that act, until they end.
    acting: Expiring<Key, ()>,
    now: Timestamp,
}

/// `gid` and `sid` of a rule, and the addresses that it counts by.
type Key = ((u32, u32), Option<IpAddr>, Option<IpAddr>);

impl Default for Counts {
    fn default() -> Self {
        Self { counts: Expiring::new(MOST_COUNTS), acting: Expiring::new(MOST_COUNTS), now: Timestamp::ZERO }
    }
}

impl Counts {
    /// Counts a match of `rule` on a packet from `source` to `destination` at `now`, which does not go back.
    pub fn count(
        &mut self,
        rule: (u32, u32),
        threshold: &Threshold,
        source: IpAddr,
        destination: IpAddr,
        now: Timestamp,
    ) -> Allowed {
        self.now = self.now.max(now);
        self.counts.advance(self.now);
        let (first, second) = threshold.track.ends(source, destination);
        let key = (rule, first, second);
        let (count, allowed) = threshold.count(self.counts.get(&key).copied(), self.now);
        // The end itself still belongs to the time.
        let end = threshold.end(&count).saturating_add(Duration::from_nanos(1));
        self.counts.insert(key, count, end);
        allowed
    }

    /// Counts a match of a rule with a rate filter; whether that acts.
    pub fn acts(&mut self, rule: (u32, u32), filter: &RateFilter, source: IpAddr, destination: IpAddr, now: Timestamp) -> bool {
        self.now = self.now.max(now);
        self.acting.advance(self.now);
        let (first, second) = filter.rate.track.ends(source, destination);
        let key = (rule, first, second);
        if self.acting.get(&key).is_some() {
            return true;
        }
        let acts = self.count(rule, &filter.rate, source, destination, now) == Allowed::Alert;
        if acts {
            self.counts.remove(&key);
            self.acting.insert(key, (), self.now.saturating_add(Duration::from_secs(filter.timeout.into())));
        }
        acts
    }

    /// Counts that went before their time because there were too many.
    pub const fn evicted(&self) -> u64 {
        self.counts.evicted().saturating_add(self.acting.evicted())
    }
}

/// About 40 MB.
const MOST_COUNTS: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of matches at the given seconds: `A`lert, a`c`tion or nothing (`-`).
    fn course(kind: ThresholdKind, count: u32, seconds: u32, times: &[u64]) -> String {
        let threshold = Threshold { kind, track: TrackBy::Rule, count, seconds };
        let mut state = None;
        let letter = |&at| {
            let (count, allowed) = threshold.count(state, Timestamp::from_parts(1_000 + at, 0));
            state = Some(count);
            match allowed {
                Allowed::Alert => 'A',
                Allowed::Action => 'c',
                Allowed::Nothing => '-',
            }
        };
        times.iter().map(letter).collect()
    }

    #[test]
    fn kinds() {
        use ThresholdKind::{Backoff, Both, Filter, Limit, Threshold};
        let steady: Vec<u64> = (0..12).collect();
        for (kind, count, seconds, times, expected) in [
            (Limit, 2, 5, &steady[..], "AAccccAAcccc"),
            (Limit, 1, 60, &[0, 59, 60, 61, 62], "AccAc"),
            (Threshold, 3, 60, &steady, "--A--A--A--A"),
            (Threshold, 3, 5, &[0, 4, 8, 9, 10, 11], "----A-"),
            (Threshold, 1, 60, &steady, "AAAAAAAAAAAA"),
            (Both, 3, 60, &steady, "--Accccccccc"),
            (Both, 2, 5, &steady, "-Acccc-Acccc"),
            (Filter, 3, 60, &steady, "---AAAAAAAAA"),
            (Filter, 3, 5, &[0, 1, 2, 3, 9, 10], "---A--"),
            (Backoff(2), 1, 0, &steady, "AAcAcccAcccc"),
            (Backoff(3), 2, 0, &steady, "-AcccAcccccc"),
        ] {
            assert_eq!(course(kind, count, seconds, times), expected, "{kind:?} {count} {seconds} {times:?}");
        }
    }
}
