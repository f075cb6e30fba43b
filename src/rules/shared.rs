//! What rules have in common and is kept once for all of them that one reader reads.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::config::RuleConfig;
use super::dataset::KnownSets;
use super::keyword::Regexes;
use super::rule::ReferenceKind;

/// What the rules read so far have in common.
#[derive(Default)]
pub(super) struct Shared {
    /// Texts that come again.
    pub names: Names,
    /// Kinds of references.
    pub kinds: Kinds,
    /// Regular expressions.
    pub regexes: Regexes,
    /// Data sets.
    pub sets: Arc<KnownSets>,
}

/// Kinds of references, by their names as written.
#[derive(Default)]
pub(super) struct Kinds(HashMap<String, Arc<ReferenceKind>>);

impl Kinds {
    /// The kind called `written`, in small or capital letters.
    pub fn get(&mut self, written: &str, config: &RuleConfig) -> Arc<ReferenceKind> {
        let new = || {
            let name = written.to_ascii_lowercase();
            let prefix = config.references.get(&name).cloned();
            Arc::new(ReferenceKind { name, prefix })
        };
        self.0.entry_ref(written).or_insert_with(new).clone()
    }
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
