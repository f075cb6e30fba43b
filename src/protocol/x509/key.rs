//! The public key's type, size and exponent (RFC 5280 §4.1.2.7).

use super::oid;
use super::tlv::{Tlvs, bit_string_bytes, first_of, tag};

/// What a SubjectPublicKeyInfo says of its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// The algorithm: `RSA`, `EC`, `ML-DSA-44`, or its OID in dots.
    pub typ: String,
    /// Of an elliptic curve key the curve's name, or its OID in dots.
    pub curve: Option<String>,
    /// The size in bits: of the modulus, of the curve's field, of an Edwards curve's key. `None` where the type has no such
    /// number (ML-DSA's is in its name) or the key cannot be read.
    pub bits: Option<u32>,
    /// Of an RSA key the public exponent; one of more than 64 bits counts as the largest of 64.
    pub exponent: Option<u64>,
}

impl Key {
    /// Reads what a SubjectPublicKeyInfo's SEQUENCE holds.
    pub fn read(spki: &[u8]) -> Self {
        let mut parts = Tlvs::new(spki);
        let mut algorithm = Tlvs::new(parts.next_of(tag::SEQUENCE).unwrap_or_default());
        let Some(algorithm_oid) = algorithm.next_of(tag::OID) else { return Self::default() };
        let key = bit_string_bytes(parts.next_of(tag::BIT_STRING).unwrap_or_default());
        let typ = oid::key_type(algorithm_oid);
        let exponent = matches!(typ.as_str(), "RSA" | "RSASSA-PSS" | "RSAES-OAEP").then(|| rsa_exponent(key)).flatten();
        let (curve, bits) = match typ.as_str() {
            "RSA" | "RSASSA-PSS" | "RSAES-OAEP" => (None, first_integer_bits(key)),
            "DSA" | "DH" => (None, first_integer_bits(algorithm.rest())),
            "EC" => named_curve(algorithm, key),
            "Ed25519" | "X25519" | "GOST-R-34.10-2001" | "GOST-R-34.10-2012-256" => (None, Some(256)),
            "X448" => (None, Some(448)),
            "Ed448" => (None, Some(456)),
            "GOST-R-34.10-2012-512" => (None, Some(512)),
            _ => (None, None),
        };
        Self { typ, curve, bits, exponent }
    }
}

/// The first INTEGER of a SEQUENCE: an RSA key's modulus (RFC 8017 §A.1.1), DSA's and DH's p (RFC 3279 §2.3.2, §2.3.3).
fn first_integer_bits(bytes: &[u8]) -> Option<u32> {
    integer_bits(first_of(first_of(bytes, tag::SEQUENCE)?, tag::INTEGER)?)
}

/// The second INTEGER of an RSAPublicKey (RFC 8017 §A.1.1).
fn rsa_exponent(bytes: &[u8]) -> Option<u64> {
    let mut integers = Tlvs::new(first_of(bytes, tag::SEQUENCE)?);
    let _modulus = integers.next_of(tag::INTEGER)?;
    unsigned(integers.next_of(tag::INTEGER)?)
}

/// A positive integer, saturating.
pub(super) fn unsigned(bytes: &[u8]) -> Option<u64> {
    let is_negative = bytes.first()? & 0x80 != 0;
    let digits = || bytes.iter().skip_while(|b| **b == 0);
    match digits().count() {
        _ if is_negative => None,
        0..=8 => Some(digits().fold(0, |n, &b| n << 8 | u64::from(b))),
        _ => Some(u64::MAX),
    }
}

/// The length of a positive integer in bits, leading zeros not counted.
fn integer_bits(bytes: &[u8]) -> Option<u32> {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let digits = bytes.get(zeros..)?;
    let unused = digits.first()?.leading_zeros();
    u32::try_from(digits.len()).ok()?.checked_mul(8)?.checked_sub(unused)
}

/// An EC key's curve and its size. Where the curve is unknown or written out in numbers, the size is that of a coordinate
/// of the point (RFC 5480 §2.2).
fn named_curve(mut parameters: Tlvs<'_>, point: &[u8]) -> (Option<String>, Option<u32>) {
    let curve_oid = parameters.next_of(tag::OID);
    match curve_oid.and_then(oid::curve) {
        Some((name, bits)) => (Some(name.to_owned()), Some(bits)),
        None => (curve_oid.map(oid::dotted), coordinate_bits(point)),
    }
}

/// The size of a point's coordinate in bits, in whole bytes.
fn coordinate_bits(point: &[u8]) -> Option<u32> {
    let (form, coordinates) = point.split_first()?;
    let bytes = match form {
        0x04 => coordinates.len() / 2,
        0x02 | 0x03 => coordinates.len(),
        _ => return None,
    };
    u32::try_from(bytes).ok()?.checked_mul(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integers_bits_leave_out_leading_zeros() {
        for (bytes, want) in
            [(&[0x00, 0x80, 0x00][..], Some(16)), (&[0x7f], Some(7)), (&[0x01, 0x00], Some(9)), (&[0x00], None), (&[], None)]
        {
            assert_eq!(integer_bits(bytes), want, "{bytes:x?}");
        }
    }

    /// A SubjectPublicKeyInfo's content from its algorithm's and its key's bytes.
    fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
        let len = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        [&[0x30, len(algorithm)], algorithm, &[0x03, len(key) + 1, 0], key].concat()
    }

    #[test]
    fn rsa_counts_the_modulus() {
        let rsa = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
        let key = Key::read(&spki(&rsa, &[0x30, 8, 0x02, 3, 0x00, 0xc0, 0x01, 0x02, 1, 3]));
        assert_eq!((key.typ.as_str(), key.curve, key.bits, key.exponent), ("RSA", None, Some(16), Some(3)));
    }

    #[test]
    fn exponents_are_positive_and_saturate() {
        for (bytes, want) in [
            (&[3][..], Some(3)),
            (&[1, 0, 1], Some(65_537)),
            (&[0, 0xff], Some(255)),
            (&[0], Some(0)),
            (&[0x7f; 9], Some(u64::MAX)),
            (&[0xff], None),
            (&[], None),
        ] {
            assert_eq!(unsigned(bytes), want, "{bytes:x?}");
        }
    }

    #[test]
    fn ec_names_its_curve() {
        let p256 = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        let key = Key::read(&spki(&p256, &[0x04; 65]));
        assert_eq!((key.typ.as_str(), key.curve.as_deref(), key.bits), ("EC", Some("secp256r1"), Some(256)));
    }

    #[test]
    fn an_unknown_curve_has_the_size_of_a_coordinate() {
        let odd = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 2, 0x2a, 0x03];
        let key = Key::read(&spki(&odd, &[0x04; 49]));
        assert_eq!((key.typ.as_str(), key.curve.as_deref(), key.bits), ("EC", Some("1.2.3"), Some(192)));
    }

    #[test]
    fn post_quantum_keys_go_by_name() {
        let ml_dsa = [0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17];
        assert_eq!(Key::read(&spki(&ml_dsa, &[7; 40])), Key { typ: "ML-DSA-44".into(), ..Key::default() });
    }

    #[test]
    fn nothing_readable_is_an_empty_key() {
        assert_eq!(Key::read(&[]), Key::default());
        assert_eq!(Key::read(&[0x30, 2, 5, 0]), Key::default());
    }
}
