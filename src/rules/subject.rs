//! What rules are tried on.

use std::net::IpAddr;

use crate::base::Timestamp;
use crate::flow::Endpoint;
use crate::packet::Segment;
use crate::protocol::opening::Spoken;
use crate::protocol::tls::Session;
use crate::protocol::tls::session::Anomaly;

/// Which way a flow's bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowDirection {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}

impl FlowDirection {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ToServer, Self::ToClient];

    /// The other one.
    pub const fn reverse(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}

/// What carries a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// What a flow speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AppProto {
    /// Not known yet.
    #[default]
    Unknown,
    /// TLS or SSL.
    Tls,
    /// Neither TLS nor anything else that is recognised, as far as it is seen: Suricata's `failed`.
    NotTls,
    /// QUIC.
    Quic,
    /// What has a [name](Spoken::app_proto) in Suricata.
    Named(Spoken),
    /// TLS behind something else, where only what a rule accepts goes on: no rule may accept it as what it is, nor as what came before.
    Refused,
}

impl AppProto {
    /// What a flow speaks that begins with neither TLS nor QUIC, by what is known of its first bytes.
    pub fn otherwise(spoken: Option<Spoken>) -> Self {
        spoken.filter(|spoken| spoken.app_proto().is_some()).map_or(Self::NotTls, Self::Named)
    }

    /// Suricata's name. `None`: it is not known yet.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Tls => Some("tls"),
            Self::NotTls | Self::Refused => Some("failed"),
            Self::Quic => Some("quic"),
            Self::Named(spoken) => spoken.app_proto(),
        }
    }

    /// Whether it is known that it is not TLS.
    pub const fn is_other(self) -> bool {
        !matches!(self, Self::Unknown | Self::Tls)
    }
}

/// A flow as far as it has come: what rules are tried on.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What carries it.
    pub transport: Transport,
    /// The client's end.
    pub client: Endpoint,
    /// The server's end.
    pub server: Endpoint,
    /// The handshake of TCP was done before this packet, or the flow was joined in the middle. (The packet that ends the
    /// handshake is, as in Suricata, not of an established flow.) Of UDP: both sides sent something, with this packet.
    pub established: bool,
    /// What it speaks.
    pub app_proto: AppProto,
    /// What is known of its TLS session.
    pub session: Option<&'a Session>,
    /// It is on a port of TLS, so that it is found where it is something else.
    pub expects_tls: bool,
    /// The only direction that packets went in so far; `None` where both sides sent some.
    pub one_way: Option<FlowDirection>,
    /// The packet at hand. `None` where none is the cause: the flow ended.
    pub packet: Option<Packet<'a>>,
    /// Packet time.
    pub now: Timestamp,
}

/// A packet, as a part of its flow.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Which way it goes.
    pub direction: FlowDirection,
    /// Its header and payload.
    pub segment: Segment<'a>,
    /// What the flow has come to, this packet included.
    pub totals: Totals,
    /// What rules about payload look at.
    pub raw: Raw<'a>,
}

/// What a flow has come to: of the client, and of the server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// How far their sequence numbers have come since their SYNs. The SYN counts as one byte.
    pub reach: [u32; 2],
    /// Packets.
    pub packets: [u64; 2],
    /// Bytes of their frames.
    pub bytes: [u64; 2],
    /// Whole seconds since the flow's first packet.
    pub age: u64,
}

/// Bytes that rules look at without a buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw<'a> {
    /// The packet's payload; empty once its direction went dark before it.
    pub payload: &'a [u8],
    /// The stream that the packet is a part of, where it is read and kept.
    pub stream: Option<Chunk<'a>>,
}

/// The bytes of a stream in order, up to and with the newest.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The bytes that are kept.
    pub bytes: &'a [u8],
    /// How many came before them.
    pub start: u64,
}

impl Chunk<'_> {
    /// How many bytes the stream has.
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX))
    }
}

impl Subject<'_> {
    /// The addresses of who sends and who receives in `direction`.
    pub(super) const fn ends(&self, direction: FlowDirection) -> (IpAddr, IpAddr) {
        match direction {
            FlowDirection::ToServer => (self.client.ip, self.server.ip),
            FlowDirection::ToClient => (self.server.ip, self.client.ip),
        }
    }

    /// Its ends as source and destination of what goes in `direction`.
    pub(super) const fn endpoints(&self, direction: FlowDirection) -> (Endpoint, Endpoint) {
        match direction {
            FlowDirection::ToServer => (self.client, self.server),
            FlowDirection::ToClient => (self.server, self.client),
        }
    }
}

/// A set of kinds of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Facts(u64);

impl Facts {
    /// None.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(!0);
    /// A packet of the client's.
    pub const FROM_CLIENT: Self = Self(1);
    /// A packet of the server's.
    pub const FROM_SERVER: Self = Self(1 << 1);
    /// It is known what the flow speaks; where it is TLS, also its first hello (or that it ended without one).
    pub const DECIDED: Self = Self(1 << 2);
    /// The ClientHello.
    pub const CLIENT_HELLO: Self = Self(1 << 3);
    /// The ServerHello.
    pub const SERVER_HELLO: Self = Self(1 << 4);
    /// The server's certificates.
    pub const SERVER_CERTIFICATES: Self = Self(1 << 5);
    /// The client's certificates.
    pub const CLIENT_CERTIFICATES: Self = Self(1 << 6);
    /// The client's key exchange.
    pub const CLIENT_KEY_EXCHANGE: Self = Self(1 << 7);
    /// The server's key exchange.
    pub const SERVER_KEY_EXCHANGE: Self = Self(1 << 8);
    /// The HelloRetryRequest.
    pub const HELLO_RETRY: Self = Self(1 << 9);
    /// The group of the key exchange.
    pub const GROUP: Self = Self(1 << 10);
    /// An alert of the client's.
    pub const CLIENT_ALERT: Self = Self(1 << 11);
    /// An alert of the server's.
    pub const SERVER_ALERT: Self = Self(1 << 12);
    /// All that the server says in the clear; it went dark, or the flow ended.
    pub const SERVER_DARK: Self = Self(1 << 13);
    /// All that is said in the clear; both went dark, or the flow ended.
    pub const DARK: Self = Self(1 << 14);
    /// What a flow that is not TLS begins with; or it ended before that was known.
    pub const OPENING: Self = Self(1 << 15);
    /// It is known which protocol the flow speaks, TLS or another, or that it is none that is known.
    pub const NAMED: Self = Self(1 << 16);
    /// Those about what the flow speaks.
    pub(super) const OF_PROTOCOL: Self = Self(Self::DECIDED.0 | Self::OPENING.0 | Self::NAMED.0);
    /// All that come from a TLS session.
    pub const SESSION: Self = Self(!(0b0111 | Self::NAMED.0));
    /// Those that few sessions have: a HelloRetryRequest, alerts, another protocol's opening, anomalies.
    pub const RARE: Self = Self(!0x1_ffff | Self::OPENING.0 | Self::HELLO_RETRY.0 | Self::CLIENT_ALERT.0 | Self::SERVER_ALERT.0);
    /// Those that TLS 1.3 encrypts, or does not have (RFC 8446 §2).
    pub const HIDDEN_BY_TLS13: Self =
        Self(Self::SERVER_CERTIFICATES.0 | Self::CLIENT_CERTIFICATES.0 | Self::SERVER_KEY_EXCHANGE.0 | Self::CLIENT_KEY_EXCHANGE.0);
    /// Those that tell that it is one.
    const HELLOS_AND_CERTIFICATES: Self = Self(0b0111_1000);
    /// Where anomalies begin, by their numbers.
    const ANOMALIES: u32 = 17;

    /// Their names.
    pub(super) fn names(self) -> Vec<&'static str> {
        let named = NAMES.iter().filter(|(fact, _)| self.has(*fact)).map(|(_, name)| *name);
        let anomaly = self.0 >> Self::ANOMALIES != 0;
        named.chain(anomaly.then_some("an anomaly")).collect()
    }

    /// What is there of `subject`.
    pub fn of(subject: &Subject<'_>) -> Self {
        let mut facts = match subject.one_way {
            Some(FlowDirection::ToServer) => Self::FROM_CLIENT,
            Some(FlowDirection::ToClient) => Self::FROM_SERVER,
            None => Self::FROM_CLIENT.and(Self::FROM_SERVER),
        };
        if let Some(session) = subject.session {
            facts = facts.and(Self::of_session(session));
        }
        let ended = subject.session.is_some_and(|s| s.ended);
        match subject.app_proto {
            AppProto::Unknown => facts,
            AppProto::Tls if !facts.intersects(Self::HELLOS_AND_CERTIFICATES) && !ended => facts,
            // More bytes may yet tell what it is.
            AppProto::NotTls if subject.session.is_some_and(|session| !is_named(session)) => facts.and(Self::DECIDED),
            _ => facts.and(Self::DECIDED).and(Self::NAMED),
        }
    }

    /// A packet that went in `direction`.
    pub const fn sent(direction: FlowDirection) -> Self {
        match direction {
            FlowDirection::ToServer => Self::FROM_CLIENT,
            FlowDirection::ToClient => Self::FROM_SERVER,
        }
    }

    fn of_session(session: &Session) -> Self {
        let ended = session.ended;
        let (client_dark, server_dark) = (session.client_view.dark, session.server_view.dark);
        let alert_of = |client| session.alerts.iter().any(|a| a.from_client == client);
        let anomalies = session.client_view.anomalies.bits() | session.server_view.anomalies.bits();
        let known = [
            (session.client_hello.is_some(), Self::CLIENT_HELLO),
            (session.server_hello.is_some(), Self::SERVER_HELLO),
            (!session.server_certificates.is_empty(), Self::SERVER_CERTIFICATES),
            (!session.client_certificates.is_empty(), Self::CLIENT_CERTIFICATES),
            (session.client_key_exchange, Self::CLIENT_KEY_EXCHANGE),
            (session.server_key_exchange, Self::SERVER_KEY_EXCHANGE),
            (session.hello_retry_request.is_some(), Self::HELLO_RETRY),
            (session.group().is_some(), Self::GROUP),
            (alert_of(true), Self::CLIENT_ALERT),
            (alert_of(false), Self::SERVER_ALERT),
            (server_dark || ended, Self::SERVER_DARK),
            (server_dark && client_dark || ended, Self::DARK),
            (!session.is_tls && (ended || is_recognised(session)), Self::OPENING),
        ];
        let there = known.into_iter().filter(|(there, _)| *there);
        there.fold(Self(anomalies << Self::ANOMALIES), |facts, (_, fact)| facts.and(fact))
    }

    /// That `anomaly` was found.
    pub const fn anomaly(anomaly: Anomaly) -> Self {
        Self((1 << anomaly.index()) << Self::ANOMALIES)
    }

    /// Both sets together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of `self` that are not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether any is about what the flow speaks.
    pub const fn is_of_protocol(self) -> bool {
        self.intersects(Self::OF_PROTOCOL)
    }

    /// Whether all of `other` are in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in it.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether none is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The one that mostly comes last.
    pub const fn latest(self) -> Self {
        match self.0.checked_ilog2() {
            Some(bit) => Self(1 << bit),
            None => Self::NONE,
        }
    }
}

/// Which facts something is read from, by the side that sent them. `NONE`: that side does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// Sent by the client.
    pub to_server: Facts,
    /// Sent by the server.
    pub to_client: Facts,
}

impl Sides {
    /// Of the ClientHello.
    pub const CLIENT_HELLO: Self = Self { to_server: Facts::CLIENT_HELLO, to_client: Facts::NONE };
    /// Of the ServerHello.
    pub const SERVER_HELLO: Self = Self { to_server: Facts::NONE, to_client: Facts::SERVER_HELLO };
    /// Of either hello.
    pub const HELLOS: Self = Self { to_server: Facts::CLIENT_HELLO, to_client: Facts::SERVER_HELLO };
    /// Of either side's certificates.
    pub const CERTIFICATES: Self = Self { to_server: Facts::CLIENT_CERTIFICATES, to_client: Facts::SERVER_CERTIFICATES };
    /// Of all that the server says in the clear.
    pub const SERVER_DARK: Self = Self { to_server: Facts::NONE, to_client: Facts::SERVER_DARK };
    /// Of the flow as such.
    pub const DECIDED: Self = Self { to_server: Facts::DECIDED, to_client: Facts::DECIDED };

    /// Whether either side's are of a TLS session.
    pub const fn are_of_session(self) -> bool {
        self.to_server.and(self.to_client).intersects(Facts::SESSION)
    }

    /// The facts of one side.
    pub const fn facts(self, side: FlowDirection) -> Facts {
        match side {
            FlowDirection::ToServer => self.to_server,
            FlowDirection::ToClient => self.to_client,
        }
    }

    /// The side it is read from where `wanted` is asked for: the other one where only that has it.
    pub const fn side(self, wanted: FlowDirection) -> FlowDirection {
        if self.facts(wanted).is_empty() { wanted.reverse() } else { wanted }
    }
}

/// Whether it is known which protocol a flow speaks that is not TLS.
pub(super) fn is_named(session: &Session) -> bool {
    session.ended || session.openings.as_ref().is_some_and(|openings| openings.spoken().is_some())
}

/// Whether it is known what a side speaks that is not TLS. What is only left over counts of the client alone: a server may say more of it.
fn is_recognised(session: &Session) -> bool {
    session
        .openings
        .as_ref()
        .is_some_and(|openings| openings.client.spoken().is_some() || openings.server.spoken().is_some_and(Spoken::is_named))
}

/// What each fact is called, in the order in which they mostly come.
const NAMES: &[(Facts, &str)] = &[
    (Facts::FROM_CLIENT, "a packet of the client"),
    (Facts::FROM_SERVER, "a packet of the server"),
    (Facts::DECIDED, "what the flow speaks"),
    (Facts::CLIENT_HELLO, "ClientHello"),
    (Facts::HELLO_RETRY, "HelloRetryRequest"),
    (Facts::SERVER_HELLO, "ServerHello"),
    (Facts::GROUP, "the group"),
    (Facts::SERVER_CERTIFICATES, "the server's certificates"),
    (Facts::SERVER_KEY_EXCHANGE, "the server's key exchange"),
    (Facts::CLIENT_CERTIFICATES, "the client's certificates"),
    (Facts::CLIENT_KEY_EXCHANGE, "the client's key exchange"),
    (Facts::CLIENT_ALERT, "an alert of the client"),
    (Facts::SERVER_ALERT, "an alert of the server"),
    (Facts::SERVER_DARK, "the server going dark"),
    (Facts::DARK, "both going dark"),
    (Facts::OPENING, "what a flow that is not TLS begins with"),
    (Facts::NAMED, "which protocol it is"),
];
