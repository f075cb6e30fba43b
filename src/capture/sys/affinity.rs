//! On which processor a thread runs.

use std::io;

use super::check;

/// The calling thread runs on this processor from now on.
pub fn stay_on(processor: usize) -> io::Result<()> {
    if processor >= usize::try_from(libc::CPU_SETSIZE).unwrap_or(0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the processor is within the set.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: a set of the size that is given; 0 is the calling thread.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) })?;
    Ok(())
}

/// The processors that the calling thread may run on.
pub fn processors() -> io::Result<Vec<usize>> {
    // SAFETY: all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a set of the size that is given; 0 is the calling thread.
    check(unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) })?;
    let all = 0..usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    // SAFETY: the processor is within the set.
    Ok(all.filter(|&processor| unsafe { libc::CPU_ISSET(processor, &set) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_told_to() {
        let last = *processors().unwrap().last().unwrap();
        let where_it_runs = std::thread::spawn(move || {
            stay_on(last).unwrap();
            processors().unwrap()
        });
        assert_eq!(where_it_runs.join().unwrap(), [last]);
        assert!(stay_on(1 << 20).is_err());
    }
}
