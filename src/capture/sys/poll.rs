//! Waiting for the first of several files that has something to say.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Waits until one of `files` can be read, or has an error to tell, and for at most `patience`. Answers whether one has. A signal ends
/// it early.
pub fn readable<'a>(files: impl IntoIterator<Item = BorrowedFd<'a>>, patience: Duration) -> io::Result<bool> {
    let mut polled: Vec<libc::pollfd> = files
        .into_iter()
        .map(|file| libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN | libc::POLLERR, revents: 0 })
        .collect();
    let count = libc::nfds_t::try_from(polled.len()).map_err(io::Error::other)?;
    let milliseconds = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: `polled` has `count` entries, and outlives the call.
    match unsafe { libc::poll(polled.as_mut_ptr(), count, milliseconds) } {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
        ready => Ok(ready > 0),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_ends_with_the_first_that_can_be_read_or_with_patience() {
        let (one, _keep) = UnixStream::pair().unwrap();
        let (two, mut sender) = UnixStream::pair().unwrap();
        let started = Instant::now();
        assert!(!readable([one.as_fd(), two.as_fd()], Duration::from_millis(20)).unwrap());
        assert!(started.elapsed() >= Duration::from_millis(20));
        sender.write_all(b"x").unwrap();
        assert!(readable([one.as_fd(), two.as_fd()], Duration::from_secs(60)).unwrap());
        assert!(started.elapsed() < Duration::from_secs(50));
    }
}
