//! Buffers of the hellos.

use std::borrow::Cow;

use super::super::matcher::Values;
use super::super::subject::{FlowDirection, Sides};
use super::{Buffer, Case, Form, Keyword, Kind, absence};
use crate::protocol::tls::Session;

pub(super) const KEYWORDS: &[Keyword] = &[
    buffer("tls.sni", &["tls_sni"], Sides::CLIENT_HELLO, Form::Free, |session, _, out| {
        out.extend(session.client_hello.as_ref().and_then(|h| h.server_name()).map(Cow::Borrowed));
    }),
    Keyword { name: ALPN.name, aliases: &[], kind: Kind::Buffer(ALPN) },
    buffer("tls.random", &["tls_random"], Sides::HELLOS, Form::Bytes(32), |session, side, out| {
        out.extend(random(session, side).map(|r| Cow::Borrowed(&r[..])));
    }),
    buffer("tls.random_time", &["tls_random_time"], Sides::HELLOS, Form::Bytes(4), |session, side, out| {
        out.extend(random(session, side).and_then(|r| r.split_first_chunk::<4>()).map(|(time, _)| Cow::Borrowed(&time[..])));
    }),
    buffer("tls.random_bytes", &["tls_random_bytes"], Sides::HELLOS, Form::Bytes(28), |session, side, out| {
        out.extend(random(session, side).and_then(|r| r.split_first_chunk::<4>()).map(|(_, bytes)| Cow::Borrowed(bytes)));
    }),
];

const ALPN: Buffer = Buffer {
    name: "tls.alpn",
    sides: Sides::HELLOS,
    multiple: true,
    form: Form::Free,
    case: Case::AsSent,
    read: alpn,
    is_absent: absence::of_alpn,
};

const fn buffer(
    name: &'static str,
    aliases: &'static [&'static str],
    sides: Sides,
    form: Form,
    read: for<'s> fn(&'s Session, FlowDirection, &mut Values<'s>),
) -> Keyword {
    let buffer = Buffer { name, sides, multiple: false, form, case: Case::AsSent, read, is_absent: absence::of_hello };
    Keyword { name, aliases, kind: Kind::Buffer(buffer) }
}

/// The protocols offered, one value each, or the one chosen.
fn alpn<'s>(session: &'s Session, side: FlowDirection, out: &mut Values<'s>) {
    match side {
        FlowDirection::ToServer => {
            out.extend(session.client_hello.iter().flat_map(|h| &h.alpn).map(Cow::Borrowed));
        }
        FlowDirection::ToClient => {
            out.extend(session.server_hello.as_ref().and_then(|h| h.alpn.as_deref()).map(Cow::Borrowed));
        }
    }
}

fn random(session: &Session, side: FlowDirection) -> Option<&[u8; 32]> {
    match side {
        FlowDirection::ToServer => session.client_hello.as_ref().map(|h| &h.random),
        FlowDirection::ToClient => session.server_hello.as_ref().map(|h| &h.random),
    }
}
