//! Sticky buffers that lie in the headers of a packet. What is asked of one becomes a question about the packet at hand.

use super::super::builder::PacketTest;
use super::super::inspect::Inspection;
use super::super::matcher::Budget;
use super::super::subject::{Facts, Packet, Sides};
use super::ip::{ipv4_header, ipv6_header};
use super::{Buffer, Case, Form, absence};
use crate::packet::Segment;

pub(super) const IPV4_HEADER: Buffer = buffer("ipv4.hdr");
pub(super) const IPV6_HEADER: Buffer = buffer("ipv6.hdr");
pub(super) const TCP_HEADER: Buffer = buffer("tcp.hdr");

/// What is asked of a header.
#[derive(Debug)]
pub(in crate::rules) struct HeaderTest {
    inspection: Inspection,
    read: Read,
}

/// Reads the header. `None`: the packet has none.
type Read = for<'a> fn(&Segment<'a>) -> Option<&'a [u8]>;

impl HeaderTest {
    /// Whether a buffer lies in a header.
    pub fn is_about(inspection: &Inspection) -> bool {
        read(inspection.buffer.name).is_some()
    }

    /// Whether only TCP has the header.
    pub fn is_of_tcp(&self) -> bool {
        self.inspection.buffer.name == TCP_HEADER.name
    }

    /// The question that `inspection` is; `None` where its buffer lies in no header.
    pub fn new(inspection: Inspection) -> Option<Self> {
        read(inspection.buffer.name).map(|read| Self { inspection, read })
    }
}

impl PacketTest for HeaderTest {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        match (self.read)(&packet.segment) {
            // Headers are too short for a budget to run out.
            Some(header) => self.inspection.holds_at(header, 0, &mut Budget::new()),
            None => self.inspection.holds_without_value(),
        }
    }
}

fn read(name: &str) -> Option<Read> {
    Some(match name {
        "ipv4.hdr" => ipv4_header,
        "ipv6.hdr" => ipv6_header,
        "tcp.hdr" => |segment| Some(segment.tcp_header()),
        _ => return None,
    })
}

/// No session has it: it comes with the packet.
const fn buffer(name: &'static str) -> Buffer {
    Buffer {
        name,
        sides: Sides { to_server: Facts::NONE, to_client: Facts::NONE },
        multiple: false,
        form: Form::Free,
        case: Case::AsSent,
        read: |_, _, _| {},
        is_absent: absence::never,
    }
}
