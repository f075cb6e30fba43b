//! Whether a buffer's value has what a rule asks of it.
//!
//! Contents are found from left to right. Where a later one is relative and is not found, the one that it is relative to is
//! looked for again further on: all combinations are tried, as Suricata does, within a budget of work.

use std::borrow::Cow;
use std::cell::OnceCell;

use memchr::memmem;

use super::inspect::{Content, Inspection, IsDataAt, Pcre, Step};
use super::transform;

/// Work that one value may still cost. Each search takes one step and another for every 256 bytes it looks through.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
}

impl Budget {
    /// A whole one.
    pub const fn new() -> Self {
        Self { left: STEPS }
    }

    /// Whether it ran out: the value counts as not matching.
    pub const fn is_spent(&self) -> bool {
        self.left == 0
    }

    fn spend(&mut self, bytes: usize) -> bool {
        let cost = u32::try_from(bytes / BYTES_PER_STEP).unwrap_or(u32::MAX).saturating_add(1);
        self.left = self.left.saturating_sub(cost);
        self.left > 0
    }
}

impl Inspection {
    /// Whether `value` has all that is asked.
    pub fn holds(&self, value: &[u8], budget: &mut Budget) -> bool {
        let value = transform::apply(&self.transforms, value);
        let len = u64::try_from(value.len()).unwrap_or(u64::MAX);
        self.size.iter().all(|s| s.holds(len)) && run(&self.steps, &Haystack::new(&value), 0, budget) == Outcome::Found
    }
}

/// A value, and itself in lower case where that is asked for.
struct Haystack<'v> {
    raw: &'v [u8],
    lower: OnceCell<Vec<u8>>,
}

impl<'v> Haystack<'v> {
    const fn new(raw: &'v [u8]) -> Self {
        Self { raw, lower: OnceCell::new() }
    }

    fn bytes(&self, nocase: bool) -> &[u8] {
        if nocase { self.lower.get_or_init(|| self.raw.to_ascii_lowercase()) } else { self.raw }
    }
}

/// What came of some steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// All hold.
    Found,
    /// They do not, but may from another place of the match before them.
    Elsewhere,
    /// They do not, wherever the match before them is.
    Never,
}

impl Outcome {
    /// What the failure of a step means to those before it.
    const fn failed(relative: bool) -> Self {
        if relative { Self::Elsewhere } else { Self::Never }
    }
}

/// `steps`, the last match having ended at `last`.
fn run(steps: &[Step], hay: &Haystack<'_>, last: usize, budget: &mut Budget) -> Outcome {
    let Some((step, rest)) = steps.split_first() else { return Outcome::Found };
    let holds = match step {
        Step::Content(c) if !c.negated => return content(c, rest, hay, last, budget),
        Step::Pcre(p) if !p.negated => return pcre(p, rest, hay, last, budget),
        Step::Content(c) => absent(c, hay, last, budget),
        Step::Pcre(p) => subject(p, hay, last).is_none_or(|(_, s)| budget.spend(s.len()) && !p.regex.is_match(s)),
        Step::IsDataAt(i) => i.holds(hay.raw.len(), last),
    };
    if holds { run(rest, hay, last, budget) } else { Outcome::failed(step.is_relative()) }
}

fn content(c: &Content, rest: &[Step], hay: &Haystack<'_>, last: usize, budget: &mut Budget) -> Outcome {
    let bytes = hay.bytes(c.nocase);
    let Some((mut from, end)) = c.window(bytes.len(), last) else { return Outcome::failed(c.is_relative()) };
    while let Some(region) = bytes.get(from..end) {
        if !budget.spend(region.len()) {
            return Outcome::Never;
        }
        let Some(at) = memmem::find(region, &c.pattern) else { break };
        let found = from.saturating_add(at);
        match run(rest, hay, found.saturating_add(c.pattern.len()), budget) {
            Outcome::Elsewhere => from = found.saturating_add(1),
            settled => return settled,
        }
    }
    Outcome::failed(c.is_relative())
}

fn absent(c: &Content, hay: &Haystack<'_>, last: usize, budget: &mut Budget) -> bool {
    let bytes = hay.bytes(c.nocase);
    let region = c.window(bytes.len(), last).and_then(|(from, end)| bytes.get(from..end));
    region.is_none_or(|r| budget.spend(r.len()) && memmem::find(r, &c.pattern).is_none())
}

fn pcre(p: &Pcre, rest: &[Step], hay: &Haystack<'_>, last: usize, budget: &mut Budget) -> Outcome {
    let Some((base, text)) = subject(p, hay, last) else { return Outcome::failed(p.relative) };
    let mut from = 0;
    while from <= text.len() {
        if !budget.spend(text.len()) {
            return Outcome::Never;
        }
        let Some(found) = p.regex.find_at(text, from) else { break };
        match run(rest, hay, base.saturating_add(found.end()), budget) {
            Outcome::Elsewhere => from = found.start().saturating_add(1),
            settled => return settled,
        }
    }
    Outcome::failed(p.relative)
}

/// What an expression sees: from where, and the bytes.
fn subject<'h>(p: &Pcre, hay: &Haystack<'h>, last: usize) -> Option<(usize, &'h [u8])> {
    let base = if p.relative { last } else { 0 };
    Some((base, hay.raw.get(base..)?))
}

impl Step {
    const fn is_relative(&self) -> bool {
        match self {
            Self::Content(c) => c.is_relative(),
            Self::Pcre(p) => p.relative,
            Self::IsDataAt(i) => i.relative,
        }
    }
}

impl IsDataAt {
    /// In a buffer of `len` bytes: relative, `at` bytes follow the last match; else there are more than `at`.
    fn holds(&self, len: usize, last: usize) -> bool {
        let there = if self.relative { last.saturating_add(self.at) <= len } else { self.at < len };
        there != self.negated
    }
}

/// Values of a buffer; mostly one.
pub(super) type Values<'s> = smallvec::SmallVec<[Cow<'s, [u8]>; 2]>;

/// Enough for any rule seen in public sets by a factor of a hundred, and about a millisecond at worst.
const STEPS: u32 = 20_000;
const BYTES_PER_STEP: usize = 256;
