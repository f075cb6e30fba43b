//! Options of IPv4 (RFC 791 §3.1) and of TCP (RFC 9293 §3.2): both write them as kind, length and value.

/// The options in `bytes`, which begin behind the fixed part of a header: kind and value of each, up to and with the one that ends
/// the list. One whose length does not fit ends it, too, and is not given.
pub fn options(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&kind, after) = rest.split_first()?;
        let (value, behind) = match kind {
            END => (&[][..], &[][..]),
            NO_OPERATION => (&[][..], after),
            _ => {
                let (&len, after) = after.split_first()?;
                after.split_at_checked(usize::from(len).checked_sub(2)?)?
            }
        };
        rest = behind;
        Some((kind, value))
    })
    .fuse()
}

/// End of option list.
const END: u8 = 0;
/// No operation.
const NO_OPERATION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_values() {
        for (bytes, expected) in [
            (&[2, 4, 0x05, 0xb4, 1, 3, 3, 7][..], &[(2, &[0x05, 0xb4][..]), (1, &[]), (3, &[7])][..]),
            (&[1, 0, 2, 4, 1, 1], &[(1, &[]), (0, &[])]),
            (&[4, 2, 8], &[(4, &[])]),
            (&[2, 1, 1, 1], &[]),
            (&[2, 9, 1], &[]),
            (&[], &[]),
        ] {
            assert_eq!(options(bytes).collect::<Vec<_>>(), expected, "{bytes:?}");
        }
    }
}
