//! `portcullis rules`: the truth about rules, without a capture.

mod check;
mod list;
mod place;

use std::io::{self, ErrorKind, Write};
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

/// Writes `bytes` to standard output. A reader that has enough is no failure.
fn print(bytes: &[u8]) -> bool {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            super::say("error", format_args!("cannot write to standard output: {error}"));
            false
        }
        _ => true,
    }
}
