//! Certificates made by rcgen: authorities, and what they issue.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlIssuingDistributionPoint, CustomExtension,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};

use crate::base::Timestamp;
use crate::protocol::x509::Certificate;

/// The moment of the tests' packets: 2026-06-01T00:00:00Z.
pub(crate) const NOW: u64 = 1_780_272_000;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_parts(NOW, 0)
}

/// A certificate and its key.
pub(crate) struct Ca {
    params: CertificateParams,
    key: KeyPair,
    certificate: rcgen::Certificate,
}

/// When a revocation list is made, and when the next one is, by year, month and day; and its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    pub this_update: (i32, u8, u8),
    pub next_update: (i32, u8, u8),
    pub number: u64,
}

/// The kinds of keys that chains are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    P256,
    P384,
    Ed25519,
    Rsa,
}

impl Key {
    pub fn pair(self) -> KeyPair {
        match self {
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            Self::Ed25519 => KeyPair::generate_for(&PKCS_ED25519),
            Self::Rsa => KeyPair::from_pem_and_sign_algo(include_str!("rsa.pem"), &PKCS_RSA_SHA256),
        }
        .unwrap()
    }
}

impl Ca {
    /// A root, of 2020 to 2040.
    pub fn root(name: &str) -> Self {
        Self::root_with(name, Key::P256, |_| {})
    }

    pub fn root_with(name: &str, key: Key, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let (mut params, key) = (authority(name), key.pair());
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        Self { params, key, certificate }
    }

    /// An intermediate below it.
    pub fn sub(&self, name: &str) -> Self {
        self.sub_with(name, |_| {})
    }

    pub fn sub_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority(name);
        change(&mut params);
        self.issue(params, Key::P256.pair())
    }

    /// A certificate for the key and the name of `other`: a cross-signed one.
    pub fn cross_sign(&self, other: &Self) -> Certificate {
        let issuer = Issuer::from_params(&self.params, &self.key);
        Certificate::parse(other.params.signed_by(&other.key, &issuer).unwrap().der())
    }

    /// A server's certificate for `name`, a host name or an address, of the year 2026.
    pub fn leaf(&self, name: &str) -> Self {
        self.leaf_with(name, |_| {})
    }

    pub fn leaf_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = server(name);
        change(&mut params);
        self.issue(params, Key::P256.pair())
    }

    pub fn issue(&self, params: CertificateParams, key: KeyPair) -> Self {
        let certificate = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap();
        Self { params, key, certificate }
    }

    pub fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Its revocation list, on which these are since `year`.
    pub fn crl(&self, revoked: &[&Self], year: i32) -> Vec<u8> {
        self.crl_since(revoked, year, Dates { this_update: (year, 3, 2), next_update: (year, 3, 9), number: 1 })
    }

    /// Its revocation list of these dates, on which these are since 2026.
    pub fn crl_of(&self, revoked: &[&Self], dates: Dates) -> Vec<u8> {
        self.crl_since(revoked, 2026, dates)
    }

    fn crl_since(&self, revoked: &[&Self], year: i32, dates: Dates) -> Vec<u8> {
        self.crl_with(revoked, year, dates, None)
    }

    /// The same, about no more than `scope` says. One who may not sign such lists does it all the same.
    pub fn crl_with(&self, revoked: &[&Self], year: i32, dates: Dates, scope: Option<CrlIssuingDistributionPoint>) -> Vec<u8> {
        let day = |(year, month, day): (i32, u8, u8)| date_time_ymd(year, month, day);
        let revoked_certs = revoked.iter().map(|certificate| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&certificate.parsed().facts.as_ref().unwrap().serial),
            revocation_time: date_time_ymd(year, 3, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: day(dates.this_update),
            next_update: day(dates.next_update),
            crl_number: SerialNumber::from(dates.number),
            issuing_distribution_point: scope,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let mut signer = self.params.clone();
        signer.key_usages.push(KeyUsagePurpose::CrlSign); // rcgen wants it
        params.signed_by(&Issuer::from_params(&signer, &self.key)).unwrap().der().to_vec()
    }

    pub fn key(&self) -> &KeyPair {
        &self.key
    }

    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    pub fn parsed(&self) -> Arc<Certificate> {
        Arc::new(Certificate::parse(self.der()))
    }
}

/// A self-signed certificate of a server.
pub(crate) fn self_signed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Ca {
    let (mut params, key) = (server(name), Key::P256.pair());
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    Ca { params, key, certificate }
}

pub(crate) fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params
}

pub(crate) fn server(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.subject_alt_names = vec![match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    }];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

/// A critical extension that nobody knows.
pub(crate) fn odd_extension() -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    extension.set_criticality(true);
    extension
}

/// A list over SHA-256 that says it is over SHA-512, on P-256: a signature that is not verified here.
pub(crate) fn over_sha512(list: &[u8]) -> Vec<u8> {
    const ECDSA_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let mut list = list.to_vec();
    let places: Vec<usize> = memchr::memmem::find_iter(&list, &ECDSA_SHA256).collect();
    assert_eq!(places.len(), 2);
    places.iter().for_each(|place| list[place + 7] = 4);
    list
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
