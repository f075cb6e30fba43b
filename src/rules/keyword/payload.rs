//! `pkt_data`: what follows is asked of the payload, as it is without any buffer.

use super::super::subject::{Facts, Sides};
use super::{Buffer, Case, Form, Keyword, Kind, absence, no_value};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword {
    name: "pkt_data",
    aliases: &[],
    kind: Kind::Option(|builder, value| no_value(value).and_then(|()| builder.select(&PAYLOAD))),
}];

/// The payload, as far as loading treats it as a buffer. No session has it: it comes with the packet.
pub(in super::super) static PAYLOAD: Buffer = Buffer {
    name: "pkt_data",
    sides: Sides { to_server: Facts::NONE, to_client: Facts::NONE },
    multiple: false,
    form: Form::Free,
    case: Case::AsSent,
    read: |_, _, _| {},
    is_absent: absence::never,
};
