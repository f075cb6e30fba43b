//! PPP over Ethernet, session stage (RFC 2516 §4).

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// A session header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Session id.
    pub session: u16,
    /// Bytes of PPP behind the header.
    pub length: u16,
}

impl Header {
    /// Takes the six bytes of the header.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let [version_type, code, s0, s1, l0, l1] = r.array().ok_or(DecodeAnomaly::PppoePktTooSmall)?;
        if version_type != 0x11 || code != 0 {
            return Err(DecodeAnomaly::PppoeWrongCode);
        }
        Ok(Self { session: u16::from_be_bytes([s0, s1]), length: u16::from_be_bytes([l0, l1]) })
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        Layer::Ppp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_session_packets_carry_ppp() {
        let read = |bytes: &[u8]| Header::read(&mut Reader::new(bytes));
        assert_eq!(read(&[0x11, 0, 0, 9, 0, 42, 0, 0x21]), Ok(Header { session: 9, length: 42 }));
        assert_eq!(read(&[0x11, 0x09, 0, 0, 0, 0]), Err(DecodeAnomaly::PppoeWrongCode), "discovery");
        assert_eq!(read(&[0x11, 0, 0, 9, 0]), Err(DecodeAnomaly::PppoePktTooSmall));
    }
}
