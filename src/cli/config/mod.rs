//! `portcullis.toml`: what a file says on the command line's behalf, and `portcullis config`.
//!
//! A key is the name of a flag. What the file says becomes options that stand before those that were given, but for those that these
//! replace; so clap judges both alike, and a command knows nothing of files.

mod check;
mod fault;
mod file;
mod keys;
mod read;
mod show;
mod sinks;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command, FromArgMatches, Subcommand};

use super::say;
use super::veil::veiled;
use file::{Choice, ConfigFile};
use keys::{Keys, Kind, Leaf, key_of};

/// Check the configuration file, and show what is in force
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    Check(check::Check),
    Show(show::Show),
}

impl Config {
    /// Runs it, and says how it went; `root` is the whole command line, and `given` what was on it.
    pub fn run(self, root: &Command, given: &ArgMatches) -> ExitCode {
        match self {
            Self::Check(check) => check.run(root, given),
            Self::Show(show) => show.run(root, given),
        }
    }
}

/// What the command line and the configuration file ask for, with the former alone, or the status to end with; why was said.
pub(super) fn parse<C: FromArgMatches>(root: &Command, args: &[OsString]) -> Result<(C, ArgMatches), ExitCode> {
    let given = leniently(root, args).map_err(|error| told(root, args, error))?;
    let keys = Keys::of(root);
    let words = match keys.leaf(&path_of(&given)) {
        Some(leaf) => {
            let choice = Choice::made(&given);
            let file = read(&choice, &keys)?;
            let words: Vec<OsString> =
                file.iter().flat_map(|file| file.entries.beside(leaf, leaf_of(&given))).flat_map(words_of).collect();
            if choice == Choice::System && !words.is_empty() {
                say("note", format_args!("{} is used; --no-config does without", name_of(file.as_ref())));
            }
            with_words(root, args, leaf, words, file)
        }
        None => Words { args: args.to_vec(), from: None },
    };
    let strict = keys::with_values_for_switches(root.clone());
    let parsed = strict.try_get_matches_from(&words.args).and_then(|mut matches| C::from_arg_matches_mut(&mut matches));
    match parsed {
        Ok(command) => Ok((command, given)),
        Err(error) => {
            let kind = error.kind();
            let status = told(root, args, error);
            if let Some(name) = words.from.filter(|_| MAY_BE_OF_THE_FILE.contains(&kind)) {
                say("note", format_args!("this is together with what {name} says: see `portcullis config show`"));
            }
            Err(status)
        }
    }
}

/// A command line with the words of a file.
struct Words {
    args: Vec<OsString>,
    /// The name of the file, where there are any.
    from: Option<String>,
}

/// `args` with `words` put behind the command: before those that were given, so that these count. Switches that are turned off have
/// done their part by then, and go: to clap they would exclude others.
fn with_words(root: &Command, args: &[OsString], leaf: &Leaf, words: Vec<OsString>, file: Option<ConfigFile>) -> Words {
    let (before, after) = args.split_at_checked(behind(root, args, &leaf.path)).unwrap_or((args, &[]));
    let end = after.iter().position(|arg| arg == "--").unwrap_or(after.len());
    let (flags, rest) = after.split_at_checked(end).unwrap_or((after, &[]));
    let off: Vec<OsString> =
        leaf.flags().filter(|arg| keys::kind(arg) == Kind::Switch).map(|arg| format!("--{}=false", key_of(arg)).into()).collect();
    let flags: Vec<OsString> = flags.iter().filter(|arg| !off.contains(arg)).cloned().collect();
    let from = file.filter(|_| !words.is_empty()).map(|file| file.name);
    Words { args: [before, &words, &flags, rest].concat(), from }
}

/// How many of `args` go before the flags of the command at `path`: the program, its own options, and the words of the path.
fn behind(root: &Command, args: &[OsString], path: &[String]) -> usize {
    let mut path = path.iter();
    let mut next = path.next();
    let mut is_value = false;
    for (at, arg) in args.iter().enumerate().skip(1) {
        let takes_value = |name: &str| root.get_arguments().any(|a| a.get_long() == Some(name) && a.get_action().takes_values());
        let text = arg.to_str().unwrap_or_default();
        if std::mem::take(&mut is_value) {
        } else if let Some(name) = text.strip_prefix("--") {
            is_value = takes_value(name);
        } else if Some(text) == next.map(String::as_str) {
            next = path.next();
            if next.is_none() {
                return at.saturating_add(1);
            }
        }
    }
    args.len()
}

/// What was given, as far as it can be understood; what is wrong with it is found once the file was read.
fn leniently(root: &Command, args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    keys::with_values_for_switches(root.clone()).ignore_errors(true).try_get_matches_from(args)
}

/// The words of the command that was asked for.
fn path_of(given: &ArgMatches) -> Vec<&str> {
    let mut path = Vec::new();
    let mut at = given;
    while let Some((name, below)) = at.subcommand() {
        path.push(name);
        at = below;
    }
    path
}

/// What was given to the command itself.
fn leaf_of(given: &ArgMatches) -> &ArgMatches {
    given.subcommand().map_or(given, |(_, below)| leaf_of(below))
}

fn words_of((entry, _): (&read::Entry, clap::Arg)) -> Vec<OsString> {
    entry.words.clone()
}

fn name_of(file: Option<&ConfigFile>) -> &str {
    file.map_or("", |file| &file.name)
}

/// The file that was chosen, which has no faults; where it has some or cannot be read, that was said, and the status says how it ends.
fn read(choice: &Choice, keys: &Keys) -> Result<Option<ConfigFile>, ExitCode> {
    let Some(path) = choice.path() else { return Ok(None) };
    match ConfigFile::read(path, keys) {
        Ok(file) if file.faults.is_empty() => Ok(Some(file)),
        Ok(file) => {
            eprint!("{}", file.complaint());
            Err(ExitCode::from(ASKED_WRONGLY))
        }
        Err(error) => {
            say("error", format_args!("cannot read the configuration {}: {error}", path.display()));
            Err(ExitCode::FAILURE)
        }
    }
}

/// Says what clap has to say, and gives the status for it.
fn told(root: &Command, args: &[OsString], mut error: clap::Error) -> ExitCode {
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue).cloned() {
        error.insert(ContextKind::InvalidValue, ContextValue::String(veiled(&value)));
    }
    // Help shows switches as they are mostly written, without a value.
    let plain = match error.kind() {
        ErrorKind::DisplayHelp => {
            root.clone().try_get_matches_from(args).err().filter(|plain| plain.kind() == ErrorKind::DisplayHelp)
        }
        _ => None,
    };
    let _ = plain.as_ref().unwrap_or(&error).print(); // nobody is there to be told that nobody reads
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(ASKED_WRONGLY))
}

/// What clap may find wrong though each side is right by itself.
const MAY_BE_OF_THE_FILE: [ErrorKind; 2] = [ErrorKind::MissingRequiredArgument, ErrorKind::ArgumentConflict];

/// The exit status where the command line or the file is wrong, as clap has it.
const ASKED_WRONGLY: u8 = 2;
