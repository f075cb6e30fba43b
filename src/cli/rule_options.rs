//! The options that name rules and what belongs to them, and the way from them to a set.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::datasets;
use super::feed_files::{self, FileError, RuleFiles};
use super::list_options::ListOptions;
use super::lookups::{self, Lookups};
use super::say;
use super::watch::Stamps;
use crate::pipeline::read_rules;
use crate::rules::{self, Action, ActionOrder, DatasetFile, LoadReport, RejectTarget, RuleSet, SHIPPED, Verdict};

#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
pub(super) struct RuleOptions {
    /// Load rules in place of those that ship: a file, a tarball, a directory (all *.rules in it, at any depth) or a glob; may be
    /// repeated
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "no_rules")]
    rules: Vec<PathBuf>,

    /// Run without rules
    #[arg(long)]
    no_rules: bool,

    /// How much of the rules that ship is on: strict also tells what protects, but not well; legacy leaves out what old machines cannot do
    /// better. Of other rules, those that name one of them after policy in their metadata
    #[arg(long, value_enum, default_value_t = Policy::Normal)]
    policy: Policy,

    /// A rule that does not load, a line of another file that cannot be read, or a list without entries ends the run before it begins,
    /// with status 1
    #[arg(long)]
    strict_rules: bool,

    /// Put the text of the rule into its alerts: alert.rule
    #[arg(long)]
    log_rule: bool,

    /// What becomes of a flow on the watched ports that no pass rule accepts: with drop or reject, pass rules are an allow-list
    #[arg(long, value_enum, default_value_t = DefaultVerdict::Pass)]
    default_verdict: DefaultVerdict,

    /// In which order rules act, the first kind first; of those after pass none is tried where one of its rules matched
    #[arg(long, value_name = "ACTIONS", default_value = "pass,drop,reject,alert")]
    action_order: ActionOrder,

    #[command(flatten)]
    lookups: Lookups,

    #[command(flatten)]
    lists: ListOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DefaultVerdict {
    Pass,
    Drop,
    Reject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Policy {
    Strict,
    Normal,
    Legacy,
}

impl RuleOptions {
    /// Loads what the options name, and says what did not load. `None` where a file could not be read, or a rule did not load and none
    /// may fail; that was said too.
    pub fn load(&self) -> Option<RuleSet> {
        match self.compile() {
            Ok((rules, report)) => {
                tell(&report);
                if let Some(reason) = self.objection(&report) {
                    say("error", reason);
                    return None;
                }
                if !report.errors.is_empty() {
                    let (loaded, failed) = (count(report.loaded), report.errors.len());
                    say("warning", format_args!("{loaded} loaded, {failed} not; the run goes on without those"));
                }
                if self.has_none(&report) {
                    say("warning", "there is no rule in what --rules names");
                }
                if self.default_verdict() != Verdict::None && !rules.rules().any(|r| r.action == Action::Pass) {
                    say("warning", "no pass rule is loaded: every flow on the watched ports is dropped");
                }
                match rules.needs_order() {
                    0 => {}
                    1 => say("note", "1 rule keeps state across flows: one worker"),
                    n => say("note", format_args!("{n} rules keep state across flows: one worker")),
                }
                Some(rules)
            }
            Err(error) => {
                say("error", error);
                None
            }
        }
    }

    /// What `--strict-rules` has against what came of loading, where it was given.
    pub fn objection(&self, report: &LoadReport) -> Option<String> {
        let (failed, mistakes) = (report.errors.len(), report.mistakes.len());
        if self.strict_rules && self.has_none(report) {
            return Some("there is no rule in what --rules names".to_owned());
        }
        let lines = match mistakes {
            1 => "1 line of another file was not read".to_owned(),
            n => format!("{n} lines of other files were not read"),
        };
        match (self.strict_rules, failed, mistakes) {
            (false, ..) | (true, 0, 0) => None,
            (true, 0, _) => Some(lines),
            (true, _, 0) => Some(format!("{} did not load", count(failed))),
            (true, ..) => Some(format!("{} did not load, {lines}", count(failed))),
        }
    }

    /// Whether rules are named, and there are none, not even ones that do not load.
    fn has_none(&self, report: &LoadReport) -> bool {
        !self.no_rules && !self.rules.is_empty() && report.loaded == 0 && report.errors.is_empty()
    }

    /// Loads what the options name as it is now, to take the place of what was loaded before.
    pub fn compile_again(&self) -> Result<(RuleSet, LoadReport), FileError> {
        match self.pipe() {
            Some(path) => Err(FileError::Pipe(path.to_owned())),
            None => self.compile(),
        }
    }

    /// How all files look that are read, `others` among them.
    pub fn stamps(&self, others: &[PathBuf]) -> Stamps {
        let mut stamps = Stamps::default();
        for path in self.rules.iter().flat_map(|path| feed_files::files(path)) {
            stamps.add(&path);
            for name in lookups::BESIDE {
                stamps.add(&path.with_file_name(name));
            }
        }
        self.named().filter(|path| !path.is_dir()).for_each(|path| stamps.add(path));
        others.iter().for_each(|path| stamps.add(path));
        stamps
    }

    /// The files that rules load data sets from.
    pub fn dataset_files(&self) -> Vec<PathBuf> {
        let files = match self.pipe() {
            None => RuleFiles::read(&self.rules).unwrap_or_default(), // loading says what is wrong
            Some(_) => RuleFiles::default(),
        };
        DatasetFile::named_in(&files.sources()).iter().filter_map(datasets::loaded).collect()
    }

    /// A pipe that the options name: it gives what it has once, and to read it again may wait for ever.
    fn pipe(&self) -> Option<&Path> {
        self.named().find(|path| path.metadata().is_ok_and(|meta| meta.file_type().is_fifo()))
    }

    /// All files and directories that the options name.
    fn named(&self) -> impl Iterator<Item = &Path> {
        self.rules.iter().map(PathBuf::as_path).chain(self.lists.files()).chain(self.lookups.files())
    }

    /// What becomes of a flow that no rule accepts.
    pub const fn default_verdict(&self) -> Verdict {
        match self.default_verdict {
            DefaultVerdict::Pass => Verdict::None,
            DefaultVerdict::Drop => Verdict::Drop,
            DefaultVerdict::Reject => Verdict::Reject(RejectTarget::Source),
        }
    }

    fn compile(&self) -> Result<(RuleSet, LoadReport), FileError> {
        let files = RuleFiles::read(&self.rules)?;
        let named = files.sources();
        let sources = match (self.no_rules, self.rules.is_empty()) {
            (true, _) => &[],
            (false, true) => SHIPPED,
            (false, false) => &named[..],
        };
        let (mut config, mut mistakes) = self.lookups.config(sources, &files)?;
        let (lists, wrong) = self.lists.read()?;
        config.lists = lists;
        config.texts = self.log_rule;
        config.action_order = self.action_order;
        config.policy = Some(match self.policy {
            Policy::Strict => rules::Policy::Strict,
            Policy::Normal => rules::Policy::Normal,
            Policy::Legacy => rules::Policy::Legacy,
        });
        mistakes.extend(wrong);
        let read = read_rules(sources, &config);
        drop(files); // joining takes memory of its own, and the text of a feed is half of that
        let (rules, mut report) = RuleSet::join(read, &config);
        report.mistakes.splice(..0, mistakes);
        Ok((rules, report))
    }
}

/// So many rules, in words.
pub(super) fn count(n: usize) -> String {
    format!("{n} rule{}", if n == 1 { "" } else { "s" })
}

/// Says which rules did not load and why, and what is to be noted.
pub(super) fn tell(report: &LoadReport) {
    for error in report.errors.iter().take(MOST_LINES) {
        say("rule not loaded", error);
    }
    if let Some(more) = report.errors.len().checked_sub(MOST_LINES).filter(|&n| n > 0) {
        say("rules not loaded", format_args!("{more} more"));
    }
    for mistake in report.mistakes.iter().take(MOST_LINES) {
        say("line not read", mistake);
    }
    if let Some(more) = report.mistakes.len().checked_sub(MOST_LINES).filter(|&n| n > 0) {
        say("lines not read", format_args!("{more} more"));
    }
    for note in report.notes.iter().take(MOST_LINES) {
        say("note", note);
    }
    if let Some(more) = report.notes.len().checked_sub(MOST_LINES).filter(|&n| n > 0) {
        say("notes", format_args!("{more} more"));
    }
}

/// Lines about rules; a feed for another engine would flood the terminal.
const MOST_LINES: usize = 50;
