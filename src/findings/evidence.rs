//! What findings are judged by: a session, and the moment.

use std::cell::OnceCell;
use std::sync::Arc;

use super::hosts::Name;
use super::issuers::{self, Maker};
use super::suites::Traits;
use crate::protocol::opening::Spoken;
use crate::protocol::tls::session::{Anomaly, Openings};
use crate::protocol::tls::{ClientHello, ProtocolVersion, ServerHello, Session, extension};
use crate::protocol::x509::{Certificate, CrlFault, Facts, Status, Time};

/// A session at a moment of packet time.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// What is known of it.
    pub session: &'a Session,
    /// When it is judged.
    pub now: Time,
    /// Packets from both sides were seen.
    pub two_sided: bool,
    /// It is on a port of TLS, so that it is to be told of where it is something else.
    pub expects_tls: bool,
    version: Option<ProtocolVersion>,
    offered: OnceCell<Traits>,
    name: OnceCell<Name>,
    maker: OnceCell<Option<Maker>>,
}

impl<'a> Evidence<'a> {
    /// That of `session` at `now`, on a port of TLS.
    pub fn new(session: &'a Session, now: Time, two_sided: bool) -> Self {
        let version = session.version();
        let (offered, name, maker) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { session, now, two_sided, expects_tls: true, version, offered, name, maker }
    }

    /// TLS was recognised.
    pub(super) fn is_tls(&self) -> bool {
        let session = self.session;
        session.is_tls || session.client_hello.is_some() || session.server_hello.is_some()
    }

    pub(super) fn has_certificates(&self) -> bool {
        !self.session.server_certificates.is_empty() || !self.session.client_certificates.is_empty()
    }

    pub(super) fn has_alerts(&self) -> bool {
        !self.session.alerts.is_empty()
    }

    pub(super) fn has_client_hello(&self) -> bool {
        self.session.client_hello.is_some()
    }

    /// It is not TLS where that is expected, or one side's answer is not.
    pub(super) fn may_be_other(&self) -> bool {
        if self.is_tls() { self.session.openings.is_some() } else { self.expects_tls }
    }

    /// Why a revocation list does not count that is in the name of an issuer of the server's.
    pub(super) fn useless_crl_is(&self, fault: CrlFault) -> bool {
        self.session.server_trust.as_ref().is_some_and(|trust| trust.useless_crl == Some(fault))
    }

    /// The version that the server chose.
    pub(super) const fn version(&self) -> Option<ProtocolVersion> {
        self.version
    }

    /// Whether the server chose SSL 3.0 to TLS 1.2.
    pub(super) fn is_before_tls13(&self) -> bool {
        self.version.is_some_and(|v| (ProtocolVersion::SSL3..=ProtocolVersion::TLS1_2).contains(&v))
    }

    pub(super) fn is_tls13(&self) -> bool {
        self.version.is_some_and(ProtocolVersion::is_tls13)
    }

    /// The first ClientHello.
    pub(super) fn hello(&self) -> Option<&'a ClientHello> {
        self.session.client_hello.as_ref()
    }

    /// The first ClientHello, where all of it was read: for what it leaves out.
    pub(super) fn whole_hello(&self) -> Option<&'a ClientHello> {
        self.hello().filter(|hello| hello.complete)
    }

    /// The ServerHello that settled the session.
    pub(super) fn answer(&self) -> Option<&'a ServerHello> {
        self.session.server_hello.as_ref()
    }

    /// The ServerHello, where all of it was read.
    pub(super) fn whole_answer(&self) -> Option<&'a ServerHello> {
        self.answer().filter(|hello| hello.complete)
    }

    /// What the suite is that the server chose.
    pub(super) fn chosen(&self) -> Traits {
        self.answer()
            .filter(|_| self.version != Some(ProtocolVersion::SSL2))
            .map_or(Traits::default(), |sh| Traits::of(sh.cipher_suite))
    }

    /// What any of the suites is that the client offers.
    pub(super) fn offered(&self) -> Traits {
        *self.offered.get_or_init(|| {
            let suites = self.hello().map(|hello| hello.cipher_suites.as_slice()).unwrap_or_default();
            suites.iter().fold(Traits::default(), |all, suite| all.and(Traits::of(*suite)))
        })
    }

    /// Whether the client offers TLS 1.3, by supported_versions.
    pub(super) fn offers_tls13(&self) -> bool {
        self.hello().is_some_and(|hello| hello.supported_versions.iter().any(|v| ProtocolVersion(*v).is_tls13()))
    }

    /// Whether both hellos have the extension; by the ServerHello alone where the client's is not seen to its end.
    pub(super) fn agreed(&self, typ: u16) -> bool {
        self.hello().is_none_or(|hello| hello.cut || hello.has_extension(typ)) && self.answers(typ)
    }

    /// Whether the ServerHello has the extension.
    pub(super) fn answers(&self, typ: u16) -> bool {
        self.answer().is_some_and(|hello| hello.extensions.iter().any(|e| e.typ == typ))
    }

    /// A whole handshake of TLS 1.2 or older, as against one that resumes.
    pub(super) fn is_full_handshake(&self) -> bool {
        self.is_before_tls13() && self.session.resumption().is_none()
    }

    /// The server's certificates.
    pub(super) fn chain(&self) -> &'a [Arc<Certificate>] {
        &self.session.server_certificates
    }

    /// What the server's own certificate says.
    pub(super) fn leaf(&self) -> Option<&'a Facts> {
        self.chain().first()?.facts.as_ref()
    }

    /// Whether `maker` made the server's certificate.
    pub(super) fn made_by(&self, maker: Maker) -> bool {
        *self.maker.get_or_init(|| self.leaf().and_then(issuers::maker)) == Some(maker)
    }

    /// Whether `status` is among what is wrong with the server's chain.
    pub(super) fn server_chain_is(&self, status: Status) -> bool {
        self.session.server_trust.as_ref().is_some_and(|trust| trust.problems.contains(status))
    }

    /// The server name asked for.
    pub(super) fn server_name(&self) -> Option<&'a [u8]> {
        self.hello()?.server_name()
    }

    /// What that is made of; nothing where there is none.
    pub(super) fn name(&self) -> Name {
        *self.name.get_or_init(|| self.server_name().map(Name::of).unwrap_or_default())
    }

    pub(super) fn has_anomaly(&self, anomaly: Anomaly) -> bool {
        self.session.anomalies.contains(&anomaly)
    }

    /// Whether an alert was sent, by anyone.
    pub(super) fn alerted(&self, description: u8) -> bool {
        self.session.alerts.iter().any(|alert| alert.description == description)
    }

    pub(super) fn client_alerted(&self, description: u8) -> bool {
        self.session.alerts.iter().any(|alert| alert.from_client && alert.description == description)
    }

    pub(super) fn server_alerted(&self, description: u8) -> bool {
        self.session.alerts.iter().any(|alert| !alert.from_client && alert.description == description)
    }

    /// The flow is over, by itself.
    pub(super) fn is_closed(&self) -> bool {
        self.session.ended && !self.session.dropped
    }

    /// Whether a flow that is not TLS speaks `spoken`, by what both sides began with.
    pub(super) fn speaks(&self, spoken: Spoken) -> bool {
        !self.is_tls() && self.session.openings.as_deref().and_then(Openings::spoken) == Some(spoken)
    }

    /// Whether the client of a flow that is not TLS began with `spoken`.
    pub(super) fn client_speaks(&self, spoken: Spoken) -> bool {
        !self.is_tls() && self.session.openings.as_ref().is_some_and(|openings| openings.client.spoken() == Some(spoken))
    }

    /// Whether the client signals by extension or SCSV that it knows secure renegotiation (RFC 5746 §3.4).
    pub(super) fn knows_secure_renegotiation(&self) -> bool {
        self.hello().is_some_and(|hello| {
            hello.has_extension(extension::RENEGOTIATION_INFO) || hello.cipher_suites.contains(&EMPTY_RENEGOTIATION_INFO_SCSV)
        })
    }
}

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 §3.3).
const EMPTY_RENEGOTIATION_INFO_SCSV: u16 = 0x00ff;
