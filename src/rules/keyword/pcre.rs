//! `pcre`: `[!]"/expression/flags"`.

use std::collections::HashMap;

use super::super::builder::Builder;
use super::super::diagnostic::{Reason, excerpt};
use super::super::expression::{Expression, Syntax};
use super::super::inspect::{Pcre, Step};
use super::super::parse::content::quoted;
use super::{Keyword, Kind, regex_syntax, required};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword { name: "pcre", aliases: &[], kind: Kind::Option(pcre) }];

/// Expressions read so far: rule sets repeat them.
pub(in crate::rules) type Regexes = HashMap<(String, Flags), Expression>;

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
    let regex = compiled(&mut builder.shared.regexes, expression, flags)?;
    builder.step(Step::Pcre(Pcre { regex, negated, relative: flags.relative }))
}

fn flags(letters: &str) -> Result<Flags, Reason> {
    if letters.contains(',') {
        return Err(CAPTURES);
    }
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
            // They ask for other limits and for bytes as they came: there is one limit here, and no other bytes.
            'O' | 'B' => {}
            'U' | 'I' | 'P' | 'Q' | 'H' | 'D' | 'M' | 'C' | 'S' | 'Y' | 'V' | 'W' => {
                return Err(Reason::Refused("a flag that names a buffer of HTTP, which TLS hides"));
            }
            _ => return Err(Reason::BadValue("flags out of i s m x A E G R O")),
        }
    }
    Ok(flags)
}

/// `expression`, compiled once for all rules that have it.
pub(super) fn compiled(cache: &mut Regexes, expression: &str, flags: Flags) -> Result<Expression, Reason> {
    let key = (expression.to_owned(), flags);
    if let Some(expression) = cache.get(&key) {
        return Ok(expression.clone());
    }
    if ["(?P<flow_", "(?P<pkt_", "(?<flow_", "(?<pkt_"].iter().any(|name| expression.contains(name)) {
        return Err(CAPTURES);
    }
    let translated = regex_syntax::from_pcre(expression, flags)?;
    let text = if flags.anchored { format!("\\A(?:{})", translated.text) } else { translated.text };
    if translated.backtracks && flags.ungreedy {
        return Err(Reason::NotSupported("flag G with look-around, back-references and the like"));
    }
    let syntax = Syntax {
        ignore_case: flags.ignore_case,
        dot_all: flags.dot_all,
        multi_line: flags.multi_line,
        extended: flags.extended,
        ungreedy: flags.ungreedy,
        backtracks: translated.backtracks,
    };
    let compiled = Expression::new(&text, syntax).map_err(|error| Reason::Pcre(message(&error)))?;
    cache.insert(key, compiled.clone());
    Ok(compiled)
}

/// The last line of what an engine says: the others draw the expression.
fn message(error: &str) -> String {
    excerpt(error.lines().last().unwrap_or_default().trim_start_matches("error: "))
}

const CAPTURES: Reason = Reason::Refused("captures into variables (flow, pkt, alert): nothing here reads them");
