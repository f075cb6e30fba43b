//! rules/certificates.rules

use FlowDirection::{ToClient, ToServer};

use super::*;

pub fn pairs() -> Vec<Pair> {
    let issued_by = |issuer: &str| serving(|f| f.issuer = issuer.into());
    // On a day, at noon.
    let issued_on = |issuer: &str, date: Option<Time>| {
        serving(|f| {
            f.issuer = issuer.into();
            f.not_before = date.map(|date| Time::from_unix(date.as_unix() + 43_200));
        })
    };
    let key = |typ: &str, curve: Option<&str>, bits| {
        serving(|f| {
            f.key_type = typ.into();
            f.key_curve = curve.map(Into::into);
            f.key_bits = Some(bits);
        })
    };
    let signed = |algorithm: &str| serving(|f| f.signature_algorithm = algorithm.into());
    let lasting = |from, until| {
        serving(|f| {
            f.not_before = from;
            f.not_after = until;
        })
    };
    let authority = |self_issued| {
        serving(|f| {
            f.is_ca = Some(true);
            f.self_issued = self_issued;
        })
    };
    vec![
        pair(
            8_443_001,
            issued_by("O=Superfish, Inc., L=SF, ST=CA, C=US, CN=Superfish, Inc."),
            serving(|f| f.subject = "O=Superfish, Inc.".into()),
        ),
        pair(8_443_002, issued_by("CN=eDellRoot"), issued_by("CN=Dell Root")),
        pair(8_443_003, issued_by("CN=DSDTestProvider"), issued_by("CN=DSD Test")),
        pair(8_443_004, issued_by("C=DE, CN=SenncomRootCA"), issued_by("C=DE, CN=Sennheiser Root CA")),
        pair(8_443_010, issued_by("C=NL, O=DigiNotar, CN=DigiNotar Public CA 2025"), issued_by("C=US, O=DigiCert Inc")),
        pair(
            8_443_011,
            issued_on("C=CN, O=WoSign CA Limited, CN=WoSign CA Free SSL Certificate G2", day(2016, 10, 22)),
            issued_on("C=CN, O=WoSign CA Limited, CN=WoSign CA Free SSL Certificate G2", day(2016, 10, 21)),
        ),
        pair(
            8_443_012,
            issued_on("C=IL, O=StartCom Ltd., CN=StartCom Class 1 DV Server CA", day(2016, 10, 22)),
            issued_on("C=IL, O=StartCom Ltd., CN=StartCom Class 1 DV Server CA", day(2016, 10, 21)),
        ),
        // Tests are on 2026-11-24.
        pair(8_443_020, lasting(day(2026, 8, 1), day(2026, 11, 23)), lasting(day(2026, 8, 1), day(2026, 11, 25))),
        pair(8_443_021, lasting(day(2026, 1, 1), day(2027, 2, 4)), lasting(day(2026, 1, 1), day(2027, 2, 3))),
        pair(8_443_021, lasting(day(2026, 1, 1), day(2027, 2, 4)), at_home(lasting(day(2026, 1, 1), day(2027, 2, 4)))),
        pair(8_443_021, lasting(day(2026, 1, 1), day(2027, 2, 4)), lasting(day(2020, 8, 1), day(2027, 2, 4))),
        pair(8_443_022, serving(|f| f.self_issued = true), at_home(serving(|f| f.self_issued = true))),
        pair(
            8_443_023,
            serving(|f| f.subject = "C=AU, ST=Some-State, O=Internet Widgits Pty Ltd".into()),
            serving(|f| f.subject = "C=AU, ST=Some-State, O=Widgits Pty Ltd".into()),
        ),
        pair(8_443_024, authority(false), authority(true)),
        // unknown_ca, handshake_failure; from the server
        pair(8_443_025, alert(true, 48), alert(true, 40)),
        pair(8_443_025, alert(true, 42), alert(false, 42)),
        pair(8_443_026, odd(Anomaly::InvalidCertificate, ToClient), odd(Anomaly::CertificateInvalidDate, ToClient)),
        pair(8_443_027, odd(Anomaly::CertificateInvalidLength, ToServer), odd(Anomaly::CertificateInvalidSerial, ToServer)),
        pair(8_443_030, key("RSA", None, 1_023), key("RSA", None, 1_024)),
        pair(8_443_031, key("RSA", None, 1_024), key("RSA", None, 2_048)),
        pair(8_443_031, key("RSA", None, 2_047), key("DH", None, 1_024)),
        pair(8_443_032, key("EC", Some("secp192r1"), 192), key("EC", Some("secp224r1"), 224)),
        pair(8_443_033, key("DSA", None, 2_048), key("ML-DSA-44", None, 2_048)),
        pair(8_443_034, signed("md5WithRSAEncryption"), signed("sha256WithRSAEncryption")),
        pair(
            8_443_034,
            signed("md2WithRSAEncryption"),
            at_home(serving(|f| {
                f.signature_algorithm = "md2WithRSAEncryption".into();
                f.self_issued = true;
            })),
        ),
        pair(8_443_035, signed("sha1WithRSAEncryption"), signed("sha224WithRSAEncryption")),
        pair(
            8_443_035,
            signed("ecdsa-with-SHA1"),
            serving(|f| {
                f.signature_algorithm = "ecdsa-with-SHA1".into();
                f.not_before = day(2015, 12, 31);
            }),
        ),
    ]
}
