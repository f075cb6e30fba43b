//! What a network card puts together before a tap sees it (the ethtool ioctl).

use std::io;
use std::os::fd::AsRawFd;

use super::check;
use super::interface::{any_socket, request_for};

/// Offloads that make of several received packets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// Large receive offload, in the card: what it makes cannot be taken apart again.
    Lro,
    /// Generic receive offload, in the kernel.
    Gro,
}

impl Offload {
    /// Whether it is on at the interface of this name. An error where the driver does not tell.
    pub fn is_on(self, interface: &str) -> io::Result<bool> {
        match self {
            Self::Gro => Ok(ask(interface, GET_GRO)? != 0),
            Self::Lro => Ok(ask(interface, GET_FLAGS)? & LRO_FLAG != 0),
        }
    }

    /// As `ethtool -K` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lro => "lro",
            Self::Gro => "gro",
        }
    }
}

/// What is asked, and the answer.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

fn ask(interface: &str, command: u32) -> io::Result<u32> {
    let socket = any_socket()?;
    let mut value = Value { command, data: 0 };
    let mut request = request_for(interface)?;
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: the request names a value of the form that these commands fill in, and both outlive the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) })?;
    Ok(value.data)
}

/// ETHTOOL_GGRO and ETHTOOL_GFLAGS; ETH_FLAG_LRO.
const GET_GRO: u32 = 0x2b;
const GET_FLAGS: u32 = 0x25;
const LRO_FLAG: u32 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_puts_nothing_together_in_a_card() {
        assert!(!Offload::Lro.is_on("lo").unwrap_or(false));
        assert!(Offload::Gro.is_on("nosuch0").is_err());
    }
}
