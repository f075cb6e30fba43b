//! `pcre`: `[!]"/expression/flags"`.

use std::collections::HashMap;

use regex::bytes::{Regex, RegexBuilder};

use super::super::builder::Builder;
use super::super::diagnostic::{Reason, excerpt};
use super::super::inspect::{Pcre, Step};
use super::super::parse::content::quoted;
use super::{Keyword, Kind, regex_syntax, required};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword { name: "pcre", aliases: &[], kind: Kind::Option(pcre) }];

/// Expressions that are compiled: rule sets repeat them, and a compiled one is large.
pub(in crate::rules) type Regexes = HashMap<(String, Flags), Regex>;

/// What the letters after the expression say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::rules) struct Flags {
    /// `i`
    ignore_case: bool,
    /// `s`
    dot_all: bool,
    /// `m`
    pub(super) multi_line: bool,
    /// `x`
    extended: bool,
    /// `A`
    anchored: bool,
    /// `E`
    pub(super) dollar_end_only: bool,
    /// `G`
    ungreedy: bool,
    /// `R`
    relative: bool,
}

fn pcre(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (negated, text) = quoted(required(value)?)?;
    let (expression, letters) =
        text.strip_prefix('/').and_then(|t| t.rsplit_once('/')).ok_or(Reason::BadValue("/expression/flags in double quotes"))?;
    let flags = flags(letters)?;
    builder.current()?;
    let regex = compiled(builder.regexes, expression, flags)?;
    builder.step(Step::Pcre(Pcre { regex, negated, relative: flags.relative }))
}

fn flags(letters: &str) -> Result<Flags, Reason> {
    let mut flags = Flags::default();
    for letter in letters.chars() {
        match letter {
            'i' => flags.ignore_case = true,
            's' => flags.dot_all = true,
            'm' => flags.multi_line = true,
            'x' => flags.extended = true,
            'A' => flags.anchored = true,
            'E' => flags.dollar_end_only = true,
            'G' => flags.ungreedy = true,
            'R' => flags.relative = true,
            // It lifts a limit of PCRE that this engine does not have.
            'O' => {}
            'U' | 'I' | 'P' | 'Q' | 'H' | 'D' | 'M' | 'C' | 'S' | 'Y' | 'B' | 'V' | 'W' => {
                return Err(Reason::NotSupported("a flag that names an HTTP buffer"));
            }
            _ => return Err(Reason::BadValue("flags out of i s m x A E G R O")),
        }
    }
    Ok(flags)
}

fn compiled(cache: &mut Regexes, expression: &str, flags: Flags) -> Result<Regex, Reason> {
    let key = (expression.to_owned(), flags);
    if let Some(regex) = cache.get(&key) {
        return Ok(regex.clone());
    }
    let mut text = regex_syntax::from_pcre(expression, flags)?;
    if flags.anchored {
        text = format!("\\A(?:{text})");
    }
    let regex = RegexBuilder::new(&text)
        .unicode(false)
        .case_insensitive(flags.ignore_case)
        .dot_matches_new_line(flags.dot_all)
        .multi_line(flags.multi_line)
        .ignore_whitespace(flags.extended)
        .swap_greed(flags.ungreedy)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| Reason::Pcre(message(&error)))?;
    cache.insert(key, regex.clone());
    Ok(regex)
}

/// The last line of what the regex crate says: the others draw the expression.
fn message(error: &regex::Error) -> String {
    let text = error.to_string();
    excerpt(text.lines().last().unwrap_or_default().trim_start_matches("error: "))
}

/// Bytes that one compiled expression may take.
const SIZE_LIMIT: usize = 1 << 20;
