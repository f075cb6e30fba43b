//! OCSP answers: made by hand, by what RFC 6960 says of their form, and by OpenSSL where that is there.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, PublicKeyData, SigningKey};
use sha1::{Digest, Sha1};

use super::chains::{Ca, Key, NOW, now};
use super::{chain, tlv, trusting};
use crate::base::{Timestamp, hex};
use crate::protocol::x509::{Certificate, Evidence, Ocsp, OcspStatus, Time};
use crate::trust::{Stapled, Trust, TrustStore};

fn time(seconds: u64) -> Vec<u8> {
    let (year, month, day, hour, minute, second) = Timestamp::from_parts(seconds, 0).utc();
    tlv(0x18, &[format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z").as_bytes()])
}

/// An answer in the making.
pub(super) struct Answer<'a> {
    pub issuer: &'a Ca,
    pub leaf: &'a Ca,
    /// certStatus.
    pub state: Vec<u8>,
    pub this_update: u64,
    pub next_update: Option<u64>,
    /// Whose key signs it.
    pub by: &'a Ca,
    /// The certificate that comes with it.
    pub with: Option<&'a Ca>,
    /// singleExtensions.
    pub extensions: Vec<u8>,
}

const GOOD: &[u8] = &[0x80, 0];
const DAY: u64 = 86_400;

impl<'a> Answer<'a> {
    /// Good, from a day ago until tomorrow, signed by the issuer.
    pub fn good(issuer: &'a Ca, leaf: &'a Ca) -> Self {
        let (this_update, next_update) = (NOW - DAY, Some(NOW + DAY));
        Self { issuer, leaf, state: GOOD.to_vec(), this_update, next_update, by: issuer, with: None, extensions: Vec::new() }
    }

    /// Revoked at that time for the compromise of its key.
    fn revoked(issuer: &'a Ca, leaf: &'a Ca, since: u64) -> Self {
        Self { state: tlv(0xa1, &[&time(since), &[0xa0, 3, 0x0a, 1, 1]]), ..Self::good(issuer, leaf) }
    }

    fn single(&self) -> Vec<u8> {
        let (issuer, leaf) = (self.issuer.parsed(), self.leaf.parsed());
        let name = tlv(0x30, &[issuer.names().unwrap().1]);
        let key_hash = Sha1::digest(self.issuer.key().der_bytes());
        let algorithm = tlv(0x30, &[&[0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0]]);
        let serial = tlv(0x02, &[&leaf.facts.as_ref().unwrap().serial]);
        let id = tlv(0x30, &[&algorithm, &tlv(0x04, &[&Sha1::digest(&name)]), &tlv(0x04, &[&key_hash]), &serial]);
        let next = self.next_update.map(|next| tlv(0xa0, &[&time(next)])).unwrap_or_default();
        tlv(0x30, &[&id, &self.state, &time(self.this_update), &next, &self.extensions])
    }

    /// What is signed.
    fn data(&self) -> Vec<u8> {
        let responder = tlv(0xa1, &[&tlv(0x30, &[self.by.parsed().names().unwrap().1])]);
        tlv(0x30, &[&responder, &time(self.this_update), &tlv(0x30, &[&self.single()])])
    }

    pub fn der(&self) -> Vec<u8> {
        let data = self.data();
        let signature = tlv(0x03, &[&[0], &self.by.key().sign(&data).unwrap()]);
        let ecdsa_sha256 = tlv(0x30, &[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
        let with = self.with.map(|ca| tlv(0xa0, &[&tlv(0x30, &[ca.der()])])).unwrap_or_default();
        let basic = tlv(0x30, &[&data, &ecdsa_sha256, &signature, &with]);
        let id_pkix_ocsp_basic = [0x06, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
        let bytes = tlv(0xa0, &[&tlv(0x30, &[&id_pkix_ocsp_basic, &tlv(0x04, &[&basic])])]);
        tlv(0x30, &[&[0x0a, 1, 0], &bytes])
    }
}

pub(super) fn weigh(store: TrustStore, sent: &[Arc<Certificate>], stapled: Stapled<'_>) -> Option<Evidence> {
    Trust::new(Arc::new(store), 1 << 20).weigh(sent, stapled, now())
}

fn ocsp(store: TrustStore, sent: &[Arc<Certificate>], answer: &[u8]) -> Ocsp {
    weigh(store, sent, Stapled { ocsp: Some(answer), ..Stapled::default() }).unwrap().ocsp.unwrap()
}

#[test]
fn an_answer_counts_where_the_right_one_has_signed_it_in_time() {
    let root = Ca::root("Root");
    let sub = root.sub("Sub");
    let (leaf, other) = (sub.leaf("www.example"), sub.leaf("other.example"));
    let responder = |params: fn(&mut CertificateParams)| sub.leaf_with("ocsp.example", params);
    let allowed = responder(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning]);
    let not_allowed = responder(|_| {});
    let good = || Answer::good(&sub, &leaf);
    for (what, answer, status) in [
        ("good", good(), OcspStatus::Good),
        ("without an end", Answer { next_update: None, ..good() }, OcspStatus::Good),
        ("at its last second", Answer { next_update: Some(NOW), ..good() }, OcspStatus::Good),
        ("too old", Answer { next_update: Some(NOW - 1), ..good() }, OcspStatus::Expired),
        ("too early", Answer { this_update: NOW + 1, ..good() }, OcspStatus::NotYetValid),
        ("not known", Answer { state: vec![0x82, 0], ..good() }, OcspStatus::Unknown),
        ("revoked", Answer::revoked(&sub, &leaf, NOW), OcspStatus::Revoked),
        ("revoked later", Answer::revoked(&sub, &leaf, NOW + 1), OcspStatus::Good),
        (
            "revoked, and too old",
            Answer { next_update: Some(NOW - 1), ..Answer::revoked(&sub, &leaf, NOW - DAY) },
            OcspStatus::Revoked,
        ),
        ("of another certificate", Answer { leaf: &other, ..good() }, OcspStatus::OtherCertificate),
        ("of another issuer", Answer { issuer: &root, ..good() }, OcspStatus::OtherCertificate),
        ("by the root", Answer { by: &root, ..good() }, OcspStatus::BadSignature),
        ("by the leaf itself", Answer { by: &leaf, with: Some(&leaf), ..good() }, OcspStatus::BadSignature),
        ("by one who may", Answer { by: &allowed, with: Some(&allowed), ..good() }, OcspStatus::Good),
        ("by one who may, without its certificate", Answer { by: &allowed, ..good() }, OcspStatus::BadSignature),
        ("by one who may not", Answer { by: &not_allowed, with: Some(&not_allowed), ..good() }, OcspStatus::BadSignature),
    ] {
        let ours = ocsp(trusting(&[&root]), &chain(&[&leaf, &sub]), &answer.der());
        assert_eq!(ours.status, status, "{what}");
    }
}

#[test]
fn the_issuer_may_be_known_without_being_sent() {
    let root = Ca::root("Root");
    let leaf = root.leaf("www.example");
    let answer = Answer::good(&root, &leaf).der();
    assert_eq!(ocsp(trusting(&[&root]), &chain(&[&leaf]), &answer).status, OcspStatus::Good);
    assert_eq!(ocsp(TrustStore::empty(), &chain(&[&leaf]), &answer).status, OcspStatus::NoIssuer);
    let mut store = TrustStore::empty();
    store.add_intermediates(root.der());
    assert_eq!(ocsp(store, &chain(&[&leaf]), &answer).status, OcspStatus::Good);
}

#[test]
fn what_a_revocation_says_is_told() {
    let root = Ca::root("Root");
    let leaf = root.leaf("www.example");
    let answer = ocsp(trusting(&[&root]), &chain(&[&leaf, &root]), &Answer::revoked(&root, &leaf, NOW - 5 * DAY).der());
    let at = |seconds: u64| Some(Time::from_unix(i64::try_from(seconds).unwrap()));
    assert_eq!((answer.revoked_at, answer.this_update, answer.next_update), (at(NOW - 5 * DAY), at(NOW - DAY), at(NOW + DAY)));
    assert_eq!(answer.reason_name(), Some("keyCompromise"));
}

#[test]
fn what_is_no_answer_is_told_apart() {
    let root = Ca::root("Root");
    let leaf = root.leaf("www.example");
    let good = Answer::good(&root, &leaf).der();
    for (answer, status) in [
        (&[0x30, 3, 0x0a, 1, 3][..], OcspStatus::Refused), // tryLater
        (&[], OcspStatus::Unparsable),
        (b"<html>", OcspStatus::Unparsable),
        (&good[..60], OcspStatus::Unparsable),
        (&[0x30, 12, 0x0a, 1, 0, 0xa0, 7, 0x30, 5, 0x06, 1, 0x2a, 0x04, 0], OcspStatus::Unsupported),
    ] {
        assert_eq!(ocsp(trusting(&[&root]), &chain(&[&leaf]), answer).status, status, "{answer:x?}");
    }
    let data = Answer::good(&root, &leaf).data();
    let start = good.windows(data.len()).position(|window| window == data).unwrap();
    for at in start..start + data.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 0x10;
        assert_ne!(ocsp(trusting(&[&root]), &chain(&[&leaf]), &damaged).status, OcspStatus::Good, "byte {at} of what is signed");
    }
}

/// `openssl ocsp` answers for an index of what was issued.
#[test]
fn openssls_answers_are_read() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("there is no openssl: it was not asked for answers");
        return;
    }
    for key in [Key::P256, Key::Rsa] {
        let dir = tempfile::tempdir().unwrap();
        let root = Ca::root_with("Root", key, |_| {});
        let (good, revoked, unknown) = (root.leaf("good.example"), root.leaf("bad.example"), root.leaf("new.example"));
        let serial = |leaf: &Ca| hex::lower(&leaf.parsed().facts.as_ref().unwrap().serial).trim_start_matches("00").to_uppercase();
        let index = format!(
            "V\t270101000000Z\t\t{}\tunknown\t/CN=good.example\nR\t270101000000Z\t260301000000Z,superseded\t{}\tunknown\t/CN=bad.example\n",
            serial(&good),
            serial(&revoked)
        );
        for (name, text) in [("index.txt", index), ("ca.pem", root.pem()), ("ca.key", root.key_pem())] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        for (leaf, status, reason) in [
            (&good, OcspStatus::Good, None),
            (&revoked, OcspStatus::Revoked, Some("superseded")),
            (&unknown, OcspStatus::Unknown, None),
        ] {
            fs::write(dir.path().join("leaf.pem"), leaf.pem()).unwrap();
            let args = "ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -issuer ca.pem -cert leaf.pem -no_nonce -ndays 3650 -noverify -respout answer.der";
            let ran = Command::new("openssl").args(args.split(' ')).current_dir(dir.path()).output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            let answer = fs::read(dir.path().join("answer.der")).unwrap();
            // It answers from now on, and not from the day of the tests.
            let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 60;
            let stapled = Stapled { ocsp: Some(&answer), ..Stapled::default() };
            let trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
            let ours = trust.weigh(&chain(&[leaf]), stapled, Timestamp::from_parts(today, 0)).unwrap().ocsp.unwrap();
            assert_eq!((ours.status, ours.reason_name()), (status, reason), "{key:?}");
        }
    }
}

#[test]
fn answers_on_issuers_are_judged_by_theirs() {
    let root = Ca::root("Root");
    let sub = root.sub("Sub");
    let leaf = sub.leaf("www.example");
    let boxed = |answer: Answer<'_>| Some(answer.der().into_boxed_slice());
    let answers = [boxed(Answer::revoked(&root, &sub, NOW)), None, boxed(Answer::good(&root, &sub))];
    let stapled = Stapled { issuer_ocsp: &answers, ..Stapled::default() };
    let evidence = weigh(trusting(&[&root]), &chain(&[&leaf, &sub, &root, &leaf]), stapled).unwrap();
    let told: Vec<_> = evidence.issuer_ocsp.iter().map(|answer| (answer.place, answer.ocsp.status)).collect();
    assert_eq!(told, [(1, OcspStatus::Revoked), (3, OcspStatus::OtherCertificate)]);
    assert!(evidence.is_revoked(&[sub.parsed().sha256]) && !evidence.is_revoked(&[root.parsed().sha256]));
    let by_sub = [boxed(Answer { by: &sub, ..Answer::revoked(&root, &sub, NOW) })];
    let evidence =
        weigh(trusting(&[&root]), &chain(&[&leaf, &sub]), Stapled { issuer_ocsp: &by_sub, ..Stapled::default() }).unwrap();
    assert_eq!(evidence.issuer_ocsp[0].ocsp.status, OcspStatus::BadSignature);
}

/// As for chains, what was learned in the run fills the gap.
#[test]
fn a_learned_issuer_vouches_for_answers() {
    let root = Ca::root("Root");
    let sub = root.sub("Sub");
    let leaf = sub.leaf("www.example");
    let answer = Answer::good(&sub, &leaf).der();
    let stapled = Stapled { ocsp: Some(&answer), ..Stapled::default() };
    let mut trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
    let status = |trust: &Trust| trust.weigh(&chain(&[&leaf]), stapled, now()).unwrap().ocsp.unwrap().status;
    assert_eq!(status(&trust), OcspStatus::NoIssuer);
    trust.learn(&[sub.parsed()]);
    assert_eq!(status(&trust), OcspStatus::Good);
}
