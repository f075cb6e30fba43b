//! The options that say whom to trust, and the way from them to a store.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use clap::Args;

use super::say;
use crate::protocol::x509::{CrlFault, WeakKeys};
use crate::trust::{Added, CtLogs, TrustStore};

#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(super) struct TrustOptions {
    /// Whom to trust: mozilla (the roots that this program is built with), system, a file (PEM or DER), a directory of such files, or
    /// none, which validates no chain; may be repeated, to trust all of them
    #[arg(long, value_name = "mozilla|system|none|FILE|DIR", default_value = "mozilla")]
    trust_store: Vec<PathBuf>,

    /// Fill gaps in chains with the certificates of a file or a directory, which are trusted no more than those sent; may be repeated
    #[arg(long, value_name = "FILE|DIR")]
    intermediates: Vec<PathBuf>,

    /// Read what was revoked from the CRLs (PEM or DER) of a file or a directory; may be repeated
    #[arg(long, value_name = "FILE|DIR")]
    crl: Vec<PathBuf>,

    /// Check Signed Certificate Timestamps with the logs of a file: Google's or Apple's log_list.json, version 3; may be repeated
    #[arg(long, value_name = "FILE")]
    ct_logs: Vec<PathBuf>,

    /// Find RSA keys that are known to others by a list, in the form of Debian's openssl-blacklist (20 hex digits a line); may be repeated
    #[arg(long, value_name = "FILE")]
    weak_keys: Vec<PathBuf>,
}

impl TrustOptions {
    /// The store, or nothing where no chain is to be validated. What cannot be read is said; then it is an error.
    pub fn load(&self) -> Result<Option<Arc<TrustStore>>, ()> {
        let named = |name: &str| self.trust_store.iter().any(|given| given == Path::new(name));
        if named(NONE) {
            return match self.trust_store.len() {
                1 => Ok(None),
                _ => failed("--trust-store none", "it stands alone: there is nobody to trust beside"),
            };
        }
        let mut store = TrustStore::empty();
        for given in &self.trust_store {
            match given.to_str() {
                Some(MOZILLA) => store.add(TrustStore::mozilla()),
                Some(SYSTEM) => read_into(system_roots()?, |bytes| store.add_roots(bytes))?,
                _ => read_into(given, |bytes| store.add_roots(bytes))?,
            }
        }
        for given in &self.intermediates {
            read_into(given, |bytes| store.add_intermediates(bytes))?;
        }
        for given in &self.crl {
            read_into(given, |bytes| store.add_crls(bytes))?;
        }
        for given in &self.ct_logs {
            let text = fs::read_to_string(given).or_else(|error| failed(given.display(), error))?;
            store.add_logs(CtLogs::from_json(&text).or_else(|error| failed(given.display(), error))?);
        }
        Ok(Some(Arc::new(store)))
    }
}

impl TrustOptions {
    /// The keys of all lists, or nothing where there is no list. What cannot be read is said; then it is an error.
    pub fn weak_keys(&self) -> Result<Option<Arc<WeakKeys>>, ()> {
        let mut keys = WeakKeys::default();
        for given in &self.weak_keys {
            let text = fs::read_to_string(given).or_else(|error| failed(given.display(), error))?;
            let before = keys.len();
            match keys.add(&text) {
                0 => {}
                _ if keys.len() == before => {
                    return failed(given.display(), "it is no list of keys: 20 hex digits a line are expected");
                }
                wrong => say("warning", format_args!("{}: {wrong} of its lines cannot be read", given.display())),
            }
        }
        Ok(Some(keys).filter(|keys| !keys.is_empty()).map(Arc::new))
    }
}

/// Hands the file, or each file of the directory, to `add`.
fn read_into(path: &Path, mut add: impl FnMut(&[u8]) -> Added) -> Result<(), ()> {
    let files = match path.is_dir() {
        true => certificate_files(path).or_else(|error| failed(path.display(), error))?,
        false => vec![path.to_owned()],
    };
    let (mut taken, mut is_useless) = (0_usize, false);
    for file in files {
        let bytes = fs::read(&file).or_else(|error| failed(file.display(), error))?;
        let added = add(&bytes);
        taken = taken.saturating_add(added.taken);
        tell(&file, &added);
        // What could be read and is of no use here has been told: it is no reason to watch nothing at all.
        is_useless |= added.faults.keys().any(|fault| *fault != CrlFault::Unparsable);
    }
    if taken == 0 && !is_useless {
        failed(path.display(), "there is nothing in it that can be read: PEM or DER is expected")
    } else {
        Ok(())
    }
}

/// Says what of a file cannot be used, or does not count.
fn tell(file: &Path, added: &Added) {
    let all = added.refused.saturating_add(added.taken);
    if added.faults.is_empty() && added.refused > 0 {
        say("warning", format_args!("{}: {} of {all} cannot be used", file.display(), added.refused));
    }
    for (fault, n) in &added.faults {
        match all {
            1 => say("warning", format_args!("{}: {fault}", file.display())),
            _ => say("warning", format_args!("{}: {n} of {all}: {fault}", file.display())),
        }
    }
}

/// Those with a usual ending, in the order of their names.
fn certificate_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let ending = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
        if path.is_file() && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Where this system keeps its roots.
fn system_roots() -> Result<&'static Path, ()> {
    let found = SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.is_file());
    found.map_or_else(|| failed("--trust-store system", "none of the usual files is there: name the one that this system has"), Ok)
}

fn failed<T>(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Result<T, ()> {
    say("error", format_args!("{what}: {why}"));
    Err(())
}

const MOZILLA: &str = "mozilla";
const SYSTEM: &str = "system";
const NONE: &str = "none";

const ENDINGS: [&str; 5] = ["pem", "crt", "cer", "der", "crl"];

/// Of Debian, Red Hat (two), SUSE, and Alpine and the BSDs.
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
