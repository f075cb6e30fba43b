//! What the sender of a datagram is told when that is rejected: its port cannot be reached (RFC 792; RFC 4443 §3.1).

use std::net::IpAddr;

use etherparse::{Icmpv4Type, Icmpv6Type, icmpv4, icmpv6};

use super::answer::{Injection, Way};
use super::reset::{link, packet};
use crate::packet::{Frame, LinkType, Segment};

/// The ICMP message about `segment`, a datagram that came in `frame`. None where it must not be sent (RFC 1122 §3.2.2, RFC 4443 §2.4), and none where it
/// cannot be made: in tunnels, on odd links, and about datagrams in fragments, whose headers are gone.
pub(super) fn unreachable(frame: &Frame<'_>, segment: &Segment<'_>) -> Option<Injection> {
    let header = segment.header;
    let (sender, receiver) = (header.key.sender(header.sender), header.key.receiver(header.sender));
    let is_for_many = frame.link == LinkType::Ethernet && frame.data.first().is_some_and(|first| first & 1 == 1);
    if header.tunnel_depth > 0 || segment.ip_header().is_empty() || is_for_many || !is_of_one(sender.ip) || !is_of_one(receiver.ip)
    {
        return None;
    }
    let most = if sender.ip.is_ipv4() { MOST_V4 } else { MOST_V6 };
    let mut quoted = [segment.headers, segment.payload].concat();
    quoted.truncate(most);
    let mut bytes = link(frame, Way::Back)?;
    let built = packet(receiver, sender)?;
    if sender.ip.is_ipv4() {
        let port = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port);
        built.icmpv4(port).write(&mut bytes, &quoted).ok()?;
    } else {
        let port = Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::Port);
        built.icmpv6(port).write(&mut bytes, &quoted).ok()?;
    }
    Some(Injection { ingress: frame.capture, way: Way::Back, frame: bytes })
}

/// Whether an address can be that of a single host.
const fn is_of_one(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_broadcast() && !v4.is_multicast() && v4.octets()[0] < 240,
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast(),
    }
}

/// Bytes of the datagram that are sent back: the message is no longer than 576 bytes (RFC 1812 §4.3.2.3), or than the least MTU of IPv6 (RFC 4443 §3.1).
const MOST_V4: usize = 576 - 20 - 8;
const MOST_V6: usize = 1280 - 40 - 8;
