//! When a value that was not seen is known not to be there: what it would be in has to be whole, and in the clear.

use super::super::subject::FlowDirection;
use crate::protocol::tls::Session;

/// Of a hello: its end was seen.
pub(super) fn of_hello(session: &Session, side: FlowDirection) -> bool {
    match side {
        FlowDirection::ToServer => session.client_hello.as_ref().is_some_and(|hello| !hello.cut),
        FlowDirection::ToClient => session.server_hello.as_ref().is_some_and(|hello| !hello.cut),
    }
}

/// Of the protocol chosen or offered: since TLS 1.3 the server's is in EncryptedExtensions (RFC 8446 §4.3.1).
pub(super) fn of_alpn(session: &Session, side: FlowDirection) -> bool {
    let is_hidden = || session.server_hello.as_ref().is_some_and(|hello| hello.version().is_tls13());
    of_hello(session, side) && !(side == FlowDirection::ToClient && is_hidden())
}

/// Of certificates: all were seen, and nothing is missing before them.
pub(super) fn of_certificates(session: &Session, side: FlowDirection) -> bool {
    match side {
        FlowDirection::ToServer => !session.client_chain_truncated,
        FlowDirection::ToClient => !session.server_chain_truncated,
    }
}

/// Of what is there wherever it is asked for, and of what no session has.
pub(super) fn never(_: &Session, _: FlowDirection) -> bool {
    false
}
