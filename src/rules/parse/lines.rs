//! From a file's text to the text of its rules: lines, continuations, comments.

use std::borrow::Cow;

/// What a file holds, one after the other.
#[derive(Debug, PartialEq)]
pub(in crate::rules) enum Entry<'a> {
    /// The text of a rule.
    Rule(RuleText<'a>),
    /// A rule behind a `#`.
    Disabled,
}

/// One rule's text, with the way back to where it is written.
#[derive(Debug, PartialEq)]
pub(in crate::rules) struct RuleText<'a> {
    /// The text, its continuation lines joined.
    pub text: Cow<'a, str>,
    /// For each line that it is made of: where it begins in `text`, and its number from 1.
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    offset: usize,
    line: u32,
}

impl RuleText<'_> {
    /// Line and column (in characters), both from 1, of the byte at `offset` in the text.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let piece = self.pieces.iter().rev().find(|p| p.offset <= offset).copied().unwrap_or(Piece { offset: 0, line: 1 });
        let before = self.text.get(piece.offset..offset).unwrap_or_default();
        (piece.line, u32::try_from(before.chars().count()).unwrap_or(u32::MAX).saturating_add(1))
    }
}

/// The entries of `text`: rules and disabled rules. Empty lines and other comments are passed over.
pub(in crate::rules) fn entries(text: &str) -> Entries<'_> {
    Entries { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 0 }
}

/// See [`entries`].
pub(in crate::rules) struct Entries<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let line = self.next_line()?;
            if line.trim().is_empty() {
                continue;
            }
            match line.trim_start().strip_prefix('#') {
                Some(comment) if is_rule(comment) => return Some(Entry::Disabled),
                Some(_) => {}
                None => return Some(Entry::Rule(self.rule(line))),
            }
        }
    }
}

impl<'a> Entries<'a> {
    fn next_line(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest.as_bytes());
        let (line, rest) = end.and_then(|end| self.rest.split_at_checked(end)).unwrap_or((self.rest, ""));
        self.rest = rest.strip_prefix('\n').unwrap_or(rest);
        self.line = self.line.saturating_add(1);
        Some(line.strip_suffix('\r').unwrap_or(line))
    }

    /// The rule that begins with `first`: a backslash at the end of a line joins the next one to it.
    fn rule(&mut self, first: &'a str) -> RuleText<'a> {
        let mut pieces = vec![Piece { offset: 0, line: self.line }];
        let Some(first) = continued(first) else { return RuleText { text: first.into(), pieces } };
        let mut text = first.to_owned();
        while let Some(line) = self.next_line() {
            pieces.push(Piece { offset: text.len(), line: self.line });
            match continued(line) {
                Some(part) => text.push_str(part),
                None => {
                    text.push_str(line);
                    break;
                }
            }
        }
        RuleText { text: text.into(), pieces }
    }
}

/// The line without the backslash that continues it.
fn continued(line: &str) -> Option<&str> {
    line.trim_end().strip_suffix('\\')
}

/// Whether a comment's text is a rule: an action, something, and an option list.
fn is_rule(comment: &str) -> bool {
    let text = comment.trim_start_matches(['#', ' ', '\t']);
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    super::super::ast::Action::from_word(word).is_some() && rest.contains('(') && rest.contains("sid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> (Vec<String>, usize) {
        let mut found = (Vec::new(), 0);
        for entry in entries(text) {
            match entry {
                Entry::Rule(rule) => found.0.push(rule.text.into_owned()),
                Entry::Disabled => found.1 += 1,
            }
        }
        found
    }

    #[test]
    fn bom_crlf_comments_and_continuations() {
        let text =
            "\u{feff}# a comment\r\n\r\nalert a \\\r\n  b\r\n#alert tls x (sid:1;)\n# # drop x (sid:2;)\n   # alert the user\nlast";
        assert_eq!(rules(text), (vec!["alert a   b".to_owned(), "last".to_owned()], 2));
        assert_eq!(rules("a \\\n"), (vec!["a ".to_owned()], 0));
        assert_eq!(rules(""), (vec![], 0));
    }

    #[test]
    fn a_place_in_a_joined_rule_is_a_place_in_the_file() {
        let Some(Entry::Rule(rule)) = entries("\n\nab\\\nçd\\\nef").next() else { panic!("a rule") };
        assert_eq!(rule.text, "abçdef");
        for (offset, place) in [(0, (3, 1)), (1, (3, 2)), (2, (4, 1)), (4, (4, 2)), (5, (5, 1)), (7, (5, 3))] {
            assert_eq!(rule.position(offset), place, "{offset}");
        }
    }
}
