//! Certificates made by rcgen, whole and with parts broken, and bytes that are none.

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, IsCa, KeyPair,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType, SerialNumber, date_time_ymd,
};

use super::*;

/// The parameters of a certificate with every fact in it.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, DnValue::PrintableString("US".try_into().unwrap()));
    params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    params.distinguished_name.push(DnType::CommonName, "www.example");
    params.serial_number = Some(SerialNumber::from_slice(&[0x8a, 0x07, 0xe0]));
    params.not_before = date_time_ymd(2015, 1, 31);
    params.not_after = date_time_ymd(2060, 2, 29);
    params.subject_alt_names =
        vec![SanType::DnsName("www.example".try_into().unwrap()), SanType::IpAddress("192.0.2.1".parse().unwrap())];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn self_signed(params: CertificateParams) -> Vec<u8> {
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn facts(der: &[u8]) -> Facts {
    Certificate::parse(der).facts.expect("a certificate")
}

/// `der` with the first `from` in it overwritten by `to`, of the same length.
fn patched(mut der: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = der.windows(from.len()).position(|window| window == from).expect("nothing to patch");
    der[at..at + to.len()].copy_from_slice(to);
    der
}

/// All facts that [`params`] put there.
fn assert_all_facts(facts: &Facts) {
    assert_eq!(facts.subject, "C=US, O=Example, Inc., CN=www.example");
    assert_eq!(facts.issuer, facts.subject);
    assert!(facts.self_issued);
    assert_eq!(facts.serial_text(), "00:8A:07:E0");
    assert_eq!(facts.not_before.unwrap().to_string(), "2015-01-31T00:00:00");
    assert_eq!(facts.not_after.unwrap().to_string(), "2060-02-29T00:00:00");
    assert_eq!(facts.subject_alt_names, ["www.example", "192.0.2.1"]);
    assert_eq!((facts.key_type.as_str(), facts.key_curve.as_deref(), facts.key_bits), ("EC", Some("secp256r1"), Some(256)));
    assert_eq!(facts.signature_algorithm, "ecdsa-with-SHA256");
    assert_eq!(facts.is_ca, Some(true));
}

#[test]
fn every_fact_of_a_certificate_is_read() {
    let facts = facts(&self_signed(params()));
    assert_all_facts(&facts);
    assert!(!facts.malformed);
}

#[test]
fn digests_are_those_of_the_whole_der() {
    let certificate = Certificate::parse(b"abc");
    assert_eq!(hex::lower(&certificate.sha1), "a9993e364706816aba3e25717850c26c9cd0d89d", "FIPS 180-4's example");
    assert_eq!(
        hex::lower(&certificate.sha256),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "FIPS 180-4's example"
    );
    assert_eq!(certificate.der, b"abc");
    assert_eq!(certificate.facts, None);
}

#[test]
fn issuer_and_subject_are_told_apart() {
    let ca_key = KeyPair::generate().unwrap();
    let issuer = rcgen::Issuer::new(params(), ca_key);
    let mut leaf = CertificateParams::new(vec!["leaf.example".to_owned()]).unwrap();
    leaf.distinguished_name = DistinguishedName::new();
    leaf.distinguished_name.push(DnType::CommonName, "leaf");
    let facts = facts(leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der());
    assert_eq!((facts.subject.as_str(), facts.issuer.as_str()), ("CN=leaf", "C=US, O=Example, Inc., CN=www.example"));
    assert!(!facts.self_issued);
    assert_eq!(facts.is_ca, None);
}

#[test]
fn key_types_have_names_and_sizes() {
    for (algorithm, key, signature) in [
        (&PKCS_ECDSA_P384_SHA384, ("EC", Some("secp384r1"), Some(384)), "ecdsa-with-SHA384"),
        (&PKCS_ED25519, ("Ed25519", None, Some(256)), "Ed25519"),
    ] {
        let key_pair = KeyPair::generate_for(algorithm).unwrap();
        let facts = facts(params().self_signed(&key_pair).unwrap().der());
        assert_eq!((facts.key_type.as_str(), facts.key_curve.as_deref(), facts.key_bits), key);
        assert_eq!(facts.signature_algorithm, signature);
    }
}

#[test]
fn facts_that_ask_for_more_than_one_field() {
    let facts = facts(&self_signed(params()));
    // 2015-01-31 to 2060-02-29, by `date`.
    assert_eq!(facts.validity_days(), Some(16_465));
    let day = |n: i64| Time::from_unix(n * 86_400);
    assert_eq!(facts.not_after, Some(day(32_931)));
    for (now, left) in [(day(32_930), 1), (Time::from_unix(32_930 * 86_400 + 1), 0), (day(32_932), -1)] {
        assert_eq!(facts.days_left(now), Some(left), "{now:?}");
    }
    assert_eq!((facts.alt_name_count(), facts.has_wildcard(), facts.is_post_quantum()), (2, false, false));
    let facts = Facts { subject_alt_names: vec!["*.example".into()], other_alt_names: 2, ..Facts::default() };
    assert_eq!((facts.alt_name_count(), facts.has_wildcard()), (3, true));
    for (key_type, signature, want) in [("ML-DSA-44", "", true), ("EC", "SLH-DSA-SHA2-128s", true), ("ML-KEM", "EC", false)] {
        let facts = Facts { key_type: key_type.into(), signature_algorithm: signature.into(), ..Facts::default() };
        assert_eq!(facts.is_post_quantum(), want, "{key_type} {signature}");
    }
    assert_eq!(Facts::default().validity_days(), None);
}

/// RFC 7469 §2.4: the digest is over the whole SubjectPublicKeyInfo.
#[test]
fn a_keys_digest_is_over_its_spki() {
    let key = KeyPair::generate().unwrap();
    let der = params().self_signed(&key).unwrap().der().to_vec();
    let spki: [u8; 32] = Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(&key)).into();
    assert_eq!(facts(&der).spki_sha256, spki);
    let cut = facts(&der[..der.len() - 30]);
    assert!(cut.malformed);
    assert_eq!(cut.spki_sha256, spki, "as read by place");
}

/// What `99991231235959Z` says is no moment of packet time, which ends in 2554.
#[test]
fn a_validity_without_end_keeps_its_year() {
    let mut params = params();
    params.not_after = date_time_ymd(9999, 12, 31);
    params.not_before = date_time_ymd(1950, 1, 1);
    let facts = facts(&self_signed(params));
    assert_eq!(facts.not_after.unwrap().to_string(), "9999-12-31T00:00:00");
    assert_eq!(facts.not_before.unwrap().to_string(), "1950-01-01T00:00:00");
}

#[test]
fn what_is_broken_does_not_hide_the_rest() {
    let unbroken = self_signed(params());
    let basic_constraints = [0x06, 3, 0x55, 0x1d, 0x13, 0x01, 1, 0xff, 0x04, 5, 0x30, 3, 0x01, 1, 0xff];
    let not_der = [0x06, 3, 0x55, 0x1d, 0x13, 0x01, 1, 0x01, 0x04, 5, 0x30, 3, 0x01, 1, 0x01];
    for (what, der) in [
        ("a boolean that is not DER", patched(unbroken.clone(), &basic_constraints, &not_der)),
        ("an unknown version", patched(unbroken.clone(), &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 9])),
        ("a version that is no number", patched(unbroken.clone(), &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 5, 1, 2])),
        ("bytes after the end", [&unbroken[..], b"junk"].concat()),
        ("a signature that is cut", unbroken[..unbroken.len() - 30].to_vec()),
    ] {
        let Certificate { facts: Some(facts), .. } = Certificate::parse(&der) else { panic!("{what}: no facts") };
        assert_all_facts(&facts);
    }
}

#[test]
fn a_malformed_date_is_none_and_hides_nothing() {
    let facts = facts(&patched(self_signed(params()), b"150131000000Z", b"159931000000Z"));
    assert_eq!(facts.not_before, None);
    assert_eq!(facts.not_after.unwrap().to_string(), "2060-02-29T00:00:00");
    assert_eq!(facts.subject, "C=US, O=Example, Inc., CN=www.example");
    assert_eq!(facts.subject_alt_names, ["www.example", "192.0.2.1"]);
    assert!(facts.malformed);
}

#[test]
fn a_broken_extension_does_not_hide_the_others() {
    let mut params = params();
    let broken = CustomExtension::from_oid_content(&[2, 5, 29, 15], vec![0x03, 0x7f, 0xff]);
    params.custom_extensions.push(broken);
    assert_all_facts(&facts(&self_signed(params)));
}

#[test]
fn an_extension_that_is_none_does_not_hide_the_others() {
    let der = self_signed(params());
    let alt_name = der.windows(5).position(|window| window == [0x06, 3, 0x55, 0x1d, 0x11]).unwrap();
    for tag in [0x31, 0x05, 0x04] {
        let mut der = der.clone();
        der[alt_name - 2] = tag;
        let facts = facts(&der);
        assert_all_facts(&facts);
        assert!(facts.malformed, "{tag:#x}");
    }
}

#[test]
fn a_name_with_a_broken_string_keeps_its_other_parts() {
    let facts = facts(&patched(self_signed(params()), b"Example, Inc.", b"Ex\xffmple, Inc."));
    assert_eq!(facts.issuer, r"C=US, O=Ex\xFFmple, Inc., CN=www.example");
    assert_eq!(facts.subject, "C=US, O=Example, Inc., CN=www.example");
    assert!(!facts.self_issued);
}

#[test]
fn serial_numbers_of_any_size_and_sign_are_kept_as_encoded() {
    for (serial, text) in [
        (&[0x01][..], "01"),
        (&[0x80], "00:80"),
        (&[0x7f; 24], "7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F:7F"),
    ] {
        let mut params = params();
        params.serial_number = Some(SerialNumber::from_slice(serial));
        assert_eq!(facts(&self_signed(params)).serial_text(), text);
    }
    let negative = patched(self_signed(params()), &[0x02, 4, 0x00, 0x8a, 0x07, 0xe0], &[0x02, 4, 0xff, 0x8a, 0x07, 0xe0]);
    assert_eq!(facts(&negative).serial_text(), "FF:8A:07:E0");
}

#[test]
fn a_certificate_that_is_cut_keeps_what_came_before() {
    let der = self_signed(params());
    let subject_end = der.windows(11).rposition(|window| window == b"www.example").unwrap();
    let facts = facts(&der[..subject_end]);
    assert_eq!(facts.serial_text(), "00:8A:07:E0");
    assert_eq!(facts.issuer, "C=US, O=Example, Inc., CN=www.example");
    assert!(facts.malformed);
    assert_eq!(Certificate::parse(&der[..10]).facts, None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(der in proptest::collection::vec(any::<u8>(), 0..300)) {
        Certificate::parse(&der);
    }

    #[test]
    fn no_mutation_makes_it_panic(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut der = SAMPLE.clone();
        for (at, byte) in edits {
            let at = at.index(der.len());
            der[at] = byte;
        }
        Certificate::parse(&der);
        Certificate::parse(&der[..cut.index(der.len())]);
    }
}

static SAMPLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| self_signed(params()));

#[test]
fn the_first_fault_is_named() {
    let whole = self_signed(params());
    let cut = |n: usize| whole[..whole.len() - n].to_vec();
    for (der, expected) in [
        (whole.clone(), None),
        (cut(1), Some(Fault::Certificate)),
        (whole[..3].to_vec(), Some(Fault::Length)),
        (patched(whole.clone(), &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 4, 1, 2]), Some(Fault::Version)),
        (patched(whole.clone(), &[2, 4, 0, 0x8a, 7, 0xe0], &[4, 4, 0, 0x8a, 7, 0xe0]), Some(Fault::Serial)),
        (patched(whole.clone(), b"150131000000Z", b"159931000000Z"), Some(Fault::Date)),
        ([&whole[..], &[0]].concat(), Some(Fault::Der)),
    ] {
        assert_eq!(Certificate::parse(&der).fault, expected);
    }
}
