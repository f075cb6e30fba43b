//! The ClientHello that answers a HelloRetryRequest, and what it changed that it may not.

use serde::Serialize;

use super::names::Groups;
use super::text::{Text, Texts};
use crate::protocol::tls::{ClientHello, Session};

/// The second hello's answers, and the names of what differs from the first against RFC 8446 §4.1.2: a way to show one name to
/// those who read only the first hello, and another to the server.
#[derive(Serialize)]
pub(super) struct SecondHello<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_alpns: Option<Texts<'a>>,
    key_shares: Groups<'a>,
    length: u32,
    delay_us: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<&'static str>,
}

impl<'a> SecondHello<'a> {
    pub fn of(session: &'a Session) -> Option<Self> {
        let (first, second) = (session.client_hello.as_ref()?, session.second_client_hello.as_deref()?);
        Some(Self {
            sni: second.server_name().map(Text),
            client_alpns: Some(Texts(&second.alpn)).filter(|alpns| !alpns.0.is_empty()),
            key_shares: Groups(&second.key_share_groups),
            length: second.length,
            delay_us: u64::try_from(session.hello_retry_delay.as_micros()).unwrap_or(u64::MAX),
            differs: differences(first, second),
        })
    }
}

/// What a client must send again as it was. Key shares, early_data, cookie, pre_shared_key and padding may change; ECH carries
/// another payload each time. Of a hello whose end was not seen it is not known what was there.
fn differences(first: &ClientHello, second: &ClientHello) -> Vec<&'static str> {
    if first.cut || second.cut {
        return Vec::new();
    }
    [
        ("version", first.legacy_version != second.legacy_version),
        ("random", first.random != second.random),
        ("session_id", first.session_id != second.session_id),
        ("ciphers", first.cipher_suites != second.cipher_suites),
        ("compression_methods", first.compression_methods != second.compression_methods),
        ("sni", first.server_names != second.server_names),
        ("client_alpns", first.alpn != second.alpn),
        ("versions", first.supported_versions != second.supported_versions),
        ("groups", first.groups != second.groups),
        ("sig_algs", first.signature_algorithms != second.signature_algorithms),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
