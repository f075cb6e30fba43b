//! Ethernet II and IEEE 802.3 (IEEE 802.3-2018 §3).

use etherparse::Ethernet2HeaderSlice;

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// What follows the two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// An ethertype, or below 0x0600 the length of an LLC frame.
    pub type_or_length: u16,
}

impl Header {
    /// Takes the 14 bytes of the header.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let slice = Ethernet2HeaderSlice::from_slice(r.rest()).map_err(|_| DecodeAnomaly::EthernetPktTooSmall)?;
        r.take(slice.slice().len());
        Ok(Self { type_or_length: slice.ether_type().0 })
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        match self.type_or_length {
            0..0x0600 => Layer::Llc,
            ethertype => Layer::from_ethertype(ethertype),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_type_is_a_length() {
        for (kind, next) in [([8, 0], Layer::Ipv4), ([5, 0xdc], Layer::Llc), ([0x88, 0xa8], Layer::Vlan)] {
            let mut bytes = vec![0xff; 12];
            bytes.extend(kind);
            assert_eq!(Header::read(&mut Reader::new(&bytes)).unwrap().next(), next);
        }
        assert_eq!(Header::read(&mut Reader::new(&[0; 13])), Err(DecodeAnomaly::EthernetPktTooSmall));
    }
}
