//! What a rule asks of one buffer.

use std::net::IpAddr;

use super::byte_ops::{ByteJump, ByteTest, Extraction};
use super::dataset::{Membership, Rated};
use super::entropy::Entropy;
use super::expression::Expression;
use super::field::{Extracted, Place, place};
use super::keyword::{BASE64_DATA, Buffer, PAYLOAD};
use super::parse::number::Comparison;
use super::subject::FlowDirection;
use super::transform::{FromBase64, Transform};

/// All that a rule asks of one mention of a buffer. It holds where one value of the buffer has all of it.
#[derive(Debug)]
pub(super) struct Inspection {
    /// The buffer.
    pub buffer: &'static Buffer,
    /// Where it is named: the offset in the rule's text.
    pub at: u32,
    /// The buffer is one of the addresses: this one.
    pub address: Option<AddressOf>,
    /// What is done to its value first.
    pub transforms: Vec<Transform>,
    /// What its length has to be.
    pub size: Vec<Comparison>,
    /// Data sets that it has to be in, or not.
    pub datasets: Vec<Membership>,
    /// Reputations that it has to have.
    pub reputations: Vec<Rated>,
    /// What has to be in it, in order: relative ones look from where the one before ended.
    pub steps: Vec<Step>,
    /// It holds where there is known to be no value.
    pub absent: Option<Absent>,
}

/// Whose address a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressOf {
    /// Who sends what the rule looks at.
    Source,
    /// Who receives it.
    Destination,
}

/// What `absent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// There must be no value.
    Only,
    /// `or_else`: where there is one, it must have what else is asked.
    OrElse,
}

/// One thing to find, or not to find. Most are contents, and there are hundreds of thousands: what is larger and rare is boxed.
#[derive(Debug)]
pub(super) enum Step {
    /// `content`
    Content(Content),
    /// `pcre`
    Pcre(Pcre),
    /// `isdataat`
    IsDataAt(IsDataAt),
    /// `byte_test`
    ByteTest(Box<ByteTest>),
    /// `byte_jump`
    ByteJump(Box<ByteJump>),
    /// `byte_extract`, `byte_math`
    Extract(Box<Extraction>),
    /// `entropy`
    Entropy(Entropy),
    /// `base64_decode`
    Base64(Box<Base64Decode>),
}

/// A literal and where it may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// The bytes; lower-case where `nocase`.
    pub pattern: Box<[u8]>,
    /// Where it is written: the offset in the rule's text.
    pub at: u32,
    /// It must not be there.
    pub negated: bool,
    /// ASCII letters match in either case.
    pub nocase: bool,
    /// The first byte to look at.
    pub offset: Option<Place>,
    /// How many bytes from there.
    pub depth: Option<Place>,
    /// How far after the last match it begins at the earliest.
    pub distance: Option<Place>,
    /// In how many bytes from there it ends.
    pub within: Option<Place>,
    /// It begins the buffer.
    pub startswith: bool,
    /// It ends the buffer.
    pub endswith: bool,
    /// The author wants it to be the one that candidates are found by.
    pub fast: Option<FastPattern>,
}

/// What of a content is looked for first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FastPattern {
    /// All of it.
    Whole,
    /// `fast_pattern:offset,length`
    Chop(u16, u16),
}

/// A regular expression.
#[derive(Debug)]
pub(super) struct Pcre {
    /// The expression.
    pub regex: Expression,
    /// It must not match.
    pub negated: bool,
    /// `R`: it sees only what is after the last match.
    pub relative: bool,
}

/// A part that is read as Base64, and what is asked of what it stands for.
#[derive(Debug)]
pub(super) struct Base64Decode {
    /// Which part.
    pub from: FromBase64,
    /// It is counted from the end of the last match.
    pub relative: bool,
    /// What `base64_data` asks. `None`: that there is something.
    pub asks: Option<Inspection>,
}

/// Whether there is data at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IsDataAt {
    /// How many bytes.
    pub at: Place,
    /// There must be none.
    pub negated: bool,
    /// Counted from the last match.
    pub relative: bool,
}

impl AddressOf {
    /// The bytes of source or destination; of an IPv4 address four, however it is written.
    pub fn octets(self, (source, destination): (IpAddr, IpAddr)) -> smallvec::SmallVec<[u8; 16]> {
        let ip = match self {
            Self::Source => source,
            Self::Destination => destination,
        };
        match ip.to_canonical() {
            IpAddr::V4(v4) => smallvec::SmallVec::from_slice(&v4.octets()),
            IpAddr::V6(v6) => smallvec::SmallVec::from_slice(&v6.octets()),
        }
    }
}

impl Content {
    /// Its place depends on the match before it.
    pub const fn is_relative(&self) -> bool {
        self.distance.is_some() || self.within.is_some()
    }

    /// Where in a buffer of `len` bytes, before which `start` were cut off, it may be, the last match having ended at `last`:
    /// first and end.
    pub fn window(&self, len: usize, start: i64, last: usize, extracted: &Extracted) -> Option<(usize, usize)> {
        let value = |n: Option<Place>| n.map(|n| n.signed(extracted));
        let (from, length) = if self.is_relative() {
            (i64::try_from(last).ok()?.checked_add(value(self.distance).unwrap_or(0))?, value(self.within))
        } else {
            (value(self.offset).unwrap_or(0).checked_sub(start)?, value(self.depth))
        };
        let mut first = usize::try_from(from.max(0)).ok()?;
        let mut end = match length {
            // Bytes before the buffer count, too.
            Some(length) => place(0, from.checked_add(length)?)?.min(len),
            None => len,
        };
        if self.startswith {
            if start > 0 {
                return None;
            }
            end = end.min(self.pattern.len());
        }
        if self.endswith {
            first = first.max(len.checked_sub(self.pattern.len())?);
            if end < len {
                return None;
            }
        }
        (first.checked_add(self.pattern.len())? <= end).then_some((first, end))
    }

    /// What is looked for first.
    pub fn fast_bytes(&self) -> &[u8] {
        match self.fast {
            Some(FastPattern::Chop(offset, len)) => {
                self.pattern.get(offset.into()..).and_then(|p| p.get(..len.into())).unwrap_or(&self.pattern)
            }
            _ => &self.pattern,
        }
    }
}

impl Inspection {
    /// A new mention of `buffer`.
    pub fn new(buffer: &'static Buffer, at: u32) -> Self {
        Self {
            buffer,
            at,
            address: None,
            transforms: Vec::new(),
            size: Vec::new(),
            datasets: Vec::new(),
            reputations: Vec::new(),
            steps: Vec::new(),
            absent: None,
        }
    }

    /// To be called once nothing is added any more.
    pub fn shrink_to_fit(&mut self) {
        self.transforms.shrink_to_fit();
        self.size.shrink_to_fit();
        self.datasets.shrink_to_fit();
        self.reputations.shrink_to_fit();
        self.steps.shrink_to_fit();
    }

    /// Which side its buffer is read from where `wanted` is asked for.
    pub const fn side(&self, wanted: FlowDirection) -> FlowDirection {
        self.buffer.sides.side(wanted)
    }

    /// Whether it is about payload, and no buffer.
    pub fn is_of_payload(&self) -> bool {
        self.buffer.name == PAYLOAD.name
    }

    /// Whether it is about what was decoded by the `base64_decode` before it.
    pub fn is_of_base64(&self) -> bool {
        self.buffer.name == BASE64_DATA.name
    }

    /// The last `base64_decode` that nothing is asked of yet.
    pub fn undecided_base64(&mut self) -> Option<&mut Base64Decode> {
        self.steps.iter_mut().rev().find_map(|step| match step {
            Step::Base64(decode) if decode.asks.is_none() => Some(&mut **decode),
            _ => None,
        })
    }

    /// What is asked of what it decodes.
    pub fn of_decoded(&self) -> impl Iterator<Item = &Self> {
        self.steps.iter().filter_map(|step| match step {
            Step::Base64(decode) => decode.asks.as_ref(),
            _ => None,
        })
    }

    /// Whether rules that match change a data set.
    pub fn changes_datasets(&self) -> bool {
        self.datasets.iter().any(Membership::changes)
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.matches_nothing() && self.absent.is_none()
    }

    /// Nothing is asked of a value.
    pub fn matches_nothing(&self) -> bool {
        self.size.is_empty() && self.datasets.is_empty() && self.reputations.is_empty() && self.steps.is_empty()
    }

    /// Whether it holds where its buffer is known to have no value.
    pub const fn holds_without_value(&self) -> bool {
        self.absent.is_some()
    }

    /// Whether a regular expression looks through all of a value.
    pub fn is_searched(&self) -> bool {
        let here = self.steps.iter().any(|s| matches!(s, Step::Pcre(p) if !p.regex.is_anchored()));
        here || self.of_decoded().any(Self::is_searched)
    }

    /// The contents that have to be there.
    pub fn wanted(&self) -> impl Iterator<Item = &Content> {
        self.steps.iter().filter_map(|s| match s {
            Step::Content(c) if !c.negated => Some(c),
            _ => None,
        })
    }

    /// Whether a value that has `content` is, letter case aside, `content` and nothing else.
    pub fn is_whole(&self, content: &Content) -> bool {
        let len = content.pattern.len();
        let fits = |c: &Comparison| matches!(c, Comparison::Equal(n) if usize::try_from(*n) == Ok(len));
        (content.startswith && content.endswith)
            || self.size.iter().any(fits)
            || (self.transforms.is_empty() && self.buffer.form.width() == Some(len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_rule_has_is_small() {
        assert!(size_of::<Step>() <= 64 && size_of::<Inspection>() <= 136);
    }
}
