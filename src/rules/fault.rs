//! What makes it impossible that a buffer has all that is asked of it.

use memchr::memmem;

use super::dataset::DatasetKind;
use super::diagnostic::Reason;
use super::field::{Place, place};
use super::inspect::{Absent, Content, Inspection, IsDataAt, Step};
use super::matcher::Budget;
use super::parse::number::Comparison;
use super::transform::Transform;

/// What is wrong, and where: the offset in the rule's text.
type Fault = (Reason, usize);

impl Inspection {
    /// What is wrong with it, or makes it impossible, if anything does.
    pub fn fault(&self) -> Option<Fault> {
        (self.asks_nothing())
            .or_else(|| self.wanted().find_map(|c| self.no_such_value(c)))
            .or_else(|| self.wanted().find_map(|c| self.wrong_case(c)))
            .or_else(|| self.wrong_size())
            .or_else(|| self.other_digest())
            .or_else(|| self.too_long())
            .or_else(|| self.at_odds())
            .or_else(|| self.of_decoded().find_map(Self::fault))
    }

    fn asks_nothing(&self) -> Option<Fault> {
        let reason = match (self.absent, self.matches_nothing()) {
            (None, true) => Reason::EmptyBuffer(self.buffer.name),
            (Some(Absent::Only), false) => Reason::NeverMatches("what is absent has nothing to match in (`absent:or_else`?)"),
            (Some(Absent::OrElse), true) => Reason::BadValue("something to match after absent:or_else"),
            _ => return None,
        };
        Some((reason, self.at as usize))
    }

    /// A content that does not look like any part of a value.
    fn no_such_value(&self, content: &Content) -> Option<Fault> {
        let form = self.buffer.form;
        if !self.transforms.is_empty() || form.has_room_for(content) {
            return None;
        }
        let hint = form.hint(&content.pattern);
        Some((Reason::NoSuchValue { buffer: self.buffer.name, form: form.describe(), hint }, content.at as usize))
    }

    /// A content with letters of the case that a transform leaves none of.
    fn wrong_case(&self, content: &Content) -> Option<Fault> {
        let has = |is: fn(&u8) -> bool| !content.nocase && content.pattern.iter().any(is);
        let reason = match self.transforms.last()? {
            Transform::ToLowercase if has(u8::is_ascii_uppercase) => "there is no capital letter after to_lowercase",
            Transform::ToUppercase if has(u8::is_ascii_lowercase) => "there is no small letter after to_uppercase",
            _ => return None,
        };
        Some((Reason::NeverMatches(reason), content.at as usize))
    }

    /// Lengths that exclude each other.
    fn wrong_size(&self) -> Option<Fault> {
        if self.size.is_empty() {
            return None;
        }
        let width = self.width().and_then(|w| u64::try_from(w).ok());
        if !Comparison::can_hold(&self.size, 0) || width.is_some_and(|w| self.size.iter().any(|s| !s.holds(w))) {
            return Some((Reason::NeverMatches("no value has the length that bsize asks for"), self.at as usize));
        }
        let is_whole = |c: &&Content| c.startswith && c.endswith;
        let other = |c: &&Content| u64::try_from(c.pattern.len()).is_ok_and(|len| self.size.iter().any(|s| !s.holds(len)));
        let whole = self.wanted().filter(is_whole).find(other)?;
        Some((Reason::NeverMatches("the content is all of the value, and bsize asks for another length"), whole.at as usize))
    }

    /// A data set of digests, none of which is as long as the value.
    fn other_digest(&self) -> Option<Fault> {
        let width = self.width()?;
        let sets = self.datasets.iter().map(|m| m.dataset.kind).chain(self.reputations.iter().map(|r| r.reputations.kind));
        let bytes = sets.filter_map(DatasetKind::width).find(|&bytes| bytes != width)?;
        let hint = match self.transforms.last() {
            Some(Transform::ToMd5) => "`to_md5` is for `type md5`",
            Some(Transform::ToSha256) => "`to_sha256` is for `type sha256`",
            _ => "use `type string`: a line of its file is the value in Base64",
        };
        Some((Reason::OtherDigest { bytes, width, hint }, self.at as usize))
    }

    /// Contents that take more bytes than there can be.
    fn too_long(&self) -> Option<Fault> {
        let bsize = self.size.iter().filter_map(|s| s.at_most()).min().and_then(|n| usize::try_from(n).ok());
        let longest = bsize.or_else(|| self.width());
        if let Some(limit) = self.ends_by().filter(|limit| longest.is_none_or(|longest| *limit < longest)) {
            let reason = Reason::NeverMatches("the contents need more bytes than isdataat allows");
            return Some((reason, self.longer_than(limit)?.at as usize));
        }
        let longest = longest?;
        let content = self.longer_than(longest)?;
        let reason = match (content.pattern.len() > longest, bsize.is_some()) {
            (true, true) => "a content is longer than bsize allows",
            (true, false) => "the content is longer than any value",
            (false, true) => "the contents need more bytes than bsize allows",
            (false, false) => "the contents need more bytes than any value has",
        };
        Some((Reason::NeverMatches(reason), content.at as usize))
    }

    /// How many bytes the value has at most by `isdataat`.
    fn ends_by(&self) -> Option<usize> {
        let no_data_at = |step: &Step| match step {
            Step::IsDataAt(IsDataAt { at: Place::Given(at), negated: true, relative: false }) => usize::try_from(*at).ok(),
            _ => None,
        };
        self.steps.iter().filter_map(no_data_at).min()
    }

    /// The first content that ends more than `longest` bytes in, wherever the others are.
    pub fn longer_than(&self, longest: usize) -> Option<&Content> {
        let mut end = 0_usize;
        self.steps.iter().find_map(|step| match step {
            Step::Content(content) if content.negated => None,
            Step::Content(content) => {
                end = content.least_end(end);
                (end > longest).then_some(content)
            }
            _ => {
                end = 0; // where it leads to is not known
                None
            }
        })
    }

    /// Whether it must not have what `other`, of the same value, wants; and where that is asked.
    pub fn forbids(&self, other: &Self) -> Option<Fault> {
        let same = self.buffer.name == other.buffer.name && !self.buffer.multiple && self.address.is_none();
        if !same || !self.transforms.is_empty() || !other.transforms.is_empty() || self.absent.or(other.absent).is_some() {
            return None;
        }
        let forbidding = |step: &Step| match step {
            Step::Content(c) if c.negated => other.wanted().any(|wanted| c.forbids(wanted)).then_some(c.at as usize),
            _ => None,
        };
        Some((FORBIDDEN, self.steps.iter().find_map(forbidding)?))
    }

    /// Contents of which one excludes the other.
    fn at_odds(&self) -> Option<Fault> {
        if self.absent.is_some() {
            return None; // it holds where there is no value
        }
        let pairs = self.wanted().enumerate().flat_map(|(i, b)| self.wanted().take(i).map(move |a| (a, b)));
        let apart = pairs.into_iter().find_map(|(a, b)| Some((Reason::NeverMatches(a.excludes(b)?), b.at as usize)));
        apart.or_else(|| self.forbidden()).or_else(|| self.otherwise_whole())
    }

    /// A content that another one must not have in it.
    fn forbidden(&self) -> Option<Fault> {
        let forbidding = |step: &Step| match step {
            Step::Content(c) if c.negated => self.wanted().any(|wanted| c.forbids(wanted)).then_some(c.at as usize),
            _ => None,
        };
        Some((FORBIDDEN, self.steps.iter().find_map(forbidding)?))
    }

    /// A content that is all of the value, which then is not as the others want it.
    fn otherwise_whole(&self) -> Option<Fault> {
        let is_known = |c: &&Content| self.is_whole(c) && !(c.nocase && c.has_letters());
        let whole = self.wanted().find(is_known)?;
        let mut budget = Budget::new();
        let holds = self.holds_after(&whole.pattern, 0, &mut budget) || budget.is_spent();
        let reason = "the content is all of the value, which is not as else is asked";
        (!holds).then_some((Reason::NeverMatches(reason), whole.at as usize))
    }

    /// How many bytes all values have after the transforms, where they have the same number.
    fn width(&self) -> Option<usize> {
        match self.transforms.last() {
            None => self.buffer.form.width(),
            Some(Transform::ToMd5) => Some(16),
            Some(Transform::ToSha1) => Some(20),
            Some(Transform::ToSha256) => Some(32),
            Some(_) => None,
        }
    }
}

const FORBIDDEN: Reason = Reason::NeverMatches("another content has what must not be there");

impl Content {
    /// Why no value can have both it and `other`, where that is so.
    fn excludes(&self, other: &Self) -> Option<&'static str> {
        let nocase = self.nocase || other.nocase;
        let agree = |x: &u8, y: &u8| x == y || nocase && x.eq_ignore_ascii_case(y);
        if let (Some(first), Some(second)) = (self.begins_at(), other.begins_at()) {
            let (from_first, from_second) = (second.saturating_sub(first), first.saturating_sub(second));
            let mut common = self.pattern.iter().skip(from_first).zip(other.pattern.iter().skip(from_second));
            if !common.all(|(x, y)| agree(x, y)) {
                return Some(if first == 0 && second == 0 {
                    "another content begins the value"
                } else {
                    "another content is there"
                });
            }
        }
        let mut common = self.pattern.iter().rev().zip(other.pattern.iter().rev());
        let at_odds = self.endswith && other.endswith && !common.all(|(x, y)| agree(x, y));
        at_odds.then_some("another content ends the value")
    }

    /// Whether it, which is negated, must not be where `wanted` has it.
    fn forbids(&self, wanted: &Self) -> bool {
        let pattern: &[u8] = &if self.nocase { wanted.pattern.to_ascii_lowercase() } else { wanted.pattern.to_vec() };
        let certain = self.nocase || !wanted.nocase || !self.has_letters();
        let is_placed = self.is_relative() || self.offset.is_some() || self.depth.is_some();
        certain
            && !is_placed
            && match (self.startswith, self.endswith) {
                (false, false) => memmem::find(pattern, &self.pattern).is_some(),
                (true, false) => wanted.begins_at() == Some(0) && pattern.starts_with(&self.pattern),
                (false, true) => wanted.endswith && pattern.ends_with(&self.pattern),
                (true, true) => false,
            }
    }

    /// Where in the value it is, where there is but one place.
    fn begins_at(&self) -> Option<usize> {
        if self.startswith {
            return Some(0);
        }
        let (offset, depth) = match (self.offset, self.depth) {
            _ if self.is_relative() => return None,
            (None, Some(Place::Given(depth))) => (0, depth),
            (Some(Place::Given(offset)), Some(Place::Given(depth))) => (offset, depth),
            _ => return None,
        };
        (usize::try_from(depth) == Ok(self.pattern.len())).then(|| usize::try_from(offset).ok()).flatten()
    }

    fn has_letters(&self) -> bool {
        self.pattern.iter().any(u8::is_ascii_alphabetic)
    }

    /// Where it ends at the earliest, the last match having ended at `last` or later.
    fn least_end(&self, last: usize) -> usize {
        let given = |n: Option<Place>| match n {
            Some(Place::Given(n)) => Some(i64::from(n)),
            Some(Place::Variable(_)) => None,
            None => Some(0),
        };
        let start = match self.is_relative() {
            true => given(self.distance).and_then(|distance| place(last, distance)),
            false => given(self.offset).and_then(|offset| place(0, offset)),
        };
        start.unwrap_or(0).saturating_add(self.pattern.len())
    }
}
