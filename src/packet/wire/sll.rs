//! Linux "cooked" capture, version 1 (<https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html>).

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// The fields that say what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the protocol means (ARPHRD_ value of the interface).
    pub arphrd: u16,
    /// An ethertype on most interfaces.
    pub protocol: u16,
}

impl Header {
    /// Takes the 16 bytes of the header.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        // packet type (2), ARPHRD (2), address length (2), address (8), protocol (2)
        let [_, _, h0, h1, _, _, _, _, _, _, _, _, _, _, p0, p1] = r.array().ok_or(DecodeAnomaly::SllPktTooSmall)?;
        Ok(Self { arphrd: u16::from_be_bytes([h0, h1]), protocol: u16::from_be_bytes([p0, p1]) })
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        match (self.arphrd, self.protocol) {
            (ARPHRD_NETLINK, _) => Layer::Other,
            (_, PROTOCOL_802_2) => Layer::Llc,
            (_, ethertype) => Layer::from_ethertype(ethertype),
        }
    }
}

/// A netlink socket: the protocol is a netlink family.
const ARPHRD_NETLINK: u16 = 824;

/// LINUX_SLL_P_802_2: an 802.2 header follows.
const PROTOCOL_802_2: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_an_ethertype_but_for_llc() {
        for (arphrd, protocol, next) in [(1, 0x0800, Layer::Ipv4), (1, 4, Layer::Llc), (824, 0x0800, Layer::Other)] {
            let mut bytes = vec![0; 16];
            bytes[2..4].copy_from_slice(&u16::to_be_bytes(arphrd));
            bytes[14..].copy_from_slice(&u16::to_be_bytes(protocol));
            assert_eq!(Header::read(&mut Reader::new(&bytes)).unwrap().next(), next);
        }
        assert_eq!(Header::read(&mut Reader::new(&[0; 15])), Err(DecodeAnomaly::SllPktTooSmall));
    }
}
