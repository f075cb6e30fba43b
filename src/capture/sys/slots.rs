//! TPACKET_V2 rings: the kernel puts each frame into a slot of memory that it shares with us (Documentation/networking/packet_mmap.rst of the
//! kernel).
//!
//! A slot is ours as soon as its frame is there. The blocks of [`ring`](super::ring) (TPACKET_V3) hold frames of any length one behind the other,
//! but are handed over only when they are full or a timer of at least a millisecond says so: no loss to who watches, but much to who waits.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::memory::Memory;
use super::offload::{self, OFFLOAD, TAG};
use super::socket::PacketSocket;
use crate::base::Timestamp;

/// A ring of slots of one size. What was taken stays ours until it is [given back](Self::give_back).
#[derive(Debug)]
pub(super) struct Slots {
    memory: Memory,
    count: usize,
    /// The first that was taken, and how many were.
    first: usize,
    taken: usize,
}

/// What a slot has of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled {
    /// Which of those taken.
    pub nth: usize,
    /// Where its header (see [`offload`]) and the frame lie in the slot, with the tag that was taken out.
    pub start: usize,
    pub end: usize,
    /// How much of the frame there is.
    pub is: Whole,
    /// The tag, which is in the frame where that is in the slot.
    pub tag: Option<[u8; TAG]>,
    /// The frame's length, without such a tag.
    pub len: u32,
    /// When the kernel received it.
    pub timestamp: Timestamp,
}

/// How much of a frame there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// It is in the slot.
    InSlot,
    /// It is too long for that, and waits as a whole to be received from the socket, in the order of slots.
    InSocket,
    /// It is too long, and the socket had no room.
    Nowhere,
}

impl Slots {
    /// A ring of about `room` bytes, for a socket that is not bound yet and says what is to be done about frames (PACKET_VNET_HDR).
    pub fn new(socket: &PacketSocket, room: usize) -> io::Result<Self> {
        socket.set(libc::SOL_PACKET, libc::PACKET_VERSION, &libc::tpacket_versions::TPACKET_V2)?;
        socket.set(libc::SOL_PACKET, libc::PACKET_RESERVE, &(TAG as u32))?;
        socket.set(libc::SOL_PACKET, PACKET_COPY_THRESH, &1_i32)?; // long frames wait in the socket
        let blocks = (room / BLOCK).clamp(1, MOST_BLOCKS);
        let count = blocks.saturating_mul(BLOCK / SLOT);
        let of = |n: usize| libc::c_uint::try_from(n).map_err(io::Error::other);
        let request = libc::tpacket_req {
            tp_block_size: of(BLOCK)?,
            tp_block_nr: of(blocks)?,
            tp_frame_size: of(SLOT)?,
            tp_frame_nr: of(count)?,
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        Ok(Self { memory: Memory::map(socket, blocks.saturating_mul(BLOCK))?, count, first: 0, taken: 0 })
    }

    /// Whether the next slot has a frame.
    pub fn is_ready(&self) -> bool {
        self.taken < self.count
            && self.next().is_some_and(|slot| self.status(slot).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0)
    }

    /// Takes the next slot; `None` where it has no frame yet.
    pub fn take(&mut self) -> Option<Filled> {
        if !self.is_ready() {
            return None;
        }
        let slot = self.next()?;
        // SAFETY: a slot begins with this header, and is aligned for it. It is ours: the kernel has let go of it, and nobody has borrowed it.
        let header = unsafe { slot.cast::<libc::tpacket2_hdr>().read() };
        let nth = self.taken;
        self.taken = self.taken.saturating_add(1);
        let tag = offload::tag(header.tp_status, header.tp_vlan_tpid, header.tp_vlan_tci);
        let is = match header.tp_status & libc::TP_STATUS_COPY {
            0 if header.tp_snaplen < header.tp_len => Whole::Nowhere,
            0 => Whole::InSlot,
            _ => Whole::InSocket,
        };
        let (start, end) = place(&header, slot, tag.filter(|_| is == Whole::InSlot));
        let timestamp = Timestamp::from_parts(header.tp_sec.into(), header.tp_nsec.into());
        Some(Filled { nth, start, end, is, tag, len: header.tp_len, timestamp })
    }

    /// Bytes of the `nth` of the slots that were taken.
    pub fn bytes(&self, nth: usize, start: usize, end: usize) -> Option<&[u8]> {
        if nth >= self.taken || end > SLOT {
            return None;
        }
        let (slot, len) = (self.slot(nth)?, end.checked_sub(start)?);
        // SAFETY: within the slot, which is ours until it is given back, for which `self` may not be borrowed.
        Some(unsafe { std::slice::from_raw_parts(slot.add(start).as_ptr(), len) })
    }

    /// Gives all that were taken back to the kernel.
    pub fn give_back(&mut self) {
        for nth in 0..self.taken {
            if let Some(slot) = self.slot(nth) {
                self.status(slot).store(libc::TP_STATUS_KERNEL, Ordering::Release);
            }
        }
        self.first = self.first.wrapping_add(self.taken).checked_rem(self.count).unwrap_or(0);
        self.taken = 0;
    }

    fn next(&self) -> Option<NonNull<u8>> {
        self.slot(self.taken)
    }

    /// The slot so many behind the first that was taken.
    fn slot(&self, nth: usize) -> Option<NonNull<u8>> {
        let index = self.first.wrapping_add(nth).checked_rem(self.count)?;
        self.memory.part(index.checked_mul(SLOT)?, SLOT)
    }

    /// Whose a slot is, and what is in it.
    fn status(&self, slot: NonNull<u8>) -> &AtomicU32 {
        const { assert!(std::mem::offset_of!(libc::tpacket2_hdr, tp_status) == 0) };
        // SAFETY: a slot begins with its status, and is aligned; the kernel changes it as a whole, and the ring is there as long as `self`.
        unsafe { slot.cast::<AtomicU32>().as_ref() }
    }
}

/// Where header and frame lie in a slot that is ours, once `tag` is back in the frame. Nowhere, if they are not all within.
fn place(header: &libc::tpacket2_hdr, slot: NonNull<u8>, tag: Option<[u8; TAG]>) -> (usize, usize) {
    let start = usize::from(header.tp_mac).saturating_sub(OFFLOAD);
    let end = usize::from(header.tp_mac).saturating_add(header.tp_snaplen as usize);
    let Some(room) = start.checked_sub(TAG).filter(|room| *room >= size_of::<libc::tpacket2_hdr>() && end <= SLOT) else {
        return (0, 0);
    };
    let Some(tag) = tag else { return (start, end) };
    // SAFETY: within the slot and behind its header, and nobody has borrowed it.
    let bytes = unsafe { std::slice::from_raw_parts_mut(slot.add(room).as_ptr(), end.saturating_sub(room)) };
    if offload::put_back(bytes, tag) { (room, end) } else { (start, end) }
}

/// Bytes of a slot: a frame of an MTU of 1,500 bytes with its tags and headers, and some more.
const SLOT: usize = 2048;
/// Bytes that the kernel allocates at a time.
const BLOCK: usize = 1 << 16;
/// 2 GiB.
const MOST_BLOCKS: usize = 1 << 15;
/// linux/if_packet.h: frames that are too long for a slot wait in the socket.
const PACKET_COPY_THRESH: libc::c_int = 7;
