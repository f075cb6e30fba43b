//! A loaded rule, as alerts speak of it.

use std::sync::Arc;

use super::ast::{Action, RejectTarget};
use super::subject::FlowDirection;

/// A rule's place in its set. Lower ones act first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub(super) u32);

/// What is to be said of a loaded rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// Signature id.
    pub sid: u32,
    /// Revision; 0 where none is given.
    pub rev: u32,
    /// Group id; 1 where none is given.
    pub gid: u32,
    /// The message; may be empty.
    pub msg: Box<str>,
    /// The name of its class.
    pub classtype: Option<Arc<str>>,
    /// What its class means: EVE's `category`; empty without a class.
    pub category: Arc<str>,
    /// 1 is the highest: `priority`, else that of the class, else 3.
    pub severity: u32,
    /// Where to read more.
    pub references: Box<[Reference]>,
    /// `metadata` as written, that of all mentions joined by commas.
    pub(super) metadata: Arc<str>,
    /// Which end is the target of what it finds.
    pub target: Option<Target>,
    /// A match is an alert: not so with `noalert`, nor for `pass` without `alert`.
    pub alerts: bool,
    /// The events of a session that it matches carry the certificates themselves: `tls.store`.
    pub stores_certificates: bool,
    /// Keywords in it that no other engine has, in the order written: where there are some, the rule is not portable.
    pub own_keywords: Box<[&'static str]>,
    /// The rule as written, continuation lines joined; where [`RuleConfig::texts`](super::RuleConfig::texts) asks for it.
    pub text: Option<Box<str>>,
    /// The source that it came from.
    pub file: Arc<str>,
    /// The line where it begins, from 1.
    pub line: u32,
    /// Of a list, its place among those that the set was loaded with, from 1: lists of one kind have one sid. 0 for a rule.
    pub(super) list: u32,
}

/// A rule in one direction, by what it is known from one set to the next: a [`RuleId`] is of one set alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known {
    gid: u32,
    sid: u32,
    rev: u32,
    list: u32,
    direction: FlowDirection,
}

/// A `reference`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What the id is one of.
    pub kind: Arc<ReferenceKind>,
    /// The address or number there.
    pub id: Box<str>,
}

/// What kind of thing a `reference` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceKind {
    /// `url`, `cve`, `md5`, …
    pub name: String,
    /// What stands before the id to make it a link, where the kind is known.
    pub prefix: Option<Arc<str>>,
}

impl Rule {
    /// Keys and values of `metadata` in the order written. A key may come again; one without a value has an empty one.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once(char::is_whitespace).map_or((pair, ""), |(key, value)| (key, value.trim())))
    }

    /// By what it is known in other sets, as tried in `direction`.
    pub(super) const fn known(&self, direction: FlowDirection) -> Known {
        Known { gid: self.gid, sid: self.sid, rev: self.rev, list: self.list, direction }
    }
}

impl Reference {
    /// The link, or `kind:id` where the kind is not known.
    pub fn link(&self) -> String {
        match &self.kind.prefix {
            Some(prefix) => format!("{prefix}{}", self.id),
            None => format!("{}:{}", self.kind.name, self.id),
        }
    }
}

/// The end that `target` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `src_ip`
    Source,
    /// `dest_ip`
    Destination,
}

/// A rule that fired, and in which direction: source and destination of the alert follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The rule.
    pub rule: RuleId,
    /// Where what it matched was going.
    pub direction: FlowDirection,
    /// What it does: the rule's action, or that of a `rate_filter`.
    pub action: Action,
    /// Whether it is an alert. Where a threshold or a `suppress` left that out, it only names the rule that drops the packet.
    pub alerts: bool,
    /// Of a list, the entry.
    pub(super) listed: Option<u32>,
    /// What data sets in JSON know of the values that were found: a key, and an object as text.
    pub(super) context: Vec<(Arc<str>, Arc<str>)>,
}

impl Match {
    /// What data sets in JSON know of the values that were found: EVE's `alert.context`, by key, each an object of JSON as text.
    pub fn context(&self) -> impl Iterator<Item = (&str, &str)> {
        self.context.iter().map(|(key, object)| (&**key, &**object))
    }
}

/// What rules make of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it goes on, and so do the tries.
    #[default]
    None,
    /// It goes on untried.
    Pass,
    /// It is dropped.
    Drop,
    /// It is dropped and reset.
    Reject(RejectTarget),
}
