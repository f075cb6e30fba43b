//! What events tell for the page: newest alerts, frequent names, versions and findings.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::top::Top;
use crate::base::visible::visible;

/// What events have told.
#[derive(Debug)]
pub(super) struct Recent {
    alerts: VecDeque<Alert>,
    pub names: Top,
    pub versions: Top,
    pub findings: Top,
}

/// An alert as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Alert {
    time: String,
    severity: u8,
    action: String,
    rule: String,
    message: String,
    source: String,
    destination: String,
    name: String,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    src_ip: Option<Cow<'a, str>>,
    src_port: Option<u16>,
    dest_ip: Option<Cow<'a, str>>,
    dest_port: Option<u16>,
    tls: Option<Tls>,
    alert: Option<AlertPart>,
    portcullis: Option<Own>,
}

#[derive(Deserialize)]
struct Tls {
    sni: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
struct AlertPart {
    action: Option<String>,
    gid: u32,
    signature_id: u32,
    signature: String,
    severity: u8,
}

#[derive(Deserialize)]
struct Own {
    #[serde(default)]
    findings: Vec<String>,
}

impl Recent {
    pub fn new() -> Self {
        Self { alerts: VecDeque::new(), names: Top::new(NAMES), versions: Top::new(VERSIONS), findings: Top::new(FINDINGS) }
    }

    /// Takes in whole lines. What cannot be read is passed over: it is told elsewhere.
    pub fn take(&mut self, lines: &[u8]) {
        for line in lines.split(|&b| b == b'\n') {
            // A look at the type spares those that are many and of no use here.
            let is_of_use = KINDS.iter().any(|kind| memchr::memmem::find(line, kind).is_some());
            if let Some(event) = is_of_use.then(|| serde_json::from_slice(line).ok()).flatten() {
                self.add(event);
            }
        }
    }

    /// The newest first.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().rev()
    }

    fn add(&mut self, event: Event<'_>) {
        let tls = event.tls.as_ref();
        match (&*event.event_type, &event.alert) {
            ("tls", _) => {
                tls.and_then(|tls| tls.sni.as_deref()).iter().for_each(|name| self.names.count(&visible(name, LONGEST)));
                tls.and_then(|tls| tls.version.as_deref())
                    .iter()
                    .for_each(|version| self.versions.count(&visible(version, LONGEST)));
                event.portcullis.iter().flat_map(|own| &own.findings).for_each(|id| self.findings.count(&visible(id, LONGEST)));
            }
            ("alert", Some(alert)) => {
                let end = |ip: &Option<Cow<'_, str>>, port: Option<u16>| match (ip.as_deref(), port) {
                    (Some(ip), Some(port)) if ip.contains(':') => format!("[{ip}]:{port}"),
                    (Some(ip), Some(port)) => format!("{ip}:{port}"),
                    (ip, _) => ip.unwrap_or_default().to_owned(),
                };
                if self.alerts.len() >= ALERTS {
                    self.alerts.pop_front();
                }
                self.alerts.push_back(Alert {
                    time: visible(&event.timestamp, LONGEST),
                    severity: alert.severity,
                    action: visible(alert.action.as_deref().unwrap_or_default(), LONGEST),
                    rule: format!("{}:{}", alert.gid, alert.signature_id),
                    message: visible(&alert.signature, LONGEST),
                    source: visible(&end(&event.src_ip, event.src_port), LONGEST),
                    destination: visible(&end(&event.dest_ip, event.dest_port), LONGEST),
                    name: visible(tls.and_then(|tls| tls.sni.as_deref()).unwrap_or_default(), LONGEST),
                });
            }
            _ => {}
        }
    }
}

/// How events of use here begin to say so.
const KINDS: [&[u8]; 2] = [br#""event_type":"tls""#, br#""event_type":"alert""#];
const ALERTS: usize = 50;
const NAMES: usize = 4_096;
const VERSIONS: usize = 64;
const FINDINGS: usize = 1_024;
/// Characters of a text that are shown.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const TLS: &str = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"tls","tls":{"sni":"shop.example","version":"TLS 1.3"},"portcullis":{"findings":["weak.cipher.rc4"]}}"#;

    #[test]
    fn events_are_counted_by_name_version_and_finding() {
        let mut recent = Recent::new();
        recent.take(format!("{TLS}\nno event\n{{\"event_type\":\"tls\"}}\n{TLS}\n").as_bytes());
        assert_eq!(recent.names.first(9), [("shop.example", 2)]);
        assert_eq!(recent.versions.first(9), [("TLS 1.3", 2)]);
        assert_eq!(recent.findings.first(9), [("weak.cipher.rc4", 2)]);
    }

    #[test]
    fn the_newest_alerts_are_kept_whole_and_safe_to_show() {
        let mut recent = Recent::new();
        for n in 0..60 {
            let line = format!(
                r#"{{"timestamp":"T{n}","event_type":"alert","src_ip":"2001:db8::1","src_port":5,"dest_ip":"192.0.2.1","dest_port":443,"alert":{{"action":"blocked","gid":1,"signature_id":{n},"signature":"<b>\u202e","severity":2}},"tls":{{"sni":"a\nb"}}}}"#
            );
            recent.take(line.as_bytes());
        }
        let alerts: Vec<&Alert> = recent.alerts().collect();
        assert_eq!((alerts.len(), alerts[0].rule.as_str(), alerts[49].rule.as_str()), (50, "1:59", "1:10"));
        let Alert { time, severity, action, message, source, destination, name, .. } = alerts[0];
        assert_eq!((time.as_str(), *severity, action.as_str(), message.as_str()), ("T59", 2, "blocked", r"<b>\u{202e}"));
        assert_eq!((source.as_str(), destination.as_str(), name.as_str()), ("[2001:db8::1]:5", "192.0.2.1:443", r"a\u{a}b"));
    }
}
