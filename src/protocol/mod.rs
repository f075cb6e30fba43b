//! The protocols of port 443: TLS, the certificates it carries, and fingerprints of it; and what speaks there in its place.

pub mod fingerprint;
pub mod opening;
pub mod quic;
pub mod tls;
pub mod x509;
