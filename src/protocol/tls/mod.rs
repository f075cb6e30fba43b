//! TLS, SSL 2.0 hello to TLS 1.3, up to the point where it goes dark.

mod anomaly;
#[cfg(test)]
pub(crate) mod build;
mod byte_strings;
pub mod client_hello;
pub mod conversation;
pub mod extension;
mod footprint;
mod half;
mod key_exchange;
pub mod names;
mod sealed;
pub mod server_hello;
pub mod session;
mod shape;

pub use byte_strings::ByteStrings;
pub use client_hello::{ClientHello, Ech};
pub use conversation::Conversation;
pub use extension::Extension;
pub use key_exchange::{DhGroup, ServerKeyExchange};
pub use server_hello::ServerHello;
pub use session::Session;

/// A protocol version as on the wire (RFC 8446 §4.1.2): 0x0002 is SSL 2.0, 0x0300 SSL 3.0, 0x0301–0x0304 TLS 1.0–1.3,
/// 0x7fNN draft NN of TLS 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion(pub u16);

impl ProtocolVersion {
    /// SSL 2.0.
    pub const SSL2: Self = Self(0x0002);
    /// SSL 3.0 (RFC 6101).
    pub const SSL3: Self = Self(0x0300);
    /// TLS 1.0 (RFC 2246).
    pub const TLS1_0: Self = Self(0x0301);
    /// TLS 1.1 (RFC 4346).
    pub const TLS1_1: Self = Self(0x0302);
    /// TLS 1.2 (RFC 5246).
    pub const TLS1_2: Self = Self(0x0303);
    /// TLS 1.3 (RFC 8446).
    pub const TLS1_3: Self = Self(0x0304);

    /// A draft of TLS 1.3 before the 16th, which wrote 0x0304 and did not say which it was. A number of our own, among those of drafts.
    pub const TLS1_3_EARLY_DRAFT: Self = Self(0x7f01);

    /// TLS 1.3 or one of its drafts (0x7fNN; 0x7eNN and 0xfbNN are experiments with them): after the ServerHello everything is encrypted.
    pub const fn is_tls13(self) -> bool {
        self.0 == Self::TLS1_3.0 || matches!(self.0 >> 8, 0x7e | 0x7f | 0xfb)
    }
}

/// Whether `value` is one of the sixteen reserved GREASE values (RFC 8701 §2): both bytes equal and of the form 0x?a.
pub const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}
