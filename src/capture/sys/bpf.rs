//! Programs and maps of the kernel (bpf(2)).

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use crate::capture::ebpf::Instruction;

/// An array that programs of the kernel look things up in, in memory that is shared with it.
#[derive(Debug)]
pub struct SharedArray {
    fd: OwnedFd,
    start: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the mapping is the same in all threads, and all of it is atomic.
unsafe impl Send for SharedArray {}
// SAFETY: as above.
unsafe impl Sync for SharedArray {}

impl SharedArray {
    /// `entries` of `size` bytes each, all zeros. It takes CAP_BPF, and Linux 5.5.
    pub fn new(entries: u32, size: u32) -> io::Result<Self> {
        let request = MapCreate { kind: ARRAY, key_size: 4, value_size: size, entries, flags: MMAPABLE };
        let fd = call(MAP_CREATE, &request)?;
        let len = (entries as usize).checked_mul(size as usize).ok_or(io::ErrorKind::OutOfMemory)?;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping at a place that the kernel chooses.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { fd, start, words: len.checked_div(size_of::<u64>()).unwrap_or(0) })
    }

    /// All of it, one entry behind the other.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is as long as that, aligned as pages are, lives as long as this, and is only used as atomic words on this side.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    /// Its number, as programs name it when they are loaded.
    pub fn number(&self) -> i32 {
        self.fd.as_raw_fd()
    }
}

impl Drop for SharedArray {
    fn drop(&mut self) {
        // SAFETY: the mapping is there since `new`, and nothing that borrows it is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.words.saturating_mul(size_of::<u64>())) };
    }
}

/// A program that the kernel has taken.
#[derive(Debug)]
pub struct Program(OwnedFd);

impl Program {
    /// A program that filters what a socket receives. It takes CAP_BPF. Where the kernel does not take it, the error has the end of what its verifier said.
    pub fn load(code: &[Instruction]) -> io::Result<Self> {
        let mut request = ProgramLoad {
            kind: SOCKET_FILTER,
            count: u32::try_from(code.len()).map_err(io::Error::other)?,
            code: code.as_ptr() as u64,
            license: LICENSE.as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
        };
        match call(PROG_LOAD, &request) {
            Ok(fd) => Ok(Self(fd)),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EACCES)) => {
                let mut log = vec![0_u8; LOG];
                (request.log_level, request.log_size, request.log) = (1, u32::try_from(LOG).unwrap_or(0), log.as_mut_ptr() as u64);
                call(PROG_LOAD, &request).map(Self).map_err(|_| with_log(&error, &log))
            }
            Err(error) => Err(error),
        }
    }

    /// What it answers for a frame.
    #[cfg(test)]
    pub fn run(&self, frame: &[u8]) -> io::Result<u32> {
        // The kernel takes an Ethernet header off before it runs a filter of sockets here.
        let packet = [&[0; 14][..], frame].concat();
        let mut request = TestRun {
            program: u32::try_from(self.0.as_raw_fd()).map_err(io::Error::other)?,
            answer: 0,
            size_in: u32::try_from(packet.len()).map_err(io::Error::other)?,
            size_out: 0,
            data_in: packet.as_ptr() as u64,
            data_out: 0,
            repeat: 1,
            duration: 0,
        };
        let size = size_of::<TestRun>();
        // SAFETY: the request is as long as is said, and what it points to outlives the call.
        let ran = unsafe { libc::syscall(libc::SYS_bpf, PROG_TEST_RUN, &raw mut request, size) };
        if ran < 0 { Err(io::Error::last_os_error()) } else { Ok(request.answer) }
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Asks for something that answers with a new descriptor. What the request points to is to outlive the call.
fn call<T>(command: libc::c_int, request: &T) -> io::Result<OwnedFd> {
    // SAFETY: the request is as long as is said; the kernel only reads it, but for what is written to the log that it names.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(request), size_of::<T>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = libc::c_int::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: it was just opened, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// An error, and the last that the verifier has said of it.
fn with_log(error: &io::Error, log: &[u8]) -> io::Error {
    let said = CStr::from_bytes_until_nul(log).unwrap_or_default().to_string_lossy();
    let lines: Vec<_> = said.lines().filter(|line| !line.starts_with("processed ")).collect();
    match lines.last() {
        Some(last) => io::Error::new(error.kind(), format!("{error} ({last})")),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// The start of union bpf_attr for a new map.
#[repr(C)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    entries: u32,
    flags: u32,
}

/// The same for a new program.
#[repr(C)]
struct ProgramLoad {
    kind: u32,
    count: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

/// The same for a run of a program.
#[cfg(test)]
#[repr(C)]
struct TestRun {
    program: u32,
    answer: u32,
    size_in: u32,
    size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
}

const MAP_CREATE: libc::c_int = 0;
const PROG_LOAD: libc::c_int = 5;
#[cfg(test)]
const PROG_TEST_RUN: libc::c_int = 10;
/// BPF_MAP_TYPE_ARRAY.
const ARRAY: u32 = 2;
/// BPF_F_MMAPABLE.
const MMAPABLE: u32 = 1 << 10;
/// BPF_PROG_TYPE_SOCKET_FILTER.
const SOCKET_FILTER: u32 = 1;
const LICENSE: &CStr = c"MIT OR Apache-2.0";
const LOG: usize = 256 << 10;
