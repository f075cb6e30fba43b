//! Both directions of a TLS conversation joined into one [`Session`].

mod meaning;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use meaning::Meaning;

use super::half::{Half, Item};
use super::sealed::Requests;
use super::session::{Alert, Anomaly, Compared, Openings, Stage, View};
use super::{Session, extension};
use crate::base::Timestamp;
use crate::flow::{Direction, Pair};
use crate::protocol::opening::{Opening, Spoken};
use crate::protocol::x509::{CertificateCache, Evidence, Validation};

/// A TLS conversation in the making: give it each direction's bytes in order.
#[derive(Debug)]
pub struct Conversation {
    halves: Pair<Half>,
    views: Pair<View>,
    session: Session,
    roles: Roles,
    is_tls: bool,
    /// A hello of each direction was seen.
    greeted: Pair<bool>,
    /// The longest request for a heartbeat of each direction: its record's length in bytes.
    heartbeats: Pair<usize>,
    /// Heartbeats after encryption began.
    sealed: Requests,
    /// Encrypted bytes that were looked through for them, in both directions.
    watched: u32,
    news: u32,
    longest_message: usize,
    /// When the packet came that is being read.
    now: Timestamp,
    /// When the first ClientHello was whole.
    first_hello: Timestamp,
}

/// Which direction is the client's.
#[derive(Clone, Copy, Debug)]
struct Roles {
    client: Direction,
    /// What was sent tells; before, it is a guess.
    known: bool,
}

impl Conversation {
    /// A conversation of which nothing is known yet. `client` is the client's direction as far as can be guessed, which counts until a
    /// message tells; `longest_message` bounds one handshake message in bytes.
    pub fn new(client: Direction, longest_message: usize) -> Self {
        Self {
            halves: Pair::default(),
            views: Pair::default(),
            session: Session::default(),
            roles: Roles { client, known: false },
            is_tls: false,
            greeted: Pair::default(),
            heartbeats: Pair::default(),
            sealed: Requests::default(),
            watched: 0,
            news: 0,
            longest_message,
            now: Timestamp::ZERO,
            first_hello: Timestamp::ZERO,
        }
    }

    /// What is read from now on comes with a packet of this time.
    pub const fn set_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Reads `bytes`, all that `direction` has and that was not consumed yet, and answers how many it consumed. The rest is to
    /// be given again, with more behind it.
    pub fn data(&mut self, direction: Direction, bytes: &[u8], certificates: &mut CertificateCache) -> usize {
        self.views.get_mut(direction).seen = true;
        let start = self.halves.get(direction).skipped;
        let mut consumed = 0_usize;
        while let Some(rest) = bytes.get(consumed..) {
            let view = self.views.get_mut(direction);
            let is_first = !view.midstream && view.gaps == 0 && !*self.greeted.get(direction);
            let half = self.halves.get_mut(direction);
            let is_watching = half.is_watching();
            let (n, item) = half.step(rest, self.longest_message, is_first);
            if is_watching {
                self.watched = self.watched.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
            }
            *self.greeted.get_mut(direction) |= item.is_hello();
            consumed = consumed.saturating_add(n);
            let mut cx = Meaning {
                session: &mut self.session,
                roles: &mut self.roles,
                is_tls: &mut self.is_tls,
                heartbeats: &mut self.heartbeats,
                view,
                direction,
                certificates,
                now: self.now,
                first_hello: &mut self.first_hello,
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
                Item::SealedHeartbeat(length) => {
                    if self.sealed.take(direction, length) {
                        self.note(direction, Anomaly::HeartbeatLeak);
                    }
                }
                other => cx.take(other),
            }
        }
        self.bound_watch();
        if self.halves.get(direction).is_opening() {
            self.take_opening(direction, bytes, start);
        }
        self.update_stage();
        consumed
    }

    /// Keeps what a direction begins with that is not TLS: of `bytes`, the first of which is the `start`th that it sent, those that were passed
    /// over. The others may yet be the beginning of TLS.
    fn take_opening(&mut self, direction: Direction, bytes: &[u8], start: u64) {
        let half = self.halves.get(direction);
        if self.views.get(direction).midstream {
            return;
        }
        // What is passed over behind the first records is none of it.
        let before = half.skipped_before();
        let passed = usize::try_from(before.unwrap_or(half.skipped).saturating_sub(start)).unwrap_or(usize::MAX);
        let (start, ends) = (usize::try_from(start).unwrap_or(usize::MAX), before.is_some() || half.is_over());
        let answers = self.answers_greeting(direction);
        let opening = self.opening(direction);
        let told = opening.take(bytes.get(..passed).unwrap_or(bytes), start, answers);
        if told || (ends && opening.end()) {
            self.news = self.news.wrapping_add(1);
        }
        // What the client has said before it was read may be an answer.
        if told && self.answers_greeting(direction.reverse()) {
            self.opening(direction.reverse()).take(&[], 0, true);
        }
    }

    /// Whether `direction` is the client's, and the server's greeting does not tell what it speaks.
    fn answers_greeting(&self, direction: Direction) -> bool {
        let greeting = |openings: &Openings| openings.server.spoken() == Some(Spoken::Greeting);
        self.roles.client == direction && self.session.openings.as_deref().is_some_and(greeting)
    }

    fn opening(&mut self, direction: Direction) -> &mut Opening {
        let openings = self.session.openings.get_or_insert_default();
        if self.roles.client == direction { &mut openings.client } else { &mut openings.server }
    }

    /// No more of what `direction` began with is to come behind `tail`, which was not consumed.
    fn end_opening(&mut self, direction: Direction, tail: &[u8]) {
        let half = self.halves.get(direction);
        let (is_opening, start) = (half.is_opening() && half.skipped_before().is_none(), half.skipped);
        if self.session.openings.is_none() {
            return;
        }
        let answers = self.answers_greeting(direction);
        let opening = self.opening(direction);
        let told = is_opening && opening.take(tail, usize::try_from(start).unwrap_or(usize::MAX), answers);
        if opening.end() || told {
            self.news = self.news.wrapping_add(1);
        }
    }

    /// A number that changes whenever there is something new to know.
    pub fn news(&self) -> u32 {
        self.news.wrapping_add(u32::from(self.began_otherwise()))
    }

    /// `lost` bytes of `direction` are missing after `tail`, which is what was not consumed.
    pub fn gap(&mut self, direction: Direction, tail: &[u8], lost: u64, certificates: &mut CertificateCache) {
        if self.halves.get(direction).is_watching() {
            self.halves.get_mut(direction).finish();
            self.bound_watch();
            return; // nothing of the handshake is missing
        }
        let view = self.views.get_mut(direction);
        view.gap_bytes = view.gap_bytes.saturating_add(lost);
        view.gaps = view.gaps.saturating_add(1);
        self.end_opening(direction, tail);
        self.lose(direction, certificates, |half| half.gap(tail, lost));
        self.update_stage();
    }

    /// `direction` ends here; `tail` was not consumed.
    pub fn end(&mut self, direction: Direction, tail: &[u8], certificates: &mut CertificateCache) {
        self.end_opening(direction, tail);
        self.lose(direction, certificates, |half| half.end(tail));
        self.halves.get_mut(direction).finish();
        self.update_stage();
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
            roles: &mut self.roles,
            is_tls: &mut self.is_tls,
            heartbeats: &mut self.heartbeats,
            view,
            direction,
            certificates,
            now: self.now,
            first_hello: &mut self.first_hello,
        }
        .take(item);
    }

    /// `direction` turned out to begin earlier than it seemed: all of it will be given again, so that what it said is forgotten.
    pub fn restart(&mut self, direction: Direction) {
        *self.halves.get_mut(direction) = Half::default();
        *self.heartbeats.get_mut(direction) = 0;
        *self.greeted.get_mut(direction) = false;
        self.session.forget(direction == self.roles.client);
        self.news = self.news.wrapping_add(1);
    }

    /// Whether a hello was read from `direction`.
    pub const fn is_greeted(&self, direction: Direction) -> bool {
        *self.greeted.get(direction)
    }

    /// Whether TLS was found in `direction`, so that it need not be searched for any more.
    pub fn has_begun(&self, direction: Direction) -> bool {
        self.halves.get(direction).has_begun()
    }

    /// Reads no more of `direction`, whose limits are reached.
    pub fn give_up(&mut self, direction: Direction) {
        self.news = self.news.wrapping_add(1);
        self.views.get_mut(direction).degraded |= !self.halves.get(direction).is_watching();
        self.end_opening(direction, &[]);
        self.halves.get_mut(direction).finish();
        self.update_stage();
    }

    /// Whether nothing more is to be read of `direction`.
    pub fn is_over(&self, direction: Direction) -> bool {
        self.halves.get(direction).is_over()
    }

    /// Whether `direction` is dark, and only watched for heartbeats.
    pub fn is_watching(&self, direction: Direction) -> bool {
        self.halves.get(direction).is_watching()
    }

    /// Whether `direction` ends within a message, so that what it says can only be judged once more has come; `unread` bytes of it were
    /// not consumed.
    pub fn awaits_more(&self, direction: Direction, unread: usize) -> bool {
        self.halves.get(direction).awaits_more(unread, !self.views.get(direction).midstream)
    }

    /// Whether the client's second hello asks for another name than its first, which RFC 8446 §4.1.2 does not allow.
    pub fn changed_name(&self) -> bool {
        let s = &self.session;
        s.client_hello.as_ref().zip(s.second_client_hello.as_ref()).is_some_and(|(a, b)| a.server_name() != b.server_name())
    }

    /// Whether both directions were read as far as they can be.
    pub fn is_finished(&self) -> bool {
        self.is_over(Direction::AToB) && self.is_over(Direction::BToA)
    }

    /// Whether any payload of either direction was seen.
    pub fn is_seen(&self) -> bool {
        [Direction::AToB, Direction::BToA].into_iter().any(|d| self.views.get(d).seen)
    }

    /// Whether TLS was recognised.
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// What it speaks that does not begin with TLS, as far as that is known.
    pub fn spoken_otherwise(&self) -> Option<Spoken> {
        self.session.openings.as_deref()?.spoken()
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

    /// Which direction is the client's, by who sent what.
    pub fn client(&self) -> Option<Direction> {
        self.roles.known.then_some(self.roles.client)
    }

    /// How far it has come.
    pub const fn stage(&self) -> Stage {
        self.session.stage
    }

    /// How whole the view of `direction` is.
    pub fn view_mut(&mut self, direction: Direction) -> &mut View {
        self.views.get_mut(direction)
    }

    /// Notes an anomaly of what `direction` sent.
    pub fn note(&mut self, direction: Direction, anomaly: Anomaly) {
        self.news = self.news.wrapping_add(1);
        self.views.get_mut(direction).anomalies.insert(anomaly);
        self.session.note(anomaly);
    }

    /// The session as far as it is known; `client` tells the direction of the client where no message did.
    pub fn session(&mut self, client: Direction) -> &Session {
        let client = self.client().unwrap_or(client);
        self.session.is_tls = self.is_tls;
        for (direction, view) in [(client, &mut self.session.client_view), (client.reverse(), &mut self.session.server_view)] {
            *view = *self.views.get(direction);
            let half = self.halves.get(direction);
            (view.skipped_bytes, view.over) = (half.skipped, half.is_over() || half.is_watching());
        }
        &self.session
    }

    /// The session as far as it is known, but for how whole the view is.
    pub(super) const fn known(&self) -> &Session {
        &self.session
    }

    /// Bytes of memory that messages take which are cut over records, as far as they have come, and what each side began with as long
    /// as it is not known what that is.
    pub fn buffered(&self) -> usize {
        let messages = [Direction::AToB, Direction::BToA].map(|direction| self.halves.get(direction).buffered());
        let openings = self.session.openings.as_ref().map_or([0; 2], |both| [both.client.memory(), both.server.memory()]);
        messages.into_iter().chain(openings).fold(0, usize::saturating_add)
    }

    /// What the validation of the server's chain came to.
    pub fn set_server_trust(&mut self, verdict: Arc<Validation>) {
        self.session.server_trust = Some(verdict);
    }

    /// What the validation of the client's chain came to.
    pub fn set_client_trust(&mut self, verdict: Arc<Validation>) {
        self.session.client_trust = Some(verdict);
    }

    /// What came of the OCSP answer and the SCTs.
    pub fn set_server_evidence(&mut self, evidence: Option<Evidence>) {
        self.session.server_evidence = evidence.map(Box::new);
    }

    /// Whether a key of the server's certificates is on the list of those that are known.
    pub const fn set_server_key_listed(&mut self, is_listed: bool) {
        self.session.server_key_listed = Some(is_listed);
    }

    /// How what the server shows differs from earlier sessions.
    pub const fn set_compared(&mut self, compared: Compared) {
        self.session.compared = Some(compared);
    }

    /// The session's events are to carry the certificates themselves.
    pub const fn store_certificates(&mut self) {
        self.session.store_certificates = true;
    }

    /// Marks the session as ended: nothing more of it will be read. `closed` where its connection was seen to close.
    pub fn close(&mut self, closed: bool) {
        self.session.ended = true;
        if closed && self.session.stage < Stage::Dark {
            self.session.stage = Stage::Closed;
        }
    }

    /// Marks the session as ended by a verdict: nothing more of it is let through.
    pub const fn stop(&mut self) {
        (self.session.ended, self.session.dropped) = (true, true);
    }

    /// Whether `direction` sent an alert in the clear that ends the session: a fatal one, or close_notify (RFC 8446
    /// §6); and no other bytes in its place.
    pub fn sent_last_alert(&self, direction: Direction) -> bool {
        let from_client = direction == self.roles.client;
        let ends = |a: &Alert| a.from_client == from_client && (a.level == FATAL || a.description == CLOSE_NOTIFY);
        self.views.get(direction).conflicting_bytes == 0 && self.session.alerts.iter().any(ends)
    }

    fn begin(&mut self, direction: Direction) {
        self.is_tls = true;
        if self.halves.get(direction).began_otherwise && !self.views.get(direction).midstream {
            self.note(direction, Anomaly::JunkBeforeTls);
        }
    }

    fn go_dark(&mut self, direction: Direction) {
        self.is_tls = true;
        self.views.get_mut(direction).dark = true;
        let watches = self.agrees_on_heartbeats() && !self.halves.get(direction.reverse()).is_over();
        let half = self.halves.get_mut(direction);
        if watches { half.watch() } else { half.finish() }
    }

    /// Whether both hellos have the extension, in a version whose records show what they are (RFC 6520 §2).
    fn agrees_on_heartbeats(&self) -> bool {
        let (Some(client), Some(server)) = (&self.session.client_hello, &self.session.server_hello) else { return false };
        client.has_extension(extension::HEARTBEAT)
            && server.extensions.iter().any(|e| e.typ == extension::HEARTBEAT)
            && !server.version().is_tls13()
    }

    /// Ends the watch for heartbeats in both directions, once one cannot be watched any more or enough was looked through.
    fn bound_watch(&mut self) {
        let both = [Direction::AToB, Direction::BToA];
        if self.watched > MOST_WATCHED || both.into_iter().any(|d| self.is_over(d)) {
            for direction in both {
                let half = self.halves.get_mut(direction);
                if half.is_watching() {
                    half.finish();
                }
            }
        }
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

/// The level of an alert that ends the session, and the description of the one that does so as a matter of course.
const FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;

/// Encrypted bytes of a session that are looked through for heartbeats. Heartbleed is tried at once, with next to nothing before it; whoever
/// sends more first is not found out.
const MOST_WATCHED: u32 = 64 << 10;
