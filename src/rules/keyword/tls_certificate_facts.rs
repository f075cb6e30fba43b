//! Our own: what else a leaf certificate says. Whether it is to be trusted is another question.

use std::borrow::Cow;

use super::super::builder::{Builder, Test};
use super::super::diagnostic::Reason;
use super::super::matcher::Values;
use super::super::subject::{FlowDirection, Sides, Subject};
use super::measure::{Measured, Read, measure};
use super::tls_certificate::{chain, leaf};
use super::{Buffer, Case, Form, Keyword, Kind, absence, yes_or_no};
use crate::base::hex;
use crate::protocol::tls::Session;
use crate::protocol::x509::{Facts, Time};

pub(super) const KEYWORDS: &[Keyword] = &[
    buffer("tls.cert_sha256", Case::Lower, Form::Hex(64), |session, side, out| {
        out.extend(chain(session, side).first().map(|c| Cow::Owned(hex::lower(&c.sha256).into_bytes())));
    }),
    buffer("tls.cert_sigalg", Case::AsSent, Form::Free, |session, side, out| {
        out.extend(leaf(session, side).map(|f| Cow::Borrowed(f.signature_algorithm.as_bytes())));
    }),
    buffer("tls.cert_key", Case::AsSent, Form::Free, |session, side, out| {
        out.extend(leaf(session, side).map(key));
    }),
    option(KEY_SIZE.name, |b, v| measure(b, v, &KEY_SIZE)),
    option(DAYS.name, |b, v| measure(b, v, &DAYS)),
    option(AGE.name, |b, v| measure(b, v, &AGE)),
    option("tls.cert_ca", |b, v| answer(b, v, |facts| facts.is_ca == Some(true))),
    option("tls.cert_self_issued", |b, v| answer(b, v, |facts| facts.self_issued)),
];

static KEY_SIZE: Measured = measured("tls.cert_key_size", |subject, side| facts(subject, side)?.key_bits.map(u64::from));

static DAYS: Measured = measured("tls.cert_days", |subject, side| {
    let facts = facts(subject, side)?;
    days(facts.not_before?.as_unix(), facts.not_after?.as_unix())
});

static AGE: Measured =
    measured("tls.cert_age", |subject, side| days(facts(subject, side)?.not_before?.as_unix(), Time::from(subject.now).as_unix()));

const fn measured(name: &'static str, read: Read) -> Measured {
    Measured { name, sides: Sides::CERTIFICATES, read, least: 0 }
}

const fn buffer(
    name: &'static str,
    case: Case,
    form: Form,
    read: for<'s> fn(&'s Session, FlowDirection, &mut Values<'s>),
) -> Keyword {
    let buffer =
        Buffer { name, sides: Sides::CERTIFICATES, multiple: false, form, case, read, is_absent: absence::of_certificates };
    Keyword { name, aliases: &[], kind: Kind::Buffer(buffer) }
}

const fn option(name: &'static str, read: fn(&mut Builder<'_>, Option<&str>) -> Result<(), Reason>) -> Keyword {
    Keyword { name, aliases: &[], kind: Kind::Option(read) }
}

fn facts<'a>(subject: &Subject<'a>, side: FlowDirection) -> Option<&'a Facts> {
    leaf(subject.session?, side)
}

/// `RSA`, `Ed25519`; of an elliptic curve also the curve: `EC secp256r1`.
fn key(facts: &Facts) -> Cow<'_, [u8]> {
    match &facts.key_curve {
        Some(curve) => Cow::Owned(format!("{} {curve}", facts.key_type).into_bytes()),
        None => Cow::Borrowed(facts.key_type.as_bytes()),
    }
}

/// Whole days from one second to another; `None` where that is earlier.
fn days(from: i64, to: i64) -> Option<u64> {
    u64::try_from(to.checked_sub(from)?).ok().map(|seconds| seconds / SECONDS_PER_DAY)
}

#[derive(Debug)]
struct Answer {
    wanted: bool,
    ask: fn(&Facts) -> bool,
}

impl Test for Answer {
    fn sides(&self) -> Sides {
        Sides::CERTIFICATES
    }

    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool {
        facts(subject, side).is_some_and(|facts| (self.ask)(facts) == self.wanted)
    }
}

fn answer(builder: &mut Builder<'_>, value: Option<&str>, ask: fn(&Facts) -> bool) -> Result<(), Reason> {
    let wanted = yes_or_no(value)?;
    builder.tests.push(Box::new(Answer { wanted, ask }));
    Ok(())
}

const SECONDS_PER_DAY: u64 = 86_400;
