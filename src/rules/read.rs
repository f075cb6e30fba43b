//! From the text of one rule to what it asks and does, or to what is wrong with it.

use std::sync::Arc;

use hashbrown::HashMap;

use super::ast::{Action, EndAst, HeaderAst, OptionAst, Protocol, RuleAst, Sign};
use super::builder::{Builder, PacketTest, Test};
use super::compile::{Asks, Compiled, End, Header, Kind, Plan, Transports, plans};
use super::config::{Classification, RuleConfig};
use super::dataset::KnownSets;
use super::diagnostic::{Diagnostic, Reason};
use super::hook::Hook;
use super::inspect::Inspection;
use super::interval::PortSet;
use super::keyword::{HeaderTest, Registry, unmet};
use super::locate::{forgotten_end, keyword_at, sid_in, sid_of};
use super::parse;
use super::parse::lines::{self, Piece, RuleText};
use super::payload::Payload;
use super::protocol_names::Protocols;
use super::review;
use super::rule::Rule;
use super::set::Entry;
use super::shared::Shared;
use super::subject::{AppProto, Facts, FlowDirection, Sides, Transport};
use super::vars::Variables;

/// Reads rules, and keeps what they have in common once for all that it read.
pub(super) struct Reader<'c> {
    config: &'c RuleConfig,
    registry: Registry,
    variables: Variables<'c>,
    /// The ports that are watched, where rules about others are to be told.
    watched: Option<PortSet>,
    shared: Shared,
    /// By the text before the options, without the action.
    heads: HashMap<Box<str>, Head>,
    /// The descriptions of classes, shared by the rules.
    categories: HashMap<&'c str, Arc<str>>,
}

/// What was read of some text.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The rules that load, but for those that are there twice.
    pub rules: Vec<Compiled>,
    /// What is wrong with the others.
    pub errors: Vec<Diagnostic>,
    /// What is to be noted of a rule, which is named by its place in `rules`, or of one that was left out before it; in order.
    pub notes: Vec<(usize, Diagnostic)>,
    /// What a review finds.
    pub findings: Vec<Diagnostic>,
    /// How many are behind a `#`, or for other policies.
    pub disabled: usize,
}

/// What a header says besides the action; one for all rules that write it so.
#[derive(Clone)]
struct Head {
    protocol: Protocol,
    hook: Option<Hook>,
    sign: Sign,
    header: Arc<Header>,
}

/// A header in a rule.
enum Written<'a> {
    /// As another rule had it.
    Known(Head),
    /// For the first time.
    New(HeaderAst<'a>),
}

/// What is to be said of a rule that loads, the offset in its text, and the keyword there.
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

impl Mistake {
    /// What is wrong with a rule by the option called `name`; with all of it where there is none.
    fn of_option(reason: Reason, options: &[OptionAst<'_>], name: &str, sid: Option<u32>) -> Self {
        let option = options.iter().find(|o| o.name == name);
        Self { reason, at: option.map_or(0, |o| o.at), keyword: option.map(|o| o.name.to_owned()), sid }
    }
}

impl<'c> Reader<'c> {
    pub fn new(config: &'c RuleConfig, sets: Arc<KnownSets>) -> Self {
        let category = |(name, class): (&'c String, &Classification)| (name.as_str(), class.description.as_str().into());
        Self {
            config,
            registry: Registry::new(),
            variables: Variables::new(config),
            watched: config.watched.as_ref().map(|ports| PortSet::from_ranges(ports.ranges().collect())),
            shared: Shared { sets, ..Shared::default() },
            heads: HashMap::new(),
            categories: config.classifications.iter().map(category).collect(),
        }
    }

    /// Reads the rules of `piece`, which is of the source called `name`.
    pub fn read(&mut self, name: &str, piece: Piece<'_>) -> Reading {
        let file = self.shared.names.get(name);
        // Most lines are rules; growing step by step would copy them again and again.
        let mut reading = Reading { rules: Vec::with_capacity(piece.lines().saturating_add(1)), ..Reading::default() };
        for entry in piece.entries() {
            match entry {
                lines::Entry::Disabled => reading.disabled = reading.disabled.saturating_add(1),
                lines::Entry::Rule(text) => self.one(&file, &text, &mut reading),
            }
        }
        reading
    }

    /// Reads one rule into `reading`.
    fn one(&mut self, file: &Arc<str>, text: &RuleText<'_>, reading: &mut Reading) {
        let diagnostic = |reason, at, keyword, sid| {
            let (line, column) = text.position(at);
            Diagnostic { file: file.clone(), line, column, sid, keyword, reason }
        };
        match self.rule(file, text) {
            Ok((compiled, ..)) if self.config.policy.is_some_and(|policy| !policy.takes(&compiled.entry.rule)) => {
                reading.disabled = reading.disabled.saturating_add(1);
            }
            Ok((compiled, notes, findings)) => {
                let sid = Some(compiled.entry.rule.sid);
                let finding = |(reason, at, keyword)| diagnostic(reason, at, keyword, sid);
                reading.findings.extend(findings.into_iter().map(finding));
                let place = reading.rules.len();
                reading.notes.extend(notes.into_iter().map(|note| (place, finding(note))));
                reading.rules.push(compiled);
            }
            Err(Mistake { reason: reason @ Reason::Unmet(_), at, keyword, sid }) => {
                reading.notes.push((reading.rules.len(), diagnostic(reason, at, keyword, sid)));
            }
            Err(Mistake { reason, at, keyword, sid }) => {
                let sid = sid.or_else(|| sid_in(&text.text));
                reading.errors.push(diagnostic(reason, at, keyword, sid));
            }
        }
    }

    /// A rule, what is to be noted of it, and what a review finds in it.
    fn rule(&mut self, file: &Arc<str>, text: &RuleText<'_>) -> Result<(Compiled, Vec<Finding>, Vec<Finding>), Mistake> {
        if text.text.len() > MAX_RULE_BYTES {
            return Err((Reason::TooLong("64 KiB"), 0).into());
        }
        let (action, written, options) = self.parse(&text.text)?;
        if let Some((reason, at)) = unmet(&self.registry, &options) {
            return Err(Mistake { reason, at, keyword: keyword_at(&options, at), sid: sid_of(&options) });
        }
        let mut builder = Builder::new(self.config, &mut self.shared);
        if let Err(mut mistake) = apply(&self.registry, &mut builder, &options) {
            mistake.sid = sid_of(&options);
            return Err(mistake);
        }
        let asked = || builder.inspections.iter().chain(&builder.apart);
        let apart =
            || builder.apart.iter().find_map(|one| asked().find_map(|other| one.forbids(other).or_else(|| other.forbids(one))));
        let faults = asked().find_map(Inspection::fault).or_else(apart);
        if let Some((reason, at)) = faults {
            return Err(Mistake { reason, at, keyword: keyword_at(&options, at), sid: builder.meta.sid });
        }
        let Head { protocol, hook, sign, header } = match written {
            Written::Known(head) => head,
            Written::New(ast) => {
                let head = Head::new(&ast, &mut self.variables);
                let head = head.map_err(|placed| Mistake { sid: builder.meta.sid, ..placed.into() })?;
                if let Some((_, ends, _)) = parse::parts(&text.text) {
                    self.heads.insert(ends.into(), head.clone());
                }
                head
            }
        };
        builder.tests.extend(hook.map(|hook| Box::new(hook) as Box<dyn Test>));
        let headers: Vec<_> = builder.inspections.extract_if(.., |i| HeaderTest::is_about(i)).filter_map(HeaderTest::new).collect();
        if headers.iter().any(HeaderTest::is_of_tcp) {
            builder.only_over(Transports::TCP);
        }
        builder.packet.extend(headers.into_iter().map(|test| Box::new(test) as Box<dyn PacketTest>));
        let payload = builder.inspections.extract_if(.., |i| i.is_of_payload()).next();
        let payload = payload.map(|i| Box::new(Payload::new(i, protocol, &builder.flow, !builder.packet.is_empty())));
        if let Some(at) = payload.as_ref().and_then(|p| p.beyond(&builder.payload_len)) {
            let reason = Reason::NeverMatches("the contents need more bytes than dsize allows");
            return Err(Mistake { reason, at, keyword: keyword_at(&options, at), sid: builder.meta.sid });
        }
        let inspected = || builder.inspections.iter().chain(&builder.apart);
        let of_addresses = inspected().any(|i| i.address.is_some());
        let inspected = inspected().filter(|i| i.address.is_none()).map(|i| i.buffer.sides);
        let sources: Vec<Sides> = builder.tests.iter().map(|t| t.sides()).chain(inspected).collect();
        let passing = payload.is_some()
            || !builder.packet.is_empty()
            || builder.stateful.is_passing()
            || of_addresses
            || builder.tests.iter().any(|t| t.is_passing());
        let kind = Kind::of(protocol, &builder.flow, &sources, passing);
        let header = match header.transports.within(builder.transports.0) {
            same if same == header.transports => header,
            none if none.is_empty() => {
                let at = usize::try_from(builder.transports.1).unwrap_or_default();
                let reason = Reason::NeverMatches("its protocol has no such thing");
                return Err(Mistake { reason, at, keyword: keyword_at(&options, at), sid: builder.meta.sid });
            }
            transports => Arc::new(Header { transports, ..Header::clone(&header) }),
        };
        let mut plans = plans(protocol, sign, kind, &builder.flow, &sources)
            .map_err(|reason| Mistake::of_option(reason, &options, "flow", builder.meta.sid))?;
        let of_session = |i: &Inspection| i.address.is_none() && i.buffer.sides.are_of_session();
        let wants_tls = builder.inspections.iter().chain(&builder.apart).any(of_session);
        if let Some((reason, keyword)) = speaks_nothing(&header, wants_tls, &builder.tests) {
            return Err(Mistake::of_option(Reason::NeverMatches(reason), &options, keyword, builder.meta.sid));
        }
        let version = || options.iter().find(|o| VERSIONS.contains(&o.name));
        match hidden_by_tls13(&plans, &builder.tests) {
            Hidden::No => {}
            Hidden::OfServer => {
                let at = version().and_then(|o| u32::try_from(o.at).ok()).unwrap_or_default();
                builder.notes.push((Reason::NeverOfServer(HIDDEN), at));
            }
            Hidden::All => {
                let name = version().map_or("", |o| o.name);
                return Err(Mistake::of_option(Reason::NeverMatches(HIDDEN), &options, name, builder.meta.sid));
            }
        }
        let Builder {
            meta, flow, unfollowed, packet, stateful, tests, ends, mut inspections, apart, own_keywords, mut notes, ..
        } = builder;
        let unfollowed = match (protocol, kind) {
            (Protocol::Udp, Kind::Session) => Some(("TLS over UDP", 0)),
            (Protocol::Quic, Kind::Session) => Some(("what QUIC carries", 0)),
            _ => unfollowed,
        };
        if let Some((what, at)) = unfollowed {
            notes.push((Reason::NotFollowed(what), at));
            plans.clear();
        }
        let sid = meta.sid.ok_or((Reason::MissingSid, 0))?;
        let mut stateful = stateful;
        stateful.name_tags((meta.gid.unwrap_or(1), sid));
        inspections.extend(apart);
        inspections.iter_mut().for_each(Inspection::shrink_to_fit);
        let class = meta.classtype.as_ref().and_then(|name| self.config.classifications.get(name));
        let category = meta.classtype.as_deref().and_then(|name| self.categories.get(name)).cloned().unwrap_or_default();
        let rule = Rule {
            action,
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
            alerts: meta.alert.unwrap_or(action != Action::Pass),
            stores_certificates: meta.stores_certificates,
            own_keywords: own_keywords.into(),
            text: self.config.texts.then(|| text.text.trim().into()),
            file: file.clone(),
            line: text.position(0).0,
            list: 0,
        };
        let whole_flow = kind != Kind::Packet || header.app_proto.is_some();
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
        let entry = Entry { rule, header: 0, kind, whole_flow, threshold, suppressions, rate_filter, asks };
        let compiled = Compiled { entry: Box::new(entry), header, plans, depth: 0 };
        let mut findings = self.review(&compiled, sign, &options, text.text.len());
        if self.config.portability && hook.is_some() {
            findings.push((Reason::NotPortable("rule hooks need Suricata 8"), 0, None));
        }
        let placed = |(reason, at): (Reason, u32)| {
            let at = usize::try_from(at).unwrap_or_default();
            (reason, at, keyword_at(&options, at))
        };
        Ok((compiled, notes.into_iter().map(placed).collect(), findings))
    }

    /// The action, header and options of a rule. A header that was read before is not read again.
    fn parse<'a>(&self, text: &'a str) -> Result<(Action, Written<'a>, Vec<OptionAst<'a>>), (Reason, usize)> {
        let parts = parse::parts(text);
        if let Some((action, head, options)) = parts.and_then(|(action, ends, rest)| Some((action, self.heads.get(ends)?, rest))) {
            return Ok((action, Written::Known(head.clone()), parse::options(text, options)?));
        }
        let RuleAst { header, options } = parse::rule(text)?;
        Ok((header.action, Written::New(header), options))
    }

    /// What a review finds, where one is asked for.
    fn review(&self, compiled: &Compiled, sign: Sign, options: &[OptionAst<'_>], len: usize) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.config.review {
            found.extend(review::cost(compiled, options));
        }
        found.extend(self.watched.as_ref().and_then(|ports| review::unwatched(compiled, ports)));
        if self.config.portability {
            found.extend(review::portability(compiled, sign, options, len, &self.registry));
        }
        found.into_iter().map(|(reason, at)| (reason, at, keyword_at(options, at))).collect()
    }
}

impl Head {
    fn new(ast: &HeaderAst<'_>, variables: &mut Variables<'_>) -> Result<Self, (Reason, usize)> {
        let mut end = |end: &EndAst<'_>| {
            Ok::<_, (Reason, usize)>(End { addresses: variables.addresses(&end.addresses)?, ports: variables.ports(&end.ports)? })
        };
        let header = Header {
            transports: ast.protocol.transports(),
            app_proto: ast.protocol.app_proto(),
            source: end(&ast.source)?,
            destination: end(&ast.destination)?,
            both_ways: ast.sign == Sign::Both,
        };
        Ok(Self { protocol: ast.protocol, hook: ast.hook, sign: ast.sign, header: Arc::new(header) })
    }
}

impl Protocol {
    /// What carries its flows.
    const fn transports(self) -> Transports {
        match self {
            Self::Tls | Self::Tcp | Self::TcpPacket | Self::TcpReassembled => Transports::TCP,
            Self::Udp | Self::Quic => Transports::UDP,
            Self::Ip => Transports::ALL,
        }
    }

    /// What they speak, where that is what it says.
    const fn app_proto(self) -> Option<AppProto> {
        match self {
            Self::Tls => Some(AppProto::Tls),
            Self::Quic => Some(AppProto::Quic),
            _ => None,
        }
    }
}

/// Lets each option have its say.
fn apply(registry: &Registry, builder: &mut Builder<'_>, options: &[OptionAst<'_>]) -> Result<(), Mistake> {
    for option in options {
        builder.at = u32::try_from(option.at).unwrap_or(u32::MAX);
        registry.apply(builder, option.name, option.value).map_err(|reason| {
            let (reason, at) = forgotten_end(registry, option).unwrap_or((reason, option.at));
            Mistake { reason, at, keyword: Some(option.name.to_owned()), sid: None }
        })?;
    }
    builder.close().map_err(|reason| (reason, 0).into())
}

/// Why no flow speaks what a rule of `header` with `tests`, and maybe with buffers that only TLS has, asks for, and the keyword that leaves none.
fn speaks_nothing(header: &Header, wants_tls: bool, tests: &[Box<dyn Test>]) -> Option<(&'static str, &'static str)> {
    let over_udp = !header.transports.has(Transport::Tcp);
    let wants_tls = || wants_tls || tests.iter().any(|test| test.protocols().is_none() && test.sides().are_of_session());
    let mut left = match header.app_proto {
        Some(AppProto::Quic) => Protocols::named(&["quic"]),
        Some(_) => Protocols::named(&["tls"]),
        None if over_udp => Protocols::over_udp(),
        None if wants_tls() => Protocols::named(&["tls"]),
        None => Protocols::ALL,
    };
    let of_tls = left == Protocols::named(&["tls"]);
    tests.iter().filter_map(|test| test.protocols()).find_map(|(keyword, protocols)| {
        left = left.within(protocols);
        let reason = if of_tls { "what else the rule asks for, only TLS has" } else { "no flow speaks all that the rule asks for" };
        left.is_empty().then_some((reason, keyword))
    })
}

/// Whether TLS 1.3 hides what a rule asks for.
enum Hidden {
    No,
    /// Of the server's side alone.
    OfServer,
    All,
}

/// Whether what waits in `plans` is hidden by TLS 1.3, and `tests` want the server to have chosen it.
fn hidden_by_tls13(plans: &[Plan], tests: &[Box<dyn Test>]) -> Hidden {
    let is_hidden = |plan: &Plan| {
        let of_server = |t: &dyn Test| t.sides().side(plan.side) == FlowDirection::ToClient;
        plan.needs.intersects(Facts::HIDDEN_BY_TLS13) && tests.iter().any(|t| t.wants_tls13() && of_server(&**t))
    };
    match (plans.iter().any(is_hidden), plans.iter().all(is_hidden)) {
        (false, _) => Hidden::No,
        (true, false) => Hidden::OfServer,
        (true, true) => Hidden::All,
    }
}

const VERSIONS: [&str; 3] = ["tls.version", "ssl_version", "ssl.version"];
const HIDDEN: &str = "in TLS 1.3 certificates and key exchanges are encrypted";

/// Eight times what Suricata takes.
const MAX_RULE_BYTES: usize = 64 * 1024;

/// Of rules with neither priority nor a known class.
const DEFAULT_SEVERITY: u32 = 3;
