//! AF_PACKET sockets (packet(7)).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::bpf::Program;
use super::interface::Interface;
use super::{check, len_of};
use crate::capture::bpf::Instruction;

/// A socket for the frames of an interface, with their link-layer header.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

/// What the kernel has counted since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that the filter let in, those that were dropped too.
    pub packets: u64,
    /// Frames for which there was no room.
    pub drops: u64,
    /// How often the ring was full.
    pub freezes: u64,
}

impl PacketSocket {
    /// A socket that sees nothing until it is [bound](Self::bind). It takes CAP_NET_RAW.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes numbers only.
        let fd = check(unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) })?;
        // SAFETY: it was just opened, and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// From now on it sees all frames of `interface`.
    pub fn bind(&self, interface: &Interface) -> io::Result<()> {
        // SAFETY: all zeros is a valid value.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::c_ushort::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        address.sll_protocol = ALL_PROTOCOLS.to_be();
        address.sll_ifindex = libc::c_int::try_from(interface.index).map_err(io::Error::other)?;
        // SAFETY: an AF_PACKET address of the length that is given.
        check(unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), len_of::<libc::sockaddr_ll>()) })?;
        Ok(())
    }

    /// The interface is promiscuous until the socket is closed.
    pub fn promiscuous(&self, interface: &Interface) -> io::Result<()> {
        let index = libc::c_int::try_from(interface.index).map_err(io::Error::other)?;
        let kind = libc::c_ushort::try_from(libc::PACKET_MR_PROMISC).map_err(io::Error::other)?;
        let membership = libc::packet_mreq { mr_ifindex: index, mr_type: kind, mr_alen: 0, mr_address: [0; 8] };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)
    }

    /// Frames that this machine sends are not seen.
    pub fn ignore_outgoing(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1)
    }

    /// Only what `program` answers with more than 0 for gets in, from now on. Programs are run on the frame from its link-layer
    /// header on, without the outermost VLAN tag.
    pub fn filter(&self, program: &[Instruction]) -> io::Result<()> {
        with_program(program, |program| self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program))
    }

    /// The same by a program in eBPF.
    pub fn run_for_each(&self, program: &Program) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_ATTACH_BPF, &program.as_fd().as_raw_fd())
    }

    /// How many bytes of frames wait at most where there is no ring, as far as the kernel lets us.
    pub fn receive_buffer(&self, bytes: u32) -> io::Result<()> {
        // Beyond net.core.rmem_max it takes CAP_NET_ADMIN.
        let forced = self.set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes);
        forced.or_else(|_| self.set(libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes))
    }

    /// Makes a new fanout group and joins it: each frame goes to one of its members. Answers its number.
    pub fn new_group(&self, ignore_outgoing: bool) -> io::Result<u16> {
        self.fanout(0, libc::PACKET_FANOUT_FLAG_UNIQUEID, ignore_outgoing)?;
        let chosen: u32 = self.get(libc::SOL_PACKET, libc::PACKET_FANOUT)?;
        u16::try_from(chosen & 0xffff).map_err(io::Error::other)
    }

    /// Joins a fanout group as its next member. (To join turns seeing outgoing frames on again where it is not told otherwise.)
    pub fn join_group(&self, group: u16, ignore_outgoing: bool) -> io::Result<()> {
        self.fanout(group, 0, ignore_outgoing)
    }

    /// Which member of its group a frame goes to: the answer of `program`, modulo how many there are. Without one, it is the first.
    pub fn steer(&self, program: &[Instruction]) -> io::Result<()> {
        with_program(program, |program| self.set(libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, program))
    }

    /// What was counted since the last time.
    pub fn statistics(&self) -> io::Result<Statistics> {
        let counted: libc::tpacket_stats_v3 = self.get(libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(Statistics {
            packets: counted.tp_packets.into(),
            drops: counted.tp_drops.into(),
            freezes: counted.tp_freeze_q_cnt.into(),
        })
    }

    /// The error that waits to be told, if any: that the interface went down, for one. It is told once.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let number: libc::c_int = self.get(libc::SOL_SOCKET, libc::SO_ERROR)?;
        Ok((number != 0).then(|| io::Error::from_raw_os_error(number)))
    }

    /// Sends a frame out of the interface that it is bound to.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: the buffer is as long as is said.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), libc::MSG_DONTWAIT) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn fanout(&self, group: u16, flags: u32, ignore_outgoing: bool) -> io::Result<()> {
        let ignore = if ignore_outgoing { libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING } else { 0 };
        let how = libc::PACKET_FANOUT_CBPF | flags | ignore;
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &(u32::from(group) | how << 16))
    }

    /// Sets an option; `T` is what the kernel wants for it.
    pub(super) fn set<T>(&self, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
        // SAFETY: the value is as long as is said, and the kernel copies it.
        check(unsafe { libc::setsockopt(self.0.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), len_of::<T>()) })?;
        Ok(())
    }

    /// Gets an option; `T` is plain numbers, as the kernel has them for it.
    fn get<T: Copy>(&self, level: libc::c_int, name: libc::c_int) -> io::Result<T> {
        // SAFETY: all zeros is a valid value of plain numbers.
        let mut value: T = unsafe { std::mem::zeroed() };
        let mut len = len_of::<T>();
        // SAFETY: the kernel writes at most `len` bytes to the value.
        check(unsafe { libc::getsockopt(self.0.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut len) })?;
        Ok(value)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Lends `program` as the kernel wants it.
fn with_program<T>(program: &[Instruction], lend: impl FnOnce(&libc::sock_fprog) -> io::Result<T>) -> io::Result<T> {
    let mut filter: Vec<libc::sock_filter> =
        program.iter().map(|i| libc::sock_filter { code: i.code, jt: i.jump_true, jf: i.jump_false, k: i.k }).collect();
    let len = libc::c_ushort::try_from(filter.len()).map_err(io::Error::other)?;
    lend(&libc::sock_fprog { len, filter: filter.as_mut_ptr() })
}

/// ETH_P_ALL.
const ALL_PROTOCOLS: u16 = 3;
