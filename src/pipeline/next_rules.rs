//! The way by which other rules come into a run.

use std::sync::{Arc, Mutex, PoisonError};

use crate::rules::RuleSet;

/// Holds the rules that are to take over until the run takes them, between two blocks of frames. Of several the newest counts.
///
/// A set that [needs order](RuleSet::needs_order) is for one worker. In a run with more the first one goes on with all flows then; not so at
/// interfaces, and not where rules [compare servers](RuleSet::compares_servers): it is not to be offered there.
#[derive(Debug, Default)]
pub struct NextRules(Mutex<Option<Arc<RuleSet>>>);

impl NextRules {
    /// `rules` are to be in force from the next block of frames that the run reads.
    pub fn offer(&self, rules: Arc<RuleSet>) {
        let before = self.slot().replace(rules);
        drop(before); // the lock is no longer held: to let go of a large set takes a while
    }

    /// What was offered since the last time.
    pub(super) fn take(&self) -> Option<Arc<RuleSet>> {
        self.slot().take()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<RuleSet>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_sets_the_newest_is_taken_once() {
        let (next, newest) = (NextRules::default(), Arc::new(RuleSet::default()));
        assert!(next.take().is_none());
        next.offer(Arc::default());
        next.offer(Arc::clone(&newest));
        assert!(next.take().is_some_and(|taken| Arc::ptr_eq(&taken, &newest)));
        assert!(next.take().is_none());
    }
}
