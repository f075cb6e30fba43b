//! VLAN tags: IEEE 802.1Q, and 802.1ad ("QinQ") by its own and by older ethertypes.

use etherparse::SingleVlanHeaderSlice;

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// One tag, without the ethertype that announced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// VLAN id, 12 bits; 0 is a priority tag that names no VLAN.
    pub id: u16,
    /// An ethertype, or below 0x0600 the length of an LLC frame.
    pub type_or_length: u16,
}

impl Header {
    /// Takes the four bytes of a tag.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let slice = SingleVlanHeaderSlice::from_slice(r.rest()).map_err(|_| DecodeAnomaly::VlanHeaderTooSmall)?;
        r.take(slice.slice().len());
        Ok(Self { id: slice.vlan_identifier().value(), type_or_length: slice.ether_type().0 })
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        super::ethernet::Header { type_or_length: self.type_or_length }.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_bits_are_not_part_of_the_id() {
        let header = Header::read(&mut Reader::new(&[0xe1, 0x23, 0x81, 0x00])).unwrap();
        assert_eq!((header.id, header.next()), (0x123, Layer::Vlan));
        assert_eq!(Header::read(&mut Reader::new(&[0, 1, 8])), Err(DecodeAnomaly::VlanHeaderTooSmall));
    }
}
