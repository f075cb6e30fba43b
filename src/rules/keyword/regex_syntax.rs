//! From PCRE's syntax to that of the `regex` crate, where the two differ.
//!
//! What cannot be done in linear time (look-around, back-references, possessive, atomic and conditional groups) is marked, for
//! `fancy-regex`. What either would read differently is refused by name. The rest is rewritten to mean the same.

use super::super::diagnostic::Reason;
use super::pcre::Flags;

/// An expression in the syntax of `regex` and `fancy-regex`.
pub(super) struct Translated {
    /// The expression.
    pub text: String,
    /// It has what only `fancy-regex` can do.
    pub backtracks: bool,
}

/// Translates `expression`.
pub(super) fn from_pcre(expression: &str, flags: Flags) -> Result<Translated, Reason> {
    let text = String::with_capacity(expression.len().saturating_add(8));
    let mut writer = Writer { out: text, rest: expression, backtracks: false, groups: 0 };
    while let Some(c) = writer.next() {
        match c {
            '\\' => writer.escape()?,
            '[' => writer.class()?,
            '(' => writer.group()?,
            '{' => writer.brace(),
            '}' => writer.out.push_str("\\}"),
            '*' | '+' | '?' => {
                writer.out.push(c);
                writer.after_quantifier();
            }
            // PCRE's `$` also matches before a line break that ends the text.
            '$' if flags.multi_line => writer.out.push('$'),
            '$' if flags.dollar_end_only => writer.out.push_str("\\z"),
            '$' => writer.out.push_str("(?:\\n?\\z)"),
            _ => writer.literal(c),
        }
    }
    Ok(Translated { text: writer.out, backtracks: writer.backtracks })
}

struct Writer<'a> {
    out: String,
    rest: &'a str,
    backtracks: bool,
    /// Groups that began so far and have a number.
    groups: usize,
}

impl Writer<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    /// After a backslash, outside of a class.
    fn escape(&mut self) -> Result<(), Reason> {
        match self.next() {
            Some('Z') => self.out.push_str("(?:\\n?\\z)"),
            Some('R') => self.out.push_str("(?:\\r\\n|[\\n\\x0b\\x0c\\r])"),
            Some('h') => self.out.push_str("[\\t ]"),
            Some('H') => self.out.push_str("[^\\t ]"),
            Some('v') => self.out.push_str("[\\n\\x0b\\x0c\\r]"),
            Some('V') => self.out.push_str("[^\\n\\x0b\\x0c\\r]"),
            Some('N') if !self.has_name() => self.out.push_str("[^\\n]"),
            Some(c @ '1'..='9') => self.number(c)?,
            Some('g' | 'k') => self.back_reference()?,
            Some('p' | 'P') => return Err(UNICODE),
            Some('K' | 'G' | 'C' | 'X' | 'Q' | 'N') => return Err(Reason::NotSupported("this escape of PCRE")),
            Some(c) => self.escaped(c)?,
            None => return Err(Reason::Pcre("it ends with a backslash".to_owned())),
        }
        Ok(())
    }

    /// After the backslash and `first` of `\1`, `\12` or `\167`: a back-reference; of more than one digit, and where there are not so many
    /// groups before it, up to three octal digits.
    fn number(&mut self, first: char) -> Result<(), Reason> {
        let more = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = self.rest.get(..more).unwrap_or_default();
        let number = format!("{first}{digits}").parse::<usize>().unwrap_or(usize::MAX);
        if more > 0 && matches!(first, '1'..='7') && number > self.groups {
            return self.octal(first, 2);
        }
        self.backtracks = true;
        self.out.extend(['\\', first]);
        self.out.push_str(digits);
        self.rest = self.rest.get(more..).unwrap_or_default();
        Ok(())
    }

    /// After the backslash and `first` of an octal number with up to so many digits more.
    fn octal(&mut self, first: char, more: usize) -> Result<(), Reason> {
        let more = self.rest.bytes().take(more).take_while(|b| matches!(b, b'0'..=b'7')).count();
        let digits = format!("{first}{}", self.rest.get(..more).unwrap_or_default());
        self.rest = self.rest.get(more..).unwrap_or_default();
        self.byte(u32::from_str_radix(&digits, 8).ok())
    }

    /// Whether braces follow that hold no number of times: `\N{name}` is a character, `\N{2}` two times `\N`.
    fn has_name(&self) -> bool {
        self.rest.strip_prefix('{').is_some_and(|rest| !rest.split_once('}').is_some_and(|(body, _)| is_count(body)))
    }

    /// After `\o` or `\x`: a number in braces.
    fn braced(&mut self, radix: u32, without: &str) -> Result<(), Reason> {
        let digits = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let digits = digits.filter(|(digits, _)| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)));
        let (digits, rest) = digits.ok_or_else(|| Reason::Pcre(without.to_owned()))?;
        self.rest = rest;
        self.byte(u32::from_str_radix(digits, radix).ok())
    }

    /// A character that stands for itself: beyond ASCII its bytes, one by one, as PCRE takes it without UTF.
    fn literal(&mut self, c: char) {
        if c.is_ascii() {
            self.out.push(c);
        } else {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.out.push_str(&format!("\\x{byte:02x}")));
        }
    }

    /// The byte with this number.
    fn byte(&mut self, number: Option<u32>) -> Result<(), Reason> {
        let byte = number.and_then(|n| u8::try_from(n).ok()).ok_or(Reason::Pcre("a character above 255".to_owned()))?;
        self.out.push_str(&format!("\\x{byte:02x}"));
        Ok(())
    }

    /// After the backslash and the letter of `\g1`, `\g{1}`, `\g{-1}`, `\g{name}`, `\k<name>`, `\k{name}` or `\k'name'`.
    fn back_reference(&mut self) -> Result<(), Reason> {
        self.backtracks = true;
        let named = [('{', '}'), ('<', '>'), ('\'', '\'')].into_iter().find_map(|(open, close)| {
            let (name, rest) = self.rest.strip_prefix(open)?.split_once(close)?;
            Some((name, rest))
        });
        let (name, rest) = match named {
            Some(found) => found,
            None => {
                let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
                self.rest.split_at_checked(digits).unwrap_or(("", self.rest))
            }
        };
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if name.is_empty() || !plain {
            return Err(Reason::NotSupported("this form of a back-reference"));
        }
        self.out.push_str("\\k<");
        self.out.push_str(name);
        self.out.push('>');
        self.rest = rest;
        Ok(())
    }

    /// A character after a backslash that means the same within a class and outside.
    fn escaped(&mut self, c: char) -> Result<(), Reason> {
        match c {
            'e' => self.out.push_str("\\x1b"),
            '0' => self.octal('0', 2)?,
            'o' => self.braced(8, "\\o without digits in braces")?,
            'c' => {
                let control = self.next().filter(|c| matches!(c, ' '..='~')).map(|c| u32::from(c.to_ascii_uppercase()) ^ 0x40);
                self.byte(Some(control.ok_or(Reason::Pcre("\\c without a character".to_owned()))?))?;
            }
            'x' if self.rest.starts_with('{') => self.braced(16, "\\x{ without hexadecimal digits and a brace that closes it")?,
            'x' => self.hex_escape(),
            'a'..='z' | 'A'..='Z' => self.out.extend(['\\', c]),
            '<' | '>' => self.out.push(c),
            _ if c.is_ascii_punctuation() => self.out.extend(['\\', c]),
            ' ' => self.out.push_str("\\x20"),
            _ => self.literal(c),
        }
        Ok(())
    }

    /// After `\x` without a brace: PCRE takes none, one or two digits.
    fn hex_escape(&mut self) {
        self.out.push_str("\\x");
        let digits = self.rest.bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
        self.out.push_str("00".get(digits..).unwrap_or_default());
        let (taken, rest) = self.rest.split_at_checked(digits).unwrap_or(("", self.rest));
        self.out.push_str(taken);
        self.rest = rest;
    }

    /// After `[`, up to the bracket that closes it.
    fn class(&mut self) -> Result<(), Reason> {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.out.push('^');
            self.rest = rest;
        }
        if let Some(rest) = self.rest.strip_prefix(']') {
            self.out.push_str("\\]");
            self.rest = rest;
        }
        while let Some(c) = self.next() {
            match c {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.class_escape()?,
                '[' if self.rest.starts_with(':') => self.posix_class(),
                // Set operations of `regex`, and what its `x` flag drops even here.
                '[' | '&' | '~' | '#' => self.out.extend(['\\', c]),
                '-' if self.rest.starts_with('-') => self.out.push_str("\\-"),
                ' ' => self.out.push_str("\\x20"),
                _ => self.literal(c),
            }
        }
        Err(Reason::Pcre("a class that is not closed".to_owned()))
    }

    fn class_escape(&mut self) -> Result<(), Reason> {
        match self.next() {
            Some('b') => self.out.push_str("\\x08"),
            Some('h') => self.out.push_str("\\t "),
            Some('v') => self.out.push_str("\\n\\x0b\\x0c\\r"),
            Some('R' | 'N' | 'X' | 'H' | 'V' | 'Q') => return Err(Reason::NotSupported("this escape of PCRE in a class")),
            Some('p' | 'P') => return Err(UNICODE),
            Some(c @ '1'..='7') => self.octal(c, 2)?,
            Some(c @ ('8' | '9')) => self.out.push(c),
            Some(c @ ('d' | 'D' | 'w' | 'W' | 's' | 'S')) => {
                self.out.extend(['\\', c]);
                // After a class, PCRE reads a hyphen as itself.
                if let Some(rest) = self.rest.strip_prefix('-') {
                    self.out.push_str("\\-");
                    self.rest = rest;
                }
            }
            Some(c) => self.escaped(c)?,
            None => return Err(Reason::Pcre("it ends with a backslash".to_owned())),
        }
        Ok(())
    }

    /// After the `[` of `[:alpha:]`; where it is not one, the bracket stands for itself.
    fn posix_class(&mut self) {
        let name = self.rest.strip_prefix(':').and_then(|r| r.split_once(":]")).map(|(name, _)| name);
        match name {
            Some(name) if name.trim_start_matches('^').bytes().all(|b| b.is_ascii_lowercase()) => {
                self.out.push_str("[:");
                self.out.push_str(name);
                self.out.push_str(":]");
                self.rest = self.rest.get(name.len().saturating_add(3)..).unwrap_or_default();
            }
            _ => self.out.push_str("\\["),
        }
    }

    /// After `(`.
    fn group(&mut self) -> Result<(), Reason> {
        if self.rest.starts_with('*') {
            return Err(Reason::NotSupported("a verb of PCRE"));
        }
        if self.rest.starts_with("?#") {
            self.rest = self.rest.split_once(')').map_or("", |(_, after)| after);
            return Ok(());
        }
        if let Some(rest) = self.rest.strip_prefix("?P=") {
            let (name, rest) = rest.split_once(')').ok_or(Reason::NotSupported("this form of a back-reference"))?;
            self.rest = rest;
            self.out.push_str("(?:\\k<");
            self.out.push_str(name);
            self.out.push_str(">)");
            self.backtracks = true;
            return Ok(());
        }
        for (start, what) in [
            ("?|", "a branch reset group"),
            ("?(?", "a group with look-around as its condition"),
            ("?(R", "recursion"),
            ("?(DEFINE)", "a group of definitions"),
            ("?R", "recursion"),
            ("?0", "recursion"),
            ("?1", "recursion"),
            ("?+", "recursion"),
            ("?&", "recursion"),
            ("?P>", "recursion"),
            ("?C", "a callout"),
        ] {
            if self.rest.starts_with(start) {
                return Err(Reason::NotSupported(what));
            }
        }
        self.backtracks |= ["?=", "?!", "?<=", "?<!", "?>", "?("].iter().any(|start| self.rest.starts_with(start));
        self.groups = self.groups.saturating_add(usize::from(self.is_numbered()));
        self.out.push('(');
        if self.rest.starts_with('?') {
            // The mark is no quantifier.
            self.out.push('?');
            self.next();
        }
        Ok(())
    }

    /// Whether the group that begins, after `(`, has a number: it has no `?`, or a name.
    fn is_numbered(&self) -> bool {
        let Some(rest) = self.rest.strip_prefix('?') else { return true };
        let name = rest.strip_prefix('P').unwrap_or(rest);
        name.starts_with('\'') || name.starts_with('<') && !name.starts_with("<=") && !name.starts_with("<!")
    }

    /// After `{`: a quantifier, or a brace that stands for itself.
    fn brace(&mut self) {
        let body = self.rest.split_once('}').map(|(body, _)| body);
        match body.filter(|b| is_count(b)) {
            Some(body) => {
                self.out.push('{');
                self.out.push_str(body);
                self.out.push('}');
                self.rest = self.rest.get(body.len().saturating_add(1)..).unwrap_or_default();
                self.after_quantifier();
            }
            None => self.out.push_str("\\{"),
        }
    }

    /// A `+` after a quantifier makes it possessive, a `?` lazy.
    fn after_quantifier(&mut self) {
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.out.push('?');
            self.rest = rest;
        } else if let Some(rest) = self.rest.strip_prefix('+') {
            self.out.push('+');
            self.rest = rest;
            self.backtracks = true;
        }
    }
}

/// What a Unicode property says of a byte hangs on how PCRE was built.
const UNICODE: Reason = Reason::NotSupported("a Unicode property");

/// `n`, `n,` or `n,m`
fn is_count(body: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    match body.split_once(',') {
        Some((low, high)) => digits(low) && (high.is_empty() || digits(high)),
        None => digits(body),
    }
}
