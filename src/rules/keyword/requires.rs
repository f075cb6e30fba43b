//! `requires`: what an engine has to have for a rule to be for it. A rule that is not is left out, which is no mistake.

use super::super::ast::OptionAst;
use super::super::diagnostic::{Reason, excerpt};
use super::{Keyword, Kind, Registry, required};

pub(super) const KEYWORDS: &[Keyword] =
    // Looked at before all other options.
    &[Keyword { name: "requires", aliases: &[], kind: Kind::Option(|_, value| required(value).map(drop)) }];

/// The first requirement among `options` that is not met, or that is of no known form, and where it is.
pub(in crate::rules) fn unmet(registry: &Registry, options: &[OptionAst<'_>]) -> Option<(Reason, usize)> {
    for option in options.iter().filter(|o| o.name == "requires") {
        let mut versions = 0_u32;
        for requirement in option.value.unwrap_or_default().split(',').map(str::trim) {
            let is_version = requirement.starts_with("version");
            versions = versions.saturating_add(u32::from(is_version));
            if versions > 1 {
                return Some((Reason::GivenTwice, option.at));
            }
            match is_met(registry, requirement) {
                None => return Some((BAD, option.at)),
                Some(false) => return Some((Reason::Unmet(excerpt(requirement)), option.at)),
                Some(true) => {}
            }
        }
    }
    None
}

/// `None`: it is of no known form. A requirement of another kind is not met.
fn is_met(registry: &Registry, requirement: &str) -> Option<bool> {
    let (kind, what) = requirement.split_once(char::is_whitespace)?;
    Some(match kind {
        "feature" => FEATURES.contains(&what.trim()),
        "keyword" => registry.0.contains_key(what.trim()),
        "version" => {
            let mut met = false;
            for alternative in what.split('|') {
                met |= all_hold(alternative)?;
            }
            met
        }
        _ => false,
    })
}

/// `>= 7.0.4 < 8`
fn all_hold(text: &str) -> Option<bool> {
    let (mut rest, mut met) = (text.trim(), true);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit())?;
        let (operator, number) = rest.split_at_checked(digits)?;
        let end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
        let (number, behind) = number.split_at_checked(end)?;
        let version = version(number)?;
        met &= match operator.trim() {
            ">=" => LANGUAGE >= version,
            ">" => LANGUAGE > version,
            "<=" => LANGUAGE <= version,
            "<" => LANGUAGE < version,
            _ => return None,
        };
        rest = behind.trim();
    }
    (!text.trim().is_empty()).then_some(met)
}

/// `8`, `8.0` or `8.0.3`
fn version(text: &str) -> Option<[u32; 3]> {
    let mut version = [0; 3];
    let mut parts = text.split('.');
    for (slot, part) in version.iter_mut().zip(&mut parts) {
        *slot = part.parse().ok()?;
    }
    parts.next().is_none().then_some(version)
}

/// The version of Suricata whose language this is.
const LANGUAGE: [u32; 3] = [8, 0, 0];

/// Features, by Suricata's names.
const FEATURES: &[&str] = &["geoip", "ja3", "ja4"];

const BAD: Reason = Reason::BadValue("feature NAME, keyword NAME, version >= N.N.N, or several with commas between");

#[cfg(test)]
mod tests {
    use super::*;

    fn met(text: &str) -> Option<bool> {
        is_met(&Registry::new(), text)
    }

    #[test]
    fn requirements() {
        for (text, expected) in [
            ("feature ja3", Some(true)),
            ("feature lua", Some(false)),
            ("keyword tls.sni", Some(true)),
            ("keyword foobar", Some(false)),
            ("version >= 7.0.3", Some(true)),
            ("version >= 8", Some(true)),
            ("version > 8", Some(false)),
            ("version < 8", Some(false)),
            ("version <= 8.0", Some(true)),
            ("version >=7.0.4 <8", Some(false)),
            ("version >= 7.0.4 < 8 | >= 8.0.0", Some(true)),
            ("version >= 7.0.10 < 8 | >= 9.0.3", Some(false)),
            ("weather fine", Some(false)),
            ("version 8", None),
            ("version", None),
            ("version >= 1.2.3.4", None),
            ("version >= 8 |", None),
            ("", None),
        ] {
            assert_eq!(met(text), expected, "{text}");
        }
    }
}
