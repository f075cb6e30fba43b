//! Compares what a session's server shows with earlier sessions, where one inspector has all flows and so knows their order.

use super::config::Config;
use super::following::Following;
use crate::event::Common;
use crate::findings::{Known, Memory, Sighting};
use crate::flow::{Direction, FlowKey};
use crate::rules::RuleSet;

/// A memory of what servers showed, where it is to be asked.
pub(super) fn memory(config: &Config, rules: &RuleSet) -> Option<Memory> {
    let limit = config.limits.seen_memory;
    (limit > 0 && (compares_servers(config) || rules.compares_servers())).then(|| Memory::new(limit))
}

/// Whether a run with these settings compares what servers show with earlier sessions to tell what that finds.
pub fn compares_servers(config: &Config) -> bool {
    config.limits.seen_memory > 0 && config.findings.iter().any(|finding| finding.known == Known::Earlier)
}

/// Compares a session of which all is known, once; to be called for each that is told, in that order, before rules are tried a last time.
/// `base` is what its event will have of VLANs.
pub(super) fn compare(memory: &mut Memory, following: &mut Following, client: Direction, key: &FlowKey, base: &Common<'_>) {
    let conversation = &mut following.conversation;
    if !conversation.is_tls() || !conversation.is_worth_telling() {
        return;
    }
    let (session, server) = (conversation.session(client), key.receiver(client));
    if session.compared.is_none()
        && let Some(sighting) = Sighting::of(session, server.ip, server.port, base.vlan)
    {
        conversation.set_compared(memory.compare(&sighting));
    }
}
