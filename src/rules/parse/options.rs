//! The options: `(name; name:value; …)`.

use nom::Parser;
use nom::character::complete::{char, multispace0};
use nom::sequence::preceded;

use super::super::ast::OptionAst;
use super::super::diagnostic::Reason;
use super::{Parsed, Start, expect, fail};

/// All that is within the parentheses. Most of a rule's text is here, and so the small pieces are read byte by byte.
pub(super) fn options<'a>(start: Start<'a>, input: &'a str) -> Parsed<'a, Vec<OptionAst<'a>>> {
    let (mut input, _) = preceded(multispace0, expect("`(`", char('('))).parse(input)?;
    let mut options = Vec::with_capacity(MOST_OFTEN);
    loop {
        let rest = after_space(input);
        if let Some(rest) = after(rest, b')') {
            return Ok((after_space(rest), options));
        }
        let (rest, option) = option(start, rest)?;
        options.push(option);
        input = rest;
    }
}

fn option<'a>(start: Start<'a>, input: &'a str) -> Parsed<'a, OptionAst<'a>> {
    let (name, rest) = split_while(input, is_name);
    if name.is_empty() {
        return Err(fail(input, Reason::Expected("a keyword or `)`")));
    }
    let (behind_name, rest) = (rest, after_space(rest));
    if let Some(rest) = after(rest, b';') {
        return Ok((rest, OptionAst { name, value: None, at: start.offset(input) }));
    }
    let Some(rest) = after(rest, b':').map(after_space) else { return Err(fail(behind_name, Reason::Expected(";"))) };
    let Some((value, behind)) = split_at_semicolon(rest) else { return Err(fail(behind_last(rest), Reason::Expected(";"))) };
    Ok((behind, OptionAst { name, value: Some(trimmed(value)), at: start.offset(rest) }))
}

/// What is behind the last value of a rule: the white space and the parenthesis that end it, if there is one.
fn behind_last(input: &str) -> &str {
    let value = input.trim_end();
    let value = value.strip_suffix(')').unwrap_or(value).trim_end();
    input.get(value.len()..).unwrap_or_default()
}

/// What is behind `byte`, where `input` begins with that. (`strip_prefix` calls the library to compare the one byte.)
fn after(input: &str, byte: u8) -> Option<&str> {
    if input.as_bytes().first() == Some(&byte) { input.get(1..) } else { None }
}

/// `value` without white space behind it; mostly there is none.
fn trimmed(value: &str) -> &str {
    if value.as_bytes().last().is_some_and(u8::is_ascii_graphic) { value } else { value.trim_end() }
}

fn after_space(input: &str) -> &str {
    split_while(input, |b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).1
}

/// The first bytes, all of which are of one kind of ASCII, and the rest.
fn split_while(input: &str, is: impl Fn(u8) -> bool) -> (&str, &str) {
    let len = input.bytes().take_while(|&b| is(b)).count();
    input.split_at_checked(len).unwrap_or((input, ""))
}

/// What is before and after the first `;` that has no backslash before it. As in Suricata, quotes do not protect a `;`.
fn split_at_semicolon(input: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = memchr::memchr2(b';', b'\\', input.as_bytes().get(from..)?)?.checked_add(from)?;
        let after = at.checked_add(1)?;
        match input.as_bytes().get(at)? {
            b';' => return Some((input.get(..at)?, input.get(after..)?)),
            _ => from = after.checked_add(1)?,
        }
    }
}

const fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')
}

/// As many options as most rules have.
const MOST_OFTEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::rule;
    use super::*;

    type Parts = Vec<(String, Option<String>)>;

    fn parse(options: &str) -> Result<Parts, (Reason, usize)> {
        let text = format!("alert tls any any -> any any {options}");
        rule(&text).map(|r| r.options.iter().map(|o| (o.name.to_owned(), o.value.map(str::to_owned))).collect())
    }

    #[test]
    fn spaces_are_free_and_escapes_stay_as_written() {
        let parsed =
            parse(r#"( msg : "a\;b (c)" ;flow: to_server,established;  tls.sni ; reference:url, x.test/a:b;sid:1;  ) "#).unwrap();
        let expected = [
            ("msg", Some(r#""a\;b (c)""#)),
            ("flow", Some("to_server,established")),
            ("tls.sni", None),
            ("reference", Some("url, x.test/a:b")),
            ("sid", Some("1")),
        ];
        assert_eq!(parsed, expected.map(|(n, v)| (n.to_owned(), v.map(str::to_owned))));
    }

    #[test]
    fn an_option_without_end_is_reported_where_the_end_belongs() {
        assert_eq!(parse("(sid:1; rev:1)"), Err((Reason::Expected(";"), 42)));
        assert_eq!(parse("(sid:1; rev:1 ) "), Err((Reason::Expected(";"), 42)));
        assert_eq!(parse("(sid:1; rev:1"), Err((Reason::Expected(";"), 42)));
        assert_eq!(parse("(noalert  sid:1;)"), Err((Reason::Expected(";"), 37)));
        assert_eq!(parse("(sid:1; noalert)"), Err((Reason::Expected(";"), 44)));
        assert_eq!(parse("(sid:1;"), Err((Reason::Expected("a keyword or `)`"), 36)));
        assert_eq!(parse("(sid:1;) more"), Err((Reason::Expected("the end"), 38)));
    }
}
