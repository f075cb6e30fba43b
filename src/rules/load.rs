//! From files' texts to a set, with the truth about what did not load.

use std::collections::hash_map::{Entry as Slot, HashMap};
use std::sync::Arc;

use super::ast::{Action, EndAst, Protocol, RuleAst, Sign};
use super::builder::{Builder, PacketTest};
use super::compile::{Asks, Compiled, End, Header, Kind, plans};
use super::config::RuleConfig;
use super::dataset::KnownSets;
use super::diagnostic::{Diagnostic, LoadReport, Reason, excerpt};
use super::inspect::Inspection;
use super::keyword::{HeaderTest, Registry, unmet};
use super::parse;
use super::parse::lines::{Entry, RuleText, entries};
use super::payload::Payload;
use super::review;
use super::rule::Rule;
use super::set::RuleSet;
use super::shared::Shared;
use super::subject::Sides;
use super::threshold_config::Setting;
use super::vars::Variables;

/// The text of rules, and the name to speak of it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// Mostly a path.
    pub name: &'a str,
    /// Rules, one a line.
    pub text: &'a str,
}

impl RuleSet {
    /// Loads what can be loaded of `sources`; the report says what could not, and why.
    pub fn compile(sources: &[Source<'_>], config: &RuleConfig) -> (Self, LoadReport) {
        let mut loader = Loader::new(config);
        loader.shared.sets = KnownSets::of(sources, config);
        for source in sources {
            loader.source(source);
        }
        let (rules, report) = loader.finish();
        let mut set = Self::new(rules);
        set.failed = report.errors.len();
        (set, report)
    }
}

struct Loader<'c> {
    config: &'c RuleConfig,
    registry: Registry,
    variables: Variables<'c>,
    shared: Shared,
    /// By the text before the options, without the action.
    headers: HashMap<Box<str>, Arc<Header>>,
    /// The descriptions of classes, shared by the rules.
    categories: HashMap<&'c str, Arc<str>>,
    rules: Vec<Compiled>,
    /// By gid and sid: the place in `rules`.
    by_sid: HashMap<(u32, u32), usize>,
    report: LoadReport,
}

/// What a review says of a rule, the offset in its text, and the keyword there.
type Finding = (Reason, usize, Option<String>);

/// What is wrong with a rule.
struct Mistake {
    reason: Reason,
    /// The offset in the rule's text.
    at: usize,
    keyword: Option<String>,
    sid: Option<u32>,
}

impl From<(Reason, usize)> for Mistake {
    fn from((reason, at): (Reason, usize)) -> Self {
        Self { reason, at, keyword: None, sid: None }
    }
}

impl<'c> Loader<'c> {
    fn new(config: &'c RuleConfig) -> Self {
        let category =
            |(name, class): (&'c String, &super::config::Classification)| (name.as_str(), class.description.as_str().into());
        Self {
            config,
            registry: Registry::new(),
            variables: Variables::new(config),
            shared: Shared::default(),
            headers: HashMap::new(),
            categories: config.classifications.iter().map(category).collect(),
            rules: Vec::new(),
            by_sid: HashMap::new(),
            report: LoadReport::default(),
        }
    }

    fn source(&mut self, source: &Source<'_>) {
        let file: Arc<str> = source.name.into();
        // Most lines are rules; growing step by step would copy them again and again.
        self.rules.reserve(memchr::memchr_iter(b'\n', source.text.as_bytes()).count().saturating_add(1));
        for entry in entries(source.text) {
            match entry {
                Entry::Disabled => self.report.disabled = self.report.disabled.saturating_add(1),
                Entry::Rule(text) => self.rule(&file, &text),
            }
        }
    }

    fn rule(&mut self, file: &Arc<str>, text: &RuleText<'_>) {
        let diagnostic = |reason, at, keyword, sid| {
            let (line, column) = text.position(at);
            Diagnostic { file: file.clone(), line, column, sid, keyword, reason }
        };
        match self.read(file, text) {
            Ok((compiled, notes, findings)) => {
                let sid = Some(compiled.rule.sid);
                let finding = |(reason, at, keyword)| diagnostic(reason, at, keyword, sid);
                self.report.findings.extend(findings.into_iter().map(finding));
                let twice = self.keep(compiled);
                self.report.notes.extend(notes.into_iter().chain(twice).map(|reason| diagnostic(reason, 0, None, sid)));
            }
            Err(Mistake { reason: reason @ Reason::Unmet(_), at, keyword, sid }) => {
                self.report.notes.push(diagnostic(reason, at, keyword, sid));
            }
            Err(Mistake { reason, at, keyword, sid }) => self.report.errors.push(diagnostic(reason, at, keyword, sid)),
        }
    }

    /// Reads one rule, what is to be noted of it, and what a review finds in it.
    fn read(&mut self, file: &Arc<str>, text: &RuleText<'_>) -> Result<(Compiled, Vec<Reason>, Vec<Finding>), Mistake> {
        if text.text.len() > MAX_RULE_BYTES {
            return Err((Reason::TooLong("64 KiB"), 0).into());
        }
        let ast = parse::rule(&text.text)?;
        if let Some((reason, at)) = unmet(&self.registry, &ast.options) {
            return Err(Mistake { reason, at, keyword: keyword_at(&ast, at), sid: sid_of(&ast) });
        }
        let mut builder = Builder::new(self.config, &mut self.shared);
        if let Err(mut mistake) = apply(&self.registry, &mut builder, &ast) {
            mistake.sid = sid_of(&ast);
            return Err(mistake);
        }
        let faults = builder.inspections.iter().chain(&builder.apart).find_map(Inspection::fault);
        if let Some((reason, at)) = faults {
            return Err(Mistake { reason, at, keyword: keyword_at(&ast, at), sid: builder.meta.sid });
        }
        let header = header(&mut self.headers, &mut self.variables, &text.text, &ast)
            .map_err(|placed| Mistake { sid: builder.meta.sid, ..placed.into() })?;
        let protocol = ast.header.protocol;
        let headers = builder.inspections.extract_if(.., |i| HeaderTest::is_about(i)).filter_map(HeaderTest::new);
        builder.packet.extend(headers.map(|test| Box::new(test) as Box<dyn PacketTest>));
        let payload = builder.inspections.extract_if(.., |i| i.is_of_payload()).next();
        let payload = payload.map(|i| Box::new(Payload::new(i, protocol, &builder.flow, !builder.packet.is_empty())));
        let inspected = || builder.inspections.iter().chain(&builder.apart);
        let of_addresses = inspected().any(|i| i.address.is_some());
        let inspected = inspected().filter(|i| i.address.is_none()).map(|i| i.buffer.sides);
        let sources: Vec<Sides> = builder.tests.iter().map(|t| t.sides()).chain(inspected).collect();
        let passing = payload.is_some() || !builder.packet.is_empty() || builder.stateful.is_passing() || of_addresses;
        let kind = Kind::of(protocol, &builder.flow, &sources, passing);
        let mut plans = plans(protocol, ast.header.sign, kind, &builder.flow, &sources).map_err(|reason| {
            let flow = ast.options.iter().find(|o| o.name == "flow");
            Mistake { reason, at: flow.map_or(0, |o| o.at), keyword: flow.map(|o| o.name.to_owned()), sid: builder.meta.sid }
        })?;
        let Builder {
            meta, flow, unfollowed, packet, stateful, tests, ends, mut inspections, apart, own_keywords, mut notes, ..
        } = builder;
        let unfollowed = match protocol {
            Protocol::Udp => Some("UDP"),
            Protocol::Quic => Some("QUIC"),
            _ => unfollowed,
        };
        if let Some(what) = unfollowed {
            notes.push(Reason::NotFollowed(what));
            plans.clear();
        }
        let sid = meta.sid.ok_or((Reason::MissingSid, 0))?;
        inspections.extend(apart);
        inspections.iter_mut().for_each(Inspection::shrink_to_fit);
        let class = meta.classtype.as_ref().and_then(|name| self.config.classifications.get(name));
        let category = meta.classtype.as_deref().and_then(|name| self.categories.get(name)).cloned().unwrap_or_default();
        let rule = Rule {
            action: ast.header.action,
            sid,
            rev: meta.rev.unwrap_or(0),
            gid: meta.gid.unwrap_or(1),
            msg: meta.msg.unwrap_or_default().into(),
            severity: meta.priority.or(class.map(|c| c.priority)).unwrap_or(DEFAULT_SEVERITY),
            classtype: meta.classtype.map(|name| self.shared.names.get(&name)),
            category,
            references: meta.references.into(),
            metadata: self.shared.names.get(&meta.metadata),
            target: meta.target,
            alerts: meta.alert.unwrap_or(ast.header.action != Action::Pass),
            stores_certificates: meta.stores_certificates,
            own_keywords: own_keywords.into(),
            text: self.config.texts.then(|| text.text.trim().into()),
            file: file.clone(),
            line: text.position(0).0,
            list: 0,
        };
        let whole_flow = kind != Kind::Packet || protocol == Protocol::Tls;
        let asks = Asks {
            state: flow.state,
            from_fragments: flow.from_fragments,
            packet: packet.into(),
            stateful,
            tests: tests.into(),
            ends: ends.into(),
            inspections: inspections.into(),
            payload,
            list: None,
        };
        let threshold = meta.threshold.map(Box::new);
        let (suppressions, rate_filter) = (Vec::new(), None);
        let compiled = Compiled { rule, header, kind, whole_flow, threshold, suppressions, rate_filter, asks, plans, depth: 0 };
        let findings = self.review(&compiled, &ast, text.text.len());
        Ok((compiled, notes, findings))
    }

    /// What a review finds, where one is asked for.
    fn review(&self, compiled: &Compiled, ast: &RuleAst<'_>, len: usize) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.config.review {
            found.extend(review::cost(compiled, ast));
        }
        if self.config.portability {
            found.extend(review::portability(ast, len, &self.registry, &compiled.asks.inspections));
        }
        found.into_iter().map(|(reason, at)| (reason, at, keyword_at(ast, at))).collect()
    }

    /// Notes the rules that wait for what no rule does.
    fn review_all(&mut self) {
        for (i, keyword, name) in review::never_set(&self.rules) {
            let Some(rule) = self.rules.get(i).map(|c| &c.rule) else { continue };
            let (file, line, sid, keyword) = (rule.file.clone(), rule.line, Some(rule.sid), Some(keyword.to_owned()));
            self.report.findings.push(Diagnostic { file, line, column: 1, sid, keyword, reason: Reason::NeverSet(excerpt(&name)) });
        }
    }

    /// Takes a rule in. Of two with one sid the newer revision stays, of equal ones the first; that is noted.
    fn keep(&mut self, new: Compiled) -> Option<Reason> {
        let (sid, rev) = (new.rule.sid, new.rule.rev);
        match self.by_sid.entry((new.rule.gid, sid)) {
            Slot::Vacant(slot) => {
                slot.insert(self.rules.len());
                self.rules.push(new);
                None
            }
            Slot::Occupied(slot) => {
                let old = self.rules.get_mut(*slot.get())?;
                let (other, other_rev) = (format!("{}:{}", old.rule.file, old.rule.line), old.rule.rev);
                let newer = rev > other_rev;
                if newer {
                    *old = new;
                }
                Some(Reason::DuplicateSid { sid, rev, other, other_rev, kept: if newer { "this one" } else { "that one" } })
            }
        }
    }

    /// Applies what `threshold.config` says; what is wrong with it is noted.
    fn apply_thresholds(&mut self) {
        for (name, text) in &self.config.threshold_files {
            let file: Arc<str> = name.as_str().into();
            for entry in entries(text) {
                let Entry::Rule(line) = entry else { continue };
                let setting = Setting::parse(&line.text, &mut self.variables);
                if let Err(reason) = setting.and_then(|s| s.apply(self.rules.iter_mut())) {
                    let (line, column) = line.position(0);
                    self.report.notes.push(Diagnostic { file: file.clone(), line, column, sid: None, keyword: None, reason });
                }
            }
        }
    }

    /// The rules. What was needed to read them is let go.
    fn finish(mut self) -> (Vec<Compiled>, LoadReport) {
        self.apply_thresholds();
        if self.config.review {
            self.review_all();
        }
        self.report.loaded = self.rules.len();
        let lists = (1..).zip(&self.config.lists).filter(|(_, list)| !list.is_empty());
        self.rules.extend(lists.map(|(place, list)| list.compile(place, self.config)));
        (self.rules, self.report)
    }
}

/// Lets each option have its say.
fn apply(registry: &Registry, builder: &mut Builder<'_>, ast: &RuleAst<'_>) -> Result<(), Mistake> {
    for option in &ast.options {
        builder.at = option.at;
        let mistake = |reason| Mistake { reason, at: option.at, keyword: Some(option.name.to_owned()), sid: None };
        registry.apply(builder, option.name, option.value).map_err(mistake)?;
    }
    builder.close().map_err(|reason| (reason, 0).into())
}

/// The header of `ast`, the text of which is `text`; one for all rules that write it so.
fn header(
    known: &mut HashMap<Box<str>, Arc<Header>>,
    variables: &mut Variables<'_>,
    text: &str,
    ast: &RuleAst<'_>,
) -> Result<Arc<Header>, (Reason, usize)> {
    let before = memchr::memchr(b'(', text.as_bytes()).and_then(|options| text.get(..options)).unwrap_or_default();
    let written = before.trim_start().split_once(char::is_whitespace).map_or("", |(_, ends)| ends.trim());
    if let Some(header) = known.get(written) {
        return Ok(header.clone());
    }
    let mut end = |end: &EndAst<'_>| {
        Ok::<_, (Reason, usize)>(End { addresses: variables.addresses(&end.addresses)?, ports: variables.ports(&end.ports)? })
    };
    let header = Arc::new(Header {
        tls: ast.header.protocol == Protocol::Tls,
        source: end(&ast.header.source)?,
        destination: end(&ast.header.destination)?,
        both_ways: ast.header.sign == Sign::Both,
    });
    known.insert(written.into(), header.clone());
    Ok(header)
}

/// The keyword whose value (or, without one, name) begins at `at`.
fn keyword_at(ast: &RuleAst<'_>, at: usize) -> Option<String> {
    ast.options.iter().find(|o| o.at == at).map(|o| o.name.to_owned())
}

/// The sid of a rule that does not load, to speak of it.
fn sid_of(ast: &RuleAst<'_>) -> Option<u32> {
    ast.options.iter().find(|o| o.name == "sid").and_then(|o| o.value?.parse().ok())
}

/// Eight times what Suricata takes.
const MAX_RULE_BYTES: usize = 64 * 1024;

/// Of rules with neither priority nor a known class.
const DEFAULT_SEVERITY: u32 = 3;
