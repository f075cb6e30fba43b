//! The options that name rules and what belongs to them, and the way from them to a set.

use std::path::PathBuf;

use clap::Args;

use super::feed_files::{self, FileError, RuleFiles};
use super::say;
use crate::rules::{Diagnostic, LoadReport, RuleConfig, RuleSet, SHIPPED, Source};

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

    /// Set a variable of the rules: HOME_NET=10.0.0.0/8; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    var: Vec<(String, String)>,

    /// What classtypes mean [default: each classification.config beside the rules]
    #[arg(long, value_name = "FILE")]
    classification_config: Option<PathBuf>,

    /// What stands before the ids of references [default: each reference.config beside the rules]
    #[arg(long, value_name = "FILE")]
    reference_config: Option<PathBuf>,
}

impl RuleOptions {
    /// Loads what the options name, and says what did not load. `None` where a file could not be read; that was said too.
    pub fn load(&self) -> Option<RuleSet> {
        match self.compile() {
            Ok((rules, report)) => {
                tell(&report);
                Some(rules)
            }
            Err(error) => {
                say("error", error);
                None
            }
        }
    }

    fn compile(&self) -> Result<(RuleSet, LoadReport), FileError> {
        let files = RuleFiles::read(&self.rules)?;
        let (config, mistakes) = self.config(&files)?;
        let named: Vec<Source<'_>> = files.texts.iter().map(|(name, text)| Source { name, text }).collect();
        let sources = match (self.no_rules, self.rules.is_empty()) {
            (true, _) => &[],
            (false, true) => SHIPPED,
            (false, false) => &named[..],
        };
        let (rules, mut report) = RuleSet::compile(sources, &config);
        report.notes.splice(..0, mistakes);
        Ok((rules, report))
    }

    /// What rules are loaded with, and what was wrong with files of it.
    fn config(&self, files: &RuleFiles) -> Result<(RuleConfig, Vec<Diagnostic>), FileError> {
        let mut config = RuleConfig::default();
        for (name, value) in &self.var {
            config.set_variable(name, value);
        }
        let mut mistakes = Vec::new();
        for (named, name) in [(&self.classification_config, "classification.config"), (&self.reference_config, "reference.config")]
        {
            let paths = named.as_ref().map_or_else(|| files.beside(name), |path| [path.clone()].into());
            for path in paths {
                if named.is_none() {
                    say("note", format_args!("{} is used: it lies beside the rules", path.display()));
                }
                let text = feed_files::text(files.get(&path)?);
                let shown = path.display().to_string();
                let source = Source { name: &shown, text: &text };
                mistakes.extend(match name {
                    "classification.config" => config.add_classifications(&source),
                    _ => config.add_references(&source),
                });
            }
        }
        Ok((config, mistakes))
    }
}

/// Says which rules did not load and why, and how many did.
fn tell(report: &LoadReport) {
    for error in report.errors.iter().take(MOST_LINES) {
        say("rule not loaded", error);
    }
    if let Some(more) = report.errors.len().checked_sub(MOST_LINES).filter(|&n| n > 0) {
        say("rules not loaded", format_args!("{more} more"));
    }
    for note in report.notes.iter().take(MOST_LINES) {
        say("note", note);
    }
    if let Some(more) = report.notes.len().checked_sub(MOST_LINES).filter(|&n| n > 0) {
        say("notes", format_args!("{more} more"));
    }
    if !report.errors.is_empty() {
        let (loaded, failed) = (report.loaded, report.errors.len());
        say("warning", format_args!("{loaded} rules loaded, {failed} not; the run goes on without those"));
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "expected NAME=VALUE".to_owned())?;
    Ok((name.trim_start_matches('$').to_owned(), value.to_owned()))
}

/// Lines about rules; a feed for another engine would flood the terminal.
const MOST_LINES: usize = 50;
