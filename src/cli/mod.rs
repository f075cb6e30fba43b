//! The command line.
//!
//! Exit status: 0 done, 1 it failed (or some of it did), 2 it was asked wrongly; killed by a signal as such.

mod certificate_options;
mod datasets;
mod feed_files;
mod findings;
mod list_options;
mod lookups;
mod printer;
mod profile;
mod reload;
mod replay;
mod rule_options;
mod rules;
pub mod terminal;
mod trust_options;
mod units;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Watches port 443: TLS sessions, certificates and fingerprints from captures, Suricata rules, EVE JSON events.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(Box<replay::Replay>),
    #[command(subcommand)]
    Rules(rules::Rules),
    Findings(findings::Findings),
}

/// Runs the command that the arguments ask for.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Replay(replay) => replay.run(),
        Command::Rules(rules) => rules.run(),
        Command::Findings(findings) => findings.run(),
    }
}

/// Tells about something on standard error, in one line.
fn say(kind: &str, what: impl std::fmt::Display) {
    eprintln!("portcullis: {kind}: {what}");
}
