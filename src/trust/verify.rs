//! The verification of a path by rustls-webpki, again and again until all that is wrong with it is known.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use super::algorithms::{Algorithms, is_verifiable_by};
use super::path::{Walk, is_self_issued};
use crate::protocol::x509::{Certificate, ExtendedKeyUsage, Facts, Key, Problems, Reason, Status, Time};

/// What a certificate has to be issued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Server,
    Client,
}

/// What verifying a path came to.
#[derive(Debug, Default)]
pub(super) struct Verified<'a> {
    /// What is wrong with it.
    pub problems: Problems,
    /// What is not supported.
    pub reason: Option<Reason>,
    /// The issuers of the path that was found, from the leaf up; otherwise those that were tried.
    pub issuers: Vec<&'a Certificate>,
    /// A path was found, whatever is wrong with it.
    pub found: bool,
}

/// What a path is to be verified for and with.
pub(super) struct Terms<'b> {
    pub purpose: Purpose,
    pub now: Time,
    pub crls: Vec<&'b CertRevocationList<'b>>,
    pub algorithms: &'b Algorithms,
}

/// Verifies a path from `leaf`, which `end_entity` is too, to one of the walk's anchors.
pub(super) fn verify<'a>(end_entity: &EndEntityCert<'_>, leaf: &Certificate, walk: &Walk<'a>, terms: &Terms<'_>) -> Verified<'a> {
    let roots: Vec<_> =
        walk.issuers.iter().filter(|c| is_self_issued(c)).map(|root| CertificateDer::from(root.der.as_slice())).collect();
    // A root that is trusted is an anchor, and as an intermediate only a detour.
    let (trusted, pretenders): (Vec<_>, Vec<_>) = roots.iter().partition(|root| is_anchor(root, &walk.anchors));
    let is_detour = |certificate: &&Certificate| trusted.iter().any(|root| ***root == *certificate.der);
    let issuers = walk.issuers.iter().copied().filter(|issuer| !is_detour(issuer)).collect();
    let attempt = Attempt { end_entity, leaf, walk, terms, issuers };
    let anchors: Vec<_> = walk.anchors.iter().map(|&anchor| anchor.clone()).collect();
    let mut verified = attempt.verify(&anchors);
    let is_forged = verified.problems.contains(Status::BadSignature);
    if is_self_issued(leaf) && !verified.found {
        // Of the name of a trusted root, but not signed by it.
        verified.problems.remove(Status::BadSignature);
        verified.problems.insert(Status::SelfSigned);
    } else if is_forged && let Some(pretended) = attempt.pretended(&pretenders) {
        return pretended;
    }
    verified
}

/// Whether `root` has the name and the key of one of `anchors`.
fn is_anchor(root: &CertificateDer<'_>, anchors: &[&TrustAnchor<'static>]) -> bool {
    let Ok(root) = webpki::anchor_from_trusted_cert(root) else { return false };
    anchors.iter().any(|a| a.subject == root.subject && a.subject_public_key_info == root.subject_public_key_info)
}

struct Attempt<'a, 'b> {
    end_entity: &'b EndEntityCert<'b>,
    leaf: &'b Certificate,
    walk: &'b Walk<'a>,
    terms: &'b Terms<'b>,
    /// Those of the walk that a path may lead through.
    issuers: Vec<&'a Certificate>,
}

impl<'a> Attempt<'a, '_> {
    /// Verifies until it succeeds or nothing is left that can be overlooked: outside of the validities it is asked for a moment within
    /// them, where a usage is wrong for any usage, and where something is revoked without revocation lists.
    fn verify(&self, anchors: &[TrustAnchor<'_>]) -> Verified<'a> {
        let intermediates: Vec<_> = self.issuers.iter().map(|c| CertificateDer::from(c.der.as_slice())).collect();
        let (mut time, mut usage) = (self.terms.now, Usage::For(self.terms.purpose));
        let mut revocation = revocation(&self.terms.crls);
        let mut problems = Problems::default();
        let algorithms = self.terms.algorithms.all();
        loop {
            let at = unix_time(time);
            match self.end_entity.verify_for_usage(&algorithms, anchors, &intermediates, at, usage, revocation, None) {
                Ok(path) => {
                    let ders = path.intermediate_certificates().map(|c| c.der());
                    let issuers = ders.filter_map(|der| self.issuers.iter().find(|c| c.der == *der).copied()).collect();
                    return Verified { problems, reason: None, issuers, found: true };
                }
                Err(error @ (Error::CertExpired { .. } | Error::CertNotValidYet { .. })) => match self.moment_within() {
                    Some(moment) if moment != time => time = moment,
                    _ => return self.failed(&error, problems), // at no moment all of them are valid
                },
                Err(Error::RequiredEkuNotFoundContext(_)) => {
                    problems.insert(Status::NotForServer);
                    usage = Usage::Any;
                }
                Err(Error::CertRevoked) if revocation.is_some() => {
                    problems.insert(Status::Revoked);
                    revocation = None;
                }
                Err(error) if is_of_a_crl(&error) && revocation.is_some() => revocation = None,
                Err(error) => return self.failed(&error, problems),
            }
        }
    }

    /// The moment nearest to now at which the leaf and all issuers are valid.
    fn moment_within(&self) -> Option<Time> {
        let from = self.facts().filter_map(|facts| facts.not_before).max().unwrap_or(self.terms.now);
        let until = self.facts().filter_map(|facts| facts.not_after).min().unwrap_or(self.terms.now);
        (from <= until).then(|| self.terms.now.max(from).min(until))
    }

    /// What becomes of a wrong signature where a root was sent that has the name of a trusted one, but another key: the path is right up
    /// to it, and it is not trusted.
    fn pretended(&self, pretenders: &[&CertificateDer<'_>]) -> Option<Verified<'a>> {
        let anchors: Vec<_> = pretenders.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
        if anchors.is_empty() {
            return None;
        }
        let mut verified = self.verify(&anchors);
        verified.problems.insert(Status::UntrustedRoot);
        std::mem::take(&mut verified.found).then_some(verified)
    }

    fn failed(&self, error: &Error, mut problems: Problems) -> Verified<'a> {
        let (status, reason) = match error {
            Error::InvalidSignatureForPublicKey if self.terms.algorithms.is_spent() => {
                (Status::Unsupported, Some(Reason::TooComplex))
            }
            Error::InvalidSignatureForPublicKey if !self.keys_are_usable() => {
                (Status::Unsupported, Some(Reason::SignatureAlgorithm))
            }
            // A signature over MD5 is not verified: that it is weak says enough.
            Error::UnsupportedSignatureAlgorithmContext(_) if self.facts().any(Facts::is_weakly_signed) => {
                (Status::WeakSignature, None)
            }
            error => status_of(error, self.facts().any(|facts| facts.malformed)),
        };
        problems.insert(status);
        Verified { problems, reason, issuers: self.issuers.clone(), found: false }
    }

    /// Whether signatures by the keys of all issuers can be verified. Where one cannot, it counts as a wrong one.
    fn keys_are_usable(&self) -> bool {
        let issuers = self.issuers.iter().filter_map(|c| c.facts.as_ref()).map(|facts| (facts.key_type.clone(), facts.key_bits));
        let roots = self.walk.anchors.iter().map(|root| Key::read(&root.subject_public_key_info)).map(|key| (key.typ, key.bits));
        issuers.chain(roots).all(|(typ, bits)| self.facts().all(|signed| is_verifiable_by(signed, &typ, bits)))
    }

    /// Those of leaf and issuers.
    fn facts(&self) -> impl Iterator<Item = &Facts> {
        self.issuers.iter().copied().chain([self.leaf]).filter_map(|c| c.facts.as_ref())
    }
}

fn revocation<'a>(crls: &'a [&'a CertRevocationList<'a>]) -> Option<RevocationOptions<'a>> {
    let options = RevocationOptionsBuilder::new(crls).ok()?;
    Some(options.with_depth(RevocationCheckDepth::Chain).with_status_policy(UnknownStatusPolicy::Allow).build())
}

/// Whether an error says that a revocation list is of no use.
const fn is_of_a_crl(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCrlSignatureForPublicKey
            | Error::IssuerNotCrlSigner
            | Error::UnsupportedCrlSignatureAlgorithmContext(_)
            | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
    )
}

/// What an error of rustls-webpki comes to. `malformed`: we found fault with the encoding, too.
pub(super) fn status_of(error: &Error, malformed: bool) -> (Status, Option<Reason>) {
    let unsupported = |reason| (Status::Unsupported, Some(reason));
    match error {
        Error::CertExpired { .. } => (Status::Expired, None),
        Error::CertNotValidYet { .. } => (Status::NotYetValid, None),
        Error::CertNotValidForName(_) | Error::UnsupportedNameType => (Status::NameMismatch, None),
        Error::CertRevoked => (Status::Revoked, None),
        Error::CertDistrusted => (Status::UntrustedRoot, None),
        Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => (Status::BadSignature, None),
        Error::NameConstraintViolation => (Status::NameConstraint, None),
        Error::CaUsedAsEndEntity
        | Error::EmptyEkuExtension
        | Error::EndEntityUsedAsCa
        | Error::PathLenConstraintViolated
        | Error::RequiredEkuNotFoundContext(_) => (Status::NotForServer, None),
        Error::UnknownIssuer => (Status::IncompleteChain, None),
        Error::UnsupportedCertVersion => unsupported(Reason::Version),
        Error::UnsupportedCriticalExtension => unsupported(Reason::CriticalExtension),
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            unsupported(Reason::SignatureAlgorithm)
        }
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => unsupported(Reason::TooComplex),
        _ if malformed => (Status::Unparsable, None),
        _ => unsupported(Reason::Encoding),
    }
}

/// The moment for rustls-webpki, which knows none before 1970.
fn unix_time(time: Time) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(time.as_unix()).unwrap_or(0)))
}

/// The extended key usages that are good enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Usage {
    For(Purpose),
    Any,
}

impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let wanted = match self {
            Self::For(Purpose::Server) => &ExtendedKeyUsage::SERVER[..],
            Self::For(Purpose::Client) => &ExtendedKeyUsage::CLIENT[..],
            Self::Any => return Ok(()),
        };
        let mut is_restricted = false;
        for purpose in purposes {
            let purpose = purpose?;
            if wanted.iter().any(|oid| purpose == KeyPurposeId::new(oid)) {
                return Ok(());
            }
            is_restricted = true;
        }
        let context = RequiredEkuNotFoundContext { required: KeyUsage::server_auth(), present: Vec::new() };
        if is_restricted { Err(Error::RequiredEkuNotFoundContext(context)) } else { Ok(()) }
    }
}
