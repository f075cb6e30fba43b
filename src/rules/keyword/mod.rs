//! Keywords, a small file for each family. A new family is one file and one line in [`FAMILIES`] or [`OWN_FAMILIES`]; a new keyword
//! is one entry in its family's table.

mod absence;
mod address;
mod app_layer;
mod app_layer_protocol;
mod base64;
mod byte_ops;
mod content;
mod dataset;
mod entropy;
mod finding;
mod flow;
mod flow_totals;
mod form;
mod ip;
mod ja;
mod later;
mod measure;
mod meta;
mod packet;
mod packet_buffer;
mod payload;
mod pcre;
mod regex_syntax;
mod requires;
mod state;
mod tcp;
mod threshold;
mod tls_answers;
mod tls_certificate;
mod tls_certificate_facts;
mod tls_hello;
mod tls_parameters;
mod tls_state;
mod tls_validity;
mod tls_version;
mod transform;
mod vlan;

use std::str::FromStr;

use hashbrown::HashMap;

use super::builder::Builder;
use super::diagnostic::{Reason, excerpt};
use super::matcher::Values;
use super::subject::{FlowDirection, Sides};
use crate::base::slip;
use crate::protocol::tls::Session;

pub(super) use app_layer::is_own_event;
pub(super) use base64::BASE64_DATA;
pub(super) use form::Form;
pub(super) use packet_buffer::HeaderTest;
pub(super) use payload::PAYLOAD;
pub(super) use pcre::Regexes;
pub(super) use requires::unmet;
pub(super) use threshold::{Parts as ThresholdParts, positive};

/// Suricata's.
static FAMILIES: &[&[Keyword]] = &[
    meta::KEYWORDS,
    requires::KEYWORDS,
    flow::KEYWORDS,
    address::KEYWORDS,
    packet::KEYWORDS,
    ip::KEYWORDS,
    tcp::KEYWORDS,
    vlan::KEYWORDS,
    flow_totals::KEYWORDS,
    payload::KEYWORDS,
    state::KEYWORDS,
    threshold::KEYWORDS,
    content::KEYWORDS,
    byte_ops::KEYWORDS,
    base64::KEYWORDS,
    entropy::KEYWORDS,
    transform::KEYWORDS,
    pcre::KEYWORDS,
    dataset::KEYWORDS,
    tls_hello::KEYWORDS,
    tls_certificate::KEYWORDS,
    tls_validity::KEYWORDS,
    tls_state::KEYWORDS,
    tls_version::KEYWORDS,
    ja::KEYWORDS,
    app_layer::KEYWORDS,
    app_layer_protocol::KEYWORDS,
];

/// Our own: a rule that has one of them loads nowhere else.
static OWN_FAMILIES: &[&[Keyword]] =
    &[tls_parameters::KEYWORDS, tls_answers::KEYWORDS, tls_certificate_facts::KEYWORDS, finding::KEYWORDS];

/// A word that a rule's options may have.
pub(super) struct Keyword {
    /// As Suricata's documentation writes it.
    pub name: &'static str,
    /// Older ways to write it.
    pub aliases: &'static [&'static str],
    /// What it does.
    pub kind: Kind,
}

/// What a keyword does.
pub(super) enum Kind {
    /// A sticky buffer: what follows is matched in it.
    Buffer(Buffer),
    /// Anything else: reads its value and writes to the rule.
    Option(fn(&mut Builder<'_>, Option<&str>) -> Result<(), Reason>),
}

/// A sticky buffer.
#[derive(Debug)]
pub(super) struct Buffer {
    /// The keyword's name.
    pub name: &'static str,
    /// What it is read from.
    pub sides: Sides,
    /// It may have several values at once; all that is asked has to be in one of them.
    pub multiple: bool,
    /// What all values look like.
    pub form: Form,
    /// In which case its letters are written; contents are brought to it.
    pub case: Case,
    /// Reads the values that went in a direction. None: the session has none, and nothing asked of it holds.
    pub read: for<'s> fn(&'s Session, FlowDirection, &mut Values<'s>),
    /// Whether it is known, where there is no value, that none was sent in a direction: what was not seen may have been.
    pub is_absent: fn(&Session, FlowDirection) -> bool,
}

/// In which case a buffer's letters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// As they were sent.
    AsSent,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
}

/// The keywords by all their names.
pub(super) struct Registry(HashMap<&'static str, &'static Keyword>);

impl Registry {
    pub fn new() -> Self {
        let names = |k: &'static Keyword| std::iter::once(k.name).chain(k.aliases.iter().copied()).map(move |n| (n, k));
        Self(all().flat_map(names).collect())
    }

    /// Whether `name` is a keyword.
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether `name` is a keyword of our own.
    pub fn is_own(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|keyword| is_own(keyword))
    }

    /// Does to `builder` what the option `name` with `value` says.
    pub fn apply(&self, builder: &mut Builder<'_>, name: &str, value: Option<&str>) -> Result<(), Reason> {
        let keyword = self.0.get(name);
        builder.own_keywords.extend(keyword.filter(|k| is_own(k)).map(|k| k.name));
        match keyword.map(|k| &k.kind) {
            Some(Kind::Option(read)) => read(builder, value),
            Some(Kind::Buffer(buffer)) => no_value(value).and_then(|()| builder.select(buffer)),
            None if later::NAMES.contains(&name) => Err(Reason::KeywordNotSupported(name.to_owned())),
            None => Err(match later::REFUSED.iter().find(|(refused, _)| *refused == name) {
                Some((_, why)) => Reason::Refused(why),
                None => Reason::UnknownKeyword(excerpt(name)),
            }),
        }
    }
}

/// The keyword that `name` may be a slip of.
pub(super) fn similar(name: &str) -> Option<&'static str> {
    slip::meant(name, all().flat_map(|k| std::iter::once(k.name).chain(k.aliases.iter().copied())))
}

fn all() -> impl Iterator<Item = &'static Keyword> {
    FAMILIES.iter().chain(OWN_FAMILIES).copied().flatten()
}

/// Whether a keyword is our own: whether it lies in one of our tables.
fn is_own(keyword: &'static Keyword) -> bool {
    OWN_FAMILIES.iter().any(|family| family.as_ptr_range().contains(&std::ptr::from_ref(keyword)))
}

fn no_value(value: Option<&str>) -> Result<(), Reason> {
    if value.is_some() { Err(Reason::UnexpectedValue) } else { Ok(()) }
}

fn required(value: Option<&str>) -> Result<&str, Reason> {
    value.filter(|v| !v.is_empty()).ok_or(Reason::MissingValue)
}

fn number<T: FromStr>(value: Option<&str>) -> Result<T, Reason> {
    required(value)?.parse().map_err(|_| Reason::BadValue("a number"))
}

fn yes_or_no(value: Option<&str>) -> Result<bool, Reason> {
    match required(value)? {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(Reason::BadValue("yes or no")),
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T) -> Result<(), Reason> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Reason::GivenTwice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_registered_once() {
        let names: Vec<_> = all().flat_map(|k| std::iter::once(k.name).chain(k.aliases.iter().copied())).collect();
        let registry = Registry::new();
        assert_eq!(registry.0.len(), names.len());
        let refused = later::REFUSED.iter().map(|(name, _)| name);
        assert!(later::NAMES.iter().chain(refused).all(|n| !registry.0.contains_key(n)), "supported, and named as not supported");
        for keyword in all() {
            if let Kind::Buffer(buffer) = &keyword.kind {
                assert_eq!(buffer.name, keyword.name);
            }
        }
    }

    #[test]
    fn each_name_is_documented() {
        let page = include_str!("../../../docs/rules.md");
        for name in all().flat_map(|k| std::iter::once(&k.name).chain(k.aliases)) {
            assert!(page.contains(&format!("`{name}`")), "docs/rules.md does not mention {name}");
        }
    }
}
