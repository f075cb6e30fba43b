//! What an event looks like where it goes: as it is, or in the words of others. A format is a table in a file of its own.

mod cef;
mod ecs;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;

/// What an event looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Suricata's EVE JSON, which is what the engine writes.
    #[default]
    Eve,
    /// The Elastic Common Schema, as JSON.
    Ecs,
    /// The Common Event Format of ArcSight.
    Cef,
}

impl Format {
    /// All of them with their words.
    pub const WORDS: [(&'static str, Self); 3] = [("eve", Self::Eve), ("ecs", Self::Ecs), ("cef", Self::Cef)];

    /// By its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, format)| format)
    }

    /// An event of EVE JSON in this format; neither ends with a newline, and neither has one. What is no event stays as it is.
    pub(super) fn event(self, event: &[u8]) -> Cow<'_, [u8]> {
        let parsed = || serde_json::from_slice::<Value>(event).ok().filter(Value::is_object);
        let made = match self {
            Self::Eve => None,
            Self::Ecs => parsed().map(ecs::event),
            Self::Cef => parsed().map(|parsed| cef::event(&parsed).into_bytes()),
        };
        made.map_or(Cow::Borrowed(event), Cow::Owned)
    }

    /// Whole lines of events in this format, a line for each.
    pub(super) fn lines(self, lines: &[u8]) -> Cow<'_, [u8]> {
        if self == Self::Eve {
            return Cow::Borrowed(lines);
        }
        let mut made = Vec::with_capacity(lines.len());
        for line in lines.split_inclusive(|&b| b == b'\n') {
            made.extend_from_slice(&self.event(line.strip_suffix(b"\n").unwrap_or(line)));
            made.push(b'\n');
        }
        Cow::Owned(made)
    }
}

/// What stands in an event at a path in dots; a number after a dot is a place in a list.
fn at<'v>(event: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(event, |value, part| match value {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        _ => value.get(part),
    })
}

/// Text at a path; none where it is something else.
fn text<'v>(event: &'v Value, path: &str) -> Option<&'v str> {
    at(event, path).and_then(Value::as_str)
}
