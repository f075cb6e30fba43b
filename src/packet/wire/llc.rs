//! IEEE 802.2 LLC with the subnetwork access protocol, SNAP (RFC 1042).

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// What an LLC header carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The ethertype of the SNAP header; `None` for other service access points (spanning tree, NetBIOS and the like).
    pub ethertype: Option<u16>,
}

impl Header {
    /// Takes the three bytes of LLC, and the five of SNAP where they follow.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let llc: [u8; 3] = r.array().ok_or(DecodeAnomaly::EthernetPktTooSmall)?;
        if llc != SNAP {
            return Ok(Self { ethertype: None });
        }
        let organization = r.u24().ok_or(DecodeAnomaly::EthernetPktTooSmall)?;
        let protocol = r.u16().ok_or(DecodeAnomaly::EthernetPktTooSmall)?;
        Ok(Self { ethertype: ETHERTYPE_ORGANIZATIONS.contains(&organization).then_some(protocol) })
    }

    /// What follows.
    pub fn next(&self) -> Layer {
        self.ethertype.map_or(Layer::Other, Layer::from_ethertype)
    }
}

/// Both service access points 0xaa, and an unnumbered information frame.
const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];

/// The organizations whose protocol field is an ethertype: RFC 1042, and the bridge-tunnel encapsulation of IEEE 802.1H.
const ETHERTYPE_ORGANIZATIONS: [u32; 2] = [0x00_0000, 0x00_00f8];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_snap_carries_ip() {
        let next = |bytes: &[u8]| Header::read(&mut Reader::new(bytes)).map(|header| header.next());
        assert_eq!(next(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]), Ok(Layer::Ipv4));
        assert_eq!(next(&[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0]), Ok(Layer::Other), "Cisco discovery");
        assert_eq!(next(&[0x42, 0x42, 3, 0, 0]), Ok(Layer::Other), "spanning tree");
        assert_eq!(next(&[0xaa, 0xaa, 3, 0, 0, 0, 8]), Err(DecodeAnomaly::EthernetPktTooSmall));
    }
}
