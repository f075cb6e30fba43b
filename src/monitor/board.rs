//! Where a run leaves its news.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Sender, TrySendError};

use super::sinks::SinkLevel;
use crate::base::Timestamp;

/// Where a run leaves its news. It waits for nobody. When the last one is dropped, the run has ended.
#[derive(Clone, Debug)]
pub struct Board {
    news: Sender<News>,
    state: Arc<BoardState>,
}

/// What has no place in the queue.
#[derive(Debug, Default)]
pub(super) struct BoardState {
    /// News that were passed over.
    pub passed_over: AtomicU64,
    /// A worker does not go round.
    pub is_stuck: AtomicBool,
}

/// What a run has counted so far.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// By the names of `stats` events.
    pub counters: Vec<(&'static str, u64)>,
    /// Rules in force.
    pub rules_loaded: u64,
    /// Rules that did not load.
    pub rules_failed: u64,
    /// When the rules in force took the place of others.
    pub last_reload: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) enum News {
    Counted(Box<Counted>),
    Lines(Arc<[u8]>),
    Sinks(Vec<SinkLevel>),
}

impl Board {
    pub(super) fn new(news: Sender<News>, state: Arc<BoardState>) -> Self {
        Self { news, state }
    }

    /// What was counted; to be told about once a second.
    pub fn count(&self, counted: Counted) {
        self.leave(News::Counted(Box::new(counted)));
    }

    /// Whole lines of EVE JSON.
    pub fn lines(&self, lines: &[u8]) {
        if self.news.is_full() {
            self.state.passed_over.fetch_add(1, Ordering::Relaxed);
        } else {
            self.leave(News::Lines(lines.into()));
        }
    }

    /// How it is with all sinks.
    pub fn sinks(&self, levels: Vec<SinkLevel>) {
        self.leave(News::Sinks(levels));
    }

    /// Whether all workers go round.
    pub fn all_go_round(&self, do_they: bool) {
        self.state.is_stuck.store(!do_they, Ordering::Relaxed);
    }

    fn leave(&self, news: News) {
        if let Err(TrySendError::Full(_)) = self.news.try_send(news) {
            self.state.passed_over.fetch_add(1, Ordering::Relaxed);
        }
    }
}
