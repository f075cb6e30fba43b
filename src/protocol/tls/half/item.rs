//! What one direction shows.

use crate::protocol::tls::session::Anomaly;
use crate::protocol::tls::shape::{CLIENT_HELLO, SERVER_HELLO};

/// What a direction shows next.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::protocol::tls) enum Item<'a> {
    /// Nothing until more bytes come.
    Wait,
    /// Something was passed over.
    Passed,
    /// TLS begins here.
    Begins,
    /// A handshake message; `whole` is false where its end is missing.
    Message { typ: u8, body: &'a [u8], whole: bool },
    /// An SSL 2.0 ClientHello from the byte after its type.
    Sslv2ClientHello(&'a [u8]),
    /// An SSL 2.0 ServerHello from the byte after its type.
    Sslv2ServerHello(&'a [u8]),
    /// An alert.
    Alert { level: u8, description: u8 },
    /// A heartbeat in the clear.
    Heartbeat(Heartbeat),
    /// An encrypted heartbeat, in a record of this many bytes.
    SealedHeartbeat(u16),
    /// A ChangeCipherSpec.
    ChangeCipherSpec,
    /// A record of application data begins.
    ApplicationData,
    /// From here on everything is encrypted.
    Dark,
    /// Something malformed; parsing goes on.
    Bad(Anomaly),
    /// It is not TLS, and the search for it is over.
    NotTls,
}

impl Item<'_> {
    /// Whether it is a hello, of whichever side.
    pub const fn is_hello(&self) -> bool {
        match self {
            Self::Message { typ, .. } => matches!(*typ, CLIENT_HELLO | SERVER_HELLO | HELLO_RETRY_REQUEST),
            Self::Sslv2ClientHello(_) | Self::Sslv2ServerHello(_) => true,
            _ => false,
        }
    }
}

/// What a heartbeat record says of itself (RFC 6520 §4: type, payload length, payload, padding). What is not there is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol::tls) struct Heartbeat {
    /// 1 for a request, 2 for a response.
    pub typ: u8,
    /// How long the payload is said to be, in bytes.
    pub claimed: u16,
    /// How long the record is, in bytes.
    pub record: usize,
}

/// As the drafts of TLS 1.3 had it before the 22nd.
const HELLO_RETRY_REQUEST: u8 = 6;
