//! What rules have in common and is kept once for all of them.

use std::sync::Arc;

use hashbrown::HashSet;

use super::keyword::Regexes;

/// What the rules read so far have in common.
#[derive(Default)]
pub(super) struct Shared {
    /// Texts that come again.
    pub names: Names,
    /// Regular expressions.
    pub regexes: Regexes,
}

/// Texts, each kept once. Feeds write the same metadata and classes all over.
#[derive(Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    /// `name`, shared with those who asked for it before.
    pub fn get(&mut self, name: &str) -> Arc<str> {
        self.0.get_or_insert_with(name, |new| new.into()).clone()
    }
}
