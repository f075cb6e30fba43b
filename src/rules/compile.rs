//! From what a rule says to when and how it is tried.

use std::net::IpAddr;
use std::sync::Arc;

use super::ast::{Protocol, Sign};
use super::builder::{EndTest, FlowOption, FlowState, Over, PacketTest, Test};
use super::diagnostic::Reason;
use super::inspect::Inspection;
use super::interval::{AddressSet, PortSet};
use super::list::List;
use super::payload::Payload;
use super::set::Entry;
use super::state::Stateful;
use super::subject::{AppProto, Facts, FlowDirection, Sides, Subject, Transport};
use crate::flow::Endpoint;
use crate::packet::wire::{tcp, udp};

/// A rule that is ready to be tried.
#[derive(Debug)]
pub(super) struct Compiled {
    /// What is kept of it. It stays where it is while rules are joined and brought into order: to move many would take as much memory again.
    pub entry: Box<Entry>,
    /// Of which flows it is.
    pub header: Arc<Header>,
    /// When it is tried, and how.
    pub plans: Vec<Plan>,
    /// How many others have to come before it, one after the other, for the flow bits that it asks for to be as they set them.
    pub depth: u8,
}

/// What a rule is tried on: Suricata's rule types, as far as they differ here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The flow, once for each direction: `ip_only` and `pd_only`.
    Flow,
    /// Each packet: `pkt`, and `app_layer`, which is a rule of protocol `tls` or `quic` without buffers.
    Packet,
    /// The session, once for each direction: `app_tx`.
    Session,
}

/// All that has to be so for a rule to match, its header aside.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// How far TCP's handshake is.
    pub state: Option<FlowState>,
    /// Whether the packet at hand was put together from fragments.
    pub from_fragments: Option<bool>,
    /// Of the packet at hand.
    pub packet: Box<[Box<dyn PacketTest>]>,
    /// Of what rules remember, and what it leaves behind there.
    pub stateful: Stateful,
    /// Of the flow and the session.
    pub tests: Box<[Box<dyn Test>]>,
    /// Of the addresses, besides the header.
    pub ends: Box<[Box<dyn EndTest>]>,
    /// Of buffers.
    pub inspections: Box<[Inspection]>,
    /// Of payload, without a buffer.
    pub payload: Option<Box<Payload>>,
    /// The list that it stands for: an entry of it has to be about the flow.
    pub list: Option<Arc<List>>,
}

/// Of which flows a rule is. Rules with equal headers share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Header {
    /// What carries them.
    pub transports: Transports,
    /// What they speak, where its protocol says so.
    pub app_proto: Option<AppProto>,
    /// Where packets come from.
    pub source: End,
    /// Where they go.
    pub destination: End,
    /// `<>`
    pub both_ways: bool,
}

/// A set of what carries flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Transports(u8);

impl Transports {
    pub const TCP: Self = Self(1);
    pub const UDP: Self = Self(2);
    pub const ALL: Self = Self(3);

    /// Those whose number in IP `wanted` takes.
    pub fn numbered(wanted: impl Fn(u8) -> bool) -> Self {
        let all = [(tcp::PROTOCOL, Self::TCP), (udp::PROTOCOL, Self::UDP)];
        all.into_iter().filter(|(number, _)| wanted(*number)).fold(Self(0), |set, (_, one)| Self(set.0 | one.0))
    }

    /// Those of both sets.
    pub const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn has(self, transport: Transport) -> bool {
        let one = match transport {
            Transport::Tcp => Self::TCP,
            Transport::Udp => Self::UDP,
        };
        self.0 & one.0 != 0
    }
}

/// One end of a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub addresses: AddressSet,
    pub ports: PortSet,
}

/// One way to try a rule. But for packets it fires once for each direction, by the first plan that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Which way the header is read.
    pub direction: FlowDirection,
    /// Which side buffers are read from that both sides have.
    pub side: FlowDirection,
    /// It is tried when all of these are there.
    pub needs: Facts,
}

impl Header {
    /// Whether a packet of `subject` in `direction` is of it.
    pub fn matches(&self, subject: &Subject<'_>, direction: FlowDirection) -> bool {
        self.transports.has(subject.transport)
            && self.app_proto.is_none_or(|wanted| subject.app_proto == wanted)
            && self.fits(subject.endpoints(direction))
    }

    /// Whether its addresses and ports are those of what goes from one end to the other.
    pub fn fits(&self, (from, to): (Endpoint, Endpoint)) -> bool {
        self.is(from, to) || self.both_ways && self.is(to, from)
    }

    fn is(&self, from: Endpoint, to: Endpoint) -> bool {
        self.source.contains(from) && self.destination.contains(to)
    }
}

impl End {
    fn contains(&self, end: Endpoint) -> bool {
        self.ports.contains(end.port) && self.addresses.contains(canonical(end.ip))
    }
}

/// An IPv4 address that is written as an IPv6 one is the IPv4 address (RFC 4291 §2.5.5.2).
fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

impl Kind {
    /// The kind of a rule that asks for facts of `sources`, and where `passing` also for what may change from packet to packet.
    pub fn of(protocol: Protocol, flow: &FlowOption, sources: &[Sides], passing: bool) -> Self {
        let flow_only = flow.direction.is_some() && sources.is_empty();
        if sources.iter().any(|s| s.are_of_session()) {
            Self::Session
        } else if matches!(protocol, Protocol::Tls | Protocol::TcpPacket | Protocol::Quic)
            || flow.state.is_some()
            || flow.from_fragments.is_some()
            || flow.over == Some(Over::Packets)
            || flow_only
            || passing
        {
            Self::Packet
        } else {
            Self::Flow
        }
    }
}

/// The plans of a rule that asks for facts of `sources`.
pub(super) fn plans(protocol: Protocol, sign: Sign, kind: Kind, flow: &FlowOption, sources: &[Sides]) -> Result<Vec<Plan>, Reason> {
    let speaks = protocol == Protocol::Tls || kind == Kind::Session;
    if speaks && flow.state == Some(FlowState::NotEstablished) {
        return Err(Reason::NeverMatches("a flow that speaks TLS is established"));
    }
    if sign == Sign::Session && flow.direction == Some(FlowDirection::ToClient) {
        return Err(Reason::NeverMatches("`=>` is to the server, `flow` says to the client"));
    }
    let mut plans: Vec<Plan> = match kind {
        Kind::Session => session_plans(sign, flow.direction, sources)?,
        Kind::Flow | Kind::Packet => flow_plans(kind, sign, flow, sources),
    };
    // Where no buffer is of both sides, reading from either side is the same.
    plans.dedup_by_key(|p| (p.direction, p.needs));
    Ok(plans)
}

/// A rule about the facts of a session is tried when the last of them is there.
fn session_plans(sign: Sign, wanted: Option<FlowDirection>, sources: &[Sides]) -> Result<Vec<Plan>, Reason> {
    let needs = |side| sources.iter().fold(Facts::NONE, |needs, s| needs.and(s.facts(s.side(side))));
    let reads = |side, from| sources.iter().any(|s| s.side(side) == from && s.facts(from).intersects(Facts::SESSION));
    if sign != Sign::Session
        && let Some(direction) = wanted
    {
        if !reads(direction, direction) {
            return Err(Reason::NeverMatches("what it looks at goes the other way than `flow` says"));
        }
        return Ok(vec![Plan { direction, side: direction, needs: needs(direction) }]);
    }
    let plan = |side| {
        let to_client = sign != Sign::Session && reads(side, FlowDirection::ToClient);
        let direction = if to_client { FlowDirection::ToClient } else { FlowDirection::ToServer };
        Plan { direction, side, needs: needs(side) }
    };
    Ok(FlowDirection::ALL.map(plan).to_vec())
}

/// A rule about the flow as such is tried in each direction once there was a packet in it, one about packets on each.
fn flow_plans(kind: Kind, sign: Sign, flow: &FlowOption, sources: &[Sides]) -> Vec<Plan> {
    let directions = match (sign, flow.direction) {
        (Sign::Session, _) => vec![FlowDirection::ToServer],
        (_, Some(direction)) => vec![direction],
        (_, None) => FlowDirection::ALL.to_vec(),
    };
    let needs = |direction| match kind {
        Kind::Packet => Facts::NONE,
        _ => sources.iter().fold(Facts::sent(direction), |needs, s| needs.and(s.facts(direction))),
    };
    directions.into_iter().map(|direction| Plan { direction, side: direction, needs: needs(direction) }).collect()
}
