//! TPACKET_V3 rings: the kernel puts frames into blocks of memory that it shares with us, and nothing is copied out of it
//! (Documentation/networking/packet_mmap.rst of the kernel).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::interface::Interface;
use super::memory::Memory;
use super::socket::{PacketSocket, Statistics};
use crate::base::Timestamp;

/// How large a ring is, and when a block is handed over that is not full.
#[derive(Clone, Copy, Debug)]
pub struct RingSize {
    /// Bytes of a block: a power of two, a page or more. No frame is longer than that.
    pub block: u32,
    /// Blocks.
    pub blocks: u32,
    /// How long frames wait in a block that does not become full.
    pub patience: Duration,
}

impl Default for RingSize {
    /// 64 MiB.
    fn default() -> Self {
        Self { block: 1 << 20, blocks: 64, patience: Duration::from_millis(20) }
    }
}

/// A ring of received frames, and the socket that it belongs to.
#[derive(Debug)]
pub struct Ring {
    memory: Memory,
    size: RingSize,
    /// The block that the kernel hands over next.
    next: u32,
    socket: PacketSocket,
}

/// A frame in a ring.
#[derive(Debug)]
pub struct RingFrame<'a> {
    /// Its bytes, with the VLAN tag that the kernel had taken out.
    pub data: &'a [u8],
    /// Its length on the wire; `data.len()` or more.
    pub original_len: u32,
    /// When the kernel received it.
    pub timestamp: Timestamp,
}

impl Ring {
    /// A ring for a socket that is not bound yet: it is empty until the socket [is](Self::bind).
    pub fn new(socket: PacketSocket, size: RingSize) -> io::Result<Self> {
        socket.set(libc::SOL_PACKET, libc::PACKET_VERSION, &libc::tpacket_versions::TPACKET_V3)?;
        socket.set(libc::SOL_PACKET, libc::PACKET_RESERVE, &VLAN_TAG)?;
        let frames = (size.block / LEAST_FRAME).saturating_mul(size.blocks);
        let request = libc::tpacket_req3 {
            tp_block_size: size.block,
            tp_block_nr: size.blocks,
            tp_frame_size: LEAST_FRAME,
            tp_frame_nr: frames,
            tp_retire_blk_tov: u32::try_from(size.patience.as_millis()).unwrap_or(u32::MAX).max(1),
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let len = (size.block as usize).checked_mul(size.blocks as usize).ok_or(io::ErrorKind::OutOfMemory)?;
        let memory = Memory::map(&socket, len)?;
        Ok(Self { memory, size, next: 0, socket })
    }

    /// From now on it receives what comes in at `interface`, and what goes out there.
    pub fn bind(&self, interface: &Interface) -> io::Result<()> {
        self.socket.bind(interface)
    }

    /// Its socket, to set what can be set about it, and to send.
    pub const fn socket(&self) -> &PacketSocket {
        &self.socket
    }

    /// What the kernel has counted since the last time.
    pub fn statistics(&self) -> io::Result<Statistics> {
        self.socket.statistics()
    }

    /// Hands each frame of the next block to `each`, and then gives the block back to the kernel. Answers how many frames there were,
    /// or `None` where no block is ready. It does not wait: [`poll`](super::poll) does.
    pub fn next_block(&mut self, mut each: impl FnMut(RingFrame<'_>)) -> Option<usize> {
        let offset = (self.next as usize).checked_mul(self.size.block as usize)?;
        let mut block = Block::new(&mut self.memory, offset, self.size.block as usize)?;
        if !block.is_ours() {
            return None;
        }
        let mut frames = 0_usize;
        let mut place = block.first();
        for _ in 0..block.count() {
            let Some((frame, next)) = block.frame(place) else { break };
            each(frame);
            frames = frames.saturating_add(1);
            let Some(next) = next else { break };
            place = next;
        }
        block.give_back();
        self.next = self.next.wrapping_add(1).checked_rem(self.size.blocks).unwrap_or(0);
        Some(frames)
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A block of the ring. All but its status is read only once it is ours, and is then the kernel's no more.
struct Block<'a> {
    start: NonNull<u8>,
    len: usize,
    memory: std::marker::PhantomData<&'a mut Memory>,
}

impl<'a> Block<'a> {
    /// The block of `len` bytes at `offset`; `None` where it is not all within.
    fn new(memory: &'a mut Memory, offset: usize, len: usize) -> Option<Self> {
        let start = memory.part(offset, len).filter(|_| len >= size_of::<libc::tpacket_block_desc>())?;
        Some(Self { start, len, memory: std::marker::PhantomData })
    }

    fn is_ours(&self) -> bool {
        self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    fn give_back(self) {
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }

    fn status(&self) -> &AtomicU32 {
        let offset = std::mem::offset_of!(libc::tpacket_block_desc, hdr);
        // SAFETY: the status is the first field of the header, within the block and aligned; the kernel changes it as a whole.
        unsafe { self.start.add(offset).cast::<AtomicU32>().as_ref() }
    }

    fn header(&self) -> libc::tpacket_hdr_v1 {
        let offset = std::mem::offset_of!(libc::tpacket_block_desc, hdr);
        // SAFETY: it lies within the block, which is at least as long as its description, and is aligned as pages are.
        unsafe { self.start.add(offset).cast::<libc::tpacket_hdr_v1>().read() }
    }

    /// How many frames it has.
    fn count(&self) -> u32 {
        self.header().num_pkts
    }

    /// Where the first is.
    fn first(&self) -> usize {
        self.header().offset_to_first_pkt as usize
    }

    /// The frame whose header is at `place`, and where the next one's is, if there is one. `None` where it is not all within the block.
    fn frame(&mut self, place: usize) -> Option<(RingFrame<'_>, Option<usize>)> {
        if place.checked_add(size_of::<libc::tpacket3_hdr>())? > self.len {
            return None;
        }
        // SAFETY: it is within the block; the kernel aligns it, and an unaligned one would be read all the same.
        let header = unsafe { self.start.add(place).cast::<libc::tpacket3_hdr>().read_unaligned() };
        let (mac, len) = (usize::from(header.tp_mac), header.tp_snaplen as usize);
        let start = place.checked_add(mac)?;
        if start.checked_add(len)? > self.len || mac < size_of::<libc::tpacket3_hdr>().checked_add(VLAN_TAG as usize)? {
            return None;
        }
        let room = start.checked_sub(VLAN_TAG as usize)?;
        // SAFETY: within the block; the room before the frame is reserved for a tag. The block is ours, and borrowed mutably.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.start.add(room).as_ptr(), len.checked_add(VLAN_TAG as usize)?) };
        let is_tagged = header.tp_status & libc::TP_STATUS_VLAN_VALID != 0;
        let tag = is_tagged.then_some((tpid(&header), header.hv1.tp_vlan_tci));
        let (data, added) = match tag {
            Some(tag) if len >= ADDRESSES => (put_back(bytes, tag), VLAN_TAG),
            _ => (bytes.get(VLAN_TAG as usize..)?, 0),
        };
        let original_len = header.tp_len.saturating_add(added).max(u32::try_from(data.len()).unwrap_or(u32::MAX));
        let timestamp = Timestamp::from_parts(header.tp_sec.into(), header.tp_nsec.into());
        let next = match header.tp_next_offset {
            0 => None,
            offset => Some(place.checked_add(offset as usize)?),
        };
        Some((RingFrame { data, original_len, timestamp }, next))
    }
}

/// The tag's protocol; kernels before 3.14 did not tell it.
fn tpid(header: &libc::tpacket3_hdr) -> u16 {
    match header.hv1.tp_vlan_tpid {
        tpid if header.tp_status & libc::TP_STATUS_VLAN_TPID_VALID != 0 && tpid != 0 => tpid,
        _ => 0x8100,
    }
}

/// Puts a VLAN tag back behind the two addresses of a frame that begins four bytes into `bytes`. Answers the whole.
#[allow(clippy::cast_possible_truncation)] // a tag has 16 bits
fn put_back(bytes: &mut [u8], (tpid, tci): (u16, u32)) -> &[u8] {
    bytes.copy_within(VLAN_TAG as usize..ADDRESSES.saturating_add(VLAN_TAG as usize), 0);
    let ([p0, p1], [c0, c1]) = (tpid.to_be_bytes(), (tci as u16).to_be_bytes());
    if let Some(place) = bytes.get_mut(ADDRESSES..).and_then(<[u8]>::first_chunk_mut) {
        *place = [p0, p1, c0, c1];
    }
    bytes
}

/// Bytes of a VLAN tag.
const VLAN_TAG: u32 = 4;
/// Bytes of the addresses at the start of an Ethernet frame.
const ADDRESSES: usize = 12;
/// What the kernel is told for the size of a frame. It counts for nothing but the check that it divides blocks.
const LEAST_FRAME: u32 = 2048;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::capture::sys::poll;

    #[test]
    fn a_frame_is_seen_as_it_was_sent() {
        let Ok(socket) = PacketSocket::new() else { return eprintln!("SKIPPED: it takes CAP_NET_RAW") };
        let lo = Interface::named("lo").unwrap();
        let size = RingSize { block: 1 << 16, blocks: 4, patience: Duration::from_millis(5) };
        let mut ring = Ring::new(socket, size).unwrap();
        ring.socket().ignore_outgoing().unwrap();
        ring.bind(&lo).unwrap();
        let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let payload = [b"a frame of ", &std::process::id().to_be_bytes()[..]].concat();
        let mut seen = Vec::new();
        // Other programs use this interface as well; the ring goes round more than once.
        for _ in 0..20 {
            sender.send_to(&payload, receiver.local_addr().unwrap()).unwrap();
            assert!(poll::readable([ring.as_fd()], Duration::from_secs(5)).unwrap());
            while let Some(frames) = ring.next_block(|frame| {
                if frame.data.ends_with(&payload) {
                    seen.push((frame.data.to_vec(), frame.original_len, frame.timestamp));
                }
            }) {
                assert!(frames > 0);
            }
        }
        assert!(seen.len() >= 15, "{}", seen.len());
        let (data, original_len, timestamp) = &seen[0];
        assert_eq!(data.len(), 14 + 20 + 8 + payload.len());
        assert_eq!(*original_len as usize, data.len());
        assert_eq!(data[12..15], [0x08, 0x00, 0x45]);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert!(now.as_secs().abs_diff(timestamp.as_secs()) < 60);
        assert!(ring.statistics().unwrap().packets >= 15);
    }

    #[test]
    fn a_tag_goes_back_behind_the_addresses() {
        let mut bytes = *b"____ddddddssssss\x08\x00payload";
        assert_eq!(put_back(&mut bytes, (0x88a8, 0x2064)), b"ddddddssssss\x88\xa8\x20\x64\x08\x00payload");
    }
}
