//! PPP (RFC 1661 §2), with or without HDLC-like framing (RFC 1662 §3.1) and field compression (RFC 1661 §6.5 and §6.6).

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// The protocol, or what stands in its place in Cisco's framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// A PPP protocol number.
    Ppp(u16),
    /// Cisco HDLC, which shares a link type with PPP: an ethertype.
    CiscoHdlc(u16),
}

impl Header {
    /// Takes address and control where they are, and the protocol of one or two bytes.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        match r.rest() {
            [0xff, 0x03, ..] => {
                r.u16();
            }
            [0x0f | 0x8f, 0x00, ..] => {
                r.u16();
                return r.u16().map(Self::CiscoHdlc).ok_or(DecodeAnomaly::PppPktTooSmall);
            }
            _ => {}
        }
        let first = r.u8().ok_or(DecodeAnomaly::PppPktTooSmall)?;
        if first & 1 == 1 {
            return Ok(Self::Ppp(u16::from(first))); // compressed: only the last byte of a protocol is odd
        }
        let second = r.u8().ok_or(DecodeAnomaly::PppPktTooSmall)?;
        Ok(Self::Ppp(u16::from_be_bytes([first, second])))
    }

    /// What follows.
    pub const fn next(&self) -> Result<Layer, DecodeAnomaly> {
        match *self {
            Self::CiscoHdlc(ethertype) => Ok(Layer::from_ethertype(ethertype)),
            Self::Ppp(0x0021) => Ok(Layer::Ipv4),
            Self::Ppp(0x0057) => Ok(Layer::Ipv6),
            Self::Ppp(0x0281 | 0x0283) => Ok(Layer::Mpls),
            Self::Ppp(protocol) if protocol & 1 == 1 => Ok(Layer::Other),
            Self::Ppp(_) => Err(DecodeAnomaly::PppWrongType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_framing_is_read() {
        for (bytes, next) in [
            (&[0xff, 0x03, 0x00, 0x21][..], Ok(Layer::Ipv4)),
            (&[0x00, 0x57], Ok(Layer::Ipv6)),
            (&[0x21], Ok(Layer::Ipv4)),
            (&[0xff, 0x03, 0x57], Ok(Layer::Ipv6)),
            (&[0x02, 0x81], Ok(Layer::Mpls)),
            (&[0xc0, 0x21], Ok(Layer::Other)), // LCP
            (&[0x00, 0x2d], Ok(Layer::Other)), // Van Jacobson compressed TCP/IP
            (&[0x0f, 0x00, 0x08, 0x00], Ok(Layer::Ipv4)),
            (&[0x00, 0x20], Err(DecodeAnomaly::PppWrongType)),
        ] {
            let mut r = Reader::new(bytes);
            assert_eq!(Header::read(&mut r).unwrap().next(), next, "{bytes:x?}");
            assert!(r.is_empty());
        }
        for cut in [&[][..], &[0x00], &[0xff, 0x03], &[0xff, 0x03, 0x00], &[0x0f, 0x00, 0x08]] {
            assert_eq!(Header::read(&mut Reader::new(cut)), Err(DecodeAnomaly::PppPktTooSmall));
        }
    }
}
