//! `threshold` and `detection_filter`: how often a rule has to match, or may alert.

use super::super::builder::Builder;
use super::super::diagnostic::Reason;
use super::super::state::{Threshold, ThresholdKind, TrackBy};
use super::{Keyword, Kind, required, set_once};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "threshold", aliases: &[], kind: Kind::Option(threshold) },
    Keyword { name: "detection_filter", aliases: &[], kind: Kind::Option(detection_filter) },
];

/// `type T, track by_X, count N, seconds S`, in any order; with type `backoff` `multiplier M` for the seconds.
fn threshold(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let parts = Parts::parse(required(value)?)?;
    set_once(&mut builder.meta.threshold, parts.threshold()?)
}

/// `track by_X, count N, seconds S`, in any order.
fn detection_filter(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let parts = Parts::parse(required(value)?)?;
    if parts.kind.is_some() || parts.multiplier.is_some() {
        return Err(BAD);
    }
    set_once(&mut builder.meta.threshold, parts.timed(ThresholdKind::Filter)?)
}

/// What a threshold says, part by part.
#[derive(Default)]
pub(in crate::rules) struct Parts<'a> {
    kind: Option<&'a str>,
    track: Option<TrackBy>,
    count: Option<u32>,
    seconds: Option<u32>,
    multiplier: Option<u32>,
}

impl<'a> Parts<'a> {
    fn parse(text: &'a str) -> Result<Self, Reason> {
        let mut parts = Self::default();
        for part in text.split(',') {
            let (name, value) = part.trim().split_once(char::is_whitespace).ok_or(BAD)?;
            parts.set(name, value.trim())?;
        }
        Ok(parts)
    }

    /// Takes a part.
    pub fn set(&mut self, name: &str, value: &'a str) -> Result<(), Reason> {
        match name {
            "type" => set_once(&mut self.kind, value),
            "track" => set_once(&mut self.track, track(value).ok_or(BAD)?),
            "count" => set_once(&mut self.count, positive(value)?),
            "seconds" => set_once(&mut self.seconds, positive(value)?),
            "multiplier" => set_once(&mut self.multiplier, positive(value)?),
            "unique_on" => Err(Reason::Refused("unique_on counts a port once, and what is counted here are matches")),
            _ => Err(BAD),
        }
    }

    /// The threshold that all parts together are.
    pub fn threshold(&self) -> Result<Threshold, Reason> {
        match (self.kind.ok_or(BAD)?, self.multiplier) {
            ("limit", None) => self.timed(ThresholdKind::Limit),
            ("threshold", None) => self.timed(ThresholdKind::Threshold),
            ("both", None) => self.timed(ThresholdKind::Both),
            ("backoff", Some(factor @ 2..)) if self.track == Some(TrackBy::Flow) && self.seconds.is_none() => {
                let count = self.count.ok_or(BAD)?;
                Ok(Threshold { kind: ThresholdKind::Backoff(factor), track: TrackBy::Flow, count, seconds: 0 })
            }
            ("backoff", _) => Err(Reason::BadValue("type backoff, track by_flow, count N, multiplier N from 2")),
            _ => Err(BAD),
        }
    }

    /// The parts but the type, as a threshold of `kind`.
    pub fn timed(&self, kind: ThresholdKind) -> Result<Threshold, Reason> {
        let (Some(track), Some(count), Some(seconds)) = (self.track, self.count, self.seconds) else { return Err(BAD) };
        Ok(Threshold { kind, track, count, seconds })
    }
}

/// A number from 1.
pub(in crate::rules) fn positive(text: &str) -> Result<u32, Reason> {
    text.parse().ok().filter(|&n| n > 0).ok_or(Reason::BadValue("a number from 1"))
}

fn track(text: &str) -> Option<TrackBy> {
    Some(match text {
        "by_src" => TrackBy::Source,
        "by_dst" => TrackBy::Destination,
        "by_both" => TrackBy::Both,
        "by_rule" => TrackBy::Rule,
        "by_flow" => TrackBy::Flow,
        _ => return None,
    })
}

const BAD: Reason = Reason::BadValue(
    "[type limit|threshold|both,] track by_src|by_dst|by_both|by_rule|by_flow, count N, seconds N, the numbers from 1",
);
