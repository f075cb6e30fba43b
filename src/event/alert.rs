//! The `alert` event: what a rule said.

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::ascii::Address;
use super::common::{Common, Line, Own};
use super::flow::{Flow, FlowCounters};
use super::tls::{Tls, TlsOptions};
use crate::flow::Endpoint;
use crate::protocol::tls::Session;

/// What a rule said, in the rule's words.
#[derive(Clone, Copy, Debug)]
pub struct AlertInfo<'a> {
    /// The generator: 1 for rules.
    pub gid: u32,
    /// `sid`.
    pub signature_id: u32,
    /// `rev`.
    pub rev: u32,
    /// `msg`.
    pub signature: &'a str,
    /// The long name of the rule's `classtype`; empty without one.
    pub category: &'a str,
    /// The rule's priority: 1 is the gravest.
    pub severity: u8,
    /// `metadata`: its keys and values in the order of the rule; a key may come again.
    pub metadata: &'a [(&'a str, &'a str)],
    /// `reference`: each as a link.
    pub references: &'a [String],
    /// What data sets know of the values that were found: by key, each an object of JSON as text.
    pub context: &'a [(&'a str, &'a str)],
    /// What the rule does.
    pub action: Verdict,
    /// What became of the packet, by all that matched on it.
    pub verdict: Verdict,
    /// Which end the rule's `target` says is the target.
    pub target: Option<Side>,
    /// The text of the rule, where it is to be told.
    pub rule: Option<&'a str>,
    /// The flow bits that are set.
    pub flowbits: &'a [Arc<str>],
    /// The flow integers that have a value.
    pub flowints: &'a [(Arc<str>, u32)],
}

/// One end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who sent it.
    Source,
    /// Who was to receive it.
    Destination,
}

/// What a rule does with a packet, or what became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A `pass` rule lets it through.
    Pass,
    /// It goes on: there are only alerts.
    Alert,
    /// It is dropped.
    Drop,
    /// As dropped, and a reset is to tell of it.
    Reject(Reset),
}

/// Who is to be told by a reset (EVE's `reject_target`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Reset {
    /// The client.
    #[serde(rename = "to_client")]
    Client,
    /// The server.
    #[serde(rename = "to_server")]
    Server,
    /// Both.
    #[serde(rename = "both")]
    Both,
}

impl Verdict {
    /// Whether the packet does not go on.
    pub const fn blocks(self) -> bool {
        matches!(self, Self::Drop | Self::Reject(_))
    }
}

/// Appends the event to `out`. Source in `common` is who sent the packet. The session, where there is one, is told as it was
/// known when the rule matched.
pub fn alert(out: &mut Vec<u8>, common: &Common<'_>, info: &AlertInfo<'_>, flow: &FlowCounters, session: Option<&Session>) {
    let mut line = Line::new(common, "alert");
    line.alert = Some(Alert::of(info, common));
    line.metadata = FlowMetadata::of(info);
    line.tls = session.map(|session| Tls::of(session, TlsOptions::default()));
    line.flow = Some(Flow::so_far(flow));
    line.verdict = Some(VerdictObject::of(info.verdict));
    line.portcullis = Own::found(common);
    line.write(out);
}

/// EVE's `alert` object.
#[derive(Serialize)]
pub(super) struct Alert<'a> {
    action: &'static str,
    gid: u32,
    signature_id: u32,
    rev: u32,
    signature: &'a str,
    category: &'a str,
    severity: u8,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    references: &'a [String],
    #[serde(skip_serializing_if = "Context::is_empty")]
    context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<End>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<End>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
}

/// EVE's `source` and `target` of an alert.
#[derive(Serialize)]
struct End {
    ip: Address,
    port: u16,
}

impl End {
    const fn of(end: Endpoint) -> Self {
        Self { ip: Address(end.ip), port: end.port }
    }
}

impl<'a> Alert<'a> {
    /// Of what `info` says about a packet of `common`.
    pub fn of(info: &AlertInfo<'a>, common: &Common<'_>) -> Self {
        let (source, target) = match info.target {
            None => (None, None),
            Some(Side::Destination) => (common.source, common.destination),
            Some(Side::Source) => (common.destination, common.source),
        };
        Self {
            action: if info.action.blocks() { "blocked" } else { "allowed" },
            gid: info.gid,
            signature_id: info.signature_id,
            rev: info.rev,
            signature: info.signature,
            category: info.category,
            severity: info.severity,
            metadata: Metadata(info.metadata),
            references: info.references,
            context: Context(info.context),
            source: source.map(End::of),
            target: target.map(End::of),
            rule: info.rule,
        }
    }
}

/// EVE's `metadata`: what rules remember of the flow.
#[derive(Serialize)]
pub(super) struct FlowMetadata<'a> {
    #[serde(skip_serializing_if = "Bits::is_empty")]
    flowbits: Bits<'a>,
    #[serde(skip_serializing_if = "Ints::is_empty")]
    flowints: Ints<'a>,
}

impl<'a> FlowMetadata<'a> {
    fn of(info: &AlertInfo<'a>) -> Option<Self> {
        let some = !info.flowbits.is_empty() || !info.flowints.is_empty();
        some.then_some(Self { flowbits: Bits(info.flowbits), flowints: Ints(info.flowints) })
    }
}

struct Bits<'a>(&'a [Arc<str>]);

impl Bits<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Bits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|name| &**name))
    }
}

struct Ints<'a>(&'a [(Arc<str>, u32)]);

impl Ints<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Ints<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (&**name, value)))
    }
}

/// EVE's `verdict` object.
#[derive(Serialize)]
pub(super) struct VerdictObject {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject_target: Option<Reset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<[&'static str; 1]>,
}

impl VerdictObject {
    pub const fn of(verdict: Verdict) -> Self {
        let (action, reset) = match verdict {
            Verdict::Pass => ("pass", None),
            Verdict::Alert => ("alert", None),
            Verdict::Drop => ("drop", None),
            Verdict::Reject(reset) => ("drop", Some(reset)),
        };
        let reject = if reset.is_some() { Some(["tcp-reset"]) } else { None };
        Self { action, reject_target: reset, reject }
    }
}

/// The first object of each key. What rules look values up in is the operator's, but its text may come from others, and so it is written
/// anew as events are.
struct Context<'a>(&'a [(&'a str, &'a str)]);

impl Context<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Context<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let first = |(i, (key, _)): &(usize, &(&str, &str))| !self.0.iter().take(*i).any(|(earlier, _)| earlier == key);
        let objects = self.0.iter().enumerate().filter(first);
        serializer.collect_map(objects.filter_map(|(_, (key, text))| Some((key, serde_json::from_str::<Value>(text).ok()?))))
    }
}

/// Each key once, with all of its values, at the place where it first stood.
struct Metadata<'a>(&'a [(&'a str, &'a str)]);

impl Metadata<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (i, (key, _)) in self.0.iter().enumerate() {
            if !self.0.iter().take(i).any(|(earlier, _)| earlier == key) {
                map.serialize_entry(key, &Values { pairs: self.0, key })?;
            }
        }
        map.end()
    }
}

struct Values<'a> {
    pairs: &'a [(&'a str, &'a str)],
    key: &'a str,
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.pairs.iter().filter(|(key, _)| *key == self.key).map(|(_, value)| value))
    }
}
