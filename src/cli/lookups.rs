//! The options that name what rules look up, and the way from them to what rules are loaded with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::datasets::{self, NamedSet};
use super::feed_files::{self, FileError, RuleFiles};
use super::say;
use crate::rules::{Diagnostic, GeoIp, Reputation, RuleConfig, Source};

/// What rules look up.
#[derive(Debug, Args)]
pub(super) struct Lookups {
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
    #[arg(long, value_name = "FILE")]
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

    /// Load the data set NAME, for rules that do not say what is in it: TYPE is string, md5, sha256, ipv4, ip or cidr; may be
    /// repeated
    #[arg(long, value_name = "NAME:TYPE=FILE", value_parser = datasets::named_set)]
    dataset: Vec<NamedSet>,

    /// Keep the data sets that rules save in DIR [default: beside the rules]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Lookups {
    /// What the rules in `sources` are loaded with, and what was wrong with files of it.
    pub fn config(&self, sources: &[Source<'_>], files: &RuleFiles) -> Result<(RuleConfig, Vec<Diagnostic>), FileError> {
        let (mut config, mut mistakes) = self.names(files)?;
        for path in &self.threshold_config {
            let text = feed_files::text(files.get(path)?);
            config.threshold_files.push((path.display().to_string(), text));
        }
        mistakes.extend(self.read_addresses(&mut config)?);
        mistakes.extend(datasets::read_named(&self.dataset, &mut config)?);
        mistakes.extend(datasets::read(sources, files, self.data_dir.as_deref(), &mut config));
        Ok((config, mistakes))
    }

    /// All files that the options name.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let once = [&self.classification_config, &self.reference_config, &self.iprep_categories, &self.geoip];
        let named = self.dataset.iter().map(NamedSet::path);
        once.into_iter().flatten().chain(&self.threshold_config).chain(&self.iprep).map(PathBuf::as_path).chain(named)
    }

    /// Variables, classes and references, and what was wrong with files of them.
    fn names(&self, files: &RuleFiles) -> Result<(RuleConfig, Vec<Diagnostic>), FileError> {
        let mut config = RuleConfig::default();
        for (name, value) in &self.var {
            config.set_variable(name, value);
        }
        let mut mistakes = Vec::new();
        for (named, name) in [&self.classification_config, &self.reference_config].into_iter().zip(BESIDE) {
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
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "expected NAME=VALUE".to_owned())?;
    let name = name.trim_start_matches('$');
    if name.is_empty() {
        return Err("the variable has no name: expected NAME=VALUE".to_owned());
    }
    RuleConfig::check_value(value).map_err(|reason| reason.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Files that are read where they lie beside the rules: what classtypes mean, and what stands before the ids of references.
pub(super) const BESIDE: [&str; 2] = ["classification.config", "reference.config"];
