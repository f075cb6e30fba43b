//! Linux "cooked" capture, version 2 (<https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html>).

use super::{Layer, sll};
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// The fields that say what follows; they mean what they do in version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the protocol means (ARPHRD_ value of the interface).
    pub arphrd: u16,
    /// An ethertype on most interfaces.
    pub protocol: u16,
}

impl Header {
    /// Takes the 20 bytes of the header.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        // protocol (2), reserved (2), interface index (4), ARPHRD (2), packet type (1), address length (1), address (8)
        let head: [u8; 20] = r.array().ok_or(DecodeAnomaly::Sll2PktTooSmall)?;
        let [p0, p1, _, _, _, _, _, _, h0, h1, ..] = head;
        Ok(Self { arphrd: u16::from_be_bytes([h0, h1]), protocol: u16::from_be_bytes([p0, p1]) })
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        sll::Header { arphrd: self.arphrd, protocol: self.protocol }.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_comes_first() {
        let mut bytes = [0; 20];
        bytes[..2].copy_from_slice(&[0x86, 0xdd]);
        bytes[9] = 1;
        assert_eq!(Header::read(&mut Reader::new(&bytes)), Ok(Header { arphrd: 1, protocol: 0x86dd }));
        assert_eq!(Header::read(&mut Reader::new(&bytes[..19])), Err(DecodeAnomaly::Sll2PktTooSmall));
    }
}
