//! What makes it impossible that a buffer has all that is asked of it.

use super::diagnostic::Reason;
use super::field::{Place, place};
use super::inspect::{Absent, Content, Inspection, Step};
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
            .or_else(|| self.too_long())
            .or_else(|| self.at_odds())
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
        let least = self.size.iter().map(|s| s.at_least()).max()?;
        let most = self.size.iter().filter_map(|s| s.at_most()).min();
        let width = self.width().and_then(|w| u64::try_from(w).ok());
        if most.is_some_and(|most| most < least) || width.is_some_and(|w| self.size.iter().any(|s| !s.holds(w))) {
            return Some((Reason::NeverMatches("no value has the length that bsize asks for"), self.at as usize));
        }
        let is_whole = |c: &&Content| c.startswith && c.endswith;
        let other = |c: &&Content| u64::try_from(c.pattern.len()).is_ok_and(|len| self.size.iter().any(|s| !s.holds(len)));
        let whole = self.wanted().filter(is_whole).find(other)?;
        Some((Reason::NeverMatches("the content is all of the value, and bsize asks for another length"), whole.at as usize))
    }

    /// Contents that take more bytes than there can be.
    fn too_long(&self) -> Option<Fault> {
        let bsize = self.size.iter().filter_map(|s| s.at_most()).min().and_then(|n| usize::try_from(n).ok());
        let longest = bsize.or_else(|| self.width())?;
        let mut end = 0_usize;
        for step in &self.steps {
            match step {
                Step::Content(content) if content.negated => {}
                Step::Content(content) => {
                    end = content.least_end(end);
                    if end > longest {
                        let reason = match (content.pattern.len() > longest, bsize.is_some()) {
                            (true, true) => "a content is longer than bsize allows",
                            (true, false) => "the content is longer than any value",
                            (false, true) => "the contents need more bytes than bsize allows",
                            (false, false) => "the contents need more bytes than any value has",
                        };
                        return Some((Reason::NeverMatches(reason), content.at as usize));
                    }
                }
                _ => end = 0, // where it leads to is not known
            }
        }
        None
    }

    /// Contents of which one excludes the other.
    fn at_odds(&self) -> Option<Fault> {
        let pairs = self.wanted().enumerate().flat_map(|(i, b)| self.wanted().take(i).map(move |a| (a, b)));
        pairs.into_iter().find_map(|(a, b)| {
            let nocase = a.nocase || b.nocase;
            let agree = |(x, y): (&u8, &u8)| x == y || nocase && x.eq_ignore_ascii_case(y);
            let (front, back) = (a.pattern.iter().zip(&b.pattern), a.pattern.iter().rev().zip(b.pattern.iter().rev()));
            let reason = match () {
                () if a.startswith && b.startswith && !front.into_iter().all(agree) => "another content begins the value",
                () if a.endswith && b.endswith && !back.into_iter().all(agree) => "another content ends the value",
                () => return None,
            };
            Some((Reason::NeverMatches(reason), b.at as usize))
        })
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

impl Content {
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
