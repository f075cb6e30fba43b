//! CAPWAP data: frames between wireless access points and their controller (RFC 5415 §4.3).

use super::Layer;
use crate::base::Reader;

/// A data header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether the payload is a frame of the wireless medium, and not IEEE 802.3.
    pub is_native: bool,
    /// Whether the payload is one fragment of a frame.
    pub is_fragment: bool,
    /// Which wireless medium: 1 is IEEE 802.11.
    pub binding: u8,
}

impl Header {
    /// Takes the header and its optional fields; `None` where this cannot be clear-text CAPWAP data.
    pub fn read(r: &mut Reader<'_>) -> Option<Self> {
        let [preamble, b1, b2, b3, ..] = r.array::<8>()?;
        if preamble != CLEAR_TEXT {
            return None;
        }
        let length = usize::from(b1 >> 3).wrapping_mul(4);
        r.take(length.checked_sub(8)?)?;
        Some(Self { is_native: b2 & 1 == 1, is_fragment: b3 & 0x80 != 0, binding: b2 >> 1 & 0x1f })
    }

    /// What follows. Fragments are not put together.
    pub const fn next(&self) -> Layer {
        match (self.is_fragment, self.is_native, self.binding) {
            (false, false, _) => Layer::Ethernet,
            (false, true, 1) => Layer::Wlan,
            _ => Layer::Other,
        }
    }
}

/// Version 0, and a CAPWAP header that follows at once (1 would be DTLS).
const CLEAR_TEXT: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_how_long_it_is() {
        let bytes = [0x00, 0x18, 0x03, 0x00, 0, 0, 0, 0, 1, 2, 3, 4, 0xee];
        let mut r = Reader::new(&bytes);
        assert_eq!(Header::read(&mut r).unwrap().next(), Layer::Wlan);
        assert_eq!(r.rest(), [0xee]);
        assert_eq!(Header::read(&mut Reader::new(&bytes[..11])), None);
        assert_eq!(Header::read(&mut Reader::new(&[1; 16])), None, "DTLS");
        assert_eq!(Header::read(&mut Reader::new(&[0; 16])), None, "shorter than itself");
    }
}
