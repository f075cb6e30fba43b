//! The verification of a path by rustls-webpki, again and again until all that is wrong with it is known.

use std::cell::Cell;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, Der, TrustAnchor, UnixTime};
use webpki::{
    EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage, RequiredEkuNotFoundContext,
    VerifiedPath,
};

use super::algorithms::Algorithms;
use super::anchor::{Anchor, Limits};
use super::issuer::is_self_signed;
use super::path::{Walk, is_self_issued};
use super::revocation::Revocation;
use super::signatures::{Outcome, Signatures};
use super::store::TrustStore;
use crate::protocol::x509::{
    Certificate, CrlFault, ExtendedKeyUsage, Facts, Problems, Reason, Status, Time, subtrees, without_directories,
};

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
    /// Why a revocation list in the name of one of the issuers does not count.
    pub useless_crl: Option<CrlFault>,
}

/// What a path is to be verified for and with.
pub(super) struct Terms<'b> {
    pub purpose: Purpose,
    pub now: Time,
    pub store: &'b TrustStore,
    pub algorithms: &'b Algorithms,
}

/// Verifies a path from `leaf`, which `end_entity` is too, to one of the walk's anchors.
pub(super) fn verify<'a>(
    end_entity: &EndEntityCert<'_>,
    leaf: &'a Certificate,
    walk: &Walk<'a>,
    terms: &Terms<'_>,
) -> Verified<'a> {
    let roots: Vec<_> =
        walk.issuers.iter().filter(|c| is_self_issued(c)).map(|root| CertificateDer::from(root.der.as_slice())).collect();
    // A root that is trusted is an anchor, and as an intermediate only a detour.
    let (trusted, pretenders): (Vec<_>, Vec<_>) = roots.iter().partition(|root| is_anchor(root, &walk.anchors));
    let is_detour = |certificate: &&Certificate| trusted.iter().any(|root| ***root == *certificate.der);
    let issuers: Vec<_> = walk.issuers.iter().copied().filter(|issuer| !is_detour(issuer)).collect();
    let revocation = Revocation { store: terms.store, walk, algorithms: terms.algorithms, now: terms.now };
    let (revoked, good): (Vec<_>, Vec<_>) = issuers.iter().copied().partition(|issuer| revocation.is_revoked(issuer));
    let anchors: Vec<_> = walk.anchors.iter().map(|&anchor| anchor.root.clone()).collect();
    let limits: Vec<_> = walk.anchors.iter().map(|anchor| anchor.limits).collect();
    let mut attempt = Attempt { end_entity, leaf, walk, terms, issuers: good };
    let mut verified = attempt.verify(&anchors, &limits);
    if !verified.found && !revoked.is_empty() {
        // There is no way around those that are revoked.
        attempt.issuers = issuers;
        verified = attempt.verify(&anchors, &limits);
    }
    let is_strange = [Status::BadSignature, Status::IncompleteChain, Status::UntrustedRoot];
    if !verified.found && is_self_signed(leaf, terms.algorithms) {
        // Of the name of a trusted root, but not signed by it.
        is_strange.into_iter().for_each(|status| verified.problems.remove(status));
        verified.problems.insert(Status::SelfSigned);
    } else if is_strange.into_iter().any(|status| verified.problems.contains(status))
        && let Some(pretended) = attempt.pretended(&pretenders)
    {
        verified = pretended;
    }
    let is_revoked = |certificate: &&Certificate| revoked.iter().any(|issuer| issuer.sha256 == certificate.sha256);
    if revocation.is_revoked(leaf) || verified.issuers.iter().any(is_revoked) {
        verified.problems.insert(Status::Revoked);
    }
    let path = || verified.issuers.iter().chain([&leaf]);
    verified.useless_crl = path().filter_map(|certificate| revocation.useless_list(certificate)).min();
    verified
}

/// What becomes of a leaf that rustls-webpki does not read: its signatures are checked all the same.
pub(super) fn unread<'a>(leaf: &'a Certificate, walk: &Walk<'a>, terms: &Terms<'_>) -> Verified<'a> {
    let signatures = Signatures::check(leaf, walk, terms.algorithms);
    let mut verified = Verified { issuers: reached_or_all(&signatures, walk.issuers.iter().copied()), ..Verified::default() };
    if signatures.outcome == Outcome::Wrong {
        verified.problems.insert(Status::BadSignature);
    }
    judge_lists(&mut verified, &signatures.reached, walk, terms);
    verified
}

/// What revocation lists say where no path leads to a trusted root: of the leaf, and of those issuers that right signatures lead to.
pub(super) fn revocation<'a>(verified: &mut Verified<'a>, leaf: &'a Certificate, walk: &Walk<'a>, terms: &Terms<'_>) {
    let has_list = |c: &Certificate| c.names().is_some_and(|(issuer, _)| !terms.store.crls(issuer).is_empty());
    if walk.issuers.iter().copied().chain([leaf]).any(has_list) {
        let signatures = Signatures::check(leaf, walk, terms.algorithms);
        judge_lists(verified, &signatures.reached, walk, terms);
    }
}

/// Whether one of these is revoked, and why a list in the name of the issuer of one does not count.
fn judge_lists(verified: &mut Verified<'_>, path: &[&Certificate], walk: &Walk<'_>, terms: &Terms<'_>) {
    let revocation = Revocation { store: terms.store, walk, algorithms: terms.algorithms, now: terms.now };
    if path.iter().any(|certificate| revocation.is_revoked(certificate)) {
        verified.problems.insert(Status::Revoked);
    }
    verified.useless_crl = path.iter().filter_map(|certificate| revocation.useless_list(certificate)).min();
}

/// The issuers that right signatures lead to; all of them where there are none.
fn reached_or_all<'a>(signatures: &Signatures<'a>, all: impl Iterator<Item = &'a Certificate>) -> Vec<&'a Certificate> {
    match signatures.reached.get(1..) {
        Some(reached @ [_, ..]) => reached.to_vec(),
        _ => all.collect(),
    }
}

/// Whether `root` has the name and the key of one of `anchors`.
fn is_anchor(root: &CertificateDer<'_>, anchors: &[&Anchor]) -> bool {
    let Ok(root) = webpki::anchor_from_trusted_cert(root) else { return false };
    let mut anchors = anchors.iter().map(|anchor| &anchor.root);
    anchors.any(|a| a.subject == root.subject && a.subject_public_key_info == root.subject_public_key_info)
}

struct Attempt<'a, 'b> {
    end_entity: &'b EndEntityCert<'b>,
    leaf: &'a Certificate,
    walk: &'b Walk<'a>,
    terms: &'b Terms<'b>,
    /// Those of the walk that a path may lead through.
    issuers: Vec<&'a Certificate>,
}

impl<'a> Attempt<'a, '_> {
    /// Verifies until it succeeds or nothing is left that can be overlooked: outside of the validities it is asked for a moment within
    /// them, and where a usage is wrong for any usage. `limits` are those of `anchors`, where there are any.
    fn verify(&self, anchors: &[TrustAnchor<'_>], limits: &[Limits]) -> Verified<'a> {
        let intermediates: Vec<_> = self.issuers.iter().map(|c| CertificateDer::from(c.der.as_slice())).collect();
        let (mut time, usage) = (self.terms.now, Cell::new(Usage::For(self.terms.purpose)));
        let mut problems = Problems::default();
        if comparisons(self.issuers.iter().copied().chain([self.leaf]), anchors) > MOST_COMPARISONS {
            return self.failed(&Error::MaximumNameConstraintComparisonsExceeded, problems);
        }
        let algorithms = self.terms.algorithms.all();
        let limits_of = |path: &VerifiedPath<'_>| {
            let found = anchors.iter().zip(limits).find(|(anchor, _)| std::ptr::eq(*anchor, path.anchor()));
            found.map_or(Limits::NONE, |(_, limits)| *limits)
        };
        let is_beyond = Cell::new(false);
        let is_within = |path: &VerifiedPath<'_>| {
            let is_allowed = usage.get() == Usage::Any || limits_of(path).allow(self.terms.purpose, self.below_root(path));
            is_beyond.set(!is_allowed);
            if is_allowed { Ok(()) } else { Err(Error::PathLenConstraintViolated) }
        };
        loop {
            let at = unix_time(time);
            match self.end_entity.verify_for_usage(&algorithms, anchors, &intermediates, at, usage.get(), None, Some(&is_within)) {
                Ok(path) => {
                    // One who may not vouch for anybody has not: nothing is to be learned from that.
                    let found = limits_of(&path).is_ca;
                    return Verified { problems, issuers: self.issuers_of(&path).collect(), found, ..Verified::default() };
                }
                Err(_) if is_beyond.take() => {
                    problems.insert(Status::NotForServer);
                    usage.set(Usage::Any);
                }
                Err(error @ (Error::CertExpired { .. } | Error::CertNotValidYet { .. })) => match self.moment_within() {
                    Some(moment) if moment != time => time = moment,
                    _ => return self.failed(&error, problems), // at no moment all of them are valid
                },
                Err(Error::RequiredEkuNotFoundContext(_)) => {
                    problems.insert(Status::NotForServer);
                    usage.set(Usage::Any);
                }
                Err(error) => return self.failed(&error, problems),
            }
        }
    }

    /// The intermediates of `path`, from the leaf up.
    fn issuers_of(&self, path: &VerifiedPath<'_>) -> impl Iterator<Item = &'a Certificate> {
        path.intermediate_certificates().filter_map(|found| self.issuers.iter().find(|c| *c.der == *found.der()).copied())
    }

    /// How many of them a pathLenConstraint of the root counts.
    fn below_root(&self, path: &VerifiedPath<'_>) -> usize {
        self.issuers_of(path).filter(|issuer| !is_self_issued(issuer)).count()
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
        let mut verified = self.verify(&anchors, &[]);
        verified.problems.insert(Status::UntrustedRoot);
        std::mem::take(&mut verified.found).then_some(verified)
    }

    /// What is wrong where no path was found: what rustls-webpki tells, and what it did not come to.
    fn failed(&self, error: &Error, mut problems: Problems) -> Verified<'a> {
        let was_spent = self.terms.algorithms.is_spent();
        let signatures = Signatures::check(self.leaf, self.walk, self.terms.algorithms);
        let is_of_signature = matches!(
            error,
            Error::InvalidSignatureForPublicKey
                | Error::UnsupportedSignatureAlgorithmContext(_)
                | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        );
        let (status, reason) = match (error, signatures.outcome) {
            (_, Outcome::Wrong) if is_of_signature => (Status::BadSignature, None),
            (_, Outcome::Pretender) if is_of_signature => (Status::UntrustedRoot, None),
            (_, Outcome::Stranger) if is_of_signature => (Status::IncompleteChain, None),
            (Error::InvalidSignatureForPublicKey, _) if was_spent => (Status::Unsupported, Some(Reason::TooComplex)),
            // A signature over MD5 is not verified: that it is weak says enough.
            (Error::UnsupportedSignatureAlgorithmContext(_), _) if self.facts().any(Facts::is_weakly_signed) => {
                (Status::WeakSignature, None)
            }
            _ if is_of_signature => (Status::Unsupported, Some(Reason::SignatureAlgorithm)),
            (Error::NameConstraintViolation, _) if self.violates_directories_alone(&signatures) => {
                (Status::Unsupported, Some(Reason::NameConstraintsOfDirectory))
            }
            (error, _) => status_of(error, self.facts().any(|facts| facts.malformed)),
        };
        problems.insert(status);
        if signatures.outcome == Outcome::Wrong {
            problems.insert(Status::BadSignature);
        }
        if matches!(error, Error::CertExpired { .. } | Error::CertNotValidYet { .. })
            && self.violates(&signatures, self.constraints_of(&signatures))
        {
            problems.insert(Status::NameConstraint);
        }
        let issuers = reached_or_all(&signatures, self.issuers.iter().copied());
        Verified { problems, reason, issuers, ..Verified::default() }
    }

    /// The nameConstraints of the issuers that right signatures lead to.
    fn constraints_of(&self, signatures: &Signatures<'_>) -> Vec<Vec<u8>> {
        let issuers = signatures.reached.iter().skip(1).map(|issuer| CertificateDer::from(issuer.der.as_slice()));
        issuers.filter_map(|der| Some(webpki::anchor_from_trusted_cert(&der).ok()?.name_constraints?.to_vec())).collect()
    }

    /// Whether nothing but constraints of directory names stands against the leaf: rustls-webpki does not compare these, and takes each for
    /// violated.
    fn violates_directories_alone(&self, signatures: &Signatures<'_>) -> bool {
        let of_roots = self.walk.anchors.iter().filter_map(|anchor| anchor.root.name_constraints.as_ref());
        let mut constraints = self.constraints_of(signatures);
        constraints.extend(of_roots.map(|content| content.to_vec()));
        let others: Vec<_> = constraints.iter().map(|content| without_directories(content)).collect();
        if others.iter().all(Option::is_none) {
            return false;
        }
        let others = others.into_iter().zip(constraints).map(|(others, all)| others.unwrap_or(all));
        !self.violates(signatures, others.filter(|content| !content.is_empty()).collect())
    }

    /// Whether one of these nameConstraints does not allow a name of the leaf, at a moment at which the leaf is valid. Each is lent to the
    /// nearest issuer for that, to be asked without the others.
    fn violates(&self, signatures: &Signatures<'_>, constraints: Vec<Vec<u8>>) -> bool {
        let nearest = signatures.reached.get(1).map(|issuer| CertificateDer::from(issuer.der.as_slice()));
        let nearest: Vec<_> = match &nearest {
            Some(issuer) => webpki::anchor_from_trusted_cert(issuer).into_iter().collect(),
            None => self.walk.anchors.iter().map(|anchor| anchor.root.clone()).collect(),
        };
        let lend = |content: Vec<u8>| {
            let lent = Der::from(content);
            nearest.iter().map(move |issuer| TrustAnchor { name_constraints: Some(lent.clone()), ..issuer.clone() })
        };
        let anchors: Vec<_> = constraints.into_iter().flat_map(lend).collect();
        if comparisons([self.leaf].into_iter(), &anchors) > MOST_COMPARISONS {
            return false;
        }
        let valid_from = self.leaf.facts.as_ref().and_then(|facts| facts.not_before).unwrap_or(self.terms.now);
        let (algorithms, at) = (self.terms.algorithms.all(), unix_time(valid_from));
        anchors.iter().any(|anchor| {
            let anchor = std::slice::from_ref(anchor);
            let verified = self.end_entity.verify_for_usage(&algorithms, anchor, &[], at, Usage::Any, None, None);
            matches!(verified, Err(Error::NameConstraintViolation))
        })
    }

    /// Those of leaf and issuers.
    fn facts(&self) -> impl Iterator<Item = &Facts> {
        self.issuers.iter().copied().chain([self.leaf]).filter_map(|c| c.facts.as_ref())
    }
}

/// How many times a name would be compared with a constraint, if all of these were on one path: each asking takes that, and rustls-webpki
/// may be asked a few times. It has a bound of its own, of 250,000, which is a seventh of a second.
fn comparisons<'a>(certificates: impl Iterator<Item = &'a Certificate> + Clone, anchors: &[TrustAnchor<'_>]) -> usize {
    let of_anchors = anchors.iter().filter_map(|anchor| anchor.name_constraints.as_ref()).map(|content| subtrees(content));
    let constraints = of_anchors.chain(certificates.clone().map(Certificate::name_subtrees)).fold(0, usize::saturating_add);
    if constraints == 0 {
        return 0; // as mostly
    }
    // The subject is a name, too.
    let names_of = |certificate: &Certificate| certificate.facts.as_ref().map_or(0, Facts::alt_name_count).saturating_add(1);
    certificates.map(names_of).fold(0, usize::saturating_add).saturating_mul(constraints)
}

/// What an error of rustls-webpki comes to. `malformed`: we found fault with the encoding, too.
pub(super) fn status_of(error: &Error, malformed: bool) -> (Status, Option<Reason>) {
    let unsupported = |reason| (Status::Unsupported, Some(reason));
    match error {
        Error::CertExpired { .. } => (Status::Expired, None),
        Error::CertNotValidYet { .. } => (Status::NotYetValid, None),
        Error::CertNotValidForName(_) | Error::UnsupportedNameType => (Status::NameMismatch, None),
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

/// Comparisons of names with constraints. The authorities that have the most constraints have some hundred, and issue for a few dozen names.
const MOST_COMPARISONS: usize = 25_000;
