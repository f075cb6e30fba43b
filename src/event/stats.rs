//! The `stats` event: counters as a tree.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::ascii::Time;
use super::json::write_line;
use crate::base::Timestamp;

/// Appends the event to `out`. `counters` are names in dots and their values, `("decoder.pkts", 17)`, in any order; names with a
/// common stem become one object, at the place of the first. A name that is itself the stem of another has no place in a tree
/// and is left out.
pub fn stats(out: &mut Vec<u8>, timestamp: Timestamp, counters: &[(&str, u64)]) {
    let tree = Branch { counters, stem: None };
    write_line(out, &Event { timestamp: Time(timestamp), event_type: "stats", stats: tree });
}

#[derive(Serialize)]
struct Event<'a> {
    timestamp: Time,
    event_type: &'static str,
    stats: Branch<'a>,
}

/// The counters whose names begin with `stem` and a dot; all of them without a stem.
#[derive(Clone, Copy)]
struct Branch<'a> {
    counters: &'a [(&'a str, u64)],
    stem: Option<&'a str>,
}

impl<'a> Branch<'a> {
    /// Each of the branch's counters: its whole name, its name below the stem, and its value.
    fn members(self) -> impl Iterator<Item = (&'a str, &'a str, u64)> {
        self.counters.iter().filter_map(move |&(name, value)| Some((name, self.below(name)?, value)))
    }

    fn below(self, name: &'a str) -> Option<&'a str> {
        match self.stem {
            None => Some(name),
            Some(stem) => name.strip_prefix(stem)?.strip_prefix('.'),
        }
    }
}

impl Serialize for Branch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (i, (name, below, value)) in self.members().enumerate() {
            let key = first_part(below);
            let is_branch = |(_, below, _): &(&str, &str, u64)| first_part(below) == key && *below != key;
            if self.members().take(i).any(|(_, earlier, _)| first_part(earlier) == key) {
                continue;
            }
            if below != key || self.members().any(|member| is_branch(&member)) {
                let stem_len = name.len().saturating_sub(below.len()).saturating_add(key.len());
                map.serialize_entry(key, &Branch { counters: self.counters, stem: name.get(..stem_len) })?;
            } else {
                map.serialize_entry(key, &value)?;
            }
        }
        map.end()
    }
}

fn first_part(name: &str) -> &str {
    name.split_once('.').map_or(name, |(first, _)| first)
}
