//! The sessions of a lane that are not told yet, by what they cost: bytes held, times how long their flow was idle, and a second.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::base::Timestamp;
use crate::flow::FlowId;

/// Flows whose sessions are open.
///
/// By idle time alone a few sessions with long hellos would drive out many short ones, for next to nothing; by size alone a crowd of
/// short ones that never go on would drive out all that do. So there is a heap for each class of size, with those idle longest in front,
/// and of all fronts the one that costs most goes first. Before all others go connections in which nothing was said: they lose nothing.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// By the time of the flow's last packet when it was put there. Those that had one since are put there anew when their turn comes;
    /// those that grew out of the class, or are open no more, are left out then.
    classes: [BinaryHeap<Reverse<(Timestamp, FlowId)>>; CLASSES],
    sessions: usize,
}

/// What is asked of a flow whose session may be open: the class that it was put in last, its last packet's time, and the bytes that the
/// session holds.
type State = (u8, Timestamp, usize);

impl Open {
    /// The class of connections in which nothing was said yet.
    pub const SILENT: u8 = 0;

    /// The class of a session that holds `bytes`.
    pub fn class_of(bytes: usize) -> u8 {
        let power = u8::try_from(bytes.checked_ilog2().unwrap_or(0)).unwrap_or(0);
        (power / 2).saturating_sub(SMALLEST_POWER / 2).clamp(1, LARGEST)
    }

    /// Puts a flow into a class. It has to be a higher one than those in which it was before.
    pub fn put(&mut self, class: u8, last: Timestamp, id: FlowId, is_new: bool) {
        if let Some(heap) = self.classes.get_mut(usize::from(class)) {
            heap.push(Reverse((last, id)));
            self.sessions = self.sessions.saturating_add(usize::from(is_new));
        }
    }

    /// `n` sessions are open no more.
    pub const fn remove(&mut self, n: usize) {
        self.sessions = self.sessions.saturating_sub(n);
    }

    /// Takes out the one that costs most at `now`.
    pub fn take_costliest(&mut self, now: Timestamp, state: impl Fn(FlowId) -> Option<State>) -> Option<FlowId> {
        let mut costliest = None;
        for (class, heap) in (0..).zip(&mut self.classes) {
            if let Some((last, bytes)) = idlest(heap, class, &state) {
                let idle = u64::try_from(now.since(last).as_nanos()).unwrap_or(u64::MAX).saturating_add(AT_LEAST_IDLE);
                let cost = idle.saturating_mul(u64::try_from(bytes).unwrap_or(u64::MAX));
                costliest = costliest.max(Some((cost, class)));
                if class == Self::SILENT {
                    break;
                }
            }
        }
        let Reverse((_, id)) = self.classes.get_mut(usize::from(costliest?.1))?.pop()?;
        Some(id)
    }

    /// Leaves out what is open no more, if it is most of what there is.
    pub fn tidy(&mut self, state: impl Fn(FlowId) -> Option<State>) {
        let entries = self.classes.iter().map(BinaryHeap::len).fold(0, usize::saturating_add);
        if entries > self.sessions.saturating_mul(2).max(MOST_UNTIDY) {
            for (class, heap) in (0..).zip(&mut self.classes) {
                heap.retain(|&Reverse((_, id))| state(id).is_some_and(|(now_in, ..)| now_in == class));
                heap.shrink_to(heap.len().saturating_mul(2));
            }
        }
    }
}

/// Brings the one that was idle longest to the front of `heap`; answers its last packet's time, and the bytes that it holds.
fn idlest(
    heap: &mut BinaryHeap<Reverse<(Timestamp, FlowId)>>,
    class: u8,
    state: impl Fn(FlowId) -> Option<State>,
) -> Option<(Timestamp, usize)> {
    loop {
        let &Reverse((since, id)) = heap.peek()?;
        match state(id) {
            Some((now_in, last, bytes)) if now_in == class && last == since => return Some((last, bytes)),
            Some((now_in, last, _)) if now_in == class => {
                heap.pop();
                heap.push(Reverse((last, id)));
            }
            _ => {
                heap.pop();
            }
        }
    }
}

/// The silent, and those below 4 KiB, 16 KiB, 64 KiB, 256 KiB, 1 MiB, and what is more.
const CLASSES: usize = 7;
/// The last of the classes.
const LARGEST: u8 = 6;
/// The power of two where class 0 would begin, were it one of a size.
const SMALLEST_POWER: u8 = 8;
/// Nanoseconds that all count as idle for, so that of those which just had a packet the larger costs more.
const AT_LEAST_IDLE: u64 = 1_000_000_000;
/// So many entries are kept whatever they are.
const MOST_UNTIDY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Endpoint, FlowKey, Table};

    #[test]
    fn classes_are_a_factor_of_four_apart() {
        for (bytes, class) in [(0, 1), (4_095, 1), (4_096, 2), (16_384, 3), (65_535, 3), (1 << 20, 6), (1 << 40, 6)] {
            assert_eq!(Open::class_of(bytes), class, "{bytes}");
        }
    }

    /// Sessions by the second of their last packet and their bytes, put in when they had a packet at second 0; the order in which
    /// they go at second 100.
    fn order(sessions: &[(u64, usize)]) -> Vec<usize> {
        let mut table = Table::default();
        let mut open = Open::default();
        let ids: Vec<FlowId> = (0..)
            .zip(sessions)
            .map(|(n, &(_, bytes))| {
                let end = |port| Endpoint { ip: "192.0.2.1".parse().unwrap(), port };
                let id = table.insert(n, FlowKey::new(end(u16::try_from(n).unwrap()), end(443), 6, [0; 2]).0, ()).unwrap();
                open.put(Open::class_of(bytes), Timestamp::ZERO, id, true);
                id
            })
            .collect();
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let gone = std::cell::RefCell::new(Vec::new());
        let place = |id| ids.iter().position(|&i| i == id).unwrap();
        let state = |id| {
            let (last, bytes) = sessions[place(id)];
            (!gone.borrow().contains(&place(id))).then_some((Open::class_of(bytes), at(last), bytes))
        };
        while let Some(id) = open.take_costliest(at(100), state) {
            gone.borrow_mut().push(place(id));
        }
        gone.into_inner()
    }

    #[test]
    fn of_one_size_the_one_that_was_idle_longest_goes_first() {
        assert_eq!(order(&[(30, 2_000), (10, 2_000), (90, 2_000), (20, 2_000)]), [1, 3, 0, 2]);
    }

    #[test]
    fn what_is_fifty_times_as_large_goes_first_unless_it_had_a_packet_just_now() {
        assert_eq!(order(&[(10, 2_000), (98, 100_000)]), [1, 0], "182,000 byte-seconds, and 300,000");
        assert_eq!(order(&[(10, 2_000), (100, 100_000)]), [0, 1], "182,000 byte-seconds, and 100,000");
    }

    #[test]
    fn what_is_open_no_more_is_left_out() {
        let mut table = Table::default();
        let mut open = Open::default();
        for n in 0..1_000 {
            let end = |port| Endpoint { ip: "192.0.2.1".parse().unwrap(), port };
            let id = table.insert(u64::from(n), FlowKey::new(end(n), end(443), 6, [0; 2]).0, ()).unwrap();
            open.put(0, Timestamp::ZERO, id, true);
            open.remove(1);
            open.tidy(|_| None);
        }
        assert!(open.classes[0].len() <= MOST_UNTIDY);
    }
}
