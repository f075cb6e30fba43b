//! The ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2, SSL 2.0 §2.5 for the compatible form).

use super::extension::{self, Fields};
use super::session::{Anomaly, Notes};
use super::{ByteStrings, Extension, ProtocolVersion, is_grease};
use crate::base::{Reader, heap, reader::be16_values};

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
    /// Extensions: types and body lengths in the order sent; without the last one where that is cut.
    pub extensions: Vec<Extension>,
    /// server_name (RFC 6066 §3): all host names, as bytes, in the order sent. Mostly one.
    pub server_names: ByteStrings,
    /// application_layer_protocol_negotiation (RFC 7301): the protocols offered.
    pub alpn: ByteStrings,
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
    /// Its end was not seen: what is not there may have been.
    pub cut: bool,
    /// Length of the handshake message's body in bytes, as far as it was seen.
    pub length: u32,
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
    /// Reads the body of a ClientHello message. `whole` says that `body` is all of it; what is missing or malformed ends in
    /// `complete` being false and in `notes`, and never hides what can still be read.
    pub fn parse(body: &[u8], whole: bool, notes: &mut Notes) -> Self {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let mut hello = Self { length, cut: !whole, ..Self::default() };
        let read_to_the_end = hello.read(body, notes).is_some();
        if whole && !read_to_the_end {
            notes.push(Anomaly::InvalidHandshakeMessage);
        }
        hello.complete = whole && read_to_the_end;
        hello.trim();
        hello
    }

    /// Gives back spare room of lists that grew: it may be kept for long.
    fn trim(&mut self) {
        heap::trim(&mut self.extensions);
        heap::trim(&mut self.key_share_groups);
        self.server_names.trim();
        self.alpn.trim();
    }

    fn read(&mut self, body: &[u8], notes: &mut Notes) -> Option<()> {
        let mut r = Reader::new(body);
        self.legacy_version = r.u16()?;
        self.random = r.array()?;
        self.session_id = r.vec8()?.to_vec();
        if self.session_id.len() > 32 {
            notes.push(Anomaly::InvalidHandshakeMessage);
        }
        let suites = usize::from(r.u16()?);
        let (suites, all) = r.take_lenient(suites);
        self.cipher_suites = be16_values(suites).collect();
        if !all {
            return None;
        }
        self.compression_methods = r.vec8()?.to_vec();
        extension::block(r, !self.cut, notes, |extension, whole, fields, notes| {
            if whole {
                self.extensions.push(extension);
            }
            self.extension(extension.typ, fields, notes)
        })
    }

    fn extension(&mut self, typ: u16, mut f: Fields<'_>, notes: &mut Notes) -> Option<()> {
        match typ {
            extension::SERVER_NAME => extension::server_names(f, &mut self.server_names, notes)?,
            extension::SUPPORTED_GROUPS => self.groups = f.list16_of16()?,
            extension::EC_POINT_FORMATS => self.point_formats = f.vec8()?.to_vec(),
            extension::SIGNATURE_ALGORITHMS => self.signature_algorithms = f.list16_of16()?,
            extension::ALPN => self.alpn = extension::protocol_names(f)?,
            extension::SESSION_TICKET => self.session_ticket = Some(f.len()),
            extension::SUPPORTED_VERSIONS => self.supported_versions = be16_values(f.vec8()?).collect(),
            extension::PSK_KEY_EXCHANGE_MODES => self.psk_modes = f.vec8()?.to_vec(),
            extension::EARLY_DATA => self.early_data = true,
            extension::PRE_SHARED_KEY => self.psk_identities = extension::psk_identities(f)?,
            extension::KEY_SHARE | extension::KEY_SHARE_DRAFT => extension::key_shares(f, &mut self.key_share_groups)?,
            extension::ENCRYPTED_CLIENT_HELLO => self.ech = Some(extension::ech(f)),
            _ => {}
        }
        Some(())
    }

    /// Reads the body of an SSL 2.0 compatible ClientHello, from the byte after the message type (RFC 5246 appendix E.2).
    pub fn parse_sslv2(body: &[u8], notes: &mut Notes) -> Self {
        let mut hello = Self { sslv2_format: true, compression_methods: vec![0], ..Self::default() };
        hello.length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        hello.complete = hello.read_sslv2(body).is_some();
        if !hello.complete {
            notes.push(Anomaly::InvalidSslv2Header);
        }
        hello
    }

    fn read_sslv2(&mut self, body: &[u8]) -> Option<()> {
        let mut r = Reader::new(body);
        self.legacy_version = r.u16()?;
        let (specs, id, challenge) = (r.u16()?, r.u16()?, r.u16()?);
        let specs = r.take(usize::from(specs))?;
        // Three bytes a cipher; those of SSL 3.0 and later begin with 0 and go on with their usual number.
        self.cipher_suites = specs.chunks_exact(3).filter_map(|spec| spec.strip_prefix(&[0])).flat_map(be16_values).collect();
        self.session_id = r.take(usize::from(id))?.to_vec();
        let challenge = r.take(usize::from(challenge))?;
        let tail = challenge.get(challenge.len().saturating_sub(self.random.len())..)?;
        for (to, from) in self.random.iter_mut().rev().zip(tail.iter().rev()) {
            *to = *from;
        }
        r.is_empty().then_some(())
    }

    /// The host name asked for: the first one sent.
    pub fn server_name(&self) -> Option<&[u8]> {
        self.server_names.first()
    }

    /// Whether extension `typ` is there.
    pub fn has_extension(&self, typ: u16) -> bool {
        self.extensions.iter().any(|e| e.typ == typ)
    }

    /// The highest version offered; `None` where supported_versions may be in the part of it that was not seen.
    pub fn offered_version(&self) -> Option<ProtocolVersion> {
        (!self.cut || !self.supported_versions.is_empty()).then(|| self.max_version())
    }

    /// The highest version offered, GREASE left out: of supported_versions where that is there, else `legacy_version`.
    pub fn max_version(&self) -> ProtocolVersion {
        let best = self.supported_versions.iter().copied().filter(|&v| !is_grease(v)).max();
        ProtocolVersion(best.unwrap_or(self.legacy_version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tls::build::ClientHelloBuilder;

    fn parse(body: &[u8]) -> (ClientHello, Notes) {
        let mut notes = Notes::default();
        let hello = ClientHello::parse(body, true, &mut notes);
        (hello, notes)
    }

    #[test]
    fn reads_every_field() {
        let body = ClientHelloBuilder::default()
            .ciphers(&[0x1301, 0xc02f])
            .server_name(b"www.portcullis.example")
            .extension(extension::SUPPORTED_GROUPS, &[0, 4, 0x11, 0xec, 0, 29])
            .extension(extension::EC_POINT_FORMATS, &[1, 0])
            .extension(extension::SIGNATURE_ALGORITHMS, &[0, 2, 4, 3])
            .extension(extension::ALPN, b"\x00\x0c\x02h2\x08http/1.1")
            .extension(extension::SUPPORTED_VERSIONS, &[4, 3, 4, 3, 3])
            .extension(extension::PSK_KEY_EXCHANGE_MODES, &[1, 1])
            .extension(extension::KEY_SHARE, &[0, 5, 0, 29, 0, 1, 9])
            .extension(extension::SESSION_TICKET, &[1, 2, 3])
            .extension(extension::EARLY_DATA, &[])
            .body();
        let (hello, notes) = parse(&body);
        assert!(hello.complete && notes.is_empty(), "{notes:?}");
        assert_eq!(hello.server_name(), Some(&b"www.portcullis.example"[..]));
        assert_eq!(hello.cipher_suites, [0x1301, 0xc02f]);
        assert_eq!(hello.groups, [0x11ec, 29]);
        assert_eq!(hello.signature_algorithms, [0x0403]);
        assert_eq!(hello.alpn, ["h2", "http/1.1"].into());
        assert_eq!(hello.max_version(), ProtocolVersion::TLS1_3);
        assert_eq!((hello.psk_modes.as_slice(), hello.key_share_groups.as_slice()), (&[1][..], &[29][..]));
        assert_eq!((hello.session_ticket, hello.early_data), (Some(3), true));
        assert_eq!(hello.extensions.len(), 10);
    }

    #[test]
    fn a_bad_server_name_hides_nothing_after_it() {
        let long = [b'a'; 300];
        for (what, sni, note) in [
            ("type 7", b"\x00\x08\x07\x00\x05a.exa".to_vec(), Anomaly::InvalidSniType),
            ("length 0", b"\x00\x03\x00\x00\x00".to_vec(), Anomaly::InvalidSniLength),
            ("300 bytes", [&[1, 47, 0, 1, 44][..], &long].concat(), Anomaly::InvalidSniLength),
            ("a list length that lies", b"\x00\xff\x00\x00\x01a".to_vec(), Anomaly::MalformedExtension),
            ("an empty list", vec![0, 0], Anomaly::MalformedExtension),
            ("empty", vec![], Anomaly::MalformedExtension),
        ] {
            let body = ClientHelloBuilder::default()
                .extension(extension::SERVER_NAME, &sni)
                .extension(extension::ALPN, b"\x00\x03\x02h2")
                .body();
            let (hello, notes) = parse(&body);
            assert_eq!(hello.alpn, ["h2"].into(), "{what}");
            assert_eq!(notes.as_slice(), [note], "{what}");
        }
    }

    #[test]
    fn two_server_names_are_both_kept_and_noted() {
        let body = ClientHelloBuilder::default().server_name(b"good.example").server_name(b"evil.example").body();
        let (hello, notes) = parse(&body);
        assert_eq!(hello.server_names, ["good.example", "evil.example"].into());
        assert!(notes.contains(&Anomaly::MultipleSni));
    }

    #[test]
    fn a_hello_cut_anywhere_gives_what_was_there() {
        let body = ClientHelloBuilder::default().server_name(b"cut.example").extension(extension::ALPN, b"\x00\x03\x02h2").body();
        let sni_ends = body.len() - 9;
        for cut in 0..body.len() {
            let mut notes = Notes::default();
            let hello = ClientHello::parse(&body[..cut], false, &mut notes);
            assert!(!hello.complete || cut == sni_ends - 2 - 16, "cut at {cut}");
            assert_eq!(hello.server_name().is_some(), cut >= sni_ends, "cut at {cut}");
        }
    }

    #[test]
    fn an_sslv2_hello_gives_its_later_ciphers_and_its_challenge() {
        let mut body = vec![3, 1, 0, 6, 0, 0, 0, 16, 0, 0, 0x2f, 1, 0, 0x80];
        body.extend([7; 16]);
        let mut notes = Notes::default();
        let hello = ClientHello::parse_sslv2(&body, &mut notes);
        assert!(hello.complete && hello.sslv2_format && notes.is_empty());
        assert_eq!((hello.legacy_version, hello.cipher_suites.as_slice()), (0x0301, &[0x2f][..]));
        assert_eq!(hello.random[15..], [[0].as_slice(), &[7; 16]].concat());
    }
}
