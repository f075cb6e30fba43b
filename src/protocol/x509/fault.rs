//! What x509-parser would not have a certificate for.

use x509_parser::error::X509Error;
use x509_parser::nom;

/// Why a certificate is malformed: the first fault found in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It is no certificate, its end is missing, or another part than those below is malformed.
    Certificate,
    /// It is cut within the tag or the length of a part.
    Length,
    /// The version.
    Version,
    /// The serial number.
    Serial,
    /// An algorithm.
    Algorithm,
    /// The subject or the issuer.
    Name,
    /// The validity.
    Date,
    /// The extensions.
    Extensions,
    /// The encoding.
    Der,
}

impl Fault {
    /// The fault that x509-parser tells of.
    pub(super) fn of(error: nom::Err<X509Error>) -> Self {
        let error = match error {
            nom::Err::Incomplete(_) => return Self::Length,
            nom::Err::Error(error) | nom::Err::Failure(error) => error,
        };
        match error {
            X509Error::InvalidVersion => Self::Version,
            X509Error::InvalidSerial => Self::Serial,
            X509Error::InvalidAlgorithmIdentifier => Self::Algorithm,
            X509Error::InvalidX509Name => Self::Name,
            X509Error::InvalidDate => Self::Date,
            X509Error::InvalidExtensions | X509Error::DuplicateExtensions => Self::Extensions,
            X509Error::Der(_) => Self::Der,
            _ => Self::Certificate,
        }
    }
}
