//! Why a command does not do what it was asked for: it was said, and what is left is the exit status.

use std::fmt::Display;
use std::process::ExitCode;

use super::say;

/// A command's end before its work. Why was said.
#[derive(Debug)]
pub(super) struct Refused(pub ExitCode);

impl Refused {
    /// It failed, and whoever found that has said it.
    pub const FAILED: Self = Self(ExitCode::FAILURE);
}

/// Says why it failed.
pub(super) fn failed(error: impl Display) -> Refused {
    say("error", error);
    Refused::FAILED
}

/// Says what was asked wrongly.
pub(super) fn wrong(error: impl Display) -> Refused {
    say("error", error);
    Refused(ExitCode::from(2))
}
