//! What a key may be used for (RFC 5280 §4.2.1.3, §4.2.1.12).

use super::tlv::{Tlvs, bit_string_bytes, first_of, tag};

/// The bits of keyUsage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyUsage(u16);

/// The purposes of extKeyUsage that matter to TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExtendedKeyUsage {
    /// id-kp-serverAuth, or one of the two Server Gated Cryptos that CAs of the 1990s had in its place.
    pub server_auth: bool,
    /// id-kp-clientAuth.
    pub client_auth: bool,
    /// anyExtendedKeyUsage.
    pub any: bool,
    /// How many others.
    pub others: u32,
}

impl KeyUsage {
    /// digitalSignature (0), keyEncipherment (2), keyAgreement (4): what the key of a TLS server does, one of them at least.
    pub const TLS_SERVER: Self = Self(1 << 15 | 1 << 13 | 1 << 11);
    /// digitalSignature (0), keyAgreement (4): that of a client.
    pub const TLS_CLIENT: Self = Self(1 << 15 | 1 << 11);
    /// keyCertSign (5).
    pub const CERT_SIGN: Self = Self(1 << 10);
    /// cRLSign (6).
    pub const CRL_SIGN: Self = Self(1 << 9);

    /// Whether it has any of `others`.
    pub const fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// The names of the bits that are set, as RFC 5280 has them, in its order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        (0_u32..).zip(NAMES).filter(move |&(bit, _)| self.0 & FIRST.wrapping_shr(bit) != 0).map(|(_, name)| name)
    }

    /// Reads the extension's value; what cannot be read has no bits.
    pub(super) fn read(value: &[u8]) -> Self {
        let bytes = bit_string_bytes(first_of(value, tag::BIT_STRING).unwrap_or_default());
        let byte = |i| bytes.get(i).copied().unwrap_or(0);
        Self(u16::from_be_bytes([byte(0), byte(1)]))
    }
}

impl ExtendedKeyUsage {
    /// The OIDs that stand for a TLS server: id-kp-serverAuth (1.3.6.1.5.5.7.3.1), Netscape's and Microsoft's Server Gated Crypto
    /// (2.16.840.1.113730.4.1, 1.3.6.1.4.1.311.10.3.3).
    pub const SERVER: [&[u8]; 3] =
        [&[0x2b, 6, 1, 5, 5, 7, 3, 1], &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 4, 1], &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 3, 3]];
    /// id-kp-clientAuth (1.3.6.1.5.5.7.3.2).
    pub const CLIENT: [&[u8]; 1] = [&[0x2b, 6, 1, 5, 5, 7, 3, 2]];

    /// The names of those that are told apart, as RFC 5280 has them. Server Gated Crypto goes by serverAuth.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [(self.server_auth, "serverAuth"), (self.client_auth, "clientAuth"), (self.any, "anyExtendedKeyUsage")];
        all.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name)
    }

    /// Reads the extension's value.
    pub(super) fn read(value: &[u8]) -> Self {
        let mut usage = Self::default();
        for purpose in Tlvs::new(first_of(value, tag::SEQUENCE).unwrap_or_default()) {
            match purpose.value {
                oid if Self::SERVER.contains(&oid) => usage.server_auth = true,
                oid if Self::CLIENT.contains(&oid) => usage.client_auth = true,
                ANY => usage.any = true,
                _ => usage.others = usage.others.saturating_add(1),
            }
        }
        usage
    }
}

/// Bit 0, which is the leftmost.
const FIRST: u16 = 1 << 15;

/// By bit (RFC 5280 §4.2.1.3).
const NAMES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

/// 2.5.29.37.0.
const ANY: &[u8] = &[0x55, 0x1d, 0x25, 0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_usage_counts_its_bits_from_the_left() {
        // RFC 5280 §4.2.1.3: digitalSignature is bit 0, keyCertSign bit 5; DER leaves trailing zeros out.
        let leaf = KeyUsage::read(&[0x03, 2, 5, 0b1010_0000]);
        assert!(leaf.has_any(KeyUsage::TLS_SERVER) && !leaf.has_any(KeyUsage::CERT_SIGN));
        let ca = KeyUsage::read(&[0x03, 2, 1, 0b0000_0110]);
        assert!(ca.has_any(KeyUsage::CERT_SIGN) && !ca.has_any(KeyUsage::TLS_SERVER));
        assert_eq!(KeyUsage::read(&[]), KeyUsage::default());
    }

    #[test]
    fn bits_have_names() {
        let names = |value: &[u8]| KeyUsage::read(value).names().collect::<Vec<_>>();
        assert_eq!(names(&[0x03, 2, 5, 0b1010_0000]), ["digitalSignature", "keyEncipherment"]);
        assert_eq!(names(&[0x03, 2, 1, 0b0000_0110]), ["keyCertSign", "cRLSign"]);
        assert_eq!(names(&[0x03, 3, 7, 0b0000_1000, 0b1000_0000]), ["keyAgreement", "decipherOnly"]);
        assert!(names(&[]).is_empty());
    }

    #[test]
    fn purposes_are_told_apart() {
        let oid = |bytes: &[u8]| [&[0x06, u8::try_from(bytes.len()).unwrap()], bytes].concat();
        let list = [oid(ExtendedKeyUsage::SERVER[2]), oid(&[0x2a, 3]), oid(ANY)].concat();
        let value = [&[0x30, u8::try_from(list.len()).unwrap()], &list[..]].concat();
        let expected = ExtendedKeyUsage { server_auth: true, client_auth: false, any: true, others: 1 };
        assert_eq!(ExtendedKeyUsage::read(&value), expected);
        assert_eq!(expected.names().collect::<Vec<_>>(), ["serverAuth", "anyExtendedKeyUsage"]);
    }
}
