//! Bits and numbers of one flow. There are no more of them than rules name.

use super::tag::Tags;
use super::threshold::{Allowed, Count, Threshold};
use super::{Change, Name};
use crate::base::Timestamp;
use crate::rules::parse::number::Comparison;

/// The bits that are set, the numbers that have a value, and what rules with a threshold by flow have counted. Most flows have none.
#[derive(Clone, Debug, Default)]
pub struct FlowVars(Option<Box<Vars>>);

#[derive(Clone, Debug, Default)]
struct Vars {
    bits: Vec<Name>,
    /// Those of `xbits`, which events do not tell.
    session_bits: Vec<Name>,
    ints: Vec<(Name, u32)>,
    /// By gid and sid.
    counts: Vec<((u32, u32), Count)>,
    tags: Tags,
}

/// What `flowint` asks of a number.
#[derive(Clone, Debug)]
pub enum IntTest {
    IsSet(bool),
    /// It has a value, and that compares so with the amount.
    Compares(fn(u64) -> Comparison, Amount),
}

/// What `flowint` does to a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntChange {
    /// `=`
    Set(Amount),
    /// `+`: one without a value counts as 0. It does not grow beyond 32 bits.
    Add(Amount),
    /// `-`: not below 0; one without a value stays so.
    Subtract(Amount),
}

/// A number, or the name of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    Number(u32),
    Named(Name),
}

impl FlowVars {
    /// The bits that are set, in the order in which they were.
    pub fn bits(&self) -> &[Name] {
        self.0.as_ref().map_or(&[], |vars| &vars.bits)
    }

    /// The numbers that have a value.
    pub fn ints(&self) -> &[(Name, u32)] {
        self.0.as_ref().map_or(&[], |vars| &vars.ints)
    }

    pub fn is_set(&self, name: &Name) -> bool {
        self.bits().contains(name)
    }

    pub fn change(&mut self, name: &Name, change: Change) {
        if self.0.is_some() || change != Change::Unset {
            self::change(&mut self.vars().bits, name, change);
        }
    }

    /// Whether a bit of the session is set. A flow has one session.
    pub fn is_set_of_session(&self, name: &Name) -> bool {
        self.0.as_ref().is_some_and(|vars| vars.session_bits.contains(name))
    }

    pub fn change_of_session(&mut self, name: &Name, change: Change) {
        if self.0.is_some() || change != Change::Unset {
            self::change(&mut self.vars().session_bits, name, change);
        }
    }

    pub fn int_holds(&self, name: &Name, test: &IntTest) -> bool {
        match (self.int(name), test) {
            (value, IntTest::IsSet(set)) => value.is_some() == *set,
            (Some(value), IntTest::Compares(with, amount)) => {
                self.amount(amount).is_some_and(|amount| with(amount.into()).holds(value.into()))
            }
            (None, IntTest::Compares(..)) => false,
        }
    }

    /// A change by a number that has no value changes nothing.
    pub fn change_int(&mut self, name: &Name, change: &IntChange) {
        let (IntChange::Set(amount) | IntChange::Add(amount) | IntChange::Subtract(amount)) = change;
        let Some(amount) = self.amount(amount) else { return };
        let new = match (change, self.int(name)) {
            (IntChange::Set(_), _) => amount,
            (IntChange::Add(_), old) => old.unwrap_or(0).saturating_add(amount),
            (IntChange::Subtract(_), Some(old)) => old.saturating_sub(amount),
            (IntChange::Subtract(_), None) => return,
        };
        let ints = &mut self.vars().ints;
        match ints.iter_mut().find(|(n, _)| n == name) {
            Some((_, value)) => *value = new,
            None => ints.push((name.clone(), new)),
        }
    }

    /// Counts a match of the rule with this gid and sid at `now`.
    pub fn count(&mut self, rule: (u32, u32), threshold: &Threshold, now: Timestamp) -> Allowed {
        let counts = &mut self.vars().counts;
        let before = counts.iter().position(|(r, _)| *r == rule).map(|i| counts.swap_remove(i).1);
        let (count, allowed) = threshold.count(before, now);
        counts.push((rule, count));
        allowed
    }

    /// The tags of the flow, to set one.
    pub fn tags(&mut self) -> &mut Tags {
        &mut self.vars().tags
    }

    /// A packet of `bytes` came: whether it is tagged.
    pub fn take_tagged(&mut self, now: Timestamp, bytes: u32) -> bool {
        self.0.as_mut().is_some_and(|vars| vars.tags.take(now, bytes))
    }

    fn vars(&mut self) -> &mut Vars {
        self.0.get_or_insert_default()
    }

    fn int(&self, name: &Name) -> Option<u32> {
        self.ints().iter().find(|(n, _)| n == name).map(|&(_, value)| value)
    }

    fn amount(&self, amount: &Amount) -> Option<u32> {
        match amount {
            Amount::Number(n) => Some(*n),
            Amount::Named(name) => self.int(name),
        }
    }
}

fn change(bits: &mut Vec<Name>, name: &Name, change: Change) {
    match (change, bits.contains(name)) {
        (Change::Set | Change::Toggle, false) => bits.push(name.clone()),
        (Change::Unset | Change::Toggle, true) => bits.retain(|n| n != name),
        (Change::Set, true) | (Change::Unset, false) => {}
    }
}
