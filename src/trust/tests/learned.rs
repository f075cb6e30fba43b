//! Gaps that are filled with intermediates seen earlier.

use std::sync::Arc;

use super::chains::{Ca, now};
use super::{chain, statuses, trusting};
use crate::protocol::x509::Status::*;
use crate::protocol::x509::{Certificate, Status};
use crate::trust::{Gathered, Peer, Trust};

const NAME: &str = "www.example";

fn judge(trust: &mut Trust, sent: &[Arc<Certificate>]) -> Vec<Status> {
    statuses(&trust.judge(sent, false, Peer::Server(Some(NAME.as_bytes())), now()))
}

#[test]
fn an_intermediate_of_a_verified_path_fills_the_gap_of_another_once_it_is_learned() {
    let root = Ca::root("Root");
    let sub = root.sub("Sub");
    let (whole, gap) = (chain(&[&sub.leaf(NAME), &sub]), chain(&[&sub.leaf(NAME)]));
    let mut trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
    assert_eq!(judge(&mut trust, &gap), [IncompleteChain]);
    assert_eq!(judge(&mut trust, &whole), [Valid]);
    assert_eq!(judge(&mut trust, &gap), [IncompleteChain], "not before it is learned");
    let found = trust.take_found();
    assert_eq!(found, [sub.parsed()]);
    trust.learn(&found);
    assert_eq!(judge(&mut trust, &gap), [Valid], "the verdict from before does not count any more");
    assert_eq!(judge(&mut trust, &whole), [Valid]);
    assert_eq!(trust.take_found(), [], "it is known");
}

#[test]
fn what_no_verified_path_leads_through_is_not_learned() {
    let (root, other) = (Ca::root("Root"), Ca::root("Other"));
    let (sub, stranger) = (root.sub("Sub"), other.sub("Sub"));
    let mut trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
    judge(&mut trust, &chain(&[&sub.leaf(NAME), &sub, &stranger, &other]));
    assert_eq!(trust.take_found(), [sub.parsed()]);
    judge(&mut trust, &chain(&[&stranger.leaf(NAME), &stranger, &other]));
    assert_eq!(trust.take_found(), []);
}

#[test]
fn what_is_gathered_does_not_depend_on_who_found_it() {
    let root = Ca::root("Root");
    let subs: Vec<_> = (0..5).map(|n| root.sub(&format!("Sub {n}")).parsed()).collect();
    let reversed: Vec<_> = subs.iter().rev().chain(&subs).cloned().collect();
    let (mut one, mut other) = (Gathered::new(1 << 20), Gathered::new(1 << 20));
    let taken = one.take_in(subs.clone());
    assert_eq!(taken.len(), 5);
    assert_eq!(other.take_in(reversed), taken);
    assert!(one.take_in(subs).is_empty());
}

#[test]
fn gathering_ends_at_the_limit() {
    let root = Ca::root("Root");
    let limit = 8 << 10;
    let mut gathered = Gathered::new(limit);
    for n in 0..20 {
        gathered.take_in(vec![root.sub(&format!("Sub {n}")).parsed()]);
    }
    assert!((4..8).contains(&gathered.len()), "{}", gathered.len());
    assert_eq!(gathered.refused(), 20 - u64::try_from(gathered.len()).unwrap());
    assert!(Gathered::new(0).take_in(vec![root.parsed()]).is_empty());
}
