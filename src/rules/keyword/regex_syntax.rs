//! From PCRE's syntax to that of the `regex` crate, where the two differ.
//!
//! What `regex` cannot do in linear time (look-around, back-references, possessive and atomic groups) is refused by name, and
//! so is what it would read differently. The rest is rewritten to mean the same.

use super::super::diagnostic::Reason;
use super::pcre::Flags;

/// `expression` for the `regex` crate.
pub(super) fn from_pcre(expression: &str, flags: Flags) -> Result<String, Reason> {
    let mut writer = Writer { out: String::with_capacity(expression.len().saturating_add(8)), rest: expression };
    while let Some(c) = writer.next() {
        match c {
            '\\' => writer.escape()?,
            '[' => writer.class()?,
            '(' => writer.group()?,
            '{' => writer.brace()?,
            '}' => writer.out.push_str("\\}"),
            '*' | '+' | '?' => {
                writer.out.push(c);
                writer.after_quantifier()?;
            }
            // PCRE's `$` also matches before a line break that ends the text.
            '$' if flags.multi_line => writer.out.push('$'),
            '$' if flags.dollar_end_only => writer.out.push_str("\\z"),
            '$' => writer.out.push_str("(?:\\n?\\z)"),
            _ => writer.out.push(c),
        }
    }
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    rest: &'a str,
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
            Some('1'..='9' | 'g' | 'k') => return Err(Reason::NotSupported("a back-reference")),
            Some('K' | 'G' | 'C' | 'X' | 'Q' | 'N') => return Err(Reason::NotSupported("this escape of PCRE")),
            Some(c) => self.escaped(c),
            None => return Err(Reason::Pcre("it ends with a backslash".to_owned())),
        }
        Ok(())
    }

    /// A character after a backslash that means the same within a class and outside.
    fn escaped(&mut self, c: char) {
        match c {
            'e' => self.out.push_str("\\x1b"),
            '0' => self.out.push_str("\\x00"),
            'x' => self.hex_escape(),
            'a'..='z' | 'A'..='Z' => self.out.extend(['\\', c]),
            '<' | '>' => self.out.push(c),
            _ if c.is_ascii_punctuation() => self.out.extend(['\\', c]),
            ' ' => self.out.push_str("\\x20"),
            _ => self.out.push(c),
        }
    }

    /// After `\x`: PCRE takes none, one or two digits.
    fn hex_escape(&mut self) {
        self.out.push_str("\\x");
        if self.rest.starts_with('{') {
            return;
        }
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
                _ => self.out.push(c),
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
            Some('1'..='9') => return Err(Reason::NotSupported("an octal escape")),
            Some(c @ ('d' | 'D' | 'w' | 'W' | 's' | 'S')) => {
                self.out.extend(['\\', c]);
                // After a class, PCRE reads a hyphen as itself.
                if let Some(rest) = self.rest.strip_prefix('-') {
                    self.out.push_str("\\-");
                    self.rest = rest;
                }
            }
            Some(c) => self.escaped(c),
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
        for (start, what) in [
            ("?=", "look-ahead"),
            ("?!", "look-ahead"),
            ("?<=", "look-behind"),
            ("?<!", "look-behind"),
            ("?>", "an atomic group"),
            ("?|", "a branch reset group"),
            ("?(", "a conditional group"),
            ("?R", "recursion"),
            ("?&", "recursion"),
            ("?P>", "recursion"),
            ("?P=", "a back-reference"),
        ] {
            if self.rest.starts_with(start) {
                return Err(Reason::NotSupported(what));
            }
        }
        self.out.push('(');
        if self.rest.starts_with('?') {
            // The mark is no quantifier.
            self.out.push('?');
            self.next();
        }
        Ok(())
    }

    /// After `{`: a quantifier, or a brace that stands for itself.
    fn brace(&mut self) -> Result<(), Reason> {
        let body = self.rest.split_once('}').map(|(body, _)| body);
        match body.filter(|b| is_count(b)) {
            Some(body) => {
                self.out.push('{');
                self.out.push_str(body);
                self.out.push('}');
                self.rest = self.rest.get(body.len().saturating_add(1)..).unwrap_or_default();
                self.after_quantifier()
            }
            None => {
                self.out.push_str("\\{");
                Ok(())
            }
        }
    }

    /// A `+` after a quantifier makes it possessive; `regex` would read it as one more quantifier.
    fn after_quantifier(&mut self) -> Result<(), Reason> {
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.out.push('?');
            self.rest = rest;
        }
        if self.rest.starts_with('+') { Err(Reason::NotSupported("a possessive quantifier")) } else { Ok(()) }
    }
}

/// `n`, `n,` or `n,m`
fn is_count(body: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    match body.split_once(',') {
        Some((low, high)) => digits(low) && (high.is_empty() || digits(high)),
        None => digits(body),
    }
}
