//! GTP-U, mobile user data (3GPP TS 29.281 §5).

use super::Layer;
use crate::base::Reader;

/// A header with its optional fields; extension headers are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Message type: 255 carries user data.
    pub message_type: u8,
    /// Tunnel endpoint identifier.
    pub teid: u32,
}

impl Header {
    /// Takes the header, the optional fields and all extension headers; `None` where this cannot be GTP-U version 1.
    pub fn read(r: &mut Reader<'_>) -> Option<Self> {
        let [flags, message_type, _, _, t0, t1, t2, t3] = r.array()?;
        if flags & (VERSION | PROTOCOL_TYPE) != VERSION_1 | PROTOCOL_TYPE {
            return None;
        }
        if flags & (EXTENSION | SEQUENCE | N_PDU) != 0 {
            let [_, _, _, mut next] = r.array()?;
            // The fields are all there if any flag is set, but only mean something with their own.
            while flags & EXTENSION != 0 && next != 0 {
                let words = usize::from(r.u8()?);
                let (last, _) = r.take(words.checked_mul(4)?.checked_sub(1)?)?.split_last()?;
                next = *last;
            }
        }
        Some(Self { message_type, teid: u32::from_be_bytes([t0, t1, t2, t3]) })
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        if self.message_type == G_PDU { Layer::Ip } else { Layer::Other }
    }
}

/// The first byte: version (3 bits), protocol type, spare, and the three flags.
const VERSION: u8 = 0xe0;
const VERSION_1: u8 = 0x20;
const PROTOCOL_TYPE: u8 = 0x10;
const EXTENSION: u8 = 0x04;
const SEQUENCE: u8 = 0x02;
const N_PDU: u8 = 0x01;

/// The message that carries user data.
const G_PDU: u8 = 0xff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_and_extensions_are_skipped() {
        let pdu_session = [0x34, 0xff, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0, 9, 0];
        for (bytes, next) in [
            (&[0x30, 0xff, 0, 0, 0, 0, 0, 7][..], Layer::Ip),
            (&[0x32, 0xff, 0, 0, 0, 0, 0, 7, 0, 1, 0, 0x85], Layer::Ip), // no E flag: the next type means nothing
            (&pdu_session, Layer::Ip),
            (&[0x30, 0x01, 0, 0, 0, 0, 0, 7], Layer::Other), // echo request
        ] {
            let mut r = Reader::new(bytes);
            let header = Header::read(&mut r).unwrap();
            assert_eq!((header.teid, header.next()), (7, next));
            assert!(r.is_empty());
            assert_eq!(Header::read(&mut Reader::new(&bytes[..bytes.len() - 1])), None);
        }
    }

    #[test]
    fn an_extension_of_no_length_ends_the_reading() {
        assert_eq!(Header::read(&mut Reader::new(&[0x34, 0xff, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0x85, 0, 0, 0, 0])), None);
        assert_eq!(Header::read(&mut Reader::new(&[0x50, 0xff, 0, 0, 0, 0, 0, 7])), None, "version 2");
    }
}
