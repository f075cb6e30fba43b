//! Data sets: values from a file, to look a buffer up in. They never change while rules are tried.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::config::RuleConfig;
use super::config_files::each_line;
use super::diagnostic::{Diagnostic, Reason};
use super::load::Source;
use super::parse;
use super::parse::lines::{Entry, entries};
use crate::base::{base64, hex};

/// The data sets that rules load, by name: all rules share them.
#[derive(Clone, Debug, Default)]
pub struct Datasets(HashMap<String, Arc<Dataset>>);

/// A file that a rule loads a data set from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetFile {
    /// The data set.
    pub name: String,
    /// What a line of it is.
    pub kind: DatasetKind,
    /// As the rule writes it: a path that is relative to where the rule is.
    pub path: String,
    /// The source of the rule.
    pub source: String,
}

/// What the values of a data set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetKind {
    /// Any bytes, written in Base64.
    Text,
    /// The 16 bytes of a digest, written in hexadecimal.
    Md5,
    /// The 32 bytes of a digest, written in hexadecimal.
    Sha256,
}

/// Values.
#[derive(Debug)]
pub(super) struct Dataset {
    kind: DatasetKind,
    values: HashSet<Box<[u8]>>,
}

/// What a `dataset` option says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec<'v> {
    /// The value has to be in it, or has not to.
    pub present: bool,
    pub name: &'v str,
    pub kind: Option<DatasetKind>,
    pub load: Option<&'v str>,
    /// `memcap` or `hashsize` is given.
    pub sized: bool,
}

impl DatasetFile {
    /// The files that the rules of `sources` load data sets from, in the order written. Rules with mistakes are passed over.
    pub fn named_in(sources: &[Source<'_>]) -> Vec<Self> {
        let mut files = Vec::new();
        for source in sources.iter().filter(|s| s.text.contains("dataset")) {
            for entry in entries(source.text) {
                let Entry::Rule(text) = entry else { continue };
                let Ok(ast) = parse::rule(&text.text) else { continue };
                let values = ast.options.iter().filter(|o| o.name == "dataset").filter_map(|o| o.value);
                for spec in values.filter_map(|v| Spec::parse(v).ok()) {
                    let (Some(kind), Some(path)) = (spec.kind, spec.load) else { continue };
                    let (name, path, source) = (spec.name.to_owned(), path.to_owned(), source.name.to_owned());
                    files.push(Self { name, kind, path, source });
                }
            }
        }
        files
    }
}

impl RuleConfig {
    /// Makes the lines of `source` the data set `name`; the first of that name stays. Answers which lines are no values.
    pub fn add_dataset(&mut self, name: &str, kind: DatasetKind, source: &Source<'_>) -> Vec<Diagnostic> {
        if self.datasets.get(name).is_some() {
            return Vec::new();
        }
        let mut values = HashSet::new();
        let mistakes = each_line(source, kind.form(), |line| {
            values.insert(kind.value(line)?.into());
            Some(())
        });
        self.datasets.0.insert(name.to_owned(), Arc::new(Dataset { kind, values }));
        mistakes
    }
}

impl Datasets {
    pub(super) fn get(&self, name: &str) -> Option<&Arc<Dataset>> {
        self.0.get(name)
    }
}

impl Dataset {
    /// What its values are.
    pub const fn kind(&self) -> DatasetKind {
        self.kind
    }

    /// Whether `value` is in it. `None` where it could not be: it is no digest of this length.
    pub fn contains(&self, value: &[u8]) -> Option<bool> {
        let fits = self.kind.width().is_none_or(|width| width == value.len());
        fits.then(|| self.values.contains(value))
    }
}

impl DatasetKind {
    /// What a line looks like.
    const fn form(self) -> &'static str {
        match self {
            Self::Text => "Base64",
            Self::Md5 => "32 hexadecimal digits",
            Self::Sha256 => "64 hexadecimal digits",
        }
    }

    /// How many bytes each value has, where that is set.
    const fn width(self) -> Option<usize> {
        match self {
            Self::Text => None,
            Self::Md5 => Some(16),
            Self::Sha256 => Some(32),
        }
    }

    /// The value that a line stands for.
    fn value(self, line: &str) -> Option<Vec<u8>> {
        match self.width() {
            None => base64::decode(line),
            Some(width) => hex::decode(line).filter(|b| b.len() == width),
        }
    }
}

impl<'v> Spec<'v> {
    /// `isset|isnotset,name[,type string|md5|sha256][,load file][,memcap size][,hashsize n]`
    pub fn parse(value: &'v str) -> Result<Self, Reason> {
        let mut parts = value.split(',').map(str::trim);
        let present = match parts.next().unwrap_or_default() {
            "isset" => true,
            "isnotset" => false,
            "set" | "unset" => return Err(Reason::NotSupported("changing a data set")),
            _ => return Err(FORM),
        };
        let name = parts.next().filter(|n| !n.is_empty() && !n.contains(char::is_whitespace)).ok_or(FORM)?;
        let mut spec = Self { present, name, kind: None, load: None, sized: false };
        for part in parts {
            let (key, value) = part.split_once(char::is_whitespace).ok_or(FORM)?;
            match (key, value.trim()) {
                ("type", "string") => spec.kind = Some(DatasetKind::Text),
                ("type", "md5") => spec.kind = Some(DatasetKind::Md5),
                ("type", "sha256") => spec.kind = Some(DatasetKind::Sha256),
                ("type", "ip" | "ipv4" | "ipv6") => return Err(Reason::NotSupported("a data set of addresses")),
                ("load", path) => spec.load = Some(path),
                ("save" | "state", _) => return Err(Reason::NotSupported("a data set that is saved")),
                ("format", _) => return Err(Reason::NotSupported("a data set in this format")),
                ("memcap" | "hashsize", _) => spec.sized = true,
                _ => return Err(FORM),
            }
        }
        if spec.load.is_some() && spec.kind.is_none() {
            return Err(Reason::BadValue("a type beside load"));
        }
        Ok(spec)
    }
}

const FORM: Reason = Reason::BadValue("isset or isnotset, a name, and type string|md5|sha256, load FILE");
