//! Numbers that lie in a buffer, and numbers in a rule that may come from there.

/// A number that a rule gives, or the name of one that was read from the buffer before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// As written. One above `i64::MAX` is kept by its bits.
    Given(i64),
    /// What `byte_extract` or `byte_math` put into this slot.
    Variable(Slot),
}

/// A place in a buffer or a length: a [`Number`] in half the room, for what each content may have four of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// As written; at most 65,535 either way.
    Given(i32),
    /// What is in this slot.
    Variable(Slot),
}

/// Where a variable of a rule is kept. The name was resolved when the rule was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u8);

/// The variables of a rule while it is tried on one value.
#[derive(Debug, Default)]
pub(super) struct Extracted([u64; Slot::COUNT]);

/// Some bytes of a buffer, to be read as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// How many bytes; 0 of text: as many as there are digits.
    pub len: Number,
    /// Where they begin.
    pub offset: Number,
    /// That is counted from the end of the last match.
    pub relative: bool,
    /// What they mean.
    pub encoding: Encoding,
    /// What of the number counts: the other bits are dropped, and so are the zeros that end the mask.
    pub bitmask: Option<u64>,
}

/// How bytes mean a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The most significant byte first.
    Big,
    /// The least significant byte first.
    Little,
    /// Digits of this base.
    Text(u32),
}

impl Number {
    /// Its value, which may be negative.
    pub fn signed(self, extracted: &Extracted) -> i64 {
        match self {
            Self::Given(n) => n,
            Self::Variable(slot) => extracted.value(slot).cast_signed(),
        }
    }

    /// Its value as a number of 64 bits without sign.
    pub fn unsigned(self, extracted: &Extracted) -> u64 {
        self.signed(extracted).cast_unsigned()
    }

    /// Its value as a length; `None` where it is negative.
    pub fn length(self, extracted: &Extracted) -> Option<usize> {
        usize::try_from(self.signed(extracted)).ok()
    }
}

impl Place {
    /// `number`, where it is not further away than any place can be.
    pub fn new(number: Number) -> Option<Self> {
        match number {
            Number::Given(n) => i32::try_from(n).ok().filter(|n| n.unsigned_abs() <= u32::from(u16::MAX)).map(Self::Given),
            Number::Variable(slot) => Some(Self::Variable(slot)),
        }
    }

    /// Its value, which may be negative.
    pub fn signed(self, extracted: &Extracted) -> i64 {
        match self {
            Self::Given(n) => n.into(),
            Self::Variable(slot) => Number::Variable(slot).signed(extracted),
        }
    }

    /// Its value as a length; `None` where it is negative.
    pub fn length(self, extracted: &Extracted) -> Option<usize> {
        usize::try_from(self.signed(extracted)).ok()
    }
}

impl Slot {
    /// How many a rule may have.
    pub const COUNT: usize = 32;

    /// The slot of the `n`th variable.
    pub fn new(n: usize) -> Option<Self> {
        u8::try_from(n).ok().filter(|_| n < Self::COUNT).map(Self)
    }
}

impl Extracted {
    /// What was put there; 0 before.
    fn value(&self, slot: Slot) -> u64 {
        self.0.get(usize::from(slot.0)).copied().unwrap_or_default()
    }

    /// Puts a value there.
    pub fn set(&mut self, slot: Slot, value: u64) {
        if let Some(place) = self.0.get_mut(usize::from(slot.0)) {
            *place = value;
        }
    }
}

impl Field {
    /// What a number of 64 bits takes.
    pub const MAX_BYTES: usize = 8;
    /// As many as octal digits of such a number, with a sign.
    pub const MAX_DIGITS: usize = 23;

    /// Its value, and the place in `bytes` after what was read. `None` where it does not lie in `bytes` or is no number.
    pub fn read(&self, bytes: &[u8], last: usize, extracted: &Extracted) -> Option<(u64, usize)> {
        let start = place(if self.relative { last } else { 0 }, self.offset.signed(extracted))?;
        let len = match (self.encoding, self.len.length(extracted)?) {
            (Encoding::Text(_), 0) => bytes.len().saturating_sub(start).min(Self::MAX_DIGITS),
            (_, len) => len,
        };
        let taken = bytes.get(start..start.checked_add(len)?)?;
        let (value, used) = match self.encoding {
            Encoding::Big => (binary(taken.iter())?, taken.len()),
            Encoding::Little => (binary(taken.iter().rev())?, taken.len()),
            Encoding::Text(base) => text(taken, base)?,
        };
        let value = self.bitmask.map_or(value, |mask| (value & mask).checked_shr(mask.trailing_zeros()).unwrap_or(0));
        Some((value, start.checked_add(used)?))
    }
}

/// The place `by` bytes from `base`; `None` before the beginning.
pub(super) fn place(base: usize, by: i64) -> Option<usize> {
    base.checked_add_signed(isize::try_from(by).ok()?)
}

/// Bytes, the most significant first; `None` for more than eight.
fn binary<'b>(bytes: impl ExactSizeIterator<Item = &'b u8>) -> Option<u64> {
    (bytes.len() <= Field::MAX_BYTES).then(|| bytes.fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// The number that `bytes` begin with, after spaces and a plus sign as `strtoul` of C reads it, and how many bytes that is.
fn text(bytes: &[u8], base: u32) -> Option<(u64, usize)> {
    let mut rest = bytes.trim_ascii_start();
    rest = rest.strip_prefix(b"+").unwrap_or(rest);
    if base == 16 {
        rest = rest.strip_prefix(b"0x").or_else(|| rest.strip_prefix(b"0X")).unwrap_or(rest);
    }
    let digits = rest.iter().map_while(|b| char::from(*b).to_digit(base));
    let count = digits.clone().count();
    let value = digits.into_iter().try_fold(0_u64, |v, d| v.checked_mul(base.into())?.checked_add(d.into()))?;
    let used = bytes.len().saturating_sub(rest.len()).saturating_add(count);
    (count > 0).then_some((value, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: Field, bytes: &[u8], last: usize) -> Option<(u64, usize)> {
        field.read(bytes, last, &Extracted::default())
    }

    fn field(len: i64, offset: i64) -> Field {
        Field { len: Number::Given(len), offset: Number::Given(offset), relative: false, encoding: Encoding::Big, bitmask: None }
    }

    #[test]
    fn bytes_are_read_in_either_order_up_to_eight() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let little = |len, offset| Field { encoding: Encoding::Little, ..field(len, offset) };
        for (field, expected) in [
            (field(1, 0), Some((1, 1))),
            (field(2, 1), Some((0x0203, 3))),
            (field(3, 6), Some((0x07_08_09, 9))),
            (field(8, 0), Some((0x0102_0304_0506_0708, 8))),
            (little(2, 1), Some((0x0302, 3))),
            (field(0, 4), Some((0, 4))),
            (field(9, 0), None),
            (field(2, 8), None),
            (field(1, -1), None),
        ] {
            assert_eq!(read(field, &bytes, 5), expected, "{field:?}");
        }
    }

    #[test]
    fn a_relative_offset_may_be_negative() {
        let relative = |len, offset| Field { relative: true, ..field(len, offset) };
        assert_eq!(read(relative(1, -2), &[7, 8, 9], 2), Some((7, 1)));
        assert_eq!(read(relative(1, 0), &[7, 8, 9], 2), Some((9, 3)));
        assert_eq!(read(relative(1, -3), &[7, 8, 9], 2), None);
        assert_eq!(read(relative(1, 1), &[7, 8, 9], 2), None);
    }

    #[test]
    fn digits_end_at_what_is_none() {
        let text = |len, base| Field { encoding: Encoding::Text(base), ..field(len, 0) };
        for (bytes, len, base, expected) in [
            ("1337", 4, 10, Some((1337, 4))),
            ("1337", 2, 10, Some((13, 2))),
            ("12 x", 4, 10, Some((12, 2))),
            (" 7;", 3, 10, Some((7, 2))),
            ("0x1Fg", 5, 16, Some((0x1f, 4))),
            ("1337x", 0, 10, Some((1337, 4))),
            ("", 0, 10, None),
            ("778", 3, 8, Some((0o77, 2))),
            ("x1", 2, 10, None),
            ("-1", 2, 10, None),
            ("99999999999999999999", 20, 10, None),
            ("12", 3, 10, None),
        ] {
            assert_eq!(read(text(len, base), bytes.as_bytes(), 0), expected, "{bytes}");
        }
    }

    #[test]
    fn a_bitmask_is_applied_and_its_ending_zeros_are_shifted_out() {
        let masked = |mask| Field { bitmask: Some(mask), ..field(2, 0) };
        assert_eq!(read(masked(0xf000), &[0xab, 0xcd], 0), Some((0xa, 2)));
        assert_eq!(read(masked(0x00f0), &[0xab, 0xcd], 0), Some((0xc, 2)));
        assert_eq!(read(masked(0x0001), &[0xab, 0xcd], 0), Some((1, 2)));
    }
}
