//! Files as feeds ship them: found, read, decompressed, and taken out of tarballs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::capture::Compression;
use crate::rules::Source;

/// The rule files that were named, and what lies beside them.
#[derive(Debug, Default)]
pub(super) struct RuleFiles {
    /// Name and text of each, in the order named; those of a directory or tarball by name.
    pub texts: Vec<(String, String)>,
    /// What else there is in tarballs, by the path of the tarball and the path in it.
    members: BTreeMap<PathBuf, Vec<u8>>,
}

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is larger than {} MiB", path.display(), MAX_BYTES >> 20)]
    TooLarge { path: PathBuf },
    #[error("cannot read {}: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{} has no *.rules file in it", .0.display())]
    NoRules(PathBuf),
    #[error("no file matches {}", .0.display())]
    NoMatch(PathBuf),
    #[error("{} cannot be read a second time: it is a pipe", .0.display())]
    Pipe(PathBuf),
    #[error("{} is neither a file nor a glob: {reason}", path.display())]
    BadGlob { path: PathBuf, reason: &'static str },
}

impl RuleFiles {
    /// Reads all that `paths` name: files, tarballs, directories (all `*.rules` in them, plain or compressed, at any depth), or globs
    /// of them.
    pub fn read(paths: &[PathBuf]) -> Result<Self, FileError> {
        let mut files = Self::default();
        for path in paths {
            for path in expand(path)? {
                files.add(&path)?;
            }
        }
        Ok(files)
    }

    /// The rule files, for the compiler.
    pub fn sources(&self) -> Vec<Source<'_>> {
        self.texts.iter().map(|(name, text)| Source { name, text }).collect()
    }

    /// The file at `path`: of a tarball that was read, or on disk.
    pub fn get(&self, path: &Path) -> Result<Vec<u8>, FileError> {
        self.members.get(path).map_or_else(|| read(path), |bytes| Ok(bytes.clone()))
    }

    /// The paths of the files called `name` that are in a directory with rules, or in a tarball with rules.
    pub fn beside(&self, name: &str) -> BTreeSet<PathBuf> {
        let folders = self.texts.iter().filter_map(|(name, _)| Path::new(name).parent());
        let on_disk = folders.map(|f| f.join(name)).filter(|p| p.is_file());
        let in_tarballs = self.members.keys().filter(|p| p.file_name().is_some_and(|n| n == name)).cloned();
        on_disk.chain(in_tarballs).collect()
    }

    fn add(&mut self, path: &Path) -> Result<(), FileError> {
        if path.is_dir() {
            let mut found = Vec::new();
            walk(path, &mut found).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
            if found.is_empty() {
                return Err(FileError::NoRules(path.to_owned()));
            }
            found.sort();
            return found.iter().try_for_each(|file| self.add_file(file, read(file)?));
        }
        let bytes = read(path)?;
        if is_tar(&bytes) { self.add_tarball(path, &bytes) } else { self.add_file(path, bytes) }
    }

    fn add_file(&mut self, path: &Path, bytes: Vec<u8>) -> Result<(), FileError> {
        self.texts.push((path.display().to_string(), text(bytes)));
        Ok(())
    }

    fn add_tarball(&mut self, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
        let failed = |source| FileError::Read { path: path.to_owned(), source };
        let (mut rules, mut left) = (Vec::new(), MAX_BYTES);
        for entry in tar::Archive::new(bytes).entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let inside = entry.path().map_err(failed)?.into_owned();
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let inside = path.join(inside.strip_prefix("/").or_else(|_| inside.strip_prefix(".")).unwrap_or(&inside));
            let raw = at_most(&inside, left, entry.size(), entry)?;
            let bytes = decompress(&inside, left, raw)?;
            left = left.saturating_sub(bytes.len() as u64);
            if is_rules(&inside) {
                rules.push((inside.display().to_string(), text(bytes)));
            } else {
                self.members.insert(inside, bytes);
            }
        }
        if rules.is_empty() {
            return Err(FileError::NoRules(path.to_owned()));
        }
        rules.sort();
        self.texts.append(&mut rules);
        Ok(())
    }
}

/// The files that are read for `path`: itself, or where it is a directory or glob, those in it.
pub(super) fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in expand(path).unwrap_or_else(|_| vec![path.to_owned()]) {
        match path.is_dir() {
            true => drop(walk(&path, &mut found)), // what can be found; loading says what cannot
            false => found.push(path),
        }
    }
    found
}

/// The file at `path`, decompressed where it is compressed with gzip, zstd, xz or lz4.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    decompress(path, MAX_BYTES, at_most(path, MAX_BYTES, size, file)?)
}

/// Bytes as text. What is no UTF-8 is replaced by U+FFFD.
pub(super) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn decompress(path: &Path, limit: u64, bytes: Vec<u8>) -> Result<Vec<u8>, FileError> {
    let Some(compression) = Compression::by_first_bytes(&bytes) else { return Ok(bytes) };
    let decoder = compression.decoder(Cursor::new(bytes)).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    at_most(path, limit, 0, decoder)
}

/// All of `from`, probably `size` bytes, where it is no more than `limit` bytes.
fn at_most(path: &Path, limit: u64, size: u64, from: impl Read) -> Result<Vec<u8>, FileError> {
    // One byte more, so that the end is found without growing.
    let expected = size.min(limit).saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    from.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|n| n <= limit);
    if fits { Ok(bytes) } else { Err(FileError::TooLarge { path: path.to_owned() }) }
}

/// `path` itself, or where there is nothing of that name, what it matches as a glob.
fn expand(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let is_glob = path.as_os_str().as_encoded_bytes().iter().any(|b| b"*?[".contains(b));
    if !is_glob || path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    let matches = glob::glob(&path.to_string_lossy()).map_err(|e| FileError::BadGlob { path: path.to_owned(), reason: e.msg })?;
    let found: Vec<PathBuf> =
        matches.collect::<Result<_, _>>().map_err(|e| FileError::Read { path: e.path().to_owned(), source: e.into() })?;
    if found.is_empty() { Err(FileError::NoMatch(path.to_owned())) } else { Ok(found) }
}

/// The rule files in `folder` at any depth. Links to files are followed, links to directories are not: they could lead in circles.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(&path, found)?;
        } else if is_rules(&path) && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// `*.rules`, also with the ending of a compression behind it. Files that begin with `._` hold a Mac's notes on the file of that name.
fn is_rules(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = [".gz", ".zst", ".xz", ".lz4"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    stem.ends_with(".rules") && !name.starts_with("._")
}

/// The magic of POSIX's tar and of GNU's.
fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

/// The largest file, and the most of a tarball, after decompression.
const MAX_BYTES: u64 = 512 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    const RULE: &str = "alert ip any any -> any any (sid:1;)\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn tarball(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// Writes `files` to a directory, reads `named` of it, and gives the names of the rule files, or what was said.
    fn names(files: &[(&str, &[u8])], named: &str) -> Result<Vec<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        symlink(dir.path(), dir.path().join("circle")).unwrap();
        let place = format!("{}/", dir.path().display());
        let short = |text: String| text.replace(&place, "");
        let read = RuleFiles::read(&[dir.path().join(named)]).map_err(|e| short(e.to_string()))?;
        read.texts.iter().for_each(|(name, text)| assert_eq!(text, RULE, "{name}"));
        Ok(read.texts.into_iter().map(|(name, _)| short(name)).collect())
    }

    #[test]
    fn rules_are_found_as_feeds_ship_them() {
        let rule = RULE.as_bytes();
        let (gz, zst) = (gzip(rule), zstd::encode_all(rule, 0).unwrap());
        let tar = tarball(&[
            ("./rules/b.rules", rule),
            ("a.rules", rule),
            ("README", b"x"),
            ("rules/._b.rules", b"\0"),
            ("c.rules.gz", &gz),
        ]);
        let (tgz, empty) = (gzip(&tar), tarball(&[("README", b"x")]));
        let files: &[(&str, &[u8])] = &[
            ("a.rules", rule),
            ("b.rules.gz", &gz),
            ("deep/er/c.rules.zst", &zst),
            ("deep/._c.rules", b"\0\0"),
            ("odd-name", &gz),
            ("feed.tgz", &tgz),
            ("plain.tar", &tar),
            ("empty.tar", &empty),
            ("nothing/notes.txt", b"x"),
            ("cut.rules.xz", b"\xfd7zXZ\0\0"),
        ];
        let ok = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect());
        for (named, expected) in [
            ("a.rules", ok(&["a.rules"])),
            ("b.rules.gz", ok(&["b.rules.gz"])),
            ("odd-name", ok(&["odd-name"])),
            ("deep", ok(&["deep/er/c.rules.zst"])),
            ("[ab].rules*", ok(&["a.rules", "b.rules.gz"])),
            ("feed.tgz", ok(&["feed.tgz/a.rules", "feed.tgz/c.rules.gz", "feed.tgz/rules/b.rules"])),
            ("plain.tar", ok(&["plain.tar/a.rules", "plain.tar/c.rules.gz", "plain.tar/rules/b.rules"])),
            ("nothing", Err("nothing has no *.rules file in it".to_owned())),
            ("empty.tar", Err("empty.tar has no *.rules file in it".to_owned())),
            ("x*", Err("no file matches x*".to_owned())),
            ("none.rules", Err("cannot read none.rules: No such file or directory (os error 2)".to_owned())),
        ] {
            assert_eq!(names(files, named), expected, "{named}");
        }
        assert!(names(files, "cut.rules.xz").unwrap_err().starts_with("cannot read cut.rules.xz: "));
        assert!(names(&files[..3], "").unwrap().len() == 3, "a link in a circle is not followed");
    }

    #[test]
    fn what_lies_beside_rules_is_found() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.rules"), RULE).unwrap();
        fs::write(dir.path().join("classification.config"), "disk").unwrap();
        let tar = tarball(&[("rules/b.rules", RULE.as_bytes()), ("classification.config", b"tar")]);
        fs::write(dir.path().join("feed.tar"), tar).unwrap();
        let files = RuleFiles::read(&[dir.path().join("a.rules"), dir.path().join("feed.tar")]).unwrap();
        let found: Vec<_> = files.beside("classification.config").iter().map(|p| files.get(p).unwrap()).collect();
        assert_eq!(found, [b"disk".to_vec(), b"tar".to_vec()]);
        assert_eq!(files.beside("reference.config"), BTreeSet::new());
    }
}
