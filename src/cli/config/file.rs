//! Which configuration file is read, and what it comes to.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::fault::Fault;
use super::keys::Keys;
use super::read::Entries;

/// Which file is read, by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// By `--config`.
    Named(PathBuf),
    /// By the environment.
    Environment(PathBuf),
    /// The system's, which is there.
    System,
    /// None.
    Nothing,
}

/// A configuration file that was read.
#[derive(Debug)]
pub(super) struct ConfigFile {
    /// As it is called in messages.
    pub name: String,
    pub text: String,
    pub entries: Entries,
    pub faults: Vec<Fault>,
}

impl Choice {
    /// What the command line, the environment and the system choose.
    pub fn made(given: &ArgMatches) -> Self {
        let named = given.try_get_one::<PathBuf>("config").ok().flatten();
        let refused = given.try_get_one::<bool>("no_config").ok().flatten();
        match (named, refused) {
            (Some(path), _) => Self::Named(path.clone()),
            (None, Some(true)) => Self::Nothing,
            (None, _) => Self::of_the_system(std::env::var_os(VARIABLE), Path::new(SYSTEM)),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Named(path) | Self::Environment(path) => Some(path),
            Self::System => Some(Path::new(SYSTEM)),
            Self::Nothing => None,
        }
    }

    fn of_the_system(variable: Option<OsString>, system: &Path) -> Self {
        match variable {
            Some(path) if path.is_empty() => Self::Nothing,
            Some(path) => Self::Environment(path.into()),
            // What is there and cannot be read is an error, not nothing.
            None if system.symlink_metadata().is_ok() => Self::System,
            None => Self::Nothing,
        }
    }
}

impl ConfigFile {
    /// Reads the file at `path`.
    pub fn read(path: &Path, keys: &Keys) -> io::Result<Self> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(LONGEST.saturating_add(1)).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
            return Err(io::Error::other("it has more than 1 MiB, and is no configuration"));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            io::Error::other(format!("it is not UTF-8, from byte {at} on"))
        })?;
        let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
        let dir = path.parent().unwrap_or(Path::new(""));
        let (entries, faults) = Entries::read(&text, dir, keys);
        Ok(Self { name: path.display().to_string(), text, entries, faults })
    }

    /// All that is wrong with it, for people.
    pub fn complaint(&self) -> String {
        let mut out = String::new();
        self.faults.iter().for_each(|fault| fault.show(&mut out, &self.name, &self.text));
        out
    }
}

/// Names a file in place of the system's; empty, none.
const VARIABLE: &str = "PORTCULLIS_CONFIG";
/// The file of the system.
const SYSTEM: &str = "/etc/portcullis/portcullis.toml";
/// Bytes of a file.
const LONGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_before_the_system() {
        let dir = tempfile::tempdir().unwrap();
        let (there, missing) = (dir.path().join("there.toml"), dir.path().join("missing.toml"));
        fs::write(&there, "").unwrap();
        for (variable, system, expected) in [
            (None, &there, Choice::System),
            (None, &missing, Choice::Nothing),
            (Some(""), &there, Choice::Nothing),
            (Some("other.toml"), &there, Choice::Environment("other.toml".into())),
        ] {
            assert_eq!(Choice::of_the_system(variable.map(Into::into), system), expected, "{variable:?}");
        }
    }
}
