//! Community ID, version 1: one flow identifier that other tools compute alike
//! (<https://github.com/corelight/community-id-spec>).

use std::net::IpAddr;

use serde::{Serialize, Serializer};
use sha1::{Digest, Sha1};

use super::ascii::base64;
use super::json::Plain;
use crate::flow::Endpoint;

/// A community id with seed 0, the specification's default: `1:` and the base64 of a SHA-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommunityId([u8; LEN]);

impl CommunityId {
    /// The id of the conversation between `a` and `b`, the same for both orders. `protocol` is IP's number; one that has ports
    /// (TCP, UDP, SCTP).
    pub fn new(a: Endpoint, b: Endpoint, protocol: u8) -> Self {
        let ((low, low_port), (high, high_port)) = ordered((a.ip, a.port), (b.ip, b.port));
        let mut sha1 = Sha1::new();
        sha1.update(SEED.to_be_bytes());
        update_address(&mut sha1, low);
        update_address(&mut sha1, high);
        sha1.update([protocol, 0]); // a padding byte follows the protocol
        sha1.update(low_port.to_be_bytes());
        sha1.update(high_port.to_be_bytes());

        let mut text = *b"1:                            ";
        for (slot, digit) in text.iter_mut().skip(2).zip(base64(&sha1.finalize()).flatten()) {
            *slot = digit;
        }
        Self(text)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Serialize for CommunityId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Plain(&self.0).serialize(serializer)
    }
}

/// The lower address first, and on equal ones the lower port. IPv4 and IPv6 do not meet in one conversation.
fn ordered(a: (IpAddr, u16), b: (IpAddr, u16)) -> ((IpAddr, u16), (IpAddr, u16)) {
    if a <= b { (a, b) } else { (b, a) }
}

fn update_address(sha1: &mut Sha1, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => sha1.update(v4.octets()),
        IpAddr::V6(v6) => sha1.update(v6.octets()),
    }
}

/// Two characters of prefix, 28 of base64 for 20 bytes.
const LEN: usize = 30;
const SEED: u16 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's reference data (baseline, seed 0).
    #[test]
    fn matches_the_published_vectors() {
        for (protocol, a, a_port, b, b_port, id) in [
            (6, "128.232.110.120", 34_855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (6, "66.35.250.204", 80, "128.232.110.120", 34_855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (17, "192.168.1.52", 54_585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
            (132, "192.168.170.8", 7, "192.168.170.56", 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
            (6, "2001:470:e5bf:dead:4957:2174:e82c:4887", 63_943, "2607:f8b0:400c:c03::1a", 25, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
        ] {
            let end = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port };
            assert_eq!(CommunityId::new(end(a, a_port), end(b, b_port), protocol).as_str(), id);
        }
    }

    #[test]
    fn equal_addresses_are_ordered_by_port() {
        let end = |port| Endpoint { ip: "10.0.0.1".parse().unwrap(), port };
        assert_eq!(CommunityId::new(end(9), end(443), 6), CommunityId::new(end(443), end(9), 6));
    }
}
