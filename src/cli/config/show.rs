//! `portcullis config show`: what is in force, and where each value comes from. It prints a configuration file that says the same.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command};

use super::file::{Choice, ConfigFile};
use super::keys::{self, COMMAND, Keys, Kind, Leaf, VARS, key_of};
use super::{leaf_of, leniently, path_of, read, told, with_words, words_of};
use crate::cli::{print, say};
use crate::event::text::is_deceptive;

/// Print what is in force for each command, or for one with the flags that follow it, and where each value comes from
///
/// What is printed is a configuration file, too, with which the same would be in force.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// A command with its flags, as in `portcullis config show replay --workers 2` [default: all commands]
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// A flag of one command, as it is in force.
struct Setting {
    key: String,
    /// In TOML; none where it is not set.
    value: Option<String>,
    origin: String,
}

/// What is in force for one command.
struct InForce {
    name: String,
    settings: Vec<Setting>,
    variables: BTreeMap<String, (String, String)>,
}

impl Show {
    /// Runs it, and says how it went.
    pub fn run(self, root: &Command, given: &ArgMatches) -> ExitCode {
        match self.text(root, given) {
            Ok(text) if print(text.as_bytes()) => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(status) => status,
        }
    }

    fn text(&self, root: &Command, given: &ArgMatches) -> Result<String, ExitCode> {
        let args = [&["portcullis".into()], &self.words[..]].concat();
        let keys = Keys::of(root);
        let inner = leniently(root, &args).map_err(|error| told(root, &args, error))?;
        let path = path_of(&inner);
        let leaves: Vec<&Leaf> = match (keys.leaf(&path), self.words.is_empty()) {
            (Some(leaf), _) => vec![leaf],
            (None, true) => keys.leaves().iter().collect(),
            (None, false) => {
                let names: Vec<String> = keys.leaves().iter().map(Leaf::name).collect();
                say("error", format_args!("name one of these commands: {}", names.join(", ")));
                return Err(ExitCode::from(super::ASKED_WRONGLY));
            }
        };
        let names_file = |given: &ArgMatches| given.value_source("config").is_some() || given.get_flag("no_config");
        let choice = Choice::made(if names_file(leaf_of(&inner)) { leaf_of(&inner) } else { given });
        let file = read(&choice, &keys)?;
        let in_force: Result<Vec<InForce>, ExitCode> =
            leaves.iter().map(|leaf| in_force(root, leaf, &args, &inner, file.as_ref())).collect();
        let mut out = match &file {
            Some(file) => format!("# with {}\n", file.name),
            None => "# without a configuration file\n".to_owned(),
        };
        tell(&mut out, &in_force?);
        Ok(out)
    }
}

/// What is in force for a command with `args`, or as it is by itself where these name none.
fn in_force(
    root: &Command,
    leaf: &Leaf,
    args: &[OsString],
    given: &ArgMatches,
    file: Option<&ConfigFile>,
) -> Result<InForce, ExitCode> {
    let is_named = !path_of(given).is_empty();
    let args = match is_named {
        true => args.to_vec(),
        false => args.iter().cloned().chain(leaf.path.iter().map(OsString::from)).collect(),
    };
    let nothing = ArgMatches::default();
    let given = if is_named { leaf_of(given) } else { &nothing };
    let is_given = |arg: &Arg| is_named && given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let entries =
        file.map(|file| if is_named { file.entries.beside(leaf, given) } else { file.entries.of(leaf) }).unwrap_or_default();
    let words: Vec<OsString> = entries.iter().cloned().flat_map(words_of).collect();
    let whole = with_words(root, &args, leaf, words, None);
    let command = keys::with_nothing_required(keys::with_values_for_switches(root.clone()));
    let matches = command.try_get_matches_from(&whole.args).map_err(|error| told(root, &whole.args, error))?;
    let matches = leaf_of(&matches);
    let place = |line: u32| format!("{}:{line}", file.map_or("", |file| &file.name));
    let mut settings = Vec::new();
    let mut variables = BTreeMap::new();
    for arg in leaf.flags() {
        let of_file = entries.iter().find(|(_, other)| other.get_id() == arg.get_id()).map(|(entry, _)| place(entry.line));
        if keys::is_variable(arg) {
            let lines = entries.iter().filter(|(_, arg)| keys::is_variable(arg)).map(|(entry, _)| place(entry.line));
            let origins = lines.chain(std::iter::repeat(COMMAND_LINE.to_owned()));
            for (value, origin) in raw(matches, arg).unwrap_or_default().iter().zip(origins) {
                let (name, value) = value.split_once('=').unwrap_or((value, ""));
                variables.insert(name.trim_start_matches('$').to_owned(), (quoted(value), origin));
            }
            continue;
        }
        let origin = match (is_given(arg), of_file, matches.value_source(arg.get_id().as_str())) {
            (true, ..) => COMMAND_LINE.to_owned(),
            (_, Some(place), _) => place,
            (_, None, Some(_)) => "default".to_owned(),
            (_, None, None) => "not set".to_owned(),
        };
        let value = raw(matches, arg).map(|values| toml(arg, &values));
        settings.push(Setting { key: key_of(arg).to_owned(), value, origin });
    }
    Ok(InForce { name: leaf.path.join("."), settings, variables })
}

/// What clap has for a flag, as text.
fn raw(matches: &ArgMatches, arg: &Arg) -> Option<Vec<String>> {
    let id = arg.get_id().as_str();
    matches.value_source(id)?;
    Some(matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect())
}

/// First what is the same for all commands that have it, then what is not, below the name of the command.
fn tell(out: &mut String, all: &[InForce]) {
    let others = |setting: &Setting| {
        let key = setting.key.clone();
        all.iter().flat_map(|command| &command.settings).filter(move |other| other.key == key)
    };
    let is_shared = |setting: &Setting| others(setting).all(|o| (&o.value, &o.origin) == (&setting.value, &setting.origin));
    let mut told: Vec<&str> = Vec::new();
    for setting in all.iter().flat_map(|command| &command.settings).filter(|setting| is_shared(setting)) {
        if !told.contains(&&*setting.key) {
            line(out, &setting.key, setting.value.as_deref(), &setting.origin);
            told.push(&setting.key);
        }
    }
    let variables: BTreeMap<_, _> = all.iter().flat_map(|command| &command.variables).collect();
    if !variables.is_empty() {
        let _ = writeln!(out, "\n[{VARS}]");
        for (name, (value, origin)) in variables {
            line(out, &name_of_key(name), Some(value), origin);
        }
    }
    for command in all {
        let own: Vec<&Setting> = command.settings.iter().filter(|setting| !is_shared(setting)).collect();
        if !own.is_empty() {
            let _ = writeln!(out, "\n[{COMMAND}.{}]", command.name);
            own.iter().for_each(|setting| line(out, &setting.key, setting.value.as_deref(), &setting.origin));
        }
    }
}

fn line(out: &mut String, key: &str, value: Option<&str>, origin: &str) {
    let setting = match value {
        Some(value) => format!("{key} = {value}"),
        None => format!("# {key}"),
    };
    let origin: String = origin.chars().map(|c| if is_deceptive(c) { '\u{fffd}' } else { c }).collect();
    let _ = writeln!(out, "{setting:COLUMN$} # {origin}");
}

/// The values of a flag in TOML.
fn toml(arg: &Arg, values: &[String]) -> String {
    match (keys::kind(arg), values) {
        (_, []) if keys::may_be_bare(arg) => "true".to_owned(),
        _ if keys::is_repeated(arg) => format!("[{}]", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")),
        (Kind::Switch, [value]) => value.clone(),
        (Kind::Amount, [value]) if value.parse::<u64>().is_ok_and(|n| n.to_string() == *value && i64::try_from(n).is_ok()) => {
            value.clone()
        }
        _ => quoted(&values.join(",")),
    }
}

/// A string of TOML, which does nothing to a terminal.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_deceptive(c) => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name as a key of TOML.
fn name_of_key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_bare { name.to_owned() } else { quoted(name) }
}

const COMMAND_LINE: &str = "command line";

/// Where origins stand.
const COLUMN: usize = 40;
