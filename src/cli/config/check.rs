//! `portcullis config check`: what is wrong with a configuration file, and where.

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command};

use super::fault::{Fault, Reason};
use super::file::{Choice, ConfigFile};
use super::keys::Keys;
use crate::base::slip;
use crate::cli::{print, say};
use crate::rules::{self, RuleConfig};

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
        let mut file = match ConfigFile::read(&path, &Keys::of(root)) {
            Ok(file) => file,
            Err(error) => {
                say("error", format_args!("cannot read the configuration {}: {error}", path.display()));
                return ExitCode::FAILURE;
            }
        };
        file.faults.extend(unusable(&file.entries.variables, &file.faults));
        file.faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
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

/// What is wrong with the values of variables of which nothing is said yet. A run finds that with the first rule that has them; one that is given on
/// the command line is not known here.
fn unusable(variables: &[(String, String, Range<usize>)], known: &[Fault]) -> Vec<Fault> {
    let mut config = RuleConfig::default();
    variables.iter().for_each(|(name, value, _)| config.set_variable(name, value));
    let is_new = |span: &Range<usize>| known.iter().all(|fault| fault.span != *span);
    let fault = |(name, _, span): &(String, String, Range<usize>)| {
        let reason = config.variable_fault(name)?;
        let hint = match &reason {
            rules::Reason::UnknownVariable(other) => {
                let meant = slip::meant(other, config.variables.keys().map(String::as_str));
                Some(meant.map_or_else(|| "give it a value here, too".to_owned(), |meant| format!("is ${meant} meant?")))
            }
            rules::Reason::BadAddress(_) => Some(format!("{name} takes addresses: \"10.0.0.0/8\", or a list of them")),
            rules::Reason::BadPort(_) => Some(format!("{name} takes ports: 443, \"8000:8100\", or a list of them")),
            _ => None,
        };
        Some(Fault { span: span.clone(), reason: Reason::Variable { why: format!("{name}: {reason}"), hint } })
    };
    variables.iter().filter(|(_, _, span)| is_new(span)).filter_map(fault).collect()
}
