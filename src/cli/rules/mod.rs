//! `portcullis rules`: the truth about rules, without a capture.

mod check;
mod list;

use std::process::ExitCode;

use clap::Subcommand;

/// Check rule files, and show what becomes of rules
#[derive(Debug, Subcommand)]
pub(super) enum Rules {
    Check(Box<check::Check>),
    List(Box<list::List>),
}

impl Rules {
    /// Runs it, and says how it went.
    pub fn run(self) -> ExitCode {
        match self {
            Self::Check(check) => check.run(),
            Self::List(list) => list.run(),
        }
    }
}
