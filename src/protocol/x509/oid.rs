//! Object identifiers by name.

use std::borrow::Cow;

use x509_parser::asn1_rs::{Oid, oid};

/// A signature algorithm's name, or its OID in dots.
pub(super) fn signature_algorithm(oid: &[u8]) -> String {
    named(&[RSA_SIGNATURES, ECDSA_SIGNATURES, EDWARDS, NIST_SIGNATURES, DSA_SIGNATURES, OTHER_SIGNATURES], oid)
}

/// A public key algorithm's name, or its OID in dots.
pub(super) fn key_type(oid: &[u8]) -> String {
    named(&[KEYS, EDWARDS, NIST_SIGNATURES], oid)
}

/// A named elliptic curve and the size of its field in bits.
pub(super) fn curve(oid: &[u8]) -> Option<(&'static str, u32)> {
    CURVES.iter().find(|(known, ..)| *known == oid).map(|&(_, name, bits)| (name, bits))
}

/// Whether a signature algorithm, by its name here, is over a digest for which collisions can be found.
pub(super) fn is_weak_signature(name: &str) -> bool {
    const WEAK: [&str; 10] = [
        "sha1WithRSAEncryption",
        "md5WithRSAEncryption",
        "md2WithRSAEncryption",
        "md4WithRSAEncryption",
        "ecdsa-with-SHA1",
        "dsa-with-sha1",
        "md5WithRSA",
        "shaWithRSASignature",
        "dsaWithSHA1",
        "sha1WithRSASignature",
    ];
    WEAK.contains(&name)
}

/// Whether an algorithm, by its name here, withstands a quantum computer: a key's or a signature's.
pub(super) fn is_post_quantum(name: &str) -> bool {
    NIST_SIGNATURES.iter().any(|(_, post_quantum)| *post_quantum == name)
}

/// Whether a key may have made a signature, by the OIDs of both: not where both are known and of different kinds.
pub(super) fn may_sign(key: &[u8], signature: &[u8]) -> bool {
    let (key, signature) = (Kind::of_key(key), Kind::of_signature(signature));
    key.is_none() || signature.is_none() || key == signature
}

/// What keys and signatures have to have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind<'a> {
    Rsa,
    Ecdsa,
    Dsa,
    /// One OID names the key and its signatures.
    Own(&'a [u8]),
}

impl<'a> Kind<'a> {
    fn of_key(oid: &'a [u8]) -> Option<Self> {
        match () {
            () if RSA_KEYS.contains(&oid) => Some(Self::Rsa),
            () if oid == EC_KEY => Some(Self::Ecdsa),
            () if oid == DSA_KEY => Some(Self::Dsa),
            () => Self::own(oid),
        }
    }

    fn of_signature(oid: &'a [u8]) -> Option<Self> {
        let is_in = |names: Names| names.iter().any(|(known, _)| *known == oid);
        match () {
            () if is_in(RSA_SIGNATURES) => Some(Self::Rsa),
            () if is_in(ECDSA_SIGNATURES) => Some(Self::Ecdsa),
            () if is_in(DSA_SIGNATURES) => Some(Self::Dsa),
            () => Self::own(oid),
        }
    }

    fn own(oid: &'a [u8]) -> Option<Self> {
        EDWARDS.iter().chain(NIST_SIGNATURES).any(|(known, _)| *known == oid).then_some(Self::Own(oid))
    }
}

/// An OID in dots: `1.2.840.113549`. In hex where a component does not fit 64 bits.
pub(super) fn dotted(oid: &[u8]) -> String {
    Oid::new(Cow::Borrowed(oid)).to_id_string()
}

/// Encoded OIDs and their names, the commonest first.
type Names = &'static [(&'static [u8], &'static str)];

fn named(tables: &[Names], oid: &[u8]) -> String {
    let known = tables.iter().flat_map(|table| table.iter()).find(|(known, _)| *known == oid);
    known.map_or_else(|| dotted(oid), |&(_, name)| name.to_owned())
}

/// RFC 8017, RFC 4055, and the OIW's of old appliances.
const RSA_SIGNATURES: Names = &[
    (&oid!(raw 1.2.840.113549.1.1.11), "sha256WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.12), "sha384WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.5), "sha1WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.13), "sha512WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.10), "rsassaPss"),
    (&oid!(raw 1.2.840.113549.1.1.4), "md5WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.2), "md2WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.3), "md4WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.14), "sha224WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.15), "sha512-224WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.16), "sha512-256WithRSAEncryption"),
    (&oid!(raw 1.3.14.3.2.3), "md5WithRSA"),
    (&oid!(raw 1.3.14.3.2.15), "shaWithRSASignature"),
    (&oid!(raw 1.3.14.3.2.29), "sha1WithRSASignature"),
];

/// RFC 5758 §3.2, RFC 3279 §2.2.3.
const ECDSA_SIGNATURES: Names = &[
    (&oid!(raw 1.2.840.10045.4.3.2), "ecdsa-with-SHA256"),
    (&oid!(raw 1.2.840.10045.4.3.3), "ecdsa-with-SHA384"),
    (&oid!(raw 1.2.840.10045.4.3.4), "ecdsa-with-SHA512"),
    (&oid!(raw 1.2.840.10045.4.3.1), "ecdsa-with-SHA224"),
    (&oid!(raw 1.2.840.10045.4.1), "ecdsa-with-SHA1"),
];

/// RFC 8410: one OID names the key and its signatures.
const EDWARDS: Names = &[(&oid!(raw 1.3.101.112), "Ed25519"), (&oid!(raw 1.3.101.113), "Ed448")];

/// FIPS 204 and FIPS 205 (RFC 9881, RFC 9909): one OID names the key and its signatures.
const NIST_SIGNATURES: Names = &[
    (&oid!(raw 2.16.840.1.101.3.4.3.17), "ML-DSA-44"),
    (&oid!(raw 2.16.840.1.101.3.4.3.18), "ML-DSA-65"),
    (&oid!(raw 2.16.840.1.101.3.4.3.19), "ML-DSA-87"),
    (&oid!(raw 2.16.840.1.101.3.4.3.20), "SLH-DSA-SHA2-128s"),
    (&oid!(raw 2.16.840.1.101.3.4.3.21), "SLH-DSA-SHA2-128f"),
    (&oid!(raw 2.16.840.1.101.3.4.3.22), "SLH-DSA-SHA2-192s"),
    (&oid!(raw 2.16.840.1.101.3.4.3.23), "SLH-DSA-SHA2-192f"),
    (&oid!(raw 2.16.840.1.101.3.4.3.24), "SLH-DSA-SHA2-256s"),
    (&oid!(raw 2.16.840.1.101.3.4.3.25), "SLH-DSA-SHA2-256f"),
    (&oid!(raw 2.16.840.1.101.3.4.3.26), "SLH-DSA-SHAKE-128s"),
    (&oid!(raw 2.16.840.1.101.3.4.3.27), "SLH-DSA-SHAKE-128f"),
    (&oid!(raw 2.16.840.1.101.3.4.3.28), "SLH-DSA-SHAKE-192s"),
    (&oid!(raw 2.16.840.1.101.3.4.3.29), "SLH-DSA-SHAKE-192f"),
    (&oid!(raw 2.16.840.1.101.3.4.3.30), "SLH-DSA-SHAKE-256s"),
    (&oid!(raw 2.16.840.1.101.3.4.3.31), "SLH-DSA-SHAKE-256f"),
    (&oid!(raw 2.16.840.1.101.3.4.3.32), "HashML-DSA-44-with-SHA512"),
    (&oid!(raw 2.16.840.1.101.3.4.3.33), "HashML-DSA-65-with-SHA512"),
    (&oid!(raw 2.16.840.1.101.3.4.3.34), "HashML-DSA-87-with-SHA512"),
];

/// RFC 3279 §2.2.2, RFC 5758 §3.1, and the OIW's.
const DSA_SIGNATURES: Names = &[
    (&oid!(raw 1.2.840.10040.4.3), "dsa-with-sha1"),
    (&oid!(raw 2.16.840.1.101.3.4.3.1), "dsa-with-sha224"),
    (&oid!(raw 2.16.840.1.101.3.4.3.2), "dsa-with-sha256"),
    (&oid!(raw 1.3.14.3.2.27), "dsaWithSHA1"),
];

/// GOST (RFC 4491, RFC 9215), SM2 (GM/T 0006), which has the key's OID in common with ECDSA.
const OTHER_SIGNATURES: Names = &[
    (&oid!(raw 1.2.643.2.2.3), "gostR3411-94-with-gostR3410-2001"),
    (&oid!(raw 1.2.643.7.1.1.3.2), "signwithdigest-gost3410-12-256"),
    (&oid!(raw 1.2.643.7.1.1.3.3), "signwithdigest-gost3410-12-512"),
    (&oid!(raw 1.2.156.10197.1.501), "SM2-with-SM3"),
];

/// RFC 8017, RFC 5480, RFC 3279 §2.3, RFC 8410, RFC 4491, RFC 9215.
const KEYS: Names = &[
    (RSA_KEYS[0], "RSA"),
    (EC_KEY, "EC"),
    (RSA_KEYS[1], "RSASSA-PSS"),
    (&oid!(raw 1.2.840.113549.1.1.7), "RSAES-OAEP"),
    (DSA_KEY, "DSA"),
    (&oid!(raw 1.2.840.10046.2.1), "DH"),
    (&oid!(raw 1.2.840.113549.1.3.1), "DH"),
    (&oid!(raw 1.3.132.1.12), "EC"),
    (&oid!(raw 1.3.101.110), "X25519"),
    (&oid!(raw 1.3.101.111), "X448"),
    (&oid!(raw 1.2.643.2.2.19), "GOST-R-34.10-2001"),
    (&oid!(raw 1.2.643.7.1.1.1.1), "GOST-R-34.10-2012-256"),
    (&oid!(raw 1.2.643.7.1.1.1.2), "GOST-R-34.10-2012-512"),
];

/// rsaEncryption and id-RSASSA-PSS (RFC 8017).
const RSA_KEYS: [&[u8]; 2] = [&oid!(raw 1.2.840.113549.1.1.1), &oid!(raw 1.2.840.113549.1.1.10)];
/// id-ecPublicKey (RFC 5480).
const EC_KEY: &[u8] = &oid!(raw 1.2.840.10045.2.1);
/// id-dsa (RFC 3279).
const DSA_KEY: &[u8] = &oid!(raw 1.2.840.10040.4.1);

/// By the names of SEC 2 and RFC 5639 (secp256r1 is NIST's P-256 and X9.62's prime256v1).
const CURVES: &[(&[u8], &str, u32)] = &[
    (&oid!(raw 1.2.840.10045.3.1.7), "secp256r1", 256),
    (&oid!(raw 1.3.132.0.34), "secp384r1", 384),
    (&oid!(raw 1.3.132.0.35), "secp521r1", 521),
    (&oid!(raw 1.3.132.0.10), "secp256k1", 256),
    (&oid!(raw 1.2.840.10045.3.1.1), "secp192r1", 192),
    (&oid!(raw 1.3.132.0.33), "secp224r1", 224),
    (&oid!(raw 1.3.132.0.8), "secp160r1", 160),
    (&oid!(raw 1.3.132.0.9), "secp160k1", 160),
    (&oid!(raw 1.3.132.0.30), "secp160r2", 160),
    (&oid!(raw 1.3.132.0.31), "secp192k1", 192),
    (&oid!(raw 1.3.132.0.32), "secp224k1", 224),
    (&oid!(raw 1.3.132.0.1), "sect163k1", 163),
    (&oid!(raw 1.3.132.0.15), "sect163r2", 163),
    (&oid!(raw 1.3.132.0.26), "sect233k1", 233),
    (&oid!(raw 1.3.132.0.27), "sect233r1", 233),
    (&oid!(raw 1.3.132.0.16), "sect283k1", 283),
    (&oid!(raw 1.3.132.0.17), "sect283r1", 283),
    (&oid!(raw 1.3.132.0.36), "sect409k1", 409),
    (&oid!(raw 1.3.132.0.37), "sect409r1", 409),
    (&oid!(raw 1.3.132.0.38), "sect571k1", 571),
    (&oid!(raw 1.3.132.0.39), "sect571r1", 571),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.7), "brainpoolP256r1", 256),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.11), "brainpoolP384r1", 384),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.13), "brainpoolP512r1", 512),
    (&oid!(raw 1.2.156.10197.1.301), "curveSM2", 256),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_oids_have_names() {
        assert_eq!(signature_algorithm(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), "sha256WithRSAEncryption");
        assert_eq!(signature_algorithm(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18]), "ML-DSA-65");
        assert_eq!(key_type(&[0x2b, 0x65, 0x70]), "Ed25519");
        assert_eq!(curve(&[0x2b, 0x81, 4, 0, 34]), Some(("secp384r1", 384)));
    }

    #[test]
    fn weak_signatures_are_those_of_the_tables_over_md5_or_sha1() {
        for (_, name) in [RSA_SIGNATURES, ECDSA_SIGNATURES, EDWARDS, NIST_SIGNATURES, DSA_SIGNATURES, OTHER_SIGNATURES].concat() {
            let lower = name.to_lowercase();
            let weak = lower.contains("md") && !lower.starts_with("ml") || lower.contains("sha1") || lower.contains("shawith");
            assert_eq!(is_weak_signature(name), weak && !name.contains("gost"), "{name}");
        }
    }

    #[test]
    fn keys_make_signatures_of_their_kind() {
        let key = |name| KEYS.iter().chain(EDWARDS).chain(NIST_SIGNATURES).find(|known| known.1 == name).unwrap().0;
        let tables = [RSA_SIGNATURES, ECDSA_SIGNATURES, EDWARDS, NIST_SIGNATURES, DSA_SIGNATURES, OTHER_SIGNATURES].concat();
        let signature = |name| tables.iter().find(|known| known.1 == name).unwrap().0;
        for (of, made, may) in [
            ("RSA", "sha256WithRSAEncryption", true),
            ("RSA", "md5WithRSA", true),
            ("RSASSA-PSS", "rsassaPss", true),
            ("EC", "ecdsa-with-SHA512", true),
            ("EC", "SM2-with-SM3", true),
            ("Ed25519", "Ed25519", true),
            ("DSA", "dsaWithSHA1", true),
            ("GOST-R-34.10-2001", "ecdsa-with-SHA256", true), // not known here
            ("RSA", "ecdsa-with-SHA256", false),
            ("EC", "sha1WithRSASignature", false),
            ("EC", "Ed25519", false),
            ("Ed25519", "Ed448", false),
            ("ML-DSA-44", "ML-DSA-65", false),
            ("DSA", "ecdsa-with-SHA1", false),
        ] {
            assert_eq!(may_sign(key(of), signature(made)), may, "{of}, {made}");
        }
        assert!(may_sign(&[0x2a, 3], signature("Ed448")) && may_sign(key("EC"), &[0x2a, 3]), "what is not known may be anything");
    }

    #[test]
    fn unknown_oids_are_dotted() {
        assert_eq!(key_type(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
        assert_eq!(signature_algorithm(&[0x2a, 0x03]), "1.2.3");
        assert_eq!(curve(&[0x2a, 0x03]), None);
    }

    #[test]
    fn broken_oids_do_no_harm() {
        for oid in [&[][..], &[0xff], &[0x80; 40], &[0x2a, 0xff, 0xff]] {
            let _ = dotted(oid);
        }
    }
}
