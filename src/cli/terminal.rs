//! What a person at a terminal sees: a short line per alert and session, a progress bar, and a summary at the end.
//!
//! Nothing from the wire reaches the terminal as it is: [`visible`] shows what could move the cursor, hide or reorder text.

mod found;
mod line;
mod progress;
mod summary;
mod trust;

use std::borrow::Cow;
use std::fmt::Write as _;

pub use found::list;
pub use line::{alert_line, other_line, session_line, session_line_with};
pub use progress::Progress;
pub use summary::summary;

use crate::event::text::is_deceptive;

/// Colours, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour. The caller asks the terminal, and `NO_COLOR` (<https://no-color.org>).
    pub colour: bool,
}

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    /// Severity 1.
    Grave,
    /// Severity 2, and what is wrong with a session.
    Warning,
    /// Severity 3.
    Notice,
    /// What the eye may pass over.
    Faint,
    /// What it should find.
    Strong,
}

impl Style {
    /// Whether who sees the terminal wants colours: not where `NO_COLOR` is set, or `TERM` is `dumb`.
    pub fn is_wanted() -> bool {
        std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && std::env::var_os("TERM").is_none_or(|v| v != "dumb")
    }

    fn paint(self, paint: Paint, text: &str) -> Cow<'_, str> {
        if !self.colour || text.is_empty() {
            return Cow::Borrowed(text);
        }
        let code = match paint {
            Paint::Grave => "1;31",
            Paint::Warning => "33",
            Paint::Notice => "36",
            Paint::Faint => "2",
            Paint::Strong => "1",
        };
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }
}

/// Bytes from the wire as text that is safe to print: what could move the cursor, hide or reorder text is shown as `\u{202e}`,
/// what is not UTF-8 as `\xff`. Of long text the first `width` characters stand, then `...`.
pub fn visible(bytes: &[u8], width: usize) -> String {
    let mut out = String::new();
    let mut left = width;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match left.checked_sub(1) {
                Some(less) => left = less,
                None => return out + "...",
            }
            match is_deceptive(c) {
                true => out.extend(c.escape_unicode()),
                false => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            match left.checked_sub(1) {
                Some(less) => left = less,
                None => return out + "...",
            }
            let _ = write!(out, r"\x{byte:02x}"); // a String takes all text
        }
    }
    out
}

/// A number with its thousands apart: `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len().saturating_mul(2));
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && digits.len().saturating_sub(i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_shown_not_obeyed() {
        for (bytes, text) in [
            (b"www.example.com".as_slice(), "www.example.com"),
            (b"\x1b[2J\x07", r"\u{1b}[2J\u{7}"),
            (b"a\nb\r", r"a\u{a}b\u{d}"),
            (b"\xff\xfe", r"\xff\xfe"),
            ("\u{202e}moc.live\u{200b}".as_bytes(), r"\u{202e}moc.live\u{200b}"),
            ("\u{9b}31m".as_bytes(), r"\u{9b}31m"),
            ("b\u{fc}cher.example".as_bytes(), "b\u{fc}cher.example"),
        ] {
            assert_eq!(visible(bytes, 40), text);
        }
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(visible(b"abcdef", 6), "abcdef");
        assert_eq!(visible(b"abcdefg", 6), "abcdef...");
        assert_eq!(visible(&[0xff; 9], 2), r"\xff\xff...");
        assert_eq!(visible(&[b'a'; 65_535], 60).len(), 63);
    }

    #[test]
    fn thousands_stand_apart() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), text);
        }
    }

    #[test]
    fn without_colour_there_is_no_escape() {
        assert_eq!(Style { colour: false }.paint(Paint::Grave, "x"), "x");
        assert_eq!(Style { colour: true }.paint(Paint::Grave, "x"), "\x1b[1;31mx\x1b[0m");
    }
}
