//! A set of findings: a bit for each.

use std::sync::LazyLock;

use super::{Finding, Severity, all};

/// Some of the findings that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FindingSet([u64; WORDS]);

impl FindingSet {
    /// All of them.
    pub const ALL: Self = Self([!0; WORDS]);

    /// How many there can be.
    pub const MOST: usize = WORDS * 64;

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.iter().fold(0, |sum, word| sum.saturating_add(usize::try_from(word.count_ones()).unwrap_or(0)))
    }

    /// Whether `finding` is in it.
    pub fn contains(&self, finding: &Finding) -> bool {
        all().position(|other| std::ptr::eq(other, finding)).is_some_and(|place| self.has_place(place))
    }

    /// Adds `finding`.
    pub fn insert(&mut self, finding: &Finding) {
        if let Some(place) = all().position(|other| std::ptr::eq(other, finding)) {
            self.insert_place(place);
        }
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::zip(self, other, |mine, theirs| mine & theirs)
    }

    /// Those that are in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::zip(self, other, |mine, theirs| mine | theirs)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self::zip(self, other, |mine, theirs| mine & !theirs)
    }

    /// Them, in the order of their tables.
    pub fn iter(&self) -> impl Iterator<Item = &'static Finding> + use<> {
        self.places().filter_map(at)
    }

    /// Them, the gravest first.
    pub fn by_severity(&self) -> impl Iterator<Item = &'static Finding> + use<> {
        let set = *self;
        OF_SEVERITY.iter().flat_map(move |(_, of_it)| set.and(*of_it).iter())
    }

    /// How grave the gravest is.
    pub fn severity(&self) -> Option<Severity> {
        OF_SEVERITY.iter().find(|(_, of_it)| !self.and(*of_it).is_empty()).map(|(severity, _)| *severity)
    }

    /// Adds that at `place`, counted through all tables.
    pub(super) fn insert_place(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    /// The places of those that are in it, counted through all tables.
    fn places(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(i, mut word)| {
            std::iter::from_fn(move || {
                let bit = usize::try_from(word.trailing_zeros()).ok().filter(|_| word != 0)?;
                word &= word.wrapping_sub(1);
                Some(i.saturating_mul(64).saturating_add(bit))
            })
        })
    }

    fn has_place(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word & 1 << (place % 64) != 0)
    }

    fn zip(self, other: Self, join: fn(u64, u64) -> u64) -> Self {
        let mut joined = self;
        for (mine, theirs) in joined.0.iter_mut().zip(other.0) {
            *mine = join(*mine, theirs);
        }
        joined
    }
}

impl FromIterator<&'static Finding> for FindingSet {
    fn from_iter<I: IntoIterator<Item = &'static Finding>>(findings: I) -> Self {
        let mut set = Self::default();
        findings.into_iter().for_each(|finding| set.insert(finding));
        set
    }
}

/// How often each finding was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingCounts(Vec<u64>);

impl FindingCounts {
    /// Counts those of `found`.
    pub fn count(&mut self, found: FindingSet) {
        if !found.is_empty() && self.0.is_empty() {
            self.0 = vec![0; FindingSet::MOST];
        }
        for place in found.places() {
            if let Some(count) = self.0.get_mut(place) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// Those that were made, each with its number, in the order of their tables.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Finding, u64)> + '_ {
        self.0.iter().enumerate().filter(|(_, n)| **n > 0).filter_map(|(place, n)| Some((at(place)?, *n)))
    }
}

/// The finding at `place`, counted through all tables.
fn at(place: usize) -> Option<&'static Finding> {
    IN_ORDER.get(place).copied()
}

/// All, in the order of their tables.
static IN_ORDER: LazyLock<Vec<&'static Finding>> = LazyLock::new(|| all().collect());

/// Those of each severity, the gravest first.
static OF_SEVERITY: LazyLock<[(Severity, FindingSet); 4]> =
    LazyLock::new(|| Severity::ALL.map(|severity| (severity, all().filter(|finding| finding.severity == severity).collect())));

const WORDS: usize = 5;

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    #[test]
    fn there_is_room_for_all() {
        assert!(all().count() <= FindingSet::MOST, "{}", all().count());
        assert_eq!(FindingSet::ALL.iter().count(), all().count());
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let (one, other) = (find("weak.protocol.sslv3").unwrap(), find("nottls.http").unwrap());
        let mut set = FindingSet::default();
        assert!(set.is_empty());
        set.insert(other);
        set.insert(one);
        assert!(set.contains(one) && set.contains(other) && !set.contains(find("nottls.ssh").unwrap()));
        assert_eq!(set.iter().map(|f| f.id).collect::<Vec<_>>(), ["weak.protocol.sslv3", "nottls.http"]);
        assert_eq!((set.len(), set.severity()), (2, Some(Severity::High)));
        assert_eq!(FindingSet::ALL.without(set).or(set).len(), FindingSet::MOST);
        assert_eq!(set.and(FindingSet::default()), FindingSet::default());
    }

    #[test]
    fn counts_add_up() {
        let of = |ids: &[&str]| {
            let mut counts = FindingCounts::default();
            for id in ids {
                let mut set = FindingSet::default();
                set.insert(find(id).unwrap());
                counts.count(set);
            }
            counts
        };
        let mut sum = FindingCounts::default();
        sum.add(&of(&["nottls.http", "weak.protocol.sslv3"]));
        sum.add(&of(&["nottls.http"]));
        sum.add(&FindingCounts::default());
        assert_eq!(sum.iter().map(|(f, n)| (f.id, n)).collect::<Vec<_>>(), [("weak.protocol.sslv3", 1), ("nottls.http", 2)]);
    }

    #[test]
    fn the_gravest_come_first() {
        let severities: Vec<_> = FindingSet::ALL.by_severity().map(|f| f.severity).collect();
        assert!(severities.is_sorted_by(|a, b| a >= b));
        assert_eq!(severities.len(), all().count());
    }
}
