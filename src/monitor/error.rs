//! Why nothing can be told.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It would be open to others.
    #[error(
        "{0} can be reached from elsewhere, which takes a token: name a file for --listen-token-file, or set PORTCULLIS_LISTEN_TOKEN"
    )]
    Open(SocketAddr),
    /// The address is taken, or not ours.
    #[error("cannot listen at {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A token that is none.
    #[error("{0} is no token: use 16 to 512 letters, digits and -._~+/=")]
    Token(String),
    /// Certificate or key are not to be used.
    #[error("cannot use {}: {why}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}
