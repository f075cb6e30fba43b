//! ERSPAN types II and III, mirrored frames in GRE (draft-foschiano-erspan-03 §4). Type I has no header.

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// Which header the GRE protocol announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Type II: protocol 0x88be with a sequence number, eight bytes, version field 1.
    II,
    /// Type III: protocol 0x22eb, twelve bytes and an optional sub-header, version field 2.
    III,
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// VLAN of the mirrored frame; 0 where it had none, or still carries its tag.
    pub vlan: u16,
    /// Whether the mirrored packet starts with IP instead of Ethernet (frame type 2 of type III).
    pub is_ip: bool,
}

impl Header {
    /// Takes the header of the type that was announced, and the platform's sub-header where there is one.
    pub fn read(kind: Type, r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let [v0, v1, ..] = r.array::<8>().ok_or(DecodeAnomaly::ErspanHeaderTooSmall)?;
        let vlan = u16::from_be_bytes([v0 & 0x0f, v1]);
        match (kind, v0 >> 4) {
            (Type::II, 1) => Ok(Self { vlan, is_ip: false }),
            (Type::III, 2) => {
                let [_, _, frame_type, last] = r.array().ok_or(DecodeAnomaly::ErspanHeaderTooSmall)?;
                if last & 1 == 1 {
                    r.take(8).ok_or(DecodeAnomaly::ErspanHeaderTooSmall)?;
                }
                Ok(Self { vlan, is_ip: frame_type >> 2 & 0x1f == 2 })
            }
            _ => Err(DecodeAnomaly::ErspanUnsupportedVersion),
        }
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        if self.is_ip { Layer::Ip } else { Layer::Ethernet }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_types_are_read() {
        let second = [0x10, 0x64, 0, 1, 0, 0, 0, 0];
        let third = [0x20, 0x64, 0, 1, 0, 0, 0, 0, 0, 0, 0x00, 0x00];
        let with_subheader = [[0x20, 0x64, 0, 1, 0, 0, 0, 0, 0, 0, 0x08, 0x01].as_slice(), &[0; 8]].concat();
        for (kind, bytes, is_ip) in [(Type::II, &second[..], false), (Type::III, &third, false), (Type::III, &with_subheader, true)]
        {
            let mut r = Reader::new(bytes);
            assert_eq!(Header::read(kind, &mut r), Ok(Header { vlan: 100, is_ip }));
            assert!(r.is_empty());
            assert_eq!(Header::read(kind, &mut Reader::new(&bytes[..bytes.len() - 1])), Err(DecodeAnomaly::ErspanHeaderTooSmall));
        }
        assert_eq!(Header::read(Type::II, &mut Reader::new(&third)), Err(DecodeAnomaly::ErspanUnsupportedVersion));
    }
}
