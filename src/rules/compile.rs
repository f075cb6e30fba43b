//! From what a rule says to when and how it is tried.

use std::net::IpAddr;
use std::sync::Arc;

use super::ast::{Protocol, Sign};
use super::builder::{EndTest, FlowOption, FlowState, Test};
use super::diagnostic::Reason;
use super::inspect::Inspection;
use super::interval::{AddressSet, PortSet};
use super::list::List;
use super::rule::Rule;
use super::subject::{AppProto, Facts, FlowDirection, Sides, Subject};
use crate::flow::Endpoint;

/// A rule that is ready to be tried.
#[derive(Debug)]
pub(super) struct Compiled {
    /// What alerts say of it.
    pub rule: Rule,
    /// Of which flows it is.
    pub header: Header,
    /// What `flow` asks of TCP's handshake.
    pub state: Option<FlowState>,
    /// What it asks of the flow and the session.
    pub tests: Vec<Box<dyn Test>>,
    /// What it asks of the addresses, besides the header.
    pub ends: Vec<Box<dyn EndTest>>,
    /// What it asks of buffers.
    pub inspections: Vec<Inspection>,
    /// When it is tried, and how.
    pub plans: Vec<Plan>,
    /// The list that it stands for.
    pub list: Option<Arc<List>>,
}

/// Of which flows a rule is. Rules with equal headers share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Header {
    /// Its protocol is `tls`.
    pub tls: bool,
    /// Where packets come from.
    pub source: End,
    /// Where they go.
    pub destination: End,
    /// `<>`
    pub both_ways: bool,
}

/// One end of a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub addresses: AddressSet,
    pub ports: PortSet,
}

/// One way to try a rule. A rule fires once, by the first plan that holds.
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
        let (from, to) = subject.ends(direction);
        (!self.tls || subject.app_proto == AppProto::Tls) && (self.is(from, to) || self.both_ways && self.is(to, from))
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

/// The plans of a rule that asks for facts of `sources`.
pub(super) fn plans(protocol: Protocol, sign: Sign, flow: &FlowOption, sources: &[Sides]) -> Result<Vec<Plan>, Reason> {
    let of_session = |s: &&Sides| s.to_server.and(s.to_client).intersects(Facts::SESSION);
    let session = protocol == Protocol::Tls || sources.iter().any(|s| of_session(&s));
    if session && flow.state == Some(FlowState::NotEstablished) {
        return Err(Reason::NeverMatches("a flow that speaks TLS is established"));
    }
    if sign == Sign::Session && flow.direction == Some(FlowDirection::ToClient) {
        return Err(Reason::NeverMatches("`=>` is to the server, `flow` says to the client"));
    }
    let mut plans: Vec<Plan> = if sources.iter().any(|s| of_session(&s)) {
        session_plans(sign, flow.direction, sources)?
    } else {
        flow_plans(protocol, sign, flow, sources)
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

/// A rule about the flow as such is tried on its first packet, and again when it is known what it speaks: a `pass` of the
/// first packet alone may have kept it from firing.
fn flow_plans(protocol: Protocol, sign: Sign, flow: &FlowOption, sources: &[Sides]) -> Vec<Plan> {
    let established = if flow.state == Some(FlowState::Established) { Facts::ESTABLISHED } else { Facts::NONE };
    let moments = |direction| match (flow.state, direction) {
        _ if protocol == Protocol::Tls => vec![Facts::DECIDED],
        _ if !sources.is_empty() => vec![Facts::DECIDED.and(established)],
        (Some(FlowState::Established), _) => vec![Facts::ESTABLISHED],
        (Some(FlowState::NotEstablished), _) => vec![Facts::FLOW],
        (_, FlowDirection::ToServer) => vec![Facts::FLOW, Facts::DECIDED],
        // That the server answers is known no earlier.
        (_, FlowDirection::ToClient) => vec![Facts::DECIDED],
    };
    let directions = match (sign, flow.direction) {
        (Sign::Session, _) => vec![FlowDirection::ToServer],
        (_, Some(direction)) => vec![direction],
        (_, None) => FlowDirection::ALL.to_vec(),
    };
    let of = |direction| moments(direction).into_iter().map(move |needs| Plan { direction, side: direction, needs });
    directions.into_iter().flat_map(of).collect()
}
