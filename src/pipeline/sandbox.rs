//! The fence around a run: what it will not need, the kernel refuses from then on.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use landlock::{ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// What of the fence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fenced {
    /// Files are written only beneath directories that were named (landlock).
    pub files: bool,
    /// System calls that are not needed are refused (seccomp).
    pub calls: bool,
}

/// Fences in the calling thread, and those that it starts: files can be read, written only beneath `writable`, and none be run; no other
/// program is started, no other process looked into, nothing mounted or loaded. What the kernel does not know is left out, and told.
pub fn fence(writable: &[PathBuf]) -> io::Result<Fenced> {
    Ok(Fenced { files: fence_files(writable).map_err(io::Error::other)?, calls: fence_calls()? })
}

fn fence_files(writable: &[PathBuf]) -> Result<bool, landlock::RulesetError> {
    let all = AccessFs::from_all(FILES);
    let mut ruleset = Ruleset::default().handle_access(all)?.create()?;
    let beneath = |path: &std::path::Path, access| Some(PathBeneath::new(PathFd::new(path).ok()?, access));
    if let Some(rule) = beneath("/".as_ref(), AccessFs::ReadFile | AccessFs::ReadDir) {
        ruleset = ruleset.add_rule(rule)?;
    }
    // A directory that is not there cannot be written to in any case.
    for rule in writable.iter().filter_map(|path| beneath(path, all & !AccessFs::Execute)) {
        ruleset = ruleset.add_rule(rule)?;
    }
    Ok(ruleset.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

fn fence_calls() -> io::Result<bool> {
    let Ok(arch) = std::env::consts::ARCH.try_into() else { return Ok(false) };
    let rules: BTreeMap<i64, Vec<_>> = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).map_err(io::Error::other)?);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).map_err(io::Error::other)?;
    let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    Ok(seccompiler::apply_filter(&program).is_ok())
}

/// What of landlock is asked for; older kernels do what they know of it. Its later parts, on ioctls, would keep us from our sockets' devices.
const FILES: ABI = ABI::V4;

/// System calls that a run does not need. Some came with the kernel that has them, and are refused by their number.
const REFUSED: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_mknodat,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_personality,
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn behind_the_fence_only_what_was_named_is_written_and_nothing_run() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("rules"), "alert").unwrap();
        // The fence is around a thread: the other tests are not behind it.
        let behind = || {
            let fenced = fence(&[inside.path().to_owned(), "/nosuchdir".into()]).unwrap();
            if fenced.files {
                fs::write(inside.path().join("a"), "x").unwrap();
                fs::rename(inside.path().join("a"), inside.path().join("b")).unwrap();
                let refused = fs::write(outside.path().join("a"), "x").unwrap_err();
                assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
                assert_eq!(fs::read_to_string(outside.path().join("rules")).unwrap(), "alert");
            }
            if fenced.calls {
                assert_eq!(Command::new("true").status().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            }
            fenced
        };
        let fenced = std::thread::scope(|scope| scope.spawn(behind).join().unwrap());
        if std::env::var_os("PORTCULLIS_LIVE_TESTS").is_some() {
            assert_eq!(fenced, Fenced { files: true, calls: true });
        }
        fs::write(outside.path().join("a"), "x").unwrap();
    }
}
