//! Regular expressions: by the `regex` crate in time linear in the input, and by `fancy-regex` with a limit where an expression
//! has look-around, back-references, or possessive or atomic groups.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// An expression that is known to be right. What searches for it is built at the first search: it takes some 20 kB, and of the
/// thousands that a rule set has most never come to one.
#[derive(Clone)]
pub(super) struct Expression(Arc<Inner>);

/// What expressions are made of, in the syntax of their engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Syntax {
    /// ASCII letters match in either case.
    pub ignore_case: bool,
    /// A dot matches a line feed, too.
    pub dot_all: bool,
    /// `^` and `$` match at lines.
    pub multi_line: bool,
    /// White space and comments are passed over.
    pub extended: bool,
    /// Repetitions take as little as they can.
    pub ungreedy: bool,
    /// It has what no linear search can do.
    pub backtracks: bool,
}

/// A search went back too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GaveUp;

struct Inner {
    text: Box<str>,
    syntax: Syntax,
    groups: usize,
    engine: OnceLock<Option<Engine>>,
}

enum Engine {
    /// No search takes more than linear time.
    Linear(regex::bytes::Regex),
    /// A search may have to go back; it gives up after [`BACKTRACK_LIMIT`] times.
    Backtracking(fancy_regex::Regex),
}

impl Expression {
    /// Of `text`; on failure, what the engine says of it.
    pub fn new(text: &str, syntax: Syntax) -> Result<Self, String> {
        let groups = Engine::new(text, syntax)?.groups();
        Ok(Self(Arc::new(Inner { text: text.into(), syntax, groups, engine: OnceLock::new() })))
    }

    /// The first match that begins at `from` or later: where it begins and ends.
    pub fn find_at(&self, text: &[u8], from: usize) -> Result<Option<(usize, usize)>, GaveUp> {
        match self.engine() {
            Some(Engine::Linear(regex)) => Ok(regex.find_at(text, from).map(|m| (m.start(), m.end()))),
            Some(Engine::Backtracking(regex)) => {
                regex.find_from_pos(text, from).map(|m| m.map(|m| (m.start(), m.end()))).map_err(|_| GaveUp)
            }
            None => Err(GaveUp),
        }
    }

    /// What the first group of the first match took.
    pub fn first_group<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let range = match self.engine()? {
            Engine::Linear(regex) => regex.captures(text)?.get(1)?.range(),
            Engine::Backtracking(regex) => regex.captures(text).ok()??.get(1)?.range(),
        };
        text.get(range)
    }

    /// How many groups it has.
    pub fn groups(&self) -> usize {
        self.0.groups
    }

    /// What a search costs besides what its length costs, in steps of the matcher's budget.
    pub fn cost(&self) -> u32 {
        if self.0.syntax.backtracks { BACKTRACKING_COST } else { 0 }
    }

    /// Whether it matches at the beginning alone, as far as its text shows: most searches then end at the first byte.
    pub fn is_anchored(&self) -> bool {
        let text = &*self.0.text;
        (text.starts_with('^') || text.starts_with("\\A")) && !has_alternatives(text)
    }

    /// What searches for it. It was built once before, so there always is one.
    fn engine(&self) -> Option<&Engine> {
        self.0.engine.get_or_init(|| Engine::new(&self.0.text, self.0.syntax).ok()).as_ref()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text && self.0.syntax == other.0.syntax
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl Engine {
    fn new(text: &str, syntax: Syntax) -> Result<Self, String> {
        if syntax.backtracks {
            let regex = fancy_regex::RegexBuilder::new(text)
                .bytes_mode(fancy_regex::BytesMode::Ascii)
                .case_insensitive(syntax.ignore_case)
                .dot_matches_new_line(syntax.dot_all)
                .multi_line(syntax.multi_line)
                .ignore_whitespace(syntax.extended)
                .backtrack_limit(BACKTRACK_LIMIT)
                .delegate_size_limit(SIZE_LIMIT)
                .delegate_dfa_size_limit(SIZE_LIMIT)
                .build();
            return regex.map(Self::Backtracking).map_err(|error| error.to_string());
        }
        let regex = regex::bytes::RegexBuilder::new(text)
            .unicode(false)
            .case_insensitive(syntax.ignore_case)
            .dot_matches_new_line(syntax.dot_all)
            .multi_line(syntax.multi_line)
            .ignore_whitespace(syntax.extended)
            .swap_greed(syntax.ungreedy)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .build();
        regex.map(Self::Linear).map_err(|error| error.to_string())
    }

    fn groups(&self) -> usize {
        let with_whole = match self {
            Self::Linear(regex) => regex.captures_len(),
            Self::Backtracking(regex) => regex.captures_len(),
        };
        with_whole.saturating_sub(1)
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
const BACKTRACK_LIMIT: usize = 10_000;

/// So that a value pays for twenty such searches at most.
const BACKTRACKING_COST: u32 = 1_000;

/// Bytes that one compiled expression may take.
const SIZE_LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_anchored() {
        for (text, anchored) in
            [("^ab", true), ("\\Aab", true), ("^(a|b)", true), ("^[a|b]\\|", true), ("^a|b", false), ("ab", false), ("(^a)", false)]
        {
            assert_eq!(Expression::new(text, Syntax::default()).unwrap().is_anchored(), anchored, "{text}");
        }
    }
}
