//! Text to AST, with nom. Each parser says where it stopped and what it expected there.

pub(super) mod content;
mod header;
pub(super) mod lines;
pub(super) mod number;
mod options;

use nom::error::{ErrorKind, ParseError};
use nom::{IResult, Parser};

use super::ast::{Action, AddressRange, OptionAst, PortRange, RuleAst, Term};
use super::diagnostic::Reason;

/// Reads one rule. On failure: the reason, and the offset in bytes of the place that it is about.
pub(super) fn rule(text: &str) -> Result<RuleAst<'_>, (Reason, usize)> {
    let start = Start(text);
    complete(start, (|i| header::header(start, i), |i| options::options(start, i)), text)
        .map(|(header, options)| RuleAst { header, options })
}

/// The action of a rule, what its header says after that, as written, and the text from the options on. `None` where it does not look
/// like that: what is wrong, [`rule`] says.
pub(super) fn parts(text: &str) -> Option<(Action, &str, &str)> {
    let (header, options) = text.split_at_checked(memchr::memchr(b'(', text.as_bytes())?)?;
    let (action, ends) = header.trim_matches(SPACE).split_once(SPACE)?;
    Some((Action::from_word(action)?, ends.trim_start_matches(SPACE), options))
}

/// Reads `options`, which is the end of the rule `text`.
pub(super) fn options<'a>(text: &'a str, options: &'a str) -> Result<Vec<OptionAst<'a>>, (Reason, usize)> {
    let start = Start(text);
    complete(start, |i| options::options(start, i), options)
}

/// Reads the text of a variable as addresses.
pub(super) fn addresses(text: &str) -> Result<Term<'_, AddressRange>, Reason> {
    let start = Start(text);
    complete(start, |i| header::addresses(start, i), text.trim()).map_err(|(reason, _)| reason)
}

/// Reads the text of a variable as ports.
pub(super) fn ports(text: &str) -> Result<Term<'_, PortRange>, Reason> {
    let start = Start(text);
    complete(start, |i| header::ports(start, i), text.trim()).map_err(|(reason, _)| reason)
}

/// The whole text, to which all offsets are.
#[derive(Clone, Copy)]
struct Start<'a>(&'a str);

impl Start<'_> {
    /// The offset of `rest`, which is a tail or a piece of the text.
    fn offset(self, rest: &str) -> usize {
        (rest.as_ptr() as usize).saturating_sub(self.0.as_ptr() as usize)
    }
}

/// What a parser of this room gives back.
type Parsed<'a, T> = IResult<&'a str, T, Stopped<'a>>;

/// Where a parser stopped, and why.
#[derive(Debug, PartialEq)]
struct Stopped<'a> {
    at: &'a str,
    reason: Reason,
}

impl<'a> ParseError<&'a str> for Stopped<'a> {
    fn from_error_kind(at: &'a str, _: ErrorKind) -> Self {
        Self { at, reason: Reason::Expected("something else") }
    }

    fn append(_: &'a str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// `parser`, which has to match: where it does not, the whole rule fails for this reason.
fn expect<'a, T>(
    what: &'static str,
    mut parser: impl Parser<&'a str, Output = T, Error = Stopped<'a>>,
) -> impl FnMut(&'a str) -> Parsed<'a, T> {
    move |input| {
        parser.parse(input).map_err(|e| match e {
            nom::Err::Error(stopped) => fail(stopped.at, Reason::Expected(what)),
            other => other,
        })
    }
}

fn fail(at: &str, reason: Reason) -> nom::Err<Stopped<'_>> {
    nom::Err::Failure(Stopped { at, reason })
}

fn complete<'a, T>(
    start: Start<'a>,
    mut parser: impl Parser<&'a str, Output = T, Error = Stopped<'a>>,
    text: &'a str,
) -> Result<T, (Reason, usize)> {
    match parser.parse(text) {
        Ok((rest, value)) => match rest.trim_start() {
            "" => Ok(value),
            more => Err((Reason::Expected("the end"), start.offset(more))),
        },
        Err(nom::Err::Error(s) | nom::Err::Failure(s)) => Err((s.reason, start.offset(s.at))),
        Err(nom::Err::Incomplete(_)) => Err((Reason::Expected("more"), text.len())),
    }
}

/// What may stand between the words of a header.
const SPACE: [char; 2] = [' ', '\t'];
