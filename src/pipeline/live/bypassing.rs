//! A worker's flows that the kernel passes over, and the account of what it has counted of them.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::base::Timestamp;
use crate::capture::bypass::{Bypass, Sent, Slot};
use crate::engine::{Inspector, Volume};
use crate::flow::{Direction, FlowKey, Pair};

/// The flows of one worker that are passed over.
pub(super) struct Bypassing {
    table: Arc<Bypass>,
    flows: HashTable<Entry>,
    counted: Bypassed,
}

/// What was counted of flows that are passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bypassed {
    /// How often a flow was entered.
    pub flows: u64,
    /// Those that are passed over now.
    pub active: u64,
    /// How often there was no room for a direction of one.
    pub full: u64,
    /// Packets that were not let in.
    pub packets: u64,
    /// Bytes of these.
    pub bytes: u64,
}

struct Entry {
    hash: u64,
    key: FlowKey,
    slots: Pair<Option<Slot>>,
    /// What is accounted for.
    told: Pair<Sent>,
}

impl Bypassing {
    pub fn new(table: Arc<Bypass>) -> Self {
        Self { table, flows: HashTable::new(), counted: Bypassed::default() }
    }

    /// Passes over a flow from now on, as far as there is room.
    pub fn enter(&mut self, hash: u64, key: &FlowKey) {
        if self.flows.find(hash, |entry| entry.key == *key).is_some() {
            return; // what came now had been let in before
        }
        let slots = Pair::new(self.table.enter(key, Direction::AToB), self.table.enter(key, Direction::BToA));
        let missing =
            u64::from(slots.get(Direction::AToB).is_none()).saturating_add(u64::from(slots.get(Direction::BToA).is_none()));
        self.counted.full = self.counted.full.saturating_add(missing);
        if missing < 2 {
            self.counted.flows = self.counted.flows.saturating_add(1);
            let entry = Entry { hash, key: *key, slots, told: Pair::default() };
            self.flows.insert_unique(hash, entry, |entry| entry.hash);
        }
    }

    /// Tells `inspector` what has come of a flow until `at`, and has it let in again.
    pub fn leave(&mut self, hash: u64, key: &FlowKey, inspector: &mut Inspector, at: Timestamp) {
        if let Ok(entry) = self.flows.find_entry(hash, |entry| entry.key == *key) {
            let (mut entry, _) = entry.remove();
            account(&self.table, &mut entry, inspector, at, &mut self.counted, true);
        }
    }

    /// Tells `inspector` what has come of all flows until `at`. Those that it does not know any more are let in again.
    pub fn settle(&mut self, inspector: &mut Inspector, at: Timestamp) {
        let Self { table, flows, counted } = self;
        flows.retain(|entry| {
            let is_there = account(table, entry, inspector, at, counted, false);
            if !is_there {
                account(table, entry, inspector, at, counted, true);
            }
            is_there
        });
    }

    /// Has all flows let in again.
    pub fn leave_all(&mut self, inspector: &mut Inspector, at: Timestamp) {
        let Self { table, flows, counted } = self;
        for mut entry in flows.drain() {
            account(table, &mut entry, inspector, at, counted, true);
        }
    }

    pub fn counted(&self) -> Bypassed {
        Bypassed { active: u64::try_from(self.flows.len()).unwrap_or(u64::MAX), ..self.counted }
    }
}

/// Tells what has come of a flow since the last time; gives its slots back where it `leaves`. Whether the inspector knows it.
fn account(
    table: &Bypass,
    entry: &mut Entry,
    inspector: &mut Inspector,
    at: Timestamp,
    counted: &mut Bypassed,
    leaves: bool,
) -> bool {
    let mut more = Pair::<Volume>::default();
    for direction in [Direction::AToB, Direction::BToA] {
        let place = entry.slots.get_mut(direction);
        let Some(slot) = place.take() else { continue };
        let sent = if leaves {
            table.leave(slot)
        } else {
            let sent = table.sent(&slot);
            *place = Some(slot);
            sent
        };
        let told = std::mem::replace(entry.told.get_mut(direction), sent);
        let (packets, bytes) = (sent.packets.saturating_sub(told.packets), sent.bytes.saturating_sub(told.bytes));
        *more.get_mut(direction) = Volume { packets, bytes };
        counted.packets = counted.packets.saturating_add(packets);
        counted.bytes = counted.bytes.saturating_add(bytes);
    }
    inspector.count_unseen(entry.hash, &entry.key, more, at)
}
