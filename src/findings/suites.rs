//! What is to be known of a cipher suite, by its name in IANA's registry.

use std::sync::LazyLock;

use crate::protocol::tls::names;

/// Properties of a cipher suite, or of any of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits(u32);

impl Traits {
    /// It does not encrypt.
    pub const NULL: Self = Self(1);
    /// The server is not authenticated.
    pub const ANONYMOUS: Self = Self(1 << 1);
    /// Of export grade: 40, 56 or 512 bits.
    pub const EXPORT: Self = Self(1 << 2);
    /// RC4.
    pub const RC4: Self = Self(1 << 3);
    /// Single DES.
    pub const DES: Self = Self(1 << 4);
    /// Triple DES.
    pub const TRIPLE_DES: Self = Self(1 << 5);
    /// IDEA.
    pub const IDEA: Self = Self(1 << 6);
    /// A block cipher in CBC mode, with a MAC.
    pub const CBC: Self = Self(1 << 7);
    /// HMAC with MD5.
    pub const MD5: Self = Self(1 << 8);
    /// HMAC with SHA-1.
    pub const SHA1: Self = Self(1 << 9);
    /// A tag of eight bytes.
    pub const CCM8: Self = Self(1 << 10);
    /// Encryption and authentication in one.
    pub const AEAD: Self = Self(1 << 11);
    /// The session's keys die with it.
    pub const FORWARD_SECRET: Self = Self(1 << 12);
    /// The client encrypts the secret for the server's RSA key.
    pub const STATIC_RSA: Self = Self(1 << 13);
    /// The server's certificate has its Diffie-Hellman key.
    pub const STATIC_DH: Self = Self(1 << 14);
    /// A shared secret alone.
    pub const PLAIN_PSK: Self = Self(1 << 15);
    /// Integrity without encryption, in TLS 1.3 (RFC 9150).
    pub const INTEGRITY_ONLY: Self = Self(1 << 16);
    /// A signal, and no suite; or GREASE.
    pub const SIGNAL: Self = Self(1 << 17);
    /// No registered name.
    pub const UNKNOWN: Self = Self(1 << 18);
    /// GOST 28147-89, which has blocks of 64 bits.
    pub const GOST28147: Self = Self(1 << 19);
    /// Of TLS 1.3: it says nothing of the key exchange.
    pub const TLS13: Self = Self(1 << 20);

    /// An anonymous Diffie-Hellman exchange: its keys die with the session too.
    pub const EPHEMERAL_ANON: Self = Self(1 << 21);

    /// Whether it has any of `others`.
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Both together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Of the suite with this number.
    pub fn of(id: u16) -> Self {
        TRAITS.get(usize::from(id)).copied().unwrap_or(Self::UNKNOWN)
    }

    /// Of a suite with this name.
    fn named(name: &str) -> Self {
        if name == "GREASE" || name.ends_with("_SCSV") {
            return Self::SIGNAL;
        }
        let tls13 = ["TLS_AES_", "TLS_CHACHA20_", "TLS_SM4_", "TLS_AEGIS_", "TLS_SHA"].iter().any(|start| name.starts_with(start));
        let integrity_only = name.starts_with("TLS_SHA");
        let has = |part: &str| name.contains(part);
        let starts = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
        let anonymous = has("_anon_") || name == "TLS_NULL_WITH_NULL_NULL";
        let aead = ["_GCM_", "_CCM", "POLY1305", "_MGM", "_AEGIS_"].iter().any(|part| has(part)) || starts(&["TLS_AEGIS_"]);
        [
            (has("_NULL_") || integrity_only, Self::NULL),
            (anonymous, Self::ANONYMOUS),
            (has("DH_anon_"), Self::EPHEMERAL_ANON),
            (has("_EXPORT"), Self::EXPORT),
            (has("_RC4_"), Self::RC4),
            (has("_DES_CBC") || has("_DES40_"), Self::DES),
            (has("_3DES_"), Self::TRIPLE_DES),
            (has("_IDEA_"), Self::IDEA),
            (has("_CBC"), Self::CBC),
            (name.ends_with("_MD5"), Self::MD5),
            (name.ends_with("_SHA"), Self::SHA1),
            (has("_CCM_8"), Self::CCM8),
            (aead, Self::AEAD),
            (tls13, Self::TLS13),
            (!tls13 && !anonymous && (has("DHE_") || has("_CECPQ1_") || has("_SRP_") || has("_ECCPWD_")), Self::FORWARD_SECRET),
            (starts(&["TLS_RSA_WITH_", "TLS_RSA_EXPORT", "SSL_RSA_", "TLS_RSA_PSK_", "RSA_SM4_"]), Self::STATIC_RSA),
            (starts(&["TLS_DH_RSA_", "TLS_DH_DSS_", "TLS_ECDH_RSA_", "TLS_ECDH_ECDSA_"]), Self::STATIC_DH),
            (starts(&["TLS_PSK_"]), Self::PLAIN_PSK),
            (integrity_only, Self::INTEGRITY_ONLY),
            (has("_28147_"), Self::GOST28147),
        ]
        .into_iter()
        .filter(|(holds, _)| *holds)
        .fold(Self::default(), |traits, (_, one)| traits.and(one))
    }
}

/// By number, since a client offers dozens.
static TRAITS: LazyLock<Box<[Traits]>> = LazyLock::new(|| {
    let mut all = vec![Traits::UNKNOWN; usize::from(u16::MAX).saturating_add(1)].into_boxed_slice();
    for (id, name) in names::cipher_suites() {
        if let Some(traits) = all.get_mut(usize::from(id)) {
            *traits = Traits::named(name);
        }
    }
    all
});

#[cfg(test)]
mod tests {
    use tls_parser::{CIPHERS, TlsCipherAu, TlsCipherEnc, TlsCipherEncMode, TlsCipherKx, TlsCipherMac};

    use super::*;

    /// What tls-parser's table says of a suite, which was made from IANA's registry by others.
    #[test]
    fn the_names_say_what_tls_parser_has_in_columns() {
        for (&id, suite) in CIPHERS.entries() {
            let traits = Traits::of(id);
            // It reads the columns of TLS_PSK_DHE_* (RFC 6655) in the wrong order.
            if traits.has(Traits::SIGNAL) || suite.name.starts_with("TLS_PSK_DHE_") {
                continue;
            }
            let encryption = &suite.enc;
            for (one, expected) in [
                (Traits::RC4, matches!(encryption, TlsCipherEnc::Rc4)),
                (Traits::DES, matches!(encryption, TlsCipherEnc::Des)),
                (Traits::TRIPLE_DES, matches!(encryption, TlsCipherEnc::TripleDes)),
                (Traits::IDEA, matches!(encryption, TlsCipherEnc::Idea)),
                (Traits::NULL, matches!(encryption, TlsCipherEnc::Null)),
                (Traits::MD5, matches!(suite.mac, TlsCipherMac::HmacMd5)),
                (Traits::SHA1, matches!(suite.mac, TlsCipherMac::HmacSha1)),
                (Traits::CBC, matches!(suite.enc_mode, TlsCipherEncMode::Cbc)),
                (
                    Traits::FORWARD_SECRET,
                    matches!(suite.kx, TlsCipherKx::Dhe | TlsCipherKx::Ecdhe | TlsCipherKx::Srp | TlsCipherKx::Eccpwd)
                        && !matches!(suite.au, TlsCipherAu::Null),
                ),
            ] {
                assert_eq!(traits.has(one), expected, "{} {one:?} {suite:?}", suite.name);
            }
        }
    }

    #[test]
    fn suites_have_the_traits_of_the_standards() {
        for (id, has, lacks) in [
            (0x0000, Traits::NULL.and(Traits::ANONYMOUS), Traits::FORWARD_SECRET),
            (0x0003, Traits::EXPORT, Traits::FORWARD_SECRET), // TLS_RSA_EXPORT_WITH_RC4_40_MD5
            (0x002f, Traits::STATIC_RSA.and(Traits::CBC), Traits::AEAD.and(Traits::FORWARD_SECRET)),
            (0x0030, Traits::STATIC_DH, Traits::FORWARD_SECRET), // TLS_DH_DSS_WITH_AES_128_CBC_SHA
            (0x0034, Traits::ANONYMOUS, Traits::FORWARD_SECRET), // TLS_DH_anon_WITH_AES_128_CBC_SHA
            (0x008c, Traits::PLAIN_PSK, Traits::STATIC_RSA),     // TLS_PSK_WITH_AES_128_CBC_SHA
            (0x00ff, Traits::SIGNAL, Traits::UNKNOWN),
            (0x1305, Traits::CCM8.and(Traits::TLS13), Traits::NULL), // TLS_AES_128_CCM_8_SHA256
            (0x3a3a, Traits::SIGNAL, Traits::UNKNOWN),
            (0x5600, Traits::SIGNAL, Traits::UNKNOWN),
            (0xc0b4, Traits::INTEGRITY_ONLY.and(Traits::NULL), Traits::AEAD),
            (0xc02f, Traits::AEAD.and(Traits::FORWARD_SECRET), Traits::CBC.and(Traits::STATIC_RSA)),
            (0xc102, Traits::GOST28147, Traits::AEAD),
            (0xcca8, Traits::AEAD.and(Traits::FORWARD_SECRET), Traits::CBC),
            (0xdead, Traits::UNKNOWN, Traits::SIGNAL),
        ] {
            let traits = Traits::of(id);
            assert_eq!(traits.and(has), traits, "{id:#06x}");
            assert!(!traits.has(lacks), "{id:#06x}");
        }
    }
}
