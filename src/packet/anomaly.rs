//! What can be wrong with a packet, by the names of Suricata's decoder events.

use std::fmt;

macro_rules! anomalies {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What is wrong with a packet. [`DecodeAnomaly::name`] is what `anomaly` events and rules (`decode-event`) call it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum DecodeAnomaly {
            $($(#[$doc])* $variant,)*
        }

        impl DecodeAnomaly {
            /// All of them, in the order of their discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The event's name: `decoder.ipv4.trunc_pkt`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("decoder.", $name),)*
                }
            }

            /// The counter's name in `stats` events: `decoder.event.ipv4.trunc_pkt`.
            pub const fn counter_name(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("decoder.event.", $name),)*
                }
            }
        }
    };
}

anomalies! {
    /// More headers, or more tunnels, than the decoder follows.
    TooManyLayers = "too_many_layers",
    /// The frame ends inside the Ethernet header.
    EthernetPktTooSmall = "ethernet.pkt_too_small",
    /// The frame ends inside a VLAN tag.
    VlanHeaderTooSmall = "vlan.header_too_small",
    /// More VLAN tags than a flow key holds; the inner ones are not part of the key. The packet is decoded.
    VlanTooManyLayers = "vlan.too_many_layers",
    /// The frame ends inside the Linux cooked header, version 1.
    SllPktTooSmall = "sll.pkt_too_small",
    /// The frame ends inside the Linux cooked header, version 2.
    Sll2PktTooSmall = "sll2.pkt_too_small",
    /// The frame ends inside the BSD loopback header.
    LtnullPktTooSmall = "ltnull.pkt_too_small",
    /// The BSD loopback header names an address family that is not IP.
    LtnullUnsupportedType = "ltnull.unsupported_type",
    /// What should be IP starts with neither 4 nor 6.
    IprawInvalidIpVersion = "ipraw.invalid_ip_version",
    /// The frame ends inside the PPP header.
    PppPktTooSmall = "ppp.pkt_too_small",
    /// The PPP protocol is none that exists.
    PppWrongType = "ppp.wrong_type",
    /// The frame ends inside the PPPoE header, or inside what its length promises.
    PppoePktTooSmall = "pppoe.pkt_too_small",
    /// A PPPoE session packet whose version, type or code is not that of a session packet.
    PppoeWrongCode = "pppoe.wrong_code",
    /// The frame ends inside the MPLS label stack.
    MplsHeaderTooSmall = "mpls.header_too_small",
    /// The MPLS payload is neither IP nor Ethernet.
    MplsUnknownPayloadType = "mpls.unknown_payload_type",
    /// The packet ends inside the IPv4 header.
    Ipv4PktTooSmall = "ipv4.pkt_too_small",
    /// The header length field is less than 20 bytes.
    Ipv4HlenTooSmall = "ipv4.hlen_too_small",
    /// The total length is less than the header length.
    Ipv4IplenSmallerThanHlen = "ipv4.iplen_smaller_than_hlen",
    /// The total length is more than there was on the wire.
    Ipv4TruncPkt = "ipv4.trunc_pkt",
    /// The version field is not 4.
    Ipv4WrongIpVersion = "ipv4.wrong_ip_version",
    /// The header checksum is wrong (Suricata has no event for it).
    Ipv4InvalidChecksum = "ipv4.invalid_checksum",
    /// Fragments that together are larger than a datagram can be ("ping of death").
    Ipv4FragPktTooLarge = "ipv4.frag_pkt_too_large",
    /// Fragments overlap and their contents differ.
    Ipv4FragOverlap = "ipv4.frag_overlap",
    /// A fragment that cannot be used: cut by the capture, of impossible length, or one piece too many.
    Ipv4FragIgnored = "ipv4.frag_ignored",
    /// The packet ends inside the IPv6 header.
    Ipv6PktTooSmall = "ipv6.pkt_too_small",
    /// The payload length is more than there was on the wire.
    Ipv6TruncPkt = "ipv6.trunc_pkt",
    /// The packet ends inside an extension header.
    Ipv6TruncExthdr = "ipv6.trunc_exthdr",
    /// A second fragment header.
    Ipv6ExthdrDuplFh = "ipv6.exthdr_dupl_fh",
    /// The version field is not 6.
    Ipv6WrongIpVersion = "ipv6.wrong_ip_version",
    /// Fragments that together are larger than a datagram can be.
    Ipv6FragPktTooLarge = "ipv6.frag_pkt_too_large",
    /// Fragments overlap and their contents differ (RFC 5722 forbids any overlap).
    Ipv6FragOverlap = "ipv6.frag_overlap",
    /// A fragment that is not the last and whose length is not a multiple of 8 (RFC 8200 §4.5).
    Ipv6FragInvalidLength = "ipv6.frag_invalid_length",
    /// A fragment that cannot be used: cut by the capture, or one piece too many.
    Ipv6FragIgnored = "ipv6.frag_ignored",
    /// The packet ends inside the GRE header.
    GrePktTooSmall = "gre.pkt_too_small",
    /// The GRE version is neither 0 nor 1.
    GreWrongVersion = "gre.wrong_version",
    /// The source route entries of a GRE header run past its end.
    GreVersion0MalformedSreHdr = "gre.version0_malformed_sre_hdr",
    /// An enhanced GRE header (PPTP) without a key.
    GreVersion1NoKey = "gre.version1_no_key",
    /// An enhanced GRE header whose protocol is not PPP.
    GreVersion1WrongProtocol = "gre.version1_wrong_protocol",
    /// The packet ends inside the ERSPAN header.
    ErspanHeaderTooSmall = "erspan.header_too_small",
    /// The ERSPAN version does not fit the GRE protocol that announced it.
    ErspanUnsupportedVersion = "erspan.unsupported_version",
    /// The packet ends inside the UDP header.
    UdpPktTooSmall = "udp.pkt_too_small",
    /// The checksum of a UDP datagram is wrong.
    UdpInvalidChecksum = "udp.invalid_checksum",
    /// The packet ends inside the first 20 bytes of the TCP header.
    TcpPktTooSmall = "tcp.pkt_too_small",
    /// The data offset points behind the end of the packet.
    TcpHlenTooSmall = "tcp.hlen_too_small",
    /// The data offset points into the first 20 bytes of the header.
    TcpInvalidOptlen = "tcp.invalid_optlen",
    /// The TCP checksum is wrong (Suricata counts it as `tcp.invalid_checksum`).
    TcpInvalidChecksum = "tcp.invalid_checksum",
}

impl fmt::Display for DecodeAnomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for DecodeAnomaly {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_suricatas() {
        assert_eq!(DecodeAnomaly::Ipv4TruncPkt.to_string(), "decoder.ipv4.trunc_pkt");
        assert_eq!(DecodeAnomaly::TcpPktTooSmall.counter_name(), "decoder.event.tcp.pkt_too_small");
    }

    #[test]
    fn discriminants_index_the_list() {
        for (i, anomaly) in DecodeAnomaly::ALL.iter().enumerate() {
            assert_eq!(*anomaly as usize, i);
        }
    }
}
