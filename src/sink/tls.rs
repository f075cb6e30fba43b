//! TLS to receivers: by whom they are known, and as whom we are known to them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::Error;
use super::fingerprint::{ByFingerprint, Fingerprint, plain};

/// How a receiver is known, and we to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// A PEM file with the certificates of those who may vouch for the receiver; Mozilla's roots where there is none.
    pub ca: Option<PathBuf>,
    /// The name that its certificate is to be for, if it is not that of the host.
    pub server_name: Option<String>,
    /// Its certificate is one of these, whoever vouches for it; where there are none, it is judged by `ca` and its name.
    pub fingerprints: Vec<Fingerprint>,
    /// PEM files with our certificate, what leads up from it, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// What [`TlsSettings`] name, read.
#[derive(Debug)]
pub(super) struct Credentials {
    /// `None` for Mozilla's.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    pub identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// A TLS connection that is written to.
#[derive(Debug)]
pub(super) struct TlsStream {
    connection: ClientConnection,
    socket: TcpStream,
}

impl TlsSettings {
    /// Reads the files.
    pub(super) fn read(&self) -> Result<Credentials, Error> {
        let roots = self.ca.as_deref().map(certificates).transpose()?;
        let identity = match &self.identity {
            Some((certificate, key)) => {
                let read = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
                    pem::Error::NoItemsFound => refused(key, "there is no private key in it"),
                    error => refused(key, error),
                })?;
                Some((certificates(certificate)?, read))
            }
            None => None,
        };
        Ok(Credentials { roots, identity })
    }

    /// How connections are made.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        let Credentials { roots, identity } = self.read()?;
        let mut store = RootCertStore::empty();
        match roots {
            None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(roots) => {
                for root in roots {
                    store.add(root).map_err(|error| refused(self.ca.as_deref().unwrap_or("".as_ref()), error))?;
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| refused("".as_ref(), error))?;
        let builder = match self.fingerprints.is_empty() {
            true => builder.with_root_certificates(store),
            false => {
                let known = ByFingerprint::new(self.fingerprints.clone(), provider);
                builder.dangerous().with_custom_certificate_verifier(Arc::new(known))
            }
        };
        let config = match (identity, &self.identity) {
            (Some((chain, key)), Some((path, _))) => {
                builder.with_client_auth_cert(chain, key).map_err(|error| refused(path, error))?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }

    /// The name that the certificate of `host`, `HOST:PORT`, is to be for.
    pub(super) fn name(&self, host: &str) -> io::Result<ServerName<'static>> {
        self.name_of(host.rsplit_once(':').map_or(host, |(host, _)| host))
    }

    /// The same for a host without a port.
    pub(super) fn name_of(&self, host: &str) -> io::Result<ServerName<'static>> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = self.server_name.clone().unwrap_or_else(|| host.to_owned());
        ServerName::try_from(name)
            .map_err(|_| io::Error::new(ErrorKind::InvalidInput, "its name can be in no certificate: set server-name"))
    }
}

impl TlsStream {
    /// Agrees on a connection over `socket`, within `patience`.
    pub fn begin(config: Arc<ClientConfig>, name: ServerName<'static>, socket: TcpStream, patience: Duration) -> io::Result<Self> {
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut stream = Self { connection, socket };
        let since = Instant::now();
        while stream.connection.is_handshaking() {
            let left = patience.checked_sub(since.elapsed()).filter(|left| !left.is_zero()).ok_or(ErrorKind::TimedOut)?;
            stream.socket.set_read_timeout(Some(left))?;
            stream.push()?;
            if stream.connection.is_handshaking() && !stream.pull()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        stream.push()?;
        Ok(stream)
    }

    /// Sends all of it.
    pub fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.connection.writer().write(bytes.get(..PIECE).unwrap_or(bytes))?;
            bytes = bytes.get(taken..).unwrap_or_default();
            self.push().map_err(|error| self.reason().unwrap_or(error))?;
        }
        Ok(())
    }

    /// Says that no more comes.
    pub fn finish(&mut self, patience: Duration) -> io::Result<()> {
        self.connection.send_close_notify();
        self.push()?;
        self.socket.shutdown(Shutdown::Write)?;
        self.socket.set_read_timeout(Some(patience))
    }

    fn push(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    /// Reads what the other side says; `false` at the end.
    fn pull(&mut self) -> io::Result<bool> {
        let count = self.connection.read_tls(&mut self.socket)?;
        if let Err(error) = self.connection.process_new_packets() {
            let _ = self.push(); // tells the other side; that fails where it has gone
            return Err(io::Error::new(ErrorKind::InvalidData, plain(&error)));
        }
        Ok(count > 0)
    }

    /// What the other side may have said before it broke off: that it does not take our certificate, for one.
    fn reason(&mut self) -> Option<io::Error> {
        self.socket.set_nonblocking(true).ok()?;
        loop {
            match self.pull() {
                Ok(true) => {}
                Err(error) if error.kind() == ErrorKind::InvalidData => return Some(error),
                _ => return None,
            }
        }
    }
}

/// What the other side says, to its end. It need not say that it is one (rsyslog does not): who can forge the end of a connection can as well
/// forge that what we sent was taken, and TLS has no answer to that. An alert is an error.
impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.pull()?;
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, pem::Error>>);
    match all {
        Ok(all) if all.is_empty() => Err(refused(path, "there is no certificate in it")),
        all => all.map_err(|error| refused(path, error)),
    }
}

fn refused(path: &Path, why: impl ToString) -> Error {
    Error::Credentials { path: path.to_owned(), why: why.to_string() }
}

/// Bytes that go into a record.
const PIECE: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::TcpListener;
    use std::process::Command;
    use std::thread;

    use super::*;
    use crate::sink::socket::{Address, Closed, Socket};
    use crate::sink::testing::{Authority, accept, read_all};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        (listener, address)
    }

    /// Sends a message to a server with the name `name`; what it has read, and how the connection ended.
    fn send(
        settings: TlsSettings,
        authority: &Authority,
        name: &str,
        strict: bool,
    ) -> (io::Result<String>, Result<Closed, String>) {
        let (listener, address) = listen();
        let config = authority.server(name, strict);
        let server = thread::spawn(move || read_all(accept(&listener, config)));
        let sent = Socket::connect(Address::Tls(address, settings)).and_then(|mut socket| {
            socket.send(b"5 hello")?;
            Ok(socket.close(PATIENCE))
        });
        (server.join().unwrap(), sent.map_err(|error| error.to_string()))
    }

    #[test]
    fn what_is_sent_arrives_and_is_confirmed_where_the_certificate_is_right() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::in_dir(dir.path());
        let ca = Some(authority.ca());
        let named = |name: &str| TlsSettings { ca: ca.clone(), server_name: Some(name.to_owned()), ..TlsSettings::default() };
        for (settings, name) in [
            (named("localhost"), "localhost"),
            (named("logs.example"), "logs.example"),
            (TlsSettings { ca: ca.clone(), ..TlsSettings::default() }, "localhost"),
        ] {
            let (read, closed) = send(settings, &authority, name, false);
            assert_eq!((read.unwrap().as_str(), closed), ("5 hello", Ok(Closed::Confirmed)), "{name}");
        }
    }

    #[test]
    fn a_receiver_that_is_not_who_it_should_be_gets_nothing() {
        let (dir, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (authority, other) = (Authority::in_dir(dir.path()), Authority::in_dir(others.path()));
        let by = |ca| TlsSettings { ca, ..TlsSettings::default() };
        for (settings, name, said) in [
            (by(Some(other.ca())), "localhost", "BadSignature"), // they are called alike
            (by(None), "localhost", "UnknownIssuer"),            // Mozilla's
            (by(Some(authority.ca())), "elsewhere.example", "certificate not valid for name \"localhost\""),
        ] {
            let (read, closed) = send(settings, &authority, name, false);
            let error = closed.unwrap_err();
            assert!(read.is_err() && error.starts_with("cannot connect to localhost:") && error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_receiver_may_be_known_by_the_fingerprint_of_its_certificate_alone() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::in_dir(dir.path());
        for (hash, is_right) in [("sha256", true), ("sha1", true), ("sha256", false)] {
            let (listener, address) = listen();
            let config = authority.server("elsewhere.example", false); // neither its name nor who vouches for it counts
            let (certificate, _) = authority.files("elsewhere.example");
            let told = Command::new("openssl")
                .args(["x509", "-noout", "-fingerprint", &format!("-{hash}"), "-in"])
                .arg(certificate)
                .output();
            let told = String::from_utf8(told.unwrap().stdout).unwrap();
            let digits = told.trim().split_once('=').unwrap().1.to_owned();
            let right: Fingerprint = format!("{}:{digits}", hash.replace("sha", "sha-")).parse().unwrap();
            let wrong: Fingerprint = format!("sha-1:{}", "00:".repeat(20).trim_end_matches(':')).parse().unwrap();
            let fingerprints = if is_right { vec![wrong, right.clone()] } else { vec![wrong] };
            let server = thread::spawn(move || read_all(accept(&listener, config)));
            let sent = Socket::connect(Address::Tls(address, TlsSettings { fingerprints, ..TlsSettings::default() }))
                .and_then(|mut socket| socket.send(b"5 hello").map(|_| socket.close(PATIENCE)));
            match sent {
                Ok(closed) => {
                    assert!(is_right);
                    assert_eq!((server.join().unwrap().unwrap().as_str(), closed), ("5 hello", Closed::Confirmed));
                }
                Err(error) => {
                    let said = format!("invalid peer certificate: none of the fingerprints given: it has {right}");
                    assert!(!is_right && server.join().unwrap().is_err());
                    assert!(error.to_string().ends_with(&said), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_receiver_that_wants_our_certificate_gets_it_and_says_so_without() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::in_dir(dir.path());
        let without = TlsSettings { ca: Some(authority.ca()), ..TlsSettings::default() };
        let with = TlsSettings { identity: Some(authority.issue("fw1.example")), ..without.clone() };
        let (read, closed) = send(with, &authority, "localhost", true);
        assert_eq!((read.unwrap().as_str(), closed), ("5 hello", Ok(Closed::Confirmed)));
        let (listener, address) = listen();
        let config = authority.server("localhost", true);
        let server = thread::spawn(move || read_all(accept(&listener, config)));
        let mut socket = Socket::connect(Address::Tls(address, without)).unwrap(); // in TLS 1.3 the refusal comes later
        assert!(server.join().unwrap().is_err());
        let error = (0..100).find_map(|_| socket.send(b"5 hello").err()).unwrap().to_string();
        assert!(error.contains("CertificateRequired"), "{error}");
    }

    #[test]
    fn a_receiver_that_ends_without_a_goodbye_has_read_all_and_one_that_breaks_off_has_not() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::in_dir(dir.path());
        for (reads, expected) in [(true, Closed::Confirmed), (false, Closed::Broken)] {
            let (listener, address) = listen();
            let config = authority.server("localhost", false);
            let server = thread::spawn(move || {
                let mut stream = accept(&listener, config);
                let mut text = [0; 5];
                stream.read_exact(&mut text).unwrap();
                while reads && stream.read(&mut text).unwrap() > 0 {}
                while !reads && stream.sock.peek(&mut text).unwrap() == 0 {} // closed with something unread: a reset
            });
            let settings = TlsSettings { ca: Some(authority.ca()), ..TlsSettings::default() };
            let mut socket = Socket::connect(Address::Tls(address, settings)).unwrap();
            socket.send(b"5 hello").unwrap();
            let closed = socket.send(&[b'x'; 100_000]).map_or(Closed::Broken, |_| socket.close(PATIENCE));
            assert_eq!(closed, expected);
            server.join().unwrap();
        }
    }

    #[test]
    fn a_host_that_says_nothing_is_given_up() {
        let (listener, address) = listen();
        let config = TlsSettings::default().config().unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let name = TlsSettings::default().name(&address).unwrap();
        let error = TlsStream::begin(config, name, socket, Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    }

    #[test]
    fn files_that_cannot_be_used_are_named_and_what_is_in_them_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::in_dir(dir.path());
        let (certificate, key) = authority.issue("fw1.example");
        let (_, other) = authority.issue("fw2.example");
        let file = |name: &str, text: &str| {
            fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        let (empty, secret) = (file("empty", ""), file("secret", "hunter2"));
        let ca = |path: &Path| TlsSettings { ca: Some(path.to_owned()), ..TlsSettings::default() };
        let identity = |c: &Path, k: &Path| TlsSettings { identity: Some((c.to_owned(), k.to_owned())), ..TlsSettings::default() };
        for (settings, file) in [
            (ca(&dir.path().join("nosuch")), "nosuch"),
            (ca(&empty), "empty"),
            (ca(&secret), "secret"),
            (identity(&certificate, &secret), "secret"),
            (identity(&empty, &key), "empty"),
            (identity(&certificate, &other), "fw1.example.pem"),
        ] {
            let error = settings.config().unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot use {}: ", dir.path().join(file).display())), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("no items"), "{error}");
        }
    }
}
