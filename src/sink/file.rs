//! Lines to a file.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{BUFFER, Error};

/// A file that lines are written to.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    out: BufWriter<fs::File>,
}

impl File {
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        match fs::File::create(path) {
            Ok(file) => Ok(Self { path: path.to_owned(), out: BufWriter::with_capacity(BUFFER, file) }),
            Err(source) => Err(Error::Create { path: path.to_owned(), source }),
        }
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Error> {
        self.out.write_all(lines).map_err(|source| self.failed(source))
    }

    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::File { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eve.json");
        fs::write(&path, "of an earlier run").unwrap();
        let mut file = File::create(&path).unwrap();
        let lines: Vec<String> = (0..1_000).map(|i| format!("{{\"n\":{i},\"pad\":\"{}\"}}\n", "x".repeat(i))).collect();
        for line in &lines {
            file.write(line.as_bytes()).unwrap();
        }
        file.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), lines.concat());
    }

    #[test]
    fn a_file_that_cannot_be_created_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing").join("eve.json");
        let error = File::create(&path).unwrap_err();
        assert!(matches!(&error, Error::Create { path: named, .. } if *named == path));
        assert!(error.to_string().starts_with(&format!("cannot create {}: ", path.display())), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let mut file = File::create(Path::new("/dev/full")).unwrap();
        let error = file.write(b"line\n").and_then(|()| file.flush()).unwrap_err();
        assert!(matches!(&error, Error::File { source, .. } if source.kind() == io::ErrorKind::StorageFull), "{error:?}");
        assert!(error.to_string().starts_with("cannot write to /dev/full: "), "{error}");
        assert!(!error.is_closed());
    }
}
