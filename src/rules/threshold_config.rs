//! `threshold.config`: what the owner of a sensor says about rules of others. One line for each `suppress`, `threshold`
//! (`event_filter`) or `rate_filter`.

use std::net::IpAddr;

use super::ast::Action;
use super::diagnostic::{Reason, excerpt};
use super::interval::AddressSet;
use super::keyword::{ThresholdParts, positive};
use super::parse;
use super::set::Entry;
use super::state::{RateFilter, Threshold, ThresholdKind};
use super::vars::Variables;

/// A line, and which rules it is about.
#[derive(Debug)]
pub(super) struct Setting {
    /// 0 for all.
    gid: u32,
    /// 0 for all.
    sid: u32,
    what: What,
}

#[derive(Debug)]
enum What {
    Suppress(Suppression),
    Threshold(Threshold),
    RateFilter(RateFilter),
}

/// Whose alerts are not told.
#[derive(Clone, Debug)]
pub(super) enum Suppression {
    /// Nobody's are.
    All,
    /// Those with such a source.
    Source(AddressSet),
    /// Those with such a destination.
    Destination(AddressSet),
    /// Those with such a source or destination.
    Either(AddressSet),
}

impl Suppression {
    /// Whether an alert about a packet from `source` to `destination` is not told.
    pub fn covers(&self, source: IpAddr, destination: IpAddr) -> bool {
        let (source, destination) = (source.to_canonical(), destination.to_canonical());
        match self {
            Self::All => true,
            Self::Source(addresses) => addresses.contains(source),
            Self::Destination(addresses) => addresses.contains(destination),
            Self::Either(addresses) => addresses.contains(source) || addresses.contains(destination),
        }
    }
}

impl Setting {
    /// Reads a line.
    pub fn parse(line: &str, variables: &mut Variables<'_>) -> Result<Self, Reason> {
        let (word, rest) = line.trim().split_once(char::is_whitespace).ok_or(Reason::Expected(LINE))?;
        let mut fields = Fields::parse(rest)?;
        let number = |text: Option<&str>| text.and_then(|t| t.parse().ok()).ok_or(Reason::Expected("gen_id N, sig_id N"));
        let (gid, sid) = (number(fields.take("gen_id"))?, number(fields.take("sig_id"))?);
        let what = match word {
            "suppress" => What::Suppress(suppression(&mut fields, variables)?),
            "threshold" | "event_filter" => What::Threshold(fields.parts()?.threshold()?),
            "rate_filter" => What::RateFilter(rate_filter(&mut fields)?),
            _ => return Err(Reason::Expected(LINE)),
        };
        match fields.0.first() {
            Some((name, _)) => Err(Reason::UnknownKeyword(excerpt(name))),
            None => Ok(Self { gid, sid, what }),
        }
    }

    /// Does to `rules` what it says; an error where it is about none. What is said about one rule goes before what is said about all, and
    /// that does not take the place of a rule's own threshold.
    pub fn apply<'r>(&self, rules: impl Iterator<Item = &'r mut Entry>) -> Result<(), Reason> {
        let is = |wanted, actual| wanted == 0 || wanted == actual;
        let mut any = false;
        for rule in rules.filter(|c| is(self.gid, c.rule.gid) && is(self.sid, c.rule.sid)) {
            any = true;
            let of_all = self.gid == 0 || self.sid == 0;
            match &self.what {
                What::Suppress(suppression) => rule.suppressions.push(suppression.clone()),
                What::Threshold(_) if of_all && rule.threshold.is_some() => {}
                What::Threshold(threshold) => rule.threshold = Some(Box::new(*threshold)),
                What::RateFilter(_) if of_all && rule.rate_filter.is_some() => {}
                What::RateFilter(filter) => rule.rate_filter = Some(Box::new(*filter)),
            }
        }
        if any || self.sid == 0 { Ok(()) } else { Err(Reason::NoSuchRule { gid: self.gid, sid: self.sid }) }
    }
}

/// Names and values of a line.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    /// `name value, name value`; commas in brackets are part of a value.
    fn parse(text: &'a str) -> Result<Self, Reason> {
        let mut depth = 0_u32;
        let parts = text.split(|c| {
            match c {
                '[' => depth = depth.saturating_add(1),
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        });
        let field = |part: &'a str| part.trim().split_once(char::is_whitespace).map(|(name, value)| (name, value.trim()));
        parts.map(field).collect::<Option<_>>().map(Self).ok_or(Reason::Expected("name value, name value"))
    }

    /// Takes out a field.
    fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(n, _)| *n == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Takes all that are left as those of a threshold.
    fn parts(&mut self) -> Result<ThresholdParts<'a>, Reason> {
        let mut parts = ThresholdParts::default();
        for (name, value) in self.0.drain(..) {
            parts.set(name, value)?;
        }
        Ok(parts)
    }
}

fn suppression(fields: &mut Fields<'_>, variables: &mut Variables<'_>) -> Result<Suppression, Reason> {
    let (track, addresses) = match (fields.take("track"), fields.take("ip")) {
        (None, None) => return Ok(Suppression::All),
        (Some(track), Some(ip)) => (track, variables.addresses(&parse::addresses(ip)?).map_err(|(reason, _)| reason)?),
        _ => return Err(Reason::Expected("track by_src|by_dst|by_either, ip ADDRESSES")),
    };
    match track {
        "by_src" => Ok(Suppression::Source(addresses)),
        "by_dst" => Ok(Suppression::Destination(addresses)),
        "by_either" => Ok(Suppression::Either(addresses)),
        _ => Err(Reason::BadValue("track by_src, by_dst or by_either")),
    }
}

fn rate_filter(fields: &mut Fields<'_>) -> Result<RateFilter, Reason> {
    let action = match fields.take("new_action") {
        Some(word @ ("alert" | "drop" | "pass" | "reject")) => Action::from_word(word),
        _ => None,
    };
    let action = action.ok_or(Reason::Expected("new_action alert, drop, pass or reject"))?;
    let timeout = positive(fields.take("timeout").ok_or(Reason::Expected("timeout N"))?)?;
    Ok(RateFilter { rate: fields.parts()?.timed(ThresholdKind::Filter)?, action, timeout })
}

const LINE: &str = "suppress, threshold, event_filter or rate_filter, and what it is about";
