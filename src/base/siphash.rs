//! SipHash-1-3 (Aumasson and Bernstein, 2012) over whole words: a keyed hash, so that nobody without the key can choose inputs
//! that collide. The standard library has the same, but not inline, and the flow table asks for one a packet.

/// Hashes `words` with `key`.
#[inline]
pub fn hash<const N: usize>(key: [u64; 2], words: [u64; N]) -> u64 {
    let [k0, k1] = key;
    let mut state =
        [k0 ^ 0x736f_6d65_7073_6575, k1 ^ 0x646f_7261_6e64_6f6d, k0 ^ 0x6c79_6765_6e65_7261, k1 ^ 0x7465_6462_7974_6573];
    for word in words {
        state = absorb(state, word);
    }
    // The last word has the length in bytes, modulo 256, at its top.
    let length = (N as u64).wrapping_mul(8) << 56;
    let [a, b, c, d] = absorb(state, length);
    let [a, b, c, d] = round(round(round([a, b, c ^ 0xff, d])));
    a ^ b ^ c ^ d
}

#[inline]
const fn absorb([a, b, c, d]: [u64; 4], word: u64) -> [u64; 4] {
    let [a, b, c, d] = round([a, b, c, d ^ word]);
    [a ^ word, b, c, d]
}

#[inline]
const fn round([a, b, c, d]: [u64; 4]) -> [u64; 4] {
    let (a, c) = (a.wrapping_add(b), c.wrapping_add(d));
    let (b, d) = (b.rotate_left(13) ^ a, d.rotate_left(16) ^ c);
    let a = a.rotate_left(32);
    let (c, a) = (c.wrapping_add(b), a.wrapping_add(d));
    let (b, d) = (b.rotate_left(17) ^ c, d.rotate_left(21) ^ a);
    [a, b, c.rotate_left(32), d]
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher;

    use super::*;

    /// The standard library's is SipHash-1-3 with a key of zeros.
    #[test]
    fn agrees_with_the_standard_library() {
        #[allow(deprecated)]
        let mut theirs = std::collections::hash_map::DefaultHasher::new();
        assert_eq!(hash([0, 0], []), theirs.finish());
        for word in [1, u64::MAX, 0x0123_4567_89ab_cdef] {
            theirs.write_u64(word);
        }
        assert_eq!(hash([0, 0], [1, u64::MAX, 0x0123_4567_89ab_cdef]), theirs.finish());
    }

    #[test]
    fn the_key_matters() {
        assert_ne!(hash([1, 0], [7]), hash([2, 0], [7]));
        assert_ne!(hash([0, 1], [7]), hash([0, 2], [7]));
    }
}
