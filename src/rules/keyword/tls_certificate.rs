//! Certificates: buffers, the length of the chain, and the legacy keywords that are shorthands for the buffers.
//!
//! A certificate is the server's or the client's, by the direction that the rule is about. All but `tls.certs` and
//! `tls.cert_chain_len` are about the first one, the leaf.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::builder::Builder;
use super::super::diagnostic::Reason;
use super::super::inspect::{Content, Inspection, Step};
use super::super::matcher::Values;
use super::super::parse::content::{bytes, quoted};
use super::super::subject::{FlowDirection, Sides};
use super::measure::{Measured, measure};
use super::{Buffer, Case, Form, Keyword, Kind, absence, no_value, required};
use crate::base::hex;
use crate::protocol::tls::Session;
use crate::protocol::x509::{Certificate, Facts};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: SUBJECT.name, aliases: &["tls_cert_subject"], kind: Kind::Buffer(SUBJECT) },
    Keyword { name: ISSUER.name, aliases: &["tls_cert_issuer"], kind: Kind::Buffer(ISSUER) },
    Keyword { name: SERIAL.name, aliases: &["tls_cert_serial"], kind: Kind::Buffer(SERIAL) },
    Keyword { name: FINGERPRINT.name, aliases: &["tls_cert_fingerprint"], kind: Kind::Buffer(FINGERPRINT) },
    Keyword { name: ALT_NAMES.name, aliases: &[], kind: Kind::Buffer(ALT_NAMES) },
    Keyword { name: CERTS.name, aliases: &[], kind: Kind::Buffer(CERTS) },
    Keyword { name: CHAIN_LEN.name, aliases: &["tls_cert_chain_len"], kind: Kind::Option(|b, v| measure(b, v, &CHAIN_LEN)) },
    Keyword { name: "tls.store", aliases: &["tls_store"], kind: Kind::Option(store) },
    Keyword { name: "tls.subject", aliases: &[], kind: Kind::Option(|b, v| legacy(b, v, &SUBJECT, false)) },
    Keyword { name: "tls.issuerdn", aliases: &[], kind: Kind::Option(|b, v| legacy(b, v, &ISSUER, false)) },
    Keyword { name: "tls.fingerprint", aliases: &[], kind: Kind::Option(|b, v| legacy(b, v, &FINGERPRINT, true)) },
];

const SUBJECT: Buffer = buffer("tls.cert_subject", Case::AsSent, Form::Free, |session, side, out| {
    out.extend(leaf(session, side).map(|f| Cow::Borrowed(f.subject.as_bytes())));
});

const ISSUER: Buffer = buffer("tls.cert_issuer", Case::AsSent, Form::Free, |session, side, out| {
    out.extend(leaf(session, side).map(|f| Cow::Borrowed(f.issuer.as_bytes())));
});

const SERIAL: Buffer = buffer("tls.cert_serial", Case::Upper, Form::Serial, |session, side, out| {
    out.extend(leaf(session, side).map(|f| Cow::Owned(hex::upper_colons(&f.serial).into_bytes())));
});

/// SHA-1 in hex with colons.
const FINGERPRINT: Buffer = buffer("tls.cert_fingerprint", Case::Lower, Form::Sha1, |session, side, out| {
    out.extend(chain(session, side).first().map(|c| Cow::Owned(hex::lower_colons(&c.sha1).into_bytes())));
});

const ALT_NAMES: Buffer = Buffer {
    multiple: true,
    ..buffer("tls.subjectaltname", Case::AsSent, Form::Free, |session, side, out| {
        out.extend(leaf(session, side).iter().flat_map(|f| &f.subject_alt_names).map(|n| Cow::Borrowed(n.as_bytes())));
    })
};

/// The DER of each.
const CERTS: Buffer = Buffer {
    multiple: true,
    ..buffer("tls.certs", Case::AsSent, Form::Free, |session, side, out| {
        out.extend(chain(session, side).iter().map(|c| Cow::Borrowed(c.der.as_slice())));
    })
};

/// Who sent none has no length.
static CHAIN_LEN: Measured = Measured {
    name: "tls.cert_chain_len",
    sides: Sides::CERTIFICATES,
    read: |subject, side| u64::try_from(chain(subject.session?, side).len()).ok(),
    least: 1,
};

const fn buffer(
    name: &'static str,
    case: Case,
    form: Form,
    read: for<'s> fn(&'s Session, FlowDirection, &mut Values<'s>),
) -> Buffer {
    Buffer { name, sides: Sides::CERTIFICATES, multiple: false, form, case, read, is_absent: absence::of_certificates }
}

/// The certificates of a side, leaf first.
pub(super) fn chain(session: &Session, side: FlowDirection) -> &[Arc<Certificate>] {
    match side {
        FlowDirection::ToServer => &session.client_certificates,
        FlowDirection::ToClient => &session.server_certificates,
    }
}

/// What the leaf of a side says.
pub(super) fn leaf(session: &Session, side: FlowDirection) -> Option<&Facts> {
    chain(session, side).first()?.facts.as_ref()
}

/// Asks nothing: it changes what is told of the session.
fn store(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    builder.meta.stores_certificates = true;
    Ok(())
}

/// `keyword:[!]"text"`: the text is somewhere in the buffer, or is all of it.
fn legacy(builder: &mut Builder<'_>, value: Option<&str>, buffer: &'static Buffer, whole: bool) -> Result<(), Reason> {
    let (negated, text) = quoted(required(value)?)?;
    let mut pattern = bytes(text)?;
    if buffer.case == Case::Lower {
        pattern.make_ascii_lowercase();
    }
    let content =
        Content { pattern: pattern.into(), at: builder.at, negated, startswith: whole, endswith: whole, ..Content::default() };
    let mut inspection = Inspection::new(buffer, builder.at);
    inspection.steps.push(Step::Content(content));
    builder.apart.push(inspection);
    Ok(())
}
