//! GRE: version 0 (RFC 2784, with the key and sequence number of RFC 2890 and the routing of RFC 1701) and version 1, the
//! enhanced header of PPTP (RFC 2637 §4.1).

use super::{Layer, erspan};
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// A header with its optional fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// An ethertype, or one of GRE's own.
    pub protocol: u16,
    /// Whether a sequence number is present.
    pub has_sequence: bool,
    /// The version: 0, or 1 for PPTP.
    pub version: u8,
}

impl Header {
    /// Takes the header and all the optional fields that its flags announce.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let flags = r.u16().ok_or(DecodeAnomaly::GrePktTooSmall)?;
        let protocol = r.u16().ok_or(DecodeAnomaly::GrePktTooSmall)?;
        let has = |bit: u16| flags & bit != 0;
        let words = match flags & VERSION {
            0 => [has(CHECKSUM | ROUTING), has(KEY), has(SEQUENCE), false],
            1 if !has(KEY) => return Err(DecodeAnomaly::GreVersion1NoKey),
            1 if protocol != PPP => return Err(DecodeAnomaly::GreVersion1WrongProtocol),
            1 => [false, true, has(SEQUENCE), has(ACKNOWLEDGMENT)],
            _ => return Err(DecodeAnomaly::GreWrongVersion),
        };
        for _ in words.into_iter().filter(|&present| present) {
            r.u32().ok_or(DecodeAnomaly::GrePktTooSmall)?;
        }
        if flags & VERSION == 0 && has(ROUTING) {
            skip_routes(r)?;
        }
        Ok(Self { protocol, has_sequence: has(SEQUENCE), version: u8::from(flags & VERSION == 1) })
    }

    /// What follows. ERSPAN type I has no header of its own and no sequence number.
    pub const fn next(&self) -> Layer {
        match self.protocol {
            _ if self.version == 1 && !self.has_sequence => Layer::Other, // an acknowledgment alone
            0x0000 => Layer::Other,                                       // Cisco keep-alive
            0x88be if !self.has_sequence => Layer::Ethernet,
            0x88be => Layer::Erspan(erspan::Type::II),
            0x22eb => Layer::Erspan(erspan::Type::III),
            ethertype => Layer::from_ethertype(ethertype),
        }
    }

    /// Whether it carries ERSPAN of any type.
    pub const fn is_erspan(&self) -> bool {
        matches!(self.protocol, 0x88be | 0x22eb)
    }
}

/// Source route entries (RFC 1701): address family, offset, length and routing information, up to one of all zeros.
fn skip_routes(r: &mut Reader<'_>) -> Result<(), DecodeAnomaly> {
    loop {
        let [f0, f1, _, length] = r.array().ok_or(DecodeAnomaly::GreVersion0MalformedSreHdr)?;
        r.take(usize::from(length)).ok_or(DecodeAnomaly::GreVersion0MalformedSreHdr)?;
        if [f0, f1, length] == [0, 0, 0] {
            return Ok(());
        }
    }
}

/// Flags and version, the first 16 bits.
const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// PPP, the only protocol of version 1.
const PPP: u16 = 0x880b;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_are_skipped() {
        let routes = [0x08, 0x00, 0, 4, 10, 0, 0, 1, 0, 0, 0, 0];
        for (flags, protocol, optional, next) in [
            (0x0000, 0x0800, vec![], Layer::Ipv4),
            (0x8000, 0x86dd, vec![0; 4], Layer::Ipv6),
            (0x2000, 0x6558, vec![0; 4], Layer::Ethernet),
            (0xb000, 0x0800, vec![0; 12], Layer::Ipv4),
            (0x4000, 0x0800, [&[0; 4], &routes[..]].concat(), Layer::Ipv4),
            (0x3081, 0x880b, vec![0; 12], Layer::Ppp),
            (0x2081, 0x880b, vec![0; 8], Layer::Other),
            (0x0000, 0x88be, vec![], Layer::Ethernet),
            (0x1000, 0x88be, vec![0; 4], Layer::Erspan(erspan::Type::II)),
            (0x1000, 0x22eb, vec![0; 4], Layer::Erspan(erspan::Type::III)),
        ] {
            let head = [u16::to_be_bytes(flags), u16::to_be_bytes(protocol)].concat();
            let bytes = [head, optional, vec![0xee; 2]].concat();
            let mut r = Reader::new(&bytes);
            assert_eq!(Header::read(&mut r).unwrap().next(), next, "{flags:04x} {protocol:04x}");
            assert_eq!(r.rest(), [0xee; 2]);
        }
    }

    #[test]
    fn what_is_wrong_has_a_name() {
        for (bytes, anomaly) in [
            (&[0, 0, 8][..], DecodeAnomaly::GrePktTooSmall),
            (&[0x20, 0, 8, 0, 1, 2, 3], DecodeAnomaly::GrePktTooSmall),
            (&[0, 2, 8, 0], DecodeAnomaly::GreWrongVersion),
            (&[0, 1, 0x88, 0x0b], DecodeAnomaly::GreVersion1NoKey),
            (&[0x20, 1, 8, 0, 0, 0, 0, 0], DecodeAnomaly::GreVersion1WrongProtocol),
            (&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 9, 1], DecodeAnomaly::GreVersion0MalformedSreHdr),
        ] {
            assert_eq!(Header::read(&mut Reader::new(bytes)), Err(anomaly));
        }
    }
}
