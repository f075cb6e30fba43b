//! What is still to be done about a frame: struct virtio_net_hdr (linux/virtio_net.h), in this machine's byte order, and behind it the frame.
//!
//! Frames of this machine, and those that a network card has joined, come without their checksums and longer than any wire carries. The
//! header says so: it comes with each frame and goes with it, so that nothing has to be turned off.

/// Bytes of the header.
pub(super) const OFFLOAD: usize = 10;
/// Bytes of a VLAN tag.
pub(super) const TAG: usize = 4;

/// A header for `frame` that leaves nothing to be done, and behind it the frame.
pub fn complete(frame: &[u8]) -> Vec<u8> {
    [&[0; OFFLOAD][..], frame].concat()
}

/// The tag that the kernel has taken out of a frame and tells of beside it.
pub(super) fn tag(status: u32, tpid: u16, tci: u16) -> Option<[u8; TAG]> {
    let has = |bit: u32| status & bit != 0;
    if !has(libc::TP_STATUS_VLAN_VALID) {
        return None;
    }
    // Kernels before 3.14 did not tell the protocol.
    let protocol = if has(libc::TP_STATUS_VLAN_TPID_VALID) && tpid != 0 { tpid } else { CUSTOMER_TAG };
    let ([a, b], [c, d]) = (protocol.to_be_bytes(), tci.to_be_bytes());
    Some([a, b, c, d])
}

/// Puts a tag back: `bytes` are room for it, the header and the frame, and then header and frame. Answers whether it did; a frame without
/// addresses has no place for it.
pub(super) fn put_back(bytes: &mut [u8], tag: [u8; TAG]) -> bool {
    const FRONT: usize = OFFLOAD + ADDRESSES;
    if bytes.len() < FRONT + TAG {
        return false;
    }
    bytes.copy_within(TAG..FRONT + TAG, 0);
    if let Some(place) = bytes.get_mut(FRONT..FRONT + TAG) {
        place.copy_from_slice(&tag);
    }
    if let Some(header) = bytes.first_chunk_mut() {
        shift(header);
    }
    true
}

/// The places that the header names lie behind a tag that it did not know of.
fn shift(header: &mut [u8; OFFLOAD]) {
    let &mut [flags, kind, ..] = header;
    for (place, counts) in [(HEADER_LENGTH, kind != 0), (CHECKSUM_START, flags & NEEDS_CHECKSUM != 0)] {
        if let Some([a, b]) = header.get_mut(place..).and_then(<[u8]>::first_chunk_mut).filter(|_| counts) {
            [*a, *b] = u16::from_ne_bytes([*a, *b]).saturating_add(TAG as u16).to_ne_bytes();
        }
    }
}

/// Where in the header the length of headers and the start of what is summed stand.
const HEADER_LENGTH: usize = 2;
const CHECKSUM_START: usize = 6;
/// VIRTIO_NET_HDR_F_NEEDS_CSUM.
const NEEDS_CHECKSUM: u8 = 1;
/// Bytes of both Ethernet addresses.
const ADDRESSES: usize = 12;
/// IEEE 802.1Q's own.
const CUSTOMER_TAG: u16 = 0x8100;

#[cfg(test)]
mod tests {
    use super::*;

    /// linux/virtio_net.h: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset.
    fn header(flags: u8, gso: u8, fields: [u16; 4]) -> [u8; OFFLOAD] {
        [&[flags, gso][..], &fields.map(u16::to_ne_bytes).concat()].concat().try_into().unwrap()
    }

    #[test]
    fn what_is_still_to_be_done_is_done_behind_the_tag() {
        for (before, after) in [
            (header(0, 0, [0; 4]), header(0, 0, [0; 4])),
            (header(1, 0, [0, 0, 34, 16]), header(1, 0, [0, 0, 38, 16])),
            (header(1, 1, [66, 1448, 34, 16]), header(1, 1, [70, 1448, 38, 16])),
        ] {
            let mut offload = before;
            shift(&mut offload);
            assert_eq!(offload, after);
        }
    }

    #[test]
    fn a_tag_goes_back_behind_the_addresses() {
        let mut bytes = [&[0xee; TAG][..], &header(1, 0, [0, 0, 34, 16]), b"aaaaaabbbbbbTT"].concat();
        assert!(put_back(&mut bytes, [0x81, 0, 0, 7]));
        assert_eq!(bytes, [&header(1, 0, [0, 0, 38, 16])[..], b"aaaaaabbbbbb\x81\0\0\x07TT"].concat());
    }

    #[test]
    fn a_frame_without_addresses_has_no_place_for_a_tag() {
        let mut bytes = [&[0; TAG + OFFLOAD][..], b"aaaaaabbbbb"].concat();
        let before = bytes.clone();
        assert!(!put_back(&mut bytes, [0x81, 0, 0, 7]));
        assert_eq!(bytes, before);
    }

    #[test]
    fn the_kernel_says_whether_there_was_a_tag_and_of_which_kind() {
        let (valid, told) = (libc::TP_STATUS_VLAN_VALID, libc::TP_STATUS_VLAN_TPID_VALID);
        assert_eq!(tag(libc::TP_STATUS_USER, 0, 0), None);
        assert_eq!(tag(valid, 0, 0x2064), Some([0x81, 0x00, 0x20, 0x64]));
        assert_eq!(tag(valid | told, 0x88a8, 0), Some([0x88, 0xa8, 0, 0])); // a tag of priority only has id 0
    }
}
