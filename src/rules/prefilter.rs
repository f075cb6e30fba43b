//! Candidates: which plans a buffer's value speaks for, without looking at each.
//!
//! Every plan has at most one key, in one buffer. It holds only where a value has the key, so that whoever is not spoken for
//! need not be tried. Keys are in lower case, and so is what they are looked up in; whether case matters is seen later.

use aho_corasick::AhoCorasick;
use hashbrown::HashMap;
use memchr::memmem::Finder;
use smallvec::SmallVec;

use super::hashed::HashedKeys;
use super::inspect::{Content, Inspection};
use super::keyword::Buffer;
use super::matcher::Values;
use super::subject::{Facts, FlowDirection};
use super::transform::{self, Transform};
use crate::protocol::tls::Session;

/// What a value needs for a plan to hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// It has this in it.
    Literal(Box<[u8]>),
    /// It ends with this, which begins with a dot.
    Suffix(Box<[u8]>),
    /// It is this.
    Exact(Box<[u8]>),
}

impl Key {
    /// The best key that `inspection` has.
    pub fn of(inspection: &Inspection) -> Option<Self> {
        if inspection.holds_without_value() || inspection.address.is_some() {
            return None;
        }
        let whole = inspection.wanted().find(|c| inspection.is_whole(c));
        let suffix = || inspection.wanted().filter(|c| c.endswith && c.pattern.starts_with(b".")).max_by_key(|c| c.pattern.len());
        let literal = || inspection.wanted().max_by_key(|c| (c.fast.is_some(), c.fast_bytes().len()));
        let lower = |c: &Content| c.pattern.to_ascii_lowercase().into();
        (whole.map(|c| Self::Exact(lower(c))))
            .or_else(|| suffix().map(|c| Self::Suffix(lower(c))))
            .or_else(|| literal().map(|c| Self::Literal(c.fast_bytes().to_ascii_lowercase().into())))
    }

    /// How few values have it: the higher the better.
    pub fn rank(&self) -> (u8, usize) {
        match self {
            Self::Literal(bytes) => (0, bytes.len()),
            Self::Suffix(bytes) => (1, bytes.len()),
            Self::Exact(bytes) => (2, bytes.len()),
        }
    }
}

/// Whether nearly all values have `key`: it is one byte of those that names and numbers are written with.
pub(super) fn is_common(key: &[u8]) -> bool {
    matches!(key, [byte] if byte.is_ascii_alphanumeric() || b" .,-_:=/".contains(byte))
}

/// The keys of one buffer of one side, after the same transforms.
#[derive(Debug)]
pub(super) struct Table {
    buffer: &'static Buffer,
    side: FlowDirection,
    transforms: Vec<Transform>,
    exact: HashedKeys,
    suffixes: HashedKeys,
    longest_suffix: usize,
    literals: Literals,
}

/// Indices of plans.
type Plans = SmallVec<[u32; 2]>;

#[derive(Debug, Default)]
struct Literals {
    index: HashMap<Box<[u8]>, usize>,
    plans: Vec<Plans>,
    search: Search,
}

/// How literals are looked for: a few one after the other, which is faster than one pass for all.
#[derive(Debug)]
enum Search {
    Each(Vec<Finder<'static>>),
    All(AhoCorasick),
}

impl Default for Search {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

impl Table {
    pub fn new(inspection: &Inspection, side: FlowDirection) -> Self {
        Self {
            buffer: inspection.buffer,
            side,
            transforms: inspection.transforms.clone(),
            exact: HashedKeys::default(),
            suffixes: HashedKeys::default(),
            longest_suffix: 0,
            literals: Literals::default(),
        }
    }

    /// Whether keys of `inspection`, read from `side`, are looked up in it.
    pub fn is_for(&self, inspection: &Inspection, side: FlowDirection) -> bool {
        self.buffer.name == inspection.buffer.name && self.side == side && self.transforms == inspection.transforms
    }

    /// When its buffer is there.
    pub fn fact(&self) -> Facts {
        self.buffer.sides.facts(self.side)
    }

    /// `plan` holds only where a value has `key`.
    pub fn add(&mut self, key: Key, plan: u32) {
        match key {
            Key::Exact(bytes) => self.exact.add(&bytes, plan),
            Key::Suffix(bytes) => {
                self.longest_suffix = self.longest_suffix.max(bytes.len());
                self.suffixes.add(&bytes, plan);
            }
            Key::Literal(bytes) => self.literals.add(bytes, plan),
        }
    }

    /// To be called once all keys are in. The plans that it gives back could not be put in: they are to be tried always.
    pub fn finish(&mut self) -> Vec<u32> {
        self.exact.finish();
        self.suffixes.finish();
        self.literals.finish()
    }

    /// Calls `found` with each plan that a value of `session` speaks for, some of them more than once.
    pub fn look_up(&self, session: &Session, lower: &mut Vec<u8>, mut found: impl FnMut(u32)) {
        let mut values = Values::new();
        (self.buffer.read)(session, self.side, &mut values);
        for value in &values {
            let value = transform::apply(&self.transforms, value);
            if self.suffixes.is_empty() && self.literals.plans.is_empty() && !self.exact.may_have(value.len()) {
                continue;
            }
            lower.clear();
            lower.extend_from_slice(&value);
            lower.make_ascii_lowercase();
            self.exact.get(lower).for_each(&mut found);
            self.look_up_suffixes(lower, &mut found);
            self.literals.look_up(lower, &mut found);
        }
    }

    /// Each end of `value` that begins with a dot, the longest first. None is longer than the longest key: a value of many dots
    /// costs no more than that times its length.
    fn look_up_suffixes(&self, value: &[u8], found: &mut impl FnMut(u32)) {
        if self.suffixes.is_empty() {
            return;
        }
        let from = value.len().saturating_sub(self.longest_suffix);
        let tail = value.get(from..).unwrap_or_default();
        for dot in memchr::memchr_iter(b'.', tail) {
            let suffix = tail.get(dot..).unwrap_or_default();
            self.suffixes.get(suffix).for_each(&mut *found);
        }
    }
}

impl Literals {
    fn add(&mut self, literal: Box<[u8]>, plan: u32) {
        let i = *self.index.entry(literal).or_insert(self.plans.len());
        match self.plans.get_mut(i) {
            Some(list) => list.push(plan),
            None => self.plans.push(Plans::from_elem(plan, 1)),
        }
    }

    fn finish(&mut self) -> Vec<u32> {
        let mut patterns = vec![Box::default(); self.plans.len()];
        for (bytes, i) in std::mem::take(&mut self.index) {
            if let Some(slot) = patterns.get_mut(i) {
                *slot = bytes;
            }
        }
        if patterns.len() <= FEW {
            self.search = Search::Each(patterns.iter().map(|p| Finder::new(p).into_owned()).collect());
            return Vec::new();
        }
        match AhoCorasick::new(&patterns) {
            Ok(automaton) => {
                self.search = Search::All(automaton);
                Vec::new()
            }
            Err(_) => std::mem::take(&mut self.plans).into_iter().flatten().collect(),
        }
    }

    fn look_up(&self, value: &[u8], found: &mut impl FnMut(u32)) {
        match &self.search {
            Search::Each(finders) => {
                let hits = finders.iter().zip(&self.plans).filter(|(finder, _)| finder.find(value).is_some());
                hits.flat_map(|(_, plans)| plans).for_each(|&p| found(p));
            }
            Search::All(automaton) => {
                for hit in automaton.find_overlapping_iter(value) {
                    self.plans.get(hit.pattern().as_usize()).into_iter().flatten().for_each(|&p| found(p));
                }
            }
        }
    }
}

/// So many literals are looked for one after the other.
const FEW: usize = 4;
