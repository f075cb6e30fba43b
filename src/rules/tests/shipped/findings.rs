//! rules/findings.rules: the sessions that findings are tested with.

use super::*;
use crate::findings::tests::{Case, cases};
use crate::findings::{Severity, find};

pub fn pairs() -> Vec<Pair> {
    [
        (8_443_701, "downgrade.tls12"),
        (8_443_702, "weak.compression.chosen"),
        (8_443_703, "weak.exchange.dh-broken"),
        (8_443_704, "weak.exchange.dh-degenerate"),
        (8_443_705, "weak.exchange.curve-explicit"),
        (8_443_706, "behaviour.early-ccs"),
        (8_443_707, "behaviour.renegotiation-flood"),
        (8_443_710, "cert.revoked"),
        (8_443_711, "cert.bad-signature"),
        (8_443_712, "cert.name-constraint"),
        (8_443_720, "cert.key.exponent-one"),
        (8_443_721, "cert.key.exponent-even"),
        (8_443_722, "cert.key.small-factor"),
        (8_443_723, "cert.key.roca"),
        (8_443_724, "cert.key.listed"),
        (8_443_730, "cert.names.wildcard-suffix"),
        (8_443_750, "weak.exchange.dh-short"),
        (8_443_751, "weak.exchange.signature-md5"),
        (8_443_751, "weak.exchange.signature-sha1"),
        (8_443_752, "weak.cipher.cbc-sha1"),
        (8_443_753, "weak.extension.no-secure-renegotiation"),
        (8_443_753, "weak.extension.truncated-hmac"),
        (8_443_754, "weak.offer.null"),
        (8_443_754, "weak.offer.export"),
        (8_443_760, "cert.self-signed"),
        (8_443_761, "cert.name-mismatch"),
        (8_443_762, "cert.made-by.debug-proxy"),
        (8_443_770, "protocol.hello.second"),
    ]
    .into_iter()
    .flat_map(|(sid, id)| of(id).map(move |Case { fires, .. }| pair(sid, fires.session, session())))
    .collect()
}

fn of(id: &str) -> impl Iterator<Item = Case> {
    cases().into_iter().filter(move |case| case.id == id)
}

#[test]
fn none_fires_on_a_near_miss() {
    let set = shipped();
    let rules: Vec<(u32, String)> = SHIPPED
        .iter()
        .filter(|source| source.name == "rules/findings.rules")
        .flat_map(|source| source.text.lines().filter(|line| !line.starts_with('#')))
        .filter_map(|line| {
            let value = |key: &str| Some(line.split_once(key)?.1.split_once(';')?.0.to_owned());
            Some((value("sid:")?.parse().unwrap(), value("finding:")?))
        })
        .collect();
    for (sid, patterns) in rules.iter().filter(|(_, patterns)| !patterns.contains([',', '*'])) {
        for Case { near, .. } in of(patterns) {
            assert!(!sids(&set, &near.session.into()).contains(sid), "{sid}");
        }
    }
}

#[test]
fn each_finding_of_high_severity_has_a_rule() {
    let set = under(Policy::Normal);
    for Case { id, fires, .. } in cases() {
        if find(id).unwrap().severity == Severity::High {
            assert!(!sids(&set, &fires.session.into()).is_empty(), "{id}");
        }
    }
}
