//! From what the user named to a list of files: directories are walked, globs expanded.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::CaptureError;

/// A place where a capture may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// A file that the user named.
    Named(PathBuf),
    /// A file that was found in a directory or by a glob.
    Found(PathBuf),
    /// Standard input, or a pipe that the user named: it can be read only once.
    Stream(PathBuf),
}

/// All candidates that one input stands for, in the order of their names.
///
/// An input is `-`, a file, a pipe, a directory or, where no file has that name, a glob. In directories, at any depth, only
/// regular files count; links to files are followed, links to directories are not (they could lead in circles).
pub(super) fn expand(input: &OsString, problems: &mut Vec<CaptureError>) -> Vec<Candidate> {
    let path = PathBuf::from(input);
    if input == "-" {
        return vec![Candidate::Stream(path)];
    }
    match fs::metadata(&path) {
        Ok(meta) if meta.is_dir() => directory(&path, problems).into_iter().map(Candidate::Found).collect(),
        Ok(meta) if meta.is_file() => vec![Candidate::Named(path)],
        Ok(_) => vec![Candidate::Stream(path)],
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_glob(input) => {
            expand_glob(&path, problems).into_iter().map(Candidate::Found).collect()
        }
        Err(source) => {
            problems.push(CaptureError::Open { path, source });
            Vec::new()
        }
    }
}

/// Whether it has one of a glob's special characters.
fn is_glob(input: &OsString) -> bool {
    input.as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

fn expand_glob(path: &Path, problems: &mut Vec<CaptureError>) -> Vec<PathBuf> {
    let matches = match glob::glob(&path.to_string_lossy()) {
        Ok(matches) => matches,
        Err(error) => {
            problems.push(CaptureError::BadGlob { path: path.to_owned(), reason: error.msg });
            return Vec::new();
        }
    };
    let (mut files, mut any) = (Vec::new(), false);
    for entry in matches {
        any = true;
        match entry {
            Ok(found) if found.is_dir() => files.extend(directory(&found, problems)),
            Ok(found) if found.is_file() => files.push(found),
            Ok(_) => {}
            Err(error) => problems.push(CaptureError::Open { path: error.path().to_owned(), source: error.into() }),
        }
    }
    if !any {
        problems.push(CaptureError::NoMatch { path: path.to_owned() });
    }
    files
}

/// The regular files in a directory, at any depth, sorted by path.
fn directory(top: &Path, problems: &mut Vec<CaptureError>) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![top.to_owned()]);
    while let Some(path) = open.pop() {
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(source) => {
                problems.push(CaptureError::Open { path, source });
                continue;
            }
        };
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.file_type()?, entry.path()))) {
                Ok((kind, inner)) if kind.is_dir() => open.push(inner),
                Ok((kind, inner)) if kind.is_file() || (kind.is_symlink() && inner.is_file()) => files.push(inner),
                Ok(_) => {}
                Err(source) => problems.push(CaptureError::Open { path: path.clone(), source }),
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn expand_all(input: impl Into<OsString>) -> (Vec<Candidate>, Vec<String>) {
        let mut problems = Vec::new();
        let candidates = expand(&input.into(), &mut problems);
        (candidates, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_directory_gives_its_regular_files_at_any_depth_sorted() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("b/deep")).unwrap();
        for name in ["c", "a", "b/deep/z", "b/y"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        symlink(dir.path(), dir.path().join("b/circle")).unwrap();
        symlink(dir.path().join("a"), dir.path().join("d")).unwrap();
        let (found, problems) = expand_all(dir.path());
        let expected: Vec<_> = ["a", "b/deep/z", "b/y", "c", "d"].map(|name| Candidate::Found(dir.path().join(name))).into();
        assert_eq!((found, problems), (expected, vec![]));
    }

    #[test]
    fn a_glob_gives_files_and_what_is_in_directories() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("x2")).unwrap();
        for name in ["x1", "x2/in", "y"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let (found, problems) = expand_all(dir.path().join("x*"));
        let expected: Vec<_> = ["x1", "x2/in"].map(|name| Candidate::Found(dir.path().join(name))).into();
        assert_eq!((found, problems), (expected, vec![]));
    }

    #[test]
    fn a_file_whose_name_looks_like_a_glob_is_that_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("odd[1].pcap");
        fs::write(&path, "").unwrap();
        assert_eq!(expand_all(&path), (vec![Candidate::Named(path)], vec![]));
    }

    #[test]
    fn what_is_not_there_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        for (name, message) in [
            ("none.pcap", "cannot open DIR/none.pcap: No such file or directory (os error 2); check the name"),
            ("*.pcap", "no file matches DIR/*.pcap"),
            ("a[", "DIR/a[ is neither a file nor a glob: invalid range pattern"),
        ] {
            let (found, problems) = expand_all(dir.path().join(name));
            assert_eq!((found, problems), (vec![], vec![message.replace("DIR", &dir.path().to_string_lossy())]));
        }
    }
}
