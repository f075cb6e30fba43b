//! `app-layer-protocol`: what a flow speaks. `app-layer-event`: what was wrong with it.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::{Reason, excerpt};
use super::super::subject::{AppProto, Facts, FlowDirection, Sides, Subject};
use super::{Keyword, Kind, required};
use crate::protocol::tls::session::Anomaly;

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "app-layer-protocol", aliases: &[], kind: Kind::Option(app_layer_protocol) },
    Keyword { name: "app-layer-event", aliases: &[], kind: Kind::Option(app_layer_event) },
];

#[derive(Debug)]
struct Speaks(AppProto);

impl Test for Speaks {
    fn sides(&self) -> Sides {
        Sides::DECIDED
    }

    fn holds(&self, subject: &Subject<'_>, _: FlowDirection) -> bool {
        subject.app_proto == self.0
    }
}

/// `[!]protocol[,mode]`. TLS is told from all else, which is not told apart: Suricata's `failed`.
fn app_layer_protocol(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let value = required(value)?;
    let (protocol, mode) = value.split_once(',').map_or((value, "default"), |(protocol, mode)| (protocol.trim(), mode.trim()));
    let proto = match protocol {
        "tls" | "ssl" | "!failed" => AppProto::Tls,
        "!tls" | "!ssl" | "failed" => AppProto::NotTls,
        _ => return Err(Reason::NotSupported("anything but tls and failed, and their negations,")),
    };
    match mode {
        // A flow is one protocol, the last that it came to.
        "default" | "either" | "final" => {}
        "to_server" | "to_client" | "original" => {
            return Err(Reason::NotSupported("the protocol of one direction, or the first of several,"));
        }
        _ => return Err(Reason::BadValue("either, final, to_server, to_client or original after the protocol")),
    }
    builder.tests.push(Box::new(Speaks(proto)));
    Ok(())
}

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

/// `tls.name`, the name of the anomaly in small letters.
fn app_layer_event(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let name = match required(value)?.split_once('.') {
        Some(("tls" | "ssl", name)) => name,
        _ => return Err(Reason::NotSupported("an event of another protocol than tls")),
    };
    let known = Anomaly::ALL.into_iter().find(|a| name.eq_ignore_ascii_case(a.name()));
    match known {
        Some(anomaly) => builder.tests.push(Box::new(Event(anomaly))),
        None if NEVER_RAISED.contains(&name) => {
            builder.notes.push(Reason::NeverRaised(excerpt(name)));
            builder.tests.push(Box::new(NeverRaised));
        }
        None => return Err(Reason::BadValue("the name of a tls event, such as tls.invalid_certificate")),
    }
    Ok(())
}

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
