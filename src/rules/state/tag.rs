//! `tag`: the packets that follow a match, of its flow or of one of its hosts, are told as they are.

use super::super::subject::FlowDirection;
use crate::base::Timestamp;

/// What a rule tags, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The gid and sid of the rule.
    pub rule: (u32, u32),
    pub scope: Scope,
    pub metric: Metric,
    /// The packet that the rule matched on counts.
    pub count: u32,
}

/// What is tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The flow.
    Session,
    /// Who sends in the rule's direction.
    Source,
    /// Who receives.
    Destination,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    Packets,
    /// Of frames.
    Bytes,
    /// Whole ones, as in Suricata.
    Seconds,
}

impl Scope {
    /// Of `source` and `destination` in the rule's direction the one that is tagged, if it is a host.
    pub fn host<T>(self, (source, destination): (T, T)) -> Option<T> {
        match self {
            Self::Session => None,
            Self::Source => Some(source),
            Self::Destination => Some(destination),
        }
    }
}

/// The tags that a flow or a host has.
#[derive(Clone, Debug, Default)]
pub struct Tags(Vec<Tagged>);

#[derive(Clone, Debug)]
struct Tagged {
    tag: Tag,
    since: Timestamp,
    /// Of packets or bytes.
    counted: u64,
    /// How often the rule matched.
    matches: u8,
    /// Its packet is the one at hand: the alert tells of it.
    is_new: bool,
}

impl Tags {
    /// A rule with `tag` matched at `now`. One that did so before begins anew, as long as that is not too often.
    pub fn set(&mut self, tag: Tag, now: Timestamp) {
        let has_room = self.0.len() < MOST_TAGS;
        match self.0.iter_mut().find(|tagged| tagged.tag == tag) {
            Some(tagged) => {
                tagged.matches = tagged.matches.saturating_add(1);
                if tagged.matches < MOST_MATCHES {
                    (tagged.since, tagged.counted) = (now, 0);
                }
            }
            None if has_room => self.0.push(Tagged { tag, since: now, counted: 0, matches: 0, is_new: true }),
            None => {}
        }
    }

    /// A packet of `bytes` came at `now`. Answers whether it is tagged; tags whose time is over go.
    pub fn take(&mut self, now: Timestamp, bytes: u32) -> bool {
        let mut is_tagged = false;
        self.0.retain_mut(|tagged| {
            let counted = match tagged.tag.metric {
                Metric::Packets => tagged.counted.saturating_add(1),
                Metric::Bytes => tagged.counted.saturating_add(bytes.into()),
                Metric::Seconds => now.as_secs().saturating_sub(tagged.since.as_secs()),
            };
            tagged.counted = counted;
            let stays = counted <= tagged.tag.count.into();
            let is_new = std::mem::replace(&mut tagged.is_new, false);
            is_tagged |= stays && !is_new;
            stays || is_new
        });
        is_tagged
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Tag {
    /// What is tagged where nothing is said: of hosts the destination.
    pub const DEFAULT_COUNT: u32 = 256;

    /// Whether it is over with the packet that the rule matches on.
    pub const fn is_void(&self) -> bool {
        match self.metric {
            Metric::Packets => self.count <= 1,
            Metric::Bytes => self.count == 0,
            Metric::Seconds => false,
        }
    }

    /// By the words of a rule. `None` where they are none.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let (scope, count, rest) = match parts.as_slice() {
            [scope] => (scope, (Self::DEFAULT_COUNT, Metric::Packets), &[][..]),
            [scope, rest @ ("src" | "dst")] => (scope, (Self::DEFAULT_COUNT, Metric::Packets), std::slice::from_ref(rest)),
            [scope, count, metric, rest @ ..] => {
                let count = count.parse().ok()?;
                let counted = match *metric {
                    // As in Suricata.
                    "packets" => (Self::DEFAULT_COUNT.min(count), Metric::Packets),
                    "bytes" => (count, Metric::Bytes),
                    "seconds" => (count, Metric::Seconds),
                    _ => return None,
                };
                (scope, counted, rest)
            }
            _ => return None,
        };
        let scope = match (*scope, rest) {
            ("session", []) => Scope::Session,
            ("host", [] | ["dst"]) => Scope::Destination,
            ("host", ["src"]) => Scope::Source,
            _ => return None,
        };
        let (count, metric) = count;
        Some(Self { rule: (0, 0), scope, metric, count })
    }
}

impl super::super::subject::Subject<'_> {
    /// Tags what `tag` says of the flow that it is, seen in `direction`.
    pub(super) fn tag(&self, tag: Tag, direction: FlowDirection, states: &mut super::States<'_>) {
        let Some(packet) = &self.packet else { return }; // nothing follows
        let now = packet.segment.header.timestamp;
        match tag.scope.host(self.ends(direction)) {
            Some(host) => states.hosts.tag(host, tag, now),
            None => states.flow.tags().set(tag, now),
        }
    }
}

/// As in Suricata: so often a tag begins anew, and so many tags a flow or a host may have.
const MOST_MATCHES: u8 = 10;
const MOST_TAGS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    #[test]
    fn words_of_rules() {
        let tag = |scope, count, metric| Some(Tag { rule: (0, 0), scope, metric, count });
        for (text, expected) in [
            ("session", tag(Scope::Session, 256, Metric::Packets)),
            ("host", tag(Scope::Destination, 256, Metric::Packets)),
            ("session, 5 ,packets", tag(Scope::Session, 5, Metric::Packets)),
            ("session,1000,packets", tag(Scope::Session, 256, Metric::Packets)),
            ("host,1000,bytes,src", tag(Scope::Source, 1_000, Metric::Bytes)),
            ("host,60,seconds,dst", tag(Scope::Destination, 60, Metric::Seconds)),
            ("host,60,seconds", tag(Scope::Destination, 60, Metric::Seconds)),
            ("session,60,seconds,src", None),
            ("host,src", tag(Scope::Source, 256, Metric::Packets)),
            ("session,src", None),
            ("session,60", None),
            ("session,x,packets", None),
            ("session,5,minutes", None),
            ("flow", None),
            ("", None),
        ] {
            assert_eq!(Tag::parse(text), expected, "{text}");
        }
    }

    /// Which of the packets are told that come at these seconds, 100 bytes each, the first with the match.
    fn told(text: &str, seconds: &[u64]) -> Vec<bool> {
        let mut tags = Tags::default();
        tags.set(Tag::parse(text).unwrap(), at(seconds[0]));
        seconds.iter().map(|second| tags.take(at(*second), 100)).collect()
    }

    #[test]
    fn the_packet_that_matched_counts_and_is_not_told() {
        for (text, seconds, expected) in [
            ("session,3,packets", &[0, 0, 0, 0, 0][..], &[false, true, true, false, false][..]),
            ("session,1,packets", &[0, 0], &[false, false]),
            ("session,300,bytes", &[0, 0, 0, 0], &[false, true, true, false]),
            ("session,50,bytes", &[0, 0], &[false, false]),
            ("session,2,seconds", &[5, 6, 7, 8, 7], &[false, true, true, false, false]),
        ] {
            assert_eq!(told(text, seconds), expected, "{text}");
        }
    }

    #[test]
    fn a_match_begins_anew_but_not_for_ever() {
        let tag = Tag::parse("session,2,packets").unwrap();
        let mut tags = Tags::default();
        let told = (0..12).filter(|_| {
            tags.set(tag, at(0));
            tags.take(at(0), 1)
        });
        assert_eq!(told.count(), 9 + 1, "not the first; nine begin anew, and one is the second packet");
    }

    #[test]
    fn there_are_no_more_than_fifty() {
        let mut tags = Tags::default();
        (0..200).for_each(|sid| tags.set(Tag { rule: (1, sid), ..Tag::parse("session").unwrap() }, at(0)));
        assert_eq!(tags.0.len(), MOST_TAGS);
    }
}
