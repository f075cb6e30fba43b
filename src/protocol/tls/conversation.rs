//! Both directions of a TLS conversation joined into one [`Session`].

use super::half::{Half, Item, is_message_type};
use super::session::{Alert, Anomaly, Notes, Stage, View};
use super::{ClientHello, ProtocolVersion, ServerHello, Session};
use crate::base::Reader;
use crate::flow::{Direction, Pair};
use crate::protocol::fingerprint::{self, Transport};
use crate::protocol::x509::CertificateCache;

/// A TLS conversation in the making: give it each direction's bytes in order.
#[derive(Debug)]
pub struct Conversation {
    halves: Pair<Half>,
    views: Pair<View>,
    session: Session,
    client: Option<Direction>,
    is_tls: bool,
    news: u32,
    longest_message: usize,
}

impl Conversation {
    /// A conversation of which nothing is known yet. `longest_message` bounds one handshake message in bytes.
    pub fn new(longest_message: usize) -> Self {
        Self {
            halves: Pair::default(),
            views: Pair::default(),
            session: Session::default(),
            client: None,
            is_tls: false,
            news: 0,
            longest_message,
        }
    }

    /// Reads `bytes`, all that `direction` has and that was not consumed yet, and answers how many it consumed. The rest is to
    /// be given again, with more behind it.
    pub fn data(&mut self, direction: Direction, bytes: &[u8], certificates: &mut CertificateCache) -> usize {
        self.views.get_mut(direction).seen = true;
        let mut consumed = 0_usize;
        while let Some(rest) = bytes.get(consumed..) {
            let (n, item) = self.halves.get_mut(direction).step(rest, self.longest_message);
            consumed = consumed.saturating_add(n);
            let mut cx = Meaning {
                session: &mut self.session,
                client: &mut self.client,
                is_tls: &mut self.is_tls,
                after_gap: self.views.get(direction).gaps > 0,
                direction,
                certificates,
            };
            if !matches!(item, Item::Wait | Item::Passed) {
                self.news = self.news.wrapping_add(1);
            }
            match item {
                Item::Wait => break,
                Item::ApplicationData => {
                    if !cx.is_early_data() {
                        self.go_dark(direction);
                    }
                }
                Item::Dark => self.go_dark(direction),
                Item::Begins => self.begin(direction),
                other => cx.take(other),
            }
        }
        self.update_stage();
        consumed
    }

    /// A number that changes whenever there is something new to know.
    pub fn news(&self) -> u32 {
        self.news.wrapping_add(u32::from(self.began_otherwise()))
    }

    /// `lost` bytes of `direction` are missing after `tail`, which is what was not consumed.
    pub fn gap(&mut self, direction: Direction, tail: &[u8], lost: u64, certificates: &mut CertificateCache) {
        let view = self.views.get_mut(direction);
        view.gap_bytes = view.gap_bytes.saturating_add(lost);
        view.gaps = view.gaps.saturating_add(1);
        self.lose(direction, certificates, |half| half.gap(tail, lost));
    }

    /// `direction` ends here; `tail` was not consumed.
    pub fn end(&mut self, direction: Direction, tail: &[u8], certificates: &mut CertificateCache) {
        self.lose(direction, certificates, |half| half.end(tail));
        self.halves.get_mut(direction).finish();
    }

    fn lose<'a>(
        &'a mut self,
        direction: Direction,
        certificates: &mut CertificateCache,
        f: impl FnOnce(&'a mut Half) -> Option<Item<'a>>,
    ) {
        self.news = self.news.wrapping_add(1);
        let Some(item) = f(self.halves.get_mut(direction)) else { return };
        let view = self.views.get_mut(direction);
        view.truncated_messages = view.truncated_messages.saturating_add(1);
        Meaning {
            session: &mut self.session,
            client: &mut self.client,
            is_tls: &mut self.is_tls,
            after_gap: view.gaps > 0,
            direction,
            certificates,
        }
        .take(item);
    }

    /// `direction` turned out to begin earlier than it seemed: all of it will be given again.
    pub fn restart(&mut self, direction: Direction) {
        *self.halves.get_mut(direction) = Half::default();
    }

    /// Whether TLS was found in `direction`, so that it need not be searched for any more.
    pub fn has_begun(&self, direction: Direction) -> bool {
        self.halves.get(direction).has_begun()
    }

    /// Reads no more of `direction`, whose limits are reached.
    pub fn give_up(&mut self, direction: Direction) {
        self.views.get_mut(direction).degraded = true;
        self.halves.get_mut(direction).finish();
        self.update_stage();
    }

    /// Whether nothing more is to be read of `direction`.
    pub fn is_over(&self, direction: Direction) -> bool {
        self.halves.get(direction).is_over()
    }

    /// Whether both directions were read as far as they can be.
    pub fn is_finished(&self) -> bool {
        self.is_over(Direction::AToB) && self.is_over(Direction::BToA)
    }

    /// Whether TLS was recognised.
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Whether a direction that was seen from its start did not begin with TLS.
    pub fn began_otherwise(&self) -> bool {
        [Direction::AToB, Direction::BToA].into_iter().any(|d| self.halves.get(d).began_otherwise && !self.views.get(d).midstream)
    }

    /// Whether there is anything to tell of the session: something of its handshake was seen, or its start was. The rest of one that
    /// was joined when it was dark already says nothing, and may be that of a session told before.
    pub fn is_worth_telling(&self) -> bool {
        let s = &self.session;
        let handshake = s.client_hello.is_some()
            || s.server_hello.is_some()
            || s.hello_retry_request.is_some()
            || !s.server_certificates.is_empty()
            || !s.client_certificates.is_empty()
            || !s.alerts.is_empty();
        let midstream = |d| !self.views.get(d).seen || self.views.get(d).midstream;
        handshake || !(midstream(Direction::AToB) && midstream(Direction::BToA))
    }

    /// Which direction is the client's, by who sent which hello.
    pub const fn client(&self) -> Option<Direction> {
        self.client
    }

    /// How far it has come.
    pub const fn stage(&self) -> Stage {
        self.session.stage
    }

    /// How whole the view of `direction` is.
    pub fn view_mut(&mut self, direction: Direction) -> &mut View {
        self.views.get_mut(direction)
    }

    /// Notes an anomaly of the transport.
    pub fn note(&mut self, anomaly: Anomaly) {
        self.session.note(anomaly);
    }

    /// The session as far as it is known; `client` tells the direction of the client where the hellos did not.
    pub fn session(&mut self, client: Direction) -> &Session {
        let client = self.client.unwrap_or(client);
        for (direction, view) in [(client, &mut self.session.client_view), (client.reverse(), &mut self.session.server_view)] {
            *view = *self.views.get(direction);
            view.skipped_bytes = self.halves.get(direction).skipped;
        }
        &self.session
    }

    /// Marks the flow as ended.
    pub fn close(&mut self) {
        self.session.stage = Stage::Closed;
    }

    fn begin(&mut self, direction: Direction) {
        self.is_tls = true;
        if self.halves.get(direction).began_otherwise && !self.views.get(direction).midstream {
            self.session.note(Anomaly::JunkBeforeTls);
        }
    }

    fn go_dark(&mut self, direction: Direction) {
        self.is_tls = true;
        self.views.get_mut(direction).dark = true;
        self.halves.get_mut(direction).finish();
    }

    fn update_stage(&mut self) {
        let s = &mut self.session;
        let complete_server_hello = s.server_hello.as_ref().is_some_and(|h| h.complete);
        let stage = if self.views.get(Direction::AToB).dark && self.views.get(Direction::BToA).dark {
            Stage::Dark
        } else if !s.server_certificates.is_empty() {
            Stage::Certificates
        } else if complete_server_hello {
            Stage::ServerHello
        } else if s.client_hello.as_ref().is_some_and(|h| h.complete) {
            Stage::ClientHello
        } else {
            Stage::Start
        };
        s.stage = s.stage.max(stage);
    }
}

/// What items mean for the session.
struct Meaning<'a> {
    session: &'a mut Session,
    client: &'a mut Option<Direction>,
    is_tls: &'a mut bool,
    /// Bytes of this direction are missing before the item.
    after_gap: bool,
    direction: Direction,
    certificates: &'a mut CertificateCache,
}

impl Meaning<'_> {
    fn take(&mut self, item: Item<'_>) {
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
            Item::Heartbeat { overflows } => {
                self.session.note(Anomaly::HeartbeatMessage);
                if overflows {
                    self.session.note(Anomaly::OverflowHeartbeat);
                }
            }
            Item::Bad(anomaly) => self.session.note(anomaly),
            Item::Wait | Item::Passed | Item::Begins | Item::ApplicationData | Item::Dark | Item::NotTls => {}
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
            4 => self.session.new_session_ticket = true,
            11 => self.certificate(body, whole),
            12 => self.server_key_exchange(body),
            13 => self.session.certificate_requested = true,
            // HelloRequest, EndOfEarlyData, EncryptedExtensions, ServerHelloDone, CertificateVerify, ClientKeyExchange, Finished,
            // CertificateURL, CertificateStatus, KeyUpdate, CompressedCertificate, NextProtocol: nothing of theirs is kept.
            known if is_message_type(known) => {}
            _ => self.session.note(Anomaly::InvalidHandshakeMessage),
        }
    }

    fn client_hello(&mut self, hello: ClientHello, notes: Notes) {
        self.client.get_or_insert(self.direction);
        for note in notes {
            self.session.note(note);
        }
        let s = &mut *self.session;
        if s.client_hello.is_none() {
            s.client_fingerprints = Some(fingerprint::client(&hello, Transport::Tcp));
            s.client_hello = Some(hello);
        } else if s.second_client_hello.is_none() && s.server_hello.is_none() {
            s.second_client_hello = Some(hello);
        } else {
            s.renegotiations = s.renegotiations.saturating_add(1);
        }
    }

    fn server_hello(&mut self, hello: ServerHello, notes: Notes) {
        self.client.get_or_insert(self.direction.reverse());
        for note in notes {
            self.session.note(note);
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
            s.note(Anomaly::UnofferedChoice);
        }
        if hello.is_hello_retry_request() {
            if s.hello_retry_request.is_none() {
                s.server_fingerprints = Some(fingerprint::server(&hello, Transport::Tcp));
                s.hello_retry_request = Some(hello);
            }
            return;
        }
        s.server_fingerprints = Some(fingerprint::server(&hello, Transport::Tcp));
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
        self.client.get_or_insert(self.direction.reverse());
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
        let from_client = *self.client == Some(self.direction);
        let s = &mut *self.session;
        let (chain, truncated) = match from_client {
            true => (&mut s.client_certificates, &mut s.client_chain_truncated),
            false => (&mut s.server_certificates, &mut s.server_chain_truncated),
        };
        if !chain.is_empty() {
            return; // renegotiation: the first chain stands
        }
        *truncated = !whole || self.after_gap;
        let mut r = Reader::new(body);
        let list_length = r.u24();
        let mut list = r;
        let mut bad = list_length.is_none_or(|n| usize::try_from(n).ok() != Some(list.len())) && whole;
        while !list.is_empty() {
            let Some(der) = list.vec24() else {
                bad |= whole;
                break;
            };
            let certificate = self.certificates.get_or_parse(der);
            bad |= certificate.facts.is_none();
            chain.push(certificate);
        }
        if bad {
            self.session.note(Anomaly::InvalidCertificate);
        }
    }

    /// ServerKeyExchange of an elliptic-curve suite: curve type named_curve, then the group (RFC 8422 §5.4).
    fn server_key_exchange(&mut self, body: &[u8]) {
        let suite = self.session.server_hello.as_ref().map_or(0, |h| h.cipher_suite);
        let is_ec = tls_parser::TlsCipherSuite::from_id(suite)
            .is_some_and(|c| matches!(c.kx, tls_parser::TlsCipherKx::Ecdhe | tls_parser::TlsCipherKx::Ecdh));
        let mut r = Reader::new(body);
        if is_ec && r.u8() == Some(3) {
            self.session.server_key_exchange_group = r.u16();
        }
    }

    fn alert(&mut self, level: u8, description: u8) {
        if !(1..=2).contains(&level) {
            self.session.note(Anomaly::InvalidAlert);
        } else if self.session.alerts.len() < MOST_ALERTS {
            let from_client = *self.client == Some(self.direction);
            self.session.alerts.push(Alert { from_client, level, description });
        }
    }

    /// Early data goes between the client's hellos; it does not end the handshake (RFC 8446 §2.3).
    fn is_early_data(&self) -> bool {
        let s = &*self.session;
        *self.client == Some(self.direction) && s.server_hello.is_none() && s.client_hello.as_ref().is_some_and(|h| h.early_data)
    }
}

/// Warnings can be repeated without end; these are enough to see.
const MOST_ALERTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::build::{ClientHelloBuilder, certificate, message, record, records, server_hello};
    use super::*;

    const CLIENT: Direction = Direction::AToB;
    const SERVER: Direction = Direction::BToA;

    /// Feeds `bytes` in pieces of `size`, as a stream would.
    fn feed(conversation: &mut Conversation, direction: Direction, bytes: &[u8], size: usize) {
        let mut cache = CertificateCache::default();
        let mut read = 0;
        let mut end = 0;
        while end < bytes.len() {
            end = (end + size).min(bytes.len());
            read += conversation.data(direction, &bytes[read..end], &mut cache);
        }
    }

    fn hello() -> ClientHelloBuilder {
        ClientHelloBuilder::default().server_name(b"www.portcullis.example")
    }

    fn name(conversation: &mut Conversation) -> Option<String> {
        let hello = conversation.session(CLIENT).client_hello.as_ref()?;
        hello.server_name().map(|n| String::from_utf8(n.to_vec()).unwrap())
    }

    #[test]
    fn messages_are_the_same_however_they_are_cut() {
        let chain: [&[u8]; 2] = [&[0x30, 1, 0], &[0x30, 2, 0, 0]];
        let from_server = [server_hello(0xc02f, &[]), certificate(&chain), message(14, &[])].concat();
        for record_size in [1, 2, 3, 4, 5, 100, 16_384] {
            for piece in [1, 7, 10_000] {
                let mut c = Conversation::new(1 << 16);
                feed(&mut c, CLIENT, &records(&hello().message(), record_size), piece);
                assert_eq!(c.stage(), Stage::ClientHello, "records of {record_size}, pieces of {piece}");
                feed(&mut c, SERVER, &records(&from_server, record_size), piece);
                assert_eq!(name(&mut c).as_deref(), Some("www.portcullis.example"));
                assert_eq!(c.session(CLIENT).server_certificates.len(), 2);
                assert_eq!(c.stage(), Stage::Certificates);
            }
        }
    }

    #[test]
    fn junk_before_the_hello_is_passed_over_and_noted() {
        let mut c = Conversation::new(1 << 16);
        let bytes = [b"\x16\x03junk\x16\x16".to_vec(), records(&hello().message(), 16_384)].concat();
        feed(&mut c, CLIENT, &bytes, 5);
        assert_eq!(name(&mut c).as_deref(), Some("www.portcullis.example"));
        assert!(c.began_otherwise());
        assert_eq!(c.session(CLIENT).anomalies, [Anomaly::JunkBeforeTls]);
        assert_eq!(c.session(CLIENT).client_view.skipped_bytes, 8);
    }

    #[test]
    fn after_a_retry_the_first_hello_stands_and_the_second_is_kept() {
        let mut c = Conversation::new(1 << 16);
        let second = ClientHelloBuilder::default().server_name(b"other.example").message();
        let retry = [&[3, 3][..], &super::super::server_hello::HELLO_RETRY_REQUEST_RANDOM, b"\x00\x13\x01\x00\x00\x00"].concat();
        feed(&mut c, CLIENT, &records(&hello().message(), 16_384), 10_000);
        feed(&mut c, SERVER, &[records(&message(2, &retry), 16_384), record(20, &[1])].concat(), 10_000);
        feed(&mut c, CLIENT, &[record(20, &[1]), records(&second, 16_384)].concat(), 10_000);
        feed(&mut c, SERVER, &records(&server_hello(0x1301, &[0, 43, 0, 2, 3, 4]), 16_384), 10_000);
        let session = c.session(CLIENT);
        assert!(session.hello_retry_request.is_some() && session.server_hello.is_some());
        assert_eq!(session.second_client_hello.as_ref().unwrap().server_name(), Some(&b"other.example"[..]));
        assert_eq!(name(&mut c).as_deref(), Some("www.portcullis.example"));
    }

    #[test]
    fn each_side_goes_dark_where_encryption_begins() {
        let finished = [record(20, &[1]), record(22, &[0x5a; 40])].concat();
        let mut c = Conversation::new(1 << 16);
        feed(&mut c, CLIENT, &records(&hello().message(), 16_384), 10_000);
        feed(&mut c, SERVER, &[records(&server_hello(0xc02f, &[]), 16_384), finished.clone()].concat(), 10_000);
        assert!(c.is_over(SERVER) && !c.is_finished());
        feed(&mut c, CLIENT, &finished, 10_000);
        assert!(c.is_finished());
        assert_eq!(c.stage(), Stage::Dark);
    }

    #[test]
    fn a_lost_part_of_a_message_costs_that_message_only() {
        let mut cache = CertificateCache::default();
        let mut c = Conversation::new(1 << 16);
        let bytes = records(&[certificate(&[&[0x30, 1, 0], &[0x30; 500]]), server_hello(0xc02f, &[])].concat(), 16_384);
        let (before, after) = (&bytes[..50], &bytes[250..]);
        let read = c.data(SERVER, before, &mut cache);
        c.gap(SERVER, &before[read..], 200, &mut cache);
        c.data(SERVER, after, &mut cache);
        let session = c.session(CLIENT);
        assert_eq!(session.server_certificates.len(), 1);
        assert!(session.server_chain_truncated && session.server_hello.is_some());
        assert_eq!((session.server_view.gaps, session.server_view.gap_bytes, session.server_view.truncated_messages), (1, 200, 1));
    }

    #[test]
    fn alerts_and_heartbeats_in_the_clear_are_noted() {
        let mut c = Conversation::new(1 << 16);
        feed(&mut c, CLIENT, &records(&hello().message(), 16_384), 10_000);
        feed(&mut c, CLIENT, &record(24, &[1, 0x40, 0]), 10_000);
        feed(&mut c, SERVER, &record(21, &[2, 40]), 10_000);
        let session = c.session(CLIENT);
        assert_eq!(session.alerts, [Alert { from_client: false, level: 2, description: 40 }]);
        assert_eq!(session.anomalies, [Anomaly::HeartbeatMessage, Anomaly::OverflowHeartbeat]);
    }

    #[test]
    fn a_message_longer_than_the_limit_is_passed_over() {
        let mut c = Conversation::new(1_000);
        let bytes = records(&[message(11, &[0; 5_000]), server_hello(0xc02f, &[])].concat(), 16_384);
        feed(&mut c, SERVER, &bytes, 700);
        assert!(c.session(CLIENT).server_hello.is_some());
        assert_eq!(c.session(CLIENT).anomalies, [Anomaly::HandshakeInvalidLength]);
    }
}
