//! Data sets: the files that rules read them from, and those that they are kept in.
//!
//! Rules come from others. What they have written is a new file, or takes the place of one that is such a data set; nothing else is
//! ever written over, whatever a rule calls it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::feed_files::{self, FileError, RuleFiles};
use super::say;
use crate::rules::{DatasetFile, DatasetKind, DatasetRole, Diagnostic, RuleConfig, SavedDataset, Source};

/// A data set that the user names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedSet {
    name: String,
    kind: DatasetKind,
    path: PathBuf,
}

/// Why a data set cannot be kept.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("data set `{name}` cannot be kept in {}: it is no directory; name one with --data-dir", folder.display())]
    NoFolder { name: String, folder: PathBuf },
    #[error("data set `{name}` cannot be kept in {}: it is no regular file", path.display())]
    NoFile { name: String, path: PathBuf },
    #[error("data set `{name}` is not kept in {}: line {line} of that file is no value, and would be lost", path.display())]
    OtherFile { name: String, path: PathBuf, line: u32 },
    #[error("data set `{name}` is loaded by --dataset: the state in {} is left alone", path.display())]
    Named { name: String, path: PathBuf },
    #[error("data set `{name}` cannot be kept in {}: data set `{other}` is", path.display())]
    Taken { name: String, path: PathBuf, other: String },
}

impl NamedSet {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The file that a rule loads `file` from; `None` for one that is written.
pub(super) fn loaded(file: &DatasetFile) -> Option<PathBuf> {
    let beside = Path::new(&file.source).parent().unwrap_or(Path::new(""));
    matches!(file.role, DatasetRole::Load | DatasetRole::Reputation).then(|| beside.join(&file.path))
}

/// `NAME:TYPE=FILE`
pub(super) fn named_set(text: &str) -> Result<NamedSet, String> {
    let (what, path) = text.split_once('=').ok_or("expected NAME:TYPE=FILE")?;
    let (name, word) = what.rsplit_once(':').ok_or("expected NAME:TYPE=FILE")?;
    let kind = DatasetKind::from_word(word);
    let kind = kind.ok_or_else(|| format!("'{word}' is no type of data set: use string, md5, sha256, ipv4, ip or cidr"))?;
    Ok(NamedSet { name: name.to_owned(), kind, path: path.into() })
}

/// Reads the data sets that the user names, and answers what is wrong with their lines.
pub(super) fn read_named(sets: &[NamedSet], config: &mut RuleConfig) -> Result<Vec<Diagnostic>, FileError> {
    let mut mistakes = Vec::new();
    for NamedSet { name, kind, path } in sets {
        let text = feed_files::text(feed_files::read(path)?);
        mistakes.extend(config.add_dataset(name, *kind, &Source { name: &path.display().to_string(), text: &text }));
    }
    Ok(mistakes)
}

/// Reads the data sets that the rules of `sources` name files for, and answers what is wrong with their lines. Where a file cannot
/// be read or is not to be written, that is said, and the rules that need it do not load. `folder`: where sets are kept; else beside
/// the rules.
pub(super) fn read(sources: &[Source<'_>], files: &RuleFiles, folder: Option<&Path>, config: &mut RuleConfig) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    let mut kept: Vec<(PathBuf, String)> = Vec::new();
    for file in DatasetFile::named_in(sources) {
        let beside = Path::new(&file.source).parent().unwrap_or(Path::new(""));
        let result = match file.role {
            DatasetRole::Load | DatasetRole::Reputation => {
                let path = beside.join(&file.path);
                files.get(&path).map(|bytes| mistakes.extend(add(&file, &path, bytes, config))).map_err(KeepError::File)
            }
            DatasetRole::Save | DatasetRole::State => {
                let path = folder.unwrap_or(beside).join(&file.path);
                keep(&file, &path, &mut kept, config)
            }
        };
        if let Err(error) = result {
            say("warning", error);
        }
    }
    mistakes
}

/// Sees that data sets can be written to `places` after the run; false where one cannot be, which was said.
pub(super) fn can_write<'p>(places: impl Iterator<Item = &'p str>) -> bool {
    let mut all = true;
    for place in places {
        let part = part_of(Path::new(place));
        if let Err(error) = create(&part).and_then(|_| fs::remove_file(&part)) {
            say("error", format_args!("cannot write a data set to {place}: {error}; name another directory with --data-dir"));
            all = false;
        }
    }
    all
}

/// Writes the data sets that a run changed; false where one could not be, which was said.
pub(super) fn write(sets: &[SavedDataset]) -> bool {
    let mut all = true;
    for SavedDataset { name, place, text } in sets {
        if let Err(error) = replace(Path::new(&**place), text.as_bytes()) {
            say("error", format_args!("cannot write data set `{name}` to {place}: {error}"));
            all = false;
        }
    }
    all
}

/// Whether both paths are of one file, whether it is there or not.
pub(super) fn is_same_place(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| Some((folder_of(path).canonicalize().ok()?, path.file_name()?.to_owned()));
    same_file::is_same_file(one, other).unwrap_or(false) || place(one).is_some_and(|p| Some(p) == place(other))
}

/// Makes the bytes of a file what it is for.
fn add(file: &DatasetFile, path: &Path, bytes: Vec<u8>, config: &mut RuleConfig) -> Vec<Diagnostic> {
    let (text, shown) = (feed_files::text(bytes), path.display().to_string());
    let source = Source { name: &shown, text: &text };
    match file.role {
        DatasetRole::Reputation => config.add_datarep(&file.name, file.kind, &source),
        _ => match &file.json {
            Some(json) => config.add_json_dataset(&file.name, file.kind, json, &source),
            None => config.add_dataset(&file.name, file.kind, &source),
        },
    }
}

/// Has a data set kept at `path`, and where that is its state reads it from there.
fn keep(file: &DatasetFile, path: &Path, kept: &mut Vec<(PathBuf, String)>, config: &mut RuleConfig) -> Result<(), KeepError> {
    let DatasetFile { name, kind, role, .. } = file;
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(KeepError::NoFolder { name: name.clone(), folder: folder.to_owned() });
    }
    if *role == DatasetRole::State && config.datasets.has(name) {
        return Err(KeepError::Named { name: name.clone(), path: path.to_owned() });
    }
    if let Some((_, other)) = kept.iter().find(|(taken, _)| is_same_place(taken, path)) {
        return Err(KeepError::Taken { name: name.clone(), path: path.to_owned(), other: other.clone() });
    }
    let mut bytes = Vec::new();
    if path.symlink_metadata().is_ok() {
        if !path.is_file() {
            return Err(KeepError::NoFile { name: name.clone(), path: path.to_owned() });
        }
        bytes = feed_files::read(path)?;
        if let Some(line) = kind.first_other_line(&String::from_utf8_lossy(&bytes)) {
            return Err(KeepError::OtherFile { name: name.clone(), path: path.to_owned(), line });
        }
    }
    if *role == DatasetRole::State {
        add(file, path, bytes, config);
    }
    config.keep_dataset(name, &path.display().to_string());
    kept.push((path.to_owned(), name.clone()));
    Ok(())
}

/// Puts a file with `bytes` in the place of the one at `path`, if there is one: whole, or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = part_of(path);
    let mut file = create(&part)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&part, path)).inspect_err(|_| {
        let _ = fs::remove_file(&part); // what is wrong is told already
    })
}

/// The name that a file has until it is whole.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

fn create(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::rules::RuleSet;

    /// Loads a rule that keeps the set `x`, and gives how many rules loaded and where sets are kept.
    fn load(dir: &Path, options: &str, folder: Option<&Path>) -> (usize, Vec<String>) {
        let name = dir.join("my.rules").display().to_string();
        let text = format!("alert tls any any -> any any (tls.sni; dataset:set,x,{options}; sid:1;)");
        let sources = [Source { name: &name, text: &text }];
        let mut config = RuleConfig::default();
        assert_eq!(read(&sources, &RuleFiles::default(), folder, &mut config), []);
        let (rules, report) = RuleSet::compile(&sources, &config);
        (report.loaded, rules.dataset_places().map(str::to_owned).collect())
    }

    #[test]
    fn a_set_is_named_with_type_and_file() {
        let named = |name: &str, kind, path: &str| Ok(NamedSet { name: name.into(), kind, path: path.into() });
        assert_eq!(named_set("a:ip=b=c"), named("a", DatasetKind::Ip, "b=c"));
        assert_eq!(named_set("a:b:string=c"), named("a:b", DatasetKind::Text, "c"));
        for text in ["a", "a=b", "a:b=c", "a:ip"] {
            assert!(named_set(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_set_is_kept_beside_the_rules_or_in_the_folder_named() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = |dir: &Path| vec![dir.join("x.lst").display().to_string()];
        for options in ["type string,state x.lst", "type string,save x.lst"] {
            assert_eq!(load(dir.path(), options, None), (1, place(dir.path())), "{options}");
            assert_eq!(load(dir.path(), options, Some(other.path())), (1, place(other.path())), "{options}");
            assert_eq!(load(dir.path(), options, Some(&other.path().join("missing"))), (0, vec![]), "{options}");
        }
    }

    #[test]
    fn nothing_but_a_set_of_that_type_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        symlink("nowhere", dir.path().join("broken")).unwrap();
        for (name, bytes) in [
            ("empty", &b""[..]),
            ("names", b"YQ==\n\nYg==\n"),
            ("addresses", b"10.0.0.1\n"),
            ("comment.rules", b"# alert tls any any -> any any (sid:1;)\n"),
            ("capture.pcap", b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00"),
        ] {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        for (options, loaded) in [
            ("type string,state empty", 1),
            ("type string,state names", 1),
            ("type string,save names", 1),
            ("type string,state addresses", 0),
            ("type string,save addresses", 0),
            ("type string,save comment.rules", 0),
            ("type string,state capture.pcap", 0),
            ("type string,state folder", 0),
            ("type string,state broken", 0),
            ("type string,state missing/x", 0),
        ] {
            assert_eq!(load(dir.path(), options, None).0, loaded, "{options}");
        }
    }

    #[test]
    fn two_sets_are_not_kept_in_one_file() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path(), "type string,state x; dataset:set,y,type string,state ./x", None).0, 0);
        assert_eq!(load(dir.path(), "type string,state x; dataset:set,y,type string,state y", None).0, 1);
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lst");
        for text in ["YQ==\n", "Yg==\n"] {
            let set = |path: &Path| SavedDataset { name: "x".into(), place: path.to_str().unwrap().into(), text: text.to_owned() };
            assert!(write(&[set(&path)]));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert!(!write(&[set(&dir.path().join("missing").join("x.lst")), set(dir.path())]));
            assert!(can_write([path.to_str().unwrap()].into_iter()));
            assert!(!can_write([dir.path().join("missing/x.lst").to_str().unwrap()].into_iter()));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no part is left");
    }
}
