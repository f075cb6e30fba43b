//! `portcullis config check`: what is wrong with a configuration file, and where.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command};

use super::file::{Choice, ConfigFile};
use super::keys::Keys;
use crate::cli::{print, say};

/// Say what is wrong with a configuration file, with place and hint
///
/// The exit status is 1 where something is wrong with it or it cannot be read, 0 else.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The file [default: the one that is in force]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Check {
    /// Runs it, and says how it went.
    pub fn run(self, root: &Command, given: &ArgMatches) -> ExitCode {
        let Some(path) = self.file.or_else(|| Choice::made(given).path().map(PathBuf::from)) else {
            say("error", "no configuration file is in force: name one");
            return ExitCode::FAILURE;
        };
        let file = match ConfigFile::read(&path, &Keys::of(root)) {
            Ok(file) => file,
            Err(error) => {
                say("error", format_args!("cannot read the configuration {}: {error}", path.display()));
                return ExitCode::FAILURE;
            }
        };
        let keys = match file.entries.keys {
            1 => "1 key".to_owned(),
            n => format!("{n} keys"),
        };
        let last = match file.faults.len() {
            0 => format!("{}: {keys}, nothing wrong\n", file.name),
            1 => format!("{}: 1 error\n", file.name),
            n => format!("{}: {n} errors\n", file.name),
        };
        let printed = print((file.complaint() + &last).as_bytes());
        if printed && file.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
