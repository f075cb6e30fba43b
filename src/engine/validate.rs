//! Keeps a session's verdicts on its certificates up to date with what is known of it.

use std::sync::Arc;

use super::following::Following;
use crate::base::Timestamp;
use crate::flow::Direction;
use crate::protocol::tls::{ProtocolVersion, ServerHello, Session};
use crate::protocol::x509::{Reason, Validation, WeakKeys};
use crate::trust::{Peer, Stapled, Trust};

/// What a session's verdicts rest on: they are the same as long as this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Basis {
    server_certificates: usize,
    client_certificates: usize,
    name: bool,
    ocsp_answer: bool,
}

/// Judges the chains of a session that has news, where these concern them. `is_over`: no more of it will be read.
pub(super) fn update(trust: &mut Trust, following: &mut Following, client: Direction, now: Timestamp, is_over: bool) {
    let session = following.conversation.session(client);
    let basis = Basis::of(session);
    let is_known = following.validated == basis;
    let server = match session.server_certificates.is_empty() {
        true if session.server_trust.is_some() => None,
        true if session.server_chain_unreadable => Some(trust.unparsable()),
        true => not_seen(session, is_over).map(|reason| trust.not_seen(reason)),
        false if is_known => None,
        false => Some(server(trust, session, now)),
    };
    let judges_client = !is_known && !session.client_certificates.is_empty();
    let client =
        judges_client.then(|| trust.judge(&session.client_certificates, session.client_chain_truncated, Peer::Client, now));
    let judged_anew = !is_known && !session.server_certificates.is_empty();
    let evidence = judged_anew.then(|| trust.weigh(&session.server_certificates, stapled(session), now));
    let is_revoked = server.as_ref().zip(evidence.as_ref().and_then(Option::as_ref)).is_some_and(|(v, e)| e.is_revoked(&v.issuers));
    following.validated = basis;
    if let Some(verdict) = server {
        following.conversation.set_server_trust(if is_revoked { Arc::new(verdict.revoked()) } else { verdict });
    }
    if let Some(evidence) = evidence {
        following.conversation.set_server_evidence(evidence);
    }
    if let Some(verdict) = client {
        following.conversation.set_client_trust(verdict);
    }
}

/// Looks for the keys of a session's certificates in the list of those that are known, once.
pub(super) fn look_up_keys(list: &WeakKeys, following: &mut Following, client: Direction) {
    let session = following.conversation.session(client);
    if session.server_key_listed.is_none() && !session.server_certificates.is_empty() {
        let is_listed = session.server_certificates.iter().take(MOST_LOOKED_UP).any(|certificate| list.contains(certificate));
        following.conversation.set_server_key_listed(is_listed);
    }
}

impl Basis {
    fn of(session: &Session) -> Self {
        Self {
            server_certificates: session.server_certificates.len(),
            client_certificates: session.client_certificates.len(),
            name: session.client_hello.is_some(),
            ocsp_answer: session.ocsp_answer.is_some() || !session.issuer_ocsp_answers.is_empty(),
        }
    }
}

fn server(trust: &mut Trust, session: &Session, now: Timestamp) -> Arc<Validation> {
    let asked = session.client_hello.as_ref().and_then(|hello| hello.server_name()).filter(|name| !name.is_empty());
    trust.judge(&session.server_certificates, session.server_chain_truncated, Peer::Server(asked), now)
}

/// What the server handed over with its chain.
fn stapled(session: &Session) -> Stapled<'_> {
    let scts = session.server_hello.as_ref().map_or(&[][..], |hello| &hello.scts);
    Stapled { ocsp: session.ocsp_answer.as_deref(), issuer_ocsp: &session.issuer_ocsp_answers, scts }
}

/// Why the server's certificates are not to be seen, once that is known.
fn not_seen(session: &Session, is_over: bool) -> Option<Reason> {
    if session.resumption().is_some() {
        return Some(Reason::Resumed);
    }
    if session.server_hello.as_ref().map(ServerHello::version).is_some_and(ProtocolVersion::is_tls13) {
        return Some(Reason::Tls13);
    }
    if session.dropped {
        return Some(Reason::Dropped);
    }
    is_over.then(|| if session.server_view.is_complete() { Reason::NotSent } else { Reason::Lost })
}

/// Certificates of a chain whose keys are looked up.
const MOST_LOOKED_UP: usize = 16;
