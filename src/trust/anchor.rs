//! A trusted root: a name and a key (RFC 5280 §6.1.1), and what its certificate says of what it may be used for.

use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::{EndEntityCert, Error};

use super::verify::Purpose;
use crate::protocol::x509::{Certificate, ExtendedKeyUsage, Facts, KeyUsage};

/// A root, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub root: TrustAnchor<'static>,
    pub limits: Limits,
}

/// What a root may vouch for by its own certificate. OpenSSL holds roots to that, too; rustls-webpki does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// It is an authority. What is not is trusted for itself alone.
    pub is_ca: bool,
    /// pathLenConstraint.
    path_len: Option<u32>,
    extended_key_usage: Option<ExtendedKeyUsage>,
}

impl Anchor {
    /// Of a certificate that is to be trusted, and what is read of it. `None` where it cannot be used.
    pub fn of(der: &CertificateDer<'_>, certificate: &Certificate) -> Option<Self> {
        let root = webpki::anchor_from_trusted_cert(der).ok()?.to_owned();
        // rustls-webpki reads one of version 1 as a root only.
        let is_old = matches!(EndEntityCert::try_from(der), Err(Error::UnsupportedCertVersion));
        let limits = certificate.facts.as_ref().map_or(Limits::NONE, |facts| Limits::of(facts, is_old));
        Some(Self { root, limits })
    }
}

impl Limits {
    /// Those of a root of which only name and key are known.
    pub const NONE: Self = Self { is_ca: true, path_len: None, extended_key_usage: None };

    /// Without basicConstraints a root of version 1 is an authority, which had no extensions, and one whose keyUsage says so.
    fn of(facts: &Facts, is_old: bool) -> Self {
        let may_sign = facts.key_usage.is_none_or(|usage| usage.has_any(KeyUsage::CERT_SIGN));
        let is_ca = facts.is_ca.unwrap_or(is_old && facts.self_issued || facts.key_usage.is_some());
        Self { is_ca: is_ca && may_sign, path_len: facts.path_len, extended_key_usage: facts.extended_key_usage }
    }

    /// Whether it may vouch for a leaf of this purpose, over so many intermediates that are not issued by themselves.
    pub fn allow(&self, purpose: Purpose, intermediates: usize) -> bool {
        let is_short = self.path_len.and_then(|most| usize::try_from(most).ok()).is_none_or(|most| intermediates <= most);
        let is_for = self.extended_key_usage.is_none_or(|purposes| match purpose {
            Purpose::Server => purposes.server_auth,
            Purpose::Client => purposes.client_auth,
        });
        self.is_ca && is_short && is_for
    }
}
