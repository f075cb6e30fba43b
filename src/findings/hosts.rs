//! Host names, as server names and as names of certificates.

use std::net::{IpAddr, Ipv4Addr};

use psl::Type;

/// What a name is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// It is an IP address, also in brackets.
    pub is_address: bool,
    /// It is a host name by RFC 1123: see [`is_host_name`].
    pub is_host_name: bool,
    kinds: u8,
}

/// Bytes below 0x20, and 0x7f.
pub const CONTROL: u8 = 1;
/// Bytes from 0x80 on.
pub const NOT_ASCII: u8 = 2;
/// `A` to `Z`.
pub const UPPER_CASE: u8 = 4;
/// `-`.
pub const HYPHEN: u8 = 8;

impl Name {
    /// Looks at each byte of `name` once, where it is an ordinary one.
    pub fn of(name: &[u8]) -> Self {
        let kinds = name.iter().fold(0, |kinds, byte| kinds | kind(*byte));
        Self { is_address: is_address(name), is_host_name: is_host_name(name), kinds }
    }

    /// Whether it has a byte of this kind.
    pub const fn has(self, kind: u8) -> bool {
        self.kinds & kind != 0
    }
}

const fn kind(byte: u8) -> u8 {
    match byte {
        b'-' => HYPHEN,
        b'A'..=b'Z' => UPPER_CASE,
        0..0x20 | 0x7f => CONTROL,
        0x80.. => NOT_ASCII,
        _ => 0,
    }
}

/// Whether a name is an IP address, also one in brackets.
pub fn is_address(name: &[u8]) -> bool {
    address(name).is_some()
}

/// The IP address that a name is.
pub fn address(name: &[u8]) -> Option<IpAddr> {
    if !name.last()?.is_ascii_digit() && !name.contains(&b':') {
        return None; // as most names
    }
    let text = std::str::from_utf8(name).ok()?;
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text).parse().ok()
}

/// Whether a name is a host name by RFC 1123 §2.1: labels of letters, digits and hyphens that do not begin or end with a hyphen; the underscore, which
/// is often there, is let pass. Lengths are not looked at, nor is a dot at the end.
pub fn is_host_name(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let is_label = |label: &[u8]| {
        !label.is_empty()
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
    };
    name.split(|byte| *byte == b'.').all(is_label)
}

/// Whether a label is longer than the DNS has (RFC 1035 §2.3.4).
pub fn has_long_label(name: &[u8]) -> bool {
    name.len() > 63 && name.split(|byte| *byte == b'.').any(|label| label.len() > 63)
}

/// The part of a name that one pays a registry for: `example.co.uk` of `www.example.co.uk`, by the list of public suffixes. What companies let
/// others have below their own names (`github.io`) is the company's here.
pub fn registrable(name: &[u8]) -> Option<&[u8]> {
    let suffix = registry_suffix(name)?;
    let before = name.len().checked_sub(suffix.len())?.checked_sub(1)?;
    let label = name.get(..before)?.iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot.saturating_add(1));
    name.get(label..)
}

/// Whether a name is a suffix of a registry's, below which anybody can have a name: `co.uk`. One that is on the list, and not any
/// top-level domain; nor a company's, which may well have a certificate for all names below its own.
pub fn is_public_suffix(name: &[u8]) -> bool {
    psl::suffix(name).is_some_and(|suffix| suffix.typ() == Some(Type::Icann) && suffix.as_bytes() == name)
}

/// The part of a name that belongs to a registry: of `example.github.io` it is `io`.
fn registry_suffix(name: &[u8]) -> Option<&[u8]> {
    let mut rest = name;
    loop {
        let suffix = psl::suffix(rest)?;
        if suffix.typ() != Some(Type::Private) {
            return rest.get(rest.len().checked_sub(suffix.as_bytes().len())?..);
        }
        let company = rest.get(rest.len().checked_sub(suffix.as_bytes().len())?..)?;
        rest = company.get(company.iter().position(|byte| *byte == b'.')?.checked_add(1)?..)?;
    }
}

/// Whether a name means something inside of a network only: of one label, or below a domain that the internet's DNS does not have (RFC 6761,
/// RFC 6762, RFC 8375, `.internal` of ICANN).
pub fn is_internal(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return true };
    let last = name.get(dot.saturating_add(1)..).unwrap_or_default();
    INTERNAL.iter().any(|domain| last.eq_ignore_ascii_case(domain.as_bytes())) || ends_with_domain(name, b"home.arpa")
}

/// Whether a name is `domain`, or below it, whatever the case of their letters.
pub fn ends_with_domain(name: &[u8], domain: &[u8]) -> bool {
    let Some((before, end)) = name.len().checked_sub(domain.len()).and_then(|start| name.split_at_checked(start)) else {
        return false;
    };
    end.eq_ignore_ascii_case(domain) && before.last().is_none_or(|byte| *byte == b'.')
}

/// Whether a certificate's name is for the host `name`: it is the same, or a wildcard in the place of its first label (RFC 9525 §6.3).
pub fn covers(pattern: &[u8], name: &[u8]) -> bool {
    let below = || name.get(name.iter().position(|byte| *byte == b'.')?..);
    pattern.eq_ignore_ascii_case(name)
        || pattern.strip_prefix(b"*").is_some_and(|rest| below().is_some_and(|end| end.eq_ignore_ascii_case(rest)))
}

/// Whether an address cannot be reached from the internet (RFC 1918, RFC 6598, RFC 4193 and the like).
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = u32::from(v4) & 0xffc0_0000 == u32::from(Ipv4Addr::new(100, 64, 0, 0));
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

const INTERNAL: [&str; 7] = ["local", "localhost", "localdomain", "internal", "lan", "intranet", "corp"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_those_of_rfc_1123() {
        for (name, expected) in [
            ("www.example", true),
            ("1and1.example", true),
            ("a_b.example", true),
            ("xn--bcher-kva.example", true),
            ("www.example.", true),
            ("-a.example", false),
            ("a-.example", false),
            ("a..example", false),
            ("a b.example", false),
            ("*.example", false),
            ("b\u{fc}cher.example", false),
            ("", false),
        ] {
            assert_eq!(is_host_name(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn addresses_are_no_names() {
        for (name, expected) in
            [("192.0.2.1", true), ("2001:db8::1", true), ("[2001:db8::1]", true), ("192.0.2", false), ("1.2.3.4.example", false)]
        {
            assert_eq!(is_address(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn below_a_public_suffix_anybody_can_have_a_name() {
        for (name, suffix) in
            [("co.uk", true), ("com", true), ("github.io", false), ("example.co.uk", false), ("example", false), ("test", false)]
        {
            assert_eq!(is_public_suffix(name.as_bytes()), suffix, "{name}");
        }
        for (name, expected) in [
            ("a.b.example.co.uk", Some("example.co.uk")),
            ("raw.githubusercontent.com", Some("githubusercontent.com")),
            ("bucket.s3.amazonaws.com", Some("amazonaws.com")),
            ("www.shop.example", Some("shop.example")),
            ("co.uk", None),
            ("localhost", None),
        ] {
            assert_eq!(registrable(name.as_bytes()), expected.map(str::as_bytes), "{name}");
        }
    }

    #[test]
    fn internal_names_are_known_by_their_end() {
        for (name, expected) in [
            ("nas", true),
            ("nas.local", true),
            ("NAS.LOCAL", true),
            ("db.prod.internal", true),
            ("fritz.home.arpa", true),
            ("notlocal", true),
            ("www.notlocal.example", false),
            ("local.example", false),
            ("home.notlocal", false),
        ] {
            assert_eq!(is_internal(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_name_is_below_a_domain_by_whole_labels() {
        for (name, expected) in
            [("home.arpa", true), ("fritz.HOME.arpa", true), ("fritzhome.arpa", false), ("arpa", false), ("", false)]
        {
            assert_eq!(ends_with_domain(name.as_bytes(), b"home.arpa"), expected, "{name}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        for (pattern, name, expected) in [
            ("*.co.uk", "shop.co.uk", true),
            ("*.SHOP.example", "www.shop.example", true),
            ("shop.example", "Shop.example", true),
            ("*.shop.example", "shop.example", false),
            ("*.shop.example", "a.b.shop.example", false),
            ("*.co.uk", "co.uk", false),
            ("*", "shop", false),
        ] {
            assert_eq!(covers(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn private_addresses_are_those_of_the_registries() {
        for (text, expected) in [
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("fd00::1", true),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_private(text.parse().unwrap()), expected, "{text}");
        }
    }
}
