//! IEEE 802.11 data frames (IEEE 802.11-2020 §9.3.2), as CAPWAP carries them.

use super::Layer;
use crate::base::Reader;

/// A MAC header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether an LLC frame follows in the clear: a data frame that has a body, is neither encrypted nor aggregated.
    pub has_llc: bool,
}

impl Header {
    /// Takes the header; `None` where the frame is cut.
    pub fn read(r: &mut Reader<'_>) -> Option<Self> {
        let control: [u8; 2] = r.array()?;
        // Some controllers send the two bytes of the frame control swapped.
        let [kind, flags] = if control[0] & TYPE_MASK == DATA { control } else { [control[1], control[0]] };
        if kind & TYPE_MASK != DATA {
            return Some(Self { has_llc: false });
        }
        r.take(22)?; // duration, three addresses, sequence control
        if flags & (TO_DS | FROM_DS) == TO_DS | FROM_DS {
            r.take(6)?;
        }
        let mut aggregated = false;
        if kind & QOS != 0 {
            let [low, _] = r.array()?;
            aggregated = low & AMSDU != 0;
            if flags & ORDER != 0 {
                r.u32()?; // HT control
            }
        }
        Some(Self { has_llc: kind & NO_DATA == 0 && flags & PROTECTED == 0 && !aggregated })
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        if self.has_llc { Layer::Llc } else { Layer::Other }
    }
}

/// The first byte of the frame control: version 0 and the type, then the subtype.
const TYPE_MASK: u8 = 0x0f;
const DATA: u8 = 0x08;
const NO_DATA: u8 = 0x40;
const QOS: u8 = 0x80;

/// The second byte: flags.
const TO_DS: u8 = 0x01;
const FROM_DS: u8 = 0x02;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;

/// In the QoS control field: several frames in one.
const AMSDU: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_length_depends_on_the_flags() {
        for (control, length, has_llc) in [
            ([0x08, 0x01], 24, true),
            ([0x01, 0x08], 24, true), // swapped
            ([0x08, 0x03], 30, true),
            ([0x88, 0x02], 26, true),
            ([0x88, 0x82], 30, true),
            ([0x08, 0x41], 24, false),
            ([0x48, 0x01], 24, false),
            ([0x80, 0x00], 2, false), // beacon: not read any further
        ] {
            let bytes = [&control[..], &vec![0; length - 2]].concat();
            let mut r = Reader::new(&bytes);
            assert_eq!(Header::read(&mut r), Some(Header { has_llc }), "{control:x?}");
            assert!(r.is_empty());
            assert_eq!(Header::read(&mut Reader::new(&bytes[..length - 1])), None);
        }
    }
}
