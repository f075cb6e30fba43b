//! Comparisons with numbers, as `bsize`, `tls.cert_chain_len` and others write them.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{space0, u64 as number};
use nom::combinator::{all_consuming, map, value};
use nom::sequence::{delimited, preceded, separated_pair};

/// What a number has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `N`, `=N`
    Equal(u64),
    /// `!N`, `!=N`
    NotEqual(u64),
    /// `<N`
    Less(u64),
    /// `<=N`
    AtMost(u64),
    /// `>N`
    Greater(u64),
    /// `>=N`
    AtLeast(u64),
    /// `A<>B`: between, the ends left out.
    Between(u64, u64),
    /// `A-B`: between, the ends included.
    Within(u64, u64),
}

impl Comparison {
    /// Reads all of `text`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = || preceded(space0::<&str, nom::error::Error<&str>>, number);
        let sign = |text: &'static str| preceded(tag::<_, &str, nom::error::Error<&str>>(text), number());
        let pair = |text: &'static str| separated_pair(number(), preceded(space0, tag(text)), number());
        let any = alt((
            map(pair("<>"), |(a, b)| Self::Between(a, b)),
            map(pair("-"), |(a, b)| Self::Within(a, b)),
            map(sign("<="), Self::AtMost),
            map(sign(">="), Self::AtLeast),
            map(sign("!="), Self::NotEqual),
            map(sign("<"), Self::Less),
            map(sign(">"), Self::Greater),
            map(sign("!"), Self::NotEqual),
            map(sign("="), Self::Equal),
            map(preceded(value((), space0), number()), Self::Equal),
        ));
        let (_, comparison) = all_consuming(delimited(space0, any, space0)).parse(text).ok()?;
        match comparison {
            Self::Between(a, b) | Self::Within(a, b) if a >= b => None,
            other => Some(other),
        }
    }

    /// Whether some number from `least` on is as all of `comparisons` want it.
    pub fn can_hold(comparisons: &[Self], least: u64) -> bool {
        // What holds changes at these numbers alone, or next to them.
        let turns = comparisons.iter().flat_map(|c| c.turns()).flat_map(|n| [n.saturating_sub(1), n, n.saturating_add(1)]);
        turns.chain([least]).filter(|n| *n >= least).any(|n| comparisons.iter().all(|c| c.holds(n)))
    }

    const fn turns(self) -> [u64; 2] {
        match self {
            Self::Equal(x) | Self::NotEqual(x) | Self::Less(x) | Self::AtMost(x) | Self::Greater(x) | Self::AtLeast(x) => [x, x],
            Self::Between(a, b) | Self::Within(a, b) => [a, b],
        }
    }

    /// The largest number that it allows, where there is one.
    pub const fn at_most(self) -> Option<u64> {
        match self {
            Self::Equal(x) | Self::AtMost(x) | Self::Within(_, x) => Some(x),
            Self::Less(x) | Self::Between(_, x) => Some(x.saturating_sub(1)),
            Self::NotEqual(_) | Self::Greater(_) | Self::AtLeast(_) => None,
        }
    }

    /// Whether `n` is what it has to be.
    pub const fn holds(self, n: u64) -> bool {
        match self {
            Self::Equal(x) => n == x,
            Self::NotEqual(x) => n != x,
            Self::Less(x) => n < x,
            Self::AtMost(x) => n <= x,
            Self::Greater(x) => n > x,
            Self::AtLeast(x) => n >= x,
            Self::Between(a, b) => a < n && n < b,
            Self::Within(a, b) => a <= n && n <= b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms() {
        for (text, inside, outside) in [
            ("3", &[3][..], &[2, 4][..]),
            ("=3", &[3], &[2, 4]),
            ("!3", &[2, 4], &[3]),
            ("!=3", &[2, 4], &[3]),
            ("<3", &[2], &[3, 4]),
            ("<=3", &[2, 3], &[4]),
            (">3", &[4], &[2, 3]),
            (">=3", &[3, 4], &[2]),
            ("0<>4", &[1, 3], &[0, 4]),
            ("2 <> 4", &[3], &[2, 4]),
            ("2-4", &[2, 3, 4], &[1, 5]),
            ("> 3", &[4], &[3]),
        ] {
            let comparison = Comparison::parse(text).expect(text);
            assert!(inside.iter().all(|&n| comparison.holds(n)), "{text}");
            assert!(!outside.iter().any(|&n| comparison.holds(n)), "{text}");
        }
        for (texts, can) in [
            (&["3"][..], true),
            (&["<0"], false),
            (&["0<>1"], false),
            (&[">3", "<5"], true),
            (&[">3", "<4"], false),
            (&["3", "!3"], false),
            (&["3-5", "!3", "!4"], true),
            (&["3-4", "!3", "!4"], false),
            (&[">18446744073709551615"], false),
            (&[], true),
        ] {
            let comparisons: Vec<_> = texts.iter().map(|t| Comparison::parse(t).expect(t)).collect();
            assert_eq!(Comparison::can_hold(&comparisons, 0), can, "{texts:?}");
        }
        assert!(!Comparison::can_hold(&[Comparison::Less(1)], 1));
        for bad in ["", "x", "3x", "4<>4", "5-2", "<", "99999999999999999999999"] {
            assert_eq!(Comparison::parse(bad), None, "{bad}");
        }
    }
}
