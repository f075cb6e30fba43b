//! `flow`: which way, and how far TCP's handshake has to be.

use super::super::builder::{Builder, FlowState, Over};
use super::super::diagnostic::{Reason, excerpt};
use super::super::subject::FlowDirection;
use super::{Keyword, Kind, required};
use crate::base::slip;

pub(super) const KEYWORDS: &[Keyword] = &[Keyword { name: "flow", aliases: &[], kind: Kind::Option(flow) }];

fn flow(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let flow = &mut builder.flow;
    for word in required(value)?.split(',').map(str::trim) {
        match word {
            "to_server" | "from_client" => set(&mut flow.direction, FlowDirection::ToServer, OPPOSITE)?,
            "to_client" | "from_server" => set(&mut flow.direction, FlowDirection::ToClient, OPPOSITE)?,
            "established" => set(&mut flow.state, FlowState::Established, STATES)?,
            "not_established" => set(&mut flow.state, FlowState::NotEstablished, STATES)?,
            "stateless" => set(&mut flow.state, FlowState::Stateless, STATES)?,
            "only_stream" => set(&mut flow.over, Over::Stream, OVER)?,
            "no_stream" => set(&mut flow.over, Over::Packets, OVER)?,
            "only_frag" => set(&mut flow.from_fragments, true, FRAGMENTS)?,
            "no_frag" => set(&mut flow.from_fragments, false, FRAGMENTS)?,
            other => {
                return Err(Reason::UnknownWord {
                    word: excerpt(other),
                    form: FORM,
                    meant: slip::meant(other, WORDS.iter().copied()),
                });
            }
        }
    }
    Ok(())
}

/// Takes a word in; a second one that says something else contradicts it.
fn set<T: PartialEq>(slot: &mut Option<T>, value: T, otherwise: Reason) -> Result<(), Reason> {
    match slot {
        None => {
            *slot = Some(value);
            Ok(())
        }
        Some(same) if *same == value => Err(Reason::GivenTwice),
        Some(_) => Err(otherwise),
    }
}

const WORDS: &[&str] = &[
    "to_server",
    "from_client",
    "to_client",
    "from_server",
    "established",
    "not_established",
    "stateless",
    "only_stream",
    "no_stream",
    "only_frag",
    "no_frag",
];
const FORM: &str = "to_server, to_client, established, not_established, stateless, only_stream, no_stream, only_frag or no_frag";
const OPPOSITE: Reason = Reason::NeverMatches("a packet goes to the server or to the client, not both");
const STATES: Reason = Reason::NeverMatches("a flow is in one state of TCP's handshake");
const FRAGMENTS: Reason = Reason::NeverMatches("a packet was put together from fragments or it was not");
const OVER: Reason = Reason::NeverMatches("only_stream leaves packets out, and no_stream the stream");
