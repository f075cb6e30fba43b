//! Regular expressions: by the `regex` crate in time linear in the input, and by `fancy-regex` with a limit where an expression
//! has look-around, back-references, or possessive or atomic groups.

use std::fmt;

/// An expression, ready to be searched for.
#[derive(Clone)]
pub(super) enum Expression {
    /// No search takes more than linear time.
    Linear(regex::bytes::Regex),
    /// A search may have to go back; it gives up after [`BACKTRACK_LIMIT`] times.
    Backtracking(fancy_regex::Regex),
}

/// A search went back too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GaveUp;

impl Expression {
    /// The first match that begins at `from` or later: where it begins and ends.
    pub fn find_at(&self, text: &[u8], from: usize) -> Result<Option<(usize, usize)>, GaveUp> {
        match self {
            Self::Linear(regex) => Ok(regex.find_at(text, from).map(|m| (m.start(), m.end()))),
            Self::Backtracking(regex) => {
                regex.find_from_pos(text, from).map(|m| m.map(|m| (m.start(), m.end()))).map_err(|_| GaveUp)
            }
        }
    }

    /// What the first group of the first match took.
    pub fn first_group<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let range = match self {
            Self::Linear(regex) => regex.captures(text)?.get(1)?.range(),
            Self::Backtracking(regex) => regex.captures(text).ok()??.get(1)?.range(),
        };
        text.get(range)
    }

    /// How many groups it has.
    pub fn groups(&self) -> usize {
        let with_whole = match self {
            Self::Linear(regex) => regex.captures_len(),
            Self::Backtracking(regex) => regex.captures_len(),
        };
        with_whole.saturating_sub(1)
    }

    /// What a search costs besides what its length costs, in steps of the matcher's budget.
    pub const fn cost(&self) -> u32 {
        match self {
            Self::Linear(_) => 0,
            Self::Backtracking(_) => BACKTRACKING_COST,
        }
    }

    /// Whether it matches at the beginning alone, as far as its text shows: most searches then end at the first byte.
    pub fn is_anchored(&self) -> bool {
        let text = self.as_str();
        (text.starts_with('^') || text.starts_with("\\A")) && !has_alternatives(text)
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Linear(regex) => regex.as_str(),
            Self::Backtracking(regex) => regex.as_str(),
        }
    }
}

impl PartialEq for Expression {
    /// The same text in the same engine: enough for `pcrexform`, which has no flags.
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.as_str() == other.as_str()
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether there is a `|` outside of groups and classes.
fn has_alternatives(text: &str) -> bool {
    let (mut depth, mut in_class, mut escaped) = (0_usize, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' => in_class = false,
            _ if in_class => {}
            '[' => in_class = true,
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// How often one search may go back: three times what Suricata lets PCRE do by default (`match-limit` 3500).
pub(super) const BACKTRACK_LIMIT: usize = 10_000;

/// So that a value pays for twenty such searches at most.
const BACKTRACKING_COST: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_anchored() {
        for (text, anchored) in
            [("^ab", true), ("\\Aab", true), ("^(a|b)", true), ("^[a|b]\\|", true), ("^a|b", false), ("ab", false), ("(^a)", false)]
        {
            assert_eq!(Expression::Linear(regex::bytes::Regex::new(text).unwrap()).is_anchored(), anchored, "{text}");
        }
    }
}
