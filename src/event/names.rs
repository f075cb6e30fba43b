//! Numbers of the wire by their names; a number without one as `0x1a2b`, a GREASE value as `GREASE(0x1a1a)`.

use std::fmt;

use serde::{Serialize, Serializer};

use super::json::Plain;
use super::text::Number;
use crate::protocol::tls::{ProtocolVersion, is_grease, names};

/// A cipher suite by its IANA name.
pub(super) struct Cipher(pub u16);

impl Serialize for Cipher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        name_or_number(serializer, names::cipher_suite(self.0), self.0)
    }
}

/// A named group by its IANA name.
pub(super) struct Group(pub u16);

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        name_or_number(serializer, names::group(self.0), self.0)
    }
}

/// A protocol version by EVE's name.
pub(super) struct Version(pub ProtocolVersion);

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if is_grease(self.0.0) {
            return serializer.collect_str(&Grease(self.0.0));
        }
        serializer.serialize_str(&names::eve_version(self.0))
    }
}

/// Named groups by name.
pub(super) struct Groups<'a>(pub &'a [u16]);

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&id| Group(id)))
    }
}

/// Versions by name.
pub(super) struct Versions<'a>(pub &'a [u16]);

impl Serialize for Versions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&id| Version(ProtocolVersion(id))))
    }
}

/// PSK key exchange modes by name (RFC 8446 §4.2.9).
pub(super) struct PskModes<'a>(pub &'a [u8]);

impl Serialize for PskModes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&mode| PskMode(mode)))
    }
}

struct PskMode(u8);

impl Serialize for PskMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.serialize_str("psk_ke"),
            1 => serializer.serialize_str("psk_dhe_ke"),
            // RFC 8701 §2: 0x0b + 0x1f * N
            mode if mode % 0x1f == 0x0b => serializer.collect_str(&format_args!("GREASE(0x{mode:02x})")),
            mode => serializer.collect_str(&format_args!("0x{mode:02x}")),
        }
    }
}

/// The level of an alert (RFC 8446 §6).
pub(super) struct AlertLevel(pub u8);

impl Serialize for AlertLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            1 => serializer.serialize_str("warning"),
            2 => serializer.serialize_str("fatal"),
            other => serializer.collect_str(&format_args!("0x{other:02x}")),
        }
    }
}

/// The description of an alert (RFC 8446 §6).
pub(super) struct AlertDescription(pub u8);

impl Serialize for AlertDescription {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match names::alert(self.0) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.collect_str(&format_args!("0x{:02x}", self.0)),
        }
    }
}

/// An algorithm of HPKE, as RFC 9180 §7 names it.
pub(super) struct HpkeName {
    name: Option<&'static str>,
    id: u16,
}

impl HpkeName {
    /// A key derivation function (RFC 9180 §7.2).
    pub const fn kdf(id: u16) -> Self {
        let name = match id {
            1 => Some("HKDF-SHA256"),
            2 => Some("HKDF-SHA384"),
            3 => Some("HKDF-SHA512"),
            _ => None,
        };
        Self { name, id }
    }

    /// An AEAD (RFC 9180 §7.3).
    pub const fn aead(id: u16) -> Self {
        let name = match id {
            1 => Some("AES-128-GCM"),
            2 => Some("AES-256-GCM"),
            3 => Some("ChaCha20Poly1305"),
            _ => None,
        };
        Self { name, id }
    }
}

impl Serialize for HpkeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        name_or_number(serializer, self.name, self.id)
    }
}

fn name_or_number<S: Serializer>(serializer: S, name: Option<&'static str>, number: u16) -> Result<S::Ok, S::Error> {
    match name {
        _ if is_grease(number) => serializer.collect_str(&Grease(number)),
        Some(name) => Plain(name.as_bytes()).serialize(serializer),
        None => serializer.collect_str(&Number(number)),
    }
}

struct Grease(u16);

impl fmt::Display for Grease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GREASE({})", Number(self.0))
    }
}
