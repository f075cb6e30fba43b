//! The extensions that facts come from (RFC 5280 §4.2).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::tlv::{self, Tlvs, first_of, tag};
use super::{key, name};
use crate::base::Reader;

/// One Extension: where its parts lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extension<'a> {
    /// extnID: the OID's bytes.
    pub oid: &'a [u8],
    /// critical: who does not know it has to refuse the certificate.
    pub critical: bool,
    /// What extnValue's OCTET STRING holds.
    pub value: &'a [u8],
}

impl Extension<'_> {
    /// Whether RFC 5280 describes it (§4.2.1, §4.2.2).
    pub const fn is_of_rfc_5280(&self) -> bool {
        match self.oid {
            [0x55, 0x1d, last] => matches!(last, 9 | 14 | 15 | 17 | 18 | 19 | 30 | 31 | 32 | 33 | 35 | 36 | 37 | 46 | 54),
            // authorityInfoAccess, subjectInfoAccess: 1.3.6.1.5.5.7.1.1 and .11
            [0x2b, 6, 1, 5, 5, 7, 1, last] => matches!(last, 1 | 11),
            _ => false,
        }
    }
}

/// 2.5.29.15.
pub(super) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// 2.5.29.17.
pub(super) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// 2.5.29.19.
pub(super) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// 2.5.29.30.
pub(super) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
/// 2.5.29.31.
pub(super) const CRL_DISTRIBUTION_POINTS: &[u8] = &[0x55, 0x1d, 0x1f];
/// 2.5.29.32.
pub(super) const CERTIFICATE_POLICIES: &[u8] = &[0x55, 0x1d, 0x20];
/// 1.3.6.1.4.1.11129.2.4.2 (RFC 6962 §3.3).
pub(super) const SCT_LIST: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2];
/// 1.3.6.1.4.1.11129.2.4.5, of an OCSP answer (RFC 6962 §3.3).
pub(super) const OCSP_SCT_LIST: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 5];
/// 2.5.29.37.
pub(super) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

/// directoryName `[4]` of a GeneralName, EXPLICIT.
const DIRECTORY_NAME: u8 = 0xa4;

/// The names of a subjectAltName (RFC 5280 §4.2.1.6) that have a text form, and how many have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AltNames {
    pub texts: Vec<String>,
    pub others: u32,
}

/// Reads a subjectAltName's value: DNS names, mail addresses and URIs as they are, IP addresses in their usual form. The
/// other kinds (directory names, X.400 addresses, registered ids, otherName) are counted.
pub(super) fn alt_names(value: &[u8]) -> AltNames {
    let mut names = AltNames::default();
    for general_name in Tlvs::new(first_of(value, tag::SEQUENCE).unwrap_or_default()) {
        let mut text = String::new();
        match (general_name.tag, general_name.value) {
            // rfc822Name [1], dNSName [2], uniformResourceIdentifier [6]
            (0x81 | 0x82 | 0x86, bytes) => name::push_utf8(&mut text, bytes),
            // iPAddress [7]
            (0x87, bytes) => text = address(bytes),
            _ => {
                names.others = names.others.saturating_add(1);
                continue;
            }
        }
        names.texts.push(text);
    }
    names
}

/// An iPAddress: 4 or 16 bytes; what has another length in hex.
fn address(bytes: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        Ipv4Addr::from(v4).to_string()
    } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        Ipv6Addr::from(v6).to_string()
    } else {
        crate::base::hex::lower(bytes)
    }
}

/// What basicConstraints says (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BasicConstraints {
    pub is_ca: bool,
    pub path_len: Option<u32>,
}

/// Reads a basicConstraints' value. BER's every value but 0 is true; a pathLenConstraint beyond 32 bits is none.
pub(super) fn basic_constraints(value: &[u8]) -> BasicConstraints {
    let mut parts = Tlvs::new(first_of(value, tag::SEQUENCE).unwrap_or_default());
    let is_ca = parts.next_of(tag::BOOLEAN).is_some_and(|value| value.iter().any(|b| *b != 0));
    let path_len = parts.next_of(tag::INTEGER).and_then(key::unsigned).and_then(|n| u32::try_from(n).ok());
    BasicConstraints { is_ca, path_len }
}

/// How many subtrees there are in what the SEQUENCE of a nameConstraints holds (RFC 5280 §4.2.1.10): permitted and excluded ones.
pub fn subtrees(content: &[u8]) -> usize {
    Tlvs::new(content).fold(0, |sum, part| sum.saturating_add(Tlvs::new(part.value).count()))
}

/// What the SEQUENCE of a nameConstraints holds, without its subtrees of directory names; `None` where it has none of these.
pub fn without_directories(content: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Vec::new();
    let mut has_directory = false;
    for part in Tlvs::new(content) {
        let mut subtrees = Tlvs::new(part.value);
        let mut kept = Vec::new();
        while let Some((subtree, bytes)) = subtrees.next_with_header() {
            match Tlvs::new(subtree.value).next() {
                Some(base) if base.tag == DIRECTORY_NAME => has_directory = true,
                _ => kept.extend_from_slice(bytes),
            }
        }
        if !kept.is_empty() {
            rest.extend_from_slice(&tlv::header(part.tag, kept.len()));
            rest.append(&mut kept);
        }
    }
    has_directory.then_some(rest)
}

/// How many SCTs are in the value of the extension that embeds them (RFC 6962 §3.3): an OCTET STRING with a list as TLS writes it. What
/// follows one that is cut does not count.
pub(super) fn sct_count(value: &[u8]) -> u32 {
    scts(first_of(value, tag::OCTET_STRING).unwrap_or_default()).fold(0, |n, _| n.saturating_add(1))
}

/// The SCTs of a SignedCertificateTimestampList (RFC 6962 §3.3).
pub fn scts(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut list = Reader::new(Reader::new(list).vec16().unwrap_or_default());
    std::iter::from_fn(move || list.vec16())
}

/// Whether a SignedCertificateTimestampList is no such list: cut, empty, or with more behind it.
pub fn is_broken_list(list: &[u8]) -> bool {
    let mut r = Reader::new(list);
    let content = r.vec16().unwrap_or_default();
    let used = scts(list).fold(0_usize, |sum, sct| sum.saturating_add(sct.len()).saturating_add(2));
    content.is_empty() || used != content.len() || !r.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternative_names_are_text() {
        let mut value = vec![0x30, 0];
        for (tag, name) in [
            (0x82, &b"www.example"[..]),
            (0x87, &[192, 0, 2, 1]),
            (0x87, &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            (0x81, b"a@example"),
            (0x86, b"https://example/"),
            (0xa4, &[0x30, 0]),
            (0x82, b"\xff.example"),
            (0x87, &[1, 2, 3]),
        ] {
            value.extend([tag, u8::try_from(name.len()).unwrap()]);
            value.extend(name);
        }
        value[1] = u8::try_from(value.len() - 2).unwrap();
        let want = ["www.example", "192.0.2.1", "2001:db8::1", "a@example", "https://example/", r"\xFF.example", "010203"];
        assert_eq!(alt_names(&value), AltNames { texts: want.map(String::from).into(), others: 1 });
    }

    #[test]
    fn a_list_that_is_cut_keeps_what_came_before() {
        assert_eq!(alt_names(&[0x30, 0x20, 0x82, 1, b'a', 0x82, 9, b'b']).texts, ["a", "b"]);
        assert_eq!(alt_names(&[0x04, 1, 0]), AltNames::default());
    }

    #[test]
    fn only_a_true_ca_is_a_ca_and_may_say_how_many_are_below() {
        for (value, is_ca, path_len) in [
            (&[0x30, 3, 0x01, 1, 0xff][..], true, None),
            (&[0x30, 6, 0x01, 1, 0xff, 0x02, 1, 0], true, Some(0)),
            (&[0x30, 7, 0x01, 1, 0xff, 0x02, 2, 1, 2], true, Some(258)),
            (&[0x30, 6, 0x01, 1, 0xff, 0x02, 1, 0xff], true, None),
            (&[0x30, 3, 0x01, 1, 0x01], true, None),
            (&[0x30, 3, 0x01, 1, 0x00], false, None),
            (&[0x30, 3, 0x02, 1, 3], false, Some(3)),
            (&[0x30, 0], false, None),
            (&[], false, None),
        ] {
            assert_eq!(basic_constraints(value), BasicConstraints { is_ca, path_len }, "{value:x?}");
        }
    }

    #[test]
    fn subtrees_of_both_kinds_count() {
        let dns = [0x30, 3, 0x82, 1, b'a'];
        let list = |tag: u8, n: usize| [&[tag, u8::try_from(5 * n).unwrap()], &dns.repeat(n)[..]].concat();
        for (content, expected) in
            [(vec![], 0), (list(0xa0, 3), 3), ([list(0xa0, 2), list(0xa1, 1)].concat(), 3), (vec![0xa0, 9, 0x30, 0], 1)]
        {
            assert_eq!(subtrees(&content), expected, "{content:x?}");
        }
    }

    #[test]
    fn directories_are_left_out_of_name_constraints() {
        const DNS: &[u8] = &[0x30, 3, 0x82, 1, b'a'];
        const DIRECTORY: &[u8] = &[0x30, 4, 0xa4, 2, 0x30, 0];
        let part = |tag: u8, subtrees: &[&[u8]]| {
            let content = subtrees.concat();
            [&[tag, u8::try_from(content.len()).unwrap()], &content[..]].concat()
        };
        for (permitted, excluded, expected) in [
            (&[DNS, DIRECTORY][..], &[DNS][..], Some([part(0xa0, &[DNS]), part(0xa1, &[DNS])].concat())),
            (&[DNS], &[DIRECTORY], Some(part(0xa0, &[DNS]))),
            (&[DIRECTORY], &[DIRECTORY, DIRECTORY], Some(vec![])),
            (&[DNS], &[DNS], None),
        ] {
            let content = [part(0xa0, permitted), part(0xa1, excluded)].concat();
            assert_eq!(without_directories(&content), expected, "{content:x?}");
        }
        assert_eq!(without_directories(&[]), None);
    }

    #[test]
    fn embedded_scts_are_counted_as_far_as_they_are_whole() {
        for (value, want) in [
            (&[0x04, 8, 0, 6, 0, 1, b'a', 0, 1, b'b'][..], 2),
            (&[0x04, 8, 0, 6, 0, 1, b'a', 0, 9, b'b'], 1),
            (&[0x04, 2, 0, 0], 0),
            (&[0x04, 1, 0], 0),
            (&[], 0),
        ] {
            assert_eq!(sct_count(value), want, "{value:x?}");
        }
    }
}
