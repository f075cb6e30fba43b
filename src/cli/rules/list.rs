//! `portcullis rules list`: which rules there are, and how one is tried.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::feed_files::{FileError, RuleFiles};
use crate::cli::list_options::ListOptions;
use crate::cli::lookups::Lookups;
use crate::cli::print;
use crate::cli::rule_options::count;
use crate::cli::say;
use crate::cli::terminal::visible;
use crate::pipeline::load_rules;
use crate::rules::{Explanation, FlowDirection, Rule, RuleConfig, RuleSet, SHIPPED, Source};

/// Show the rules of files, or the compiled form of one
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Rule files, tarballs, directories (all *.rules in them, at any depth) or globs [default: the rules that ship]
    #[arg(value_name = "FILE|DIR")]
    files: Vec<PathBuf>,

    /// Show how the rule with this sid, or gid and sid, is tried: when, found by what, and what it costs
    #[arg(long, value_name = "[GID:]SID", value_parser = asked)]
    sid: Option<Asked>,

    #[command(flatten)]
    lists: ListOptions,

    #[command(flatten)]
    lookups: Lookups,
}

impl List {
    /// Runs it, and says how it went.
    pub fn run(self) -> ExitCode {
        let text = match self.text() {
            Ok(text) => text,
            Err(error) => {
                say("error", error);
                return ExitCode::FAILURE;
            }
        };
        match (self.sid, text.is_empty()) {
            (Some(Asked { gid, sid }), true) => {
                let gid = gid.map(|gid| format!("gid {gid} and ")).unwrap_or_default();
                say("error", format_args!("no rule that loads has {gid}sid {sid}"));
                ExitCode::FAILURE
            }
            _ if print(text.as_bytes()) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    fn text(&self) -> Result<String, FileError> {
        let files = RuleFiles::read(&self.files)?;
        let named = files.sources();
        let shipped = self.files.is_empty() && self.lists.is_empty();
        let sources = if shipped { SHIPPED } else { &named };
        let (config, _) = self.lookups.config(sources, &files)?;
        let (lists, _) = self.lists.read()?;
        let (rules, report) = load_rules(sources, &RuleConfig { texts: true, lists, ..config });
        if !report.errors.is_empty() {
            say("warning", format_args!("{} did not load: see `portcullis rules check`", count(report.errors.len())));
        }
        let mut out = String::new();
        match self.sid {
            Some(Asked { gid, sid }) => rules.explain(gid, sid).for_each(|explanation| explain(&mut out, &explanation)),
            None => {
                sources.iter().for_each(|source| table(&mut out, source, &rules));
                rules.lists().for_each(|rule| list(&mut out, rule));
            }
        }
        Ok(out)
    }
}

/// The rule that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    /// `None` for any.
    gid: Option<u32>,
    sid: u32,
}

/// `SID` or `GID:SID`
fn asked(text: &str) -> Result<Asked, String> {
    let number = |text: &str| text.parse().map_err(|_| "expected SID or GID:SID, such as 8443101 or 8443:1".to_owned());
    match text.split_once(':') {
        Some((gid, sid)) => Ok(Asked { gid: Some(number(gid)?), sid: number(sid)? }),
        None => Ok(Asked { gid: None, sid: number(text)? }),
    }
}

/// A list, by the gid and sid that its alerts have.
fn list(out: &mut String, rule: &Rule) {
    let separator = if out.is_empty() { "" } else { "\n" };
    let (id, message) = (format!("{}:{}", rule.gid, rule.sid), visible(rule.msg.as_bytes(), WIDTH));
    let _ = writeln!(out, "{separator}{}\n  {id:>10}  {:<10}  {message}", rule.file, rule.action.as_str());
}

/// The rules of a file, under what its first comment says.
fn table(out: &mut String, source: &Source<'_>, rules: &RuleSet) {
    let mut of_file: Vec<&Rule> = rules.rules().filter(|r| *r.file == *source.name).collect();
    if of_file.is_empty() {
        return;
    }
    of_file.sort_by_key(|r| r.line);
    let separator = if out.is_empty() { "" } else { "\n" };
    let _ = writeln!(out, "{separator}{}", source.name);
    for comment in opening(source.text) {
        let _ = writeln!(out, "  {}", visible(comment.as_bytes(), WIDTH));
    }
    for rule in of_file {
        let _ = writeln!(out, "  {:>10}  {:<10}  {}", rule.sid, rule.action.as_str(), visible(rule.msg.as_bytes(), WIDTH));
    }
}

/// The lines of the comment that a file begins with, up to the first empty one.
fn opening(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.trim_start_matches('\u{feff}').lines().map_while(|line| line.strip_prefix('#'));
    lines.map(str::trim).take_while(|line| !line.is_empty())
}

/// How a rule is tried.
fn explain(out: &mut String, explanation: &Explanation<'_>) {
    let Explanation { rule, kind, same_header, tries, asks, cost } = explanation;
    let text = visible(rule.text.as_deref().unwrap_or_default().as_bytes(), usize::MAX);
    let header = text.split('(').next().unwrap_or_default().trim();
    let _ = writeln!(out, "{}:{}\n{text}\n", rule.file, rule.line);
    let _ = writeln!(
        out,
        "  header    {header} ({})",
        match same_header.saturating_sub(1) {
            0 => "no other rule has it".to_owned(),
            1 => "shared with 1 other".to_owned(),
            n => format!("shared with {n} others"),
        }
    );
    let _ = writeln!(out, "  kind      {kind}");
    for one in tries {
        let way = match one.direction {
            FlowDirection::ToServer => "to the server",
            FlowDirection::ToClient => "to the client",
        };
        let when = match one.when.is_empty() {
            true => "a packet".to_owned(),
            false => one.when.join(", "),
        };
        let _ = writeln!(out, "  tried     {way}; needs {when}");
        if let Some(found_by) = &one.found_by {
            let bytes = found_by.bytes.escape_ascii();
            let _ = writeln!(out, "  found by  {} {} \"{bytes}\" (fast pattern, in small letters)", found_by.buffer, found_by.how);
        }
    }
    for (buffer, counts) in asks {
        let counts: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
        let _ = writeln!(out, "  asks      {buffer}: {}", counts.join(", "));
    }
    let _ = writeln!(out, "  cost      {cost}");
}

/// Characters of a comment or message that are shown.
const WIDTH: usize = 160;
