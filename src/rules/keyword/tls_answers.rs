//! Our own: questions about a handshake that are answered by yes or no.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::Reason;
use super::super::subject::{Facts, FlowDirection, Sides, Subject};
use super::{Keyword, Kind, required, yes_or_no};
use crate::protocol::tls::names::is_post_quantum;
use crate::protocol::tls::session::Resumption;
use crate::protocol::tls::{ClientHello, Session};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "tls.ech", aliases: &[], kind: Kind::Option(|b, v| answer(b, v, &ECH)) },
    Keyword { name: "tls.early_data", aliases: &[], kind: Kind::Option(|b, v| answer(b, v, &EARLY_DATA)) },
    Keyword { name: "tls.hello_retry", aliases: &["tls.hrr"], kind: Kind::Option(|b, v| answer(b, v, &HELLO_RETRY)) },
    Keyword { name: "tls.post_quantum", aliases: &["tls.pq"], kind: Kind::Option(|b, v| answer(b, v, &POST_QUANTUM)) },
    Keyword { name: "tls.resumed", aliases: &[], kind: Kind::Option(resumed) },
    Keyword { name: "tls.complete", aliases: &[], kind: Kind::Option(|b, v| answer(b, v, &COMPLETE)) },
];

/// A question, and when each answer is known.
#[derive(Debug)]
struct Question {
    yes: Sides,
    no: Sides,
    /// `None` where the session does not say.
    ask: fn(&Session) -> Option<bool>,
}

/// The client sent encrypted_client_hello (RFC 9849); a real one and GREASE look the same.
static ECH: Question = Question {
    yes: Sides::CLIENT_HELLO,
    no: Sides::CLIENT_HELLO,
    ask: |session| session.client_hello.as_ref().and_then(|hello| of_hello(hello, hello.ech.is_some())),
};

/// The client means to send early data (RFC 8446 §4.2.10).
static EARLY_DATA: Question = Question {
    yes: Sides::CLIENT_HELLO,
    no: Sides::CLIENT_HELLO,
    ask: |session| session.client_hello.as_ref().and_then(|hello| of_hello(hello, hello.early_data)),
};

/// The server asked for another ClientHello (RFC 8446 §4.1.4).
static HELLO_RETRY: Question = Question {
    yes: Sides { to_server: Facts::NONE, to_client: Facts::HELLO_RETRY },
    no: Sides::SERVER_HELLO,
    ask: |session| Some(session.hello_retry_request.is_some()),
};

/// What is not in a hello whose end was not seen may have been there.
fn of_hello(hello: &ClientHello, holds: bool) -> Option<bool> {
    (holds || !hello.cut).then_some(holds)
}

/// The group of the key exchange withstands quantum computers. A key exchange without a group does not.
static POST_QUANTUM: Question = Question {
    yes: Sides { to_server: Facts::NONE, to_client: Facts::GROUP },
    no: Sides::SERVER_DARK,
    ask: |session| session.server_hello.as_ref().map(|_| session.group().is_some_and(is_post_quantum)),
};

/// All of the handshake that is in the clear was seen, and nothing is missing.
static COMPLETE: Question = Question {
    yes: DARK,
    no: DARK,
    ask: |session| {
        let whole =
            session.client_hello.as_ref().is_some_and(|h| h.complete) && session.server_hello.as_ref().is_some_and(|h| h.complete);
        Some(whole && [session.client_view, session.server_view].iter().all(|view| view.dark && view.gaps == 0))
    },
};

/// The client's, who began it.
const DARK: Sides = Sides { to_server: Facts::DARK, to_client: Facts::NONE };

#[derive(Debug)]
struct Answer {
    question: &'static Question,
    wanted: bool,
}

impl Test for Answer {
    fn sides(&self) -> Sides {
        if self.wanted { self.question.yes } else { self.question.no }
    }

    fn holds(&self, subject: &Subject<'_>, _: FlowDirection) -> bool {
        subject.session.and_then(self.question.ask) == Some(self.wanted)
    }
}

fn answer(builder: &mut Builder<'_>, value: Option<&str>, question: &'static Question) -> Result<(), Reason> {
    let wanted = yes_or_no(value)?;
    builder.tests.push(Box::new(Answer { question, wanted }));
    Ok(())
}

/// The server took up an earlier session.
#[derive(Debug)]
enum Resumed {
    No,
    Yes,
    By(Resumption),
}

impl Test for Resumed {
    fn sides(&self) -> Sides {
        Sides::SERVER_DARK
    }

    fn holds(&self, subject: &Subject<'_>, _: FlowDirection) -> bool {
        let Some(session) = subject.session.filter(|s| s.server_hello.is_some()) else { return false };
        match (self, session.resumption()) {
            (Self::No, None) | (Self::Yes, Some(_)) => true,
            (Self::By(wanted), Some(by)) => *wanted == by,
            _ => false,
        }
    }
}

fn resumed(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let test = match required(value)? {
        "no" => Resumed::No,
        "yes" => Resumed::Yes,
        "session_id" => Resumed::By(Resumption::SessionId),
        "ticket" => Resumed::By(Resumption::Ticket),
        "psk" => Resumed::By(Resumption::Psk),
        _ => return Err(Reason::BadValue("yes, no, session_id, ticket or psk")),
    };
    builder.tests.push(Box::new(test));
    Ok(())
}
