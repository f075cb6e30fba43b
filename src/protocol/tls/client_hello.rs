//! The ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2, SSL 2.0 §2.5 for the compatible form).

use super::ProtocolVersion;

/// All that a ClientHello says. Lists are as sent, GREASE included, in the order sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// `legacy_version`.
    pub legacy_version: u16,
    /// The random; for an SSL 2.0 compatible hello the challenge, zero-padded in front (RFC 5246 appendix E.2).
    pub random: [u8; 32],
    /// `legacy_session_id`.
    pub session_id: Vec<u8>,
    /// Cipher suites; of an SSL 2.0 compatible hello those that SSL 3.0 and later know (first byte 0).
    pub cipher_suites: Vec<u16>,
    /// `legacy_compression_methods`.
    pub compression_methods: Vec<u8>,
    /// Extensions: types and body lengths in the order sent.
    pub extensions: Vec<Extension>,
    /// server_name (RFC 6066 §3): all host names, as bytes, in the order sent. Mostly one.
    pub server_names: Vec<Vec<u8>>,
    /// application_layer_protocol_negotiation (RFC 7301): the protocols offered.
    pub alpn: Vec<Vec<u8>>,
    /// supported_versions (RFC 8446 §4.2.1).
    pub supported_versions: Vec<u16>,
    /// supported_groups (RFC 8446 §4.2.7), elliptic_curves before.
    pub groups: Vec<u16>,
    /// ec_point_formats (RFC 8422 §5.1.2).
    pub point_formats: Vec<u8>,
    /// The groups of the key_share entries (RFC 8446 §4.2.8).
    pub key_share_groups: Vec<u16>,
    /// signature_algorithms (RFC 8446 §4.2.3).
    pub signature_algorithms: Vec<u16>,
    /// psk_key_exchange_modes (RFC 8446 §4.2.9).
    pub psk_modes: Vec<u8>,
    /// Number of identities in pre_shared_key (RFC 8446 §4.2.11).
    pub psk_identities: usize,
    /// Length of a session_ticket extension's body (RFC 5077 §3.2): `Some(0)` asks for a ticket, more resumes by one.
    pub session_ticket: Option<usize>,
    /// early_data is there (RFC 8446 §4.2.10).
    pub early_data: bool,
    /// encrypted_client_hello (RFC 9849 §5).
    pub ech: Option<Ech>,
    /// It came in an SSL 2.0 compatible record (RFC 5246 appendix E.2).
    pub sslv2_format: bool,
    /// All of its bytes were seen and could be read to the end. Where false, the fields hold what was there.
    pub complete: bool,
    /// Length of the handshake message's body in bytes, by its header.
    pub length: u32,
}

/// One extension's place in a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// IANA's number.
    pub typ: u16,
    /// Length of its body in bytes.
    pub len: u16,
}

/// What an encrypted_client_hello extension shows to those who cannot open it (RFC 9849 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ech {
    /// The form on the wire; it may be real or GREASE, which cannot be told apart from one hello alone.
    Outer {
        /// HPKE KDF id.
        kdf_id: u16,
        /// HPKE AEAD id.
        aead_id: u16,
        /// Which of the server's keys is used.
        config_id: u8,
        /// Length of the encapsulated key in bytes (0 in a second hello).
        enc_len: u16,
        /// Length of the encrypted inner hello in bytes.
        payload_len: u16,
    },
    /// The inner form: only within the encryption, so a mistake of the sender where it is seen.
    Inner,
    /// Of a type or shape that the RFC does not have.
    Malformed,
}

impl ClientHello {
    /// The host name asked for: the first one sent.
    pub fn server_name(&self) -> Option<&[u8]> {
        self.server_names.first().map(Vec::as_slice)
    }

    /// Whether extension `typ` is there.
    pub fn has_extension(&self, typ: u16) -> bool {
        self.extensions.iter().any(|e| e.typ == typ)
    }

    /// The highest version offered, GREASE left out: of supported_versions where that is there, else `legacy_version`.
    pub fn max_version(&self) -> ProtocolVersion {
        let best = self.supported_versions.iter().copied().filter(|&v| !super::is_grease(v)).max();
        ProtocolVersion(best.unwrap_or(self.legacy_version))
    }
}
