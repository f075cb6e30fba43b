//! What a rule asks of a value: whether it is in a set, and what reputation it has.

use std::sync::Arc;

use super::changes::DatasetChanges;
use super::spec::{Command, Wanted};
use super::{DataRep, Dataset, Item};

/// Whether the whole value is in a data set; and what is to become of it there.
#[derive(Debug)]
pub(in crate::rules) struct Membership {
    /// The data set.
    pub dataset: Arc<Dataset>,
    /// What is asked or done.
    pub command: Command,
    /// Of an address, the network of so many bits is meant.
    pub mask: Option<u8>,
    /// The key by which alerts show the object that the value lies in.
    pub enrichment_key: Option<Arc<str>>,
}

/// A value that a rule puts in or takes out where it matches.
#[derive(Debug)]
pub(in crate::rules) struct Change {
    /// The data set.
    pub dataset: Arc<Dataset>,
    /// The value.
    pub item: Item<'static>,
    /// It is put in.
    pub put_in: bool,
}

/// Whether the whole value has a reputation.
#[derive(Debug)]
pub(in crate::rules) struct Rated {
    /// The reputations.
    pub reputations: Arc<DataRep>,
    /// What it has to be.
    pub wanted: Wanted,
}

impl Membership {
    /// Whether `value` is in the set as asked, with what rules `changed`. A value that could not be in it is neither in it nor not.
    pub fn holds(&self, value: &[u8], changed: &DatasetChanges) -> bool {
        let Some(item) = self.dataset.item(value, self.mask) else { return false };
        match self.command {
            Command::IsSet => changed.has(&self.dataset, &item),
            Command::IsNotSet | Command::Set => !changed.has(&self.dataset, &item),
            Command::Unset => changed.has_itself(&self.dataset, &item),
        }
    }

    /// Whether it changes the set.
    pub const fn changes(&self) -> bool {
        matches!(self.command, Command::Set | Command::Unset)
    }

    /// What an alert shows of `value`: the key, and an object of JSON as text.
    pub fn context(&self, value: &[u8]) -> Option<(Arc<str>, Arc<str>)> {
        let key = self.enrichment_key.as_ref()?;
        let item = self.dataset.item(value, self.mask)?;
        Some((key.clone(), self.dataset.contexts.as_ref()?.find(&item, |_| true)?.clone()))
    }

    /// What it makes of `value`, if anything.
    pub fn change(&self, value: &[u8]) -> Option<Change> {
        let item = self.dataset.item(value, self.mask).filter(|_| self.changes())?.into_owned();
        Some(Change { dataset: Arc::clone(&self.dataset), item, put_in: self.command == Command::Set })
    }
}

impl Rated {
    /// Whether `value` has such a reputation.
    pub fn holds(&self, value: &[u8]) -> bool {
        self.reputations.of(value).is_some_and(|reputation| self.wanted.holds(reputation))
    }
}
