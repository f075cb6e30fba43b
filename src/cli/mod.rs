//! The command line.
//!
//! Exit status: 0 done, 1 it failed (or some of it did), 2 it was asked wrongly; killed by a signal as such.

mod certificate_options;
mod config;
mod datasets;
#[cfg(target_os = "linux")]
mod doctor;
mod engine_options;
mod feed_files;
mod findings;
mod generate;
#[cfg(target_os = "linux")]
mod inline;
mod list_options;
#[cfg(target_os = "linux")]
mod listen_options;
mod lookups;
#[cfg(target_os = "linux")]
mod notify;
mod place;
mod printer;
mod profile;
mod recording_options;
mod refused;
mod reload;
mod replay;
mod rule_options;
mod rules;
mod run;
mod run_options;
#[cfg(target_os = "linux")]
mod sandbox;
mod signals;
mod sink_description;
mod sink_http;
#[cfg(feature = "kafka")]
mod sink_kafka;
mod sink_options;
mod sink_spool;
mod sink_tls;
#[cfg(target_os = "linux")]
mod tap;
pub mod terminal;
mod trust_options;
mod units;
mod veil;
mod version;
mod watch;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Watches port 443: TLS sessions, certificates and fingerprints from captures, Suricata rules, EVE JSON events.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, long_version = version::LONG.as_str(), about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Read flags from FILE, where those of the command line do not replace them [default: $PORTCULLIS_CONFIG, else
    /// /etc/portcullis/portcullis.toml where it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Configuration")]
    config: Option<PathBuf>,

    /// Read no configuration file
    #[arg(long, global = true, conflicts_with = "config", help_heading = "Configuration")]
    no_config: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(Box<replay::Replay>),
    #[cfg(target_os = "linux")]
    Tap(Box<tap::Tap>),
    #[cfg(target_os = "linux")]
    Inline(Box<inline::Inline>),
    #[cfg(target_os = "linux")]
    Doctor(doctor::Doctor),
    #[command(subcommand)]
    Rules(rules::Rules),
    Findings(findings::Findings),
    #[command(subcommand)]
    Config(config::Config),
    Generate(generate::Generate),
}

/// Runs the command that the arguments and the configuration file ask for.
pub fn main() -> ExitCode {
    let (root, args) = (Cli::command(), std::env::args_os().collect::<Vec<OsString>>());
    let (cli, given) = match config::parse::<Cli>(&root, &args) {
        Ok(parsed) => parsed,
        Err(status) => return status,
    };
    match cli.command {
        Command::Replay(replay) => replay.run(),
        #[cfg(target_os = "linux")]
        Command::Tap(tap) => tap.run(),
        #[cfg(target_os = "linux")]
        Command::Inline(inline) => inline.run(),
        #[cfg(target_os = "linux")]
        Command::Doctor(doctor) => doctor.run(),
        Command::Rules(rules) => rules.run(),
        Command::Findings(findings) => findings.run(),
        Command::Config(config) => config.run(&root, &given),
        Command::Generate(generate) => generate.run(&root),
    }
}

/// Tells about something on standard error, in one line.
fn say(kind: &str, what: impl std::fmt::Display) {
    eprintln!("portcullis: {kind}: {what}");
}

/// Writes `bytes` to standard output. A reader that has enough is no failure.
fn print(bytes: &[u8]) -> bool {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            say("error", format_args!("cannot write to standard output: {error}"));
            false
        }
        _ => true,
    }
}
