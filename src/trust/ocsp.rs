//! What a stapled OCSP answer comes to: whom it is about, who signed it, when.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::algorithms::Algorithms;
use super::issuer::Issuer;
use crate::protocol::x509::{Certificate, Ocsp, OcspAnswer, OcspState, OcspStatus, PublicKey, Time, public_key_info};

/// Judges `answer` on `leaf`, of one of `issuers`, at `now`. Answers also which SCTs came with it.
pub(super) fn judge<'a>(
    answer: &'a [u8],
    leaf: &Certificate,
    issuers: &[Issuer<'_>],
    algorithms: &Algorithms,
    now: Time,
) -> (Ocsp, &'a [u8]) {
    let answer = match OcspAnswer::read(answer) {
        Ok(answer) => answer,
        Err(fault) => return (Ocsp::of(fault.into()), &[]),
    };
    let serial = leaf.facts.as_ref().map_or(&[][..], |facts| &facts.serial);
    let found = issuers.iter().find_map(|issuer| {
        let key = PublicKey::read(issuer.public_key_info)?;
        Some((issuer, key, answer.of(issuer.name, &key, serial)?))
    });
    let Some((issuer, key, single)) = found else {
        let status = if issuers.is_empty() { OcspStatus::NoIssuer } else { OcspStatus::OtherCertificate };
        return (Ocsp::of(status), &[]);
    };
    let (since, reason) = match single.state {
        OcspState::Revoked(since, reason) => (Some(since), reason),
        OcspState::Good | OcspState::Unknown => (None, None),
    };
    let status = match is_signed(&answer, issuer, &key, single.this_update, algorithms) {
        None => OcspStatus::Unsupported,
        Some(false) => OcspStatus::BadSignature,
        // As with revocation lists: one that is out of date still says what was revoked.
        Some(true) if since.is_some_and(|since| since <= now) => OcspStatus::Revoked,
        Some(true) if single.this_update > now => OcspStatus::NotYetValid,
        Some(true) if single.next_update.is_some_and(|next| next < now) => OcspStatus::Expired,
        Some(true) if single.state == OcspState::Unknown => OcspStatus::Unknown,
        Some(true) => OcspStatus::Good,
    };
    let ocsp = Ocsp { status, this_update: Some(single.this_update), next_update: single.next_update, revoked_at: since, reason };
    (ocsp, single.scts)
}

/// Whether an answer is signed by the issuer, or by somebody whom it has allowed to (RFC 6960 §4.2.2.2). `None` where that cannot be
/// checked.
fn is_signed(answer: &OcspAnswer<'_>, issuer: &Issuer<'_>, key: &PublicKey<'_>, at: Time, algorithms: &Algorithms) -> Option<bool> {
    let signed = &answer.signed;
    let by = |key: &PublicKey<'_>| algorithms.verify(key, signed.algorithm, signed.message, signed.signature);
    let by_issuer = by(key);
    if by_issuer == Some(true) {
        return by_issuer;
    }
    let delegated = answer.certificates.iter().filter(|der| may_answer(der, issuer, at, algorithms));
    let by_delegated = delegated.filter_map(|der| by(&PublicKey::read(public_key_info(der)?)?));
    by_delegated.max().or(by_issuer)
}

/// Whether the issuer has allowed the holder of a certificate to answer, at that time.
fn may_answer(der: &[u8], issuer: &Issuer<'_>, at: Time, algorithms: &Algorithms) -> bool {
    let der = CertificateDer::from(der);
    let Ok(responder) = EndEntityCert::try_from(&der) else { return false };
    let anchor =
        TrustAnchor { subject: issuer.name.into(), subject_public_key_info: issuer.public_key_info.into(), name_constraints: None };
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_unix()).unwrap_or(0)));
    responder.verify_for_usage(&algorithms.all(), &[anchor], &[], at, KeyUsage::required(OCSP_SIGNING), None, None).is_ok()
}

/// id-kp-OCSPSigning (1.3.6.1.5.5.7.3.9).
const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];
