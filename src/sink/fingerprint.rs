//! Fingerprints of certificates, by which a receiver is known without anybody who vouches for it (RFC 5425, sections 4.2.2 and 5.1).

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};

use crate::base::hex;

/// The digest of a certificate in DER: `sha-256:E1:2D:53:...`, with the name of the algorithm in IANA's registry of hash functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    hash: Hash,
    digest: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    /// RFC 5425 has every implementation know it. Here it only has to be hard to find a second certificate to a given digest, which it still is.
    Sha1,
    Sha256,
}

/// Takes a server's certificate if it has one of these fingerprints. Nobody vouches for it, and its names and dates do not count.
#[derive(Debug)]
pub(super) struct ByFingerprint {
    known: Vec<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl Fingerprint {
    fn is_of(&self, certificate: &CertificateDer<'_>) -> bool {
        self.digest == self.hash.of(certificate)
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("'{text}' is no fingerprint: expected sha-256: or sha-1:, and the digest in hex, as in sha-256:E1:2D:53:...")
        };
        let (name, digits) = text.split_once(':').ok_or_else(wrong)?;
        let hash = match name.to_ascii_lowercase().as_str() {
            "sha-1" => Hash::Sha1,
            "sha-256" => Hash::Sha256,
            _ => return Err(wrong()),
        };
        let digest = hex::decode(&digits.replace(':', "")).ok_or_else(wrong)?;
        let wanted = hash.algorithm().output_len();
        if digest.len() == wanted {
            Ok(Self { hash, digest })
        } else {
            Err(format!("'{text}' has {} bytes: those of {} have {wanted}", digest.len(), hash.name()))
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.hash.name(), hex::upper_colons(&self.digest))
    }
}

impl Hash {
    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha256 => "sha-256",
        }
    }

    fn of(self, certificate: &CertificateDer<'_>) -> Vec<u8> {
        digest::digest(self.algorithm(), certificate).as_ref().to_vec()
    }
}

impl ByFingerprint {
    pub fn new(known: Vec<Fingerprint>, provider: Arc<CryptoProvider>) -> Self {
        Self { known, provider }
    }
}

impl ServerCertVerifier for ByFingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.known.iter().any(|known| known.is_of(end_entity)) {
            return Ok(ServerCertVerified::assertion());
        }
        // Told in the form in which it can be taken over, by who has compared it with what the receiver says of itself.
        let shown = Fingerprint { hash: Hash::Sha256, digest: Hash::Sha256.of(end_entity) };
        let other = OtherError(Arc::new(Stranger(shown)));
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What rustls says, but of a certificate that has none of the fingerprints in our words, which it would show as they are in Rust.
pub(super) fn plain(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            format!("invalid peer certificate: {inner}")
        }
        other => other.to_string(),
    }
}

/// A certificate that has none of the fingerprints.
#[derive(Debug)]
struct Stranger(Fingerprint);

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of the fingerprints given: it has {}", self.0)
    }
}

impl StdError for Stranger {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_written_as_rfc_5425_has_it() {
        // The example of RFC 5425, section 4.2.2.
        let example = "sha-1:E1:2D:53:2B:7C:6B:8A:29:A2:76:C8:64:36:0B:08:4B:7A:F1:9E:9D";
        let fingerprint: Fingerprint = example.parse().unwrap();
        assert_eq!(fingerprint.to_string(), example);
        for text in [example.to_lowercase(), example.replace(':', "").replacen("sha-1", "SHA-1:", 1)] {
            assert_eq!(text.parse(), Ok(fingerprint.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_no_fingerprint_says_what_one_is() {
        for (text, said) in [
            ("", "expected sha-256: or sha-1:"),
            ("E1:2D", "expected sha-256: or sha-1:"),
            ("md5:E1:2D", "expected sha-256: or sha-1:"),
            ("sha-1:E1:2", "expected sha-256: or sha-1:"),
            ("sha-1:XX", "expected sha-256: or sha-1:"),
            ("sha-1:E1:2D", "has 2 bytes: those of sha-1 have 20"),
            ("sha-256:E1", "has 1 bytes: those of sha-256 have 32"),
        ] {
            let error = text.parse::<Fingerprint>().unwrap_err();
            assert!(error.starts_with(&format!("'{text}' ")) && error.contains(said), "{error}");
        }
    }

    #[test]
    fn the_digest_is_that_of_the_certificate() {
        // printf abc | sha1sum; printf abc | sha256sum
        for text in [
            "sha-1:a9993e364706816aba3e25717850c26c9cd0d89d",
            "sha-256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ] {
            let fingerprint: Fingerprint = text.parse().unwrap();
            assert!(fingerprint.is_of(&CertificateDer::from(b"abc".to_vec())));
            assert!(!fingerprint.is_of(&CertificateDer::from(b"abd".to_vec())));
        }
    }
}
