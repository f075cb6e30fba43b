//! Datagrams that were dropped when their last fragment came: the other fragments are with the receiver by then, and the last one must not come after
//! all.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::FragmentKey;
use crate::base::{Duration, Timestamp};

/// The datagrams that fell not long ago, by what their fragments have in common.
#[derive(Debug, Default)]
pub struct FallenDatagrams {
    since: HashMap<FragmentKey, Timestamp>,
    /// Oldest first.
    order: VecDeque<FragmentKey>,
}

impl FallenDatagrams {
    /// For how long a receiver may wait for what is missing (RFC 1122 §3.3.2; RFC 8200 §4.5 has half of it). A fragment of another datagram that gets
    /// the same identification within that time is taken for one of this.
    pub const HELD: Duration = Duration::from_secs(120);
    /// So many are remembered; beyond it the oldest is forgotten.
    pub const MOST: usize = 65_536;

    /// Whether the frame at hand, which holds a fragment of `key` and was `dropped` or not, must not go on.
    pub fn holds_back(&mut self, key: FragmentKey, now: Timestamp, dropped: bool) -> bool {
        if self.since.get(&key).is_some_and(|since| now.since(*since) <= Self::HELD) {
            return true;
        }
        if dropped {
            self.remember(key, now);
        }
        dropped
    }

    fn remember(&mut self, key: FragmentKey, now: Timestamp) {
        if self.since.insert(key, now).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > Self::MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.since.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Address;

    fn key(id: u32) -> FragmentKey {
        let address = Address::from(std::net::IpAddr::from([192, 0, 2, 1]));
        FragmentKey { is_v4: true, source: address, destination: address, id, protocol: 17, vlan: [0; 2] }
    }

    #[test]
    fn all_fragments_of_a_fallen_datagram_are_held_back_while_one_may_wait_for_them() {
        let mut fallen = FallenDatagrams::default();
        let at = |second: u64| Timestamp::from_parts(1_000 + second, 0);
        for (what, second, id, dropped, expected) in [
            ("a fragment of one that has not fallen", 0, 1, false, false),
            ("the last fragment, with which it falls", 1, 1, true, true),
            ("that again", 2, 1, false, true),
            ("one of another datagram", 2, 2, false, false),
            ("one that is judged to go on, put together from others", 121, 1, false, true),
            ("what has the same identification later", 122, 1, false, false),
        ] {
            assert_eq!(fallen.holds_back(key(id), at(second), dropped), expected, "{what}");
        }
    }

    #[test]
    fn no_more_than_the_latest_are_remembered() {
        let mut fallen = FallenDatagrams::default();
        for id in 0..=u32::try_from(FallenDatagrams::MOST).unwrap() {
            fallen.holds_back(key(id), Timestamp::ZERO, true);
        }
        assert_eq!((fallen.since.len(), fallen.order.len()), (FallenDatagrams::MOST, FallenDatagrams::MOST));
        assert!(!fallen.holds_back(key(0), Timestamp::ZERO, false), "the oldest");
        assert!(fallen.holds_back(key(1), Timestamp::ZERO, false));
    }
}
