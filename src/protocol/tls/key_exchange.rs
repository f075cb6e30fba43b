//! The ServerKeyExchange of TLS 1.2 and older (RFC 5246 §7.4.3, RFC 8422 §5.4): what it shows of the group and of the signature.

use sha2::{Digest, Sha256};
use tls_parser::{TlsCipherKx, TlsCipherSuite};

use super::ProtocolVersion;
use crate::base::Reader;

/// What a ServerKeyExchange says. Empty for key exchanges that have no group of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerKeyExchange {
    /// Of an elliptic curve exchange the named group.
    pub group: Option<u16>,
    /// The curve is written out in numbers instead (RFC 8422 §5.4: MUST NOT).
    pub explicit_curve: bool,
    /// Of a Diffie-Hellman exchange over integers the group.
    pub dh: Option<DhGroup>,
    /// How the server signed it: SignatureAndHashAlgorithm (RFC 5246 §7.4.1.4.1), since TLS 1.2.
    pub signature_scheme: Option<u16>,
}

/// A Diffie-Hellman group over integers, and what the server does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhGroup {
    /// Length of the prime in bits.
    pub bits: u32,
    /// The name of the prime, where a standard has it.
    pub name: Option<&'static str>,
    /// The server's public value is 0, 1, or at least p − 1: whoever listens knows the secret (RFC 7919 §5.1).
    pub degenerate: bool,
}

impl ServerKeyExchange {
    /// Reads the body of the message; `suite` and `version` are those that the ServerHello chose.
    pub(super) fn read(body: &[u8], suite: u16, version: Option<ProtocolVersion>) -> Self {
        let mut r = Reader::new(body);
        let mut exchange = Self::default();
        let signed = match TlsCipherSuite::from_id(suite).map(|suite| &suite.kx) {
            Some(TlsCipherKx::Ecdhe | TlsCipherKx::Ecdh) => exchange.read_curve(&mut r),
            Some(TlsCipherKx::Dhe) => exchange.read_dh(&mut r),
            _ => None,
        };
        if signed.is_some() && version == Some(ProtocolVersion::TLS1_2) {
            // What is left of an anonymous exchange is nothing.
            exchange.signature_scheme = r.u16();
        }
        exchange
    }

    fn read_curve(&mut self, r: &mut Reader<'_>) -> Option<()> {
        match r.u8()? {
            NAMED_CURVE => self.group = Some(r.u16()?),
            EXPLICIT_PRIME | EXPLICIT_CHAR2 => {
                self.explicit_curve = true;
                return None;
            }
            _ => return None,
        }
        r.vec8().map(|_| ())
    }

    fn read_dh(&mut self, r: &mut Reader<'_>) -> Option<()> {
        let (prime, _generator, public) = (r.vec16()?, r.vec16()?, r.vec16()?);
        self.dh = Some(DhGroup::of(prime, public));
        Some(())
    }
}

impl DhGroup {
    fn of(prime: &[u8], public: &[u8]) -> Self {
        let (prime, public) = (stripped(prime), stripped(public));
        let leading = prime.first().map_or(0, |byte| byte.leading_zeros());
        let bits = u32::try_from(prime.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(leading);
        let hash: [u8; 32] = Sha256::digest(prime).into();
        let name = KNOWN_PRIMES.iter().find(|(_, known)| *known == hash).map(|(name, _)| *name);
        Self { bits, name, degenerate: is_degenerate(prime, public) }
    }
}

/// Whether a public value is 0, 1, or not below p − 1. Both without leading zeros; p is odd, so that p − 1 differs in the last byte alone.
fn is_degenerate(prime: &[u8], public: &[u8]) -> bool {
    if matches!(public, [] | [1]) {
        return true;
    }
    let (Some((p_last, p_rest)), Some((y_last, y_rest))) = (prime.split_last(), public.split_last()) else { return true };
    match public.len().cmp(&prime.len()).then_with(|| y_rest.cmp(p_rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => *y_last >= p_last & !1,
    }
}

fn stripped(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

const EXPLICIT_PRIME: u8 = 1;
const EXPLICIT_CHAR2: u8 = 2;
const NAMED_CURVE: u8 = 3;

/// Primes of standards, by the SHA-256 of their bytes without leading zeros: `modp*` of RFC 2409 §6 and RFC 3526, `ffdhe*` of RFC 7919.
#[rustfmt::skip]
const KNOWN_PRIMES: &[(&str, [u8; 32])] = &[
    ("modp768", [
        0xb5, 0x2b, 0xa6, 0xa3, 0x02, 0x65, 0x20, 0xa6, 0xc4, 0x9d, 0x37, 0xe4, 0x58, 0x76, 0x01, 0x80,
        0x1b, 0xee, 0x50, 0x01, 0x23, 0xb3, 0x25, 0x9b, 0x6b, 0xf0, 0x3e, 0x7c, 0xec, 0xc3, 0xe6, 0x3d,
    ]),
    ("modp1024", [
        0x3f, 0x35, 0xa3, 0xf5, 0xf6, 0xc4, 0x37, 0x6a, 0x74, 0x4a, 0xca, 0xd4, 0x09, 0xbb, 0x22, 0xf8,
        0xd8, 0x97, 0xf9, 0x49, 0xd2, 0x31, 0x1d, 0x88, 0x5a, 0xda, 0xa8, 0x90, 0x98, 0x1b, 0x67, 0xa0,
    ]),
    ("modp1536", [
        0x64, 0xfc, 0xc8, 0x3e, 0xc4, 0x03, 0x93, 0x0b, 0xf1, 0x83, 0x93, 0xdb, 0xc8, 0x83, 0xcc, 0xaa,
        0x1f, 0xbb, 0x08, 0xac, 0x87, 0x6f, 0x77, 0xf7, 0xaa, 0x99, 0x74, 0x8c, 0xa9, 0x45, 0x01, 0x9b,
    ]),
    ("modp2048", [
        0xd6, 0x64, 0x36, 0xf7, 0x9b, 0xbd, 0x6b, 0x2e, 0x38, 0xc0, 0xff, 0xbd, 0x07, 0x9b, 0xe9, 0x04,
        0xd2, 0x64, 0x14, 0x15, 0xe2, 0xe6, 0x71, 0x40, 0xe0, 0x94, 0x48, 0xbe, 0x9a, 0x60, 0x89, 0x0e,
    ]),
    ("modp3072", [
        0x48, 0xcf, 0x8b, 0x09, 0x2f, 0xbc, 0xe4, 0x35, 0x9d, 0x98, 0x71, 0xab, 0xf7, 0x4f, 0x98, 0xe2,
        0x5b, 0x61, 0x63, 0x37, 0x9e, 0xaa, 0x15, 0xcd, 0x90, 0x87, 0xe8, 0x00, 0xc6, 0xd1, 0xc5, 0x5c,
    ]),
    ("modp4096", [
        0x4e, 0xe9, 0x51, 0x87, 0x68, 0x2b, 0xcb, 0x23, 0x0a, 0xd2, 0x6a, 0x95, 0x20, 0x5f, 0x69, 0x20,
        0xe8, 0x47, 0x08, 0xf6, 0x25, 0x1b, 0x38, 0x94, 0x32, 0x9b, 0x09, 0xec, 0x23, 0x91, 0x9e, 0x33,
    ]),
    ("modp6144", [
        0xd1, 0xbf, 0xe6, 0xd0, 0x92, 0x5c, 0xe7, 0xe4, 0xda, 0x26, 0x2b, 0x62, 0x86, 0x15, 0x14, 0xa7,
        0x75, 0x5e, 0x35, 0x83, 0x1e, 0x42, 0x9f, 0x34, 0x3e, 0x7b, 0x86, 0x48, 0x48, 0x65, 0x7e, 0xfd,
    ]),
    ("modp8192", [
        0x39, 0xab, 0x4f, 0xea, 0xb9, 0x50, 0xa3, 0x12, 0x8f, 0xb7, 0x1a, 0xcc, 0xb9, 0xfc, 0x39, 0x65,
        0xd8, 0x57, 0x01, 0x2e, 0x08, 0x19, 0x98, 0xa8, 0x59, 0x96, 0xe3, 0xea, 0x8b, 0x3c, 0x3b, 0xcf,
    ]),
    ("ffdhe2048", [
        0x9c, 0xd3, 0xb7, 0xf3, 0x36, 0x87, 0x2f, 0x46, 0xc0, 0x94, 0x28, 0xd1, 0xbb, 0xc1, 0x98, 0x77,
        0xa4, 0xd4, 0x40, 0x51, 0x2c, 0xda, 0x8d, 0x1c, 0x1c, 0xf0, 0xcd, 0x6e, 0x33, 0x69, 0x89, 0x66,
    ]),
    ("ffdhe3072", [
        0x0e, 0xaf, 0x67, 0xdb, 0x3a, 0x83, 0x91, 0x56, 0xd5, 0x01, 0x34, 0x94, 0xa5, 0x31, 0x8a, 0x77,
        0x2b, 0x56, 0x97, 0xd2, 0x70, 0xd7, 0x21, 0xf3, 0x7f, 0x09, 0x2e, 0xfc, 0x69, 0xea, 0x5a, 0x17,
    ]),
    ("ffdhe4096", [
        0x46, 0x48, 0x41, 0x42, 0x24, 0xac, 0x88, 0x1b, 0x3d, 0x0d, 0xc5, 0x9b, 0x46, 0x6f, 0x96, 0xd0,
        0x6a, 0x55, 0x82, 0x78, 0x77, 0x68, 0x07, 0x79, 0x7e, 0xcf, 0x1f, 0x66, 0xff, 0x39, 0x7b, 0x3e,
    ]),
    ("ffdhe6144", [
        0x22, 0x7a, 0xc9, 0x06, 0x6b, 0x3d, 0xdd, 0x9e, 0x19, 0x36, 0x70, 0xcd, 0xa2, 0x38, 0x8f, 0xa8,
        0x84, 0xf6, 0x5b, 0xa0, 0xcf, 0x98, 0xb7, 0x42, 0xd1, 0xfe, 0x77, 0xa6, 0x68, 0x7c, 0x79, 0xc7,
    ]),
    ("ffdhe8192", [
        0x77, 0x0b, 0x14, 0xef, 0xaf, 0x6f, 0x04, 0x99, 0x29, 0xc5, 0x23, 0x11, 0x3b, 0x3f, 0xa9, 0x9a,
        0x8d, 0x11, 0xda, 0xb1, 0xb1, 0x8a, 0xf3, 0x60, 0x95, 0x90, 0x12, 0x20, 0x75, 0xd1, 0x98, 0x33,
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;

    const DHE_RSA: u16 = 0x0033;
    const ECDHE_RSA: u16 = 0xc02f;
    const TLS12: Option<ProtocolVersion> = Some(ProtocolVersion::TLS1_2);

    fn vec16(bytes: &[u8]) -> Vec<u8> {
        [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
    }

    fn dhe(prime: &[u8], public: &[u8]) -> Vec<u8> {
        [vec16(prime), vec16(&[2]), vec16(public), vec![4, 1], vec16(&[7; 8])].concat()
    }

    #[test]
    fn a_named_curve_and_the_signature_are_read() {
        let body = [&[3, 0, 29, 2, 9, 9, 4, 3][..], &vec16(&[7; 8])].concat();
        let expected = ServerKeyExchange { group: Some(29), signature_scheme: Some(0x0403), ..ServerKeyExchange::default() };
        assert_eq!(ServerKeyExchange::read(&body, ECDHE_RSA, TLS12), expected);
        let before = ServerKeyExchange { signature_scheme: None, ..expected };
        assert_eq!(ServerKeyExchange::read(&body, ECDHE_RSA, Some(ProtocolVersion::TLS1_1)), before);
    }

    #[test]
    fn a_curve_in_numbers_is_told() {
        for (form, explicit) in [(1, true), (2, true), (3, false), (4, false)] {
            assert_eq!(ServerKeyExchange::read(&[form, 0, 23, 1, 9], ECDHE_RSA, TLS12).explicit_curve, explicit, "{form}");
        }
    }

    #[test]
    fn a_primes_bits_leave_out_leading_zeros() {
        for (prime, bits) in [(&[0x00, 0x80, 0x01][..], 16), (&[0x01, 0x01], 9), (&[], 0)] {
            let read = ServerKeyExchange::read(&dhe(prime, &[5]), DHE_RSA, TLS12);
            assert_eq!(read.dh.unwrap().bits, bits, "{prime:x?}");
            assert_eq!(read.signature_scheme, Some(0x0401));
        }
    }

    /// RFC 2409 §6.2, written out.
    #[test]
    fn a_prime_of_a_standard_goes_by_its_name() {
        let hex = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd\
                   ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
                   ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff";
        let mut prime: Vec<u8> = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
        let group = |prime: &[u8]| ServerKeyExchange::read(&dhe(prime, &[5]), DHE_RSA, TLS12).dh.unwrap();
        assert_eq!(group(&prime), DhGroup { bits: 1_024, name: Some("modp1024"), degenerate: false });
        prime[100] ^= 1;
        assert_eq!(group(&prime).name, None);
    }

    #[test]
    fn a_public_value_that_gives_the_secret_away_is_told() {
        let prime = [0xff, 0x01, 0xf1];
        for (public, degenerate) in [
            (&[][..], true),
            (&[0, 0], true),
            (&[1], true),
            (&[2], false),
            (&[0xff, 0x01, 0xef], false),
            (&[0xff, 0x01, 0xf0], true),
            (&[0xff, 0x01, 0xf1], true),
            (&[0xff, 0x02, 0x00], true),
            (&[0x00, 0xfe, 0xff, 0xff], false),
            (&[1, 0, 0, 0], true),
        ] {
            assert_eq!(DhGroup::of(&prime, public).degenerate, degenerate, "{public:x?}");
        }
    }

    #[test]
    fn what_is_cut_gives_what_was_there() {
        let body = dhe(&[0xff, 0xf1], &[5]);
        for cut in 0..body.len() {
            let read = ServerKeyExchange::read(&body[..cut], DHE_RSA, TLS12);
            assert_eq!(read.dh.is_some(), cut >= 10, "cut at {cut}");
        }
    }
}
