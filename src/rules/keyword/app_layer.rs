//! `app-layer-event`: what was wrong with a flow.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::{Reason, excerpt};
use super::super::subject::{Facts, FlowDirection, Sides, Subject};
use super::{Keyword, Kind, required};
use crate::base::slip;
use crate::protocol::tls::session::Anomaly;

pub(super) const KEYWORDS: &[Keyword] = &[Keyword { name: "app-layer-event", aliases: &[], kind: Kind::Option(app_layer_event) }];

/// An anomaly of the side.
#[derive(Debug)]
struct Event(Anomaly);

impl Test for Event {
    fn sides(&self) -> Sides {
        let fact = Facts::anomaly(self.0);
        Sides { to_server: fact, to_client: fact }
    }

    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool {
        subject.session.is_some_and(|session| match side {
            FlowDirection::ToServer => session.client_view.anomalies.contains(self.0),
            FlowDirection::ToClient => session.server_view.anomalies.contains(self.0),
        })
    }
}

/// An event that Suricata has and Portcullis tells otherwise, or cannot come to.
#[derive(Debug)]
struct NeverRaised;

impl Test for NeverRaised {
    fn sides(&self) -> Sides {
        Sides::DECIDED
    }

    fn holds(&self, _: &Subject<'_>, _: FlowDirection) -> bool {
        false
    }
}

/// `tls.name`, the name of the anomaly in small letters, or an event of Suricata's about what a flow speaks.
fn app_layer_event(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let value = required(value)?;
    let name = match value.split_once('.') {
        Some(("tls" | "ssl", name)) => name,
        None if OF_RECOGNITION.contains(&value) => return never_raised(builder, value),
        _ => return Err(Reason::NotSupported("an event of another protocol than tls")),
    };
    match Anomaly::ALL.into_iter().find(|a| name.eq_ignore_ascii_case(a.name())) {
        Some(anomaly) => builder.tests.push(Box::new(Event(anomaly))),
        None if NEVER_RAISED.contains(&name) => return never_raised(builder, value),
        None => {
            let known: Vec<String> = Anomaly::ALL.iter().map(|a| a.name().to_ascii_lowercase()).collect();
            let meant = slip::meant(name, known.iter().map(String::as_str)).map(|name| format!("tls.{name}"));
            return Err(Reason::UnknownEvent { name: excerpt(value), meant });
        }
    }
    Ok(())
}

fn never_raised(builder: &mut Builder<'_>, name: &str) -> Result<(), Reason> {
    builder.note(Reason::NeverRaised(excerpt(name)));
    builder.tests.push(Box::new(NeverRaised));
    Ok(())
}

/// Whether Suricata raises no event of the name `name`, the name of an anomaly.
pub(in crate::rules) fn is_own_event(name: &str) -> bool {
    let name = name.split_once('.').map_or(name, |(_, name)| name);
    OWN_EVENTS.iter().any(|own| name.eq_ignore_ascii_case(own.name()))
}

/// Anomalies that Suricata does not have.
const OWN_EVENTS: &[Anomaly] = &[
    Anomaly::MalformedExtension,
    Anomaly::DuplicateExtension,
    Anomaly::JunkBeforeTls,
    Anomaly::OverlapDifferentData,
    Anomaly::UnofferedChoice,
    Anomaly::UrgentData,
];

/// What Suricata has to say about how it came to know what a flow speaks.
const OF_RECOGNITION: &[&str] = &[
    "applayer_detect_protocol_only_one_direction",
    "applayer_mismatch_protocol_both_directions",
    "applayer_no_tls_after_starttls",
    "applayer_proto_detection_skipped",
    "applayer_unexpected_protocol",
    "applayer_wrong_direction_first_data",
];

/// What Suricata's rules ask for and no session here has: a more exact event says it, or nothing is limited that way.
const NEVER_RAISED: &[&str] = &[
    "certificate_invalid_issuer",
    "certificate_invalid_string",
    "certificate_invalid_subject",
    "certificate_invalid_validity",
    "certificate_invalid_x509identifier",
    "certificate_missing_element",
    "certificate_unknown_element",
    "error_message_encountered",
    "invalid_ssl_record",
    "invalid_tls_header",
    "too_many_records_in_packet",
];
