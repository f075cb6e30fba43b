//! The `stats` event: counters as a tree.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::ascii::Time;
use super::json::write_line;
use crate::base::Timestamp;

/// The rules in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RulesInfo {
    /// How many there are.
    pub loaded: u64,
    /// How many were left out since they did not load.
    pub failed: u64,
    /// When they took the place of others, in packet time; `None` for those that were there from the start.
    pub last_reload: Option<Timestamp>,
}

/// Appends the event to `out`: `counters` and, with those of `detect`, what there is to say of `rules`. `counters` are names in dots and their values, `("decoder.pkts", 17)`, in any order; names with a
/// common stem become one object, at the place of the first. A name that is itself the stem of another has no place in a tree
/// and is left out.
pub fn stats(out: &mut Vec<u8>, timestamp: Timestamp, counters: &[(&str, u64)], rules: &RulesInfo) {
    let tree = Branch { counters, rules, stem: None };
    write_line(out, &Event { timestamp: Time(timestamp), event_type: "stats", stats: tree });
}

#[derive(Serialize)]
struct Event<'a> {
    timestamp: Time,
    event_type: &'static str,
    stats: Branch<'a>,
}

/// EVE has one for each tenant; here there is one.
#[derive(Serialize)]
struct Engine {
    id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_reload: Option<Time>,
    rules_loaded: u64,
    rules_failed: u64,
}

impl Engine {
    fn of(rules: &RulesInfo) -> Self {
        let RulesInfo { loaded, failed, last_reload } = *rules;
        Self { id: 0, last_reload: last_reload.map(Time), rules_loaded: loaded, rules_failed: failed }
    }
}

/// The counters whose names begin with `stem` and a dot; all of them without a stem.
#[derive(Clone, Copy)]
struct Branch<'a> {
    counters: &'a [(&'a str, u64)],
    rules: &'a RulesInfo,
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
        if self.stem == Some("detect") {
            map.serialize_entry("engines", &[Engine::of(self.rules)])?;
        }
        for (i, (name, below, value)) in self.members().enumerate() {
            let key = first_part(below);
            let is_branch = |(_, below, _): &(&str, &str, u64)| first_part(below) == key && *below != key;
            if self.members().take(i).any(|(_, earlier, _)| first_part(earlier) == key) {
                continue;
            }
            if below != key || self.members().any(|member| is_branch(&member)) {
                let stem_len = name.len().saturating_sub(below.len()).saturating_add(key.len());
                map.serialize_entry(key, &Branch { stem: name.get(..stem_len), ..*self })?;
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
