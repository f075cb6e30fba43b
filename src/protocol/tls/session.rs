//! A session: what is known of one TLS session, and how whole the view was.

use std::sync::Arc;

pub use super::anomaly::{Anomaly, AnomalySet};
use super::{ClientHello, DhGroup, ProtocolVersion, ServerHello};
use crate::base::Duration;
use crate::protocol::fingerprint::{ClientFingerprints, ServerFingerprints};
use crate::protocol::opening::{self, Opening, Spoken};
use crate::protocol::x509::{Certificate, Evidence, Validation};

/// What is known of one TLS session. Everything in it was seen in the clear.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// The first ClientHello.
    pub client_hello: Option<ClientHello>,
    /// Fingerprints of the first ClientHello.
    pub client_fingerprints: Option<ClientFingerprints>,
    /// The ClientHello that answered a HelloRetryRequest. Few sessions have one, and there may be a million begun.
    pub second_client_hello: Option<Box<ClientHello>>,
    /// How long after the first ClientHello that came: what the HelloRetryRequest cost, by packet time where it was seen.
    pub hello_retry_delay: Duration,
    /// The HelloRetryRequest (RFC 8446 §4.1.4).
    pub hello_retry_request: Option<Box<ServerHello>>,
    /// The ServerHello that settled the session.
    pub server_hello: Option<ServerHello>,
    /// Fingerprints of the ServerHello (of the HelloRetryRequest where nothing followed it).
    pub server_fingerprints: Option<ServerFingerprints>,
    /// The server's certificates in the order sent, leaf first.
    pub server_certificates: Vec<Arc<Certificate>>,
    /// The client's certificates in the order sent, leaf first.
    pub client_certificates: Vec<Arc<Certificate>>,
    /// The end of the server's list was not seen, so that `server_certificates` has those before it; or bytes before the list are
    /// missing, so that it cannot be vouched for.
    pub server_chain_truncated: bool,
    /// The same of the client's.
    pub client_chain_truncated: bool,
    /// The server's Certificate message was seen, and no certificate could be read in it.
    pub server_chain_unreadable: bool,
    /// What the validation of the server's chain came to; `None` until it is known, and without a trust store.
    pub server_trust: Option<Arc<Validation>>,
    /// The same of the client's; `None` where it sent none.
    pub client_trust: Option<Arc<Validation>>,
    /// The OCSP answer that the server stapled to its certificates, as sent (RFC 6066 §8). Of one that is longer than [`Self::LONGEST_OCSP`]
    /// nothing is kept, and it is empty.
    pub ocsp_answer: Option<Box<[u8]>>,
    /// Those that it stapled for the certificates after the first, in the order sent (RFC 6961 §2.2), at most [`Self::MOST_ISSUER_OCSP`]; `None`
    /// where it has none for one.
    pub issuer_ocsp_answers: Vec<Option<Box<[u8]>>>,
    /// What that and the SCTs of the server's certificate come to; `None` where there are none, and without a trust store.
    pub server_evidence: Option<Box<Evidence>>,
    /// Whether a key of the server's certificates is on the list of those that are known; `None` where nobody has looked.
    pub server_key_listed: Option<bool>,
    /// How what the server shows differs from earlier sessions; `None` where nobody has compared.
    pub compared: Option<Compared>,
    /// The named group of a TLS 1.2 (or older) ServerKeyExchange (RFC 8422 §5.4).
    pub server_key_exchange_group: Option<u16>,
    /// Whether that group was written out in numbers instead of named.
    pub server_explicit_curve: bool,
    /// The group of a Diffie-Hellman exchange over integers.
    pub server_dh: Option<DhGroup>,
    /// How the server signed its key exchange, in TLS 1.2.
    pub server_signature_scheme: Option<u16>,
    /// A ServerKeyExchange was seen, in the clear (RFC 5246 §7.4.3).
    pub server_key_exchange: bool,
    /// A ClientKeyExchange was seen, in the clear (RFC 5246 §7.4.7).
    pub client_key_exchange: bool,
    /// The client sent a ChangeCipherSpec and no ClientKeyExchange before it, as TLS 1.3 and resumption have it (RFC 8446 appendix D.4,
    /// RFC 5246 §7.3), and who wants to make both sides use an empty key (CVE-2014-0224).
    pub client_changed_cipher_first: bool,
    /// The server asked for a client certificate, in the clear.
    pub certificate_requested: bool,
    /// A NewSessionTicket was seen in the clear (RFC 5077 §3.3).
    pub new_session_ticket: bool,
    /// For how long that ticket is good, in seconds (RFC 5077 §3.3); 0 is not said.
    pub ticket_lifetime: Option<u32>,
    /// Alerts seen in the clear, in order.
    pub alerts: Vec<Alert>,
    /// Hellos after the handshake was done, still in the clear.
    pub renegotiations: u32,
    /// The client's direction of the conversation.
    pub client_view: View,
    /// The server's direction of the conversation.
    pub server_view: View,
    /// What was wrong with it, each kind once, in the order seen.
    pub anomalies: Vec<Anomaly>,
    /// How far it has come.
    pub stage: Stage,
    /// TLS was recognised.
    pub is_tls: bool,
    /// What each side began with, where that was not TLS.
    pub openings: Option<Box<Openings>>,
    /// Nothing more of it will be read: its flow ended.
    pub ended: bool,
    /// A verdict stopped its flow: what is missing of it was not let through.
    pub dropped: bool,
    /// A rule asked (`tls.store`) that its events carry the certificates themselves.
    pub store_certificates: bool,
}

impl View {
    /// Whether all of its handshake was seen, up to where it went dark or ended.
    pub const fn is_complete(&self) -> bool {
        self.seen && !self.midstream && !self.degraded && self.gaps == 0 && self.truncated_messages == 0
    }
}

/// What each side of a flow began with, where that was not TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Openings {
    /// The client's first bytes.
    pub client: Opening,
    /// The server's first bytes.
    pub server: Opening,
}

impl Openings {
    /// What the flow speaks by both together. `None`: that is not known yet.
    pub fn spoken(&self) -> Option<Spoken> {
        opening::together(&self.client, &self.server)
    }
}

/// An alert record in the clear (RFC 8446 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The client sent it.
    pub from_client: bool,
    /// 1 warning, 2 fatal.
    pub level: u8,
    /// IANA's alert number.
    pub description: u8,
}

/// How whole the view of one direction was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// At least one byte of payload was seen.
    pub seen: bool,
    /// It was joined in the middle: no SYN was seen.
    pub midstream: bool,
    /// Bytes before TLS began, passed over (STARTTLS, CONNECT, junk).
    pub skipped_bytes: u64,
    /// Bytes missing from the capture during the handshake.
    pub gap_bytes: u64,
    /// How many times bytes were missing.
    pub gaps: u32,
    /// Retransmitted bytes that differ from the first copy.
    pub conflicting_bytes: u64,
    /// Handshake messages that began but were not seen to the end.
    pub truncated_messages: u32,
    /// A limit was reached and some of it was given up: the flow is `degraded`.
    pub degraded: bool,
    /// The point where it goes dark was seen: from there on everything is encrypted.
    pub dark: bool,
    /// Nothing more of it is read: it is dark, was given up, is not TLS, or ended.
    pub over: bool,
    /// What was wrong with what it sent.
    pub anomalies: AnomalySet,
}

/// How far a session has come; rules are tried when a stage is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing whole yet.
    #[default]
    Start,
    /// The ClientHello is whole.
    ClientHello,
    /// The ServerHello is whole.
    ServerHello,
    /// The server's certificates are whole.
    Certificates,
    /// Both directions went dark.
    Dark,
    /// The connection was closed before both went dark: a FIN from each side or a RST, or a fatal alert and then one of these.
    Closed,
}

/// How what a server shows differs from earlier sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// It showed another certificate at the same address and under the same name.
    pub other_certificate: bool,
    /// And one of another issuer.
    pub other_issuer: bool,
    /// Certificates for other names have the same key.
    pub shared_key: bool,
}

/// What a parser found wrong, in the order found.
pub type Notes = smallvec::SmallVec<[Anomaly; 4]>;

impl Session {
    /// Bytes of an OCSP answer that are kept; most have fewer than 2,000.
    pub const LONGEST_OCSP: usize = 16 << 10;
    /// Issuers whose OCSP answers are kept.
    pub const MOST_ISSUER_OCSP: usize = 3;

    /// The version that the session speaks; of the ClientHello's highest where no ServerHello was seen.
    pub fn version(&self) -> Option<ProtocolVersion> {
        let server = self.server_hello.as_ref().or(self.hello_retry_request.as_deref());
        server.map(ServerHello::version)
    }

    /// The group that the key exchange used or, before TLS 1.3, that the ServerKeyExchange named.
    pub fn group(&self) -> Option<u16> {
        self.server_hello.as_ref().and_then(|sh| sh.key_share_group).or(self.server_key_exchange_group)
    }

    /// Forgets what one side sent, the client or the server; what was wrong with it stays noted.
    pub(super) fn forget(&mut self, client: bool) {
        self.alerts.retain(|a| a.from_client != client);
        let kept = std::mem::take(self);
        *self = Self { alerts: kept.alerts, anomalies: kept.anomalies, stage: kept.stage, ..Self::default() };
        self.hello_retry_delay = kept.hello_retry_delay;
        self.openings = kept.openings.map(|mut openings| {
            *(if client { &mut openings.client } else { &mut openings.server }) = Opening::default();
            openings
        });
        self.store_certificates = kept.store_certificates;
        if client {
            self.hello_retry_request = kept.hello_retry_request;
            self.server_hello = kept.server_hello;
            self.server_fingerprints = kept.server_fingerprints;
            self.server_certificates = kept.server_certificates;
            self.server_chain_truncated = kept.server_chain_truncated;
            self.server_chain_unreadable = kept.server_chain_unreadable;
            self.ocsp_answer = kept.ocsp_answer;
            self.issuer_ocsp_answers = kept.issuer_ocsp_answers;
            self.server_key_listed = kept.server_key_listed;
            self.server_key_exchange_group = kept.server_key_exchange_group;
            self.server_explicit_curve = kept.server_explicit_curve;
            self.server_dh = kept.server_dh;
            self.server_signature_scheme = kept.server_signature_scheme;
            self.server_key_exchange = kept.server_key_exchange;
            self.certificate_requested = kept.certificate_requested;
            self.new_session_ticket = kept.new_session_ticket;
            self.ticket_lifetime = kept.ticket_lifetime;
        } else {
            self.client_hello = kept.client_hello;
            self.client_fingerprints = kept.client_fingerprints;
            self.second_client_hello = kept.second_client_hello;
            self.client_certificates = kept.client_certificates;
            self.client_chain_truncated = kept.client_chain_truncated;
            self.client_key_exchange = kept.client_key_exchange;
            self.client_changed_cipher_first = kept.client_changed_cipher_first;
            self.renegotiations = kept.renegotiations;
        }
    }

    /// What either side may have sent, and was taken as one's, was the other's.
    pub(super) fn swap_sides(&mut self) {
        std::mem::swap(&mut self.server_certificates, &mut self.client_certificates);
        self.server_key_listed = None;
        std::mem::swap(&mut self.server_chain_truncated, &mut self.client_chain_truncated);
        self.server_chain_unreadable = false;
        self.stage = Stage::Start; // what it came by was the other side's
        for alert in &mut self.alerts {
            alert.from_client = !alert.from_client;
        }
        if let Some(Openings { client, server }) = self.openings.as_deref_mut() {
            std::mem::swap(client, server);
        }
    }

    /// Notes an anomaly, once a kind.
    pub fn note(&mut self, anomaly: Anomaly) {
        if !self.anomalies.contains(&anomaly) {
            self.anomalies.push(anomaly);
        }
    }
}

/// How a session was resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resumption {
    /// By the session id, from the server's cache (RFC 5246 §7.4.1.3).
    SessionId,
    /// By a ticket that the client brought (RFC 5077 §3.1).
    Ticket,
    /// By a pre-shared key of TLS 1.3 (RFC 8446 §2.2).
    Psk,
}

impl Session {
    /// How the server resumed an earlier session; `None` where it did not, or where its ServerHello was not seen.
    ///
    /// Since TLS 1.3 an echoed session id says nothing (RFC 8446 §4.1.3). Before, it says that the session is resumed, by the
    /// ticket where the client sent one (RFC 5077 §3.4). A server that takes a ticket sent without a session id is told by
    /// what it leaves out: it goes dark without certificate or key exchange.
    pub fn resumption(&self) -> Option<Resumption> {
        let server = self.server_hello.as_ref()?;
        if server.version().is_tls13() {
            return server.selected_psk.map(|_| Resumption::Psk);
        }
        let client = self.client_hello.as_ref()?;
        let full_handshake = !self.server_certificates.is_empty() || self.server_key_exchange_group.is_some();
        let by_ticket = client.session_ticket.is_some_and(|len| len > 0);
        let echoed = !client.session_id.is_empty() && client.session_id == server.session_id;
        let abbreviated = self.server_view.dark && self.server_view.gaps == 0;
        match (full_handshake, by_ticket) {
            (true, _) => None,
            (false, true) => (echoed || abbreviated).then_some(Resumption::Ticket),
            (false, false) => echoed.then_some(Resumption::SessionId),
        }
    }
}

impl Session {
    /// Whether it is known that the server resumed an earlier session, or that it did not: before TLS 1.3 the ClientHello is needed to tell,
    /// or what only a full handshake has.
    pub fn tells_resumption(&self) -> bool {
        let Some(server) = &self.server_hello else { return false };
        server.version().is_tls13()
            || self.client_hello.as_ref().is_some_and(|hello| !hello.cut)
            || !self.server_certificates.is_empty()
            || self.server_key_exchange
            || self.resumption().is_some()
    }

    /// Whether the server sent a HelloRetryRequest; where that is missing from the capture, by the second ClientHello that answers it. `None`
    /// where bytes are missing that may have been either.
    pub fn hello_retried(&self) -> Option<bool> {
        let server_is_whole = self.server_view.seen && self.server_view.gaps == 0 && !self.server_view.midstream;
        let client_is_whole = self.client_hello.is_some() && self.client_view.gaps == 0;
        match (&self.hello_retry_request, &self.second_client_hello) {
            (Some(_), _) => Some(true),
            (None, Some(_)) => Some(!server_is_whole),
            (None, None) => self.server_hello.as_ref().filter(|_| server_is_whole || client_is_whole).map(|_| false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TLS 1.2 session with the two session ids and the length of the client's ticket.
    fn tls12(client_id: &[u8], server_id: &[u8], ticket: Option<usize>) -> Session {
        Session {
            client_hello: Some(ClientHello { session_id: client_id.to_vec(), session_ticket: ticket, ..Default::default() }),
            server_hello: Some(ServerHello { legacy_version: 0x0303, session_id: server_id.to_vec(), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn before_tls13_an_echoed_session_id_means_resumed() {
        for (client, server, ticket, expected) in [
            (&[1, 2][..], &[1, 2][..], None, Some(Resumption::SessionId)),
            (&[1, 2], &[1, 2], Some(0), Some(Resumption::SessionId)),
            (&[1, 2], &[1, 2], Some(160), Some(Resumption::Ticket)),
            (&[1, 2], &[3, 4], None, None),
            (&[1, 2], &[], Some(160), None),
            (&[], &[], None, None),
        ] {
            assert_eq!(tls12(client, server, ticket).resumption(), expected, "{client:?} {server:?} {ticket:?}");
        }
    }

    #[test]
    fn a_certificate_or_key_exchange_means_a_full_handshake() {
        let mut session = tls12(&[1], &[1], Some(160));
        session.server_certificates.push(Arc::default());
        assert_eq!(session.resumption(), None);

        let mut session = tls12(&[1], &[1], None);
        session.server_key_exchange_group = Some(0x1d);
        assert_eq!(session.resumption(), None);
    }

    #[test]
    fn a_ticket_without_session_id_is_taken_where_the_server_goes_dark_at_once() {
        let mut session = tls12(&[], &[], Some(160));
        session.server_view.dark = true;
        assert_eq!(session.resumption(), Some(Resumption::Ticket));
        session.server_view.gaps = 1; // the certificate may be what is missing
        assert_eq!(session.resumption(), None);

        let mut asks_only = tls12(&[], &[], Some(0));
        asks_only.server_view.dark = true;
        assert_eq!(asks_only.resumption(), None);
    }

    #[test]
    fn in_tls13_only_a_selected_psk_means_resumed() {
        let mut session = tls12(&[1], &[1], None);
        let server = session.server_hello.as_mut().unwrap();
        server.selected_version = Some(0x0304);
        assert_eq!(session.resumption(), None);
        session.server_hello.as_mut().unwrap().selected_psk = Some(0);
        assert_eq!(session.resumption(), Some(Resumption::Psk));
    }

    #[test]
    fn without_a_server_hello_it_is_not_known() {
        assert_eq!(Session::default().resumption(), None);
    }
}
