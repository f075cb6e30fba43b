//! Bits of hosts and of pairs of hosts, across flows: `xbits` and `hostbits`.
//!
//! Whether a rule matches may hang on them, so they have to change in the order of the packets: a set with such rules is for one
//! worker ([`RuleSet::needs_order`](super::super::RuleSet::needs_order)).

use std::net::IpAddr;

use super::expiring::Expiring;
use super::tag::{Tag, Tags};
use super::threshold::Counts;
use super::{Change, Name};
use crate::base::{Duration, Timestamp};
use crate::rules::dataset::DatasetChanges;
use crate::rules::flow_rules::FlowRules;
use crate::rules::subject::{FlowDirection, Subject};

/// All that rules remember across flows. One for each thread that tries rules.
#[derive(Debug)]
pub struct HostState {
    bits: Expiring<Key, ()>,
    /// By address.
    tags: Expiring<IpAddr, Tags>,
    /// Of data sets.
    pub(in crate::rules) datasets: DatasetChanges,
    /// Of thresholds that decide what rules do.
    pub(in crate::rules) counts: Counts,
    /// Of rate filters.
    pub(in crate::rules) rates: Counts,
    now: Timestamp,
}

impl Default for HostState {
    fn default() -> Self {
        Self {
            bits: Expiring::new(MOST_BITS),
            tags: Expiring::new(MOST_TAGGED),
            datasets: DatasetChanges::default(),
            counts: Counts::default(),
            rates: Counts::default(),
            now: Timestamp::ZERO,
        }
    }
}

/// A bit of `xbits` or `hostbits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedBit {
    pub name: Name,
    pub track: Track,
    /// How long it stays set.
    pub expire: Duration,
}

/// Whose bit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// The source's.
    Source,
    /// The destination's.
    Destination,
    /// That of both together, in either direction.
    Pair,
    /// That of each.
    Both,
}

/// An address or a pair of them, lower one first, and a name.
type Key = (IpAddr, Option<IpAddr>, Name);

impl HostState {
    /// Bits that went before their time because there were too many.
    pub const fn bits_evicted(&self) -> u64 {
        self.bits.evicted()
    }

    /// Hosts whose tags went before their time because there were too many.
    pub const fn tags_evicted(&self) -> u64 {
        self.tags.evicted()
    }

    /// Counts of thresholds and rate filters that went before their time because there were too many.
    pub const fn counts_evicted(&self) -> u64 {
        self.counts.evicted().saturating_add(self.rates.evicted())
    }

    /// When it is: the time of the latest packet.
    pub(in crate::rules) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Time moves on; it never goes back.
    pub(in crate::rules) fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.bits.advance(self.now);
        self.tags.advance(self.now);
    }

    /// Tags `host` at `now`.
    pub(super) fn tag(&mut self, host: IpAddr, tag: Tag, now: Timestamp) {
        let mut tags = self.tags.remove(&host).unwrap_or_default();
        tags.set(tag, now);
        self.tags.insert(host, tags, self.now.saturating_add(UNSEEN));
    }

    /// A packet of `bytes` between these hosts came at `now`: whether one of them is tagged.
    fn take_tagged(&mut self, hosts: [IpAddr; 2], now: Timestamp, bytes: u32) -> bool {
        self.advance(now);
        let [one, other] = hosts;
        let hosts = [Some(one), Some(other).filter(|other| *other != one)];
        let mut is_tagged = false;
        for host in hosts.into_iter().flatten() {
            let Some(mut tags) = self.tags.remove(&host) else { continue };
            is_tagged |= tags.take(now, bytes);
            if !tags.is_empty() {
                self.tags.insert(host, tags, self.now.saturating_add(UNSEEN));
            }
        }
        is_tagged
    }

    /// A packet of `bytes` of `flow`, between these hosts, came at `now`, and rules were tried on it: whether one had tagged the flow or one
    /// of the hosts before, so that it is to be told as it is. To be called for each packet, where rules [tag](super::super::RuleSet::tags).
    pub fn is_tagged(&mut self, flow: Option<&mut FlowRules>, hosts: [IpAddr; 2], now: Timestamp, bytes: u32) -> bool {
        let of_flow = flow.is_some_and(|flow| flow.vars.take_tagged(now, bytes));
        self.take_tagged(hosts, now, bytes) || of_flow
    }

    pub(in crate::rules) fn is_set(&self, bit: &SharedBit, subject: &Subject<'_>, direction: FlowDirection) -> bool {
        keys(bit, subject, direction).iter().flatten().all(|key| self.bits.get(key).is_some())
    }

    pub(in crate::rules) fn change(&mut self, bit: &SharedBit, change: Change, subject: &Subject<'_>, direction: FlowDirection) {
        for key in keys(bit, subject, direction).into_iter().flatten() {
            let was_set = self.bits.remove(&key).is_some();
            if change == Change::Set || (change == Change::Toggle && !was_set) {
                self.bits.insert(key, (), self.now.saturating_add(bit.expire));
            }
        }
    }
}

fn keys(bit: &SharedBit, subject: &Subject<'_>, direction: FlowDirection) -> [Option<Key>; 2] {
    let (source, destination) = subject.ends(direction);
    let of = |ip| Some((ip, None, bit.name.clone()));
    match bit.track {
        Track::Source => [of(source), None],
        Track::Destination => [of(destination), None],
        Track::Both => [of(source), of(destination)],
        Track::Pair => [Some((source.min(destination), Some(source.max(destination)), bit.name.clone())), None],
    }
}

/// Hosts with tags: no more than 10 MB where each has a few.
const MOST_TAGGED: usize = 1 << 16;
/// As in Suricata: a host that is not seen for so long loses its tags.
const UNSEEN: Duration = Duration::from_secs(600);
/// About 40 MB.
const MOST_BITS: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Endpoint;
    use crate::rules::subject::{AppProto, Transport};

    #[test]
    fn bits_beyond_the_bound_are_counted() {
        let mut hosts = HostState { bits: Expiring::new(2), ..HostState::default() };
        let bit = SharedBit { name: "seen".into(), track: Track::Source, expire: Duration::from_secs(60) };
        for host in 1..=5 {
            let end = |last, port| Endpoint { ip: [10, 0, 0, last].into(), port };
            let subject = Subject {
                transport: Transport::Tcp,
                client: end(host, 40_000),
                server: end(99, 443),
                established: true,
                app_proto: AppProto::Unknown,
                session: None,
                expects_tls: true,
                one_way: None,
                packet: None,
                now: Timestamp::ZERO,
            };
            hosts.change(&bit, Change::Set, &subject, FlowDirection::ToServer);
        }
        assert_eq!((hosts.bits_evicted(), hosts.counts_evicted()), (3, 0));
    }
}
