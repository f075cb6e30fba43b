//! `portcullis rules check`: what loads, what does not and why, what can never match, and what is slow.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::cli::feed_files::{FileError, RuleFiles};
use crate::cli::list_options::ListOptions;
use crate::cli::lookups::Lookups;
use crate::cli::place;
use crate::cli::print;
use crate::cli::say;
use crate::event::json;
use crate::packet::PortSet;
use crate::pipeline::load_rules;
use crate::rules::{Diagnostic, List, LoadReport, RuleConfig, Weight};

/// Say which rules do not load and why, which can never match, and which are slow
///
/// The exit status is 1 where a rule did not load or a line of another file was not read, or with --strict where there is a warning; 0 else.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// Rule files, tarballs, directories (all *.rules in them, at any depth) or globs
    #[arg(value_name = "FILE|DIR")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    lists: ListOptions,

    /// The TCP ports that will be watched: a rule about none of them never matches
    #[arg(long, value_name = "PORTS", default_value_t = PortSet::default())]
    ports: PortSet,

    /// Warnings are failures: rules that can never match, are slow, or with --suricata are not portable
    #[arg(long)]
    strict: bool,

    /// Warn of what Suricata does not load, or takes otherwise
    #[arg(long)]
    suricata: bool,

    /// Print an object of JSON for each finding, one a line, and the summary to standard error
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    lookups: Lookups,
}

/// What is said of a rule, and how grave that is.
#[derive(Clone, Copy, Debug)]
struct Finding<'r> {
    kind: &'static str,
    diagnostic: &'r Diagnostic,
}

/// A finding, for other programs.
#[derive(Serialize)]
struct Object<'r> {
    kind: &'static str,
    file: &'r str,
    line: u32,
    column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyword: Option<&'r str>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    /// Runs it, and says how it went.
    pub fn run(self) -> ExitCode {
        if self.files.is_empty() && self.lists.is_empty() {
            say(
                "error",
                "there is nothing to check: name a rule file, a directory, or a list (--list, --block-domains and the like)",
            );
            return ExitCode::from(ASKED_WRONGLY);
        }
        match self.load() {
            Ok((files, report, lists)) => self.tell(&files, &report, &lists),
            Err(error) => {
                say("error", error);
                ExitCode::FAILURE
            }
        }
    }

    fn load(&self) -> Result<(RuleFiles, LoadReport, Vec<Arc<List>>), FileError> {
        let files = RuleFiles::read(&self.files)?;
        let sources = files.sources();
        let (config, mut mistakes) = self.lookups.config(&sources, &files)?;
        let (lists, wrong) = self.lists.read()?;
        mistakes.extend(wrong);
        let watched = Some(self.ports.clone());
        let config = RuleConfig { review: true, portability: self.suricata, lists, watched, ..config };
        let (_, mut report) = load_rules(&sources, &config);
        report.mistakes.splice(..0, mistakes);
        Ok((files, report, config.lists))
    }

    fn tell(&self, files: &RuleFiles, report: &LoadReport, lists: &[Arc<List>]) -> ExitCode {
        let findings = findings(files, report);
        let summary = summary(report, &findings, lists);
        let printed = if self.json {
            let mut lines = Vec::new();
            findings.iter().for_each(|f| json::write_line(&mut lines, &f.object()));
            eprintln!("{summary}");
            print(&lines)
        } else {
            let mut text = String::new();
            findings.iter().for_each(|f| f.show(&mut text, files));
            text.push_str(&summary);
            text.push('\n');
            print(text.as_bytes())
        };
        let has_none = !self.files.is_empty() && report.loaded == 0 && report.errors.is_empty();
        if has_none {
            say("warning", "there is no rule in what is named");
        }
        let warned = has_none || findings.iter().any(|f| ![ERROR, NOTE].contains(&f.kind));
        let good = printed && report.errors.is_empty() && report.mistakes.is_empty() && !(self.strict && warned);
        if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl<'r> Finding<'r> {
    /// Of a rule that loaded.
    const fn of(diagnostic: &'r Diagnostic) -> Self {
        let kind = match diagnostic.reason.weight() {
            Weight::Never => NEVER,
            Weight::Slow => SLOW,
            Weight::NotPortable => NOT_PORTABLE,
            Weight::Note => NOTE,
        };
        Self { kind, diagnostic }
    }

    /// For people: place and reason, the line with a caret, the hint.
    fn show(&self, out: &mut String, files: &RuleFiles) {
        let Diagnostic { file, line, column, sid, keyword, reason } = self.diagnostic;
        let sid = sid.map(|sid| format!(" [{sid}]")).unwrap_or_default();
        let keyword = keyword.as_ref().map(|k| format!("{k}: ")).unwrap_or_default();
        let _ = writeln!(out, "{file}:{line}:{column}: {}{sid}: {keyword}{reason}", self.kind.replace('_', " "));
        if let Some((_, text)) = files.texts.iter().find(|(name, _)| **name == **file) {
            place::show(out, text, *line, *column);
        }
        if let Some(hint) = self.diagnostic.hint() {
            let _ = writeln!(out, "    hint: {hint}");
        }
    }

    fn object(&self) -> Object<'r> {
        let Diagnostic { file, line, column, sid, keyword, reason } = self.diagnostic;
        Object {
            kind: self.kind,
            file,
            line: *line,
            column: *column,
            sid: *sid,
            keyword: keyword.as_deref(),
            message: reason.to_string(),
            hint: self.diagnostic.hint(),
        }
    }
}

/// All that is to be said, in the order of the files and their lines.
fn findings<'r>(files: &RuleFiles, report: &'r LoadReport) -> Vec<Finding<'r>> {
    let errors = report.errors.iter().chain(&report.mistakes).map(|diagnostic| Finding { kind: ERROR, diagnostic });
    let mut all: Vec<Finding<'_>> = errors.chain(report.notes.iter().chain(&report.findings).map(Finding::of)).collect();
    // Other files come last, by name.
    let place = |name: &str| (files.texts.iter().position(|(known, _)| known == name).unwrap_or(usize::MAX), name.to_owned());
    all.sort_by_cached_key(|f| (place(&f.diagnostic.file), f.diagnostic.line, f.diagnostic.column));
    all
}

/// How many of each, in one line.
fn summary(report: &LoadReport, findings: &[Finding<'_>], lists: &[Arc<List>]) -> String {
    let mut text = format!("{} loaded, {} not", counted(report.loaded, "rule"), report.errors.len());
    if !lists.is_empty() {
        let entries = match lists.iter().map(|list| list.len()).sum() {
            1 => "1 entry".to_owned(),
            n => format!("{n} entries"),
        };
        let _ = write!(text, ", {} of {entries}", counted(lists.len(), "list"));
    }
    if !report.mistakes.is_empty() {
        let _ = write!(text, ", {} not read", counted(report.mistakes.len(), "other line"));
    }
    let of_kind = |kind| findings.iter().filter(|f| f.kind == kind).count();
    for (count, what) in [(of_kind(NEVER), "can never match"), (of_kind(SLOW), "slow"), (of_kind(NOT_PORTABLE), "not portable")] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    if of_kind(NOTE) > 0 {
        let _ = write!(text, ", {}", counted(of_kind(NOTE), "note"));
    }
    if report.disabled > 0 {
        let _ = write!(text, ", {} disabled", report.disabled);
    }
    text
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The exit status where the command line is wrong, as clap has it.
const ASKED_WRONGLY: u8 = 2;
const ERROR: &str = "error";
const NEVER: &str = "never_matches";
const SLOW: &str = "slow";
const NOT_PORTABLE: &str = "not_portable";
const NOTE: &str = "note";
