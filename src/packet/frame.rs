//! A frame: bytes as they were captured, and what the capture says of them.

use crate::base::Timestamp;

/// Bytes as captured, with what the capture says of them.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The captured bytes, from the link-layer header on. May be fewer than were on the wire.
    pub data: &'a [u8],
    /// What the first byte of `data` is.
    pub link: LinkType,
    /// When it was captured.
    pub timestamp: Timestamp,
    /// Length on the wire in bytes; `data.len()` or more.
    pub original_len: u32,
    /// Which capture of the run it is from, counted from 0 in the order of play.
    pub capture: u32,
    /// Its number in that capture, counted from 1 (EVE's `pcap_cnt`).
    pub number: u64,
}

/// Link-layer types we can decode, by their LINKTYPE_ value (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkType {
    /// LINKTYPE_NULL (0): BSD loopback, four-byte address family in the capturing host's byte order.
    Null,
    /// LINKTYPE_ETHERNET (1).
    Ethernet,
    /// LINKTYPE_PPP (9) and LINKTYPE_PPP_HDLC (50).
    Ppp,
    /// LINKTYPE_RAW (101, also 12 and 14 on some systems): IPv4 or IPv6 by its first nibble.
    Raw,
    /// LINKTYPE_LOOP (108): OpenBSD loopback, four-byte address family in network byte order.
    Loop,
    /// LINKTYPE_LINUX_SLL (113): Linux "cooked" capture v1.
    LinuxSll,
    /// LINKTYPE_IPV4 (228).
    Ipv4,
    /// LINKTYPE_IPV6 (229).
    Ipv6,
    /// LINKTYPE_LINUX_SLL2 (276): Linux "cooked" capture v2.
    LinuxSll2,
    /// Any other, by its number: its frames are counted and skipped.
    Unsupported(u16),
}

impl LinkType {
    /// By the number that capture files use. The upper bits of a pcap header's field (FCS length) are not part of it.
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            12 | 14 | 101 => Self::Raw,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            276 => Self::LinuxSll2,
            other => Self::Unsupported(other),
        }
    }

    /// The number that capture files use: of several that mean the same, the usual one.
    pub const fn number(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ppp => 9,
            Self::Raw => 101,
            Self::Loop => 108,
            Self::LinuxSll => 113,
            Self::Ipv4 => 228,
            Self::Ipv6 => 229,
            Self::LinuxSll2 => 276,
            Self::Unsupported(number) => number,
        }
    }
}
