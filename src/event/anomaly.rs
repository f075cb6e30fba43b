//! The `anomaly` event: what was not as the protocol has it.

use serde::Serialize;

use super::common::{Common, Line};
use crate::protocol::tls::session::Anomaly;

/// One anomaly by its name.
#[derive(Clone, Copy, Debug)]
pub struct AnomalyInfo<'a> {
    /// Who found it.
    pub typ: AnomalyType,
    /// Its name: `INVALID_RECORD_TYPE`, `stream.reassembly_overlap_different_data`, `decoder.ipv4.trunc_pkt`.
    pub event: &'a str,
}

/// Who found an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AnomalyType {
    /// The decoding of a packet.
    Decode,
    /// The following of a TCP stream.
    Stream,
    /// The parsing of TLS.
    Applayer,
}

impl AnomalyInfo<'_> {
    /// One found in a session.
    pub const fn of_tls(anomaly: Anomaly) -> AnomalyInfo<'static> {
        let typ = match anomaly {
            Anomaly::OverlapDifferentData => AnomalyType::Stream,
            _ => AnomalyType::Applayer,
        };
        AnomalyInfo { typ, event: anomaly.name() }
    }
}

/// Appends the event to `out`.
pub fn anomaly(out: &mut Vec<u8>, common: &Common<'_>, info: &AnomalyInfo<'_>) {
    let mut line = Line::new(common, "anomaly");
    line.anomaly = Some(AnomalyObject {
        app_proto: common.app_proto.filter(|_| info.typ == AnomalyType::Applayer),
        typ: info.typ,
        event: info.event,
        layer: (info.typ == AnomalyType::Applayer).then_some("proto_parser"),
    });
    line.write(out);
}

/// EVE's `anomaly` object.
#[derive(Serialize)]
pub(super) struct AnomalyObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto: Option<&'a str>,
    #[serde(rename = "type")]
    typ: AnomalyType,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'static str>,
}
