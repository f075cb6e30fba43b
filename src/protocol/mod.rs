//! The protocols of port 443: TLS, the certificates it carries, and fingerprints of it.

pub mod fingerprint;
pub mod tls;
pub mod x509;
