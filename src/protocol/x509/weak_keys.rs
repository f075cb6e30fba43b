//! Lists of RSA keys whose private halves are known: those that Debian's OpenSSL made from 2006 to 2008 (CVE-2008-0166), and others in the
//! same form, which is that of Debian's package `openssl-blacklist` (openssl-vulnkey(1)).
//!
//! A line is the last 20 hex digits of the SHA-1 of what `openssl x509 -noout -modulus` prints: `Modulus=`, the modulus in capital hex digits and a
//! newline. Empty lines and those that begin with `#` say nothing.

use sha1::{Digest as _, Sha1};

use super::tlv::{Tlvs, first_of, tag};
use super::{Certificate, PublicKey};
use crate::base::hex;

/// Keys that are known, by the ends of their digests.
#[derive(Clone, Debug, Default)]
pub struct WeakKeys(Vec<End>);

/// The last 80 bits of a SHA-1.
type End = [u8; 10];

impl WeakKeys {
    /// Adds the keys of a list. Answers how many lines it has that name none.
    pub fn add(&mut self, list: &str) -> usize {
        let mut wrong = 0_usize;
        for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match hex::decode(line).and_then(|bytes| End::try_from(bytes).ok()) {
                Some(end) => self.0.push(end),
                None => wrong = wrong.saturating_add(1),
            }
        }
        self.0.sort_unstable();
        self.0.dedup();
        wrong
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the key of `certificate` is one of them.
    pub fn contains(&self, certificate: &Certificate) -> bool {
        modulus(certificate).is_some_and(|modulus| self.0.binary_search(&end(modulus)).is_ok())
    }
}

/// The modulus of a certificate with an RSA key (RFC 8017 §A.1.1), unless it is longer than any.
fn modulus(certificate: &Certificate) -> Option<&[u8]> {
    let facts = certificate.facts.as_ref()?;
    if !matches!(facts.key_type.as_str(), "RSA" | "RSASSA-PSS" | "RSAES-OAEP") {
        return None;
    }
    let key = PublicKey::read(certificate.public_key_info()?)?.key;
    let modulus = Tlvs::new(first_of(key, tag::SEQUENCE)?).next_of(tag::INTEGER)?;
    (modulus.len() <= LONGEST_MODULUS).then_some(modulus)
}

fn end(modulus: &[u8]) -> End {
    let text = hex::lower(modulus).to_ascii_uppercase();
    let digest: [u8; 20] =
        Sha1::new().chain_update("Modulus=").chain_update(text.trim_start_matches('0')).chain_update("\n").finalize().into();
    let mut end = End::default();
    end.iter_mut().rev().zip(digest.iter().rev()).for_each(|(to, from)| *to = *from);
    end
}

/// In bytes: 16,384 bits, and a zero before them.
const LONGEST_MODULUS: usize = 2_049;

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    /// What `openssl x509 -noout -modulus | sha1sum | cut -c21-40` says of it.
    const LISTED: &str = "acab207b4491911ffa34";

    fn certificate(pem: &[u8]) -> Certificate {
        Certificate::parse(&CertificateDer::from_pem_slice(pem).unwrap())
    }

    #[test]
    fn a_key_is_known_by_the_digest_of_its_modulus() {
        let (listed, other) = (include_bytes!("../../trust/tests/weak/md5.pem"), include_bytes!("../../trust/tests/weak/root.pem"));
        let mut list = WeakKeys::default();
        assert_eq!(list.add(&format!("# comment\n\n00005890bc78bcbee3ca\n{LISTED}\n")), 0);
        assert!(list.contains(&certificate(listed)) && !list.contains(&certificate(other)));
        assert_eq!(list.add(&format!("{LISTED}\r\nedc0f0a7a64c85dc17b2\r\n")), 0);
        assert!(list.contains(&certificate(other)));
        assert_eq!(list.len(), 3, "each once");
    }

    #[test]
    fn what_is_no_such_digest_is_counted() {
        let mut list = WeakKeys::default();
        assert_eq!(list.add("acab207b4491911ffa3\nacab207b4491911ffa34ff\nacab207b4491911ffa3g\nnothing\n"), 4);
        assert!(list.is_empty());
    }

    #[test]
    fn leading_zeros_are_not_printed() {
        // printf 'Modulus=A1B2\n' | sha1sum
        assert_eq!(hex::lower(&end(&[0, 0x0a, 0x1b, 0x20])), hex::lower(&end(&[0x0a, 0x1b, 0x20])));
        assert_eq!(hex::lower(&end(&[0x00, 0xa1, 0xb2])), "ac16b88c7d96df82dd2a");
    }

    #[test]
    fn a_key_of_another_kind_is_not_looked_for() {
        let key = rcgen::KeyPair::generate().unwrap();
        let ec = Certificate::parse(rcgen::CertificateParams::default().self_signed(&key).unwrap().der());
        let mut list = WeakKeys::default();
        list.add(LISTED);
        assert!(ec.facts.is_some() && !list.contains(&ec) && !list.contains(&Certificate::default()));
    }
}
