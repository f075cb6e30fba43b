//! Distinguished names as text (RFC 5280 §4.1.2.4), in the form that Suricata writes.

use smallvec::SmallVec;

use super::oid;
use super::tlv::{Tlv, Tlvs, tag};

/// A Name as `C=US, O=Example + OU=Web, CN=www.example`: in the order of the encoding, `, ` between relative names and ` + `
/// within one, nothing escaped.
///
/// An attribute without a short name goes by its OID in dots, a value that is no string is written in upper-case hex. As a value may hold
/// what looks like another attribute, those are asked for by [`attributes`](Self::attributes), and not searched in the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistinguishedName {
    text: String,
    /// Where a separator is part of a value, in order: nowhere, mostly.
    within: Box<[usize]>,
}

impl DistinguishedName {
    /// That of what the Name's SEQUENCE holds.
    pub fn read(name: &[u8]) -> Self {
        let (mut text, mut between) = (String::with_capacity(name.len()), SmallVec::<[usize; 8]>::new());
        for rdn in Tlvs::new(name) {
            if !text.is_empty() {
                between.push(text.len());
                text.push_str(COMMA);
            }
            for (i, attribute) in Tlvs::new(rdn.value).enumerate() {
                if i > 0 {
                    between.push(text.len());
                    text.push_str(PLUS);
                }
                push_attribute(&mut text, attribute.value);
            }
        }
        // Only now, as the end of a value and the separator behind it may look like another one.
        let within = separators(&text, 0).filter(|at| between.binary_search(at).is_err()).collect();
        Self { text, within }
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its attributes, each as name and value, in their order.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_between = |at: &usize| self.within.binary_search(at).is_err();
        let mut rest = Some(0);
        std::iter::from_fn(move || {
            let start = rest?;
            let end = separators(&self.text, start).find(is_between);
            rest = end.map(|end| end.saturating_add(if self.text.as_bytes().get(end) == Some(&b',') { COMMA } else { PLUS }.len()));
            self.text.get(start..end.unwrap_or(self.text.len()))
        })
        .filter_map(|attribute| attribute.split_once('='))
    }

    /// The value of its last `CN`, the most specific one.
    pub fn common_name(&self) -> Option<&str> {
        self.attributes().filter(|(name, _)| *name == "CN").last().map(|(_, value)| value)
    }

    /// Bytes of memory that it holds.
    pub fn memory(&self) -> usize {
        self.text.capacity().saturating_add(size_of_val(&*self.within))
    }
}

impl std::ops::Deref for DistinguishedName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Of text in which each separator separates.
impl From<String> for DistinguishedName {
    fn from(text: String) -> Self {
        Self { text, within: Box::default() }
    }
}

impl From<&str> for DistinguishedName {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl PartialEq<str> for DistinguishedName {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for DistinguishedName {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl std::fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where the separators are in `text` from `start` on.
fn separators(text: &str, start: usize) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b',', b'+', bytes.get(start..).unwrap_or_default()).filter_map(move |at| {
        let at = at.saturating_add(start);
        match bytes.get(at) {
            Some(b',') if bytes.get(at.saturating_add(1)) == Some(&b' ') => Some(at),
            Some(b'+') => at.checked_sub(1).filter(|before| bytes.get(*before..at.saturating_add(2)) == Some(PLUS.as_bytes())),
            _ => None,
        }
    })
}

/// Between relative names, and within one.
const COMMA: &str = ", ";
const PLUS: &str = " + ";

/// The attribute types of a Name, each as its OID's bytes, in the order of the encoding.
#[cfg(feature = "ja4plus")]
pub(super) fn attribute_types(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    Tlvs::new(name).flat_map(|rdn| Tlvs::new(rdn.value)).filter_map(|attribute| super::tlv::first_of(attribute.value, tag::OID))
}

/// An AttributeTypeAndValue as `CN=www.example`.
fn push_attribute(out: &mut String, attribute: &[u8]) {
    let mut parts = Tlvs::new(attribute);
    let Some(attribute_type) = parts.next_of(tag::OID) else { return };
    match short_name(attribute_type) {
        Some(name) => out.push_str(name),
        None => out.push_str(&oid::dotted(attribute_type)),
    }
    out.push('=');
    if let Some(value) = parts.next() {
        push_value(out, value);
    }
}

/// An attribute's value. Bytes that are no text in the string's encoding become `\xNN`, so that none is lost.
pub(super) fn push_value(out: &mut String, value: Tlv<'_>) {
    match value.tag {
        tag::UTF8_STRING
        | tag::NUMERIC_STRING
        | tag::PRINTABLE_STRING
        | tag::VIDEOTEX_STRING
        | tag::IA5_STRING
        | tag::GRAPHIC_STRING
        | tag::VISIBLE_STRING
        | tag::GENERAL_STRING => push_utf8(out, value.value),
        tag::TELETEX_STRING => push_teletex(out, value.value),
        tag::BMP_STRING => push_utf16(out, value.value),
        tag::UNIVERSAL_STRING => push_utf32(out, value.value),
        _ => value.value.iter().for_each(|b| push_hex(out, *b)),
    }
}

/// Text that should be UTF-8 or a part of it.
pub(super) fn push_utf8(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        push_escaped(out, chunk.invalid());
    }
}

/// T.61 in name only: those who write it mean UTF-8 or Latin-1.
fn push_teletex(out: &mut String, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => out.push_str(text),
        Err(_) => out.extend(bytes.iter().copied().map(char::from)),
    }
}

fn push_utf16(out: &mut String, bytes: &[u8]) {
    let (pairs, odd) = bytes.as_chunks::<2>();
    for unit in char::decode_utf16(pairs.iter().copied().map(u16::from_be_bytes)) {
        match unit {
            Ok(c) => out.push(c),
            Err(lone) => push_escaped(out, &lone.unpaired_surrogate().to_be_bytes()),
        }
    }
    push_escaped(out, odd);
}

fn push_utf32(out: &mut String, bytes: &[u8]) {
    let (fours, odd) = bytes.as_chunks::<4>();
    for four in fours {
        match char::from_u32(u32::from_be_bytes(*four)) {
            Some(c) => out.push(c),
            None => push_escaped(out, four),
        }
    }
    push_escaped(out, odd);
}

fn push_escaped(out: &mut String, bytes: &[u8]) {
    for &b in bytes {
        out.push_str("\\x");
        push_hex(out, b);
    }
}

fn push_hex(out: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 0xf] {
        out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase());
    }
}

/// The names that Suricata gives to attribute types, and some that it writes as OIDs.
fn short_name(attribute_type: &[u8]) -> Option<&'static str> {
    match attribute_type {
        [0x55, 0x04, n] => x520_name(*n),
        // 1.2.840.113549.1.9.n (PKCS #9, RFC 2985)
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, n] => match n {
            1 => Some("Email"),
            2 => Some("unstructuredName"),
            8 => Some("unstructuredAddress"),
            _ => None,
        },
        // 0.9.2342.19200300.100.1.n (RFC 4519)
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, n] => match n {
            1 => Some("uid"),
            25 => Some("DC"),
            _ => None,
        },
        // 1.3.6.1.4.1.311.60.2.1.n (the CA/Browser Forum's EV guidelines §9.2.4)
        [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x3c, 0x02, 0x01, n] => match n {
            1 => Some("msJurisdictionLocality"),
            2 => Some("msJurisdictionStateOrProvince"),
            3 => Some("msJurisdictionCountry"),
            _ => None,
        },
        _ => None,
    }
}

/// Attribute types of X.520: 2.5.4.n.
fn x520_name(n: u8) -> Option<&'static str> {
    Some(match n {
        3 => "CN",
        4 => "surname",
        5 => "serialNumber",
        6 => "C",
        7 => "L",
        8 => "ST",
        9 => "streetAddress",
        10 => "O",
        11 => "OU",
        12 => "title",
        13 => "description",
        15 => "businessCategory",
        16 => "postalAddress",
        17 => "postalCode",
        20 => "telephoneNumber",
        41 => "name",
        42 => "givenName",
        43 => "initials",
        44 => "generationQualifier",
        45 => "uniqueIdentifier",
        46 => "dnQualifier",
        65 => "pseudonym",
        97 => "organizationIdentifier",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, u8::try_from(value.len()).unwrap()];
        out.extend_from_slice(value);
        out
    }

    fn attribute(oid: &[u8], string: u8, value: &[u8]) -> Vec<u8> {
        tlv(0x30, &[tlv(tag::OID, oid), tlv(string, value)].concat())
    }

    const CN: &[u8] = &[0x55, 4, 3];

    fn common_name(string: u8, value: &[u8]) -> String {
        DistinguishedName::read(&tlv(0x31, &attribute(CN, string, value))).as_str().to_owned()
    }

    #[test]
    fn attributes_stand_in_encoding_order_and_commas_are_not_escaped() {
        let name = [
            tlv(0x31, &attribute(&[0x55, 4, 6], tag::PRINTABLE_STRING, b"US")),
            tlv(0x31, &attribute(&[0x55, 4, 10], tag::UTF8_STRING, b"GitHub, Inc.")),
            tlv(0x31, &attribute(CN, tag::UTF8_STRING, b"www.github.com")),
        ];
        assert_eq!(DistinguishedName::read(&name.concat()), "C=US, O=GitHub, Inc., CN=www.github.com");
    }

    #[test]
    fn several_attributes_of_one_relative_name_are_joined_by_plus() {
        let set = [attribute(CN, tag::UTF8_STRING, b"a"), attribute(&[0x55, 4, 5], tag::PRINTABLE_STRING, b"1")];
        assert_eq!(DistinguishedName::read(&tlv(0x31, &set.concat())), "CN=a + serialNumber=1");
    }

    #[test]
    fn attributes_are_told_from_what_looks_like_them_in_a_value() {
        let name = |values: &[&[&str]]| {
            let set = |values: &&[&str]| {
                let attributes = values.iter().flat_map(|value| attribute(&[0x55, 4, 10], tag::UTF8_STRING, value.as_bytes()));
                tlv(0x31, &attributes.collect::<Vec<_>>())
            };
            DistinguishedName::read(&values.iter().flat_map(set).collect::<Vec<_>>())
        };
        let cases: [&[&[&str]]; 8] = [
            &[&["a"], &["b", "c"], &["d"]],
            &[&["Evil, CN=www.bank.com"], &["b"]],
            &[&["a + CN=b", "c"]],
            &[&["a +", "b"], &["+ c"]],
            &[&["a,", "b"], &[", c"], &[","]],
            &[&["a, "], &[" + "], &[", + ,"]],
            &[&["", ""], &[""]],
            &[],
        ];
        for values in cases {
            let name = name(values);
            let expected: Vec<_> = values.concat().into_iter().map(|value| ("O", value)).collect();
            assert_eq!(name.attributes().collect::<Vec<_>>(), expected, "{name}");
            assert_eq!(name.common_name(), None, "{name}");
        }
        let plain = DistinguishedName::from("C=US, CN=a + serialNumber=1, CN=b");
        assert_eq!(plain.attributes().collect::<Vec<_>>(), [("C", "US"), ("CN", "a"), ("serialNumber", "1"), ("CN", "b")]);
        assert_eq!(plain.common_name(), Some("b"));
    }

    #[test]
    fn every_string_type_comes_out_as_text() {
        for (string, bytes, want) in [
            (tag::UTF8_STRING, "Łódź".as_bytes(), "Łódź"),
            (tag::PRINTABLE_STRING, b"*.example", "*.example"),
            (tag::TELETEX_STRING, b"Z\xfcrich", "Zürich"),
            (tag::TELETEX_STRING, "Zürich".as_bytes(), "Zürich"),
            (tag::BMP_STRING, &[0x01, 0x41, 0xd8, 0x3d, 0xde, 0x00], "Ł😀"),
            (tag::UNIVERSAL_STRING, &[0, 1, 0xf6, 0], "😀"),
            (tag::IA5_STRING, b"a@b", "a@b"),
        ] {
            assert_eq!(common_name(string, bytes), format!("CN={want}"), "{string:#x}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        for (string, bytes, want) in [
            (tag::UTF8_STRING, &b"a\xff\xc3"[..], r"a\xFF\xC3"),
            (tag::PRINTABLE_STRING, b"Z\xfcrich", r"Z\xFCrich"),
            (tag::BMP_STRING, &[0xd8, 0x00, 0x00, 0x61, 0x62], r"\xD8\x00a\x62"),
            (tag::UNIVERSAL_STRING, &[0x00, 0x11, 0x00, 0x00, 0x61], r"\x00\x11\x00\x00\x61"),
            (tag::OCTET_STRING, &[0x0b, 0xad], "0BAD"),
        ] {
            assert_eq!(common_name(string, bytes), format!("CN={want}"), "{string:#x}");
        }
    }

    #[test]
    fn an_unknown_attribute_goes_by_its_oid() {
        assert_eq!(DistinguishedName::read(&tlv(0x31, &attribute(&[0x2a, 0x03, 0x04], tag::UTF8_STRING, b"x"))), "1.2.3.4=x");
    }

    #[test]
    fn a_name_that_is_cut_keeps_what_came_before() {
        let whole = [
            tlv(0x31, &attribute(CN, tag::UTF8_STRING, b"first")),
            tlv(0x31, &attribute(&[0x55, 4, 11], tag::UTF8_STRING, b"second")),
        ]
        .concat();
        assert_eq!(DistinguishedName::read(&whole[..whole.len() - 3]), "CN=first, OU=sec");
        assert_eq!(DistinguishedName::read(&[]), "");
    }
}
