//! What is in records and messages, and what it says of the session.

use super::Roles;
use crate::base::{Reader, Timestamp};
use crate::flow::{Direction, Pair};
use crate::protocol::fingerprint::{self, Transport};
use crate::protocol::tls::half::{Heartbeat, Item};
use crate::protocol::tls::session::{Alert, Anomaly, Notes, View};
use crate::protocol::tls::shape::is_message_type;
use crate::protocol::tls::{ClientHello, ProtocolVersion, ServerHello, ServerKeyExchange, Session};
use crate::protocol::x509::CertificateCache;

/// What items mean for the session.
pub(super) struct Meaning<'a> {
    pub session: &'a mut Session,
    pub roles: &'a mut Roles,
    pub is_tls: &'a mut bool,
    pub heartbeats: &'a mut Pair<usize>,
    /// How whole the view of this direction was before the item.
    pub view: &'a mut View,
    pub direction: Direction,
    pub certificates: &'a mut CertificateCache,
    /// When the packet came that is being read.
    pub now: Timestamp,
    /// When the one came that made the first ClientHello whole.
    pub first_hello: &'a mut Timestamp,
}

impl Meaning<'_> {
    pub fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Message { typ, body, whole } => self.message(typ, body, whole),
            Item::Sslv2ClientHello(body) => {
                *self.is_tls = true;
                let mut notes = Notes::default();
                let hello = ClientHello::parse_sslv2(body, &mut notes);
                self.client_hello(hello, notes);
            }
            Item::Sslv2ServerHello(body) => {
                *self.is_tls = true;
                self.sslv2_server_hello(body);
            }
            Item::Alert { level, description } => self.alert(level, description),
            Item::Heartbeat(heartbeat) => self.heartbeat(heartbeat),
            Item::ChangeCipherSpec => {
                self.session.client_changed_cipher_first |= self.is_client() && !self.session.client_key_exchange
            }
            Item::Bad(anomaly) => self.note(anomaly),
            Item::NotTls => self.view.degraded = true, // the search was given up
            Item::Wait | Item::Passed | Item::Begins | Item::ApplicationData | Item::SealedHeartbeat(_) | Item::Dark => {}
        }
    }

    fn note(&mut self, anomaly: Anomaly) {
        self.view.anomalies.insert(anomaly);
        self.session.note(anomaly);
    }

    fn is_client(&self) -> bool {
        self.roles.client == self.direction
    }

    fn sent_by_client(&mut self) {
        self.client_is(self.direction);
    }

    fn sent_by_server(&mut self) {
        self.client_is(self.direction.reverse());
    }

    /// A message tells who the client is; the first that does so counts. What was taken by a guess that proves wrong changes sides.
    fn client_is(&mut self, client: Direction) {
        let guess = std::mem::replace(self.roles, Roles { client, known: true });
        match guess.known {
            true => *self.roles = guess,
            false if guess.client != client => self.session.swap_sides(),
            false => {}
        }
    }

    fn message(&mut self, typ: u8, body: &[u8], whole: bool) {
        let mut notes = Notes::default();
        match typ {
            1 => {
                let hello = ClientHello::parse(body, whole, &mut notes);
                self.client_hello(hello, notes);
            }
            2 => {
                let hello = ServerHello::parse(body, whole, &mut notes);
                self.server_hello(hello, notes);
            }
            6 => {
                let hello = ServerHello::parse_draft_retry(body, whole, &mut notes);
                self.server_hello(hello, notes);
            }
            4 => {
                self.session.new_session_ticket = true;
                self.session.ticket_lifetime = Reader::new(body).u32();
            }
            11 => self.certificate(body, whole),
            12 => self.server_key_exchange(body),
            13 => {
                self.sent_by_server();
                self.session.certificate_requested = true;
            }
            14 => self.sent_by_server(), // ServerHelloDone
            22 if whole => self.certificate_status(body),
            16 => {
                self.sent_by_client();
                self.session.client_key_exchange = true;
            }
            // HelloRequest, EndOfEarlyData, EncryptedExtensions, CertificateVerify, Finished, CertificateURL, KeyUpdate,
            // CompressedCertificate, NextProtocol: nothing of theirs is kept.
            known if is_message_type(known) => {}
            _ => self.note(Anomaly::InvalidHandshakeMessage),
        }
    }

    fn client_hello(&mut self, hello: ClientHello, notes: Notes) {
        self.sent_by_client();
        for note in notes {
            self.note(note);
        }
        if hello.cut && hello.length < RANDOM_ENDS {
            return; // it says nothing
        }
        let s = &mut *self.session;
        if s.client_hello.is_none() {
            s.client_fingerprints = (!hello.cut).then(|| fingerprint::client(&hello, Transport::Tcp));
            s.client_hello = Some(hello);
            // What is read again came when it was read first.
            if *self.first_hello == Timestamp::ZERO {
                *self.first_hello = self.now;
            }
        } else if s.second_client_hello.is_none() && (s.server_hello.is_none() || s.hello_retry_request.is_some()) {
            s.second_client_hello = Some(Box::new(hello));
            if s.hello_retry_delay.is_zero() {
                s.hello_retry_delay = self.now.since(*self.first_hello);
            }
        } else {
            s.renegotiations = s.renegotiations.saturating_add(1);
        }
    }

    fn server_hello(&mut self, hello: ServerHello, notes: Notes) {
        self.sent_by_server();
        for note in notes {
            self.note(note);
        }
        let s = &mut *self.session;
        let was_cut_before_its_choice = !hello.complete && hello.cipher_suite == 0;
        if s.server_hello.is_some() || was_cut_before_its_choice {
            return; // a renegotiation is counted with its ClientHello
        }
        if let Some(offer) = &s.client_hello
            && offer.complete
            && hello.complete
            && !offer.cipher_suites.contains(&hello.cipher_suite)
            && !offer.sslv2_format
            && !hello.is_hello_retry_request()
        {
            self.note(Anomaly::UnofferedChoice);
        }
        let s = &mut *self.session;
        if hello.is_hello_retry_request() {
            if s.hello_retry_request.is_none() {
                s.server_fingerprints = (!hello.cut).then(|| fingerprint::server(&hello, Transport::Tcp));
                s.hello_retry_request = Some(Box::new(hello));
            }
            return;
        }
        s.server_fingerprints = (!hello.cut).then(|| fingerprint::server(&hello, Transport::Tcp));
        s.server_hello = Some(hello);
    }

    /// SSL 2.0 ServerHello: session-id-hit, certificate type, version, three lengths, certificate.
    fn sslv2_server_hello(&mut self, body: &[u8]) {
        let mut r = Reader::new(body);
        let hello = ServerHello { legacy_version: ProtocolVersion::SSL2.0, complete: true, ..ServerHello::default() };
        let read = (|| {
            let (_hit, kind, _version) = (r.u8()?, r.u8()?, r.u16()?);
            let (certificate, _ciphers, _connection_id) = (r.u16()?, r.u16()?, r.u16()?);
            let der = r.take(usize::from(certificate))?;
            (kind == 1 && !der.is_empty()).then_some(der)
        })();
        self.sent_by_server();
        if self.session.server_hello.is_none() {
            self.session.server_hello = Some(hello);
        }
        if let Some(der) = read
            && self.session.server_certificates.is_empty()
        {
            self.session.server_certificates.push(self.certificates.get_or_parse(der));
        }
    }

    /// Certificate of TLS 1.2 and older (RFC 5246 §7.4.2).
    fn certificate(&mut self, body: &[u8], whole: bool) {
        let from_client = self.is_client();
        let s = &mut *self.session;
        let (chain, truncated) = match from_client {
            true => (&mut s.client_certificates, &mut s.client_chain_truncated),
            false => (&mut s.server_certificates, &mut s.server_chain_truncated),
        };
        if !chain.is_empty() {
            return; // renegotiation: the first chain stands
        }
        *truncated = !whole || self.view.gaps > 0;
        let mut r = Reader::new(body);
        let list_length = r.u24();
        let mut list = r;
        let mut lies = list_length.is_none_or(|n| usize::try_from(n).ok() != Some(list.len()));
        let mut unreadable = false;
        let mut notes = Notes::default();
        while !list.is_empty() {
            let Some(der) = list.vec24() else {
                lies = true;
                break;
            };
            let certificate = self.certificates.get_or_parse(der);
            notes.extend(certificate.fault.map(Anomaly::from));
            unreadable |= certificate.facts.is_none();
            chain.push(certificate);
            if chain.len() == MOST_CERTIFICATES && !list.is_empty() {
                (*truncated, unreadable) = (true, true);
                break;
            }
        }
        if lies && whole && chain.is_empty() && !from_client {
            s.server_chain_unreadable = true;
        }
        if lies && whole {
            notes.push(Anomaly::CertificateInvalidLength);
        }
        if lies && whole || unreadable {
            notes.push(Anomaly::InvalidHandshakeMessage);
        }
        for note in notes {
            self.note(note);
        }
    }

    /// CertificateStatus of TLS 1.2 and older: one OCSP answer (RFC 6066 §8), or one for each certificate, the leaf's first (RFC 6961 §2.2).
    fn certificate_status(&mut self, body: &[u8]) {
        self.sent_by_server();
        let mut r = Reader::new(body);
        let (answer, others) = match r.u8() {
            Some(1) => (r.vec24(), Reader::new(&[])),
            Some(2) => {
                let mut list = Reader::new(r.vec24().unwrap_or_default());
                (list.vec24(), list)
            }
            _ => (None, Reader::new(&[])),
        };
        let Some(answer) = answer else { return self.note(Anomaly::InvalidHandshakeMessage) };
        if self.session.ocsp_answer.is_none() && self.session.issuer_ocsp_answers.is_empty() {
            let kept =
                |answer: &[u8]| -> Box<[u8]> { if answer.len() <= Session::LONGEST_OCSP { answer.into() } else { [].into() } };
            // In a list an empty one says that there is none.
            let listed = |answer: &[u8]| (!answer.is_empty()).then(|| kept(answer));
            self.session.ocsp_answer = if body.first() == Some(&1) { Some(kept(answer)) } else { listed(answer) };
            let mut others = others;
            self.session.issuer_ocsp_answers =
                std::iter::from_fn(|| others.vec24()).take(Session::MOST_ISSUER_OCSP).map(listed).collect();
        }
    }

    fn server_key_exchange(&mut self, body: &[u8]) {
        self.sent_by_server();
        self.session.server_key_exchange = true;
        let chosen = self.session.server_hello.as_ref();
        let (suite, version) = chosen.map_or((0, None), |hello| (hello.cipher_suite, Some(hello.version())));
        let read = ServerKeyExchange::read(body, suite, version);
        self.session.server_key_exchange_group = read.group;
        self.session.server_explicit_curve = read.explicit_curve;
        self.session.server_dh = read.dh;
        self.session.server_signature_scheme = read.signature_scheme;
    }

    fn alert(&mut self, level: u8, description: u8) {
        if !(1..=2).contains(&level) {
            self.note(Anomaly::InvalidAlert);
        } else if self.session.alerts.len() < MOST_ALERTS {
            let from_client = self.is_client();
            self.session.alerts.push(Alert { from_client, level, description });
        }
    }

    /// RFC 6520 §4: a payload and at least 16 bytes of padding follow the type and the length.
    fn heartbeat(&mut self, heartbeat: Heartbeat) {
        let Heartbeat { typ, claimed, record } = heartbeat;
        let needs = usize::from(claimed).saturating_add(HEARTBEAT_HEADER);
        let overflows = record >= HEARTBEAT_HEADER && needs > record;
        self.note(Anomaly::HeartbeatMessage);
        if overflows {
            self.note(Anomaly::OverflowHeartbeat);
        } else if !(1..=2).contains(&typ) || needs.saturating_add(HEARTBEAT_PADDING) > record {
            self.note(Anomaly::InvalidHeartbeat);
        }
        let asked = *self.heartbeats.get(self.direction.reverse());
        if typ == 2 && asked > 0 && record > asked {
            self.note(Anomaly::HeartbeatLeak);
        }
        if typ == 1 {
            let longest = self.heartbeats.get_mut(self.direction);
            *longest = record.max(*longest);
        }
    }

    /// Early data goes between the client's hellos; it does not end the handshake (RFC 8446 §2.3).
    pub fn is_early_data(&self) -> bool {
        let s = &*self.session;
        self.is_client() && s.server_hello.is_none() && s.client_hello.as_ref().is_some_and(|h| h.early_data)
    }
}

/// Bytes of a ClientHello's version and random.
const RANDOM_ENDS: u32 = 34;

const HEARTBEAT_HEADER: usize = 3;

const HEARTBEAT_PADDING: usize = 16;

/// Certificates of a list that are read: more than any chain has, and few enough that a list of nothing but lengths cannot make
/// hundreds of megabytes of itself.
const MOST_CERTIFICATES: usize = 256;

/// Warnings can be repeated without end; these are enough to see.
const MOST_ALERTS: usize = 8;
