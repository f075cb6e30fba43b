//! The `tls` event: one per session, whole or not.

use serde::{Serialize, Serializer};

use super::certificate::Leaf;
use super::common::{Common, Line, Own};
use super::json::Plain;
use super::names::Version;
use super::portcullis::Portcullis;
use super::text::{Text, Texts};
use crate::protocol::tls::{ClientHello, Extension, ProtocolVersion, ServerHello, Session, is_grease};

/// What a `tls` event carries beyond the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// The certificates themselves: `tls.certificate` and `tls.chain`, the same under `tls.client`, in base64.
    pub certificates: bool,
}

/// Appends the event of `session` to `out`. Source in `common` is the client.
pub fn tls(out: &mut Vec<u8>, common: &Common<'_>, session: &Session, options: TlsOptions) {
    let mut line = Line::new(common, "tls");
    line.tls = Some(Tls::of(session, options));
    line.portcullis = Some(Own::Session(Box::new(Portcullis::of(session, common.timestamp, common.findings))));
    line.write(out);
}

/// EVE's `tls` object.
#[derive(Serialize)]
pub(super) struct Tls<'a> {
    #[serde(rename = "", skip_serializing_if = "Option::is_none")] // without a name: its fields stand here
    leaf: Option<Leaf<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_resumed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<Text<'a>>,
    version: SessionVersion,
    #[serde(skip_serializing_if = "Option::is_none")]
    ja3: Option<Ja3<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ja3s: Option<Ja3<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4: Option<Plain<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Leaf<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_alpns: Option<Texts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_alpns: Option<[Text<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_handshake: Option<ClientHandshake<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_handshake: Option<ServerHandshake<'a>>,
}

impl<'a> Tls<'a> {
    pub fn of(session: &'a Session, options: TlsOptions) -> Self {
        let client_hello = session.client_hello.as_ref();
        let client_prints = session.client_fingerprints.as_ref();
        let server_prints = session.server_fingerprints.as_ref();
        let certificates = options.certificates || session.store_certificates;
        Self {
            leaf: Leaf::of(&session.server_certificates, certificates),
            session_resumed: session.resumption().map(|_| true),
            sni: client_hello.and_then(ClientHello::server_name).map(Text),
            version: SessionVersion(session.version()),
            ja3: client_prints.map(|p| Ja3::of(&p.ja3, &p.ja3_string)),
            ja3s: server_prints.map(|p| Ja3::of(&p.ja3s, &p.ja3s_string)),
            ja4: client_prints.map(|p| Plain(p.ja4.as_bytes())),
            client: Leaf::of(&session.client_certificates, certificates),
            client_alpns: client_hello.map(|ch| Texts(&ch.alpn)).filter(|alpns| !alpns.0.is_empty()),
            server_alpns: session.server_hello.as_ref().and_then(|sh| sh.alpn.as_deref()).map(|alpn| [Text(alpn)]),
            client_handshake: client_hello.map(ClientHandshake::of),
            server_handshake: session.server_hello.as_ref().or(session.hello_retry_request.as_deref()).map(ServerHandshake::of),
        }
    }
}

/// JA3 or JA3S.
#[derive(Serialize)]
struct Ja3<'a> {
    hash: Plain<'a>,
    string: Plain<'a>,
}

impl<'a> Ja3<'a> {
    const fn of(hash: &'a str, string: &'a str) -> Self {
        Self { hash: Plain(hash.as_bytes()), string: Plain(string.as_bytes()) }
    }
}

/// The ClientHello in numbers. As in Suricata, without the GREASE values.
#[derive(Serialize)]
struct ClientHandshake<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    #[serde(skip_serializing_if = "Numbers::is_empty")]
    ciphers: Numbers<'a>,
    #[serde(skip_serializing_if = "Types::is_empty")]
    exts: Types<'a>,
    #[serde(skip_serializing_if = "Numbers::is_empty")]
    sig_algs: Numbers<'a>,
}

impl<'a> ClientHandshake<'a> {
    fn of(hello: &'a ClientHello) -> Self {
        Self {
            version: hello.offered_version().map(Version),
            ciphers: Numbers(&hello.cipher_suites),
            exts: Types(&hello.extensions),
            sig_algs: Numbers(&hello.signature_algorithms),
        }
    }
}

/// The ServerHello in numbers.
#[derive(Serialize)]
struct ServerHandshake<'a> {
    version: Version,
    cipher: u16,
    #[serde(skip_serializing_if = "Types::is_empty")]
    exts: Types<'a>,
}

impl<'a> ServerHandshake<'a> {
    fn of(hello: &'a ServerHello) -> Self {
        Self { version: Version(hello.version()), cipher: hello.cipher_suite, exts: Types(&hello.extensions) }
    }
}

/// The version that the session speaks; `UNDETERMINED`, as in Suricata, where the server's answer was not seen.
struct SessionVersion(Option<ProtocolVersion>);

impl Serialize for SessionVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(version) => Version(version).serialize(serializer),
            None => serializer.serialize_str("UNDETERMINED"),
        }
    }
}

/// Numbers without the GREASE ones.
struct Numbers<'a>(&'a [u16]);

impl Numbers<'_> {
    fn is_empty(&self) -> bool {
        self.0.iter().all(|&number| is_grease(number))
    }
}

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().filter(|&&number| !is_grease(number)))
    }
}

/// The types of extensions without the GREASE ones.
struct Types<'a>(&'a [Extension]);

impl Types<'_> {
    fn is_empty(&self) -> bool {
        self.0.iter().all(|extension| is_grease(extension.typ))
    }
}

impl Serialize for Types<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|extension| extension.typ).filter(|&typ| !is_grease(typ)))
    }
}
