//! Rule files: found, read and loaded.

use std::fs;
use std::path::{Path, PathBuf};

use super::say;
use crate::rules::{LoadReport, RuleConfig, RuleSet, SHIPPED, Source};

/// Loads the rules in `paths`: files, and directories with all `*.rules` files in them. `None` where a path cannot be read; what was
/// wrong was said then.
pub(super) fn load(paths: &[PathBuf], config: &RuleConfig) -> Option<(RuleSet, LoadReport)> {
    let mut texts = Vec::new();
    for path in paths {
        if let Err(error) = read(path, &mut texts) {
            say("error", format_args!("cannot read rules from {}: {error}", path.display()));
            return None;
        }
    }
    let sources: Vec<Source<'_>> = texts.iter().map(|(name, text)| Source { name, text }).collect();
    Some(RuleSet::compile(&sources, config))
}

/// Names and texts of `paths`, as they are. `None` where one cannot be read; what was wrong was said then.
pub(super) fn texts(paths: &[PathBuf]) -> Option<Vec<(String, String)>> {
    let read = |path: &PathBuf| match fs::read(path) {
        Ok(bytes) => Some((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) => {
            say("error", format_args!("cannot read {}: {error}", path.display()));
            None
        }
    };
    paths.iter().map(read).collect()
}

/// Loads the rules that ship with the program.
pub(super) fn shipped(config: &RuleConfig) -> (RuleSet, LoadReport) {
    RuleSet::compile(SHIPPED, config)
}

/// Says which rules did not load and why, and how many did.
pub(super) fn report(report: &LoadReport) {
    for error in report.errors.iter().take(MOST_LINES) {
        say("rule not loaded", error);
    }
    if let Some(more) = report.errors.len().checked_sub(MOST_LINES).filter(|&n| n > 0) {
        say("rules not loaded", format_args!("{more} more"));
    }
    for note in report.notes.iter().take(MOST_LINES) {
        say("note", note);
    }
    if !report.errors.is_empty() {
        let (loaded, failed) = (report.loaded, report.errors.len());
        say("warning", format_args!("{loaded} rules loaded, {failed} not; the run goes on without those"));
    }
}

fn read(path: &Path, texts: &mut Vec<(String, String)>) -> std::io::Result<()> {
    if !path.is_dir() {
        let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        texts.push((path.display().to_string(), text));
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|e| e == "rules") {
            read(&entry, texts)?;
        }
    }
    Ok(())
}

/// Lines about rules; a feed for another engine would flood the terminal.
const MOST_LINES: usize = 50;
