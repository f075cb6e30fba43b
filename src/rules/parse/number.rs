//! Comparisons with numbers, as `bsize`, `tls.cert_chain_len` and others write them: Suricata's integer keywords.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case};
use nom::character::complete::{hex_digit1, space0, u64 as decimal};
use nom::combinator::{all_consuming, map, map_opt, map_res, opt, value};
use nom::sequence::{delimited, preceded, separated_pair};
use nom::{IResult, Parser};

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
    /// `A<>B`, `A-B`: between, the ends left out.
    Between(u64, u64),
    /// `!A<>B`, `!A-B`: one of the ends, or beyond them.
    NotBetween(u64, u64),
    /// `&M=N`: what it has of the bits of M is N.
    Masked(u64, u64),
    /// `&M!=N`: it is not.
    NotMasked(u64, u64),
}

impl Comparison {
    /// Reads all of `text`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = || preceded(space0, number);
        let sign = |text: &'static str| preceded(tag::<_, &str, nom::error::Error<&str>>(text), number());
        let range = || separated_pair(number(), preceded(space0, alt((tag("<>"), tag("-")))), number());
        let masked = |sign: &'static str| preceded(tag("&"), separated_pair(number(), preceded(space0, tag(sign)), number()));
        let any = alt((
            map(range(), |(a, b)| Self::Between(a, b)),
            map(preceded(tag("!"), range()), |(a, b)| Self::NotBetween(a, b)),
            map(masked("="), |(mask, n)| Self::Masked(mask, n)),
            map(masked("!="), |(mask, n)| Self::NotMasked(mask, n)),
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
            Self::Between(a, b) | Self::NotBetween(a, b) if a >= b => None,
            other => Some(other),
        }
    }

    /// Whether some number from `least` on is as all of `comparisons` want it.
    pub fn can_hold(comparisons: &[Self], least: u64) -> bool {
        // What holds changes at these numbers alone, or next to them.
        let turns = comparisons.iter().flat_map(|c| c.turns()).flat_map(|n| [n.saturating_sub(1), n, n.saturating_add(1)]);
        // Of bits it changes everywhere: what else is asked may hold with them.
        let others = || comparisons.iter().filter(|c| !c.is_of_bits());
        turns.chain([least]).filter(|n| *n >= least).any(|n| others().all(|c| c.holds(n)))
    }

    const fn turns(self) -> [u64; 2] {
        match self {
            Self::Equal(x) | Self::NotEqual(x) | Self::Less(x) | Self::AtMost(x) | Self::Greater(x) | Self::AtLeast(x) => [x, x],
            Self::Between(a, b) | Self::NotBetween(a, b) => [a, b],
            Self::Masked(..) | Self::NotMasked(..) => [0, 0],
        }
    }

    const fn is_of_bits(self) -> bool {
        matches!(self, Self::Masked(..) | Self::NotMasked(..))
    }

    /// The largest number that it allows, where there is one.
    pub const fn at_most(self) -> Option<u64> {
        match self {
            Self::Equal(x) | Self::AtMost(x) => Some(x),
            Self::Less(x) | Self::Between(_, x) => Some(x.saturating_sub(1)),
            _ => None,
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
            Self::NotBetween(a, b) => n <= a || b <= n,
            Self::Masked(mask, x) => n & mask == x,
            Self::NotMasked(mask, x) => n & mask != x,
        }
    }
}

/// `N`, `0xN`, or one of these with `kb`, `mb` or `gb` (also `kib` and so on) behind it, each 1024 of the one before.
fn number(text: &str) -> IResult<&str, u64> {
    let hex = map_res(preceded(tag("0x"), hex_digit1), |digits| u64::from_str_radix(digits, 16));
    let unit = |shift: u32, names: [&'static str; 2]| value(shift, alt((tag_no_case(names[0]), tag_no_case(names[1]))));
    let units = alt((unit(10, ["kib", "kb"]), unit(20, ["mib", "mb"]), unit(30, ["gib", "gb"])));
    let times = |(n, shift): (u64, Option<u32>)| n.checked_mul(1_u64.checked_shl(shift.unwrap_or(0))?);
    map_opt((alt((hex, decimal)), opt(units)), times).parse(text)
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
            ("2-4", &[3], &[2, 4]),
            ("!2-4", &[1, 2, 4, 5], &[3]),
            ("! 2 <> 4", &[2, 4], &[3]),
            ("0x1f", &[31], &[30, 32]),
            (">=0x10", &[16], &[15]),
            ("2kb", &[2_048], &[2, 2_000]),
            ("<1MiB", &[1_048_575], &[1_048_576]),
            ("&0xc0=0x80", &[0x80, 0xbf], &[0xc0, 0x00]),
            ("&0xc0!=0", &[0x40, 0x80], &[0x3f]),
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
            (&["2-6", "!3", "!4"], true),
            (&["2-5", "!3", "!4"], false),
            (&["!2-5", "3"], false),
            (&["3", "&0x4=0x4"], true), // not looked into
            (&["3-4"], false),
            (&[">18446744073709551615"], false),
            (&[], true),
        ] {
            let comparisons: Vec<_> = texts.iter().map(|t| Comparison::parse(t).expect(t)).collect();
            assert_eq!(Comparison::can_hold(&comparisons, 0), can, "{texts:?}");
        }
        assert!(!Comparison::can_hold(&[Comparison::Less(1)], 1));
        for bad in
            ["", "x", "3x", "4<>4", "5-2", "<", "99999999999999999999999", "0x", "1 kb", "1tb", "17179869184gb", "&3", "&3>1"]
        {
            assert_eq!(Comparison::parse(bad), None, "{bad}");
        }
    }
}
