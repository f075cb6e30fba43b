//! What is remembered, and for how long.

use std::sync::Arc;

use super::chains::{Ca, now};
use super::{chain, trusting};
use crate::base::Timestamp;
use crate::trust::{Peer, Trust, VerdictCounters};

#[test]
fn a_chain_is_judged_once_for_each_name() {
    let root = Ca::root("Root");
    let sent = chain(&[&root.leaf("www.example")]);
    let mut trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
    let mut judge = |peer| trust.judge(&sent, false, peer, now());
    let first = judge(Peer::Server(Some(b"www.example")));
    let second = judge(Peer::Server(Some(b"WWW.EXAMPLE")));
    assert!(Arc::ptr_eq(&first, &second));
    for other in [Peer::Server(Some(b"www.other")), Peer::Server(None), Peer::Client] {
        assert!(!Arc::ptr_eq(&first, &judge(other)), "{other:?}");
    }
    assert_eq!(trust.counters(), VerdictCounters { hits: 1, misses: 4, ..VerdictCounters::default() });
}

#[test]
fn across_its_expiry_it_is_judged_anew() {
    let root = Ca::root("Root");
    let sent = chain(&[&root.leaf("www.example")]);
    let mut trust = Trust::new(Arc::new(trusting(&[&root])), 1 << 20);
    for seconds in [1_767_225_600, 1_798_761_600, 1_798_761_601, 1_900_000_000, 1_798_761_600] {
        trust.judge(&sent, false, Peer::Server(None), Timestamp::from_parts(seconds, 0));
    }
    assert_eq!(trust.counters(), VerdictCounters { hits: 2, misses: 1, outdated: 2, ..VerdictCounters::default() });
}

#[test]
fn without_memory_it_judges_all_the_same() {
    let root = Ca::root("Root");
    let sent = chain(&[&root.leaf("www.example")]);
    let mut trust = Trust::new(Arc::new(trusting(&[&root])), 0);
    let mut judge = || trust.judge(&sent, false, Peer::Server(Some(b"www.example")), now());
    assert_eq!(judge(), judge());
    assert_eq!(trust.counters(), VerdictCounters { misses: 2, refused: 2, ..VerdictCounters::default() });
}
