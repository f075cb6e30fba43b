//! Keywords about the header of IP: `ip_proto`, `l3_proto`, `id`, `tos`, `fragbits`, `fragoffset`, `ipopts`, `ipv4.hdr`, `ipv6.hdr`.
//! Fragments were put together before rules see them, and only TCP and UDP are followed.

use std::net::IpAddr;

use super::super::builder::{Builder, EndTest, PacketTest};
use super::super::compile::Transports;
use super::super::diagnostic::Reason;
use super::super::parse::number::Comparison;
use super::super::subject::Packet;
use super::packet::How;
use super::packet_buffer::{IPV4_HEADER, IPV6_HEADER};
use super::{Keyword, Kind, number, required};
use crate::packet::Segment;
use crate::packet::wire::options::options;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "ip_proto", aliases: &[], kind: Kind::Option(ip_proto) },
    Keyword { name: "l3_proto", aliases: &[], kind: Kind::Option(l3_proto) },
    Keyword { name: "id", aliases: &[], kind: Kind::Option(id) },
    Keyword { name: "tos", aliases: &[], kind: Kind::Option(tos) },
    Keyword { name: "fragbits", aliases: &[], kind: Kind::Option(fragbits) },
    Keyword { name: "fragoffset", aliases: &[], kind: Kind::Option(fragoffset) },
    Keyword { name: "ipopts", aliases: &[], kind: Kind::Option(ipopts) },
    Keyword { name: "ipv4.hdr", aliases: &[], kind: Kind::Buffer(IPV4_HEADER) },
    Keyword { name: "ipv6.hdr", aliases: &[], kind: Kind::Buffer(IPV6_HEADER) },
];

/// A comparison, or `[!]name`.
fn ip_proto(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let text = required(value)?.trim();
    let named = || {
        let (negated, name) = text.strip_prefix('!').map_or((false, text), |name| (true, name.trim()));
        let number = PROTOCOLS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, number)| *number)?;
        Some(if negated { Comparison::NotEqual(number) } else { Comparison::Equal(number) })
    };
    let wanted = Comparison::parse(text).or_else(named).ok_or(Reason::BadValue("a protocol's number or name, or a comparison"))?;
    match Transports::numbered(|number| wanted.holds(number.into())) {
        none if none.is_empty() => builder.unfollowed = Some(("an IP protocol other than TCP and UDP", builder.at)),
        some => builder.only_over(some),
    }
    Ok(())
}

/// Both addresses are of IPv4, or of IPv6.
#[derive(Debug)]
struct OfIpv4(bool);

impl EndTest for OfIpv4 {
    fn holds(&self, source: IpAddr, _: IpAddr) -> bool {
        source.is_ipv4() == self.0
    }
}

fn l3_proto(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let of_ipv4 = match required(value)? {
        "ipv4" | "ip4" => true,
        "ipv6" | "ip6" => false,
        _ => return Err(Reason::BadValue("ipv4 or ipv6")),
    };
    builder.ends.push(Box::new(OfIpv4(of_ipv4)));
    Ok(())
}

/// A number in the header of IPv4. Segments of IPv6, and those put together from fragments, have none.
#[derive(Debug)]
struct Field {
    read: fn(&[u8]) -> Option<u64>,
    wanted: Comparison,
}

impl PacketTest for Field {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        ipv4_header(&packet.segment).and_then(self.read).is_some_and(|n| self.wanted.holds(n))
    }
}

fn id(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let read = |header: &[u8]| header.get(4..6)?.try_into().ok().map(|id| u16::from_be_bytes(id).into());
    let wanted = Comparison::Equal(number::<u16>(value)?.into());
    builder.packet.push(Box::new(Field { read, wanted }));
    Ok(())
}

/// `[!]N`, or `[!]xHH`
fn tos(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let text = required(value)?.trim();
    let (negated, digits) = text.strip_prefix('!').map_or((false, text), |digits| (true, digits.trim()));
    let number = match digits.strip_prefix('x') {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let number = number.map_err(|_| Reason::BadValue("a number up to 255, or x and two hex digits"))?.into();
    let wanted = if negated { Comparison::NotEqual(number) } else { Comparison::Equal(number) };
    builder.packet.push(Box::new(Field { read: |header| header.get(1).map(|&tos| tos.into()), wanted }));
    Ok(())
}

/// Which bits of fragmentation an IPv4 header has.
#[derive(Debug)]
struct FragmentBits {
    how: How,
    bits: u8,
}

impl PacketTest for FragmentBits {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        ipv4_header(&packet.segment).and_then(|h| h.get(6)).is_some_and(|b| self.how.holds(b & (RESERVED | DO_NOT), self.bits))
    }
}

/// `[*+!]MDR`: of what rules see nothing has M.
fn fragbits(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let (how, letters) = How::parse(required(value)?.trim());
    let bits = letters.chars().try_fold(0, |bits, letter| match letter.to_ascii_uppercase() {
        'R' => Some(bits | RESERVED),
        'D' => Some(bits | DO_NOT),
        'M' => Some(bits | MORE),
        _ => None,
    });
    let bits = bits.filter(|&bits| bits != 0).ok_or(Reason::BadValue("[*+!] and letters of M, D, R"))?;
    if bits & MORE != 0 && (matches!(how, How::Exactly | How::All) || how == How::Any && bits == MORE) {
        builder.unfollowed = Some(("a fragment by itself", builder.at));
    }
    builder.packet.push(Box::new(FragmentBits { how, bits }));
    Ok(())
}

/// A comparison: the offset of what rules see is 0.
fn fragoffset(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let wanted = Comparison::parse(required(value)?).ok_or(Reason::BadValue("N, !N, <N or >N"))?;
    if !wanted.holds(0) {
        builder.unfollowed = Some(("a fragment by itself", builder.at));
    }
    Ok(())
}

/// Which option an IPv4 header has; `None` for any.
#[derive(Debug)]
struct Options(Option<u8>);

impl PacketTest for Options {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        let list = ipv4_header(&packet.segment).and_then(|h| h.get(IPV4_FIXED..)).unwrap_or_default();
        options(list).any(|(kind, _)| self.0.is_none_or(|wanted| kind == wanted))
    }
}

fn ipopts(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let name = required(value)?.trim();
    let kind = match OPTIONS.iter().find(|(known, _)| *known == name) {
        Some((_, kind)) => Some(*kind),
        None if name == "any" => None,
        None => return Err(Reason::BadValue("rr, lsrr, ssrr, eol, nop, ts, sec, esec, satid, qs, rtralt, cipso or any")),
    };
    builder.packet.push(Box::new(Options(kind)));
    Ok(())
}

/// The header, where it is one of IPv4.
pub(super) fn ipv4_header<'a>(segment: &Segment<'a>) -> Option<&'a [u8]> {
    of_version(segment, 4)
}

/// The header with its extensions, where it is one of IPv6.
pub(super) fn ipv6_header<'a>(segment: &Segment<'a>) -> Option<&'a [u8]> {
    of_version(segment, 6)
}

fn of_version<'a>(segment: &Segment<'a>, version: u8) -> Option<&'a [u8]> {
    Some(segment.ip_header()).filter(|header| header.first().is_some_and(|b| b >> 4 == version))
}

/// Length without options.
const IPV4_FIXED: usize = 20;
const RESERVED: u8 = 0x80;
const DO_NOT: u8 = 0x40;
const MORE: u8 = 0x20;

/// Protocols that rules name, by IANA's numbers.
const PROTOCOLS: &[(&str, u64)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", 6),
    ("egp", 8),
    ("udp", 17),
    ("ipv6", 41),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmp6", 58),
    ("ipv6-icmp", 58),
    ("eigrp", 88),
    ("ospf", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("l2tp", 115),
    ("sctp", 132),
];

/// Options of IPv4, by IANA's numbers.
const OPTIONS: &[(&str, u8)] = &[
    ("eol", 0),
    ("nop", 1),
    ("rr", 7),
    ("qs", 25),
    ("ts", 68),
    ("sec", 130),
    ("lsrr", 131),
    ("esec", 133),
    ("cipso", 134),
    ("satid", 136),
    ("ssrr", 137),
    ("rtralt", 148),
];
