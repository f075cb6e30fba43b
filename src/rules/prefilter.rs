//! Candidates: which plans a buffer's value speaks for, without looking at each.
//!
//! Every plan has at most one key, in one buffer. It holds only where a value has the key, so that whoever is not spoken for
//! need not be tried. Keys are in lower case, and so is what they are looked up in; whether case matters is seen later.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;
use smallvec::SmallVec;

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

/// The keys of one buffer of one side, after the same transforms.
#[derive(Debug)]
pub(super) struct Table {
    buffer: &'static Buffer,
    side: FlowDirection,
    transforms: SmallVec<[Transform; 1]>,
    exact: HashMap<Box<[u8]>, Plans>,
    suffixes: HashMap<Box<[u8]>, Plans>,
    longest_suffix: usize,
    literals: Literals,
}

/// Indices of plans.
type Plans = SmallVec<[u32; 2]>;

#[derive(Debug, Default)]
struct Literals {
    index: HashMap<Box<[u8]>, usize>,
    plans: Vec<Plans>,
    automaton: Option<AhoCorasick>,
}

impl Table {
    pub fn new(inspection: &Inspection, side: FlowDirection) -> Self {
        Self {
            buffer: inspection.buffer,
            side,
            transforms: inspection.transforms.clone(),
            exact: HashMap::new(),
            suffixes: HashMap::new(),
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
            Key::Exact(bytes) => self.exact.entry(bytes).or_default().push(plan),
            Key::Suffix(bytes) => {
                self.longest_suffix = self.longest_suffix.max(bytes.len());
                self.suffixes.entry(bytes).or_default().push(plan);
            }
            Key::Literal(bytes) => {
                let Literals { index, plans, .. } = &mut self.literals;
                let i = *index.entry(bytes).or_insert(plans.len());
                match plans.get_mut(i) {
                    Some(list) => list.push(plan),
                    None => plans.push(Plans::from_elem(plan, 1)),
                }
            }
        }
    }

    /// To be called once all keys are in. The plans that it gives back could not be put in: they are to be tried always.
    pub fn finish(&mut self) -> Vec<u32> {
        let literals = &mut self.literals;
        let mut patterns = vec![Box::default(); literals.plans.len()];
        for (bytes, i) in std::mem::take(&mut literals.index) {
            if let Some(slot) = patterns.get_mut(i) {
                *slot = bytes;
            }
        }
        if patterns.is_empty() {
            return Vec::new();
        }
        match AhoCorasick::new(&patterns) {
            Ok(automaton) => {
                literals.automaton = Some(automaton);
                Vec::new()
            }
            Err(_) => std::mem::take(&mut literals.plans).into_iter().flatten().collect(),
        }
    }

    /// Calls `found` with each plan that a value of `session` speaks for, some of them more than once.
    pub fn look_up(&self, session: &Session, lower: &mut Vec<u8>, mut found: impl FnMut(u32)) {
        let mut values = Values::new();
        (self.buffer.read)(session, self.side, &mut values);
        for value in &values {
            let value = transform::apply(&self.transforms, value);
            lower.clear();
            lower.extend(value.iter().map(u8::to_ascii_lowercase));
            self.exact.get(lower.as_slice()).into_iter().flatten().for_each(|&p| found(p));
            self.look_up_suffixes(lower, &mut found);
            if let Some(automaton) = &self.literals.automaton {
                for hit in automaton.find_overlapping_iter(&*lower) {
                    self.literals.plans.get(hit.pattern().as_usize()).into_iter().flatten().for_each(|&p| found(p));
                }
            }
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
            self.suffixes.get(suffix).into_iter().flatten().for_each(|&p| found(p));
        }
    }
}
