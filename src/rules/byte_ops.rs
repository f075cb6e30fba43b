//! What `byte_test`, `byte_jump`, `byte_extract` and `byte_math` do with a number that lies in a buffer.

use super::field::{Extracted, Field, Number, Slot, place};

/// `byte_test`: how a number compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteTest {
    /// The number.
    pub field: Field,
    /// It must not compare so.
    pub negated: bool,
    /// How.
    pub operator: Relation,
    /// With what.
    pub value: Number,
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
    /// `&`: they have a bit in common.
    And,
    /// `^`: they differ in a bit.
    Xor,
}

/// `byte_jump`: moves to where a number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteJump {
    /// The number.
    pub field: Field,
    /// It is multiplied by this.
    pub multiplier: u64,
    /// It is rounded up to a multiple of four.
    pub align: bool,
    /// What it is counted from.
    pub from: JumpFrom,
    /// How much further the jump goes.
    pub post_offset: i64,
}

/// What a jump is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JumpFrom {
    /// The end of the number's bytes.
    Field,
    /// `from_beginning`
    Beginning,
    /// `from_end`
    End,
}

/// `byte_extract` and `byte_math`: keep a number, or what comes out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extraction {
    /// The number.
    pub field: Field,
    /// What is done to it.
    pub operation: Operation,
    /// Where the result is kept.
    pub slot: Slot,
}

/// What is done to a number before it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// It is multiplied and then rounded up to a multiple of the second.
    Scale(u64, u64),
    /// It is the left side of this.
    Math(Arithmetic, Number),
}

/// The operators of `byte_math`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

impl ByteTest {
    /// Whether the number is in `bytes` and compares as asked.
    pub fn holds(&self, bytes: &[u8], last: usize, extracted: &Extracted) -> bool {
        let value = self.value.unsigned(extracted);
        self.field.read(bytes, last, extracted).is_some_and(|(n, _)| self.operator.holds(n, value) != self.negated)
    }
}

impl Relation {
    const fn holds(self, n: u64, value: u64) -> bool {
        match self {
            Self::Less => n < value,
            Self::AtMost => n <= value,
            Self::Equal => n == value,
            Self::AtLeast => n >= value,
            Self::Greater => n > value,
            Self::And => n & value != 0,
            Self::Xor => n ^ value != 0,
        }
    }
}

impl ByteJump {
    /// The place that it comes to; `None` where that is not the place of a byte.
    pub fn target(&self, bytes: &[u8], last: usize, extracted: &Extracted) -> Option<usize> {
        let (value, end) = self.field.read(bytes, last, extracted)?;
        let scaled = value.checked_mul(self.multiplier)?;
        let aligned = if self.align { scaled.checked_next_multiple_of(4)? } else { scaled };
        let base = match self.from {
            JumpFrom::Field => end,
            JumpFrom::Beginning => 0,
            JumpFrom::End => bytes.len(),
        };
        let by = i64::try_from(aligned).ok()?.checked_add(self.post_offset)?;
        place(base, by).filter(|to| *to < bytes.len())
    }
}

impl Extraction {
    /// What is to be kept, and the place after the number's bytes.
    pub fn result(&self, bytes: &[u8], last: usize, extracted: &Extracted) -> Option<(u64, usize)> {
        let (n, end) = self.field.read(bytes, last, extracted)?;
        let result = match self.operation {
            Operation::Scale(factor, multiple) => n.checked_mul(factor)?.checked_next_multiple_of(multiple)?,
            Operation::Math(operator, right) => operator.apply(n, right.unsigned(extracted))?,
        };
        Some((result, end))
    }
}

impl Arithmetic {
    /// In 64 bits without sign; `None` for a division by zero.
    fn apply(self, left: u64, right: u64) -> Option<u64> {
        let shift = u32::try_from(right).unwrap_or(u32::MAX);
        Some(match self {
            Self::Add => left.wrapping_add(right),
            Self::Subtract => left.wrapping_sub(right),
            Self::Multiply => left.wrapping_mul(right),
            Self::Divide => left.checked_div(right)?,
            Self::ShiftLeft => left.checked_shl(shift).unwrap_or(0),
            Self::ShiftRight => left.checked_shr(shift).unwrap_or(0),
        })
    }
}
