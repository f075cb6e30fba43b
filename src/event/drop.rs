//! The `drop` event: a packet that did not go on.

use serde::Serialize;

use super::alert::{Alert, AlertInfo, Verdict, VerdictObject};
use super::common::{Common, Line};
use crate::packet::{SegmentHeader, TcpFlags};

/// Why a packet was dropped, in Suricata's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum DropReason {
    /// A rule matched on it.
    #[serde(rename = "rules")]
    Rules,
    /// Its flow was dropped before.
    #[serde(rename = "flow drop")]
    FlowDrop,
}

/// Appends the event of the dropped segment to `out`, with the rule that wanted it where there is one.
pub fn drop(out: &mut Vec<u8>, common: &Common<'_>, segment: &SegmentHeader, reason: DropReason, rule: Option<&AlertInfo<'_>>) {
    let mut line = Line::new(common, "drop");
    line.drop = Some(Drop::of(segment, reason));
    line.alert = rule.map(|rule| Alert::of(rule, common));
    line.verdict = Some(VerdictObject::of(rule.map_or(Verdict::Drop, |rule| rule.verdict)));
    line.write(out);
}

/// EVE's `drop` object.
#[derive(Serialize)]
pub(super) struct Drop {
    /// Length of the frame in bytes.
    len: u32,
    ttl: u8,
    tcpseq: u32,
    tcpack: u32,
    tcpwin: u16,
    syn: bool,
    ack: bool,
    psh: bool,
    rst: bool,
    urg: bool,
    fin: bool,
    reason: DropReason,
}

impl Drop {
    const fn of(segment: &SegmentHeader, reason: DropReason) -> Self {
        let flags = segment.flags;
        Self {
            len: segment.frame_len,
            ttl: segment.ttl,
            tcpseq: segment.seq,
            tcpack: segment.ack,
            tcpwin: segment.window,
            syn: flags.has(TcpFlags::SYN),
            ack: flags.has(TcpFlags::ACK),
            psh: flags.has(TcpFlags::PSH),
            rst: flags.has(TcpFlags::RST),
            urg: flags.has(TcpFlags::URG),
            fin: flags.has(TcpFlags::FIN),
            reason,
        }
    }
}
