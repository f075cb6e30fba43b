//! QUIC, as far as it is told from other datagrams: by the long header that every connection begins with (RFC 9000 §17.2).

/// Whether a datagram with this payload begins with a long header of QUIC version 1 (RFC 9000), version 2 (RFC 9369), or a draft of the
/// IETF's: a version, and two connection ids that lie in the datagram and are no longer than these versions allow. The bit that is fixed
/// otherwise may be clear (RFC 9287).
pub fn is_long_header(payload: &[u8]) -> bool {
    let Some((&[first, v0, v1, v2, v3, length], rest)) = payload.split_first_chunk() else { return false };
    let is_known = matches!(u32::from_be_bytes([v0, v1, v2, v3]), VERSION_1 | VERSION_2 | DRAFTS..=LAST_DRAFT);
    let source_length = rest.get(usize::from(length)).copied();
    let has_ids = source_length.is_some_and(|source| {
        let end = usize::from(length).saturating_add(1).saturating_add(usize::from(source));
        length <= LONGEST_ID && source <= LONGEST_ID && end <= rest.len()
    });
    first & LONG != 0 && is_known && has_ids
}

/// Header form (RFC 9000 §17.2).
const LONG: u8 = 0x80;
/// RFC 9000 §15.
const VERSION_1: u32 = 0x0000_0001;
/// RFC 9369 §3.1.
const VERSION_2: u32 = 0x6b33_43cf;
/// `ff0000XX` is draft XX.
const DRAFTS: u32 = 0xff00_0000;
const LAST_DRAFT: u32 = 0xff00_00ff;
/// Bytes of a connection id (RFC 9000 §17.2).
const LONGEST_ID: u8 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// The client's Initial of RFC 9001 §A.2, as far as its header goes, and that of RFC 9369 §A.2.
    const INITIAL_1: &[u8] = b"\xc0\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x44\x9e";
    const INITIAL_2: &[u8] = b"\xd7\x6b\x33\x43\xcf\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x44\xa0";

    #[test]
    fn a_long_header_is_known_by_version_and_connection_ids() {
        let changed = |change: fn(&mut Vec<u8>)| {
            let mut bytes = INITIAL_1.to_vec();
            change(&mut bytes);
            bytes
        };
        for (what, bytes, expected) in [
            ("version 1", INITIAL_1.to_vec(), true),
            ("version 2", INITIAL_2.to_vec(), true),
            ("draft 29", changed(|b| b[1..5].copy_from_slice(&[0xff, 0, 0, 29])), true),
            ("a handshake packet", changed(|b| b[0] = 0xe0), true),
            ("a short header", changed(|b| b[0] = 0x40), false),
            ("without the fixed bit", changed(|b| b[0] = 0x80), true),
            ("version negotiation", changed(|b| b[4] = 0), false),
            ("another version", changed(|b| b[1..5].copy_from_slice(&[0x0a; 4])), false),
            ("an id that is too long", changed(|b| b[5] = 21), false),
            ("an id that goes beyond the datagram", changed(|b| b.truncate(13)), false),
            ("no source id", changed(|b| b.truncate(14)), false),
            ("an empty source id at the end", changed(|b| b.truncate(15)), true),
            ("nothing", Vec::new(), false),
        ] {
            assert_eq!(is_long_header(&bytes), expected, "{what}");
        }
    }
}
