//! Events: what was seen, as EVE JSON with Suricata's names and shapes, one file per event type.
//!
//! Each function appends one line to a byte buffer of the caller's, which reuses it. What EVE has no name for stands under one
//! extra object, `portcullis`. `docs/events.md` lists every key.
//!
//! ```
//! use portcullis::event::{self, Common, TlsOptions};
//! use portcullis::protocol::tls::Session;
//!
//! let mut lines = Vec::new();
//! event::tls(&mut lines, &Common::default(), &Session::default(), TlsOptions::default());
//! assert!(lines.ends_with(b"}\n"));
//! ```

mod alert;
mod anomaly;
mod ascii;
mod certificate;
mod common;
mod community_id;
mod drop;
mod findings;
mod flow;
pub(crate) mod json;
mod names;
mod packet;
mod portcullis;
mod second_hello;
mod stats;
pub mod summary;
pub mod text;
mod tls;
pub mod top;
mod trust;

pub use alert::{AlertInfo, Reset, Side, Verdict, alert};
pub use anomaly::{AnomalyInfo, AnomalyType, anomaly};
pub use ascii::pem;
pub use certificate::{CertificateInfo, certificate};
pub use common::{Common, PacketSource, Toward, flow_id};
pub use community_id::CommunityId;
pub use drop::{DropInfo, DropReason, Refusal, drop};
pub use findings::replace_findings;
pub use flow::{Bypassed, FlowAction, FlowCounters, FlowEnd, FlowEndReason, FlowState, TcpEnd, TcpState, flow};
pub use packet::{add_frame, packet};
pub use portcullis::is_whole;
pub use stats::{RulesInfo, stats};
pub use summary::Summary;
pub use tls::{TlsOptions, tls};

#[cfg(test)]
mod tests;
