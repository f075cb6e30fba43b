//! BSD loopback, NULL and LOOP (<https://www.tcpdump.org/linktypes.html>).

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// The address family, which is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// AF_ value as the capturing system numbers it.
    pub family: u32,
}

impl Header {
    /// Takes the four bytes of the family. NULL has it in the byte order of the capturing host, LOOP in network byte order;
    /// families are small numbers, so that one reading of either is possible.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let family = r.u32().ok_or(DecodeAnomaly::LtnullPktTooSmall)?;
        Ok(Self { family: family.min(family.swap_bytes()) })
    }

    /// What follows.
    pub const fn next(&self) -> Result<Layer, DecodeAnomaly> {
        match self.family {
            2 => Ok(Layer::Ipv4),
            // Linux; NetBSD and OpenBSD; FreeBSD; macOS
            10 | 24 | 28 | 30 => Ok(Layer::Ipv6),
            _ => Err(DecodeAnomaly::LtnullUnsupportedType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_are_read() {
        for (bytes, next) in [
            ([2, 0, 0, 0], Ok(Layer::Ipv4)),
            ([0, 0, 0, 2], Ok(Layer::Ipv4)),
            ([30, 0, 0, 0], Ok(Layer::Ipv6)),
            ([0, 0, 0, 24], Ok(Layer::Ipv6)),
            ([0, 0, 0, 28], Ok(Layer::Ipv6)),
            ([10, 0, 0, 0], Ok(Layer::Ipv6)),
            ([0, 2, 0, 0], Err(DecodeAnomaly::LtnullUnsupportedType)),
        ] {
            assert_eq!(Header::read(&mut Reader::new(&bytes)).unwrap().next(), next);
        }
        assert_eq!(Header::read(&mut Reader::new(&[2, 0, 0])), Err(DecodeAnomaly::LtnullPktTooSmall));
    }
}
