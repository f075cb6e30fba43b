//! The text format of Prometheus, version 0.0.4, with names and units by its conventions.
//!
//! Every counter of `stats` events is there. A few have names of their own ([`NAMES`]), families are one metric with a label ([`FAMILIES`]), and the
//! rest is named as in `stats`, with underscores: `tcp.reassembly_gap` is `portcullis_tcp_reassembly_gap_total`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use super::clerk::Ledger;
use crate::base::visible::visible;

/// Series of one metric.
#[derive(Debug, Default)]
pub(super) struct Metric {
    help: String,
    kind: &'static str,
    /// Labels, and the value.
    series: Vec<(String, f64)>,
}

impl Metric {
    /// A line for each series.
    pub fn lines(&self, name: &str) -> impl Iterator<Item = String> {
        self.series.iter().map(move |(labels, value)| format!("{name}{labels} {value}"))
    }
}

pub(super) fn render(ledger: &Ledger) -> String {
    let mut metrics = BTreeMap::new();
    for &(name, value) in &ledger.counted.counters {
        add_counter(&mut metrics, name, value);
    }
    add_run(&mut metrics, ledger);
    ledger.sinks.iter().for_each(|sink| sink.add(&mut metrics, SystemTime::now()));
    add_process(&mut metrics, ledger);
    let mut text = String::new();
    for (name, metric) in &metrics {
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {}", metric.help, metric.kind);
        metric.lines(name).for_each(|line| {
            let _ = writeln!(text, "{line}");
        });
    }
    text
}

pub(super) type Metrics = BTreeMap<String, Metric>;

pub(super) fn add(metrics: &mut Metrics, name: &str, kind: &'static str, help: &str, labels: String, value: f64) {
    let metric = metrics.entry(name.to_owned()).or_insert_with(|| Metric { help: help.to_owned(), kind, series: Vec::new() });
    metric.series.push((labels, value));
}

/// A counter of `stats`.
fn add_counter(metrics: &mut Metrics, name: &str, count: u64) {
    let value = count as f64;
    if let Some((_, metric, help)) = NAMES.iter().find(|(known, ..)| *known == name) {
        let kind = if metric.ends_with("_total") { "counter" } else { "gauge" };
        return add(metrics, metric, kind, help, String::new(), value);
    }
    for (stem, metric, label, help) in FAMILIES {
        if let Some(member) = name.strip_prefix(stem) {
            let is_load = *label == "worker";
            let (kind, value) = if is_load { ("gauge", value / 1_000.0) } else { ("counter", value) };
            let member = member.strip_prefix("worker_").unwrap_or(member);
            return add(metrics, metric, kind, help, labelled(&[(label, member)]), value);
        }
    }
    let plain = name.strip_prefix("portcullis.").unwrap_or(name).replace('.', "_");
    let help = format!("The counter {name} of stats events.");
    if name.ends_with("memuse") || name.ends_with("memuse_max") {
        add(metrics, &format!("portcullis_{plain}_bytes"), "gauge", &help, String::new(), value);
    } else {
        add(metrics, &format!("portcullis_{plain}_total"), "counter", &help, String::new(), value);
    }
}

fn add_run(metrics: &mut Metrics, ledger: &Ledger) {
    let mut gauge = |name: &str, help: &str, labels: String, value: u64| add(metrics, name, "gauge", help, labels, value as f64);
    let about = [("version", ledger.about.version), ("command", ledger.about.command)];
    gauge("portcullis_build_info", "Version and command; the value is 1.", labelled(&about), 1);
    let counted = &ledger.counted;
    gauge("portcullis_rules_loaded", "Rules in force.", String::new(), counted.rules_loaded);
    gauge("portcullis_rules_failed", "Rules that did not load.", String::new(), counted.rules_failed);
    let reload = counted.last_reload.map_or(0, crate::base::Timestamp::as_secs);
    gauge(
        "portcullis_rules_last_reload_timestamp_seconds",
        "When the rules in force took over; 0 if at the start.",
        String::new(),
        reload,
    );
    let mut counter =
        |name: &str, help: &str, labels: String, value: u64| add(metrics, name, "counter", help, labels, value as f64);
    counter("portcullis_monitor_passed_over_total", "News for which the monitor had no time.", String::new(), ledger.passed_over);
    counter("portcullis_monitor_requests_total", "Requests to the monitor.", labelled(&[("outcome", "answered")]), ledger.answered);
    counter("portcullis_monitor_requests_total", "Requests to the monitor.", labelled(&[("outcome", "refused")]), ledger.refused);
}

/// What client libraries tell of their process, under the same names.
fn add_process(metrics: &mut Metrics, ledger: &Ledger) {
    let seconds = ledger.begun.elapsed().as_secs_f64();
    add(metrics, "portcullis_uptime_seconds", "gauge", "For how long it has run.", String::new(), seconds);
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
    // proc_pid_stat(5): behind the name, which may have anything in it, stand the fields from the third on.
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let field = |number: usize| fields.get(number.saturating_sub(3)).copied().unwrap_or(0) as f64;
    let cpu = (field(14) + field(15)) / TICKS;
    add(metrics, "process_cpu_seconds_total", "counter", "Processor time of the process.", String::new(), cpu);
    add(metrics, "process_threads", "gauge", "Threads of the process.", String::new(), field(20));
    let memory = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()
    });
    if let Some(kib) = memory {
        let help = "Memory of the process that is in RAM.";
        add(metrics, "process_resident_memory_bytes", "gauge", help, String::new(), kib * 1_024.0);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        add(metrics, "process_open_fds", "gauge", "Open files of the process.", String::new(), open.count() as f64);
    }
}

/// `{name="value"}`, with values escaped as the format has it.
pub(super) fn labelled(labels: &[(&str, &str)]) -> String {
    let mut text = String::from("{");
    for (index, (name, value)) in labels.iter().enumerate() {
        let value = visible(value, LONGEST).replace('\\', r"\\").replace('"', "\\\"");
        let _ = write!(text, "{}{name}=\"{value}\"", if index > 0 { "," } else { "" });
    }
    text.push('}');
    text
}

/// Counters of `stats` with names of their own, and what they are.
const NAMES: &[(&str, &str, &str)] = &[
    ("app_layer.flow.tls", "portcullis_sessions_total", "TLS sessions."),
    ("capture.kernel_drops", "portcullis_capture_dropped_packets_total", "Packets that the kernel dropped before they were seen."),
    ("capture.kernel_packets", "portcullis_capture_packets_total", "Packets that the kernel handed over or dropped."),
    ("decoder.avg_pkt_size", "portcullis_packet_size_mean_bytes", "Size of a packet, on average."),
    ("decoder.bytes", "portcullis_packets_bytes_total", "Bytes of all packets."),
    ("decoder.max_pkt_size", "portcullis_packet_size_max_bytes", "Size of the largest packet."),
    ("decoder.pkts", "portcullis_packets_total", "Packets that were decoded."),
    ("detect.alert", "portcullis_alerts_total", "Alerts."),
    ("detect.bits_evicted", "portcullis_detect_hostbits_evicted_total", "Bits of hosts that made room for others."),
    ("flow.active", "portcullis_flows_active", "Flows that are open."),
    ("flow.total", "portcullis_flows_total", "Flows."),
    ("ips.blocked", "portcullis_blocked_packets_total", "Packets that were dropped."),
    ("ips.rejected", "portcullis_rejected_packets_total", "Packets that were dropped, and both sides told."),
    ("portcullis.seen.held", "portcullis_seen_held", "Servers, certificates and keys that are remembered."),
    ("portcullis.trust.crl_unsigned", "portcullis_trust_unsigned_crls_total", "Revocation lists whose signature is not right."),
    (
        "portcullis.trust.intermediates_learned",
        "portcullis_trust_intermediates_learned_total",
        "Intermediate certificates that were learned.",
    ),
];

/// Stems of counters that are one metric: the stem, the metric, the label for the rest, what it is.
const FAMILIES: &[(&str, &str, &str, &str)] = &[
    ("decoder.event.", "portcullis_decoder_events_total", "event", "What was wrong with packets."),
    ("ips.drop_reason.", "portcullis_drops_total", "reason", "Packets that were dropped, by reason."),
    ("portcullis.findings.", "portcullis_findings_total", "severity", "What was found, by severity."),
    ("portcullis.live.load.", "portcullis_worker_load_ratio", "worker", "How much of the last second a worker was busy."),
    ("portcullis.trust.", "portcullis_trust_verdicts_total", "status", "Certificate chains, by what became of them."),
];

/// Ticks of processor time a second: Linux tells processes 100, whatever it uses itself.
const TICKS: f64 = 100.0;
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(counters: &[(&'static str, u64)]) -> String {
        let mut metrics = Metrics::new();
        counters.iter().for_each(|(name, value)| add_counter(&mut metrics, name, *value));
        let mut lines: Vec<String> =
            metrics.iter().flat_map(|(name, metric)| metric.lines(name).map(|line| format!("{} {line}", metric.kind))).collect();
        lines.sort();
        lines.join("\n")
    }

    #[test]
    fn a_counter_has_its_name_its_family_or_that_of_stats() {
        for (name, value, expected) in [
            ("decoder.pkts", 7, "counter portcullis_packets_total 7"),
            ("flow.active", 7, "gauge portcullis_flows_active 7"),
            ("tcp.reassembly_gap", 7, "counter portcullis_tcp_reassembly_gap_total 7"),
            ("tcp.memuse", 7, "gauge portcullis_tcp_memuse_bytes 7"),
            ("portcullis.seen.evicted", 7, "counter portcullis_seen_evicted_total 7"),
            ("portcullis.trust.valid", 7, "counter portcullis_trust_verdicts_total{status=\"valid\"} 7"),
            ("portcullis.trust.crl_unsigned", 7, "counter portcullis_trust_unsigned_crls_total 7"),
            ("portcullis.live.load.worker_3", 250, "gauge portcullis_worker_load_ratio{worker=\"3\"} 0.25"),
            ("decoder.event.ipv4.trunc_pkt", 7, "counter portcullis_decoder_events_total{event=\"ipv4.trunc_pkt\"} 7"),
        ] {
            assert_eq!(rendered(&[(name, value)]), expected);
        }
    }

    #[test]
    fn a_label_cannot_end_its_value_or_the_line() {
        assert_eq!(labelled(&[("sink", "a\"b\\c\nd\u{202e}")]), "{sink=\"a\\\"b\\\\c\\\\u{a}d\\\\u{202e}\"}");
    }
}
