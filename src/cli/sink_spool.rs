//! The keys of a sink that say where events wait for its receiver, and the directory in which that is, if nothing else is said.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::units;
use crate::sink::{SpoolSettings, WhenFull};

/// What the keys say.
#[derive(Debug, Default)]
pub(super) struct SpoolKeys {
    dir: Option<PathBuf>,
    size: Option<u64>,
    when_full: Option<WhenFull>,
    resend: Option<usize>,
    sync: Option<Option<Duration>>,
    sync_bytes: Option<u64>,
}

/// Whether a kind of sink has a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Custom {
    /// Never.
    Never,
    /// Where one is named.
    Asked,
    /// By itself; not with `spool=none`.
    Usual,
    /// Always.
    Always,
}

impl SpoolKeys {
    /// Takes a key; `false` where it is none of these.
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let bytes = || units::bytes(value).map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX));
        match key {
            "spool" => self.dir = Some(PathBuf::from(value)),
            "spool-size" => self.size = Some(Some(bytes()?).filter(|n| *n >= SMALLEST).ok_or("use 1MiB or more")?),
            "spool-full" => {
                let known = FULL.iter().find(|(word, _)| *word == value);
                self.when_full = Some(known.ok_or_else(|| format!("'{value}' is none of wait, oldest, newest"))?.1);
            }
            "spool-sync" if value == "never" => self.sync = Some(None),
            "spool-sync" => {
                let seconds: Option<f64> = value.parse().ok().filter(|seconds| (0.0..=3_600.0).contains(seconds));
                let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                self.sync = Some(Some(time.ok_or("use 0 to 3600 seconds, or never")?));
            }
            "spool-sync-bytes" => self.sync_bytes = Some(bytes()?),
            "resend" => self.resend = Some(units::bytes(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What comes of them for a sink that is called `name`. A directory that is not named has a relative path, [`UNNAMED`] and its name.
    pub fn settings(self, custom: Custom, name: &str) -> Result<Option<SpoolSettings>, &'static str> {
        let is_none = self.dir.as_deref() == Some(Path::new("none"));
        let dir = match (custom, self.dir) {
            (Custom::Always, _) if is_none => return Err("a spool"),
            (Custom::Never, _) | (Custom::Asked, None) => None,
            (_, Some(dir)) => Some(dir).filter(|_| !is_none),
            (Custom::Usual | Custom::Always, None) => Some(Path::new(UNNAMED).join(file_name(name))),
        };
        let Some(dir) = dir else {
            let is_set = self.size.is_some()
                || self.when_full.is_some()
                || self.resend.is_some()
                || self.sync.is_some()
                || self.sync_bytes.is_some();
            return if is_set { Err("spool, a directory, for this") } else { Ok(None) };
        };
        let usual = SpoolSettings::new(dir, self.size.unwrap_or(SIZE), self.when_full.unwrap_or(WhenFull::Wait));
        Ok(Some(SpoolSettings {
            resend: self.resend.unwrap_or(usual.resend),
            sync_time: self.sync.unwrap_or(usual.sync_time),
            sync_bytes: self.sync_bytes.unwrap_or(usual.sync_bytes),
            ..usual
        }))
    }
}

/// Puts a directory that was not named under `base`.
pub(super) fn place(settings: &mut SpoolSettings, base: &Path) {
    if let Ok(name) = settings.dir.strip_prefix(UNNAMED) {
        settings.dir = base.join(name);
    }
}

/// Where spools are, if nothing else is said: under the directory that the service manager gives; `/var/lib/portcullis` for root; else where the XDG
/// Base Directory Specification has state.
pub(super) fn usual_dir(is_root: bool) -> Option<PathBuf> {
    let of = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let given = of("STATE_DIRECTORY").and_then(|all| env::split_paths(&all).next());
    let state = match given {
        Some(given) => given,
        None if is_root => PathBuf::from("/var/lib/portcullis"),
        None => {
            let state = of("XDG_STATE_HOME").filter(|path| path.is_absolute());
            state.or_else(|| of("HOME").map(|home| home.join(".local/state")))?.join("portcullis")
        }
    };
    Some(state.join("spool"))
}

/// A name as that of a file, and no other name's: what no file's name has is a dash, and what tells it from others behind it then.
fn file_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).take(LONGEST_NAME).collect();
    if plain == name && !plain.starts_with('.') {
        return plain;
    }
    format!("{}-{:08x}", plain.trim_start_matches('.'), crc32fast::hash(name.as_bytes()))
}

/// What stands in the path of a spool for the directory of all, until that is known.
const UNNAMED: &str = "\u{0}";
const FULL: [(&str, WhenFull); 3] = [("wait", WhenFull::Wait), ("oldest", WhenFull::Oldest), ("newest", WhenFull::Newest)];
/// Bytes of a spool, if nothing else is said, and at least.
const SIZE: u64 = 1 << 30;
const SMALLEST: u64 = 1 << 20;
const LONGEST_NAME: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_is_called_as_its_sink() {
        for (name, expected) in [
            ("siem", "siem"),
            ("syslog-tcp:logs.example:601", "syslog-tcp-logs.example-601-8eb0d7f3"),
            ("../x", "-x-b4e1d4a1"),
            ("", "-00000000"),
        ] {
            let got = file_name(name);
            let hash = format!("{:08x}", crc32fast::hash(name.as_bytes()));
            let expected = expected.replace("8eb0d7f3", &hash).replace("b4e1d4a1", &hash);
            assert_eq!(got, if name.is_empty() { String::new() } else { expected });
        }
        assert_ne!(file_name("a:b"), file_name("a/b"));
    }

    #[test]
    fn a_spool_that_was_not_named_is_under_the_directory_of_all() {
        let spool = |custom, dir: Option<&str>| {
            let mut keys = SpoolKeys::default();
            dir.map(|dir| keys.set("spool", dir));
            let mut settings = keys.settings(custom, "siem").unwrap()?;
            place(&mut settings, Path::new("/state"));
            Some(settings.dir)
        };
        for (custom, dir, expected) in [
            (Custom::Usual, None, Some("/state/siem")),
            (Custom::Usual, Some("none"), None),
            (Custom::Usual, Some("/own"), Some("/own")),
            (Custom::Asked, None, None),
            (Custom::Asked, Some("own"), Some("own")),
            (Custom::Always, None, Some("/state/siem")),
            (Custom::Never, None, None),
        ] {
            assert_eq!(spool(custom, dir), expected.map(PathBuf::from), "{custom:?} {dir:?}");
        }
    }
}
