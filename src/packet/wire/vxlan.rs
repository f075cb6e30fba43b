//! VXLAN (RFC 7348 §5) and its generic protocol extension (draft-ietf-nvo3-vxlan-gpe-12 §3).

use super::Layer;
use crate::base::Reader;

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// VXLAN network identifier, 24 bits.
    pub vni: u32,
    /// The next protocol where the P flag says that there is one; Ethernet otherwise.
    pub next_protocol: Option<u8>,
}

impl Header {
    /// Takes the eight bytes of the header; `None` where this cannot be VXLAN. Only the I flag is certain to be set: the others
    /// are in use by extensions.
    pub fn read(r: &mut Reader<'_>) -> Option<Self> {
        let [flags, _, _, next, v0, v1, v2, _] = r.array()?;
        let next_protocol = (flags & NEXT_PROTOCOL != 0).then_some(next);
        (flags & VNI_PRESENT != 0).then_some(Self { vni: u32::from_be_bytes([0, v0, v1, v2]), next_protocol })
    }

    /// What follows, on the ports of VXLAN and of VXLAN-GPE alike.
    pub const fn next(&self) -> Layer {
        match self.next_protocol {
            None | Some(3) => Layer::Ethernet,
            Some(1) => Layer::Ipv4,
            Some(2) => Layer::Ipv6,
            Some(5) => Layer::Mpls,
            Some(_) => Layer::Other,
        }
    }
}

/// The I flag: the network identifier is valid.
const VNI_PRESENT: u8 = 0x08;

/// The P flag of the extension: the next protocol is given.
const NEXT_PROTOCOL: u8 = 0x04;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_names_what_follows() {
        for (bytes, next) in [
            ([0x08, 0, 0, 0, 0, 0, 42, 0], Layer::Ethernet),
            ([0x0c, 0, 0, 1, 0, 0, 42, 0], Layer::Ipv4),
            ([0x0c, 0, 0, 2, 0, 0, 42, 0], Layer::Ipv6),
            ([0x0c, 0, 0, 3, 0, 0, 42, 0], Layer::Ethernet),
            ([0x88, 0, 0, 7, 0, 0, 42, 0], Layer::Ethernet), // group policy
        ] {
            let header = Header::read(&mut Reader::new(&bytes)).unwrap();
            assert_eq!((header.vni, header.next()), (42, next));
        }
        assert_eq!(Header::read(&mut Reader::new(&[0; 8])), None);
        assert_eq!(Header::read(&mut Reader::new(&[8; 7])), None);
    }
}
