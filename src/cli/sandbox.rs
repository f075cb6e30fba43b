//! What a run gives up once its sockets and files are open: its user, capabilities, and what is beyond the fence.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::refused::{Refused, failed};
use super::say;
use crate::capture::sys::privileges::{Capabilities, User, become_user, keep_only, user_number};
use crate::pipeline::sandbox::fence;

#[derive(Debug, Args)]
#[command(next_help_heading = "Privileges")]
pub(super) struct SandboxOptions {
    /// Go on as this user, by name or number, once interfaces and files are open
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// Keep all privileges, and put no fence around the run
    #[arg(long)]
    no_sandbox: bool,
}

impl SandboxOptions {
    /// The user to become, where one is named. Answers why not, where there is no such user.
    pub fn user(&self) -> Result<Option<User>, String> {
        let Some(name) = &self.user else { return Ok(None) };
        match User::named(name) {
            Ok(Some(user)) => Ok(Some(user)),
            Ok(None) => Err(format!("there is no user {name}: name one for --user that there is")),
            Err(error) => Err(format!("cannot look up user {name}: {error}")),
        }
    }

    /// Gives up what is not needed any more, for the calling thread and those that it starts: all capabilities but `needed`, and writing to files
    /// elsewhere than in `spools` and beside `outputs`, or in them where they are directories. To be called before threads are started.
    pub fn enter<'p>(
        &self,
        user: Option<User>,
        needed: Capabilities,
        outputs: impl Iterator<Item = &'p Path>,
        spools: &'p [PathBuf],
    ) -> Result<(), Refused> {
        if let Some(user) = user {
            give(spools, user)?;
        }
        let entered = self.try_enter(user, needed, outputs.chain(spools.iter().map(PathBuf::as_path)));
        entered.map_err(|error| failed(format_args!("cannot give up privileges: {error}; --no-sandbox keeps them")))
    }

    fn try_enter<'p>(&self, user: Option<User>, needed: Capabilities, outputs: impl Iterator<Item = &'p Path>) -> io::Result<()> {
        match user {
            Some(user) => become_user(user, needed)?,
            None if self.no_sandbox => {}
            // Root without the right to override permissions could no longer write where others own the directory.
            None if user_number() == 0 => keep_only(needed.and(Capabilities::DAC_OVERRIDE))?,
            None => keep_only(needed)?,
        }
        if self.no_sandbox {
            return Ok(());
        }
        let fenced = fence(&outputs.map(directory).collect::<Vec<_>>())?;
        for (stands, what) in [(fenced.files, "landlock, so that files stay open to it"), (fenced.calls, "seccomp")] {
            if !stands {
                say("warning", format_args!("the kernel has no {what}; the run goes on without that part of its sandbox"));
            }
        }
        Ok(())
    }
}

/// Gives spools that nothing is in to the user who is to write them.
fn give(spools: &[PathBuf], user: User) -> Result<(), Refused> {
    for dir in spools {
        let is_empty = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
        if is_empty {
            let given = std::os::unix::fs::chown(dir, Some(user.uid), Some(user.gid));
            given.map_err(|error| failed(format_args!("cannot give {} to user {}: {error}", dir.display(), user.uid)))?;
        }
    }
    Ok(())
}

/// The directory that a path is, or that its file is in.
fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        _ if path.is_dir() => path.to_owned(),
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_in_its_directory() {
        for (path, expected) in
            [("eve.json", "."), ("/var/log/nosuch/eve.json", "/var/log/nosuch"), ("/tmp", "/tmp"), ("src", "src")]
        {
            assert_eq!(directory(Path::new(path)), Path::new(expected), "{path}");
        }
    }
}
