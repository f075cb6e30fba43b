//! How it is with sinks: what a run tells of them, and what becomes of that in metrics and on the page.

use std::time::SystemTime;

use serde::Serialize;

use super::metrics::{Metrics, add, labelled};
use crate::base::visible::visible;

/// How it is with a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkLevel {
    /// What it is called.
    pub name: String,
    /// Blocks of events that wait for it, each of at most 256 KiB.
    pub queued: u64,
    /// What has become of its events. The names of what was lost begin with `dropped_`; those of `spool_` are not counters, and passed over.
    pub counters: Vec<(&'static str, u64)>,
    /// What waits on disk, where it has a spool.
    pub spool: Option<SpoolLevel>,
    /// Why it takes nothing, and since when.
    pub trouble: Option<(SystemTime, String)>,
}

/// What waits on disk for a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolLevel {
    /// Events that are not acknowledged.
    pub events: u64,
    /// Bytes.
    pub bytes: u64,
    /// Files that these are in.
    pub segments: u64,
    /// The time of the oldest of the events, in seconds since 1970.
    pub oldest: Option<u64>,
}

/// What the page shows of one.
#[derive(Serialize)]
pub(super) struct Shown {
    name: String,
    queued: u64,
    sent: u64,
    /// Refused by the receiver, or dropped.
    lost: u64,
    spool: Option<ShownSpool>,
    trouble: Option<ShownTrouble>,
}

#[derive(Serialize)]
struct ShownSpool {
    events: u64,
    bytes: u64,
    segments: u64,
    /// Seconds since the oldest event.
    age: Option<u64>,
}

#[derive(Serialize)]
struct ShownTrouble {
    /// For how many seconds.
    age: u64,
    why: String,
}

impl SinkLevel {
    pub(super) fn shown(&self, now: SystemTime) -> Shown {
        Shown {
            name: visible(&self.name, LONGEST),
            queued: self.queued,
            sent: self.of("sent"),
            lost: self.counters.iter().filter(|(name, _)| is_lost(name)).fold(0, |sum, (_, n)| sum.saturating_add(*n)),
            spool: self.spool.map(|SpoolLevel { events, bytes, segments, oldest }| ShownSpool {
                events,
                bytes,
                segments,
                age: oldest.map(|oldest| seconds(now).saturating_sub(oldest)),
            }),
            trouble: self.trouble.as_ref().map(|(since, why)| ShownTrouble {
                age: now.duration_since(*since).unwrap_or_default().as_secs(),
                why: visible(why, LONGEST),
            }),
        }
    }

    pub(super) fn add(&self, metrics: &mut Metrics, now: SystemTime) {
        let sink = ("sink", self.name.as_str());
        let mut gauge = |name: &str, help: &str, value: u64| add(metrics, name, "gauge", help, labelled(&[sink]), value as f64);
        gauge("portcullis_sink_queued_blocks", "Blocks of events that wait for a sink.", self.queued);
        gauge("portcullis_sink_up", "Whether a sink takes events, as far as is known.", u64::from(self.trouble.is_none()));
        let failing = self.trouble.as_ref().map_or(0, |(since, _)| now.duration_since(*since).unwrap_or_default().as_secs());
        gauge("portcullis_sink_failing_seconds", "For how long a sink has taken nothing; 0 where it takes events.", failing);
        if let Some(spool) = &self.spool {
            gauge("portcullis_sink_spool_events", "Events that wait to be acknowledged.", spool.events);
            gauge("portcullis_sink_spool_bytes", "Bytes of a spool on disk.", spool.bytes);
            gauge("portcullis_sink_spool_segments", "Files of a spool.", spool.segments);
            let age = spool.oldest.map_or(0, |oldest| seconds(now).saturating_sub(oldest));
            gauge(
                "portcullis_sink_spool_oldest_seconds",
                "Age of the oldest event that waits to be acknowledged; 0 without one.",
                age,
            );
        }
        let mut events = |name: &str, help: &str, labels: &[(&str, &str)], value: u64| {
            add(metrics, name, "counter", help, labelled(labels), value as f64);
        };
        for (name, value) in self.counters.iter().filter(|(name, _)| !name.starts_with("spool_")) {
            if let Some(reason) = name.strip_prefix("dropped_") {
                let help = "Events that were lost before a sink, or by it.";
                events("portcullis_sink_dropped_events_total", help, &[sink, ("reason", reason)], *value);
            } else {
                let help = "Events of a sink, by what has become of them.";
                events("portcullis_sink_events_total", help, &[sink, ("outcome", name)], *value);
            }
        }
    }

    fn of(&self, name: &str) -> u64 {
        self.counters.iter().find(|(known, _)| *known == name).map_or(0, |(_, n)| *n)
    }
}

fn is_lost(name: &str) -> bool {
    name == "refused" || name.starts_with("dropped_")
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Characters of a name or reason that are shown.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn level() -> (SinkLevel, SystemTime) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000);
        let level = SinkLevel {
            name: "siem".to_owned(),
            queued: 3,
            counters: vec![
                ("accepted", 9),
                ("sent", 4),
                ("refused", 1),
                ("dropped_queue", 2),
                ("dropped_spool", 5),
                ("spool_events", 7),
            ],
            spool: Some(SpoolLevel { events: 7, bytes: 1_234, segments: 2, oldest: Some(1_940) }),
            trouble: Some((now - Duration::from_secs(90), "no \u{1b}[2J answer".to_owned())),
        };
        (level, now)
    }

    #[test]
    fn the_page_is_told_what_waits_for_how_long_and_why() {
        let (level, now) = level();
        let expected = json!({
            "name": "siem", "queued": 3, "sent": 4, "lost": 8,
            "spool": {"events": 7, "bytes": 1_234, "segments": 2, "age": 60},
            "trouble": {"age": 90, "why": "no \\u{1b}[2J answer"},
        });
        assert_eq!(serde_json::to_value(level.shown(now)).unwrap(), expected);
    }

    #[test]
    fn metrics_tell_it_by_sink_and_a_sink_without_a_spool_has_none() {
        let (level, now) = level();
        let told = |level: &SinkLevel| {
            let mut metrics = Metrics::new();
            level.add(&mut metrics, now);
            metrics.iter().flat_map(|(name, metric)| metric.lines(name)).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&level),
            [
                r#"portcullis_sink_dropped_events_total{sink="siem",reason="queue"} 2"#,
                r#"portcullis_sink_dropped_events_total{sink="siem",reason="spool"} 5"#,
                r#"portcullis_sink_events_total{sink="siem",outcome="accepted"} 9"#,
                r#"portcullis_sink_events_total{sink="siem",outcome="sent"} 4"#,
                r#"portcullis_sink_events_total{sink="siem",outcome="refused"} 1"#,
                r#"portcullis_sink_failing_seconds{sink="siem"} 90"#,
                r#"portcullis_sink_queued_blocks{sink="siem"} 3"#,
                r#"portcullis_sink_spool_bytes{sink="siem"} 1234"#,
                r#"portcullis_sink_spool_events{sink="siem"} 7"#,
                r#"portcullis_sink_spool_oldest_seconds{sink="siem"} 60"#,
                r#"portcullis_sink_spool_segments{sink="siem"} 2"#,
                r#"portcullis_sink_up{sink="siem"} 0"#,
            ]
        );
        let plain = SinkLevel { spool: None, trouble: None, counters: Vec::new(), ..level };
        assert_eq!(
            told(&plain),
            [
                r#"portcullis_sink_failing_seconds{sink="siem"} 0"#,
                r#"portcullis_sink_queued_blocks{sink="siem"} 3"#,
                r#"portcullis_sink_up{sink="siem"} 1"#,
            ]
        );
    }
}
