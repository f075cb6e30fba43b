//! Fingerprints of hellos: JA3, JA3S, JA4; with the feature `ja4plus` also JA4S and of certificates JA4X, which are not under
//! an open-source licence (see LICENSE-JA4PLUS).

mod ja3;
mod ja4;
#[cfg(feature = "ja4plus")]
mod ja4s;
#[cfg(feature = "ja4plus")]
mod ja4x;
mod text;

use super::tls::{ClientHello, ServerHello};
use crate::base::heap;

pub use self::ja4::{Ja4Original, original as ja4_original};
#[cfg(feature = "ja4plus")]
pub use self::ja4x::ja4x;

/// What carried the hello.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TLS over TCP.
    #[default]
    Tcp,
    /// TLS within QUIC (RFC 9001).
    Quic,
    /// DTLS over UDP (RFC 9147).
    Dtls,
}

/// The fingerprints of a ClientHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFingerprints {
    /// JA3's string. JA3 is not defined for an SSL 2.0 compatible hello: empty then, as is its hash.
    pub ja3_string: String,
    /// JA3: MD5 of the string, lower-case hex.
    pub ja3: String,
    /// JA4, as its specification says.
    pub ja4: String,
    /// JA4_r: the same with the lists in place of their hashes.
    pub ja4_r: String,
}

/// The fingerprints of a ServerHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFingerprints {
    /// JA3S's string.
    pub ja3s_string: String,
    /// JA3S: MD5 of the string, lower-case hex.
    pub ja3s: String,
    /// JA4S.
    #[cfg(feature = "ja4plus")]
    pub ja4s: String,
    /// JA4S_r.
    #[cfg(feature = "ja4plus")]
    pub ja4s_r: String,
}

impl ClientFingerprints {
    /// Bytes that they have on the heap.
    pub(super) fn heap(&self) -> usize {
        sum([&self.ja3_string, &self.ja3, &self.ja4, &self.ja4_r])
    }
}

impl ServerFingerprints {
    /// Bytes that they have on the heap.
    pub(super) fn heap(&self) -> usize {
        let ja3s = sum([&self.ja3s_string, &self.ja3s]);
        #[cfg(feature = "ja4plus")]
        let ja3s = ja3s.saturating_add(sum([&self.ja4s, &self.ja4s_r]));
        ja3s
    }
}

fn sum<const N: usize>(texts: [&String; N]) -> usize {
    texts.into_iter().map(|text| heap::of::<u8>(text.capacity())).fold(0, usize::saturating_add)
}

/// The fingerprints of `hello`.
pub fn client(hello: &ClientHello, transport: Transport) -> ClientFingerprints {
    let (ja3_string, ja3) = if hello.sslv2_format { Default::default() } else { ja3::client(hello) };
    let (ja4, ja4_r) = ja4::sorted(hello, transport);
    ClientFingerprints { ja3_string, ja3, ja4, ja4_r }
}

/// The fingerprints of `hello`.
#[cfg_attr(not(feature = "ja4plus"), allow(unused_variables))] // JA3S does not ask what carried it
pub fn server(hello: &ServerHello, transport: Transport) -> ServerFingerprints {
    let (ja3s_string, ja3s) = ja3::server(hello);
    #[cfg(feature = "ja4plus")]
    let (ja4s, ja4s_r) = ja4s::ja4s(hello, transport);
    ServerFingerprints {
        ja3s_string,
        ja3s,
        #[cfg(feature = "ja4plus")]
        ja4s,
        #[cfg(feature = "ja4plus")]
        ja4s_r,
    }
}
