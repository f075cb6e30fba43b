//! The head of a request (RFC 9112), read strictly: what other programs might read in another way is refused.

use std::io::{self, Read};

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub is_head: bool,
    pub path: String,
    pub query: String,
    pub host: String,
    /// What `Authorization` has behind `Bearer`.
    pub bearer: Option<String>,
    /// The value of our cookie.
    pub cookie: Option<String>,
    /// The connection may go on.
    pub stays: bool,
}

/// Why there is nothing to answer, or only this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The other side has gone, or never said anything.
    Gone,
    BadRequest,
    MethodNotAllowed,
    TimedOut,
    Body,
    LongTarget,
    LongHead,
    Version,
}

/// Reads up to the end of a head; `buffer` has what came before, and keeps what comes behind.
pub(super) fn read(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Result<Request, Refusal> {
    let mut chunk = [0; 2_048];
    loop {
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            if end > LONGEST_HEAD {
                return Err(Refusal::LongHead);
            }
            let head: Vec<u8> = buffer.drain(..end.saturating_add(4)).collect();
            return parse(head.get(..end).unwrap_or_default());
        }
        if buffer.len() > LONGEST_HEAD {
            // What is too long is the target, where its line has not ended by then.
            return Err(if memchr::memchr(b'\n', buffer).is_none() { Refusal::LongTarget } else { Refusal::LongHead });
        }
        match stream.read(&mut chunk) {
            Ok(0) if buffer.is_empty() => return Err(Refusal::Gone),
            Ok(0) => return Err(Refusal::BadRequest),
            Ok(n) => buffer.extend_from_slice(chunk.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(if buffer.is_empty() { Refusal::Gone } else { Refusal::TimedOut });
            }
            Err(_) => return Err(Refusal::Gone),
        }
    }
}

fn parse(head: &[u8]) -> Result<Request, Refusal> {
    let text = std::str::from_utf8(head).map_err(|_| Refusal::BadRequest)?;
    let mut lines = text.split("\r\n");
    let mut request = request_line(lines.next().unwrap_or_default())?;
    let (mut count, mut hosts) = (0_usize, 0_usize);
    for line in lines {
        count = count.saturating_add(1);
        if count > MOST_FIELDS {
            return Err(Refusal::LongHead);
        }
        // A line that is folded, or has space before the colon, begins or ends its name with what no name has.
        let (name, value) = line.split_once(':').ok_or(Refusal::BadRequest)?;
        let is_clean = value.chars().all(|c| c == '\t' || !c.is_control());
        if name.is_empty() || !name.bytes().all(is_token) || !is_clean {
            return Err(Refusal::BadRequest);
        }
        let value = value.trim_matches([' ', '\t']);
        match name.to_ascii_lowercase().as_str() {
            "host" => {
                hosts = hosts.saturating_add(1);
                value.clone_into(&mut request.host);
            }
            "authorization" => {
                let bearer = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                request.bearer = bearer.map(|(_, token)| token.trim().to_owned());
            }
            "cookie" => {
                let ours = value.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == COOKIE);
                request.cookie = ours.map(|(_, value)| value.to_owned()).or(request.cookie);
            }
            "connection" if value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close")) => request.stays = false,
            "content-length" if value == "0" => {}
            "content-length" | "transfer-encoding" => return Err(Refusal::Body),
            _ => {}
        }
    }
    if hosts == 1 { Ok(request) } else { Err(Refusal::BadRequest) }
}

fn request_line(line: &str) -> Result<Request, Refusal> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(Refusal::BadRequest);
    };
    if method.is_empty() || !method.bytes().all(is_token) || !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Refusal::BadRequest);
    }
    if target.len() > LONGEST_TARGET {
        return Err(Refusal::LongTarget);
    }
    let stays = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ if version.starts_with("HTTP/") => return Err(Refusal::Version),
        _ => return Err(Refusal::BadRequest),
    };
    if !matches!(method, "GET" | "HEAD") {
        return Err(Refusal::MethodNotAllowed);
    }
    if !target.starts_with('/') {
        return Err(Refusal::BadRequest);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Request { is_head: method == "HEAD", path: path.to_owned(), query: query.to_owned(), stays, ..Request::default() })
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What the cookie is called.
pub(super) const COOKIE: &str = "portcullis";
const LONGEST_HEAD: usize = 8 << 10;
const LONGEST_TARGET: usize = 2 << 10;
const MOST_FIELDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Request, Refusal> {
        read(&mut text.as_bytes(), &mut Vec::new())
    }

    #[test]
    fn a_request_is_read() {
        let text = "GET /metrics?a=b HTTP/1.1\r\nHost: a:1\r\nAuthorization: bearer  xyz\r\nCookie: a=1; portcullis=22\r\nContent-Length: 0\r\n\r\n";
        let request = Request {
            is_head: false,
            path: "/metrics".to_owned(),
            query: "a=b".to_owned(),
            host: "a:1".to_owned(),
            bearer: Some("xyz".to_owned()),
            cookie: Some("22".to_owned()),
            stays: true,
        };
        assert_eq!(read_all(text), Ok(request));
        for (text, stays) in [
            ("HEAD / HTTP/1.0\r\nHost: a\r\n\r\n", false),
            ("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false),
            ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ] {
            let request = read_all(text).unwrap();
            assert_eq!((request.is_head, request.stays), (true, stays), "{text}");
        }
    }

    #[test]
    fn requests_may_follow_each_other_in_any_pieces() {
        struct Bytewise<'a>(&'a [u8]);
        impl Read for Bytewise<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
                (out[0], self.0) = (*first, rest);
                Ok(1)
            }
        }
        let text = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
        for mut stream in [Box::new(Bytewise(text)) as Box<dyn Read>, Box::new(&text[..])] {
            let mut buffer = Vec::new();
            let paths: Vec<_> = std::iter::from_fn(|| read(&mut stream, &mut buffer).ok()).map(|request| request.path).collect();
            assert_eq!(paths, ["/a", "/b"]);
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let long = "a".repeat(9_000);
        for (text, refusal) in [
            ("", Refusal::Gone),
            ("GET / HTTP/1.1\r\nHost: a", Refusal::BadRequest),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::BadRequest),
            ("GET / HTTP/1.1\r\n\r\n", Refusal::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Refusal::BadRequest),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Refusal::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", Refusal::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", Refusal::BadRequest),
            ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::BadRequest),
            ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::BadRequest),
            ("\u{16}\u{3}\u{1}\r\n\r\n", Refusal::BadRequest),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refusal::Version),
            ("GET / FTP/1\r\nHost: a\r\n\r\n", Refusal::BadRequest),
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::MethodNotAllowed),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", Refusal::Body),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refusal::Body),
            (&format!("GET /{long}"), Refusal::LongTarget),
            (&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", &long[..3_000]), Refusal::LongTarget),
            (&format!("GET / HTTP/1.1\r\nHost: {long}"), Refusal::LongHead),
            (&format!("GET / HTTP/1.1\r\nHost: {long}\r\n\r\n"), Refusal::LongHead),
            (&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(70)), Refusal::LongHead),
        ] {
            assert_eq!(read_all(text).unwrap_err(), refusal, "{text}");
        }
    }
}
