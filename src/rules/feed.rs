//! What rules look up that comes from files of entries, as it was loaded: lists, data sets, reputations. So that one set of rules can be
//! compared with the one that is to take its place.

use std::sync::Arc;

use super::config::RuleConfig;
use super::dataset::{DataRep, Entries};
use super::diagnostic::{LoadReport, Reason, excerpt};
use super::list::List;
use super::reputation::Reputation;
use super::set::RuleSet;

/// A list, a data set or reputations, as they were loaded.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    name: FeedName,
    held: Held,
    /// Lines that are no entries.
    unread: usize,
}

/// What a feed is known by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedName {
    /// A list: its place among the lists, and its name.
    #[error("list {1}")]
    List(usize, String),
    /// A data set by its name.
    #[error("data set `{0}`")]
    Dataset(String),
    /// The reputations of data by their name.
    #[error("data set `{0}` of reputations")]
    Reputations(String),
    /// The reputations of addresses.
    #[error("reputations of addresses")]
    Addresses,
}

/// Entries, shared with the rules that look them up.
#[derive(Clone, Debug)]
enum Held {
    List(Arc<List>),
    Dataset(Arc<Entries<()>>),
    Reputations(Arc<DataRep>),
    Addresses(Arc<Reputation>),
}

/// Why a set must not take the place of another: what the other looked up is gone, as where a download failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeedLoss {
    /// It had entries, and has none.
    #[error("{name} had {}, and has none now", some_entries(*.had))]
    Emptied {
        /// What it is known by.
        name: FeedName,
        /// How many entries it had.
        had: usize,
    },
    /// Most of its lines are no entries, which was not so before.
    #[error("{name} has {}, and {} that can be read no more", some_entries(*.entries), some_lines(*.unread))]
    Garbled {
        /// What it is known by.
        name: FeedName,
        /// How many entries it has.
        entries: usize,
        /// How many lines are none.
        unread: usize,
    },
    /// It had entries, and its file cannot be read, or is none of this kind.
    #[error("{name} had {}, and cannot be had now", some_entries(*.had))]
    Unreadable {
        /// What it is known by.
        name: FeedName,
        /// How many entries it had.
        had: usize,
    },
}

/// How many entries there are, and how that came from those before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedChanges {
    /// Entries of all lists, data sets and reputations.
    pub entries: usize,
    /// Those that are new.
    pub come: usize,
    /// Those that are gone.
    pub gone: usize,
}

impl RuleSet {
    /// What the set lacks of what `old` looked up, if anything, where it is to take its place; `report` is that of loading it.
    pub fn feed_loss(&self, old: &Self, report: &LoadReport) -> Option<FeedLoss> {
        let before = |feed: &Feed| old.feeds.iter().find(|f| f.name == feed.name);
        let worse = self.feeds.iter().find_map(|feed| feed.loss(before(feed)));
        worse.or_else(|| {
            let missing = |feed: &&Feed| !feed.is_empty() && report.errors.iter().any(|e| feed.is_missed_by(&e.reason));
            let feed = old.feeds.iter().find(missing)?;
            Some(FeedLoss::Unreadable { name: feed.name.clone(), had: feed.len() })
        })
    }

    /// How many entries there are in what rules look up, and how many of them are not in that of `old`, and the other way round.
    pub fn feed_changes(&self, old: &Self) -> FeedChanges {
        let count = |from: &Self, to: &Self| {
            let missing = |feed: &Feed| feed.missing_in(to.feeds.iter().find(|f| f.name == feed.name));
            from.feeds.iter().map(missing).fold(0, usize::saturating_add)
        };
        let entries = self.feeds.iter().map(Feed::len).fold(0, usize::saturating_add);
        FeedChanges { entries, come: count(self, old), gone: count(old, self) }
    }
}

impl Feed {
    /// Those of `config`, in an order that is always the same.
    pub fn all(config: &RuleConfig) -> Vec<Self> {
        let lists = config.lists.iter().enumerate().map(|(place, list)| Self {
            name: FeedName::List(place, list.name().to_owned()),
            held: Held::List(Arc::clone(list)),
            unread: list.unread(),
        });
        let addresses = config.reputation.iter().map(|reputation| Self {
            name: FeedName::Addresses,
            held: Held::Addresses(Arc::clone(reputation)),
            unread: reputation.unread(),
        });
        let mut sets: Vec<Self> = config.datasets.loaded().collect();
        sets.sort_by_key(|feed| feed.name.to_string());
        lists.chain(addresses).chain(sets).collect()
    }

    /// A data set.
    pub fn dataset(name: &str, entries: &Arc<Entries<()>>, unread: usize) -> Self {
        Self { name: FeedName::Dataset(name.to_owned()), held: Held::Dataset(Arc::clone(entries)), unread }
    }

    /// Reputations of data.
    pub fn reputations(name: &str, set: &Arc<DataRep>, unread: usize) -> Self {
        Self { name: FeedName::Reputations(name.to_owned()), held: Held::Reputations(Arc::clone(set)), unread }
    }

    fn len(&self) -> usize {
        match &self.held {
            Held::List(list) => list.len(),
            Held::Dataset(entries) => entries.len(),
            Held::Reputations(set) => set.entries().len(),
            Held::Addresses(reputation) => reputation.len(),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether most of its lines are no entries.
    fn is_garbled(&self) -> bool {
        self.unread > self.len()
    }

    /// What is lost where it takes the place of `old`.
    fn loss(&self, old: Option<&Self>) -> Option<FeedLoss> {
        let (name, had) = (self.name.clone(), old.map_or(0, Self::len));
        if self.is_garbled() && !old.is_some_and(Self::is_garbled) {
            return Some(FeedLoss::Garbled { name, entries: self.len(), unread: self.unread });
        }
        (had > 0 && self.is_empty()).then_some(FeedLoss::Emptied { name, had })
    }

    /// Whether a rule does not load since it is not there.
    fn is_missed_by(&self, reason: &Reason) -> bool {
        match (reason, &self.name) {
            (Reason::NoDataset(missed), FeedName::Dataset(name) | FeedName::Reputations(name)) => *missed == excerpt(name),
            _ => false,
        }
    }

    /// How many of its entries are not in `other`.
    fn missing_in(&self, other: Option<&Self>) -> usize {
        match (&self.held, other.map(|o| &o.held)) {
            (Held::List(list), Some(Held::List(other))) if list.kind() == other.kind() => list.missing_in(other),
            (Held::Dataset(set), Some(Held::Dataset(other))) => set.missing_in(other),
            (Held::Reputations(set), Some(Held::Reputations(other))) => set.entries().missing_in(other.entries()),
            (Held::Addresses(set), Some(Held::Addresses(other))) => set.missing_in(other),
            _ => self.len(),
        }
    }
}

fn some_entries(n: usize) -> String {
    if n == 1 { "1 entry".to_owned() } else { format!("{n} entries") }
}

fn some_lines(n: usize) -> String {
    if n == 1 { "1 line".to_owned() } else { format!("{n} lines") }
}
