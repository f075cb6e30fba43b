//! The options that name rules and what belongs to them, and the way from them to a set.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::datasets;
use super::feed_files::{self, FileError, RuleFiles};
use super::lookups::{self, Lookups};
use super::say;
use super::watch::Stamps;
use crate::pipeline::load_rules;
use crate::rules::{
    self, Action, DatasetFile, Diagnostic, List, ListKind, ListSource, LoadReport, RejectTarget, RuleSet, SHIPPED, Verdict,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
pub(super) struct RuleOptions {
    /// Load rules in place of those that ship: a file, a tarball, a directory (all *.rules in it, at any depth) or a glob; may be
    /// repeated
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "no_rules")]
    rules: Vec<PathBuf>,

    /// Run without rules
    #[arg(long, conflicts_with = "threshold_config")]
    no_rules: bool,

    /// How much of the rules that ship is on: strict also tells what protects, but not well; legacy leaves out what old machines cannot do
    /// better. Of other rules, those that name one of them after policy in their metadata
    #[arg(long, value_enum, default_value_t = Policy::Normal)]
    policy: Policy,

    /// A rule that does not load ends the run before it begins, with status 1
    #[arg(long)]
    strict_rules: bool,

    /// Put the text of the rule into its alerts: alert.rule
    #[arg(long)]
    log_rule: bool,

    /// What becomes of a flow on the watched ports that no pass rule accepts: with drop or reject, pass rules are an allow-list
    #[arg(long, value_enum, default_value_t = DefaultVerdict::Pass)]
    default_verdict: DefaultVerdict,

    #[command(flatten)]
    lookups: Lookups,

    /// Try a list that is no rules: KIND is domains, certs, ja3, ja4, ips, or auto (as its header says); ACTION is alert, drop, reject or
    /// pass [default: alert]; may be repeated
    #[arg(long, value_name = "KIND[:ACTION]=FILE", value_parser = named_list)]
    list: Vec<NamedList>,

    /// Drop flows whose client asks for one of these domains, or one below them
    #[arg(long, value_name = "FILE")]
    block_domains: Vec<PathBuf>,

    /// Drop flows whose server sends one of these certificates: SHA-1 or SHA-256, or SSLBL's CSV
    #[arg(long, value_name = "FILE")]
    block_certs: Vec<PathBuf>,

    /// Drop flows whose client has one of these JA3 fingerprints
    #[arg(long, value_name = "FILE")]
    block_ja3: Vec<PathBuf>,

    /// Drop flows whose client has one of these JA4 fingerprints
    #[arg(long, value_name = "FILE")]
    block_ja4: Vec<PathBuf>,

    /// Drop flows with one of these addresses or networks at either end
    #[arg(long, value_name = "FILE")]
    block_ips: Vec<PathBuf>,
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

/// `KIND[:ACTION]=FILE`
#[derive(Clone, Debug)]
struct NamedList {
    /// `None` for `auto`.
    kind: Option<ListKind>,
    action: Action,
    path: PathBuf,
}

impl RuleOptions {
    /// Loads what the options name, and says what did not load. `None` where a file could not be read, or a rule did not load and none
    /// may fail; that was said too.
    pub fn load(&self) -> Option<RuleSet> {
        match self.compile() {
            Ok((rules, report)) => {
                tell(&report);
                if self.strict_rules && !report.errors.is_empty() {
                    say("error", format_args!("{} did not load", count(report.errors.len())));
                    return None;
                }
                if !report.errors.is_empty() {
                    let (loaded, failed) = (report.loaded, report.errors.len());
                    say("warning", format_args!("{loaded} rules loaded, {failed} not; the run goes on without those"));
                }
                if self.default_verdict() != Verdict::None && !rules.rules().any(|r| r.action == Action::Pass) {
                    say("warning", "no pass rule is loaded: every flow on the watched ports is dropped");
                }
                if rules.needs_order() > 0 {
                    say("note", format_args!("{} rules keep state across flows: one worker", rules.needs_order()));
                }
                Some(rules)
            }
            Err(error) => {
                say("error", error);
                None
            }
        }
    }

    /// Whether a rule that does not load is a failure.
    pub const fn is_strict(&self) -> bool {
        self.strict_rules
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
        let blocking = [&self.block_domains, &self.block_certs, &self.block_ja3, &self.block_ja4, &self.block_ips];
        let lists = self.list.iter().map(|list| &list.path).chain(blocking.into_iter().flatten());
        self.rules.iter().chain(lists).map(PathBuf::as_path).chain(self.lookups.files())
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
        let (lists, wrong) = self.read_lists()?;
        config.lists = lists;
        config.texts = self.log_rule;
        config.policy = Some(match self.policy {
            Policy::Strict => rules::Policy::Strict,
            Policy::Normal => rules::Policy::Normal,
            Policy::Legacy => rules::Policy::Legacy,
        });
        mistakes.extend(wrong);
        let (rules, mut report) = load_rules(sources, &config);
        report.notes.splice(..0, mistakes);
        Ok((rules, report))
    }

    /// The lists of all options, and what is wrong with their lines.
    fn read_lists(&self) -> Result<(Vec<Arc<List>>, Vec<Diagnostic>), FileError> {
        let (mut lists, mut mistakes) = (Vec::new(), Vec::new());
        let mut read = |kind, action, path: &Path| {
            let text = feed_files::text(feed_files::read(path)?);
            let (list, wrong) = List::parse(&ListSource { name: &path.display().to_string(), text: &text, kind, action });
            lists.push(Arc::new(list));
            mistakes.extend(wrong);
            Ok(())
        };
        for NamedList { kind, action, path } in &self.list {
            read(*kind, *action, path)?;
        }
        for (kind, paths) in [
            (ListKind::Domains, &self.block_domains),
            (ListKind::Certificates, &self.block_certs),
            (ListKind::Ja3, &self.block_ja3),
            (ListKind::Ja4, &self.block_ja4),
            (ListKind::Addresses, &self.block_ips),
        ] {
            for path in paths {
                read(Some(kind), Action::Drop, path)?;
            }
        }
        Ok((lists, mistakes))
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
    for note in report.notes.iter().take(MOST_LINES) {
        say("note", note);
    }
    if let Some(more) = report.notes.len().checked_sub(MOST_LINES).filter(|&n| n > 0) {
        say("notes", format_args!("{more} more"));
    }
}

fn named_list(text: &str) -> Result<NamedList, String> {
    let (what, path) = text.split_once('=').ok_or("expected KIND=FILE or KIND:ACTION=FILE")?;
    let (kind, action) = what.split_once(':').unwrap_or((what, "alert"));
    let known = ListKind::ALL.into_iter().find(|k| k.as_str() == kind);
    if known.is_none() && kind != "auto" {
        return Err(format!("'{kind}' is no kind of list: use domains, certs, ja3, ja4, ips or auto"));
    }
    let action = Action::from_word(action).ok_or_else(|| format!("'{action}' is no action: use alert, drop, reject or pass"))?;
    Ok(NamedList { kind: known, action, path: path.into() })
}

/// Lines about rules; a feed for another engine would flood the terminal.
const MOST_LINES: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_named_with_kind_and_action() {
        for (text, kind, action) in [
            ("domains=a=b.txt", Some(ListKind::Domains), Action::Alert),
            ("ips:drop=a=b.txt", Some(ListKind::Addresses), Action::Drop),
            ("auto:pass=a=b.txt", None, Action::Pass),
        ] {
            let list = named_list(text).unwrap();
            assert_eq!((list.kind, list.action, list.path), (kind, action, PathBuf::from("a=b.txt")), "{text}");
        }
        for (text, said) in [
            ("a.txt", "expected KIND=FILE or KIND:ACTION=FILE"),
            ("urls=a.txt", "'urls' is no kind of list: use domains, certs, ja3, ja4, ips or auto"),
            ("ips:block=a.txt", "'block' is no action: use alert, drop, reject or pass"),
        ] {
            assert_eq!(named_list(text).unwrap_err(), said);
        }
    }
}
