//! IPv4 (RFC 791 §3.1).

use etherparse::Ipv4HeaderSlice;
use etherparse::err::ipv4::{HeaderError, HeaderSliceError};

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// A header with its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    slice: Ipv4HeaderSlice<'a>,
}

impl<'a> Header<'a> {
    /// Takes the header and its options.
    pub fn read(r: &mut Reader<'a>) -> Result<Self, DecodeAnomaly> {
        let slice = Ipv4HeaderSlice::from_slice(r.rest()).map_err(|error| match error {
            HeaderSliceError::Len(_) => DecodeAnomaly::Ipv4PktTooSmall,
            HeaderSliceError::Content(HeaderError::UnexpectedVersion { .. }) => DecodeAnomaly::Ipv4WrongIpVersion,
            HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { .. }) => DecodeAnomaly::Ipv4HlenTooSmall,
        })?;
        r.take(slice.slice().len());
        Ok(Self { slice })
    }

    /// Length of header and payload; `None` for 0, which offloading network cards leave there for "to the end of the frame".
    pub fn total_len(&self) -> Result<Option<usize>, DecodeAnomaly> {
        match usize::from(self.slice.total_len()) {
            0 => Ok(None),
            len if len < self.slice.slice().len() => Err(DecodeAnomaly::Ipv4IplenSmallerThanHlen),
            len => Ok(Some(len)),
        }
    }

    /// Source and destination address.
    pub fn addresses(&self) -> ([u8; 4], [u8; 4]) {
        (self.slice.source(), self.slice.destination())
    }

    /// Time to live.
    pub fn ttl(&self) -> u8 {
        self.slice.ttl()
    }

    /// Type of service: the byte that is DSCP and ECN now (RFC 2474).
    pub fn tos(&self) -> u8 {
        self.slice.dcp().value() << 2 | self.slice.ecn().value()
    }

    /// Protocol of the payload.
    pub fn protocol(&self) -> u8 {
        self.slice.protocol().0
    }

    /// Identification, the same in all fragments of a datagram.
    pub fn id(&self) -> u16 {
        self.slice.identification()
    }

    /// Whether the payload is only a part of a datagram's.
    pub fn is_fragment(&self) -> bool {
        self.slice.is_fragmenting_payload()
    }

    /// Where in the datagram the payload goes, in bytes, and whether more comes after it.
    pub fn fragment(&self) -> (usize, bool) {
        (usize::from(self.slice.fragments_offset().value()).wrapping_mul(8), self.slice.more_fragments())
    }

    /// The header's bytes, options included.
    pub fn bytes(&self) -> &'a [u8] {
        self.slice.slice()
    }

    /// What follows.
    pub fn next(&self) -> Layer {
        Layer::from_ip_protocol(self.protocol())
    }
}

/// Length of a header without options.
pub const MIN_LEN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of RFC 791's example 1, with a protocol of TCP.
    const EXAMPLE: [u8; 20] = [0x45, 0xb9, 0, 21, 0, 111, 0, 0, 123, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];

    fn with(changes: &[(usize, u8)]) -> [u8; 20] {
        let mut bytes = EXAMPLE;
        for &(at, value) in changes {
            bytes[at] = value;
        }
        bytes
    }

    #[test]
    fn fields_are_where_rfc_791_has_them() {
        let header = Header::read(&mut Reader::new(&EXAMPLE)).unwrap();
        assert_eq!(header.addresses(), ([10, 0, 0, 1], [10, 0, 0, 2]));
        assert_eq!((header.ttl(), header.id(), header.tos(), header.next()), (123, 111, 0xb9, Layer::Tcp));
        assert_eq!(header.total_len(), Ok(Some(21)));
        assert!(!header.is_fragment());
    }

    #[test]
    fn fragment_offsets_count_in_eights() {
        let bytes = with(&[(6, 0x20), (7, 0x03)]);
        let header = Header::read(&mut Reader::new(&bytes)).unwrap();
        assert!(header.is_fragment());
        assert_eq!(header.fragment(), (24, true));
    }

    #[test]
    fn lengths_are_checked() {
        for (changes, anomaly) in [
            (&[(0, 0x44)][..], DecodeAnomaly::Ipv4HlenTooSmall),
            (&[(0, 0x46)], DecodeAnomaly::Ipv4PktTooSmall),
            (&[(0, 0x65)], DecodeAnomaly::Ipv4WrongIpVersion),
            (&[(3, 19)], DecodeAnomaly::Ipv4IplenSmallerThanHlen),
        ] {
            let bytes = with(changes);
            let result = Header::read(&mut Reader::new(&bytes)).and_then(|header| header.total_len());
            assert_eq!(result, Err(anomaly));
        }
        let offloaded = with(&[(3, 0)]);
        assert_eq!(Header::read(&mut Reader::new(&offloaded)).unwrap().total_len(), Ok(None));
    }
}
