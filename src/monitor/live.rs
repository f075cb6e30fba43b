//! What the page polls, as JSON. All text in it is safe to show; the page puts it nowhere but into text.

use std::time::SystemTime;

use serde::Serialize;

use super::clerk::{Ledger, RATES};
use super::recent::Alert;
use super::sinks;
use crate::base::visible::visible;

/// The names of its parts are those that `page.html` looks for.
#[derive(Serialize)]
struct Live<'a> {
    version: &'a str,
    command: &'a str,
    place: String,
    uptime: u64,
    rules: Rules,
    rates: &'a [[f64; RATES]],
    totals: Vec<(&'static str, u64)>,
    losses: Vec<(&'static str, u64)>,
    /// Of each worker, in thousandths.
    load: Vec<u64>,
    sinks: Vec<sinks::Shown>,
    alerts: Vec<&'a Alert>,
    names: Vec<(&'a str, u64)>,
    versions: Vec<(&'a str, u64)>,
    findings: Vec<(&'a str, u64)>,
}

#[derive(Serialize)]
struct Rules {
    loaded: u64,
    failed: u64,
    reloaded: Option<String>,
}

pub(super) fn render(ledger: &Ledger) -> Vec<u8> {
    let Ledger { about, begun, counted, history, recent, sinks, passed_over, .. } = ledger;
    let sum = |names: &[&str]| names.iter().fold(0_u64, |sum, name| sum.saturating_add(counted.of(name)));
    let live = Live {
        version: about.version,
        command: about.command,
        place: visible(&about.place, LONGEST),
        uptime: begun.elapsed().as_secs(),
        rules: Rules {
            loaded: counted.rules_loaded,
            failed: counted.rules_failed,
            reloaded: counted.last_reload.map(|at| at.to_string()),
        },
        rates: &history.rates,
        totals: TOTALS.iter().map(|(what, name)| (*what, counted.of(name))).collect(),
        losses: LOSSES.iter().map(|(what, names)| (*what, sum(names))).chain([("news of this page", *passed_over)]).collect(),
        load: counted.counters.iter().filter(|(name, _)| name.starts_with("portcullis.live.load.")).map(|(_, n)| *n).collect(),
        sinks: sinks.iter().map(|sink| sink.shown(SystemTime::now())).collect(),
        alerts: recent.alerts().collect(),
        names: recent.names.first(SHOWN),
        versions: recent.versions.first(SHOWN),
        findings: recent.findings.first(SHOWN),
    };
    serde_json::to_vec(&live).unwrap_or_default()
}

/// Totals that the page shows, by the names of `stats` events.
const TOTALS: [(&str, &str); 7] = [
    ("packets", "decoder.pkts"),
    ("bytes", "decoder.bytes"),
    ("flows", "flow.total"),
    ("open flows", "flow.active"),
    ("sessions", "app_layer.flow.tls"),
    ("alerts", "detect.alert"),
    ("packets dropped by rules", "ips.blocked"),
];

/// What was lost, and where.
const LOSSES: [(&str, &[&str]); 4] = [
    ("packets, by the kernel", &["capture.kernel_drops"]),
    ("lines", &["portcullis.live.lines_lost", "portcullis.inline.lines_lost"]),
    ("segments between workers", &["portcullis.live.segments_lost"]),
    ("flows, for want of room", &["flow.end.forced", "portcullis.inline.evicted"]),
];
/// How many of what is frequent are shown.
const SHOWN: usize = 12;
/// Characters of a name that are shown.
const LONGEST: usize = 200;
