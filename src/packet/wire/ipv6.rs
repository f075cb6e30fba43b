//! IPv6 and its extension headers (RFC 8200 §3 and §4).

use etherparse::{Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, err::ipv6::HeaderSliceError};

use super::Layer;
use crate::base::Reader;
use crate::packet::DecodeAnomaly;

/// The fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    slice: Ipv6HeaderSlice<'a>,
}

impl<'a> Header<'a> {
    /// Takes the 40 bytes of the fixed header.
    pub fn read(r: &mut Reader<'a>) -> Result<Self, DecodeAnomaly> {
        let slice = Ipv6HeaderSlice::from_slice(r.rest()).map_err(|error| match error {
            HeaderSliceError::Len(_) => DecodeAnomaly::Ipv6PktTooSmall,
            HeaderSliceError::Content(_) => DecodeAnomaly::Ipv6WrongIpVersion,
        })?;
        r.take(slice.slice().len());
        Ok(Self { slice })
    }

    /// Length of all behind the fixed header; `None` for 0, which means "to the end of the frame": a jumbogram (RFC 2675), or
    /// a packet that an offloading network card is still to cut.
    pub fn payload_len(&self) -> Option<usize> {
        Some(usize::from(self.slice.payload_length())).filter(|&len| len != 0)
    }

    /// Source and destination address.
    pub fn addresses(&self) -> ([u8; 16], [u8; 16]) {
        (self.slice.source(), self.slice.destination())
    }

    /// Hop limit.
    pub fn hop_limit(&self) -> u8 {
        self.slice.hop_limit()
    }

    /// Traffic class.
    pub fn traffic_class(&self) -> u8 {
        self.slice.traffic_class()
    }

    /// Flow label: 20 bits.
    pub fn flow_label(&self) -> u32 {
        self.slice.flow_label().value()
    }

    /// What follows.
    pub fn next(&self) -> Layer {
        layer(self.slice.next_header().0)
    }

    /// Length of the fixed header.
    pub const LEN: usize = 40;
}

/// An extension header that says how long it is: hop-by-hop options, destination options, routing, mobility, and those
/// that follow the uniform format of RFC 6564.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// What follows it.
    pub next_header: u8,
    /// In a routing header the number of addresses yet to be visited; meaningless in others.
    pub segments_left: u8,
}

impl Extension {
    /// Takes the whole extension header.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let [next_header, length, _, segments_left, ..] = r.array::<8>().ok_or(DecodeAnomaly::Ipv6TruncExthdr)?;
        r.take(usize::from(length).wrapping_mul(8)).ok_or(DecodeAnomaly::Ipv6TruncExthdr)?;
        Ok(Self { next_header, segments_left })
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        layer(self.next_header)
    }
}

/// A fragment header (RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What the first fragment starts with.
    pub next_header: u8,
    /// Where in the fragmentable part this fragment goes, in bytes.
    pub offset: usize,
    /// Whether more comes after it.
    pub more: bool,
    /// The same in all fragments of a packet.
    pub id: u32,
}

impl Fragment {
    /// Length of the header.
    pub const LEN: usize = 8;

    /// Takes the eight bytes of the header.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let slice = Ipv6FragmentHeaderSlice::from_slice(r.rest()).map_err(|_| DecodeAnomaly::Ipv6TruncExthdr)?;
        r.take(slice.slice().len());
        Ok(Self {
            next_header: slice.next_header().0,
            offset: usize::from(slice.fragment_offset().value()).wrapping_mul(8),
            more: slice.more_fragments(),
            id: slice.identification(),
        })
    }

    /// Whether this fragment is the whole packet (RFC 6946): nothing is to be waited for.
    pub const fn is_atomic(&self) -> bool {
        self.offset == 0 && !self.more
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        layer(self.next_header)
    }
}

/// An authentication header, behind IPv4 or IPv6 (RFC 4302 §2). Nothing is verified: the payload is in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// What follows it.
    pub next_header: u8,
}

impl Authentication {
    /// Takes the whole header. Its length counts words of four bytes, minus two.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let [next_header, length] = r.array().ok_or(DecodeAnomaly::Ipv6TruncExthdr)?;
        let rest = usize::from(length).wrapping_add(2).wrapping_mul(4).wrapping_sub(2);
        r.take(rest).ok_or(DecodeAnomaly::Ipv6TruncExthdr)?;
        Ok(Self { next_header })
    }

    /// What follows.
    pub const fn next(&self) -> Layer {
        layer(self.next_header)
    }
}

/// By next header: the extension headers of RFC 8200 §4.1, mobility (RFC 6275), HIP (RFC 7401) and shim6 (RFC 5533), else
/// protocols that IPv4 has as well.
pub const fn layer(next_header: u8) -> Layer {
    match next_header {
        43 => Layer::Ipv6Routing,
        44 => Layer::Ipv6Fragment,
        0 | 60 | 135 | 139 | 140 => Layer::Ipv6Extension,
        protocol => Layer::from_ip_protocol(protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_lengths_leave_out_the_first_eight_bytes() {
        let bytes = [[6, 1, 4, 2].as_slice(), &[0; 12], b"tcp"].concat();
        let mut r = Reader::new(&bytes);
        let extension = Extension::read(&mut r).unwrap();
        assert_eq!((extension.next(), extension.segments_left), (Layer::Tcp, 2));
        assert_eq!(r.rest(), b"tcp");
        assert_eq!(Extension::read(&mut Reader::new(&bytes[..15])), Err(DecodeAnomaly::Ipv6TruncExthdr));
    }

    #[test]
    fn authentication_lengths_count_words_minus_two() {
        // RFC 4302 §2.2: with a 96-bit check value the length is 4, and the header 24 bytes.
        let bytes = [[17, 4].as_slice(), &[0; 22], b"udp"].concat();
        let mut r = Reader::new(&bytes);
        assert_eq!(Authentication::read(&mut r).unwrap().next(), Layer::Udp);
        assert_eq!(r.rest(), b"udp");
        assert_eq!(Authentication::read(&mut Reader::new(&bytes[..23])), Err(DecodeAnomaly::Ipv6TruncExthdr));
    }

    #[test]
    fn fragment_fields_are_where_rfc_8200_has_them() {
        let fragment = Fragment::read(&mut Reader::new(&[6, 0, 0x05, 0xa9, 0, 0, 0, 7])).unwrap();
        assert_eq!(fragment, Fragment { next_header: 6, offset: 0x05a8, more: true, id: 7 });
        assert!(!fragment.is_atomic());
        assert!(Fragment { offset: 0, more: false, ..fragment }.is_atomic());
    }

    #[test]
    fn the_version_is_checked() {
        let mut bytes = [0; 40];
        assert_eq!(Header::read(&mut Reader::new(&bytes)), Err(DecodeAnomaly::Ipv6WrongIpVersion));
        bytes[0] = 0x60;
        assert_eq!(Header::read(&mut Reader::new(&bytes)).unwrap().payload_len(), None);
        assert_eq!(Header::read(&mut Reader::new(&bytes[..39])), Err(DecodeAnomaly::Ipv6PktTooSmall));
    }
}
