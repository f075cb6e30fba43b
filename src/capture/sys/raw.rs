//! Raw IP sockets (raw(7)): to send packets with headers of our own making.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{check, len_of};

/// Sends IP packets, whole with their headers, by the machine's routes.
#[derive(Debug)]
pub struct RawSender {
    v4: OwnedFd,
    v6: Option<OwnedFd>,
}

impl RawSender {
    /// It takes CAP_NET_RAW, and with a `mark` CAP_NET_ADMIN: the packets have it, so that packet filters know them.
    pub fn new(mark: u32) -> io::Result<Self> {
        Ok(Self { v4: open(libc::AF_INET, mark)?, v6: open(libc::AF_INET6, mark).ok() }) // a machine may have no IPv6
    }

    /// Sends `packet`, which begins with its IPv4 or IPv6 header, to `to`.
    pub fn send(&self, packet: &[u8], to: IpAddr) -> io::Result<()> {
        match to {
            IpAddr::V4(ip) => {
                // SAFETY: all zeros is a valid value.
                let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
                address.sin_family = family(libc::AF_INET);
                address.sin_addr.s_addr = u32::from_ne_bytes(ip.octets());
                send(&self.v4, packet, &address)
            }
            IpAddr::V6(ip) => {
                // SAFETY: all zeros is a valid value.
                let mut address: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
                address.sin6_family = family(libc::AF_INET6);
                address.sin6_addr.s6_addr = ip.octets();
                send(self.v6.as_ref().ok_or(io::ErrorKind::Unsupported)?, packet, &address)
            }
        }
    }
}

fn open(family: libc::c_int, mark: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    let fd = check(unsafe { libc::socket(family, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::IPPROTO_RAW) })?;
    // SAFETY: it was just opened, and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    if mark != 0 {
        // SAFETY: the value is as long as is said, and the kernel copies it.
        check(unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_MARK, (&raw const mark).cast(), len_of::<u32>()) })?;
    }
    Ok(socket)
}

/// `A` is an address of the socket's family.
fn send<A>(socket: &OwnedFd, packet: &[u8], to: &A) -> io::Result<()> {
    let (bytes, len) = (packet.as_ptr().cast(), packet.len());
    // SAFETY: both the packet and the address are as long as is said.
    let sent =
        unsafe { libc::sendto(socket.as_raw_fd(), bytes, len, libc::MSG_DONTWAIT, std::ptr::from_ref(to).cast(), len_of::<A>()) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn family(family: libc::c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(family).unwrap_or_default() // it is 2 or 10
}
