//! Keywords about the header of TCP beyond its fixed fields: `tcp.mss`, `tcp.wscale`, `tcp.hdr`.

use super::super::builder::{Builder, PacketTest};
use super::super::compile::Transports;
use super::super::diagnostic::Reason;
use super::super::parse::number::Comparison;
use super::super::subject::Packet;
use super::packet::comparison;
use super::packet_buffer::TCP_HEADER;
use super::{Keyword, Kind};
use crate::packet::wire::{options::options, tcp};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "tcp.hdr", aliases: &[], kind: Kind::Buffer(TCP_HEADER) },
    Keyword { name: "tcp.mss", aliases: &[], kind: Kind::Option(|b, v| option(b, MAXIMUM_SEGMENT_SIZE, v)) },
    Keyword { name: "tcp.wscale", aliases: &[], kind: Kind::Option(|b, v| option(b, WINDOW_SCALE, v)) },
];

/// The number in an option. A header without the option fulfils nothing.
#[derive(Debug)]
struct OptionValue {
    kind: u8,
    wanted: Comparison,
}

impl PacketTest for OptionValue {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        let list = packet.segment.tcp_header().get(tcp::Header::MIN_LEN..).unwrap_or_default();
        let value = options(list).find(|(kind, _)| *kind == self.kind).map(|(_, value)| value);
        value.is_some_and(|bytes| self.wanted.holds(bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte))))
    }
}

fn option(builder: &mut Builder<'_>, kind: u8, value: Option<&str>) -> Result<(), Reason> {
    let wanted = comparison(value)?;
    builder.only_over(Transports::TCP);
    builder.packet.push(Box::new(OptionValue { kind, wanted }));
    Ok(())
}

/// RFC 9293 §3.2.
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
/// RFC 7323 §2.2.
const WINDOW_SCALE: u8 = 3;
