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
    /// A receiver of events does not answer.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where it is to be.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A receiver of events took no more, and did not come back in time.
    #[error("cannot send to {address}: {source}")]
    Send {
        /// Where it was.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A receiver has closed a connection in disorder, at the end.
    #[error("the receiver broke off before it had confirmed all")]
    Unconfirmed,
    /// A file with a certificate, key or token cannot be used. What is in it is not told.
    #[error("cannot use {}: {why}", path.display())]
    Credentials {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// An environment variable with a token cannot be used. What is in it is not told.
    #[error("cannot use the environment variable {name}: {why}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A receiver will never take some events, and the others go on.
    #[error("{address} refuses events: {why}")]
    Refused {
        /// Where it is.
        address: String,
        /// What it said.
        why: String,
    },
    /// Brokers of Kafka do not take events, or nobody can be one with these settings.
    #[cfg(feature = "kafka")]
    #[error("kafka at {brokers}: {why}")]
    Kafka {
        /// Which brokers.
        brokers: String,
        /// What librdkafka says.
        why: String,
    },
    /// A sink that answers has no spool: a mistake of who set it up.
    #[error("a sink whose receiver answers needs a spool")]
    NoSpool,
    /// A spool cannot be used.
    #[error("the spool {}: {source}", path.display())]
    Spool {
        /// Its directory.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Signals cannot be caught.
    #[error("cannot catch signals: {0}")]
    Signal(#[source] io::Error),
    /// The thread of a sink could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// The thread of a sink ended with a panic: a mistake in this program.
    #[error("the thread of a sink failed; this is a bug, please report it")]
    Broken,
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
