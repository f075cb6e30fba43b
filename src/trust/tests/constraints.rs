//! Name constraints of kinds that rustls-webpki does not compare.

use rcgen::{CidrSubnet, DistinguishedName, DnType, GeneralSubtree, NameConstraints};

use super::chains::Ca;
use super::{chain, judge, statuses, trusting};
use crate::protocol::x509::{Reason, Status};
use Status::*;

fn organization(name: &str) -> GeneralSubtree {
    let mut names = DistinguishedName::new();
    names.push(DnType::CountryName, "DE");
    names.push(DnType::OrganizationName, name);
    GeneralSubtree::DirectoryName(names)
}

/// As the Baseline Requirements §7.1.2.5.2 want it of authorities that are technically constrained.
fn constrained(permitted: &str) -> NameConstraints {
    NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(permitted.into()), organization("Example GmbH")],
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    }
}

fn excluding_an_organization() -> NameConstraints {
    NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".into())],
        excluded_subtrees: vec![organization("Other")],
    }
}

#[test]
fn constraints_of_directories_are_told_from_those_of_names() {
    let directories = Some(Reason::NameConstraintsOfDirectory);
    for (what, constraints, name, expected) in [
        ("allowed", constrained("example.com"), "www.example.com", (Unsupported, directories)),
        ("another name", constrained("example.com"), "www.example.org", (NameConstraint, None)),
        ("an address", constrained("example.com"), "192.0.2.7", (NameConstraint, None)),
        ("another organization", excluding_an_organization(), "www.example.com", (Unsupported, directories)),
    ] {
        let root = Ca::root("Root");
        let sub = root.sub_with("Sub", |p| p.name_constraints = Some(constraints.clone()));
        let lower = sub.sub("Lower");
        let constrained_root = Ca::root_with("Root", super::chains::Key::P256, |p| p.name_constraints = Some(constraints));
        for (store, sent) in [
            (trusting(&[&root]), vec![&sub.leaf(name), &sub]),
            (trusting(&[&root]), vec![&lower.leaf(name), &lower, &sub]),
            (trusting(&[&constrained_root]), vec![&constrained_root.leaf(name)]),
        ] {
            let verdict = judge(&store, &chain(&sent), None);
            assert_eq!((&statuses(&verdict)[..], verdict.reason), (&[expected.0][..], expected.1), "{what}");
        }
    }
}
