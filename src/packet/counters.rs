//! What the decoder counts, by the names of Suricata's `stats` event.

use super::anomaly::DecodeAnomaly;

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// How many frames, headers and fragments a decoder has seen. Tunnelled headers count like outer ones.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct DecoderCounters {
            $($(#[$doc])* pub $field: u64,)*
            /// The longest frame on the wire, in bytes: `decoder.max_pkt_size`.
            pub max_pkt_size: u64,
            /// Packets per anomaly, in the order of [`DecodeAnomaly::ALL`].
            anomalies: [u64; DecodeAnomaly::ALL.len()],
        }

        impl DecoderCounters {
            /// Every sum that is not an anomaly, by its name in `stats` events.
            fn sums(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($name, self.$field)),*].into_iter()
            }

            /// Adds what another decoder has counted.
            pub fn merge(&mut self, other: &Self) {
                $(self.$field = self.$field.wrapping_add(other.$field);)*
                self.max_pkt_size = self.max_pkt_size.max(other.max_pkt_size);
                for (mine, theirs) in self.anomalies.iter_mut().zip(other.anomalies) {
                    *mine = mine.wrapping_add(theirs);
                }
            }
        }

        impl Default for DecoderCounters {
            fn default() -> Self {
                Self { $($field: 0,)* max_pkt_size: 0, anomalies: [0; DecodeAnomaly::ALL.len()] }
            }
        }
    };
}

counters! {
    /// Frames.
    pkts = "decoder.pkts",
    /// Bytes of all frames, as on the wire.
    bytes = "decoder.bytes",
    /// Frames that were given up because of an anomaly.
    invalid = "decoder.invalid",
    /// Frames of a link type that is not supported (no name in EVE).
    unsupported_link = "decoder.unsupported_link",
    /// IPv4 headers.
    ipv4 = "decoder.ipv4",
    /// IPv6 headers.
    ipv6 = "decoder.ipv6",
    /// Ethernet headers.
    ethernet = "decoder.ethernet",
    /// Ethertypes that lead nowhere we know.
    unknown_ethertype = "decoder.unknown_ethertype",
    /// ARP packets.
    arp = "decoder.arp",
    /// BSD loopback headers.
    null = "decoder.null",
    /// Linux cooked headers, version 1.
    sll = "decoder.sll",
    /// Linux cooked headers, version 2.
    sll2 = "decoder.sll2",
    /// Frames without a link layer.
    raw = "decoder.raw",
    /// TCP headers, watched or not.
    tcp = "decoder.tcp",
    /// TCP headers with a watched port (no name in EVE).
    watched = "decoder.watched",
    /// UDP headers.
    udp = "decoder.udp",
    /// PPP headers.
    ppp = "decoder.ppp",
    /// PPPoE session headers.
    pppoe = "decoder.pppoe",
    /// GRE headers.
    gre = "decoder.gre",
    /// First VLAN tags.
    vlan = "decoder.vlan",
    /// Second VLAN tags.
    vlan_qinq = "decoder.vlan_qinq",
    /// Third and further VLAN tags (Suricata's name for the third; it knows no fourth).
    vlan_qinqinq = "decoder.vlan_qinqinq",
    /// VXLAN headers.
    vxlan = "decoder.vxlan",
    /// Geneve headers.
    geneve = "decoder.geneve",
    /// GTP-U headers (no name in EVE).
    gtpu = "decoder.gtpu",
    /// CAPWAP data headers (no name in EVE).
    capwap = "decoder.capwap",
    /// IEEE 802.11 data frames (no name in EVE).
    wlan = "decoder.wlan",
    /// MPLS label stacks.
    mpls = "decoder.mpls",
    /// Teredo packets.
    teredo = "decoder.teredo",
    /// ERSPAN headers.
    erspan = "decoder.erspan",
    /// IPv4 headers in IPv4.
    ipv4_in_ipv4 = "decoder.ipv4_in_ipv4",
    /// IPv6 headers in IPv4 (6in4).
    ipv6_in_ipv4 = "decoder.ipv6_in_ipv4",
    /// IPv4 headers in IPv6.
    ipv4_in_ipv6 = "decoder.ipv4_in_ipv6",
    /// IPv6 headers in IPv6.
    ipv6_in_ipv6 = "decoder.ipv6_in_ipv6",
    /// IPv4 fragments.
    ipv4_fragments = "defrag.ipv4.fragments",
    /// IPv4 datagrams put together.
    ipv4_reassembled = "defrag.ipv4.reassembled",
    /// IPv4 datagrams that did not become whole in time.
    ipv4_timeouts = "defrag.ipv4.timeouts",
    /// IPv6 fragments.
    ipv6_fragments = "defrag.ipv6.fragments",
    /// IPv6 datagrams put together.
    ipv6_reassembled = "defrag.ipv6.reassembled",
    /// IPv6 datagrams that did not become whole in time.
    ipv6_timeouts = "defrag.ipv6.timeouts",
    /// Incomplete datagrams that were given up, oldest first, to keep to the memory limit.
    fragment_evictions = "defrag.max_trackers_reached",
    /// Datagrams that were given up for coming in too many scattered pieces.
    fragment_pieces_exceeded = "defrag.max_frags_reached",
}

impl DecoderCounters {
    /// Every counter by its name in `stats` events, zero or not.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let average = self.bytes.checked_div(self.pkts).unwrap_or(0);
        let sizes = [("decoder.avg_pkt_size", average), ("decoder.max_pkt_size", self.max_pkt_size)];
        let anomalies = DecodeAnomaly::ALL.iter().zip(self.anomalies).map(|(anomaly, n)| (anomaly.counter_name(), n));
        self.sums().chain(sizes).chain(anomalies)
    }

    /// How many packets had `anomaly`.
    pub fn anomaly(&self, anomaly: DecodeAnomaly) -> u64 {
        self.anomalies.get(anomaly as usize).copied().unwrap_or(0)
    }

    pub(super) fn count_anomaly(&mut self, anomaly: DecodeAnomaly) {
        if let Some(n) = self.anomalies.get_mut(anomaly as usize) {
            bump(n);
        }
    }
}

/// One more.
#[inline]
pub(super) const fn bump(counter: &mut u64) {
    *counter = counter.wrapping_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_adds_sums_and_keeps_the_maximum() {
        let mut a = DecoderCounters { pkts: 1, bytes: 60, max_pkt_size: 60, ..Default::default() };
        let mut b = DecoderCounters { pkts: 2, bytes: 3_000, max_pkt_size: 1_500, ..Default::default() };
        b.count_anomaly(DecodeAnomaly::TcpPktTooSmall);
        a.merge(&b);
        let all: std::collections::HashMap<_, _> = a.iter().collect();
        assert_eq!(all["decoder.pkts"], 3);
        assert_eq!(all["decoder.avg_pkt_size"], 1_020);
        assert_eq!(all["decoder.max_pkt_size"], 1_500);
        assert_eq!(all["decoder.event.tcp.pkt_too_small"], 1);
    }
}
