//! Which keys the file may have: the flags of all commands, as clap knows them. A flag that is added there has its key.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, Id};

use super::fault::Reason;
use crate::base::slip;
use crate::cli::sink_description::target_key;

/// The flags of all commands.
#[derive(Debug)]
pub(super) struct Keys {
    leaves: Vec<Leaf>,
}

/// A command that has no subcommands.
#[derive(Debug)]
pub(super) struct Leaf {
    /// From the first subcommand on: `rules`, `check`.
    pub path: Vec<String>,
    /// Nothing in it is required.
    command: Command,
}

/// What a key takes in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Switch,
    /// A string.
    Text,
    /// A number, or a string: with a unit, for one.
    Amount,
}

impl Keys {
    /// Those of the commands below `root`, but for the ones about the file itself.
    pub fn of(root: &Command) -> Self {
        let mut leaves = Vec::new();
        collect(root, &mut Vec::new(), &mut leaves);
        Self { leaves }
    }

    /// All commands that have keys.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The command that is called so.
    pub fn leaf(&self, path: &[impl AsRef<str>]) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.path.iter().map(String::as_str).eq(path.iter().map(AsRef::as_ref)))
    }

    /// The words that may follow `path` on the way to a command.
    pub fn below(&self, path: &[&str]) -> Vec<&str> {
        let inside = self.leaves.iter().filter(|leaf| leaf.path.iter().zip(path).all(|(a, b)| a == b));
        let mut words: Vec<&str> = inside.filter_map(|leaf| leaf.path.get(path.len()).map(String::as_str)).collect();
        words.dedup();
        words
    }

    /// The key that `key` may be a slip of, among those of these commands.
    pub fn meant<'k>(leaves: &[&'k Leaf], key: &str) -> Option<&'k str> {
        let known: Vec<&str> = leaves.iter().flat_map(|leaf| leaf.flags().map(key_of)).chain([VARS]).collect();
        let plain = key.trim_start_matches('-').replace('_', "-");
        slip::meant(&plain, known)
    }
}

impl Leaf {
    /// As it is called: `rules check`.
    pub fn name(&self) -> String {
        self.path.join(" ")
    }

    /// All flags that have a key, in the order of the help.
    pub fn flags(&self) -> impl Iterator<Item = &Arg> {
        self.command.get_arguments().filter(|arg| arg.get_long().is_some() && !is_about_itself(arg))
    }

    /// The flag that is called so.
    pub fn flag(&self, key: &str) -> Option<&Arg> {
        self.flags().find(|arg| arg.get_long() == Some(key))
    }

    /// Whether clap takes `word`, one option with its value, and why not.
    pub fn check(&self, arg: &Arg, word: &OsStr) -> Result<(), Reason> {
        let command = self.command.clone().no_binary_name(true);
        match command.try_get_matches_from([word]) {
            Err(error) if error.kind() != clap::error::ErrorKind::MissingRequiredArgument => Err(reason(arg, &error)),
            _ => Ok(()), // what it requires may be on the command line
        }
    }

    /// Whether clap does not take both.
    pub fn exclude(&self, one: &Arg, other: &Arg) -> bool {
        let names = |a: &Arg, b: &Arg| self.command.get_arg_conflicts_with(a).iter().any(|c| c.get_id() == b.get_id());
        let in_group = || {
            self.command.get_groups().any(|group| {
                let members: Vec<&Id> = group.get_args().collect();
                !group.clone().is_multiple() && members.contains(&one.get_id()) && members.contains(&other.get_id())
            })
        };
        one.get_id() != other.get_id() && (names(one, other) || names(other, one) || in_group())
    }
}

/// The key of a flag: its name.
pub(super) fn key_of(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}

/// What its key takes.
pub(super) fn kind(arg: &Arg) -> Kind {
    if is_switch(arg) {
        Kind::Switch
    } else if is_path(arg) || is_text(arg) || is_sink(arg) || !arg.get_possible_values().is_empty() {
        Kind::Text
    } else {
        Kind::Amount
    }
}

/// Whether it may be given more than once: its key takes a list.
pub(super) fn is_repeated(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// Whether its value is a list with commas: its key takes a list of TOML as well.
pub(super) fn has_commas(arg: &Arg) -> bool {
    COMMAS.contains(&arg.get_id().as_str())
}

/// Whether an empty list says nothing that it could mean: without the key there is a value, too.
pub(super) fn needs_entries(arg: &Arg) -> bool {
    has_commas(arg) || !arg.get_default_values().is_empty()
}

/// Whether it may stand without a value, which is `true` in the file.
pub(super) fn may_be_bare(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|n| n.min_values() == 0)
}

/// Whether it is one that the table of variables stands for.
pub(super) fn is_variable(arg: &Arg) -> bool {
    arg.get_id() == "var"
}

/// Whether it is one that a table in the file may stand for.
pub(super) fn is_sink(arg: &Arg) -> bool {
    arg.get_id() == "sink"
}

/// A value of the file as it would be on the command line: paths that are relative are so to the directory of the file, `dir`.
pub(super) fn resolved(arg: &Arg, text: &str, dir: &Path) -> OsString {
    let id = arg.get_id().as_str();
    let is_word = || text == "-" || WORDS.iter().any(|(flag, words)| *flag == id && words.contains(&text));
    let separated = match id {
        "list" | "dataset" => text.split_once('=').map(|(what, path)| (format!("{what}="), path)),
        "sink" => {
            text.split_once(':').filter(|(kind, _)| target_key(kind) == Some("path")).map(|(kind, path)| (format!("{kind}:"), path))
        }
        _ => None,
    };
    if let Some((what, path)) = separated {
        let mut whole = OsString::from(what);
        whole.push(dir.join(path));
        return whole;
    }
    if is_path(arg) && !is_word() { dir.join(text).into() } else { text.into() }
}

/// The command with switches that may also be turned off: `--flows=false`.
pub(super) fn with_values_for_switches(command: Command) -> Command {
    command.mut_subcommands(with_values_for_switches).mut_args(|arg| match is_switch(&arg) {
        true => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .default_value("false")
            .value_name("true|false")
            .value_parser(clap::value_parser!(bool)),
        false => arg,
    })
}

/// The command with nothing that has to be given.
pub(super) fn with_nothing_required(command: Command) -> Command {
    let groups: Vec<Id> = command.get_groups().filter(|group| group.is_required_set()).map(|g| g.get_id().clone()).collect();
    let command = command.mut_subcommands(with_nothing_required).mut_args(|arg| arg.required(false));
    groups.into_iter().fold(command, |command, group| command.mut_group(group, |g| g.required(false)))
}

fn collect(command: &Command, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    for sub in command.get_subcommands().filter(|sub| !NO_KEYS.contains(&sub.get_name())) {
        path.push(sub.get_name().to_owned());
        if sub.has_subcommands() {
            collect(sub, path, leaves);
        } else {
            let mut command = with_nothing_required(sub.clone());
            command.build();
            leaves.push(Leaf { path: path.clone(), command });
        }
        path.pop();
    }
}

/// What clap has against a value, in words that fit a file.
fn reason(arg: &Arg, error: &clap::Error) -> Reason {
    let key = key_of(arg).to_owned();
    let given = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.clone(),
        _ => String::new(),
    };
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(words)) if !words.is_empty() => {
            return Reason::NoSuchWord { key, given, words: words.clone() };
        }
        _ if given.is_empty() && is_path(arg) => return Reason::EmptyPath { key },
        _ => {}
    }
    let why = match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    Reason::BadValue { key, given, why }
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

fn is_path(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<PathBuf>()
}

fn is_text(arg: &Arg) -> bool {
    [TypeId::of::<String>(), TypeId::of::<OsString>()].iter().any(|id| arg.get_value_parser().type_id() == *id)
}

/// Flags about the command line or the file itself.
fn is_about_itself(arg: &Arg) -> bool {
    let is_help = matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version);
    is_help || ["config", "no_config"].contains(&arg.get_id().as_str())
}

/// The table of variables, in place of a key `var`.
pub(super) const VARS: &str = "vars";
/// The table that has one for each command.
pub(super) const COMMAND: &str = "command";

/// Commands without keys.
const NO_KEYS: [&str; 3] = ["config", "generate", "help"];

/// Flags whose value is a list with commas.
const COMMAS: [&str; 3] = ["ports", "findings", "pin_cpus"];

/// Words that are no files, where one could be named.
const WORDS: [(&str, &[&str]); 1] = [("trust_store", &["mozilla", "system", "none"])];
