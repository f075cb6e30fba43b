//! Where events go: a file or standard output, and any number of [`Sinks`] at once. Lines come in whole and leave in large writes. And where
//! certificates are kept.

mod carrier;
mod certificates;
#[cfg(test)]
mod ending_tests;
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
use log::LogFile;
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
    /// A file that is appended to.
    Log(Box<LogFile>),
    /// Standard output.
    Stdout(Stdout),
}

impl Sink {
    /// Creates the file at `path`, or empties it.
    pub fn create(path: &Path) -> Result<Self, Error> {
        File::create(path).map(Self::File)
    }

    /// Opens the file at `path` to append to it, or creates it.
    pub fn append(path: &Path) -> Result<Self, Error> {
        let settings = LogSettings { path: path.to_owned(), rotate_size: None, rotate_interval: None, compress: false, keep: None };
        LogFile::open(settings).map(|log| Self::Log(Box::new(log)))
    }

    /// Goes on in the file that now has the name, where it is one that is appended to: somebody may have moved it away.
    pub fn reopen(&mut self) -> Result<(), Error> {
        match self {
            Self::Log(log) => log.reopen(),
            Self::File(_) | Self::Stdout(_) => Ok(()),
        }
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self::Stdout(Stdout::new())
    }

    /// Takes `lines`: whole ones, each with its newline. They may wait in a buffer until [`flush`](Self::flush).
    pub fn write(&mut self, lines: &[u8]) -> Result<(), Error> {
        match self {
            Self::File(file) => file.write(lines),
            Self::Log(log) => log.write(lines),
            Self::Stdout(stdout) => stdout.write(lines),
        }
    }

    /// Hands on all that was taken. To be called at the end, since only then it is known that everything was written.
    pub fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::File(file) => file.flush(),
            Self::Log(log) => log.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// Bytes that are gathered before they are written.
const BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_appended_to_keeps_what_is_there_and_goes_on_in_a_new_one_where_it_was_moved_away() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("eve.json"), dir.path().join("eve.json.1"));
        fs::write(&path, "{\"n\":1}\n{\"n\":2,\"to").unwrap(); // of a run that was killed
        let mut sink = Sink::append(&path).unwrap();
        sink.write(b"{\"n\":3}\n").and_then(|()| sink.flush()).unwrap();
        fs::rename(&path, &moved).unwrap();
        sink.write(b"{\"n\":4}\n").and_then(|()| sink.flush()).unwrap();
        sink.reopen().unwrap();
        sink.write(b"{\"n\":5}\n").and_then(|()| sink.flush()).unwrap();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "{\"n\":1}\n{\"n\":2,\"to\n{\"n\":3}\n{\"n\":4}\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"n\":5}\n");
    }
}
