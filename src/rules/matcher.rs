//! Whether a buffer's value has what a rule asks of it.
//!
//! Contents are found from left to right. Where a later one is relative and is not found, the one that it is relative to is
//! looked for again further on: all combinations are tried, as Suricata does, within a budget of work. So it is, too, where a
//! number was extracted at that place, as any later step may depend on it.

use std::borrow::Cow;
use std::cell::OnceCell;

use memchr::memmem;

use super::dataset::DatasetChanges;
use super::expression::Expression;
use super::field::Extracted;
use super::inspect::{Absent, Base64Decode, Content, Inspection, IsDataAt, Pcre, Step};
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

    /// Pays for a search of `expression` in `bytes` bytes.
    fn search(&mut self, expression: &Expression, bytes: usize) -> bool {
        self.left = self.left.saturating_sub(expression.cost());
        self.spend(bytes)
    }
}

impl Inspection {
    /// Whether `value` has all that is asked, data sets aside.
    #[cfg(test)]
    pub fn holds(&self, value: &[u8], budget: &mut Budget) -> bool {
        self.holds_at(value, 0, budget)
    }

    /// Whether `value`, which lacks its first `start` bytes, has all that is asked, data sets aside: offsets and depths count from
    /// where it began.
    pub fn holds_at(&self, value: &[u8], start: u64, budget: &mut Budget) -> bool {
        self.holds_after(&transform::apply(&self.transforms, value), start, budget)
    }

    /// Whether `value`, as the transforms made it, is in data sets as asked, with what rules `changed`, and has the reputations.
    pub fn is_listed(&self, value: &[u8], changed: &DatasetChanges) -> bool {
        self.datasets.iter().all(|m| m.holds(value, changed)) && self.reputations.iter().all(|r| r.holds(value))
    }

    /// Whether `value`, as the transforms made it, has all else that is asked.
    pub fn holds_after(&self, value: &[u8], start: u64, budget: &mut Budget) -> bool {
        if self.absent == Some(Absent::Only) {
            return false;
        }
        let len = u64::try_from(value.len()).unwrap_or(u64::MAX);
        let extracts = self.extracts();
        let start = i64::try_from(start).unwrap_or(i64::MAX);
        let mut run = Run { extracted: Extracted::default(), extracts, start, budget };
        self.size.iter().all(|s| s.holds(len)) && run.steps(&self.steps, &Haystack::new(value), 0) == Outcome::Found
    }
}

impl Inspection {
    /// Whether it extracts a number, on which later steps may depend.
    fn extracts(&self) -> bool {
        self.steps.iter().any(|s| matches!(s, Step::Extract(_))) || self.of_decoded().any(Self::extracts)
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

/// The steps tried on one value.
struct Run<'b> {
    extracted: Extracted,
    /// Some step extracts a number.
    extracts: bool,
    /// How many bytes of the value were cut off before it.
    start: i64,
    budget: &'b mut Budget,
}

impl Run<'_> {
    /// `steps`, the last match having ended at `last`.
    fn steps(&mut self, steps: &[Step], hay: &Haystack<'_>, last: usize) -> Outcome {
        let Some((step, rest)) = steps.split_first() else { return Outcome::Found };
        let holds = match step {
            Step::Content(c) if !c.negated => return self.content(c, rest, hay, last),
            Step::Pcre(p) if !p.negated => return self.pcre(p, rest, hay, last),
            Step::ByteJump(j) => {
                let target = j.target(hay.raw, last, &self.extracted);
                return self.moved(target, step, rest, hay);
            }
            Step::Extract(e) => {
                let result = e.result(hay.raw, last, &self.extracted);
                let after = result.map(|(value, after)| {
                    self.extracted.set(e.slot, value);
                    after
                });
                return self.moved(after, step, rest, hay);
            }
            Step::Content(c) => self.lacks(c, hay, last),
            Step::Pcre(p) => self.lacks_pcre(p, hay, last),
            Step::IsDataAt(i) => i.holds(hay.raw.len(), last, &self.extracted),
            Step::ByteTest(t) => t.holds(hay.raw, last, &self.extracted),
            Step::Entropy(e) => self.budget.spend(hay.raw.len()) && e.holds(hay.raw),
            Step::Base64(b) => self.base64(b, hay, last),
        };
        if holds { self.steps(rest, hay, last) } else { self.failed(step.is_relative()) }
    }

    fn content(&mut self, c: &Content, rest: &[Step], hay: &Haystack<'_>, last: usize) -> Outcome {
        let bytes = hay.bytes(c.nocase);
        let Some((mut from, end)) = c.window(bytes.len(), self.start, last, &self.extracted) else {
            return self.failed(c.is_relative());
        };
        while let Some(region) = bytes.get(from..end) {
            if !self.budget.spend(region.len()) {
                return Outcome::Never;
            }
            let Some(at) = memmem::find(region, &c.pattern) else { break };
            let found = from.saturating_add(at);
            match self.steps(rest, hay, found.saturating_add(c.pattern.len())) {
                Outcome::Elsewhere => from = found.saturating_add(1),
                settled => return settled,
            }
        }
        self.failed(c.is_relative())
    }

    fn pcre(&mut self, p: &Pcre, rest: &[Step], hay: &Haystack<'_>, last: usize) -> Outcome {
        let Some((base, text)) = subject(p, hay, last) else { return self.failed(p.relative) };
        let mut from = 0;
        while from <= text.len() {
            let Some(found) = self.find(p, text, from) else { return Outcome::Never };
            let Some((start, end)) = found else { break };
            match self.steps(rest, hay, base.saturating_add(end)) {
                Outcome::Elsewhere => from = start.saturating_add(1),
                settled => return settled,
            }
        }
        self.failed(p.relative)
    }

    /// What an expression finds; `None` where that takes too much work.
    fn find(&mut self, p: &Pcre, text: &[u8], from: usize) -> Option<Option<(usize, usize)>> {
        if !self.budget.search(&p.regex, text.len()) {
            return None;
        }
        p.regex.find_at(text, from).inspect_err(|_| self.budget.left = 0).ok()
    }

    /// After a step that leads to `to`, or fails.
    fn moved(&mut self, to: Option<usize>, step: &Step, rest: &[Step], hay: &Haystack<'_>) -> Outcome {
        match to.map(|to| self.steps(rest, hay, to)) {
            None | Some(Outcome::Elsewhere) => self.failed(step.is_relative()),
            Some(settled) => settled,
        }
    }

    fn lacks(&mut self, c: &Content, hay: &Haystack<'_>, last: usize) -> bool {
        let bytes = hay.bytes(c.nocase);
        let region = c.window(bytes.len(), self.start, last, &self.extracted).and_then(|(from, end)| bytes.get(from..end));
        region.is_none_or(|r| self.budget.spend(r.len()) && memmem::find(r, &c.pattern).is_none())
    }

    fn lacks_pcre(&mut self, p: &Pcre, hay: &Haystack<'_>, last: usize) -> bool {
        subject(p, hay, last).is_none_or(|(_, text)| self.find(p, text, 0) == Some(None))
    }

    /// Whether something is decoded, and is as asked.
    fn base64(&mut self, b: &Base64Decode, hay: &Haystack<'_>, last: usize) -> bool {
        let part = hay.raw.get(if b.relative { last } else { 0 }..).unwrap_or_default();
        if !self.budget.spend(part.len()) {
            return false;
        }
        let decoded = b.from.apply(part);
        let Some(asks) = b.asks.as_ref().filter(|_| !decoded.is_empty()) else { return !decoded.is_empty() };
        let value = transform::apply(&asks.transforms, &decoded);
        let len = u64::try_from(value.len()).unwrap_or(u64::MAX);
        let start = std::mem::take(&mut self.start);
        let holds = asks.size.iter().all(|s| s.holds(len)) && self.steps(&asks.steps, &Haystack::new(&value), 0) == Outcome::Found;
        self.start = start;
        holds
    }

    /// What the failure of a step means to those before it.
    const fn failed(&self, relative: bool) -> Outcome {
        if relative || self.extracts { Outcome::Elsewhere } else { Outcome::Never }
    }
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
            Self::ByteTest(t) => t.field.relative,
            Self::ByteJump(j) => j.field.relative,
            Self::Extract(e) => e.field.relative,
            Self::Entropy(_) => false,
            Self::Base64(b) => b.relative,
        }
    }
}

impl IsDataAt {
    /// In a buffer of `len` bytes: relative, `at` bytes follow the last match; else there are more than `at`.
    fn holds(&self, len: usize, last: usize, extracted: &Extracted) -> bool {
        let at = self.at.length(extracted);
        let there = at.is_some_and(|at| if self.relative { last.saturating_add(at) <= len } else { at < len });
        there != self.negated
    }
}

/// Values of a buffer; mostly one.
pub(super) type Values<'s> = smallvec::SmallVec<[Cow<'s, [u8]>; 2]>;

/// Enough for any rule seen in public sets by a factor of a hundred, and about a millisecond at worst.
const STEPS: u32 = 20_000;
const BYTES_PER_STEP: usize = 256;
