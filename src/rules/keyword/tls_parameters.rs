//! Our own: what was offered and what was chosen, by IANA's names; a number without one is `0x1a2b`.

use std::borrow::Cow;

use super::super::matcher::Values;
use super::super::subject::{Facts, FlowDirection, Sides};
use super::{Buffer, Case, Form, Keyword, Kind, absence};
use crate::protocol::tls::{Session, is_grease, names};

pub(super) const KEYWORDS: &[Keyword] = &[
    buffer("tls.cipher", Sides::SERVER_HELLO, false, |session, _, out| {
        out.extend(session.server_hello.as_ref().map(|hello| cipher(hello.cipher_suite)));
    }),
    buffer("tls.group", Sides { to_server: Facts::NONE, to_client: Facts::GROUP }, false, |session, _, out| {
        out.extend(session.group().map(group));
    }),
    buffer("tls.client_ciphers", Sides::CLIENT_HELLO, true, |session, _, out| {
        let offered = session.client_hello.iter().flat_map(|hello| &hello.cipher_suites);
        out.extend(offered.filter(|&&id| !is_grease(id)).map(|&id| cipher(id)));
    }),
    buffer("tls.client_groups", Sides::CLIENT_HELLO, true, |session, _, out| {
        let offered = session.client_hello.iter().flat_map(|hello| &hello.groups);
        out.extend(offered.filter(|&&id| !is_grease(id)).map(|&id| group(id)));
    }),
    buffer("tls.alert", Sides { to_server: Facts::CLIENT_ALERT, to_client: Facts::SERVER_ALERT }, true, |session, side, out| {
        let sent = session.alerts.iter().filter(|alert| alert.from_client == (side == FlowDirection::ToServer));
        out.extend(sent.map(|alert| text(names::alert(alert.description), alert.description.into())));
    }),
];

const fn buffer(
    name: &'static str,
    sides: Sides,
    multiple: bool,
    read: for<'s> fn(&'s Session, FlowDirection, &mut Values<'s>),
) -> Keyword {
    let is_absent = absence::of_hello;
    let buffer = Buffer { name, sides, multiple, form: Form::Free, case: Case::AsSent, read, is_absent };
    Keyword { name, aliases: &[], kind: Kind::Buffer(buffer) }
}

fn cipher(id: u16) -> Cow<'static, [u8]> {
    text(names::cipher_suite(id), id)
}

fn group(id: u16) -> Cow<'static, [u8]> {
    text(names::group(id), id)
}

fn text(name: Option<&'static str>, number: u16) -> Cow<'static, [u8]> {
    match names::or_hex(name, number) {
        Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
        Cow::Owned(number) => Cow::Owned(number.into_bytes()),
    }
}
