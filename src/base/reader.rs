//! A bounds-checked cursor over bytes: what every parser of ours reads with.

/// Reads big-endian fields from the front of a slice. No method panics; each answers `None` (and takes nothing) where too
/// few bytes are left.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes are left.
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(n)?;
        self.rest = tail;
        Some(head)
    }

    /// The next `n` bytes, or the fewer that are there, and whether it was all of them.
    pub fn take_lenient(&mut self, n: usize) -> (&'a [u8], bool) {
        match self.take(n) {
            Some(all) => (all, true),
            None => (std::mem::take(&mut self.rest), false),
        }
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(*head)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// The next two bytes, big-endian.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next three bytes, big-endian.
    pub fn u24(&mut self) -> Option<u32> {
        self.array::<3>().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// The next four bytes, big-endian.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A vector with a one-byte length (RFC 8446 §3.4).
    pub fn vec8(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let n = ahead.u8()?;
        let body = ahead.take(usize::from(n))?;
        *self = ahead;
        Some(body)
    }

    /// A vector with a two-byte length (RFC 8446 §3.4).
    pub fn vec16(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let n = ahead.u16()?;
        let body = ahead.take(usize::from(n))?;
        *self = ahead;
        Some(body)
    }

    /// A vector with a three-byte length (RFC 8446 §3.4).
    pub fn vec24(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let n = ahead.u24()?;
        let body = ahead.take(usize::try_from(n).ok()?)?;
        *self = ahead;
        Some(body)
    }
}

/// The 16-bit big-endian values in `bytes`; a last odd byte is left out.
pub fn be16_values(bytes: &[u8]) -> impl ExactSizeIterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(|pair| match pair {
        [hi, lo] => u16::from_be_bytes([*hi, *lo]),
        _ => 0, // chunks_exact(2) gives pairs only
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_cut_takes_nothing() {
        let mut r = Reader::new(&[0, 5, 1, 2]);
        assert_eq!(r.vec16(), None);
        assert_eq!(r.len(), 4);
        assert_eq!(r.u16(), Some(5));
        assert_eq!(r.u24(), None);
        assert_eq!(r.take_lenient(5), (&[1, 2][..], false));
        assert!(r.is_empty());
    }

    #[test]
    fn lengths_are_big_endian() {
        let mut r = Reader::new(&[0, 0, 2, 7, 8, 1, 9, 0, 0, 0, 1]);
        assert_eq!(r.vec24(), Some(&[7, 8][..]));
        assert_eq!(r.vec8(), Some(&[9][..]));
        assert_eq!(r.u32(), Some(1));
    }
}
