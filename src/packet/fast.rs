//! The short way: Ethernet with at most two VLAN tags, IPv4 without options or IPv6 without extensions, no fragment, TCP. That
//! is what nearly all frames are, so it is read in one go, and frames of unwatched ports are out before a key is made of them.
//! Whatever is not exactly so, or is wrong in any way, is left to the loop in [`decoder`](super::decoder), which answers the same.

use super::counters::bump;
use super::walk::{Lengths, segment_header};
use super::wire::{Layer, tcp};
use super::{Decoded, DecodedSegment, Decoder, Frame, IpFields, LinkType, PayloadRef};
use crate::packet::key::{Address, FlowKey};

impl Decoder {
    /// Decodes a frame of the common kind; `None` for all others, with nothing counted.
    #[inline]
    pub(super) fn decode_common(&mut self, frame: &Frame<'_>) -> Option<Decoded> {
        if frame.link != LinkType::Ethernet || self.config.check_checksums {
            return None;
        }
        let (ethernet, mut rest) = frame.data.split_first_chunk::<14>()?;
        let mut layer = Layer::from_ethertype(u16::from_be_bytes([ethernet[12], ethernet[13]]));
        let mut vlan = [0; 2];
        let mut tags = 0usize;
        while layer == Layer::Vlan {
            let (tag, after) = rest.split_first_chunk::<4>()?;
            *vlan.get_mut(tags)? = u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff;
            layer = Layer::from_ethertype(u16::from_be_bytes([tag[2], tag[3]]));
            (tags, rest) = (tags.wrapping_add(1), after);
        }
        let ip = match layer {
            Layer::Ipv4 => ipv4(rest)?,
            Layer::Ipv6 => ipv6(rest)?,
            _ => return None,
        };
        let ip_start = frame.data.len().wrapping_sub(rest.len());
        let ip_end = ip_start.wrapping_add(ip.len);
        if ip_end > (frame.original_len as usize).max(frame.data.len()) {
            return None;
        }
        let payload_len = ip.tcp.payload_len(ip.len.checked_sub(ip.header_len)?).ok()?;

        let count = &mut self.counters;
        bump(&mut count.ethernet);
        bump(&mut count.tcp);
        bump(if layer == Layer::Ipv4 { &mut count.ipv4 } else { &mut count.ipv6 });
        if tags > 0 {
            bump(&mut count.vlan);
            count.vlan_qinq = count.vlan_qinq.wrapping_add(u64::from(tags > 1));
        }
        if !self.config.ports.contains(ip.tcp.source) && !self.config.ports.contains(ip.tcp.destination) {
            return Some(Decoded::NotWatched);
        }
        bump(&mut count.watched);

        let vlan = if self.config.ignore_vlan { [0; 2] } else { vlan };
        let end = ip_end.min(frame.data.len());
        let tcp_start = ip_start.wrapping_add(ip.header_len);
        let start = tcp_start.wrapping_add(ip.tcp.len).min(end);
        let lengths = Lengths::new(ip.header_len, start.wrapping_sub(tcp_start), payload_len);
        let (start, len) = (u32::try_from(start).ok()?, u32::try_from(end.wrapping_sub(start)).ok()?);
        let flow = FlowKey::from_packet((ip.source, ip.tcp.source), (ip.destination, ip.tcp.destination), tcp::PROTOCOL, vlan);
        Some(Decoded::Segment(DecodedSegment {
            header: segment_header(frame, &ip.tcp, flow, (ip.ttl, ip.fields), 0, lengths),
            payload: PayloadRef::InFrame { start, len },
            anomaly: None,
        }))
    }
}

/// An IP packet with TCP in it.
struct Packet {
    source: Address,
    destination: Address,
    ttl: u8,
    fields: IpFields,
    /// Length of the IP header.
    header_len: usize,
    /// Length of the whole packet by its header.
    len: usize,
    tcp: tcp::Header,
}

#[inline]
fn ipv4(bytes: &[u8]) -> Option<Packet> {
    let (ip, rest) = bytes.split_first_chunk::<20>()?;
    let [0x45, tos, len0, len1, id0, id1, fragment0, fragment1, ttl, tcp::PROTOCOL, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *ip
    else {
        return None;
    };
    if u16::from_be_bytes([fragment0, fragment1]) & 0x3fff != 0 {
        return None; // more fragments, or not the first
    }
    let len = u16::from_be_bytes([len0, len1]);
    Some(Packet {
        source: Address::from_v4([s0, s1, s2, s3]),
        destination: Address::from_v4([d0, d1, d2, d3]),
        ttl,
        fields: IpFields { len: u32::from(len), id: u32::from(u16::from_be_bytes([id0, id1])), tos },
        header_len: 20,
        len: usize::from(len),
        tcp: tcp::Header::parse(rest.first_chunk()?),
    })
}

#[inline]
fn ipv6(bytes: &[u8]) -> Option<Packet> {
    let (fixed, rest) = bytes.split_first_chunk::<8>()?;
    let [v0 @ 0x60..=0x6f, v1, v2, v3, len0, len1, tcp::PROTOCOL, ttl] = *fixed else { return None };
    let (source, rest) = rest.split_first_chunk()?;
    let (destination, rest) = rest.split_first_chunk()?;
    let len = u16::from_be_bytes([len0, len1]);
    let first_word = u32::from_be_bytes([v0, v1, v2, v3]);
    Some(Packet {
        source: Address::from_v6(*source),
        destination: Address::from_v6(*destination),
        ttl,
        fields: IpFields { len: u32::from(len), id: first_word & 0xf_ffff, tos: v0 << 4 | v1 >> 4 },
        header_len: 40,
        len: usize::from(len).wrapping_add(40),
        tcp: tcp::Header::parse(rest.first_chunk()?),
    })
}
