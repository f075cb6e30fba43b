//! The options: `(name; name:value; …)`.

use nom::Parser;
use nom::bytes::complete::take_while1;
use nom::character::complete::{char, multispace0};
use nom::combinator::opt;
use nom::sequence::{delimited, preceded};

use super::super::ast::OptionAst;
use super::super::diagnostic::Reason;
use super::{Parsed, Start, expect, fail};

/// All that is within the parentheses.
pub(super) fn options<'a>(start: Start<'a>, input: &'a str) -> Parsed<'a, Vec<OptionAst<'a>>> {
    let (mut input, _) = preceded(multispace0, expect("`(`", char('('))).parse(input)?;
    let mut options = Vec::new();
    loop {
        let (rest, close) = delimited(multispace0, opt(char(')')), multispace0).parse(input)?;
        if close.is_some() {
            return Ok((rest, options));
        }
        let (rest, option) = option(start, rest)?;
        options.push(option);
        input = rest;
    }
}

fn option<'a>(start: Start<'a>, input: &'a str) -> Parsed<'a, OptionAst<'a>> {
    let (rest, name) = expect("a keyword or `)`", take_while1(is_name)).parse(input)?;
    let (rest, colon) = delimited(multispace0, opt(char(':')), multispace0).parse(rest)?;
    if colon.is_none() {
        let (rest, _) = expect(";", char(';')).parse(rest)?;
        return Ok((rest, OptionAst { name, value: None, at: start.offset(input) }));
    }
    let Some((value, after)) = split_at_semicolon(rest) else { return Err(fail(input, Reason::Expected(";"))) };
    Ok((after, OptionAst { name, value: Some(value.trim_end()), at: start.offset(rest) }))
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

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

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
    fn an_option_without_end_is_reported_where_it_begins() {
        assert_eq!(parse("(sid:1; rev:1)"), Err((Reason::Expected(";"), 37)));
        assert_eq!(parse("(sid:1; noalert)"), Err((Reason::Expected(";"), 44)));
        assert_eq!(parse("(sid:1;"), Err((Reason::Expected("a keyword or `)`"), 36)));
        assert_eq!(parse("(sid:1;) more"), Err((Reason::Expected("the end"), 38)));
    }
}
