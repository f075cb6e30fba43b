//! The ServerHello (RFC 8446 §4.1.3, RFC 5246 §7.4.1.3) and the HelloRetryRequest that looks like one.

use super::{Extension, ProtocolVersion};

/// All that a ServerHello says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// `legacy_version`, or the version itself before TLS 1.3.
    pub legacy_version: u16,
    /// The random.
    pub random: [u8; 32],
    /// `legacy_session_id_echo`.
    pub session_id: Vec<u8>,
    /// The cipher suite chosen.
    pub cipher_suite: u16,
    /// The compression method chosen.
    pub compression_method: u8,
    /// Extensions: types and body lengths in the order sent.
    pub extensions: Vec<Extension>,
    /// supported_versions: the version chosen, for TLS 1.3 and its later drafts (RFC 8446 §4.2.1).
    pub selected_version: Option<u16>,
    /// application_layer_protocol_negotiation: the protocol chosen, before TLS 1.3 (later it is encrypted).
    pub alpn: Option<Vec<u8>>,
    /// The group of the server's key share (RFC 8446 §4.2.8), or of a HelloRetryRequest's wish.
    pub key_share_group: Option<u16>,
    /// pre_shared_key: the identity chosen (RFC 8446 §4.2.11): the session is resumed.
    pub selected_psk: Option<u16>,
    /// A session_ticket extension: the server will send a new ticket (RFC 5077 §3.2).
    pub session_ticket: bool,
    /// All of its bytes were seen and could be read to the end. Where false, the fields hold what was there.
    pub complete: bool,
}

impl ServerHello {
    /// The version that the session speaks.
    pub fn version(&self) -> ProtocolVersion {
        ProtocolVersion(self.selected_version.unwrap_or(self.legacy_version))
    }

    /// Whether it is a HelloRetryRequest: a ServerHello with the random that RFC 8446 §4.1.3 gives.
    pub fn is_hello_retry_request(&self) -> bool {
        self.random == HELLO_RETRY_REQUEST_RANDOM
    }
}

/// SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
pub const HELLO_RETRY_REQUEST_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a,
    0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
