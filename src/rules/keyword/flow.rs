//! `flow`: which way, and how far TCP's handshake has to be.

use super::super::builder::{Builder, FlowState, Over};
use super::super::diagnostic::Reason;
use super::super::subject::FlowDirection;
use super::{Keyword, Kind, required, set_once};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword { name: "flow", aliases: &[], kind: Kind::Option(flow) }];

fn flow(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let flow = &mut builder.flow;
    for word in required(value)?.split(',').map(str::trim) {
        match word {
            "to_server" | "from_client" => set_once(&mut flow.direction, FlowDirection::ToServer)?,
            "to_client" | "from_server" => set_once(&mut flow.direction, FlowDirection::ToClient)?,
            "established" => set_once(&mut flow.state, FlowState::Established)?,
            "not_established" => set_once(&mut flow.state, FlowState::NotEstablished)?,
            "stateless" => set_once(&mut flow.state, FlowState::Stateless)?,
            "only_stream" => set_once(&mut flow.over, Over::Stream)?,
            "no_stream" => set_once(&mut flow.over, Over::Packets)?,
            "no_frag" | "only_frag" => return Err(Reason::NotSupported("telling packets that were reassembled from fragments")),
            _ => {
                return Err(Reason::BadValue(
                    "to_server, to_client, established, not_established, stateless, only_stream or no_stream",
                ));
            }
        }
    }
    Ok(())
}
