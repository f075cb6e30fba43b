//! Our own: what was found about a session, or about a flow that is not TLS, by name.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::{Reason, excerpt};
use super::super::protocol_names::Protocols;
use super::super::subject::{Facts, FlowDirection, Sides, Subject};
use super::{Keyword, Kind, required};
use crate::findings::{Evidence, Finding, FindingSet, Known, matching};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword { name: "finding", aliases: &[], kind: Kind::Option(finding) }];

/// Any of these findings is there, or none of them.
#[derive(Debug)]
struct Found {
    any: Vec<&'static Finding>,
    negated: bool,
    sides: Sides,
}

impl Test for Found {
    fn sides(&self) -> Sides {
        self.sides
    }

    fn compares_servers(&self) -> bool {
        self.any.iter().any(|finding| finding.known == Known::Earlier)
    }

    fn protocols(&self) -> Option<(&'static str, Protocols)> {
        let is_of_others = !self.negated && self.any.iter().all(|finding| finding.known == Known::Opening);
        let others = || Protocols::named(&["tls", "quic"]).and(Protocols::unknown()).others();
        Some(("finding", if is_of_others { others() } else { Protocols::ALL }))
    }

    fn holds(&self, subject: &Subject<'_>, _: FlowDirection) -> bool {
        let Some(session) = subject.session else { return false };
        let mut evidence = Evidence::new(session, subject.now.into(), subject.one_way.is_none());
        evidence.expects_tls = subject.expects_tls;
        self.any.iter().any(|finding| finding.holds(&evidence)) != self.negated
    }
}

/// `[!]pattern`, more patterns after commas; a `-` before one takes out what it is about; all of it, or each, may be in double quotes.
fn finding(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let value = required(value)?;
    let (negated, patterns) = value.strip_prefix('!').map_or((false, value), |patterns| (true, patterns));
    let patterns = if patterns.contains("\",") { patterns } else { unquoted(patterns) };
    let mut set = FindingSet::default();
    for pattern in patterns.split(',').map(|pattern| unquoted(pattern.trim())) {
        let (out, pattern) = pattern.strip_prefix('-').map_or((false, pattern), |pattern| (true, unquoted(pattern)));
        let named = matching(pattern).map_err(|wrong| Reason::UnknownFinding { name: excerpt(pattern), similar: wrong.similar })?;
        // What rests on earlier sessions takes one worker, so that it has to be meant: a pattern that is about others, too, leaves it out.
        let others: FindingSet = named.iter().filter(|finding| finding.known != Known::Earlier).collect();
        set = match out {
            true => set.without(named),
            false if others.is_empty() => set.or(named),
            false => set.or(others),
        };
    }
    if set.is_empty() {
        return Err(Reason::BadValue("a finding that is not taken out again"));
    }
    let any: Vec<_> = set.iter().collect();
    let sides = sides(&any, negated);
    builder.tests.push(Box::new(Found { any, negated, sides }));
    Ok(())
}

/// What double quotes hold; where there are none, all.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// When it is tried: as soon as what tells is there, where that is the same for all, and it does not matter that more comes; else once all is
/// said in the clear.
fn sides(findings: &[&Finding], negated: bool) -> Sides {
    let mut known = findings.iter().map(|finding| of(finding.known));
    let first = known.next().unwrap_or(AT_THE_END);
    let once = !negated || findings.iter().all(|finding| comes_once(finding.known));
    if once && known.all(|other| other == first) { first } else { AT_THE_END }
}

/// What tells.
const fn of(known: Known) -> Sides {
    let (to_server, to_client) = match known {
        Known::ClientHello => (Facts::CLIENT_HELLO, Facts::NONE),
        Known::ServerHello => (Facts::NONE, Facts::SERVER_HELLO),
        Known::HelloRetry => (Facts::NONE, Facts::HELLO_RETRY),
        Known::Group => (Facts::NONE, Facts::GROUP),
        Known::ServerKeyExchange => (Facts::NONE, Facts::SERVER_KEY_EXCHANGE),
        Known::ServerCertificates => (Facts::NONE, Facts::SERVER_CERTIFICATES),
        Known::ClientCertificates => (Facts::CLIENT_CERTIFICATES, Facts::NONE),
        Known::ClientAlert => (Facts::CLIENT_ALERT, Facts::NONE),
        Known::ServerAlert => (Facts::NONE, Facts::SERVER_ALERT),
        Known::Alert => (Facts::CLIENT_ALERT, Facts::SERVER_ALERT),
        Known::Anomaly(anomaly) => (Facts::anomaly(anomaly), Facts::anomaly(anomaly)),
        Known::Opening => (Facts::OPENING, Facts::NONE),
        Known::Dark | Known::Earlier => (Facts::DARK, Facts::NONE),
    };
    Sides { to_server, to_client }
}

/// Whether all that tells comes at once, so that what is not found then is not found later.
const fn comes_once(known: Known) -> bool {
    matches!(known, Known::ClientHello | Known::ServerHello | Known::ServerCertificates | Known::ClientCertificates | Known::Dark)
}

const AT_THE_END: Sides = Sides { to_server: Facts::DARK, to_client: Facts::NONE };
