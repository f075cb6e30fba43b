//! Chains that somebody made to do harm, or that lost some bits.

use std::sync::Arc;

use proptest::prelude::*;
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints, SanType};

use super::chains::{Ca, now};
use super::{chain, judge, trusting};
use crate::protocol::x509::{Certificate, Reason, Status};
use crate::trust::{Peer, Trust};

const NAME: &str = "www.example";

/// Where a few bytes of a chain are other ones.
fn damage() -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
    prop::collection::vec((0..2_usize, any::<usize>(), any::<u8>()), 1..4)
}

proptest! {
    #[test]
    fn damaged_chains_come_to_something(damages in prop::collection::vec(damage(), 50)) {
        let root = Ca::root("Root");
        let sub = root.sub("Sub");
        let whole = [sub.leaf(NAME).der().to_vec(), sub.der().to_vec()];
        let mut trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
        for damage in damages {
            let mut sent = whole.clone();
            for (which, place, byte) in damage {
                let place = place % sent[which].len();
                sent[which][place] = byte;
            }
            let changed = sent != whole;
            let sent: Vec<_> = sent.iter().map(|der| Arc::new(Certificate::parse(der))).collect();
            let verdict = trust.judge(&sent, false, Peer::Server(Some(NAME.as_bytes())), now());
            prop_assert!(!changed || verdict.status != Status::Valid, "{verdict:?}");
        }
    }
}

#[test]
fn thousands_of_names_against_thousands_of_constraints_end() {
    let root = Ca::root("Root");
    let sub = root.sub_with("Sub", |p| {
        let permitted_subtrees = (0..2_000).map(|n| GeneralSubtree::DnsName(format!("n{n}.example"))).collect();
        let excluded = CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8);
        p.name_constraints =
            Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![GeneralSubtree::IpAddress(excluded)] });
    });
    let leaf = sub.leaf_with(NAME, |p| {
        p.subject_alt_names = (0..2_000).map(|_| SanType::DnsName("n1999.example".try_into().unwrap())).collect();
    });
    let verdict = judge(&trusting(&[&root]), &chain(&[&leaf, &sub]), None);
    assert_eq!((verdict.status, verdict.reason), (Status::Unsupported, Some(Reason::TooComplex)));
}

#[test]
fn a_name_of_64_kilobytes_is_none() {
    let root = Ca::root("Root");
    let long = "a".repeat(65_000);
    assert_eq!(judge(&trusting(&[&root]), &chain(&[&root.leaf(NAME)]), Some(&long)).status, Status::NameMismatch);
}
