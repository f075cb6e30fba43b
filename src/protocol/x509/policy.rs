//! How the holder of a certificate was validated (CA/Browser Forum, Baseline Requirements §7.1.6.1 and EV Guidelines §9.3.2).

use super::tlv::{Tlvs, first_of, tag};

/// By the policy that the CA/Browser Forum has reserved for it. Where a certificate has several, the strictest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyClass {
    /// Domain validated: 2.23.140.1.2.1.
    Dv,
    /// Individual validated: 2.23.140.1.2.3.
    Iv,
    /// Organization validated: 2.23.140.1.2.2.
    Ov,
    /// Extended validation: 2.23.140.1.1.
    Ev,
}

impl PolicyClass {
    /// The name that events have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dv => "DV",
            Self::Iv => "IV",
            Self::Ov => "OV",
            Self::Ev => "EV",
        }
    }

    /// Reads the value of certificatePolicies (RFC 5280 §4.2.1.4).
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let policies = Tlvs::new(first_of(value, tag::SEQUENCE)?);
        policies.filter_map(|policy| Self::of(first_of(policy.value, tag::OID)?)).max()
    }

    fn of(oid: &[u8]) -> Option<Self> {
        match oid {
            [0x67, 0x81, 0x0c, 1, 2, 1] => Some(Self::Dv),
            [0x67, 0x81, 0x0c, 1, 2, 2] => Some(Self::Ov),
            [0x67, 0x81, 0x0c, 1, 2, 3] => Some(Self::Iv),
            [0x67, 0x81, 0x0c, 1, 1] => Some(Self::Ev),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// certificatePolicies with these.
    fn policies(oids: &[&[u8]]) -> Vec<u8> {
        let len = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let one = |oid: &&[u8]| [&[0x30, len(oid) + 2, 0x06, len(oid)], *oid].concat();
        let all = oids.iter().flat_map(one).collect::<Vec<_>>();
        [&[0x30, len(&all)], &all[..]].concat()
    }

    const DV: &[u8] = &[0x67, 0x81, 0x0c, 1, 2, 1];
    const OV: &[u8] = &[0x67, 0x81, 0x0c, 1, 2, 2];
    const IV: &[u8] = &[0x67, 0x81, 0x0c, 1, 2, 3];
    const EV: &[u8] = &[0x67, 0x81, 0x0c, 1, 1];
    /// Let's Encrypt's own (1.3.6.1.4.1.44947.1.1.1).
    const OWN: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0xdf, 0x13, 1, 1, 1];

    #[test]
    fn the_forums_policies_tell_the_class() {
        for (oids, class) in [
            (&[OWN, DV][..], Some("DV")),
            (&[OV], Some("OV")),
            (&[IV], Some("IV")),
            (&[EV, OV], Some("EV")),
            (&[DV, EV], Some("EV")),
            (&[OWN], None),
            (&[], None),
        ] {
            assert_eq!(PolicyClass::read(&policies(oids)).map(PolicyClass::as_str), class, "{oids:x?}");
        }
        assert_eq!(PolicyClass::read(&[0x30, 0x80]), None);
    }
}
