//! Rule hooks: the state of a session that a rule waits for, written behind the protocol as in `alert tls:server_hello`.

use super::builder::Test;
use super::subject::{Facts, FlowDirection, Sides, Subject};

/// A state that a side comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Hook {
    /// Its hello is whole. What is before that has nothing that a rule could look at.
    Hello(FlowDirection),
    /// It has sent its certificates.
    Certificates(FlowDirection),
    /// It has said all that it says in the clear.
    Dark(FlowDirection),
    /// Both have, and this rule is about what this side sent.
    BothDark(FlowDirection),
}

impl Hook {
    /// The hook called `word`: by Suricata 8's name for a state, or the later one.
    pub fn from_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(known, _)| *known == word).map(|&(_, hook)| hook)
    }

    /// All names.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(word, _)| *word)
    }

    const fn side(self) -> FlowDirection {
        match self {
            Self::Hello(side) | Self::Certificates(side) | Self::Dark(side) | Self::BothDark(side) => side,
        }
    }
}

impl Test for Hook {
    fn sides(&self) -> Sides {
        let fact = match self {
            Self::Hello(FlowDirection::ToServer) => Facts::CLIENT_HELLO,
            Self::Hello(FlowDirection::ToClient) => Facts::SERVER_HELLO,
            Self::Certificates(FlowDirection::ToServer) => Facts::CLIENT_CERTIFICATES,
            Self::Certificates(FlowDirection::ToClient) => Facts::SERVER_CERTIFICATES,
            Self::Dark(FlowDirection::ToClient) => Facts::SERVER_DARK,
            // The client is the last to go dark.
            Self::Dark(FlowDirection::ToServer) | Self::BothDark(_) => Facts::DARK,
        };
        match self.side() {
            FlowDirection::ToServer => Sides { to_server: fact, to_client: Facts::NONE },
            FlowDirection::ToClient => Sides { to_server: Facts::NONE, to_client: fact },
        }
    }

    /// The facts say that it was seen; going dark also stands for the end of a flow that never did.
    fn holds(&self, subject: &Subject<'_>, _: FlowDirection) -> bool {
        let Some(session) = subject.session else { return false };
        match self {
            Self::Hello(_) | Self::Certificates(_) => true,
            Self::Dark(FlowDirection::ToServer) => session.client_view.dark,
            Self::Dark(FlowDirection::ToClient) => session.server_view.dark,
            Self::BothDark(_) => session.client_view.dark && session.server_view.dark,
        }
    }
}

const WORDS: &[(&str, Hook)] = &[
    ("client_in_progress", Hook::Hello(FlowDirection::ToServer)),
    ("client_started", Hook::Hello(FlowDirection::ToServer)),
    ("client_hello_done", Hook::Hello(FlowDirection::ToServer)),
    ("client_hello", Hook::Hello(FlowDirection::ToServer)),
    ("client_cert_done", Hook::Certificates(FlowDirection::ToServer)),
    ("client_cert", Hook::Certificates(FlowDirection::ToServer)),
    ("client_handshake_done", Hook::Dark(FlowDirection::ToServer)),
    ("client_data", Hook::Dark(FlowDirection::ToServer)),
    ("client_finished", Hook::BothDark(FlowDirection::ToServer)),
    ("server_in_progress", Hook::Hello(FlowDirection::ToClient)),
    ("server_started", Hook::Hello(FlowDirection::ToClient)),
    ("server_hello", Hook::Hello(FlowDirection::ToClient)),
    ("server_cert_done", Hook::Certificates(FlowDirection::ToClient)),
    ("server_cert", Hook::Certificates(FlowDirection::ToClient)),
    ("server_hello_done", Hook::Dark(FlowDirection::ToClient)),
    ("server_handshake_done", Hook::Dark(FlowDirection::ToClient)),
    ("server_data", Hook::Dark(FlowDirection::ToClient)),
    ("server_finished", Hook::BothDark(FlowDirection::ToClient)),
];
