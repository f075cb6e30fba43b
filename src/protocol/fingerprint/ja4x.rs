//! JA4X, after its specification (<https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4X.md>).
//! FoxIO License 1.1: see LICENSE-JA4PLUS.

use super::text::{push_joined, push_sha256_12};
use crate::base::hex;

/// JA4X of a certificate from the OIDs, as encoded, of its issuer's attributes, its subject's attributes and its extensions,
/// each in the order of the certificate.
pub fn ja4x<'a>(
    issuer: impl Iterator<Item = &'a [u8]>,
    subject: impl Iterator<Item = &'a [u8]>,
    extensions: impl Iterator<Item = &'a [u8]>,
) -> String {
    let mut out = String::with_capacity(38);
    push_list(&mut out, issuer);
    out.push('_');
    push_list(&mut out, subject);
    out.push('_');
    push_list(&mut out, extensions);
    out
}

fn push_list<'a>(out: &mut String, oids: impl Iterator<Item = &'a [u8]>) {
    let mut list = String::with_capacity(128);
    push_joined(&mut list, ',', oids, hex::push_lower);
    push_sha256_12(out, &list);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example() {
        let name: [&[u8]; 4] = [&[0x55, 4, 3], &[0x55, 4, 6], &[0x55, 4, 8], &[0x55, 4, 10]];
        let extensions: [&[u8]; 3] = [&[0x55, 0x1d, 0x0f], &[0x55, 0x1d, 0x25], &[0x55, 0x1d, 0x11]];
        assert_eq!(ja4x(name.into_iter(), name.into_iter(), extensions.into_iter()), "96a6439c8f5c_96a6439c8f5c_aae71e8db6d7");
    }

    #[test]
    fn an_empty_list_is_zeros() {
        let none = || std::iter::empty::<&[u8]>();
        assert_eq!(ja4x(none(), none(), none()), "000000000000_000000000000_000000000000");
    }
}
