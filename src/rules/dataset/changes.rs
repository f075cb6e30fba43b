//! What rules put into data sets and took out of them, across flows.
//!
//! As with the bits of hosts, whether a rule matches hangs on the order of packets across flows: a set of rules with one that changes
//! a data set is for one worker ([`RuleSet::needs_order`](super::super::RuleSet::needs_order)).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::membership::Change;
use super::{Dataset, Entries, Item, SavedDataset, entry_memory};

/// By name of the set: what is other than it was loaded.
#[derive(Debug, Default)]
pub struct DatasetChanges(HashMap<Arc<str>, Changes>);

#[derive(Debug, Default)]
struct Changes {
    added: Entries<()>,
    /// Keys of what was loaded and is no more in it.
    removed: HashSet<Box<[u8]>>,
}

impl DatasetChanges {
    /// Whether `item`, or a network around it, is in `set`.
    pub fn has(&self, set: &Dataset, item: &Item<'_>) -> bool {
        match self.0.get(&set.name) {
            None => set.entries.find(item, |_| true).is_some(),
            Some(Changes { added, removed }) => {
                added.find(item, |_| true).is_some() || set.entries.find(item, |key| !removed.contains(key)).is_some()
            }
        }
    }

    /// Whether `item` itself is in `set`.
    pub fn has_itself(&self, set: &Dataset, item: &Item<'_>) -> bool {
        let key = &*item.key();
        match self.0.get(&set.name) {
            None => set.entries.has(key),
            Some(Changes { added, removed }) => added.has(key) || set.entries.has(key) && !removed.contains(key),
        }
    }

    /// Whether there is room for all that is put in.
    pub fn admits(&self, changes: &[Change]) -> bool {
        changes.iter().filter(|c| c.put_in).all(|change| {
            let set = &change.dataset;
            let of_set = changes.iter().filter(|c| c.put_in && c.dataset.name == set.name);
            let new: usize = of_set.map(|c| entry_memory(&c.item.key())).fold(0, usize::saturating_add);
            self.memory(set).saturating_add(new) <= set.memcap
        })
    }

    /// Does a change.
    pub fn apply(&mut self, change: Change) {
        let Change { dataset, item, put_in } = change;
        let Changes { added, removed } = self.0.entry(Arc::clone(&dataset.name)).or_default();
        match (put_in, dataset.entries.has(&item.key())) {
            (true, true) => _ = removed.remove(&*item.key()),
            (true, false) => added.insert(item, ()),
            (false, true) => _ = removed.insert(item.into_key()),
            (false, false) => added.remove(&item.key()),
        }
    }

    /// `set` as it is now, to be kept; `None` where it is not to be.
    pub fn save(&self, set: &Dataset) -> Option<SavedDataset> {
        let place = Arc::clone(set.place.as_ref()?);
        let unchanged = Changes::default();
        let Changes { added, removed } = self.0.get(&set.name).unwrap_or(&unchanged);
        let mut keys: Vec<&[u8]> = set.entries.keys().filter(|key| !removed.contains(*key)).chain(added.keys()).collect();
        keys.sort_unstable();
        let mut text = String::new();
        for key in keys {
            text.push_str(&set.kind.write(key));
            text.push('\n');
        }
        Some(SavedDataset { name: Arc::clone(&set.name), place, text })
    }

    /// Bytes that `set` takes: what was loaded and is no more in it is remembered still.
    fn memory(&self, set: &Dataset) -> usize {
        set.entries.memory().saturating_add(self.0.get(&set.name).map_or(0, |changes| changes.added.memory()))
    }
}
