//! A lenient reader of BER's tag-length-value triples (X.690 §8.1): it takes what is there, where DER's rules are broken too.

use smallvec::SmallVec;

use crate::base::Reader;

/// Tags as encoded: class, constructed bit and number in one byte (X.690 §8.1.2).
pub(super) mod tag {
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const OID: u8 = 0x06;
    pub const ENUMERATED: u8 = 0x0a;
    pub const UTF8_STRING: u8 = 0x0c;
    pub const NUMERIC_STRING: u8 = 0x12;
    pub const PRINTABLE_STRING: u8 = 0x13;
    pub const TELETEX_STRING: u8 = 0x14;
    pub const VIDEOTEX_STRING: u8 = 0x15;
    pub const IA5_STRING: u8 = 0x16;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const GRAPHIC_STRING: u8 = 0x19;
    pub const VISIBLE_STRING: u8 = 0x1a;
    pub const GENERAL_STRING: u8 = 0x1b;
    pub const UNIVERSAL_STRING: u8 = 0x1c;
    pub const BMP_STRING: u8 = 0x1e;
    pub const SEQUENCE: u8 = 0x30;
}

/// One triple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tlv<'a> {
    /// The tag's first byte; further bytes of a high tag number are passed over.
    pub tag: u8,
    /// The value, or as much of it as is there.
    pub value: &'a [u8],
    /// All of the value is there.
    pub whole: bool,
}

impl<'a> Tlv<'a> {
    /// The value where the tag is `tag`.
    pub fn of(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.value)
    }
}

/// The triples in `bytes`, one after the other, up to the first whose header cannot be read. An indefinite length reaches to
/// the end of what surrounds it, so that what lies within can be read.
#[derive(Clone, Debug)]
pub(super) struct Tlvs<'a>(Reader<'a>);

impl<'a> Tlvs<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    /// The next triple where its tag is `tag`; otherwise nothing is taken.
    pub fn next_of(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.rest().first() != Some(&tag) {
            return None;
        }
        self.next().map(|tlv| tlv.value)
    }

    /// The next triple, and all of its bytes.
    pub fn next_with_header(&mut self) -> Option<(Tlv<'a>, &'a [u8])> {
        let before = self.0.rest();
        let tlv = self.next()?;
        Some((tlv, before.get(..before.len().saturating_sub(self.0.len()))?))
    }

    /// All bytes of the next triple where its tag is `tag`; otherwise nothing is taken.
    pub fn next_whole_of(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.rest().first() != Some(&tag) {
            return None;
        }
        self.next_with_header().map(|(_, bytes)| bytes)
    }

    /// What is not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.0.rest()
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let tag = self.0.u8()?;
        if tag & 0x1f == 0x1f {
            while self.0.u8()? & 0x80 != 0 {}
        }
        let (value, whole) = match self.0.u8()? {
            0x80 => (self.0.take(self.0.len())?, true),
            first @ 0x81.. => {
                let length = self.0.take(usize::from(first & 0x7f))?;
                self.0.take_lenient(big_endian(length))
            }
            length => self.0.take_lenient(usize::from(length)),
        };
        Some(Tlv { tag, value, whole })
    }
}

/// The value of the first triple in `bytes` where its tag is `tag`.
pub(super) fn first_of(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    Tlvs::new(bytes).next_of(tag)
}

/// The tag and the length, in DER, of a value of `len` bytes.
pub(super) fn header(tag: u8, len: usize) -> SmallVec<[u8; 8]> {
    let mut header = SmallVec::from_slice(&[tag]);
    match u8::try_from(len) {
        Ok(short @ ..0x80) => header.push(short),
        _ => {
            let bytes = len.to_be_bytes();
            let digits = bytes.iter().skip_while(|b| **b == 0);
            header.push(0x80 | u8::try_from(digits.clone().count()).unwrap_or(0)); // 8 at most
            header.extend(digits.copied());
        }
    }
    header
}

/// The content of a BIT STRING that holds bytes: all after the count of unused bits.
pub(super) fn bit_string_bytes(value: &[u8]) -> &[u8] {
    value.split_first().map_or(&[], |(_, bytes)| bytes)
}

/// A length in base 256, saturating.
fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |length: usize, &b| length.saturating_mul(256).saturating_add(usize::from(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(u8, &[u8], bool)> {
        Tlvs::new(bytes).map(|t| (t.tag, t.value, t.whole)).collect()
    }

    #[test]
    fn reads_every_form_of_length() {
        assert_eq!(read(&[0x02, 0x01, 7, 0x05, 0x00]), [(2, &[7][..], true), (5, &[], true)]);
        assert_eq!(read(&[0x04, 0x81, 0x01, 9]), [(4, &[9][..], true)], "longer than it need be, so not DER");
        assert_eq!(read(&[0x04, 0x82, 0x00, 0x02, 9, 8]), [(4, &[9, 8][..], true)]);
        assert_eq!(read(&[0x30, 0x80, 0x02, 0x01, 1, 0, 0]), [(0x30, &[0x02, 0x01, 1, 0, 0][..], true)], "indefinite");
    }

    #[test]
    fn a_header_is_as_short_as_can_be() {
        for (len, want) in [
            (0, &[0x30, 0][..]),
            (127, &[0x30, 127]),
            (128, &[0x30, 0x81, 128]),
            (256, &[0x30, 0x82, 1, 0]),
            (70_000, &[0x30, 0x83, 1, 0x11, 0x70]),
        ] {
            assert_eq!(header(tag::SEQUENCE, len).as_slice(), want);
        }
    }

    #[test]
    fn a_value_that_is_cut_gives_what_is_there() {
        assert_eq!(read(&[0x04, 0x05, 1, 2]), [(4, &[1, 2][..], false)]);
        assert_eq!(read(&[0x04, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 3]), [(4, &[3][..], false)]);
    }

    #[test]
    fn a_header_that_is_cut_ends_it() {
        for bytes in [&[0x30][..], &[0x30, 0x82, 1], &[0x1f, 0x81], &[0x1f, 0x81, 0x01]] {
            assert_eq!(read(bytes), [], "{bytes:x?}");
        }
    }

    #[test]
    fn high_tag_numbers_are_passed_over() {
        assert_eq!(read(&[0x5f, 0x87, 0x01, 0x01, 0xaa]), [(0x5f, &[0xaa][..], true)]);
    }
}
