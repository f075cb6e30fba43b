//! A list of byte strings in one piece of memory.

use std::fmt;

use crate::base::{Reader, heap};

/// Byte strings as a hello lists them, in the order sent, each of at most 65,535 bytes.
///
/// They lie behind each other, each behind its length: a hello may list 60,000 of next to no bytes, and with memory of its own for
/// each it would take twenty-five times its size.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ByteStrings(Vec<u8>);

impl ByteStrings {
    /// Adds one; of a longer one than there can be, its first 65,535 bytes.
    pub fn push(&mut self, string: &[u8]) {
        let length = u16::try_from(string.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend(string.iter().take(usize::from(length)));
    }

    /// Each of them.
    pub const fn iter(&self) -> Iter<'_> {
        Iter(Reader::new(self.0.as_slice()))
    }

    /// The first one.
    pub fn first(&self) -> Option<&[u8]> {
        self.iter().next()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives back spare room.
    pub(super) fn trim(&mut self) {
        heap::trim(&mut self.0);
    }

    /// Bytes that they have on the heap.
    pub(super) const fn heap(&self) -> usize {
        heap::of::<u8>(self.0.capacity())
    }
}

/// Iterates over [`ByteStrings`].
#[derive(Clone, Debug)]
pub struct Iter<'a>(Reader<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.vec16()
    }
}

impl<'a> IntoIterator for &'a ByteStrings {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<S: AsRef<[u8]>> FromIterator<S> for ByteStrings {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let mut all = Self::default();
        strings.into_iter().for_each(|string| all.push(string.as_ref()));
        all
    }
}

impl<S: AsRef<[u8]>, const N: usize> From<[S; N]> for ByteStrings {
    fn from(strings: [S; N]) -> Self {
        strings.into_iter().collect()
    }
}

impl fmt::Debug for ByteStrings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_back_as_they_were_put_in() {
        for strings in [&[][..], &[&b""[..]], &[b"h2", b"", b"http/1.1", b""], &[&[7; 65_535]]] {
            let list: ByteStrings = strings.iter().collect();
            assert_eq!(list.iter().collect::<Vec<_>>(), strings);
            assert_eq!((list.first(), list.is_empty()), (strings.first().copied(), strings.is_empty()));
        }
    }

    #[test]
    fn one_that_is_too_long_is_cut() {
        let list = ByteStrings::from([&[7; 70_000][..], b"next"]);
        assert_eq!(list.iter().map(<[u8]>::len).collect::<Vec<_>>(), [65_535, 4]);
    }

    #[test]
    fn sixty_thousand_empty_ones_take_two_bytes_each() {
        let mut list: ByteStrings = std::iter::repeat_n(b"", 60_000).collect();
        list.trim();
        assert_eq!(list.heap(), 120_000 + heap::PER_ALLOCATION);
    }
}
