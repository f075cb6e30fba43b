//! Findings by id or pattern: `weak.protocol.*`, `all,-names.*`.

use std::str::FromStr;

use super::{FindingSet, all};
use crate::base::{pattern::is_like, slip};

/// Which findings are wanted: patterns with commas between them, taken one after the other. `all` is all, `high` all of that severity, a `-`
/// before one takes out. What begins by taking out begins with all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection(pub FindingSet);

/// Nothing has an id like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no finding is called `{pattern}`{}", .similar.as_ref().map(|id| format!(": did you mean `{id}`?")).unwrap_or_default())]
pub struct NoSuchFinding {
    /// What was asked for.
    pub pattern: String,
    /// An id or a pattern that may have been meant.
    pub similar: Option<String>,
}

/// The findings that `pattern` is about: an id, one with `*` for any characters, or a severity; in any case.
pub fn matching(pattern: &str) -> Result<FindingSet, NoSuchFinding> {
    let pattern = &pattern.to_ascii_lowercase();
    let mut set = FindingSet::default();
    all()
        .filter(|finding| finding.severity.as_str() == pattern || is_like(finding.id, pattern))
        .for_each(|finding| set.insert(finding));
    if set.is_empty() { Err(NoSuchFinding { pattern: excerpt(pattern), similar: similar(pattern) }) } else { Ok(set) }
}

impl Default for Selection {
    fn default() -> Self {
        Self(FindingSet::ALL)
    }
}

impl FromStr for Selection {
    type Err = NoSuchFinding;

    fn from_str(text: &str) -> Result<Self, NoSuchFinding> {
        let patterns = || text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
        let begins_with_all = patterns().next().is_none_or(|first| first.starts_with('-'));
        let mut set = if begins_with_all { FindingSet::ALL } else { FindingSet::default() };
        for pattern in patterns() {
            set = match pattern.strip_prefix('-') {
                Some(out) => set.without(named(out)?),
                None => set.or(named(pattern)?),
            };
        }
        Ok(Self(set))
    }
}

fn named(pattern: &str) -> Result<FindingSet, NoSuchFinding> {
    if pattern.eq_ignore_ascii_case("all") { Ok(FindingSet::ALL) } else { matching(pattern) }
}

/// What `pattern` may be a slip of: all that begin with it, or the id that it is like: with at most three letters inserted, left out or exchanged, or with the same last part.
fn similar(pattern: &str) -> Option<String> {
    let wanted = pattern.trim_end_matches(['*', '.']);
    let begins = |id: &str| id.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'));
    if !wanted.is_empty() && all().any(|finding| begins(finding.id)) {
        return Some(format!("{wanted}.*"));
    }
    let start = wanted.as_bytes().get(..LONGEST).unwrap_or(wanted.as_bytes());
    let closest = all().map(|finding| (slip::distance(start, finding.id.as_bytes()), finding.id)).min()?;
    let last = |id: &str| id.rsplit('.').next().unwrap_or_default().to_owned();
    let same_end = || all().find(|finding| last(finding.id) == last(wanted)).map(|finding| finding.id);
    let same_start = || all().find(|finding| !wanted.is_empty() && finding.id.starts_with(wanted)).map(|finding| finding.id);
    let within = |most: usize| Some(closest.1).filter(|_| closest.0 <= most);
    within(1).or_else(same_start).or_else(|| within(3)).or_else(same_end).map(str::to_owned)
}

fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// Characters of a pattern that are looked at; no id is as long.
const LONGEST: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_taken_from_left_to_right() {
        let count = |text: &str| text.parse::<Selection>().unwrap().0.iter().count();
        let every = all().count();
        let of = |pattern: &str| matching(pattern).unwrap().len();
        for (text, expected) in [
            ("all", every),
            ("", every),
            ("names.*", of("names.*")),
            ("-names.*", every - of("names.*")),
            ("all, -names.*", every - of("names.*")),
            ("all,-names.*,names.missing", every - of("names.*") + 1),
            ("weak.protocol.tls10,weak.protocol.tls11", 2),
            ("all,-all", 0),
            ("Weak.Protocol.TLS10,HIGH,-high", 1),
            ("ALL", every),
            ("high", all().filter(|finding| finding.severity == super::super::Severity::High).count()),
        ] {
            assert_eq!(count(text), expected, "{text}");
        }
    }

    #[test]
    fn a_slip_is_an_error_that_says_what_may_be_meant() {
        for (text, said) in [
            ("weak.protocol.tls100", "no finding is called `weak.protocol.tls100`: did you mean `weak.protocol.tls10`?"),
            ("all,-weka.cipher.rc4", "no finding is called `weka.cipher.rc4`: did you mean `weak.cipher.rc4`?"),
            ("protocol.sslv3", "no finding is called `protocol.sslv3`: did you mean `weak.protocol.sslv3`?"),
            ("names.upper", "no finding is called `names.upper`: did you mean `names.upper-case`?"),
            ("names.lon", "no finding is called `names.lon`: did you mean `names.long`?"),
            ("weak", "no finding is called `weak`: did you mean `weak.*`?"),
            ("weak.cipher.", "no finding is called `weak.cipher.`: did you mean `weak.cipher.*`?"),
            ("xyzzy.plugh.quux", "no finding is called `xyzzy.plugh.quux`"),
        ] {
            assert_eq!(text.parse::<Selection>().unwrap_err().to_string(), said);
        }
    }
}
