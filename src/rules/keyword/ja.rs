//! Fingerprints of the hellos.

use std::borrow::Cow;

use super::super::matcher::Values;
use super::super::subject::{FlowDirection, Sides};
use super::{Buffer, Case, Form, Keyword, Kind, absence};
use crate::protocol::tls::Session;

pub(super) const KEYWORDS: &[Keyword] = &[
    buffer("ja3.hash", &["ja3_hash"], Sides::CLIENT_HELLO, Form::Hex(32), Case::Lower, |session, _, out| {
        out.extend(session.client_fingerprints.as_ref().map(|f| Cow::Borrowed(f.ja3.as_bytes())));
    }),
    buffer("ja3.string", &["ja3_string"], Sides::CLIENT_HELLO, Form::Free, Case::AsSent, |session, _, out| {
        out.extend(session.client_fingerprints.as_ref().map(|f| Cow::Borrowed(f.ja3_string.as_bytes())));
    }),
    buffer("ja3s.hash", &["ja3s_hash"], Sides::SERVER_HELLO, Form::Hex(32), Case::Lower, |session, _, out| {
        out.extend(session.server_fingerprints.as_ref().map(|f| Cow::Borrowed(f.ja3s.as_bytes())));
    }),
    buffer("ja3s.string", &["ja3s_string"], Sides::SERVER_HELLO, Form::Free, Case::AsSent, |session, _, out| {
        out.extend(session.server_fingerprints.as_ref().map(|f| Cow::Borrowed(f.ja3s_string.as_bytes())));
    }),
    buffer("ja4.hash", &["ja4_hash"], Sides::CLIENT_HELLO, Form::Ja4, Case::AsSent, |session, _, out| {
        out.extend(session.client_fingerprints.as_ref().map(|f| Cow::Borrowed(f.ja4.as_bytes())));
    }),
];

const fn buffer(
    name: &'static str,
    aliases: &'static [&'static str],
    sides: Sides,
    form: Form,
    case: Case,
    read: for<'s> fn(&'s Session, FlowDirection, &mut Values<'s>),
) -> Keyword {
    Keyword {
        name,
        aliases,
        kind: Kind::Buffer(Buffer { name, sides, multiple: false, form, case, read, is_absent: absence::of_hello }),
    }
}
