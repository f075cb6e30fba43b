//! What the text of a rule says, before any of it is given a meaning.

use std::net::IpAddr;

use super::hook::Hook;

/// One rule as written.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleAst<'a> {
    /// What is before the parenthesis.
    pub header: HeaderAst<'a>,
    /// What is in it, in the order written.
    pub options: Vec<OptionAst<'a>>,
}

/// `action protocol source ports sign destination ports`.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderAst<'a> {
    /// What to do on a match.
    pub action: Action,
    /// Of what traffic.
    pub protocol: Protocol,
    /// The state that it waits for, where one stands behind the protocol.
    pub hook: Option<Hook>,
    /// Where it comes from.
    pub source: EndAst<'a>,
    /// Which way.
    pub sign: Sign,
    /// Where it goes.
    pub destination: EndAst<'a>,
}

/// Addresses and ports of one end.
#[derive(Clone, Debug, PartialEq)]
pub struct EndAst<'a> {
    /// The addresses.
    pub addresses: Term<'a, AddressRange>,
    /// The ports.
    pub ports: Term<'a, PortRange>,
}

/// One member of a list of addresses or ports, or all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Term<'a, T> {
    /// It has a `!` in front.
    pub negated: bool,
    /// What it names.
    pub expr: Expr<'a, T>,
    /// Where it is written: the offset from the start of the text in bytes.
    pub at: usize,
}

/// What a [`Term`] names.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr<'a, T> {
    /// `any`
    Any,
    /// One value or a range of them.
    Range(T),
    /// `$NAME`
    Variable(&'a str),
    /// `[a,b,!c]`
    List(Vec<Term<'a, T>>),
}

/// Addresses from the first to the last; both of the same family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The lowest.
    pub first: IpAddr,
    /// The highest.
    pub last: IpAddr,
}

/// Ports from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

/// `name;` or `name:value;`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionAst<'a> {
    /// The keyword.
    pub name: &'a str,
    /// What is after the colon, without the white space around it; escapes and quotes as written.
    pub value: Option<&'a str>,
    /// Where the value (or, without one, the name) is written: the offset from the start of the text in bytes.
    pub at: usize,
}

/// What to do on a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Let the flow go, and try no further rule on it.
    Pass,
    /// Drop the flow.
    Drop,
    /// Drop the flow and reset it.
    Reject(RejectTarget),
    /// Say so.
    Alert,
}

/// Who is told of a reject, by a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectTarget {
    /// The sender of the packet: `reject`, `rejectsrc`.
    Source,
    /// Its receiver: `rejectdst`.
    Destination,
    /// Both: `rejectboth`.
    Both,
}

/// Of what traffic a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TLS sessions.
    Tls,
    /// TCP flows.
    Tcp,
    /// TCP, packet by packet.
    TcpPacket,
    /// TCP, the streams alone.
    TcpReassembled,
    /// All flows.
    Ip,
    /// UDP flows.
    Udp,
    /// UDP flows that are QUIC.
    Quic,
}

/// The sign between source and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// `->`: from source to destination.
    To,
    /// `<>`: either way.
    Both,
    /// `=>`: the source is the client, and facts of both sides may be in the rule.
    Session,
}

impl Action {
    /// The word that a rule uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
            Self::Reject(RejectTarget::Source) => "reject",
            Self::Reject(RejectTarget::Destination) => "rejectdst",
            Self::Reject(RejectTarget::Both) => "rejectboth",
            Self::Alert => "alert",
        }
    }

    /// The action that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "pass" => Self::Pass,
            "drop" => Self::Drop,
            "reject" | "rejectsrc" => Self::Reject(RejectTarget::Source),
            "rejectdst" => Self::Reject(RejectTarget::Destination),
            "rejectboth" => Self::Reject(RejectTarget::Both),
            "alert" => Self::Alert,
            _ => return None,
        })
    }
}
