//! An address or a network, in a form to look it up by.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A network, as of IPv6: those of IPv4 lie in `::ffff:0:0/96`. An address is the smallest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network {
    address: u128,
    prefix: u8,
}

impl Network {
    /// The one of this prefix, as of IPv6, that `ip` is in.
    pub fn of(ip: IpAddr, prefix: u8) -> Self {
        let bits = match ip.to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        Self { address: bits, prefix: IPV6_BITS }.widened(prefix)
    }

    /// `ip` alone.
    pub fn host(ip: IpAddr) -> Self {
        Self::of(ip, IPV6_BITS)
    }

    /// `10.0.0.0/8`, `2001:db8::1`
    pub fn parse(text: &str) -> Option<Self> {
        let (ip, prefix) = match text.split_once('/') {
            Some((ip, prefix)) => (ip.parse::<IpAddr>().ok()?, Some(prefix.parse::<u8>().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let (before, bits) = if ip.is_ipv4() { (IPV4_BEFORE, IPV4_BITS) } else { (0, IPV6_BITS) };
        let prefix = prefix.unwrap_or(bits);
        (prefix <= bits).then_some(Self::of(ip, prefix.checked_add(before)?))
    }

    /// How many bits all addresses in it have in common, as of IPv6.
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether it is of IPv4.
    pub const fn is_ipv4(self) -> bool {
        self.prefix >= IPV4_BEFORE && self.address >> IPV4_BITS == 0xffff
    }

    /// The one around it that has `prefix` bits in common, as of IPv6.
    pub fn widened(self, prefix: u8) -> Self {
        let prefix = prefix.min(self.prefix);
        let mask = u128::MAX.checked_shl(u32::from(IPV6_BITS.saturating_sub(prefix))).unwrap_or(0);
        Self { prefix, address: self.address & mask }
    }

    /// The one around it with `bits` bits in common, as of its own family.
    pub fn masked(self, bits: u8) -> Self {
        let before = if self.is_ipv4() { IPV4_BEFORE } else { 0 };
        self.widened(bits.saturating_add(before))
    }

    /// Itself as bytes: they sort as it does.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [self.prefix; Self::BYTES];
        if let Some(first) = bytes.first_chunk_mut() {
            *first = self.address.to_be_bytes();
        }
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) made bytes of.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (address, rest) = bytes.split_first_chunk()?;
        let &[prefix] = rest else { return None };
        (prefix <= IPV6_BITS).then_some(Self { address: u128::from_be_bytes(*address), prefix })
    }

    /// How long it is as bytes.
    pub const BYTES: usize = 17;
}

/// `10.0.0.0/8`; of an address alone, without a length.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = IpAddr::V6(Ipv6Addr::from_bits(self.address));
        let (ip, before) = if self.is_ipv4() { (ip.to_canonical(), IPV4_BEFORE) } else { (ip, 0) };
        match self.prefix {
            IPV6_BITS => write!(f, "{ip}"),
            prefix => write!(f, "{ip}/{}", prefix.saturating_sub(before)),
        }
    }
}

const IPV4_BITS: u8 = 32;
const IPV6_BITS: u8 = 128;
/// The bits of an IPv4 address's IPv6 form before its own (RFC 4291 §2.5.5.2).
const IPV4_BEFORE: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read_without_bits_that_do_not_count() {
        for (text, written) in [
            ("10.1.2.3", Some("10.1.2.3")),
            ("10.1.2.3/32", Some("10.1.2.3")),
            ("10.1.2.3/8", Some("10.0.0.0/8")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("::ffff:10.1.2.3", Some("10.1.2.3")),
            ("2001:db8:0:0::1", Some("2001:db8::1")),
            ("2001:db8::1/32", Some("2001:db8::/32")),
            ("::/0", Some("::/0")),
            ("10.1.2.3/33", None),
            ("2001:db8::/129", None),
            ("10.1.2", None),
            ("10.0.0.0/-1", None),
        ] {
            let network = Network::parse(text);
            assert_eq!(network.map(|n| n.to_string()).as_deref(), written, "{text}");
            assert_eq!(network.and_then(|n| Network::from_bytes(&n.to_bytes())), network, "{text}");
        }
    }

    #[test]
    fn a_mask_counts_within_its_family() {
        for (text, bits, expected) in [
            ("192.168.1.5", 24, "192.168.1.0/24"),
            ("192.168.1.5", 64, "192.168.1.5"),
            ("2001:db8::1", 64, "2001:db8::/64"),
            ("2001:db8::1", 24, "2001:d00::/24"),
        ] {
            assert_eq!(Network::parse(text).unwrap().masked(bits).to_string(), expected, "{text}/{bits}");
        }
    }
}
