//! Sets of numbers as sorted ranges: addresses and ports.

use std::net::IpAddr;

use super::ast::{AddressRange, PortRange};

/// A set of `T`s: ranges with both ends included, sorted, not touching each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ranges<T>(Vec<(T, T)>);

/// A number with neighbours.
pub(super) trait Number: Copy + Ord {
    /// The lowest.
    const MIN: Self;
    /// The highest.
    const MAX: Self;
    /// The next one; none after the highest.
    fn next(self) -> Option<Self>;
    /// The one before; none before the lowest.
    fn previous(self) -> Option<Self>;
}

macro_rules! number {
    ($($t:ty)*) => { $(
        impl Number for $t {
            const MIN: Self = <$t>::MIN;
            const MAX: Self = <$t>::MAX;
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    )* };
}
number!(u16 u32 u128);

impl<T: Number> Ranges<T> {
    /// None.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// All.
    pub fn all() -> Self {
        Self(vec![(T::MIN, T::MAX)])
    }

    /// The union of `ranges`, each with its first not above its last.
    pub fn from_ranges(mut ranges: Vec<(T, T)>) -> Self {
        ranges.sort_unstable();
        let mut out: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match out.last_mut() {
                Some((_, end)) if first <= *end || end.next() == Some(first) => *end = last.max(*end),
                _ => out.push((first, last)),
            }
        }
        out.shrink_to_fit();
        Self(out)
    }

    /// The union of `sets`.
    pub fn union(sets: impl IntoIterator<Item = Self>) -> Self {
        Self::from_ranges(sets.into_iter().flat_map(|s| s.0).collect())
    }

    /// What is not in it.
    pub fn complement(&self) -> Self {
        let mut out = Vec::with_capacity(self.0.len().saturating_add(1));
        let mut from = Some(T::MIN);
        for &(first, last) in &self.0 {
            if let (Some(from), Some(before)) = (from, first.previous())
                && from <= before
            {
                out.push((from, before));
            }
            from = last.next();
        }
        out.extend(from.map(|from| (from, T::MAX)));
        Self(out)
    }

    /// What is in it and not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        Self::union([self.complement(), other.clone()]).complement()
    }

    /// What is in both.
    pub fn intersection(&self, other: &Self) -> Self {
        self.without(&other.complement())
    }

    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `value` is in it.
    pub fn contains(&self, value: T) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= value);
        after.checked_sub(1).and_then(|i| self.0.get(i)).is_some_and(|&(_, last)| value <= last)
    }
}

/// What addresses and ports have in common: sets that rules compose.
pub(super) trait Set: Clone {
    /// What the text names.
    type Range: Copy;
    /// One range.
    fn of(range: Self::Range) -> Self;
    /// All.
    fn all() -> Self;
    /// The union of `sets`.
    fn union(sets: Vec<Self>) -> Self;
    /// What is in `self` and not in `other`.
    fn without(&self, other: &Self) -> Self;
    /// Whether nothing is in it.
    fn is_empty(&self) -> bool;
}

/// A set of ports.
pub(super) type PortSet = Ranges<u16>;

impl Set for PortSet {
    type Range = PortRange;

    fn of(range: PortRange) -> Self {
        Self(vec![(range.first, range.last)])
    }

    fn all() -> Self {
        Self::all()
    }

    fn union(sets: Vec<Self>) -> Self {
        Self::union(sets)
    }

    fn without(&self, other: &Self) -> Self {
        self.without(other)
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// A set of addresses of both families.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AddressSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl AddressSet {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(a) => self.v4.contains(a.into()),
            IpAddr::V6(a) => self.v6.contains(a.into()),
        }
    }
}

impl Set for AddressSet {
    type Range = AddressRange;

    fn of(range: AddressRange) -> Self {
        match (range.first, range.last) {
            (IpAddr::V4(a), IpAddr::V4(b)) => Self { v4: Ranges(vec![(a.into(), b.into())]), v6: Ranges::empty() },
            (IpAddr::V6(a), IpAddr::V6(b)) => Self { v4: Ranges::empty(), v6: Ranges(vec![(a.into(), b.into())]) },
            _ => Self { v4: Ranges::empty(), v6: Ranges::empty() },
        }
    }

    fn all() -> Self {
        Self { v4: Ranges::all(), v6: Ranges::all() }
    }

    fn union(sets: Vec<Self>) -> Self {
        let (v4, v6): (Vec<_>, Vec<_>) = sets.into_iter().map(|s| (s.v4, s.v6)).unzip();
        Self { v4: Ranges::union(v4), v6: Ranges::union(v6) }
    }

    fn without(&self, other: &Self) -> Self {
        Self { v4: self.v4.without(&other.v4), v6: self.v6.without(&other.v6) }
    }

    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn touching_ranges_become_one() {
        let set = PortSet::from_ranges(vec![(5, 9), (1, 2), (3, 4), (20, 30), (25, 26)]);
        assert_eq!(set, Ranges(vec![(1, 9), (20, 30)]));
        assert_eq!(PortSet::all().complement(), PortSet::empty());
        assert_eq!(PortSet::empty().complement(), PortSet::all());
    }

    proptest! {
        #[test]
        fn sets_behave_as_sets_do(
            a in prop::collection::vec((0_u16..40, 0_u16..6), 0..5),
            b in prop::collection::vec((0_u16..40, 0_u16..6), 0..5),
        ) {
            let set = |v: &[(u16, u16)]| PortSet::from_ranges(v.iter().map(|&(f, n)| (f, f + n)).collect());
            let has = |v: &[(u16, u16)], x: u16| v.iter().any(|&(f, n)| (f..=f + n).contains(&x));
            let (sa, sb) = (set(&a), set(&b));
            for x in (0..50).chain([u16::MAX]) {
                prop_assert_eq!(sa.contains(x), has(&a, x));
                prop_assert_eq!(sa.complement().contains(x), !has(&a, x));
                prop_assert_eq!(sa.without(&sb).contains(x), has(&a, x) && !has(&b, x));
                prop_assert_eq!(Ranges::union([sa.clone(), sb.clone()]).contains(x), has(&a, x) || has(&b, x));
                prop_assert_eq!(sa.intersection(&sb).contains(x), has(&a, x) && has(&b, x));
            }
        }
    }
}
