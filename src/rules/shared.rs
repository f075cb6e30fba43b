//! What rules have in common and is kept once for all of them.

use std::collections::HashSet;
use std::sync::Arc;

use super::dataset::KnownSets;
use super::keyword::Regexes;

/// What the rules read so far have in common.
#[derive(Default)]
pub(super) struct Shared {
    /// Texts that come again.
    pub names: Names,
    /// Regular expressions.
    pub regexes: Regexes,
    /// Data sets.
    pub sets: KnownSets,
}

/// Texts, each kept once. Feeds write the same metadata and classes all over.
#[derive(Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    /// `name`, shared with those who asked for it before.
    pub fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let new: Arc<str> = name.into();
        self.0.insert(new.clone());
        new
    }
}
