//! The ServerHello (RFC 8446 §4.1.3, RFC 5246 §7.4.1.3) and the HelloRetryRequest that looks like one.

use super::extension::{self, Fields};
use super::session::{Anomaly, Notes};
use super::{Extension, ProtocolVersion};
use crate::base::Reader;

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
    /// Extensions: types and body lengths in the order sent; without the last one where that is cut.
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
    /// signed_certificate_timestamp: a SignedCertificateTimestampList, before TLS 1.3 (RFC 6962 §3.3.1). At most [`Self::MOST_SCTS`] bytes of it
    /// are kept; of a longer one nothing.
    pub scts: Vec<u8>,
    /// All of its bytes were seen and could be read to the end. Where false, the fields hold what was there.
    pub complete: bool,
    /// Its end was not seen: what is not there may have been.
    pub cut: bool,
}

impl ServerHello {
    /// Bytes of SCTs that are kept; one has some 120.
    pub const MOST_SCTS: usize = 4 << 10;

    /// Reads the body of a ServerHello message; `whole` and `notes` as in [`ClientHello::parse`](super::ClientHello::parse).
    pub fn parse(body: &[u8], whole: bool, notes: &mut Notes) -> Self {
        Self::parse_with(body, whole, notes, Self::read)
    }

    /// Reads the body of a HelloRetryRequest as TLS 1.3 had it before draft 22: message type 6, with a cipher suite since draft 19.
    /// The result has the random by which later versions know one.
    pub fn parse_draft_retry(body: &[u8], whole: bool, notes: &mut Notes) -> Self {
        Self { random: HELLO_RETRY_REQUEST_RANDOM, ..Self::parse_with(body, whole, notes, Self::read_draft_retry) }
    }

    fn parse_with(body: &[u8], whole: bool, notes: &mut Notes, read: fn(&mut Self, &[u8], &mut Notes) -> Option<()>) -> Self {
        let mut hello = Self { cut: !whole, ..Self::default() };
        let read_to_the_end = read(&mut hello, body, notes).is_some();
        if whole && !read_to_the_end {
            notes.push(Anomaly::InvalidHandshakeMessage);
        }
        hello.complete = whole && read_to_the_end;
        hello
    }

    fn read(&mut self, body: &[u8], notes: &mut Notes) -> Option<()> {
        let mut r = Reader::new(body);
        self.legacy_version = r.u16()?;
        self.random = r.array()?;
        if has_draft_layout(self.legacy_version) {
            self.cipher_suite = r.u16()?;
        } else {
            self.session_id = r.vec8()?.to_vec();
            self.cipher_suite = r.u16()?;
            self.compression_method = r.u8()?;
        }
        self.extensions(r, notes)
    }

    fn read_draft_retry(&mut self, body: &[u8], notes: &mut Notes) -> Option<()> {
        let mut r = Reader::new(body);
        self.legacy_version = r.u16()?;
        if self.legacy_version & 0xff >= 19 {
            self.cipher_suite = r.u16()?;
        }
        self.extensions(r, notes)
    }

    fn extensions(&mut self, r: Reader<'_>, notes: &mut Notes) -> Option<()> {
        extension::block(r, !self.cut, notes, |extension, whole, fields, _| {
            if whole {
                self.extensions.push(extension);
            }
            self.extension(extension.typ, fields)
        })
    }

    fn extension(&mut self, typ: u16, mut f: Fields<'_>) -> Option<()> {
        match typ {
            extension::ALPN => self.alpn = extension::protocol_names(f)?.first().map(<[u8]>::to_vec),
            extension::SIGNED_CERTIFICATE_TIMESTAMP if f.len() <= Self::MOST_SCTS => self.scts = f.rest().to_vec(),
            extension::SESSION_TICKET => self.session_ticket = true,
            extension::SUPPORTED_VERSIONS => self.selected_version = Some(f.u16()?),
            extension::KEY_SHARE | extension::KEY_SHARE_DRAFT => self.key_share_group = Some(f.u16()?),
            extension::PRE_SHARED_KEY => self.selected_psk = Some(f.u16()?),
            _ => {}
        }
        Some(())
    }

    /// The version that the session speaks.
    pub fn version(&self) -> ProtocolVersion {
        match (self.selected_version, self.legacy_version) {
            (Some(version), _) => ProtocolVersion(version),
            (None, 0x0304) => ProtocolVersion::TLS1_3_EARLY_DRAFT,
            (None, version) => ProtocolVersion(version),
        }
    }

    /// Whether it is a HelloRetryRequest: a ServerHello with the random that RFC 8446 §4.1.3 gives.
    pub fn is_hello_retry_request(&self) -> bool {
        self.random == HELLO_RETRY_REQUEST_RANDOM
    }
}

/// Drafts of TLS 1.3 before the 22nd wrote their version in the first field and left session id and compression out
/// (draft-ietf-tls-tls13-21 §4.1.3); some early ones wrote 0x0304.
const fn has_draft_layout(version: u16) -> bool {
    version == 0x0304 || (version >> 8 == 0x7f && version & 0xff < 22)
}

/// SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
pub const HELLO_RETRY_REQUEST_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a,
    0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &[u8]) -> (ServerHello, Notes) {
        let mut notes = Notes::default();
        let hello = ServerHello::parse(body, true, &mut notes);
        (hello, notes)
    }

    fn body(version: u16, after_random: &[u8]) -> Vec<u8> {
        [&version.to_be_bytes()[..], &[5; 32], after_random].concat()
    }

    #[test]
    fn a_tls13_hello_names_its_version_and_group_in_extensions() {
        let (hello, notes) =
            parse(&body(0x0303, b"\x01\xaa\x13\x02\x00\x00\x0e\x00\x2b\x00\x02\x03\x04\x00\x33\x00\x04\x00\x1d\x00\x00"));
        assert!(hello.complete && notes.is_empty());
        assert_eq!(hello.version(), ProtocolVersion::TLS1_3);
        assert_eq!((hello.cipher_suite, hello.key_share_group), (0x1302, Some(29)));
        assert_eq!(hello.session_id, [0xaa]);
    }

    #[test]
    fn scts_are_kept_unless_they_are_too_long() {
        let hello = |len: u16| {
            let list = vec![7; usize::from(len)];
            let extension = [&[0, 18][..], &len.to_be_bytes(), &list].concat();
            let length = u16::try_from(extension.len()).unwrap();
            parse(&body(0x0303, &[b"\x00\xc0\x2f\x00", &length.to_be_bytes()[..], &extension].concat())).0
        };
        assert_eq!(hello(5).scts, [7; 5]);
        assert!(hello(4_097).complete && hello(4_097).scts.is_empty());
    }

    #[test]
    fn drafts_before_22_have_no_session_id() {
        for version in [0x7f12, 0x7f15, 0x0304] {
            let (hello, _) = parse(&body(version, b"\x13\x01\x00\x06\x00\x28\x00\x02\x00\x17"));
            assert!(hello.complete, "{version:04x}");
            assert_eq!((hello.legacy_version, hello.cipher_suite, hello.key_share_group), (version, 0x1301, Some(23)));
        }
    }

    #[test]
    fn a_hello_that_ends_early_is_noted_and_keeps_what_it_said() {
        let (hello, notes) = parse(&body(0x0303, b"\x00\xc0\x2f"));
        assert!(!hello.complete);
        assert_eq!(hello.cipher_suite, 0xc02f);
        assert_eq!(notes.as_slice(), [Anomaly::InvalidHandshakeMessage]);
    }
}
