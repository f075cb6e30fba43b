//! A port of a bridge: an AF_PACKET socket that receives frames with what is still to be done about them, and sends others so (packet(7)).
//!
//! Frames of this machine, and those that a network card has joined, come without their checksums and longer than any wire carries. The
//! header of virtio_net(7) says so: it comes with each frame and goes with it, so that nothing has to be turned off.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::interface::Interface;
use super::socket::PacketSocket;
use crate::base::Timestamp;

/// What is still to be done about a frame: struct virtio_net_hdr, in this machine's byte order.
pub type Offload = [u8; OFFLOAD];

/// One side of a bridge.
#[derive(Debug)]
pub struct Port {
    socket: PacketSocket,
    slots: Vec<Slot>,
    received: usize,
}

/// Room for a frame, and what was received in it.
#[derive(Debug)]
struct Slot {
    offload: Offload,
    /// [`HEADROOM`] bytes and the frame.
    buffer: Box<[u8]>,
    control: Control,
    /// Where the frame lies in the buffer, once it was received.
    start: usize,
    end: usize,
    original_len: u32,
    timestamp: Timestamp,
}

/// Room for control messages, aligned as they have to be.
#[derive(Clone, Copy, Debug)]
#[repr(align(8))]
struct Control([u8; CONTROL]);

/// A frame that was received.
#[derive(Clone, Copy, Debug)]
pub struct PortFrame<'a> {
    /// Its bytes, with the VLAN tag that the kernel had taken out.
    pub data: &'a [u8],
    /// What is still to be done about it.
    pub offload: Offload,
    /// Its length; where `data` is shorter, it cannot be sent on.
    pub original_len: u32,
    /// When the kernel received it.
    pub timestamp: Timestamp,
}

impl Port {
    /// Receives all frames that come in at `interface`, whoever they are for. It takes CAP_NET_RAW.
    pub fn open(interface: &Interface, room: usize) -> io::Result<Self> {
        let socket = PacketSocket::new()?;
        socket.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1_i32)?;
        socket.set(libc::SOL_PACKET, libc::PACKET_AUXDATA, &1_i32)?;
        socket.set(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32)?;
        socket.ignore_outgoing()?;
        let bytes = libc::c_int::try_from(room / 2).unwrap_or(libc::c_int::MAX); // the kernel doubles it
        socket
            .set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes)
            .or_else(|_| socket.set(libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes))?;
        // A wire that takes nothing is not waited for longer than this.
        let patience = libc::timeval { tv_sec: 0, tv_usec: SEND_PATIENCE };
        socket.set(libc::SOL_SOCKET, libc::SO_SNDTIMEO, &patience)?;
        socket.promiscuous(interface)?;
        socket.bind(interface)?;
        Ok(Self { socket, slots: std::iter::repeat_with(Slot::new).take(BATCH).collect(), received: 0 })
    }

    /// Its socket, for errors and statistics.
    pub const fn socket(&self) -> &PacketSocket {
        &self.socket
    }

    /// Takes in frames that have come; it does not wait. Answers how many.
    pub fn receive(&mut self) -> io::Result<usize> {
        self.received = 0;
        let mut places: Vec<[libc::iovec; 2]> = self.slots.iter_mut().map(Slot::places).collect();
        let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(places.len());
        for (slot, places) in self.slots.iter_mut().zip(&mut places) {
            // SAFETY: all zeros is a valid value.
            let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
            (header.msg_hdr.msg_iov, header.msg_hdr.msg_iovlen) = (places.as_mut_ptr(), places.len());
            (header.msg_hdr.msg_control, header.msg_hdr.msg_controllen) = (slot.control.0.as_mut_ptr().cast(), CONTROL);
            headers.push(header);
        }
        let count = libc::c_uint::try_from(headers.len()).map_err(io::Error::other)?;
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        // SAFETY: each header has two buffers and room for control messages, all of the lengths that are said and alive.
        let received =
            unsafe { libc::recvmmsg(self.socket.as_fd().as_raw_fd(), headers.as_mut_ptr(), count, flags, std::ptr::null_mut()) };
        self.received = match received {
            -1 => match io::Error::last_os_error() {
                error if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
                error => return Err(error),
            },
            n => usize::try_from(n).unwrap_or(0),
        };
        for (slot, header) in self.slots.iter_mut().zip(&headers).take(self.received) {
            slot.take(header);
        }
        Ok(self.received)
    }

    /// The `index`th of the frames that were taken in last.
    pub fn frame(&self, index: usize) -> Option<PortFrame<'_>> {
        let slot = self.slots.get(index).filter(|_| index < self.received)?;
        let data = slot.buffer.get(slot.start..slot.end)?;
        Some(PortFrame { data, offload: slot.offload, original_len: slot.original_len, timestamp: slot.timestamp })
    }

    /// Sends frames out of the interface, in order. Answers how many it took; the others had no room, or are not for this wire.
    pub fn send(&self, frames: &[(Offload, &[u8])]) -> usize {
        let mut sent = 0_usize;
        let mut rest = frames;
        while !rest.is_empty() {
            let n = self.send_some(rest);
            sent = sent.saturating_add(n);
            // Of the one that it stopped at nothing else is to be had.
            let stopped = usize::from(n < rest.len().min(BATCH));
            rest = rest.get(n.saturating_add(stopped)..).unwrap_or_default();
        }
        sent
    }

    /// Sends as many as go in one call, up to the first that does not.
    fn send_some(&self, frames: &[(Offload, &[u8])]) -> usize {
        let frames = frames.get(..BATCH).unwrap_or(frames);
        let place = |bytes: &[u8]| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let mut places: Vec<[libc::iovec; 2]> = frames.iter().map(|(offload, data)| [place(offload), place(data)]).collect();
        let mut headers: Vec<libc::mmsghdr> = places
            .iter_mut()
            .map(|places| {
                // SAFETY: all zeros is a valid value: no address, since the socket is bound, and no control data.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                (header.msg_hdr.msg_iov, header.msg_hdr.msg_iovlen) = (places.as_mut_ptr(), places.len());
                header
            })
            .collect();
        let Ok(count) = libc::c_uint::try_from(headers.len()) else { return 0 };
        // SAFETY: each header has two buffers of the lengths that are said, which are only read, and all outlive the call.
        let sent = unsafe { libc::sendmmsg(self.socket.as_fd().as_raw_fd(), headers.as_mut_ptr(), count, 0) };
        usize::try_from(sent).unwrap_or(0)
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Slot {
    fn new() -> Self {
        Self {
            offload: [0; OFFLOAD],
            buffer: vec![0; HEADROOM.saturating_add(LONGEST)].into(),
            control: Control([0; CONTROL]),
            start: 0,
            end: 0,
            original_len: 0,
            timestamp: Timestamp::ZERO,
        }
    }

    fn places(&mut self) -> [libc::iovec; 2] {
        let frame = self.buffer.get_mut(HEADROOM..).unwrap_or_default();
        [
            libc::iovec { iov_base: self.offload.as_mut_ptr().cast(), iov_len: OFFLOAD },
            libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() },
        ]
    }

    /// Takes in what `header` says of the frame that was received here.
    fn take(&mut self, header: &libc::mmsghdr) {
        let len = (header.msg_len as usize).saturating_sub(OFFLOAD);
        (self.start, self.end) = (HEADROOM, HEADROOM.saturating_add(len.min(LONGEST)));
        self.original_len = u32::try_from(len).unwrap_or(u32::MAX);
        self.timestamp = Timestamp::ZERO;
        let mut tag = None;
        // SAFETY: the kernel has filled in the header's control messages; each that is looked at lies within them.
        let mut message = unsafe { libc::CMSG_FIRSTHDR(&raw const header.msg_hdr) };
        while !message.is_null() {
            // SAFETY: it is not null, and the macros answer pointers to whole headers only.
            let (level, kind) = unsafe { ((*message).cmsg_level, (*message).cmsg_type) };
            // SAFETY: as above.
            let data = unsafe { libc::CMSG_DATA(message) };
            match (level, kind) {
                (libc::SOL_PACKET, libc::PACKET_AUXDATA) => {
                    // SAFETY: messages of this type hold such a structure.
                    let aux: libc::tpacket_auxdata = unsafe { std::ptr::read_unaligned(data.cast()) };
                    tag = tag_of(&aux);
                }
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    // SAFETY: messages of this type hold such a structure.
                    let time: libc::timespec = unsafe { std::ptr::read_unaligned(data.cast()) };
                    let of = |n: i64| u64::try_from(n).unwrap_or(0);
                    self.timestamp = Timestamp::from_parts(of(time.tv_sec), of(time.tv_nsec));
                }
                _ => {}
            }
            // SAFETY: as for the first.
            message = unsafe { libc::CMSG_NXTHDR(&raw const header.msg_hdr, message) };
        }
        if let Some(tag) = tag {
            self.put_back(tag);
        }
    }

    /// Puts a VLAN tag back behind the addresses.
    fn put_back(&mut self, tag: [u8; HEADROOM]) {
        if self.end < HEADROOM.saturating_add(ADDRESSES) {
            return;
        }
        self.buffer.copy_within(HEADROOM..HEADROOM.saturating_add(ADDRESSES), 0);
        if let Some(place) = self.buffer.get_mut(ADDRESSES..ADDRESSES.saturating_add(HEADROOM)) {
            place.copy_from_slice(&tag);
        }
        self.start = 0;
        self.original_len = self.original_len.saturating_add(TAG);
        shift(&mut self.offload);
    }
}

/// The tag that the kernel has taken out of a frame.
fn tag_of(aux: &libc::tpacket_auxdata) -> Option<[u8; HEADROOM]> {
    let has = |bit: libc::c_uint| aux.tp_status & bit != 0;
    if !has(libc::TP_STATUS_VLAN_VALID) {
        return None;
    }
    let protocol = if has(libc::TP_STATUS_VLAN_TPID_VALID) { aux.tp_vlan_tpid } else { CUSTOMER_TAG };
    let ([a, b], [c, d]) = (protocol.to_be_bytes(), aux.tp_vlan_tci.to_be_bytes());
    Some([a, b, c, d])
}

/// The places that `offload` names lie behind a tag that it did not know of.
fn shift(offload: &mut Offload) {
    let needs_checksum = offload.first().is_some_and(|flags| flags & NEEDS_CHECKSUM != 0);
    let is_joined = offload.get(1).is_some_and(|kind| *kind != 0);
    for (place, counts) in [(HEADER_LENGTH, is_joined), (CHECKSUM_START, needs_checksum)] {
        if let Some([a, b]) = offload.get_mut(place..place.saturating_add(2)).filter(|_| counts) {
            [*a, *b] = u16::from_ne_bytes([*a, *b]).saturating_add(HEADROOM as u16).to_ne_bytes();
        }
    }
}

/// How long is waited for a wire that takes nothing, in microseconds.
const SEND_PATIENCE: libc::suseconds_t = 20_000;
/// Bytes of struct virtio_net_hdr, and where in it the length of headers and the start of what is summed stand.
const OFFLOAD: usize = 10;
const HEADER_LENGTH: usize = 2;
const CHECKSUM_START: usize = 6;
/// VIRTIO_NET_HDR_F_NEEDS_CSUM.
const NEEDS_CHECKSUM: u8 = 1;
/// Room in front of a frame, for a VLAN tag.
const HEADROOM: usize = 4;
const TAG: u32 = 4;
/// Bytes of both Ethernet addresses.
const ADDRESSES: usize = 12;
/// IEEE 802.1Q's own.
const CUSTOMER_TAG: u16 = 0x8100;
/// The longest IP packet, with Ethernet's header and three tags.
const LONGEST: usize = 65_535 + 26;
/// Room for control messages: two, of 20 and 16 bytes and their headers.
const CONTROL: usize = 128;
/// Frames in one call.
const BATCH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_to_be_done_is_done_behind_the_tag() {
        // linux/virtio_net.h: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset.
        let of = |flags: u8, gso: u8, fields: [u16; 4]| -> Offload {
            [&[flags, gso][..], &fields.map(u16::to_ne_bytes).concat()].concat().try_into().unwrap()
        };
        for (before, after) in [
            (of(0, 0, [0; 4]), of(0, 0, [0; 4])),
            (of(1, 0, [0, 0, 34, 16]), of(1, 0, [0, 0, 38, 16])),
            (of(1, 1, [66, 1448, 34, 16]), of(1, 1, [70, 1448, 38, 16])),
        ] {
            let mut offload = before;
            shift(&mut offload);
            assert_eq!(offload, after);
        }
    }

    #[test]
    fn a_tag_goes_back_behind_the_addresses() {
        let mut slot = Slot::new();
        slot.buffer[4..18].copy_from_slice(b"aaaaaabbbbbbTT");
        (slot.start, slot.end, slot.original_len) = (4, 18, 14);
        slot.put_back([0x81, 0, 0, 7]);
        assert_eq!(&slot.buffer[slot.start..slot.end], b"aaaaaabbbbbb\x81\0\0\x07TT");
        assert_eq!(slot.original_len, 18);
    }
}
