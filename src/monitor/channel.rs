//! A connection with a limit of time for all that is read or written, in the clear or in TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Error;

/// The certificate and key of the monitor.
#[derive(Clone, Debug)]
pub struct Encryption(Arc<ServerConfig>);

impl Encryption {
    /// From files in PEM: the chain of certificates, the monitor's own first, and its key.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let unusable =
            |path: &Path, why: &dyn std::fmt::Display| Error::Certificate { path: path.to_owned(), why: why.to_string() };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unusable(certificate, &error))?;
        if chain.is_empty() {
            return Err(unusable(certificate, &"there is no certificate in it"));
        }
        let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key_der))
            .map_err(|error| unusable(certificate, &error))?;
        Ok(Self(Arc::new(config)))
    }
}

/// A connection.
pub(super) enum Channel {
    Plain(Timed),
    Tls(Box<StreamOwned<ServerConnection, Timed>>),
}

/// A socket that gives up at its deadline, however slowly the other side goes on.
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Channel {
    pub fn new(stream: TcpStream, encryption: Option<&Encryption>) -> io::Result<Self> {
        let timed = Timed { stream, deadline: Instant::now() };
        Ok(match encryption {
            None => Self::Plain(timed),
            Some(Encryption(config)) => {
                let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Self::Tls(Box::new(StreamOwned::new(connection, timed)))
            }
        })
    }

    /// From now on it has this long.
    pub fn allow(&mut self, time: Duration) {
        let now = Instant::now();
        self.timed().deadline = now.checked_add(time).unwrap_or(now);
    }

    /// Closes it so that what was written arrives: what the other side still sends is read, a little and for a moment.
    pub fn close(mut self) {
        self.allow(LAST_MOMENT);
        if let Self::Tls(stream) = &mut self {
            stream.conn.send_close_notify();
            let _ = stream.flush(); // it may have gone
        }
        let timed = self.timed();
        let _ = timed.stream.shutdown(Shutdown::Write);
        let (mut chunk, mut left) = ([0; 4_096], LAST_BYTES);
        while let Ok(n @ 1..) = timed.read(&mut chunk) {
            left = left.saturating_sub(n);
            if left == 0 {
                break;
            }
        }
    }

    fn timed(&mut self) -> &mut Timed {
        match self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

const LAST_MOMENT: Duration = Duration::from_millis(500);
const LAST_BYTES: usize = 64 << 10;
