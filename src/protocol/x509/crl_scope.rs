//! Which certificates a revocation list is about: issuingDistributionPoint (RFC 5280 §5.2.5), next to what a certificate says of
//! where its list is to be found (cRLDistributionPoints, §4.2.1.13).

use super::tlv::{Tlvs, first_of, header, tag};
use super::{Certificate, CrlFault, extension, outline};

/// What an issuingDistributionPoint says. The default is that of a list without one: all that its issuer has issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrlScope {
    /// onlyContainsUserCerts.
    pub user_certs_only: bool,
    /// onlyContainsCACerts.
    pub ca_certs_only: bool,
    /// onlySomeReasons, as it is encoded: for other reasons a certificate may be on another list. Empty where it is about all.
    pub reasons: Vec<u8>,
    /// The names of its distribution point, each as its GeneralName is encoded. Empty where it names none.
    pub names: Vec<Vec<u8>>,
}

impl CrlScope {
    /// Reads the value of an issuingDistributionPoint on a list of `issuer`, what the SEQUENCE of its name holds.
    pub(super) fn read(value: &[u8], issuer: &[u8]) -> Result<Self, CrlFault> {
        let mut scope = Self::default();
        for part in Tlvs::new(first_of(value, tag::SEQUENCE).ok_or(CrlFault::Unparsable)?) {
            let is_true = part.value.iter().any(|byte| *byte != 0);
            match part.tag {
                DISTRIBUTION_POINT => scope.names = names(part.value, issuer),
                USER_CERTS => scope.user_certs_only = is_true,
                CA_CERTS => scope.ca_certs_only = is_true,
                SOME_REASONS => scope.reasons = part.value.to_vec(),
                INDIRECT if is_true => return Err(CrlFault::Indirect),
                ATTRIBUTE_CERTS if is_true => return Err(CrlFault::AttributeCertificates),
                INDIRECT | ATTRIBUTE_CERTS => {}
                _ => return Err(CrlFault::Unparsable),
            }
        }
        Ok(scope)
    }

    /// Whether a list of this scope is about `certificate`, whose issuer has made it (RFC 5280 §6.3.3 (b) (2)).
    pub fn covers(&self, certificate: &Certificate) -> bool {
        let is_ca = certificate.facts.as_ref().is_some_and(|facts| facts.is_ca == Some(true));
        if self.user_certs_only && is_ca || self.ca_certs_only && !is_ca {
            return false;
        }
        self.names.is_empty() || self.is_of_a_point_of(certificate)
    }

    /// Whether it is the list of one of the distribution points of `certificate`. A list beside those is as if for one with the name of the
    /// issuer (§6.3.3, at its end).
    fn is_of_a_point_of(&self, certificate: &Certificate) -> bool {
        let Some((issuer, _)) = certificate.names() else { return false };
        let has = |name: &[u8]| self.names.iter().any(|own| own == name);
        let extensions = outline::extensions(&certificate.der);
        let points = extensions.iter().find(|e| e.oid == extension::CRL_DISTRIBUTION_POINTS).map(|e| e.value).unwrap_or_default();
        has(&directory_name(issuer))
            || Tlvs::new(first_of(points, tag::SEQUENCE).unwrap_or_default()).any(|point| {
                let part = |wanted: u8| Tlvs::new(point.value).find_map(|part| part.of(wanted));
                match (part(DISTRIBUTION_POINT), part(CRL_ISSUER)) {
                    (Some(point), None) => names(point, issuer).iter().any(|name| has(name)),
                    // The list of somebody else, which would be an indirect one.
                    _ => false,
                }
            })
    }
}

/// The names of a DistributionPointName, as GeneralNames: one that is relative to the issuer's is written out.
fn names(point: &[u8], issuer: &[u8]) -> Vec<Vec<u8>> {
    match Tlvs::new(point).next() {
        Some(name) if name.tag == FULL_NAME => {
            let mut names = Tlvs::new(name.value);
            std::iter::from_fn(|| names.next_with_header().map(|(_, bytes)| bytes.to_vec())).collect()
        }
        Some(name) if name.tag == RELATIVE_NAME => {
            let last = [&header(SET, name.value.len()), name.value].concat();
            vec![directory_name(&[issuer, &last].concat())]
        }
        _ => Vec::new(),
    }
}

/// The GeneralName of a directoryName whose SEQUENCE holds `name`.
fn directory_name(name: &[u8]) -> Vec<u8> {
    let sequence = [&header(tag::SEQUENCE, name.len()), name].concat();
    [&header(DIRECTORY_NAME, sequence.len()), &sequence[..]].concat()
}

// Of IssuingDistributionPoint, [0] to [5]; the first is that of DistributionPoint, too.
const DISTRIBUTION_POINT: u8 = 0xa0;
const USER_CERTS: u8 = 0x81;
const CA_CERTS: u8 = 0x82;
const SOME_REASONS: u8 = 0x83;
const INDIRECT: u8 = 0x84;
const ATTRIBUTE_CERTS: u8 = 0x85;
/// Of DistributionPoint, `[2]`.
const CRL_ISSUER: u8 = 0xa2;
// Of DistributionPointName, [0] and [1].
const FULL_NAME: u8 = 0xa0;
const RELATIVE_NAME: u8 = 0xa1;
/// Of GeneralName, `[4]`, EXPLICIT.
const DIRECTORY_NAME: u8 = 0xa4;
const SET: u8 = 0x31;

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &[u8] = &[0x31, 11, 0x30, 9, 0x06, 3, 0x55, 4, 3, 0x0c, 2, b'C', b'A'];
    const URI: &[u8] = &[0x86, 3, b'u', b':', b'1'];

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        [&[tag, u8::try_from(content.len()).unwrap()], &content[..]].concat()
    }

    /// A SET's content: of the RDN `CN=1`.
    fn one() -> Vec<u8> {
        tlv(0x30, &[&[0x06, 3, 0x55, 4, 3, 0x0c, 1, b'1']])
    }

    fn point(tag: u8, content: &[u8]) -> Vec<u8> {
        tlv(0xa0, &[&tlv(tag, &[content])])
    }

    #[test]
    fn an_issuing_distribution_point_is_read() {
        let named = |names: &[&[u8]]| CrlScope { names: names.iter().map(|n| n.to_vec()).collect(), ..CrlScope::default() };
        let under_the_issuer = tlv(0xa4, &[&tlv(0x30, &[ISSUER, &tlv(0x31, &[&one()])])]);
        for (what, parts, expected) in [
            ("nothing", vec![], Ok(CrlScope::default())),
            ("users", vec![vec![0x81, 1, 0xff]], Ok(CrlScope { user_certs_only: true, ..CrlScope::default() })),
            ("false is said", vec![vec![0x81, 1, 0]], Ok(CrlScope::default())),
            ("authorities", vec![vec![0x82, 1, 0xff]], Ok(CrlScope { ca_certs_only: true, ..CrlScope::default() })),
            ("reasons", vec![vec![0x83, 2, 6, 0x40]], Ok(CrlScope { reasons: vec![6, 0x40], ..CrlScope::default() })),
            ("names", vec![point(0xa0, &[URI, URI].concat())], Ok(named(&[URI, URI]))),
            ("a relative name", vec![point(0xa1, &one())], Ok(named(&[&under_the_issuer]))),
            ("other issuers", vec![vec![0x84, 1, 0xff]], Err(CrlFault::Indirect)),
            ("attributes", vec![vec![0x85, 1, 0xff]], Err(CrlFault::AttributeCertificates)),
            ("something else", vec![vec![0x86, 1, 0xff]], Err(CrlFault::Unparsable)),
        ] {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            assert_eq!(CrlScope::read(&tlv(0x30, &parts), ISSUER), expected, "{what}");
        }
        assert_eq!(CrlScope::read(&[5, 0], ISSUER), Err(CrlFault::Unparsable));
    }

    /// A certificate of which only the parts are there that are looked at.
    fn certificate(is_ca: bool, points: Option<&[u8]>) -> Certificate {
        let extension = |last: u8, value: &[u8]| tlv(0x30, &[&[0x06, 3, 0x55, 0x1d, last], &tlv(0x04, &[value])]);
        let ca: &[u8] = if is_ca { &[0x30, 3, 1, 1, 0xff] } else { &[0x30, 0] };
        let points = points.map(|points| extension(31, &tlv(0x30, &[points]))).unwrap_or_default();
        let extensions = tlv(0xa3, &[&tlv(0x30, &[&extension(19, ca), &points])]);
        let names = [&tlv(0x30, &[])[..], &tlv(0x30, &[ISSUER]), &tlv(0x30, &[]), &tlv(0x30, &[]), &tlv(0x30, &[])].concat();
        Certificate::parse(&tlv(0x30, &[&tlv(0x30, &[&[0xa0, 3, 2, 1, 2, 2, 1, 7], &names, &extensions])]))
    }

    #[test]
    fn what_is_within_the_scope_is_covered() {
        let uri = |last: u8| tlv(0x30, &[&point(0xa0, &[0x86, 3, b'u', b':', last])]);
        let relative = tlv(0x30, &[&point(0xa1, &one())]);
        let of_another = tlv(0x30, &[&point(0xa0, URI), &tlv(0xa2, &[URI])]);
        let scope = |parts: &[&[u8]]| CrlScope::read(&tlv(0x30, parts), ISSUER).unwrap();
        let (users, authorities) = (scope(&[&[0x81, 1, 0xff]]), scope(&[&[0x82, 1, 0xff]]));
        let (at_uri, at_relative) = (scope(&[&point(0xa0, URI)]), scope(&[&point(0xa1, &one())]));
        let at_issuer = scope(&[&point(0xa0, &directory_name(ISSUER))]);
        for (what, scope, is_ca, points, expected) in [
            ("all, a leaf", &CrlScope::default(), false, None, true),
            ("all, an authority", &CrlScope::default(), true, Some(uri(b'2')), true),
            ("users, a leaf", &users, false, None, true),
            ("users, an authority", &users, true, None, false),
            ("authorities, a leaf", &authorities, false, None, false),
            ("authorities, an authority", &authorities, true, None, true),
            ("a point, no points", &at_uri, false, None, false),
            ("a point, the same", &at_uri, false, Some(uri(b'1')), true),
            ("a point, another", &at_uri, false, Some(uri(b'2')), false),
            ("a point, one of two", &at_uri, false, Some([uri(b'2'), uri(b'1')].concat()), true),
            ("a point, the same of another issuer's lists", &at_uri, false, Some(of_another), false),
            ("a relative one, the same", &at_relative, false, Some(relative.clone()), true),
            ("a point, a relative one", &at_uri, false, Some(relative), false),
            ("the issuer's name, no points", &at_issuer, false, None, true),
        ] {
            assert_eq!(scope.covers(&certificate(is_ca, points.as_deref())), expected, "{what}");
        }
    }
}
