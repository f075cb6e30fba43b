//! The symmetric five-tuple.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::base::siphash;

/// The two ends of one conversation, the same for both directions: the lower endpoint is `a`, the higher one `b`.
///
/// VLAN ids are part of it (0 where there is none), so that equal addresses in two VLANs stay two flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    a: Address,
    b: Address,
    a_port: u16,
    b_port: u16,
    /// The VLAN ids of 12 bits each, outer first, and below them the IP protocol: there may be millions of keys.
    tags: u32,
}

/// An address as a packet has it: IPv6, or IPv4 in its IPv4-mapped form (RFC 4291 §2.5.5.2).
///
/// Two words, which stay in registers where 16 bytes would go through memory: a key is made of every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    hi: u64,
    lo: u64,
}

/// From which end of the key to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Sent by `a`.
    AToB,
    /// Sent by `b`.
    BToA,
}

impl Direction {
    /// The other one.
    pub const fn reverse(self) -> Self {
        match self {
            Self::AToB => Self::BToA,
            Self::BToA => Self::AToB,
        }
    }
}

/// One value for each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair<T> {
    a_to_b: T,
    b_to_a: T,
}

impl<T> Pair<T> {
    /// A value for [`Direction::AToB`] and one for [`Direction::BToA`].
    pub const fn new(a_to_b: T, b_to_a: T) -> Self {
        Self { a_to_b, b_to_a }
    }

    /// What `f` makes of each.
    pub fn map<U>(self, f: impl Fn(T) -> U) -> Pair<U> {
        Pair { a_to_b: f(self.a_to_b), b_to_a: f(self.b_to_a) }
    }

    /// The value of `direction`.
    pub const fn get(&self, direction: Direction) -> &T {
        match direction {
            Direction::AToB => &self.a_to_b,
            Direction::BToA => &self.b_to_a,
        }
    }

    /// The value of `direction`, to change.
    pub const fn get_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::AToB => &mut self.a_to_b,
            Direction::BToA => &mut self.b_to_a,
        }
    }
}

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The address.
    pub ip: IpAddr,
    /// The TCP or UDP port.
    pub port: u16,
}

impl FlowKey {
    /// The key of a packet from `source` to `destination`, and which way the packet goes. `vlan` holds the outer and the
    /// inner VLAN id.
    pub fn new(source: Endpoint, destination: Endpoint, protocol: u8, vlan: [u16; 2]) -> (Self, Direction) {
        Self::from_packet((source.ip.into(), source.port), (destination.ip.into(), destination.port), protocol, vlan)
    }

    /// As [`FlowKey::new`], from addresses as they stand in a packet. The cheap way, for the decoder.
    #[inline]
    pub const fn from_packet(
        source: (Address, u16),
        destination: (Address, u16),
        protocol: u8,
        vlan: [u16; 2],
    ) -> (Self, Direction) {
        let ((s, s_port), (d, d_port)) = (source, destination);
        let tags = (vlan[0] as u32 & VLAN_ID) << 20 | (vlan[1] as u32 & VLAN_ID) << 8 | protocol as u32;
        if s.below(s_port, d, d_port) {
            (Self { a: s, b: d, a_port: s_port, b_port: d_port, tags }, Direction::AToB)
        } else {
            (Self { a: d, b: s, a_port: d_port, b_port: s_port, tags }, Direction::BToA)
        }
    }

    /// The end that sends in `direction`.
    pub fn sender(&self, direction: Direction) -> Endpoint {
        match direction {
            Direction::AToB => Endpoint { ip: self.a.into(), port: self.a_port },
            Direction::BToA => Endpoint { ip: self.b.into(), port: self.b_port },
        }
    }

    /// The end that receives in `direction`.
    pub fn receiver(&self, direction: Direction) -> Endpoint {
        self.sender(direction.reverse())
    }

    /// IP protocol number (6 is TCP).
    #[allow(clippy::cast_possible_truncation)] // the lowest byte
    pub const fn protocol(&self) -> u8 {
        self.tags as u8
    }

    /// The VLAN ids, outer first.
    pub fn vlan(&self) -> impl Iterator<Item = u16> {
        self.vlan_ids().into_iter().filter(|&id| id != 0)
    }

    /// The VLAN ids by their place, outer first; 0 where there is none.
    #[allow(clippy::cast_possible_truncation)] // 12 bits
    pub const fn vlan_ids(&self) -> [u16; 2] {
        [(self.tags >> 20) as u16, (self.tags >> 8 & VLAN_ID) as u16]
    }

    /// A keyed hash. `seed` keeps others from choosing keys that collide; the same seed gives the same hashes in every run.
    #[inline]
    pub fn hash(&self, seed: u64) -> u64 {
        let (Address { hi: a_hi, lo: a_lo }, Address { hi: b_hi, lo: b_lo }) = (self.a, self.b);
        let [v0, v1] = self.vlan_ids();
        let ports = u64::from(self.a_port) << 48 | u64::from(self.b_port) << 32 | u64::from(v0) << 16 | u64::from(v1);
        let key = [seed, u64::from(self.protocol())];
        if a_hi == 0 && b_hi == 0 && a_lo >> 32 == MAPPED && b_lo >> 32 == MAPPED {
            siphash::hash(key, [a_lo << 32 | b_lo & 0xffff_ffff, ports])
        } else {
            siphash::hash(key, [a_hi, a_lo, b_hi, b_lo, ports])
        }
    }
}

impl Address {
    /// From the four bytes of an IPv4 address.
    #[inline]
    pub const fn from_v4(octets: [u8; 4]) -> Self {
        Self { hi: 0, lo: MAPPED << 32 | u32::from_be_bytes(octets) as u64 }
    }

    /// From the 16 bytes of an IPv6 address.
    #[inline]
    pub const fn from_v6(octets: [u8; 16]) -> Self {
        let n = u128::from_be_bytes(octets);
        Self { hi: (n >> 64) as u64, lo: n as u64 }
    }

    /// The 16 bytes of the IPv6 form.
    pub const fn octets(self) -> [u8; 16] {
        ((self.hi as u128) << 64 | self.lo as u128).to_be_bytes()
    }

    /// Whether this end comes before or is the same as the other, by address, then port.
    #[inline]
    const fn below(self, port: u16, other: Self, other_port: u16) -> bool {
        if self.hi != other.hi {
            self.hi < other.hi
        } else if self.lo != other.lo {
            self.lo < other.lo
        } else {
            port <= other_port
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::from_v4(v4.octets()),
            IpAddr::V6(v6) => Self::from_v6(v6.octets()),
        }
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        match address.octets() {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => Ipv4Addr::new(a, b, c, d).into(),
            other => Ipv6Addr::from(other).into(),
        }
    }
}

/// The bits of a VLAN id (IEEE 802.1Q).
const VLAN_ID: u32 = 0xfff;
/// The upper half of the low word of an IPv4-mapped address.
const MAPPED: u64 = 0xffff;

#[cfg(test)]
mod tests {
    use super::*;

    fn end(ip: &str, port: u16) -> Endpoint {
        Endpoint { ip: ip.parse().unwrap(), port }
    }

    #[test]
    fn both_directions_have_one_key() {
        for (x, y) in [("10.0.0.1", "198.18.0.1"), ("2001:db8::1", "2001:db8::2"), ("10.0.0.1", "10.0.0.1")] {
            let (there, d1) = FlowKey::new(end(x, 40_000), end(y, 443), 6, [7, 0]);
            let (back, d2) = FlowKey::new(end(y, 443), end(x, 40_000), 6, [7, 0]);
            assert_eq!(there, back);
            assert_eq!(d1, d2.reverse());
            assert_eq!(there.hash(1), back.hash(1));
            assert_eq!(there.sender(d1), end(x, 40_000));
            assert_eq!(there.receiver(d1), end(y, 443));
        }
    }

    #[test]
    fn packet_addresses_give_the_same_key() {
        let (low, high) = (([10, 0, 0, 1], 443), ([192, 0, 2, 7], 1));
        for (s, d) in [(low, high), (high, low), (low, low), (([10, 0, 0, 1], 1), low)] {
            let packet = |(ip, port): ([u8; 4], u16)| (Address::from_v4(ip), port);
            let named = |(ip, port): ([u8; 4], u16)| Endpoint { ip: ip.into(), port };
            assert_eq!(FlowKey::from_packet(packet(s), packet(d), 6, [0, 0]), FlowKey::new(named(s), named(d), 6, [0, 0]));
        }
    }

    #[test]
    fn vlan_ids_and_the_protocol_share_a_word_and_come_back() {
        for (vlan, protocol) in [([0, 0], 6), ([1, 0], 17), ([4_095, 1], 255), ([1, 4_095], 0)] {
            let key = FlowKey::new(end("10.0.0.1", 1), end("10.0.0.2", 443), protocol, vlan).0;
            assert_eq!((key.vlan_ids(), key.protocol()), (vlan, protocol));
        }
        assert_eq!(size_of::<FlowKey>(), 40);
    }

    #[test]
    fn vlan_ids_and_the_seed_tell_flows_apart() {
        let key = |vlan| FlowKey::new(end("10.0.0.1", 1), end("10.0.0.2", 443), 6, vlan).0;
        assert_ne!(key([1, 0]), key([2, 0]));
        assert_ne!(key([1, 0]).hash(1), key([2, 0]).hash(1));
        assert_ne!(key([1, 0]).hash(1), key([1, 0]).hash(2));
        assert_eq!(key([1, 2]).vlan().collect::<Vec<_>>(), [1, 2]);
    }
}
