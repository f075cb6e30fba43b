//! `app-layer-protocol`: what a flow speaks.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::{Reason, excerpt};
use super::super::protocol_names::{APPLICATIONS, Protocols, RECOGNISED};
use super::super::subject::{AppProto, Facts, FlowDirection, Sides, Subject};
use super::{Keyword, Kind, required, set_once};
use crate::base::slip;

pub(super) const KEYWORDS: &[Keyword] =
    &[Keyword { name: "app-layer-protocol", aliases: &[], kind: Kind::Option(app_layer_protocol) }];

/// The flow speaks one of several protocols, or none of them.
#[derive(Debug)]
struct Speaks {
    /// It holds before it is known what the flow speaks.
    unknown: bool,
    /// By name.
    protocols: Vec<&'static str>,
    /// It is none of them.
    negated: bool,
    /// One of them is not recognised here: of what is recognised as nothing, nothing says that it is not that.
    unrecognised: bool,
    /// It is about what this side sends.
    of: Option<FlowDirection>,
}

impl Speaks {
    /// Whether it is about TLS alone, or about all that is not.
    fn is_of_tls(&self) -> bool {
        self.protocols == ["tls"] && !self.unrecognised
    }

    fn takes(&self, name: &'static str) -> bool {
        self.protocols.contains(&name) != self.negated && !(self.negated && self.unrecognised && name == "failed")
    }
}

impl Test for Speaks {
    fn sides(&self) -> Sides {
        let fact = match self.of {
            // What is not known yet may be so at each packet.
            _ if self.unknown => Facts::NONE,
            _ if !self.is_of_tls() => Facts::NAMED,
            _ if self.negated => Facts::DECIDED,
            Some(FlowDirection::ToServer) => Facts::CLIENT_HELLO,
            Some(FlowDirection::ToClient) => Facts::SERVER_HELLO,
            None => Facts::DECIDED,
        };
        Sides { to_server: fact, to_client: fact }
    }

    fn holds(&self, subject: &Subject<'_>, _: FlowDirection) -> bool {
        let sent = |of| {
            subject.session.is_some_and(|session| match of {
                FlowDirection::ToServer => session.client_hello.is_some(),
                FlowDirection::ToClient => session.server_hello.is_some(),
            })
        };
        match (subject.app_proto, subject.app_proto.name()) {
            (AppProto::Refused, _) => false,
            (_, None) => self.unknown,
            (_, Some("tls")) => self.takes("tls") && self.of.is_none_or(sent),
            (_, Some(name)) => self.takes(name),
        }
    }

    fn is_passing(&self) -> bool {
        self.unknown
    }

    fn is_of_protocol(&self) -> bool {
        true
    }

    fn protocols(&self) -> Option<(&'static str, Protocols)> {
        let named: Vec<&str> = RECOGNISED.iter().copied().filter(|name| self.takes(name)).collect();
        let unknown = if self.unknown { Protocols::unknown() } else { Protocols::NONE };
        // That one which is not recognised never matches, is noted.
        let is_told = named.is_empty() && self.unrecognised;
        Some(("app-layer-protocol", if is_told { Protocols::ALL } else { Protocols::named(&named).and(unknown) }))
    }
}

/// `[!]protocol[|protocol…][,mode][,exact]`
fn app_layer_protocol(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let mut parts = required(value)?.split(',').map(str::trim);
    let protocols = parts.next().unwrap_or_default();
    let (mut mode, mut exact) = (None, false);
    for part in parts {
        match part {
            // It leaves out relatives of a protocol, as HTTP/2 is of HTTP.
            "exact" => exact = true,
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
    let mut test = Speaks { unknown: false, protocols: Vec::new(), negated, unrecognised: false, of: mode.flatten() };
    let mut unrecognised = None;
    for name in names.split('|').map(str::trim) {
        match name {
            "ssl" => test.protocols.push("tls"),
            // What HTTP/1 is called, once it is found, is what stands for both here.
            "http1" => test.protocols.push("http"),
            "http" if !exact => test.protocols.extend(["http", "http2"]),
            "unknown" if negated => return Err(Reason::BadValue("no negation of unknown")),
            "unknown" => test.unknown = true,
            _ if APPLICATIONS.contains(&name) && !RECOGNISED.contains(&name) => unrecognised = Some(name),
            other => match RECOGNISED.iter().find(|known| **known == other) {
                Some(known) => test.protocols.push(known),
                None => {
                    let known = APPLICATIONS.iter().chain(RECOGNISED).chain(&["unknown"]).copied();
                    return Err(Reason::UnknownWord { word: excerpt(other), form: PROTOCOL, meant: slip::meant(other, known) });
                }
            },
        }
    }
    if let Some(name) = unrecognised {
        test.unrecognised = true;
        let never = !test.unknown && test.protocols.is_empty() && !negated;
        builder.note(Reason::NotRecognised { protocol: excerpt(name), never, negated });
    }
    builder.tests.push(Box::new(test));
    Ok(())
}

const MODES: &[&str] = &["direction", "to_server", "to_client", "either", "final", "original", "exact"];
const MODE: &str = "direction, to_server, to_client, either, final or original after the protocol";
const PROTOCOL: &str = "tls, failed, unknown, or the name of another protocol, several with | between";
