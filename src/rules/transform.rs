//! What is done to a buffer's value before it is matched.

use std::borrow::Cow;

/// A transform keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Transform {
    /// `dotprefix`: a `.` in front, so that `.example.com` at the end finds the domain and all below it, and nothing else.
    Dotprefix,
}

/// `value` after all of `transforms`.
pub(super) fn apply<'v>(transforms: &[Transform], value: &'v [u8]) -> Cow<'v, [u8]> {
    let mut value = Cow::Borrowed(value);
    for transform in transforms {
        value = match transform {
            Transform::Dotprefix => {
                let mut dotted = Vec::with_capacity(value.len().saturating_add(1));
                dotted.push(b'.');
                dotted.extend_from_slice(&value);
                Cow::Owned(dotted)
            }
        };
    }
    value
}
