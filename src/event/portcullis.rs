//! The `portcullis` object: what is known of a session and has no name in EVE.

use std::sync::Arc;

use serde::Serialize;

use super::ascii::Hex;
#[cfg(feature = "ja4plus")]
use super::certificate::ChainJa4x;
use super::certificate::{Chain, ChainSha256};
use super::findings::Findings;
use super::json::Plain;
use super::names::{AlertDescription, AlertLevel, Cipher, Group, Groups, HpkeName, PskModes, Versions};
use super::second_hello::SecondHello;
use super::text::Texts;
use super::trust::Trust;
use crate::base::Timestamp;
use crate::findings::FindingSet;
use crate::protocol::tls::session::{Alert, Resumption, Stage, View};
use crate::protocol::tls::{ClientHello, Ech, Session, is_grease, names};
use crate::protocol::x509::{Certificate, Time};

/// See `docs/events.md` for each key's meaning. Marks (`early_data`, `sslv2_format`, ...) are there only where true; answers
/// (`resumed`, `hello_retry`, `post_quantum`) where they are known.
#[derive(Serialize)]
pub(super) struct Portcullis<'a> {
    stage: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    dropped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cipher: Option<Cipher>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cipher_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_quantum: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumption: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hello_retry: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hello_retry_group: Option<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_client_hello: Option<SecondHello<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ech: Option<EchObject>,
    #[serde(skip_serializing_if = "is_false")]
    early_data: bool,
    #[serde(skip_serializing_if = "is_false")]
    sslv2_format: bool,
    #[serde(skip_serializing_if = "is_false")]
    certificate_requested: bool,
    #[serde(skip_serializing_if = "is_false")]
    new_session_ticket: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    renegotiations: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression_method: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_names: Option<Texts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offered: Option<Offered<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_random: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_random: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4_r: Option<Plain<'a>>,
    #[cfg(feature = "ja4plus")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4s: Option<&'a str>,
    #[cfg(feature = "ja4plus")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4s_r: Option<&'a str>,
    #[cfg(feature = "ja4plus")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4x: Option<ChainJa4x<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint_sha256: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_sha256: Option<ChainSha256<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<Chain<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<Trust<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_fingerprint_sha256: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_chain_sha256: Option<ChainSha256<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_chain: Option<Chain<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_trust: Option<Trust<'a>>,
    #[serde(rename = "", skip_serializing_if = "Option::is_none")] // without a name: its fields stand here
    found: Option<Findings>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alerts: Vec<AlertObject>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    anomalies: Vec<&'static str>,
    view: Views,
}

impl<'a> Portcullis<'a> {
    /// What is known of `session` at the time of its event, with what was `found` about it.
    pub fn of(session: &'a Session, at: Timestamp, found: FindingSet) -> Self {
        let now = Time::from(at);
        let client = session.client_hello.as_ref();
        let server = session.server_hello.as_ref();
        let answer = server.or(session.hello_retry_request.as_deref());
        let server_chain = session.server_certificates.as_slice();
        let client_chain = session.client_certificates.as_slice();
        let group = session.group();
        Self {
            stage: stage_name(session.stage),
            dropped: session.dropped,
            cipher: answer.map(|sh| Cipher(sh.cipher_suite)),
            cipher_id: answer.map(|sh| sh.cipher_suite),
            group: group.map(Group),
            group_id: group,
            post_quantum: group.map(names::is_post_quantum),
            resumed: session.tells_resumption().then(|| session.resumption().is_some()),
            resumption: session.resumption().map(resumption_name),
            hello_retry: session.hello_retried(),
            hello_retry_group: session.hello_retry_request.as_ref().and_then(|hrr| hrr.key_share_group).map(Group),
            second_client_hello: SecondHello::of(session),
            ech: client.and_then(|ch| ch.ech).map(EchObject::of),
            early_data: client.is_some_and(|ch| ch.early_data),
            sslv2_format: client.is_some_and(|ch| ch.sslv2_format),
            certificate_requested: session.certificate_requested,
            new_session_ticket: session.new_session_ticket,
            renegotiations: Some(session.renegotiations).filter(|&n| n > 0),
            compression_method: server.map(|sh| sh.compression_method).filter(|&method| method != NO_COMPRESSION),
            server_names: client.map(|ch| &ch.server_names).filter(|all| all.iter().nth(1).is_some()).map(Texts),
            offered: client.map(Offered::of),
            client_random: client.map(|ch| Hex(&ch.random)),
            server_random: answer.map(|sh| Hex(&sh.random)),
            ja4_r: session.client_fingerprints.as_ref().map(|p| Plain(p.ja4_r.as_bytes())),
            #[cfg(feature = "ja4plus")]
            ja4s: session.server_fingerprints.as_ref().map(|p| p.ja4s.as_str()),
            #[cfg(feature = "ja4plus")]
            ja4s_r: session.server_fingerprints.as_ref().map(|p| p.ja4s_r.as_str()),
            #[cfg(feature = "ja4plus")]
            ja4x: listed(server_chain, ChainJa4x),
            fingerprint_sha256: server_chain.first().map(|leaf| Hex(&leaf.sha256)),
            chain_sha256: listed(whole(server_chain, session.server_chain_truncated), ChainSha256),
            chain_truncated: session.server_chain_truncated.then_some(true),
            chain: listed(server_chain, |chain| Chain(chain, now)),
            trust: session.server_trust.as_deref().map(|verdict| Trust::of(verdict, session.server_evidence.as_deref())),
            client_fingerprint_sha256: client_chain.first().map(|leaf| Hex(&leaf.sha256)),
            client_chain_sha256: listed(whole(client_chain, session.client_chain_truncated), ChainSha256),
            client_chain: listed(client_chain, |chain| Chain(chain, now)),
            client_trust: session.client_trust.as_deref().map(|verdict| Trust::of(verdict, None)),
            found: Findings::of(found),
            alerts: session.alerts.iter().map(|&alert| AlertObject::of(alert)).collect(),
            anomalies: session.anomalies.iter().map(|anomaly| anomaly.name()).collect(),
            view: Views { to_server: ViewObject::of(session.client_view), to_client: ViewObject::of(session.server_view) },
        }
    }
}

/// What the ClientHello offers, by name, with GREASE values marked, in the order sent.
#[derive(Serialize)]
struct Offered<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Versions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Groups<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_shares: Option<Groups<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psk_modes: Option<PskModes<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psk_identities: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_ticket: Option<usize>,
    #[serde(skip_serializing_if = "is_false")]
    post_quantum: bool,
    #[serde(skip_serializing_if = "is_false")]
    grease: bool,
}

impl<'a> Offered<'a> {
    fn of(hello: &'a ClientHello) -> Self {
        let extension_types = hello.extensions.iter().map(|extension| extension.typ);
        Self {
            versions: listed(&hello.supported_versions, Versions),
            groups: listed(&hello.groups, Groups),
            key_shares: listed(&hello.key_share_groups, Groups),
            psk_modes: listed(&hello.psk_modes, PskModes),
            psk_identities: Some(hello.psk_identities).filter(|&n| n > 0),
            session_ticket: hello.session_ticket,
            post_quantum: hello.groups.iter().any(|&group| names::is_post_quantum(group)),
            grease: hello.cipher_suites.iter().copied().chain(extension_types).any(is_grease),
        }
    }
}

/// An encrypted_client_hello extension, as far as it shows.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum EchObject {
    Outer { config_id: u8, kdf: HpkeName, kdf_id: u16, aead: HpkeName, aead_id: u16, enc_len: u16, payload_len: u16 },
    Inner,
    Malformed,
}

impl EchObject {
    fn of(ech: Ech) -> Self {
        match ech {
            Ech::Outer { kdf_id, aead_id, config_id, enc_len, payload_len } => Self::Outer {
                config_id,
                kdf: HpkeName::kdf(kdf_id),
                kdf_id,
                aead: HpkeName::aead(aead_id),
                aead_id,
                enc_len,
                payload_len,
            },
            Ech::Inner => Self::Inner,
            Ech::Malformed => Self::Malformed,
        }
    }
}

/// An alert seen in the clear.
#[derive(Serialize)]
struct AlertObject {
    from: &'static str,
    level: AlertLevel,
    description: AlertDescription,
    code: u8,
}

impl AlertObject {
    fn of(alert: Alert) -> Self {
        Self {
            from: if alert.from_client { "client" } else { "server" },
            level: AlertLevel(alert.level),
            description: AlertDescription(alert.description),
            code: alert.description,
        }
    }
}

#[derive(Serialize)]
struct Views {
    to_server: ViewObject,
    to_client: ViewObject,
}

/// How whole the view of one direction was: counts and marks that are zero or false are left out.
#[derive(Serialize)]
struct ViewObject {
    seen: bool,
    whole: bool,
    dark: bool,
    #[serde(skip_serializing_if = "is_false")]
    midstream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicting_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated_messages: Option<u32>,
    #[serde(skip_serializing_if = "is_false")]
    degraded: bool,
}

impl ViewObject {
    fn of(view: View) -> Self {
        Self {
            seen: view.seen,
            whole: is_whole(&view),
            dark: view.dark,
            midstream: view.midstream,
            skipped_bytes: Some(view.skipped_bytes).filter(|&n| n > 0),
            gaps: Some(view.gaps).filter(|&n| n > 0),
            gap_bytes: Some(view.gap_bytes).filter(|&n| n > 0),
            conflicting_bytes: Some(view.conflicting_bytes).filter(|&n| n > 0),
            truncated_messages: Some(view.truncated_messages).filter(|&n| n > 0),
            degraded: view.degraded,
        }
    }
}

/// Whether nothing of a direction is missing or doubtful: seen from its start, without gaps, conflicting copies, cut messages or
/// a limit that was reached.
pub const fn is_whole(view: &View) -> bool {
    view.seen
        && !view.midstream
        && !view.degraded
        && view.gaps == 0
        && view.gap_bytes == 0
        && view.conflicting_bytes == 0
        && view.truncated_messages == 0
}

const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Start => "start",
        Stage::ClientHello => "client_hello",
        Stage::ServerHello => "server_hello",
        Stage::Certificates => "certificates",
        Stage::Dark => "dark",
        Stage::Closed => "closed",
    }
}

const fn resumption_name(resumption: Resumption) -> &'static str {
    match resumption {
        Resumption::SessionId => "session_id",
        Resumption::Ticket => "ticket",
        Resumption::Psk => "psk",
    }
}

/// The chain, unless its end was not seen.
fn whole(chain: &[Arc<Certificate>], truncated: bool) -> &[Arc<Certificate>] {
    if truncated { &[] } else { chain }
}

/// `items` as `wrap` writes them, where there are any.
fn listed<'a, T, W>(items: &'a [T], wrap: impl FnOnce(&'a [T]) -> W) -> Option<W> {
    (!items.is_empty()).then(|| wrap(items))
}

/// For serde, which asks by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_false(mark: &bool) -> bool {
    !*mark
}

/// The null compression method (RFC 5246 §6.1): the only one that is not worth a word.
const NO_COMPRESSION: u8 = 0;
