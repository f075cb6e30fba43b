//! Keywords that compare a number.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::Reason;
use super::super::parse::number::Comparison;
use super::super::subject::{FlowDirection, Sides, Subject};
use super::required;

/// Reads the number that a keyword compares. `None` holds in no comparison.
pub(super) type Read = fn(&Subject<'_>, FlowDirection) -> Option<u64>;

/// A number of a session has to be so.
#[derive(Debug)]
struct Measure {
    sides: Sides,
    read: Read,
    comparison: Comparison,
}

impl Test for Measure {
    fn sides(&self) -> Sides {
        self.sides
    }

    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool {
        (self.read)(subject, side).is_some_and(|n| self.comparison.holds(n))
    }
}

/// `keyword:comparison`
pub(super) fn measure(builder: &mut Builder<'_>, value: Option<&str>, sides: Sides, read: Read) -> Result<(), Reason> {
    let comparison = Comparison::parse(required(value)?).ok_or(Reason::BadValue("a number, or a comparison such as >3 or 0<>4"))?;
    builder.tests.push(Box::new(Measure { sides, read, comparison }));
    Ok(())
}
