//! What is wrong with a configuration file, and where.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::base::slip;
use crate::cli::place;
use crate::cli::terminal::visible;
use crate::cli::veil::veiled;

/// Something that is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(super) enum Reason {
    /// It is no TOML; the words are the parser's.
    Toml(String),
    /// No command, or not this one, has a flag of that name.
    UnknownKey {
        /// As it was written.
        key: String,
        /// The command, where it is in the table of one.
        command: Option<String>,
        /// What may be meant.
        meant: Option<String>,
    },
    /// It is the flag of a command, but not of this one.
    OtherCommand {
        /// As it was written.
        key: String,
        /// Whose table it is in.
        command: String,
        /// A command that has it.
        has: String,
    },
    /// No command is called so.
    UnknownCommand {
        /// As it was written.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A value of another type than the key takes.
    Type {
        /// Of which key.
        key: String,
        /// What it takes.
        expected: String,
        /// What is there.
        found: &'static str,
        /// How it is written right, where that can be said.
        hint: Option<String>,
    },
    /// None of the words that the key takes.
    NoSuchWord {
        /// Of which key.
        key: String,
        /// As it was written.
        given: String,
        /// Those that it takes.
        words: Vec<String>,
    },
    /// A value that the flag does not take.
    BadValue {
        /// Of which key.
        key: String,
        /// As it was written.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// A list without entries where there have to be some.
    EmptyList {
        /// Of which key.
        key: String,
    },
    /// No path where one has to be.
    EmptyPath {
        /// Of which key.
        key: String,
    },
    /// A variable that rules could not use.
    Variable {
        /// What is wrong with its value.
        why: String,
        /// What to do about it, where that can be said.
        hint: Option<String>,
    },
    /// A sink that cannot be.
    Sink {
        /// What is wrong with it.
        why: String,
        /// What to do about it, where that can be said.
        hint: Option<String>,
    },
    /// Two keys that exclude each other.
    Excluded {
        /// The later one.
        key: String,
        /// The earlier one.
        by: String,
    },
}

impl Fault {
    /// Line and column of the place in `text`, from 1; the column in characters.
    pub fn place(&self, text: &str) -> (u32, u32) {
        place_of(text, self.span.start)
    }

    /// Place and reason, the line with a caret under the place, and the hint; `name` is the file's.
    pub fn show(&self, out: &mut String, name: &str, text: &str) {
        let (line, column) = self.place(text);
        let _ = writeln!(out, "{name}:{line}:{column}: error: {}", self.reason);
        place::show(out, &veiled(text), line, column);
        if let Some(hint) = self.reason.hint() {
            let _ = writeln!(out, "    hint: {hint}");
        }
    }
}

impl Reason {
    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { key, meant, .. } if key == "var" => meant
                .is_some()
                .then(|| "variables have a table: [vars] with HOME_NET = \"10.0.0.0/8\" and the like below it".to_owned()),
            Self::UnknownKey { meant: Some(meant), .. } => Some(format!("is {meant} meant?")),
            Self::UnknownKey { command: Some(command), .. } => {
                Some(format!("keys are the flags of `portcullis {command} --help`, without --"))
            }
            Self::UnknownKey { .. } => Some("keys are the flags of `portcullis COMMAND --help`, without --".to_owned()),
            Self::OtherCommand { has, .. } => Some(format!("it is a flag of `portcullis {has}`")),
            Self::UnknownCommand { name, known } => {
                let last = name.rsplit(' ').next().unwrap_or_default();
                Some(match slip::meant(last, known.iter().map(String::as_str)) {
                    Some(meant) => format!("is {meant} meant?"),
                    None => format!("it is one of {}", known.join(", ")),
                })
            }
            Self::EmptyList { key } if key == "findings" => Some("for none of them write findings = \"-all\"".to_owned()),
            Self::EmptyList { key } if key == "trust-store" => Some("to judge no chain write trust-store = \"none\"".to_owned()),
            Self::EmptyList { .. } | Self::EmptyPath { .. } => Some("leave the key out where nothing is to be named".to_owned()),
            Self::Type { hint, .. } | Self::Sink { hint, .. } | Self::Variable { hint, .. } => hint.clone(),
            Self::NoSuchWord { given, words, .. } => {
                slip::meant(given, words.iter().map(String::as_str)).map(|meant| format!("is {meant} meant?"))
            }
            Self::Toml(_) | Self::BadValue { .. } | Self::Excluded { .. } => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toml(message) => f.write_str(message),
            Self::UnknownKey { key, command: None, .. } => write!(f, "there is no key {}", plain(key)),
            Self::UnknownKey { key, command: Some(command), .. } | Self::OtherCommand { key, command, .. } => {
                write!(f, "{command} has no key {}", plain(key))
            }
            Self::UnknownCommand { name, .. } => write!(f, "there is no command {}", plain(name)),
            Self::Type { key, expected, found, .. } => write!(f, "{} takes {expected}, not {found}", plain(key)),
            Self::NoSuchWord { key, given, words } => write!(f, "{key}: {} is none of {}", plain(given), words.join(", ")),
            Self::BadValue { key, given, why } if why.contains(given) => write!(f, "{key}: {}", plain(why)),
            Self::BadValue { key, given, why } => write!(f, "{key}: {}: {}", plain(given), plain(why)),
            Self::EmptyList { key } => write!(f, "{key}: the list has no entries"),
            Self::EmptyPath { key } => write!(f, "{key}: the path is empty"),
            Self::Variable { why, .. } | Self::Sink { why, .. } => f.write_str(&plain(why)),
            Self::Excluded { key, by } => write!(f, "{key} and {by} exclude each other"),
        }
    }
}

/// Line and column of a byte, from 1; the column in characters.
pub(super) fn place_of(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Text of the file as a message shows it.
fn plain(text: &str) -> String {
    visible(veiled(text).as_bytes(), SHOWN)
}

/// Characters of a value, or of what is wrong with it, in a message at most.
const SHOWN: usize = 160;
