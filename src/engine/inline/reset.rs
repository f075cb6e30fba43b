//! What both ends of a flow are told when it is rejected: a RST that fits, made of the segment that is not let through.

use std::net::IpAddr;

use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader};

use super::answer::{Injection, Way};
use crate::event::Reset;
use crate::flow::{Direction, Endpoint};
use crate::packet::{Frame, LinkType, SegmentHeader, TcpFlags};

/// The resets for `whom`. `header` is the rejected segment's, which came in `frame`; `client` sends in that direction; the receiver of
/// the segment stands at `forwarded`. None where the link-layer header cannot be made: in tunnels, and on odd links.
pub(super) fn resets(frame: &Frame<'_>, header: &SegmentHeader, forwarded: u32, client: Direction, whom: Reset) -> Vec<Injection> {
    if header.tunnel_depth > 0 || header.flags.has(TcpFlags::RST) {
        return Vec::new(); // RFC 9293 §3.10.7.1: a reset is not answered
    }
    let from_client = header.sender == client;
    let (to_sender, to_receiver) = match whom {
        Reset::Both => (true, true),
        Reset::Client => (from_client, !from_client),
        Reset::Server => (!from_client, from_client),
    };
    let ways = [(Way::Back, to_sender), (Way::On, to_receiver)];
    let wanted = ways.into_iter().filter(|(_, wanted)| *wanted).map(|(way, _)| way);
    wanted.filter_map(|way| Some(Injection { ingress: frame.capture, way, frame: reset(frame, header, forwarded, way)? })).collect()
}

fn reset(frame: &Frame<'_>, header: &SegmentHeader, forwarded: u32, way: Way) -> Option<Vec<u8>> {
    let mut bytes = link(frame, way)?;
    let (sender, receiver) = (header.key.sender(header.sender), header.key.receiver(header.sender));
    let has_ack = header.flags.has(TcpFlags::ACK);
    let (from, to, tcp) = match way {
        Way::On => (sender, receiver, numbers(forwarded, has_ack.then_some(header.ack))),
        Way::Back => {
            let control = u32::from(header.flags.has(TcpFlags::SYN)).wrapping_add(u32::from(header.flags.has(TcpFlags::FIN)));
            let end = header.seq.wrapping_add(header.payload_len).wrapping_add(control);
            (receiver, sender, numbers(if has_ack { header.ack } else { 0 }, Some(end)))
        }
    };
    let tcp = TcpHeader { source_port: from.port, destination_port: to.port, ..tcp };
    packet(from, to)?.tcp_header(tcp).write(&mut bytes, &[]).ok()?;
    Some(bytes)
}

fn numbers(seq: u32, ack: Option<u32>) -> TcpHeader {
    let mut tcp = TcpHeader::new(0, 0, seq, 0);
    tcp.rst = true;
    (tcp.ack, tcp.acknowledgment_number) = (ack.is_some(), ack.unwrap_or(0));
    tcp
}

pub(super) fn packet(from: Endpoint, to: Endpoint) -> Option<PacketBuilderStep<etherparse::IpHeaders>> {
    match (from.ip, to.ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => Some(PacketBuilder::ipv4(a.octets(), b.octets(), TTL)),
        (IpAddr::V6(a), IpAddr::V6(b)) => Some(PacketBuilder::ipv6(a.octets(), b.octets(), TTL)),
        _ => None,
    }
}

/// The link-layer header of `frame`, VLAN tags and all, with the addresses changed over for the way back.
pub(super) fn link(frame: &Frame<'_>, way: Way) -> Option<Vec<u8>> {
    match frame.link {
        LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => return Some(Vec::new()),
        LinkType::Ethernet => {}
        _ => return None,
    }
    let mut len = ADDRESSES;
    loop {
        let ethertype = frame.data.get(len..len.checked_add(2)?)?;
        match ethertype {
            [0x81, 0x00] | [0x88, 0xa8] => len = len.checked_add(4)?, // RFC 5517 and IEEE 802.1Q
            [0x08, 0x00] | [0x86, 0xdd] => break,
            _ => return None,
        }
    }
    let header = frame.data.get(..len.checked_add(2)?)?;
    let (destination, rest) = header.split_at_checked(ADDRESSES / 2)?;
    let (source, rest) = rest.split_at_checked(ADDRESSES / 2)?;
    Some(match way {
        Way::On => header.to_vec(),
        Way::Back => [source, destination, rest].concat(),
    })
}

/// Bytes of both addresses of Ethernet.
const ADDRESSES: usize = 12;
/// RFC 1700's default, which most hosts use.
const TTL: u8 = 64;
