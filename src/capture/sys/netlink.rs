//! Netlink sockets (netlink(7)), for messages of netfilter.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::{check, len_of};

/// A socket to netfilter's part of the kernel.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

/// What was received in one go: messages of different datagrams.
#[derive(Debug)]
pub struct Received {
    /// One buffer of equal length for each datagram, one behind the other.
    buffers: Vec<u8>,
    lengths: Vec<usize>,
    each: usize,
}

impl Received {
    /// Room for so many datagrams of so many bytes.
    pub fn new(datagrams: usize, each: usize) -> Self {
        let each = each.max(1);
        Self { buffers: vec![0; datagrams.saturating_mul(each)], lengths: Vec::with_capacity(datagrams), each }
    }

    /// What was received last.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.buffers.chunks(self.each).zip(&self.lengths).filter_map(|(buffer, &len)| buffer.get(..len))
    }
}

impl Netlink {
    /// A socket that nothing comes to yet. To configure netfilter by it takes CAP_NET_ADMIN.
    pub fn netfilter() -> io::Result<Self> {
        // SAFETY: takes numbers only.
        let fd = check(unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_NETFILTER) })?;
        // SAFETY: it was just opened, and nobody else owns it.
        let socket = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        // SAFETY: all zeros is a valid value: the kernel chooses the port.
        let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        address.nl_family = libc::sa_family_t::try_from(libc::AF_NETLINK).map_err(io::Error::other)?;
        // SAFETY: an address of netlink of the length that is given.
        check(unsafe { libc::bind(fd, (&raw const address).cast(), len_of::<libc::sockaddr_nl>()) })?;
        // Where there is no room, the queue says what becomes of a packet; to be told so as an error helps nobody.
        socket.set(libc::SOL_NETLINK, libc::NETLINK_NO_ENOBUFS, 1)?;
        Ok(socket)
    }

    /// Asks for room for so many bytes in the kernel; as much as it allows.
    pub fn set_room(&self, bytes: usize) -> io::Result<()> {
        let bytes = libc::c_int::try_from(bytes / 2).unwrap_or(libc::c_int::MAX); // the kernel doubles it
        self.set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes).or_else(|_| self.set(libc::SOL_SOCKET, libc::SO_RCVBUF, bytes))
    }

    /// Sends messages, one behind the other, in one datagram.
    pub fn send(&self, messages: &[u8]) -> io::Result<()> {
        // SAFETY: the buffer is as long as is said.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), messages.as_ptr().cast(), messages.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Receives what has come, up to as many datagrams as there is room for; it does not wait. Answers how many.
    pub fn receive(&self, into: &mut Received) -> io::Result<usize> {
        into.lengths.clear();
        let mut places: Vec<libc::iovec> =
            into.buffers.chunks_mut(into.each).map(|b| libc::iovec { iov_base: b.as_mut_ptr().cast(), iov_len: b.len() }).collect();
        let mut headers: Vec<libc::mmsghdr> = places
            .iter_mut()
            .map(|place| {
                // SAFETY: all zeros is a valid value: no address, no control data.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                (header.msg_hdr.msg_iov, header.msg_hdr.msg_iovlen) = (place, 1);
                header
            })
            .collect();
        let count = libc::c_uint::try_from(headers.len()).map_err(io::Error::other)?;
        // SAFETY: each header has one buffer of the length that is said, and all of them outlive the call.
        let received =
            unsafe { libc::recvmmsg(self.0.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT, std::ptr::null_mut()) };
        let received = match received {
            -1 => match io::Error::last_os_error() {
                error if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
                error => return Err(error),
            },
            n => usize::try_from(n).unwrap_or(0),
        };
        into.lengths.extend(headers.iter().take(received).map(|header| header.msg_len as usize));
        Ok(received)
    }

    fn set(&self, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
        // SAFETY: the value is as long as is said, and the kernel copies it.
        check(unsafe { libc::setsockopt(self.0.as_raw_fd(), level, name, (&raw const value).cast(), len_of::<libc::c_int>()) })?;
        Ok(())
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
