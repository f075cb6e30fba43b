//! `entropy`: how evenly bytes are spread over their 256 values.

/// What the entropy of a part of a buffer has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entropy {
    /// How many bytes; 0 for all.
    pub bytes: usize,
    /// From which byte on.
    pub offset: usize,
    /// What comes out has to be so.
    pub wanted: Wanted,
}

/// A comparison of bits for each byte, which are 0 to 8.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wanted {
    Equal(f64),
    NotEqual(f64),
    Less(f64),
    AtMost(f64),
    Greater(f64),
    AtLeast(f64),
    /// `A-B`, the ends left out.
    Between(f64, f64),
    /// `!A-B`
    NotBetween(f64, f64),
}

impl Entropy {
    /// Whether it is as wanted in `value`. Where no byte is left to look at it is not.
    pub fn holds(&self, value: &[u8]) -> bool {
        let part = value.get(self.offset..).unwrap_or_default();
        let part = if self.bytes == 0 { part } else { part.get(..self.bytes).unwrap_or(part) };
        !part.is_empty() && self.wanted.holds(shannon(part))
    }
}

impl Wanted {
    fn holds(self, entropy: f64) -> bool {
        match self {
            Self::Equal(x) => (entropy - x).abs() < f64::EPSILON,
            Self::NotEqual(x) => (entropy - x).abs() >= f64::EPSILON,
            Self::Less(x) => entropy < x,
            Self::AtMost(x) => entropy <= x,
            Self::Greater(x) => entropy > x,
            Self::AtLeast(x) => entropy >= x,
            Self::Between(a, b) => a < entropy && entropy < b,
            Self::NotBetween(a, b) => !(a < entropy && entropy < b),
        }
    }
}

/// Shannon's entropy of the bytes, in bits.
fn shannon(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| f64::from(count) / total);
    shares.map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition: n values equally often are log2(n) bits.
    #[test]
    fn of_known_bytes() {
        let all: Vec<u8> = (0..=255).collect();
        for (bytes, expected) in [(&b"aaaa"[..], 0.0), (b"abab", 1.0), (b"abcd", 2.0), (b"aabc", 1.5), (&all, 8.0)] {
            assert!((shannon(bytes) - expected).abs() < 1e-12, "{bytes:?}");
        }
    }

    #[test]
    fn a_part_may_be_looked_at() {
        let at = |bytes, offset| Entropy { bytes, offset, wanted: Wanted::AtLeast(2.0) };
        for (entropy, value, expected) in [
            (at(0, 0), &b"aaaaabcd"[..], false),
            (at(0, 4), b"aaaaabcd", true),
            (at(4, 0), b"abcdaaaa", true),
            (at(4, 4), b"abcdaaaa", false),
            (at(0, 8), b"abcdaaaa", false),
            (at(100, 4), b"aaaaabcd", true),
        ] {
            assert_eq!(entropy.holds(value), expected, "{entropy:?}");
        }
    }
}
