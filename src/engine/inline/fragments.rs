//! Fragments that wait for their datagram: none goes on before it is whole and was judged.

use std::collections::{HashMap, VecDeque};

use super::answer::Ticket;
use super::gate::Tickets;
use crate::base::{Duration, Timestamp};
use crate::packet::FragmentKey;

/// The frames of datagrams that are not whole.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    // The standard hasher: senders choose the keys.
    datagrams: HashMap<FragmentKey, Datagram>,
    /// All, and some that wait no more, oldest first.
    order: VecDeque<(Timestamp, FragmentKey)>,
    bytes: usize,
}

#[derive(Debug)]
struct Datagram {
    since: Timestamp,
    tickets: Tickets,
    bytes: usize,
}

impl Waiting {
    /// Has a frame of `len` bytes wait for the rest of its datagram.
    pub fn hold(&mut self, key: FragmentKey, ticket: Ticket, len: usize, now: Timestamp) {
        let datagram = self.datagrams.entry(key).or_insert_with(|| {
            self.order.push_back((now, key));
            Datagram { since: now, tickets: Tickets::new(), bytes: 0 }
        });
        datagram.tickets.push(ticket);
        datagram.bytes = datagram.bytes.saturating_add(len);
        self.bytes = self.bytes.saturating_add(len);
    }

    /// The frames of a datagram, which is whole, or given up.
    pub fn take(&mut self, key: &FragmentKey) -> Tickets {
        let Some(datagram) = self.datagrams.remove(key) else { return Tickets::new() };
        self.bytes = self.bytes.saturating_sub(datagram.bytes);
        datagram.tickets
    }

    /// The next datagram that has waited for `patience`, and its frames.
    pub fn take_overdue(&mut self, now: Timestamp, patience: Duration) -> Option<(FragmentKey, Tickets)> {
        while let Some(&(since, key)) = self.order.front() {
            let waits = self.datagrams.get(&key).is_some_and(|d| d.since == since);
            if waits && since.saturating_add(patience) > now && since <= now.saturating_add(patience) {
                return None;
            }
            self.order.pop_front();
            if waits {
                return Some((key, self.take(&key)));
            }
        }
        None
    }

    /// Bytes of all that wait.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl FragmentKey {
    /// The key of what has no ports: to tell of it.
    pub(super) fn flow(&self) -> (crate::flow::FlowKey, crate::flow::Direction) {
        let protocol = if self.protocol == 0 { IPV6_FRAGMENT } else { self.protocol };
        crate::flow::FlowKey::from_packet((self.source, 0), (self.destination, 0), protocol, self.vlan)
    }
}

/// The protocol number of IPv6's fragment header.
const IPV6_FRAGMENT: u8 = 44;
