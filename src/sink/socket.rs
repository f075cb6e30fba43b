//! Sockets that take messages: connected when there is something to send, and again when they break.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::Error;
use super::tls::{TlsSettings, TlsStream};

/// Where a socket leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A stream socket in the file system.
    Unix(PathBuf),
    /// A datagram socket in the file system.
    UnixDatagram(PathBuf),
    /// `HOST:PORT`, over UDP.
    Udp(String),
    /// `HOST:PORT`, over TCP.
    Tcp(String),
    /// `HOST:PORT`, over TLS.
    Tls(String, TlsSettings),
}

/// A socket that takes messages.
#[derive(Debug)]
pub struct Socket {
    address: Address,
    /// How connections are made where they are of TLS.
    tls: Option<Arc<ClientConfig>>,
    link: Option<Link>,
}

#[derive(Debug)]
enum Link {
    Unix(UnixStream),
    UnixDatagram(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<TlsStream>),
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The system has taken it.
    Taken,
    /// It is longer than a datagram can be, and will not be sent.
    TooLong,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// The other side has read all of it, and closed it.
    Confirmed,
    /// The other side says nothing.
    Silent,
    /// It broke, or there is none.
    Broken,
}

impl Socket {
    /// One that will be connected when there is something to send. Files with certificates and keys are read now.
    pub fn unconnected(address: Address) -> Result<Self, Error> {
        let tls = match &address {
            Address::Tls(_, settings) => Some(settings.config()?),
            _ => None,
        };
        Ok(Self { address, tls, link: None })
    }

    /// One that is connected already: an address that does not answer is told at once.
    pub fn connect(address: Address) -> Result<Self, Error> {
        let mut socket = Self::unconnected(address)?;
        socket.link = Some(socket.reach()?);
        Ok(socket)
    }

    /// Sends a whole message; on a stream it has its framing already. After an error nothing is known of the message, and it is to be sent
    /// again, over a new connection.
    pub(super) fn send(&mut self, message: &[u8]) -> Result<Sent, Error> {
        if self.link.is_none() {
            self.link = Some(self.reach()?);
        }
        let Some(link) = &mut self.link else { return Err(Error::Broken) };
        match link.send(message) {
            Ok(()) => Ok(Sent::Taken),
            Err(error) if is_too_long(&error) => Ok(Sent::TooLong),
            Err(source) => {
                self.link = None;
                Err(Error::Send { address: self.address.to_string(), source })
            }
        }
    }

    /// Says that no more comes, and waits for the other side to close in turn, 5 seconds at most.
    pub(super) fn close(&mut self, patience: Duration) -> Closed {
        let goodbye_by = Some(patience.min(GOODBYE));
        match self.link.take() {
            Some(Link::Unix(socket)) => {
                let ready = socket.shutdown(Shutdown::Write).and_then(|()| socket.set_read_timeout(goodbye_by));
                ready.map_or(Closed::Broken, |()| goodbye(socket))
            }
            Some(Link::Tcp(socket)) => {
                let ready = socket.shutdown(Shutdown::Write).and_then(|()| socket.set_read_timeout(goodbye_by));
                ready.map_or(Closed::Broken, |()| goodbye(socket))
            }
            Some(Link::Tls(mut stream)) => {
                let ready = stream.finish(patience.min(GOODBYE));
                ready.map_or(Closed::Broken, |()| goodbye(stream))
            }
            Some(Link::UnixDatagram(_) | Link::Udp(_)) => Closed::Silent,
            None => Closed::Broken,
        }
    }

    /// Whether messages go out one by one, and not as a stream.
    pub const fn is_datagram(&self) -> bool {
        matches!(self.address, Address::UnixDatagram(_) | Address::Udp(_))
    }

    fn reach(&self) -> Result<Link, Error> {
        Link::to(&self.address, self.tls.as_ref()).map_err(|source| Error::Connect { address: self.address.to_string(), source })
    }
}

impl Link {
    fn to(address: &Address, tls: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        match address {
            Address::Unix(path) => {
                let socket = UnixStream::connect(path)?;
                socket.set_write_timeout(Some(STALLED))?;
                Ok(Self::Unix(socket))
            }
            Address::UnixDatagram(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(STALLED))?;
                Ok(Self::UnixDatagram(socket))
            }
            Address::Udp(host) => first(host, |to| {
                let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any)?;
                socket.connect(to)?;
                Ok(Self::Udp(socket))
            }),
            Address::Tcp(host) => first(host, tcp).map(Self::Tcp),
            Address::Tls(host, settings) => {
                let (config, name) = (tls.ok_or(ErrorKind::InvalidInput)?, settings.name(host)?);
                let stream = first(host, |to| TlsStream::begin(Arc::clone(config), name.clone(), tcp(to)?, UNANSWERED))?;
                Ok(Self::Tls(Box::new(stream)))
            }
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.write_all(message),
            Self::Tcp(socket) => socket.write_all(message),
            Self::Tls(stream) => stream.send(message),
            Self::UnixDatagram(socket) => socket.send(message).map(drop),
            // A port that nobody listens on answers to the packet before; the next one may well arrive.
            Self::Udp(socket) => match socket.send(message) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => socket.send(message).map(drop),
                sent => sent.map(drop),
            },
        }
    }
}

fn tcp(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&to, UNANSWERED)?;
    socket.set_write_timeout(Some(STALLED))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// What comes of the first address of `host` with which something does.
fn first<T>(host: &str, mut open: impl FnMut(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in host.to_socket_addrs()? {
        match open(address) {
            Ok(opened) => return Ok(opened),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads until the end, which says that the other side has read all.
fn goodbye(socket: impl Read) -> Closed {
    match io::copy(&mut socket.take(MOST_ANSWERED), &mut io::sink()) {
        Ok(MOST_ANSWERED) => Closed::Silent,
        Ok(_) => Closed::Confirmed,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Closed::Silent,
        Err(_) => Closed::Broken,
    }
}

fn is_too_long(error: &io::Error) -> bool {
    const EMSGSIZE: i32 = 90; // of Linux
    error.raw_os_error() == Some(EMSGSIZE)
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) | Self::UnixDatagram(path) => path.display().fmt(f),
            Self::Udp(host) => write!(f, "{host} (UDP)"),
            Self::Tcp(host) => write!(f, "{host} (TCP)"),
            Self::Tls(host, _) => write!(f, "{host} (TLS)"),
        }
    }
}

/// How long a receiver may take nothing before the connection counts as broken.
const STALLED: Duration = Duration::from_secs(10);
/// How long a host may not answer.
const UNANSWERED: Duration = Duration::from_secs(5);
/// How long the other side may take to close.
const GOODBYE: Duration = Duration::from_secs(5);
/// Bytes that the other side may say meanwhile.
const MOST_ANSWERED: u64 = 64 << 10;
