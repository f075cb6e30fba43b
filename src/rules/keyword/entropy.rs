//! `entropy`: how evenly the bytes of a buffer are spread, as in names that a machine made up.

use super::super::builder::Builder;
use super::super::diagnostic::Reason;
use super::super::entropy::{Entropy, Wanted};
use super::super::inspect::Step;
use super::{Keyword, Kind, required, set_once};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword { name: "entropy", aliases: &[], kind: Kind::Option(entropy) }];

/// `[bytes N, ][offset N, ][value ]comparison`, in any order.
fn entropy(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (mut bytes, mut offset, mut wanted) = (None, None, None);
    for part in required(value)?.split(',').map(str::trim) {
        match part.split_once(char::is_whitespace) {
            Some(("bytes", number)) => set_once(&mut bytes, number.trim().parse().map_err(|_| BAD)?)?,
            Some(("offset", number)) => set_once(&mut offset, number.trim().parse().map_err(|_| BAD)?)?,
            Some(("value", comparison)) => set_once(&mut wanted, parse(comparison.trim()).ok_or(BAD)?)?,
            _ => set_once(&mut wanted, parse(part).ok_or(BAD)?)?,
        }
    }
    let (bytes, offset) = (bytes.unwrap_or_default(), offset.unwrap_or_default());
    builder.step(Step::Entropy(Entropy { bytes, offset, wanted: wanted.ok_or(BAD)? }))
}

fn parse(text: &str) -> Option<Wanted> {
    let number = |text: &str| text.trim().parse().ok().filter(|n| (0.0..=8.0).contains(n));
    let pair = |text: &str| text.split_once('-').and_then(|(a, b)| Some((number(a)?, number(b)?))).filter(|(a, b)| a < b);
    for (sign, wanted) in [
        (">=", Wanted::AtLeast as fn(f64) -> Wanted),
        ("<=", Wanted::AtMost),
        ("!=", Wanted::NotEqual),
        (">", Wanted::Greater),
        ("<", Wanted::Less),
        ("=", Wanted::Equal),
    ] {
        if let Some(rest) = text.strip_prefix(sign) {
            return number(rest).map(wanted);
        }
    }
    match text.strip_prefix('!') {
        Some(rest) => pair(rest).map(|(a, b)| Wanted::NotBetween(a, b)),
        None => pair(text).map(|(a, b)| Wanted::Between(a, b)).or_else(|| number(text).map(Wanted::Equal)),
    }
}

const BAD: Reason =
    Reason::BadValue("[bytes N, ][offset N, ]value and one of N, =N, !=N, <N, <=N, >N, >=N, A-B or !A-B, from 0 to 8");
