//! The wire formats, one file each, all of one shape: a `Header` with the fields that matter here, `Header::read`, which takes
//! it off the front of a [`Reader`](crate::base::Reader), and `Header::next`, which says what the bytes behind it are.

pub mod capwap;
pub mod checksum;
pub mod erspan;
pub mod ethernet;
pub mod geneve;
pub mod gre;
pub mod gtpu;
pub mod ipv4;
pub mod ipv6;
pub mod llc;
pub mod mpls;
pub mod null;
pub mod options;
pub mod ppp;
pub mod pppoe;
pub mod sll;
pub mod sll2;
pub mod tcp;
pub mod teredo;
pub mod udp;
pub mod vlan;
pub mod vxlan;
pub mod wlan;

/// What the next bytes are, as the header before them says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// An Ethernet header.
    Ethernet,
    /// An IEEE 802.2 LLC header.
    Llc,
    /// A VLAN tag, from the tag control information on.
    Vlan,
    /// An MPLS label stack.
    Mpls,
    /// A PPPoE session header.
    Pppoe,
    /// A PPP header.
    Ppp,
    /// BSD loopback: an address family in either byte order.
    Null,
    /// Linux cooked header, version 1.
    Sll,
    /// Linux cooked header, version 2.
    Sll2,
    /// An IEEE 802.11 frame.
    Wlan,
    /// IPv4 or IPv6, as the first nibble says.
    Ip,
    /// An IPv4 header.
    Ipv4,
    /// An IPv6 header.
    Ipv6,
    /// An IPv6 extension header that needs no more than its length.
    Ipv6Extension,
    /// An IPv6 routing header.
    Ipv6Routing,
    /// An IPv6 fragment header.
    Ipv6Fragment,
    /// An authentication header, behind IPv4 or IPv6.
    Authentication,
    /// IPv4 carried as payload of an IP header.
    Ipv4InIp,
    /// IPv6 carried as payload of an IP header.
    Ipv6InIp,
    /// A GRE header.
    Gre,
    /// An ERSPAN header of type II or III.
    Erspan(erspan::Type),
    /// An UDP header.
    Udp,
    /// A VXLAN header, with or without the generic protocol extension.
    Vxlan,
    /// A Geneve header.
    Geneve,
    /// A GTP-U header.
    GtpU,
    /// A Teredo packet.
    Teredo,
    /// A CAPWAP data header.
    Capwap,
    /// A TCP header.
    Tcp,
    /// An ARP packet.
    Arp,
    /// An ethertype that we do not know.
    UnknownEthertype,
    /// Anything else that is not followed, because no TCP is in it or because it cannot be read.
    Other,
}

impl Layer {
    /// By ethertype (IEEE 802 Numbers, IANA).
    #[inline]
    pub const fn from_ethertype(ethertype: u16) -> Self {
        match ethertype {
            0x0800 => Self::Ipv4,
            0x86dd => Self::Ipv6,
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => Self::Vlan,
            0x8847 | 0x8848 => Self::Mpls,
            0x8864 => Self::Pppoe,
            0x880b => Self::Ppp,
            0x6558 => Self::Ethernet, // transparent Ethernet bridging
            0x0806 => Self::Arp,
            // Local management that every network has: loopback test, RARP, PPPoE discovery, slow protocols, EAPOL, LLDP, CFM.
            0x9000 | 0x8035 | 0x8863 | 0x8809 | 0x888e | 0x88cc | 0x8902 => Self::Other,
            _ => Self::UnknownEthertype,
        }
    }

    /// By IP protocol number (IANA), where it means the same behind IPv4 and IPv6.
    #[inline]
    pub const fn from_ip_protocol(protocol: u8) -> Self {
        match protocol {
            4 => Self::Ipv4InIp,
            6 => Self::Tcp,
            17 => Self::Udp,
            41 => Self::Ipv6InIp,
            47 => Self::Gre,
            51 => Self::Authentication,
            137 => Self::Mpls,
            _ => Self::Other,
        }
    }
}
