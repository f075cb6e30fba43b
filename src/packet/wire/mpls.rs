//! MPLS label stacks (RFC 3032), with IP or an Ethernet pseudowire (RFC 4448) below them.

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// A label stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The label at the bottom of the stack, 20 bits.
    pub bottom: u32,
    /// What follows. Nothing in the stack says so: it is guessed from the bytes, as routers do (RFC 4928 §3).
    pub payload: Layer,
}

impl Header {
    /// Takes the stack down to its bottom, and the control word of a pseudowire.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        loop {
            let entry = r.u32().ok_or(DecodeAnomaly::MplsHeaderTooSmall)?;
            if entry & BOTTOM_OF_STACK != 0 {
                let bottom = entry >> 12;
                return Ok(Self { bottom, payload: payload(bottom, r)? });
            }
        }
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        self.payload
    }
}

fn payload(label: u32, r: &mut Reader<'_>) -> Result<Layer, DecodeAnomaly> {
    let first = r.rest().first().ok_or(DecodeAnomaly::MplsHeaderTooSmall)?;
    match (label, first >> 4) {
        (IPV4_EXPLICIT_NULL, _) | (_, 4) => Ok(Layer::Ipv4),
        (IPV6_EXPLICIT_NULL, _) | (_, 6) => Ok(Layer::Ipv6),
        (_, 0) => {
            // A control word starts with a zero nibble (RFC 4928 §3), and so do many Ethernet addresses. Where there is an
            // ethertype that we know, there the frame starts.
            let rest = r.rest();
            if rest.get(CONTROL_WORD..).is_some_and(starts_ethernet) || !starts_ethernet(rest) {
                r.take(CONTROL_WORD);
            }
            Ok(Layer::Ethernet)
        }
        (_, 1) => Ok(Layer::Other), // associated channel (RFC 4385 §5): operation and maintenance
        _ if starts_ethernet(r.rest()) => Ok(Layer::Ethernet),
        _ => Err(DecodeAnomaly::MplsUnknownPayloadType),
    }
}

fn starts_ethernet(bytes: &[u8]) -> bool {
    let next = super::ethernet::Header::read(&mut Reader::new(bytes)).map(|header| header.next());
    next.is_ok_and(|next| !matches!(next, Layer::UnknownEthertype | Layer::Llc))
}

/// The S bit of a label stack entry.
const BOTTOM_OF_STACK: u32 = 0x100;

/// Reserved labels (RFC 3032 §2.1).
const IPV4_EXPLICIT_NULL: u32 = 0;
const IPV6_EXPLICIT_NULL: u32 = 2;

/// Length of a pseudowire's control word (RFC 4448 §4.6).
const CONTROL_WORD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const ETHERNET: [u8; 14] = [0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00];

    #[test]
    fn the_payload_is_guessed() {
        let two_labels = [0x00, 0x01, 0x00, 0x40, 0x00, 0x02, 0x01, 0x40];
        let with_control_word = [&[0, 0, 0, 7], &ETHERNET[..]].concat();
        for (payload, next, left) in [
            (&[0x45, 0x00][..], Ok(Layer::Ipv4), 2),
            (&[0x60, 0x00], Ok(Layer::Ipv6), 2),
            (&ETHERNET, Ok(Layer::Ethernet), 14),
            (&with_control_word, Ok(Layer::Ethernet), 14),
            (&[0x10, 0x00, 0x00, 0x07], Ok(Layer::Other), 4),
            (&[0xd0; 20], Err(DecodeAnomaly::MplsUnknownPayloadType), 20),
            (&[], Err(DecodeAnomaly::MplsHeaderTooSmall), 0),
        ] {
            let bytes = [&two_labels[..], payload].concat();
            let mut r = Reader::new(&bytes);
            assert_eq!(Header::read(&mut r).map(|header| header.next()), next, "{payload:x?}");
            assert_eq!(r.len(), left);
        }
    }

    #[test]
    fn a_stack_without_a_bottom_is_cut() {
        assert_eq!(Header::read(&mut Reader::new(&[0; 11])), Err(DecodeAnomaly::MplsHeaderTooSmall));
    }
}
