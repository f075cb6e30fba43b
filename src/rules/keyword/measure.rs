//! Keywords that compare a number.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::Reason;
use super::super::parse::number::Comparison;
use super::super::subject::{FlowDirection, Sides, Subject};
use super::required;

/// Reads the number that a keyword compares. `None` holds in no comparison.
pub(super) type Read = fn(&Subject<'_>, FlowDirection) -> Option<u64>;

/// What a keyword compares.
#[derive(Debug)]
pub(super) struct Measured {
    /// The keyword.
    pub name: &'static str,
    pub sides: Sides,
    pub read: Read,
    /// The lowest that there is.
    pub least: u64,
}

/// A number of a session has to be so.
#[derive(Debug)]
struct Measure {
    of: &'static Measured,
    comparison: Comparison,
}

impl Test for Measure {
    fn sides(&self) -> Sides {
        self.of.sides
    }

    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool {
        (self.of.read)(subject, side).is_some_and(|n| self.comparison.holds(n))
    }

    fn comparison(&self) -> Option<(&'static str, Comparison)> {
        Some((self.of.name, self.comparison))
    }
}

/// `keyword:comparison`
pub(super) fn measure(builder: &mut Builder<'_>, value: Option<&str>, of: &'static Measured) -> Result<(), Reason> {
    let comparison = Comparison::parse(required(value)?).ok_or(Reason::BadValue("a number, or a comparison such as >3 or 0<>4"))?;
    builder.tests.push(Box::new(Measure { of, comparison }));
    let same = builder.tests.iter().filter_map(|t| t.comparison()).filter(|(name, _)| *name == of.name);
    let all: Vec<Comparison> = same.map(|(_, comparison)| comparison).collect();
    let can_hold = Comparison::can_hold(&all, of.least);
    if can_hold { Ok(()) } else { Err(Reason::NeverMatches("no number is as the comparisons want it")) }
}
