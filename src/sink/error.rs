//! Why lines or files could not be taken.

use std::io;
use std::path::PathBuf;

/// Why lines or files could not be taken. Nothing more can be written to a sink that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Who read standard output has closed it (`| head`): nobody wants more, and that is no failure.
    #[error("standard output was closed by its reader")]
    Closed,
    /// The file or directory could not be created.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file could not be written: the disk is full, for one.
    #[error("cannot write to {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard output could not be written.
    #[error("cannot write to standard output: {0}")]
    Stdout(#[source] io::Error),
}

impl Error {
    /// Whether it only says that nobody wants more.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}
