//! The options that say what is done with certificates.

use std::path::PathBuf;

use clap::Args;

use crate::pipeline::Keeping;
use crate::sink::{CertificateDir, Error};

#[derive(Debug, Args)]
#[command(next_help_heading = "Certificates")]
pub(super) struct CertificateOptions {
    /// Write a portcullis_certificate event for each certificate, the first time that it is seen
    #[arg(long)]
    certificates: bool,

    /// Put the certificates themselves into tls events, in base64
    #[arg(long)]
    pub log_certificates: bool,

    /// Keep each certificate in a directory: as PEM, with what is known of it as JSON beside
    #[arg(long, value_name = "DIR")]
    store_certs: Option<PathBuf>,

    /// Keep the certificates of the sessions that a rule with tls.store matches in a directory, in the same form
    #[arg(long, value_name = "DIR")]
    tls_store: Option<PathBuf>,

    /// Certificates that are told apart with these options; what comes beyond is counted and passed over
    #[arg(long, value_name = "N", default_value_t = Keeping::DEFAULT_LIMIT)]
    max_certificates: usize,
}

impl CertificateOptions {
    /// What is to be done; the directories are made.
    pub fn keeping(&self) -> Result<Keeping, Error> {
        let dir = |path: &Option<PathBuf>| path.as_deref().map(CertificateDir::create).transpose();
        Ok(Keeping {
            events: self.certificates,
            all: dir(&self.store_certs)?,
            picked: dir(&self.tls_store)?,
            limit: self.max_certificates,
            recording: None,
        })
    }

    /// The directories that are written to.
    #[cfg(target_os = "linux")]
    pub fn directories(&self) -> impl Iterator<Item = &std::path::Path> {
        [self.store_certs.as_deref(), self.tls_store.as_deref()].into_iter().flatten()
    }
}
