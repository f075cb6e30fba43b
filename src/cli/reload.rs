//! Rules are loaded anew while a run goes on: at a signal, or where files that they come from have changed.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use signal_hook::consts::{SIGHUP, SIGUSR2};

use super::feed_files::FileError;
use super::rule_options::{self, RuleOptions};
use super::say;
use super::terminal::Progress;
use super::watch::Watch;
use crate::pipeline::NextRules;
use crate::rules::{FeedChanges, FeedLoss, LoadReport, RuleSet};

/// What asks for rules to be loaded anew.
pub(super) struct Reloads {
    /// Set by a signal.
    asked: Arc<AtomicBool>,
    watch: Option<Watch>,
}

impl Reloads {
    /// From now on SIGHUP, or SIGUSR2 as with Suricata, asks for rules, and does not end the process; so do changes of the files that
    /// `options` name where it `watches` them. To be called before rules are loaded the first time.
    pub fn begin(options: &RuleOptions, watches: bool) -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGUSR2] {
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self { asked, watch: watches.then(|| Watch::new(options)) })
    }

    /// Whether rules are to be loaded: the files as they are now.
    fn are_due(&mut self, options: &RuleOptions) -> bool {
        let changed = self.watch.as_mut().is_some_and(|watch| watch.look(options));
        let due = self.asked.swap(false, Ordering::Relaxed) || changed;
        if due && let Some(watch) = &mut self.watch {
            watch.start_over(options);
        }
        due
    }
}

/// Loads rules for a run, in a thread of its own.
pub(super) struct Reloader<'r> {
    /// What to load.
    pub options: &'r RuleOptions,
    /// How many workers the run has.
    pub workers: usize,
    /// Whether one of them goes on with all flows where rules come that need order.
    pub gathers: bool,
    /// Where loaded rules go.
    pub next: &'r NextRules,
    /// What is in force, or will be with the next packets.
    pub rules: Arc<RuleSet>,
    /// To keep out of the bar's way.
    pub progress: &'r Progress,
}

/// Why rules that were loaded are not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0}; if that is meant, start it again")]
    Feed(FeedLoss),
    #[error("{0}, and --strict-rules lets none fail")]
    Strict(String),
    #[error("none of {} loads", rule_options::count(*.0))]
    Nothing(usize),
    #[error("{file} had {}, and has none now; if that is meant, start it again", rule_options::count(*.had))]
    Emptied { file: Arc<str>, had: usize },
    #[error(
        "they keep state across flows ({}), which takes one worker, and this run has {workers}: start it again with them",
        rule_options::count(*.rules)
    )]
    NeedsOrder { rules: usize, workers: usize },
}

impl Reloader<'_> {
    /// Loads whenever it has to, until the other end of `run` is gone.
    pub fn work(mut self, mut reloads: Reloads, run: &Receiver<()>) {
        // The sets that were in force, until the run has let go of them: to free a large one takes a while, and is done here.
        let mut retired = Vec::new();
        while run.recv_timeout(LOOK_UP) == Err(RecvTimeoutError::Timeout) {
            retired.retain(|rules| Arc::strong_count(rules) > 1);
            if reloads.are_due(self.options) {
                let (loaded, progress) = (self.options.compile_again(), self.progress);
                retired.extend(progress.suspend(|| self.take(loaded)));
            }
        }
    }

    /// Hands on what was loaded, and says so; or why it is not. Answers the rules that go, where others come.
    fn take(&mut self, loaded: Result<(RuleSet, LoadReport), FileError>) -> Option<Arc<RuleSet>> {
        match loaded.map_err(Refusal::File).and_then(|(rules, report)| self.check(rules, &report)) {
            Ok(rules) => {
                let rules = Arc::new(rules);
                self.next.offer(Arc::clone(&rules));
                let (come, go) = difference(&self.rules, &rules);
                let count = rule_options::count(rules.len());
                let failed = match rules.failed() {
                    0 => String::new(),
                    failed => format!(", {failed} did not load"),
                };
                let entries = entries(rules.feed_changes(&self.rules));
                let ordered = match rules.needs_order() {
                    1.. if self.workers > 1 => "; one worker has all flows from now on",
                    _ => "",
                };
                say("rules reloaded", format_args!("{count} (+{come} -{go}){failed}{entries}{ordered}"));
                Some(std::mem::replace(&mut self.rules, rules))
            }
            Err(reason) => {
                say("rules not reloaded", format_args!("{reason}; those in force stay"));
                None
            }
        }
    }

    /// Says what did not load. The rules, where the run can have them.
    fn check(&self, rules: RuleSet, report: &LoadReport) -> Result<RuleSet, Refusal> {
        rule_options::tell(report);
        let failed = report.errors.len();
        if let Some(objection) = self.options.objection(report) {
            return Err(Refusal::Strict(objection));
        }
        if let Some(loss) = rules.feed_loss(&self.rules, report) {
            return Err(Refusal::Feed(loss));
        }
        if failed > 0 && report.loaded == 0 {
            return Err(Refusal::Nothing(failed));
        }
        if let Some((file, had)) = emptied(&self.rules, &rules, report) {
            return Err(Refusal::Emptied { file, had });
        }
        match rules.needs_order() {
            ordered @ 1.. if self.workers > 1 && (!self.gathers || rules.compares_servers()) => {
                Err(Refusal::NeedsOrder { rules: ordered, workers: self.workers })
            }
            _ => Ok(rules),
        }
    }
}

/// A file that had rules in `old`, and how many, whose rules are all gone in `new` as if a download had failed: it is empty, or what is in it
/// now are no rules, or there are none at all any more. A file that is gone from its directory was taken away.
fn emptied(old: &RuleSet, new: &RuleSet, report: &LoadReport) -> Option<(Arc<str>, usize)> {
    let files = |set: &RuleSet| set.rules().map(|rule| Arc::clone(&rule.file)).collect::<BTreeSet<_>>();
    let is_empty = |file: &str| Path::new(file).metadata().is_ok_and(|meta| meta.len() == 0);
    let fails = |file: &str| report.errors.iter().any(|error| &*error.file == file);
    let gone = |file: &str| report.loaded == 0 || is_empty(file) || fails(file);
    let file = files(old).difference(&files(new)).find(|file| gone(file)).cloned()?;
    let had = old.rules().filter(|rule| rule.file == file).count();
    Some((file, had))
}

/// How many rules of `new` are not in `old`, and the other way round: by gid, sid and rev.
fn difference(old: &RuleSet, new: &RuleSet) -> (usize, usize) {
    let known = |rules: &RuleSet| rules.rules().map(|r| (r.gid, r.sid, r.rev)).collect::<HashSet<_>>();
    let (old, new) = (known(old), known(new));
    (new.difference(&old).count(), old.difference(&new).count())
}

/// What is said of the entries of lists and data sets; nothing where there neither are nor were any.
fn entries(changes: FeedChanges) -> String {
    match changes {
        FeedChanges { entries: 0, gone: 0, .. } => String::new(),
        FeedChanges { entries, come, gone } => {
            format!("; {entries} {} in lists and data sets (+{come} -{gone})", if entries == 1 { "entry" } else { "entries" })
        }
    }
}

/// How often it is looked whether rules are to be loaded.
const LOOK_UP: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{RuleConfig, Source};

    #[test]
    fn rules_come_and_go_by_gid_sid_and_rev() {
        let set = |rules: &[&str]| {
            let text: String = rules.iter().map(|r| format!("alert ip any any -> any any ({r})\n")).collect();
            RuleSet::compile(&[Source { name: "x", text: &text }], &RuleConfig::default()).0
        };
        for (old, new, expected) in [
            (&["sid:1;"][..], &["sid:1;", "sid:2;"][..], (1, 0)),
            (&["sid:1;", "sid:2;"], &["sid:2; priority:1;"], (0, 1)),
            (&["sid:1; rev:1;"], &["sid:1; rev:2;"], (1, 1)),
            (&["sid:1;"], &["gid:2; sid:1;"], (1, 1)),
            (&[], &[], (0, 0)),
        ] {
            assert_eq!(difference(&set(old), &set(new)), expected, "{old:?} {new:?}");
        }
    }
}
