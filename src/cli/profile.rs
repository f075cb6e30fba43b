//! What each rule cost, told after a run.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use serde::Serialize;

use super::say;
use super::terminal::visible;
use crate::event::json;
use crate::rules::{Profile, Rule, RuleProfile, RuleSet};

/// Nanoseconds since the first call.
pub(super) fn nanoseconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Where all of it is to be written.
pub(super) struct Output<'p> {
    path: &'p Path,
    file: File,
}

impl<'p> Output<'p> {
    /// Creates the file at `path`, before the run: so that one that cannot be is told then. `None` where that was said.
    pub fn create(path: &'p Path) -> Option<Self> {
        let file = File::create(path).inspect_err(|error| cannot_write(path, error)).ok()?;
        Some(Self { path, file })
    }
}

/// Prints the rules that cost most, and writes all to `output` where there is one. Answers whether that could be written.
pub(super) fn tell(profile: &Profile, rules: &RuleSet, output: Option<Output<'_>>) -> bool {
    let mut costs: Vec<(&Rule, RuleProfile)> =
        profile.rules().filter_map(|(id, cost)| rules.rule(id).map(|rule| (rule, cost))).collect();
    costs.sort_by_key(|(rule, cost)| (std::cmp::Reverse((cost.nanoseconds, cost.evaluations, cost.candidates)), rule.sid));
    eprint!("{}", table(&costs, rules.len()));
    let Some(Output { path, mut file }) = output else { return true };
    let mut lines = Vec::new();
    costs.iter().for_each(|(rule, cost)| json::write_line(&mut lines, &Object::of(rule, cost)));
    file.write_all(&lines).inspect_err(|error| cannot_write(path, error)).is_ok()
}

fn cannot_write(path: &Path, error: &io::Error) {
    say("error", format_args!("cannot write {}: {error}", path.display()));
}

/// What a rule cost, for other programs.
#[derive(Serialize)]
struct Object<'r> {
    gid: u32,
    sid: u32,
    rev: u32,
    signature: &'r str,
    candidates: u64,
    evaluations: u64,
    matches: u64,
    nanoseconds: u64,
}

impl<'r> Object<'r> {
    fn of(rule: &'r Rule, cost: &RuleProfile) -> Self {
        let RuleProfile { candidates, evaluations, matches, nanoseconds } = *cost;
        Self { gid: rule.gid, sid: rule.sid, rev: rule.rev, signature: &rule.msg, candidates, evaluations, matches, nanoseconds }
    }
}

/// The dearest rules, a line each, and how many more there are.
fn table(costs: &[(&Rule, RuleProfile)], rules: usize) -> String {
    let mut out = String::from(
        "Rules by cost\n  microseconds  nanoseconds each   evaluations    candidates       matches         sid  message\n",
    );
    for (rule, cost) in costs.iter().take(MOST_LINES) {
        let RuleProfile { candidates, evaluations, matches, nanoseconds } = *cost;
        let (micros, each) = (nanoseconds / 1_000, nanoseconds.checked_div(evaluations).unwrap_or(0));
        let message = visible(rule.msg.as_bytes(), MESSAGE);
        let _ = writeln!(out, "{micros:>14}{each:>18}{evaluations:>14}{candidates:>14}{matches:>14}{:>12}  {message}", rule.sid);
    }
    let more = costs.len().saturating_sub(MOST_LINES);
    let never = rules.saturating_sub(costs.len());
    let _ = writeln!(out, "{more} more rules were candidates, {never} never were");
    out
}

/// Rules in the table.
const MOST_LINES: usize = 50;
/// Characters of a message in it.
const MESSAGE: usize = 60;
