//! Hello extensions (RFC 8446 §4.2): the walk over them, and the bodies that we read.
//!
//! The walk never stops at a body that is malformed, since that is how an attacker would hide what follows.

use super::ByteStrings;
use super::client_hello::Ech;
use super::session::{Anomaly, Notes};
use crate::base::{Reader, reader::be16_values};

/// One extension's place in a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// IANA's number.
    pub typ: u16,
    /// Length of its body in bytes, as it says.
    pub len: u16,
}

/// The body of one extension.
pub type Fields<'a> = Reader<'a>;

/// server_name (RFC 6066 §3).
pub const SERVER_NAME: u16 = 0;
/// truncated_hmac (RFC 6066 §7).
pub const TRUNCATED_HMAC: u16 = 4;
/// supported_groups (RFC 8446 §4.2.7).
pub const SUPPORTED_GROUPS: u16 = 10;
/// ec_point_formats (RFC 8422 §5.1.2).
pub const EC_POINT_FORMATS: u16 = 11;
/// signature_algorithms (RFC 8446 §4.2.3).
pub const SIGNATURE_ALGORITHMS: u16 = 13;
/// heartbeat (RFC 6520 §2).
pub const HEARTBEAT: u16 = 15;
/// application_layer_protocol_negotiation (RFC 7301).
pub const ALPN: u16 = 16;
/// signed_certificate_timestamp (RFC 6962 §3.3.1).
pub const SIGNED_CERTIFICATE_TIMESTAMP: u16 = 18;
/// encrypt_then_mac (RFC 7366 §2).
pub const ENCRYPT_THEN_MAC: u16 = 22;
/// extended_master_secret (RFC 7627 §5.1).
pub const EXTENDED_MASTER_SECRET: u16 = 23;
/// session_ticket (RFC 5077 §3.2).
pub const SESSION_TICKET: u16 = 35;
/// key_share as TLS 1.3 numbered it before draft 23.
pub const KEY_SHARE_DRAFT: u16 = 40;
/// pre_shared_key (RFC 8446 §4.2.11).
pub const PRE_SHARED_KEY: u16 = 41;
/// early_data (RFC 8446 §4.2.10).
pub const EARLY_DATA: u16 = 42;
/// supported_versions (RFC 8446 §4.2.1).
pub const SUPPORTED_VERSIONS: u16 = 43;
/// psk_key_exchange_modes (RFC 8446 §4.2.9).
pub const PSK_KEY_EXCHANGE_MODES: u16 = 45;
/// key_share (RFC 8446 §4.2.8).
pub const KEY_SHARE: u16 = 51;
/// renegotiation_info (RFC 5746 §3.2).
pub const RENEGOTIATION_INFO: u16 = 0xff01;
/// encrypted_client_hello (RFC 9849 §5).
pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// Reads what is left of a hello: a block of extensions behind its two-byte length, or nothing, as in hellos as old as SSL 3.0.
/// `read` is given each extension and whether it is whole; `None` from it is a malformed body. `None` where the hello is cut. `seen`: it ends
/// there as sent; where not, nobody knows what the extension that is cut was to say.
pub(super) fn block(
    mut r: Reader<'_>,
    seen: bool,
    notes: &mut Notes,
    mut read: impl FnMut(Extension, bool, Fields<'_>, &mut Notes) -> Option<()>,
) -> Option<()> {
    if r.is_empty() {
        return Some(());
    }
    let length = usize::from(r.u16()?);
    let (bytes, all) = r.take_lenient(length);
    let mut walk = Walk::new(bytes);
    while let Some((extension, fields)) = walk.next(notes) {
        if !walk.ended_well() && !seen {
            break;
        }
        if read(extension, walk.ended_well(), fields, notes).is_none() {
            notes.push(Anomaly::MalformedExtension);
        }
    }
    if !r.is_empty() {
        notes.push(Anomaly::InvalidHandshakeMessage); // bytes after the extensions
    }
    (all && walk.ended_well()).then_some(())
}

/// Walks a block of extensions by type and length alone.
#[derive(Debug)]
struct Walk<'a> {
    rest: Reader<'a>,
    seen: u64,
    cut: bool,
}

impl<'a> Walk<'a> {
    /// A walk over the extensions in `block`.
    const fn new(block: &'a [u8]) -> Self {
        Self { rest: Reader::new(block), seen: 0, cut: false }
    }

    /// The next extension and its body. One that is cut comes last, with the bytes that are there.
    fn next(&mut self, notes: &mut Notes) -> Option<(Extension, Fields<'a>)> {
        if self.rest.is_empty() || self.cut {
            return None;
        }
        let (Some(typ), Some(len)) = (self.rest.u16(), self.rest.u16()) else {
            self.cut = true;
            return None;
        };
        let (body, all) = self.rest.take_lenient(usize::from(len));
        self.cut = !all;
        self.note_duplicate(typ, notes);
        Some((Extension { typ, len }, Reader::new(body)))
    }

    /// Whether the last extension ended where the block does.
    const fn ended_well(&self) -> bool {
        !self.cut
    }

    /// Only the types below 64 are watched: among them are all that we read, and one word is all it costs.
    fn note_duplicate(&mut self, typ: u16, notes: &mut Notes) {
        let bit = 1_u64.checked_shl(u32::from(typ)).unwrap_or(0);
        if self.seen & bit != 0 {
            notes.push(if typ == SERVER_NAME { Anomaly::MultipleSni } else { Anomaly::DuplicateExtension });
        }
        self.seen |= bit;
    }
}

impl Reader<'_> {
    /// A vector of 16-bit values behind a two-byte length.
    pub(super) fn list16_of16(&mut self) -> Option<Vec<u16>> {
        self.vec16().map(|list| be16_values(list).collect())
    }
}

/// Reads a ServerNameList (RFC 6066 §3) and adds its host names to `names`.
///
/// A name of another type is noted and passed over; an empty one, one of more than 255 bytes and one with bytes that no host name has is
/// noted, and kept where there is any of it. Bytes behind the list are noted.
pub(super) fn server_names(mut f: Fields<'_>, names: &mut ByteStrings, notes: &mut Notes) -> Option<()> {
    let mut list = Reader::new(f.vec16()?);
    let mut count = 0_u32;
    if list.is_empty() {
        notes.push(Anomaly::MalformedExtension); // at least one name (RFC 6066 §3)
    }
    while !list.is_empty() {
        let (typ, name) = (list.u8()?, list.vec16()?);
        if typ != HOST_NAME {
            notes.push(Anomaly::InvalidSniType);
            continue;
        }
        if name.is_empty() || name.len() > LONGEST_NAME {
            notes.push(Anomaly::InvalidSniLength);
        }
        if !name.iter().all(u8::is_ascii_graphic) {
            notes.push(Anomaly::InvalidSniCharacter);
        }
        if !name.is_empty() {
            count = count.saturating_add(1);
            names.push(name);
        }
    }
    if count > 1 {
        notes.push(Anomaly::MultipleSni);
    }
    f.is_empty().then_some(())
}

/// Reads a ProtocolNameList (RFC 7301 §3.1).
pub(super) fn protocol_names(mut f: Fields<'_>) -> Option<ByteStrings> {
    let mut list = Reader::new(f.vec16()?);
    let mut names = ByteStrings::default();
    while !list.is_empty() {
        names.push(list.vec8()?);
    }
    Some(names)
}

/// Reads the groups of a ClientHello's KeyShareEntry list (RFC 8446 §4.2.8) into `groups`, as far as it is well formed.
pub(super) fn key_shares(mut f: Fields<'_>, groups: &mut Vec<u16>) -> Option<()> {
    let mut list = Reader::new(f.vec16()?);
    while !list.is_empty() {
        let (group, _key) = (list.u16()?, list.vec16()?);
        groups.push(group);
    }
    Some(())
}

/// Counts the identities of an OfferedPsks (RFC 8446 §4.2.11).
pub(super) fn psk_identities(mut f: Fields<'_>) -> Option<usize> {
    let mut list = Reader::new(f.vec16()?);
    let mut count = 0_usize;
    while !list.is_empty() {
        let (_identity, _age) = (list.vec16()?, list.u32()?);
        count = count.saturating_add(1);
    }
    Some(count)
}

/// Reads an ECHClientHello (RFC 9849 §5).
pub(super) fn ech(mut f: Fields<'_>) -> Ech {
    let outer = |f: &mut Fields<'_>| {
        let (kdf_id, aead_id, config_id) = (f.u16()?, f.u16()?, f.u8()?);
        let (enc_len, payload_len) = (length16(f.vec16()?), length16(f.vec16()?));
        Some(Ech::Outer { kdf_id, aead_id, config_id, enc_len, payload_len })
    };
    match f.u8() {
        Some(0) => outer(&mut f).unwrap_or(Ech::Malformed),
        Some(1) => Ech::Inner,
        _ => Ech::Malformed,
    }
}

fn length16(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

/// NameType host_name (RFC 6066 §3).
const HOST_NAME: u8 = 0;
/// The longest name that the DNS has (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 255;
