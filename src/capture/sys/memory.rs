//! Memory that a socket's rings lie in, shared with the kernel.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;

use super::socket::PacketSocket;

/// The rings of a socket, as they are mapped. They are unmapped when it is dropped.
#[derive(Debug)]
pub(super) struct Memory {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: it is nobody else's but the kernel's, and the mapping is the same in all threads of the process.
unsafe impl Send for Memory {}

impl Memory {
    /// Maps the `len` bytes of the rings that `socket` was given.
    pub fn map(socket: &PacketSocket, len: usize) -> io::Result<Self> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping at a place that the kernel chooses.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, socket.as_fd().as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    /// Where the `len` bytes at `offset` begin; `None` where they are not all within. They are there as long as `self` is.
    pub fn part(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        if offset.checked_add(len)? > self.len {
            return None;
        }
        // SAFETY: it is within the mapping.
        Some(unsafe { self.start.add(offset) })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is there since `map`, and nothing that borrows it is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
