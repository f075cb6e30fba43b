//! Rules in Suricata's language: text → AST → compiled set → candidates → matches.
//!
//! - [`RuleSet::compile`] reads text ([`Source`]) with a [`RuleConfig`] and gives a set and a [`LoadReport`]: one [`Diagnostic`]
//!   for each rule that did not load.
//! - [`RuleSet::evaluate`] tries the set on a flow ([`Subject`]), as often as there is something new to see of it, and gives
//!   [`Match`]es and a [`Verdict`].
//!
//! On the way: `parse` (text to `ast`), `keyword` (one small file for each family; each writes what it means to a `builder`),
//! `vars` (names to sets), `compile` (when is it tried, and on which direction), `prefilter` (who is a candidate) and `matcher`
//! (does it hold). Beside the way: `fault` (what can never match), `review` (what is slow or not portable), `explain` and `profile`.
//! `acceptance` says whether a `pass` rule may still come to match, `feed` what a set lacks of what another one looked up.

mod acceptance;
mod action_order;
mod ast;
mod builder;
mod byte_ops;
mod compile;
mod config;
mod config_files;
mod dataset;
mod diagnostic;
mod entropy;
mod evaluate;
mod explain;
mod expression;
mod fault;
mod feed;
mod field;
mod flow_rules;
mod hashed;
mod hook;
mod inspect;
mod interval;
mod keyword;
mod list;
mod load;
mod locate;
mod matcher;
mod network;
mod parse;
mod payload;
mod policy;
mod prefilter;
mod profile;
mod protocol_names;
mod read;
mod reputation;
mod review;
mod rule;
mod set;
mod shared;
mod shipped;
mod state;
mod subject;
mod threshold_config;
mod transform;
mod vars;

#[cfg(test)]
mod tests;

pub use acceptance::Unaccepted;
pub use action_order::{ActionOrder, NoActionOrder};
pub use ast::{Action, RejectTarget};
pub use config::{Classification, RuleConfig};
pub use dataset::{DatasetFile, DatasetKind, DatasetRole, Datasets, JsonFormat, SavedDataset};
pub use diagnostic::{Diagnostic, LoadReport, Reason, Weight};
pub use evaluate::{Counters, Scratch};
pub use explain::{Cost, Explanation, FoundBy, Try};
pub use feed::{FeedChanges, FeedLoss, FeedName};
pub use flow_rules::FlowRules;
pub use list::{List, ListKind, ListSource, Listed};
pub use load::{NamedSets, Portion, ReadRules, RuleReader, Source};
pub use policy::Policy;
pub use profile::{Profile, RuleProfile};
pub use reputation::{GeoIp, Reputation};
pub use rule::{Match, Reference, ReferenceKind, Rule, RuleId, Target, Verdict};
pub use set::RuleSet;
pub use shipped::SHIPPED;
pub use state::{AlertLimits, Alerted, HostState};
pub use subject::{AppProto, Chunk, FlowDirection, Packet, Raw, Subject, Totals, Transport};
