//! `tls.version` and `ssl_version`: what the session speaks, or the client offers at most.

use super::super::builder::{Builder, Claim, Test};
use super::super::diagnostic::{Reason, excerpt};
use super::super::subject::{FlowDirection, Sides, Subject};
use super::{Keyword, Kind, required};
use crate::base::slip;
use crate::protocol::tls::{ClientHello, ProtocolVersion, ServerHello};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "tls.version", aliases: &[], kind: Kind::Option(tls_version) },
    Keyword { name: "ssl_version", aliases: &["ssl.version"], kind: Kind::Option(ssl_version) },
];

/// `tls.version`: exactly this version, on the wire.
#[derive(Debug)]
struct TlsVersion(ProtocolVersion);

impl Test for TlsVersion {
    fn sides(&self) -> Sides {
        Sides::HELLOS
    }

    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool {
        version(subject, side).is_some_and(|v| v == self.0 || settled(v) == self.0)
    }

    fn wants_tls13(&self) -> bool {
        self.0.is_tls13()
    }

    fn claim(&self) -> Option<Claim> {
        let takes = |v: &ProtocolVersion| *v == self.0 || settled(*v) == self.0;
        Some(Claim::Version(versions().chain([self.0]).filter(takes).map(|v| v.0).collect()))
    }
}

/// `ssl_version`: one of those named, or none of those named with `!`.
#[derive(Debug, Default)]
struct SslVersion {
    any_of: Vec<ProtocolVersion>,
    none_of: Vec<ProtocolVersion>,
}

impl SslVersion {
    fn takes(&self, version: ProtocolVersion) -> bool {
        let other = !self.none_of.is_empty() && !self.none_of.contains(&version);
        self.any_of.contains(&version) || other
    }
}

impl Test for SslVersion {
    fn sides(&self) -> Sides {
        Sides::HELLOS
    }

    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool {
        let Some(version) = version(subject, side).map(settled) else { return false };
        SSL_VERSIONS.iter().any(|&(_, v)| v == version) && self.takes(version)
    }

    fn wants_tls13(&self) -> bool {
        SSL_VERSIONS.iter().all(|&(_, v)| v.is_tls13() == self.takes(v))
    }

    fn claim(&self) -> Option<Claim> {
        Some(Claim::Version(versions().filter(|v| self.takes(settled(*v))).map(|v| v.0).collect()))
    }
}

/// Of the server, the version chosen; of the client, the highest offered.
fn version(subject: &Subject<'_>, side: FlowDirection) -> Option<ProtocolVersion> {
    let session = subject.session?;
    match side {
        FlowDirection::ToServer => session.client_hello.as_ref().and_then(ClientHello::offered_version),
        FlowDirection::ToClient => session.server_hello.as_ref().map(ServerHello::version),
    }
}

/// Those that have names, and the drafts of TLS 1.3.
fn versions() -> impl Iterator<Item = ProtocolVersion> {
    let drafts = [0x7e00..=0x7eff, 0x7f00..=0x7fff, 0xfb00..=0xfbff].into_iter().flatten().map(ProtocolVersion);
    SSL_VERSIONS.iter().map(|&(_, version)| version).chain(drafts)
}

/// A draft of TLS 1.3 counts as TLS 1.3.
const fn settled(version: ProtocolVersion) -> ProtocolVersion {
    if version.is_tls13() { ProtocolVersion::TLS1_3 } else { version }
}

/// `1.0` to `1.3`, or a number such as `0x7f1c`; quotes are free.
fn tls_version(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let text = required(value)?.trim_matches('"').trim();
    let version = match text {
        "1.0" => ProtocolVersion::TLS1_0,
        "1.1" => ProtocolVersion::TLS1_1,
        "1.2" => ProtocolVersion::TLS1_2,
        "1.3" => ProtocolVersion::TLS1_3,
        _ => {
            let number = text.strip_prefix("0x").and_then(|digits| u16::from_str_radix(digits, 16).ok());
            number.map(ProtocolVersion).ok_or(Reason::BadValue("1.0, 1.1, 1.2, 1.3 or 0xNNNN"))?
        }
    };
    builder.test(TlsVersion(version))
}

/// `[!]name[,[!]name]…`
fn ssl_version(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let mut test = SslVersion::default();
    for item in required(value)?.trim_matches('"').split(',').map(str::trim) {
        let (list, name) = match item.strip_prefix('!') {
            Some(name) => (&mut test.none_of, name.trim_start()),
            None => (&mut test.any_of, item),
        };
        let known = SSL_VERSIONS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        let Some(&(_, version)) = known else {
            let meant = slip::meant(name, SSL_VERSIONS.iter().map(|(known, _)| *known));
            return Err(Reason::UnknownWord { word: excerpt(name), form: "sslv2, sslv3, tls1.0, tls1.1, tls1.2 or tls1.3", meant });
        };
        list.push(version);
    }
    builder.test(test)
}

const SSL_VERSIONS: &[(&str, ProtocolVersion)] = &[
    ("sslv2", ProtocolVersion::SSL2),
    ("sslv3", ProtocolVersion::SSL3),
    ("tls1.0", ProtocolVersion::TLS1_0),
    ("tls1.1", ProtocolVersion::TLS1_1),
    ("tls1.2", ProtocolVersion::TLS1_2),
    ("tls1.3", ProtocolVersion::TLS1_3),
];
