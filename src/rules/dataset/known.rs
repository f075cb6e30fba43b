//! Which sets there are: what all rules together say of each, and the files that they name.

use std::collections::HashMap;
use std::sync::Arc;

use memchr::memmem;

use super::super::config::RuleConfig;
use super::super::diagnostic::{Reason, excerpt};
use super::super::load::Source;
use super::super::parse;
use super::super::parse::lines::{Entry, entries};
use super::spec::{RepSpec, SetSpec, Spec};
use super::{DataRep, Dataset, DatasetKind, JsonFormat};

/// A file that a rule names for a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetFile {
    /// The data set.
    pub name: String,
    /// What a line of it is.
    pub kind: DatasetKind,
    /// What it is for.
    pub role: DatasetRole,
    /// As the rule writes it: a path that is relative to where the rule is.
    pub path: String,
    /// The source of the rule.
    pub source: String,
    /// Where the values lie, where it is in JSON.
    pub json: Option<JsonFormat>,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetRole {
    /// The values of a set are read from it.
    Load,
    /// Values with their reputations are read from it.
    Reputation,
    /// The set is written to it after the run.
    Save,
    /// The set is read from it, where there is such a file, and written to it after the run.
    State,
}

impl DatasetFile {
    /// The files that the rules of `sources` name for data sets, in the order written; of each set those of the rule that names some
    /// first. Rules with mistakes are passed over.
    pub fn named_in(sources: &[Source<'_>]) -> Vec<Self> {
        let mut files: Vec<Self> = Vec::new();
        each_named(sources, |source, named| {
            let (name, set, load) = match named {
                Named::Set(spec) => (spec.name, spec.set, DatasetRole::Load),
                Named::Reputation(spec) => (spec.name, spec.set, DatasetRole::Reputation),
            };
            let is_known =
                files.iter().any(|f| f.name == name && (f.role == DatasetRole::Reputation) == (load == DatasetRole::Reputation));
            let Some(kind) = set.kind.filter(|_| !is_known) else { return };
            for (path, role) in [(set.load, load), (set.save, DatasetRole::Save), (set.state, DatasetRole::State)] {
                let Some(path) = path else { continue };
                let (name, path, source) = (name.to_owned(), path.to_owned(), source.to_owned());
                files.push(Self { name, kind, role, path, source, json: set.json.clone() });
            }
        });
        files
    }
}

/// The sets that the rules of a load speak of.
#[derive(Debug, Default)]
pub(in crate::rules) struct KnownSets {
    sets: HashMap<String, Known<Dataset>>,
    reputations: HashMap<String, Known<DataRep>>,
}

/// What is known of a set.
#[derive(Debug)]
struct Known<T> {
    kind: DatasetKind,
    files: Files,
    memcap: Option<usize>,
    /// `None` where it lacks a file.
    set: Option<Arc<T>>,
}

/// The files of a set, as rules write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files {
    load: Option<String>,
    save: Option<String>,
    state: Option<String>,
}

impl KnownSets {
    /// Those that the rules of `sources` give a type, and those that `config` has.
    pub fn of(sources: &[Source<'_>], config: &RuleConfig) -> Self {
        let loaded = &config.datasets;
        let sets = loaded.sets.iter().map(|(name, (kind, _))| (name.clone(), Known::new(*kind)));
        let reputations = loaded.reputations.iter().map(|(name, set)| (name.clone(), Known::new(set.kind)));
        let mut known = Self { sets: sets.collect(), reputations: reputations.collect() };
        each_named(sources, |_, named| match named {
            Named::Set(Spec { name, set, .. }) => note(&mut known.sets, name, &set),
            Named::Reputation(RepSpec { name, set, .. }) => note(&mut known.reputations, name, &set),
        });
        for (name, known) in &mut known.sets {
            let place = loaded.places.get(name).cloned();
            let entries = loaded.sets.get(name).map(|(_, entries)| entries.clone());
            let Files { load, save, state } = &known.files;
            let lacks_values = load.as_ref().or(state.as_ref()).is_some() && entries.is_none();
            let lacks_place = save.as_ref().or(state.as_ref()).is_some() && place.is_none();
            if lacks_values || lacks_place {
                continue;
            }
            let memcap = known.memcap.unwrap_or(DEFAULT_MEMCAP);
            let contexts = loaded.contexts.get(name).cloned();
            let (name, kind, entries) = (name.as_str().into(), known.kind, entries.unwrap_or_default());
            known.set = Some(Arc::new(Dataset { name, kind, memcap, place, entries, contexts }));
        }
        for (name, known) in &mut known.reputations {
            known.set = loaded.reputations.get(name).cloned();
        }
        known
    }

    /// The set that an option of a rule is about.
    pub fn set(&self, name: &str, spec: &SetSpec<'_>) -> Result<Arc<Dataset>, Reason> {
        find(&self.sets, name, spec)
    }

    /// The reputations that an option of a rule is about.
    pub fn reputations(&self, name: &str, spec: &SetSpec<'_>) -> Result<Arc<DataRep>, Reason> {
        find(&self.reputations, name, spec)
    }
}

impl<T> Known<T> {
    fn new(kind: DatasetKind) -> Self {
        Self { kind, files: Files::default(), memcap: None, set: None }
    }
}

impl From<&SetSpec<'_>> for Files {
    fn from(spec: &SetSpec<'_>) -> Self {
        let [load, save, state] = [spec.load, spec.save, spec.state].map(|path| path.map(str::to_owned));
        Self { load, save, state }
    }
}

/// Takes in what an option says of a set: the first type, the first files and the first memcap count.
fn note<T>(known: &mut HashMap<String, Known<T>>, name: &str, spec: &SetSpec<'_>) {
    let Some(kind) = spec.kind else { return };
    let known = known.entry(name.to_owned()).or_insert_with(|| Known::new(kind));
    if known.files == Files::default() && known.kind == kind {
        known.files = spec.into();
    }
    known.memcap = known.memcap.or(spec.memcap);
}

fn find<T>(known: &HashMap<String, Known<T>>, name: &str, spec: &SetSpec<'_>) -> Result<Arc<T>, Reason> {
    let known = known.get(name).ok_or_else(|| Reason::UnknownDataset(excerpt(name)))?;
    if spec.kind.is_some_and(|kind| kind != known.kind) {
        return Err(Reason::OtherDataset { name: excerpt(name), what: "type" });
    }
    // A set that was handed in may have no file that a rule names.
    if spec.has_file() && known.files != Files::default() && known.files != spec.into() {
        return Err(Reason::OtherDataset { name: excerpt(name), what: "file" });
    }
    known.set.clone().ok_or_else(|| Reason::NoDataset(excerpt(name)))
}

/// An option about a set.
enum Named<'v> {
    Set(Spec<'v>),
    Reputation(RepSpec<'v>),
}

/// Calls `found` with each option of `sources` about a set, and the name of its source. Rules with mistakes are passed over.
fn each_named(sources: &[Source<'_>], mut found: impl FnMut(&str, Named<'_>)) {
    let words = ["dataset", "datarep"].map(memmem::Finder::new);
    let is_about = |text: &str| words.iter().any(|word| word.find(text.as_bytes()).is_some());
    for source in sources.iter().filter(|s| is_about(s.text)) {
        for entry in entries(source.text) {
            let Entry::Rule(text) = entry else { continue };
            if !is_about(&text.text) {
                continue;
            }
            let Ok(ast) = parse::rule(&text.text) else { continue };
            for option in &ast.options {
                let value = option.value.unwrap_or_default();
                let named = match option.name {
                    "dataset" => Spec::parse(value).map(Named::Set),
                    "datarep" => RepSpec::parse(value).map(Named::Reputation),
                    _ => continue,
                };
                if let Ok(named) = named {
                    found(source.name, named);
                }
            }
        }
    }
}

/// Suricata's.
const DEFAULT_MEMCAP: usize = 100 << 20;
