//! A place in a file, shown: its line, and a caret under it.

use crate::event::text::is_deceptive;

/// Appends the line with number `line` of `text`, or of a long one the part around `column`, and a caret under the place. Nothing where
/// there is no such place. Both are counted from 1, columns in characters.
pub(super) fn show(out: &mut String, text: &str, line: u32, column: u32) {
    let (Some(line), Some(at)) = (index(line), index(column)) else { return };
    let Some(line) = text.lines().nth(line) else { return };
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let before = at.saturating_sub(BEFORE);
    let before = if before <= ELLIPSIS.len() { 0 } else { before };
    let mut shown: String = line.chars().skip(before).take(WIDTH).map(plain).collect();
    if shown.trim().is_empty() {
        return;
    }
    if line.chars().count() > before.saturating_add(WIDTH) {
        shown.push_str(ELLIPSIS);
    }
    let lead = if before == 0 { "" } else { ELLIPSIS };
    let indent = at.saturating_sub(before).saturating_add(lead.len());
    out.push_str(&format!("    {lead}{}\n    {:indent$}^\n", shown.trim_end(), ""));
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

/// A character that takes one column, and does nothing to the terminal.
fn plain(c: char) -> char {
    match c {
        '\t' => ' ',
        c if is_deceptive(c) => '\u{fffd}',
        c => c,
    }
}

/// Characters before the place, where the line is long.
const BEFORE: usize = 60;
/// Characters of the line at most.
const WIDTH: usize = 110;
const ELLIPSIS: &str = "...";

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, line: u32, column: u32) -> Vec<String> {
        let mut out = String::new();
        show(&mut out, text, line, column);
        out.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_caret_is_under_the_place() {
        assert_eq!(shown("one\ntwo three\r\nfour", 2, 5), ["    two three", "        ^"]);
        assert_eq!(shown("\u{feff}ab", 1, 1), ["    ab", "    ^"]);
        assert_eq!(shown("ab", 1, 3), ["    ab", "      ^"]);
        assert_eq!(shown("a\tb\u{1b}[2J", 1, 4), ["    a b\u{fffd}[2J", "       ^"]);
        for nowhere in [(0, 1), (1, 0), (3, 1)] {
            assert_eq!(shown("ab", nowhere.0, nowhere.1), [""; 0]);
        }
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let line = "0123456789".repeat(30);
        let [text, caret] = shown(&line, 1, 206).try_into().unwrap();
        assert_eq!(text.chars().nth(caret.find('^').unwrap()), Some('5'));
        assert!(text.starts_with("    ...") && text.ends_with("...") && text.len() < 125, "{text}");
        let [text, caret] = shown(&line, 1, 10).try_into().unwrap();
        assert_eq!((text.get(4..8), caret.find('^')), (Some("0123"), Some(13)));
    }
}
