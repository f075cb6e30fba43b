//! Who a process is, and what it may do: users (credentials(7)) and capabilities (capabilities(7)).

use std::ffi::{CString, c_char};
use std::io;

use super::check;

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// The number of its first group.
    pub gid: u32,
}

/// A set of capabilities, by their numbers (`linux/capability.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// CAP_DAC_OVERRIDE: to read and write files whosever they are.
    pub const DAC_OVERRIDE: Self = Self(1 << 1);
    /// CAP_NET_ADMIN: to change how the network is set up; packet queues.
    pub const NET_ADMIN: Self = Self(1 << 12);
    /// CAP_NET_RAW: packet sockets.
    pub const NET_RAW: Self = Self(1 << 13);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that the calling thread may use.
    pub fn of_this_thread() -> io::Result<Self> {
        let (mut header, mut sets) = (HEADER, [CapabilitySets::default(); 2]);
        // SAFETY: version 3 fills in two structures of sets.
        check_call(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) })?;
        let [low, high] = sets;
        Ok(Self(u64::from(low.permitted) | u64::from(high.permitted) << 32))
    }
}

impl User {
    /// The user of this name or number; `None` where there is none.
    pub fn named(name: &str) -> io::Result<Option<Self>> {
        let c_name = CString::new(name).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: all zeros is a valid value.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut strings = vec![0 as c_char; 16 << 10];
        let mut found = std::ptr::null_mut();
        // SAFETY: the name ends with a zero; the entry, the room for its strings and the answer outlive the call.
        let error =
            unsafe { libc::getpwnam_r(c_name.as_ptr(), &raw mut entry, strings.as_mut_ptr(), strings.len(), &raw mut found) };
        match (error, found.is_null()) {
            (0, false) => Ok(Some(Self { uid: entry.pw_uid, gid: entry.pw_gid })),
            (0, true) => Ok(name.parse().ok().map(|number| Self { uid: number, gid: number })),
            (error, _) => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// The number of the user that the process acts as: 0 is root.
pub fn user_number() -> u32 {
    // SAFETY: takes nothing, and cannot fail.
    unsafe { libc::geteuid() }
}

/// The process acts as `user` from now on, in no other group than its first, and cannot go back. The calling thread keeps `kept` of the
/// capabilities that it has; other threads keep none.
pub fn become_user(user: User, kept: Capabilities) -> io::Result<()> {
    forget_others(kept);
    // SAFETY: these take numbers, and a list of one group that outlives the call.
    unsafe {
        check(libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0))?;
        check(libc::setgroups(1, &raw const user.gid))?;
        check(libc::setresgid(user.gid, user.gid, user.gid))?;
        check(libc::setresuid(user.uid, user.uid, user.uid))?;
    }
    keep_only(kept)
}

/// The calling thread, and those that it starts, keep `kept` of the capabilities that it has, and no others.
pub fn keep_only(kept: Capabilities) -> io::Result<()> {
    forget_others(kept);
    let kept = Capabilities::of_this_thread()?.0 & kept.0;
    #[allow(clippy::cast_possible_truncation)] // the halves of it
    let halves = [kept as u32, (kept >> 32) as u32];
    let sets = halves.map(|half| CapabilitySets { effective: half, permitted: half, inheritable: 0 });
    let mut header = HEADER;
    // SAFETY: version 3 reads two structures of sets.
    check_call(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) })?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    Ok(())
}

/// No program that is started may have others than `kept`. Who may not say so had none to give.
fn forget_others(kept: Capabilities) {
    for number in 0..63 {
        if kept.0 >> number & 1 == 0 {
            // SAFETY: takes numbers only; an error is of a number that this kernel does not know, or of who may not.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
        }
    }
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
}

fn check_call(answer: libc::c_long) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What capget and capset are told first: version 3, the calling thread.
const HEADER: CapabilityHeader = CapabilityHeader { version: 0x2008_0522, pid: 0 };

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// 32 of each set.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct CapabilitySets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_or_number() {
        assert_eq!(User::named("root").unwrap(), Some(User { uid: 0, gid: 0 }));
        assert_eq!(User::named("65533").unwrap(), Some(User { uid: 65_533, gid: 65_533 }));
        assert_eq!(User::named("nosuchuser").unwrap(), None);
    }

    #[test]
    fn a_thread_keeps_what_it_is_told_to_and_had() {
        let before = Capabilities::of_this_thread().unwrap();
        let after = std::thread::spawn(|| {
            keep_only(Capabilities::NET_RAW).unwrap();
            Capabilities::of_this_thread().unwrap()
        });
        assert_eq!(after.join().unwrap().0, before.0 & Capabilities::NET_RAW.0);
        assert_eq!(Capabilities::of_this_thread().unwrap(), before, "and other threads are as they were");
    }
}
