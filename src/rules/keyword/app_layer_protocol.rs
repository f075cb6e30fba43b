//! `app-layer-protocol`: what a flow speaks.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::{Reason, excerpt};
use super::super::protocol_names::APPLICATIONS;
use super::super::subject::{AppProto, Facts, FlowDirection, Sides, Subject};
use super::{Keyword, Kind, required, set_once};
use crate::base::slip;

pub(super) const KEYWORDS: &[Keyword] =
    &[Keyword { name: "app-layer-protocol", aliases: &[], kind: Kind::Option(app_layer_protocol) }];

/// The flow speaks one of several protocols.
#[derive(Debug)]
struct Speaks {
    /// It holds before it is known what the flow speaks.
    unknown: bool,
    /// It holds of TLS.
    tls: bool,
    /// It holds of all else, which is not told apart: Suricata's `failed`.
    other: bool,
    /// It is about what this side sends.
    of: Option<FlowDirection>,
}

impl Test for Speaks {
    fn sides(&self) -> Sides {
        let fact = match (self, self.of) {
            // What is not known yet may be so at each packet.
            (Self { unknown: true, .. }, _) => Facts::NONE,
            (Self { other: false, .. }, Some(FlowDirection::ToServer)) => Facts::CLIENT_HELLO,
            (Self { other: false, .. }, Some(FlowDirection::ToClient)) => Facts::SERVER_HELLO,
            _ => Facts::DECIDED,
        };
        Sides { to_server: fact, to_client: fact }
    }

    fn holds(&self, subject: &Subject<'_>, _: FlowDirection) -> bool {
        match subject.app_proto {
            AppProto::Unknown => self.unknown,
            AppProto::NotTls => self.other,
            AppProto::Tls => {
                let sent = |of| {
                    subject.session.is_some_and(|session| match of {
                        FlowDirection::ToServer => session.client_hello.is_some(),
                        FlowDirection::ToClient => session.server_hello.is_some(),
                    })
                };
                self.tls && self.of.is_none_or(sent)
            }
        }
    }

    fn is_passing(&self) -> bool {
        self.unknown
    }

    fn excludes_tls(&self) -> bool {
        !self.tls
    }
}

/// `[!]protocol[|protocol…][,mode][,exact]`
fn app_layer_protocol(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let mut parts = required(value)?.split(',').map(str::trim);
    let protocols = parts.next().unwrap_or_default();
    let mut mode = None;
    for part in parts {
        match part {
            // It leaves out relatives of a protocol; TLS has none.
            "exact" => {}
            // A flow is one protocol, the last that it came to.
            "direction" | "either" | "final" | "original" => set_once(&mut mode, None)?,
            "to_server" => set_once(&mut mode, Some(FlowDirection::ToServer))?,
            "to_client" => set_once(&mut mode, Some(FlowDirection::ToClient))?,
            other => {
                return Err(Reason::UnknownWord {
                    word: excerpt(other),
                    form: MODE,
                    meant: slip::meant(other, MODES.iter().copied()),
                });
            }
        }
    }
    let (negated, names) = protocols.strip_prefix('!').map_or((false, protocols), |names| (true, names.trim_start()));
    let mut test = Speaks { unknown: false, tls: false, other: false, of: mode.flatten() };
    let mut unrecognised = None;
    for name in names.split('|').map(str::trim) {
        match name {
            "tls" | "ssl" => test.tls = true,
            "failed" => test.other = true,
            "unknown" if negated => return Err(Reason::BadValue("no negation of unknown")),
            "unknown" => test.unknown = true,
            _ if APPLICATIONS.contains(&name) => unrecognised = Some(name),
            other => {
                let known = APPLICATIONS.iter().chain(&["tls", "failed", "unknown"]).copied();
                return Err(Reason::UnknownWord { word: excerpt(other), form: PROTOCOL, meant: slip::meant(other, known) });
            }
        }
    }
    if negated {
        // Of what is not TLS nothing says that it is not the protocol that is left out.
        (test.tls, test.other) = (!test.tls, !test.other && unrecognised.is_none());
    }
    if let Some(name) = unrecognised {
        let never = !test.unknown && !test.tls && !test.other;
        builder.note(Reason::NotRecognised { protocol: excerpt(name), never });
    }
    builder.tests.push(Box::new(test));
    Ok(())
}

const MODES: &[&str] = &["direction", "to_server", "to_client", "either", "final", "original", "exact"];
const MODE: &str = "direction, to_server, to_client, either, final or original after the protocol";
const PROTOCOL: &str = "tls, failed, unknown, or the name of another protocol, several with | between";
