//! A port of a bridge: an AF_PACKET socket whose frames come in by a ring and go out from where they lie (packet(7)).
//!
//! A frame and what is [still to be done](super::offload) about it lie one behind the other, so that both go out as they came in: nothing of
//! ours copies them. Only what waits has to be copied, as its slot is needed again; and a frame that is too long for a slot is received into a
//! buffer.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::interface::Interface;
use super::offload::{self, OFFLOAD, TAG};
use super::slots::{Filled, Slots, Whole};
use super::socket::PacketSocket;
use crate::base::Timestamp;

/// One side of a bridge.
#[derive(Debug)]
pub struct Port {
    socket: PacketSocket,
    slots: Slots,
    /// The frames that were taken in last.
    taken: Vec<Taken>,
    /// Room for those that are too long for a slot.
    long: Vec<Box<[u8]>>,
    /// Frames that were taken in since it was last looked after.
    recent: u64,
    /// Frames that were too long for a slot, and for which the socket had no room; since then, too.
    lost: u64,
}

/// A frame that was taken in.
#[derive(Clone, Copy, Debug)]
struct Taken {
    place: Place,
    /// Where header and frame lie there.
    start: usize,
    end: usize,
    original_len: u32,
    timestamp: Timestamp,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// Which of the slots taken.
    Slot(usize),
    /// Which of the buffers for long frames.
    Long(usize),
}

/// A frame that was received.
#[derive(Clone, Copy, Debug)]
pub struct PortFrame<'a> {
    /// Its bytes, with the VLAN tag that the kernel had taken out.
    pub data: &'a [u8],
    /// The same behind what is still to be done about it: what [`Port::send`] takes.
    pub packet: &'a [u8],
    /// Its length; where `data` is shorter, it cannot be sent on.
    pub original_len: u32,
    /// When the kernel received it.
    pub timestamp: Timestamp,
}

/// How a port has fared since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fared {
    /// Frames for which there was no room.
    pub drops: u64,
    /// Nothing gets in any more, though the ring is empty. A kernel that finds no words for what is still to be done about a frame (segments
    /// of SCTP that wait to be cut, say) does not come back to its slot, nor to any behind it: the port has to be opened anew.
    pub is_stuck: bool,
}

impl Port {
    /// Receives all frames that come in at `interface`, whoever they are for. Of `room`, three quarters are for the ring, and one for frames that
    /// are too long for its slots. It takes CAP_NET_RAW.
    pub fn open(interface: &Interface, room: usize) -> io::Result<Self> {
        let socket = PacketSocket::new()?;
        socket.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1_i32)?;
        socket.ignore_outgoing()?;
        let for_long = room / 4;
        socket.receive_buffer(u32::try_from(for_long / 2).unwrap_or(u32::MAX).min(libc::c_int::MAX as u32))?; // the kernel doubles it
        // A wire that takes nothing is not waited for longer than this.
        let patience = libc::timeval { tv_sec: 0, tv_usec: SEND_PATIENCE };
        socket.set(libc::SOL_SOCKET, libc::SO_SNDTIMEO, &patience)?;
        let slots = Slots::new(&socket, room.saturating_sub(for_long))?;
        socket.promiscuous(interface)?;
        socket.bind(interface)?;
        Ok(Self { socket, slots, taken: Vec::with_capacity(BATCH), long: Vec::new(), recent: 0, lost: 0 })
    }

    /// Its socket, for its errors.
    pub const fn socket(&self) -> &PacketSocket {
        &self.socket
    }

    /// Whether a frame is there.
    pub fn is_ready(&self) -> bool {
        self.slots.is_ready()
    }

    /// Takes in frames that have come; it does not wait. Those before them are [let go](Self::release). Answers how many.
    pub fn receive(&mut self) -> usize {
        self.release();
        let mut long = 0_usize;
        for _ in 0..BATCH {
            if long >= LONG_BATCH {
                break;
            }
            let Some(filled) = self.slots.take() else { break };
            let taken = match filled.is {
                Whole::InSlot => Some(in_slot(&filled)),
                Whole::InSocket => self.receive_long(&filled, long).inspect(|_| long = long.saturating_add(1)),
                Whole::Nowhere => None,
            };
            match taken {
                Some(taken) => self.taken.push(taken),
                None => self.lost = self.lost.saturating_add(1),
            }
        }
        self.recent = self.recent.saturating_add(u64::try_from(self.taken.len()).unwrap_or(u64::MAX));
        self.taken.len()
    }

    /// The `index`th of the frames that were taken in last.
    pub fn frame(&self, index: usize) -> Option<PortFrame<'_>> {
        let &Taken { place, start, end, original_len, timestamp } = self.taken.get(index)?;
        let packet = match place {
            Place::Slot(nth) => self.slots.bytes(nth, start, end)?,
            Place::Long(nth) => self.long.get(nth)?.get(start..end)?,
        };
        Some(PortFrame { data: packet.get(OFFLOAD..)?, packet, original_len, timestamp })
    }

    /// Lets go of the frames that were taken in last: their slots are the kernel's again.
    pub fn release(&mut self) {
        self.taken.clear();
        self.slots.give_back();
    }

    /// How it has fared since it was last asked.
    pub fn fared(&mut self) -> io::Result<Fared> {
        let counted = self.socket.statistics()?;
        let (recent, lost) = (std::mem::take(&mut self.recent), std::mem::take(&mut self.lost));
        let is_stuck = recent == 0 && lost == 0 && counted.drops > 0 && !self.is_ready();
        Ok(Fared { drops: counted.drops.saturating_add(lost), is_stuck })
    }

    /// Sends frames out of the interface, in order, each behind what is still to be done about it. Answers how many it took; the others had no
    /// room, or are not for this wire.
    pub fn send(&self, packets: &[&[u8]]) -> usize {
        let mut sent = 0_usize;
        let mut rest = packets;
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
    fn send_some(&self, packets: &[&[u8]]) -> usize {
        let packets = packets.get(..BATCH).unwrap_or(packets);
        let place = |bytes: &&[u8]| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let mut places: Vec<libc::iovec> = packets.iter().map(place).collect();
        let mut headers: Vec<libc::mmsghdr> = places
            .iter_mut()
            .map(|place| {
                // SAFETY: all zeros is a valid value: no address, since the socket is bound, and no control data.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                (header.msg_hdr.msg_iov, header.msg_hdr.msg_iovlen) = (place, 1);
                header
            })
            .collect();
        let Ok(count) = libc::c_uint::try_from(headers.len()) else { return 0 };
        // SAFETY: each header has a buffer of the length that is said, which is only read, and all outlive the call.
        let sent = unsafe { libc::sendmmsg(self.socket.as_fd().as_raw_fd(), headers.as_mut_ptr(), count, 0) };
        usize::try_from(sent).unwrap_or(0)
    }

    /// Receives a frame that is too long for a slot into the `nth` buffer.
    fn receive_long(&mut self, filled: &Filled, nth: usize) -> Option<Taken> {
        if self.long.len() <= nth {
            self.long.push(vec![0; TAG.saturating_add(OFFLOAD).saturating_add(LONGEST)].into());
        }
        let buffer = self.long.get_mut(nth)?;
        // An error that waits, of an interface that went down, say, comes before the frame.
        let room = buffer.get_mut(TAG..)?;
        let len = receive(&self.socket, room).or_else(|_| receive(&self.socket, room)).ok()?;
        let is_tagged = filled.tag.is_some_and(|tag| offload::put_back(buffer, tag));
        let start = if is_tagged { 0 } else { TAG };
        let original_len = len.saturating_sub(OFFLOAD).saturating_add(if is_tagged { TAG } else { 0 });
        Some(Taken {
            place: Place::Long(nth),
            start,
            end: TAG.saturating_add(len).min(buffer.len()),
            original_len: u32::try_from(original_len).unwrap_or(u32::MAX),
            timestamp: filled.timestamp,
        })
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn in_slot(filled: &Filled) -> Taken {
    let &Filled { nth, start, end, timestamp, .. } = filled;
    let len = end.saturating_sub(start).saturating_sub(OFFLOAD);
    let original_len = u32::try_from(len).unwrap_or(u32::MAX).max(filled.len);
    Taken { place: Place::Slot(nth), start, end, original_len, timestamp }
}

/// Receives what waits in a socket; it does not wait. Answers the length of it, which may be more than `buffer` has room for.
fn receive(socket: &PacketSocket, buffer: &mut [u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: the buffer is as long as is said.
    let len = unsafe { libc::recv(socket.as_fd().as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    usize::try_from(len).map_err(|_| io::Error::last_os_error())
}

/// How long is waited for a wire that takes nothing, in microseconds.
const SEND_PATIENCE: libc::suseconds_t = 20_000;
/// The longest IP packet, with Ethernet's header and three tags.
const LONGEST: usize = 65_535 + 26;
/// Frames that are taken in, and sent in one call, at a time.
const BATCH: usize = 64;
/// Of them, those that are too long for a slot: a megabyte of buffers.
const LONG_BATCH: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::capture::sys::poll;

    /// A frame as it was received: its bytes, those with what is still to be done in front, its length.
    type Seen = (Vec<u8>, Vec<u8>, u32);

    /// What a port at the loopback interface sees of datagrams of these lengths; `None` without CAP_NET_RAW. Other programs use this interface
    /// as well.
    fn received(lengths: &[usize], room: usize) -> Option<Vec<Seen>> {
        let mut port = match Port::open(&Interface::named("lo").unwrap(), room) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return None,
            port => port.unwrap(),
        };
        let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let mark = receiver.local_addr().unwrap().port().to_be_bytes();
        let mut seen = Vec::new();
        let until = Instant::now() + Duration::from_secs(20);
        for (n, &len) in lengths.iter().enumerate() {
            sender.send_to(&vec![n as u8; len], receiver.local_addr().unwrap()).unwrap();
            while seen.len() <= n && Instant::now() < until {
                poll::readable([port.as_fd()], Duration::from_millis(100)).unwrap();
                for index in 0..port.receive() {
                    let frame = port.frame(index).unwrap();
                    if frame.data.get(36..38) == Some(&mark) {
                        seen.push((frame.data.to_vec(), frame.packet.to_vec(), frame.original_len));
                    }
                }
            }
        }
        Some(seen)
    }

    #[test]
    fn frames_come_in_order_whether_a_slot_has_room_for_them_or_not() {
        let lengths: Vec<usize> = (0..200).map(|n| [20, 1_900, 1_960, 2_100, 30_000, 64_000][n % 6]).collect();
        let Some(seen) = received(&lengths, 4 << 20) else { return eprintln!("SKIPPED: it takes CAP_NET_RAW") };
        assert_eq!(seen.len(), lengths.len());
        for (n, ((data, packet, original_len), len)) in seen.iter().zip(&lengths).enumerate() {
            assert_eq!(data.len(), 14 + 20 + 8 + len);
            assert_eq!(*original_len as usize, data.len());
            assert_eq!(data[12..15], [0x08, 0x00, 0x45]);
            assert!(data[42..].iter().all(|byte| *byte == n as u8), "{n}");
            assert_eq!(packet[OFFLOAD..], data[..]);
        }
    }

    #[test]
    fn what_is_still_to_be_done_about_a_frame_comes_with_it() {
        let Some(seen) = received(&[20, 30_000], 4 << 20) else { return eprintln!("SKIPPED: it takes CAP_NET_RAW") };
        // linux/virtio_net.h: a checksum is needed from behind the headers of Ethernet and IPv4 on, to be put where UDP has it.
        for (_, packet, _) in &seen {
            assert_eq!(packet[0], 1);
            assert_eq!(packet[6..10], [34_u16.to_ne_bytes(), 6_u16.to_ne_bytes()].concat());
        }
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let lo = Interface::named("lo").unwrap();
        let Ok(mut port) = Port::open(&lo, 0) else { return eprintln!("SKIPPED: it takes CAP_NET_RAW") };
        let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        for _ in 0..100 {
            sender.send_to(b"x", receiver.local_addr().unwrap()).unwrap();
        }
        // The least there is: a block, of 32 slots.
        assert_eq!(port.receive(), 32);
        let fared = port.fared().unwrap();
        assert!(fared.drops >= 68 && !fared.is_stuck, "{fared:?}");
        // There is room again as soon as they are let go.
        port.release();
        sender.send_to(b"x", receiver.local_addr().unwrap()).unwrap();
        assert!(port.receive() >= 1);
        assert_eq!(port.fared().unwrap(), Fared::default());
    }
}
