//! What each rule cost is counted, and timed by the clock that is handed in.

use std::cell::Cell;

use super::*;

/// Each look at it finds ten nanoseconds gone. An evaluation has two parts: payload, and the rest.
fn clock() -> u64 {
    thread_local!(static NOW: Cell<u64> = const { Cell::new(0) });
    NOW.replace(NOW.get() + 10)
}

fn profiled(set: &RuleSet, session: &Session) -> Profile {
    let (mut flow, mut hosts, mut out) = (FlowRules::default(), HostState::default(), Vec::new());
    let mut scratch = Scratch::profiling(Profile::new(clock));
    set.evaluate(&subject(Some(session)), &mut flow, &mut hosts, &mut scratch, &mut out);
    scratch.profile().unwrap().clone()
}

fn by_sid(set: &RuleSet, profile: &Profile) -> Vec<(u32, RuleProfile)> {
    let mut costs: Vec<_> = profile.rules().map(|(id, cost)| (set.rule(id).unwrap().sid, cost)).collect();
    costs.sort_by_key(|(sid, _)| *sid);
    costs
}

#[test]
fn each_rule_is_counted_by_how_far_it_came() {
    let set = rules(
        "alert tls any any -> any any (tls.sni; content:\"shop\"; sid:1;)
         alert tls any any -> any any (tls.sni; content:\"shop\"; content:\"bank\"; fast_pattern; sid:2;)
         alert tls any any -> any any (tls.sni; content:\"shop\"; content:!\"www\"; sid:3;)
         alert tls any any -> any any (flowbits:isset,never; tls.sni; content:\"shop\"; sid:4;)",
    );
    let cost = |evaluations, matches| RuleProfile { candidates: 1, evaluations, matches, nanoseconds: 20 * evaluations };
    let profile = profiled(&set, &asking("www.shop.example"));
    // The second is found by `bank`, which is not there; the fourth waits for its bit.
    let expected = [(1, cost(1, 1)), (3, cost(1, 0)), (4, cost(0, 0))];
    assert_eq!(by_sid(&set, &profile), expected);
}

#[test]
fn profiles_of_workers_are_added() {
    let set = rules("alert tls any any -> any any (tls.sni; content:\"shop\"; sid:1;)");
    let mut sum = profiled(&set, &asking("www.shop.example"));
    sum.add(&profiled(&set, &asking("shop.example")));
    sum.add(&profiled(&set, &asking("bank.example")));
    let expected = RuleProfile { candidates: 2, evaluations: 2, matches: 2, nanoseconds: 40 };
    assert_eq!(by_sid(&set, &sum), [(1, expected)]);
}
