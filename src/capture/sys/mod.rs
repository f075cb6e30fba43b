//! Where the kernel is spoken to: the one room with `unsafe`. Each file has one subject, and safe types in front of it.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`interface`] | network interfaces: which there are, whether they are up, MTU, link type |
//! | [`ethtool`] | what a network card puts together |
//! | [`socket`] | AF_PACKET sockets: bound to an interface, with filter, fanout, promiscuous mode and statistics |
//! | [`bpf`] | programs of the kernel, and arrays that are shared with them |
//! | `memory` | memory of rings, shared with the kernel |
//! | [`ring`] | TPACKET_V3 rings: blocks of frames, for who watches |
//! | `slots` | TPACKET_V2 rings: a slot for each frame, for who stands in the path |
//! | [`netlink`] | netlink sockets to netfilter, several messages at a time |
//! | [`port`] | AF_PACKET sockets that frames come in by and go out by |
//! | [`offload`] | what offloads have left to do about a frame |
//! | [`raw`] | raw IP sockets, to send packets of our own making |
//! | [`poll`] | waiting for several of them |
//! | [`privileges`] | users and capabilities |
//! | [`affinity`] | on which processor a thread runs |

#![allow(unsafe_code)]

pub mod affinity;
pub mod bpf;
pub mod ethtool;
pub mod interface;
mod memory;
pub mod netlink;
pub mod offload;
pub mod poll;
pub mod port;
pub mod privileges;
pub mod raw;
pub mod ring;
mod slots;
pub mod socket;

use std::io;

/// What a system call that answers -1 for failure has answered.
fn check(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// The size of `T` as system calls want it.
#[allow(clippy::cast_possible_truncation)] // structures of some bytes
const fn len_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
