//! From a chain to its verdict.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName};
use smallvec::SmallVec;
use webpki::EndEntityCert;

use super::algorithms::Algorithms;
use super::ct::Checker;
use super::issuer::{Issuer, is_root, is_self_signed, issuers, means_itself};
use super::learned::Learned;
use super::path::{Walk, is_self_issued};
use super::signatures::{Outcome, Signatures};
use super::store::TrustStore;
use super::verdicts::{VerdictCounters, Verdicts};
use super::verify::{self, Purpose, Terms, Verified};
use super::{ocsp, revocation};
use crate::base::Timestamp;
use crate::protocol::x509::sct::{has_embedded, scts};
use crate::protocol::x509::{Certificate, Evidence, Facts, IssuerOcsp, KeyUsage, Problems, Reason, Status, Time, Validation};

/// Judges chains by a store, and remembers verdicts. Each worker has its own.
#[derive(Debug)]
pub struct Trust {
    store: Arc<TrustStore>,
    learned: Learned,
    verdicts: Verdicts,
    algorithms: Algorithms,
    /// One for each reason, since most sessions have none other.
    not_seen: [Arc<Validation>; NOT_SEEN.len()],
}

/// Whose chain it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer<'a> {
    /// The server's, with the name that the client asked for, as sent.
    Server(Option<&'a [u8]>),
    /// The client's. It has no name to be judged by.
    Client,
}

/// What a server hands over with its chain, in the clear.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stapled<'a> {
    /// An OCSP answer (RFC 6066 §8).
    pub ocsp: Option<&'a [u8]>,
    /// Those on the certificates behind the leaf, in their order, where there are such (RFC 6961 §2.2).
    pub issuer_ocsp: &'a [Option<Box<[u8]>>],
    /// A SignedCertificateTimestampList, or nothing (RFC 6962 §3.3.1).
    pub scts: &'a [u8],
}

impl Trust {
    /// `memory` bounds the verdicts that are remembered, in bytes.
    pub fn new(store: Arc<TrustStore>, memory: usize) -> Self {
        let not_seen = NOT_SEEN.map(|reason| Arc::new(Validation::not_seen(reason)));
        Self { store, learned: Learned::default(), verdicts: Verdicts::new(memory), algorithms: Algorithms::default(), not_seen }
    }

    /// The verdict on `chain` at `now`: its leaf comes first, the others in any order. `truncated`: more were sent and not seen.
    pub fn judge(&mut self, chain: &[Arc<Certificate>], truncated: bool, peer: Peer<'_>, now: Timestamp) -> Arc<Validation> {
        let now = Time::from(now);
        let key = key(chain, peer);
        let generation = self.learned.generation();
        let verdict = self.verdicts.get(&key, now, generation).unwrap_or_else(|| {
            let (verdict, has_gap) = validate(&self.store, &self.learned, &self.algorithms, chain, peer, now);
            let verdict = Arc::new(verdict);
            self.verdicts.insert(&key, Arc::clone(&verdict), has_gap.then_some(generation));
            let is_issuer = |certificate: &&Arc<Certificate>| verdict.issuers.contains(&certificate.sha256);
            chain.iter().filter(is_issuer).for_each(|issuer| self.learned.find(issuer));
            verdict
        });
        match truncated && verdict.problems.contains(Status::IncompleteChain) {
            true => self.without_the_rest(&verdict),
            false => verdict,
        }
    }

    /// What comes of what the server handed over with `chain`, whose leaf comes first. `None` where that is nothing.
    pub fn weigh(&self, chain: &[Arc<Certificate>], stapled: Stapled<'_>, now: Timestamp) -> Option<Evidence> {
        let leaf = chain.first()?;
        let logs = self.store.logs();
        let has_answers = stapled.ocsp.is_some() || stapled.issuer_ocsp.iter().any(Option::is_some);
        if !has_answers && stapled.scts.is_empty() && (logs.is_empty() || !has_embedded(&leaf.der)) {
            return None;
        }
        self.algorithms.begin();
        let issuers_of = |certificate| issuers(certificate, chain, &self.store, &self.learned);
        let answered = |answer, certificate, issuers: &[Issuer<'_>]| {
            ocsp::judge(answer, certificate, issuers, &self.algorithms, Time::from(now))
        };
        let issuers = issuers_of(leaf);
        let (ocsp, ocsp_scts) = stapled.ocsp.map(|answer| answered(answer, leaf, &issuers)).unzip();
        let ocsp_scts = ocsp_scts.unwrap_or_default();
        let behind = chain.iter().enumerate().skip(1).zip(stapled.issuer_ocsp);
        let issuer_ocsp = behind.filter_map(|((place, certificate), answer)| {
            let (ocsp, _) = answered(answer.as_deref()?, certificate, &issuers_of(certificate));
            Some(IssuerOcsp { place, sha256: certificate.sha256, ocsp })
        });
        let issuer_ocsp = issuer_ocsp.collect();
        let (tls_scts, ocsp_scts_count) = (count(stapled.scts), count(ocsp_scts));
        let mut evidence = Evidence { ocsp, issuer_ocsp, tls_scts, ocsp_scts: ocsp_scts_count, scts: Vec::new() };
        if !logs.is_empty() {
            let checker = Checker { logs, algorithms: &self.algorithms, leaf, issuers: &issuers, now };
            evidence.scts = checker.all(stapled.scts, ocsp_scts);
        }
        Some(evidence)
    }

    /// The intermediates of verified paths that were found since the last time, to be [gathered](super::Gathered).
    pub fn take_found(&mut self) -> Vec<Arc<Certificate>> {
        self.learned.take_found()
    }

    /// Fills gaps of chains with these from now on.
    pub fn learn(&mut self, intermediates: &[Arc<Certificate>]) {
        self.learned.learn(intermediates);
    }

    /// There is no chain to judge, because of `reason`.
    pub fn not_seen(&self, reason: Reason) -> Arc<Validation> {
        let [.., not_sent] = &self.not_seen;
        Arc::clone(self.not_seen.iter().find(|v| v.reason == Some(reason)).unwrap_or(not_sent))
    }

    /// A chain was sent in which no certificate could be read.
    pub fn unparsable(&self) -> Arc<Validation> {
        let mut problems = Problems::default();
        problems.insert(Status::Unparsable);
        Arc::new(Validation::of(problems))
    }

    /// What it has remembered so far.
    pub const fn counters(&self) -> VerdictCounters {
        self.verdicts.counters()
    }

    /// What lacks an issuer may have had it in what was lost: nothing else is known of it, but for what is wrong all the same.
    fn without_the_rest(&self, verdict: &Validation) -> Arc<Validation> {
        let mut problems = verdict.problems;
        problems.remove(Status::IncompleteChain);
        if problems.is_empty() {
            return self.not_seen(Reason::Lost);
        }
        let useless_crl = verdict.useless_crl;
        Arc::new(Validation { reason: Some(Reason::Lost), useless_crl, ..Validation::of(problems) })
    }
}

/// Judges a chain anew. Answers also whether it lacks an issuer, or would without one that was learned.
fn validate(
    store: &TrustStore,
    learned: &Learned,
    algorithms: &Algorithms,
    chain: &[Arc<Certificate>],
    peer: Peer<'_>,
    now: Time,
) -> (Validation, bool) {
    let Some(leaf) = chain.first() else { return (Validation::not_seen(Reason::NotSent), false) };
    let Some(facts) = &leaf.facts else { return (Validation::of(Problems::from_iter([Status::Unparsable])), false) };
    let walk = Walk::of(chain, store, learned);
    let der = CertificateDer::from(leaf.der.as_slice());
    let end_entity = EndEntityCert::try_from(&der);
    algorithms.begin();
    let is_trusted = store.trusts(leaf) || is_root(leaf, store, algorithms);
    let involved = || [leaf.as_ref()].into_iter().chain(walk.issuers.iter().copied());
    let terms = Terms { purpose: peer.purpose(), now, store, algorithms };
    let mut verified = match &end_entity {
        _ if is_trusted => Verified::default(),
        _ if walk.anchors.is_empty() => untrusted(leaf, &walk, &terms),
        Ok(end_entity) => verify::verify(end_entity, leaf, &walk, &terms),
        Err(_) => verify::unread(leaf, &walk, &terms),
    };
    if let Err(error) = &end_entity {
        let (status, reason) = verify::status_of(error, facts.malformed);
        // What is not supported matters where there is a path to verify.
        if reason.is_none() || !walk.anchors.is_empty() && !is_trusted {
            verified.problems.insert(status);
            verified.reason = reason;
        }
    }
    let mut judged = Judged { problems: verified.problems, now };
    judged.leaf(facts, peer.purpose());
    verified.issuers.iter().filter_map(|issuer| issuer.facts.as_ref()).for_each(|facts| judged.issuer(facts));
    let signed = verified.issuers.iter().copied().chain((!is_trusted).then_some(leaf.as_ref()));
    signed.for_each(|certificate| judged.signature(certificate));
    judged.name(end_entity.as_ref().ok(), facts, peer);

    let (holds_from, holds_until) = period(involved(), store, now);
    let issuers = if verified.found { verified.issuers.iter().map(|issuer| issuer.sha256).collect() } else { Vec::new() };
    let (reason, useless_crl) = (verified.reason, verified.useless_crl);
    let verdict = Validation { reason, useless_crl, issuers, holds_from, holds_until, ..Validation::of(judged.problems) };
    (verdict, walk.has_gap)
}

/// What it comes to that no path leads to a trusted root. No signature is looked at for that, but one that a leaf may have from itself, and
/// those that tell whose revocation lists count.
fn untrusted<'a>(leaf: &'a Certificate, walk: &Walk<'a>, terms: &Terms<'_>) -> Verified<'a> {
    let is_bad = || means_itself(leaf) && Signatures::check(leaf, walk, terms.algorithms).outcome == Outcome::Wrong;
    let status = match walk.has_root {
        _ if is_self_signed(leaf, terms.algorithms) => Status::SelfSigned,
        _ if is_bad() => Status::BadSignature,
        true => Status::UntrustedRoot,
        false => Status::IncompleteChain,
    };
    let mut verified = Verified { problems: Problems::from_iter([status]), issuers: walk.issuers.to_vec(), ..Verified::default() };
    verify::revocation(&mut verified, leaf, walk, terms);
    verified
}

/// What is found wrong by the facts of certificates.
struct Judged {
    problems: Problems,
    now: Time,
}

impl Judged {
    fn leaf(&mut self, facts: &Facts, purpose: Purpose) {
        let (usage, extended) = (facts.key_usage, facts.extended_key_usage);
        let fits = match purpose {
            Purpose::Server => {
                usage.is_none_or(|u| u.has_any(KeyUsage::TLS_SERVER)) && extended.is_none_or(|purposes| purposes.server_auth)
            }
            Purpose::Client => {
                usage.is_none_or(|u| u.has_any(KeyUsage::TLS_CLIENT)) && extended.is_none_or(|purposes| purposes.client_auth)
            }
        };
        if !fits {
            self.problems.insert(Status::NotForServer);
        }
        self.dates(facts);
    }

    /// RFC 5280 §6.1.4 (n): keyUsage, where there is one, has to allow to sign certificates. rustls-webpki does not ask.
    fn issuer(&mut self, facts: &Facts) {
        if facts.key_usage.is_some_and(|usage| !usage.has_any(KeyUsage::CERT_SIGN)) {
            self.problems.insert(Status::NotForServer);
        }
        self.dates(facts);
    }

    fn dates(&mut self, facts: &Facts) {
        if facts.not_before.is_some_and(|from| self.now < from) {
            self.problems.insert(Status::NotYetValid);
        }
        if facts.not_after.is_some_and(|until| self.now > until) {
            self.problems.insert(Status::Expired);
        }
    }

    /// That of a root on itself says nothing, so that it may be weak.
    fn signature(&mut self, certificate: &Certificate) {
        if !is_self_issued(certificate) && certificate.facts.as_ref().is_some_and(Facts::is_weakly_signed) {
            self.problems.insert(Status::WeakSignature);
        }
    }

    /// RFC 9525: subjectAltName has to have the name; the subject's CN does not count.
    fn name(&mut self, end_entity: Option<&EndEntityCert<'_>>, facts: &Facts, peer: Peer<'_>) {
        let Peer::Server(Some(asked)) = peer else { return };
        let is_named = match (ServerName::try_from(asked), end_entity) {
            (Err(_), _) => false, // no certificate is for what is no name
            (Ok(name), Some(end_entity)) => end_entity.verify_is_valid_for_subject_name(&name).is_ok(),
            (Ok(_), None) => facts.subject_alt_names.iter().any(|alt_name| may_be(alt_name.as_bytes(), asked)),
        };
        if !is_named {
            self.problems.insert(Status::NameMismatch);
        }
    }
}

impl Peer<'_> {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Server(_) => Purpose::Server,
            Self::Client => Purpose::Client,
        }
    }
}

/// Whether a name may be the one asked for: of a certificate that rustls-webpki cannot read more is not to be had.
fn may_be(alt_name: &[u8], asked: &[u8]) -> bool {
    alt_name.eq_ignore_ascii_case(asked) || alt_name.starts_with(b"*.")
}

/// From when until when the verdict holds: up to the next moment at which the validity of one of `certificates` begins or ends, or
/// it may change that one of them is revoked.
fn period<'a>(certificates: impl Iterator<Item = &'a Certificate>, store: &TrustStore, now: Time) -> (Time, Time) {
    let (mut from, mut until) = (i64::MIN, i64::MAX);
    let moments = certificates.flat_map(|certificate| {
        let dates = certificate.facts.as_ref().map(|facts| {
            let is_over = facts.not_after.map(|last| Time::from_unix(last.as_unix().saturating_add(1)));
            [facts.not_before, is_over]
        });
        dates.into_iter().flatten().flatten().chain(revocation::moments(certificate, store))
    });
    for moment in moments.map(Time::as_unix) {
        match moment <= now.as_unix() {
            true => from = from.max(moment),
            false => until = until.min(moment.saturating_sub(1)),
        }
    }
    (Time::from_unix(from), Time::from_unix(until))
}

/// What a verdict is remembered by: everything that it depends on, but the time.
fn key(chain: &[Arc<Certificate>], peer: Peer<'_>) -> SmallVec<[u8; 256]> {
    let mut key: SmallVec<[u8; 256]> = chain.iter().flat_map(|certificate| certificate.sha256).collect();
    match peer {
        Peer::Client => key.push(b'c'),
        Peer::Server(None) => key.push(b's'),
        // One verdict serves for all of what is too long for a name.
        Peer::Server(Some(name)) => {
            key.push(b'n');
            key.extend(name.iter().take(LONGEST_NAME).map(u8::to_ascii_lowercase));
        }
    }
    key
}

/// How many SCTs a list has.
fn count(list: &[u8]) -> u32 {
    scts(list).fold(0, |n, _| n.saturating_add(1))
}

/// More than a host name may have (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 256;
const NOT_SEEN: [Reason; 5] = [Reason::Tls13, Reason::Resumed, Reason::Lost, Reason::Dropped, Reason::NotSent];
