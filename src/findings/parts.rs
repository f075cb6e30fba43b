//! Parts of a session that most sessions do not have: what rests on one of them need not be asked where it is missing.

use super::Known;
use crate::protocol::tls::Session;

/// A set of such parts: a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts(u8);

impl Parts {
    /// What `session` has.
    pub fn of(session: &Session) -> Self {
        let has_key_exchange =
            session.server_dh.is_some() || session.server_signature_scheme.is_some() || session.server_explicit_curve;
        let has_of_client = !session.client_certificates.is_empty() || session.client_trust.is_some();
        [
            (Self::SERVER_KEY_EXCHANGE, has_key_exchange),
            (Self::SERVER_CERTIFICATES, !session.server_certificates.is_empty()),
            (Self::CLIENT_CERTIFICATES, has_of_client),
            (Self::ANOMALIES, !session.anomalies.is_empty()),
        ]
        .into_iter()
        .fold(Self(0), |all, (part, is_there)| if is_there { Self(all.0 | part.0) } else { all })
    }

    /// What there has to be for a finding of which this tells.
    pub const fn that_tell(known: Known) -> Self {
        match known {
            Known::ServerKeyExchange => Self::SERVER_KEY_EXCHANGE,
            Known::ServerCertificates => Self::SERVER_CERTIFICATES,
            Known::ClientCertificates => Self::CLIENT_CERTIFICATES,
            Known::Anomaly(_) => Self::ANOMALIES,
            _ => Self(0),
        }
    }

    /// Whether all of `wanted` are there.
    pub const fn have(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    const SERVER_KEY_EXCHANGE: Self = Self(1);
    const SERVER_CERTIFICATES: Self = Self(2);
    const CLIENT_CERTIFICATES: Self = Self(4);
    const ANOMALIES: Self = Self(8);
}
