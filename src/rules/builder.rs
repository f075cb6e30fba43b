//! What keywords write to while a rule is read.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::compile::Transports;
use super::config::RuleConfig;
use super::diagnostic::{Reason, excerpt};
use super::field::{Number, Slot};
use super::inspect::{Content, Inspection, Step};
use super::keyword::{BASE64_DATA, Buffer, PAYLOAD};
use super::parse::number::Comparison;
use super::protocol_names::Protocols;
use super::rule::{Reference, Target};
use super::shared::Shared;
use super::state::{Stateful, Threshold};
use super::subject::{FlowDirection, Packet, Sides, Subject};

/// A rule while its options are read one by one.
pub(super) struct Builder<'c> {
    /// What rules are loaded with.
    pub config: &'c RuleConfig,
    /// Where the option at hand is written: the offset in the rule's text.
    pub at: u32,
    /// What alerts say of it.
    pub meta: Meta,
    /// What `flow` asks.
    pub flow: FlowOption,
    /// Of which flows it can be by what it asks, and where it says so of fewer than all.
    pub transports: (Transports, u32),
    /// What it is about and nothing of is followed: it never matches.
    pub unfollowed: Option<(&'static str, u32)>,
    /// What is asked of the packet at hand.
    pub packet: Vec<Box<dyn PacketTest>>,
    /// What the length of its payload has to be.
    pub payload_len: Vec<Comparison>,
    /// What is asked of what rules remember, and done to it.
    pub stateful: Stateful,
    /// What is asked of the session or flow besides buffers.
    pub tests: Vec<Box<dyn Test>>,
    /// What is asked of the addresses, besides the header.
    pub ends: Vec<Box<dyn EndTest>>,
    /// What is asked of buffers, in the order written.
    pub inspections: Vec<Inspection>,
    /// The same, by keywords that name no buffer for those after them.
    pub apart: Vec<Inspection>,
    /// Keywords that no other engine has, in the order written.
    pub own_keywords: Vec<&'static str>,
    /// The names that `byte_extract` and `byte_math` gave, by slot, each with the inspection that it is known in.
    variables: Vec<(String, usize)>,
    /// What it has in common with others.
    pub shared: &'c mut Shared,
    /// What is worth a word though it loads, and where it is written.
    pub notes: Vec<(Reason, u32)>,
}

/// What options say about the rule itself.
#[derive(Default)]
pub(super) struct Meta {
    pub msg: Option<String>,
    pub sid: Option<u32>,
    pub rev: Option<u32>,
    pub gid: Option<u32>,
    pub classtype: Option<String>,
    pub priority: Option<u32>,
    pub references: Vec<Reference>,
    pub metadata: String,
    pub target: Option<Target>,
    /// `alert` or `noalert`
    pub alert: Option<bool>,
    /// `threshold` or `detection_filter`
    pub threshold: Option<Threshold>,
    /// `tls.store`
    pub stores_certificates: bool,
}

/// What `flow` asks.
#[derive(Default)]
pub(super) struct FlowOption {
    pub direction: Option<FlowDirection>,
    pub state: Option<FlowState>,
    /// What payload it is about.
    pub over: Option<Over>,
    /// `only_frag`, or `no_frag`: whether the packet was put together from fragments.
    pub from_fragments: Option<bool>,
}

/// What payload is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// `no_stream`: that of packets as they come.
    Packets,
    /// `only_stream`: that of the reassembled stream.
    Stream,
}

/// How far TCP's handshake has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FlowState {
    /// Done.
    Established,
    /// Not done.
    NotEstablished,
    /// It does not matter.
    Stateless,
}

/// Something asked of a session or a flow other than by a buffer.
pub(super) trait Test: std::fmt::Debug + Send + Sync {
    /// What it is read from.
    fn sides(&self) -> Sides;
    /// Whether `subject` has it, read from what went in direction `side`.
    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool;
    /// Whether it asks what the flow speaks, which may turn out to be something else.
    fn is_of_protocol(&self) -> bool {
        let sides = self.sides();
        sides.to_server.and(sides.to_client).is_of_protocol()
    }
    /// Whether it may hold at one packet and not at the next, so that a rule is tried on each.
    fn is_passing(&self) -> bool {
        false
    }
    /// Whether it rests on earlier sessions, so that flows have to be tried in their order, by one thread.
    fn compares_servers(&self) -> bool {
        false
    }
    /// What a flow may speak that it holds of, and the keyword that says so. `None`: what its facts are of.
    fn protocols(&self) -> Option<(&'static str, Protocols)> {
        None
    }
    /// Whether it holds of no version but TLS 1.3.
    fn wants_tls13(&self) -> bool {
        false
    }
    /// What it says of a fact that other tests may say otherwise of.
    fn claim(&self) -> Option<Claim> {
        None
    }
    /// The keyword of a number, and how that is compared.
    fn comparison(&self) -> Option<(&'static str, Comparison)> {
        None
    }
}

/// What a [`Test`] says of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The certificate is out of date, or is not.
    Expired(bool),
    /// The date that this keyword is about is one of these seconds since 1970.
    Date(&'static str, RangeInclusive<i64>),
    /// The version is one of these, on the wire.
    Version(Vec<u16>),
}

impl Claim {
    /// Why nothing can be as it and `other` say, where that is so.
    pub fn excludes(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (Self::Expired(one), Self::Expired(other)) => (one != other).then_some("a certificate is expired, or it is not"),
            (Self::Date(of, one), Self::Date(same, other)) if of == same => {
                let apart = one.start().max(other.start()) > one.end().min(other.end());
                apart.then_some("no date is as both want it")
            }
            (Self::Version(one), Self::Version(other)) => {
                (!one.iter().any(|version| other.contains(version))).then_some("no version is as both want it")
            }
            _ => None,
        }
    }
}

/// Something asked of the addresses; source and destination are those of the rule's direction.
pub(super) trait EndTest: std::fmt::Debug + Send + Sync {
    /// Whether they have it.
    fn holds(&self, source: IpAddr, destination: IpAddr) -> bool;
}

/// Something asked of the packet at hand.
pub(super) trait PacketTest: std::fmt::Debug + Send + Sync {
    /// Whether `packet` has it.
    fn holds(&self, packet: &Packet<'_>) -> bool;
}

impl<'c> Builder<'c> {
    pub fn new(config: &'c RuleConfig, shared: &'c mut Shared) -> Self {
        Self {
            config,
            at: 0,
            meta: Meta::default(),
            flow: FlowOption::default(),
            transports: (Transports::ALL, 0),
            unfollowed: None,
            packet: Vec::new(),
            payload_len: Vec::new(),
            stateful: Stateful::default(),
            tests: Vec::new(),
            ends: Vec::new(),
            inspections: Vec::new(),
            apart: Vec::new(),
            own_keywords: Vec::new(),
            variables: Vec::new(),
            shared,
            notes: Vec::new(),
        }
    }

    /// Notes something about the option at hand.
    pub fn note(&mut self, reason: Reason) {
        self.notes.push((reason, self.at));
    }

    /// What the option at hand asks for, only flows over `transports` have.
    pub fn only_over(&mut self, transports: Transports) {
        self.transports = (self.transports.0.within(transports), self.at);
    }

    /// What follows is asked of `buffer`.
    pub fn select(&mut self, buffer: &'static Buffer) -> Result<(), Reason> {
        self.close()?;
        if buffer.name == BASE64_DATA.name && !self.inspections.iter_mut().any(|i| i.undecided_base64().is_some()) {
            return Err(Reason::NeedsBase64);
        }
        if self.inspections.len() >= MAX_PARTS {
            return Err(Reason::TooLong("256 buffers"));
        }
        self.inspections.push(Inspection::new(buffer, self.at));
        Ok(())
    }

    /// What is asked of the buffer named last, by a keyword that has no meaning for payload.
    pub fn current(&mut self) -> Result<&mut Inspection, Reason> {
        self.inspections.last_mut().filter(|i| !i.is_of_payload()).ok_or(Reason::NeedsBuffer)
    }

    /// What is asked of the buffer named last, or of payload where none is.
    pub fn target(&mut self) -> Result<&mut Inspection, Reason> {
        if self.inspections.is_empty() {
            self.select(&PAYLOAD)?;
        }
        self.inspections.last_mut().ok_or(Reason::NeedsBuffer)
    }

    /// Adds to what is asked of the buffer named last, or of payload.
    pub fn step(&mut self, step: Step) -> Result<(), Reason> {
        let current = self.target()?;
        if current.steps.len() >= MAX_PARTS {
            return Err(TOO_MANY_STEPS);
        }
        current.steps.push(step);
        Ok(())
    }

    /// The content that a modifier is about: the last thing asked has to be one.
    pub fn content(&mut self) -> Result<&mut Content, Reason> {
        let steps = self.inspections.last_mut().map(|i| &mut i.steps).ok_or(Reason::NeedsContent)?;
        let last = steps.iter_mut().rev().find_map(|s| match s {
            Step::Content(c) => Some(c),
            _ => None,
        });
        last.ok_or(Reason::NeedsContent)
    }

    /// Adds a test, which must not exclude those before it.
    pub fn test(&mut self, test: impl Test + 'static) -> Result<(), Reason> {
        let claim = Some(&test).filter(|_| !self.tests.is_empty()).and_then(Test::claim);
        let excluded =
            claim.and_then(|claim| self.tests.iter().filter_map(|t| t.claim()).find_map(|before| claim.excludes(&before)));
        self.tests.push(Box::new(test));
        excluded.map_or(Ok(()), |reason| Err(Reason::NeverMatches(reason)))
    }

    /// A number, decimal or hexadecimal, or a variable that was extracted from the same buffer before.
    pub fn number(&self, text: &str) -> Result<Number, Reason> {
        if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return integer(text).map(Number::Given).ok_or(Reason::BadValue("a number, or the name of a variable"));
        }
        let home = self.home();
        let slot = self.variables.iter().rposition(|(name, known_in)| name == text && Some(*known_in) == home);
        let slot = slot.and_then(Slot::new).ok_or_else(|| Reason::UnknownExtract(excerpt(text)))?;
        Ok(Number::Variable(slot))
    }

    /// Makes `name` a variable of the buffer named last.
    pub fn variable(&mut self, name: &str) -> Result<Slot, Reason> {
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !valid || name.contains(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-')) {
            return Err(Reason::BadValue("a name for the variable that begins with a letter"));
        }
        self.target()?;
        let home = self.home().ok_or(Reason::NeedsBuffer)?;
        let slot = Slot::new(self.variables.len()).ok_or(Reason::TooLong("32 variables"))?;
        self.variables.push((name.to_owned(), home));
        Ok(slot)
    }

    /// Ends the buffer named last. A second mention of a buffer that has one value goes on with the first. What is wrong with what is
    /// asked, [`Inspection::fault`] says once all is there.
    pub fn close(&mut self) -> Result<(), Reason> {
        let home = self.home();
        let Some(last) = self.inspections.pop() else { return Ok(()) };
        if last.is_of_base64() {
            return self.close_base64(last);
        }
        match home.and_then(|home| self.inspections.get_mut(home)).filter(|_| !last.is_empty()) {
            Some(first) if first.steps.len().saturating_add(last.steps.len()) > MAX_PARTS => return Err(TOO_MANY_STEPS),
            Some(first) => {
                first.size.extend(last.size);
                first.datasets.extend(last.datasets);
                first.reputations.extend(last.reputations);
                first.steps.extend(last.steps);
                first.absent = first.absent.or(last.absent);
            }
            None => self.inspections.push(last),
        }
        Ok(())
    }

    /// Ends what is asked of `data`, which the last `base64_decode` makes. What it extracted is not known behind it.
    fn close_base64(&mut self, data: Inspection) -> Result<(), Reason> {
        let home = self.inspections.len();
        self.variables.iter_mut().filter(|(_, known_in)| *known_in == home).for_each(|(_, known_in)| *known_in = usize::MAX);
        if !data.datasets.is_empty() || !data.reputations.is_empty() || data.absent.is_some() {
            return Err(Reason::Refused("in base64_data there are neither data sets nor absent"));
        }
        let decode = self.inspections.iter_mut().rev().find_map(Inspection::undecided_base64);
        decode.ok_or(Reason::NeedsBase64)?.asks = Some(data);
        Ok(())
    }

    /// The inspection that what is asked of the buffer named last becomes a part of: of its first mention, if it has one value.
    fn home(&self) -> Option<usize> {
        let (last, before) = self.inspections.split_last()?;
        let same = |i: &Inspection| !last.buffer.multiple && i.buffer.name == last.buffer.name && i.transforms == last.transforms;
        Some(before.iter().position(same).unwrap_or(before.len()))
    }
}

/// A decimal number, or a hexadecimal one after `0x`; of 64 bits, with or without sign.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).ok()?,
        None if !digits.starts_with('+') => digits.parse().ok()?,
        _ => return None,
    };
    if negative { i64::try_from(value).ok()?.checked_neg() } else { Some(value.cast_signed()) }
}

/// More than any rule has.
const MAX_PARTS: usize = 256;
const TOO_MANY_STEPS: Reason = Reason::TooLong("256 matches in one buffer");
