//! Geneve (RFC 8926 §3.4).

use super::Layer;
use crate::base::Reader;

/// A header; its options are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Ethertype of the payload.
    pub protocol: u16,
    /// Virtual network identifier, 24 bits.
    pub vni: u32,
}

impl Header {
    /// Takes the header and its options; `None` where this cannot be Geneve.
    pub fn read(r: &mut Reader<'_>) -> Option<Self> {
        let [version_length, _, p0, p1, v0, v1, v2, _] = r.array()?;
        if version_length >> 6 != 0 {
            return None;
        }
        r.take(usize::from(version_length & 0x3f).wrapping_mul(4))?;
        Some(Self { protocol: u16::from_be_bytes([p0, p1]), vni: u32::from_be_bytes([0, v0, v1, v2]) })
    }

    /// What follows. A control packet (the O flag) has a payload of the same kinds.
    pub const fn next(&self) -> Layer {
        Layer::from_ethertype(self.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_skipped() {
        let bytes = [1, 0, 0x65, 0x58, 0, 0, 7, 0, 0xff, 0xff, 0, 0, 0xee];
        let mut r = Reader::new(&bytes);
        let header = Header::read(&mut r).unwrap();
        assert_eq!((header.vni, header.next()), (7, Layer::Ethernet));
        assert_eq!(r.rest(), [0xee]);
        assert_eq!(Header::read(&mut Reader::new(&bytes[..11])), None);
        assert_eq!(Header::read(&mut Reader::new(&[0x40, 0, 8, 0, 0, 0, 7, 0])), None, "version 1");
    }
}
