//! Data sets and reputations of data: values, to look a buffer up in.
//!
//! What is loaded never changes, and is shared by all rules and threads. What rules put in and take out lies beside it, with what
//! else rules remember across flows ([`HostState`](super::HostState)).

mod changes;
mod entries;
mod json;
mod kind;
mod known;
mod membership;
mod spec;

use std::collections::HashMap;
use std::sync::Arc;

use super::config::RuleConfig;
use super::config_files::each_line;
use super::diagnostic::Diagnostic;
use super::feed::Feed;
use super::load::Source;

pub use json::JsonFormat;
pub use kind::DatasetKind;
pub use known::{DatasetFile, DatasetRole};

pub(super) use changes::DatasetChanges;
pub(super) use entries::{Entries, entry_memory};
pub(super) use kind::Item;
pub(super) use known::KnownSets;
pub(super) use membership::{Change, Membership, Rated};
pub(super) use spec::{Command, RepSpec, SetSpec, Spec};

/// The data sets and reputations that were read from files, by name, and where sets are kept: all rules share them.
#[derive(Clone, Debug, Default)]
pub struct Datasets {
    sets: HashMap<String, (DatasetKind, Arc<Entries<()>>)>,
    /// Of those in JSON: the objects of the values.
    contexts: HashMap<String, Arc<Entries<Arc<str>>>>,
    reputations: HashMap<String, Arc<DataRep>>,
    places: HashMap<String, Arc<str>>,
    /// By name: lines of the files of sets that are no values.
    unread: HashMap<String, usize>,
    /// The same of reputations.
    unread_reputations: HashMap<String, usize>,
}

/// A data set, as it was loaded.
#[derive(Debug)]
pub(super) struct Dataset {
    pub name: Arc<str>,
    /// What its values are.
    pub kind: DatasetKind,
    /// Bytes that it may take with what rules put in. What was loaded is there however much it is.
    pub memcap: usize,
    /// Where it is to be written after the run, if anywhere.
    pub place: Option<Arc<str>>,
    /// Its values.
    pub entries: Arc<Entries<()>>,
    /// The objects that they lie in, where it is in JSON.
    pub contexts: Option<Arc<Entries<Arc<str>>>>,
}

/// Values, each with its reputation.
#[derive(Debug)]
pub(super) struct DataRep {
    /// What its values are.
    pub kind: DatasetKind,
    entries: Entries<u16>,
}

/// A data set that rules changed, to be kept for the next run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedDataset {
    /// Its name.
    pub name: Arc<str>,
    /// Where it belongs: what [`RuleConfig::keep_dataset`] said.
    pub place: Arc<str>,
    /// Its values, one a line, as they are loaded again.
    pub text: String,
}

impl RuleConfig {
    /// Makes the lines of `source` the data set `name`; the first of that name stays. Answers which lines are no values.
    pub fn add_dataset(&mut self, name: &str, kind: DatasetKind, source: &Source<'_>) -> Vec<Diagnostic> {
        if self.datasets.sets.contains_key(name) {
            return Vec::new();
        }
        let mut entries = Entries::default();
        let mistakes = each_line(source, kind.form(), |line| {
            entries.insert(kind.read(line)?, ());
            Some(())
        });
        self.datasets.sets.insert(name.to_owned(), (kind, Arc::new(entries)));
        self.datasets.unread.insert(name.to_owned(), mistakes.len());
        mistakes
    }

    /// Makes the values of `source`, which is in JSON, the data set `name`; the first of that name stays. Answers what is wrong with the
    /// file.
    pub fn add_json_dataset(&mut self, name: &str, kind: DatasetKind, json: &JsonFormat, source: &Source<'_>) -> Vec<Diagnostic> {
        if self.datasets.sets.contains_key(name) {
            return Vec::new();
        }
        let read = json.read(kind, source);
        self.datasets.unread.insert(name.to_owned(), read.mistakes.len());
        self.datasets.sets.insert(name.to_owned(), (kind, Arc::new(read.entries)));
        self.datasets.contexts.insert(name.to_owned(), Arc::new(read.contexts));
        read.mistakes
    }

    /// The data set `name` is to be written to `place` after the run: whoever runs it knows what place that is.
    pub fn keep_dataset(&mut self, name: &str, place: &str) {
        self.datasets.places.insert(name.to_owned(), place.into());
    }

    /// Makes the lines `value,reputation` of `source` the reputations `name`; the first of that name stay. Answers what is wrong with
    /// the other lines.
    pub fn add_datarep(&mut self, name: &str, kind: DatasetKind, source: &Source<'_>) -> Vec<Diagnostic> {
        if self.datasets.reputations.contains_key(name) {
            return Vec::new();
        }
        let mut entries = Entries::default();
        let mistakes = each_line(source, "value,reputation", |line| {
            let (value, reputation) = line.split_once(',')?;
            entries.insert(kind.read(value.trim_end())?, reputation.trim_start().parse().ok()?);
            Some(())
        });
        self.datasets.reputations.insert(name.to_owned(), Arc::new(DataRep { kind, entries }));
        self.datasets.unread_reputations.insert(name.to_owned(), mistakes.len());
        mistakes
    }
}

impl Datasets {
    /// Whether the data set `name` was read.
    pub fn has(&self, name: &str) -> bool {
        self.sets.contains_key(name)
    }

    /// All that were read, in any order.
    pub(super) fn loaded(&self) -> impl Iterator<Item = Feed> {
        let unread = |of: &HashMap<String, usize>, name: &String| of.get(name).copied().unwrap_or_default();
        let sets = self.sets.iter().map(move |(name, (_, set))| Feed::dataset(name, set, unread(&self.unread, name)));
        let reputations =
            self.reputations.iter().map(move |(name, set)| Feed::reputations(name, set, unread(&self.unread_reputations, name)));
        sets.chain(reputations)
    }
}

impl Dataset {
    /// What `value` of a buffer is in it; of an address the network of `mask` bits. `None` where it could not be in it.
    pub fn item<'v>(&self, value: &'v [u8], mask: Option<u8>) -> Option<Item<'v>> {
        self.kind.item(value, mask)
    }
}

impl DataRep {
    /// The values and their reputations.
    pub const fn entries(&self) -> &Entries<u16> {
        &self.entries
    }

    /// The reputation of `value`; of an address that of the smallest network around it.
    fn of(&self, value: &[u8]) -> Option<u16> {
        self.entries.find(&self.kind.item(value, None)?, |_| true).copied()
    }
}
