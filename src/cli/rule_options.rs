//! The options that name rules and what belongs to them, and the way from them to a set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::feed_files::{self, FileError, RuleFiles};
use super::say;
use crate::rules::{
    Action, DatasetFile, Diagnostic, GeoIp, List, ListKind, ListSource, LoadReport, Reputation, RuleConfig, RuleSet, SHIPPED,
    Source,
};

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

    /// Read suppressions, thresholds and rate filters for rules from FILE, in the form of Suricata's threshold.config; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "no_rules")]
    threshold_config: Vec<PathBuf>,

    /// The categories that iprep speaks of
    #[arg(long, value_name = "FILE")]
    iprep_categories: Option<PathBuf>,

    /// Reputation of addresses, for iprep: lines of address,category,score; may be repeated
    #[arg(long, value_name = "FILE", requires = "iprep_categories")]
    iprep: Vec<PathBuf>,

    /// Countries of addresses, for geoip: a database in MaxMind's format
    #[arg(long, value_name = "FILE")]
    geoip: Option<PathBuf>,

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

/// `KIND[:ACTION]=FILE`
#[derive(Clone, Debug)]
struct NamedList {
    /// `None` for `auto`.
    kind: Option<ListKind>,
    action: Action,
    path: PathBuf,
}

impl RuleOptions {
    /// Loads what the options name, and says what did not load. `None` where a file could not be read; that was said too.
    pub fn load(&self) -> Option<RuleSet> {
        match self.compile() {
            Ok((rules, report)) => {
                tell(&report);
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

    fn compile(&self) -> Result<(RuleSet, LoadReport), FileError> {
        let files = RuleFiles::read(&self.rules)?;
        let (mut config, mut mistakes) = self.config(&files)?;
        let named: Vec<Source<'_>> = files.texts.iter().map(|(name, text)| Source { name, text }).collect();
        let sources = match (self.no_rules, self.rules.is_empty()) {
            (true, _) => &[],
            (false, true) => SHIPPED,
            (false, false) => &named[..],
        };
        for path in &self.threshold_config {
            let text = feed_files::text(files.get(path)?);
            config.threshold_files.push((path.display().to_string(), text));
        }
        mistakes.extend(self.read_addresses(&mut config)?);
        mistakes.extend(read_datasets(sources, &files, &mut config));
        let (lists, wrong) = self.read_lists()?;
        config.lists = lists;
        config.keep_text = false;
        mistakes.extend(wrong);
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

    /// What the options say of addresses, and what is wrong with lines of the files.
    fn read_addresses(&self, config: &mut RuleConfig) -> Result<Vec<Diagnostic>, FileError> {
        let mut mistakes = Vec::new();
        if let Some(path) = &self.iprep_categories {
            let mut reputation = Reputation::default();
            let text = feed_files::text(feed_files::read(path)?);
            mistakes.extend(reputation.add_categories(&Source { name: &path.display().to_string(), text: &text }));
            for path in &self.iprep {
                let text = feed_files::text(feed_files::read(path)?);
                mistakes.extend(reputation.add_scores(&Source { name: &path.display().to_string(), text: &text }));
            }
            config.reputation = Some(Arc::new(reputation));
        }
        if let Some(path) = &self.geoip {
            let database = GeoIp::read(feed_files::read(path)?);
            config.geoip = Some(Arc::new(database.map_err(|reason| FileError::Damaged { path: path.clone(), reason })?));
        }
        Ok(mistakes)
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

/// The data sets that rules load from files, and what is wrong with their lines. Where a file cannot be read, that is said, and the
/// rules that look it up do not load.
fn read_datasets(sources: &[Source<'_>], files: &RuleFiles, config: &mut RuleConfig) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for DatasetFile { name, kind, path, source } in DatasetFile::named_in(sources) {
        let path = Path::new(&source).parent().unwrap_or(Path::new("")).join(path);
        match files.get(&path) {
            Ok(bytes) => {
                let (text, shown) = (feed_files::text(bytes), path.display().to_string());
                mistakes.extend(config.add_dataset(&name, kind, &Source { name: &shown, text: &text }));
            }
            Err(error) => say("warning", error),
        }
    }
    mistakes
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

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "expected NAME=VALUE".to_owned())?;
    Ok((name.trim_start_matches('$').to_owned(), value.to_owned()))
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
