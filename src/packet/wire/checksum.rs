//! The Internet checksum (RFC 1071): over the IPv4 header, and over a TCP segment or a UDP datagram with its pseudo-header.

use etherparse::checksum::Sum16BitWords;

use super::{tcp, udp};
use crate::packet::key::Address;

/// Whether an IPv4 header with its options adds up (RFC 791 §3.1).
pub fn ipv4_is_valid(header: &[u8]) -> bool {
    Sum16BitWords::new().add_slice(header).ones_complement() == 0
}

/// Whether a whole TCP segment adds up with the pseudo-header of IPv4 (RFC 9293 §3.1) or IPv6 (RFC 8200 §8.1). IPv4 addresses
/// give the same sum in their IPv4-mapped form: what it adds to them, 0xffff, is zero in ones' complement.
pub fn tcp_is_valid(source: Address, destination: Address, segment: &[u8]) -> bool {
    adds_up(source, destination, tcp::PROTOCOL, segment)
}

/// Whether a whole UDP datagram adds up, likewise. A checksum of zero says that there is none (RFC 768, RFC 6935 §5).
pub fn udp_is_valid(source: Address, destination: Address, datagram: &[u8]) -> bool {
    datagram.get(6..8) == Some(&[0, 0]) || adds_up(source, destination, udp::PROTOCOL, datagram)
}

fn adds_up(source: Address, destination: Address, protocol: u8, segment: &[u8]) -> bool {
    let Ok(len) = u32::try_from(segment.len()) else { return false };
    let addresses = Sum16BitWords::new().add_slice(&source.octets()).add_slice(&destination.octets());
    addresses.add_slice(&len.to_be_bytes()).add_2bytes([0, protocol]).add_slice(segment).ones_complement() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_ipv4_header_adds_up() {
        // Wikipedia, "Internet checksum", worked example.
        let header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert!(ipv4_is_valid(&header));
        let mut wrong = header;
        wrong[8] -= 1;
        assert!(!ipv4_is_valid(&wrong));
    }
}
