//! A lane: a fixed share of the flows, with a share of every limit.
//!
//! Flows go to lanes by the hash of their key, and lanes to workers. Since the number of lanes does not depend on that of workers,
//! neither does what is given up when a limit is reached.

use std::collections::VecDeque;

use super::clock::LEAP;
use super::config::{Config, Limits};
use super::connection::Flow;
use super::following::Held;
use super::open::Open;
use crate::base::{Duration, Timestamp};
use crate::flow::timers::Wheel;
use crate::flow::{FlowId, FlowKey, Table};
use crate::protocol::x509::CertificateCache;

/// How many lanes there are, for any number of workers.
pub const LANES: usize = 16;

/// The lane of a flow whose key has hash `hash`.
pub const fn lane_of(hash: u64) -> usize {
    (hash >> 60) as usize % LANES
}

/// A share of the flows.
#[derive(Debug)]
pub(super) struct Lane {
    pub table: Table<Flow>,
    /// Of its flows, so that what is remembered does not depend on the number of workers.
    pub certificates: CertificateCache,
    /// Timers of flows with a connection.
    wheel: Wheel<FlowId>,
    /// Half-open flows, oldest first: their timer, since all have the same time-out. Those that went on or ended are skipped when
    /// their turn comes; those that sent again go to the end.
    half_open: VecDeque<FlowId>,
    /// Flows that hold stream memory, by when they began to, oldest first.
    holders: VecDeque<FlowId>,
    /// The clock's time when it was last looked at.
    now: Timestamp,
    /// What all its flows hold.
    held: Held,
    /// The most that they may hold.
    most: Held,
    /// The most that sessions held at a time.
    session_peak: usize,
    /// Flows that hold session memory.
    open: Open,
    most_flows: usize,
}

impl Lane {
    pub fn new(limits: &Limits, seed: u64) -> Self {
        let share = |limit: usize| (limit / LANES).max(1);
        Self {
            table: Table::default(),
            wheel: Wheel::default(),
            half_open: VecDeque::new(),
            holders: VecDeque::new(),
            now: Timestamp::ZERO,
            certificates: CertificateCache::new(limits.certificate_memory / LANES, seed),
            held: Held::default(),
            most: Held { streams: share(limits.reassembly_memory), session: share(limits.session_memory) },
            session_peak: 0,
            open: Open::default(),
            most_flows: share(limits.flows),
        }
    }

    /// Adds a half-open flow.
    pub fn add(&mut self, hash: u64, key: FlowKey, flow: Flow) -> Option<FlowId> {
        let id = self.table.insert(hash, key, flow)?;
        self.half_open.push_back(id);
        Some(id)
    }

    /// Takes a flow out, with what it holds.
    pub fn remove(&mut self, id: FlowId) -> Option<Flow> {
        let (_, flow) = self.table.remove(id)?;
        self.release(flow.held());
        Some(flow)
    }

    /// Sets the timer of a flow that has got a connection, or whose connection was closed so that its time is over sooner.
    pub fn set_timer(&mut self, id: FlowId, config: &Config) {
        if let Some((_, flow)) = self.table.get(id) {
            self.wheel.insert(deadline(flow, config).min(self.now.saturating_add(LOOK_AGAIN)), id);
        }
    }

    /// The flow to give up when the table is full: the oldest half-open one, else the longest idle of a few.
    pub fn victim(&mut self) -> Option<FlowId> {
        if self.table.len() < self.most_flows {
            return None;
        }
        while let Some(id) = self.half_open.pop_front() {
            if self.table.get(id).is_some_and(|(_, f)| f.connection.is_none()) {
                return Some(id);
            }
        }
        let sample = self.table.sample(SAMPLE);
        sample.into_iter().min_by_key(|&id| self.table.get(id).map(|(_, f)| (f.is_read(), f.last, f.first)))
    }

    /// Flows whose time is over at `now`, in no order; one may come twice. Timers of the others are set anew.
    pub fn expired(&mut self, now: Timestamp, config: &Config) -> Vec<FlowId> {
        let mut due = Vec::new();
        self.now = now;
        self.expire_half_open(now, config, &mut due);
        self.wheel.advance(now, &mut due);
        due.retain(|&id| {
            let Some((_, flow)) = self.table.get(id) else { return false };
            let deadline = deadline(flow, config);
            if deadline > now {
                self.wheel.insert(deadline.min(now.saturating_add(LOOK_AGAIN)), id);
            }
            deadline <= now
        });
        due
    }

    /// Takes flows whose time may be over off the front of the queue.
    fn expire_half_open(&mut self, now: Timestamp, config: &Config, due: &mut Vec<FlowId>) {
        for _ in 0..self.half_open.len() {
            let Some(&id) = self.half_open.front() else { return };
            let waits = self.table.get(id).filter(|(_, f)| f.connection.is_none()).map(|(_, f)| (deadline(f, config), f));
            match waits {
                // It would be in the way of all behind it: its frame's time is not to be believed, or the clock was set back.
                Some((_, flow)) if flow.start > now.saturating_add(LEAP) => {
                    self.wheel.insert(now.saturating_add(LOOK_AGAIN), id);
                }
                Some((deadline, flow)) if deadline > now => {
                    if flow.start.saturating_add(config.timeouts.new) > now {
                        return; // and so is the time of all behind it
                    }
                    self.half_open.push_back(id);
                }
                Some(_) => due.push(id),
                None => {}
            }
            self.half_open.pop_front();
        }
    }

    /// Brings the account up to date with what the flow holds now.
    pub fn settle(&mut self, id: FlowId) {
        let Some(flow) = self.table.get_mut(id) else { return };
        let last = flow.last;
        let Some(following) = flow.connection.as_deref_mut().and_then(|c| c.following.as_mut()) else { return };
        let after = following.holds();
        let before = std::mem::replace(&mut following.accounted, after);
        self.held.streams = self.held.streams.saturating_add(after.streams).saturating_sub(before.streams);
        self.held.session = self.held.session.saturating_add(after.session).saturating_sub(before.session);
        self.session_peak = self.session_peak.max(self.held.session);
        if before.streams == 0 && after.streams > 0 {
            self.holders.push_back(id);
        }
        let class = match following.size_class {
            None | Some(Open::SILENT) if following.is_silent() => Open::SILENT,
            before => Open::class_of(after.session).max(before.unwrap_or(0)),
        };
        if following.size_class.replace(class) != Some(class) {
            self.open.put(class, last, id, before.session == 0);
        }
    }

    /// Brings the account up to date with what the flow keeps of a connection that may have taken its place.
    pub fn settle_rival(&mut self, id: FlowId) {
        let Some(flow) = self.table.get_mut(id) else { return };
        let held_none = flow.held().streams == 0;
        let Some(rival) = flow.connection.as_deref_mut().and_then(|c| c.rival.as_mut()) else { return };
        let after = rival.memory();
        let before = std::mem::replace(&mut rival.accounted, after);
        self.held.streams = self.held.streams.saturating_add(after).saturating_sub(before);
        if held_none && after > 0 {
            self.holders.push_back(id);
        }
    }

    /// A flow that was the one to give up stream memory gave back some of it: its next turn comes after the others'.
    pub fn hold_again(&mut self, id: FlowId) {
        if self.table.get(id).is_some_and(|(_, f)| f.held().streams > 0) {
            self.holders.push_back(id);
        }
    }

    /// A flow gave back what it held.
    pub fn release(&mut self, held: Held) {
        self.held.streams = self.held.streams.saturating_sub(held.streams);
        self.held.session = self.held.session.saturating_sub(held.session);
        self.open.remove(usize::from(held.session > 0));
    }

    /// The flow whose stream memory is to be given up, since all together hold too much: the one that has held some for longest.
    pub fn memory_victim(&mut self) -> Option<FlowId> {
        if self.held.streams <= self.most.streams {
            if self.holders.len() > self.table.len().saturating_mul(2).max(64) {
                let table = &self.table;
                self.holders.retain(|&id| table.get(id).is_some_and(|(_, f)| f.held().streams > 0));
            }
            return None;
        }
        while let Some(id) = self.holders.pop_front() {
            if self.table.get(id).is_some_and(|(_, f)| f.held().streams > 0) {
                return Some(id);
            }
        }
        None
    }

    /// The flow whose session is to be told early at `now`, since all together hold too much.
    pub fn session_victim(&mut self, now: Timestamp) -> Option<FlowId> {
        let Self { open, table, .. } = self;
        let state = |id| {
            let (_, flow) = table.get(id)?;
            let following = flow.connection.as_ref()?.following.as_ref()?;
            Some((following.size_class?, flow.last, following.accounted.session))
        };
        if self.held.session > self.most.session {
            return open.take_costliest(now, state);
        }
        open.tidy(state);
        None
    }

    /// What all its flows hold.
    pub const fn held(&self) -> Held {
        self.held
    }

    /// The most bytes that sessions held at a time.
    pub const fn session_peak(&self) -> usize {
        self.session_peak
    }
}

impl Flow {
    /// Whether its TLS is still read.
    pub(super) fn is_read(&self) -> bool {
        self.connection.as_ref().is_some_and(|c| c.is_followed())
    }

    /// Whether another connection may have taken its place that carried payload: it is told at the end.
    pub(super) fn has_rival(&self) -> bool {
        self.connection.as_ref().and_then(|c| c.rival.as_ref()).is_some_and(|rival| rival.is_worth_telling())
    }

    fn held(&self) -> Held {
        let Some(connection) = &self.connection else { return Held::default() };
        let rival = connection.rival.as_ref().map_or(0, |rival| rival.accounted);
        let held = connection.following.as_ref().map_or(Held::default(), |f| f.accounted);
        Held { streams: held.streams.saturating_add(rival), ..held }
    }
}

/// When the flow's time is over, unless it goes on before.
pub(super) fn deadline(flow: &Flow, config: &Config) -> Timestamp {
    flow.last.saturating_add(timeout(flow, config))
}

fn timeout(flow: &Flow, config: &Config) -> Duration {
    match &flow.connection {
        _ if flow.is_closed() => config.timeouts.closed,
        Some(c) if c.is_two_sided() => config.timeouts.established,
        _ => config.timeouts.new,
    }
}

/// A timer is not set further ahead, so that those of flows that ended early are soon gone.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How many flows are looked at to find one that can go.
const SAMPLE: usize = 16;
