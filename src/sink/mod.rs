//! Where events go: a file or standard output, and any number of [`Sinks`] at once. Lines come in whole and leave in large writes. And where
//! certificates are kept.

mod carrier;
mod certificates;
mod error;
mod file;
mod filter;
mod fingerprint;
mod format;
mod head;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod kafka_settings;
mod log;
mod queue;
mod socket;
mod spool;
mod state;
mod stdout;
mod syslog;
mod tally;
#[cfg(test)]
mod testing;
mod time;
mod tls;

use std::path::Path;

pub use certificates::CertificateDir;
pub use error::Error;
use file::File;
pub use filter::Filter;
pub use fingerprint::Fingerprint;
pub use format::Format;
pub use head::Severity;
pub use http::{HttpSettings, IndexName, Login, Mode, SecretSource};
#[cfg(feature = "kafka")]
pub use kafka_settings::{KafkaSettings, Sasl};
pub use log::LogSettings;
pub use queue::{Notice, Pace, Shipped, SinkSettings, Sinks, Target};
pub use socket::Address;
use spool::Announce;
pub use spool::{SpoolSettings, WhenFull};
pub use state::{SinkState, SpoolState, Trouble};
use stdout::Stdout;
pub use syslog::SyslogSettings;
pub use tally::SinkCounters;
pub use tls::TlsSettings;

/// A place that takes lines.
#[derive(Debug)]
pub enum Sink {
    /// A file, created or emptied.
    File(File),
    /// Standard output.
    Stdout(Stdout),
}

impl Sink {
    /// Creates the file at `path`, or empties it.
    pub fn create(path: &Path) -> Result<Self, Error> {
        File::create(path).map(Self::File)
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self::Stdout(Stdout::new())
    }

    /// Takes `lines`: whole ones, each with its newline. They may wait in a buffer until [`flush`](Self::flush).
    pub fn write(&mut self, lines: &[u8]) -> Result<(), Error> {
        match self {
            Self::File(file) => file.write(lines),
            Self::Stdout(stdout) => stdout.write(lines),
        }
    }

    /// Hands on all that was taken. To be called at the end, since only then it is known that everything was written.
    pub fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// Bytes that are gathered before they are written.
const BUFFER: usize = 256 * 1024;
