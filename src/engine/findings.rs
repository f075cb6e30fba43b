//! What is found of a flow: once it is told, and where an alert has to say it.

use super::config::Config;
use super::connection::{Connection, Flow};
use crate::base::Timestamp;
use crate::findings::{Evidence, FindingSet, Severity, judge};
use crate::flow::Direction;
use crate::protocol::tls::Session;

/// What is found of a session at `now`, as far as it is to be told.
pub(super) fn of_session(session: &Session, now: Timestamp, two_sided: bool, config: &Config) -> FindingSet {
    match config.findings.is_empty() {
        true => FindingSet::default(),
        false => judge(&Evidence::new(session, now.into(), two_sided)).and(config.findings),
    }
}

/// Whether something was found of a flow that is not TLS for which its event is written though not all flows have one: what should be looked at.
pub(super) fn is_worth_an_event(flow: &Flow) -> bool {
    let found = flow.connection.as_ref().and_then(|connection| connection.found.as_deref());
    found.and_then(FindingSet::severity) >= Some(Severity::Medium)
}

impl Connection {
    /// What is found now of a flow that is not TLS; nothing of one that is, nor where no TLS is expected.
    pub fn found_otherwise(&mut self, (client, now): (Direction, Timestamp), expects_tls: bool, wanted: FindingSet) -> FindingSet {
        let two_sided = self.is_two_sided();
        match &mut self.following {
            Some(following) if following.conversation.is_tls() => FindingSet::default(),
            Some(_) if !expects_tls => FindingSet::default(),
            Some(following) => judge(&Evidence::new(following.conversation.session(client), now.into(), two_sided)).and(wanted),
            None => self.found.as_deref().copied().unwrap_or_default(),
        }
    }
}
