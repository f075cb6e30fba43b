//! `ssl_state`: which message of the handshake was seen.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::Reason;
use super::super::subject::{Facts, FlowDirection, Sides, Subject};
use super::{Keyword, Kind, required};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword { name: "ssl_state", aliases: &["ssl.state"], kind: Kind::Option(ssl_state) }];

/// One of these states, each a bit by its place in [`STATES`], was reached.
#[derive(Debug)]
struct SslState(u8);

impl Test for SslState {
    /// Of each side the first that it reaches; `unknown`, which is known last, where no other of the side is asked for.
    fn sides(&self) -> Sides {
        let first = |states: [(u8, Facts); 3]| {
            states.into_iter().find(|(state, _)| self.0 & state != 0).map_or(Facts::NONE, |(_, facts)| facts)
        };
        Sides {
            to_server: first([
                (CLIENT_HELLO, Facts::CLIENT_HELLO),
                (CLIENT_KEYX, Facts::CLIENT_KEY_EXCHANGE),
                (UNKNOWN, Facts::DARK),
            ]),
            to_client: first([
                (SERVER_HELLO, Facts::SERVER_HELLO),
                (SERVER_KEYX, Facts::SERVER_KEY_EXCHANGE),
                (UNKNOWN, Facts::DARK),
            ]),
        }
    }

    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool {
        let Some(session) = subject.session else { return false };
        let client = [(CLIENT_HELLO, session.client_hello.is_some()), (CLIENT_KEYX, session.client_key_exchange)];
        let server = [(SERVER_HELLO, session.server_hello.is_some()), (SERVER_KEYX, session.server_key_exchange)];
        let side = match side {
            FlowDirection::ToServer => client,
            FlowDirection::ToClient => server,
        };
        let is_unknown = client.iter().chain(&server).all(|(_, seen)| !seen);
        self.0 & UNKNOWN != 0 && is_unknown || side.iter().any(|(state, seen)| *seen && self.0 & state != 0)
    }
}

/// `[!]state`, more of them after `|` or `,`.
fn ssl_state(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let mut wanted = 0;
    for item in required(value)?.trim_matches('"').split(['|', ',']).map(str::trim) {
        let (negated, name) = item.strip_prefix('!').map_or((false, item), |name| (true, name.trim_start()));
        let state = STATES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|&(_, state)| state);
        let state = state.ok_or(Reason::BadValue("client_hello, server_hello, client_keyx, server_keyx or unknown"))?;
        wanted |= if negated { ALL & !state } else { state };
    }
    builder.tests.push(Box::new(SslState(wanted)));
    Ok(())
}

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 1 << 1;
const CLIENT_KEYX: u8 = 1 << 2;
const SERVER_KEYX: u8 = 1 << 3;
const UNKNOWN: u8 = 1 << 4;
const ALL: u8 = CLIENT_HELLO | SERVER_HELLO | CLIENT_KEYX | SERVER_KEYX;

const STATES: &[(&str, u8)] = &[
    ("client_hello", CLIENT_HELLO),
    ("server_hello", SERVER_HELLO),
    ("client_keyx", CLIENT_KEYX),
    ("server_keyx", SERVER_KEYX),
    ("unknown", UNKNOWN),
];
