//! Lines to standard output.

use std::io::{self, BufWriter, Write};

use super::{BUFFER, Error};

/// Standard output. Rust ignores SIGPIPE, so a reader that went away is an error of the next write.
#[derive(Debug)]
pub struct Stdout {
    out: BufWriter<io::Stdout>,
}

impl Stdout {
    pub(super) fn new() -> Self {
        Self { out: BufWriter::with_capacity(BUFFER, io::stdout()) }
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Error> {
        self.out.write_all(lines).map_err(failed)
    }

    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(failed)
    }
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Error::Closed,
        _ => Error::Stdout(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_told_from_a_failure() {
        assert!(failed(io::ErrorKind::BrokenPipe.into()).is_closed());
        assert!(!failed(io::ErrorKind::StorageFull.into()).is_closed());
    }
}
