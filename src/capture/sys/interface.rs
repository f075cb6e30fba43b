//! Network interfaces, by ioctls on a socket of any kind (netdevice(7)).

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::check;
use crate::packet::LinkType;

/// An interface as it was when it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: String,
    /// Its number. One that is deleted and made anew has another.
    pub index: u32,
    /// Whether it is up.
    pub is_up: bool,
    /// Whether it is a loopback interface: there each packet is seen going out and coming in.
    pub is_loopback: bool,
    /// Longest packet in bytes, without the link-layer header.
    pub mtu: u32,
    /// What its frames begin with; [`LinkType::Unsupported`] has the kernel's ARPHRD_ number.
    pub link: LinkType,
}

impl Interface {
    /// The interface with this name. An error of kind `NotFound` where there is none.
    pub fn named(name: &str) -> io::Result<Self> {
        let socket = any_socket()?;
        let ask = |request| ask(&socket, request, name);
        // SAFETY: the kernel has filled in the member of the union that belongs to the request.
        let index = unsafe { ask(libc::SIOCGIFINDEX)?.ifr_ifru.ifru_ifindex };
        // SAFETY: as above.
        let flags = libc::c_int::from(unsafe { ask(libc::SIOCGIFFLAGS)?.ifr_ifru.ifru_flags });
        // SAFETY: as above.
        let mtu = unsafe { ask(libc::SIOCGIFMTU)?.ifr_ifru.ifru_mtu };
        // SAFETY: as above.
        let hardware = unsafe { ask(libc::SIOCGIFHWADDR)?.ifr_ifru.ifru_hwaddr.sa_family };
        Ok(Self {
            name: name.to_owned(),
            index: u32::try_from(index).unwrap_or(0),
            is_up: flags & libc::IFF_UP != 0,
            is_loopback: flags & libc::IFF_LOOPBACK != 0,
            mtu: u32::try_from(mtu).unwrap_or(0),
            link: link_type(hardware),
        })
    }

    /// The names of all interfaces, in the kernel's order.
    pub fn names() -> io::Result<Vec<String>> {
        // SAFETY: takes nothing; answers an array that ends with an entry of index 0, or null.
        let list = unsafe { libc::if_nameindex() };
        if list.is_null() {
            return Err(io::Error::last_os_error());
        }
        let mut names = Vec::new();
        let mut entry = list;
        // SAFETY: the entries up to the one with index 0 are there, and their names are strings; none is looked at after they are freed.
        unsafe {
            while (*entry).if_index != 0 {
                names.push(CStr::from_ptr((*entry).if_name).to_string_lossy().into_owned());
                entry = entry.add(1);
            }
            libc::if_freenameindex(list);
        }
        Ok(names)
    }
}

/// By the kernel's number for a kind of hardware (ARPHRD_).
fn link_type(hardware: libc::sa_family_t) -> LinkType {
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => LinkType::Ethernet,
        // Point-to-point devices without a header of their own: tun, WireGuard, PPP as the kernel shows it, tunnels.
        libc::ARPHRD_NONE | RAW_IP | libc::ARPHRD_PPP | libc::ARPHRD_TUNNEL | libc::ARPHRD_TUNNEL6 | libc::ARPHRD_SIT => {
            LinkType::Raw
        }
        other => LinkType::Unsupported(other),
    }
}

/// A socket to ask the kernel about interfaces by.
pub(super) fn any_socket() -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    let fd = check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: it was just opened, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Asks about an interface. An error of kind `NotFound` where no interface has this name.
fn ask(socket: &OwnedFd, request: libc::Ioctl, name: &str) -> io::Result<libc::ifreq> {
    let mut answer = request_for(name)?;
    // SAFETY: `answer` is what these requests take and fill in, and lives as long as the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut answer) }).map_err(|error| match error.raw_os_error() {
        Some(libc::ENODEV) => io::ErrorKind::NotFound.into(),
        _ => error,
    })?;
    Ok(answer)
}

/// What a request about the interface of this name begins with. An error of kind `NotFound` where none can have this name.
pub(super) fn request_for(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: all zeros is a valid value of each member.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len().saturating_sub(1); // the name ends with a zero
    if name.is_empty() || name.len() > room || name.contains('\0') {
        return Err(io::ErrorKind::NotFound.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    Ok(request)
}

/// ARPHRD_RAWIP.
const RAW_IP: libc::sa_family_t = 519;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_known_for_what_it_is() {
        assert!(Interface::names().unwrap().iter().any(|name| name == "lo"));
        let lo = Interface::named("lo").unwrap();
        assert!(lo.is_loopback && lo.index > 0 && lo.mtu > 0);
        assert_eq!(lo.link, LinkType::Ethernet);
    }

    #[test]
    fn a_name_that_no_interface_has_is_not_found() {
        for name in ["nosuch0", "", "a-name-that-is-longer-than-any", "l\0o"] {
            assert_eq!(Interface::named(name).unwrap_err().kind(), io::ErrorKind::NotFound, "{name:?}");
        }
    }
}
