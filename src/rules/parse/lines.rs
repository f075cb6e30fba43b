//! From a file's text to the text of its rules: lines, continuations, comments.

use std::borrow::Cow;

use smallvec::SmallVec;

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
    lines: SmallVec<[Line; 1]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    offset: usize,
    number: u32,
}

impl RuleText<'_> {
    /// Line and column (in characters), both from 1, of the byte at `offset` in the text.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let line = self.lines.iter().rev().find(|l| l.offset <= offset).copied().unwrap_or(Line { offset: 0, number: 1 });
        let before = self.text.get(line.offset..offset).unwrap_or_default();
        (line.number, u32::try_from(before.chars().count()).unwrap_or(u32::MAX).saturating_add(1))
    }
}

/// The entries of `text`: rules and disabled rules. Empty lines and other comments are passed over.
pub(in crate::rules) fn entries(text: &str) -> Entries<'_> {
    Entries { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 0 }
}

/// Some lines of a file, to be read apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) struct Piece<'a> {
    text: &'a str,
    /// How many lines are before it.
    line: u32,
}

impl<'a> Piece<'a> {
    /// Its entries.
    pub fn entries(self) -> Entries<'a> {
        Entries { rest: self.text, line: self.line }
    }

    /// How many lines it has, give or take one.
    pub fn lines(self) -> usize {
        lines_of(self.text)
    }
}

/// Cuts `text` where an entry ends, into pieces of `bytes` bytes and what is left of the line.
pub(in crate::rules) fn pieces(text: &str, bytes: usize) -> impl Iterator<Item = Piece<'_>> {
    let Entries { mut rest, mut line } = entries(text);
    std::iter::from_fn(move || {
        let len = entry_end(rest, bytes);
        let (text, after) = rest.split_at_checked(len).filter(|_| len > 0)?;
        let piece = Piece { text, line };
        rest = after;
        line = line.saturating_add(u32::try_from(piece.lines()).unwrap_or(u32::MAX));
        Some(piece)
    })
}

/// The end of a line of `text` that the next one does not go on, `from` bytes in or further.
fn entry_end(text: &str, from: usize) -> usize {
    let ends = memchr::memchr_iter(b'\n', text.as_bytes().get(from..).unwrap_or_default()).map(|at| at.saturating_add(from));
    let is_end = |&at: &usize| text.get(..at).is_some_and(|before| continued(before).is_none());
    ends.into_iter().find(is_end).map_or(text.len(), |at| at.saturating_add(1))
}

fn lines_of(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count()
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
                Some(comment) if self.comments_a_rule(comment) => return Some(Entry::Disabled),
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

    /// Whether `first`, behind a `#`, is a rule. Then the lines that continue it are passed over, too, with a `#` of their own or without: up
    /// to one that begins another rule, which no one meant to be left out.
    fn comments_a_rule(&mut self, first: &str) -> bool {
        let Some(start) = continued(first).filter(|start| begins_rule(start)) else { return is_rule(first) };
        let mut text = start.to_owned();
        loop {
            let before = (self.rest, self.line);
            let Some(line) = self.next_line() else { break };
            if begins_rule(line) {
                (self.rest, self.line) = before;
                break;
            }
            let part = line.trim_start().trim_start_matches('#');
            text.push_str(continued(part).unwrap_or(part));
            if continued(part).is_none() {
                break;
            }
        }
        is_rule(&text)
    }

    /// The rule that begins with `first`: a backslash at the end of a line joins the next one to it.
    fn rule(&mut self, first: &'a str) -> RuleText<'a> {
        let mut lines = SmallVec::from_elem(Line { offset: 0, number: self.line }, 1);
        let Some(first) = continued(first) else { return RuleText { text: first.into(), lines } };
        let mut text = first.to_owned();
        while let Some(line) = self.next_line() {
            lines.push(Line { offset: text.len(), number: self.line });
            match continued(line) {
                Some(part) => text.push_str(part),
                None => {
                    text.push_str(line);
                    break;
                }
            }
        }
        RuleText { text: text.into(), lines }
    }
}

/// The line without the backslash that continues it.
fn continued(line: &str) -> Option<&str> {
    line.trim_end().strip_suffix('\\')
}

/// Whether a line, with or without a `#`, is the beginning of a rule: an action, and something.
fn begins_rule(line: &str) -> bool {
    let text = line.trim_start_matches(['#', ' ', '\t']);
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    super::super::ast::Action::from_word(word).is_some() && rest.contains(['(', '>'])
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
    fn a_disabled_rule_goes_on_as_long_as_it_is_continued() {
        let rule = "alert z (sid:9;)";
        for (text, expected) in [
            ("#alert tls a -> b (msg:\"x\"; \\\n  tls.sni; \\\n sid:1;)\n", 1),
            ("#alert tls a -> b ( \\\r\n#  tls.sni; \\\r\n#  sid:1;)\r\n", 1),
            ("# alert tls a -> b ( \\\n", 0),
            ("# the files of C:\\\n", 0),
        ] {
            assert_eq!(rules(&format!("{text}{rule}\n")), (vec![rule.to_owned()], expected), "{text}");
        }
        // As in Suricata, a line that continues a rule is a part of it whatever it begins with.
        assert_eq!(rules("alert a ( \\\n# b \\\n sid:1;)\n").0, ["alert a ( # b  sid:1;)"]);
    }

    #[test]
    fn pieces_have_the_entries_of_the_whole() {
        let text =
            "\u{feff}alert a\n#alert tls x (sid:1;)\n\nalert b \\\r\n c \\ \n\u{feff}d\n# no more \\\nalert e\n\nalert f \\\n";
        let whole: Vec<_> = entries(text).collect();
        assert_eq!(whole.len(), 5);
        for bytes in 0..=text.len() {
            let cut: Vec<_> = pieces(text, bytes).flat_map(Piece::entries).collect();
            assert_eq!(cut, whole, "{bytes} bytes");
        }
        assert!(pieces(text, 0).count() > 5);
        assert_eq!(pieces("", 0).count(), 0);
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
