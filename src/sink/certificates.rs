//! A directory that certificates are kept in: each as PEM, with what is known of it as JSON beside.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Error;

/// A directory of certificates, each under the SHA-256 of its DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateDir {
    path: PathBuf,
}

impl CertificateDir {
    /// The directory at `path`, which is made where it is not there.
    pub fn create(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(|source| Error::Create { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned() })
    }

    /// Keeps `pem` as `NAME.pem` and `meta` as `NAME.json`. What an earlier run has kept stays as it is. A file that is there is whole.
    pub fn keep(&self, name: &str, pem: &str, meta: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name).with_extension("pem");
        if path.exists() {
            return Ok(());
        }
        write_whole(&path.with_extension("json"), meta)?;
        write_whole(&path, pem.as_bytes())
    }
}

/// Writes under another name first, so that nobody finds half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let unfinished = path.with_added_extension("part");
    let failed = |source: io::Error| Error::File { path: path.to_owned(), source };
    let mut file = fs::File::create(&unfinished).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_two_files_and_the_first_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let certificates = CertificateDir::create(&dir.path().join("a/b")).unwrap();
        certificates.keep("0bad", "one", b"{}").unwrap();
        certificates.keep("0bad", "other", b"[]").unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join("a/b").join(name)).unwrap();
        assert_eq!((read("0bad.pem").as_str(), read("0bad.json").as_str()), ("one", "{}"));
        assert_eq!(fs::read_dir(dir.path().join("a/b")).unwrap().count(), 2);
    }

    #[test]
    fn a_directory_that_cannot_be_made_or_is_gone_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = CertificateDir::create(&file.join("below")).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot create {}", file.display())), "{error}");
        let gone = CertificateDir::create(&dir.path().join("gone")).unwrap();
        fs::remove_dir(dir.path().join("gone")).unwrap();
        assert!(gone.keep("0bad", "one", b"{}").unwrap_err().to_string().contains("0bad.json"));
    }
}
