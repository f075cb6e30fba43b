//! Where in a rule's text something stands, or is missing; for what is said about it.

use super::ast::OptionAst;
use super::diagnostic::Reason;
use super::keyword::Registry;

/// The keyword whose value (or, without one, name) begins at `at`.
pub(super) fn keyword_at(options: &[OptionAst<'_>], at: usize) -> Option<String> {
    options.iter().find(|o| o.at == at).map(|o| o.name.to_owned())
}

/// The sid of a rule that does not load, to speak of it.
pub(super) fn sid_of(options: &[OptionAst<'_>]) -> Option<u32> {
    options.iter().find(|o| o.name == "sid").and_then(|o| o.value?.parse().ok())
}

/// The sid in a text that cannot be read as a rule.
pub(super) fn sid_in(text: &str) -> Option<u32> {
    memchr::memmem::find_iter(text.as_bytes(), "sid").find_map(|at| {
        let before = text.get(..at)?.trim_end();
        let value = text.get(at..)?.strip_prefix("sid")?.trim_start().strip_prefix(':')?.trim_start();
        let digits = value.get(..value.bytes().take_while(u8::is_ascii_digit).count())?;
        before.ends_with(['(', ';']).then(|| digits.parse().ok()).flatten()
    })
}

/// That the value of an option that makes no sense goes on into the next one, since no `;` is between; and where one belongs.
pub(super) fn forgotten_end(registry: &Registry, option: &OptionAst<'_>) -> Option<(Reason, usize)> {
    let value = option.value?;
    let end = match value.trim_start_matches(['!', ' ']).starts_with('"') {
        true => closing_quote(value)?,
        false => value.find(char::is_whitespace)?,
    };
    let is_keyword = |at: usize| {
        let rest = value.get(at..)?.trim_start();
        let word = rest.split([' ', '\t', ':', ';']).next()?;
        registry.knows(word).then_some(())
    };
    let ends = std::iter::once(end).chain(value.match_indices(char::is_whitespace).map(|(at, _)| at).filter(|at| *at > end));
    let end = ends.into_iter().find(|at| is_keyword(*at).is_some())?;
    let trimmed = value.get(..end)?.trim_end().len();
    Some((Reason::Expected(";"), option.at.saturating_add(trimmed)))
}

/// Where the text ends that begins with the first quote: behind the next one that has no backslash before it.
fn closing_quote(value: &str) -> Option<usize> {
    let open = value.find('"')?.checked_add(1)?;
    let mut from = open;
    loop {
        let at = memchr::memchr2(b'"', b'\\', value.as_bytes().get(from..)?)?.checked_add(from)?;
        match value.as_bytes().get(at)? {
            b'"' => return at.checked_add(1),
            _ => from = at.checked_add(2)?,
        }
    }
}
