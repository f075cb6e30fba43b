//! Answers.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::head::{COOKIE, Refusal};
use crate::base::base64;

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub status: u16,
    kind: &'static str,
    body: Body,
    /// Whole lines.
    more: String,
}

#[derive(Clone, Debug)]
enum Body {
    Text(Cow<'static, str>),
    Shared(Arc<[u8]>),
}

impl Response {
    pub fn text(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: Body::Text(text.into()), more: String::new() }
    }

    pub fn metrics(body: Arc<[u8]>) -> Self {
        Self { kind: "text/plain; version=0.0.4; charset=utf-8", body: Body::Shared(body), ..Self::text(200, "") }
    }

    pub fn json(body: Arc<[u8]>) -> Self {
        Self { kind: "application/json", body: Body::Shared(body), ..Self::text(200, "") }
    }

    /// The page. It may load nothing, run what is in it and no more, and ask where it came from.
    pub fn page() -> Self {
        let hash = |from: &str, to: &str| {
            let inside = PAGE.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map_or("", |(inside, _)| inside);
            base64::encode(&Sha256::digest(inside))
        };
        let more = format!(
            "Content-Security-Policy: default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n",
            hash("<script>", "</script>"),
            hash("<style>", "</style>")
        );
        Self { kind: "text/html; charset=utf-8", more, ..Self::text(200, PAGE) }
    }

    /// On to the page, with the cookie that stands for the token.
    pub fn welcome(cookie: &str, is_secure: bool) -> Self {
        let secure = if is_secure { "; Secure" } else { "" };
        let more = format!("Location: /\r\nSet-Cookie: {COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}\r\n");
        Self { more, ..Self::text(303, "the page is at /\n") }
    }

    pub fn unauthorized() -> Self {
        let text = "a token is needed: Authorization: Bearer TOKEN, or /?token=TOKEN for the page\n";
        Self { more: "WWW-Authenticate: Bearer realm=\"portcullis\"\r\n".to_owned(), ..Self::text(401, text) }
    }

    /// The answer to what was no request; none to who has gone.
    pub fn refusal(refusal: Refusal) -> Option<Self> {
        let (status, text) = match refusal {
            Refusal::Gone => return None,
            Refusal::BadRequest => (400, "that is no request\n"),
            Refusal::MethodNotAllowed => (405, "use GET or HEAD\n"),
            Refusal::TimedOut => (408, "that took too long\n"),
            Refusal::Body => (413, "a request has no body here\n"),
            Refusal::LongTarget => (414, "the target is too long\n"),
            Refusal::LongHead => (431, "the head is too long\n"),
            Refusal::Version => (505, "use HTTP/1.1\n"),
        };
        let more = if status == 405 { "Allow: GET, HEAD\r\n".to_owned() } else { String::new() };
        Some(Self { more, ..Self::text(status, text) })
    }

    /// Writes it; the body not in answer to HEAD.
    pub fn write(&self, to: &mut impl Write, is_head: bool, stays: bool) -> io::Result<()> {
        let body = match &self.body {
            Body::Text(text) => text.as_bytes(),
            Body::Shared(bytes) => bytes,
        };
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let _ = write!(head, "Content-Type: {}\r\nContent-Length: {}\r\n{}{}", self.kind, body.len(), self.more, ALWAYS);
        head.push_str(if stays { "\r\n" } else { "Connection: close\r\n\r\n" });
        let mut bytes = head.into_bytes();
        if !is_head {
            bytes.extend_from_slice(body);
        }
        to.write_all(&bytes)?;
        to.flush()
    }
}

/// RFC 9110 §15.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        303 => "See Other",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        505 => "HTTP Version Not Supported",
        _ => "Service Unavailable",
    }
}

/// What each answer says to browsers: keep nothing, guess nothing, tell nobody.
const ALWAYS: &str = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n\
                      Cross-Origin-Resource-Policy: same-origin\r\n";

const PAGE: &str = include_str!("page.html");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_no_other_place_and_puts_text_nowhere_but_into_text() {
        for word in
            ["http:", "https:", "//", "src=", "@import", "url(", "innerHTML", "outerHTML", "insertAdjacent", "document.write"]
        {
            let code = PAGE.replace("http://www.w3.org/2000/svg", ""); // a namespace is a name
            assert!(!code.contains(word), "{word}");
        }
        assert!(PAGE.contains("textContent") && PAGE.contains("prefers-color-scheme"));
        assert_eq!((PAGE.matches("<script>").count(), PAGE.matches("<style>").count()), (1, 1));
    }

    #[test]
    fn an_answer_has_its_length_and_one_to_head_no_body() {
        for (is_head, stays, end) in [
            (false, true, "\r\n\r\nok\n"),
            (true, true, "same-origin\r\n\r\n"),
            (true, false, "same-origin\r\nConnection: close\r\n\r\n"),
        ] {
            let mut out = Vec::new();
            Response::text(200, "ok\n").write(&mut out, is_head, stays).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(
                text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("\r\nContent-Length: 3\r\n") && text.ends_with(end),
                "{text}"
            );
        }
    }
}
