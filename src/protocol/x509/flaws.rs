//! What is wrong with an RSA key and shows in the key alone (RFC 8017 §3.1).

use super::tlv::{Tlvs, bit_string_bytes, first_of, tag};

/// Flaws of a public key by which it can be broken, or was meant to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyFlaws(u8);

impl KeyFlaws {
    /// The exponent is 1: a signature is its own message.
    pub const EXPONENT_ONE: Self = Self(1);
    /// The exponent is 3: where padding is checked carelessly, signatures can be made up (CVE-2006-4339).
    pub const EXPONENT_THREE: Self = Self(1 << 1);
    /// The exponent is even, or zero: no private key can belong to it.
    pub const EXPONENT_EVEN: Self = Self(1 << 2);
    /// A prime below 50 divides the modulus.
    pub const SMALL_FACTOR: Self = Self(1 << 3);
    /// The modulus has the fingerprint of Infineon's RSALib (CVE-2017-15361).
    pub const ROCA: Self = Self(1 << 4);

    /// Whether it has any of `others`.
    pub const fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of a key of type `typ` in what a SubjectPublicKeyInfo's SEQUENCE holds; none of a key that is not RSA's.
    pub(super) fn of(typ: &str, spki: &[u8]) -> Self {
        match typ {
            "RSA" | "RSASSA-PSS" | "RSAES-OAEP" => Self::read(spki).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    fn read(spki: &[u8]) -> Option<Self> {
        let mut parts = Tlvs::new(spki);
        let _algorithm = parts.next_of(tag::SEQUENCE)?;
        let mut numbers = Tlvs::new(first_of(bit_string_bytes(parts.next_of(tag::BIT_STRING)?), tag::SEQUENCE)?);
        let (modulus, exponent) = (numbers.next_of(tag::INTEGER)?, numbers.next_of(tag::INTEGER)?);
        Some(Self::of_exponent(exponent).and(Self::of_modulus(modulus)))
    }

    fn of_exponent(exponent: &[u8]) -> Self {
        let zeros = exponent.iter().take_while(|byte| **byte == 0).count();
        match exponent.get(zeros..).unwrap_or_default() {
            [1] => Self::EXPONENT_ONE,
            [3] => Self::EXPONENT_THREE,
            [] => Self::EXPONENT_EVEN,
            [.., last] if last & 1 == 0 => Self::EXPONENT_EVEN,
            _ => Self::default(),
        }
    }

    fn of_modulus(modulus: &[u8]) -> Self {
        // Longer ones are nobody's keys, and their length is told elsewhere.
        let Some(modulus) = Some(modulus).filter(|n| n.len() <= LONGEST_MODULUS) else { return Self::default() };
        let small_factor = modulus.last().is_some_and(|last| last & 1 == 0)
            || GROUPS.iter().take(2).any(|group| {
                let rest = remainder(modulus, product(group));
                group.iter().any(|&prime| rest.checked_rem(prime) == Some(0))
            });
        let flaws = if small_factor { Self::SMALL_FACTOR } else { Self::default() };
        if !small_factor && is_roca(modulus) { flaws.and(Self::ROCA) } else { flaws }
    }
}

/// Nemec, Sys, Svenda, Klinec and Matyas, "The Return of Coppersmith's Attack" (ACM CCS 2017), §2: RSALib's primes are k·M + (65537^a mod M), M a product
/// of the first primes. So is their product, and modulo each of those primes it is a power of 65537. A random modulus is that for all 38
/// primes of their published test (<https://github.com/crocs-muni/roca>) by a chance of one in 2^30.
fn is_roca(modulus: &[u8]) -> bool {
    GROUPS.iter().all(|group| {
        let rest = remainder(modulus, product(group));
        group.iter().all(|&prime| rest.checked_rem(prime).is_some_and(|r| is_power_of_65537(r, prime)))
    })
}

/// Whether `value` is a power of 65537 modulo `prime`.
fn is_power_of_65537(value: u64, prime: u64) -> bool {
    let step = |power: u64| power.saturating_mul(65_537).checked_rem(prime).unwrap_or(0);
    let mut power = 1;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = step(power);
        if power == 1 {
            return false;
        }
    }
    false
}

/// `number`, big-endian, modulo `divisor`, which has at most 32 bits.
fn remainder(number: &[u8], divisor: u64) -> u64 {
    let (odd, fours) = number.as_rchunks::<4>();
    let odd = odd.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    let words = std::iter::once(odd).chain(fours.iter().copied().map(u32::from_be_bytes));
    words.fold(0, |rest: u64, word| (rest << 32 | u64::from(word)).checked_rem(divisor).unwrap_or(0))
}

fn product(primes: &[u64]) -> u64 {
    primes.iter().fold(1, |product, prime| product.saturating_mul(*prime))
}

/// The primes of the published test, in groups whose products have at most 32 bits: one division of the modulus for each.
const GROUPS: &[&[u64]] = &[
    &[3, 5, 7, 11, 13, 17, 19, 23, 29],
    &[31, 37, 41, 43, 47],
    &[53, 59, 61, 67, 71],
    &[73, 79, 83, 89, 97],
    &[101, 103, 107, 109],
    &[113, 127, 131, 137],
    &[139, 149, 151, 157],
    &[163, 167],
];

/// 16,384 bits and a leading zero.
const LONGEST_MODULUS: usize = 2_049;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    fn has(modulus: &[u8], flaw: KeyFlaws) -> bool {
        KeyFlaws::of_modulus(modulus).has_any(flaw)
    }

    /// Two primes of the form of the paper, made by Python.
    const ROCA: &str = "48a0468f0f2c012dc2a82d7acdfd4109c2e7fbbefc48316277edebe8a9ea136192f67c59a04ce586963edbe169edfc11\
                        311c4a82ee06fd498f0b519b1956700a286002e2ff984b18f168db392524d1baa237e5923af4d1aaa4b6071cd585154\
                        077e1c933a75104e45f8b3c4ee5a208bc58ef841d8e0dedea77174caaac161a3d";
    /// Made by OpenSSL.
    const SOUND: &str = "a13aae0a08a04f47dd2dd95621385dddc560e04ebf4f803bd52e30e66d340192dc1eb35bc7b00801d817fa38c850165c8\
                         c33a7e2ecf102adf47f6e14807df5fd29ecd1db83e263c9d9032019f327666eb0c98ae343aa4f1a6e9b98985f4073bd8d91\
                         b2779312a965ec20fd8095d1636e0ade7eba0af1fe79e286a20548707455";

    #[test]
    fn a_modulus_of_rsalib_is_known_by_its_remainders() {
        assert!(has(&bytes(ROCA), KeyFlaws::ROCA));
        assert!(has(&[&[0][..], &bytes(ROCA)].concat(), KeyFlaws::ROCA), "with the zero that DER puts before it");
        assert_eq!(KeyFlaws::of_modulus(&bytes(SOUND)), KeyFlaws::default());
        let mut near = bytes(ROCA);
        near[60] ^= 1;
        assert!(!has(&near, KeyFlaws::ROCA));
    }

    #[test]
    fn powers_of_the_generator_are_those_of_the_published_test() {
        // The first masks of crocs-muni/roca's `prints`: bit r is set where a remainder r may be.
        for (prime, mask) in
            [(3, 6), (5, 30), (7, 126), (11, 1_026), (13, 5_658), (17, 107_286), (19, 199_410), (23, 8_388_606_u64)]
        {
            let ours = (0..prime).filter(|&r| is_power_of_65537(r, prime)).fold(0, |mask, r| mask | 1_u64 << r);
            assert_eq!(ours, mask, "{prime}");
        }
    }

    #[test]
    fn a_small_factor_is_found() {
        for (modulus, expected) in [(&[0x01, 0x00][..], true), (&[0x0f], true), (&[0x07, 0x45], false), (&[47, 0, 0, 47], true)] {
            assert_eq!(has(modulus, KeyFlaws::SMALL_FACTOR), expected, "{modulus:x?}");
        }
    }

    #[test]
    fn exponents_that_no_key_should_have() {
        for (exponent, expected) in [
            (&[1][..], KeyFlaws::EXPONENT_ONE),
            (&[0, 3], KeyFlaws::EXPONENT_THREE),
            (&[1, 0, 0], KeyFlaws::EXPONENT_EVEN),
            (&[], KeyFlaws::EXPONENT_EVEN),
            (&[1, 0, 1], KeyFlaws::default()),
            (&[17], KeyFlaws::default()),
        ] {
            assert_eq!(KeyFlaws::of_exponent(exponent), expected, "{exponent:x?}");
        }
    }

    #[test]
    fn a_remainder_does_not_depend_on_how_the_bytes_fall_into_words() {
        for (number, divisor, expected) in
            [(&[0x01, 0x00, 0x00, 0x00, 0x00][..], 10, 6), (&[0xff], 16, 15), (&[], 7, 0), (&[0, 0, 0, 1, 0, 0, 0, 2], 0xffff, 3)]
        {
            assert_eq!(remainder(number, divisor), expected, "{number:x?}");
        }
    }

    #[test]
    fn the_products_fit_32_bits() {
        assert!(GROUPS.iter().all(|group| u32::try_from(product(group)).is_ok()));
    }
}
